//! Bootstrap messages of the DM profile: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/bootstrap_dm.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

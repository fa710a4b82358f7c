//! Short messages and their reassembly: see the body.
#![no_main]

#[path = "../../dm-notification/tests/fuzz/udh_reassembly.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! Negotiations between two servers: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/delegation.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

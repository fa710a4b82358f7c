//! Descriptions put to use: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/ddf.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! Package 0: see the body.
#![no_main]

#[path = "../../dm-notification/tests/fuzz/package0.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! Documents into the other encoding and back: see the body.
#![no_main]

#[path = "../../dm-wbxml/tests/fuzz/transcode.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

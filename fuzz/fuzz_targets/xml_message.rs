//! XML messages: see the body.
#![no_main]

#[path = "../../dm-syncml/tests/fuzz/xml_message.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! Octets through the WBXML reader: see the body.
#![no_main]

#[path = "../../dm-wbxml/tests/fuzz/wbxml_reader.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

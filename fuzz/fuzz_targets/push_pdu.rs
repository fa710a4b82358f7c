//! WSP push: see the body.
#![no_main]

#[path = "../../dm-notification/tests/fuzz/push_pdu.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

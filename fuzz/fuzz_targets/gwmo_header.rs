//! The value of X-Oma-GwMO: see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/gwmo_header.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

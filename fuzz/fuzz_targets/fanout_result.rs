//! The fanout, see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/fanout_result.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

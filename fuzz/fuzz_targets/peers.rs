//! Servers learnt from devices: see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/peers.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

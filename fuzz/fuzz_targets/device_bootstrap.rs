//! The bootstrap of devices: see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/device_bootstrap.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

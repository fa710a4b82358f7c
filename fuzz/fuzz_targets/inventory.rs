//! An inventory with groups and an outbox: see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/inventory.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! A gateway's snapshot and records: see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/gateway_snapshot.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

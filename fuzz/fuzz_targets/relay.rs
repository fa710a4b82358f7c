//! A relay: see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/relay.rs"]
mod body;
#[path = "../../gwmo-model/tests/relay/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

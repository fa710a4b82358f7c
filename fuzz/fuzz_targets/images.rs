//! Images and their storage: see the body.
#![no_main]

#[path = "../../gwmo-model/tests/fuzz/images.rs"]
mod body;
#[path = "../../gwmo-model/tests/image_store/mod.rs"]
mod image_store;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

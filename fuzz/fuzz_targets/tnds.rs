//! Serialised trees into a tree and out of it: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/tnds.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

//! Provisioning documents as bootstraps: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/bootstrap_cp.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

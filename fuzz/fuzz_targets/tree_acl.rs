//! Access control lists: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/tree_acl.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

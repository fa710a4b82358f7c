//! Commands on a tree: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/tree_commands.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

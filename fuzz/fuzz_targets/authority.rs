//! Several authorities on one tree, beside an oracle of the rules: see the body.
#![no_main]

#[path = "../../dm-tree/tests/fuzz/authority.rs"]
mod body;
#[path = "../../dm-tree/tests/authority/oracle.rs"]
mod oracle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

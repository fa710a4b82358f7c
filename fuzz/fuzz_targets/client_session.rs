//! The client's session: see the body.
#![no_main]

#[path = "../../dm-syncml/tests/fuzz/client_session.rs"]
mod body;
#[path = "../../dm-syncml/tests/fuzz/session_input.rs"]
mod session_input;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));

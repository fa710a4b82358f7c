//! Runs the bodies of the fuzz targets over their committed corpora, on stable.

#![cfg(feature = "xml")]

#[path = "fuzz/client_session.rs"]
mod client_session;
#[path = "fuzz/server_session.rs"]
mod server_session;
#[path = "fuzz/session_input.rs"]
mod session_input;
#[path = "fuzz/wbxml_message.rs"]
mod wbxml_message;
#[path = "fuzz/xml_message.rs"]
mod xml_message;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn client_session() {
    replay("client_session", client_session::run);
}

#[test]
fn client_session_on_noise() {
    noise(client_session::run);
}

#[test]
fn server_session() {
    replay("server_session", server_session::run);
}

/// What no fuzzer has thought of yet.
#[test]
fn server_session_on_noise() {
    noise(server_session::run);
}

#[test]
fn wbxml_message() {
    replay("wbxml_message", wbxml_message::run);
}

#[test]
fn xml_message() {
    replay("xml_message", xml_message::run);
}

/// Runs a body on inputs of all sizes from a small generator of pseudo-random octets.
fn noise(body: fn(&[u8])) {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for round in 0..600 {
        let octets: Vec<u8> = (0..(round % 300) * 2)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect();
        body(&octets);
    }
}

//! The header fields that are written.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::session::Outgoing;

use super::accept::ENCODINGS;
use super::content_type::ContentType;

/// The name of the header that carries a [`MacHeader`](crate::auth::MacHeader), in lower case as HTTP/2 wants it.
pub const HMAC: &str = "x-syncml-hmac";

/// The header fields of a client's request, names in lower case: Content-Type, Content-Length, Accept with both encodings (the one of the
/// message first), Accept-Charset, Cache-Control, User-Agent if one is given, and [`HMAC`] if the message has a MAC.
///
/// A user agent with control characters is left out: it would end its header field.
#[must_use]
pub fn request_fields(message: &Outgoing, user_agent: Option<&str>) -> Vec<(&'static str, String)> {
    let mut fields = body_fields(message);
    let mut accept = String::from(message.encoding.media_type());
    for encoding in ENCODINGS.iter().filter(|encoding| **encoding != message.encoding) {
        accept.push_str(", ");
        accept.push_str(encoding.media_type());
    }
    fields.push(("accept", accept));
    fields.push(("accept-charset", "utf-8".into()));
    if let Some(user_agent) = user_agent.filter(|name| !name.chars().any(char::is_control)) {
        fields.push(("user-agent", user_agent.into()));
    }
    fields
}

/// The header fields of a server's answer, names in lower case: Content-Type, Content-Length, Cache-Control, and [`HMAC`] if the message has
/// a MAC. The status is 200, whatever the message says.
///
/// Content-Length must be sent, and chunked transfer must not: some clients drop answers of unknown length, Windows asks for the same.
#[must_use]
pub fn reply_fields(message: &Outgoing) -> Vec<(&'static str, String)> {
    body_fields(message)
}

fn body_fields(message: &Outgoing) -> Vec<(&'static str, String)> {
    let mut fields = alloc::vec![
        ("content-type", ContentType::of(message.encoding).to_string()),
        ("content-length", message.body.len().to_string()),
        // Messages hold secrets and are good for one time.
        ("cache-control", "no-store".into()),
    ];
    if let Some(hmac) = &message.hmac {
        fields.push((HMAC, hmac.to_string()));
    }
    fields
}

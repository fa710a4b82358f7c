//! What a request's head says.

use alloc::format;

use crate::model::{Encoding, Quirks};

use super::accept;
use super::client::Client;
use super::content_type::{Charset, ContentType};
use super::refusal::{Refusal, RefusalKind};

/// What a server looks at before it reads a body: the method, and the values of a few header fields as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestHead<'a> {
    method: &'a str,
    content_type: Option<&'a [u8]>,
    content_encoding: Option<&'a [u8]>,
    content_length: Option<u64>,
    accept: Option<&'a [u8]>,
    user_agent: Option<&'a [u8]>,
    hmac: Option<&'a [u8]>,
}

impl<'a> RequestHead<'a> {
    /// A head without any header fields.
    #[must_use]
    pub fn new(method: &'a str) -> Self {
        Self { method, ..Self::default() }
    }

    /// Sets Content-Type.
    #[must_use]
    pub const fn with_content_type(mut self, value: Option<&'a [u8]>) -> Self {
        self.content_type = value;
        self
    }

    /// Sets Content-Encoding.
    #[must_use]
    pub const fn with_content_encoding(mut self, value: Option<&'a [u8]>) -> Self {
        self.content_encoding = value;
        self
    }

    /// Sets Content-Length; a request without one (chunked) is taken, and its body must be bounded while it is read.
    #[must_use]
    pub const fn with_content_length(mut self, octets: Option<u64>) -> Self {
        self.content_length = octets;
        self
    }

    /// Sets Accept.
    #[must_use]
    pub const fn with_accept(mut self, value: Option<&'a [u8]>) -> Self {
        self.accept = value;
        self
    }

    /// Sets User-Agent.
    #[must_use]
    pub const fn with_user_agent(mut self, value: Option<&'a [u8]>) -> Self {
        self.user_agent = value;
        self
    }

    /// Sets the header named [`HMAC`](super::HMAC).
    #[must_use]
    pub const fn with_hmac(mut self, value: Option<&'a [u8]>) -> Self {
        self.hmac = value;
        self
    }

    /// A head whose header fields are looked up by their lower-case names.
    #[must_use]
    pub fn read(method: &'a str, field: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        let length = |value: &'a [u8]| core::str::from_utf8(value).ok()?.trim_ascii().parse().ok();
        Self {
            method,
            content_type: field("content-type"),
            content_encoding: field("content-encoding"),
            content_length: field("content-length").and_then(length),
            accept: field("accept"),
            user_agent: field("user-agent"),
            hmac: field(super::HMAC),
        }
    }
}

/// A request whose body may be read as a message.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    encoding: Encoding,
    answer: Encoding,
    user_agent: Option<&'a [u8]>,
    hmac: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// The encoding of the body.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The encoding of the answer, for [`Incoming::answered_in`](crate::session::Incoming::answered_in).
    #[must_use]
    pub const fn answer_encoding(&self) -> Encoding {
        self.answer
    }

    /// User-Agent as it came.
    #[must_use]
    pub const fn user_agent(&self) -> Option<&'a [u8]> {
        self.user_agent
    }

    /// What the client's messages need to be read ([`Client::quirks`]).
    #[must_use]
    pub fn quirks(&self) -> Quirks {
        Client::of_user_agent(self.user_agent.unwrap_or_default()).quirks()
    }

    /// The value of the [`HMAC`](super::HMAC) header, for [`Incoming::with_hmac`](crate::session::Incoming::with_hmac).
    #[must_use]
    pub const fn hmac(&self) -> Option<&'a [u8]> {
        self.hmac
    }
}

/// Whether the body behind this head is to be read as a message, and how. `max_body` is the largest body that is taken, in octets.
///
/// # Errors
/// The answer is to be this refusal, and the body is not to be read.
pub fn admit<'a>(head: &RequestHead<'a>, max_body: u64) -> Result<Request<'a>, Refusal> {
    if head.method != "POST" {
        return Err(Refusal::new(RefusalKind::Method, "messages are posted"));
    }
    let media_type = |reason| Refusal::new(RefusalKind::MediaType, reason);
    let value = head.content_type.ok_or_else(|| media_type("there is no Content-Type".into()))?;
    let content_type = ContentType::parse(value).map_err(|error| media_type(format!("{error}")))?;
    let encoding = content_type
        .encoding()
        .ok_or_else(|| media_type(format!("{:?} is not the type of a DM message", content_type.essence())))?;
    // WBXML says its own charset (and only UTF-8 is read); XML may be UTF-16.
    if content_type.charset() == Charset::Other {
        return Err(media_type("the charset is neither UTF-8 nor UTF-16".into()));
    }
    let encoded = head.content_encoding.map_or(&b""[..], <[u8]>::trim_ascii);
    if !encoded.is_empty() && !encoded.eq_ignore_ascii_case(b"identity") {
        return Err(media_type("the body has a Content-Encoding".into()));
    }
    if head.content_length.is_some_and(|octets| octets > max_body) {
        return Err(Refusal::new(
            RefusalKind::TooLarge,
            format!("the body is larger than {max_body} octets"),
        ));
    }
    let answer = accept::negotiate(head.accept, encoding)
        .ok_or_else(|| Refusal::new(RefusalKind::NotAcceptable, "no encoding of the answer is acceptable"))?;
    Ok(Request { encoding, answer, user_agent: head.user_agent, hmac: head.hmac })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WBXML: Option<&[u8]> = Some(b"application/vnd.syncml.dm+wbxml");

    #[test]
    fn heads_that_are_refused() {
        let good = RequestHead::new("POST").with_content_type(WBXML);
        let table = [
            (good, Ok(())),
            (good.with_content_length(Some(100)), Ok(())),
            (good.with_content_encoding(Some(b" Identity ")), Ok(())),
            (good.with_content_encoding(Some(b"")), Ok(())),
            (RequestHead { method: "GET", ..good }, Err(405)),
            (RequestHead { method: "post", ..good }, Err(405)),
            (good.with_content_type(None), Err(415)),
            (good.with_content_type(Some(b"")), Err(415)),
            (good.with_content_type(Some(b"text/xml")), Err(415)),
            (good.with_content_type(Some(b"application/vnd.syncml.dm+wbxml; charset=utf-7")), Err(415)),
            (good.with_content_encoding(Some(b"gzip")), Err(415)),
            (good.with_content_length(Some(101)), Err(413)),
            (good.with_content_length(Some(u64::MAX)), Err(413)),
            (good.with_accept(Some(b"*/*;q=0")), Err(406)),
        ];
        for (head, expected) in table {
            let admitted = admit(&head, 100);
            assert_eq!(admitted.map(|_| ()).map_err(|refusal| refusal.status()), expected, "{head:?}");
        }
    }

    #[test]
    fn fields_are_looked_up_by_name() {
        let head = RequestHead::read("POST", |name| match name {
            "content-type" => WBXML,
            "content-length" => Some(b" 7 "),
            "x-syncml-hmac" => Some(b"mac"),
            "user-agent" => Some(b"MSFT OMA DM Client/1.2.0.1"),
            _ => None,
        });
        assert_eq!(head.content_length, Some(7));
        let request = admit(&head, 7).unwrap();
        assert_eq!((request.hmac(), request.quirks()), (Some(&b"mac"[..]), Quirks::WINDOWS));
    }
}

//! What a response means for the client.

use alloc::string::String;
use core::time::Duration;

use crate::model::Encoding;

use super::content_type::ContentType;
use super::{redirect, retry_after};

/// What a client looks at before it reads a body: the status, and the values of a few header fields as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseHead<'a> {
    status: u16,
    content_type: Option<&'a [u8]>,
    content_length: Option<u64>,
    location: Option<&'a [u8]>,
    retry_after: Option<&'a [u8]>,
    date: Option<&'a [u8]>,
    hmac: Option<&'a [u8]>,
}

impl<'a> ResponseHead<'a> {
    /// A head without any header fields.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Sets Content-Type.
    #[must_use]
    pub const fn with_content_type(mut self, value: Option<&'a [u8]>) -> Self {
        self.content_type = value;
        self
    }

    /// Sets Content-Length.
    #[must_use]
    pub const fn with_content_length(mut self, octets: Option<u64>) -> Self {
        self.content_length = octets;
        self
    }

    /// Sets Location.
    #[must_use]
    pub const fn with_location(mut self, value: Option<&'a [u8]>) -> Self {
        self.location = value;
        self
    }

    /// Sets Retry-After.
    #[must_use]
    pub const fn with_retry_after(mut self, value: Option<&'a [u8]>) -> Self {
        self.retry_after = value;
        self
    }

    /// Sets Date, which a Retry-After with a date is measured against.
    #[must_use]
    pub const fn with_date(mut self, value: Option<&'a [u8]>) -> Self {
        self.date = value;
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
    pub fn read(status: u16, field: impl Fn(&str) -> Option<&'a [u8]>) -> Self {
        let length = |value: &'a [u8]| core::str::from_utf8(value).ok()?.trim_ascii().parse().ok();
        Self {
            status,
            content_type: field("content-type"),
            content_length: field("content-length").and_then(length),
            location: field("location"),
            retry_after: field("retry-after"),
            date: field("date"),
            hmac: field(super::HMAC),
        }
    }
}

/// How far a client goes with a server that does not simply answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// How many redirections in a row are followed.
    pub max_redirects: u8,
    /// The largest answer that is read, in octets.
    pub max_body: u64,
    /// How long to wait when a busy server does not say.
    pub pause: Duration,
    /// The longest a session waits for a busy server; one that asks for more ends the session, for the caller to begin another later.
    pub longest_pause: Duration,
}

impl Policy {
    /// The defaults: 5 redirections, 4 MiB, half a minute, an hour.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_redirects: 5,
            max_body: 4 << 20,
            pause: Duration::from_secs(30),
            longest_pause: Duration::from_secs(3600),
        }
    }

    /// Sets [`max_redirects`](Self::max_redirects).
    #[must_use]
    pub const fn with_max_redirects(mut self, redirects: u8) -> Self {
        self.max_redirects = redirects;
        self
    }

    /// Sets [`max_body`](Self::max_body).
    #[must_use]
    pub const fn with_max_body(mut self, octets: u64) -> Self {
        self.max_body = octets;
        self
    }

    /// Sets [`pause`](Self::pause) and [`longest_pause`](Self::longest_pause).
    #[must_use]
    pub const fn with_pauses(mut self, pause: Duration, longest: Duration) -> Self {
        self.pause = pause;
        self.longest_pause = longest;
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

/// What a client does about a response.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Action<'a> {
    /// The body is a message: decode it and hand it to the session.
    Take {
        /// How it is encoded.
        encoding: Encoding,
        /// The value of the [`HMAC`](super::HMAC) header, for [`Incoming::with_hmac`](crate::session::Incoming::with_hmac).
        hmac: Option<&'a [u8]>,
    },
    /// Post the same message, with the same header fields, to this URI. The next message goes where the session says again.
    Redirect {
        /// An absolute URI on the same host.
        uri: String,
    },
    /// The server is busy, or something on the way is: the same message again after this time.
    Again {
        /// How long to wait.
        after: Duration,
    },
    /// A response without a message. Servers end a session so that has nothing more to say; in any other place it is a lost answer.
    Empty,
    /// Asking again will not help: the session ends.
    GiveUp(GivenUp),
}

/// Why a client gives up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum GivenUp {
    /// The server's HTTP status refuses the request.
    Status(u16),
    /// A redirection to another host, to a less safe scheme, to nowhere, or by a method that loses the message.
    Redirect,
    /// More redirections than [`Policy::max_redirects`].
    TooManyRedirects,
    /// The answer is no message by its Content-Type.
    MediaType,
    /// The answer is larger than [`Policy::max_body`].
    TooLarge,
    /// The server wants to be left alone for longer than [`Policy::longest_pause`].
    Busy(Duration),
}

/// What to do about a response to a message that was posted to `uri` after so many redirections.
///
/// | status | |
/// |---|---|
/// | 200 with the type of a message | [`Action::Take`] |
/// | 200 with no body, 202, 204, 205 | [`Action::Empty`] |
/// | 301, 302, 307, 308 | [`Action::Redirect`] to the same host, never to a less safe scheme |
/// | 303 and other 3xx | given up: they would have the message fetched, not posted |
/// | 408, 425, 500, 502, 504 | [`Action::Again`] |
/// | 429, 503 | [`Action::Again`] after Retry-After |
/// | anything else | given up |
#[must_use]
pub fn judge<'a>(head: &ResponseHead<'a>, uri: &str, redirects: u8, policy: &Policy) -> Action<'a> {
    match head.status {
        200 => take(head, policy),
        202 | 204 | 205 => Action::Empty,
        301 | 302 | 307 | 308 if redirects >= policy.max_redirects => {
            Action::GiveUp(GivenUp::TooManyRedirects)
        }
        301 | 302 | 307 | 308 => {
            let to = head.location.and_then(|location| redirect::follow(uri, location));
            to.map_or(Action::GiveUp(GivenUp::Redirect), |uri| Action::Redirect { uri })
        }
        300..=399 => Action::GiveUp(GivenUp::Redirect),
        429 | 503 => {
            let asked = head.retry_after.and_then(|value| retry_after::read(value, head.date));
            match asked.unwrap_or(policy.pause) {
                after if after > policy.longest_pause => Action::GiveUp(GivenUp::Busy(after)),
                after => Action::Again { after },
            }
        }
        408 | 425 | 500 | 502 | 504 => Action::Again { after: policy.pause },
        status => Action::GiveUp(GivenUp::Status(status)),
    }
}

fn take<'a>(head: &ResponseHead<'a>, policy: &Policy) -> Action<'a> {
    match head.content_length {
        Some(0) => return Action::Empty,
        Some(octets) if octets > policy.max_body => return Action::GiveUp(GivenUp::TooLarge),
        _ => {}
    }
    let content_type = head.content_type.and_then(|value| ContentType::parse(value).ok());
    match content_type.and_then(|content_type| content_type.encoding()) {
        Some(encoding) => Action::Take { encoding, hmac: head.hmac },
        None => Action::GiveUp(GivenUp::MediaType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const URI: &str = "https://dm.example/a";
    const WBXML: Option<&[u8]> = Some(b"application/vnd.syncml.dm+wbxml; charset=utf-8");

    #[test]
    fn responses() {
        let seconds = Duration::from_secs;
        let policy = Policy::new();
        let taken = Action::Take { encoding: Encoding::Wbxml, hmac: None };
        let to = |status| ResponseHead::new(status).with_location(Some(b"/b"));
        let redirect = Action::Redirect { uri: "https://dm.example/b".into() };
        let table = [
            (ResponseHead::new(200).with_content_type(WBXML), taken.clone()),
            (ResponseHead::new(200).with_content_type(WBXML).with_content_length(Some(9)), taken),
            (
                ResponseHead::new(200).with_content_type(WBXML).with_hmac(Some(b"x")),
                Action::Take { encoding: Encoding::Wbxml, hmac: Some(b"x") },
            ),
            (ResponseHead::new(200).with_content_type(WBXML).with_content_length(Some(0)), Action::Empty),
            (ResponseHead::new(204), Action::Empty),
            (
                ResponseHead::new(200).with_content_type(WBXML).with_content_length(Some(1 << 40)),
                Action::GiveUp(GivenUp::TooLarge),
            ),
            (ResponseHead::new(200), Action::GiveUp(GivenUp::MediaType)),
            (
                ResponseHead::new(200).with_content_type(Some(b"text/html")),
                Action::GiveUp(GivenUp::MediaType),
            ),
            (to(301), redirect.clone()),
            (to(302), redirect.clone()),
            (to(307), redirect.clone()),
            (to(308), redirect),
            (to(303), Action::GiveUp(GivenUp::Redirect)),
            (to(304), Action::GiveUp(GivenUp::Redirect)),
            (ResponseHead::new(307), Action::GiveUp(GivenUp::Redirect)),
            (
                ResponseHead::new(307).with_location(Some(b"http://dm.example/a")),
                Action::GiveUp(GivenUp::Redirect),
            ),
            (ResponseHead::new(429).with_retry_after(Some(b"7")), Action::Again { after: seconds(7) }),
            (ResponseHead::new(503).with_retry_after(Some(b"soon")), Action::Again { after: policy.pause }),
            (ResponseHead::new(503), Action::Again { after: policy.pause }),
            (
                ResponseHead::new(429).with_retry_after(Some(b"86400")),
                Action::GiveUp(GivenUp::Busy(seconds(86_400))),
            ),
            (ResponseHead::new(500), Action::Again { after: policy.pause }),
            (ResponseHead::new(502), Action::Again { after: policy.pause }),
            (ResponseHead::new(400), Action::GiveUp(GivenUp::Status(400))),
            (ResponseHead::new(401), Action::GiveUp(GivenUp::Status(401))),
            (ResponseHead::new(413), Action::GiveUp(GivenUp::Status(413))),
            (ResponseHead::new(501), Action::GiveUp(GivenUp::Status(501))),
            (ResponseHead::new(100), Action::GiveUp(GivenUp::Status(100))),
            (ResponseHead::new(0), Action::GiveUp(GivenUp::Status(0))),
        ];
        for (head, expected) in table {
            assert_eq!(judge(&head, URI, 0, &policy), expected, "{head:?}");
        }
        assert_eq!(judge(&to(307), URI, 5, &policy), Action::GiveUp(GivenUp::TooManyRedirects));
        assert_eq!(judge(&to(307), URI, 255, &policy), Action::GiveUp(GivenUp::TooManyRedirects));
    }

    proptest! {
        #[test]
        fn any_head_is_judged(
            status: u16,
            value in prop::collection::vec(any::<u8>(), 0..40),
            length: Option<u64>,
            redirects: u8,
        ) {
            let head = ResponseHead::read(status, |_| Some(value.as_slice())).with_content_length(length);
            let _ = judge(&head, URI, redirects, &Policy::new());
        }
    }
}

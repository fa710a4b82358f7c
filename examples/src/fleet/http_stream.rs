//! One direction of an HTTP/1.1 connection, as somebody reads it who only listens (RFC 9112): heads, and bodies of a length that is told.

/// What a head may have.
const MAX_HEAD: usize = 64 << 10;

/// A request or a response, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HttpMessage {
    /// The request line, or the status line.
    pub(super) start: String,
    /// The media type of the body, without parameters, in lower case.
    pub(super) media_type: String,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl HttpMessage {
    /// What a request asks for.
    pub(super) fn path(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }
}

/// Octets of one direction, cut into messages.
#[derive(Debug, Default)]
pub(super) struct HttpStream {
    octets: Vec<u8>,
    /// Once something cannot be read, nothing after it can.
    is_lost: bool,
}

impl HttpStream {
    /// More octets came by; the messages that they complete.
    pub(super) fn take(&mut self, octets: &[u8]) -> Vec<HttpMessage> {
        let mut messages = Vec::new();
        if self.is_lost {
            return messages;
        }
        self.octets.extend_from_slice(octets);
        loop {
            match next(&self.octets) {
                Next::Message(message, length) => {
                    messages.push(message);
                    self.octets.drain(..length);
                }
                Next::More => break,
                Next::Unreadable => {
                    self.is_lost = true;
                    self.octets = Vec::new();
                    break;
                }
            }
        }
        messages
    }
}

enum Next {
    Message(HttpMessage, usize),
    More,
    Unreadable,
}

fn next(octets: &[u8]) -> Next {
    let Some(end) = octets.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if octets.len() > MAX_HEAD { Next::Unreadable } else { Next::More };
    };
    let Ok(head) = std::str::from_utf8(&octets[..end]) else { return Next::Unreadable };
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let (mut length, mut media_type) = (0, String::new());
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => match value.parse::<usize>() {
                Ok(told) => length = told,
                Err(_) => return Next::Unreadable,
            },
            "content-type" => {
                media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            }
            "transfer-encoding" => return Next::Unreadable,
            _ => {}
        }
    }
    let (begin, end) = (end + 4, (end + 4).saturating_add(length));
    match octets.get(begin..end) {
        Some(body) => Next::Message(HttpMessage { start, media_type, body: body.to_vec() }, end),
        None => Next::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"POST /dm HTTP/1.1\r\nContent-Type: Application/X; charset=utf-8\r\nContent-Length: 3\r\n\r\n\
        abcGET /dm/images/1 HTTP/1.1\r\nHost: h\r\n\r\n";

    #[test]
    fn messages_are_the_same_however_their_octets_arrive() {
        let whole = HttpStream::default().take(TWO);
        assert_eq!(
            (whole.len(), whole[0].body.as_slice(), whole[0].media_type.as_str()),
            (2, &b"abc"[..], "application/x")
        );
        assert_eq!((whole[1].start.as_str(), whole[1].path()), ("GET /dm/images/1 HTTP/1.1", "/dm/images/1"));
        for size in 1..TWO.len() {
            let mut stream = HttpStream::default();
            let parts: Vec<_> = TWO.chunks(size).flat_map(|part| stream.take(part)).collect();
            assert_eq!(parts, whole, "by {size}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_left() {
        for bad in [
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            &[0xFF; MAX_HEAD + 1],
        ] {
            let mut stream = HttpStream::default();
            assert!(stream.take(bad).is_empty() && stream.is_lost && stream.take(TWO).is_empty());
        }
    }
}

//! Headers as text: what HTTP, push proxies (PAP) and SIP write around the same messages.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::application_id::ApplicationId;
use super::content_type::Sec;
use super::error::{PushError, PushErrorKind, PushField};
use super::header::{HeaderName, PushFlag};
use super::media_type::{Content, MediaType};
use super::pdu::Push;
use super::value::{Value, is_token};
use crate::bootstrap::{BootstrapError, DmSec, Mac};

/// Header lines as data: names and values in their order. What carries them is the caller's business.
///
/// Names are compared without case, and the short names of SIP (`c`, `l`) stand for the long ones.
///
/// ```
/// use dm_notification::push::{Content, TextHeaders};
///
/// let headers = TextHeaders::parse(
///     "Content-Type: application/vnd.syncml.notification\r\n\
///      X-Wap-Application-Id: x-wap-application:syncml.dm\r\n",
/// )?;
/// assert_eq!(headers.content(), Content::DmNotification);
/// assert_eq!(TextHeaders::dm_notification().to_string(), headers.to_string());
/// # Ok::<(), dm_notification::push::PushError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TextHeaders(Vec<(String, String)>);

impl TextHeaders {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// For a notification of DM 1.0 to 1.2.
    #[must_use]
    pub fn dm_notification() -> Self {
        let text = |value: Option<&str>| value.unwrap_or_default().to_string();
        Self(Vec::from([
            ("Content-Type".to_string(), text(MediaType::DM_NOTIFICATION.text())),
            ("X-Wap-Application-Id".to_string(), text(ApplicationId::SYNCML_DM.uri())),
        ]))
    }

    /// For a bootstrap message of the DM profile, in WBXML (DM Security 1.2.1, bootstrap).
    #[must_use]
    pub fn dm_bootstrap(sec: &DmSec, mac: &Mac) -> Self {
        let media = MediaType::DM_WBXML.text().unwrap_or_default();
        let content_type = format!("{media}; SEC={}; MAC={mac}", quoted(sec.as_str()));
        Self(Vec::from([("Content-Type".to_string(), content_type)]))
    }

    /// The headers of a WSP push, as far as they have names and say text or numbers.
    #[must_use]
    pub fn of_push(push: &Push<'_>) -> Self {
        let mut headers = Self::new();
        if let Some(media) = push.content_type().media_type().text() {
            let mut content_type = media.to_string();
            if let Some(sec) = push.content_type().sec() {
                let cp = push.content() == Content::CpBootstrap;
                let word = if cp {
                    sec.cp().map(|sec| sec.to_string())
                } else {
                    sec.dm().map(|sec| sec.to_string())
                };
                content_type
                    .push_str(&word.map(|word| format!("; SEC={}", quoted(&word))).unwrap_or_default());
            }
            if let Some(Ok(mac)) = push.content_type().mac() {
                content_type.push_str(&format!("; MAC={mac}"));
            }
            headers.0.push(("Content-Type".to_string(), content_type));
        }
        for header in push.headers() {
            let Some(name) = header.name.text() else { continue };
            let value = match header.value {
                _ if header.name.is(HeaderName::APPLICATION_ID) => {
                    let id = match header.value {
                        Value::Text(_) => header.value.as_str().map(ApplicationId::Uri),
                        value => value.as_integer().map(ApplicationId::Code),
                    };
                    id.and_then(|id| match id.uri() {
                        Some(uri) => Some(uri.to_string()),
                        None => id.code().map(|code| format!("{code:X}")),
                    })
                }
                Value::Text(_) => header.value.as_str().map(ToString::to_string),
                value => value.as_integer().map(|number| number.to_string()),
            };
            if let Some(value) = value.filter(|value| is_name(name) && is_value(value)) {
                headers.0.push((name.to_string(), value.trim().to_string()));
            }
        }
        headers
    }

    /// Reads header lines: `Name: value`, ended by CRLF or LF; a line that begins with white space goes on with the
    /// one before. An empty line ends them.
    ///
    /// # Errors
    ///
    /// [`PushErrorKind::HeaderLine`] for a line that is none, with its offset.
    pub fn parse(text: &str) -> Result<Self, PushError> {
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let wrong = PushError::new(PushErrorKind::HeaderLine, PushField::Header, at);
            at += line.len();
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                let (_, value) = headers.last_mut().ok_or(wrong)?;
                value.push(' ');
                value.push_str(line.trim());
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(wrong)?;
            // SIP allows white space in front of the colon.
            let (name, value) = (name.trim_end(), value.trim());
            if !is_name(name) || !is_value(value) {
                return Err(wrong);
            }
            headers.push((name.to_string(), value.to_string()));
        }
        Ok(Self(headers))
    }

    /// The same with one more header.
    ///
    /// # Errors
    ///
    /// [`PushErrorKind::HeaderLine`] for a name that is no token, or a value with control characters.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, PushError> {
        if !is_name(name) || !is_value(value) {
            return Err(PushError::new(PushErrorKind::HeaderLine, PushField::Header, 0));
        }
        self.0.push((name.to_string(), value.trim().to_string()));
        Ok(self)
    }

    /// The headers, names and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of a name.
    pub fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.iter()
            .filter(move |(own, _)| long_name(own).eq_ignore_ascii_case(long_name(name)))
            .map(|(_, value)| value)
    }

    /// `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> Option<TextContentType<'_>> {
        self.values("Content-Type").next().map(TextContentType)
    }

    /// `X-Wap-Application-Id`.
    #[must_use]
    pub fn application_id(&self) -> Option<ApplicationId<'_>> {
        // A charset may follow.
        let value = self.values("X-Wap-Application-Id").next()?;
        value.split(';').next().map(|uri| ApplicationId::Uri(uri.trim()))
    }

    /// `Push-Flag`.
    #[must_use]
    pub fn push_flag(&self) -> Option<PushFlag> {
        self.values("Push-Flag").next()?.parse().ok().map(PushFlag::new)
    }

    /// The values of `X-Oma-GwMO`, as they stand.
    pub fn gwmo(&self) -> impl Iterator<Item = &str> {
        self.values("X-Oma-GwMO")
    }

    /// What the message is to device management: as [`Push::content`].
    #[must_use]
    pub fn content(&self) -> Content {
        let Some(content_type) = self.content_type() else { return Content::Other };
        let content = content_type.media_type().content();
        let expected = match content {
            Content::DmNotification | Content::DmNotification13 => ApplicationId::SYNCML_DM,
            Content::DsNotification => ApplicationId::PUSH_SYNCML,
            _ => return content,
        };
        match self.application_id() {
            Some(id) if id != expected => Content::Other,
            _ => content,
        }
    }
}

/// The lines, each ended by CRLF, without the empty one behind them.
impl fmt::Display for TextHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(f, "{name}: {value}\r\n"))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token)
}

fn is_value(value: &str) -> bool {
    !value.chars().any(|c| c.is_control() && c != '\t')
}

fn long_name(name: &str) -> &str {
    match name {
        "c" | "C" => "Content-Type",
        "l" | "L" => "Content-Length",
        _ => name,
    }
}

fn quoted(value: &str) -> Cow<'_, str> {
    if !value.is_empty() && value.bytes().all(is_token) {
        return Cow::Borrowed(value);
    }
    let mut text = String::from("\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    Cow::Owned(text)
}

/// A content type as text: a media type, and parameters behind semicolons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextContentType<'a>(&'a str);

impl<'a> TextContentType<'a> {
    /// The value of a `Content-Type` header.
    #[must_use]
    pub const fn new(value: &'a str) -> Self {
        Self(value)
    }

    /// The media type.
    #[must_use]
    pub fn media_type(self) -> MediaType<'a> {
        MediaType::Text(self.0.split(';').next().unwrap_or_default().trim())
    }

    /// The value of the first parameter of this name, out of its quotation marks.
    #[must_use]
    pub fn parameter(self, name: &str) -> Option<Cow<'a, str>> {
        let (_, mut rest) = self.0.split_once(';')?;
        loop {
            let (own, behind) = rest.split_once('=')?;
            // Parameters without a value may stand in between.
            let own = own.rsplit(';').next().unwrap_or_default();
            let behind = behind.trim_start();
            let (value, next) = match behind.strip_prefix('"') {
                Some(text) => unquoted(text),
                None => {
                    let (value, next) = behind.split_once(';').unwrap_or((behind, ""));
                    (Cow::Borrowed(value.trim()), next)
                }
            };
            if own.trim().eq_ignore_ascii_case(name) {
                return Some(value);
            }
            rest = next;
        }
    }

    /// `SEC` of a message of the DM profile.
    #[must_use]
    pub fn dm_sec(self) -> Option<DmSec> {
        Sec::Word(&self.parameter("SEC")?).dm()
    }

    /// `SEC` of a provisioning document.
    #[must_use]
    pub fn cp_sec(self) -> Option<crate::bootstrap::CpSec> {
        Sec::Word(&self.parameter("SEC")?).cp()
    }

    /// `MAC`. An error if it is not 40 hexadecimal digits.
    #[must_use]
    pub fn mac(self) -> Option<Result<Mac, BootstrapError>> {
        self.parameter("MAC").map(|digits| digits.parse())
    }
}

/// The text up to its closing mark, and what follows the semicolon behind it.
fn unquoted(text: &str) -> (Cow<'_, str>, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let behind = text.get(at + 1..).unwrap_or_default();
                return (Cow::Owned(value), behind.split_once(';').map_or("", |(_, next)| next));
            }
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (Cow::Owned(value), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let headers = TextHeaders::parse(
            "c : a/b;x=1;\r\n y=\"2;\\\"\"\nX-Oma-GwMO: one\nx-oma-gwmo:two\r\n\r\nbody: no",
        )
        .expect("well-formed");
        assert_eq!(headers.gwmo().collect::<Vec<_>>(), ["one", "two"]);
        let content_type = headers.content_type().expect("there is one");
        assert_eq!(content_type.media_type(), MediaType::Text("a/b"));
        assert_eq!(content_type.parameter("X").as_deref(), Some("1"));
        assert_eq!(content_type.parameter("y").as_deref(), Some("2;\""));
        assert_eq!(content_type.parameter("z"), None);
        assert_eq!(TextContentType::new("a/b; flag; x=1").parameter("x").as_deref(), Some("1"));
        assert_eq!(TextContentType::new("a/b; x=\"1").parameter("x").as_deref(), Some("1"));
        for (wrong, at) in
            [("nothing", 0), (" first", 0), ("a: b\nno\n", 5), (": x", 0), ("a b: x", 0), ("a: \u{1}", 0)]
        {
            let error = TextHeaders::parse(wrong).expect_err(wrong);
            assert_eq!((error.kind(), error.offset()), (PushErrorKind::HeaderLine, at), "{wrong}");
        }
        assert!(TextHeaders::new().with("a", "b\r\nc: d").is_err());
    }

    #[test]
    fn bootstrap_says_how_it_is_proven() {
        let mac = Mac::new([7; 20]);
        let headers = TextHeaders::dm_bootstrap(&DmSec::USERPIN, &mac);
        let content_type = headers.content_type().expect("there is one");
        assert_eq!(headers.content(), Content::DmBootstrap);
        assert_eq!(content_type.dm_sec(), Some(DmSec::USERPIN));
        assert_eq!(content_type.mac(), Some(Ok(mac)));
        let cp = TextContentType::new("application/vnd.wap.connectivity-wbxml; SEC=1");
        assert_eq!(cp.cp_sec(), Some(crate::bootstrap::CpSec::USERPIN));
    }
}

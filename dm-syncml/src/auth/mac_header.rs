//! The `x-syncml-hmac` header.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use subtle::ConstantTimeEq;

use crate::error::ValueError;
use crate::http::field;

/// The value of an `x-syncml-hmac` header: who vouches for a message, and the MAC that does (DM Security 1.2.1 §5.4.3).
///
/// It is read liberally: any order and case of names, quotes or none, space around `=` and `,`, no padding, unknown parameters. It is
/// written one way only. `Debug` does not show the MAC, and comparison takes constant time.
///
/// ```
/// use dm_syncml::auth::MacHeader;
///
/// let header = MacHeader::parse(br#"MAC = Zz6EivR3yeaaENcRN6lpAQ , username=srv"#)?;
/// assert_eq!(header.user(), "srv");
/// assert_eq!(header.to_string(), r#"algorithm=MD5, username="srv", mac=Zz6EivR3yeaaENcRN6lpAQ=="#);
/// # Ok::<(), dm_syncml::auth::MacHeaderError>(())
/// ```
#[derive(Clone)]
pub struct MacHeader {
    user: String,
    mac: Vec<u8>,
}

/// Why a header value is no MAC. A message that needs one counts as wrongly authenticated then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MacHeaderError {
    /// Longer than [`MacHeader::MAX_OCTETS`].
    #[error("the header is longer than {} octets", MacHeader::MAX_OCTETS)]
    TooLong,
    /// Not UTF-8, or with control characters.
    #[error("the header is not text")]
    NotText,
    /// Not a list of `name=value`.
    #[error("the header is not a list of name=value")]
    Malformed,
    /// A parameter that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter stands twice.
    #[error("{0} stands twice")]
    Repeated(&'static str),
    /// The algorithm is not MD5, the only one the standard names.
    #[error("the algorithm is not MD5")]
    UnknownAlgorithm,
    /// The MAC is not base64.
    #[error("the mac is not base64")]
    NotBase64,
}

impl MacHeader {
    /// The longest value that is looked at, in octets: room for a user name of the length a DM account may hold, each character escaped.
    pub const MAX_OCTETS: usize = 2048;

    /// A header for `user` with the octets of a MAC, as [`Credentials::mac`](super::Credentials::mac) makes it.
    ///
    /// # Errors
    /// The user name holds control characters, which no header can carry, or is too long for one.
    pub fn new(user: impl Into<String>, mac: impl Into<Vec<u8>>) -> Result<Self, ValueError> {
        const USER: usize = MacHeader::MAX_OCTETS / 4;
        let (user, mac) = (user.into(), mac.into());
        if user.chars().any(char::is_control) {
            return Err(ValueError::NotText("the user name"));
        }
        if user.len() > USER {
            return Err(ValueError::TooLong("the user name", USER));
        }
        if mac.len() > 64 {
            return Err(ValueError::TooLong("the mac", 64));
        }
        Ok(Self { user, mac })
    }

    /// Reads the value of a header, without the name of the header and the colon.
    ///
    /// # Errors
    /// The value says no user or no MAC, or cannot be understood.
    pub fn parse(value: &[u8]) -> Result<Self, MacHeaderError> {
        if value.len() > Self::MAX_OCTETS {
            return Err(MacHeaderError::TooLong);
        }
        let value = core::str::from_utf8(value).map_err(|_| MacHeaderError::NotText)?;
        if value.chars().any(|character| character.is_control() && character != '\t') {
            return Err(MacHeaderError::NotText);
        }
        let (mut algorithm, mut user, mut mac) = (None, None, None);
        for element in field::elements(value, ',') {
            let (name, value) = field::parameter(element).ok_or(MacHeaderError::Malformed)?;
            let (slot, name) = match name {
                name if name.eq_ignore_ascii_case("algorithm") => (&mut algorithm, "algorithm"),
                name if name.eq_ignore_ascii_case("username") => (&mut user, "username"),
                name if name.eq_ignore_ascii_case("mac") => (&mut mac, "mac"),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(MacHeaderError::Repeated(name));
            }
        }
        if algorithm.is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case("MD5")) {
            return Err(MacHeaderError::UnknownAlgorithm);
        }
        let user = user.ok_or(MacHeaderError::Missing("username"))?;
        let mac = mac.ok_or(MacHeaderError::Missing("mac"))?;
        let mac =
            Base64Unpadded::decode_vec(mac.trim_end_matches('=')).map_err(|_| MacHeaderError::NotBase64)?;
        Self::new(user.into_owned(), mac).map_err(|_| MacHeaderError::Malformed)
    }

    /// The user name, which must be that of Source LocName.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The octets of the MAC.
    #[must_use]
    pub fn mac(&self) -> &[u8] {
        &self.mac
    }

    /// Whether the MAC is `digest`, in constant time. The worked example of the standard holds the digest as hexadecimal text, so that
    /// is taken too.
    pub(super) fn is(&self, digest: &[u8; 16]) -> bool {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, octet) in text.chunks_exact_mut(2).zip(digest) {
            pair[0] = HEX[usize::from(octet >> 4)];
            pair[1] = HEX[usize::from(octet & 15)];
        }
        let lower = self.mac.to_ascii_lowercase();
        (self.mac.as_slice().ct_eq(digest) | lower.as_slice().ct_eq(&text)).into()
    }
}

/// The value as it is sent: `algorithm=MD5, username="name", mac=base64`.
impl fmt::Display for MacHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = Base64::encode_string(&self.mac);
        write!(f, "algorithm=MD5, username={}, mac={mac}", field::Quoted(&self.user))
    }
}

impl PartialEq for MacHeader {
    fn eq(&self, other: &Self) -> bool {
        self.user == other.user && bool::from(self.mac.as_slice().ct_eq(other.mac.as_slice()))
    }
}

impl Eq for MacHeader {}

impl fmt::Debug for MacHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacHeader").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use proptest::prelude::*;
    use serde_json::Value;

    #[test]
    fn header_vectors() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/auth_vectors.json")).unwrap();
        let vectors = vectors["mac_header_parse"].as_array().unwrap();
        assert_eq!(vectors.len(), 5);
        for vector in vectors {
            let read = MacHeader::parse(vector["in"].as_str().unwrap().as_bytes());
            match vector["error"].as_str() {
                Some(error) if error.starts_with("username missing") => {
                    assert_eq!(read, Err(MacHeaderError::Missing("username")));
                }
                Some(error) if error.starts_with("unknown algorithm") => {
                    assert_eq!(read, Err(MacHeaderError::UnknownAlgorithm));
                }
                Some(error) => panic!("{error}"),
                None => {
                    let read = read.unwrap();
                    assert_eq!(Some(read.user()), vector["username"].as_str());
                    match vector["mac"].as_str() {
                        Some(mac) => assert_eq!(Base64::encode_string(read.mac()), mac),
                        None => assert_eq!(read.mac(), b"52692a000661890bd75e17da7ffbbe39"),
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_mac() {
        let table: &[(&[u8], MacHeaderError)] = &[
            (b"", MacHeaderError::Missing("username")),
            (b"username=a", MacHeaderError::Missing("mac")),
            (b"username=a, mac=AA, USERNAME=b", MacHeaderError::Repeated("username")),
            (b"username=a, mac=AA, mac=AA", MacHeaderError::Repeated("mac")),
            (b"username=a, mac=A*A", MacHeaderError::NotBase64),
            (b"username=a mac=AA", MacHeaderError::Missing("mac")),
            (b"username=\"a, mac=AA", MacHeaderError::Malformed),
            (b"nothing", MacHeaderError::Malformed),
            (b"username=a\r\nmac=AA", MacHeaderError::NotText),
            (b"username=\xE4, mac=AA", MacHeaderError::NotText),
            (b"algorithm=HMAC-MD5, username=a, mac=AA", MacHeaderError::UnknownAlgorithm),
            (&[b'a'; MacHeader::MAX_OCTETS + 1], MacHeaderError::TooLong),
        ];
        for (value, error) in table {
            assert_eq!(MacHeader::parse(value), Err(*error), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn names_a_header_cannot_carry_are_refused() {
        assert!(MacHeader::new("a\r\nx: y", [0; 16]).is_err());
        assert!(MacHeader::new("a".repeat(2000), [0; 16]).is_err());
        assert!(MacHeader::new("", [0; 16]).is_ok());
    }

    #[test]
    fn the_digest_as_hexadecimal_text_is_taken() {
        let digest = *b"\x52\x69\x2a\x00\x06\x61\x89\x0b\xd7\x5e\x17\xda\x7f\xfb\xbe\x39";
        let header = |mac: &[u8]| MacHeader::new("Robert Jordan", mac).unwrap();
        assert!(header(&digest).is(&digest));
        assert!(header(b"52692a000661890bd75e17da7ffbbe39").is(&digest));
        assert!(header(b"52692A000661890BD75E17DA7FFBBE39").is(&digest));
        assert!(!header(b"52692a000661890bd75e17da7ffbbe38").is(&digest));
        assert!(!header(b"").is(&digest) && !header(&digest[..15]).is(&digest));
    }

    #[test]
    fn the_mac_does_not_show() {
        let header = MacHeader::new("srv", *b"0123456789abcdef").unwrap();
        assert_eq!(format!("{header:?}"), r#"MacHeader { user: "srv", .. }"#);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(user in "\\PC{0,40}", mac in any::<[u8; 16]>()) {
            let header = MacHeader::new(user, mac).unwrap();
            let written = header.to_string();
            prop_assert!(!written.contains(['\r', '\n', '\0']));
            prop_assert_eq!(MacHeader::parse(written.as_bytes()).unwrap(), header);
        }

        #[test]
        fn any_octets_are_read(value in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(header) = MacHeader::parse(&value) {
                prop_assert_eq!(MacHeader::parse(header.to_string().as_bytes()), Ok(header));
            }
        }

        #[test]
        fn any_list_is_read(value in "(algorithm|username|mac|x)? ?=? ?[\"MD5a\\\\, =]{0,30}") {
            let _ = MacHeader::parse(value.as_bytes());
        }
    }
}

//! What two peers say to each other to go on with an object whose transfer broke off. It travels in EMI elements of Meta, which MetInf 1.2
//! keeps free for such things, and only between peers that have both announced it in their headers.
//!
//! ```text
//! header     x-dm-resume/1 <tag>:<octets> ...     I can; and of the object with this tag I have so many octets
//! first chunk x-dm-resume/1 <digest> <from>       the digest of the whole object; the data begin behind so many octets
//! ```

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha2::{Digest as _, Sha256};

use crate::model::Meta;

/// What every text of ours begins with.
pub(super) const LABEL: &str = "x-dm-resume/";
/// The version spoken.
const VERSION: &str = "x-dm-resume/1";

/// SHA-256 of the octets of an object as messages carry them, which is what its Size counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::session) struct Digest(pub(in crate::session) [u8; 32]);

impl Digest {
    pub(super) fn of(octets: &[u8]) -> Self {
        Self(Sha256::digest(octets).into())
    }

    pub(in crate::session) fn to_text(self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    pub(in crate::session) fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; 32];
        let decoded = Base64UrlUnpadded::decode(text, &mut octets).ok()?;
        (decoded.len() == 32).then_some(Self(octets))
    }
}

/// What tells objects apart without showing them to who only sees the header: command, place, size and digest, hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::session) struct Tag([u8; 16]);

impl Tag {
    pub(super) fn of(
        cmd: &str,
        target: Option<&str>,
        source: Option<&str>,
        size: u64,
        digest: &Digest,
    ) -> Self {
        let mut hash = Sha256::new();
        for part in [cmd, target.unwrap_or_default(), source.unwrap_or_default()] {
            // Lengths keep the parts apart.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(size.to_be_bytes());
        hash.update(digest.0);
        let whole: [u8; 32] = hash.finalize().into();
        let mut tag = [0; 16];
        tag.copy_from_slice(&whole[..16]);
        Self(tag)
    }
}

/// An object of which the sender of a header has a beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::session) struct Offer {
    pub(super) tag: Tag,
    pub(super) octets: u64,
}

/// What a header says: that its sender can go on with objects, and with which.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::session) struct Announcement(pub(super) Vec<Offer>);

impl Announcement {
    /// More are not read: nobody keeps so many.
    const MOST: usize = 32;

    pub(in crate::session) const fn new(offers: Vec<Offer>) -> Self {
        Self(offers)
    }

    pub(in crate::session) fn to_text(&self) -> String {
        let mut text = String::from(VERSION);
        for Offer { tag, octets } in &self.0 {
            // Writing to a String does not fail.
            let _ = write!(text, " {}:{octets}", Base64UrlUnpadded::encode_string(&tag.0));
        }
        text
    }

    /// What is not understood in it is passed over.
    pub(in crate::session) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        (words.next()? == VERSION).then_some(())?;
        let offer = |word: &str| {
            let (tag, octets) = word.split_once(':')?;
            let mut decoded = [0; 16];
            let len = Base64UrlUnpadded::decode(tag, &mut decoded).ok()?.len();
            let octets = crate::model::parse_decimal(octets)?;
            (len == 16).then_some(Offer { tag: Tag(decoded), octets })
        };
        Some(Self(words.filter_map(offer).take(Self::MOST).collect()))
    }

    /// What the Meta of a header says.
    pub(in crate::session) fn read(meta: Option<&Meta<'_>>) -> Option<Self> {
        meta?.emi().find_map(Self::parse)
    }

    /// How many octets of an object the peer has.
    pub(super) fn octets_of(&self, tag: &Tag) -> u64 {
        self.0.iter().find(|offer| offer.tag == *tag).map_or(0, |offer| offer.octets)
    }
}

/// What the first chunk of an object says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) digest: Digest,
    /// Octets before those that the chunk brings.
    pub(super) from: u64,
}

impl Mark {
    pub(super) fn to_text(self) -> String {
        alloc::format!("{VERSION} {} {}", self.digest.to_text(), self.from)
    }

    /// What the Meta of an item says.
    pub(super) fn read(meta: Option<&Meta<'_>>) -> Option<Self> {
        meta?.emi().find_map(|text| {
            let mut words = text.split_ascii_whitespace();
            let (version, digest, from) = (words.next()?, words.next()?, words.next()?);
            let (digest, from) = (Digest::parse(digest)?, crate::model::parse_decimal(from)?);
            (version == VERSION && words.next().is_none()).then_some(Self { digest, from })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_said_is_read_back() {
        let digest = Digest::of(b"abc");
        let tag = Tag::of("Replace", Some("./A"), None, 3, &digest);
        for announcement in [
            Announcement::default(),
            Announcement::new(vec![Offer { tag, octets: 2 }, Offer { tag, octets: u64::MAX }]),
        ] {
            assert_eq!(Announcement::parse(&announcement.to_text()), Some(announcement));
        }
        let mark = Mark { digest, from: 7 };
        assert_eq!(Mark::read(Some(&Meta::new().with_emi("other").with_emi(mark.to_text()))), Some(mark));
        assert_eq!(Mark::read(Some(&Meta::new().with_emi(mark.to_text()).without_emi(LABEL))), None);
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        assert_eq!(Announcement::parse("x-dm-resume/2"), None);
        assert_eq!(Announcement::parse(""), None);
        assert_eq!(Announcement::parse("x-dm-resume/1 AA:5 :: x AAAA:"), Some(Announcement::default()));
        let many = alloc::format!("{VERSION}{}", " AAAAAAAAAAAAAAAAAAAAAA:1".repeat(1000));
        assert_eq!(Announcement::parse(&many).map(|all| all.0.len()), Some(Announcement::MOST));
        for mark in ["x-dm-resume/1", "x-dm-resume/1 AAAA 5", "x-dm-resume/1 AAAA -5", "x-dm-resume/1 a b c"]
        {
            assert_eq!(Mark::read(Some(&Meta::new().with_emi(mark))), None, "{mark}");
        }
    }

    /// Each of what an object is bound to makes another tag.
    #[test]
    fn tags_differ() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let tags = [
            Tag::of("Replace", Some("./A"), None, 1, &one),
            Tag::of("Add", Some("./A"), None, 1, &one),
            Tag::of("Replace", Some("./B"), None, 1, &one),
            Tag::of("Replace", None, Some("./A"), 1, &one),
            Tag::of("Replace", Some("./A"), None, 2, &one),
            Tag::of("Replace", Some("./A"), None, 1, &two),
        ];
        for (at, tag) in tags.iter().enumerate() {
            assert!(!tags[..at].contains(tag));
        }
    }
}

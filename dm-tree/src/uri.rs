//! Addresses of nodes and properties (TND 1.2.1, addressing).

mod error;
mod escape;
mod leniency;
mod limits;
mod query;
mod segment;
mod shape;

use alloc::borrow::Cow;
use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

pub use error::{UriError, UriErrorKind};
pub(crate) use escape::escape;
use escape::is_plain;
pub use leniency::UriLeniency;
pub use limits::UriLimits;
use limits::check_lengths;
pub use query::{List, Query, Uri};
pub use segment::{Segment, Segments};
use segment::{check_segment, start};
use shape::Shape;

/// The address of a node, from the root: `./DevInfo/Man`, `DevInfo/Man` or `.`.
///
/// Parsed strictly: no trailing slash, no empty or dot segment, only the characters a URI may carry unescaped, and
/// percent escapes that spell UTF-8. Two addresses are equal when their names are, whatever their spelling
/// (`./A` is `A`, `%41` is `A`); the original spelling is kept for output. Case matters.
///
/// ```
/// use dm_tree::NodeUri;
///
/// let uri = NodeUri::parse("./Vendor/My%20App/Version")?;
/// let names: Vec<_> = uri.segments().map(|s| s.name().into_owned()).collect();
/// assert_eq!(names, ["Vendor", "My App", "Version"]);
/// assert_eq!(uri, NodeUri::parse("Vendor/My%20App/Version")?);
/// assert!(NodeUri::parse("./Vendor/").is_err());
/// # Ok::<(), dm_tree::UriError>(())
/// ```
#[derive(Clone)]
pub struct NodeUri<'a> {
    text: Cow<'a, str>,
    shape: Shape,
}

impl<'a> NodeUri<'a> {
    /// The root, `.`.
    pub const ROOT: NodeUri<'static> = NodeUri { text: Cow::Borrowed("."), shape: Shape::ROOT };

    /// Reads an address; nothing is copied.
    ///
    /// # Errors
    ///
    /// [`UriError`] with the offset of what is wrong. Lengths are not judged here, see [`check`](Self::check).
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let (end, shape) = scan(text)?;
        if end < text.len() {
            return Err(UriError { kind: UriErrorKind::BadCharacter('?'), offset: end });
        }
        Ok(Self { text: Cow::Borrowed(text), shape })
    }

    /// As [`parse`](Self::parse), taking what `leniency` names.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_with(text: &'a str, leniency: UriLeniency) -> Result<Self, UriError> {
        match text {
            "./" if leniency.dot_slash_is_root => Ok(Self::ROOT),
            "/" if leniency.leading_slash => Ok(Self::ROOT),
            _ => match text.strip_prefix('/') {
                Some(rest) if leniency.leading_slash => Self::parse(rest),
                _ => Self::parse(text),
            },
        }
    }

    /// The address at the beginning of a text, and what follows behind a `?`.
    pub(crate) fn parse_front(text: &'a str) -> Result<(Self, Option<&'a str>), UriError> {
        let (end, shape) = scan(text)?;
        Ok((Self { text: Cow::Borrowed(&text[..end]), shape }, text.get(end + 1..)))
    }

    /// Its own spelling, when that is the usual one: from `./` and without escapes.
    pub(crate) fn usual(&self) -> Option<NodeUri<'static>> {
        let is_usual = !self.shape.escaped && self.text.starts_with("./");
        is_usual.then(|| self.clone().into_owned())
    }

    /// An address made of parts that were checked.
    pub(crate) const fn from_parts(text: String) -> NodeUri<'static> {
        NodeUri { text: Cow::Owned(text), shape: Shape::UNKNOWN }
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.text == "."
    }

    /// The spelling it was given in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments from the root down; none for the root. Allocates nothing.
    #[must_use]
    pub fn segments(&self) -> Segments<'_> {
        Segments::of(&self.text, &self.shape)
    }

    /// The last segment; `None` for the root.
    #[must_use]
    pub fn last(&self) -> Option<Segment<'_>> {
        self.segments().last()
    }

    /// The address one level up; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<NodeUri<'_>> {
        if self.is_root() {
            return None;
        }
        let text = match self.text.rfind('/') {
            Some(at) if &self.text[..at] != "." => &self.text[..at],
            _ => ".",
        };
        let shape = if text == "." { Shape::ROOT } else { self.shape.cut(text.len()) };
        Some(NodeUri { text: Cow::Borrowed(text), shape })
    }

    /// The address of the child called `name` (not escaped; this escapes it).
    ///
    /// # Errors
    ///
    /// When `name` is empty, `.` or `..`, which no address can spell.
    pub fn child(&self, name: &str) -> Result<NodeUri<'static>, UriError> {
        let kind = match name {
            "" => UriErrorKind::EmptySegment,
            "." | ".." => UriErrorKind::DotSegment,
            _ => return Ok(self.join(&escape(name))),
        };
        Err(UriError { kind, offset: self.text.len() + 1 })
    }

    /// Checks the three lengths a device states in `./DevDetail/URI` (StdObj 1.2.1, DevDetail).
    ///
    /// # Errors
    ///
    /// The first limit exceeded; its [`status`](UriError::status) is 414.
    pub fn check(&self, limits: &UriLimits) -> Result<(), UriError> {
        check_lengths(self.segments(), self.text.len(), limits)
    }

    /// The same address, keeping nothing of the input alive.
    #[must_use]
    pub fn into_owned(self) -> NodeUri<'static> {
        NodeUri { text: Cow::Owned(self.text.into_owned()), shape: self.shape }
    }

    /// The address of a child whose spelling is known to be a legal segment.
    pub(crate) fn join(&self, spelling: &str) -> NodeUri<'static> {
        let mut text = String::with_capacity(self.text.len() + 1 + spelling.len());
        text.push_str(&self.text);
        // A last segment may end in a dot (the rule of TND 1.2.1 is that `./` only begins an address); one with children may not.
        if text.len() > 1 && text.ends_with('.') {
            text.pop();
            text.push_str("%2E");
        }
        text.push('/');
        text.push_str(spelling);
        NodeUri::from_parts(text)
    }
}

impl fmt::Display for NodeUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for NodeUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<'b> PartialEq<NodeUri<'b>> for NodeUri<'_> {
    fn eq(&self, other: &NodeUri<'b>) -> bool {
        self.segments().map(Segment::name).eq(other.segments().map(Segment::name))
    }
}

impl Eq for NodeUri<'_> {}

impl PartialOrd for NodeUri<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NodeUri<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.segments().map(Segment::name).cmp(other.segments().map(Segment::name))
    }
}

impl Hash for NodeUri<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for segment in self.segments() {
            segment.name().hash(state);
        }
    }
}

/// Whether a text begins with an address: up to where, which is the end or a `?`, and where its segments end.
fn scan(text: &str) -> Result<(usize, Shape), UriError> {
    let fail = |kind, offset| Err(UriError { kind, offset });
    let bytes = text.as_bytes();
    let mut shape = Shape::ROOT;
    let mut at = match bytes {
        [] | [b'?', ..] => return fail(UriErrorKind::Empty, 0),
        [b'/', ..] => return fail(UriErrorKind::LeadingSlash, 0),
        [b'.'] | [b'.', b'?', ..] => return Ok((1, shape)),
        _ => start(text),
    };
    loop {
        // Nearly every segment is made of nothing else.
        let mut end = at + bytes[at..].iter().position(|byte| !is_plain(*byte)).unwrap_or(bytes.len() - at);
        let is_plain = matches!(bytes.get(end), None | Some(b'/' | b'?'));
        if !is_plain {
            end = at
                + bytes[at..].iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(bytes.len() - at);
        }
        let is_last = bytes.get(end) != Some(&b'/');
        let segment = &text[at..end];
        match segment {
            "" if is_last => return fail(UriErrorKind::TrailingSlash, at),
            "" => return fail(UriErrorKind::EmptySegment, at),
            "." | ".." => return fail(UriErrorKind::DotSegment, at),
            _ if !is_plain => shape.escaped |= check_segment(segment, at)?,
            _ => {}
        }
        shape.push(end);
        if is_last {
            return Ok((end, shape));
        }
        if segment.ends_with('.') {
            return fail(UriErrorKind::DotSegment, end - 1);
        }
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use dm_syncml::StatusCode;
    use proptest::prelude::*;

    use super::*;

    fn kind(text: &str) -> (UriErrorKind, usize) {
        let error = Uri::parse(text).unwrap_err();
        (error.kind(), error.offset())
    }

    #[test]
    fn legal_addresses() {
        for (text, names) in [
            (".", &[][..]),
            ("A", &["A"]),
            ("./A", &["A"]),
            ("./A/b.c/d", &["A", "b.c", "d"]),
            ("./A/v1.", &["A", "v1."]),
            ("./.hidden", &[".hidden"]),
            ("./a%2Fb/c", &["a/b", "c"]),
            ("./gr%C3%BC%c3%9fe", &["grüße"]),
            ("./-_!~*'():@&=+$,", &["-_!~*'():@&=+$,"]),
        ] {
            let uri = NodeUri::parse(text).unwrap();
            assert_eq!(uri.as_str(), text);
            assert_eq!(uri.segments().map(|s| s.name().into_owned()).collect::<Vec<_>>(), names, "{text}");
        }
    }

    #[test]
    fn illegal_addresses() {
        use UriErrorKind::*;
        for (text, expected) in [
            ("", (Empty, 0)),
            ("/A", (LeadingSlash, 0)),
            ("./", (TrailingSlash, 2)),
            ("./A/", (TrailingSlash, 4)),
            ("./A//B", (EmptySegment, 4)),
            ("..", (DotSegment, 0)),
            ("../A", (DotSegment, 0)),
            ("./A/../B", (DotSegment, 4)),
            ("./A/./B", (DotSegment, 4)),
            ("././A", (DotSegment, 2)),
            ("./A/.", (DotSegment, 4)),
            ("./A/%2E%2e", (DotSegment, 4)),
            ("./a./b", (DotSegment, 3)),
            ("./a b", (BadCharacter(' '), 3)),
            ("./ä", (BadCharacter('ä'), 2)),
            ("./a;b", (BadCharacter(';'), 3)),
            ("./a#b", (BadCharacter('#'), 3)),
            ("./{x}", (BadCharacter('{'), 2)),
            ("./a%2", (BadEscape, 3)),
            ("./a%zz", (BadEscape, 3)),
            ("./a%FF", (NotUtf8, 2)),
            ("./a?", (BadQuery, 4)),
            ("./a?prop", (BadQuery, 4)),
            ("./a?prop=", (BadQuery, 4)),
            ("./a?Prop=ACL", (BadQuery, 4)),
            ("./a?prop=ACL?x", (BadCharacter('?'), 12)),
            ("./a?list=Str uct", (BadCharacter(' '), 12)),
        ] {
            assert_eq!(kind(text), expected, "{text}");
            assert_eq!(Uri::parse(text).unwrap_err().status(), StatusCode::COMMAND_FAILED);
        }
        assert_eq!(
            Uri::parse("./a b").unwrap_err().to_string(),
            "character ' ' that must be escaped at byte 3 of the uri"
        );
    }

    #[test]
    fn what_peers_write() {
        for (text, expected) in [("./", "."), ("/", "."), ("/A/B", "./A/B"), ("./A", "./A")] {
            let uri = Uri::parse_with(text, UriLeniency::FIELD).unwrap();
            assert_eq!(*uri.node(), NodeUri::parse(expected).unwrap(), "{text}");
        }
        for text in ["//A", "./A/", "", "../A", ".//"] {
            assert!(NodeUri::parse_with(text, UriLeniency::FIELD).is_err(), "{text}");
        }
    }

    #[test]
    fn lists() {
        for (text, expected) in [
            ("Struct", Some(List::Struct)),
            ("StructData", Some(List::StructData)),
            ("TNDS", Some(List::Tnds(""))),
            ("TNDS+ACL+Value", Some(List::Tnds("+ACL+Value"))),
            ("TNDS-ACL", Some(List::Tnds("-ACL"))),
            ("TNDSX", None),
            ("struct", None),
        ] {
            assert_eq!(Query::List(text).list(), expected, "{text}");
        }
        assert_eq!(Query::Property("Struct").list(), None);
    }

    #[test]
    fn lengths() {
        let limits = UriLimits { max_depth: 2, max_tot_len: 12, max_seg_len: 5 };
        for (text, expected) in [
            ("./A/B", None),
            ("./A/B/C", Some(UriErrorKind::TooDeep)),
            ("./abcde", None),
            ("./abcdef", Some(UriErrorKind::SegmentTooLong)),
            ("./a%20bc", Some(UriErrorKind::SegmentTooLong)),
            ("./A?prop=ACL", None),
            ("./AB?prop=ACL", Some(UriErrorKind::TooLong)),
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!(uri.check(&limits).map_err(|e| e.kind()).err(), expected, "{text}");
            assert!(uri.check(&UriLimits::UNLIMITED).is_ok());
        }
        let error = Uri::parse("A/B/C").unwrap().check(&limits).unwrap_err();
        assert_eq!((error.status(), error.offset()), (StatusCode::URI_TOO_LONG, 4));
    }

    #[test]
    fn parents_and_children() {
        let uri = NodeUri::parse("./A/B").unwrap();
        assert_eq!(uri.parent().unwrap().as_str(), "./A");
        assert_eq!(uri.parent().unwrap().parent().unwrap().as_str(), ".");
        assert!(NodeUri::ROOT.parent().is_none());
        assert_eq!(NodeUri::ROOT.child("a b.").unwrap().as_str(), "./a%20b%2E");
        assert_eq!(NodeUri::parse("x.").unwrap().child("y").unwrap().as_str(), "x%2E/y");
        assert!(NodeUri::ROOT.child("..").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}|(\\./)?([a-z.%0-9A-F/]{0,6}/){0,5}[a-z.%]{0,3}(\\?(prop|list)=?[a-zA-Z+-]{0,6})?") {
            if let Ok(uri) = Uri::parse(&text) {
                let _ = uri.check(&UriLimits::default());
                let node = uri.node();
                let rebuilt = node.segments().fold(NodeUri::ROOT, |uri, s| uri.child(&s.name()).unwrap());
                prop_assert_eq!(node, &NodeUri::parse(rebuilt.as_str()).unwrap());
                if let Some(parent) = node.parent() {
                    prop_assert_eq!(parent.segments().count() + 1, node.segments().count());
                    prop_assert!(NodeUri::parse(parent.as_str()).is_ok());
                }
            }
        }

        #[test]
        fn any_name_can_be_spelled(name in "\\PC{1,12}") {
            prop_assume!(name != "." && name != "..");
            let uri = NodeUri::ROOT.child(&name).unwrap();
            let read = NodeUri::parse(uri.as_str()).unwrap();
            prop_assert_eq!(read.last().unwrap().name(), name);
        }
    }
}

//! Addresses of nodes and properties (TND 1.2.1, addressing).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use dm_syncml::StatusCode;

use crate::property::Property;

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
}

impl<'a> NodeUri<'a> {
    /// The root, `.`.
    pub const ROOT: NodeUri<'static> = NodeUri { text: Cow::Borrowed(".") };

    /// Reads an address; nothing is copied.
    ///
    /// # Errors
    ///
    /// [`UriError`] with the offset of what is wrong. Lengths are not judged here, see [`check`](Self::check).
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        check_node(text)?;
        Ok(Self { text: Cow::Borrowed(text) })
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
        Segments { rest: body(&self.text) }
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
        Some(NodeUri { text: Cow::Borrowed(text) })
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
        check_lengths(&self.text, self.text.len(), limits)
    }

    /// The same address, keeping nothing of the input alive.
    #[must_use]
    pub fn into_owned(self) -> NodeUri<'static> {
        NodeUri { text: Cow::Owned(self.text.into_owned()) }
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
        NodeUri { text: Cow::Owned(text) }
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

/// One segment of an address, as spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a>(&'a str);

impl<'a> Segment<'a> {
    /// Reads one segment, as a rename carries it (TND 1.2.1 §7.7, Name).
    ///
    /// # Errors
    ///
    /// As [`NodeUri::parse`]; a `/` is a [`BadCharacter`](UriErrorKind::BadCharacter).
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        if text.is_empty() {
            return Err(UriError { kind: UriErrorKind::EmptySegment, offset: 0 });
        }
        check_segment(text, 0)?;
        Ok(Self(text))
    }

    /// The spelling.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The name: the spelling with its percent escapes resolved. Allocates only when there are any.
    #[must_use]
    pub fn name(self) -> Cow<'a, str> {
        match unescape(self.0) {
            None => Cow::Borrowed(self.0),
            // Parsing has shown that the bytes are UTF-8, so nothing is replaced here.
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

/// The segments of an address, from the root down.
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let rest = self.rest?;
        let (first, rest) = match rest.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        Some(Segment(first))
    }
}

/// What a `LocURI` of a command names: a node, one of its properties, or a list below it.
///
/// ```
/// use dm_tree::{Query, Uri};
///
/// let uri = Uri::parse("./DevInfo/Man?prop=Format")?;
/// assert_eq!(uri.node().as_str(), "./DevInfo/Man");
/// assert_eq!(uri.query(), Some(Query::Property("Format")));
/// # Ok::<(), dm_tree::UriError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Uri<'a> {
    node: NodeUri<'a>,
    query: Option<Query<'a>>,
    len: usize,
}

impl<'a> Uri<'a> {
    /// Reads an address with its query; nothing is copied.
    ///
    /// # Errors
    ///
    /// As [`NodeUri::parse`]; a query that is neither `prop` nor `list` is [`BadQuery`](UriErrorKind::BadQuery).
    /// Which properties exist is not judged here: an unknown one is answered 406, not 500.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        let (node, query) = match text.split_once('?') {
            Some((node, query)) => (node, Some(query)),
            None => (text, None),
        };
        let node = NodeUri::parse(node)?;
        let query = match query {
            Some(query) => Some(parse_query(query, text.len() - query.len())?),
            None => None,
        };
        Ok(Self { node, query, len: text.len() })
    }

    /// The node, without the query.
    #[must_use]
    pub const fn node(&self) -> &NodeUri<'a> {
        &self.node
    }

    /// What follows the `?`.
    #[must_use]
    pub const fn query(&self) -> Option<Query<'a>> {
        self.query
    }

    /// Checks the lengths as [`NodeUri::check`] does; the whole length includes the query.
    ///
    /// # Errors
    ///
    /// The first limit exceeded.
    pub fn check(&self, limits: &UriLimits) -> Result<(), UriError> {
        check_lengths(&self.node.text, self.len, limits)
    }
}

/// The query of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Query<'a> {
    /// `?prop=`: a property by name, known or not.
    Property(&'a str),
    /// `?list=`: what to list below the node.
    List(&'a str),
}

impl Query<'_> {
    /// The property named; `None` for an unknown one or a list.
    #[must_use]
    pub fn property(self) -> Option<Property> {
        match self {
            Self::Property(name) => Property::from_name(name),
            Self::List(_) => None,
        }
    }
}

/// How long addresses may be: the values of `./DevDetail/URI` (StdObj 1.2.1, DevDetail). Zero means unlimited.
///
/// All count characters; since anything outside ASCII travels escaped, that is bytes, and an escape counts three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UriLimits {
    /// `MaxDepth`: segments; a leading `./` is none.
    pub max_depth: u16,
    /// `MaxTotLen`: characters of a whole address, the query included.
    pub max_tot_len: u16,
    /// `MaxSegLen`: characters of one segment, which is also the longest name.
    pub max_seg_len: u16,
}

impl UriLimits {
    /// No limits at all. For documents one wrote oneself.
    pub const UNLIMITED: Self = Self { max_depth: 0, max_tot_len: 0, max_seg_len: 0 };

    /// Sets `MaxDepth`.
    #[must_use]
    pub const fn with_max_depth(mut self, segments: u16) -> Self {
        self.max_depth = segments;
        self
    }

    /// Sets `MaxTotLen`.
    #[must_use]
    pub const fn with_max_tot_len(mut self, characters: u16) -> Self {
        self.max_tot_len = characters;
        self
    }

    /// Sets `MaxSegLen`.
    #[must_use]
    pub const fn with_max_seg_len(mut self, characters: u16) -> Self {
        self.max_seg_len = characters;
        self
    }
}

impl Default for UriLimits {
    /// 32 segments, 1024 characters in all, 255 per segment. The longest of some 120 addresses collected from real
    /// messages had 9 segments and 129 characters, 74 of them in one segment; the rest is room to grow.
    fn default() -> Self {
        Self { max_depth: 32, max_tot_len: 1024, max_seg_len: 255 }
    }
}

/// An address that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset} of the uri")]
pub struct UriError {
    kind: UriErrorKind,
    offset: usize,
}

impl UriError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> UriErrorKind {
        self.kind
    }

    /// The byte at which it was noticed.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What to answer: 414 for a length, 500 for anything malformed.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            UriErrorKind::TooDeep | UriErrorKind::TooLong | UriErrorKind::SegmentTooLong => {
                StatusCode::URI_TOO_LONG
            }
            _ => StatusCode::COMMAND_FAILED,
        }
    }
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriErrorKind {
    /// Nothing at all; the root is `.`.
    #[error("empty address")]
    Empty,
    /// It begins with `/`.
    #[error("leading slash")]
    LeadingSlash,
    /// It ends with `/`.
    #[error("trailing slash")]
    TrailingSlash,
    /// Two slashes in a row, or an empty name.
    #[error("empty segment")]
    EmptySegment,
    /// `.` or `..` as a name, spelled out or escaped, or a segment ending in `.` before a slash.
    #[error("dot segment")]
    DotSegment,
    /// A character that must be escaped.
    #[error("character {0:?} that must be escaped")]
    BadCharacter(char),
    /// `%` without two hexadecimal digits.
    #[error("broken percent escape")]
    BadEscape,
    /// Escapes that do not spell UTF-8.
    #[error("percent escapes that are not utf-8")]
    NotUtf8,
    /// A query other than `prop=` or `list=` with a value.
    #[error("unknown query")]
    BadQuery,
    /// More segments than `MaxDepth`.
    #[error("too many segments")]
    TooDeep,
    /// More characters than `MaxTotLen`.
    #[error("too many characters")]
    TooLong,
    /// A segment of more characters than `MaxSegLen`.
    #[error("too long a segment")]
    SegmentTooLong,
}

/// Spells a name so that it is one legal segment.
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    let dotted = name.ends_with('.');
    if !dotted && name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let last = name.len().saturating_sub(1);
    let mut spelling = String::with_capacity(name.len() + 8);
    for (at, byte) in name.bytes().enumerate() {
        if is_plain(byte) && !(dotted && at == last) {
            spelling.push(char::from(byte));
        } else {
            spelling.push('%');
            for digit in [byte >> 4, byte & 15] {
                spelling.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    Cow::Owned(spelling)
}

/// The segments as one string without the leading `./`; `None` for the root.
fn body(text: &str) -> Option<&str> {
    if text == "." { None } else { Some(text.strip_prefix("./").unwrap_or(text)) }
}

fn check_node(text: &str) -> Result<(), UriError> {
    let fail = |kind, offset| Err(UriError { kind, offset });
    if text.is_empty() {
        return fail(UriErrorKind::Empty, 0);
    }
    if text.starts_with('/') {
        return fail(UriErrorKind::LeadingSlash, 0);
    }
    let Some(body) = body(text) else { return Ok(()) };
    let mut at = text.len() - body.len();
    for segment in body.split('/') {
        let end = at + segment.len();
        let is_last = end == text.len();
        if segment.is_empty() {
            let kind = if is_last { UriErrorKind::TrailingSlash } else { UriErrorKind::EmptySegment };
            return fail(kind, at);
        }
        check_segment(segment, at)?;
        if !is_last && segment.ends_with('.') {
            return fail(UriErrorKind::DotSegment, end - 1);
        }
        at = end + 1;
    }
    Ok(())
}

fn check_segment(segment: &str, at: usize) -> Result<(), UriError> {
    let fail = |kind, offset| Err(UriError { kind, offset: at + offset });
    let bytes = segment.as_bytes();
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        if byte == b'%' {
            if !bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
                return fail(UriErrorKind::BadEscape, i);
            }
            i += 3;
        } else if is_plain(byte) {
            i += 1;
        } else {
            // Every byte before this one was ASCII, so `i` is a character boundary.
            let character = segment[i..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
            return fail(UriErrorKind::BadCharacter(character), i);
        }
    }
    match unescape(segment) {
        None if matches!(segment, "." | "..") => fail(UriErrorKind::DotSegment, 0),
        Some(name) if matches!(&*name, b"." | b"..") => fail(UriErrorKind::DotSegment, 0),
        Some(name) if core::str::from_utf8(&name).is_err() => fail(UriErrorKind::NotUtf8, 0),
        _ => Ok(()),
    }
}

fn check_lengths(node: &str, len: usize, limits: &UriLimits) -> Result<(), UriError> {
    let over = |limit: u16, actual: usize| limit != 0 && actual > usize::from(limit);
    let mut at = if node.starts_with("./") { 2 } else { 0 };
    for (index, segment) in (Segments { rest: body(node) }).enumerate() {
        if over(limits.max_depth, index + 1) {
            return Err(UriError { kind: UriErrorKind::TooDeep, offset: at });
        }
        if over(limits.max_seg_len, segment.0.len()) {
            return Err(UriError { kind: UriErrorKind::SegmentTooLong, offset: at });
        }
        at += segment.0.len() + 1;
    }
    if over(limits.max_tot_len, len) {
        return Err(UriError { kind: UriErrorKind::TooLong, offset: usize::from(limits.max_tot_len) });
    }
    Ok(())
}

fn parse_query(query: &str, at: usize) -> Result<Query<'_>, UriError> {
    let found = match query.split_once('=') {
        Some(("prop", name)) if !name.is_empty() => Query::Property(name),
        Some(("list", spec)) if !spec.is_empty() => Query::List(spec),
        _ => return Err(UriError { kind: UriErrorKind::BadQuery, offset: at }),
    };
    let value_at = at + "prop=".len();
    let (Query::Property(value) | Query::List(value)) = found;
    match value.char_indices().find(|(_, c)| !c.is_ascii() || !(is_plain(*c as u8) || *c == '%')) {
        Some((i, c)) => Err(UriError { kind: UriErrorKind::BadCharacter(c), offset: value_at + i }),
        None => Ok(found),
    }
}

/// The bytes a spelling stands for; `None` when it has no escapes.
fn unescape(spelling: &str) -> Option<Vec<u8>> {
    if !spelling.contains('%') {
        return None;
    }
    let mut name = Vec::with_capacity(spelling.len());
    let mut rest = spelling.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match tail {
            [high, low, tail @ ..] if byte == b'%' => {
                name.push((hex(*high) << 4) | hex(*low));
                rest = tail;
            }
            _ => name.push(byte),
        }
    }
    Some(name)
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

/// Characters a name may carry unescaped: RFC 2396 `pchar` without the parameter separator, and the dot.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'-'
                | b'_'
                | b'!'
                | b'~'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b':'
                | b'@'
                | b'&'
                | b'='
                | b'+'
                | b'$'
                | b','
        )
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

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

//! Why a document could not be read.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// A document could not be read: what is wrong, where, and inside which element.
///
/// ```
/// use dm_wbxml::{ErrorKind, Limits, SYNCML_1_2, Source, wbxml};
///
/// // Version 1.2, SyncML 1.2, UTF-8, no string table, then a SyncML element that never ends.
/// let input = [0x02, 0xA4, 0x01, 0x6A, 0x00, 0x6D];
/// let mut reader = wbxml::Reader::new(&input, &SYNCML_1_2, Limits::default()).unwrap();
/// reader.next().unwrap();
/// let error = reader.next().unwrap_err();
/// assert_eq!(error.kind(), &ErrorKind::Truncated);
/// assert_eq!((error.offset(), error.path()), (6, "SyncML"));
/// assert_eq!(error.to_string(), "truncated at byte 6 in SyncML: the input ends inside the document");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    offset: usize,
    path: String,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, offset: usize, path: String) -> Self {
        Self(Box::new(Inner { kind, offset, path }))
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Octets of the input before the place where it was noticed.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The elements around that place, from the root, joined by `/`; empty outside the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }
}

/// What is wrong with a document.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ends too early.
    #[error("the input ends inside the document")]
    Truncated,
    /// A WBXML version that is not 1.1, 1.2 or 1.3.
    #[error("WBXML version octet {0:#04x} is not 1.1, 1.2 or 1.3")]
    Version(u8),
    /// A character set other than UTF-8, US-ASCII or ISO-8859-1 (given by its MIBenum).
    #[error("character set {0}{name} is not supported, UTF-8, US-ASCII and ISO-8859-1 are", name = charset_name(*.0))]
    Charset(u32),
    /// A multi-byte integer longer than five octets or beyond 32 bits.
    #[error("a multi-byte integer does not fit 32 bits")]
    Integer,
    /// A name that XML does not allow.
    #[error("a name is not one that XML allows")]
    Name,
    /// Two attributes of one name on one element.
    #[error("an attribute stands twice")]
    RepeatedAttribute,
    /// A reference behind the end of the string table.
    #[error("offset {0} is behind the end of the string table")]
    StringReference(u32),
    /// A token that has no meaning where it stands.
    #[error("token {0:#04x} has no meaning here")]
    Token(u8),
    /// A character reference to something that is not a character.
    #[error("{0:#x} is not a character")]
    Character(u32),
    /// Octets that are not text in the document's character set.
    #[error("text is not valid in the character set of the document")]
    Encoding,
    /// Octets where text must stand, or characters that XML cannot carry.
    #[error("text holds octets or control characters that are not text")]
    NotText,
    /// Text outside the root element, a second root, or octets behind the end.
    #[error("something stands outside the root element")]
    OutsideRoot,
    /// An element inside an element that holds only text.
    #[error("an element stands where only text is allowed")]
    ElementInText,
    /// Text or octets inside an element that holds only elements.
    #[error("there is text where only elements are allowed")]
    TextAmongElements,
    /// More than [`Limits::document`](crate::Limits::document) octets.
    #[error("the document is larger than {0} octets")]
    DocumentTooLarge(usize),
    /// More than [`Limits::depth`](crate::Limits::depth) elements inside one another.
    #[error("elements are nested deeper than {0}")]
    TooDeep(u16),
    /// More than [`Limits::elements`](crate::Limits::elements) elements and attributes.
    #[error("there are more than {0} elements and attributes")]
    TooManyElements(u32),
    /// A string table of more than [`Limits::string_table`](crate::Limits::string_table) octets.
    #[error("the string table is larger than {0} octets")]
    StringTableTooLarge(usize),
    /// More than [`Limits::expansion`](crate::Limits::expansion) octets of text out of the string table.
    #[error("the string table expands to more than {0} octets")]
    ExpansionTooLarge(usize),
    /// A name or namespace of more than [`Limits::name`](crate::Limits::name) octets.
    #[error("a name is longer than {0} octets")]
    NameTooLong(usize),
    /// More than [`Limits::attributes`](crate::Limits::attributes) attributes on one element, or too many namespaces in force.
    #[error("there are more than {0} attributes or namespaces in one place")]
    TooManyAttributes(u16),
    /// XML that is not well-formed.
    #[error("the XML is not well-formed: {0}")]
    Xml(&'static str),
    /// An XML entity that is not one of the five predefined ones.
    #[error("an entity reference other than the five predefined ones")]
    Entity,
    /// Neither identifier nor root element says what kind of document this is.
    #[error("the document is of no known kind")]
    CodeSpace,
    /// An XML prefix that nobody declared.
    #[error("a namespace prefix is not declared")]
    Prefix,
}

/// What people call the character sets that are met without being taken.
fn charset_name(mib: u32) -> &'static str {
    match mib {
        17 => " (Shift_JIS)",
        1000 => " (UCS-2)",
        1013 => " (UTF-16BE)",
        1014 => " (UTF-16LE)",
        1015 => " (UTF-16)",
        2025 => " (GB2312)",
        2026 => " (Big5)",
        _ => "",
    }
}

impl ErrorKind {
    /// A short name for scripts: lower case, words joined by `-`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Version(_) => "version",
            Self::Charset(_) => "charset",
            Self::Integer => "integer",
            Self::Name => "name",
            Self::RepeatedAttribute => "repeated-attribute",
            Self::StringReference(_) => "string-reference",
            Self::Token(_) => "token",
            Self::Character(_) => "character",
            Self::Encoding => "encoding",
            Self::NotText => "not-text",
            Self::OutsideRoot => "outside-root",
            Self::ElementInText => "element-in-text",
            Self::TextAmongElements => "text-among-elements",
            Self::DocumentTooLarge(_) => "document-too-large",
            Self::TooDeep(_) => "too-deep",
            Self::TooManyElements(_) => "too-many-elements",
            Self::StringTableTooLarge(_) => "string-table-too-large",
            Self::ExpansionTooLarge(_) => "expansion-too-large",
            Self::NameTooLong(_) => "name-too-long",
            Self::TooManyAttributes(_) => "too-many-attributes",
            Self::Xml(_) => "xml",
            Self::Entity => "entity",
            Self::CodeSpace => "code-space",
            Self::Prefix => "prefix",
        }
    }

    /// Whether a limit was reached, rather than the document being malformed.
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::DocumentTooLarge(_)
                | Self::TooDeep(_)
                | Self::TooManyElements(_)
                | Self::StringTableTooLarge(_)
                | Self::ExpansionTooLarge(_)
                | Self::NameTooLong(_)
                | Self::TooManyAttributes(_)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind().name(), self.offset())?;
        if !self.path().is_empty() {
            write!(f, " in {}", self.path())?;
        }
        write!(f, ": {}", self.kind())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Error {}

//! Values as commands carry them: data with a format and a type in words, each optional (TND 1.2.1 §7.7.2).

use alloc::string::String;

use dm_syncml::Data;

use crate::error::RefusalKind;
use crate::node::NewNode;
use crate::value::{Format, Value, ValueError};

/// What an Add or Replace carries: the data and what the Meta says about them.
///
/// ```
/// use dm_tree::Content;
///
/// let text = Content::new(b"text");
/// let number = Content::new(b"5").with_format("int");
/// let folder = Content::interior("urn:oma:mo:oma-dm-dmacc:1.0");
/// # let _ = (text, number, folder);
/// ```
#[derive(Clone, Copy, Default)]
#[must_use]
pub struct Content<'a> {
    format: Option<&'a str>,
    mime: Option<&'a str>,
    data: &'a [u8],
    is_markup: bool,
}

impl<'a> Content<'a> {
    /// Data of the default format and type, `chr` and `text/plain`.
    pub const fn new(data: &'a [u8]) -> Self {
        Self { format: None, mime: None, data, is_markup: false }
    }

    /// No data: an interior node, with a management object identifier that may be empty.
    pub const fn interior(mo_id: &'a str) -> Self {
        Self { format: Some("node"), mime: Some(mo_id), data: &[], is_markup: false }
    }

    /// Sets what `Meta/Format` says.
    pub const fn with_format(mut self, format: &'a str) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets what `Meta/Type` says.
    pub const fn with_type(mut self, mime: &'a str) -> Self {
        self.mime = Some(mime);
        self
    }

    /// Elements instead of data. No leaf takes them; whatever else is wrong with the command is said first.
    pub(crate) const fn markup() -> Self {
        Self { format: None, mime: None, data: &[], is_markup: true }
    }

    /// The data of a property, which are text whatever the Meta says.
    pub(crate) fn property_text(&self) -> Option<&'a str> {
        if self.is_markup { None } else { core::str::from_utf8(self.data).ok() }
    }

    /// The data as they came.
    #[must_use]
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Whether it is a serialised subtree, in either encoding.
    pub(crate) fn is_serialised_tree(&self) -> bool {
        const PREFIX: &str = "application/vnd.syncml.dmtnds";
        self.mime
            .and_then(|mime| mime.trim().get(..PREFIX.len()))
            .is_some_and(|mime| mime.eq_ignore_ascii_case(PREFIX))
    }

    /// What an Add of this makes.
    pub(crate) fn to_new_node(self, max_len: usize) -> Result<NewNode, RefusalKind> {
        let format = self.format(Format::Chr)?;
        if format != Format::Node {
            return self.to_value(format, Value::DEFAULT_TYPE, false, max_len).map(NewNode::Leaf);
        }
        let mo_id = self.mime.unwrap_or_default().trim();
        if !self.data.is_empty() || !mo_id.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(RefusalKind::Format);
        }
        if mo_id.len() > Value::MAX_TYPE_LEN {
            return Err(RefusalKind::TooLarge);
        }
        Ok(NewNode::Interior { mo_id: mo_id.into() })
    }

    /// What a Replace makes of a leaf that has this format and type. A permanent one keeps them: what the Meta
    /// leaves out then means "as before", and what it says must not differ (RepPro 1.2.1, Replace).
    pub(crate) fn to_replacement(
        self,
        format: Format,
        mime: &str,
        is_permanent: bool,
        max_len: usize,
    ) -> Result<Value, RefusalKind> {
        let stated = self.format(if is_permanent { format } else { Format::Chr })?;
        let keeps_base64 = format == Format::B64;
        if stated == Format::Node {
            return Err(if is_permanent { RefusalKind::FixedFormat } else { RefusalKind::Format });
        }
        if is_permanent {
            let stored = if stated == Format::B64 && !keeps_base64 { Format::Bin } else { stated };
            let other_type = self.stated_type().is_some_and(|stated| !stated.eq_ignore_ascii_case(mime));
            if stored != format || other_type {
                return Err(RefusalKind::FixedFormat);
            }
        }
        let default_type = if is_permanent { mime } else { Value::DEFAULT_TYPE };
        self.to_value(stated, default_type, keeps_base64, max_len)
    }

    fn format(&self, default: Format) -> Result<Format, RefusalKind> {
        if self.is_markup {
            return Err(RefusalKind::Format);
        }
        match self.format.map(str::trim) {
            None | Some("") => Ok(default),
            Some(name) => Format::from_name(name).ok_or(RefusalKind::Format),
        }
    }

    fn stated_type(&self) -> Option<&'a str> {
        self.mime.map(str::trim).filter(|mime| !mime.is_empty())
    }

    /// Bytes that came as base64 text are stored as bytes, unless the node's own format is base64 text.
    fn to_value(
        self,
        format: Format,
        default_type: &str,
        keeps_base64: bool,
        max_len: usize,
    ) -> Result<Value, RefusalKind> {
        let (format, data) = if format == Format::B64 && !keeps_base64 {
            let data = Data::octets(self.data);
            let data = data.decoded(Some(&dm_syncml::Format::B64)).map_err(|_| RefusalKind::Format)?;
            (Format::Bin, data.into_owned())
        } else if self.data.len() > max_len {
            return Err(if format.accepts(self.data) { RefusalKind::TooLarge } else { RefusalKind::Format });
        } else {
            (format, self.data.to_vec())
        };
        if data.len() > max_len {
            return Err(RefusalKind::TooLarge);
        }
        let mime = self.stated_type().unwrap_or(default_type);
        let mime: alloc::borrow::Cow<'static, str> =
            if mime == Value::DEFAULT_TYPE { Value::DEFAULT_TYPE.into() } else { String::from(mime).into() };
        Value::new(format, mime, data).map_err(|error| match error {
            ValueError::Type if self.mime.is_some_and(|mime| mime.len() > Value::MAX_TYPE_LEN) => {
                RefusalKind::TooLarge
            }
            _ => RefusalKind::Format,
        })
    }
}

/// Shows how long the data are, not what they say.
impl core::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Content")
            .field("format", &self.format)
            .field("mime", &self.mime)
            .field("data", &format_args!("({} bytes)", self.data.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const MAX: usize = 8;

    fn added(content: Content<'_>) -> Result<(Format, Vec<u8>), RefusalKind> {
        match content.to_new_node(MAX)? {
            NewNode::Leaf(value) => Ok((value.format(), value.data().to_vec())),
            NewNode::Interior { .. } => Ok((Format::Node, Vec::new())),
        }
    }

    #[test]
    fn adding() {
        for (content, expected) in [
            (Content::new(b"x"), Ok((Format::Chr, b"x".to_vec()))),
            (Content::new(b"QU\r\nJD ").with_format("b64"), Ok((Format::Bin, b"ABC".to_vec()))),
            (Content::new(b"AAAAAAAAAAA=").with_format("b64"), Ok((Format::Bin, [0; 8].to_vec()))),
            (Content::new(b"AAAAAAAAAAAA").with_format("b64"), Err(RefusalKind::TooLarge)),
            (Content::new(b"QUJD").with_format("bin"), Ok((Format::Bin, b"QUJD".to_vec()))),
            (Content::new(b"QUJ").with_format("b64"), Err(RefusalKind::Format)),
            (Content::new(b"x").with_format("int"), Err(RefusalKind::Format)),
            (Content::new(b"x").with_format("CHR"), Err(RefusalKind::Format)),
            (Content::new(b"\xff"), Err(RefusalKind::Format)),
            (Content::new(b"123456789"), Err(RefusalKind::TooLarge)),
            (Content::new(b"12345678x").with_format("int"), Err(RefusalKind::Format)),
            (Content::interior(""), Ok((Format::Node, Vec::new()))),
            (Content::new(b"x").with_format("node"), Err(RefusalKind::Format)),
            (Content::new(b"").with_format("null"), Ok((Format::Null, Vec::new()))),
            (Content::new(b"x").with_format("null"), Err(RefusalKind::Format)),
            (Content::new(b"x").with_type("t\u{7f}"), Err(RefusalKind::Format)),
        ] {
            assert_eq!(added(content), expected, "{content:?}");
        }
    }

    #[test]
    fn replacing() {
        let permanent = |content: Content<'_>, format| {
            content.to_replacement(format, "text/plain", true, MAX).map(|v| v.format())
        };
        assert_eq!(permanent(Content::new(b"5"), Format::Int), Ok(Format::Int));
        assert_eq!(permanent(Content::new(b"x"), Format::Int), Err(RefusalKind::Format));
        assert_eq!(
            permanent(Content::new(b"5").with_format("chr"), Format::Int),
            Err(RefusalKind::FixedFormat)
        );
        assert_eq!(
            permanent(Content::new(b"").with_format("node"), Format::Int),
            Err(RefusalKind::FixedFormat)
        );
        assert_eq!(permanent(Content::new(b"QQ==").with_format("b64"), Format::Bin), Ok(Format::Bin));
        assert_eq!(permanent(Content::new(b"QQ==").with_format("b64"), Format::B64), Ok(Format::B64));
        assert_eq!(permanent(Content::new(b"x").with_type("TEXT/plain"), Format::Chr), Ok(Format::Chr));
        assert_eq!(
            permanent(Content::new(b"x").with_type("a/b"), Format::Chr),
            Err(RefusalKind::FixedFormat)
        );
        let dynamic = Content::new(b"5").to_replacement(Format::Int, "a/b", false, MAX).unwrap();
        assert_eq!((dynamic.format(), dynamic.mime()), (Format::Chr, "text/plain"));
    }

    #[test]
    fn serialised_trees_are_seen() {
        for (mime, expected) in [
            ("application/vnd.syncml.dmtnds+xml", true),
            ("application/vnd.syncml.dmtnds+wbxml", true),
            ("Application/VND.syncml.DMTNDS+xml", true),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(Content::new(b"").with_type(mime).is_serialised_tree(), expected);
        }
    }
}

//! What a leaf holds: bytes with a format and a type (TND 1.2.1 §7.7.2 and the Type property).

mod format;
mod iso8601;

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::StatusCode;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

pub use format::Format;

/// The value of a leaf: data that is what its [`Format`] says, and a MIME type.
///
/// For data that nobody should see: a value marked [`secret`](Self::into_secret) shows nothing in
/// `Debug` and is wiped on drop. Comparison takes the same time wherever the data differ.
///
/// ```
/// use dm_tree::{Format, Value};
///
/// let value = Value::int(-5);
/// assert_eq!((value.format(), value.mime(), value.data()), (Format::Int, "text/plain", &b"-5"[..]));
/// assert!(Value::new(Format::Int, "text/plain", b"five".to_vec()).is_err());
/// ```
#[derive(Clone)]
pub struct Value {
    format: Format,
    mime: Cow<'static, str>,
    data: Box<[u8]>,
    secret: bool,
}

impl Value {
    /// The type of a value that states none.
    pub const DEFAULT_TYPE: &'static str = "text/plain";
    /// The longest type, in bytes. RFC 6838 §4.2 allows 127 for each side of the slash.
    pub const MAX_TYPE_LEN: usize = 255;

    /// A value of any format.
    ///
    /// # Errors
    ///
    /// [`ValueError`] when the data are not what the format says, the format is `node`, or the type is too long,
    /// empty or not printable ASCII.
    pub fn new(
        format: Format,
        mime: impl Into<Cow<'static, str>>,
        data: impl Into<Vec<u8>>,
    ) -> Result<Self, ValueError> {
        let data: Vec<u8> = data.into();
        let value = Self { format, mime: mime.into(), data: data.into_boxed_slice(), secret: false };
        if format == Format::Node {
            return Err(ValueError::Node);
        }
        if value.mime.is_empty()
            || value.mime.len() > Self::MAX_TYPE_LEN
            || !value.mime.bytes().all(|b| matches!(b, b' '..=b'~'))
        {
            return Err(ValueError::Type);
        }
        if !format.accepts(&value.data) {
            return Err(ValueError::Data(format));
        }
        Ok(value)
    }

    /// Text, format `chr`.
    #[must_use]
    pub fn chr(text: impl Into<String>) -> Self {
        Self::plain(Format::Chr, text.into().into_bytes())
    }

    /// Bytes, format `bin`, type `application/octet-stream`.
    #[must_use]
    pub fn bin(data: impl Into<Vec<u8>>) -> Self {
        let mut value = Self::plain(Format::Bin, data.into());
        value.mime = Cow::Borrowed("application/octet-stream");
        value
    }

    /// A truth value, format `bool`.
    #[must_use]
    pub fn bool(value: bool) -> Self {
        Self::plain(Format::Bool, value.to_string().into_bytes())
    }

    /// A number, format `int`.
    #[must_use]
    pub fn int(value: i32) -> Self {
        Self::plain(Format::Int, value.to_string().into_bytes())
    }

    /// A number, format `float`.
    #[must_use]
    pub fn float(value: f32) -> Self {
        let text = if value.is_infinite() {
            String::from(if value > 0.0 { "INF" } else { "-INF" })
        } else {
            value.to_string()
        };
        Self::plain(Format::Float, text.into_bytes())
    }

    /// No data, format `null`.
    #[must_use]
    pub fn null() -> Self {
        Self::plain(Format::Null, Vec::new())
    }

    /// The same value, wiped on drop and hidden in `Debug`.
    #[must_use]
    pub fn into_secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The format.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The MIME type.
    #[must_use]
    pub fn mime(&self) -> &str {
        &self.mime
    }

    /// The bytes, unencoded.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The bytes as text; `None` when they are not UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(&self.data).ok()
    }

    /// The number; `None` for another format.
    #[must_use]
    pub fn as_int(&self) -> Option<i32> {
        self.text_of(Format::Int)?.parse().ok()
    }

    /// The truth value; `None` for another format.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.text_of(Format::Bool)?.parse().ok()
    }

    /// The number; `None` for another format.
    #[must_use]
    pub fn as_float(&self) -> Option<f32> {
        match self.text_of(Format::Float)? {
            "INF" => Some(f32::INFINITY),
            "-INF" => Some(f32::NEG_INFINITY),
            text => text.parse().ok(),
        }
    }

    fn text_of(&self, format: Format) -> Option<&str> {
        if self.format == format { self.as_str() } else { None }
    }

    /// Whether the value is hidden and wiped.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.secret
    }

    /// What a leaf of this format begins with where nobody says: nothing, or what comes nearest to it.
    pub(crate) const fn zero(format: Format) -> &'static str {
        match format {
            Format::Int | Format::Float => "0",
            Format::Bool => "false",
            Format::Date => "19700101",
            Format::Time => "000000Z",
            _ => "",
        }
    }

    pub(crate) fn type_cow(&self) -> Cow<'static, str> {
        self.mime.clone()
    }

    fn plain(format: Format, data: Vec<u8>) -> Self {
        Self { format, mime: Cow::Borrowed(Self::DEFAULT_TYPE), data: data.into_boxed_slice(), secret: false }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        let same_data: bool = self.data.ct_eq(&other.data).into();
        self.format == other.format && self.mime == other.mime && same_data
    }
}

impl Eq for Value {}

impl Drop for Value {
    fn drop(&mut self) {
        if self.secret {
            self.data.zeroize();
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.format, self.mime)?;
        match self.as_str() {
            _ if self.secret => f.write_str("(redacted)"),
            Some(text) => write!(f, "{text:?}"),
            None => write!(f, "({} bytes)", self.data.len()),
        }
    }
}

/// Why something is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The data are not of the format.
    #[error("data that are not of format {0}")]
    Data(Format),
    /// Format `node` is that of interior nodes, which have no value.
    #[error("a value of format node")]
    Node,
    /// The type is empty, longer than [`Value::MAX_TYPE_LEN`] or not printable ASCII.
    #[error("a type that cannot be one")]
    Type,
}

impl ValueError {
    /// What to answer: 415.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        StatusCode::UNSUPPORTED_FORMAT
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn formats_judge_data() {
        for (format, good, bad) in [
            (Format::Chr, &["", "ü"][..], &[][..]),
            (Format::Bool, &["true", "false"], &["", "1", "True"]),
            (Format::Int, &["0", "-2147483648", "2147483647"], &["", "2147483648", "1.0", " 1", "x"]),
            (Format::Float, &["1", "-1.5e3", "INF", "NaN"], &["", "infinity", "nan", "1e", "--1"]),
            (Format::Date, &["20240229", "2024-02-29", "2024-W09"], &["", "29. Feb"]),
            (Format::Time, &["120000Z", "12:00:00+01:00"], &["", "noon", "25:00"]),
            (Format::B64, &["", "QUJD", "QQ==\n"], &["?"]),
            (Format::Null, &[""], &["x"]),
            (Format::Node, &[], &[""]),
        ] {
            assert_eq!(Format::from_name(format.name()), Some(format));
            for text in good {
                assert!(format.accepts(text.as_bytes()), "{format} {text:?}");
            }
            for text in bad {
                assert!(!format.accepts(text.as_bytes()), "{format} {text:?}");
            }
        }
        assert!(!Format::Chr.accepts(b"\xff"));
        assert!(Format::Bin.accepts(b"\xff"));
    }

    #[test]
    fn typed_values() {
        assert_eq!(Value::int(-5).as_int(), Some(-5));
        assert_eq!(Value::chr("5").as_int(), None);
        assert_eq!(Value::bool(true).as_bool(), Some(true));
        for number in [0.1, -1.5e-30, f32::MAX, f32::INFINITY, f32::NEG_INFINITY] {
            let value = Value::float(number);
            assert!(Format::Float.accepts(value.data()), "{value:?}");
            assert_eq!(value.as_float(), Some(number));
        }
        assert!(Value::float(f32::NAN).as_float().unwrap().is_nan());
    }

    #[test]
    fn types_are_checked() {
        for mime in ["", "ü", "a\n"] {
            assert_eq!(Value::new(Format::Chr, mime, ""), Err(ValueError::Type));
        }
        assert_eq!(Value::new(Format::Chr, "a".repeat(256), ""), Err(ValueError::Type));
    }

    #[test]
    fn secrets_do_not_show() {
        let value = Value::chr("hunter2").into_secret();
        assert!(!format!("{value:?}").contains("hunter2"));
        assert_eq!(value, Value::chr("hunter2"));
        assert_eq!(format!("{:?}", Value::chr("x")), r#"chr text/plain "x""#);
    }
}

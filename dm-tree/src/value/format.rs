//! The formats a value may have.

use core::fmt;

use super::iso8601;

/// The format of a node's value: its `Format` property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Format {
    /// Text that is itself base64. (Bytes that merely travel as base64 are [`Bin`](Self::Bin).)
    B64,
    /// Bytes.
    Bin,
    /// `true` or `false`.
    Bool,
    /// UTF-8 text, the default.
    #[default]
    Chr,
    /// An ISO 8601 date.
    Date,
    /// A single-precision number, as XML Schema spells it.
    Float,
    /// A signed 32-bit decimal.
    Int,
    /// No value at all: an interior node.
    Node,
    /// A leaf without data.
    Null,
    /// An ISO 8601 time.
    Time,
    /// XML text.
    Xml,
}

impl Format {
    /// The format of this name, as `Meta/Format` spells it; `None` for any other text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "b64" => Self::B64,
            "bin" => Self::Bin,
            "bool" => Self::Bool,
            "chr" => Self::Chr,
            "date" => Self::Date,
            "float" => Self::Float,
            "int" => Self::Int,
            "node" => Self::Node,
            "null" => Self::Null,
            "time" => Self::Time,
            "xml" => Self::Xml,
            _ => return None,
        })
    }

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::B64 => "b64",
            Self::Bin => "bin",
            Self::Bool => "bool",
            Self::Chr => "chr",
            Self::Date => "date",
            Self::Float => "float",
            Self::Int => "int",
            Self::Node => "node",
            Self::Null => "null",
            Self::Time => "time",
            Self::Xml => "xml",
        }
    }

    /// Whether `data` is a value of this format.
    #[must_use]
    pub fn accepts(self, data: &[u8]) -> bool {
        let is_made_of = |more: &[u8]| {
            !data.is_empty() && data.iter().all(|byte| byte.is_ascii_digit() || more.contains(byte))
        };
        let text = || core::str::from_utf8(data).unwrap_or_default();
        match self {
            Self::Bin => true,
            Self::Chr | Self::Xml => core::str::from_utf8(data).is_ok(),
            Self::B64 => data
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b.is_ascii_whitespace() || b"+/=".contains(b)),
            Self::Bool => matches!(data, b"true" | b"false"),
            Self::Int => text().parse::<i32>().is_ok(),
            Self::Float => {
                matches!(data, b"INF" | b"-INF" | b"NaN")
                    || (is_made_of(b"+-.eE") && text().parse::<f32>().is_ok())
            }
            Self::Date => iso8601::is_date(data),
            Self::Time => iso8601::is_time(data),
            Self::Null => data.is_empty(),
            Self::Node => false,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

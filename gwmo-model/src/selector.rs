//! Which devices are meant, said by what is known of them.

mod error;
mod field;
mod grammar;
mod version;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use crate::inventory::{DeviceRecord, FactSet};
use field::Known;

pub use error::{SelectorError, SelectorErrorKind};
pub use field::Field;

/// An expression over the facts of a device, for groups by rule, targets of jobs, rules of modes and queries.
///
/// ```text
/// expr  := term ("|" term)*
/// term  := part ("&" part)*
/// part  := "!" part | "(" expr ")" | field op value
/// op    := "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"
/// value := a string in double quotes, with \" and \\ in it, or digits and dots without
/// ```
///
/// A field is the name of a leaf of the device's record ([`Field`]). Of texts, `=` and `!=` compare them as they are
/// spelled (identifiers of devices: the scheme without regard to case), `~` asks whether one begins with the value, and `<` and
/// its like compare what looks like versions: runs of digits as numbers, so 2.9 is before 2.10, and 2.0 before 2.0.1. Of
/// numbers all but `~` can be asked. Fields with several values, such as `MOs`, match when one of them does, and `!=` when none is equal.
///
/// What is not known of a device makes a comparison false, `!=` as well; so does a field that does not exist, which
/// [`check`](Self::check) reports before it matters. Evaluation is linear in the length of the expression and of what is known.
///
/// What is shown is the shortest spelling, and reading that gives the same again.
///
/// ```
/// use dm_syncml::Instant;
/// use gwmo_model::{DeviceId, Fact, Inventory, InventoryConfig, Selector, Sighting};
///
/// let mut inventory = Inventory::new(InventoryConfig::default());
/// let seen = Sighting::new(0).with(Fact::Model, "X1").with(Fact::Firmware, "2.9");
/// let camera = inventory.handle_seen(Instant::EPOCH, &DeviceId::new("camera:1")?, &seen)?;
///
/// let old: Selector = r#"AttachStatus = 1 & (Info/Mod ~ "X" | Info/Mod = "Y") & Info/Fw < 2.10"#.parse()?;
/// assert_eq!(old.to_string(), r#"AttachStatus=1&(Info/Mod~"X"|Info/Mod="Y")&Info/Fw<2.10"#);
/// assert_eq!(inventory.select(&old).serials(), [camera]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selector {
    expr: Expr,
    facts: FactSet,
}

/// An expression. What is flat in the text is flat here: no `Any` directly in an `Any`, no `All` directly in an `All`, and
/// both have at least two members.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Expr {
    Any(Vec<Self>),
    All(Vec<Self>),
    Not(Box<Self>),
    Test(Test),
}

/// One comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Test {
    path: Path,
    op: Op,
    value: Box<str>,
    /// The value as a number, if it is one.
    number: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Path {
    Field(Field),
    /// Well-formed, but no field.
    Unknown(Box<str>),
}

/// How a field is compared with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Prefix,
}

impl Selector {
    /// Longest text, and longest spelling of what it means, in octets. It has to fit into one small node.
    pub const MAX_LEN: usize = 512;
    /// Deepest nesting of parentheses and negations.
    pub const MAX_DEPTH: usize = 16;

    /// Reads a selector.
    ///
    /// # Errors
    ///
    /// When it is too long, too deep or does not follow the grammar. A field that does not exist is no error here.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        if text.len() > Self::MAX_LEN {
            return Err(SelectorError::new(SelectorErrorKind::TooLong, Self::MAX_LEN));
        }
        let expr = grammar::selector(text)?;
        let facts = expr.facts();
        let selector = Self { expr, facts };
        // Names that devices use for a field are shorter than its own.
        let mut len = Length(0);
        let _ = fmt::Write::write_fmt(&mut len, format_args!("{selector}"));
        if len.0 > Self::MAX_LEN {
            return Err(SelectorError::new(SelectorErrorKind::TooLong, text.len()));
        }
        Ok(selector)
    }

    /// Whether every comparison can ever be true. Result code 1402
    /// ([`ResultCode::BAD_TARGET`](crate::ResultCode::BAD_TARGET)) says so of a job.
    ///
    /// # Errors
    ///
    /// The first comparison with a field that does not exist, or of a number with what is none. Its offset is that in
    /// the selector as it is shown.
    pub fn check(&self) -> Result<(), SelectorError> {
        let mut offset = Length(0);
        self.expr.check(&mut offset)
    }

    /// Whether a device is meant.
    #[must_use]
    pub fn matches(&self, record: &DeviceRecord) -> bool {
        self.expr.matches(record)
    }

    /// The facts it looks at. A device of which none of these changed matches as it did before.
    #[must_use]
    pub const fn facts(&self) -> FactSet {
        self.facts
    }
}

impl Expr {
    fn facts(&self) -> FactSet {
        match self {
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().fold(FactSet::EMPTY, |facts, part| facts | part.facts())
            }
            Self::Not(part) => part.facts(),
            Self::Test(Test { path: Path::Field(field), .. }) => field.fact_set(),
            Self::Test(_) => FactSet::EMPTY,
        }
    }

    fn matches(&self, record: &DeviceRecord) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.matches(record)),
            Self::All(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Not(part) => !part.matches(record),
            Self::Test(test) => test.matches(record),
        }
    }

    /// Checks the tests in the order they are shown in, counting octets on the way.
    fn check(&self, offset: &mut Length) -> Result<(), SelectorError> {
        let (parts, open) = match self {
            Self::Test(test) => {
                test.check().map_err(|kind| SelectorError::new(kind, offset.0))?;
                let _ = fmt::Write::write_fmt(offset, format_args!("{self}"));
                return Ok(());
            }
            Self::Not(part) => (core::slice::from_ref(&**part), 1),
            Self::Any(parts) | Self::All(parts) => (&**parts, 0),
        };
        offset.0 += open;
        for (at, part) in parts.iter().enumerate() {
            let enclosed = usize::from(self.encloses(part));
            offset.0 += usize::from(at > 0) + enclosed;
            part.check(offset)?;
            offset.0 += enclosed;
        }
        Ok(())
    }

    /// Whether a part stands in parentheses in it.
    const fn encloses(&self, part: &Self) -> bool {
        matches!((self, part), (Self::Not(_), Self::Any(_) | Self::All(_)) | (Self::All(_), Self::Any(_)))
    }
}

impl Test {
    fn matches(&self, record: &DeviceRecord) -> bool {
        let Path::Field(field) = self.path else { return false };
        match field.known(record) {
            Known::Nothing => false,
            Known::Number(known) => self.number.is_some_and(|number| match self.op {
                Op::Equal => known == number,
                Op::NotEqual => known != number,
                Op::Less => known < number,
                Op::AtMost => known <= number,
                Op::Greater => known > number,
                Op::AtLeast => known >= number,
                Op::Prefix => false,
            }),
            Known::Text(known) => self.accepts(known, 0),
            Known::Id(id) => self.accepts(id.as_str(), id.scheme_len()),
            Known::Mos => self.accepts_one(record.mos()),
            Known::Servers => self.accepts_one(record.servers()),
        }
    }

    fn accepts_one<'a>(&self, mut known: impl Iterator<Item = &'a str>) -> bool {
        if self.op == Op::NotEqual {
            let mut some = false;
            let none_equal = known.all(|known| {
                some = true;
                *known != *self.value
            });
            return some && none_equal;
        }
        known.any(|known| self.accepts(known, 0))
    }

    /// Compares a text of which so many octets in front are compared without regard to case.
    fn accepts(&self, known: &str, folds: usize) -> bool {
        let value = &*self.value;
        let begins = |len: usize| {
            let (known, value) = (known.as_bytes(), value.as_bytes());
            let fold = folds.min(len);
            known.len() >= len
                && value.len() >= len
                && known[..fold].eq_ignore_ascii_case(&value[..fold])
                && known[fold..len] == value[fold..len]
        };
        let ordered = || version::compare(known, value);
        match self.op {
            Op::Equal => known.len() == value.len() && begins(value.len()),
            Op::NotEqual => !(known.len() == value.len() && begins(value.len())),
            Op::Prefix => begins(value.len()),
            Op::Less => ordered() == Ordering::Less,
            Op::AtMost => ordered() != Ordering::Greater,
            Op::Greater => ordered() == Ordering::Greater,
            Op::AtLeast => ordered() != Ordering::Less,
        }
    }

    fn check(&self) -> Result<(), SelectorErrorKind> {
        match &self.path {
            Path::Unknown(_) => Err(SelectorErrorKind::UnknownField),
            Path::Field(field) if field.is_number() && (self.number.is_none() || self.op == Op::Prefix) => {
                Err(SelectorErrorKind::NotANumber)
            }
            Path::Field(_) => Ok(()),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.expr, f)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parts, between) = match self {
            Self::Test(test) => return fmt::Display::fmt(test, f),
            Self::Not(part) => {
                f.write_str("!")?;
                (core::slice::from_ref(&**part), "")
            }
            Self::Any(parts) => (&**parts, "|"),
            Self::All(parts) => (&**parts, "&"),
        };
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                f.write_str(between)?;
            }
            if self.encloses(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.path {
            Path::Field(field) => field.path(),
            Path::Unknown(path) => path,
        })?;
        f.write_str(self.op.as_str())?;
        if grammar::is_plain(&self.value) {
            return f.write_str(&self.value);
        }
        f.write_str("\"")?;
        for part in self.value.split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                Some(plain) => {
                    f.write_str(plain)?;
                    f.write_str("\\")?;
                    f.write_str(&part[plain.len()..])?;
                }
                None => f.write_str(part)?,
            }
        }
        f.write_str("\"")
    }
}

impl Op {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Prefix => "~",
        }
    }
}

/// The text, as in a node.
#[cfg(feature = "serde")]
impl serde::Serialize for Selector {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Selector {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<'de, str>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Counts octets instead of writing them.
struct Length(usize);

impl fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

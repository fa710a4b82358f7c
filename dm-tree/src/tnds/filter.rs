//! Which properties a serialised tree shows.

use core::fmt;

/// What follows `TNDS` in `?list=TNDS`: nothing, `+` before each property that is wanted, or `-` before each that is
/// not (TND 1.2.1, TNDS).
///
/// Name and Size may be named and change nothing: a node has its name anyway, and no size.
///
/// ```
/// use dm_tree::tnds::Filter;
///
/// let filter = Filter::parse("-ACL-Value")?;
/// assert!(filter.shows(Filter::TYPE) && !filter.shows(Filter::VALUE));
/// assert_eq!(filter.to_string(), "+Format+Title+TStamp+Type+VerNo");
/// assert!(Filter::parse("+ACL-Value").is_err());
/// # Ok::<(), dm_tree::tnds::FilterError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Filter(u8);

impl Filter {
    /// The access control list.
    pub const ACL: Self = Self(1);
    /// The format.
    pub const FORMAT: Self = Self(1 << 1);
    /// The title.
    pub const TITLE: Self = Self(1 << 2);
    /// When the node changed last.
    pub const T_STAMP: Self = Self(1 << 3);
    /// The type.
    pub const TYPE: Self = Self(1 << 4);
    /// How often the node changed.
    pub const VER_NO: Self = Self(1 << 5);
    /// The value of a leaf.
    pub const VALUE: Self = Self(1 << 6);
    /// Everything: what nothing behind `TNDS` means.
    pub const ALL: Self = Self(0x7F);
    const NONE: Self = Self(0);

    const NAMES: [(&'static str, Self); 9] = [
        ("ACL", Self::ACL),
        ("Format", Self::FORMAT),
        ("Name", Self::NONE),
        ("Size", Self::NONE),
        ("Title", Self::TITLE),
        ("TStamp", Self::T_STAMP),
        ("Type", Self::TYPE),
        ("VerNo", Self::VER_NO),
        ("Value", Self::VALUE),
    ];

    /// Reads what follows `TNDS`.
    ///
    /// # Errors
    ///
    /// A property nobody knows, a sign without a property, or both signs; a server gets 406.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut signs = text.chars();
        let sign = match signs.next() {
            None => return Ok(Self::ALL),
            Some(sign @ ('+' | '-')) => sign,
            Some(_) => return Err(FilterError::Sign),
        };
        let mut named = Self::NONE;
        for name in signs.as_str().split(sign) {
            if name.contains(['+', '-']) {
                return Err(FilterError::MixedSigns);
            }
            let found = Self::NAMES.iter().find(|(known, _)| *known == name);
            let (_, property) = found.ok_or(FilterError::UnknownProperty)?;
            named = named.with(*property);
        }
        Ok(if sign == '+' { named } else { Self(Self::ALL.0 & !named.0) })
    }

    /// Whether these properties are shown.
    #[must_use]
    pub const fn shows(self, properties: Self) -> bool {
        self.0 & properties.0 == properties.0
    }

    /// These properties and those.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::ALL
    }
}

/// As it stands behind `TNDS`.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ALL => Ok(()),
            // A name always comes along.
            Self::NONE => f.write_str("+Name"),
            _ => Self::NAMES
                .iter()
                .filter(|(_, property)| *property != Self::NONE && self.shows(*property))
                .try_for_each(|(name, _)| write!(f, "+{name}")),
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter(TNDS{self})")
    }
}

/// Why a filter is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Something other than `+` or `-`.
    #[error("a filter begins with + or -")]
    Sign,
    /// Both signs in one filter.
    #[error("a filter has either + or -")]
    MixedSigns,
    /// A property that nobody knows.
    #[error("no such property")]
    UnknownProperty,
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn filters() {
        for (text, expected) in [
            ("", Ok(Filter::ALL)),
            ("+ACL", Ok(Filter::ACL)),
            ("+ACL+Value", Ok(Filter::ACL.with(Filter::VALUE))),
            ("+Name+Size", Ok(Filter::NONE)),
            ("-Name", Ok(Filter::ALL)),
            ("-ACL-Format-Title-TStamp-Type-VerNo", Ok(Filter::VALUE)),
            ("ACL", Err(FilterError::Sign)),
            ("+", Err(FilterError::UnknownProperty)),
            ("+ACL+", Err(FilterError::UnknownProperty)),
            ("+acl", Err(FilterError::UnknownProperty)),
            ("+ACL-Value", Err(FilterError::MixedSigns)),
            ("-ACL+Value", Err(FilterError::MixedSigns)),
        ] {
            assert_eq!(Filter::parse(text), expected, "{text}");
        }
        for bits in 0..=0x7F {
            let filter = Filter(bits);
            assert_eq!(Filter::parse(&filter.to_string()), Ok(filter), "{filter}");
        }
    }
}

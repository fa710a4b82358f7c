//! What every identifier that reaches a management tree must hold, checked once.

use crate::error::{IdError, IdErrorKind};

/// Checks that `text` is neither empty nor longer than `max` octets and that a `chr` node can carry it.
pub(crate) fn check(text: &str, max: usize) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::new(IdErrorKind::Empty, 0));
    }
    if text.len() > max {
        return Err(IdError::new(IdErrorKind::TooLong { max }, max));
    }
    match unprintable(text) {
        Some(offset) => Err(IdError::new(IdErrorKind::ControlCharacter, offset)),
        None => Ok(()),
    }
}

/// Where the first character stands that neither XML nor a log line should meet.
pub(crate) fn unprintable(text: &str) -> Option<usize> {
    text.char_indices()
        .find(|&(_, c)| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
        .map(|(at, _)| at)
}

/// A checked, cheaply cloned text identifier compared as it is spelled.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(alloc::sync::Arc<str>);

        impl $name {
            /// Longest identifier, in octets.
            pub const MAX_LEN: usize = $max;

            /// Checks and takes an identifier.
            ///
            /// # Errors
            ///
            /// When it is empty, longer than [`MAX_LEN`](Self::MAX_LEN) octets or holds a control character.
            pub fn new(text: &str) -> Result<Self, $crate::IdError> {
                $crate::identifier::check(text, Self::MAX_LEN)?;
                Ok(Self(text.into()))
            }

            /// The identifier as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        $crate::identifier::text_traits!($name);
    };
}

/// The conversions and renderings every identifier has.
macro_rules! text_traits {
    ($name:ident) => {
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl core::str::FromStr for $name {
            type Err = $crate::IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = alloc::borrow::Cow::<'de, str>::deserialize(from)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = $crate::IdError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }
    };
}

pub(crate) use {identifier, text_traits};

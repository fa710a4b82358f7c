//! The version of the notification format, and which ones a receiver takes.

use core::fmt;

use crate::{ValueError, ValueErrorKind};

/// The version of the notification format, times ten, in ten bits (DM Notification 1.2.1, trigger header).
///
/// It counts the notification, not the protocol: DM 1.2 and 1.2.1 send [`Version::V1_1`].
///
/// ```
/// use dm_notification::Version;
///
/// assert_eq!(Version::default().get(), 11);
/// assert_eq!(Version::V1_1.to_string(), "1.1");
/// assert!(Version::new(1024).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u16);

impl Version {
    /// 10: seen from early servers.
    pub const V1_0: Self = Self(10);
    /// 11: what DM 1.2 and 1.2.1 require.
    pub const V1_1: Self = Self(11);
    /// 12: what Data Sync 1.2 uses, and some device management servers with it.
    pub const V1_2: Self = Self(12);
    /// 1023, the largest that fits.
    pub const MAX: Self = Self(0x3FF);

    /// The version with this field value, ten times the number people say.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::VersionTooLarge`] above 1023.
    pub const fn new(field: u16) -> Result<Self, ValueError> {
        if field > Self::MAX.0 {
            return Err(ValueError::new(ValueErrorKind::VersionTooLarge(field)));
        }
        Ok(Self(field))
    }

    /// The low ten bits of `bits`.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self((bits & 0x3FF) as u16)
    }

    /// The field value, ten times the number people say.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for Version {
    /// [`Version::V1_1`].
    fn default() -> Self {
        Self::V1_1
    }
}

/// As people say it: 11 is `1.1`.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({self})", self.0)
    }
}

/// Which versions a receiver takes. The standard does not say what to do with others than 11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionPolicy {
    first: Version,
    last: Version,
}

impl VersionPolicy {
    /// 11 only: what the standard has senders write.
    pub const STRICT: Self = Self::range(Version::V1_1, Version::V1_1);
    /// 10 to 12: the versions seen from real servers, all with the same layout.
    pub const FIELD: Self = Self::range(Version::V1_0, Version::V1_2);

    /// The versions from `first` to `last`, both included; none if `first` is above `last`.
    #[must_use]
    pub const fn range(first: Version, last: Version) -> Self {
        Self { first, last }
    }

    /// Whether `version` is one of them.
    #[must_use]
    pub const fn accepts(self, version: Version) -> bool {
        self.first.0 <= version.0 && version.0 <= self.last.0
    }
}

impl Default for VersionPolicy {
    /// [`VersionPolicy::STRICT`].
    fn default() -> Self {
        Self::STRICT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn ten_bits_fit_and_eleven_do_not() {
        for field in 0..=u16::MAX {
            match Version::new(field) {
                Ok(version) => {
                    assert!(field < 1024);
                    assert_eq!(version.get(), field);
                    assert_eq!(Version::from_bits(field.into()), version);
                }
                Err(error) => {
                    assert!(field >= 1024);
                    assert_eq!(error.kind(), ValueErrorKind::VersionTooLarge(field));
                }
            }
        }
    }

    #[test]
    fn policies_take_what_they_say() {
        for field in 0..1024 {
            let version = Version::new(field).expect("ten bits");
            assert_eq!(VersionPolicy::STRICT.accepts(version), field == 11);
            assert_eq!(VersionPolicy::FIELD.accepts(version), (10..=12).contains(&field));
            assert!(!VersionPolicy::range(Version::V1_2, Version::V1_0).accepts(version));
        }
        assert_eq!(VersionPolicy::default(), VersionPolicy::STRICT);
    }

    #[test]
    fn text_is_the_number_people_say() {
        assert_eq!(Version::MAX.to_string(), "102.3");
        assert_eq!(format!("{:?}", Version::V1_1), "11 (1.1)");
    }
}

//! Wall-clock time, as the TStamp property has it (TND 1.2.1 §7.7, TStamp).

use core::fmt;
use core::num::NonZeroU64;

/// A second of UTC, in the years 1 to 9999. Displayed as ISO 8601 basic: `20261120T130358Z`.
///
/// ```
/// use dm_tree::Timestamp;
///
/// let time = Timestamp::from_unix(1_795_179_838).unwrap();
/// assert_eq!(time.to_string(), "20261120T130358Z");
/// assert_eq!(Timestamp::parse("20261120T130358Z"), Some(time));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// Seconds from the first of March of the year 0 to 1970.
const TO_UNIX: i64 = 719_468 * DAY;
const DAY: i64 = 86_400;

impl Timestamp {
    /// The earliest, the first second of the year 1, in seconds of Unix.
    const MIN: i64 = -62_135_596_800;
    /// The latest, the last second of the year 9999.
    const MAX: i64 = 253_402_300_799;

    /// Seconds since 1970-01-01T00:00:00Z; `None` outside the years 1 to 9999.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Option<Self> {
        if seconds < Self::MIN || seconds > Self::MAX {
            return None;
        }
        match NonZeroU64::new((seconds + TO_UNIX) as u64) {
            Some(since) => Some(Self(since)),
            None => None,
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0.get() as i64 - TO_UNIX
    }

    /// Reads `YYYYMMDDThhmmssZ`; `None` for anything else, leap seconds included.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_i64, |number, byte| {
                byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
            })
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        let is_time = hour < 24 && minute < 60 && second < 60;
        if !is_time || !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
            return None;
        }
        // Years that begin in March have the odd day at their end.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
        Self::from_unix(days * DAY + hour * 3600 + minute * 60 + second - TO_UNIX)
    }
}

/// The days of a month, counted from 1.
pub(crate) const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.get() as i64;
        let (days, second) = (since / DAY, since % DAY);
        // Eras of 400 years begin on the first of March.
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let date = day - (153 * month + 2) / 5 + 1;
        let (year, month) = (year + era * 400, if month < 10 { month + 3 } else { month - 9 });
        let year = if month <= 2 { year + 1 } else { year };
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}{month:02}{date:02}T{hour:02}{minute:02}{second:02}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_times() {
        for (unix, text) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (-1, "19691231T235959Z"),
            (Timestamp::MIN, "00010101T000000Z"),
            (Timestamp::MAX, "99991231T235959Z"),
        ] {
            let time = Timestamp::from_unix(unix).unwrap();
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::parse(text), Some(time));
            assert_eq!(time.unix(), unix);
        }
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
        for text in [
            "",
            "20230229T000000Z",
            "20240101T240000Z",
            "2024-01-01T00:00:00Z",
            "20241301T000000Z",
            "00000101T000000Z",
            "2024010aT000000Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
        assert!(
            Timestamp::from_unix(Timestamp::MAX + 1).is_none() && Timestamp::from_unix(i64::MIN).is_none()
        );
    }

    proptest! {
        #[test]
        fn there_and_back(unix in Timestamp::MIN..=Timestamp::MAX) {
            let time = Timestamp::from_unix(unix).unwrap();
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
    }
}

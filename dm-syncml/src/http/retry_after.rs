//! `Retry-After`: seconds, or a date.

use core::time::Duration;

/// How long to wait (RFC 9110 §10.2.3). A date is measured against the `Date` of the same response, since nobody here has a clock; without
/// one, or when the value says nothing, there is no answer.
pub(super) fn read(retry_after: &[u8], date: Option<&[u8]>) -> Option<Duration> {
    let text = core::str::from_utf8(retry_after).ok()?.trim_ascii();
    if !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()) {
        // More digits than fit mean: not while anyone waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let (then, now) = (seconds(text)?, seconds(core::str::from_utf8(date?).ok()?.trim_ascii())?);
    Some(Duration::from_secs(u64::try_from(then - now).unwrap_or(0)))
}

/// Seconds since 1970 of an IMF-fixdate, the one form that is sent today: `Sun, 06 Nov 1994 08:49:37 GMT`.
fn seconds(date: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = date.split_once(", ")?;
    let mut words = date.split(' ');
    let number = |digits: usize, word: Option<&str>| -> Option<i64> {
        let word =
            word.filter(|word| word.len() == digits && word.bytes().all(|digit| digit.is_ascii_digit()))?;
        word.parse().ok()
    };
    let day = number(2, words.next()).filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = number(4, words.next())?;
    let mut clock = words.next()?.split(':');
    let hours = number(2, clock.next()).filter(|hours| *hours < 24)?;
    let minutes = number(2, clock.next()).filter(|minutes| *minutes < 60)?;
    let seconds = number(2, clock.next()).filter(|seconds| *seconds <= 60)?;
    if clock.next().is_some() || words.next() != Some("GMT") || words.next().is_some() {
        return None;
    }
    // Days since 0000-03-01, so that the leap day is the last of its year.
    let (month, year) = if month < 2 { (month + 10, year - 1) } else { (month - 2, year) };
    let month = i64::try_from(month).ok()?;
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = days + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates() {
        for (date, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Tue, 29 Feb 2000 23:59:60 GMT", Some(951_868_800)),
            ("Fri, 31 Dec 1999 23:59:59 GMT", Some(946_684_799)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("", None),
        ] {
            assert_eq!(seconds(date), expected, "{date}");
        }
    }

    #[test]
    fn waits() {
        let now: Option<&[u8]> = Some(b"Sun, 06 Nov 1994 08:49:37 GMT");
        type Row<'t> = (&'t [u8], Option<&'t [u8]>, Option<u64>);
        let table: [Row<'_>; 8] = [
            (b"120", None, Some(120)),
            (b" 0 ", None, Some(0)),
            (b"99999999999999999999999", None, Some(u64::MAX)),
            (b"Sun, 06 Nov 1994 08:51:37 GMT", now, Some(120)),
            (b"Sun, 06 Nov 1994 08:00:00 GMT", now, Some(0)),
            (b"Sun, 06 Nov 1994 08:51:37 GMT", None, None),
            (b"-1", now, None),
            (b"", now, None),
        ];
        for (value, date, expected) in table {
            assert_eq!(read(value, date), expected.map(Duration::from_secs), "{}", value.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read(value in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = read(&value, Some(&value));
        }

        #[test]
        fn days_follow_each_other(year in 1970_i64..9999, month in 0_usize..11) {
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let at = |month: usize| seconds(&alloc::format!("Sun, 01 {} {year:04} 00:00:00 GMT", months[month])).unwrap();
            let days = (at(month + 1) - at(month)) / 86_400;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30];
            prop_assert_eq!(days, lengths[month]);
        }
    }
}

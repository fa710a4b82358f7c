//! Dates and times of ISO 8601, basic and extended.

use crate::timestamp::days_in;

/// A calendar date (`2024-02-29`, `20240229`, `2024-02`, `2024`), an ordinal one (`2024-060`, `2024060`) or one of a
/// week (`2024-W09-4`, `2024W094`, `2024-W09`, `2024W09`). The century is always there (TND 1.2.1 §7.7.2).
pub(super) fn is_date(text: &[u8]) -> bool {
    let Some((year, rest)) = digits(text, 4) else { return false };
    let is_leap = days_in(year, 2) == 29;
    let (extended, rest) = match rest {
        [] => return true,
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if let [b'W', rest @ ..] = rest {
        let Some((week, rest)) = digits(rest, 2) else { return false };
        let day = match rest {
            [] => return (1..=53).contains(&week),
            [b'-', day] if extended => day,
            [day] if !extended => day,
            _ => return false,
        };
        return (1..=53).contains(&week) && (b'1'..=b'7').contains(day);
    }
    if rest.len() == 3 {
        return matches!(digits(rest, 3), Some((day, [])) if (1..=365 + i64::from(is_leap)).contains(&day));
    }
    let Some((month, rest)) = digits(rest, 2) else { return false };
    let day = match rest {
        // Without a hyphen it would be a date without a century.
        [] => return extended && (1..=12).contains(&month),
        [b'-', day @ ..] if extended => day,
        day if !extended => day,
        _ => return false,
    };
    (1..=12).contains(&month)
        && matches!(digits(day, 2), Some((day, [])) if (1..=days_in(year, month)).contains(&day))
}

/// A time of day (`12:30:15`, `123015`, `12:30`, `1230`, `12`) with or without a fraction and a zone (`Z`, `+01:00`,
/// `+0100`, `+01`), or a date, a `T` and such a time.
pub(super) fn is_time(text: &[u8]) -> bool {
    let time = match text.iter().position(|byte| *byte == b'T') {
        Some(0) => &text[1..],
        Some(at) if is_date(&text[..at]) => &text[at + 1..],
        Some(_) => return false,
        None => text,
    };
    let zone = time.iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-'));
    let (time, zone) = time.split_at(zone.unwrap_or(time.len()));
    let zone_is_good = match zone {
        [] | [b'Z'] => true,
        [b'+' | b'-', zone @ ..] => is_clock(zone, 2),
        _ => false,
    };
    let (clock, fraction) = match time.iter().position(|byte| matches!(byte, b'.' | b',')) {
        Some(at) => (&time[..at], Some(&time[at + 1..])),
        None => (time, None),
    };
    let fraction_is_good =
        fraction.is_none_or(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
    zone_is_good && fraction_is_good && is_clock(clock, 3)
}

/// Hours, minutes and seconds, at most `parts` of them, all with colons or all without.
fn is_clock(text: &[u8], parts: usize) -> bool {
    let Some((hour, mut rest)) = digits(text, 2) else { return false };
    let colons = rest.first() == Some(&b':');
    let mut is_zero = true;
    for part in 1..parts {
        if rest.is_empty() {
            break;
        }
        let next = match rest {
            [b':', next @ ..] if colons => next,
            next if !colons => next,
            _ => return false,
        };
        // A leap second is a second.
        let max = if part == 2 { 60 } else { 59 };
        match digits(next, 2) {
            Some((number, tail)) if number <= max => {
                is_zero &= number == 0;
                rest = tail;
            }
            _ => return false,
        }
    }
    rest.is_empty() && (hour < 24 || (hour == 24 && is_zero))
}

fn digits(text: &[u8], count: usize) -> Option<(i64, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let number = digits
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for text in [
            "2024",
            "2024-02",
            "2024-02-29",
            "20240229",
            "2024-366",
            "2024366",
            "2024-W09",
            "2024W09",
            "2024-W09-4",
            "2024W094",
        ] {
            assert!(is_date(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "24",
            "202402",
            "2023-02-29",
            "20230229",
            "2023-366",
            "2024-13-01",
            "2024-1-1",
            "2024-W54",
            "2024-W09-8",
            "2024W09-4",
            "2024-0229",
            "202402-29",
            "2024-02-29T",
            "x",
        ] {
            assert!(!is_date(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn times() {
        for text in [
            "12",
            "1230",
            "12:30",
            "123015",
            "12:30:15",
            "12:30:15.5Z",
            "123015,25+0100",
            "T12:00",
            "20240229T120000Z",
            "2024-02-29T12:00:00+01:00",
            "24:00:00",
            "23:59:60",
            "12+01",
        ] {
            assert!(is_time(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "noon",
            "25:00",
            "12:60",
            "24:01",
            "12:30:15.",
            "12:3015",
            "1230:15",
            "T",
            "12:30Z1",
            "20230229T12",
            "12:30+1",
            "12:30:15:10",
            "ZZ",
        ] {
            assert!(!is_time(text.as_bytes()), "{text}");
        }
    }
}

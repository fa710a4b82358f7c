//! Which of two versions is the earlier one.

use core::cmp::Ordering;

/// Compares texts in which runs of digits count as numbers of any length. Everything else is compared octet by octet, dots
/// before anything else, and the end before dots.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (first, second) = match (a.first(), b.first()) {
            (Some(first), Some(second)) => (*first, *second),
            (first, second) => return first.is_some().cmp(&second.is_some()),
        };
        let order = if first.is_ascii_digit() && second.is_ascii_digit() {
            let (left, right) = (number(&mut a), number(&mut b));
            left.len().cmp(&right.len()).then_with(|| left.cmp(right))
        } else {
            (a, b) = (&a[1..], &b[1..]);
            rank(first).cmp(&rank(second))
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes a run of digits off, and gives it without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let start = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    &digits[start..]
}

const fn rank(octet: u8) -> u8 {
    if octet == b'.' { 0 } else { octet }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_their_order() {
        let ascending = [
            "",
            "0",
            "1",
            "1.0",
            "1.0.1",
            "1.2",
            "1.2.0",
            "1.02.3",
            "1.9",
            "1.10",
            "1.10-2",
            "1.10a",
            "2",
            "10",
            "184467440737095516160",
            "a",
            "b1",
            "b2",
            "b10",
        ];
        for (at, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(compare(a, b), at.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(compare("1.02", "1.2"), Ordering::Equal);
        assert_eq!(compare("v00", "v0"), Ordering::Equal);
    }
}

//! Which octets are text that both encodings can carry.

/// One in every octet of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The top bit of every octet of a word.
const TOPS: u64 = 0x8080_8080_8080_8080;
/// The first octet of U+FFFE and U+FFFF in UTF-8.
const NONCHARACTER_LEAD: u8 = 0xEF;

/// Whether XML 1.0 can carry `text` and WBXML can too: no control characters but TAB, LF and CR, and neither
/// U+FFFE nor U+FFFF (XML 1.0 §2.2).
#[must_use]
pub fn is_xml_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    first_forbidden(bytes, 0) == bytes.len()
}

/// Where, at or behind `from`, the first character begins that XML forbids (NUL among them); the length of `bytes`
/// when there is none. `bytes` are read as UTF-8, and need not be.
#[inline]
pub(crate) fn first_forbidden(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // Eight octets a step. Both tests are exact for the first octet they find, which is the one that counts.
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let lead = word ^ (ONES * NONCHARACTER_LEAD as u64);
        let suspect = (control | (lead.wrapping_sub(ONES) & !lead)) & TOPS;
        if suspect == 0 {
            at += 8;
        } else {
            at += (suspect.trailing_zeros() / 8) as usize;
            if is_forbidden(bytes, at) {
                return at;
            }
            at += 1;
        }
    }
    while at < bytes.len() && !is_forbidden(bytes, at) {
        at += 1;
    }
    at
}

/// What is true of a whole document, found in one pass.
#[cfg(any(feature = "xml", test))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Survey {
    /// As [`first_forbidden`] from the start.
    pub(crate) first_forbidden: usize,
    /// Whether a CR stands before that.
    pub(crate) has_cr: bool,
}

/// Surveys a document: fast where text is long, and forbidden characters are not expected.
#[cfg(any(feature = "xml", test))]
pub(crate) fn survey(bytes: &[u8]) -> Survey {
    let (mut from, mut has_cr) = (0, false);
    for chunk in bytes.chunks_exact(64) {
        // Without an early end, so that the compiler tests the octets side by side.
        let suspects =
            chunk.iter().fold(false, |any, byte| any | (*byte < b' ') | (*byte == NONCHARACTER_LEAD));
        if suspects {
            // A character may reach over the edge of its chunk by two octets.
            let found = first_forbidden(&bytes[..bytes.len().min(from + chunk.len() + 2)], from);
            let within = found.min(from + chunk.len());
            has_cr |= bytes[from..within].contains(&b'\r');
            if found == within {
                return Survey { first_forbidden: found, has_cr };
            }
        }
        from += chunk.len();
    }
    let first_forbidden = first_forbidden(bytes, from);
    has_cr |= bytes[from..first_forbidden].contains(&b'\r');
    Survey { first_forbidden, has_cr }
}

/// Where, at or behind `from`, the first `<` or `&` stands; the length of `bytes` when there is none.
#[cfg(feature = "xml")]
#[inline]
pub(crate) fn find_markup(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    // Eight octets a step, exact for the first octet found.
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let less = word ^ (ONES * b'<' as u64);
        let ampersand = word ^ (ONES * b'&' as u64);
        let found = ((less.wrapping_sub(ONES) & !less) | (ampersand.wrapping_sub(ONES) & !ampersand)) & TOPS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
        if at - from == 128 {
            // Long text: what costs more to begin with is faster by now.
            let rest = bytes.get(at..).unwrap_or_default();
            return at + memchr::memchr2(b'<', b'&', rest).unwrap_or(rest.len());
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| matches!(byte, b'<' | b'&')).unwrap_or(rest.len())
}

/// Whether a forbidden character begins at `at`: below the surrogates' reach these are most control characters, U+FFFE and
/// U+FFFF.
#[inline]
fn is_forbidden(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at..) {
        Some([b'\t' | b'\n' | b'\r', ..]) => false,
        Some([0..0x20, ..] | [NONCHARACTER_LEAD, 0xBF, 0xBE | 0xBF, ..]) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn control_characters_and_noncharacters_are_not_text() {
        for (text, legal) in [
            ("", true),
            ("plain", true),
            ("tab\tlf\ncr\r and a long enough tail", true),
            ("\0", false),
            ("0123456789\u{1}", false),
            ("\u{7F}", true),
            ("\u{80}", true),
            ("Grüße", true),
            ("\u{FFFD}", true),
            ("\u{FFFE}", false),
            ("x\u{FFFF}", false),
            ("\u{1F600}", true),
            ("\u{1FFFF}", true),
        ] {
            assert_eq!(is_xml_text(text), legal, "{text:?}");
        }
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let pieces = prop_oneof![
            20 => "[a-z]{1,12}".prop_map(String::into_bytes),
            2 => Just(b"\t".to_vec()),
            2 => Just(b"\r\n".to_vec()),
            1 => Just("\u{FFFD}".into()),
            1 => Just("\u{FFFE}".into()),
            1 => Just(vec![0xEF]),
            1 => Just(vec![0xEF, 0xBF]),
            1 => proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn both_searches_agree_with_a_naive_one(bytes in octets(), from in 0usize..64) {
            let naive = |from: usize| {
                let starts = (from..bytes.len()).find(|at| match &bytes[*at..] {
                    [0x09 | 0x0A | 0x0D, ..] => false,
                    [0xEF, 0xBF, last, ..] => *last >= 0xBE && *last <= 0xBF,
                    [byte, ..] => *byte < 0x20,
                    [] => false,
                });
                starts.unwrap_or(bytes.len())
            };
            let from = from.min(bytes.len());
            prop_assert_eq!(first_forbidden(&bytes, from), naive(from));
            let has_cr = bytes[..naive(0)].contains(&b'\r');
            prop_assert_eq!(survey(&bytes), Survey { first_forbidden: naive(0), has_cr });
        }

        #[cfg(feature = "xml")]
        #[test]
        fn markup_is_found(
            text in "[a-z;=%>]{0,300}", from in 0usize..64, markup in proptest::option::of((0usize..400, any::<bool>()))
        ) {
            let mut bytes = text.into_bytes();
            if let Some((at, less)) = markup && at < bytes.len() {
                bytes[at] = if less { b'<' } else { b'&' };
            }
            let from = from.min(bytes.len());
            let naive = bytes[from..].iter().position(|b| matches!(b, b'<' | b'&')).map_or(bytes.len(), |at| from + at);
            prop_assert_eq!(find_markup(&bytes, from), naive);
        }
    }
}

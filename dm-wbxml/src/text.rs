//! Which octets are text that both encodings can carry.

/// One in every byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The top bit of every byte of a word.
const TOPS: u64 = 0x8080_8080_8080_8080;

/// Whether XML 1.0 can carry `text` and WBXML can too: no control characters but TAB, LF and CR, and neither
/// U+FFFE nor U+FFFF (XML 1.0 §2.2).
#[must_use]
pub fn is_xml_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let end = first_control(bytes, 0);
    end == bytes.len() && (bytes.is_ascii() || !has_noncharacter(bytes))
}

/// Where the first octet stands, at or behind `from`, that is a control character XML forbids (NUL among them);
/// the length of `bytes` when there is none. Eight octets a step.
#[inline]
pub(crate) fn first_control(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // The classic "has a byte less than 0x20"; bytes above 0x7F never count.
        let low = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        if low != 0 {
            at += (low.trailing_zeros() / 8) as usize;
            if is_forbidden(bytes[at]) {
                return at;
            }
            at += 1;
        } else {
            at += 8;
        }
    }
    while let Some(&byte) = bytes.get(at) {
        if is_forbidden(byte) {
            return at;
        }
        at += 1;
    }
    at
}

fn is_forbidden(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// U+FFFE and U+FFFF, the only other characters below the surrogates' reach that XML forbids.
fn has_noncharacter(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|w| matches!(w, [0xEF, 0xBF, 0xBE | 0xBF]))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            ("Grüße", true),
            ("\u{FFFD}", true),
            ("\u{FFFE}", false),
            ("x\u{FFFF}", false),
        ] {
            assert_eq!(is_xml_text(text), legal, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn first_control_agrees_with_a_naive_scan(bytes in proptest::collection::vec(prop_oneof![0u8..0x30, any::<u8>()], 0..64), from in 0usize..64) {
            let from = from.min(bytes.len());
            let naive = bytes.iter().enumerate().skip(from).find(|(_, b)| is_forbidden(**b)).map_or(bytes.len(), |(i, _)| i);
            prop_assert_eq!(first_control(&bytes, from), naive);
        }
    }
}

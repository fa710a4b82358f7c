//! Documents in UTF-16.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// A document in UTF-8: one whose byte order mark says UTF-16 is converted, any other is as it was.
///
/// Every XML processor has to read both (XML 1.0 §2.2). Readers take UTF-8 only, because they borrow from their input; so a document in UTF-16
/// needs a buffer first.
///
/// # Errors
/// A document in UTF-16 that is larger than `limits` allow, holds half a character, or lacks the byte order mark ([`ErrorKind::Charset`]).
///
/// ```
/// use dm_wbxml::{Limits, xml};
///
/// let utf16 = b"\xFF\xFE<\0a\0/\0>\0";
/// assert_eq!(*xml::to_utf8(utf16, &Limits::DEFAULT)?, *b"<a/>");
/// assert_eq!(*xml::to_utf8(b"<a/>", &Limits::DEFAULT)?, *b"<a/>");
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
pub fn to_utf8<'a>(document: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>, Error> {
    let at = |kind, offset| Error::new(kind, offset, String::new());
    let (unit, octets): (fn([u8; 2]) -> u16, _) = match document {
        [0xFE, 0xFF, octets @ ..] => (u16::from_be_bytes, octets),
        [0xFF, 0xFE, octets @ ..] => (u16::from_le_bytes, octets),
        // Without the mark that it must have; the numbers are IANA's for UTF-16BE and UTF-16LE.
        [0, b'<', ..] => return Err(at(ErrorKind::Charset(1013), 0)),
        [b'<', 0, ..] => return Err(at(ErrorKind::Charset(1014), 0)),
        _ => return Ok(Cow::Borrowed(document)),
    };
    if document.len() > limits.document {
        return Err(at(ErrorKind::DocumentTooLarge(limits.document), 0));
    }
    let (units, rest) = octets.as_chunks::<2>();
    let mut text = Vec::with_capacity(octets.len() / 2);
    let mut offset = 2;
    for character in char::decode_utf16(units.iter().map(|octets| unit(*octets))) {
        let Ok(character) = character else { return Err(at(ErrorKind::Encoding, offset)) };
        offset += 2 * character.len_utf16();
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    if !rest.is_empty() {
        return Err(at(ErrorKind::Encoding, offset));
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_mark_it_is_refused() {
        for (document, charset) in [(b"\0<\0a".as_slice(), 1013), (b"<\0a\0", 1014)] {
            let error = to_utf8(document, &Limits::DEFAULT).unwrap_err();
            assert_eq!((error.kind(), error.offset()), (&ErrorKind::Charset(charset), 0));
        }
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        core::iter::once('\u{FEFF}')
            .chain(text.chars())
            .flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
            .flat_map(unit)
            .collect()
    }

    #[test]
    fn both_byte_orders_are_read() {
        let text = "<Data>Grüße \u{1F600}</Data>";
        for unit in [u16::to_be_bytes, u16::to_le_bytes] {
            assert_eq!(*to_utf8(&utf16(text, unit), &Limits::DEFAULT).unwrap(), *text.as_bytes());
        }
    }

    #[test]
    fn half_characters_and_large_documents_are_refused() {
        for (document, kind, offset) in [
            (b"\xFF\xFEa".as_slice(), ErrorKind::Encoding, 2),
            (b"\xFE\xFF\0a\xD8\0", ErrorKind::Encoding, 4),
            (b"\xFE\xFF\0a\xD8\0\0b", ErrorKind::Encoding, 4),
            (b"\xFE\xFF\xDC\0", ErrorKind::Encoding, 2),
            (b"\xFE\xFF\0a\0b\0c\0d", ErrorKind::DocumentTooLarge(8), 0),
        ] {
            let error = to_utf8(document, &Limits::DEFAULT.with_document(8)).unwrap_err();
            assert_eq!((error.kind(), error.offset()), (&kind, offset), "{document:02X?}");
        }
    }
}

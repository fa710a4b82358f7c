//! Percent escapes.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Spells a name so that it is one legal segment.
pub(crate) fn escape(name: &str) -> Cow<'_, str> {
    let dotted = name.ends_with('.');
    if !dotted && name.bytes().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let last = name.len().saturating_sub(1);
    let mut spelling = String::with_capacity(name.len() + 8);
    for (at, byte) in name.bytes().enumerate() {
        if is_plain(byte) && !(dotted && at == last) {
            spelling.push(char::from(byte));
        } else {
            spelling.push('%');
            for digit in [byte >> 4, byte & 15] {
                spelling.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    Cow::Owned(spelling)
}

/// The bytes a spelling stands for; `None` when it has no escapes.
pub(super) fn unescape(spelling: &str) -> Option<Vec<u8>> {
    if !spelling.contains('%') {
        return None;
    }
    let mut name = Vec::with_capacity(spelling.len());
    let mut rest = spelling.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match tail {
            [high, low, tail @ ..] if byte == b'%' => {
                name.push((hex(*high) << 4) | hex(*low));
                rest = tail;
            }
            _ => name.push(byte),
        }
    }
    Some(name)
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

/// Characters a name may carry unescaped: RFC 2396 `pchar` without the parameter separator, and the dot.
#[inline]
pub(super) fn is_plain(byte: u8) -> bool {
    PLAIN[byte as usize]
}

/// A table, because every byte of every address is asked about.
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    loop {
        plain[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'.' | b'-'
                    | b'_'
                    | b'!'
                    | b'~'
                    | b'*'
                    | b'\''
                    | b'('
                    | b')'
                    | b':'
                    | b'@'
                    | b'&'
                    | b'='
                    | b'+'
                    | b'$'
                    | b','
            );
        if byte == u8::MAX {
            break plain;
        }
        byte += 1;
    }
};

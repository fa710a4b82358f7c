//! What HTTP field values are made of (RFC 9110 §5.6): lists, parameters, quoted strings.
//!
//! A cursor by hand: the two functions read leniently what RFC 9110 lets a recipient read leniently, in one pass over the value.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::{self, Write as _};

/// The elements of a list, trimmed; empty ones are passed over. Separators inside quoted strings do not count.
pub(crate) fn elements(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    core::iter::from_fn(move || {
        let text = rest?;
        let (element, after) = match end_of_element(text, separator) {
            Some(at) => (&text[..at], Some(&text[at + separator.len_utf8()..])),
            None => (text, None),
        };
        rest = after;
        Some(element.trim_matches(is_space))
    })
    .filter(|element| !element.is_empty())
}

/// `name=value`, with space around either and the value quoted or not; `None` when there is no `=`, no name, or a quoted string that
/// does not end where the element does.
pub(crate) fn parameter(element: &str) -> Option<(&str, Cow<'_, str>)> {
    let (name, value) = element.split_once('=')?;
    let (name, value) = (name.trim_matches(is_space), value.trim_matches(is_space));
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    match value.strip_prefix('"') {
        Some(quoted) => unquote(quoted).map(|value| (name, value)),
        None => Some((name, Cow::Borrowed(value))),
    }
}

/// A quoted string, with what needs it escaped. The text must hold no control characters.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            if matches!(character, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
        }
        f.write_char('"')
    }
}

/// Whether an octet may stand in a token (RFC 9110 §5.6.2).
pub(crate) const fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(octet, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn end_of_element(text: &str, separator: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// The text of a quoted string whose opening quote has been taken; the closing one must be its last character.
fn unquote(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_suffix('"')?;
    if !inner.contains(['\\', '"']) {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            // An escape without what it escapes: the last quote was no end.
            '\\' => text.push(characters.next()?),
            '"' => return None,
            character => text.push(character),
        }
    }
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn lists_and_parameters() {
        type Read<'t> = &'t [Option<(&'t str, &'t str)>];
        let table: &[(&str, Read<'_>)] = &[
            ("", &[]),
            (" , ,", &[]),
            ("a=b", &[Some(("a", "b"))]),
            ("a = b ,\tc=\"d\"", &[Some(("a", "b")), Some(("c", "d"))]),
            (r#"a="b,\"c\\",d="#, &[Some(("a", r#"b,"c\"#)), Some(("d", ""))]),
            ("mac=AA==", &[Some(("mac", "AA=="))]),
            ("a", &[None]),
            ("=b", &[None]),
            ("a b=c", &[None]),
            (r#"a="b"c"#, &[None]),
            (r#"a="b"#, &[None]),
            (r#"a="b\""#, &[None]),
            (r#"a="b" "c""#, &[None]),
        ];
        for (value, expected) in table {
            let read: Vec<_> = elements(value, ',').map(parameter).collect();
            let read: Vec<_> =
                read.iter().map(|read| read.as_ref().map(|(name, value)| (*name, value.as_ref()))).collect();
            assert_eq!(read, *expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(value in "\\PC{0,60}") {
            for element in elements(&value, ',') {
                prop_assert!(value.contains(element));
                let _ = parameter(element);
            }
        }

        #[test]
        fn what_is_quoted_is_read_back(value in "[ -~äß]{0,20}") {
            let quoted = alloc::format!("n={}", Quoted(&value));
            let mut all = elements(&quoted, ',');
            prop_assert_eq!(all.next().and_then(parameter), Some(("n", Cow::Borrowed(value.as_str()))));
            prop_assert_eq!(all.next(), None);
        }
    }
}

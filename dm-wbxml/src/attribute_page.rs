//! Attribute code spaces as data: which token stands for which attribute, and for which part of a value.

use alloc::string::String;

/// One attribute code page: tokens that begin an attribute, and tokens that stand for text in its value (WAP-192 §5.8.3).
///
/// A start token stands for a name and, perhaps, for what its value begins with. Tag pages and attribute pages are switched
/// apart; see [`CodeSpace::with_attributes`](crate::CodeSpace::with_attributes).
///
/// ```
/// use dm_wbxml::AttributePage;
///
/// static PAGE: AttributePage =
///     AttributePage::new(0, &[(0x05, "href", ""), (0x06, "href", "http://")], &[(0x85, ".example")]);
///
/// assert_eq!(PAGE.start(0x06), Some(("href", "http://")));
/// assert_eq!(PAGE.value(0x85), Some(".example"));
/// ```
#[derive(Debug)]
pub struct AttributePage {
    number: u8,
    starts: &'static [(u8, &'static str, &'static str)],
    values: &'static [(u8, &'static str)],
    by_start: [u8; 0x80],
    by_value: [u8; 0x80],
}

const FREE: u8 = 0xFF;

impl AttributePage {
    /// A page with its start tokens as (token, name, what the value begins with) and its value tokens as (token, text).
    ///
    /// # Panics
    /// When a token is out of range (0x05 to 0x3F and 0x45 to 0x7F begin an attribute, 0x85 to 0xBF and 0xC5 to 0xFF stand in values), a
    /// token is given twice, or a name or the text of a value token is empty. In a constant these are compile errors.
    #[must_use]
    pub const fn new(
        number: u8,
        starts: &'static [(u8, &'static str, &'static str)],
        values: &'static [(u8, &'static str)],
    ) -> Self {
        let (mut by_start, mut by_value) = ([FREE; 0x80], [FREE; 0x80]);
        let mut i = 0;
        while i < starts.len() {
            let (token, name, _) = starts[i];
            assert!(is_start(token), "the token does not begin an attribute");
            assert!(by_start[token as usize] == FREE, "a token is given twice");
            assert!(!name.is_empty(), "an attribute needs a name");
            by_start[token as usize] = i as u8;
            i += 1;
        }
        let mut i = 0;
        while i < values.len() {
            let (token, text) = values[i];
            assert!(is_value(token), "the token does not stand in values");
            assert!(by_value[(token & 0x7F) as usize] == FREE, "a token is given twice");
            assert!(!text.is_empty(), "a value token stands for text");
            by_value[(token & 0x7F) as usize] = i as u8;
            i += 1;
        }
        Self { number, starts, values, by_start, by_value }
    }

    /// The page number, as in SWITCH_PAGE.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// The attribute that `token` begins: its name, and what its value begins with.
    #[must_use]
    pub fn start(&self, token: u8) -> Option<(&'static str, &'static str)> {
        let index = *self.by_start.get(usize::from(token))?;
        self.starts.get(usize::from(index)).map(|(_, name, prefix)| (*name, *prefix))
    }

    /// The text that `token` stands for in a value.
    #[must_use]
    pub fn value(&self, token: u8) -> Option<&'static str> {
        let index = *self.by_value.get(usize::from(token.checked_sub(0x80)?))?;
        self.values.get(usize::from(index)).map(|(_, text)| *text)
    }

    /// The token for the longest text that `value` begins with, and that text's length.
    pub(crate) fn longest_value(&self, value: &str) -> Option<(u8, usize)> {
        let fitting = self.values.iter().filter(|(_, text)| value.starts_with(text));
        fitting.max_by_key(|(_, text)| text.len()).map(|(token, text)| (*token, text.len()))
    }

    /// The token for exactly `value`.
    pub(crate) fn whole_value(&self, value: &str) -> Option<u8> {
        self.values.iter().find(|(_, text)| *text == value).map(|(token, _)| *token)
    }
}

/// Whether a token begins an attribute (WAP-192 §5.8.3).
pub(crate) const fn is_start(token: u8) -> bool {
    matches!(token, 0x05..=0x3F | 0x45..=0x7F)
}

/// Whether a token stands in an attribute's value.
pub(crate) const fn is_value(token: u8) -> bool {
    matches!(token, 0x85..=0xBF | 0xC5..=0xFF)
}

/// The page and the token that begin the attribute `name` with the longest part of `value`, and that part's length. Of two
/// as long that on the page `current` wins, then the first.
pub(crate) fn longest_start(
    pages: &[&'static AttributePage],
    current: u8,
    name: &str,
    value: &str,
) -> Option<(u8, u8, usize)> {
    let mut best: Option<(u8, u8, usize)> = None;
    for page in pages {
        for (token, known, prefix) in page.starts {
            let better = match best {
                None => true,
                Some((_, _, length)) if prefix.len() == length => {
                    page.number == current && best.is_some_and(|(number, ..)| number != current)
                }
                Some((_, _, length)) => prefix.len() > length,
            };
            if better && *known == name && value.starts_with(prefix) {
                best = Some((page.number, *token, prefix.len()));
            }
        }
    }
    best
}

/// The namespace of elements and attributes that are tokens nobody named: `t-PP-TT`, page and token in hexadecimal, so that
/// they survive XML.
pub(crate) const UNNAMED: &str = "urn:x-dm-wbxml:token";

/// The local name of a token nobody named.
pub(crate) fn unnamed(page: u8, token: u8) -> String {
    alloc::format!("t-{page:02X}-{token:02X}")
}

/// The page and the start token that an attribute in the namespace [`UNNAMED`] stands for.
pub(crate) fn unnamed_start(namespace: &str, local: &str) -> Option<(u8, u8)> {
    let digits = local.strip_prefix("t-").filter(|_| namespace == UNNAMED)?;
    let (page, token) = digits.split_once('-')?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
    };
    Some((number(page)?, number(token)?)).filter(|(_, token)| is_start(*token))
}

/// Where the characters begin that stand for value tokens nobody named: the last plane of private use, page and token behind.
const VALUE_TOKENS: u32 = 0x10_0000;

/// The character that stands for a value token nobody named.
pub(crate) fn value_character(page: u8, token: u8) -> char {
    char::from_u32(VALUE_TOKENS | u32::from(page) << 8 | u32::from(token))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The page and the value token that a character stands for, unless a page has a text for the token.
pub(crate) fn value_token(pages: &[&'static AttributePage], character: char) -> Option<(u8, u8)> {
    let code = u32::from(character).checked_sub(VALUE_TOKENS)?;
    let (page, token) = ((code >> 8) as u8, code as u8);
    let named = pages.iter().any(|known| known.number == page && known.value(token).is_some());
    (is_value(token) && !named).then_some((page, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    static FIRST: AttributePage = AttributePage::new(
        0,
        &[(0x05, "a", ""), (0x06, "a", "x"), (0x45, "b", "")],
        &[(0x85, "x"), (0xFF, "xy")],
    );
    static SECOND: AttributePage = AttributePage::new(1, &[(0x7F, "a", ""), (0x07, "a", "xyz")], &[]);

    #[test]
    fn tokens_are_found_by_what_they_stand_for() {
        let pages = [&FIRST, &SECOND];
        for (current, name, value, expected) in [
            (0, "a", "", Some((0, 0x05, 0))),
            (1, "a", "", Some((1, 0x7F, 0))),
            (1, "a", "x", Some((0, 0x06, 1))),
            (0, "a", "xyz!", Some((1, 0x07, 3))),
            (1, "b", "x", Some((0, 0x45, 0))),
            (7, "c", "x", None),
        ] {
            assert_eq!(longest_start(&pages, current, name, value), expected, "{current} {name}={value}");
        }
        assert_eq!(FIRST.longest_value("xyz"), Some((0xFF, 2)));
        assert_eq!(FIRST.longest_value("xz"), Some((0x85, 1)));
        assert_eq!(FIRST.longest_value("z"), None);
        assert_eq!((FIRST.whole_value("x"), FIRST.whole_value("xyz")), (Some(0x85), None));
        for token in 0..=u8::MAX {
            assert_eq!(FIRST.start(token).is_some(), [0x05, 0x06, 0x45].contains(&token), "{token:02X}");
            assert_eq!(FIRST.value(token).is_some(), [0x85, 0xFF].contains(&token), "{token:02X}");
        }
    }

    #[test]
    fn tokens_nobody_named_have_a_name_and_a_character() {
        for token in 0..=u8::MAX {
            let name = unnamed(0x0A, token);
            assert_eq!(unnamed_start(UNNAMED, &name), is_start(token).then_some((0x0A, token)), "{name}");
            assert_eq!(unnamed_start("", &name), None);
            let character = value_character(0xFF, token);
            assert_eq!(value_token(&[], character), is_value(token).then_some((0xFF, token)), "{name}");
        }
        for name in ["", "t-", "t-00", "t-0-05", "t-+0-05", "t-00-005", "x-00-05"] {
            assert_eq!(unnamed_start(UNNAMED, name), None, "{name}");
        }
        assert_eq!(value_token(&[&FIRST], value_character(0, 0x85)), None);
        assert_eq!(value_token(&[&FIRST], value_character(1, 0x85)), Some((1, 0x85)));
        assert_eq!(value_token(&[], '\u{85}'), None);
    }

    #[test]
    #[should_panic(expected = "the token does not begin an attribute")]
    fn a_value_token_begins_nothing() {
        let _ = AttributePage::new(0, &[(0x85, "a", "")], &[]);
    }

    #[test]
    #[should_panic(expected = "the token does not stand in values")]
    fn a_global_token_stands_for_no_value() {
        let _ = AttributePage::new(0, &[], &[(0x83, "DIGEST")]);
    }
}

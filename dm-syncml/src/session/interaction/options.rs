//! The options of an interaction: `KEY=value` pairs joined by `&`, URL-encoded (DM Protocol 1.2.1, user interaction options).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::time::Duration;

use super::{Echo, InputType, Interaction, InteractionKind, InteractionMedia};

/// What the options say, whatever kind of interaction they belong to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Options {
    pub(super) min: Option<u32>,
    pub(super) max: Option<u32>,
    pub(super) default: Option<String>,
    pub(super) max_length: Option<u32>,
    pub(super) input_type: InputType,
    pub(super) echo: Echo,
    pub(super) media: Vec<InteractionMedia>,
}

/// Our own key, which may come several times.
const MEDIA: &str = "X-MEDIA";

impl Options {
    pub(super) fn of(interaction: &Interaction) -> Self {
        let seconds = |time: Option<Duration>| {
            time.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX)).filter(|seconds| *seconds > 0)
        };
        let mut options = Self {
            min: seconds(interaction.min_display),
            max: seconds(interaction.max_display),
            media: interaction.media.clone(),
            ..Self::default()
        };
        match &interaction.kind {
            InteractionKind::Display => {}
            InteractionKind::Confirm { default } => {
                options.default = default.map(|yes| String::from(if yes { "1" } else { "0" }));
            }
            InteractionKind::Input(input) => {
                options.default.clone_from(&input.initial);
                options.max_length = input.max_length;
                options.input_type = input.input_type;
                options.echo = input.echo;
            }
            InteractionKind::SingleChoice { default, .. } => {
                options.default = default.map(|number| alloc::format!("{number}"));
            }
            InteractionKind::MultipleChoice { defaults, .. } if defaults.is_empty() => {}
            InteractionKind::MultipleChoice { defaults, .. } => {
                let numbers: Vec<_> = defaults.iter().map(|number| alloc::format!("{number}")).collect();
                options.default = Some(numbers.join("-"));
            }
        }
        options
    }

    /// Reads options; what nobody knows and what has no sensible value is passed over, and of a repeated key the first counts.
    pub(super) fn parse(text: &str) -> Self {
        let mut options = Self::default();
        let (mut input_type, mut echo) = (None, None);
        for pair in text.trim().split('&') {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if is("MINDT") {
                options.min = options.min.or_else(|| seconds(value));
            } else if is("MAXDT") {
                options.max = options.max.or_else(|| seconds(value));
            } else if is("DR") {
                options.default = options.default.take().or_else(|| decode(value));
            } else if is("MAXLEN") {
                options.max_length = options.max_length.or_else(|| number(value));
            } else if is("IT") {
                input_type = input_type.or_else(|| INPUT_TYPES.iter().find(|(letter, _)| *letter == value));
            } else if is(MEDIA) && options.media.len() < Interaction::MAX_MEDIA {
                options.media.extend(decode(value).and_then(|value| InteractionMedia::parse(&value)));
            } else if is("ET") {
                echo = echo.or_else(|| ECHOES.iter().find(|(letter, _)| *letter == value));
            }
        }
        options.input_type = input_type.map_or_else(InputType::default, |(_, input_type)| *input_type);
        options.echo = echo.map_or_else(Echo::default, |(_, echo)| *echo);
        options
    }

    /// The numbers of preset choices: each once, and none that is not there.
    pub(super) fn numbers(&self, choices: usize) -> Vec<usize> {
        let mut seen = alloc::vec![false; choices];
        let mut numbers = Vec::new();
        for text in self.default.as_deref().unwrap_or_default().split('-') {
            if let Some(number) = number::<usize>(text.trim())
                && let Some(slot) = number.checked_sub(1).and_then(|index| seen.get_mut(index))
                && !core::mem::replace(slot, true)
            {
                numbers.push(number);
            }
        }
        numbers
    }

    /// As they are written; empty when nothing is said.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        let mut pair = |key: &str, value: &str| {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(key);
            text.push('=');
            encode(value, &mut text);
        };
        let number = |number: u32| alloc::format!("{number}");
        if let Some(seconds) = self.min {
            pair("MINDT", &number(seconds));
        }
        if let Some(seconds) = self.max {
            pair("MAXDT", &number(seconds));
        }
        if let Some(default) = &self.default {
            pair("DR", default);
        }
        if let Some(length) = self.max_length {
            pair("MAXLEN", &number(length));
        }
        if let Some((letter, _)) = INPUT_TYPES.iter().find(|(_, it)| *it == self.input_type)
            && self.input_type != InputType::default()
        {
            pair("IT", letter);
        }
        if let Some((letter, _)) = ECHOES.iter().find(|(_, echo)| *echo == self.echo)
            && self.echo != Echo::default()
        {
            pair("ET", letter);
        }
        for media in &self.media {
            pair(MEDIA, &media.to_text());
        }
        text
    }
}

const INPUT_TYPES: &[(&str, InputType)] = &[
    ("A", InputType::Alphanumeric),
    ("N", InputType::Number),
    ("D", InputType::Date),
    ("T", InputType::Time),
    ("P", InputType::Phone),
    ("I", InputType::IpAddress),
];

const ECHOES: &[(&str, Echo)] = &[("T", Echo::Text), ("P", Echo::Password)];

fn number<N: core::str::FromStr>(text: &str) -> Option<N> {
    crate::model::parse_decimal(text)
}

fn seconds(text: &str) -> Option<u32> {
    number(text).filter(|seconds| *seconds > 0)
}

fn encode(value: &str, text: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            b' ' => text.push('+'),
            // Writing to a String does not fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
}

/// Undoes the URL encoding; a `%` without two digits stands for itself. `None` when the octets are not text.
fn decode(value: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match (escaped, first) {
            (Some((high, low)), _) => {
                octets.push(high << 4 | low);
                rest = &after[2..];
            }
            (None, b'+') => octets.push(b' '),
            (None, other) => octets.push(other),
        }
    }
    String::from_utf8(octets).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_protocol_are_read() {
        let options = Options::parse("MINDT=10&MAXDT=20");
        assert_eq!((options.min, options.max), (Some(10), Some(20)));
        let options = Options::parse("DR=John+Doe&MAXLEN=30&IT=A&ET=T");
        assert_eq!(options.default.as_deref(), Some("John Doe"));
        assert_eq!(
            (options.max_length, options.input_type, options.echo),
            (Some(30), InputType::Alphanumeric, Echo::Text)
        );
        let options = Options::parse("DR=2-3&IT=I&ET=P");
        assert_eq!(
            (options.numbers(3), options.input_type, options.echo),
            ([2, 3].into(), InputType::IpAddress, Echo::Password)
        );
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        for text in [
            "",
            "&&",
            "=",
            "FOO=1",
            "MINDT=0&MAXDT=-1",
            "MINDT=&MAXLEN=x",
            "IT=Z&ET=",
            "MAXDT=99999999999",
            "MINDT",
        ] {
            assert_eq!(Options::parse(text), Options::default(), "{text}");
        }
        let repeated = Options::parse("MAXDT=x&MAXDT=5&MAXDT=6");
        assert_eq!(repeated.max, Some(5), "the first that can be read");
    }

    #[test]
    fn percent_signs_decode_as_far_as_they_can() {
        assert_eq!(decode("a%26b%3D%2B+%C3%BC").as_deref(), Some("a&b=+ ü"));
        assert_eq!(decode("100%").as_deref(), Some("100%"));
        assert_eq!(decode("%zz%4").as_deref(), Some("%zz%4"));
        assert_eq!(decode("%FF"), None);
    }
}

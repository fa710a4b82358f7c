//! Documents as one line of text: what a source reported, and the error it ended with.
//!
//! `<Name` begins an element and `>` ends it; an element outside the code space is `<{namespace}name`, an unnamed token
//! `<page:token`; ` name="value"` is an attribute, `"text"` text, `#6f6b` octets, and `!kind@offset path` an error.

use core::fmt::Write as _;

use dm_wbxml::{Error, Event, Name, SYNCML_1_2, Source};

/// Everything a source reports.
#[must_use]
pub(crate) fn trace<'a>(source: Result<impl Source<'a>, Error>) -> String {
    let mut line = String::new();
    let failure = match source {
        Err(error) => Some(error),
        Ok(mut source) => loop {
            match source.next() {
                Ok(Some(event)) => push(&mut line, &event),
                Ok(None) => break None,
                Err(error) => {
                    assert_eq!(source.next(), Err(error.clone()), "an error is the end");
                    break Some(error);
                }
            }
        },
    };
    if let Some(error) = failure {
        write!(line, "!{}@{} {}", error.kind().name(), error.offset(), error.path()).unwrap();
    }
    line
}

fn push(line: &mut String, event: &Event<'_>) {
    match event {
        Event::Start(Name::Tag(tag)) => match SYNCML_1_2.name(*tag) {
            Some(name) => write!(line, "<{name}"),
            None => write!(line, "<{:02x}:{:02x}", tag.page(), tag.token()),
        },
        Event::Start(Name::Foreign(name)) if name.namespace().is_empty() => {
            write!(line, "<{{}}{}", name.local())
        }
        Event::Start(Name::Foreign(name)) => write!(line, "<{{{}}}{}", name.namespace(), name.local()),
        Event::Attribute(attribute) if attribute.namespace().is_empty() => {
            write!(line, " {}={}", attribute.name(), quoted(attribute.value()))
        }
        Event::Attribute(attribute) => {
            let value = quoted(attribute.value());
            write!(line, " {{{}}}{}={value}", attribute.namespace(), attribute.name())
        }
        Event::Text(text) => {
            assert!(!text.is_empty(), "empty pieces are not reported");
            write!(line, "{}", quoted(text))
        }
        Event::Opaque(octets) => {
            assert!(!octets.is_empty(), "empty pieces are not reported");
            line.push('#');
            octets.iter().try_for_each(|octet| write!(line, "{octet:02x}"))
        }
        Event::End => write!(line, ">"),
        other => panic!("{other:?} is new"),
    }
    .unwrap();
}

/// In quotation marks, with control characters escaped.
fn quoted(text: &str) -> String {
    let shown =
        text.chars().map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() });
    format!("\"{}\"", shown.collect::<String>())
}

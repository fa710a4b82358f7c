//! The readers take shortcuts for what documents mostly hold; they must say what the long way says.

use dm_wbxml::wbxml::Reader;
use dm_wbxml::{Error, Event, Limits, SYNCML_1_2, Source};
use proptest::collection::vec;
use proptest::prelude::*;

/// A reader without its shortcuts.
struct Plain<R>(R);

impl<'a, R: Source<'a>> Source<'a> for Plain<R> {
    fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        self.0.next()
    }

    fn offset(&self) -> usize {
        self.0.offset()
    }

    fn path(&self) -> String {
        self.0.path()
    }
}

/// A way to read on.
#[derive(Clone, Copy, Debug)]
enum Step {
    Next,
    Child,
    Text,
    Skip,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![2 => Just(Step::Next), 4 => Just(Step::Child), 2 => Just(Step::Text), 1 => Just(Step::Skip)]
}

/// What a source says to these steps, until it ends.
fn walk<'a>(mut source: impl Source<'a>, steps: &[Step]) -> Vec<String> {
    let mut said = Vec::new();
    let mut inside = false;
    for step in steps {
        // Child, text and skip belong inside an element.
        let step = if inside { *step } else { Step::Next };
        let (line, ended) = match step {
            Step::Next => {
                let event = source.next();
                (format!("{event:?}"), !matches!(event, Ok(Some(_))))
            }
            Step::Child => {
                let child = source.child();
                (format!("{child:?}"), child.is_err())
            }
            Step::Text => {
                let text = source.text();
                (format!("{text:?}"), text.is_err())
            }
            Step::Skip => {
                let skipped = source.skip();
                (format!("{skipped:?}"), skipped.is_err())
            }
        };
        inside = !source.path().is_empty();
        said.push(format!("{line} {} {}", source.offset(), source.path()));
        if ended {
            break;
        }
    }
    said
}

proptest! {
    #[test]
    fn of_the_wbxml_reader(
        charset in prop_oneof![6 => Just(0x6A), 1 => Just(0x03), 1 => Just(0x04)],
        pieces in vec(prop_oneof![
            6 => Just(b"\x6D".as_slice()), 6 => Just(b"\x01".as_slice()), 6 => Just(b"\x4F\x03ab\0\x01".as_slice()),
            3 => Just(b"\x03 \n\0".as_slice()), 3 => Just(b"\x03x\xC3\xA9\0".as_slice()), 1 => Just(b"\x03\x07\0".as_slice()),
            1 => Just(b"\x03\xC3\0".as_slice()), 2 => Just(b"\x0F".as_slice()), 2 => Just(b"\x83\x00".as_slice()),
            1 => Just(b"\xC3\x01a".as_slice()), 1 => Just(b"\xC3\x01\xFF".as_slice()), 2 => Just(b"\x00\x01".as_slice()),
            1 => Just(b"\x02\x41".as_slice()), 1 => Just(b"\xCF\x04\x00\x01".as_slice()), 1 => Just(b"\x8F\x05\x01".as_slice()),
            1 => Just(b"\x44\x00".as_slice()), 1 => Just(b"\x04\x00".as_slice()), 1 => Just(b"\x43\x05\x01".as_slice()),
            1 => Just(b"\xC0".as_slice()), 1 => Just(b"\x03".as_slice()),
        ], 0..24),
        steps in vec(step(), 1..48),
        depth in 1u16..12,
        elements in 1u32..12,
    ) {
        let document = [b"\x02\x01".as_slice(), &[charset], b"\x02s\0\x6D", &pieces.concat()].concat();
        let limits = Limits::DEFAULT.with_depth(depth).with_elements(elements);
        let reader = Reader::new(&document, &SYNCML_1_2, limits).unwrap();
        prop_assert_eq!(walk(reader.clone(), &steps), walk(Plain(reader), &steps));
    }

    #[test]
    #[cfg(feature = "xml")]
    fn of_the_xml_reader(
        pieces in vec(prop_oneof![
            8 => Just("<a>"), 8 => Just("</a>"), 4 => Just("<a>x</a>"), 4 => Just("<a/>"), 4 => Just(" \n"), 2 => Just("x"),
            1 => Just("&lt;"), 1 => Just("&#32;"), 1 => Just("&x;"), 1 => Just("<![CDATA[ ]]>"), 1 => Just("<![CDATA[x]]>"),
            2 => Just("<!-- -->"), 1 => Just("<?p?>"), 1 => Just("<?xml?>"), 1 => Just("<!DOCTYPE a>"), 2 => Just("<a b='c'>"),
            1 => Just("<a b='c'/>"), 1 => Just("<a xmlns='u'>"), 1 => Just("<a p:b='c'>"), 1 => Just("<p:a>"), 1 => Just("<"),
        ], 0..24),
        steps in vec(step(), 1..48),
        depth in 1u16..12,
        elements in 1u32..12,
    ) {
        let document = format!("<a>{}", pieces.concat());
        let options = dm_wbxml::xml::Options::new(Limits::DEFAULT.with_depth(depth).with_elements(elements));
        let reader = || dm_wbxml::xml::Reader::new(document.as_bytes(), &SYNCML_1_2, options).unwrap();
        prop_assert_eq!(walk(reader(), &steps), walk(Plain(reader()), &steps));
    }
}

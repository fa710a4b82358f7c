//! Any octets through the WBXML reader, in every code space and form of reading.

use dm_wbxml::wbxml::{Reader, StringTable, Writer};
use dm_wbxml::{
    CodeSpace, DEVINF_1_2, DM_DDF_1_2, Element, Event, Limits, PROV_1_0, SYNCML_1_0, SYNCML_1_2, Source,
};

const SPACES: [&CodeSpace; 5] = [&SYNCML_1_2, &SYNCML_1_0, &DEVINF_1_2, &DM_DDF_1_2, &PROV_1_0];

/// What a reader makes of a document.
#[derive(PartialEq, Debug)]
enum Read {
    Whole(usize),
    Failed(usize),
}

/// The first octet chooses the code space; the others are the document.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, document)) = data.split_first() else { return };
    let space = SPACES[usize::from(*choice) % SPACES.len()];
    let strict = read(document, space, Limits::DEFAULT, false);
    let lenient = read(document, space, Limits::DEFAULT, true);
    if let Some(Read::Whole(events)) = strict {
        assert_eq!(lenient, Some(Read::Whole(events)), "a leniency changes a document that needs none");
        skipped_whole(document, space);
        written_again(document, space);
    }
    let tight = Limits::DEFAULT.with_depth(3).with_elements(20);
    if let Some(Read::Whole(_)) = read(document, space, tight, false) {
        assert!(matches!(strict, Some(Read::Whole(_))), "a limit lets through what is malformed");
    }
}

/// Reads to the end or to the first error; `None` when the header is none.
fn read(document: &[u8], space: &'static CodeSpace, limits: Limits, missing_ends: bool) -> Option<Read> {
    let mut reader = Reader::new(document, space, limits).ok()?.with_missing_ends(missing_ends);
    let (mut events, mut depth) = (0_usize, 0_usize);
    loop {
        match reader.next() {
            Ok(Some(event)) => {
                events += 1;
                match event {
                    Event::Start(_) => depth += 1,
                    Event::End => depth = depth.checked_sub(1).expect("an END has its element"),
                    _ => assert!(depth > 0, "content stands in an element"),
                }
                // Missing ENDs apart, an element of one octet is a beginning and an end; attributes and texts take octets too.
                assert!(events <= 2 * document.len() + 2, "{events} events of {} octets", document.len());
                assert!(reader.offset() <= document.len());
            }
            Ok(None) => {
                assert_eq!(depth, 0);
                assert!(matches!(reader.next(), Ok(None)), "nothing follows the end");
                return Some(Read::Whole(events));
            }
            Err(error) => {
                assert!(error.offset() <= document.len(), "{error}");
                assert!(!matches!(reader.next(), Ok(Some(_))), "nothing follows an error");
                return Some(Read::Failed(events));
            }
        }
    }
}

/// Passing the root over ends where reading it does.
fn skipped_whole(document: &[u8], space: &'static CodeSpace) {
    let mut reader = Reader::new(document, space, Limits::DEFAULT).expect("it was read");
    assert!(matches!(reader.next(), Ok(Some(Event::Start(_)))));
    reader.skip().expect("it was read");
    assert!(matches!(reader.next(), Ok(None)));
}

/// What was read writes to a document that reads the same, and that writes to itself.
fn written_again(document: &[u8], space: &'static CodeSpace) {
    let Some(element) = element(document, space) else { return };
    let first = write(&element, space);
    let Some(again) = self::element(&first, space) else { return };
    assert_eq!(again, element);
    assert_eq!(write(&again, space), first);
}

/// `None` for what only a tree refuses, or for what is larger written out.
fn element<'a>(document: &'a [u8], space: &'static CodeSpace) -> Option<Element<'a>> {
    let mut reader = Reader::new(document, space, Limits::DEFAULT).ok()?;
    let Ok(Some(Event::Start(name))) = reader.next() else { return None };
    Element::decode(&mut reader, name).ok()
}

fn write(element: &Element<'_>, space: &'static CodeSpace) -> Vec<u8> {
    let mut table = StringTable::new().with_attributes(space);
    element.encode(&mut table);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, dm_wbxml::wbxml::Version::V1_3, space.public_id(), &table)
        .with_attributes(space);
    element.encode(&mut writer);
    assert!(writer.finish(), "the table has seen every name");
    out
}

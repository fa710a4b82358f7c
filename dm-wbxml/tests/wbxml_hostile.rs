//! WBXML that was made to hurt: each document is refused, or read at a cost its length pays for.

mod trace;

use dm_wbxml::wbxml::Reader;
use dm_wbxml::{Element, Error, ErrorKind, Event, Limits, Node, SYNCML_1_2, Source};
use trace::trace;

const HEADER: &[u8] = &[0x02, 0xA4, 0x01, 0x6A, 0x00];

fn with_header(body: &[u8]) -> Vec<u8> {
    [HEADER, body].concat()
}

/// A document with a string table.
fn with_table(table: &[u8], body: &[u8]) -> Vec<u8> {
    [&HEADER[..4], &multi_byte(table.len()), table, body].concat()
}

fn multi_byte(mut value: usize) -> Vec<u8> {
    let mut octets = vec![(value & 0x7F) as u8];
    while value > 0x7F {
        value >>= 7;
        octets.insert(0, (value & 0x7F) as u8 | 0x80);
    }
    octets
}

/// Reads all events, counting them.
fn count(document: &[u8], limits: Limits) -> Result<usize, Error> {
    let mut reader = Reader::new(document, &SYNCML_1_2, limits)?;
    let mut events = 0;
    while reader.next()?.is_some() {
        events += 1;
    }
    Ok(events)
}

fn failure(document: &[u8], limits: Limits) -> (ErrorKind, usize, String) {
    let error = count(document, limits).expect_err("this must be refused");
    (error.kind().clone(), error.offset(), error.path().to_owned())
}

/// Thirteen octets that make another implementation write behind a buffer.
#[test]
fn an_entity_behind_the_last_character() {
    let document = [0x03, 0xA4, 0x01, 0x6A, 0x00, 0x6D, 0x02, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F, 0x01];
    assert_eq!(
        failure(&document, Limits::DEFAULT),
        (ErrorKind::Character(u32::MAX), 12, String::from("SyncML"))
    );
}

#[test]
fn a_hundred_thousand_levels() {
    let document = with_header(&[0x6D; 100_000]);
    let path = |levels| vec!["SyncML"; levels].join("/");
    assert_eq!(failure(&document, Limits::DEFAULT), (ErrorKind::TooDeep(64), HEADER.len() + 65, path(64)));
    // Nobody gets deeper than the highest limit, and a path stays readable.
    let mut limits = Limits::DEFAULT.with_depth(u16::MAX);
    assert_eq!(limits.depth, Limits::MAX_DEPTH);
    limits.depth = u16::MAX;
    let (kind, at, deep) = failure(&document, limits);
    assert_eq!((kind, at), (ErrorKind::TooDeep(256), HEADER.len() + 257));
    assert_eq!(deep, path(64) + "/...");
    assert_eq!(failure(&document, Limits::DEFAULT.with_depth(0)), (ErrorKind::TooDeep(0), 6, String::new()));
}

/// As deep as it goes, a tree is read, copied, compared, written and dropped by recursion.
#[test]
fn the_highest_depth_is_safe_to_recurse() {
    let levels = usize::from(Limits::MAX_DEPTH);
    let document = with_header(&[vec![0x54; levels], vec![0x01; levels]].concat());
    let mut reader = Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT.with_depth(256)).unwrap();
    let Ok(Some(Event::Start(name))) = reader.next() else { panic!() };
    let element = Element::decode(&mut reader, name).unwrap().into_owned();
    let mut deep = &element;
    let mut depth = 1;
    while let Some(Node::Element(inner)) = deep.children.first() {
        deep = inner;
        depth += 1;
    }
    assert_eq!(depth, levels);
    assert_eq!(element.clone(), element);
}

#[test]
fn a_megabyte_of_empty_siblings() {
    let document = with_header(&[vec![0x6D], vec![0x05; 1 << 20], vec![0x01]].concat());
    assert_eq!(
        failure(&document, Limits::DEFAULT),
        (ErrorKind::TooManyElements(1 << 17), HEADER.len() + (1 << 17) + 1, String::from("SyncML"))
    );
    assert_eq!(count(&document, Limits::DEFAULT.with_elements(u32::MAX)).unwrap(), (2 << 20) + 2);
}

#[test]
fn a_document_larger_than_allowed() {
    let document = with_header(&[0x2D]);
    let limits = Limits::DEFAULT.with_document(document.len() - 1);
    assert_eq!(failure(&document, limits), (ErrorKind::DocumentTooLarge(5), 0, String::new()));
    assert_eq!(count(&document, limits.with_document(document.len())).unwrap(), 2);
}

#[test]
fn octets_that_are_not_there() {
    let document = with_header(&[0x4F, 0xC3, 0x8F, 0xFF, 0xFF, 0xFF, 0x7F, 0x00, 0x01]);
    assert_eq!(failure(&document, Limits::DEFAULT), (ErrorKind::Truncated, 12, String::from("Data")));
}

/// Two octets a reference, 16 KiB each: text would be 8,192 times the document.
#[test]
fn a_table_that_is_referred_to_again_and_again() {
    let table = [vec![b'a'; 16 << 10], vec![0]].concat();
    let mut body = vec![0x4F];
    (0..2048).for_each(|_| body.extend([0x83, 0x00]));
    body.push(0x01);
    let document = with_table(&table, &body);
    let begin = document.len() - body.len();
    // 4 MiB are 256 of them.
    let at = begin + 1 + 2 * 257;
    let too_large = ErrorKind::ExpansionTooLarge(4 << 20);
    assert_eq!(failure(&document, Limits::DEFAULT), (too_large.clone(), at, String::from("Data")));
    let mut reader = Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT).unwrap();
    reader.next().unwrap();
    assert_eq!(reader.text().unwrap_err().kind(), &too_large);

    // Names and attributes count as well.
    let table = [vec![b'a'; 256], vec![0]].concat();
    let limits = Limits::DEFAULT.with_expansion(1000);
    let names = with_table(&table, &[vec![0x4F], [0x04, 0x00].repeat(10), vec![0x01]].concat());
    let begin = names.len() - 22;
    let too_large = ErrorKind::ExpansionTooLarge(1000);
    assert_eq!(failure(&names, limits), (too_large, begin + 9, String::from("Data")));
    let attributes =
        with_table(b"a\0", &[vec![0x8F], [0x04, 0x00, 0x83, 0x00].repeat(10), vec![0x01]].concat());
    let begin = attributes.len() - 42;
    assert_eq!(
        failure(&attributes, limits.with_expansion(7)),
        (ErrorKind::ExpansionTooLarge(7), begin + 17, String::from("Data"))
    );

    // The limit itself is allowed, with and without a NUL behind the string.
    for table in [b"abcd\0".as_slice(), b"abcd"] {
        let document = with_table(table, &[0x4F, 0x83, 0x00, 0x83, 0x00, 0x01]);
        assert!(count(&document, limits.with_expansion(8)).is_ok());
        assert_eq!(failure(&document, limits.with_expansion(7)).0, ErrorKind::ExpansionTooLarge(7));
    }
}

#[test]
fn a_table_larger_than_allowed() {
    let document = with_table(&[b'a'; 100], &[0x2D]);
    let limits = Limits::DEFAULT.with_string_table(99);
    assert_eq!(failure(&document, limits), (ErrorKind::StringTableTooLarge(99), 5, String::new()));
    assert!(count(&document, limits.with_string_table(100)).is_ok());
}

#[test]
fn names_longer_than_allowed() {
    let table = [b'a'; 257];
    let element = with_table(&table, &[0x4F, 0x04, 0x00, 0x01]);
    let begin = element.len() - 4;
    let too_long = ErrorKind::NameTooLong(256);
    assert_eq!(failure(&element, Limits::DEFAULT), (too_long.clone(), begin + 3, String::from("Data")));
    let attribute = with_table(&table, &[0x8F, 0x04, 0x00, 0x01]);
    assert_eq!(failure(&attribute, Limits::DEFAULT), (too_long, begin + 3, String::from("Data")));
    let one_less = with_table(&table, &[0x4F, 0x04, 0x01, 0x01]);
    assert!(count(&one_less, Limits::DEFAULT).is_ok());
}

#[test]
fn attributes_beyond_number() {
    // Two octets each in the document, 56 and more in a tree.
    let attributes = |n| with_table(b"a\0", &[vec![0x8F], [0x04, 0x00].repeat(n), vec![0x01]].concat());
    assert_eq!(count(&attributes(32), Limits::DEFAULT).unwrap(), 34);
    assert_eq!(
        failure(&attributes(10_000), Limits::DEFAULT),
        (ErrorKind::TooManyAttributes(32), 7 + 1 + 2 * 32 + 1, String::from("Data"))
    );
    // They count like elements, so that many small lists are no way around.
    let lists = with_table(b"a\0", &[vec![0x4F], [0x8F, 0x04, 0x00, 0x01].repeat(10), vec![0x01]].concat());
    assert_eq!(failure(&lists, Limits::DEFAULT.with_elements(20)).0, ErrorKind::TooManyElements(20));
    assert_eq!(count(&lists, Limits::DEFAULT.with_elements(21)).unwrap(), 32);
    // So do those that are tokens, known or not.
    let tokens = with_header(&[vec![0x8F], vec![0x05; 10_000], vec![0x01]].concat());
    assert_eq!(failure(&tokens, Limits::DEFAULT).0, ErrorKind::TooManyAttributes(32));
}

#[test]
fn an_attribute_twice_is_refused_where_attributes_are_kept() {
    let document = with_table(b"a\0b\0", &[0x8F, 0x04, 0x00, 0x04, 0x02, 0x04, 0x00, 0x01]);
    let mut reader = Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT).unwrap();
    let Ok(Some(Event::Start(name))) = reader.next() else { panic!() };
    let error = Element::decode(&mut reader, name).unwrap_err();
    assert_eq!((error.kind(), error.offset(), error.path()), (&ErrorKind::RepeatedAttribute, 16, "Data"));
}

/// A tree has no more than two nodes for each element, however its text was cut.
#[test]
fn small_pieces_become_one() {
    let pieces = [0x03, b'a', 0x00, 0x02, 0x62, 0xC3, 0x01, 0xFF].repeat(10_000);
    let document = with_header(&[vec![0x4F], pieces, vec![0x0F, 0x03, b'z', 0x00, 0x01]].concat());
    let mut reader = Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT).unwrap();
    let Ok(Some(Event::Start(name))) = reader.next() else { panic!() };
    let element = Element::decode(&mut reader, name).unwrap();
    let [Node::Opaque(octets), Node::Element(_), Node::Text(text)] = &element.children[..] else { panic!() };
    assert_eq!((octets.as_ref(), text.as_ref()), (b"ab\xFF".repeat(10_000).as_slice(), "z"));
}

/// No document of a few octets does anything but end, and none reports more events than twice its octets.
#[test]
fn all_short_bodies() {
    let tokens: Vec<u8> = (0x00..=0x06).chain(0x40..=0x46).chain(0x80..=0x86).chain(0xC0..=0xC6).collect();
    let mut bodies = vec![Vec::new()];
    for _ in 0..4 {
        for body in &bodies {
            let document = with_table(b"a\0b", body);
            let events =
                trace(Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT)).matches(['<', '>']).count();
            assert!(events <= 2 * body.len());
        }
        bodies = bodies.iter().flat_map(|body| tokens.iter().map(|t| [&body[..], &[*t]].concat())).collect();
    }
}

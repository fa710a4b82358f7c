//! Trees of elements through both encodings, and any octets through both readers.
//!
//! What WBXML cannot keep: the namespace of a name outside the code space (a literal has none), and which of several
//! attributes with one local name there were. What XML cannot keep: octets, which become text where they are that, else base64, and with it the
//! difference between octets and text. Everything else comes back as it was.
#![cfg(feature = "xml")]

use base64ct::{Base64, Encoding as _};
use dm_wbxml::wbxml::{StringTable, Version};
use dm_wbxml::{
    Attribute, Element, Error, Event, ForeignName, Limits, Name, Node, SYNCML_1_2, Source, Tag, is_xml_text,
    wbxml, xml,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn to_wbxml(element: &Element<'_>, strings: &[&str]) -> Vec<u8> {
    let (mut out, mut table) = (Vec::new(), StringTable::new());
    strings.iter().for_each(|string| _ = table.insert(string));
    element.encode(&mut table);
    let mut writer = wbxml::Writer::new(&mut out, Version::V1_2, SYNCML_1_2.public_id(), &table);
    element.encode(&mut writer);
    assert!(writer.finish(), "the table has seen every name");
    out
}

fn to_xml(element: &Element<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    element.encode(&mut xml::Writer::new(&mut out, &SYNCML_1_2));
    out
}

fn read<'a>(mut source: impl Source<'a>) -> Result<Element<'a>, Error> {
    let Some(Event::Start(name)) = source.next()? else { panic!("a document begins with an element") };
    let element = Element::decode(&mut source, name)?;
    assert_eq!(source.next()?, None);
    Ok(element)
}

fn from_wbxml(document: &[u8]) -> Result<Element<'_>, Error> {
    read(wbxml::Reader::new(document, &SYNCML_1_2, Limits::DEFAULT)?)
}

fn from_xml(document: &[u8]) -> Result<Element<'_>, Error> {
    read(xml::Reader::new(document, &SYNCML_1_2, xml::Options::default())?)
}

/// The tree that XML brings back.
fn as_xml_keeps_it(element: Element<'_>) -> Element<'_> {
    let mut kept = Element::new(element.name);
    kept.attributes = element.attributes;
    for child in element.children {
        match child {
            Node::Element(child) => kept.children.push(Node::Element(as_xml_keeps_it(child))),
            Node::Text(text) => Node::push_text(&mut kept.children, text),
            Node::Opaque(octets) => match str::from_utf8(&octets) {
                Ok(text) if is_xml_text(text) => Node::push_text(&mut kept.children, text.to_owned()),
                _ => Node::push_text(&mut kept.children, Base64::encode_string(&octets)),
            },
            other => panic!("{other:?} is new"),
        }
    }
    kept
}

/// The tree that WBXML brings back.
fn as_wbxml_keeps_it(element: Element<'_>) -> Element<'_> {
    let name = match element.name {
        Name::Foreign(name) => Name::Foreign(ForeignName::new("", name.local().to_owned()).unwrap()),
        name => name,
    };
    let mut kept = Element::new(name);
    for attribute in element.attributes {
        if !kept.attributes.iter().any(|other: &Attribute<'_>| other.name() == attribute.name()) {
            let (name, value) = (attribute.name().to_owned(), attribute.value().to_owned());
            kept.attributes.push(Attribute::new(name, value).unwrap());
        }
    }
    for child in element.children {
        kept.children.push(match child {
            Node::Element(child) => Node::Element(as_wbxml_keeps_it(child)),
            other => other,
        });
    }
    kept
}

/// Text with what is special to either encoding, and characters of one to four octets.
fn text() -> impl Strategy<Value = String> {
    "[a-z <>&\"'\\]\\r\\n\\téß€\u{7F}\u{FFFD}\u{F000}\u{10000}\u{1F600}\u{10FFFF}]{1,12}"
}

fn local() -> impl Strategy<Value = String> {
    "[A-Za-z_éÉ\u{10400}][A-Za-z0-9._é-]{0,6}".prop_filter("declares a namespace", |name| name != "xmlns")
}

fn namespace() -> impl Strategy<Value = String> {
    // Not those of the code space: names there are tags.
    prop_oneof![
        Just(String::new()),
        Just("urn:x".into()),
        Just("http://www.w3.org/XML/1998/namespace".into()),
        "u[&<>\"' é]{0,4}"
    ]
}

fn name() -> impl Strategy<Value = Name<'static>> {
    let known: Vec<Tag> = SYNCML_1_2
        .pages()
        .iter()
        .flat_map(|page| {
            (0x05..=0x3F)
                .filter(|token| page.name(*token).is_some())
                .map(|token| Tag::new(page.number(), token))
        })
        .collect();
    prop_oneof![
        6 => prop::sample::select(known).prop_map(Name::Tag),
        1 => (any::<u8>(), 0x05u8..=0x3F).prop_map(|(page, token)| Name::Tag(Tag::new(page, token))),
        2 => (namespace(), local()).prop_map(|(namespace, local)| Name::Foreign(ForeignName::new(namespace, local).unwrap())),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<Attribute<'static>>> {
    let attribute = (namespace(), local(), prop_oneof![Just(String::new()), text()]).prop_map(
        |(namespace, name, value)| Attribute::new(name, value).unwrap().with_namespace(namespace).unwrap(),
    );
    prop_oneof![3 => Just(Vec::new()), 1 => vec(attribute, 1..5)].prop_map(|mut list| {
        let mut seen: Vec<(String, String)> = Vec::new();
        list.retain(|attribute| {
            let name = (attribute.namespace().to_owned(), attribute.name().to_owned());
            let new = !seen.contains(&name);
            seen.push(name);
            new
        });
        list
    })
}

fn element() -> impl Strategy<Value = Element<'static>> {
    let with_content = |children: BoxedStrategy<Vec<Node<'static>>>| {
        (name(), attributes(), children).prop_map(|(name, attributes, pieces)| {
            let mut element = Element::new(name);
            element.attributes = attributes;
            for piece in pieces {
                match piece {
                    Node::Text(text) => Node::push_text(&mut element.children, text),
                    Node::Opaque(octets) => Node::push_octets(&mut element.children, octets),
                    other => element.children.push(other),
                }
            }
            element
        })
    };
    let leaf = || {
        prop_oneof![
            text().prop_map(|text| Node::Text(text.into())),
            vec(any::<u8>(), 1..8).prop_map(|octets| Node::Opaque(octets.into())),
        ]
    };
    let leaves = with_content(vec(leaf(), 0..3).boxed());
    leaves.prop_recursive(6, 64, 5, move |inner| {
        let child = prop_oneof![1 => leaf(), 2 => inner.prop_map(Node::Element)];
        with_content(vec(child, 0..5).boxed())
    })
}

/// Every event, for sources of any octets; an error ends it.
fn count<'a>(source: Result<impl Source<'a>, Error>, len: usize) -> (usize, bool) {
    let Ok(mut source) = source else { return (0, false) };
    let (mut events, mut open, mut before) = (0, 0_usize, 0);
    loop {
        match source.next() {
            Ok(Some(event)) => {
                events += 1;
                match event {
                    Event::Start(_) => open += 1,
                    Event::End => open -= 1,
                    _ => {}
                }
            }
            Ok(None) => {
                assert_eq!(open, 0);
                return (events, true);
            }
            Err(error) => {
                assert!(error.offset() <= len, "{error}");
                assert_eq!(source.next(), Err(error), "an error is the end");
                return (events, false);
            }
        }
        assert!(source.offset() >= before && source.offset() <= len, "reading goes forward");
        before = source.offset();
    }
}

fn count_wbxml(document: &[u8]) -> (usize, bool) {
    count(wbxml::Reader::new(document, &SYNCML_1_2, Limits::DEFAULT), document.len())
}

fn count_xml(document: &[u8]) -> (usize, bool) {
    count(xml::Reader::new(document, &SYNCML_1_2, xml::Options::default()), document.len())
}

proptest! {
    #[test]
    fn wbxml_brings_trees_back(element in element(), strings in vec(text(), 0..3)) {
        let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
        let document = to_wbxml(&element, &strings);
        prop_assert_eq!(from_wbxml(&document).unwrap(), as_wbxml_keeps_it(element));
    }

    #[test]
    fn xml_brings_trees_back(element in element()) {
        let document = to_xml(&element);
        let read = from_xml(&document).unwrap();
        prop_assert_eq!(&read, &as_xml_keeps_it(element), "{}", String::from_utf8_lossy(&document));
        // What was read once is read the same again.
        let again = to_xml(&read);
        prop_assert_eq!(from_xml(&again).unwrap(), read);
    }

    /// Whatever WBXML can say survives XML, unnamed tokens and names outside the code space among it.
    #[test]
    fn names_survive_wbxml_to_xml_to_wbxml(element in element()) {
        let first = to_wbxml(&element, &[]);
        let kept = from_wbxml(&first).unwrap();
        let document = to_xml(&kept);
        let through = from_xml(&document).unwrap();
        let second = to_wbxml(&through, &[]);
        prop_assert_eq!(from_wbxml(&second).unwrap(), as_xml_keeps_it(kept));
    }

    #[test]
    fn owned_trees_are_equal(element in element()) {
        let document = to_wbxml(&element, &[]);
        let read = from_wbxml(&document).unwrap();
        prop_assert_eq!(read.clone().into_owned(), read);
    }

    #[test]
    fn every_prefix_of_wbxml_ends(element in element()) {
        let document = to_wbxml(&element, &[]);
        for len in 0..document.len() {
            // A shorter root may be complete, never with an end that is not there.
            prop_assert!(!count_wbxml(&document[..len]).1, "{} of {}", len, document.len());
        }
        prop_assert!(count_wbxml(&document).1);
    }

    #[test]
    fn every_prefix_of_xml_ends(element in element()) {
        let document = to_xml(&element);
        for len in 0..document.len() {
            prop_assert!(!count_xml(&document[..len]).1, "{} of {}", len, document.len());
        }
        prop_assert!(count_xml(&document).1);
    }

    /// At most two events for each octet behind the header: a start and an end.
    #[test]
    fn any_octets_are_read_in_linear_work(octets in vec(prop_oneof![
        any::<u8>(), 0x00u8..0x07, 0x40u8..0x47, 0x80u8..0x87, 0xC0u8..0xC7, Just(0x6D), Just(0x01)], 0..200)) {
        prop_assert!(count_wbxml(&octets).0 <= 2 * octets.len());
        let document = [b"\x03\x01\x6A\x05a\0bc\0".as_slice(), &octets].concat();
        prop_assert!(count_wbxml(&document).0 <= 2 * octets.len());
    }

    #[test]
    fn any_text_is_read_in_linear_work(pieces in vec(prop_oneof![
        Just("<"), Just(">"), Just("</"), Just("/>"), Just("<a>"), Just("</a>"), Just("<a/>"), Just(" b='"), Just("'"), Just("\""),
        Just("&"), Just("&#"), Just(";"), Just("x41"), Just("amp"), Just("<!--"), Just("-->"), Just("<![CDATA["), Just("]]>"),
        Just("<!DOCTYPE a ["), Just("]"), Just("<?"), Just("?>"), Just("xml"), Just("xmlns:p='u'"), Just("p:"), Just("é"),
        Just("\u{FEFF}"), Just("\r"), Just(" "), Just("="), Just("!")], 0..40)) {
        let document = pieces.concat();
        prop_assert!(count_xml(document.as_bytes()).0 <= document.len());
        let inside = format!("<a>{document}</a>");
        prop_assert!(count_xml(inside.as_bytes()).0 <= inside.len());
    }

    /// Octets of a document changed here and there.
    #[test]
    fn damaged_documents_are_read_in_linear_work(element in element(), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for (mut document, reader) in [
            (to_wbxml(&element, &[]), count_wbxml as fn(&[u8]) -> (usize, bool)),
            (to_xml(&element), count_xml),
        ] {
            for (at, octet) in &damage {
                let at = at.index(document.len());
                document[at] = *octet;
            }
            prop_assert!(reader(&document).0 <= 2 * document.len());
        }
    }
}

//! Attribute tokens: provisioning documents, tokens nobody named, and what the writer chooses.

use dm_wbxml::wbxml::{Reader, StringTable, Version, Writer};
use dm_wbxml::{
    Attribute, AttributePage, CODE_SPACES, CodePage, CodeSpace, Element, ErrorKind, Event, Limits, Node,
    PROV_1_0, PublicId, SYNCML_1_2, Sink, Source, Tag, provisioning,
};
use proptest::prelude::*;

/// A document as senders write it: text inline, in a table and as tokens, pages of attributes switched inside lists.
const BOOTSTRAP: &[u8] = b"\x03\x0B\x6A\x05NAP1\0\
    \xC5\x46\x01\
    \xC6\x55\x01\x87\x11\x06\x83\x00\x01\x87\x10\x06\xAB\x01\x87\x08\x06\x03ap\0\x03n\0\x02\x21\x01\x01\
    \xC6\x00\x01\x55\x01\x87\x36\x00\x00\x06\x03w7\0\x01\xC6\x00\x01\x57\x01\x87\x33\x00\x00\x06\x00\x01\x91\x93\x01\
    \x87\x00\x00\x07\x06\x03x\0\x01\x01\x01\x01";

/// The elements with their attributes, in brackets.
fn shown(reader: &mut Reader<'_>, space: &'static CodeSpace) -> String {
    let mut shown = String::new();
    while let Some(event) = reader.next().unwrap() {
        shown += &match event {
            Event::Start(dm_wbxml::Name::Tag(tag)) => format!("({}", space.name(tag).unwrap()),
            Event::Attribute(attribute) => {
                assert_eq!(attribute.namespace(), "");
                format!(" {}={}", attribute.name(), attribute.value())
            }
            Event::End => ")".into(),
            other => panic!("{other:?}"),
        };
    }
    shown
}

const SHOWN: &str = "(wap-provisioningdoc version=1.0\
    (characteristic type=NAPDEF(parm name=NAPID value=NAP1)(parm name=BEARER value=GSM-GPRS)(parm name=NAP-ADDRESS value=apn!))\
    (characteristic type=APPLICATION(parm name=APPID value=w7)(characteristic type=APPAUTH\
    (parm name=AAUTHTYPE value=HTTP-DIGEST)(parm name=NAME value=x))))";

#[test]
fn a_provisioning_document_is_read() {
    let mut reader = Reader::new(BOOTSTRAP, &PROV_1_0, Limits::DEFAULT).unwrap();
    assert_eq!(shown(&mut reader, &PROV_1_0), SHOWN);
}

#[test]
fn the_last_end_may_be_missing() {
    for octets in 1..=2 {
        let cut = &BOOTSTRAP[..BOOTSTRAP.len() - octets];
        let mut reader = Reader::new(cut, &PROV_1_0, Limits::DEFAULT).unwrap().with_missing_ends(true);
        assert_eq!(shown(&mut reader, &PROV_1_0), SHOWN);
        let mut strict = Reader::new(cut, &PROV_1_0, Limits::DEFAULT).unwrap();
        let error = std::iter::from_fn(|| strict.next().transpose()).find_map(Result::err);
        assert_eq!(error.unwrap().kind(), &ErrorKind::Truncated);
    }
    // Not inside a list of attributes, nor before there is a root.
    for cut in [b"\x03\x0B\x6A\0\xC5\x46".as_slice(), b"\x03\x0B\x6A\0"] {
        let mut reader = Reader::new(cut, &PROV_1_0, Limits::DEFAULT).unwrap().with_missing_ends(true);
        let error = std::iter::from_fn(|| reader.next().transpose()).find_map(Result::err);
        assert_eq!(error.unwrap().kind(), &ErrorKind::Truncated);
    }
}

fn written(attributes: &[(&str, &str)]) -> Vec<u8> {
    let attributes: Vec<_> = attributes.iter().map(|(n, v)| Attribute::new(*n, *v).unwrap()).collect();
    let (mut out, mut table) = (Vec::new(), StringTable::new().with_attributes(&PROV_1_0));
    let name = provisioning::PARM.into();
    table.element(&name, &attributes, false);
    let mut writer =
        Writer::new(&mut out, Version::V1_3, PROV_1_0.public_id(), &table).with_attributes(&PROV_1_0);
    writer.element(&name, &attributes, false);
    assert!(writer.finish());
    assert_eq!(out[..3], [0x03, 0x0B, 0x6A]);
    out.split_off(3)
}

#[test]
fn the_writer_says_as_much_as_it_can_by_tokens() {
    for (attributes, expected) in [
        // The start token with the longest part of the value.
        (&[("version", "1.0")][..], b"\x00\x87\x46\x01".as_slice()),
        (&[("version", "1.01")], b"\x00\x87\x46\x031\0\x01"),
        (&[("version", "2")], b"\x00\x87\x45\x032\0\x01"),
        (&[("name", "")], b"\x00\x87\x05\x01"),
        (&[("name", "NAMES")], b"\x00\x87\x07\x03S\0\x01"),
        (&[("name", "NAPIDX"), ("value", "w7")], b"\x00\x87\x11\x03X\0\x06\x03w7\0\x01"),
        // Another page where that has the longer one, and the page in force where both have as much.
        (&[("name", "APPID"), ("value", "w7")], b"\x00\x87\x00\x01\x36\x06\x03w7\0\x01"),
        (&[("type", "PORT"), ("name", "APPID")], b"\x00\x87\x53\x00\x01\x36\x01"),
        // Value tokens for all of the rest: one of any page, several of the page in force.
        (&[("value", "IPV4")], b"\x00\x87\x06\x85\x01"),
        (&[("value", "OBEX")], b"\x00\x87\x06\x00\x01\x8E\x01"),
        (
            &[("name", "AAUTHTYPE"), ("value", "HTTP-BASIC,DIGEST")],
            b"\x00\x87\x00\x01\x33\x06\x91\x92\x90\x93\x01",
        ),
        (
            &[("name", "AAUTHTYPE"), ("value", "HTTP-BASIC,X")],
            b"\x00\x87\x00\x01\x33\x06\x03HTTP-BASIC,X\0\x01",
        ),
        // A name without a token, in the table.
        (&[("id", "IPV4"), ("value", "")], b"\x03id\0\x87\x04\x00\x85\x06\x01"),
    ] {
        assert_eq!(written(attributes), expected, "{attributes:?}");
    }
}

#[test]
fn tokens_nobody_named_are_written_again() {
    let body = b"\x87\x4D\x03a\0\x99\x00\x07\xFF\x85\x03b\0\x3C\x01";
    let document = [b"\x03\x0B\x6A\0".as_slice(), body].concat();
    for space in [&PROV_1_0, &SYNCML_1_2] {
        let mut reader = Reader::new(&document, space, Limits::DEFAULT).unwrap();
        let Some(Event::Start(name)) = reader.next().unwrap() else { panic!() };
        let element = Element::decode(&mut reader, name).unwrap();
        assert_eq!(element.attributes.len(), 2);
        assert_eq!(element.attributes[1].name(), "t-07-3C");
        let (mut out, mut table) = (Vec::new(), StringTable::new().with_attributes(space));
        element.encode(&mut table);
        let mut writer =
            Writer::new(&mut out, Version::V1_3, PublicId::PROV_1_0, &table).with_attributes(space);
        element.encode(&mut writer);
        assert!(writer.finish());
        assert_eq!(out, document);
    }
}

#[test]
fn what_tokens_stand_for_is_bounded() {
    static PAGE: AttributePage = AttributePage::new(0, &[(5, "a", "0123456789")], &[(0x85, "0123456789")]);
    static TAGS: CodePage = CodePage::new(0, &[""], &[(5, "r")]);
    static SPACE: CodeSpace =
        CodeSpace::new(PublicId::UNKNOWN, "-//X//DTD X//EN", &[&TAGS]).with_attributes(&[&PAGE]);
    let document = [b"\x03\x01\x6A\0\x85\x05".as_slice(), &[0x85; 9], &[0x01]].concat();
    for (expansion, ok) in [(100, true), (99, false), (9, false)] {
        let limits = Limits::DEFAULT.with_expansion(expansion);
        let mut reader = Reader::new(&document, &SPACE, limits).unwrap();
        reader.next().unwrap();
        match reader.next() {
            Ok(Some(Event::Attribute(attribute))) => assert!(ok && attribute.value().len() == 100),
            Err(error) => assert!(!ok && error.kind() == &ErrorKind::ExpansionTooLarge(expansion)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_known_space_says_the_same_in_both_directions() {
    for space in CODE_SPACES {
        for page in space.pages() {
            for token in 0x05..=0x3F {
                let Some(name) = page.name(token) else { continue };
                assert_eq!(page.tag(name), Some(Tag::new(page.number(), token)), "{name}");
            }
        }
        let same_number = CODE_SPACES.iter().filter(|other| other.public_id() == space.public_id()).count();
        assert_eq!(same_number, 1, "{}", space.formal_public_id());
    }
}

/// Names and values of the space and others, pieces of them, and characters that stand for tokens.
fn attribute() -> impl Strategy<Value = Attribute<'static>> {
    let name = prop_oneof![
        4 => prop::sample::select(vec!["name", "value", "type", "version"]).prop_map(String::from),
        1 => "[a-c]{1,2}",
    ];
    let piece = prop_oneof![
        prop::sample::select(vec![
            "NAP", "ID", "APPID", "HTTP-", "BASIC", ",", "IPV4", "1.0", "OBEX", "PORT"
        ])
        .prop_map(String::from),
        "[\u{100000}-\u{10FFFF}]",
        "[a-zé\u{100085}\u{100190}\u{100197}]{1,3}",
    ];
    let unnamed = (any::<u8>(), 0x50u8..0x7F, 0usize..4).prop_map(|(page, token, len)| {
        let attribute = Attribute::new(format!("t-{:02X}-{token:02X}", page | 2), "x".repeat(len)).unwrap();
        attribute.with_namespace("urn:x-dm-wbxml:token").unwrap()
    });
    prop_oneof![
        6 => (name, proptest::collection::vec(piece, 0..4)).prop_map(|(name, value)| Attribute::new(name, value.concat()).unwrap()),
        1 => unnamed,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn attributes_come_back(lists in proptest::collection::vec(proptest::collection::vec(attribute(), 0..5), 1..5)) {
        let mut root = Element::new(provisioning::WAP_PROVISIONING_DOC);
        for mut attributes in lists {
            let mut seen = Vec::new();
            attributes.retain(|attribute: &Attribute<'_>| {
                let new = !seen.contains(&attribute.name().to_owned());
                seen.push(attribute.name().to_owned());
                new
            });
            let mut parm = Element::new(provisioning::PARM);
            parm.attributes = attributes;
            root.children.push(Node::Element(parm));
        }
        for space in [&PROV_1_0, &SYNCML_1_2] {
            let (mut out, mut table) = (Vec::new(), StringTable::new().with_attributes(space));
            root.encode(&mut table);
            let mut writer = Writer::new(&mut out, Version::V1_3, PublicId::PROV_1_0, &table).with_attributes(space);
            root.encode(&mut writer);
            prop_assert!(writer.finish());
            let mut reader = Reader::new(&out, space, Limits::DEFAULT).unwrap();
            let Some(Event::Start(name)) = reader.next().unwrap() else { panic!() };
            prop_assert_eq!(Element::decode(&mut reader, name).unwrap(), root.clone());
        }
    }
}

//! Everything that WBXML can say about elements, attributes and text, read, written and read again: the same, and by way of XML too.

use dm_wbxml::wbxml::{Reader, StringTable, TableWriter, Version, Writer};
use dm_wbxml::{
    AttributePage, CodePage, CodeSpace, Element, Event, Limits, Name, Node, PROV_1_0, PublicId, SYNCML_1_2,
    Source,
};

/// Read into a tree.
fn tree<'a>(document: &'a [u8], space: &'static CodeSpace) -> Element<'a> {
    let mut reader = Reader::new(document, space, Limits::DEFAULT).unwrap();
    let Ok(Some(Event::Start(name))) = reader.next() else { panic!("{document:02X?}") };
    let element = Element::decode(&mut reader, name).unwrap();
    assert_eq!(reader.next(), Ok(None));
    element
}

fn written(element: &Element<'_>, space: &'static CodeSpace) -> Vec<u8> {
    let (mut out, mut table) = (Vec::new(), StringTable::new().with_attributes(space));
    element.encode(&mut table);
    let mut writer = Writer::new(&mut out, Version::V1_3, space.public_id(), &table).with_attributes(space);
    element.encode(&mut writer);
    assert!(writer.finish());
    out
}

fn written_with_its_own_table(element: &Element<'_>, space: &'static CodeSpace) -> Vec<u8> {
    let mut writer = TableWriter::new(Version::V1_3, space.public_id()).with_attributes(space);
    element.encode(&mut writer);
    let mut out = Vec::new();
    writer.finish(&mut out);
    out
}

/// In brackets: name, attributes, content.
fn shown(element: &Element<'_>, space: &'static CodeSpace) -> String {
    let mut shown = match &element.name {
        Name::Tag(tag) => {
            space.name(*tag).map_or(format!("{:02X}:{:02X}", tag.page(), tag.token()), str::to_owned)
        }
        Name::Foreign(name) => format!("{{{}}}{}", name.namespace(), name.local()),
        other => panic!("{other:?}"),
    };
    for attribute in &element.attributes {
        shown += &format!(" {}={}", attribute.name(), attribute.value());
    }
    for child in &element.children {
        shown += &match child {
            Node::Element(child) => self::shown(child, space),
            Node::Text(text) => format!("\"{text}\""),
            Node::Opaque(octets) => format!("#{octets:02X?}"),
            other => panic!("{other:?}"),
        };
    }
    format!("({shown})")
}

/// A table of strings, a body of SyncML, and what it says.
const SYNCML: &[(&[u8], &[u8], &str)] = &[
    // The four forms of a tag: empty, content, attributes, both; of a literal too.
    (b"a\0", b"\x0F", "(Data)"),
    (b"a\0", b"\x4F\x03x\0\x01", "(Data\"x\")"),
    (b"a\0", b"\x8F\x04\0\x03v\0\x01", "(Data a=v)"),
    (b"a\0", b"\xCF\x04\0\x03v\0\x01\x03x\0\x01", "(Data a=v\"x\")"),
    (b"a\0", b"\x04\0", "({}a)"),
    (b"a\0", b"\x44\0\x03x\0\x01", "({}a\"x\")"),
    (b"a\0", b"\x84\0\x04\0\x03v\0\x01", "({}a a=v)"),
    (b"a\0", b"\xC4\0\x04\0\x03v\0\x01\x03x\0\x01", "({}a a=v\"x\")"),
    // Text inline, in the table, in the middle of a string of the table, and as a character.
    (b"abc\0", b"\x4F\x83\0\x01", "(Data\"abc\")"),
    (b"abc", b"\x4F\x83\x01\x01", "(Data\"bc\")"),
    (b"", b"\x4F\x02\x81\x69\x01", "(Data\"\u{E9}\")"),
    (b"b\0", b"\x4F\x03a\0\x83\0\x02\x63\x01", "(Data\"abc\")"),
    // Octets, and text that XML cannot carry.
    (b"", b"\x4F\xC3\x02\xFF\x00\x01", "(Data#[FF, 00])"),
    (b"", b"\x4F\x03\x07\0\x01", "(Data#[07])"),
    // The page of tags stays until it is changed, across END; that of attributes is another.
    (b"", b"\x54\x5A\0\x01\x47\x03x\0\x01\x13\x01\0\0\x0F\x01", "(Item(Meta(Format\"x\")(Type))(Data))"),
    (b"a\0", b"\x54\0\x01\x87\0\x03\x04\0\x01\x13\x01", "(Item(Format a=)(Type))"),
    // Tags, pages and attributes nobody named.
    (b"", b"\x54\x30\x7F\x0F\x01\x01", "(Item(00:30)(00:3F(Data)))"),
    (b"", b"\x54\0\x09\x05\x45\0\xFF\x3F\x01\x01", "(Item(09:05)(09:05(FF:3F)))"),
    (b"", b"\x8F\x05\x03v\0\0\x07\x7F\x01", "(Data t-00-05=v t-07-7F=)"),
    (b"", b"\x8F\x05\x85\0\x07\xFF\x01", "(Data t-00-05=\u{100085}\u{1007FF})"),
    // Passed over: processing instructions and extension tokens, wherever they may stand.
    (b"a\0", b"\x43\x04\0\x03v\0\x01\x4F\x43\x04\0\x01\x03x\0\x01", "(Data\"x\")"),
    (b"a\0", b"\x4F\x40e\0\x41e\0\x42e\0\x80\x01\x81\x01\x82\x01\xC0\xC1\xC2\x03x\0\x01", "(Data\"x\")"),
    (b"a\0", b"\x8F\x04\0\x40e\0\x81\x01\xC2\x03x\0\xC3\x01\xFF\x01", "(Data a=x)"),
];

fn syncml(table: &[u8], body: &[u8]) -> Vec<u8> {
    [b"\x03\xA4\x01\x6A".as_slice(), &[table.len() as u8], table, body].concat()
}

fn rows() -> impl Iterator<Item = (Vec<u8>, &'static str)> {
    SYNCML.iter().map(|(table, body, expected)| (syncml(table, body), *expected))
}

#[test]
fn wbxml_comes_back() {
    for (document, expected) in rows() {
        let element = tree(&document, &SYNCML_1_2);
        assert_eq!(shown(&element, &SYNCML_1_2), expected, "{document:02X?}");
        for again in [written(&element, &SYNCML_1_2), written_with_its_own_table(&element, &SYNCML_1_2)] {
            assert_eq!(tree(&again, &SYNCML_1_2), element, "{document:02X?} {again:02X?}");
        }
    }
}

#[cfg(feature = "xml")]
#[test]
fn wbxml_comes_back_from_xml() {
    use base64ct::Encoding as _;
    use dm_wbxml::{wbxml_to_xml, xml, xml_to_wbxml};
    for (document, expected) in rows() {
        let xml = wbxml_to_xml(&document, Some(&SYNCML_1_2), Limits::DEFAULT).unwrap();
        let back = xml_to_wbxml(&xml, Some(&SYNCML_1_2), Version::V1_3, xml::Options::default()).unwrap();
        // XML has no octets.
        let mut element = tree(&document, &SYNCML_1_2);
        for child in &mut element.children {
            if let Node::Opaque(octets) = child {
                *child = Node::Text(base64ct::Base64::encode_string(octets).into());
            }
        }
        assert_eq!(tree(&back, &SYNCML_1_2), element, "{expected} {}", String::from_utf8_lossy(&xml));
    }
}

/// A document type nobody told this crate of, on pages of any number, declared here and used everywhere.
#[test]
fn a_code_space_of_the_users() {
    static ROOT: CodePage = CodePage::new(0, &["urn:mail"], &[(0x05, "Mail"), (0x06, "Subject")]);
    static PERSON: CodePage = CodePage::new(24, &["urn:person"], &[(0x05, "To"), (0x3F, "Name")]);
    static LAST: CodePage = CodePage::new(255, &["urn:last"], &[(0x05, "End")]);
    static FLAGS: AttributePage =
        AttributePage::new(0, &[(0x05, "flag", ""), (0x06, "flag", "un")], &[(0x85, "read"), (0x86, "sent")]);
    static MAIL: CodeSpace =
        CodeSpace::new(PublicId::UNKNOWN, "-//EXAMPLE//DTD Mail 1.0//EN", &[&ROOT, &PERSON, &LAST])
            .with_attributes(&[&FLAGS]);
    let document =
        b"\x03\x01\x6A\0\xC5\x06\x85\x01\x46\x03hello\0\x01\0\x18\x45\x7F\x03B\0\x01\x01\0\xFF\x05\x01";
    let element = tree(document, &MAIL);
    assert_eq!(shown(&element, &MAIL), "(Mail flag=unread(Subject\"hello\")(To(Name\"B\"))(End))");
    assert_eq!(written(&element, &MAIL), document);
    #[cfg(feature = "xml")]
    {
        use dm_wbxml::{wbxml_to_xml, xml, xml_to_wbxml};
        let xml = wbxml_to_xml(document, Some(&MAIL), Limits::DEFAULT).unwrap();
        assert_eq!(
            String::from_utf8(xml.clone()).unwrap(),
            r#"<Mail xmlns="urn:mail" flag="unread"><Subject>hello</Subject><To xmlns="urn:person"><Name>B</Name></To><End xmlns="urn:last"/></Mail>"#
        );
        // Named, for want of a number; the rest is what it was.
        let back = xml_to_wbxml(&xml, Some(&MAIL), Version::V1_3, xml::Options::default()).unwrap();
        assert!(back.ends_with(&document[4..]));
        assert_eq!(tree(&back, &MAIL), element);
    }
}

/// Tokens of attributes, known and unknown, come back to the octet.
#[test]
fn attribute_tokens_come_back() {
    for body in [
        b"\x85\x46\x01".as_slice(),
        b"\xC5\x46\x01\x86\x55\x01\x01",
        b"\xC5\x46\x01\xC6\x55\x01\x87\x06\x85\x01\x01\x01",
        b"\x87\x4D\x03a\0\x99\0\x07\xFF\x85\x03b\0\x3C\x01",
        b"\xC5\x46\x01\xC6\0\x01\x55\x01\x87\x36\x06\x03w7\0\0\0\x55\x01\x01\x01",
    ] {
        let document = [b"\x03\x0B\x6A\0".as_slice(), body].concat();
        assert_eq!(written(&tree(&document, &PROV_1_0), &PROV_1_0), document);
    }
}

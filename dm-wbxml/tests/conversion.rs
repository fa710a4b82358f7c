//! Whole documents into the other encoding and back.
#![cfg(feature = "xml")]

use std::fs;
use std::path::{Path, PathBuf};

use dm_wbxml::wbxml::Version;
use dm_wbxml::xml::{Leniencies, Options};
use dm_wbxml::{
    CodePage, CodeSpace, Element, ErrorKind, Event, Limits, Name, PublicId, SYNCML_1_2, Source, metinf,
    wbxml, wbxml_to_xml, xml, xml_to_wbxml,
};

fn to_xml(wbxml: &[u8]) -> String {
    String::from_utf8(wbxml_to_xml(wbxml, None, Limits::DEFAULT).unwrap()).unwrap()
}

fn to_wbxml(xml: &str) -> Vec<u8> {
    xml_to_wbxml(xml.as_bytes(), None, Version::V1_2, Options::default()).unwrap()
}

/// A DDF document of its own: named in its table, all on page 2.
const TREE: &[u8] = b"\x02\0\0\x6A\x1B-//OMA//DTD-DM-DDF 1.2//EN\0\0\x02\x60\x77\x031.2\0\x01\x01";
const TREE_XML: &str = r#"<MgmtTree xmlns="syncml:dmddf1.2"><VerDTD>1.2</VerDTD></MgmtTree>"#;

#[test]
fn the_three_shapes_of_documents_inside() {
    let xml = format!(r#"<Data xmlns="SYNCML:SYNCML1.2">{TREE_XML}</Data>"#);
    let opaque = [b"\x02\xA4\x01\x6A\0\x4F\xC3".as_slice(), &[TREE.len() as u8], TREE, b"\x01"].concat();
    // Nested tokens, a whole document, and the same under SyncML's own identifier.
    assert_eq!(to_xml(b"\x02\xA4\x01\x6A\0\x4F\0\x02\x60\x77\x031.2\0\x01\x01\x01"), xml);
    assert_eq!(to_xml(&opaque), xml);
    assert_eq!(
        to_xml(b"\x02\xA4\x01\x6A\0\x4F\xC3\x10\x02\xA4\x01\x6A\0\0\x02\x60\x77\x031.2\0\x01\x01\x01"),
        xml
    );
    // All become a whole document, with white space around it left out.
    assert_eq!(to_wbxml(&xml), opaque);
    assert_eq!(to_wbxml(&xml.replace("><", ">\n <")), opaque);
    // XML text stays text.
    assert_eq!(
        to_xml(b"\x02\x01\x6A\0\x6D\x4F\xC3\x04<a/>\x01\x4F\x03<a/>\0\x01\x01"),
        r#"<SyncML xmlns="SYNCML:SYNCML1.2"><Data><![CDATA[<a/>]]></Data><Data>&lt;a/&gt;</Data></SyncML>"#
    );
}

#[test]
fn what_is_not_a_whole_document_stays_octets() {
    for octets in [&TREE[..TREE.len() - 1], &[TREE, b"\x01"].concat(), b"\x02\xA4\x01\x6A\0\x12", b"\xFF"] {
        let document =
            [b"\x02\xA4\x01\x6A\0\x4F\xC3".as_slice(), &[octets.len() as u8], octets, b"\x01"].concat();
        let xml = to_xml(&document);
        assert!(!xml.contains("MgmtTree") && !xml.contains("Final"), "{xml}");
    }
}

#[test]
fn devinf_is_of_the_version_of_its_message() {
    for (version, id, devinf) in [("0", 0x51_u8, 0x52_u8), ("1", 0x53, 0x54)] {
        let xml = format!(
            r#"<Data xmlns="SYNCML:SYNCML1.{version}"><DevInf xmlns="syncml:devinf"><Size>1</Size><Odd/></DevInf></Data>"#
        );
        let wbxml = to_wbxml(&xml);
        let expected = [
            b"\x02\x9F".as_slice(),
            &[id],
            b"\x6A\0\x4F\xC3\x10\x02\x9F",
            &[devinf],
            b"\x6A\x04Odd\0\x4A\x5C\x031\0\x01\x04\0\x01\x01",
        ]
        .concat();
        let mut expected = expected;
        expected[7] = (expected.len() - 9) as u8;
        assert_eq!(wbxml, expected, "{wbxml:02X?}");
        assert_eq!(to_xml(&wbxml), xml.replace("<Odd/>", r#"<Odd xmlns=""/>"#));
    }
}

#[test]
fn markup_in_data_keeps_its_namespaces_as_text() {
    let xml = r#"<Item xmlns="SYNCML:SYNCML1.2"><Data> <a xmlns="urn:x" b="1"> <c/> </a> </Data></Item>"#;
    let wbxml = to_wbxml(xml);
    let markup = r#"<a xmlns="urn:x" b="1"> <c/> </a>"#;
    assert_eq!(wbxml[..8], [0x02, 0xA4, 0x01, 0x6A, 0, 0x54, 0x4F, 0xC3]);
    assert_eq!(wbxml[9..9 + markup.len()], *markup.as_bytes());
    assert_eq!(
        to_xml(&wbxml),
        format!(r#"<Item xmlns="SYNCML:SYNCML1.2"><Data><![CDATA[{markup}]]></Data></Item>"#)
    );
}

#[test]
fn white_space_that_may_mean_something_stays() {
    let wbxml = to_wbxml(
        "<Item xmlns='SYNCML:SYNCML1.2'>\n <Data> </Data>\n <Data>&#32;a &amp; b</Data> <x xmlns='u'> <y/> </x></Item>",
    );
    let xml = r#"<Item xmlns="SYNCML:SYNCML1.2"><Data> </Data><Data> a &amp; b</Data><x xmlns=""> <y/> </x></Item>"#;
    assert_eq!(to_xml(&wbxml), xml);
}

#[test]
fn the_code_space_is_chosen() {
    for (xml, number) in [
        ("<SyncML xmlns='SYNCML:SYNCML1.2'/>", 0x1201),
        ("<s:Item xmlns:s='SYNCML:SYNCML1.1'/>", 0x0FD3),
        ("<SyncML xmlns='SYNCML:SYNCML1.0'/>", 0x0FD1),
        ("<Type xmlns='syncml:metinf'/>", 0x1201),
        ("<SyncML/>", 0x1201),
        ("<Add/>", 0x1201),
        ("<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SYNCML 1.1//EN' 'x'><SyncML/>", 0x0FD3),
        ("<DevInf xmlns='syncml:devinf'/>", 0x1203),
        ("<!DOCTYPE DevInf PUBLIC \"-//SYNCML//DTD DevInf 1.1//EN\"><DevInf/>", 0x0FD4),
        ("<DevInf/>", 0x1203),
        ("<wap-provisioningdoc/>", 0x0B),
    ] {
        let mut wbxml = to_wbxml_leniently(xml).unwrap();
        let header = wbxml.split_off(1);
        let id = header.iter().take_while(|b| **b & 0x80 != 0).count() + 1;
        let value = header[..id].iter().fold(0_u32, |value, b| value << 7 | u32::from(b & 0x7F));
        assert_eq!(value, number, "{xml}");
    }
    for xml in ["<MgmtTree/>", "<MgmtTree xmlns='syncml:dmddf1.2'/>"] {
        assert_eq!(to_wbxml_leniently(xml).unwrap()[1], 0, "{xml}");
    }
    for xml in ["<html/>", "<SyncML xmlns='urn:x'/>"] {
        assert_eq!(to_wbxml_leniently(xml).unwrap_err(), ErrorKind::CodeSpace, "{xml}");
    }
    for (wbxml, ok) in [
        (b"\x02\xA4\x01\x6A\0\x2D".as_slice(), true),
        (b"\x02\x01\x6A\0\x2D", true),
        (b"\x02\x01\x6A\0\0\x02\x20", true),
        (b"\x02\0\0\x6A\x03x-y\x0A", true),
        (b"\x02\x01\x6A\0\x3F", false),
        // Of a registered document that is not known here nothing is guessed.
        (b"\x03\x05\x6A\0\x05", false),
    ] {
        let read = wbxml_to_xml(wbxml, None, Limits::DEFAULT);
        assert_eq!(read.is_ok(), ok, "{wbxml:02X?}");
        assert!(wbxml_to_xml(wbxml, Some(&SYNCML_1_2), Limits::DEFAULT).is_ok());
    }
}

/// As hand-written documents need it.
fn to_wbxml_leniently(xml: &str) -> Result<Vec<u8>, ErrorKind> {
    let options = Options::default().with_leniencies(Leniencies::ALL);
    xml_to_wbxml(xml.as_bytes(), None, Version::V1_3, options).map_err(|error| error.kind().clone())
}

#[test]
fn two_roots_are_no_document() {
    assert_eq!(to_wbxml_leniently("<Add/><Add/>"), Err(ErrorKind::OutsideRoot));
}

#[test]
fn a_space_of_the_users() {
    static PAGE: CodePage = CodePage::new(0, &["urn:lamps"], &[(5, "Lamp")]);
    static LAMPS: CodeSpace = CodeSpace::new(PublicId::UNKNOWN, "-//X//L//EN", &[&PAGE]);
    let xml = br#"<Lamp xmlns="urn:lamps">on</Lamp>"#;
    let wbxml = xml_to_wbxml(xml, Some(&LAMPS), Version::V1_3, Options::default()).unwrap();
    assert_eq!(wbxml, b"\x03\0\0\x6A\x0C-//X//L//EN\0\x45\x03on\0\x01");
    assert_eq!(wbxml_to_xml(&wbxml, Some(&LAMPS), Limits::DEFAULT).unwrap(), xml);
}

/// An Item with `content` as WBXML, and what it becomes.
fn item_to_xml(content: &[u8]) -> String {
    let xml = to_xml(&[b"\x02\xA4\x01\x6A\0\x54".as_slice(), content, b"\x01"].concat());
    let inside =
        xml.strip_prefix(r#"<Item xmlns="SYNCML:SYNCML1.2">"#).and_then(|xml| xml.strip_suffix("</Item>"));
    inside.unwrap_or_else(|| panic!("{xml}")).replace(r#" xmlns="syncml:metinf""#, "")
}

#[test]
fn octets_become_what_xml_has_for_them() {
    let b64 = "<Meta><Format>b64</Format></Meta>";
    for (content, expected) in [
        // Octets that are text are text, whole or in pieces.
        (b"\x4F\xC3\x011\x01".as_slice(), "<Data><![CDATA[1]]></Data>".to_owned()),
        (b"\x4B\xC3\x011\x01", "<CmdID><![CDATA[1]]></CmdID>".into()),
        (b"\x4F\x03a\0\xC3\x01b\x01", "<Data><![CDATA[ab]]></Data>".into()),
        (b"\x4F\xC3\x01a\x03b\0\x01", "<Data><![CDATA[ab]]></Data>".into()),
        (b"\x4F\xC3\x01\xC3\xC3\x01\xA9\x01", "<Data><![CDATA[\u{E9}]]></Data>".into()),
        (
            b"\x5A\0\x01\x47\x03bin\0\x01\x01\0\0\x4F\xC3\x01a\x01",
            "<Meta><Format>bin</Format></Meta><Data><![CDATA[a]]></Data>".into(),
        ),
        // Others are base64, all that touches them with them, and Format says so.
        (b"\x4F\xC3\x01\xFF\x01", format!("{b64}<Data>/w==</Data>")),
        (b"\x4F\x03a\0\xC3\x01\xFF\x03b\0\x01", format!("{b64}<Data>Yf9i</Data>")),
        (b"\x4F\x03\x07\0\x01", format!("{b64}<Data>Bw==</Data>")),
        (b"\x5A\0\x01\x47\x03bin\0\x01\x01\0\0\x4F\xC3\x01\xFF\x01", format!("{b64}<Data>/w==</Data>")),
        (b"\x5A\0\x01\x47\x03b64\0\x01\x01\0\0\x4F\xC3\x01\xFF\x01", format!("{b64}<Data>/w==</Data>")),
        (b"\x5A\0\x01\x07\x01\0\0\x4F\xC3\x01\xFF\x01", format!("{b64}<Data>/w==</Data>")),
        (b"\x1A\x4F\xC3\x01\xFF\x01", format!("{b64}<Data>/w==</Data>")),
        (
            b"\x5A\0\x01\x53\x03t\0\x01\x01\0\0\x4F\xC3\x01\xFF\x01",
            "<Meta><Format>b64</Format><Type>t</Type></Meta><Data>/w==</Data>".into(),
        ),
        (
            b"\x5A\0\x01\x4E\x47\x03bin\0\x01\x53\x03t\0\x01\x01\x01\0\0\x4F\xC3\x01\xFF\x01",
            "<Meta><MetInf><Format>b64</Format><Type>t</Type></MetInf></Meta><Data>/w==</Data>".into(),
        ),
        // A Meta behind the Data.
        (b"\x4F\xC3\x01\xFF\x01\x5A\0\x01\x47\x03bin\0\x01\x01", format!("<Data>/w==</Data>{b64}")),
        // Only what Format is about.
        (b"\x57\xC3\x01\xFF\x01", "<LocURI>/w==</LocURI>".into()),
        (b"\x4F\x4F\xC3\x01\xFF\x01\x01", "<Data><Data>/w==</Data></Data>".into()),
    ] {
        assert_eq!(item_to_xml(content), expected, "{content:02X?}");
    }
    // Only the Item that needs it, whatever stands around.
    let three = to_xml(
        b"\x02\xA4\x01\x6A\0\x45\x5A\0\x01\x47\x03bin\0\x01\x01\0\0\x54\x4F\xC3\x01a\x01\x01\x54\x4F\xC3\x01\xFF\x01\x01\x14\x01",
    );
    let expected = concat!(
        r#"<Add xmlns="SYNCML:SYNCML1.2"><Meta><Format xmlns="syncml:metinf">bin</Format></Meta>"#,
        "<Item><Data><![CDATA[a]]></Data></Item>",
        r#"<Item><Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Data>/w==</Data></Item><Item/></Add>"#
    );
    assert_eq!(three, expected);
}

/// An `Add` with its Type, and Items with a Type and Data of their own.
fn add(of_all: &str, items: &[(&str, &str)]) -> String {
    let meta = |media_type: &str| match media_type {
        "" => String::new(),
        other => format!(r#"<Meta><Type xmlns="syncml:metinf">{other}</Type></Meta>"#),
    };
    let item = |(of_one, data): &(&str, &str)| match format!("{}{data}", meta(of_one)) {
        nothing if nothing.is_empty() => "<Item/>".to_owned(),
        content => format!("<Item>{content}</Item>"),
    };
    let items: String = items.iter().map(item).collect();
    format!(r#"<Add xmlns="SYNCML:SYNCML1.2"><CmdID>1</CmdID>{}{items}</Add>"#, meta(of_all))
}

/// The Types in a WBXML document.
fn types(wbxml: &[u8]) -> Vec<String> {
    let mut reader = wbxml::Reader::new(wbxml, &SYNCML_1_2, Limits::DEFAULT).unwrap();
    let mut types = Vec::new();
    while let Some(event) = reader.next().unwrap() {
        if event == Event::Start(Name::Tag(metinf::TYPE)) {
            types.push(reader.text().unwrap().into_owned());
        }
    }
    types
}

#[test]
fn types_tell_the_encoding_of_documents() {
    const XML: &str = "application/vnd.syncml.dmtnds+xml";
    const WBXML: &str = "application/vnd.syncml.dmtnds+wbxml";
    let tree = &*format!("<Data>{TREE_XML}</Data>");
    let (text, none) = ("<Data>text</Data>", "");
    let device = r#"<Data><DevInf xmlns="syncml:devinf"/></Data>"#;
    for (of_all, items, expected) in [
        ("", &[(XML, tree)][..], &[WBXML][..]),
        ("", &[(WBXML, tree)], &[WBXML]),
        ("", &[(XML, text), (XML, none), (XML, "<Data/>")], &[XML, XML, XML]),
        ("", &[("text/xml", tree), ("", tree)], &["text/xml"]),
        ("", &[("application/vnd.syncml-devinf+xml", device)], &["application/vnd.syncml-devinf+wbxml"]),
        ("", &[("\n Application/vnd.SyncML.DMDDF+XML ", tree)], &["application/vnd.syncml.dmddf+wbxml"]),
        // That of a command, where it counts for documents only.
        (XML, &[("", tree), ("", none), ("text/plain", text), ("", tree)], &[WBXML, "text/plain"]),
        (XML, &[("", none)], &[XML]),
        (XML, &[("", text)], &[XML]),
        (XML, &[(XML, tree), ("", text)], &[XML, WBXML]),
        (XML, &[("", text), ("", tree)], &[XML, WBXML]),
        ("text/plain", &[("", tree)], &["text/plain"]),
    ] {
        let xml = add(of_all, items);
        let wbxml = to_wbxml(&xml);
        assert_eq!(types(&wbxml), expected, "{xml}");
        let back = to_xml(&wbxml);
        assert!(!back.contains("+wbxml<"), "{back}");
        if xml.matches("<Type").count() == expected.len() && !xml.contains("DMDDF") {
            assert_eq!(back, xml.replace(WBXML, XML));
        }
        assert_eq!(to_wbxml(&back), wbxml);
    }
    // The Type of elements is that of XML too, and with octets beside it both labels change.
    let inline = b"\x02\xA4\x01\x6A\0\x54\x5A\0\x01\x53\x03application/vnd.syncml.dmtnds+wbxml\0\x01\x01\
        \0\0\x4F\0\x02\x60\x77\x031.2\0\x01\x01\0\0\xC3\x01\xFF\x01\x01";
    assert_eq!(
        to_xml(inline).replace(TREE_XML, "TREE"),
        format!(
            r#"<Item xmlns="SYNCML:SYNCML1.2"><Meta><Format xmlns="syncml:metinf">b64</Format><Type xmlns="syncml:metinf">{XML}</Type></Meta><Data>TREE/w==</Data></Item>"#
        )
    );
}

/// What stands in a label has no number, so that what is left out the second time moves nothing.
#[test]
fn elements_in_labels_count_nothing() {
    // Item with a Format that holds an Item, and octets; an Item with text.
    let xml = to_xml(
        b"\x02\xA4\x01\x6A\0\x45\x54\x5A\0\x01\x47\0\0\x54\x4F\x03a\0\x01\x01\0\x01\x01\0\0\x01\x4F\xC3\x01\xFF\x01\x01\
            \x54\x4F\x03a\0\x01\x01\x54\x4F\xC3\x01\xFF\x01\x01\x01",
    );
    let b64 = r#"<Item><Meta><Format xmlns="syncml:metinf">b64</Format></Meta><Data>/w==</Data></Item>"#;
    assert_eq!(xml, format!(r#"<Add xmlns="SYNCML:SYNCML1.2">{b64}<Item><Data>a</Data></Item>{b64}</Add>"#));
}

/// `xml2wbxml -k` keeps the white space before a document.
#[test]
fn white_space_before_a_document_is_none_of_it() {
    let length = [TREE.len() as u8];
    let document =
        [b"\x02\xA4\x01\x6A\0\x4F\x03\n  \0\xC3".as_slice(), &length, TREE, b"\x03\n\0\x01"].concat();
    let xml = to_xml(&document);
    assert_eq!(xml, format!("<Data xmlns=\"SYNCML:SYNCML1.2\">\n  {TREE_XML}\n</Data>"));
    assert_eq!(to_wbxml(&xml), [b"\x02\xA4\x01\x6A\0\x4F\xC3".as_slice(), &length, TREE, b"\x01"].concat());
}

/// Strictly, a root in no namespace is one of provisioning or of nothing.
#[test]
fn without_a_namespace_nothing_is_guessed() {
    let strict = |xml: &str| xml_to_wbxml(xml.as_bytes(), None, Version::V1_2, Options::default());
    for xml in [
        "<SyncML/>",
        "<SyncML><SyncBody/></SyncML>",
        "<Add/>",
        "<DevInf/>",
        "<MgmtTree/>",
        "<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SYNCML 1.1//EN' 'x'><SyncML/>",
    ] {
        assert_eq!(strict(xml).unwrap_err().kind(), &ErrorKind::CodeSpace, "{xml}");
    }
    assert_eq!(strict("<wap-provisioningdoc/>").unwrap(), b"\x02\x0B\x6A\0\x05");
    // Whoever names the code space has decided: names of no namespace are none of its.
    let told = xml_to_wbxml(b"<SyncML/>", Some(&SYNCML_1_2), Version::V1_2, Options::default());
    assert_eq!(told.unwrap(), b"\x02\xA4\x01\x6A\x07SyncML\0\x04\0");
}

/// CDATA is a way to write text: WBXML has it as any other.
#[test]
fn cdata_becomes_text() {
    let text = "<Data xmlns='SYNCML:SYNCML1.2'>a &lt; b</Data>";
    let cdata = "<Data xmlns='SYNCML:SYNCML1.2'><![CDATA[a < b]]></Data>";
    assert_eq!(to_wbxml(cdata), to_wbxml(text));
    assert_eq!(to_wbxml(cdata), b"\x02\xA4\x01\x6A\0\x4F\x03a < b\0\x01");
}

#[test]
fn missing_ends_are_closed_where_that_is_asked_for() {
    let whole = b"\x03\x0B\x6A\0\x45\xC6\x55\x01\x01\x01";
    let xml = r#"<wap-provisioningdoc><characteristic type="NAPDEF"></characteristic></wap-provisioningdoc>"#;
    let lenient = wbxml::Options::new(Limits::DEFAULT).with_missing_ends(true);
    let read = |document: &[u8], options: wbxml::Options| wbxml_to_xml(document, None, options);
    for missing in 0..=2 {
        let document = &whole[..whole.len() - missing];
        let closed = String::from_utf8(read(document, lenient).unwrap()).unwrap();
        assert_eq!(closed.replace("/>", "></characteristic>"), xml, "{missing}");
        assert_eq!(read(document, wbxml::Options::default()).is_ok(), missing == 0);
    }
    assert!(read(&whole[..7], lenient).is_err(), "inside a list of attributes");
}

/// Documents inside share one allowance for what their tables expand to, and one depth.
#[test]
fn documents_inside_are_bounded() {
    let table = [b'x'; 200];
    let inner =
        [b"\x02\xA4\x03\x6A\x81\x48".as_slice(), &table, b"\x4A\x65", &b"\x83\0".repeat(20), b"\x01\x01"]
            .concat();
    assert!((128..256).contains(&inner.len()));
    let one = [b"\x4F\xC3\x81".as_slice(), &[(inner.len() - 128) as u8], &inner, b"\x01"].concat();
    let document = [b"\x02\xA4\x01\x6A\0\x6B".as_slice(), &one.repeat(10), b"\x01"].concat();
    let limits = Limits::DEFAULT.with_expansion(10_000);
    let xml = String::from_utf8(wbxml_to_xml(&document, None, limits).unwrap()).unwrap();
    assert_eq!(xml.matches("<DevInf").count(), 2);
    assert_eq!(
        wbxml_to_xml(&document, None, limits.with_depth(3))
            .map(|xml| xml.windows(7).filter(|w| w == b"<DevInf").count()),
        Ok(0)
    );
}

/// There and back: what came out of the first way comes out of the second again.
fn survives(input: &[u8], is_wbxml: bool) -> Result<(), String> {
    let options = Options::default().with_leniencies(Leniencies::ALL);
    let step = |error: dm_wbxml::Error| error.to_string();
    let wbxml = if is_wbxml {
        input.to_vec()
    } else {
        xml_to_wbxml(input, None, Version::V1_2, options).map_err(step)?
    };
    let xml = wbxml_to_xml(&wbxml, None, Limits::DEFAULT).map_err(step)?;
    if !is_wbxml && said(input, options) != said(&xml, options) {
        return Err(format!("says something else as {}", String::from_utf8_lossy(&xml)));
    }
    let back = xml_to_wbxml(&xml, None, Version::V1_2, Options::default()).map_err(step)?;
    let again = wbxml_to_xml(&back, None, Limits::DEFAULT).map_err(step)?;
    if meaning(&again) != meaning(&xml) {
        return Err(format!("{} became {}", String::from_utf8_lossy(&xml), String::from_utf8_lossy(&again)));
    }
    let third = xml_to_wbxml(&again, None, Version::V1_2, Options::default()).map_err(step)?;
    if third != back { Err("another way back".into()) } else { Ok(()) }
}

/// The elements of an XML document, without regard to how text is cut and quoted.
fn meaning(xml: &[u8]) -> Element<'_> {
    let mut reader = xml::Reader::new(xml, &SYNCML_1_2, Options::default()).unwrap();
    let Ok(Some(Event::Start(name))) = reader.next() else { panic!("a document begins with an element") };
    Element::decode(&mut reader, name).unwrap()
}

/// Local names, attributes and text of an XML document, without white space around text and whatever the namespaces.
fn said(xml: &[u8], options: Options) -> Vec<String> {
    static PAGE: CodePage = CodePage::new(0, &["urn:none"], &[]);
    static NONE: CodeSpace = CodeSpace::new(PublicId::UNKNOWN, "", &[&PAGE]);
    let mut reader = xml::Reader::new(xml, &NONE, options).unwrap();
    let (mut said, mut text) = (Vec::new(), String::new());
    while let Some(event) = reader.next().unwrap() {
        if let Event::Text(piece) = event {
            text += &piece;
            continue;
        }
        if !text.trim().is_empty() {
            said.push(text.trim().to_owned());
        }
        text.clear();
        said.push(match event {
            Event::Start(Name::Foreign(name)) => name.local().to_owned(),
            Event::Attribute(attribute) => format!("{}={}", attribute.name(), attribute.value()),
            Event::End => "/".into(),
            other => panic!("{other:?}"),
        });
    }
    said
}

#[test]
fn the_vectors_survive() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/wbxml_message");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let document = fs::read(&path).unwrap();
        if wbxml_to_xml(&document, None, Limits::DEFAULT).is_err() {
            continue;
        }
        survives(&document, true).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        files += 1;
    }
    assert!(files > 20);
}

/// Files of the corpus with what is wrong with them: kinds of documents that nobody told us of, and XML that is none.
const DEFECTS: &[(&str, &str)] = &[
    // Trees of a device by a private code space, under the identifier "unknown".
    ("pairs/aosp-omadm__setting-dmt_data-root.wbxml", "code-space at byte 5"),
    ("pairs/aosp-omadm__setting-dmt_data-subscriber.wbxml", "code-space at byte 5"),
    // ActiveSync.
    ("wbxml-other/lswbxml__test-assets-wbxml-ActiveSync-provision-1st-request.wbxml", "code-space at byte 7"),
    // A line feed behind the document.
    ("pairs/synrc__apps-simple_sync-test-example.wbxml", "outside-root at byte 1239"),
    // WBXML 1.0.
    ("wbxml-other/symbianmsg__messagingfw-biomsgfw-T_BIOMSG-Data-Wapp-wapp0002.wbxml", "version at byte 0"),
    ("wbxml-other/symbianmsg__messagingfw-biomsgfw-T_BIOMSG-Data-Wapp-wapp0008.wbxml", "version at byte 0"),
];

/// Real documents, which cannot be part of this repository: `DM_CORPUS` names the folder that holds them.
#[test]
fn the_corpus_survives() {
    let Some(corpus) = std::env::var_os("DM_CORPUS").map(PathBuf::from) else { return };
    let (mut files, mut wrong) = (0, Vec::new());
    for folder in ["pairs", "wbxml-other", "cp-bootstrap", "ddf", "tnds"] {
        for entry in fs::read_dir(corpus.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            let is_wbxml = name.ends_with(".wbxml");
            files += 1;
            let result = survives(&fs::read(&path).unwrap(), is_wbxml);
            match (result, DEFECTS.iter().find(|(file, _)| *file == name)) {
                (Ok(()), None) => {}
                (Err(error), Some((_, defect))) if error.starts_with(defect) => {}
                (result, _) => wrong.push(format!("{name}: {result:?}")),
            }
        }
    }
    assert!(files > 80, "{files} files");
    assert!(wrong.is_empty(), "{} of {files}: {wrong:#?}", wrong.len());
}

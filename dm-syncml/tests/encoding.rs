//! How a message may be written: every choice, its exact size, and that it means the same.
#![cfg(feature = "xml")]
#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

use std::fs;
use std::path::Path;

use dm_syncml::elements::{Limits, WbxmlVersion};
use dm_syncml::{
    Command, Data, DecodeOptions, DocumentCarriage, EncodeOptions, Encoding, Format, Fragment, Item,
    MediaType, Message, Meta, StringTables, SyncBody, TextCarriage,
};

fn vectors() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/session");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name.ends_with("xml"))
        .collect();
    files.sort();
    files
}

fn decode<'a>(name: &str, octets: &'a [u8]) -> Message<'a> {
    let encoding = if name.ends_with(".xml") { Encoding::Xml } else { Encoding::Wbxml };
    Message::decode(encoding, octets, &DecodeOptions::new()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn every_choice() -> impl Iterator<Item = EncodeOptions> {
    let documents =
        [DocumentCarriage::AsIs, DocumentCarriage::Inline, DocumentCarriage::Wbxml, DocumentCarriage::Xml];
    documents.into_iter().flat_map(|documents| {
        [TextCarriage::Plain, TextCarriage::Section].into_iter().flat_map(move |text| {
            [StringTables::None, StringTables::Automatic].into_iter().flat_map(move |tables| {
                [WbxmlVersion::V1_1, WbxmlVersion::V1_2, WbxmlVersion::V1_3].map(|version| {
                    EncodeOptions::new()
                        .with_documents(documents)
                        .with_text(text)
                        .with_string_tables(tables)
                        .with_wbxml_version(version)
                })
            })
        })
    })
}

/// One text for one meaning: trees inline, text plain.
fn canonical(message: &Message<'_>) -> String {
    let options = EncodeOptions::new().with_documents(DocumentCarriage::Inline);
    String::from_utf8(message.encode_with(Encoding::Xml, &options)).unwrap()
}

#[test]
fn every_choice_means_the_same_and_is_as_long_as_said() {
    for (name, octets) in vectors() {
        let message = decode(&name, &octets);
        for options in every_choice() {
            for encoding in [Encoding::Wbxml, Encoding::Xml] {
                let written = message.encode_with(encoding, &options);
                assert_eq!(message.encoded_len(encoding, &options), written.len(), "{name} {options:?}");
                let mut exact = vec![0; written.len()];
                message.encode_into(encoding, &options, &mut exact.as_mut_slice());
                assert_eq!(exact, written);
                let again = Message::decode(encoding, &written, &DecodeOptions::new()).unwrap();
                assert_eq!(canonical(&again), canonical(&message), "{name} {encoding} {options:?}");
            }
        }
    }
}

#[test]
fn a_string_table_is_used_where_it_saves() {
    let mut saved = 0;
    for (name, octets) in vectors() {
        let message = decode(&name, &octets);
        let size =
            |tables| message.encoded_len(Encoding::Wbxml, &EncodeOptions::new().with_string_tables(tables));
        let (none, automatic) = (size(StringTables::None), size(StringTables::Automatic));
        assert!(automatic <= none + 1, "{name}: {automatic} and {none}");
        saved += none.saturating_sub(automatic);
    }
    assert!(saved > 500, "{saved}");
}

#[test]
fn versions_and_sections_as_octets() {
    let item = Item::new().with_data(Data::text("a]]>b\r").unwrap());
    let add = dm_syncml::Add::new(dm_syncml::CmdId::new("1").unwrap(), vec![item]);
    let fragment = Fragment::new(SyncBody::new(vec![add.into()]));
    for (version, octet) in [(WbxmlVersion::V1_1, 1), (WbxmlVersion::V1_2, 2), (WbxmlVersion::V1_3, 3)] {
        let options = EncodeOptions::new().with_wbxml_version(version).with_text(TextCarriage::Section);
        let written = fragment.encode_with(Encoding::Wbxml, &options);
        assert_eq!(written[0], octet);
        assert!(written.windows(9).any(|w| w == b"\x4F\xC3\x06a]]>b\r"), "{written:02X?}");
    }
    let options = EncodeOptions::new().with_text(TextCarriage::Section);
    let xml = String::from_utf8(fragment.encode_with(Encoding::Xml, &options)).unwrap();
    assert!(xml.contains("<Data>a]]&gt;b&#13;</Data>"), "no section can hold CR: {xml}");
}

/// The item with the management tree of vector 11.
fn tree_item<'m, 'a>(message: &'m Message<'a>) -> &'m Item<'a> {
    let add = message.body.commands.iter().find(|command| matches!(command, Command::Add(_)));
    &add.unwrap().items()[0]
}

#[test]
fn management_trees_in_three_shapes() {
    let files = vectors();
    let file = |name: &str| decode(name, &files.iter().find(|(file, _)| file == name).unwrap().1);
    let inline = file("11-s2c-add-tnds.xml");
    let embedded = file("11-s2c-add-tnds.wbxml");
    let nested = file("11b-s2c-add-tnds-nested-page2.handmade.wbxml");
    let tree = |item: &Item<'_>| {
        let data = item.data.as_ref().unwrap();
        data.management_tree(item.format_under(None), &Limits::DEFAULT)
            .map(|tree| tree.into_owned().into_owned())
    };
    let expected = tree(tree_item(&inline)).expect("vector 11 holds a tree");
    assert_eq!(tree(tree_item(&embedded)), Some(expected.clone()));
    assert_eq!(tree(tree_item(&nested)), Some(expected.clone()));

    // Exactly what libwbxml makes of it, Type and all.
    let as_wbxml = EncodeOptions::new().with_documents(DocumentCarriage::Wbxml);
    let written = inline.encode_with(Encoding::Wbxml, &as_wbxml);
    assert_eq!(tree_item(&decode("wbxml", &written)), tree_item(&embedded));
    // And back.
    let as_inline = EncodeOptions::new().with_documents(DocumentCarriage::Inline);
    assert_eq!(embedded.encode_with(Encoding::Xml, &as_inline), inline.encode(Encoding::Xml));
    // XML has no octets.
    assert_eq!(inline.encode_with(Encoding::Xml, &as_wbxml), inline.encode(Encoding::Xml));
    // As text, in either encoding.
    let as_xml = EncodeOptions::new().with_documents(DocumentCarriage::Xml);
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let written = embedded.encode_with(encoding, &as_xml);
        let message = Message::decode(encoding, &written, &DecodeOptions::new()).unwrap();
        let item = tree_item(&message);
        assert!(item.data.as_ref().unwrap().as_text().unwrap().starts_with("<MgmtTree xmlns="));
        assert_eq!(item.media_type_under(None), Some(&MediaType::TNDS_XML));
        assert_eq!(tree(item), Some(expected.clone()));
    }
}

#[test]
fn a_tree_in_base64_becomes_one_that_can_be_read() {
    let files = vectors();
    let (_, octets) = files.iter().find(|(name, _)| name == "11-s2c-add-tnds.wbxml").unwrap();
    let embedded = decode("wbxml", octets);
    // Plain XML can carry the document only so.
    let xml = embedded.encode(Encoding::Xml);
    let message = decode("x.xml", &xml);
    assert_eq!(tree_item(&message).format_under(None), Some(&Format::B64));
    let inline = EncodeOptions::new().with_documents(DocumentCarriage::Inline);
    let written = message.encode_with(Encoding::Xml, &inline);
    assert_eq!(written, embedded.encode_with(Encoding::Xml, &inline));
}

#[test]
fn what_is_no_tree_is_left_alone() {
    let options = |documents| EncodeOptions::new().with_documents(documents);
    for (media_type, text) in [
        (MediaType::TNDS_XML, "<MgmtTree xmlns='syncml:dmddf1.2'><unclosed></MgmtTree>"),
        (MediaType::TNDS_XML, "<Node xmlns='syncml:dmddf1.2'/>"),
        (MediaType::TNDS_WBXML, "\t\t\t"),
        (MediaType::TNDS_XML, ""),
        // Nobody said that this is a tree.
        (MediaType::TEXT_PLAIN, "<MgmtTree xmlns='syncml:dmddf1.2'/>"),
    ] {
        let item = Item::new()
            .with_meta(Meta::new().with_media_type(media_type))
            .with_data(Data::text(text).unwrap());
        let add = dm_syncml::Add::new(dm_syncml::CmdId::new("1").unwrap(), vec![item]);
        let fragment = Fragment::new(SyncBody::new(vec![add.into()]));
        for documents in [DocumentCarriage::Inline, DocumentCarriage::Wbxml, DocumentCarriage::Xml] {
            for encoding in [Encoding::Wbxml, Encoding::Xml] {
                assert_eq!(
                    fragment.encode_with(encoding, &options(documents)),
                    fragment.encode(encoding),
                    "{text:?} {documents:?}"
                );
            }
        }
    }
}

/// Some peers send all text as OPAQUE. In what nobody knows no Format could tell base64 from text, so what is text stays that.
#[test]
fn octets_that_are_text_stay_text_in_what_nobody_knows() {
    let body = |data: &[u8]| {
        let data = [&[0xC3, u8::try_from(data.len()).unwrap()], data].concat();
        // Put (CmdID, Item (Data)), both texts as OPAQUE.
        [b"\x02\xA4\x01\x6A\0\x6D\x6B\x5F\x4B\xC3\x011\x01\x54\x4F".as_slice(), &data, &[1; 5]].concat()
    };
    for (data, expected) in [(b"a < b".as_slice(), "a &lt; b"), ("é\r\n".as_bytes(), "é&#13;\n"), (b"", "")]
    {
        let document = body(data);
        let fragment = Fragment::decode(Encoding::Wbxml, &document, &DecodeOptions::new()).unwrap();
        let xml = String::from_utf8(fragment.encode(Encoding::Xml)).unwrap();
        let expected = format!("<Put><CmdID>1</CmdID><Item><Data>{expected}</Data></Item></Put>");
        let expected = expected.replace("<Data></Data>", "<Data/>");
        let shown = xml.replace("<Data></Data>", "<Data/>");
        assert!(shown.contains(&expected), "{xml}");
        assert_eq!(fragment.encoded_len(Encoding::Xml, &EncodeOptions::DEFAULT), xml.len());
        // In WBXML it is what it was.
        let again = fragment.encode(Encoding::Wbxml);
        assert_eq!(Fragment::decode(Encoding::Wbxml, &again, &DecodeOptions::new()).unwrap(), fragment);
    }
    // What XML cannot carry is base64, and an Item says so; where nothing could, it is base64 all the same.
    for (data, base64) in
        [(b"\xFF\x00".as_slice(), "/wA="), (b"a\x00b", "YQBi"), ("\u{FFFE}".as_bytes(), "77++")]
    {
        let document = body(data);
        let fragment = Fragment::decode(Encoding::Wbxml, &document, &DecodeOptions::new()).unwrap();
        let xml = fragment.encode(Encoding::Xml);
        let shown = core::str::from_utf8(&xml).unwrap();
        let expected = format!(
            "<Item><Meta><Format xmlns=\"syncml:metinf\">b64</Format></Meta><Data>{base64}</Data></Item>"
        );
        assert!(shown.contains(&expected), "{shown}");
        assert_eq!(fragment.encoded_len(Encoding::Xml, &EncodeOptions::DEFAULT), xml.len());
        let again = Fragment::decode(Encoding::Xml, &xml, &DecodeOptions::new()).unwrap();
        assert_eq!(fragment.differences(&again).collect::<Vec<_>>(), []);
        assert_eq!(again.encode(Encoding::Xml), xml);
    }
    // In elements inside Data, and in an extension, too.
    let data = b"\x02\xA4\x01\x6A\0\x6D\x6B\x53\x4B\x031\0\x01\x55\xC3\x02de\x01\x54\x4F\x55\xC3\x02en\x01\x01\x01\x01\x01\x01";
    let fragment = Fragment::decode(Encoding::Wbxml, data, &DecodeOptions::new()).unwrap();
    let xml = String::from_utf8(fragment.encode(Encoding::Xml)).unwrap();
    assert!(xml.contains("<Lang>de</Lang><Item><Data><Lang>en</Lang></Data></Item>"), "{xml}");
}

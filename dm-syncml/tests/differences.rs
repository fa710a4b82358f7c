//! What counts as the same message, and what does not.
#![cfg(feature = "xml")]
#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64ct::{Base64, Encoding as _};
use dm_syncml::elements::{Limits, WbxmlVersion};
use dm_syncml::{
    Add, CmdId, Data, DecodeOptions, DocumentCarriage, EncodeOptions, Encoding, Format, Fragment, Item,
    MediaType, Message, Meta, Quirks, StringTables, SyncBody, TextCarriage,
};

fn fragment(commands: &str) -> Fragment<'static> {
    let xml = format!("<SyncBody xmlns='SYNCML:SYNCML1.2'>{commands}</SyncBody>");
    let options = DecodeOptions::new().with_quirks(Quirks::INHERITED_NAMESPACE);
    Fragment::decode(Encoding::Xml, xml.as_bytes(), &options)
        .unwrap_or_else(|error| panic!("{xml}: {error}"))
        .into_owned()
}

fn differences(left: &str, right: &str) -> Vec<String> {
    fragment(left).differences(&fragment(right)).map(|difference| difference.to_string()).collect()
}

#[test]
fn no_differences() {
    let get = "<Get><CmdID>1</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get>";
    let tree = "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD></MgmtTree>";
    let item = |meta: &str, data: &str| format!("<Item>{meta}<Data>{data}</Data></Item>");
    let add = |meta: &str, items: &str| format!("<Add><CmdID>1</CmdID>{meta}{items}</Add>");
    let chr = "<Meta><Format>chr</Format></Meta>";
    let both = "<Meta><Format>chr</Format><Type>a/b</Type></Meta>";
    for (left, right) in [
        (get.to_owned(), get.replace("<Item>", "\n <Item>").replace("./A", " .&#47;A ")),
        (add("", &item("", "a &lt; b")), add("", &item("", "<![CDATA[a < b]]>"))),
        // Where a Meta stands that is inherited.
        (add(chr, &item("", "x")), add("", &item(chr, "x"))),
        (add(chr, &item("<Meta><Type>a/b</Type></Meta>", "x")), add("", &item(both, "x"))),
        (
            format!("<Atomic><CmdID>1</CmdID>{chr}{}</Atomic>", add("", &item("", "x"))),
            format!("<Atomic><CmdID>1</CmdID>{}</Atomic>", add(chr, &item("", "x"))),
        ),
        // Shapes of a tree.
        (
            add("", &item("<Meta><Type>application/vnd.syncml.dmtnds+xml</Type></Meta>", tree)),
            add(
                "",
                &item(
                    "<Meta><Type>application/vnd.syncml.dmtnds+xml</Type></Meta>",
                    &tree.replace('<', "&lt;"),
                ),
            ),
        ),
        (add("", &item("", tree)), add("", &item("", &tree.replace("><", "> <")))),
        // What nobody knows, with and without its namespace.
        (add("", &item("", "<a xmlns='u'>x</a>")), add("", &item("", "<a xmlns=''>x</a>"))),
    ] {
        assert_eq!(differences(&left, &right), [""; 0], "{left} and {right}");
        assert_eq!(differences(&right, &left), [""; 0], "{right} and {left}");
    }
}

/// A tree in each of its shapes, under each Type and Format that may say so, is one tree.
#[test]
fn the_shape_of_a_tree_makes_no_difference() {
    const OPEN: &str = "<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD><Node><NodeName>";
    let tree = |name: &str| format!("{OPEN}{name}</NodeName></Node></MgmtTree>");
    let wbxml = |name: &str| {
        let inline =
            fragment(&format!("<Add><CmdID>1</CmdID><Item><Data>{}</Data></Item></Add>", tree(name)));
        let options = EncodeOptions::new().with_documents(DocumentCarriage::Wbxml);
        let encoded = inline.encode_with(Encoding::Wbxml, &options);
        let again = Fragment::decode(Encoding::Wbxml, &encoded, &DecodeOptions::new()).unwrap();
        again.body.commands[0].items()[0].data.clone().unwrap().into_owned()
    };
    let shapes = |name: &str| {
        let (escaped, section) = (tree(name).replace('<', "&lt;"), format!("<![CDATA[{}]]>", tree(name)));
        let text = |data: &str| {
            let add = fragment(&format!("<Add><CmdID>1</CmdID><Item><Data>{data}</Data></Item></Add>"));
            add.body.commands[0].items()[0].data.clone().unwrap()
        };
        let base64 = Base64::encode_string(wbxml(name).as_octets().unwrap());
        let base64_xml = Base64::encode_string(tree(name).as_bytes());
        [
            (text(&tree(name)), ["xml", "bin", ""].as_slice()),
            (text(&escaped), &["xml", "bin", ""]),
            (text(&section), &["xml", ""]),
            (Data::octets(tree(name).into_bytes()), &["xml", "bin", ""]),
            (wbxml(name), &["xml", "bin", ""]),
            (text(&base64), &["b64"]),
            (text(&base64_xml), &["b64"]),
        ]
    };
    let mut all = Vec::new();
    for name in ["A", "B"] {
        for (data, formats) in shapes(name) {
            for format in formats {
                for media_type in [MediaType::TNDS_XML, MediaType::TNDS_WBXML] {
                    let mut meta = Meta::new().with_media_type(media_type);
                    if !format.is_empty() {
                        meta = meta.with_format(Format::new(*format).unwrap());
                    }
                    let item = Item::new().with_meta(meta).with_data(data.clone());
                    let add = Add::new(CmdId::new("1").unwrap(), vec![item]);
                    all.push((name, Fragment::new(SyncBody::new(vec![add.into()]))));
                }
            }
        }
    }
    for (name, left) in &all {
        for (other, right) in &all {
            let differences: Vec<_> = left.differences(right).collect();
            assert_eq!(differences.is_empty(), name == other, "{left:?}\n{right:?}\n{differences:?}");
        }
    }
    // Another Type is another Type.
    let of = |media_type: &str| {
        let meta = format!("<Meta><Type>{media_type}</Type></Meta>");
        format!("<Add><CmdID>1</CmdID><Item>{meta}<Data>{}</Data></Item></Add>", tree("A"))
    };
    let found =
        differences(&of("application/vnd.syncml.dmtnds+xml"), &of("application/vnd.syncml.dmddf+wbxml"));
    assert_eq!(found.len(), 1, "{found:?}");
    // And so is what is no tree.
    let found = differences(
        &of("application/vnd.syncml.dmtnds+xml").replace("MgmtTree", "Tree"),
        &of("application/vnd.syncml.dmtnds+wbxml").replace("MgmtTree", "Tree"),
    );
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn what_nobody_knows_is_compared_wherever_it_stands() {
    let message = |beside: &str, header: &str, member: &str| {
        format!(
            "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD>{header}<VerProto>DM/1.2</VerProto><SessionID>1</SessionID>\
             <MsgID>1</MsgID><Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source></SyncHdr>{beside}\
             <SyncBody><Atomic>{member}<CmdID>1</CmdID></Atomic></SyncBody></SyncML>"
        )
    };
    let shown = |a: String, b: String| -> Vec<String> {
        let read = |xml| Message::decode(Encoding::Xml, xml, &DecodeOptions::new()).unwrap();
        let (a, b) = (read(a.as_bytes()), read(b.as_bytes()));
        a.differences(&b).map(|difference| difference.to_string()).collect()
    };
    let odd = "<Odd xmlns='u'>x</Odd>";
    let none = || message("", "", "");
    assert_eq!(shown(none(), message(odd, "", "")), ["Odd: nothing, \"x\""]);
    assert_eq!(shown(none(), message("", odd, "")), ["SyncHdr/Odd: nothing, \"x\""]);
    assert_eq!(shown(message("", "", odd), none()), ["SyncBody/Atomic/Odd: \"x\", nothing"]);
    assert_eq!(shown(message(odd, odd, odd), message(odd, odd, odd)), [""; 0]);
}

#[test]
fn octets_and_their_base64_are_one_value() {
    let raw = b"\x02\xA4\x01\x6A\x00\x6B\x45\x4B\x031\x00\x01\x54\x5A\x00\x01\x47\x03bin\x00\x01\x01\x00\x00\x4F\xC3\x03\x00\xFFx\x01\x01\x01\x01";
    let raw = Fragment::decode(Encoding::Wbxml, raw, &DecodeOptions::new()).unwrap();
    let base64 = fragment(
        "<Add><CmdID>1</CmdID><Item><Meta><Format>b64</Format></Meta><Data>AP\n94</Data></Item></Add>",
    );
    assert_eq!(raw.differences(&base64).count(), 0);
    let other = fragment(
        "<Add><CmdID>1</CmdID><Item><Meta><Format>b64</Format></Meta><Data>AP95</Data></Item></Add>",
    );
    let shown: Vec<_> = raw.differences(&other).map(|difference| difference.to_string()).collect();
    assert_eq!(shown, ["SyncBody/Add/Item/Data: 00ff78 (3 octets), 00ff79 (3 octets)"]);
    // The same digits as text are another value.
    let text = fragment(
        "<Add><CmdID>1</CmdID><Item><Meta><Format>chr</Format></Meta><Data>AP94</Data></Item></Add>",
    );
    assert_eq!(raw.differences(&text).count(), 2);
}

#[test]
fn differences_say_where() {
    let get = "<Get><CmdID>1</CmdID><Item><Target><LocURI>./A</LocURI></Target></Item></Get>";
    let add = "<Add><CmdID>2</CmdID><Item><Data>x</Data></Item></Add>";
    for (left, right, expected) in [
        (
            get.to_owned(),
            get.replace("./A", "./B"),
            vec!["SyncBody/Get/Item/Target/LocURI: \"./A\", \"./B\""],
        ),
        (
            format!("{get}{add}"),
            format!("{add}{get}"),
            vec![
                "SyncBody/Get/CmdID: \"1\", nothing",
                "SyncBody/Get/Item/Target/LocURI: \"./A\", nothing",
                "SyncBody/Add[2]/CmdID: \"2\", nothing",
                "SyncBody/Add[2]/Item/Data: \"x\", nothing",
                "SyncBody/Add/CmdID: nothing, \"2\"",
                "SyncBody/Add/Item/Data: nothing, \"x\"",
                "SyncBody/Get[2]/CmdID: nothing, \"1\"",
                "SyncBody/Get[2]/Item/Target/LocURI: nothing, \"./A\"",
            ],
        ),
        (add.to_owned(), format!("{add}<Final/>"), vec!["SyncBody/Final: nothing, \"\""]),
        (add.to_owned(), add.replace(">2<", ">3<"), vec!["SyncBody/Add/CmdID: \"2\", \"3\""]),
        (add.to_owned(), add.replace(">x<", "> x<"), vec!["SyncBody/Add/Item/Data: \"x\", \" x\""]),
        (
            add.to_owned(),
            add.replace("<Data>x</Data>", ""),
            vec!["SyncBody/Add/Item/Data: \"x\", nothing", "SyncBody/Add/Item: nothing, \"\""],
        ),
        (
            format!("<Sequence><CmdID>1</CmdID>{add}</Sequence>"),
            format!("<Sequence><CmdID>1</CmdID>{add}{}</Sequence>", add.replace(">2<", ">3<")),
            vec![
                "SyncBody/Sequence/Add[2]/CmdID: nothing, \"3\"",
                "SyncBody/Sequence/Add[2]/Item/Data: nothing, \"x\"",
            ],
        ),
        (
            "<Odd xmlns='u' a='1'><b/>x<c/></Odd>".to_owned(),
            "<Odd xmlns='u' a='2'><c/>x<b/></Odd>".to_owned(),
            vec![
                "SyncBody/Odd/@a: \"1\", \"2\"",
                "SyncBody/Odd/b: \"\", nothing",
                "SyncBody/Odd/c[2]: \"\", nothing",
                "SyncBody/Odd/c: nothing, \"\"",
                "SyncBody/Odd/b[2]: nothing, \"\"",
            ],
        ),
        (
            "<Add><CmdID>1</CmdID><Item><Data><a xmlns='u'>x<b/>y</a></Data></Item></Add>".to_owned(),
            "<Add><CmdID>1</CmdID><Item><Data><a xmlns='u'>x<b/>z</a></Data></Item></Add>".to_owned(),
            vec!["SyncBody/Add/Item/Data/a/text[2]: \"y\", \"z\""],
        ),
    ] {
        assert_eq!(differences(&left, &right), expected, "{left} and {right}");
    }
}

#[test]
fn secrets_are_compared_and_not_shown() {
    let xml = |data: &str, nonce: &str| {
        format!(
            "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>\
             <MsgID>1</MsgID><Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source><Cred><Data>{data}</Data></Cred>\
             </SyncHdr><SyncBody><Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>0</CmdRef><Cmd>SyncHdr</Cmd><Chal><Meta>\
             <NextNonce xmlns='syncml:metinf'>{nonce}</NextNonce></Meta></Chal><Data>401</Data></Status></SyncBody></SyncML>"
        )
    };
    let (left, right) = (xml("c2VjcmV0", "bm9uY2U="), xml("b3RoZXI=", "b3RoZXI="));
    let decode = |xml| Message::decode(Encoding::Xml, xml, &DecodeOptions::new()).unwrap();
    let (left, right) = (decode(left.as_bytes()), decode(right.as_bytes()));
    let shown: Vec<_> = left.differences(&right).map(|difference| difference.to_string()).collect();
    assert_eq!(
        shown,
        ["SyncHdr/Cred/Data: (secret), (secret)", "SyncBody/Status/Chal/Meta/NextNonce: (secret), (secret)",]
    );
}

/// Every vector is the same message as itself in any dress, and as its partner.
#[test]
fn the_dress_of_a_message_makes_no_difference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/session");
    let files: BTreeMap<String, Vec<u8>> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .filter(|(name, _)| name.ends_with("xml"))
        .collect();
    let decode = |name: &str, octets: &[u8]| {
        let encoding = if name.ends_with(".xml") { Encoding::Xml } else { Encoding::Wbxml };
        Message::decode(encoding, octets, &DecodeOptions::new().with_limits(Limits::DEFAULT))
            .unwrap()
            .into_owned()
    };
    let dress = EncodeOptions::new()
        .with_documents(DocumentCarriage::Wbxml)
        .with_string_tables(StringTables::Automatic)
        .with_text(TextCarriage::Section)
        .with_wbxml_version(WbxmlVersion::V1_3);
    for (name, octets) in &files {
        let message = decode(name, octets);
        for (encoding, suffix) in [(Encoding::Wbxml, ".wbxml"), (Encoding::Xml, ".xml")] {
            for options in [dress, EncodeOptions::DEFAULT] {
                let again = decode(suffix, &message.encode_with(encoding, &options));
                let differences: Vec<_> = message.differences(&again).collect();
                assert!(differences.is_empty(), "{name} as {encoding}: {differences:?}");
            }
        }
        let stem = name.split('.').next().unwrap();
        if let Some(partner) = files.get(&format!("{stem}.xml")) {
            let differences: Vec<_> = message.differences(&decode(".xml", partner)).collect();
            assert!(differences.is_empty(), "{name}: {differences:?}");
        }
        for (other, octets) in &files {
            let same = other.split('.').next().unwrap() == stem
                || ["10", "11"].iter().any(|twin| stem.starts_with(twin) && other.starts_with(twin));
            assert_eq!(message.differences(&decode(other, octets)).count() == 0, same, "{name} and {other}");
        }
    }
}

/// What nobody knows in a Meta stays where it stands: a peer could make it as much as it likes, and the items as many.
#[test]
fn unknown_elements_of_a_meta_are_not_passed_on() {
    let of = |around: &str, own: &str| {
        format!(
            "<Add><CmdID>1</CmdID><Meta><Format>int</Format>{around}</Meta><Item><Meta><Type>a/b</Type>{own}</Meta></Item></Add>"
        )
    };
    let (emi, odd) = ("<EMI>x</EMI>", "<Odd xmlns='u'/>");
    assert_eq!(differences(&of(emi, odd), &of(emi, odd)), [""; 0]);
    assert_eq!(
        differences(&of(emi, ""), &of("", emi)),
        ["SyncBody/Add/Meta/EMI: \"x\", nothing", "SyncBody/Add/Item/Meta/EMI: nothing, \"x\""]
    );
    let both = fragment(&of(emi, odd));
    let command = &both.body.commands[0];
    let own = command.items()[0].meta.as_ref().unwrap();
    let meta = own.over(command.meta().unwrap());
    assert_eq!((meta.format().unwrap().as_str(), meta.extensions().len()), ("int", 1));
    assert_eq!(meta.media_type(), own.media_type());
    // Many of both cost no more than they are.
    let many = format!(
        "<Add><CmdID>1</CmdID><Meta>{}</Meta>{}</Add>",
        odd.repeat(20_000),
        "<Item><Meta><Type>a/b</Type></Meta></Item>".repeat(20_000)
    );
    let many = fragment(&many);
    assert_eq!(many.differences(&many).count(), 0);
}

//! What real peers get wrong: each quirk by a small document. What was found in the field is read by `corpus.rs`.
#![cfg(feature = "xml")]

use dm_syncml::{
    Command, DecodeError, DecodeOptions, Encoding, Format, Fragment, Message, Quirks, Representation,
    StatusCode,
};

fn read(document: &[u8], quirks: Quirks) -> Result<(Fragment<'_>, Quirks), DecodeError> {
    Fragment::decode_reporting(Encoding::Xml, document, &DecodeOptions::new().with_quirks(quirks))
}

/// A document, the quirk it needs, a profile that has it, and whose it is.
const CASES: &[(&str, Quirks, Quirks, &str)] = &[
    (
        "<Get xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Meta><Format>chr</Format></Meta></Get>",
        Quirks::INHERITED_NAMESPACE,
        Quirks::WINDOWS,
        "Microsoft's documents, Fleet",
    ),
    (
        "<Get><CmdID>1</CmdID></Get>",
        Quirks::NO_NAMESPACE,
        Quirks::WINDOWS,
        "Microsoft's samples, Fleet's profiles",
    ),
    (
        "<Get xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Meta><A:Format>chr</A:Format></Meta></Get>",
        Quirks::UNDECLARED_PREFIXES,
        Quirks::FLEET,
        "Fleet's profiles",
    ),
    (
        "<Get xmlns='syncml:syncml1.2'><CmdID>1</CmdID></Get>",
        Quirks::NAMESPACE_CASE,
        Quirks::FIELD,
        "Horde's server",
    ),
    (
        "<Alert xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Data>1101</Data><Item><Data>MINDT=15&DR=1</Data></Item></Alert>",
        Quirks::BARE_AMPERSANDS,
        Quirks::AOSP,
        "the tests of AOSP's client",
    ),
    (
        "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data><?xml version='1.0'?><a xmlns=''/></Data></Item></Add>",
        Quirks::INNER_DECLARATIONS,
        Quirks::WINDOWS,
        "Microsoft's documents",
    ),
    (
        "<Get xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID></Get><Get xmlns='SYNCML:SYNCML1.2'><CmdID>2</CmdID></Get>",
        Quirks::SEVERAL_ROOTS,
        Quirks::FLEET,
        "Fleet's profiles",
    ),
    ("<Get xmlns='SYNCML:SYNCML1.2'/>", Quirks::MISSING_CMD_ID, Quirks::FLEET, "Fleet's profiles"),
    ("<Atomic xmlns='SYNCML:SYNCML1.2'/>", Quirks::MISSING_CMD_ID, Quirks::FLEET, "Fleet's profiles"),
    (
        "<SyncML xmlns='SYNCML:SYNCML1.2'><Get><CmdID>1</CmdID></Get></SyncML>",
        Quirks::COMMANDS_OUTSIDE_BODY,
        Quirks::FLEET,
        "a test of Fleet's server",
    ),
    (
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/><SyncBody/></SyncML>",
        Quirks::EMPTY_HEADER,
        Quirks::WINDOWS,
        "Microsoft's samples",
    ),
    (
        "<Get xmlns='SYNCML:SYNCML1.2'>\u{A0}<CmdID>1</CmdID></Get>",
        Quirks::STRAY_TEXT,
        Quirks::WINDOWS,
        "Microsoft's samples",
    ),
];

/// These are read in another way without the quirk, rather than refused.
const READ_OTHERWISE: &[Quirks] = &[Quirks::INHERITED_NAMESPACE];

#[test]
fn each_is_taken_when_asked_for_and_reported_when_met() {
    let mut shown = Quirks::STRICT;
    for (document, quirk, profile, who) in CASES {
        assert!(profile.contains(*quirk), "{who}");
        let strict = read(document.as_bytes(), Quirks::STRICT);
        assert_eq!(strict.is_ok(), READ_OTHERWISE.contains(quirk), "{who}: {document}: {strict:?}");
        let without = read(document.as_bytes(), Quirks::FIELD.without(*quirk));
        assert_eq!(without.is_ok(), READ_OTHERWISE.contains(quirk), "{document}: {without:?}");
        for profile in [*quirk, *profile, Quirks::FIELD] {
            let (fragment, used) =
                read(document.as_bytes(), profile).unwrap_or_else(|e| panic!("{document}: {e}"));
            assert_eq!(used, *quirk, "{document}");
            // What was repaired is right when it is written again.
            for encoding in [Encoding::Wbxml, Encoding::Xml] {
                let written = fragment.encode(encoding);
                let (again, used) =
                    Fragment::decode_reporting(encoding, &written, &DecodeOptions::new()).unwrap();
                assert_eq!(used, Quirks::STRICT);
                assert_eq!(again.encode(Encoding::Xml), fragment.encode(Encoding::Xml), "{document}");
            }
        }
        shown = shown | *quirk;
    }
    assert_eq!(shown, Quirks::FIELD, "each quirk has a case");
}

/// A namespace that is the parent's is read strictly, too: as the unknown element that it is.
#[test]
fn what_has_the_wrong_namespace_is_unknown_when_read_strictly() {
    let document = b"<Get xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Meta><Format>int</Format></Meta></Get>";
    let meta = |quirks| {
        let (fragment, _) = read(document, quirks).unwrap();
        fragment.body.commands[0].meta().cloned().unwrap().into_owned()
    };
    let strict = meta(Quirks::STRICT);
    assert_eq!((strict.format(), strict.extensions().len()), (None, 1));
    let lenient = meta(Quirks::INHERITED_NAMESPACE);
    assert_eq!((lenient.format(), lenient.extensions().len()), (Some(&Format::INT), 0));
}

/// What is not a matter of XML is a quirk in WBXML as well.
#[test]
fn quirks_of_elements_are_those_of_both_encodings() {
    for (document, quirk) in [
        (b"\x02\xA4\x01\x6A\0\x13".as_slice(), Quirks::MISSING_CMD_ID),
        (b"\x02\xA4\x01\x6A\0\x48\x01", Quirks::MISSING_CMD_ID),
        (b"\x02\xA4\x01\x6A\0\x6D\x53\x4B\x031\0\x01\x01\x01", Quirks::COMMANDS_OUTSIDE_BODY),
        (b"\x02\xA4\x01\x6A\0\x6D\x2C\x2B\x01", Quirks::EMPTY_HEADER),
        (b"\x02\xA4\x01\x6A\0\x53\x03...\0\x4B\x031\0\x01\x01", Quirks::STRAY_TEXT),
    ] {
        let read = |quirks| {
            Fragment::decode_reporting(Encoding::Wbxml, document, &DecodeOptions::new().with_quirks(quirks))
        };
        assert!(read(Quirks::STRICT).is_err(), "{quirk}");
        assert!(read(Quirks::FIELD.without(quirk)).is_err(), "{quirk}");
        for profile in [quirk, Quirks::FIELD] {
            assert_eq!(read(profile).unwrap().1, quirk);
        }
    }
}

#[test]
fn a_command_without_cmd_id_is_kept() {
    let (fragment, _) = read(b"<Get xmlns='SYNCML:SYNCML1.2'/>", Quirks::MISSING_CMD_ID).unwrap();
    let command = &fragment.body.commands[0];
    assert!(matches!(command, Command::Get(_)));
    assert_eq!(command.cmd_id().unwrap(), &"");
    assert_eq!(command.cmd_ref().as_str(), "");
}

#[test]
fn a_message_needs_its_header_under_any_profile() {
    let document = b"<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr/><SyncBody/></SyncML>";
    let options = DecodeOptions::new().with_quirks(Quirks::FIELD);
    let error = Message::decode(Encoding::Xml, document, &options).unwrap_err();
    assert_eq!((error.kind().name(), error.status()), ("missing", StatusCode::BAD_REQUEST));
}

/// What the standard allows is read strictly, and reports nothing.
#[test]
fn what_is_no_quirk() {
    let header = "<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>01</MsgID>\
                  <Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source>";
    let plain = format!(
        "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr>{header}</SyncHdr><SyncBody><Get><CmdID>1</CmdID><Meta>\
         <Type xmlns='syncml:metinf'>text/plain</Type></Meta></Get></SyncBody></SyncML>"
    );
    let expected = Message::decode(Encoding::Xml, plain.as_bytes(), &DecodeOptions::new()).unwrap();
    let prefixed = format!(
        "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE SyncML SYSTEM 'x'><!-- c -->\
         <s:SyncML xmlns:s='SYNCML:SYNCML1.2' xmlns:m='syncml:metinf'><s:SyncBody>\n<s:Get><s:Meta><m:MetInf>\
         <m:Type><![CDATA[text/]]>pl&#97;in</m:Type></m:MetInf></s:Meta><s:CmdID> 1\n</s:CmdID></s:Get></s:SyncBody>\
         <s:SyncHdr>{}</s:SyncHdr></s:SyncML>",
        header.replace("</", "</s:").replace('<', "<s:").replace("<s:/s:", "</s:")
    );
    let units = |unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
        format!("\u{FEFF}{plain}").encode_utf16().flat_map(unit).collect()
    };
    let bom = format!("\u{FEFF}{plain}").into_bytes();
    for document in [prefixed.into_bytes(), bom, units(u16::to_be_bytes), units(u16::to_le_bytes)] {
        let shown = String::from_utf8_lossy(&document);
        let (message, used) = Message::decode_reporting(Encoding::Xml, &document, &DecodeOptions::new())
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(message, expected, "{shown}");
        assert_eq!(used, Quirks::STRICT, "{shown}");
        let field = DecodeOptions::new().with_quirks(Quirks::FIELD);
        assert_eq!(Message::decode_reporting(Encoding::Xml, &document, &field).unwrap(), (message, used));
    }
}

#[test]
fn a_message_is_encoded_as_the_version_it_was_decoded_from() {
    for (version, namespace, ver_dtd, header) in [
        (Representation::SyncMl1_2, "SYNCML:SYNCML1.2", "1.2", b"\x02\xA4\x01\x6A\x00"),
        (Representation::SyncMl1_1, "SYNCML:SYNCML1.1", "1.1", b"\x02\x9F\x53\x6A\x00"),
        (Representation::SyncMl1_0, "SYNCML:SYNCML1.0", "1.0", b"\x02\x9F\x51\x6A\x00"),
        // The document's word counts, not the header's.
        (Representation::SyncMl1_1, "SYNCML:SYNCML1.1", "1.2", b"\x02\x9F\x53\x6A\x00"),
    ] {
        let document = format!(
            "<SyncML xmlns=\"{namespace}\"><SyncHdr><VerDTD>{ver_dtd}</VerDTD><VerProto>DM/1.1</VerProto><SessionID>1</SessionID>\
             <MsgID>1</MsgID><Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source></SyncHdr><SyncBody><Get>\
             <CmdID>1</CmdID><Meta><Type xmlns=\"syncml:metinf\">t</Type></Meta></Get><Final/></SyncBody></SyncML>"
        );
        let message = Message::decode(Encoding::Xml, document.as_bytes(), &DecodeOptions::new()).unwrap();
        assert_eq!(message.representation, version);
        assert_eq!(message.encode(Encoding::Xml), document.as_bytes());
        let wbxml = message.encode(Encoding::Wbxml);
        assert_eq!(wbxml[..header.len()], *header);
        assert_eq!(Message::decode(Encoding::Wbxml, &wbxml, &DecodeOptions::new()).unwrap(), message);
    }
    // A document that does not say is what its VerDTD says.
    let (header, body) = (
        "<VerDTD>1.1</VerDTD><VerProto>DM/1.1</VerProto><SessionID>1</SessionID><MsgID>1</MsgID><Target><LocURI>a</LocURI></Target>\
         <Source><LocURI>b</LocURI></Source>",
        "<Get><CmdID>1</CmdID></Get>",
    );
    let document = format!("<SyncML><SyncHdr>{header}</SyncHdr><SyncBody>{body}</SyncBody></SyncML>");
    let options = DecodeOptions::new().with_quirks(Quirks::NO_NAMESPACE);
    let message = Message::decode(Encoding::Xml, document.as_bytes(), &options).unwrap();
    assert_eq!(message.representation, Representation::SyncMl1_1);
}

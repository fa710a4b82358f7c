//! What real peers send that the standard allows, and that readers are known to trip over. It is read strictly, and needs no quirk.
#![cfg(feature = "xml")]

use dm_syncml::{
    Command, DecodeOptions, Encoding, Format, Fragment, MediaType, Message, Quirks, StatusCode, VerProto,
};

fn read(encoding: Encoding, document: &[u8]) -> Fragment<'_> {
    let (fragment, met) = Fragment::decode_reporting(encoding, document, &DecodeOptions::new())
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(document)));
    assert_eq!(met, Quirks::STRICT);
    fragment
}

fn xml(body: &str) -> String {
    format!("<SyncML xmlns='SYNCML:SYNCML1.2'><SyncBody>{body}</SyncBody></SyncML>")
}

/// Handsets send the nonce as base64, libwbxml's users as the octets themselves.
#[test]
fn a_nonce_is_text_or_octets() {
    let before = b"\x02\xA4\x01\x6A\0\x69\x4B\x031\0\x01\x5C\x031\0\x01\x4C\x030\0\x01\x4A\x03SyncHdr\0\x01\x49\x5A\0\x01\x50";
    let after = b"\x01\x01\x01\0\0\x4F\x03401\0\x01\x01";
    for nonce in
        [b"\x03Tm9uY2U=\0".as_slice(), b"\xC3\x05Nonce", b"\xC3\x05Nonce\x80\x05", b"\x03\r\n Tm9uY2U=\0"]
    {
        let document = [before.as_slice(), nonce, after].concat();
        let fragment = read(Encoding::Wbxml, &document);
        let Command::Status(status) = &fragment.body.commands[0] else { panic!("{fragment:?}") };
        let nonce = status.chal.as_ref().unwrap().meta.next_nonce().unwrap();
        assert_eq!(nonce.octets().as_deref(), Some(b"Nonce".as_slice()));
        // It is written as text.
        assert!(String::from_utf8(fragment.encode(Encoding::Xml)).unwrap().contains(">Tm9uY2U=</NextNonce>"));
    }
}

/// Nothing is nothing, however it is said: AOSP's client sends an empty string.
#[test]
fn empty_data_has_three_forms() {
    for data in [b"\x0F".as_slice(), b"\x4F\x01", b"\x4F\x03\0\x01", b"\x4F\xC3\0\x01"] {
        let document = [b"\x02\xA4\x01\x6A\0\x45\x4B\x031\0\x01\x54".as_slice(), data, b"\x01\x01"].concat();
        let fragment = read(Encoding::Wbxml, &document);
        let data = fragment.body.commands[0].items()[0].data.as_ref().expect("Data stands there");
        assert!(data.is_empty() && data.as_text() == Some(""), "{data:?}");
    }
}

/// Nokia's handsets and libwbxml send text as OPAQUE, also where only text can be.
#[test]
fn text_is_text_in_any_form() {
    let expected =
        read(Encoding::Wbxml, b"\x02\xA4\x01\x6A\0\x45\x4B\x0312\0\x01\x54\x4F\x03ab\0\x01\x01\x01")
            .into_owned();
    for document in [
        b"\x02\xA4\x01\x6A\0\x45\x4B\xC3\x0212\x01\x54\x4F\xC3\x02ab\x01\x01\x01".as_slice(),
        b"\x03\xA4\x01\x6A\x0612\0ab\0\x45\x4B\x83\x00\x01\x54\x4F\x83\x03\x01\x01\x01",
        b"\x01\xA4\x01\x6A\x0512\0ab\x45\x4B\x031\0\x83\x01\x01\x54\x4F\x02\x61\x03b\0\x01\x01\x01",
        b"\x02\xA4\x01\x6A\0\x45\x4B\x031\0\x03\x32\0\x01\x54\x4F\xC3\x01a\xC3\x01b\x01\x01\x01",
        // A processing instruction and an extension in between.
        b"\x02\xA4\x01\x6A\0\x45\x4B\x03\x31\0\xC0\x03\x32\0\x01\x54\x4F\x03a\0\xC2\x03b\0\x01\x01\x01",
    ] {
        let fragment = read(Encoding::Wbxml, document);
        assert_eq!(expected.differences(&fragment).collect::<Vec<_>>(), [], "{document:02X?}");
    }
}

/// AOSP's test messages carry the name of SyncML 1.1 and say 1.2 inside; an identifier that nobody knows says nothing.
#[test]
fn identifiers_and_versions_need_not_agree() {
    let body = b"\x6D\x6C\x71\x031.2\0\x01\x72\x03DM/1.2\0\x01\x65\x031\0\x01\x5B\x031\0\x01\x6E\x57\x03a\0\x01\x01\x67\x57\x03b\0\x01\x01\x01\x6B\x12\x01\x01";
    for header in [
        b"\x02\xA4\x01\x6A\0".as_slice(),
        b"\x02\x9F\x53\x6A\0",
        b"\x02\x01\x6A\0",
        b"\x01\x00\x00\x6A\x1D-//SYNCML//DTD SyncML 1.1//EN",
        b"\x03\x00\x00\x6A\x1E-//SYNCML//DTD SYNCML 1.2//EN\0",
        b"\x02\xA4\x01\x00\0",
        b"\x02\xA4\x01\x03\0",
    ] {
        let document = [header, body].concat();
        let message = Message::decode(Encoding::Wbxml, &document, &DecodeOptions::new())
            .unwrap_or_else(|error| panic!("{error}: {header:02X?}"));
        assert_eq!(message.header.ver_dtd, "1.2");
    }
}

#[test]
fn versions_of_the_protocol() {
    for (text, expected) in
        [("DM/1.1", VerProto::DM_1_1), ("DM/1.2", VerProto::DM_1_2), (" DM/1.3\n", VerProto::DM_1_3)]
    {
        let document = format!(
            "<SyncML xmlns='SYNCML:SYNCML1.2'><SyncHdr><VerDTD>1.2</VerDTD><VerProto>{text}</VerProto><SessionID>1</SessionID>\
             <MsgID>1</MsgID><Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source></SyncHdr><SyncBody/></SyncML>"
        );
        let message = Message::decode(Encoding::Xml, document.as_bytes(), &DecodeOptions::new()).unwrap();
        assert_eq!(message.header.ver_proto, expected);
    }
}

/// Windows adds attributes to Data, and Results with a Cmd stand in Microsoft's documents.
#[test]
fn what_microsoft_adds() {
    let body = "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>2</CmdRef><Cmd>Get</Cmd>\
        <Data msft:originalerror='0x86000002'>404</Data></Status>\
        <Results><CmdID>2</CmdID><CmdRef>2</CmdRef><Cmd>Get</Cmd><Item><Data>x</Data></Item></Results>";
    let document = xml(body)
        .replace("<SyncBody>", "<SyncBody xmlns:msft='http://schemas.microsoft.com/MobileDevice/MDM'>");
    let fragment = read(Encoding::Xml, document.as_bytes());
    let [Command::Status(status), Command::Results(results)] = &fragment.body.commands[..] else {
        panic!("{fragment:?}")
    };
    assert_eq!(status.code, StatusCode::NOT_FOUND);
    // No MsgRef means the first message; Cmd has a field of its own.
    assert_eq!(
        (results.msg_ref.as_ref(), results.cmd.as_deref().map(|cmd| cmd.as_str())),
        (None, Some("Get"))
    );
}

/// The examples of the standard itself break the order of the DTD.
#[test]
fn any_order() {
    let one = xml(
        "<Add><CmdID>1</CmdID><Meta><Format xmlns='syncml:metinf'>int</Format><Type xmlns='syncml:metinf'>text/plain</Type></Meta>\
         <Item><Target><LocURI>./A</LocURI></Target><Data>1</Data></Item></Add>",
    );
    let other = xml("<Add><Item><Data>1</Data><Target><LocURI>./A</LocURI></Target></Item>\
         <Meta><Type xmlns='syncml:metinf'>text/plain</Type><Format xmlns='syncml:metinf'>int</Format></Meta><CmdID>1</CmdID></Add>");
    let (one, other) = (read(Encoding::Xml, one.as_bytes()), read(Encoding::Xml, other.as_bytes()));
    assert_eq!(one, other);
    let meta = one.body.commands[0].meta().unwrap();
    assert_eq!((meta.format(), meta.media_type()), (Some(&Format::INT), Some(&MediaType::TEXT_PLAIN)));
}

/// White space says nothing around ids, addresses and codes, and everything in Data.
#[test]
fn white_space_is_data_in_data_only() {
    let document = xml(
        "\r\n<Alert>\t<CmdID> 1\n</CmdID><Data> 1226 </Data><Item><Source><LocURI>\n./A </LocURI></Source>\
         <Meta><Type xmlns='syncml:metinf'> a:b </Type></Meta><Data> x\n </Data></Item></Alert>",
    );
    let fragment = read(Encoding::Xml, document.as_bytes());
    let Command::Alert(alert) = &fragment.body.commands[0] else { panic!("{fragment:?}") };
    let item = &alert.items[0];
    assert_eq!((alert.cmd_id.as_str(), alert.code.unwrap().get()), ("1", 1226));
    assert_eq!(item.source_uri().unwrap(), &"./A");
    assert_eq!(item.meta.as_ref().unwrap().media_type().unwrap(), &"a:b");
    assert_eq!(item.data.as_ref().unwrap().as_text(), Some(" x\n "));
}

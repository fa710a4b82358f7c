//! Messages that are wrong, each with the kind, the place and the Status that says so, in both encodings.
#![cfg(feature = "xml")]

use dm_syncml::elements::{ErrorKind, Limits, Name, syncml};
use dm_syncml::{
    Command, DecodeError, DecodeErrorKind, DecodeOptions, Encoding, Fragment, Message, StatusCode,
};
use dm_wbxml::wbxml::{StringTable, Version, Writer};
use dm_wbxml::{Element, Event, SYNCML_1_2, Source, xml};

/// The same elements in WBXML, so that each case is written once.
fn to_wbxml(document: &str) -> Vec<u8> {
    let limits = Limits::DEFAULT.with_depth(Limits::MAX_DEPTH);
    let mut reader = xml::Reader::new(document.as_bytes(), &SYNCML_1_2, xml::Options::new(limits)).unwrap();
    let Ok(Some(Event::Start(name))) = reader.next() else { panic!("{document}") };
    let root = Element::decode(&mut reader, name).unwrap();
    let (mut out, mut table) = (Vec::new(), StringTable::new());
    root.encode(&mut table);
    let mut writer = Writer::new(&mut out, Version::V1_2, SYNCML_1_2.public_id(), &table);
    root.encode(&mut writer);
    assert!(writer.finish());
    out
}

const HEADER: &str = "<SyncHdr><VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID>\
    <MsgID>1</MsgID><Target><LocURI>T</LocURI></Target><Source><LocURI>S</LocURI></Source></SyncHdr>";

fn syncml(content: &str) -> String {
    format!("<SyncML xmlns='SYNCML:SYNCML1.2'>{content}</SyncML>")
}

/// A message with this body.
fn with_body(body: &str) -> String {
    syncml(&format!("{HEADER}<SyncBody>{body}</SyncBody>"))
}

/// A message with this header.
fn with_header(header: &str) -> String {
    syncml(&format!("<SyncHdr>{header}</SyncHdr><SyncBody/>"))
}

fn decode(encoding: Encoding, document: &[u8]) -> Result<Message<'_>, DecodeError> {
    Message::decode(encoding, document, &DecodeOptions::new())
}

fn refused(encoding: Encoding, document: &[u8]) -> DecodeError {
    decode(encoding, document).expect_err("this must be refused")
}

/// One error in both encodings; the place in the XML is behind the last octet of `upto`.
#[track_caller]
fn check(document: &str, kind: &DecodeErrorKind, path: &str, upto: &str) {
    let error = refused(Encoding::Xml, document.as_bytes());
    let at = document.find(upto).expect("the place is in the document") + upto.len();
    assert_eq!((error.kind(), error.path(), error.offset()), (kind, path, at), "{document}");
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);

    let wbxml = to_wbxml(document);
    let error = refused(Encoding::Wbxml, &wbxml);
    assert_eq!((error.kind(), error.path()), (kind, path), "{document}");
    assert!(error.offset() <= wbxml.len());
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn elements_that_are_missing() {
    let missing = DecodeErrorKind::Missing;
    check(&syncml("<SyncBody/>"), &missing("SyncHdr"), "SyncML", "</SyncML>");
    check(&syncml(HEADER), &missing("SyncBody"), "SyncML", "</SyncML>");
    for name in ["VerDTD", "VerProto", "SessionID", "MsgID", "Target", "Source"] {
        let begin = HEADER.find(&format!("<{name}>")).unwrap();
        let end = HEADER.find(&format!("</{name}>")).unwrap() + name.len() + 3;
        let header = [&HEADER[..begin], &HEADER[end..]].concat();
        check(&syncml(&format!("{header}<SyncBody/>")), &missing(name), "SyncML/SyncHdr", "</SyncHdr>");
    }
    let commands = [
        "Add", "Alert", "Atomic", "Copy", "Delete", "Exec", "Get", "Replace", "Sequence", "Status", "Results",
    ];
    for command in commands {
        let end = format!("</{command}>");
        let path = format!("SyncML/SyncBody/{command}");
        check(&with_body(&format!("<{command}>{end}")), &missing("CmdID"), &path, &end);
    }
    let status = |content: &str| with_body(&format!("<Status><CmdID>1</CmdID>{content}</Status>"));
    check(&status(""), &missing("MsgRef"), "SyncML/SyncBody/Status", "</Status>");
    check(&status("<MsgRef>1</MsgRef>"), &missing("CmdRef"), "SyncML/SyncBody/Status", "</Status>");
    check(
        &status("<MsgRef>1</MsgRef><CmdRef>1</CmdRef>"),
        &missing("Cmd"),
        "SyncML/SyncBody/Status",
        "</Status>",
    );
    let no_code = status("<MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Add</Cmd>");
    check(&no_code, &missing("Data"), "SyncML/SyncBody/Status", "</Status>");
    let chal = status("<MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Add</Cmd><Chal/><Data>401</Data>");
    check(&chal, &missing("Meta"), "SyncML/SyncBody/Status/Chal", "<Chal/>");
    check(
        &with_body("<Results><CmdID>1</CmdID></Results>"),
        &missing("CmdRef"),
        "SyncML/SyncBody/Results",
        "</Results>",
    );
    let no_uri = with_body("<Get><CmdID>1</CmdID><Item><Target/></Item></Get>");
    check(&no_uri, &missing("LocURI"), "SyncML/SyncBody/Get/Item/Target", "<Target/>");
    let cred = with_body("<Add><CmdID>1</CmdID><Cred><Meta/></Cred></Add>");
    check(&cred, &missing("Data"), "SyncML/SyncBody/Add/Cred", "</Cred>");
}

/// What a person reads: the kind, the place, the element that lacks something or is wrong, and what.
#[test]
fn errors_as_people_read_them() {
    for (document, expected) in [
        (
            with_body("<Status><CmdID>1</CmdID></Status>"),
            "missing at byte 252 in SyncML/SyncBody/Status: the element MsgRef is missing",
        ),
        (syncml("<SyncBody/>"), "missing at byte 53 in SyncML: the element SyncHdr is missing"),
        (
            with_body("<Get><CmdID>1</CmdID><CmdID>2</CmdID></Get>"),
            "repeated at byte 247 in SyncML/SyncBody/Get/CmdID: the element CmdID stands twice",
        ),
        (
            with_body("<Alert><CmdID>1</CmdID><Data>?</Data></Alert>"),
            "number at byte 256 in SyncML/SyncBody/Alert/Data: a decimal number was expected",
        ),
        (
            with_body("x"),
            "stray-text at byte 220 in SyncML/SyncBody: there is text where only elements are allowed",
        ),
        ("<a/>".into(), "wrong-root at byte 4 in a: the root element is not SyncML"),
        (String::new(), "truncated at byte 0: the input ends inside the document"),
    ] {
        assert_eq!(refused(Encoding::Xml, document.as_bytes()).to_string(), expected, "{document}");
    }
}

/// Every kind of error that a document can have, and the Status that says so.
#[test]
fn each_kind_has_its_status() {
    use ErrorKind as E;
    let (bad, large, other) =
        (StatusCode::BAD_REQUEST, StatusCode::TOO_LARGE, StatusCode::UNSUPPORTED_FORMAT);
    let xml = |body: &str| with_body(body).into_bytes();
    let wbxml = |header: &[u8], body: &[u8]| [header, body].concat();
    let header = b"\x02\xA4\x01\x6A\x00".as_slice();
    let data = |data: &str| format!("<Add><CmdID>1</CmdID><Item><Data>{data}</Data></Item></Add>");
    let name = "n".repeat(300);
    let attributes: String = (0..40).map(|n| format!(" a{n}='1'")).collect();
    let utf16: Vec<u8> = with_body("").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let swapped: Vec<u8> = utf16.chunks(2).flat_map(|unit| [unit[1], unit[0]]).collect();
    let half = [b"\xFE\xFF".as_slice(), &utf16, b"\xD8\x00"].concat();
    let table = |length: &[u8]| [b"\x02\xA4\x01\x6A".as_slice(), length].concat();
    let mut seen = Vec::new();
    for (document, kind, status) in [
        (Vec::new(), E::Truncated.into(), bad),
        (b"\x00\xA4\x01\x6A\x00".to_vec(), E::Version(0).into(), other),
        (wbxml(b"\x02\xA4\x01\x87\x68\x00", b"\x6D\x01"), E::Charset(1000).into(), other),
        (utf16, E::Charset(1013).into(), other),
        (swapped, E::Charset(1014).into(), other),
        (wbxml(b"\x02\xA4\x01\x6A", b"\xFF\xFF\xFF\xFF\xFF\x7F"), E::Integer.into(), bad),
        (xml("<a:b:c xmlns:a='u'/>"), E::Name.into(), bad),
        (xml(&data("<x xmlns='' a='1' a='2'/>")), E::RepeatedAttribute.into(), bad),
        (wbxml(header, b"\x6D\x6B\x46\x4B\x83\x05\x01"), E::StringReference(5).into(), bad),
        (wbxml(header, b"\x6D\x6B\x46\x4B\xC3\x01\xFF\x01"), E::NotText.into(), bad),
        (wbxml(header, b"\x00"), E::Truncated.into(), bad),
        (wbxml(header, b"\x03a\0"), E::Token(3).into(), bad),
        (wbxml(header, b"\x6D\x6B\x46\x4B\x02\x83\xFF\x7F\x01"), E::Character(0xFFFF).into(), bad),
        (xml(&data("&#0;")), E::Character(0).into(), bad),
        (wbxml(header, b"\x6D\x6B\x46\x4B\x03\xFF\0\x01"), E::Encoding.into(), bad),
        (half, E::Encoding.into(), bad),
        (wbxml(header, b"\xED\xFF\x01"), E::Token(0xFF).into(), bad),
        ([xml(""), xml("")].concat(), E::OutsideRoot.into(), bad),
        (xml("<Get><CmdID><a xmlns=''/></CmdID></Get>"), E::ElementInText.into(), bad),
        (xml("x"), DecodeErrorKind::StrayText, bad),
        (xml(&"<Atomic>".repeat(70)), E::TooDeep(64).into(), large),
        (xml(&"<Final/>".repeat(1 << 17)), E::TooManyElements(1 << 17).into(), large),
        (vec![b' '; (4 << 20) + 1], E::DocumentTooLarge(4 << 20).into(), large),
        (
            wbxml(&table(b"\xC0\x80\x01"), &[b'a'; (1 << 20) + 1]),
            E::StringTableTooLarge(1 << 20).into(),
            large,
        ),
        (
            wbxml(
                &[&table(b"\xC0\x80\x00")[..], &[b'a'; 1 << 20]].concat(),
                &[b"\x6D\x6B\x46\x4B".as_slice(), &b"\x83\x00".repeat(5)].concat(),
            ),
            E::ExpansionTooLarge(4 << 20).into(),
            large,
        ),
        (xml(&format!("<{name}/>")), E::NameTooLong(256).into(), large),
        (xml(&format!("<x{attributes}/>")), E::TooManyAttributes(32).into(), large),
        (xml("</Get>"), E::Xml("").into(), bad),
        (xml(&data("&nbsp;")), E::Entity.into(), bad),
        (xml(&data("<a:b/>")), E::Prefix.into(), bad),
        (wbxml(b"\x02\xA4\x03\x6A\x00", b"\x0A"), DecodeErrorKind::NotSyncMl, bad),
        (b"<a/>".to_vec(), DecodeErrorKind::WrongRoot("SyncML"), bad),
        (syncml("").into_bytes(), DecodeErrorKind::Missing("SyncBody"), bad),
        (xml("<Get><CmdID>1</CmdID><CmdID>1</CmdID></Get>"), DecodeErrorKind::Repeated("CmdID"), bad),
        (xml("<Alert><Data>x</Data></Alert>"), DecodeErrorKind::Number, bad),
    ] {
        let shown = String::from_utf8_lossy(&document[..document.len().min(300)]);
        let encoding = match document.first() {
            Some(0..=3) if document.get(1) != Some(&b'<') => Encoding::Wbxml,
            _ => Encoding::Xml,
        };
        let error = refused(encoding, &document);
        // What is wrong with XML is said in words that other tests know.
        let same = matches!(
            (error.kind(), &kind),
            (DecodeErrorKind::Document(E::Xml(_)), DecodeErrorKind::Document(E::Xml(_)))
        );
        assert!(same || *error.kind() == kind, "{error:?} instead of {kind}: {shown}");
        assert_eq!(error.status(), status, "{error}");
        seen.push(kind.name());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 29, "{seen:?}");
}

#[test]
fn elements_that_stand_twice() {
    let repeated = DecodeErrorKind::Repeated;
    check(
        &with_body("<Get><CmdID>1</CmdID><CmdID>2</CmdID></Get>"),
        &repeated("CmdID"),
        "SyncML/SyncBody/Get/CmdID",
        "</CmdID><CmdID>",
    );
    check(
        &with_body("<Atomic><CmdID>1</CmdID><Meta/><Meta/></Atomic>"),
        &repeated("Meta"),
        "SyncML/SyncBody/Atomic/Meta",
        "<Meta/><Meta/>",
    );
    check(
        &with_body("<Add><CmdID>1</CmdID><Item><Data>1</Data><Data>2</Data></Item></Add>"),
        &repeated("Data"),
        "SyncML/SyncBody/Add/Item/Data",
        "</Data><Data>",
    );
    check(
        &with_body(
            "<Add><CmdID>1</CmdID><Meta><Type xmlns='syncml:metinf'>a</Type><Type xmlns='syncml:metinf'>b</Type></Meta></Add>",
        ),
        &repeated("Type"),
        "SyncML/SyncBody/Add/Meta/Type",
        "a</Type><Type xmlns='syncml:metinf'>",
    );
    check(
        &syncml(&format!("{HEADER}{HEADER}<SyncBody/>")),
        &repeated("SyncHdr"),
        "SyncML/SyncHdr",
        "</SyncHdr><SyncHdr>",
    );
    check(
        &syncml(&format!("{HEADER}<SyncBody/><SyncBody></SyncBody>")),
        &repeated("SyncBody"),
        "SyncML/SyncBody",
        "<SyncBody/><SyncBody>",
    );
    check(
        &with_header("<VerDTD>1.2</VerDTD><VerDTD>1.2</VerDTD>"),
        &repeated("VerDTD"),
        "SyncML/SyncHdr/VerDTD",
        "</VerDTD><VerDTD>",
    );
}

#[test]
fn text_among_elements() {
    let stray = DecodeErrorKind::StrayText;
    check(&syncml("stray<SyncBody/>"), &stray, "SyncML", "stray");
    check(&with_body("stray"), &stray, "SyncML/SyncBody", "stray");
    check(&with_body("<Get>stray<CmdID>1</CmdID></Get>"), &stray, "SyncML/SyncBody/Get", "stray");
    check(
        &with_body("<Get><CmdID>1</CmdID><Item>stray</Item></Get>"),
        &stray,
        "SyncML/SyncBody/Get/Item",
        "stray",
    );
    check(
        &with_body("<Get><CmdID>1</CmdID><Meta>stray</Meta></Get>"),
        &stray,
        "SyncML/SyncBody/Get/Meta",
        "stray",
    );
    // White space says nothing.
    assert!(decode(Encoding::Xml, with_body(" \n <Final/> \n ").as_bytes()).is_ok());
}

#[test]
fn elements_where_text_must_stand() {
    let kind = DecodeErrorKind::Document(ErrorKind::ElementInText);
    check(
        &with_body("<Get><CmdID><Data>1</Data></CmdID></Get>"),
        &kind,
        "SyncML/SyncBody/Get/CmdID/Data",
        "<CmdID><Data>",
    );
    check(&with_header("<VerDTD><Final/></VerDTD>"), &kind, "SyncML/SyncHdr/VerDTD/Final", "<Final/>");
}

#[test]
fn numbers_that_are_none() {
    let status = |code: &str| {
        with_body(&format!(
            "<Status><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Add</Cmd><Data>{code}</Data></Status>"
        ))
    };
    for code in ["65536", "99999999999999999999", "-1", "+200", "2e2", "0x1", "OK", "20 0", "２００"] {
        check(
            &status(code),
            &DecodeErrorKind::Number,
            "SyncML/SyncBody/Status/Data",
            &format!("{code}</Data>"),
        );
    }
    check(&status(""), &DecodeErrorKind::Number, "SyncML/SyncBody/Status/Data", "<Data></Data>");
    // The largest fits, and zeros and white space before a number say nothing.
    for code in ["65535", " 200\n", "0200"] {
        assert!(decode(Encoding::Xml, status(code).as_bytes()).is_ok(), "{code}");
    }
    let alert = with_body("<Alert><CmdID>1</CmdID><Data>abc</Data></Alert>");
    check(&alert, &DecodeErrorKind::Number, "SyncML/SyncBody/Alert/Data", "abc</Data>");
    let size = with_body(
        "<Add><CmdID>1</CmdID><Meta><Size xmlns='syncml:metinf'>18446744073709551616</Size></Meta></Add>",
    );
    check(&size, &DecodeErrorKind::Number, "SyncML/SyncBody/Add/Meta/Size", "</Size>");
    let fits = size.replace("1616<", "1615<");
    assert!(decode(Encoding::Xml, fits.as_bytes()).is_ok());
    assert!(decode(Encoding::Wbxml, &to_wbxml(&fits)).is_ok());
}

#[test]
fn documents_of_another_kind() {
    let wrong = DecodeErrorKind::WrongRoot("SyncML");
    for (document, path) in [
        ("<html><body>502 Bad Gateway</body></html>", "html"),
        ("<SyncML/>", "SyncML"),
        ("<SyncML xmlns='SYNCML:SYNCML1.3'/>", "SyncML"),
        ("<SyncBody xmlns='SYNCML:SYNCML1.2'/>", "SyncBody"),
        ("<MgmtTree xmlns='syncml:dmddf1.2'/>", "MgmtTree"),
    ] {
        let error = refused(Encoding::Xml, document.as_bytes());
        let at = document.find('>').unwrap() + 1;
        assert_eq!((error.kind(), error.path(), error.offset()), (&wrong, path, at), "{document}");
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        let error = refused(Encoding::Wbxml, &to_wbxml(document)).kind().clone();
        assert_eq!(error, wrong, "{document}");
    }
    // A page of a proxy, as it is.
    let page = b"<!DOCTYPE html>\n<html><head><title>Error</title><meta charset=utf-8></head><body>&nbsp;<br></body></html>";
    assert_eq!(refused(Encoding::Xml, page).kind(), &wrong);
    // Each encoding as the other, and nothing at all.
    let message = with_body("<Final/>");
    let wbxml = to_wbxml(&message);
    let version = DecodeErrorKind::Document(ErrorKind::Version(b'<'));
    assert_eq!(refused(Encoding::Wbxml, message.as_bytes()).kind(), &version);
    assert_eq!(refused(Encoding::Xml, &wbxml).kind(), &DecodeErrorKind::Document(ErrorKind::Encoding));
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let error = refused(encoding, b"");
        assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::Document(ErrorKind::Truncated), 0));
    }
    // WBXML of another public identifier: DevInf 1.2, and a name that is not SyncML's.
    for header in [b"\x02\xA4\x03\x6A\x00".as_slice(), b"\x02\x00\x00\x6A\x05WML\0\0"] {
        let document = [header, &wbxml[5..]].concat();
        let error = refused(Encoding::Wbxml, &document);
        assert_eq!(
            (error.kind(), error.offset(), error.path()),
            (&DecodeErrorKind::NotSyncMl, header.len(), "")
        );
    }
}

#[test]
fn unknown_elements_are_kept_where_they_stand() {
    let document = with_body(
        "<Get><CmdID>1</CmdID><Lang>de</Lang></Get><Put><CmdID>2</CmdID></Put>\
         <t-00-30 xmlns='urn:x-dm-wbxml:token'>x</t-00-30><Unheard xmlns=''>y</Unheard><Final/>",
    );
    let xml = decode(Encoding::Xml, document.as_bytes()).unwrap();
    let octets = to_wbxml(&document);
    let wbxml = decode(Encoding::Wbxml, &octets).unwrap();
    assert_eq!(xml, wbxml);
    let [Command::Get(get), Command::Unknown(put), Command::Unknown(token), Command::Unknown(foreign)] =
        &xml.body.commands[..]
    else {
        panic!("{:?}", xml.body)
    };
    // DM does not use Put and Lang; a session answers 400 or 501 to the one, and passes over the other.
    assert_eq!(get.extensions.as_slice()[0].name, Name::Tag(syncml::LANG));
    assert_eq!(put.name, Name::Tag(syncml::PUT));
    assert_eq!(xml.body.commands[1].name().unwrap().as_str(), "Put");
    assert!(matches!(token.name, Name::Tag(tag) if tag.token() == 0x30));
    assert_eq!(xml.body.commands[2].name(), None);
    assert_eq!(xml.body.commands[3].name().unwrap().as_str(), "Unheard");
    assert_eq!(foreign.children.len(), 1);
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let encoded = xml.encode(encoding);
        assert_eq!(decode(encoding, &encoded).unwrap(), xml);
    }
}

#[test]
fn messages_beyond_a_limit_are_answered_413() {
    let deep = |levels: usize| {
        with_body(&format!(
            "<Add><CmdID>1</CmdID><Item><Data>{}{}</Data></Item></Add>",
            "<Data>".repeat(levels),
            "</Data>".repeat(levels)
        ))
    };
    let (path, too_deep) =
        (["SyncML/SyncBody/Add/Item", &"/Data".repeat(60)].concat(), ErrorKind::TooDeep(64));
    for (encoding, document) in [
        (Encoding::Xml, deep(100).into_bytes()),
        (Encoding::Wbxml, to_wbxml(&deep(100))),
        (Encoding::Xml, deep(100_000).into_bytes()),
    ] {
        let error = refused(encoding, &document);
        assert_eq!(
            (error.kind(), error.path()),
            (&DecodeErrorKind::Document(too_deep.clone()), path.as_str())
        );
        assert_eq!(error.status(), StatusCode::TOO_LARGE);
    }
    // A hundred thousand levels of nothing else.
    let atomics = [b"\x02\xA4\x01\x6A\x00\x6D\x6B".as_slice(), &[0x48; 100_000]].concat();
    let error = refused(Encoding::Wbxml, &atomics);
    assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::Document(too_deep), 7 + 63));
    assert_eq!(error.status(), StatusCode::TOO_LARGE);

    let message = with_body("<Final/>");
    for (encoding, document) in
        [(Encoding::Xml, message.clone().into_bytes()), (Encoding::Wbxml, to_wbxml(&message))]
    {
        let decode = |limits| Message::decode(encoding, &document, &DecodeOptions::new().with_limits(limits));
        let size = document.len();
        assert!(decode(Limits::DEFAULT.with_document(size)).is_ok());
        let error = decode(Limits::DEFAULT.with_document(size - 1)).unwrap_err();
        let kind = DecodeErrorKind::Document(ErrorKind::DocumentTooLarge(size - 1));
        assert_eq!((error.kind(), error.offset(), error.path()), (&kind, 0, ""));
        assert_eq!(error.status(), StatusCode::TOO_LARGE);
        // SyncML, SyncHdr with its six and two more inside, SyncBody, Final.
        assert!(decode(Limits::DEFAULT.with_elements(12)).is_ok());
        let error = decode(Limits::DEFAULT.with_elements(11)).unwrap_err();
        let kind = DecodeErrorKind::Document(ErrorKind::TooManyElements(11));
        assert_eq!((error.kind(), error.path()), (&kind, "SyncML/SyncBody"));
        assert_eq!(error.status(), StatusCode::TOO_LARGE);
    }
}

#[test]
fn every_prefix_of_a_message_is_refused() {
    let document = with_body("<Add><CmdID>1</CmdID><Item><Data>é &amp; é</Data></Item></Add><Final/>");
    let wbxml = to_wbxml(&document);
    for len in 0..wbxml.len() {
        let error = refused(Encoding::Wbxml, &wbxml[..len]);
        assert_eq!(error.kind(), &DecodeErrorKind::Document(ErrorKind::Truncated), "{len}");
        assert_eq!((error.offset(), error.status()), (len, StatusCode::BAD_REQUEST));
    }
    for len in 0..document.len() {
        let error = refused(Encoding::Xml, &document.as_bytes()[..len]);
        let cut = ErrorKind::Truncated;
        let expected = matches!(error.kind(), DecodeErrorKind::Document(kind) if *kind == cut || matches!(kind, ErrorKind::Encoding | ErrorKind::Xml(_)));
        assert!(expected && error.offset() <= len, "{len}: {error}");
    }
}

#[test]
fn fragments_are_refused_for_the_same_reasons() {
    let options = DecodeOptions::new();
    let decode = |document: &'static str| Fragment::decode(Encoding::Xml, document.as_bytes(), &options);
    let error = decode("<Get xmlns='SYNCML:SYNCML1.2'></Get>").unwrap_err();
    assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::Missing("CmdID"), 36));
    let error = decode("<Get xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID></Get><Get/>").unwrap_err();
    assert_eq!(error.kind(), &DecodeErrorKind::Document(ErrorKind::OutsideRoot));
    assert_eq!(decode("<html/>").unwrap_err().kind(), &DecodeErrorKind::WrongRoot("SyncML"));
}

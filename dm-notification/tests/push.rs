//! WSP push in all its forms: out and in again, cut, and changed.

use dm_notification::bootstrap::{CpSec, DmSec, Mac};
use dm_notification::push::{
    ApplicationId, Content, HeaderName, MediaType, PACKAGE0_IN_ONE_SMS, ParameterName, Ports, Push,
    PushBuilder, PushErrorKind, PushField, PushFlag, PushKind, TextHeaders, Value, WSP_HEADERS_MAX, segment,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn headers_of_every_form() {
    // Content type in the general form, long integer; then a shift to page 7 by delimiter, to page 2 by short cut,
    // back to 1; a named header; a value of 200 octets; quoted text.
    let long = [0x55; 200];
    let headers = [
        &[0x06, 0x02, 0x03, 0x02, 0x81, 0x84, 0x91][..],
        &[0x7F, 0x07, 0x85, 0x81],
        &[0x02, 0x86, 0x00],
        &[0x01, 0xAF, 0x87],
        b"X-Oma-GwMO\0\x7Fone\0",
        &[0xD0, 0x1F, 0x81, 0x48],
        &long,
        &[0xB4, 0x87, 0x8D, 0x02, 0x01, 0x00],
    ]
    .concat();
    // A parameter without a value at the end: the last octet of the content type is its name, so one is added.
    let mut headers = headers;
    headers[0] = 0x07;
    headers.insert(7, 0x82);
    let octets = [
        &[0x09, 0x07, 0x80 | (headers.len() >> 7) as u8, (headers.len() & 0x7F) as u8][..],
        &headers,
        b"body",
    ]
    .concat();
    let push = Push::decode(&octets).expect("well-formed");
    assert_eq!((push.transaction_id(), push.kind(), push.body()), (9, PushKind::ConfirmedPush, &b"body"[..]));
    assert_eq!(push.content_type().media_type(), MediaType::Text("application/vnd.syncml+xml"));
    let parameters: Vec<_> = push.content_type().parameters().collect();
    assert_eq!(parameters.len(), 2);
    assert_eq!((parameters[0].name, parameters[0].value), (ParameterName::Code(1), Value::Short(4)));
    assert_eq!(push.content_type().sec().and_then(|sec| sec.dm()), Some(DmSec::USERPIN_NETWORKID));
    let names: Vec<_> = push.headers().map(|header| header.name).collect();
    assert_eq!(
        names,
        [
            HeaderName::Code { page: 7, code: 5 },
            HeaderName::Code { page: 2, code: 6 },
            HeaderName::APPLICATION_ID,
            HeaderName::Text("X-Oma-GwMO"),
            HeaderName::GWMO,
            HeaderName::PUSH_FLAG,
            HeaderName::CONTENT_LENGTH,
        ]
    );
    assert_eq!(push.headers().gwmo().collect::<Vec<_>>(), [Value::Text(b"one"), Value::Octets(&long)]);
    assert_eq!(push.headers().application_id(), Some(ApplicationId::SYNCML_DM));
    assert_eq!(push.headers().value(HeaderName::CONTENT_LENGTH).and_then(|v| v.as_integer()), Some(256));
    let flag = push.headers().push_flag().expect("there is one");
    assert!(flag.is_authenticated() && flag.is_trusted() && flag.is_last());
    assert_eq!(push.to_vec(), octets);
    assert_eq!(push.encoded_len(), octets.len());
    // Every prefix that cuts the headers is too short; others only have a shorter body.
    for length in 0..octets.len() {
        match Push::decode(&octets[..length]) {
            Ok(cut) => assert!(length >= octets.len() - 4 && cut.to_vec() == octets[..length]),
            Err(error) => {
                assert!(length < octets.len() - 4);
                assert_eq!(error.kind(), PushErrorKind::Truncated);
                assert!(error.offset() <= length);
            }
        }
    }
}

#[test]
fn what_is_malformed_is_said() {
    let table: &[(&[u8], PushErrorKind, PushField, usize)] = &[
        (&[], PushErrorKind::Truncated, PushField::TransactionId, 0),
        (&[1], PushErrorKind::Truncated, PushField::PduType, 1),
        (&[1, 0x04], PushErrorKind::OtherPdu(4), PushField::PduType, 1),
        (&[1, 6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], PushErrorKind::NumberTooLarge, PushField::HeadersLength, 2),
        (&[1, 6, 3, 0xC4], PushErrorKind::Truncated, PushField::HeadersLength, 3),
        (&[1, 6, 0], PushErrorKind::Truncated, PushField::ContentType, 3),
        (&[1, 6, 1, 0x02], PushErrorKind::Truncated, PushField::ContentType, 4),
        (&[1, 6, 1, b'a'], PushErrorKind::Unterminated, PushField::ContentType, 3),
        (&[1, 6, 3, b'a', b' ', 0], PushErrorKind::NotAName, PushField::ContentType, 3),
        (&[1, 6, 2, 0x01, 0x1F], PushErrorKind::Unexpected(0x1F), PushField::ContentType, 4),
        (&[1, 6, 3, 0x02, 0xC4, 0x91], PushErrorKind::Truncated, PushField::Parameter, 6),
        (&[1, 6, 2, 0xC4, 0x00], PushErrorKind::Unexpected(0), PushField::Header, 4),
        (&[1, 6, 2, 0xC4, 0xAF], PushErrorKind::Truncated, PushField::Header, 5),
        (&[1, 6, 5, 0xC4, b'A', 7, 0, 0x80], PushErrorKind::NotAName, PushField::Header, 4),
    ];
    for (octets, kind, field, offset) in table {
        let error = Push::decode(octets).expect_err("malformed");
        assert_eq!((error.kind(), error.field(), error.offset()), (*kind, *field, *offset), "{octets:x?}");
    }
}

/// The arithmetic that the DM binding's limits are made of.
#[test]
fn sizes_of_the_binding() {
    let push = PushBuilder::dm_notification();
    let full = push.to_vec(&[0; PACKAGE0_IN_ONE_SMS]);
    assert_eq!(segment(Ports::WAP_PUSH, &full, None).expect("it just fits")[0].len(), 140);
    assert!(segment(Ports::WAP_PUSH, &push.to_vec(&[0; PACKAGE0_IN_ONE_SMS + 1]), None).is_err());
    assert!(7 + 3 + push.headers_len() <= WSP_HEADERS_MAX);
    // An octet of transaction, one of type, one of length, and the headers.
    assert_eq!(3 + push.headers_len(), 6);
}

#[test]
fn bootstrap_pushes_say_how_they_are_proven() {
    let mac = Mac::new([0xAB; 20]);
    for (sec, mac) in [
        (CpSec::NETWPIN, Some(mac)),
        (CpSec::USERPIN, Some(mac)),
        (CpSec::USERNETWPIN, Some(mac)),
        (CpSec::USERPINMAC, None),
    ] {
        let octets = PushBuilder::cp_bootstrap(sec, mac.as_ref()).to_vec(b"\x03");
        let push = Push::decode(&octets).expect("as built");
        assert_eq!(push.content(), Content::CpBootstrap);
        assert_eq!(push.content_type().sec().and_then(|sec| sec.cp()), Some(sec));
        assert_eq!(push.content_type().mac().transpose(), Ok(mac));
    }
    for sec in
        [DmSec::NETWORKID, DmSec::USERPIN, DmSec::USERPIN_NETWORKID, DmSec::new("X/Y").expect("a word")]
    {
        let octets = PushBuilder::dm_bootstrap(&sec, &mac).to_vec(b"\x02");
        let push = Push::decode(&octets).expect("as built");
        assert_eq!(push.content(), Content::DmBootstrap);
        assert_eq!(push.content_type().sec().and_then(|sec| sec.dm()), Some(sec.clone()));
        assert_eq!(push.content_type().mac(), Some(Ok(mac)));
        let text = TextHeaders::of_push(&push);
        assert_eq!(text, TextHeaders::dm_bootstrap(&sec, &mac));
        assert_eq!(TextHeaders::parse(&text.to_string()), Ok(text));
    }
}

#[test]
fn text_headers_say_the_same() {
    let push = PushBuilder::dm_notification()
        .with_push_flag(PushFlag::new(7))
        .with_header(HeaderName::GWMO, Value::Text(b"device-7"))
        .and_then(|push| push.with_header(HeaderName::Text("X-Own"), Value::Text(b"yes")))
        .expect("all can be said");
    let octets = push.to_vec(b"");
    let text = TextHeaders::of_push(&Push::decode(&octets).expect("as built"));
    assert_eq!(
        text.to_string(),
        "Content-Type: application/vnd.syncml.notification\r\n\
         X-Wap-Application-Id: x-wap-application:syncml.dm\r\n\
         Push-Flag: 7\r\n\
         X-Oma-GwMO: device-7\r\n\
         X-Own: yes\r\n"
    );
    assert_eq!(text.content(), Content::DmNotification);
    assert_eq!(text.gwmo().collect::<Vec<_>>(), ["device-7"]);
    assert_eq!(text.push_flag(), Some(PushFlag::new(7)));
    let lwm2m = "Content-Type: application/vnd.syncml.notification\nX-Wap-Application-Id: x-wap-application:lwm2m.dm\n";
    assert_eq!(TextHeaders::parse(lwm2m).expect("well-formed").content(), Content::Other);
}

fn value() -> impl Strategy<Value = (u8, Vec<u8>)> {
    (0..3_u8, prop_oneof![vec(1..=255_u8, 0..40), vec(any::<u8>(), 0..300), vec(b' '..b'~', 1..10)])
}

fn as_value((form, octets): &(u8, Vec<u8>)) -> Value<'_> {
    match form {
        0 => Value::Short(octets.first().copied().unwrap_or(0) & 0x7F),
        1 => Value::Octets(octets),
        _ => Value::Text(octets.split(|octet| *octet == 0).next().unwrap_or_default()),
    }
}

proptest! {
    #[test]
    fn what_is_built_comes_back(
        id: u8,
        confirmed: bool,
        media in prop_oneof![Just(None), "[!-~]{1,40}".prop_map(Some)],
        code: u32,
        parameters in vec((1..500_u32, "[!-~]{1,10}", any::<bool>(), value()), 0..4),
        headers in vec((any::<u8>(), 0..0x80_u8, "[!-~]{1,20}", any::<bool>(), value()), 0..8),
        body in vec(any::<u8>(), 0..60),
    ) {
        let media_type = media.as_deref().map_or(MediaType::Code(code), MediaType::Text);
        let kind = if confirmed { PushKind::ConfirmedPush } else { PushKind::Push };
        let mut push = PushBuilder::new(media_type).expect("visible").with_transaction_id(id).with_kind(kind);
        let mut parameters_in = Vec::new();
        for (code, name, by_code, value) in &parameters {
            let name = if *by_code { ParameterName::Code(*code) } else { ParameterName::Text(name) };
            let value = as_value(value);
            let long = matches!(value, Value::Octets(octets) if octets.len() > 30);
            let more = push.clone().with_parameter(name, value);
            prop_assert_eq!(more.is_err(), long);
            if let Ok(more) = more {
                push = more;
                parameters_in.push((name, value));
            }
        }
        let mut headers_in = Vec::new();
        for (page, code, name, by_code, value) in &headers {
            let name = if *by_code { HeaderName::Code { page: *page, code: *code } } else { HeaderName::Text(name) };
            push = push.with_header(name, as_value(value)).expect("it can be said");
            headers_in.push((name, as_value(value)));
        }
        let octets = push.to_vec(&body);
        let back = Push::decode(&octets).expect("as built");
        prop_assert_eq!((back.transaction_id(), back.kind(), back.body()), (id, kind, body.as_slice()));
        prop_assert_eq!(back.content_type().media_type().code(), media_type.code());
        if media_type.code().is_none() {
            prop_assert_eq!(back.content_type().media_type().text(), media_type.text());
        }
        let parameters_out: Vec<_> = back.content_type().parameters().map(|p| (p.name, p.value)).collect();
        prop_assert_eq!(parameters_out, parameters_in);
        let headers_out: Vec<_> = back.headers().map(|h| (h.name, h.value)).collect();
        prop_assert_eq!(headers_out, headers_in);
        prop_assert_eq!(back.to_vec(), octets);
    }
}

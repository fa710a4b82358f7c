//! XML that was made to hurt: each document is refused, or read at a cost its length pays for.
#![cfg(feature = "xml")]

use dm_wbxml::xml::{Options, Reader};
use dm_wbxml::{Element, Error, ErrorKind, Event, Limits, SYNCML_1_2, Source};

/// Reads all events, counting them.
fn count(document: &str, limits: Limits) -> Result<usize, Error> {
    let mut reader = Reader::new(document.as_bytes(), &SYNCML_1_2, Options::new(limits))?;
    let mut events = 0;
    while reader.next()?.is_some() {
        events += 1;
    }
    Ok(events)
}

fn failure(document: &str, limits: Limits) -> (ErrorKind, usize, String) {
    let error = count(document, limits).expect_err("this must be refused");
    (error.kind().clone(), error.offset(), error.path().to_owned())
}

#[test]
fn a_billion_laughs() {
    let mut document = String::from("<!DOCTYPE lolz [\n <!ENTITY lol \"lol\">\n");
    for level in 1..10 {
        let inside = format!("&lol{};", level - 1).repeat(10);
        document += &format!(" <!ENTITY lol{level} \"{inside}\">\n");
    }
    document += "]>\n<lolz>&lol9;</lolz>";
    let at = document.find("</lolz>").unwrap();
    assert_eq!(failure(&document, Limits::DEFAULT), (ErrorKind::Entity, at, String::from("lolz")));
    let in_attribute = document.replace("<lolz>&lol9;</lolz>", "<lolz a='&lol9;'/>");
    assert_eq!(
        failure(&in_attribute, Limits::DEFAULT),
        (ErrorKind::Entity, in_attribute.len(), String::from("lolz"))
    );
}

#[test]
fn a_file_of_the_server() {
    let document = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
    assert_eq!(
        failure(document, Limits::DEFAULT),
        (ErrorKind::Entity, document.len() - 4, String::from("a"))
    );
    // Parameter entities are not even looked at.
    let document = "<!DOCTYPE a [<!ENTITY % x SYSTEM 'http://example.org/'> %x;]><a/>";
    assert_eq!(count(document, Limits::DEFAULT).unwrap(), 2);
}

#[test]
fn a_hundred_thousand_levels() {
    let document = "<a>".repeat(100_000);
    let path = vec!["a"; 64].join("/");
    assert_eq!(failure(&document, Limits::DEFAULT), (ErrorKind::TooDeep(64), 65 * 3, path));
    let mut limits = Limits::DEFAULT;
    limits.depth = u16::MAX;
    assert_eq!(failure(&document, limits).0, ErrorKind::TooDeep(256));
}

#[test]
fn a_megabyte_of_empty_siblings() {
    let document = format!("<r>{}</r>", "<a/>".repeat(1 << 18));
    let (kind, at, path) = failure(&document, Limits::DEFAULT);
    assert_eq!((kind, at, path.as_str()), (ErrorKind::TooManyElements(1 << 17), 3 + (4 << 17), "r"));
    assert_eq!(count(&document, Limits::DEFAULT.with_elements(u32::MAX)).unwrap(), (2 << 18) + 2);
}

#[test]
fn a_document_larger_than_allowed() {
    let limits = Limits::DEFAULT.with_document(3);
    assert_eq!(failure("<a/>", limits), (ErrorKind::DocumentTooLarge(3), 0, String::new()));
    assert!(count("<a/>", limits.with_document(4)).is_ok());
}

fn list(n: usize, each: impl Fn(usize) -> String) -> String {
    format!("<r{}/>", (0..n).map(each).collect::<String>())
}

#[test]
fn ten_thousand_attributes() {
    let attributes = |n| list(n, |i| format!(" a{i}=''"));
    assert_eq!(count(&attributes(32), Limits::DEFAULT).unwrap(), 34);
    for n in [33, 10_000] {
        let document = attributes(n);
        let refused = (ErrorKind::TooManyAttributes(32), document.len(), String::from("r"));
        assert_eq!(failure(&document, Limits::DEFAULT), refused);
    }
    // They count like elements, so that many small lists are no way around.
    let lists = format!("<r>{}</r>", "<a b=''/>".repeat(10));
    assert_eq!(failure(&lists, Limits::DEFAULT.with_elements(20)).0, ErrorKind::TooManyElements(20));
    assert_eq!(count(&lists, Limits::DEFAULT.with_elements(21)).unwrap(), 32);
}

#[test]
fn ten_thousand_namespaces() {
    let declarations = |n| list(n, |i| format!(" xmlns:p{i}='u'"));
    assert_eq!(count(&declarations(32), Limits::DEFAULT).unwrap(), 2);
    for n in [33, 10_000] {
        let document = declarations(n);
        let refused = (ErrorKind::TooManyAttributes(32), document.len(), String::from("r"));
        assert_eq!(failure(&document, Limits::DEFAULT), refused);
    }
    // Nor are they found one inside the other: 32 may be in force, and one for each level.
    let nested = |levels: usize| {
        let open = |i| format!("<a xmlns:p{i}='u' xmlns:q{i}='u' xmlns:r{i}='u'>");
        (0..levels).map(open).collect::<String>() + &"</a>".repeat(levels)
    };
    assert_eq!(count(&nested(32), Limits::DEFAULT).unwrap(), 64);
    assert_eq!(failure(&nested(33), Limits::DEFAULT).0, ErrorKind::TooManyAttributes(32));
    // One after the other they are forgotten.
    let siblings = format!("<r>{}</r>", "<a xmlns='u' xmlns:p='u'/>".repeat(10_000));
    assert_eq!(count(&siblings, Limits::DEFAULT).unwrap(), 20_002);
}

#[test]
fn names_longer_than_allowed() {
    let long = "a".repeat(257);
    let too_long = ErrorKind::NameTooLong(256);
    for document in [
        format!("<{long}/>"),
        format!("<a {long}=''/>"),
        format!("<a xmlns='{long}'/>"),
        format!("<a xmlns:b='{long}'/>"),
        format!("<a xmlns:{long}=''/>"),
    ] {
        assert_eq!(failure(&document, Limits::DEFAULT).0, too_long, "{document}");
    }
    assert!(count(&format!("<{0} {0}='{0}{0}' xmlns='{0}'/>", &long[1..]), Limits::DEFAULT).is_ok());
}

#[test]
fn an_attribute_twice_is_refused_where_attributes_are_kept() {
    for (document, twice) in [
        ("<a b='1' c='2' b='3'/>", true),
        ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", true),
        ("<a xmlns:p='u' p:b='1' b='2'/>", false),
    ] {
        let mut reader = Reader::new(document.as_bytes(), &SYNCML_1_2, Options::default()).unwrap();
        let Ok(Some(Event::Start(name))) = reader.next() else { panic!() };
        match Element::decode(&mut reader, name) {
            Ok(_) => assert!(!twice, "{document}"),
            Err(error) => {
                assert!(twice, "{document}");
                assert_eq!((error.kind(), error.path()), (&ErrorKind::RepeatedAttribute, "a"));
            }
        }
    }
}

/// A start tag without end is looked for once, not again from each of its octets.
#[test]
fn markup_that_never_ends() {
    for begin in ["<", "<a b='", "<!--", "<![CDATA[", "<!DOCTYPE a [", "<?", "</a"] {
        let document = format!("<a>{}", begin.repeat((1 << 20) / begin.len()));
        assert!(count(&document, Limits::DEFAULT).is_err(), "{begin}");
    }
    let ampersands = format!("<a>{}</a>", "&".repeat(1 << 20));
    assert!(matches!(failure(&ampersands, Limits::DEFAULT).0, ErrorKind::Xml(_)));
    let references = format!("<a>{}</a>", "&lt;".repeat(1 << 18));
    assert_eq!(count(&references, Limits::DEFAULT).unwrap(), (1 << 18) + 2);
}

const MESSAGE: &str = "\u{FEFF}<?xml version='1.0'?><!DOCTYPE S [<!ENTITY a 'b'>]><s:SyncML xmlns:s='SYNCML:SYNCML1.2'>\
    <!-- é --><s:Data a='&lt;é'>&#233;&amp;<![CDATA[<é>]]]]></s:Data><x xmlns='urn:x'/></s:SyncML>\n<?end?>";

#[test]
fn every_prefix_is_an_error() {
    let document = MESSAGE.trim_end_matches("\n<?end?>");
    for len in 0..document.len() {
        let mut reader = match Reader::new(&document.as_bytes()[..len], &SYNCML_1_2, Options::default()) {
            Ok(reader) => reader,
            Err(error) => {
                assert_eq!(error.kind(), &ErrorKind::Encoding, "{len}");
                continue;
            }
        };
        let error = loop {
            match reader.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{len} octets are no document"),
                Err(error) => break error,
            }
        };
        let cut = matches!(error.kind(), ErrorKind::Truncated | ErrorKind::Xml(_));
        assert!(cut, "{len}: {error}");
        assert!(error.offset() <= len);
    }
    assert_eq!(count(MESSAGE, Limits::DEFAULT).unwrap(), 10);
}

//! Every global token in every place where it may stand or may not (WAP-192 §5.8, §7.1).

mod trace;

use dm_wbxml::wbxml::Reader;
use dm_wbxml::{Limits, SYNCML_1_2};
use trace::trace;

/// Octets from hexadecimal digits and `'text'`; white space says nothing.
fn octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for (at, part) in text.split('\'').enumerate() {
        if at % 2 == 1 {
            octets.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u8> = part.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
        assert!(digits.len().is_multiple_of(2), "{text}");
        for pair in digits.chunks(2) {
            octets.push(u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
        }
    }
    octets
}

/// The string table of all documents here: "Foo", "bar", "", "a:b", "caf" and the first half of an é, which is never reached but by
/// its offset, and "en" without a NUL. Its length is 24.
const TABLE: &str = "'Foo'00 'bar'00 00 'a:b'00 'caf'C3A900 '1x'00 'en'";

/// WBXML 1.3, SyncML 1.2, UTF-8, and the table: 29 octets.
fn document(body: &str) -> Vec<u8> {
    octets(&format!("03 A401 6A 18 {TABLE} {body}"))
}

fn check(table: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (body, expected) in table {
        let document = document(body);
        let read = trace(Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT));
        if read != *expected {
            wrong.push(format!("{body}: {read} and not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where the body begins.
const BODY: usize = 29;

#[test]
fn the_header_is_as_long_as_the_tables_say() {
    assert_eq!(document("").len(), BODY);
}

/// Content of `Data`, after one octet of body.
#[test]
fn in_content() {
    check(&[
        // END
        ("4F 01", "<Data>"),
        ("0F", "<Data>"),
        // ENTITY
        ("4F 02 41 01", r#"<Data"A">"#),
        ("4F 02 83FD00 01", "<Data\"\u{FE80}\">"),
        ("4F 02 87FB40 02 87 7F 01", "<Data\"\u{1FDC0}\"\"\u{3FF}\">"),
        ("4F 02 0D 01", r#"<Data"\r">"#),
        ("4F 02 00 01", "<Data!character@32 Data"),
        ("4F 02 01 01", "<Data!character@32 Data"),
        ("4F 02 83B000 01", "<Data!character@34 Data"), // a surrogate
        ("4F 02 83FF7E 01", "<Data!character@34 Data"), // U+FFFE
        ("4F 02 C48000 01", "<Data!character@34 Data"), // behind the last
        ("4F 02 8FFFFFFF7F 01", "<Data!character@36 Data"),
        ("4F 02 9FFFFFFF7F 01", "<Data!integer@36 Data"),
        // STR_I
        ("4F 03 'text' 00 01", r#"<Data"text">"#),
        ("4F 03 00 01", "<Data>"),
        ("4F 03 'a' 00 03 'b' 00 01", r#"<Data"a""b">"#),
        ("4F 03 'tab' 09 0D 0A 00 01", r#"<Data"tab\t\r\n">"#),
        ("4F 03 'bell' 07 'and more' 00 01", "<Data#62656c6c07616e64206d6f7265>"),
        ("4F 03 EFBFBE 00 01", "<Data#efbfbe>"),
        ("4F 03 C3A9F09F9880 00 01", "<Data\"é😀\">"),
        ("4F 03 C3 00 01", "<Data!encoding@33 Data"),
        ("4F 03 'never'", "<Data!truncated@36 Data"),
        // LITERAL, in its four forms
        ("4F 04 00 01", "<Data<{}Foo>>"),
        ("4F 44 04 03 'x' 00 01 01", r#"<Data<{}bar"x">>"#),
        ("4F 84 00 04 04 03 'v' 00 01 01", r#"<Data<{}Foo bar="v">>"#),
        ("4F C4 00 04 04 01 03 'x' 00 01 01", r#"<Data<{}Foo bar="""x">>"#),
        ("4F 04 09 01", "<Data<{}b>>"),        // a:b, without its prefix
        ("4F 04 01 01", "<Data<{}oo>>"),       // the middle of Foo
        ("4F 04 08 01", "<Data!name@32 Data"), // an empty name
        ("4F 04 13 01", "<Data!name@32 Data"), // 1x
        ("4F 04 19 01", "<Data!string-reference@32 Data"),
        // EXT_I, EXT_T, EXT: skipped
        ("4F 40 'x' 00 41 00 42 'y' 00 01", "<Data>"),
        ("4F 80 00 81 04 82 FF7F 01", "<Data>"),
        ("4F C0 C1 C2 01", "<Data>"),
        ("4F 40 'x'", "<Data!truncated@32 Data"),
        ("4F 80 80", "<Data!truncated@32 Data"),
        // PI: skipped
        ("4F 43 04 00 03 'v' 00 01 03 'x' 00 01", r#"<Data"x">"#),
        ("4F 43 05 85 01 01", "<Data>"),
        ("4F 43 04 00", "<Data!truncated@33 Data"),
        // STR_T
        ("4F 83 00 01", r#"<Data"Foo">"#),
        ("4F 83 02 01", r#"<Data"o">"#),
        ("4F 83 03 01", "<Data>"),        // the NUL behind Foo
        ("4F 83 16 01", r#"<Data"en">"#), // the end of the table ends it
        ("4F 83 18 01", "<Data>"),        // right behind the table
        ("4F 83 19 01", "<Data!string-reference@32 Data"),
        ("4F 83 8FFFFFFF7F 01", "<Data!string-reference@36 Data"),
        ("4F 83 11 01", "<Data!encoding@32 Data"), // the second half of an é
        ("4F 83 0D 01", r#"<Data"café">"#),
        // OPAQUE
        ("4F C3 03 000102 01", "<Data#000102>"),
        ("4F C3 00 01", "<Data>"),
        ("4F C3 04 'text' 01", "<Data#74657874>"),
        ("4F C3 03 0001", "<Data!truncated@32 Data"),
        ("4F C3 8FFFFFFF7F 01", "<Data!truncated@36 Data"),
        ("4F C3 FFFFFFFF7F 01", "<Data!integer@36 Data"),
        // Nothing at all
        ("4F", "<Data!truncated@30 Data"),
    ]);
}

#[test]
fn pages_of_tags() {
    check(&[
        // The page stays until it is switched back, whatever ends.
        ("5A 0001 47 03 'b64' 00 01 13 01", r#"<Meta<Format"b64"><Type>>"#),
        ("5A 0001 07 01", "<Meta<Format>>"),
        ("6B 46 0001 07 01 07 0000 07 01", "<SyncBody<Alert<Format>><Format><Archive>>"),
        // Before the root, twice, and before an END.
        ("0001 0002 60 01", "<MgmtTree>"),
        ("4F 0001 01", "<Data>"),
        // Pages and tokens that nobody named.
        ("0007 45 0003 30 01", "<07:05<03:30>>"),
        ("00FF 7F 01", "<ff:3f>"),
        ("70 01", "<00:30>"),
        ("4F 00", "<Data!truncated@31 Data"),
    ]);
}

#[test]
fn in_attribute_lists() {
    check(&[
        // Literals are reported, joined from whatever pieces.
        ("8F 04 00 01", r#"<Data Foo="">"#),
        ("CF 04 00 03 'a' 00 83 04 02 21 01 03 'x' 00 01", r#"<Data Foo="abar!""x">"#),
        ("8F 04 00 03 'a' 00 04 04 03 'b' 00 01", r#"<Data Foo="a" bar="b">"#),
        // Names that are tokens, and their values: these code pages have none, so both are kept as what they are.
        ("8F 05 01", r#"<Data {urn:x-dm-wbxml:token}t-00-05="">"#),
        (
            "8F 3F 7F 45 03 'x' 00 85 BF C5 FF C3 01 00 01",
            "<Data {urn:x-dm-wbxml:token}t-00-3F=\"\" {urn:x-dm-wbxml:token}t-00-7F=\"\" \
                {urn:x-dm-wbxml:token}t-00-45=\"x\u{100085}\u{1000BF}\u{1000C5}\u{1000FF}\">",
        ),
        (
            "8F 0007 05 0001 85 04 00 03 'a' 00 01",
            "<Data {urn:x-dm-wbxml:token}t-07-05=\"\u{100185}\" Foo=\"a\">",
        ),
        // Octets and extensions inside a value: skipped.
        ("8F 04 00 03 'a' 00 85 C3 01 00 C0 80 04 40 'z' 00 03 'b' 00 01", "<Data Foo=\"a\u{100085}b\">"),
        // Names that XML does not allow, or that declare namespaces: skipped. A device names its first attribute so.
        ("8F 04 08 03 'SYNCML:SYNCML1.2' 00 01", "<Data>"),
        ("8F 04 09 03 'v' 00 01", "<Data>"),
        // Pages of attributes are not pages of tags.
        ("DA 0001 04 00 0001 01 07 01", r#"<Meta Foo=""<Archive>>"#),
        ("5A 0001 C7 0000 04 00 0000 01 01 13 01", r#"<Meta<Format Foo=""><Type>>"#),
        // What must not stand there.
        ("8F 03 'x' 00 01", "<Data!token@30 Data"),
        ("8F 44 00 01", "<Data!token@30 Data"),
        ("8F 84 00 01", "<Data!token@30 Data"),
        ("8F C4 00 01", "<Data!token@30 Data"),
        ("8F 43 04 00 01", "<Data!token@30 Data"),
        ("8F 02 41 01", "<Data!token@30 Data"),
        ("8F 83 00 01", "<Data!token@30 Data"),
        ("8F 85 01", "<Data!token@30 Data"),
        ("8F C3 00 01", "<Data!token@30 Data"),
        ("8F 40 00 01", "<Data!token@30 Data"),
        ("8F 04 00 44 00 01", "<Data!token@32 Data"),
        ("8F 04 00 43 01", "<Data!token@32 Data"),
        ("8F 04 00 84 01", "<Data!token@32 Data"),
        ("8F 04 00 C4 01", "<Data!token@32 Data"),
        ("8F 04 00 03 07 00 01", "<Data!not-text@35 Data"),
        ("8F 04 00 02 07 01", "<Data!character@34 Data"),
        ("8F 04 00 03 C3 00 01", "<Data!encoding@35 Data"),
        ("8F", "<Data!truncated@30 Data"),
        ("8F 04", "<Data!truncated@31 Data"),
        ("8F 04 00", "<Data!truncated@32 Data"),
        ("8F 04 00 03 'x'", "<Data!truncated@34 Data"),
    ]);
}

#[test]
fn around_the_root() {
    check(&[
        // PI and page switches before, PI after.
        ("43 04 00 01 0F", "<Data>"),
        ("0F 43 04 00 03 'x' 00 01", "<Data>"),
        ("4F 01 43 05 01 43 05 01", "<Data>"),
        // Nothing else.
        ("", "!truncated@29 "),
        ("43 05 01", "!truncated@32 "),
        ("01", "!token@29 "),
        ("02 41", "!token@29 "),
        ("03 'x' 00", "!token@29 "),
        ("40 00", "!token@29 "),
        ("41 00", "!token@29 "),
        ("42 00", "!token@29 "),
        ("80 00", "!token@29 "),
        ("81 00", "!token@29 "),
        ("82 00", "!token@29 "),
        ("83 00", "!token@29 "),
        ("C0", "!token@29 "),
        ("C1", "!token@29 "),
        ("C2", "!token@29 "),
        ("C3 00", "!token@29 "),
        ("0F 00", "<Data>!outside-root@30 "),
        ("0F 0F", "<Data>!outside-root@30 "),
        ("0F 01", "<Data>!outside-root@30 "),
        ("0F 03 'x' 00", "<Data>!outside-root@30 "),
        ("0F 43", "<Data>!truncated@31 "),
        // A literal may be the root.
        ("04 00", "<{}Foo>"),
        ("C4 00 04 04 01 01", r#"<{}Foo bar="">"#),
    ]);
}

/// A reader in another character set than UTF-8.
#[test]
fn character_sets_of_text() {
    for (charset, body, expected) in [
        ("6A", "4F 03 C3A9 00 01", "<Data\"é\">"),
        ("00", "4F 03 C3A9 00 01", "<Data\"é\">"),
        ("6A", "4F 03 E9 00 01", "<Data!encoding@9 Data"),
        ("03", "4F 03 'ok' 00 01", "<Data\"ok\">"),
        ("03", "4F 03 C3A9 00 01", "<Data!encoding@10 Data"),
        ("04", "4F 03 E9 00 01", "<Data\"é\">"),
        ("04", "4F 03 C3A9 00 01", "<Data\"Ã©\">"),
        ("04", "4F 03 'ok' 00 01", "<Data\"ok\">"),
        ("04", "4F 03 EFBFBE 00 01", "<Data\"ï¿¾\">"),
        ("04", "4F 03 E907 00 01", "<Data#e907>"),
        ("04", "4F 02 87FB40 01", "<Data\"\u{1FDC0}\">"), // ENTITY is a code point in any character set
    ] {
        let document = octets(&format!("03 A401 {charset} 00 {body}"));
        let read = trace(Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT));
        assert_eq!(read, expected, "{charset} {body}");
    }
}

/// `text` takes a shorter way where it can, and must say the same on both.
#[test]
fn text_is_the_same_on_the_short_way_and_the_long() {
    use dm_wbxml::{Event, Source};
    for (body, expected) in [
        ("4F 03 'ab' 00 01", Ok("ab")),
        ("4F 03 00 01", Ok("")),
        ("4F 01", Ok("")),
        ("0F", Ok("")),
        ("4F 03 'a' 00 03 'b' 00 01", Ok("ab")),
        ("4F 83 00 01", Ok("Foo")),
        ("4F 02 41 03 'b' 00 01", Ok("Ab")),
        ("4F C3 02 C3A9 01", Ok("é")),
        ("4F 03 'a' 00 C3 01 'b' 01", Ok("ab")),
        ("4F 03 'a' 00 0001 01", Ok("a")),
        ("CF 04 00 03 'v' 00 01 03 'a' 00 01", Ok("a")),
        ("4F C3 01 FF 01", Err("not-text@33 Data")),
        ("4F C3 01 00 01", Err("not-text@33 Data")),
        ("4F 03 07 00 01", Err("not-text@33 Data")),
        ("4F 03 C3 00 01", Err("encoding@33 Data")),
        ("4F 0F 01", Err("element-in-text@31 Data/Data")),
        ("4F 03 'a' 00", Err("truncated@33 Data")),
        ("4F 03 'a'", Err("truncated@32 Data")),
    ] {
        let document = document(body);
        let mut reader = Reader::new(&document, &SYNCML_1_2, Limits::DEFAULT).unwrap();
        assert!(matches!(reader.next(), Ok(Some(Event::Start(_)))));
        match reader.text() {
            Ok(text) => {
                assert_eq!(Ok(&*text), expected, "{body}");
                assert_eq!(reader.next(), Ok(None), "{body}");
            }
            Err(error) => {
                let said = format!("{}@{} {}", error.kind().name(), error.offset(), error.path());
                assert_eq!(Err(said.as_str()), expected, "{body}");
            }
        }
    }
}

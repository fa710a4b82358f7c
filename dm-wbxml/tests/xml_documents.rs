//! XML as it is written by all sorts of peers (XML 1.0, Namespaces in XML 1.0).
#![cfg(feature = "xml")]

mod trace;

use dm_wbxml::SYNCML_1_2;
use dm_wbxml::xml::{Leniencies, Options, Reader};
use trace::trace;

fn read(document: &str) -> String {
    trace(Reader::new(document.as_bytes(), &SYNCML_1_2, Options::default()))
}

fn check(table: &[(&str, &str)]) {
    let wrong: Vec<_> = table
        .iter()
        .map(|(document, expected)| (document, read(document), expected))
        .filter(|(_, read, expected)| read != *expected)
        .map(|(document, read, expected)| format!("{document}: {read} and not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `Data` of SyncML 1.2 around `content`, whose first octet is the 32nd.
fn data(content: &str) -> String {
    format!("<Data xmlns='SYNCML:SYNCML1.2'>{content}</Data>")
}

fn check_content(table: &[(&str, &str)]) {
    for (content, expected) in table {
        assert_eq!(read(&data(content)), *expected, "{content}");
    }
}

#[test]
fn namespaces() {
    check(&[
        (r#"<Data xmlns="SYNCML:SYNCML1.2"/>"#, "<Data>"),
        (r#"<Data xmlns="SYNCML:SYNCML1.1"/>"#, "<Data>"),
        (r#"<Data xmlns="SYNCML:SYNCML1.0"/>"#, "<Data>"),
        ("<Data\n\txmlns = 'SYNCML:SYNCML1.2' />", "<Data>"),
        ("<Data/>", "<{}Data>"),
        (r#"<Data xmlns="syncml:syncml1.2"/>"#, "<{syncml:syncml1.2}Data>"), // compared octet for octet
        (r#"<Data xmlns="SYNCML&#58;SYNCML1.2"/>"#, "<Data>"),
        // Each Meta child declares its own, or a prefix does, or the parent.
        (
            r#"<Meta xmlns="SYNCML:SYNCML1.2"><Type xmlns="syncml:metinf"/><Item/></Meta>"#,
            "<Meta<Type><Item>>",
        ),
        (r#"<Meta xmlns="SYNCML:SYNCML1.2"><A:Type xmlns:A="syncml:metinf"/></Meta>"#, "<Meta<Type>>"),
        (
            r#"<s:Meta xmlns:s="SYNCML:SYNCML1.2" xmlns:m="syncml:metinf"><m:Type/><s:Item/></s:Meta>"#,
            "<Meta<Type><Item>>",
        ),
        (
            r#"<s:Meta xmlns:s="SYNCML:SYNCML1.2" xmlns="syncml:metinf"><Type>x</Type></s:Meta>"#,
            r#"<Meta<Type"x">>"#,
        ),
        // A prefix is forgotten at the end of its element, and may be declared anew inside.
        (
            r#"<p:Meta xmlns:p="SYNCML:SYNCML1.2"><p:Type xmlns:p="syncml:metinf"/><p:Type/></p:Meta>"#,
            "<Meta<Type><{SYNCML:SYNCML1.2}Type>>",
        ),
        (r#"<Data xmlns="SYNCML:SYNCML1.2"><a xmlns="">x</a></Data>"#, r#"<Data<{}a"x">>"#),
        (
            r#"<Data xmlns="SYNCML:SYNCML1.2"><a xmlns="urn:x"><b/></a><Item/></Data>"#,
            "<Data<{urn:x}a<{urn:x}b>><Item>>",
        ),
        ("<a:b xmlns:a='urn:a&amp;b'/>", "<{urn:a&b}b>"),
        ("<xml:a/>", "<{http://www.w3.org/XML/1998/namespace}a>"),
        ("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", "<{}a>"),
        // Tokens that nobody named.
        (r#"<t-00-30 xmlns="urn:x-dm-wbxml:token"/>"#, "<00:30>"),
        (r#"<t-FF-3f xmlns="urn:x-dm-wbxml:token"/>"#, "<ff:3f>"),
        (r#"<t-00-0F xmlns="urn:x-dm-wbxml:token"/>"#, "<Data>"),
        (r#"<t-00-04 xmlns="urn:x-dm-wbxml:token"/>"#, "<{urn:x-dm-wbxml:token}t-00-04>"),
        (r#"<t-00-40 xmlns="urn:x-dm-wbxml:token"/>"#, "<{urn:x-dm-wbxml:token}t-00-40>"),
        (r#"<t-100-05 xmlns="urn:x-dm-wbxml:token"/>"#, "<{urn:x-dm-wbxml:token}t-100-05>"),
        (r#"<t-+1-05 xmlns="urn:x-dm-wbxml:token"/>"#, "!name@39 t-+1-05"),
        // Errors.
        ("<A:Type/>", "!prefix@9 Type"),
        ("<a xmlns:p='u'/><p:b/>", "<{}a>!outside-root@22 "),
        ("<a><b xmlns:p='u'/><p:c/></a>", "<{}a<{}b>!prefix@25 a/c"),
        ("<a p:x='1'/>", "<{}a!prefix@12 a"),
        ("<a xmlns:p=''/>", "!prefix@15 a"),
        ("<a xmlns:xml='urn:x'/>", "!prefix@22 a"),
        ("<a xmlns:xmlns='urn:x'/>", "!prefix@24 a"),
        ("<xmlns:a/>", "!prefix@10 a"),
    ]);
}

#[test]
fn guessed_namespaces() {
    let guess = Options::default().with_leniencies(Leniencies::WRONG_PAGE.with(Leniencies::NO_NAMESPACE));
    for (document, expected) in [
        // Meta children without a namespace, or in the wrong one.
        (
            "<SyncML xmlns='SYNCML:SYNCML1.2'><Meta><Type>x</Type></Meta></SyncML>",
            r#"<SyncML<Meta<Type"x">>>"#,
        ),
        ("<Meta xmlns='syncml:metinf'><Type/><Anchor><Next/></Anchor></Meta>", "<Meta<Type><Anchor<Next>>>"),
        // No namespace anywhere: names that stand on two pages are the parent's.
        ("<SyncML><Add><CmdID>1</CmdID></Add></SyncML>", r#"<SyncML<Add<CmdID"1">>>"#),
        (
            "<Data><MgmtTree><VerDTD>1.2</VerDTD><Node><RTProperties><Type><MIME/></Type></RTProperties></Node></MgmtTree></Data>",
            r#"<Data<MgmtTree<VerDTD"1.2"><Node<RTProperties<Type<MIME>>>>>>"#,
        ),
        // What says its namespace is not guessed at.
        ("<Data><a xmlns='urn:x'><Type/></a><Type/></Data>", "<Data<{urn:x}a<{urn:x}Type>><Type>>"),
        ("<Data xmlns='SYNCML:SYNCML1.2'><unheard/></Data>", "<Data<{SYNCML:SYNCML1.2}unheard>>"),
    ] {
        let read = trace(Reader::new(document.as_bytes(), &SYNCML_1_2, guess));
        assert_eq!(read, expected, "{document}");
    }
    // Page 2 by its VerDTD, which a page-0 guess would have made a header field.
    let document = b"<MgmtTree><VerDTD/></MgmtTree>";
    let mut reader = Reader::new(document, &SYNCML_1_2, guess).unwrap();
    let starts: Vec<_> = core::iter::from_fn(|| dm_wbxml::Source::next(&mut reader).unwrap())
        .filter_map(|event| match event {
            dm_wbxml::Event::Start(dm_wbxml::Name::Tag(tag)) => Some(tag),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [dm_wbxml::dmddf::MGMT_TREE, dm_wbxml::dmddf::VER_DTD]);
}

#[test]
fn text() {
    check_content(&[
        ("", "<Data>"),
        ("plain", r#"<Data"plain">"#),
        (" kept \n", r#"<Data" kept \n">"#),
        // Line ends (XML 1.0 §2.11), but not those that are written as references.
        ("a\r\nb\rc\r\rd\n\re", r#"<Data"a\nb\nc\n\nd\n\ne">"#),
        ("a&#13;&#xD;&#10;", r#"<Data"a""\r""\r""\n">"#),
        ("<![CDATA[a\r\nb]]>", r#"<Data"a\nb">"#),
        // CDATA
        ("<![CDATA[<a>&amp;</a>]]>", r#"<Data"<a>&amp;</a>">"#),
        ("<![CDATA[]]>", "<Data>"),
        ("<![CDATA[]]]]><![CDATA[>]]>", r#"<Data"]]"">">"#),
        ("a<![CDATA[b]]>c", r#"<Data"a""b""c">"#),
        ("<![CDATA[ ]]]]>", r#"<Data" ]]">"#),
        // References
        ("&amp;&lt;&gt;&quot;&apos;", r#"<Data"&""<"">"""""'">"#),
        ("&#65;&#x41;&#x10FFFF;&#x1f600;", "<Data\"A\"\"A\"\"\u{10FFFF}\"\"\u{1F600}\">"),
        ("&#00000000065;", r#"<Data"A">"#),
        ("&#0;", "<Data!character@35 Data"),
        ("&#x1F;", "<Data!character@37 Data"),
        ("&#xD800;", "<Data!character@39 Data"),
        ("&#xFFFE;", "<Data!character@39 Data"),
        ("&#x110000;", "<Data!character@41 Data"),
        ("&#99999999999999999999;", "<Data!character@54 Data"),
        ("&nbsp;", "<Data!entity@37 Data"),
        ("&#;", "<Data!entity@34 Data"),
        ("&#x;", "<Data!entity@35 Data"),
        ("&#X41;", "<Data!entity@37 Data"),
        ("&#+65;", "<Data!entity@37 Data"),
        ("&#1f;", "<Data!entity@36 Data"),
        ("&;", "<Data!entity@33 Data"),
        ("& ;", "<Data!entity@34 Data"),
        ("a & b", r#"<Data"a "!xml@33 Data"#),
        ("&amp", "<Data!xml@31 Data"),
        // Comments and processing instructions, between text and in it.
        ("a<!-- b -->c<?d e?>f", r#"<Data"a""c""f">"#),
        ("<!----><!-- <b> & -- -->", "<Data>"),
        // Foreign markup keeps its attributes and text.
        (
            "x<p:a xmlns:p='u' p:q='1' r='&lt;2' xml:lang='de'>y</p:a>z",
            r#"<Data"x"<{u}a {u}q="1" r="<2" {http://www.w3.org/XML/1998/namespace}lang="de""y">"z">"#,
        ),
    ]);
}

#[test]
fn attributes() {
    check(&[
        ("<a b='1' c=\"2\"/>", r#"<{}a b="1" c="2">"#),
        ("<a b=''></a>", r#"<{}a b="">"#),
        ("<a b=' x\ty\r\nz\r\n '/>", r#"<{}a b=" x y z  ">"#), // XML 1.0 §3.3.3
        ("<a b='&#9;&#10;&#13;&quot;'/>", r#"<{}a b="\t\n\r"">"#),
        ("<a b=\"'\" c='\"'/>", r#"<{}a b="'" c=""">"#),
        ("<a b='1' b='2'/>", r#"<{}a b="1" b="2">"#), // refused where attributes are kept
        ("<a b='&#7;'/>", "!character@13 a"),
        ("<a b='&x;'/>", "!entity@12 a"),
        ("<a b='&amp'/>", "!xml@13 a"),
        ("<a b='<'/>", "!xml@10 a"),
        ("<a b/>", "!xml@6 a"),
        ("<a b=1/>", "!xml@8 a"),
        ("<a b='1/>", "!truncated@0 "),
        ("<a 1b='x'/>", "!name@11 a"),
        ("<a b:c:d='x'/>", "!name@14 a"),
        ("<a :b='x'/>", "!name@11 a"),
        ("<a ='x'/>", "!xml@9 a"),
    ]);
}

#[test]
fn names() {
    check(&[
        ("<é/>", "<{}é>"),
        ("<a-b.c_1></a-b.c_1 >", "<{}a-b.c_1>"),
        ("<1a/>", "!name@5 1a"),
        ("<a:b:c xmlns:a='u'/>", "!name@20 b:c"),
        ("<a\"/>", "!truncated@0 "),
        ("<a/b/>", "!name@6 a/b"),
        ("<:a xmlns:x='u'/>", "!name@17 a"),
        ("<:a xmlns='u'/>", "!name@15 a"),
        ("<a: xmlns:a='u'/>", "!name@17 "),
        ("< a/>", "!xml@5 "),
        ("<>", "!name@2 "),
        ("<a\u{A0}b/>", "!name@7 a\u{A0}b"),
    ]);
}

#[test]
fn around_the_root() {
    check(&[
        ("\u{FEFF}<a/>", "<{}a>"),
        ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a/>\n", "<{}a>"),
        // Not believed: what follows is read as UTF-8.
        ("<?xml version='1.0' encoding='UTF-16'?><a>é</a>", "<{}a\"é\">"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>", "<{}a\"é\">"),
        ("\n <?xml version='1.0'?><a/>", "<{}a>"), // a habit of template engines
        ("<!DOCTYPE SyncML PUBLIC '-//SYNCML//DTD SyncML 1.2//EN' 'http://example.org/x.dtd'><a/>", "<{}a>"),
        ("<!DOCTYPE a [<!ELEMENT a ANY><!-- ]> --><?x ]>?><!ATTLIST a b CDATA '>'>]><a/>", "<{}a>"),
        ("<!-- --><?p?><a/><!-- --><?p?>", "<{}a>"),
        ("", "!truncated@0 "),
        (" \n", "!truncated@2 "),
        ("\u{FEFF}", "!truncated@3 "),
        ("plain", "!outside-root@5 "),
        ("<a/>x", "<{}a>!outside-root@5 "),
        ("x<a/>", "!outside-root@1 "),
        ("\u{FEFF}\u{FEFF}<a/>", "!outside-root@3 "),
        ("<a/><b/>", "<{}a>!outside-root@8 "),
        ("<a></a><b></b>", "<{}a>!outside-root@10 "),
        ("<a/>&amp;", "<{}a>!outside-root@9 "),
        ("<![CDATA[ ]]><a/>", "!outside-root@13 "),
        ("<a/><![CDATA[]]>", "<{}a>!outside-root@16 "),
        ("<a><?xml version='1.0'?></a>", "<{}a!xml@24 a"),
        ("<a/><?xml version='1.0'?>", "<{}a>!xml@25 "),
        ("<a><!DOCTYPE a></a>", "<{}a!xml@15 a"),
        ("<a/><!DOCTYPE a>", "<{}a>!xml@16 "),
        // Nesting.
        ("<a><b></a></b>", "<{}a<{}b!xml@6 a/b"),
        ("<a></A>", "<{}a!xml@3 a"),
        ("<p:a xmlns:p='u' xmlns:q='u'></q:a>", "<{u}a!xml@29 a"),
        ("</a>", "!xml@0 "),
        ("<a/></a>", "<{}a>!xml@4 "),
        ("<a><b/>", "<{}a<{}b>!truncated@7 a"),
        ("<a", "!truncated@0 "),
        ("<a><!-- ", "<{}a!truncated@3 a"),
        ("<a><![CDATA[x]]", "<{}a!truncated@3 a"),
        ("<a><?x", "<{}a!truncated@3 a"),
        ("<!DOCTYPE a [", "!truncated@0 "),
        ("<a><!x></a>", "<{}a!xml@3 a"),
        ("<a></a", "<{}a!truncated@3 a"),
    ]);
}

#[test]
fn octets_that_are_not_text() {
    for (octets, expected) in [
        (b"<a>\xE9</a>".as_slice(), "!encoding@3 "),
        (b"\xFF\xFE<\0a\0/\0>\0", "!encoding@0 "), // UTF-16
        (b"<a>\0</a>", "!not-text@3 "),
        (b"<a>0123456789abcdef0123456789abcdef\x1B</a>", "!not-text@35 "),
        (b"<a b='\x07'/>", "!not-text@6 "),
        (b"<a>\xEF\xBF\xBE</a>", "!not-text@3 "),
        (b"<a>\xED\xA0\x80</a>", "!encoding@3 "), // a surrogate
    ] {
        assert_eq!(trace(Reader::new(octets, &SYNCML_1_2, Options::default())), expected);
    }
}

/// `text` of each source says the same as its events joined.
#[test]
fn text_of_an_element() {
    use dm_wbxml::Source;
    for (content, expected) in [
        ("plain", Ok("plain")),
        ("", Ok("")),
        ("a&lt;<![CDATA[b]]><!-- -->c", Ok("a<bc")),
        ("a<b/>", Err("element-in-text@36 Data/b")),
    ] {
        let document = data(content);
        let mut reader = Reader::new(document.as_bytes(), &SYNCML_1_2, Options::default()).unwrap();
        reader.next().unwrap();
        match reader.text() {
            Ok(text) => {
                assert_eq!(Ok(&*text), expected);
                assert_eq!(reader.next(), Ok(None));
            }
            Err(error) => {
                let said = format!("{}@{} {}", error.kind().name(), error.offset(), error.path());
                assert_eq!(Err(said.as_str()), expected);
            }
        }
    }
}

//! What is wrong with a document and read all the same, one leniency at a time.
#![cfg(feature = "xml")]

mod trace;

use dm_wbxml::xml::{Leniencies, Options, Reader};
use dm_wbxml::{SYNCML_1_2, Source};
use trace::trace;

fn read(document: &str, leniencies: Leniencies) -> (String, Leniencies) {
    let options = Options::default().with_leniencies(leniencies);
    let reader = || Reader::new(document.as_bytes(), &SYNCML_1_2, options);
    let mut drained = reader().unwrap();
    while let Ok(Some(_)) = drained.next() {}
    (trace(reader()), drained.met())
}

/// The document, what strict reading says, the leniency it needs, what that says.
const CASES: &[(&str, &str, Leniencies, &str)] = &[
    (
        "<Meta xmlns='SYNCML:SYNCML1.2'><Type/></Meta>",
        "<Meta<{SYNCML:SYNCML1.2}Type>>",
        Leniencies::WRONG_PAGE,
        "<Meta<Type>>",
    ),
    ("<Meta><Type/></Meta>", "<{}Meta<{}Type>>", Leniencies::NO_NAMESPACE, "<Meta<Type>>"),
    // What stands in a foreign element belongs to it.
    (
        "<Data><Report><Item/></Report></Data>",
        "<{}Data<{}Report<{}Item>>>",
        Leniencies::NO_NAMESPACE,
        "<Data<{}Report<{}Item>>>",
    ),
    ("<A:Type/>", "!prefix@9 Type", Leniencies::UNDECLARED_PREFIXES, "<Type>"),
    ("<A:b/>", "!prefix@6 b", Leniencies::UNDECLARED_PREFIXES, "<{}b>"),
    ("<b a:c='1'/>", "<{}b!prefix@12 b", Leniencies::UNDECLARED_PREFIXES, r#"<{}b c="1">"#),
    ("<Add xmlns='syncml:SyncML1.1'/>", "<{syncml:SyncML1.1}Add>", Leniencies::NAMESPACE_CASE, "<Add>"),
    (
        "<a xmlns='u'>x&y=&amp;&z</a>",
        "<{u}a\"x\"!xml@14 a",
        Leniencies::BARE_AMPERSANDS,
        "<{u}a\"x\"\"&y=\"\"&\"\"&z\">",
    ),
    ("<a xmlns='u' b='&c&amp;&'/>", "!xml@27 a", Leniencies::BARE_AMPERSANDS, r#"<{u}a b="&c&&">"#),
    (
        "<a xmlns='u'><?xml version='1.0'?><b/></a>",
        "<{u}a!xml@34 a",
        Leniencies::INNER_DECLARATIONS,
        "<{u}a<{u}b>>",
    ),
    (
        "<a xmlns='u'/> <b xmlns='u'><c/></b>",
        "<{u}a>!outside-root@28 ",
        Leniencies::SEVERAL_ROOTS,
        "<{u}a><{u}b<{u}c>>",
    ),
];

#[test]
fn each_is_taken_when_asked_for_and_noted_when_met() {
    for (document, strict, leniency, lenient) in CASES {
        let others = [
            Leniencies::WRONG_PAGE,
            Leniencies::NO_NAMESPACE,
            Leniencies::UNDECLARED_PREFIXES,
            Leniencies::NAMESPACE_CASE,
            Leniencies::BARE_AMPERSANDS,
            Leniencies::INNER_DECLARATIONS,
            Leniencies::SEVERAL_ROOTS,
        ];
        let others =
            others.into_iter().filter(|other| other != leniency).fold(Leniencies::NONE, Leniencies::with);
        assert_eq!(read(document, Leniencies::NONE), ((*strict).into(), Leniencies::NONE), "{document}");
        assert_eq!(read(document, others), ((*strict).into(), Leniencies::NONE), "{document}");
        assert_eq!(read(document, *leniency), ((*lenient).into(), *leniency), "{document}");
        assert_eq!(read(document, Leniencies::ALL), ((*lenient).into(), *leniency), "{document}");
    }
}

#[test]
fn what_nothing_excuses() {
    for (document, error) in [
        ("<a>&unheard;</a>", "!entity"),
        ("<xmlns:a/>", "!prefix"),
        ("<a></b>", "!xml"),
        ("<a/>text", "!outside-root"),
        ("<a><b></a>", "!xml"),
        ("<a>&#0;</a>", "!character"),
        ("<a b='&unheard;'/>", "!entity"),
        ("<a/><?xml version='1.0'?></b>", "!xml"),
    ] {
        let (events, _) = read(document, Leniencies::ALL);
        assert!(events.contains(error), "{document}: {events}");
    }
}

#[test]
fn a_document_that_needs_nothing_meets_nothing() {
    let document = "<?xml version='1.0' encoding='utf-16'?><SyncML xmlns='SYNCML:SYNCML1.2'><m:Type xmlns:m='syncml:metinf'>\
        &amp;<![CDATA[&x]]></m:Type><Data><MgmtTree xmlns='syncml:dmddf1.2'><Node/></MgmtTree></Data></SyncML>";
    let strict = read(document, Leniencies::NONE);
    assert_eq!(read(document, Leniencies::ALL), strict);
    assert_eq!(strict.1, Leniencies::NONE);
}

#[test]
fn the_version_of_a_document_is_told_by_its_namespace() {
    for (document, alias) in [
        ("<SyncML xmlns='SYNCML:SYNCML1.1'/>", Some("SYNCML:SYNCML1.1")),
        ("<s:SyncML xmlns:m='syncml:metinf' xmlns:s='SYNCML:SYNCML1.0'/>", Some("SYNCML:SYNCML1.0")),
        (
            "<SyncML xmlns='SYNCML:SYNCML1.2'><Data xmlns='SYNCML:SYNCML1.0'/></SyncML>",
            Some("SYNCML:SYNCML1.2"),
        ),
        ("<SyncML/>", None),
    ] {
        let mut reader = Reader::new(document.as_bytes(), &SYNCML_1_2, Options::default()).unwrap();
        while reader.next().unwrap().is_some() {}
        assert_eq!(reader.alias(), alias, "{document}");
    }
}

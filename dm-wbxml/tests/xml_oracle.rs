//! What is found by hand in XML is what quick-xml finds.
#![cfg(feature = "xml")]

use dm_wbxml::xml::{Options, Reader};
use dm_wbxml::{Event, Name, SYNCML_1_2, Source};
use proptest::prelude::*;
use quick_xml::events::Event as Markup;

/// Elements and text, text in one piece wherever it was cut.
fn ours(document: &str) -> Result<Vec<String>, dm_wbxml::Error> {
    let mut reader = Reader::new(document.as_bytes(), &SYNCML_1_2, Options::default())?;
    let mut said: Vec<String> = Vec::new();
    while let Some(event) = reader.next()? {
        match event {
            Event::Start(Name::Foreign(name)) => said.push(format!("<{}", name.local())),
            Event::Start(other) => panic!("{other:?} has a namespace"),
            Event::Attribute(attribute) => said.push(format!("@{}={}", attribute.name(), attribute.value())),
            Event::Text(text) => push_text(&mut said, &text),
            Event::End => said.push(">".into()),
            other => panic!("{other:?} is not XML"),
        }
    }
    Ok(said)
}

fn quick(document: &str) -> Result<Vec<String>, quick_xml::Error> {
    let mut reader = quick_xml::Reader::from_str(document);
    let mut said: Vec<String> = Vec::new();
    let start = |start: &quick_xml::events::BytesStart<'_>, said: &mut Vec<String>| {
        said.push(format!("<{}", start.name().0));
        for attribute in start.attributes().flatten() {
            said.push(format!("@{}={}", attribute.key.0, attribute.value));
        }
    };
    loop {
        match reader.read_event()? {
            Markup::Start(tag) => start(&tag, &mut said),
            Markup::Empty(tag) => {
                start(&tag, &mut said);
                said.push(">".into());
            }
            Markup::End(_) => said.push(">".into()),
            Markup::Text(text) => push_text(&mut said, &text.into_inner()),
            Markup::CData(text) => push_text(&mut said, &text.into_inner()),
            Markup::GeneralRef(_) => push_text(&mut said, "&"),
            Markup::Eof => return Ok(said),
            _ => {}
        }
    }
}

fn push_text(said: &mut Vec<String>, text: &str) {
    match said.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.starts_with('"') => last.push_str(text),
        _ => said.push(format!("\"{text}")),
    }
}

/// White space outside the root says nothing.
fn inside(said: Vec<String>) -> Vec<String> {
    let mut depth = 0;
    let mut inside = Vec::new();
    for piece in said {
        depth += i32::from(piece.starts_with('<'));
        if depth > 0 {
            inside.push(piece.clone());
        }
        depth -= i32::from(piece == ">");
    }
    inside
}

fn document() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<a>",
        "<b>",
        "<a\n>",
        "<b c='>'>",
        "<b c=\"'/>\" d='x'>",
        "<a/>",
        "<a />",
        "<b c='/'/>",
        "</a>",
        "</b>",
        "</a >",
        "</b\t\n>",
        "<a",
        "<",
        "</",
        ">",
        "/>",
        "'",
        "\"",
        " ",
        "text",
        "\u{FEFF}",
        "Gr\u{FC}\u{DF}e",
        "&amp;",
        "&",
        ";",
        "<!-- <a> -->",
        "<!--",
        "-->",
        "<![CDATA[<a>&]]>",
        "<![CDATA[",
        "]]>",
        "<?pi <a> ?>",
        "<?xml version='1.0'?>",
        "<!DOCTYPE a [<!ENTITY b '>'>]>",
        "=",
        "c='",
        "/",
    ]);
    (prop::collection::vec(piece, 0..14), any::<bool>()).prop_map(|(pieces, closed)| {
        let inner = pieces.concat();
        if closed { format!("<a>{inner}</a>") } else { inner }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn both_find_the_same(document in document()) {
        match (ours(&document), quick(&document)) {
            (Ok(ours), Ok(quick)) => prop_assert_eq!(ours, inside(quick), "{}", document),
            (Ok(ours), Err(error)) => prop_assert!(false, "{document}: {ours:?} where quick-xml says {error}"),
            // We refuse more: bad names, unknown entities, what stands outside the root or does not end.
            (Err(_), _) => {}
        }
    }
}

#[test]
fn some_documents_are_read_by_both() {
    for (document, expected) in [
        ("<a><b c='>'/>text&amp;<![CDATA[<]]></a >", &["<a", "<b", "@c=>", ">", "\"text&<", ">"][..]),
        ("<?xml version='1.0'?><!-- < --><a\n>\u{FEFF}</a>", &["<a", "\"\u{FEFF}", ">"]),
    ] {
        assert_eq!(ours(document).unwrap(), expected, "{document}");
        assert_eq!(inside(quick(document).unwrap()), expected, "{document}");
    }
}

//! What a size says is what a writer writes.
#![cfg(feature = "xml")]

use dm_wbxml::wbxml::{StringTable, TableWriter, Version};
use dm_wbxml::{
    Attribute, Element, ForeignName, Name, Node, PublicId, SYNCML_1_2, Sink, Tag, dmddf, metinf, syncml,
    wbxml, xml,
};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,4}", "[ -~\t\r\n<>&\"'\u{80}-\u{FFFF}]{0,20}", "a]]>b", "[a-z]{100,300}"]
}

fn name() -> impl Strategy<Value = Name<'static>> {
    prop_oneof![
        prop::sample::select(vec![
            syncml::ITEM,
            syncml::DATA,
            metinf::TYPE,
            dmddf::NODE,
            Tag::new(0, 0x30),
            Tag::new(9, 0x05)
        ])
        .prop_map(Name::Tag),
        ("(urn:[&a-b]|SYNCML:SYNCML1\\.2|)", "[a-c]{1,2}")
            .prop_map(|(namespace, local)| Name::Foreign(ForeignName::new(namespace, local).unwrap())),
    ]
}

fn attribute() -> impl Strategy<Value = Attribute<'static>> {
    ("[a-c]", text(), "(urn:x|http://www\\.w3\\.org/XML/1998/namespace|)")
        .prop_filter_map("not text", |(name, value, namespace)| {
            Attribute::new(name, value)?.with_namespace(namespace)
        })
}

fn element() -> impl Strategy<Value = Element<'static>> {
    let leaf = prop_oneof![
        text().prop_map(|text| Node::Text(text.into())),
        prop::collection::vec(any::<u8>(), 0..900).prop_map(|octets| Node::Opaque(octets.into())),
    ];
    let node = leaf.prop_recursive(4, 40, 5, |node| {
        let parts = (name(), prop::collection::vec(attribute(), 0..3), prop::collection::vec(node, 0..5));
        parts.prop_map(|(name, attributes, children)| Node::Element(whole(name, attributes, children)))
    });
    (name(), prop::collection::vec(node, 0..6)).prop_map(|(name, children)| whole(name, Vec::new(), children))
}

fn whole(
    name: Name<'static>,
    attributes: Vec<Attribute<'static>>,
    children: Vec<Node<'static>>,
) -> Element<'static> {
    let mut element = Element::new(name);
    element.attributes = attributes;
    element.children = children;
    element
}

/// The element, and some of its text as sections.
fn write(element: &Element<'_>, sections: &[String], sink: &mut dyn Sink) {
    sink.open(syncml::SYNC_BODY);
    element.encode(sink);
    for text in sections {
        sink.cdata(text);
    }
    sink.close();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sizes_are_exact(
        element in element(),
        sections in prop::collection::vec(text(), 0..3),
        namespace in prop::sample::select(vec!["SYNCML:SYNCML1.1", "SYNCML:SYNCML1.2"]),
        id in prop::sample::select(vec![PublicId::UNKNOWN, PublicId::SYNCML_1_1]),
    ) {
        let mut names = StringTable::new();
        write(&element, &sections, &mut names);
        for table in [StringTable::new(), names] {
            let mut out = Vec::new();
            let mut writer = wbxml::Writer::new(&mut out, Version::V1_3, id, &table);
            write(&element, &sections, &mut writer);
            let _ = writer.finish();
            let mut size = wbxml::Size::new(Version::V1_3, id, &table);
            write(&element, &sections, &mut size);
            prop_assert_eq!(size.octets(), out.len());
        }
        let mut writer = TableWriter::new(Version::V1_3, id);
        write(&element, &sections, &mut writer);
        let (mut out, size) = (Vec::new(), writer.clone().into_size());
        writer.finish(&mut out);
        prop_assert_eq!(size, out.len());
        let mut out = Vec::new();
        write(&element, &sections, &mut xml::Writer::new(&mut out, &SYNCML_1_2).with_namespace(namespace));
        let mut size = xml::Size::new(&SYNCML_1_2).with_namespace(namespace);
        write(&element, &sections, &mut size);
        prop_assert_eq!(size.octets(), out.len());
    }
}

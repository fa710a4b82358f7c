//! Documents of management trees: what is read, what is refused, and that what is written reads the same.

#![cfg(feature = "xml")]

use dm_syncml::Encoding;
use dm_syncml::elements::Limits;
use dm_tree::mgmt_tree::{
    CaseSense, DfProperties, DocumentOptions, DocumentQuirks, MgmtTree, Node, NodeType, NodeValue,
    Occurrence, RtProperties, Scope,
};
use dm_tree::{AccessType, Acl, Format, NodeSpec, Tree, Value};
use proptest::prelude::*;

const STRICT: DocumentOptions = DocumentOptions::STRICT;

fn wrapped(body: &str) -> String {
    format!("<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{body}</MgmtTree>")
}

fn read(xml: &str, options: &DocumentOptions) -> Result<MgmtTree, String> {
    MgmtTree::decode(Encoding::Xml, xml.as_bytes(), options).map_err(|error| error.to_string())
}

/// Errors name their kind, where they were noticed, and the elements around.
#[test]
fn what_is_refused() {
    for (body, expected) in [
        (
            "<Node><Value>1</Value><Node/></Node>",
            "value-and-nodes at byte 83 in MgmtTree/Node/Node: a node has both a value and nodes below it",
        ),
        (
            "<Node><Node/><Value>1</Value></Node>",
            "value-and-nodes at byte 74 in MgmtTree/Node/Value: a node has both a value and nodes below it",
        ),
        (
            "<Node><NodeName>a</NodeName><NodeName>b</NodeName></Node>",
            "repeated-element at byte 92 in MgmtTree/Node/NodeName: NodeName stands twice",
        ),
        (
            "<Node><Path>a</Path><Path/></Node>",
            "repeated-element at byte 81 in MgmtTree/Node: Path stands twice",
        ),
        (
            "<Node><RTProperties><Format><chr/><int/></Format></RTProperties></Node>",
            "choice at byte 94 in MgmtTree/Node/RTProperties/Format/int: Format does not hold exactly one of its elements",
        ),
        (
            "<Node><RTProperties><Format/></RTProperties></Node>",
            "choice at byte 83 in MgmtTree/Node/RTProperties: Format does not hold exactly one of its elements",
        ),
        (
            "<Node><RTProperties><Format>chr</Format></RTProperties></Node>",
            "text-among-elements at byte 85 in MgmtTree/Node/RTProperties/Format: there is text where only elements are allowed",
        ),
        (
            "<Node><RTProperties><Format><odd/></Format></RTProperties></Node>",
            "choice at byte 88 in MgmtTree/Node/RTProperties/Format/odd: Format does not hold exactly one of its elements",
        ),
        (
            "<Node><RTProperties><Type><MIME/><MIME/></Type></RTProperties></Node>",
            "choice at byte 94 in MgmtTree/Node/RTProperties/Type: Type does not hold exactly one of its elements",
        ),
        (
            "<Node><RTProperties><ACL>Get=</ACL></RTProperties></Node>",
            "acl at byte 89 in MgmtTree/Node/RTProperties: bad acl: command without a server identifier",
        ),
        (
            "<Node><RTProperties><VerNo>65536</VerNo></RTProperties></Node>",
            "number at byte 94 in MgmtTree/Node/RTProperties: VerNo holds no number that fits",
        ),
        (
            "<Node><RTProperties><Size>+1</Size></RTProperties></Node>",
            "number at byte 89 in MgmtTree/Node/RTProperties: Size holds no number that fits",
        ),
        (
            "<Node><RTProperties><Format><bin/></Format></RTProperties><Value>?</Value></Node>",
            "value at byte 135 in MgmtTree: the value is not of the format of its node",
        ),
        (
            "<Node><DFProperties><AccessType><Get/></AccessType><DFFormat><chr/></DFFormat></DFProperties></Node>",
            "missing-element at byte 147 in MgmtTree/Node: DFType is missing",
        ),
        (
            "<Node><DFProperties><AccessType><Put/></AccessType></DFProperties></Node>",
            "choice at byte 92 in MgmtTree/Node/DFProperties/AccessType/Put: AccessType does not hold exactly one of its elements",
        ),
        (
            "<Node><DFProperties><Occurrence><ZeroOrN>0</ZeroOrN></Occurrence></DFProperties></Node>",
            "number at byte 106 in MgmtTree/Node/DFProperties/Occurrence: ZeroOrN holds no number that fits",
        ),
        (
            "<Node><DFProperties><Occurrence><One/><One/></Occurrence></DFProperties></Node>",
            "choice at byte 98 in MgmtTree/Node/DFProperties/Occurrence/One: Occurrence does not hold exactly one of its elements",
        ),
        (
            "<Node><DFProperties><Scope/></DFProperties></Node>",
            "choice at byte 82 in MgmtTree/Node/DFProperties: Scope does not hold exactly one of its elements",
        ),
        (
            "<Node><Value><b/></Value></Node>",
            "element-in-text at byte 71 in MgmtTree/Node/Value/b: an element stands where only text is allowed",
        ),
        ("<VerDTD/>", "repeated-element at byte 63 in MgmtTree: VerDTD stands twice"),
        ("text", "text-among-elements at byte 58 in MgmtTree: there is text where only elements are allowed"),
    ] {
        let error = read(&wrapped(body), &STRICT).expect_err(body);
        assert_eq!(error, expected, "{body}");
    }
    for (xml, expected) in [
        ("<SyncML/>", "wrong-root at byte 9 in SyncML: this is no management tree"),
        ("<MgmtTree/>", "missing-element at byte 11: VerDTD is missing"),
        (
            "<MgmtTree><VerDTD>1.2</VerDTD><Node>",
            "truncated at byte 36 in MgmtTree/Node: the input ends inside the document",
        ),
        (
            "<MgmtTree><VerDTD>1.2</VerDTD></MgmtTree><MgmtTree/>",
            "outside-root at byte 52: something stands outside the root element",
        ),
        ("", "truncated at byte 0: the input ends inside the document"),
    ] {
        let error = read(xml, &STRICT).expect_err(xml);
        assert_eq!(error, expected, "{xml}");
    }
}

#[test]
fn what_is_read_all_the_same() {
    // Any order, elements nobody knows, empty types, a description that runs.
    let xml = wrapped(
        "<Node><x:y xmlns:x='urn:x' z='1'>t</x:y><RTProperties><Type/><Title> T </Title><odd/></RTProperties>\
         <Value/><NodeName> a </NodeName></Node><Mod>m</Mod><Man>n</Man>",
    );
    let tree = read(&xml, &STRICT).unwrap();
    let node = &tree.nodes()[0];
    assert_eq!((node.name.as_str(), tree.man(), tree.model()), ("a", Some("n"), Some("m")));
    assert_eq!((node.extensions.len(), node.value.clone()), (1, Some(NodeValue::text(""))));
    let rt = node.rt.as_ref().unwrap();
    assert_eq!((rt.title.as_deref(), rt.extensions.len()), (Some(" T "), 1));
    assert_eq!(rt.node_type, Some(NodeType::DdfName(String::new())));
    let again = String::from_utf8(tree.encode(Encoding::Xml)).unwrap();
    assert_eq!(read(&again, &STRICT).unwrap(), tree);
}

#[test]
fn quirks() {
    let doc = "<VerDTD>1.2</VerDTD>";
    let described = |types: &str| {
        format!(
            "<MgmtTree>{doc}<Node><NodeName>a</NodeName><DFProperties><AccessType><Get/></AccessType><DFFormat><chr/></DFFormat>{types}</DFProperties></Node></MgmtTree>"
        )
    };
    for (xml, quirk) in [
        (
            format!("<MgmtTree>{doc}\u{a0}<Node><NodeName>a</NodeName>...</Node></MgmtTree>"),
            DocumentQuirks::STRAY_TEXT,
        ),
        (
            format!("<MgmtTree xmlns='syncml:dmddf'>{doc}<Node><NodeName>a</NodeName></Node></MgmtTree>"),
            DocumentQuirks::LOOSE_NAMESPACE,
        ),
        (format!("<MgmtTree xmlns='SYNCML:SYNCML1.2'>{doc}</MgmtTree>"), DocumentQuirks::LOOSE_NAMESPACE),
        (format!("<MgmtTree xmlns='SYNCML:DMDDF1.2'>{doc}</MgmtTree>"), DocumentQuirks::LOOSE_NAMESPACE),
        (described(""), DocumentQuirks::INCOMPLETE_DESCRIPTION),
        (described("<DFType><DDFName/><MIME>a/b</MIME></DFType>"), DocumentQuirks::EMPTY_DDF_NAME),
        (
            described("<DFType><MIME>a/b</MIME></DFType><DFType><DDFName/></DFType>"),
            DocumentQuirks::EMPTY_DDF_NAME,
        ),
    ] {
        let without = DocumentQuirks::FIELD;
        assert!(read(&xml, &STRICT).is_err(), "{xml}");
        assert!(read(&xml, &STRICT.with_quirks(quirk)).is_ok(), "{xml}");
        assert!(read(&xml, &STRICT.with_quirks(without)).is_ok(), "{xml}");
    }
    // A byte order mark, a DOCTYPE with a subset, and UTF-16 are no quirks.
    assert!(read(&format!("\n <?xml version='1.0'?><MgmtTree>{doc}</MgmtTree>"), &STRICT).is_ok());
    let xml = format!(
        "\u{feff}<?xml version='1.0'?><!DOCTYPE MgmtTree PUBLIC ' -//OMA//DTD-DM-DDF 1.2//EN' 'x.dtd' \
         [<?oma-dm-ddf-ver supported-versions='1.2'?>]><MgmtTree>{doc}</MgmtTree>"
    );
    assert!(MgmtTree::detect(xml.as_bytes(), &STRICT).is_ok());
    let utf16: Vec<u8> = xml.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(MgmtTree::detect(&utf16, &STRICT).is_ok());
}

/// A node is an octet in WBXML, and does not cost a thousand times that.
#[test]
fn a_node_is_small() {
    assert!(size_of::<Node>() <= 160, "{}", size_of::<Node>());
    assert!(size_of::<RtProperties>() <= 256, "{}", size_of::<RtProperties>());
}

#[test]
fn limits_hold() {
    let deep =
        |levels: usize| wrapped(&("<Node><NodeName>a</NodeName>".repeat(levels) + &"</Node>".repeat(levels)));
    assert!(read(&deep(60), &STRICT).is_ok());
    assert!(read(&deep(70), &STRICT).unwrap_err().starts_with("too-deep"));
    let deepest = STRICT.with_limits(Limits::DEFAULT.with_depth(Limits::MAX_DEPTH));
    let tree = read(&deep(240), &deepest).unwrap();
    assert_eq!(tree.nodes().last().unwrap().depth(), 239);
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        assert_eq!(MgmtTree::decode(encoding, &tree.encode(encoding), &deepest).unwrap(), tree);
    }
    assert!(read(&deep(100_000), &deepest).unwrap_err().starts_with("too-deep"));
    let wide = wrapped(&"<Node/>".repeat(100));
    let error = read(&wide, &STRICT.with_max_nodes(99)).unwrap_err();
    assert!(error.starts_with("too-many-nodes at byte"), "{error}");
    assert_eq!(read(&wide, &STRICT.with_max_nodes(100)).unwrap().nodes().len(), 100);
}

/// WBXML as Samsung's client sends it: the name of the document type without a NUL, then page 2.
#[test]
fn wbxml_of_other_makers() {
    let name = b"-//OMA//DTD-DM-DDF 1.2//EN";
    let body = b"\x00\x02\x60\x77\x031.2\x00\x01\x64\x66\x03a\x00\x01\x76\x03x\x00\x01\x01\x01";
    for (version, nul) in [(1, false), (2, false), (2, true), (3, true)] {
        let mut document = vec![version, 0, 0, 0x6A, name.len() as u8 + u8::from(nul)];
        document.extend_from_slice(name);
        if nul {
            document.push(0);
        }
        document.extend_from_slice(body);
        let tree = MgmtTree::detect(&document, &STRICT).unwrap();
        assert_eq!(
            (tree.nodes()[0].name.as_str(), tree.nodes()[0].value.clone()),
            ("a", Some(NodeValue::text("x")))
        );
        if version == 2 && nul {
            assert_eq!(tree.encode(Encoding::Wbxml), document);
        }
        // Every beginning is refused, and none panics.
        for end in 0..document.len() {
            assert!(MgmtTree::detect(&document[..end], &STRICT).is_err());
        }
    }
    let text = b"\x02\x00\x00\x6A\x00";
    assert!(MgmtTree::detect(text, &STRICT).is_err());
    assert_eq!(
        MgmtTree::detect(b"x", &STRICT).unwrap_err().to_string(),
        "wrong-root at byte 0: this is no management tree"
    );
}

/// Octets as they are in WBXML, base64 in XML; text that travels as OPAQUE is text.
#[test]
fn values_in_both_encodings() {
    let mut tree = MgmtTree::new();
    let bin = RtProperties::leaf(Format::Bin, "application/octet-stream");
    tree.push(0, Node::new("a").with_rt(bin).with_value(NodeValue::bin([0, 255]))).unwrap();
    tree.push(0, Node::new("b").with_value(NodeValue::text("a < b\r\n"))).unwrap();
    let xml = String::from_utf8(tree.encode(Encoding::Xml)).unwrap();
    assert!(xml.contains("<Value>AP8=</Value>") && xml.contains("<Value>a &lt; b&#13;\n</Value>"), "{xml}");
    assert_eq!(read(&xml, &STRICT).unwrap(), tree);
    let wbxml = tree.encode(Encoding::Wbxml);
    assert!(wbxml.windows(4).any(|octets| octets == [0xC3, 2, 0, 255]));
    assert_eq!(MgmtTree::detect(&wbxml, &STRICT).unwrap(), tree);
    let opaque = b"\x02\x00\x00\x6A\x01\x00\x00\x02\x60\x77\x031.2\x00\x01\x64\x66\x03a\x00\x01\x76\xC3\x01x\x01\x01\x01";
    assert_eq!(MgmtTree::detect(opaque, &STRICT).unwrap().nodes()[0].value, Some(NodeValue::text("x")));
    assert_eq!(tree.nodes()[0].to_value().unwrap(), Some(Value::bin([0, 255])));
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äß\n\t]{0,12}"
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9<&>./:+-]{0,8}"
}

fn formats() -> impl Strategy<Value = Option<Format>> {
    use Format::{B64, Bin, Bool, Chr, Date, Float, Int, Null, Time, Xml};
    let some = [B64, Bin, Bool, Chr, Date, Float, Int, Format::Node, Null, Time, Xml];
    proptest::option::of(proptest::sample::select(some.to_vec()))
}

fn node_types(many: bool) -> impl Strategy<Value = NodeType> {
    let mimes = proptest::collection::vec(token(), 1..=if many { 3 } else { 1 });
    prop_oneof![mimes.prop_map(NodeType::Mime), token().prop_map(NodeType::DdfName)]
}

fn rt_properties() -> impl Strategy<Value = RtProperties> {
    let acl = proptest::sample::select(vec!["", "Get=*", "Add=a+b&Get=c", "Exec=*&Replace=x"]);
    let of = |strategy: BoxedStrategy<String>| proptest::option::of(strategy);
    (
        proptest::option::of(acl),
        formats(),
        of(token().boxed()),
        proptest::option::of(any::<u32>()),
        of(text().boxed()),
        of(token().boxed()),
        proptest::option::of(node_types(false)),
        proptest::option::of(any::<u16>()),
    )
        .prop_map(|(acl, format, name, size, title, t_stamp, node_type, ver_no)| {
            let mut rt = RtProperties::default();
            rt.acl = acl.map(|acl| Acl::parse(acl).unwrap());
            (rt.format, rt.name, rt.size, rt.title) = (format, name, size, title);
            (rt.t_stamp, rt.node_type, rt.ver_no) = (t_stamp, node_type, ver_no);
            rt
        })
}

fn df_properties() -> impl Strategy<Value = DfProperties> {
    let occurrence = prop_oneof![
        Just(Occurrence::One),
        Just(Occurrence::OneOrMore),
        (1..=65_536_u32).prop_map(Occurrence::ZeroOrN),
        (1..=65_536_u32).prop_map(Occurrence::OneOrN),
    ];
    (
        proptest::sample::subsequence(vec!["Add", "Copy", "Delete", "Exec", "Get", "Replace"], 0..=6),
        formats(),
        proptest::option::of(text()),
        proptest::option::of(occurrence),
        proptest::option::of(any::<bool>()),
        node_types(true),
        proptest::option::of(any::<bool>()),
    )
        .prop_map(|(access, format, default, occurrence, scope, node_type, case)| {
            let access = access.iter().filter_map(|name| AccessType::from_name(name));
            let access = access.fold(AccessType::NONE, |all, one| all | one);
            let mut df = DfProperties::leaf(access, format.unwrap_or_default(), "");
            df.node_type = Some(node_type);
            (df.default_value, df.description, df.title) = (default.clone(), default.clone(), default);
            df.occurrence = occurrence;
            df.scope = scope.map(|yes| if yes { Scope::Permanent } else { Scope::Dynamic });
            df.case_sense = case.map(|yes| if yes { CaseSense::Sensitive } else { CaseSense::Insensitive });
            df
        })
}

fn nodes() -> impl Strategy<Value = (usize, Node)> {
    (
        0..5_usize,
        token(),
        proptest::option::of(token()),
        proptest::option::of(rt_properties()),
        proptest::option::of(df_properties()),
        proptest::option::of(text()),
    )
        .prop_map(|(depth, name, path, rt, df, value)| {
            let mut node = Node::new(name);
            node.value = value.map(|text| match rt.as_ref().and_then(|rt| rt.format) {
                Some(Format::Bin) => NodeValue::bin(text.into_bytes()),
                _ => NodeValue::text(text),
            });
            (node.path, node.rt, node.df) = (path, rt.map(Box::new), df.map(Box::new));
            (depth, node)
        })
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(nodes in proptest::collection::vec(nodes(), 0..12)) {
        let mut tree = MgmtTree::new();
        for (depth, node) in nodes {
            // What has no parent there is nothing; the document stays as it was.
            let _ = tree.push(depth, node);
        }
        for encoding in [Encoding::Xml, Encoding::Wbxml] {
            let octets = tree.encode(encoding);
            prop_assert_eq!(&MgmtTree::decode(encoding, &octets, &STRICT).unwrap(), &tree);
            prop_assert_eq!(&MgmtTree::detect(&octets, &STRICT).unwrap(), &tree);
        }
        prop_assert_eq!(&MgmtTree::from_element(&tree.to_element(), &STRICT).unwrap(), &tree);
    }

    #[test]
    fn octets_are_refused_or_read(octets in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = MgmtTree::detect(&octets, &DocumentOptions::FIELD);
        let mut wbxml = b"\x02\x00\x00\x6A\x01\x00\x00\x02\x60\x77\x031\x00\x01".to_vec();
        wbxml.extend(octets);
        let _ = MgmtTree::detect(&wbxml, &DocumentOptions::FIELD);
    }

    /// A tree is what its document says.
    #[test]
    fn trees_come_back(leaves in proptest::collection::btree_map("[a-c](/[a-c]){0,4}", "[ -~]{0,6}", 0..12)) {
        let mut tree = Tree::default();
        for (path, value) in leaves {
            let spec = NodeSpec::leaf(Value::chr(value.clone())).with_title(value);
            let _ = tree.insert(&path, spec);
        }
        let document = tree.to_tnds().unwrap();
        let mut again = Tree::default();
        again.load_tnds(&document, None).unwrap();
        let mut without_numbers = again.to_tnds().unwrap();
        let strip = |document: &MgmtTree| {
            let mut stripped = MgmtTree::new();
            for node in document.nodes() {
                let mut copy = node.clone();
                if let Some(rt) = &mut copy.rt {
                    rt.ver_no = None;
                }
                stripped.push(node.depth(), copy).unwrap();
            }
            stripped
        };
        without_numbers = strip(&without_numbers);
        prop_assert_eq!(without_numbers, strip(&document));
    }
}

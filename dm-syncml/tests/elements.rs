//! Every element of the code pages of a DM message: read, typed or kept, and written again in both encodings.
#![cfg(feature = "xml")]

use std::collections::BTreeSet;

use dm_syncml::elements::{Element, Name, Node, Tag, syncml};
use dm_syncml::{Command, Data, DecodeOptions, Encoding, Fragment, Item, Message, Meta};
use dm_wbxml::SYNCML_1_2;

const HEADER: &str = "<VerDTD>1.2</VerDTD><VerProto>DM/1.2</VerProto><SessionID>1</SessionID><MsgID>1</MsgID>\
    <Target><LocURI>a</LocURI></Target><Source><LocURI>b</LocURI></Source>";
const STATUS: &str = "<CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef><Cmd>Get</Cmd>";

/// What becomes of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is a field, or a command.
    Typed,
    /// It is kept where it stands (RepPro 1.2.2 has it, DM 1.2.1 has no use for it).
    Kept,
}
use Fate::{Kept, Typed};

/// Where an element stands.
enum Around {
    SyncHdr,
    SyncBody,
    /// A Get that has a CmdID.
    Command,
    /// The Item of a Get.
    Item,
    /// The Meta of a Get.
    Meta,
    /// The Data of an Add.
    Data,
    Status,
    Results,
}
use Around as In;

/// Every element of page 0, with its token (RepPro 1.2.2).
const SYNCML: &[(&str, u8, Around, &str, Fate)] = &[
    ("Add", 0x05, In::SyncBody, "<Add><CmdID>1</CmdID></Add>", Typed),
    ("Alert", 0x06, In::SyncBody, "<Alert><CmdID>1</CmdID><Data>1201</Data></Alert>", Typed),
    ("Archive", 0x07, In::Command, "<Archive/>", Kept),
    ("Atomic", 0x08, In::SyncBody, "<Atomic><CmdID>1</CmdID><Get><CmdID>2</CmdID></Get></Atomic>", Typed),
    ("Chal", 0x09, In::Status, "<Chal><Meta></Meta></Chal><Data>407</Data>", Typed),
    ("Cmd", 0x0A, In::Status, "<Data>200</Data>", Typed),
    ("CmdID", 0x0B, In::SyncBody, "<Get><CmdID>1</CmdID></Get>", Typed),
    ("CmdRef", 0x0C, In::Status, "<Data>200</Data>", Typed),
    ("Copy", 0x0D, In::SyncBody, "<Copy><CmdID>1</CmdID></Copy>", Typed),
    ("Cred", 0x0E, In::SyncHdr, "<Cred><Data>x</Data></Cred>", Typed),
    ("Data", 0x0F, In::Item, "<Data>x</Data>", Typed),
    ("Delete", 0x10, In::SyncBody, "<Delete><CmdID>1</CmdID></Delete>", Typed),
    ("Exec", 0x11, In::SyncBody, "<Exec><CmdID>1</CmdID></Exec>", Typed),
    ("Final", 0x12, In::SyncBody, "<Final/>", Typed),
    ("Get", 0x13, In::SyncBody, "<Get><CmdID>1</CmdID></Get>", Typed),
    ("Item", 0x14, In::Command, "<Item></Item>", Typed),
    ("Lang", 0x15, In::Command, "<Lang>de</Lang>", Kept),
    ("LocName", 0x16, In::Item, "<Target><LocURI>a</LocURI><LocName>n</LocName></Target>", Typed),
    ("LocURI", 0x17, In::Item, "<Target><LocURI>./A</LocURI></Target>", Typed),
    ("Map", 0x18, In::SyncBody, "<Map><CmdID>1</CmdID></Map>", Kept),
    ("MapItem", 0x19, In::SyncBody, "<Map><MapItem/></Map>", Kept),
    ("Meta", 0x1A, In::Command, "<Meta></Meta>", Typed),
    ("MsgID", 0x1B, In::SyncHdr, "", Typed),
    ("MsgRef", 0x1C, In::Status, "<Data>200</Data>", Typed),
    ("NoResp", 0x1D, In::Command, "<NoResp/>", Typed),
    ("NoResults", 0x1E, In::Command, "<NoResults/>", Kept),
    ("Put", 0x1F, In::SyncBody, "<Put><CmdID>1</CmdID></Put>", Kept),
    ("Replace", 0x20, In::SyncBody, "<Replace><CmdID>1</CmdID></Replace>", Typed),
    ("RespURI", 0x21, In::SyncHdr, "<RespURI>c</RespURI>", Typed),
    ("Results", 0x22, In::Results, "", Typed),
    ("Search", 0x23, In::SyncBody, "<Search><CmdID>1</CmdID></Search>", Kept),
    ("Sequence", 0x24, In::SyncBody, "<Sequence><CmdID>1</CmdID></Sequence>", Typed),
    ("SessionID", 0x25, In::SyncHdr, "", Typed),
    ("SftDel", 0x26, In::Command, "<SftDel/>", Kept),
    ("Source", 0x27, In::Item, "<Source><LocURI>./A</LocURI></Source>", Typed),
    ("SourceRef", 0x28, In::Status, "<SourceRef>./A</SourceRef><Data>200</Data>", Typed),
    ("Status", 0x29, In::Status, "<Data>200</Data>", Typed),
    ("Sync", 0x2A, In::SyncBody, "<Sync><CmdID>1</CmdID></Sync>", Kept),
    ("SyncBody", 0x2B, In::SyncBody, "", Typed),
    ("SyncHdr", 0x2C, In::SyncHdr, "", Typed),
    ("SyncML", 0x2D, In::SyncHdr, "", Typed),
    ("Target", 0x2E, In::Item, "<Target><LocURI>./A</LocURI></Target>", Typed),
    (
        "TargetRef",
        0x2F,
        In::Status,
        "<TargetRef>./A</TargetRef><TargetRef>./B</TargetRef><Data>200</Data>",
        Typed,
    ),
    ("VerDTD", 0x31, In::SyncHdr, "", Typed),
    ("VerProto", 0x32, In::SyncHdr, "", Typed),
    ("NumberOfChanges", 0x33, In::SyncBody, "<Sync><NumberOfChanges>1</NumberOfChanges></Sync>", Kept),
    ("MoreData", 0x34, In::Item, "<MoreData/>", Typed),
    ("Field", 0x35, In::Item, "<Target><LocURI>a</LocURI><Filter><Field/></Filter></Target>", Kept),
    ("Filter", 0x36, In::Item, "<Target><LocURI>a</LocURI><Filter/></Target>", Kept),
    ("Record", 0x37, In::Item, "<Target><LocURI>a</LocURI><Filter><Record/></Filter></Target>", Kept),
    ("FilterType", 0x38, In::Item, "<Target><LocURI>a</LocURI><Filter><FilterType/></Filter></Target>", Kept),
    ("SourceParent", 0x39, In::Item, "<SourceParent><LocURI>a</LocURI></SourceParent><Data>x</Data>", Kept),
    ("TargetParent", 0x3A, In::Item, "<TargetParent><LocURI>a</LocURI></TargetParent><Data>x</Data>", Kept),
    ("Move", 0x3B, In::SyncBody, "<Move><CmdID>1</CmdID></Move>", Kept),
    ("Correlator", 0x3C, In::SyncBody, "<Exec><CmdID>1</CmdID><Correlator>c</Correlator></Exec>", Typed),
];

/// Every element of page 1 (MetInf 1.2), in a Meta.
const METINF: &[(&str, u8, &str, Fate)] = &[
    ("Anchor", 0x05, "<Anchor><Last>1</Last><Next>2</Next></Anchor>", Kept),
    ("EMI", 0x06, "<EMI>x</EMI>", Kept),
    ("Format", 0x07, "<Format>chr</Format>", Typed),
    ("FreeID", 0x08, "<Mem><FreeID>1</FreeID></Mem>", Kept),
    ("FreeMem", 0x09, "<Mem><FreeMem>1</FreeMem></Mem>", Kept),
    ("Last", 0x0A, "<Anchor><Last>1</Last></Anchor>", Kept),
    ("Mark", 0x0B, "<Mark>fatal</Mark>", Typed),
    ("MaxMsgSize", 0x0C, "<MaxMsgSize>16384</MaxMsgSize>", Typed),
    ("Mem", 0x0D, "<Mem/>", Kept),
    ("Next", 0x0F, "<Anchor><Next>2</Next></Anchor>", Kept),
    ("NextNonce", 0x10, "<NextNonce>Tm9uY2U=</NextNonce>", Typed),
    ("SharedMem", 0x11, "<Mem><SharedMem/></Mem>", Kept),
    ("Size", 0x12, "<Size>1</Size>", Typed),
    ("Type", 0x13, "<Type>text/plain</Type>", Typed),
    ("Version", 0x14, "<Version>1</Version>", Typed),
    ("MaxObjSize", 0x15, "<MaxObjSize>1</MaxObjSize>", Typed),
    ("FieldLevel", 0x16, "<FieldLevel/>", Kept),
];

/// Every element of page 2 (OMA TND 1.2.1), with its token; inside Data all are elements of another document.
const DMDDF: &[(u8, &str)] = &[
    (0x05, "AccessType"),
    (0x06, "ACL"),
    (0x07, "Add"),
    (0x08, "b64"),
    (0x09, "bin"),
    (0x0A, "bool"),
    (0x0B, "chr"),
    (0x0C, "CaseSense"),
    (0x0D, "CIS"),
    (0x0E, "Copy"),
    (0x0F, "CS"),
    (0x10, "date"),
    (0x11, "DDFName"),
    (0x12, "DefaultValue"),
    (0x13, "Delete"),
    (0x14, "Description"),
    (0x15, "DFFormat"),
    (0x16, "DFProperties"),
    (0x17, "DFTitle"),
    (0x18, "DFType"),
    (0x19, "Dynamic"),
    (0x1A, "Exec"),
    (0x1B, "float"),
    (0x1C, "Format"),
    (0x1D, "Get"),
    (0x1E, "int"),
    (0x1F, "Man"),
    (0x20, "MgmtTree"),
    (0x21, "MIME"),
    (0x22, "Mod"),
    (0x23, "Name"),
    (0x24, "Node"),
    (0x25, "node"),
    (0x26, "NodeName"),
    (0x27, "null"),
    (0x28, "Occurrence"),
    (0x29, "One"),
    (0x2A, "OneOrMore"),
    (0x2B, "OneOrN"),
    (0x2C, "Path"),
    (0x2D, "Permanent"),
    (0x2E, "Replace"),
    (0x2F, "RTProperties"),
    (0x30, "Scope"),
    (0x31, "Size"),
    (0x32, "time"),
    (0x33, "Title"),
    (0x34, "TStamp"),
    (0x35, "Type"),
    (0x36, "Value"),
    (0x37, "VerDTD"),
    (0x38, "VerNo"),
    (0x39, "xml"),
    (0x3A, "ZeroOrMore"),
    (0x3B, "ZeroOrN"),
    (0x3C, "ZeroOrOne"),
];

fn message(around: &Around, content: &str) -> String {
    let (header, body) = match around {
        In::SyncHdr => (content.to_owned(), String::new()),
        In::SyncBody => (String::new(), content.to_owned()),
        In::Command => (String::new(), format!("<Get><CmdID>1</CmdID>{content}</Get>")),
        In::Item => (String::new(), format!("<Get><CmdID>1</CmdID><Item>{content}</Item></Get>")),
        In::Meta => (String::new(), format!("<Get><CmdID>1</CmdID><Meta>{content}</Meta></Get>")),
        In::Data => {
            (String::new(), format!("<Add><CmdID>1</CmdID><Item><Data>{content}</Data></Item></Add>"))
        }
        In::Status => (String::new(), format!("<Status>{STATUS}{content}</Status>")),
        In::Results => (
            String::new(),
            format!("<Results><CmdID>1</CmdID><MsgRef>1</MsgRef><CmdRef>1</CmdRef>{content}</Results>"),
        ),
    };
    format!(
        "<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr>{HEADER}{header}</SyncHdr><SyncBody>{body}</SyncBody></SyncML>"
    )
}

/// The names of all unknown elements, and of those in them.
#[derive(Default)]
struct Unknown(BTreeSet<Tag>);

impl Unknown {
    fn of(message: &Message<'_>) -> BTreeSet<Tag> {
        let mut unknown = Self::default();
        unknown.all(message.extensions.as_slice());
        unknown.all(message.header.extensions.as_slice());
        message.header.meta.iter().for_each(|meta| unknown.meta(meta));
        message.body.commands.iter().for_each(|command| unknown.command(command));
        unknown.0
    }

    fn all(&mut self, elements: &[Element<'_>]) {
        for element in elements {
            self.0.extend(match element.name {
                Name::Tag(tag) => Some(tag),
                _ => None,
            });
            self.nodes(&element.children);
        }
    }

    fn nodes(&mut self, nodes: &[Node<'_>]) {
        for node in nodes {
            if let Node::Element(element) = node {
                self.all(core::slice::from_ref(element));
            }
        }
    }

    fn meta(&mut self, meta: &Meta<'_>) {
        self.all(meta.extensions());
    }

    fn item(&mut self, item: &Item<'_>) {
        self.all(item.extensions.as_slice());
        item.target.iter().for_each(|target| self.all(target.extensions.as_slice()));
        item.source.iter().for_each(|source| self.all(source.extensions.as_slice()));
        item.meta.iter().for_each(|meta| self.meta(meta));
        self.nodes(item.data.as_ref().and_then(Data::as_nodes).unwrap_or_default());
    }

    fn command(&mut self, command: &Command<'_>) {
        command.meta().iter().for_each(|meta| self.meta(meta));
        command.items().iter().for_each(|item| self.item(item));
        command.members().iter().for_each(|member| self.command(member));
        match command {
            Command::Get(get) => self.all(get.extensions.as_slice()),
            Command::Unknown(element) => self.all(core::slice::from_ref(element)),
            _ => {}
        }
    }
}

/// Read strictly and written again, both encodings say the same, octet for octet; and the element is what it should be.
fn check(name: &str, tag: Tag, document: &str, fate: Fate) {
    let options = DecodeOptions::new();
    assert_eq!(SYNCML_1_2.name(tag), Some(name));
    let from_xml = Message::decode(Encoding::Xml, document.as_bytes(), &options)
        .unwrap_or_else(|error| panic!("{name}: {error}: {document}"));
    assert_eq!(String::from_utf8(from_xml.encode(Encoding::Xml)).unwrap(), document, "{name}");
    let wbxml = from_xml.encode(Encoding::Wbxml);
    // With content or without; there are no attributes.
    let token = [tag.token(), tag.token() | 0x40];
    assert!(wbxml.iter().any(|octet| token.contains(octet)), "{name}");
    let from_wbxml = Message::decode(Encoding::Wbxml, &wbxml, &options).unwrap();
    assert_eq!(from_wbxml, from_xml, "{name}");
    assert_eq!(from_wbxml.encode(Encoding::Wbxml), wbxml, "{name}");
    assert_eq!(String::from_utf8(from_wbxml.encode(Encoding::Xml)).unwrap(), document, "{name}");
    assert_eq!(Unknown::of(&from_xml).contains(&tag), fate == Kept, "{name}");
    assert_eq!(from_xml.differences(&from_wbxml).count(), 0, "{name}");
}

#[test]
fn every_element_of_syncml() {
    for (name, token, around, content, fate) in SYNCML {
        check(name, Tag::new(0, *token), &message(around, content), *fate);
    }
    // 05 to 3C, without the one that is reserved.
    let tokens: Vec<u8> = SYNCML.iter().map(|(_, token, ..)| *token).collect();
    let expected: Vec<u8> = (0x05..=0x3C).filter(|token| *token != 0x30).collect();
    assert_eq!(tokens, expected);
}

#[test]
fn every_element_of_metinf() {
    for (name, token, content, fate) in METINF {
        // The namespace stands on each child of a Meta.
        let content = content
            .replacen('>', " xmlns=\"syncml:metinf\">", 1)
            .replace("/ xmlns=\"syncml:metinf\">", " xmlns=\"syncml:metinf\"/>");
        check(name, Tag::new(1, *token), &message(&In::Meta, &content), *fate);
    }
    // MetInf, a wrapper that adds nothing, is not written again.
    let wrapped = "<MetInf xmlns=\"syncml:metinf\"><Format>int</Format><EMI>x</EMI></MetInf>";
    let bare = "<Format xmlns=\"syncml:metinf\">int</Format><EMI xmlns=\"syncml:metinf\">x</EMI>";
    let read = message(&In::Meta, wrapped);
    let read = Message::decode(Encoding::Xml, read.as_bytes(), &DecodeOptions::new()).unwrap();
    assert_eq!(read.encode(Encoding::Xml), message(&In::Meta, bare).as_bytes());
    let tokens: BTreeSet<u8> = METINF.iter().map(|(_, token, ..)| *token).chain([0x0E]).collect();
    assert_eq!(tokens, (0x05..=0x16).collect());
}

#[test]
fn every_element_of_a_management_tree() {
    for (token, name) in DMDDF {
        let content = format!("<MgmtTree xmlns=\"syncml:dmddf1.2\"><{name}/></MgmtTree>");
        check(name, Tag::new(2, *token), &message(&In::Data, &content), Kept);
    }
    let tokens: Vec<u8> = DMDDF.iter().map(|(token, _)| *token).collect();
    assert_eq!(tokens, (0x05..=0x3C).collect::<Vec<_>>());
}

/// Tokens that nobody named are kept like any other element.
#[test]
fn tokens_without_a_name() {
    for (page, token) in
        [(0, 0x30), (0, 0x3D), (0, 0x3F), (1, 0x17), (1, 0x1A), (1, 0x3F), (2, 0x3D), (3, 0x05), (255, 0x3F)]
    {
        let wbxml = [b"\x02\xA4\x01\x6A\0\x6D\x6B\0".as_slice(), &[page, token, 0x01, 0x01]].concat();
        let options = DecodeOptions::new();
        let fragment = Fragment::decode(Encoding::Wbxml, &wbxml, &options).unwrap();
        let [Command::Unknown(element)] = &fragment.body.commands[..] else { panic!("{fragment:?}") };
        assert_eq!(element.name, Name::Tag(Tag::new(page, token)));
        let xml = fragment.encode(Encoding::Xml);
        let again = Fragment::decode(Encoding::Xml, &xml, &options).unwrap();
        assert_eq!(again, fragment, "{}", String::from_utf8_lossy(&xml));
    }
    assert_eq!(Tag::new(0, 0x2D), syncml::SYNCML);
}

//! Documents as JSON: element names as on the wire.
//!
//! - An element of text is a string; one that says something by standing there (Final, MoreData, NoResp) is `true`.
//! - An element of SyncML or MetInf with elements inside is an object. Item, TargetRef and SourceRef are always arrays in it, others when they
//!   repeat.
//! - Where order counts, in SyncBody, Atomic and Sequence and in documents of other types, it is an array of objects of one member each.
//!   There attributes are members that begin with `@`, text among elements is a string, and octets are `#base64`.
//! - Data is `{"text"}`, `{"base64"}` or `{"document"}`.

use base64ct::{Base64, Encoding as _};
use dm_syncml::elements::{Element, Name, Node, metinf, syncml};
use dm_syncml::{Data, Format};
use dm_wbxml::{CodeSpace, SYNCML_1_2, Tag, is_xml_text};
use serde_json::{Map, Value, json};

use super::elements::name_of;

/// An object with one member: the element under its name.
pub(super) fn document(root: &Element<'_>, space: &CodeSpace) -> Value {
    Shaping { space }.named(root, None)
}

/// Elements whose members keep their order.
const ORDERED: [Tag; 3] = [syncml::SYNC_BODY, syncml::ATOMIC, syncml::SEQUENCE];

/// Elements that are objects even when they hold nothing.
const OBJECTS: [Tag; 20] = [
    syncml::SYNCML,
    syncml::SYNC_HDR,
    syncml::TARGET,
    syncml::SOURCE,
    syncml::CRED,
    syncml::CHAL,
    syncml::META,
    syncml::ITEM,
    syncml::ADD,
    syncml::ALERT,
    syncml::COPY,
    syncml::DELETE,
    syncml::EXEC,
    syncml::GET,
    syncml::REPLACE,
    syncml::RESULTS,
    syncml::STATUS,
    syncml::MAP,
    metinf::ANCHOR,
    metinf::MEM,
];

/// Elements that say something by standing there.
const FLAGS: [Tag; 7] = [
    syncml::FINAL,
    syncml::MORE_DATA,
    syncml::NO_RESP,
    syncml::NO_RESULTS,
    syncml::ARCHIVE,
    syncml::SFT_DEL,
    metinf::SHARED_MEM,
];

/// Elements that are arrays even when they stand once.
const REPEATED: [Tag; 3] = [syncml::ITEM, syncml::TARGET_REF, syncml::SOURCE_REF];

struct Shaping<'s> {
    space: &'s CodeSpace,
}

impl Shaping<'_> {
    fn named(&self, element: &Element<'_>, format: Option<&str>) -> Value {
        let mut object = Map::new();
        object.insert(name_of(&element.name, self.space), self.value(element, format));
        object.into()
    }

    /// What an element says, where the Format in force outside is `format`.
    fn value(&self, element: &Element<'_>, format: Option<&str>) -> Value {
        // Elsewhere the same tokens are other elements.
        if !std::ptr::eq(self.space, &SYNCML_1_2) {
            return self.list(element);
        }
        let own = format_of(element);
        let format = own.as_deref().or(format);
        let has_elements = element.children.iter().any(|node| matches!(node, Node::Element(_)));
        match &element.name {
            Name::Tag(syncml::DATA) => self.data(element, format),
            Name::Tag(tag) if ORDERED.contains(tag) => {
                element.children.iter().map(|node| self.node(node, format)).collect()
            }
            Name::Tag(tag) if tag.page() > 1 => self.list(element),
            Name::Tag(tag) if has_elements || OBJECTS.contains(tag) => self.object(element, format),
            Name::Tag(tag) if FLAGS.contains(tag) && element.children.is_empty() => Value::Bool(true),
            Name::Tag(_) => match element.children.as_slice() {
                [] => "".into(),
                [node] => self.node(node, None),
                nodes => nodes.iter().map(|node| self.node(node, None)).collect(),
            },
            _ => self.list(element),
        }
    }

    /// An element of SyncML's own.
    fn object(&self, element: &Element<'_>, format: Option<&str>) -> Value {
        let mut object = Map::new();
        for node in &element.children {
            let Node::Element(child) = node else { continue };
            let value = self.value(child, format);
            let name = name_of(&child.name, self.space);
            let repeated = matches!(&child.name, Name::Tag(tag) if REPEATED.contains(tag));
            match object.get_mut(&name) {
                None if repeated => {
                    object.insert(name, Value::Array(vec![value]));
                }
                None => {
                    object.insert(name, value);
                }
                Some(Value::Array(values)) if repeated || values.first().is_some_and(Value::is_object) => {
                    values.push(value);
                }
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        object.into()
    }

    /// An element of another document type.
    fn list(&self, element: &Element<'_>) -> Value {
        if element.attributes.is_empty() {
            match element.children.as_slice() {
                [] => return "".into(),
                [Node::Text(text)] => return text.as_ref().into(),
                _ => {}
            }
        }
        let attributes = element.attributes.iter().map(|attribute| {
            let mut member = Map::new();
            member.insert(format!("@{}", attribute.name()), attribute.value().into());
            Value::Object(member)
        });
        attributes.chain(element.children.iter().filter(says).map(|node| self.node(node, None))).collect()
    }

    fn node(&self, node: &Node<'_>, format: Option<&str>) -> Value {
        match node {
            Node::Element(child) => self.named(child, format),
            Node::Text(text) => text.as_ref().into(),
            Node::Opaque(octets) => match text_of(octets) {
                Some(text) => text.into(),
                None => json!({ "#base64": Base64::encode_string(octets) }),
            },
            _ => Value::Null,
        }
    }

    fn data(&self, data: &Element<'_>, format: Option<&str>) -> Value {
        let octets = match data.children.as_slice() {
            [] => &[],
            [Node::Text(text)] => text.as_bytes(),
            [Node::Opaque(octets)] => octets.as_ref(),
            nodes => {
                let said: Vec<_> = nodes.iter().filter(says).collect();
                return match said.as_slice() {
                    [Node::Element(root)] => json!({ "document": self.named(root, None) }),
                    said => {
                        let nodes: Value = said.iter().map(|node| self.node(node, None)).collect();
                        json!({ "document": nodes })
                    }
                };
            }
        };
        // Base64 is said as it would be written, without line breaks.
        if format == Some("b64")
            && let Ok(decoded) = Data::octets(octets).decoded(Some(&Format::B64))
        {
            return json!({ "base64": Base64::encode_string(&decoded) });
        }
        match text_of(octets) {
            Some(text) if format != Some("bin") => json!({ "text": text }),
            _ => json!({ "base64": Base64::encode_string(octets) }),
        }
    }
}

/// White space between elements says nothing.
fn says(node: &&Node<'_>) -> bool {
    !matches!(node, Node::Text(text) if text.trim_ascii().is_empty())
}

fn text_of(octets: &[u8]) -> Option<&str> {
    std::str::from_utf8(octets).ok().filter(|text| is_xml_text(text))
}

/// The Format that an element's Meta says.
fn format_of(element: &Element<'_>) -> Option<String> {
    let meta = element.children.iter().find_map(|node| match node {
        Node::Element(child) if child.name == Name::Tag(syncml::META) => Some(child),
        _ => None,
    })?;
    meta.children.iter().find_map(|node| match node {
        Node::Element(child) if child.name == Name::Tag(metinf::FORMAT) => match child.children.as_slice() {
            [Node::Text(text)] => Some(text.trim_ascii().to_owned()),
            _ => None,
        },
        _ => None,
    })
}

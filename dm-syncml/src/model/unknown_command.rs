//! Octets inside commands that DM does not know: as in its own, they become base64 where there are no octets, and a Format says so.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding as _};
use dm_wbxml::{Element, Name, Node, Tag, is_xml_text, metinf, syncml};

use super::data::Data;
use super::token::Format;

/// The command as XML has it; `None` when it can be written as it is.
pub(super) fn with_base64<'a>(command: &Element<'a>) -> Option<Element<'a>> {
    has_octets(command).then(|| {
        let mut command = command.clone();
        each_item(&mut command, &mut |item| {
            if let Some(octets) = octets_of(item).map(Base64::encode_string) {
                set(item, Node::Text(octets.into()), &Format::B64);
            }
        });
        command
    })
}

/// The command with its octets as octets, whether they are or are said in base64.
pub(super) fn with_octets(command: &mut Element<'_>) {
    each_item(command, &mut |item| {
        if let Some(octets) = octets_of(item).map(<[u8]>::to_vec).or_else(|| decoded(item)) {
            set(item, Node::Opaque(octets.into()), &Format::BIN);
        }
    });
}

/// Whether an Item somewhere has octets that are no text.
fn has_octets(element: &Element<'_>) -> bool {
    if element.name == Name::Tag(syncml::ITEM) {
        return octets_of(element).is_some();
    }
    element
        .children
        .iter()
        .any(|node| matches!(node, Node::Element(child) if is_ours(child) && has_octets(child)))
}

fn each_item<'a>(element: &mut Element<'a>, change: &mut impl FnMut(&mut Element<'a>)) {
    if element.name == Name::Tag(syncml::ITEM) {
        return change(element);
    }
    for node in &mut element.children {
        if let Node::Element(child) = node
            && is_ours(child)
        {
            each_item(child, change);
        }
    }
}

/// Whether an Item may be in it.
fn is_ours(element: &Element<'_>) -> bool {
    matches!(element.name, Name::Tag(tag) if tag.page() == syncml::ITEM.page() && tag != syncml::DATA)
}

fn child<'e, 'a>(element: &'e Element<'a>, tag: Tag) -> Option<&'e Element<'a>> {
    element.children.iter().find_map(|node| match node {
        Node::Element(child) if child.name == Name::Tag(tag) => Some(child),
        _ => None,
    })
}

fn child_mut<'e, 'a>(element: &'e mut Element<'a>, tag: Tag) -> Option<&'e mut Element<'a>> {
    element.children.iter_mut().find_map(|node| match node {
        Node::Element(child) if child.name == Name::Tag(tag) => Some(child),
        _ => None,
    })
}

/// The octets of an Item's Data that are no text.
fn octets_of<'e>(item: &'e Element<'_>) -> Option<&'e [u8]> {
    match child(item, syncml::DATA)?.children.as_slice() {
        [Node::Opaque(octets)] if !core::str::from_utf8(octets).is_ok_and(is_xml_text) => Some(octets),
        _ => None,
    }
}

/// The octets that an Item says in base64.
fn decoded(item: &Element<'_>) -> Option<Vec<u8>> {
    let format = child(child(item, syncml::META)?, metinf::FORMAT)?;
    let [Node::Text(format)] = format.children.as_slice() else { return None };
    if format.trim_ascii() != Format::B64.as_str() {
        return None;
    }
    let data = match child(item, syncml::DATA)?.children.as_slice() {
        [Node::Text(text)] => Data::octets(text.as_bytes()),
        [Node::Opaque(octets)] => Data::octets(octets.as_ref()),
        _ => return None,
    };
    data.decoded(Some(&Format::B64)).ok().map(Cow::into_owned)
}

/// Puts something into the Data of an Item, and the Format that says what into its Meta.
fn set<'a>(item: &mut Element<'a>, data: Node<'a>, format: &Format<'_>) {
    let text = Node::Text(String::from(format.as_str()).into());
    if let Some(data_of) = child_mut(item, syncml::DATA) {
        data_of.children = alloc::vec![data];
    }
    if child(item, syncml::META).is_none() {
        let before =
            |node: &Node<'_>| matches!(node, Node::Element(child) if child.name == Name::Tag(syncml::DATA));
        let at = item.children.iter().position(before).unwrap_or(0);
        item.children.insert(at, Node::Element(Element::new(syncml::META)));
    }
    let Some(meta) = child_mut(item, syncml::META) else { return };
    if child(meta, metinf::FORMAT).is_none() {
        meta.children.insert(0, Node::Element(Element::new(metinf::FORMAT)));
    }
    if let Some(format) = child_mut(meta, metinf::FORMAT) {
        format.children = alloc::vec![text];
    }
}

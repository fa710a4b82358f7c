//! How a document is written, into whatever sink.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::elements::{Attribute, Element, Name, Node as Piece, Tag, dmddf};
use dm_wbxml::Sink;

use crate::value::Format;

use super::document::MgmtTree;
use super::node::{Node, NodeType, NodeValue};
use super::reading::FORMATS;

/// Text, where there is any.
pub(super) fn leaf(tag: Tag, text: Option<&str>, sink: &mut dyn Sink) {
    if let Some(text) = text {
        sink.leaf(tag, text);
    }
}

/// A number, where there is one.
pub(super) fn number(tag: Tag, number: Option<u32>, sink: &mut dyn Sink) {
    if let Some(number) = number {
        sink.leaf(tag, &number.to_string());
    }
}

/// An empty element inside another.
pub(super) fn choice(tag: Tag, chosen: Tag, sink: &mut dyn Sink) {
    sink.open(tag);
    sink.empty(chosen);
    sink.close();
}

pub(super) fn format(tag: Tag, format: Format, sink: &mut dyn Sink) {
    if let Some((chosen, _)) = FORMATS.iter().find(|(_, other)| *other == format) {
        choice(tag, *chosen, sink);
    }
}

pub(super) fn node_type(tag: Tag, node_type: &NodeType, sink: &mut dyn Sink) {
    sink.open(tag);
    match node_type {
        NodeType::Mime(types) => types.iter().for_each(|mime| sink.leaf(dmddf::MIME, mime)),
        NodeType::DdfName(name) => sink.leaf(dmddf::DDF_NAME, name),
    }
    sink.close();
}

pub(super) fn extensions(extensions: &[Element<'_>], sink: &mut dyn Sink) {
    for element in extensions {
        element.encode(sink);
    }
}

/// The whole document.
pub(super) fn document(tree: &MgmtTree, sink: &mut dyn Sink) {
    sink.open(dmddf::MGMT_TREE);
    sink.leaf(dmddf::VER_DTD, &tree.ver_dtd);
    leaf(dmddf::MAN, tree.man.as_deref(), sink);
    leaf(dmddf::MOD, tree.model.as_deref(), sink);
    extensions(&tree.extensions, sink);
    let mut open = 0;
    for node in tree.nodes() {
        while open > node.depth() {
            sink.close();
            open -= 1;
        }
        begin(node, sink);
        open += 1;
    }
    for _ in 0..=open {
        sink.close();
    }
}

/// A node but for its children and its end.
fn begin(node: &Node, sink: &mut dyn Sink) {
    sink.open(dmddf::NODE);
    sink.leaf(dmddf::NODE_NAME, &node.name);
    leaf(dmddf::PATH, node.path.as_deref(), sink);
    if let Some(rt) = &node.rt {
        rt.write(sink);
    }
    if let Some(df) = &node.df {
        df.write(sink);
    }
    extensions(&node.extensions, sink);
    if let Some(value) = &node.value {
        write_value(value, sink);
    }
}

fn write_value(value: &NodeValue, sink: &mut dyn Sink) {
    match value.as_text() {
        Some(text) => sink.leaf(dmddf::VALUE, text),
        None if value.octets().is_empty() => sink.empty(dmddf::VALUE),
        None => {
            sink.open(dmddf::VALUE);
            sink.opaque(value.octets());
            sink.close();
        }
    }
}

/// Builds elements for the Data of a message.
#[derive(Default)]
pub(super) struct ElementSink {
    open: Vec<Element<'static>>,
    done: Option<Element<'static>>,
}

impl ElementSink {
    pub(super) fn finish(self) -> Option<Element<'static>> {
        self.done
    }

    fn begin(&mut self, name: Name<'static>, attributes: &[Attribute<'_>]) {
        let mut element = Element::new(name);
        element.attributes = attributes.iter().map(|attribute| attribute.clone().into_owned()).collect();
        self.open.push(element);
    }
}

impl Sink for ElementSink {
    fn open(&mut self, tag: Tag) {
        self.begin(Name::Tag(tag), &[]);
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Piece::Element(element)),
            None => self.done = Some(element),
        }
    }

    fn empty(&mut self, tag: Tag) {
        self.open(tag);
        self.close();
    }

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        self.begin(name.clone().into_owned(), attributes);
        if !content {
            self.close();
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.open.last_mut() {
            Piece::push_text(&mut element.children, String::from(text));
        }
    }

    fn cdata(&mut self, text: &str) {
        self.text(text);
    }

    fn opaque(&mut self, octets: &[u8]) {
        if let Some(element) = self.open.last_mut() {
            Piece::push_octets(&mut element.children, octets.to_vec());
        }
    }
}

//! Elements that were read before, read once more: a tree that stands in the Data of a message.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::slice;

use dm_wbxml::{Attribute, DM_DDF_1_2, Element, Error, Event, Name, Node, Source};

/// Walks an element as a reader would; it was bounded when it was read.
pub(super) struct ElementSource<'e, 'a> {
    root: Option<&'e Element<'a>>,
    open: Vec<Open<'e, 'a>>,
}

struct Open<'e, 'a> {
    element: &'e Element<'a>,
    attributes: slice::Iter<'e, Attribute<'a>>,
    children: slice::Iter<'e, Node<'a>>,
}

impl<'e, 'a> ElementSource<'e, 'a> {
    pub(super) fn new(root: &'e Element<'a>) -> Self {
        Self { root: Some(root), open: Vec::new() }
    }

    fn start(&mut self, element: &'e Element<'a>) -> Event<'e> {
        self.open.push(Open {
            element,
            attributes: element.attributes.iter(),
            children: element.children.iter(),
        });
        Event::Start(element.name.clone())
    }
}

impl<'e, 'a: 'e> Source<'e> for ElementSource<'e, 'a> {
    fn next(&mut self) -> Result<Option<Event<'e>>, Error> {
        if let Some(root) = self.root.take() {
            return Ok(Some(self.start(root)));
        }
        let Some(open) = self.open.last_mut() else { return Ok(None) };
        if let Some(attribute) = open.attributes.next() {
            return Ok(Some(Event::Attribute(attribute.clone())));
        }
        Ok(Some(match open.children.next() {
            Some(Node::Element(child)) => self.start(child),
            Some(Node::Text(text)) => Event::Text(Cow::Borrowed(text)),
            Some(Node::Opaque(octets)) => Event::Opaque(octets),
            // A piece of a kind to come is nothing that a management tree has.
            Some(_) => Event::Text(Cow::Borrowed("")),
            None => {
                self.open.pop();
                Event::End
            }
        }))
    }

    fn offset(&self) -> usize {
        0
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(match &open.element.name {
                Name::Tag(tag) => DM_DDF_1_2.name(*tag).unwrap_or("?"),
                Name::Foreign(name) => name.local(),
                _ => "?",
            });
        }
        path
    }
}

//! What must never be shown: credentials where they travel, and where trees and provisioning documents keep them.

use dm_syncml::elements::{Element, Name, Node, dmddf, metinf, syncml};
use dm_syncml::{Data, Format};
use dm_wbxml::{Attribute, Tag};

/// What stands for a secret.
pub(super) const HIDDEN: &str = "(hidden)";

/// Names of nodes and parameters that hold passwords, keys and nonces: DM accounts of 1.1 and 1.2, connectivity provisioning.
const NAMES: [&str; 10] = [
    "AAuthSecret",
    "AAuthData",
    "ClientPW",
    "ClientNonce",
    "ServerPW",
    "ServerNonce",
    "PXAUTH-PW",
    "AUTHSECRET",
    "PROXY-PW",
    "BASAUTH-PW",
];

/// Secrets that were found, so that they can be hidden in other views of the same document.
#[derive(Default)]
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Hides the secrets of an element of SyncML, of a tree or of a provisioning document in XML, and of all it holds.
    ///
    /// These are the Data of a Cred, every NextNonce, values of nodes with names that DM accounts give to secrets, whether in an item or
    /// in a tree, and parameters of provisioning documents with such names. A document that travels as text is hidden whole if it names
    /// one.
    pub(super) fn hide(&mut self, element: &mut Element<'_>) {
        let hidden: &[Tag] = match &element.name {
            Name::Tag(metinf::NEXT_NONCE) => return self.replace(element),
            Name::Tag(syncml::CRED) => &[syncml::DATA],
            Name::Tag(syncml::ITEM) if item_leads_to_secret(element) => &[syncml::DATA],
            Name::Tag(dmddf::NODE)
                if child(element, dmddf::NODE_NAME).is_some_and(|name| is_secret(&text(name))) =>
            {
                &[dmddf::VALUE, dmddf::DEFAULT_VALUE, dmddf::DF_PROPERTIES]
            }
            Name::Tag(syncml::DATA) if names_secret_in_markup(element) => return self.replace(element),
            _ => &[],
        };
        self.hide_parameter(element);
        for node in &mut element.children {
            match node {
                Node::Element(child) if matches!(&child.name, Name::Tag(tag) if hidden.contains(tag)) => {
                    self.replace(child);
                }
                Node::Element(child) => self.hide(child),
                _ => {}
            }
        }
    }

    /// Hides the secret parameters of a provisioning document, in the tokens of its own code space.
    pub(super) fn hide_parameters(&mut self, element: &mut Element<'_>) {
        self.hide_parameter(element);
        for node in &mut element.children {
            if let Node::Element(child) = node {
                self.hide_parameters(child);
            }
        }
    }

    /// Whether text or octets are a secret, hold one, or are a good part of one.
    ///
    /// Of a document with more secrets than any account has, all is one: nobody shall make this slow.
    pub(super) fn are_in(&self, octets: &[u8]) -> bool {
        const TELLING: usize = 4;
        const MOST: usize = 200;
        if self.0.len() > MOST {
            return true;
        }
        let holds = |all: &[u8], part: &[u8]| {
            part.len() >= TELLING && all.windows(part.len()).any(|window| window == part)
        };
        self.0.iter().any(|secret| secret == octets || holds(octets, secret) || holds(secret, octets))
    }

    fn replace(&mut self, element: &mut Element<'_>) {
        self.collect(element);
        element.children = vec![Node::Text(HIDDEN.into())];
    }

    fn collect(&mut self, element: &Element<'_>) {
        for node in &element.children {
            match node {
                Node::Element(child) => self.collect(child),
                Node::Text(text) => self.found(text.as_bytes()),
                Node::Opaque(octets) => self.found(octets),
                _ => {}
            }
        }
    }

    fn found(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.0.push(octets.to_vec());
        }
    }

    /// `<parm name="AAUTHSECRET" value="..."/>`
    fn hide_parameter(&mut self, parameter: &mut Element<'_>) {
        let secret = |attribute: &Attribute<'_>| attribute.name() == "name" && is_secret(attribute.value());
        if !parameter.attributes.iter().any(secret) {
            return;
        }
        for attribute in parameter.attributes.iter_mut().filter(|attribute| attribute.name() != "name") {
            self.found(attribute.value().as_bytes());
            if let Some(hidden) = Attribute::new(attribute.name().to_owned(), HIDDEN) {
                *attribute = hidden;
            }
        }
    }
}

pub(super) fn is_secret(name: &str) -> bool {
    NAMES.iter().any(|secret| secret.eq_ignore_ascii_case(name.trim_ascii()))
}

fn item_leads_to_secret(item: &Element<'_>) -> bool {
    [syncml::TARGET, syncml::SOURCE].into_iter().any(|side| {
        let uri =
            child(item, side).and_then(|side| child(side, syncml::LOC_URI)).map(text).unwrap_or_default();
        let path = uri.split('?').next().unwrap_or_default().trim_ascii().trim_end_matches('/');
        path.rsplit('/').next().is_some_and(is_secret)
    })
}

/// Whether Data is text of a document in which one of the names occurs.
fn names_secret_in_markup(data: &Element<'_>) -> bool {
    let octets = match data.children.as_slice() {
        [Node::Text(text)] => text.as_bytes(),
        [Node::Opaque(octets)] => octets,
        _ => return false,
    };
    let names_one = |octets: &[u8]| {
        octets.contains(&b'<')
            && NAMES.iter().any(|name| {
                octets.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name.as_bytes()))
            })
    };
    names_one(octets)
        || Data::octets(octets).decoded(Some(&Format::B64)).is_ok_and(|decoded| names_one(&decoded))
}

fn child<'e, 'a>(element: &'e Element<'a>, wanted: Tag) -> Option<&'e Element<'a>> {
    element.children.iter().find_map(|node| match node {
        Node::Element(child) if child.name == Name::Tag(wanted) => Some(child),
        _ => None,
    })
}

fn text(element: &Element<'_>) -> String {
    let piece = |node: &Node<'_>| match node {
        Node::Text(text) => text.clone().into_owned(),
        Node::Opaque(octets) => String::from_utf8_lossy(octets).into_owned(),
        _ => String::new(),
    };
    element.children.iter().map(piece).collect()
}

//! What two messages say differently.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use dm_wbxml::{Attribute, Limits, Name, SYNCML_1_2, Sink, Tag, is_xml_text, metinf, syncml};

use super::command::Command;
use super::data::Data;
use super::encode_options::EncodeOptions;
use super::extensions::Extensions;
use super::item::Item;
use super::management_tree::types_of;
use super::mapping::Content;
use super::message::{Fragment, Message};
use super::meta::Meta;
use super::printer::excerpt;
use super::token::Format;
use super::unknown_command::with_octets;
use super::writing::Output;

/// One thing that two messages say differently: where it stands, and what each says there.
///
/// The path names elements from the root; `[n]` is the nth command of its body, Atomic or Sequence, or the nth element of its name elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Difference {
    path: String,
    left: Option<Value>,
    right: Option<Value>,
}

impl Difference {
    /// Where, as in `SyncBody/Replace[2]/Item/Data`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the first message says there, shortened for people; `None` when it has no such element. Credentials and nonces are not
    /// shown.
    #[must_use]
    pub fn left(&self) -> Option<String> {
        self.left.as_ref().map(Value::shown)
    }

    /// What the second message says there.
    #[must_use]
    pub fn right(&self) -> Option<String> {
        self.right.as_ref().map(Value::shown)
    }
}

/// `path: left, right`; `nothing` where there is no such element.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".into());
        write!(f, "{}: {}, {}", self.path, shown(self.left()), shown(self.right()))
    }
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Message<'_> {
    /// What this message and `other` say differently, in this message's order, then what only the other says. None when they are the same
    /// message.
    ///
    /// Not a difference: the encoding and the version of the representation; CDATA, escapes, string tables; text that came as octets; where
    /// a Meta stands that items inherit; raw octets and their base64, each with its Format; a management tree in another of its shapes,
    /// with its Type and Format; white space between elements; the namespace of elements nobody knows, which WBXML cannot carry. The order
    /// of commands, ids, and the octets of Data are.
    ///
    /// ```
    /// # #[cfg(feature = "xml")]
    /// # fn main() -> Result<(), dm_syncml::DecodeError> {
    /// use dm_syncml::{DecodeOptions, Encoding, Message};
    ///
    /// let xml = include_bytes!("../../tests/vectors/session/05-c2s-pkg3-results.xml");
    /// let wbxml = include_bytes!("../../tests/vectors/session/05-c2s-pkg3-results.wbxml");
    /// let a = Message::decode(Encoding::Xml, xml, &DecodeOptions::new())?;
    /// let mut b = Message::decode(Encoding::Wbxml, wbxml, &DecodeOptions::new())?;
    /// assert_eq!(a.differences(&b).count(), 0);
    ///
    /// b.body.last_in_package = false;
    /// let difference = a.differences(&b).next().unwrap();
    /// assert_eq!(difference.to_string(), "SyncBody/Final: \"\", nothing");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "xml"))]
    /// # fn main() {}
    /// ```
    pub fn differences(&self, other: &Message<'_>) -> impl Iterator<Item = Difference> + use<> {
        let facts = |message: &Message<'_>| {
            let mut facts = Facts::new();
            facts.write(|output| message.header.encode(syncml::SYNC_HDR, output));
            facts.body(&message.body.commands, message.body.last_in_package);
            facts.beside(&message.extensions);
            facts
        };
        compare(facts(self), facts(other))
    }
}

impl Fragment<'_> {
    /// As [`Message::differences`].
    pub fn differences(&self, other: &Fragment<'_>) -> impl Iterator<Item = Difference> + use<> {
        let facts = |fragment: &Fragment<'_>| {
            let mut facts = Facts::new();
            facts.body(&fragment.body.commands, fragment.body.last_in_package);
            facts.beside(&fragment.extensions);
            facts
        };
        compare(facts(self), facts(other))
    }
}

/// What a tree inside Data may cost: no more than elements of the message may.
const LIMITS: Limits =
    Limits::DEFAULT.with_depth(Limits::MAX_DEPTH).with_document(usize::MAX).with_elements(u32::MAX);

fn compare(left: Facts, right: Facts) -> impl Iterator<Item = Difference> {
    let mut rest: BTreeMap<String, (usize, Value)> =
        right.facts.into_iter().enumerate().map(|(at, (path, value))| (path, (at, value))).collect();
    let mut differences = Vec::new();
    for (path, left) in left.facts {
        match rest.remove(&path) {
            Some((_, right)) if right == left => {}
            right => {
                differences.push(Difference { path, left: Some(left), right: right.map(|(_, value)| value) })
            }
        }
    }
    let mut added: Vec<_> = rest.into_iter().collect();
    added.sort_unstable_by_key(|(_, (at, _))| *at);
    let added =
        added.into_iter().map(|(path, (_, value))| Difference { path, left: None, right: Some(value) });
    differences.into_iter().chain(added)
}

/// What an element says.
#[derive(Clone, Default)]
struct Value {
    octets: Vec<u8>,
    secret: bool,
}

/// Text and octets are two ways to carry one value.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl Eq for Value {}

impl Value {
    fn shown(&self) -> String {
        if self.secret { "(secret)".into() } else { excerpt(&self.octets, 60) }
    }
}

/// A message as a list of what it says, each with its place.
#[derive(Default)]
struct Facts {
    facts: Vec<(String, Value)>,
    path: String,
    open: Vec<Open>,
}

/// An element that is being looked at.
#[derive(Default)]
struct Open {
    /// Where its name begins in the path.
    begins: usize,
    tag: Option<Tag>,
    /// How many elements of each name it has, or under the empty name of any.
    children: BTreeMap<String, usize>,
    pieces: usize,
    value: Value,
}

impl Facts {
    fn new() -> Self {
        Self { open: alloc::vec![Open::default()], ..Self::default() }
    }

    fn write(&mut self, write: impl FnOnce(&mut Output<'_, Self>)) {
        let mut output = Output::new(core::mem::take(self), &EncodeOptions::DEFAULT);
        write(&mut output);
        *self = output.sink;
    }

    fn body(&mut self, commands: &[Command<'_>], last_in_package: bool) {
        self.open(syncml::SYNC_BODY);
        for command in commands {
            let mut command = command.clone().into_owned();
            normalize(&mut command, &Meta::new());
            self.write(|output| command.encode(output));
        }
        if last_in_package {
            self.empty(syncml::FINAL);
        }
        self.close();
    }

    /// What stands beside header and body.
    fn beside(&mut self, extensions: &Extensions<'_>) {
        self.write(|output| extensions.as_slice().iter().for_each(|element| element.encode(output)));
    }

    fn begin(&mut self, name: &str, tag: Option<Tag>) {
        self.flush();
        let begins = self.path.len();
        let mut secret = tag == Some(metinf::NEXT_NONCE) || tag == Some(syncml::CRED);
        let mut nth = 1;
        if let Some(around) = self.open.last_mut() {
            secret |= around.value.secret;
            let counted = match around.tag {
                // Of commands, and in what is not ours, the order of all counts.
                Some(syncml::SYNC_BODY | syncml::ATOMIC | syncml::SEQUENCE) if !is_fact(tag) => "",
                None if begins > 0 => "",
                _ => name,
            };
            match around.children.get_mut(counted) {
                Some(count) => {
                    *count += 1;
                    nth = *count;
                }
                None => {
                    around.children.insert(counted.into(), 1);
                }
            }
        }
        if begins > 0 {
            self.path.push('/');
        }
        self.path.push_str(name);
        if nth > 1 {
            let _ = write!(self.path, "[{nth}]");
        }
        self.open.push(Open { begins, tag, value: Value { octets: Vec::new(), secret }, ..Open::default() });
    }

    /// Text that stands before an element, unless it only indents it.
    fn flush(&mut self) {
        let Some(open) = self.open.last_mut() else { return };
        if open.value.octets.trim_ascii().is_empty() {
            open.value.octets.clear();
            return;
        }
        open.pieces += 1;
        let path = alloc::format!("{}/text[{}]", self.path, open.pieces);
        let secret = open.value.secret;
        self.facts.push((path, Value { octets: core::mem::take(&mut open.value.octets), secret }));
    }

    fn name(tag: Tag) -> Cow<'static, str> {
        match SYNCML_1_2.name(tag) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(alloc::format!("t-{:02X}-{:02X}", tag.page(), tag.token())),
        }
    }
}

/// Whether an element among commands is none.
fn is_fact(tag: Option<Tag>) -> bool {
    matches!(tag, Some(syncml::CMD_ID | syncml::NO_RESP | syncml::META | syncml::FINAL))
}

impl Sink for Facts {
    fn open(&mut self, tag: Tag) {
        self.begin(&Self::name(tag), Some(tag));
    }

    fn close(&mut self) {
        if self.open.last().is_some_and(|open| !open.children.is_empty()) {
            self.flush();
        }
        let Some(open) = self.open.pop() else { return };
        if open.children.is_empty() {
            self.facts.push((self.path.clone(), open.value));
        }
        self.path.truncate(open.begins);
    }

    fn empty(&mut self, tag: Tag) {
        self.open(tag);
        self.close();
    }

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        match name {
            Name::Tag(tag) => self.begin(&Self::name(*tag), Some(*tag)),
            Name::Foreign(name) => self.begin(name.local(), None),
            _ => self.begin("?", None),
        }
        for attribute in attributes {
            let path = alloc::format!("{}/@{}", self.path, attribute.name());
            let octets = attribute.value().as_bytes().to_vec();
            self.facts.push((path, Value { octets, secret: false }));
        }
        if !content {
            self.close();
        }
    }

    fn text(&mut self, text: &str) {
        self.opaque(text.as_bytes());
    }

    fn cdata(&mut self, text: &str) {
        self.opaque(text.as_bytes());
    }

    fn opaque(&mut self, octets: &[u8]) {
        if let Some(open) = self.open.last_mut() {
            open.value.octets.extend_from_slice(octets);
        }
    }
}

/// Brings Meta to where it counts, and Data to what it means.
fn normalize(command: &mut Command<'static>, inherited: &Meta<'static>) {
    // What nobody knows stays where it stands.
    let under = |own: &mut Option<Meta<'static>>, used: bool| {
        let both = own.as_ref().map_or_else(|| inherited.clone(), |own| own.over(inherited)).take_known();
        if used && let Some(meta) = own {
            let _ = meta.take_known();
            if meta.is_empty() {
                *own = None;
            }
        }
        both
    };
    if let Some((meta, items)) = command.meta_and_items_mut() {
        let meta = under(meta, !items.is_empty());
        items.iter_mut().for_each(|item| normalize_item(item, &meta));
    } else if let Command::Atomic(container) = command {
        let meta = under(&mut container.meta, !container.commands.is_empty());
        container.commands.iter_mut().for_each(|member| normalize(member, &meta));
    } else if let Command::Sequence(container) = command {
        let meta = under(&mut container.meta, !container.commands.is_empty());
        container.commands.iter_mut().for_each(|member| normalize(member, &meta));
    } else if let Command::Alert(alert) = command {
        alert.items.iter_mut().for_each(|item| normalize_item(item, &Meta::new()));
    } else if let Command::Status(status) = command {
        status.items.iter_mut().for_each(|item| normalize_item(item, &Meta::new()));
    } else if let Command::Unknown(element) = command {
        with_octets(element);
    }
}

fn normalize_item(item: &mut Item<'static>, inherited: &Meta<'static>) {
    let mut meta = item.meta.take().map_or_else(|| inherited.clone(), |own| own.over(inherited));
    let tree = item.data.as_ref().and_then(|data| data.management_tree(meta.format(), &LIMITS));
    if let Some(tree) = tree {
        // One shape for all, with the Type and Format of that: those of the others say how the tree was carried.
        let tree = tree.into_owned().into_owned();
        item.data = Some(Data::element(tree));
        if let Some((xml, _)) = meta.media_type().and_then(types_of) {
            meta = meta.with_media_type(xml);
        }
        if meta.format().is_none_or(|format| matches!(format.as_str(), "b64" | "bin" | "xml")) {
            meta = meta.with_format(Format::XML);
        }
    } else if let Some(data) = &item.data {
        let octets = match meta.format() {
            // What was split into chunks need not be whole groups of base64.
            Some(format) if *format == Format::B64 => data.decoded(Some(format)).ok().map(Cow::into_owned),
            _ => data
                .as_octets()
                .filter(|octets| !core::str::from_utf8(octets).is_ok_and(is_xml_text))
                .map(<[u8]>::to_vec),
        };
        if let Some(octets) = octets {
            item.data = Some(Data::octets(octets));
            meta = meta.with_format(Format::BIN);
        }
    }
    item.meta = (!meta.is_empty()).then_some(meta);
}

//! Which nodes hold secrets, and which commands carry them.

use alloc::borrow::{Cow, ToOwned};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::{Command, Item, Meta};

use crate::mgmt_tree::{DocumentOptions, MgmtTree};
use crate::rights::AccessType;
use crate::tnds::carries_tnds;
use crate::uri::{NodeUri, Segment, UriError};

/// Says which nodes hold secrets, so that what carries them can be kept off transports that others can read (DM 2.0 RD, DM-SECCONF-001; StdObj
/// 1.2.1: some values are never read).
///
/// A session knows [how it is transported](dm_syncml::session::TransportSecurity); this knows what is worth hiding. What to do about it is
/// the caller's: a server does not send such a command in clear, a client answers it with 403.
///
/// In doubt a command counts as carrying a secret: names are compared without regard to case, a serialised tree that cannot be read may hold
/// anything, and so does a provisioning document.
///
/// ```
/// use dm_syncml::{CmdId, Command, Data, Item, LocUri, Replace};
/// use dm_tree::SecretNodes;
///
/// let secrets = SecretNodes::standard().with_node("./Vendor/WiFi/*/Key")?;
/// let replace = |node| {
///     let item = Item::to(LocUri::new(node).unwrap()).with_data(Data::text("12345678").unwrap());
///     Command::from(Replace::new(CmdId::new("1").unwrap(), vec![item]))
/// };
/// assert_eq!(secrets.found_in(&replace("./Vendor/WiFi/home/Key")).as_deref(), Some("./Vendor/WiFi/home/Key"));
/// assert!(secrets.found_in(&replace("./DMAcc/dms/AppAuth/1/AAuthSecret")).is_some());
/// assert_eq!(secrets.found_in(&replace("./Vendor/WiFi/home/Channel")), None);
/// # Ok::<(), dm_tree::UriError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SecretNodes {
    /// Leaves of these names, wherever they are.
    leaves: Vec<Box<str>>,
    /// Nodes at these places, with all that is below them.
    nodes: Vec<Place>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    names: Pattern,
    /// Whether a node above may show it.
    is_read: bool,
}

/// The names on the way to a node; none for any name.
type Pattern = Vec<Option<Box<str>>>;

impl SecretNodes {
    /// No node holds a secret.
    #[must_use]
    pub const fn none() -> Self {
        Self { leaves: Vec::new(), nodes: Vec::new() }
    }

    /// What the standard objects have: the secret and the nonce of an account (`AAuthSecret`, `AAuthData`), wherever the account is, and what
    /// is put into `./Inbox`, which may be the bootstrap of one.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            leaves: Vec::from(["AAuthSecret".into(), "AAuthData".into()]),
            nodes: Vec::from([Place { names: Vec::from([Some("Inbox".into())]), is_read: false }]),
        }
    }

    /// Adds the leaves of this name, wherever they are.
    #[must_use]
    pub fn with_leaf(mut self, name: &str) -> Self {
        self.leaves.push(name.into());
        self
    }

    /// Adds a node with all that is below it; a segment `*` stands for any name.
    ///
    /// # Errors
    ///
    /// When that is no address.
    pub fn with_node(mut self, node: &str) -> Result<Self, UriError> {
        let uri = NodeUri::parse(node)?;
        let segment = |segment: Segment<'_>| match segment.as_str() {
            "*" => None,
            _ => Some(segment.name().into()),
        };
        self.nodes.push(Place { names: uri.segments().map(segment).collect(), is_read: true });
        Ok(self)
    }

    /// Adds the nodes of a description that take a value and never give it back: their `AccessType` has Add or Replace, and no Get. They hang
    /// below `base` where they have no `Path`.
    #[must_use]
    pub fn with_description(mut self, base: &NodeUri<'_>, description: &MgmtTree) -> Self {
        let base: Pattern = base.segments().map(|segment| Some(segment.name().into())).collect();
        let mut open: Vec<Pattern> = Vec::new();
        for node in description.nodes() {
            open.truncate(node.depth());
            let mut place = match (open.last(), node.path.as_deref()) {
                (Some(parent), _) => parent.clone(),
                (None, Some(path)) if !path.is_empty() => {
                    names(path).map(|name| (name != "*").then(|| name.into())).collect()
                }
                (None, _) => base.clone(),
            };
            place.push((!node.is_unnamed()).then(|| node.name.as_str().into()));
            let access = node.df.as_ref().and_then(|df| df.access);
            let is_write_only = access.is_some_and(|access| {
                !access.contains(AccessType::GET)
                    && (access.contains(AccessType::ADD) || access.contains(AccessType::REPLACE))
            });
            if is_write_only {
                self.nodes.push(Place { names: place.clone(), is_read: false });
            }
            open.push(place);
        }
        self
    }

    /// Whether a node is one of them, or below one.
    #[must_use]
    pub fn contains(&self, node: &NodeUri<'_>) -> bool {
        let names: Vec<Cow<'_, str>> = node.segments().map(Segment::name).collect();
        self.is_secret(&names)
    }

    /// The address of the first of them whose value the command carries, or has sent back; `None` if there is none. Members of an Atomic or a
    /// Sequence are looked at too.
    #[must_use]
    pub fn found_in(&self, command: &Command<'_>) -> Option<String> {
        let items = command.items().iter();
        let own = match command {
            Command::Add(_) | Command::Replace(_) | Command::Exec(_) => {
                items.filter_map(|item| self.sent_in(command, item)).next()
            }
            Command::Get(_) => items.filter_map(|item| self.asked_for_by(item)).next(),
            _ => None,
        };
        own.or_else(|| command.members().iter().find_map(|member| self.found_in(member)))
    }

    fn sent_in(&self, command: &Command<'_>, item: &Item<'_>) -> Option<String> {
        let text = item.target_uri()?.as_str();
        let (node, query) = split(text);
        if query.is_some_and(|query| query.starts_with("prop=")) {
            return None;
        }
        let target: Vec<Cow<'_, str>> = names(node).collect();
        let here = || Some(node.to_owned());
        if self.is_secret(&target) || carries_provisioning(command, item) {
            return here();
        }
        let data = item.data.as_ref()?;
        let is_tree = carries_tnds(command, item);
        if !is_tree && data.as_nodes().is_none() {
            return None;
        }
        match MgmtTree::from_data(data, item.format_under(command.meta()), &DocumentOptions::default()) {
            Ok(document) => self.found_in_document(&target, &document),
            Err(_) if is_tree => here(),
            Err(_) => None,
        }
    }

    /// Where the nodes of a document come to stand depends on the command, and on how its reader takes a Path: each way is looked at.
    fn found_in_document(&self, target: &[Cow<'_, str>], document: &MgmtTree) -> Option<String> {
        let mut open: Vec<Cow<'_, str>> = Vec::new();
        let mut path: Vec<Cow<'_, str>> = Vec::new();
        for node in document.nodes() {
            open.truncate(node.depth());
            if node.depth() == 0 {
                path = node.path.as_deref().map_or_else(Vec::new, |path| names(path).collect());
            }
            open.push(Cow::Borrowed(node.name.as_str()));
            if node.value.is_none() {
                continue;
            }
            let below = [target, &path, &open].concat();
            let replaced = [target, &open[1..]].concat();
            let whole = [&path[..], &open].concat();
            if [&below, &replaced, &whole].into_iter().any(|names| self.is_secret(names)) {
                return Some(alloc::format!("./{}", below.join("/")));
            }
        }
        None
    }

    fn asked_for_by(&self, item: &Item<'_>) -> Option<String> {
        let (node, query) = split(item.target_uri()?.as_str());
        let target: Vec<Cow<'_, str>> = names(node).collect();
        let is_found = match query {
            None => self.is_secret(&target),
            Some("list=Struct") => false,
            Some(query) if query.starts_with("prop=") => false,
            Some(_) => self.is_secret(&target) || self.is_above(&target),
        };
        is_found.then(|| node.to_owned())
    }

    fn is_secret(&self, names: &[Cow<'_, str>]) -> bool {
        let Some(last) = names.last() else { return false };
        self.leaves.iter().any(|leaf| leaf.eq_ignore_ascii_case(last))
            || self.nodes.iter().any(|node| node.names.len() <= names.len() && agree(&node.names, names))
    }

    /// Whether there may be one below, which is shown with what is around it.
    fn is_above(&self, names: &[Cow<'_, str>]) -> bool {
        let is_below = |node: &Place| node.names.len() > names.len() && agree(&node.names, names);
        self.nodes.iter().any(|node| node.is_read && is_below(node))
    }
}

/// Whether they are the same as far as both go.
fn agree(pattern: &[Option<Box<str>>], names: &[Cow<'_, str>]) -> bool {
    pattern.iter().zip(names).all(|(wanted, name)| {
        // A name that a document leaves open may be any.
        name.is_empty() || wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(name))
    })
}

/// The address of the node, and what follows the `?`.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('?').map_or((text, None), |(node, query)| (node, Some(query)))
}

/// The names in an address, as far as it is one: who takes it more leniently must not find more in it.
fn names(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let segments = text.split('/').filter(|segment| !matches!(*segment, "" | "."));
    segments.map(|text| Segment::parse(text).map_or(Cow::Borrowed(text), Segment::name))
}

/// Whether the Type in force says that the data are a provisioning document, which is what bootstraps are made of.
fn carries_provisioning(command: &Command<'_>, item: &Item<'_>) -> bool {
    let mime = item.meta.iter().chain(command.meta()).find_map(Meta::media_type);
    mime.is_some_and(|mime| {
        let essence = mime.as_str().split(';').next().unwrap_or_default().trim();
        ["application/vnd.wap.connectivity-wbxml", "text/vnd.wap.connectivity-xml"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(essence))
    })
}

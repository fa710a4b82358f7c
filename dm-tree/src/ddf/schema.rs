//! Descriptions compiled for lookups.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::mgmt_tree::{CaseSense, DfProperties, MgmtTree, Node, NodeType, Occurrence, Scope};
use crate::rights::AccessType;
use crate::uri::{NodeUri, Segment};
use crate::value::Format;

/// What the nodes of a tree may be: the descriptions of one device (TND 1.2.1, DDF).
///
/// Finding a description costs two lookups per segment of an address.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The root of the tree is the first.
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The name, not escaped; empty for an unnamed node, and for the root.
    name: Box<str>,
    parent: usize,
    case_sense: CaseSense,
    /// What the document says; `None` for nodes that only lie on a path to one.
    df: Option<Box<DfProperties>>,
    /// Children by their names, and by their names in lower case where case does not count.
    named: BTreeMap<Box<str>, usize>,
    folded: BTreeMap<Box<str>, usize>,
    unnamed: Option<usize>,
    /// In the order of the document.
    children: Vec<usize>,
}

const ROOT: usize = 0;

/// What adding a description has done to the entries, to be undone when it turns out to be of no use.
enum Step {
    /// One more entry.
    New,
    /// An entry has a description.
    Described(usize),
    /// The name of an entry was compared otherwise before.
    Recased(usize, CaseSense),
}

impl Entry {
    fn new(name: &str, parent: usize, case_sense: CaseSense) -> Self {
        Self {
            name: name.into(),
            parent,
            case_sense,
            df: None,
            named: BTreeMap::new(),
            folded: BTreeMap::new(),
            unnamed: None,
            children: Vec::new(),
        }
    }
}

impl Schema {
    /// Describes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { entries: Vec::from([Entry::new("", ROOT, CaseSense::Sensitive)]) }
    }

    /// Adds a description, its nodes hanging where their `Path` says, else from the root. Costs as much as the
    /// description is long, however much is described already.
    ///
    /// # Errors
    ///
    /// A path that is none, or two descriptions of one node; what was described before stays.
    pub fn add(&mut self, description: &MgmtTree) -> Result<(), SchemaError> {
        self.add_at(&NodeUri::ROOT, description)
    }

    /// Adds a description, its nodes hanging below `base` where they have no `Path`: for an object whose place in the
    /// tree is the device's choice.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_at(&mut self, base: &NodeUri<'_>, description: &MgmtTree) -> Result<(), SchemaError> {
        let mut undo = Vec::new();
        let added = self.add_nodes(base, description, &mut undo);
        if added.is_err() {
            self.take_back(undo);
        }
        added
    }

    /// Undoes the steps of a description that cannot be used, the last first.
    fn take_back(&mut self, steps: Vec<Step>) {
        for step in steps.into_iter().rev() {
            match step {
                Step::Described(at) => self.entries[at].df = None,
                Step::Recased(at, former) => self.recase(at, former),
                Step::New => {
                    let at = self.entries.len() - 1;
                    let Some(entry) = self.entries.pop() else { return };
                    let parent = &mut self.entries[entry.parent];
                    parent.children.pop();
                    if entry.name.is_empty() {
                        parent.unnamed = None;
                    } else {
                        parent.named.remove(&entry.name);
                        let key = folded(&entry.name);
                        if parent.folded.get(&key) == Some(&at) {
                            parent.folded.remove(&key);
                        }
                    }
                }
            }
        }
    }

    fn add_nodes(
        &mut self,
        base: &NodeUri<'_>,
        description: &MgmtTree,
        undo: &mut Vec<Step>,
    ) -> Result<(), SchemaError> {
        // The entries of the nodes that are open, from the top.
        let mut open: Vec<usize> = Vec::new();
        for (index, node) in description.nodes().iter().enumerate() {
            open.truncate(node.depth());
            let parent = match open.last() {
                Some(parent) => *parent,
                None => self.place(base, node, undo).ok_or(SchemaError::Path(index))?,
            };
            let at = match node.name.as_str() {
                "." if parent == ROOT => ROOT,
                _ if node.is_unnamed() => self.child(parent, "", undo),
                name => self.child(parent, &resolved(name), undo),
            };
            open.push(at);
            let Some(df) = &node.df else { continue };
            if let Some(case_sense) = df.case_sense
                && self.entries[at].case_sense != case_sense
            {
                undo.push(Step::Recased(at, self.entries[at].case_sense));
                self.recase(at, case_sense);
            }
            if self.entries[at].df.is_some() {
                return Err(SchemaError::Twice(self.description(at).uri()));
            }
            self.entries[at].df = Some(df.clone());
            undo.push(Step::Described(at));
        }
        Ok(())
    }

    /// The entry that a node directly below `MgmtTree` hangs from.
    fn place(&mut self, base: &NodeUri<'_>, node: &Node, undo: &mut Vec<Step>) -> Option<usize> {
        let mut at = ROOT;
        match node.path.as_deref().filter(|path| !path.is_empty()) {
            None => {
                for segment in base.segments() {
                    at = self.child(at, &segment.name(), undo);
                }
            }
            Some(path) => {
                let path = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path);
                if path == "." {
                    return Some(ROOT);
                }
                for segment in path.trim_end_matches('/').split('/') {
                    at = match segment {
                        "." | ".." => return None,
                        "" | "*" => self.child(at, "", undo),
                        name => self.child(at, &resolved(name), undo),
                    };
                }
            }
        }
        Some(at)
    }

    /// The child of this name, new if it must be; the empty name is that of unnamed nodes.
    fn child(&mut self, parent: usize, name: &str, undo: &mut Vec<Step>) -> usize {
        if let Some(at) = self.exact_child(parent, name) {
            return at;
        }
        let at = self.entries.len();
        let case_sense = self.entries[parent].case_sense;
        self.entries.push(Entry::new(name, parent, case_sense));
        let entry = &mut self.entries[parent];
        entry.children.push(at);
        if name.is_empty() {
            entry.unnamed = Some(at);
        } else {
            entry.named.insert(name.into(), at);
            if case_sense == CaseSense::Insensitive {
                // Of two names that differ in case only the first is meant by a third.
                entry.folded.entry(folded(name)).or_insert(at);
            }
        }
        undo.push(Step::New);
        at
    }

    /// Says how the name of an entry is compared.
    fn recase(&mut self, at: usize, case_sense: CaseSense) {
        self.entries[at].case_sense = case_sense;
        let (name, parent) = (self.entries[at].name.clone(), self.entries[at].parent);
        if name.is_empty() {
            return;
        }
        let key = folded(&name);
        let of_parent = &mut self.entries[parent].folded;
        match case_sense {
            CaseSense::Insensitive => {
                of_parent.entry(key).or_insert(at);
            }
            CaseSense::Sensitive if of_parent.get(&key) == Some(&at) => {
                of_parent.remove(&key);
            }
            CaseSense::Sensitive => {}
        }
    }

    fn exact_child(&self, parent: usize, name: &str) -> Option<usize> {
        let entry = &self.entries[parent];
        if name.is_empty() { entry.unnamed } else { entry.named.get(name).copied() }
    }

    /// The entry for a child of that name: one of the name, else an unnamed one.
    fn entry_for(&self, parent: usize, name: &str) -> Option<usize> {
        let entry = &self.entries[parent];
        let named = entry.named.get(name).copied();
        let named = named.or_else(|| match entry.folded.is_empty() {
            true => None,
            false => entry.folded.get(&folded(name)).copied(),
        });
        named.or(entry.unnamed)
    }

    /// What is said of the root of the tree; everything else hangs from it.
    #[must_use]
    pub const fn root(&self) -> Description<'_> {
        self.description(ROOT)
    }

    /// What is said of the node at an address, whether there is such a node or not.
    #[must_use]
    pub fn find(&self, uri: &NodeUri<'_>) -> Described<'_> {
        let mut at = ROOT;
        for segment in uri.segments() {
            match self.description(at).below(&segment.name()) {
                Described::Described(description) => at = description.at,
                other => return other,
            }
        }
        match self.entries[at].df {
            Some(_) => Described::Described(self.description(at)),
            None => Described::Open,
        }
    }

    const fn description(&self, at: usize) -> Description<'_> {
        Description { schema: self, at }
    }
}

impl Default for Schema {
    fn default() -> Self {
        Self::new()
    }
}

/// What a schema says of an address.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Described<'s> {
    /// There may be such a node, and this is what it may be.
    Described(Description<'s>),
    /// There may be no such node: what is described around it has no place for it.
    Excluded,
    /// Nothing is said about it.
    Open,
}

/// What is said of one node.
#[derive(Clone, Copy)]
pub struct Description<'s> {
    schema: &'s Schema,
    at: usize,
}

impl<'s> Description<'s> {
    fn entry(self) -> &'s Entry {
        &self.schema.entries[self.at]
    }

    fn df(self) -> Option<&'s DfProperties> {
        self.entry().df.as_deref()
    }

    /// Its name, not escaped; `None` when it may have any, and for the root.
    #[must_use]
    pub fn name(self) -> Option<&'s str> {
        Some(&*self.entry().name).filter(|name| !name.is_empty())
    }

    /// Whether this is the root of the tree.
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.at == ROOT
    }

    /// Whether a document describes it, rather than something below it only.
    #[must_use]
    pub fn is_described(self) -> bool {
        self.df().is_some()
    }

    /// The commands it takes; all where nothing is said.
    #[must_use]
    pub fn access(self) -> AccessType {
        self.df().and_then(|df| df.access).unwrap_or(AccessType::ALL)
    }

    /// Its format; `node` where only the nodes below it say so, `None` where nothing does.
    #[must_use]
    pub fn format(self) -> Option<Format> {
        let has_children = self.is_root() || !self.entry().children.is_empty();
        self.df().and_then(|df| df.format).or_else(|| has_children.then_some(Format::Node))
    }

    /// How many there may be.
    #[must_use]
    pub fn occurrence(self) -> Occurrence {
        match self.df() {
            Some(df) => df.occurrence.unwrap_or_default(),
            None => Occurrence::ZeroOrMore,
        }
    }

    /// Who decides that it exists.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self.df() {
            _ if self.is_root() => Scope::Permanent,
            Some(df) => df.scope.unwrap_or(Scope::Dynamic),
            None => Scope::Permanent,
        }
    }

    /// How its name is compared.
    #[must_use]
    pub fn case_sense(self) -> CaseSense {
        self.entry().case_sense
    }

    /// What a leaf holds in the beginning.
    #[must_use]
    pub fn default_value(self) -> Option<&'s str> {
        self.df().and_then(|df| df.default_value.as_deref())
    }

    /// The media types of a leaf, or the management object identifier of an interior node.
    #[must_use]
    pub fn node_type(self) -> Option<&'s NodeType> {
        self.df().and_then(|df| df.node_type.as_ref())
    }

    /// All that the document says.
    #[must_use]
    pub fn properties(self) -> Option<&'s DfProperties> {
        self.df()
    }

    /// What may be below it, in the order of the document.
    pub fn children(self) -> impl Iterator<Item = Self> + use<'s> {
        self.entry().children.iter().map(move |at| self.schema.description(*at))
    }

    /// Its parent; the root is its own.
    #[must_use]
    pub fn parent(self) -> Self {
        self.schema.description(self.entry().parent)
    }

    /// The address, with `*` for names that may be any.
    #[must_use]
    pub fn uri(self) -> String {
        let mut names = Vec::new();
        let mut here = self;
        while !here.is_root() {
            names.push(here.name().map_or(Cow::Borrowed("*"), crate::uri::escape));
            here = here.parent();
        }
        let mut uri = String::from(".");
        for name in names.iter().rev() {
            uri.push('/');
            uri.push_str(name);
        }
        uri
    }

    /// What is said of a child of this name, not escaped.
    pub(super) fn below(self, name: &str) -> Described<'s> {
        match self.schema.entry_for(self.at, name) {
            Some(at) => Described::Described(self.schema.description(at)),
            None if self.is_described() && !self.is_root() && !self.entry().children.is_empty() => {
                Described::Excluded
            }
            None => Described::Open,
        }
    }

    /// Children may be added to a node so described: in a tree that is what AccessType Add says of a node.
    pub(super) fn access_in_tree(self) -> AccessType {
        let access = self.access();
        let child_may = self.children().any(|child| child.access().contains(AccessType::ADD));
        if child_may { access | AccessType::ADD } else { access }
    }

    /// Whether names below are compared without case.
    pub(super) fn folds_below(self) -> bool {
        let is_insensitive = |description: Self| description.case_sense() == CaseSense::Insensitive;
        is_insensitive(self) || self.children().any(is_insensitive)
    }

    /// Whether both say the same: they are one place of one schema.
    pub(super) const fn place(self) -> usize {
        self.at
    }
}

impl fmt::Debug for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Description")
            .field("uri", &self.uri())
            .field("properties", &self.df())
            .finish_non_exhaustive()
    }
}

/// The name that a `NodeName` stands for: descriptions have names as they stand in addresses, and as they are.
pub(crate) fn resolved(name: &str) -> Cow<'_, str> {
    match Segment::parse(name) {
        Ok(segment) => segment.name(),
        Err(_) => Cow::Borrowed(name),
    }
}

/// A name as it is compared where case does not count: of ASCII letters only, as a tree does it.
fn folded(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into()
}

/// Why a description cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The `Path` of a node (by its place in the document) is none.
    #[error("the path of node {0} is none")]
    Path(usize),
    /// A node is described twice.
    #[error("{0} is described twice")]
    Twice(String),
}

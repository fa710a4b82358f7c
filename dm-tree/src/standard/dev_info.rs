//! DevInfo: who the device is (StdObj 1.2.1, DevInfo).

use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::{Item, LocUri};

use super::{at_prefix, find, install_fixed, text_of};
use crate::command::Got;
use crate::error::TreeError;
use crate::execute::value_item;
use crate::node::NodeRef;
use crate::tree::Tree;
use crate::uri::NodeUri;
use crate::value::Value;

/// The DevInfo object at `./DevInfo`. Permanent, for servers to read; a client sends it in its first package.
///
/// ```
/// use dm_tree::{DevInfo, Tree};
///
/// let mut tree = Tree::default();
/// let info = DevInfo {
///     dev_id: "IMEI:493005100592800".into(),
///     man: "Example".into(),
///     model: "One".into(),
///     dm_v: "1.0".into(),
///     lang: "en".into(),
/// };
/// info.install(&mut tree)?;
/// assert_eq!(DevInfo::read(&tree), Some(info));
/// # Ok::<(), dm_tree::TreeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[allow(clippy::exhaustive_structs)] // Exactly the mandatory leaves of version 1.0 of the object.
pub struct DevInfo {
    /// `DevId`: a globally unique identifier, a URN such as `IMEI:493005100592800`.
    pub dev_id: String,
    /// `Man`: the manufacturer.
    pub man: String,
    /// `Mod`: the model.
    pub model: String,
    /// `DmV`: the version of the management client.
    pub dm_v: String,
    /// `Lang`: the language tag of the user interface.
    pub lang: String,
}

impl DevInfo {
    /// The management object identifier.
    pub const MO_ID: &'static str = "urn:oma:mo:oma-dm-devinfo:1.0";

    const MO_ID_PREFIX: &'static str = "urn:oma:mo:oma-dm-devinfo:1.";

    /// Puts the object into a tree at `./DevInfo`, or nothing when that fails.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`].
    pub fn install(&self, tree: &mut Tree) -> Result<(), TreeError> {
        self.install_at(tree, ".")
    }

    /// As [`install`](Self::install), below a prefix: for a device of several operating systems.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`].
    pub fn install_at(&self, tree: &mut Tree, prefix: &str) -> Result<(), TreeError> {
        let leaves = [
            ("DevId", &self.dev_id),
            ("Man", &self.man),
            ("Mod", &self.model),
            ("DmV", &self.dm_v),
            ("Lang", &self.lang),
        ];
        let leaves = leaves.map(|(name, text)| (name, Value::chr(text.as_str())));
        install_fixed(tree, &at_prefix(prefix, "DevInfo"), Self::MO_ID, leaves)
    }

    /// Reads the object, wherever it is; of several, that at `./DevInfo`. `None` when there is none, or one of its
    /// leaves is missing.
    #[must_use]
    pub fn read(tree: &Tree) -> Option<Self> {
        Self::read_at(Self::find(tree).next()?)
    }

    /// Reads the object with this top; `None` when one of its leaves is missing.
    #[must_use]
    pub fn read_at(top: NodeRef<'_>) -> Option<Self> {
        Some(Self {
            dev_id: text_of(top, "DevId")?,
            man: text_of(top, "Man")?,
            model: text_of(top, "Mod")?,
            dm_v: text_of(top, "DmV")?,
            lang: text_of(top, "Lang")?,
        })
    }

    /// The tops of all objects of this type, that at `./DevInfo` first.
    pub fn find(tree: &Tree) -> impl Iterator<Item = NodeRef<'_>> {
        find(tree, Self::MO_ID_PREFIX, "./DevInfo")
    }

    /// Every stored leaf of the object that [`read`](Self::read) reads, vendor extensions included, as the items of
    /// the Replace that a client sends in its first package (DM Protocol 1.2.1, package 1).
    #[must_use]
    pub fn items(tree: &Tree) -> Vec<Item<'static>> {
        Self::find(tree).next().map(Self::items_at).unwrap_or_default()
    }

    /// As [`items`](Self::items), of the object with this top.
    #[must_use]
    pub fn items_at(top: NodeRef<'_>) -> Vec<Item<'static>> {
        let leaves = top.walk().filter_map(|node| Some((node.uri(), node.value()?)));
        // An address without white space, as all are that a tree has, is a LocURI.
        let item = |(uri, value): (NodeUri<'_>, _)| {
            Some(value_item(LocUri::new(String::from(uri.as_str())).ok()?, Got::from(value)))
        };
        leaves.filter_map(item).collect()
    }
}

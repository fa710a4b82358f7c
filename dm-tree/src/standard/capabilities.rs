//! What the client offers, as nodes (DM 2.0 RD, HLF-019): a small object of ours, `urn:oma:mo:x-dm-capabilities:1.0`.

use dm_syncml::session::{Capabilities, ClientConfig, Feature};
use dm_syncml::{Data, Item, LocUri};

use super::{DevDetail, at_prefix, find, install_fixed};
use crate::error::TreeError;
use crate::node::NodeRef;
use crate::tree::Tree;
use crate::value::Value;

/// The object at `./x-Capabilities` that tells servers which optional features the client has. Permanent, for servers to read; described by
/// [`ddf::CAPABILITIES`](crate::ddf::CAPABILITIES).
///
/// It is written from the configuration that sessions run by and from the tree itself, and takes `./DevDetail/LrgObj` along, so that nothing in
/// it can be wrong. A server reads it with [`Capabilities::query`], in one list, or as a serialised tree; [`Capabilities::read`] understands
/// what comes.
///
/// ```
/// use dm_syncml::LocUri;
/// use dm_syncml::session::{ClientConfig, Feature};
/// use dm_tree::{CapabilitiesObject, Tree};
///
/// let mut tree = Tree::default();
/// let config = ClientConfig::new(LocUri::new("IMEI:1")?, LocUri::new("https://dm.example.com/")?);
/// let config = config.with_announcement(tree.capabilities());
/// CapabilitiesObject::install(&mut tree, &config)?;
/// let offered = CapabilitiesObject::read(&tree).unwrap();
/// assert_eq!(offered.supports(Feature::Atomic), Some(false), "this configuration does not hand it out");
/// assert_eq!(offered.supports(Feature::ListTnds), Some(true));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_enums)] // No value: what it says are `Capabilities`.
pub enum CapabilitiesObject {}

impl CapabilitiesObject {
    /// The management object identifier.
    pub const MO_ID: &'static str = Capabilities::MO_ID;

    const MO_ID_PREFIX: &'static str = "urn:oma:mo:x-dm-capabilities:1.";

    /// Puts the object into a tree, in place of one that is there, and brings `./DevDetail/LrgObj` in line with it.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`].
    pub fn install(tree: &mut Tree, config: &ClientConfig) -> Result<(), TreeError> {
        Self::install_at(tree, ".", config)
    }

    /// As [`install`](Self::install), below a prefix: for a device of several operating systems.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`].
    pub fn install_at(tree: &mut Tree, prefix: &str, config: &ClientConfig) -> Result<(), TreeError> {
        let capabilities = Capabilities::of(config).over(&tree.capabilities());
        let top = at_prefix(prefix, "x-Capabilities");
        if tree.node(&top).is_some() {
            tree.remove(&top)?;
        }
        let leaves = Capabilities::LEAVES
            .iter()
            .filter_map(|name| Some((*name, Value::chr(capabilities.leaf(name)?))));
        install_fixed(tree, &top, Self::MO_ID, leaves)?;
        let large = at_prefix(prefix, "DevDetail/LrgObj");
        if DevDetail::find(tree).next().is_some() && tree.node(&large).is_some() {
            let offered = capabilities.supports(Feature::LargeObjects) == Some(true);
            tree.set_value(&large, Value::bool(offered))?;
        }
        Ok(())
    }

    /// What the object says; of several, that at `./x-Capabilities`. `None` when there is none.
    #[must_use]
    pub fn read(tree: &Tree) -> Option<Capabilities> {
        Self::find(tree).next().map(Self::read_at)
    }

    /// The tops of all objects of this type, that at `./x-Capabilities` first.
    pub fn find(tree: &Tree) -> impl Iterator<Item = NodeRef<'_>> {
        find(tree, Self::MO_ID_PREFIX, Capabilities::NODE)
    }

    /// What the object with this top says.
    #[must_use]
    pub fn read_at(top: NodeRef<'_>) -> Capabilities {
        let leaf = |name: &&'static str| {
            let text = super::text_of(top, name)?;
            // The names of leaves are the object's own.
            let uri = LocUri::new(alloc::format!("{}/{name}", Capabilities::NODE)).ok()?;
            Some(Item::from(uri).with_data(Data::text(text).ok()?))
        };
        let items: alloc::vec::Vec<_> = Capabilities::LEAVES.iter().filter_map(leaf).collect();
        Capabilities::read(&items)
    }
}

impl Tree {
    /// What this tree does of the commands that sessions hand out to it; for
    /// [`ClientConfig::with_announcement`](dm_syncml::session::ClientConfig::with_announcement). Exec needs a
    /// [handler](crate::Handler): without a single mount there is none.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let does = [
            Feature::Add,
            Feature::Copy,
            Feature::Delete,
            Feature::Get,
            Feature::Replace,
            Feature::ListStruct,
            Feature::ListStructData,
            Feature::ListTnds,
            Feature::SetTnds,
        ];
        does.into_iter()
            .fold(Capabilities::new(), |all, feature| all.with(feature, true))
            .with(Feature::Exec, !self.mounts.is_empty())
    }
}

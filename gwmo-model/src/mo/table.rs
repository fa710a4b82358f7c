//! The nodes of the objects: one table for each, from which everything else is made that knows about nodes.

mod config;
mod fanout;
mod groups;
mod images;
mod inventory;
mod trigger;

use dm_tree::mgmt_tree::{Occurrence, Scope};
use dm_tree::{AccessType, Format, Value};

pub use config::ConfigSlot;
pub use fanout::FanoutSlot;
pub use groups::GroupsSlot;
pub use images::ImagesSlot;
pub use inventory::InventorySlot;
pub use trigger::TriggerSlot;

/// What is said of one node in a table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The names below the top of the object, `*` for one that somebody chooses. The top itself is empty.
    pub(crate) path: &'static str,
    pub(crate) format: Format,
    /// What it takes at all, in whatever state. Add is said of the node that may be added.
    pub(crate) access: AccessType,
    pub(crate) occurrence: Occurrence,
    pub(crate) scope: Scope,
    pub(crate) mime: &'static str,
    pub(crate) text: &'static str,
}

impl Row {
    /// The media type of a leaf.
    pub(crate) const fn mime(&self) -> &'static str {
        if self.mime.is_empty() { Value::DEFAULT_TYPE } else { self.mime }
    }
}

/// The management objects of a gateway.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Object {
    /// How the gateway is set up: [`ConfigSlot`].
    Config,
    /// Its devices: [`InventorySlot`].
    Inventory,
    /// Groups of them: [`GroupsSlot`].
    Groups,
    /// Commands for many of them: [`FanoutSlot`].
    Fanout,
    /// What they may fetch from the gateway: [`ImagesSlot`].
    Images,
    /// Notifications for them: [`TriggerSlot`].
    Trigger,
}

impl Object {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Config, Self::Inventory, Self::Groups, Self::Fanout, Self::Images, Self::Trigger];

    pub(crate) const fn rows(self) -> &'static [Row] {
        match self {
            Self::Config => ConfigSlot::ROWS,
            Self::Inventory => InventorySlot::ROWS,
            Self::Groups => GroupsSlot::ROWS,
            Self::Fanout => FanoutSlot::ROWS,
            Self::Images => ImagesSlot::ROWS,
            Self::Trigger => TriggerSlot::ROWS,
        }
    }

    /// Where it is, and of which type, unless a [`Binding`](super::Binding) says otherwise.
    pub(crate) const fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::Config => ("./GwMO/Config", ConfigSlot::MO_ID),
            Self::Inventory => ("./GwMO/Inventory", InventorySlot::MO_ID),
            Self::Groups => ("./GwMO/Groups", GroupsSlot::MO_ID),
            Self::Fanout => ("./GwMO/Fanout", FanoutSlot::MO_ID),
            Self::Images => ("./GwMO/Images", ImagesSlot::MO_ID),
            Self::Trigger => ("./GwMO/Trigger", TriggerSlot::MO_ID),
        }
    }

    /// The identifier the registry of management objects has for the object of this purpose. Its tree is not public;
    /// [`Binding::announcing_registered`](super::Binding::announcing_registered) puts it on ours.
    #[must_use]
    pub const fn registered_id(self) -> Option<&'static str> {
        match self {
            Self::Config => Some("urn:oma:mo:oma-gwmo-config:1.1"),
            Self::Inventory => Some("urn:oma:mo:oma-gwmo-deviceinventory:1.1"),
            Self::Groups => None,
            Self::Fanout => Some("urn:oma:mo:oma-gwmo-fanout:1.0"),
            Self::Images => Some("urn:oma:mo:oma-gwmo-imageinventory:1.0"),
            Self::Trigger => Some("urn:oma:mo:oma-gwmo-edtrigger:1.0"),
        }
    }
}

/// A node of one of the objects, whatever it is called and wherever it stands.
///
/// Where names above it are chosen by somebody (a job, a device), one key for each of them says which one is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Slot {
    /// Of [`Object::Config`].
    Config(ConfigSlot),
    /// Of [`Object::Inventory`].
    Inventory(InventorySlot),
    /// Of [`Object::Groups`].
    Groups(GroupsSlot),
    /// Of [`Object::Fanout`].
    Fanout(FanoutSlot),
    /// Of [`Object::Images`].
    Images(ImagesSlot),
    /// Of [`Object::Trigger`].
    Trigger(TriggerSlot),
}

impl Slot {
    /// The object it belongs to.
    #[must_use]
    pub const fn object(self) -> Object {
        match self {
            Self::Config(_) => Object::Config,
            Self::Inventory(_) => Object::Inventory,
            Self::Groups(_) => Object::Groups,
            Self::Fanout(_) => Object::Fanout,
            Self::Images(_) => Object::Images,
            Self::Trigger(_) => Object::Trigger,
        }
    }

    /// Its place in the table of its object.
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Config(slot) => slot as usize,
            Self::Inventory(slot) => slot as usize,
            Self::Groups(slot) => slot as usize,
            Self::Fanout(slot) => slot as usize,
            Self::Images(slot) => slot as usize,
            Self::Trigger(slot) => slot as usize,
        }
    }

    pub(crate) fn row(self) -> &'static Row {
        &self.object().rows()[self.index()]
    }

    /// The node at this place in the table of an object.
    pub(crate) const fn at(object: Object, index: usize) -> Self {
        match object {
            Object::Config => Self::Config(ConfigSlot::ALL[index]),
            Object::Inventory => Self::Inventory(InventorySlot::ALL[index]),
            Object::Groups => Self::Groups(GroupsSlot::ALL[index]),
            Object::Fanout => Self::Fanout(FanoutSlot::ALL[index]),
            Object::Images => Self::Images(ImagesSlot::ALL[index]),
            Object::Trigger => Self::Trigger(TriggerSlot::ALL[index]),
        }
    }

    /// All nodes of an object, in the order of its table.
    pub fn of(object: Object) -> impl Iterator<Item = Self> {
        (0..object.rows().len()).map(move |index| Self::at(object, index))
    }

    /// Its format.
    #[must_use]
    pub fn format(self) -> Format {
        self.row().format
    }

    /// The commands it takes at all. A node may take less of them in some states.
    #[must_use]
    pub fn access(self) -> AccessType {
        self.row().access
    }

    /// What it means.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.row().text
    }

    /// The last name of its path: what errors call it.
    pub(crate) fn name(self) -> &'static str {
        let path = self.row().path;
        match path.rfind('/') {
            Some(at) => &path[at + 1..],
            None => path,
        }
    }
}

/// Makes the slots of an object from its table.
///
/// A line is: slot, path, format with the media type if it is not `text/plain`, access, occurrence, scope, meaning.
macro_rules! object_table {
    (
        $(#[$doc:meta])*
        $name:ident = $object:ident $mo_id:literal;
        $($slot:ident $path:literal $format:ident$(($mime:literal))? [$($access:ident)*] $occurrence:ident $scope:ident $text:literal;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum $name {
            $(
                #[doc = concat!("`", $path, "` (", stringify!($format), "; ", stringify!($($access),*), "; ", stringify!($occurrence), "): ", $text)]
                $slot,
            )*
        }

        impl $name {
            /// All of them, parents before their children.
            pub const ALL: &'static [Self] = &[$(Self::$slot),*];

            pub(crate) const MO_ID: &'static str = $mo_id;

            pub(crate) const ROWS: &'static [super::Row] = &[$(
                super::Row {
                    path: $path,
                    format: dm_tree::Format::$format,
                    access: dm_tree::AccessType::NONE$(.union(dm_tree::AccessType::$access))*,
                    occurrence: dm_tree::mgmt_tree::Occurrence::$occurrence,
                    scope: dm_tree::mgmt_tree::Scope::$scope,
                    mime: object_table!(@mime $($mime)?),
                    text: $text,
                }
            ),*];
        }

        impl From<$name> for super::Slot {
            fn from(slot: $name) -> Self {
                Self::$object(slot)
            }
        }
    };
    (@mime) => { "" };
    (@mime $mime:literal) => { $mime };
}
use object_table;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_small_devices_can_spell_them() {
        for object in Object::ALL {
            let mut seen = alloc::collections::BTreeSet::new();
            for slot in Slot::of(object) {
                let row = slot.row();
                assert_eq!((slot.object(), Slot::at(object, slot.index())), (object, slot));
                assert!(seen.insert(row.path), "{} is there twice", row.path);
                if let Some((parent, name)) = row.path.rsplit_once('/') {
                    assert!(seen.contains(parent), "{} comes before its parent", row.path);
                    assert!(name.len() <= 12, "{} is too long a name", row.path);
                }
                assert!(row.path.split('/').count() <= 8, "{} is too deep", row.path);
                assert!(row.text.ends_with('.'), "{}", row.path);
            }
            assert!(object.rows()[0].path.is_empty());
        }
    }
}

//! DevDetail: what the device consists of and can do (StdObj 1.2.1, DevDetail).

use alloc::string::{String, ToString};

use super::{at_prefix, find, install_fixed, text_of};
use crate::error::TreeError;
use crate::node::NodeRef;
use crate::tree::Tree;
use crate::uri::UriLimits;
use crate::value::Value;

/// The DevDetail object at `./DevDetail`. Permanent, for servers to read.
///
/// What it says about addresses (`URI/MaxDepth` and so on) is what the tree enforces: it comes from
/// [`TreeLimits::uri`](crate::TreeLimits::uri).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[allow(clippy::exhaustive_structs)] // Exactly the mandatory leaves of version 1.0 of the object.
pub struct DevDetail {
    /// `DevTyp`: the kind of device.
    pub dev_typ: String,
    /// `OEM`: the original equipment manufacturer.
    pub oem: String,
    /// `FwV`: the firmware version.
    pub fw_v: String,
    /// `SwV`: the software version.
    pub sw_v: String,
    /// `HwV`: the hardware version.
    pub hw_v: String,
    /// `LrgObj`: whether the client takes large objects.
    pub lrg_obj: bool,
}

impl DevDetail {
    /// The management object identifier.
    pub const MO_ID: &'static str = "urn:oma:mo:oma-dm-devdetail:1.0";

    const MO_ID_PREFIX: &'static str = "urn:oma:mo:oma-dm-devdetail:1.";

    /// Puts the object into a tree at `./DevDetail`, or nothing when that fails.
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
        let UriLimits { max_depth, max_tot_len, max_seg_len } = tree.limits().uri;
        let number = |number: u16| Value::chr(number.to_string());
        let leaves = [
            ("URI/MaxDepth", number(max_depth)),
            ("URI/MaxTotLen", number(max_tot_len)),
            ("URI/MaxSegLen", number(max_seg_len)),
            ("DevTyp", Value::chr(self.dev_typ.as_str())),
            ("OEM", Value::chr(self.oem.as_str())),
            ("FwV", Value::chr(self.fw_v.as_str())),
            ("SwV", Value::chr(self.sw_v.as_str())),
            ("HwV", Value::chr(self.hw_v.as_str())),
            ("LrgObj", Value::bool(self.lrg_obj)),
        ];
        install_fixed(tree, &at_prefix(prefix, "DevDetail"), Self::MO_ID, leaves)
    }

    /// Reads the object, wherever it is; of several, that at `./DevDetail`. `None` when there is none, or one of
    /// its leaves is missing.
    #[must_use]
    pub fn read(tree: &Tree) -> Option<Self> {
        Self::read_at(Self::find(tree).next()?)
    }

    /// The tops of all objects of this type, that at `./DevDetail` first.
    pub fn find(tree: &Tree) -> impl Iterator<Item = NodeRef<'_>> {
        find(tree, Self::MO_ID_PREFIX, "./DevDetail")
    }

    /// Reads the object with this top; `None` when one of its leaves is missing.
    #[must_use]
    pub fn read_at(top: NodeRef<'_>) -> Option<Self> {
        Some(Self {
            dev_typ: text_of(top, "DevTyp")?,
            oem: text_of(top, "OEM")?,
            fw_v: text_of(top, "FwV")?,
            sw_v: text_of(top, "SwV")?,
            hw_v: text_of(top, "HwV")?,
            lrg_obj: text_of(top, "LrgObj")? == "true",
        })
    }
}

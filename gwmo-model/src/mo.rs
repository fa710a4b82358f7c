//! The management objects of a gateway: which nodes there are, and what they mean.
//!
//! The object trees of GwMO are not public, so these are this crate's own, under `urn:oma:mo:x-gwmo-*`, the label
//! of the registry for private use. A [`Gateway`](crate::Gateway) serves them; [`console`](crate::console) builds the
//! commands and reads the answers on a server's side.
//!
//! In the tables, `<x>` is a name that somebody chose; access is what a node takes at all, whoever asks.
//!
//! # `./GwMO/Inventory` ([`INVENTORY_MO`]): GwMO-DI-001 to 005
//!
//! | node | format | access | meaning |
//! |---|---|---|---|
//! | `Summary/Rev` | int | Get | changes with any record; modulo 2³¹ |
//! | `Summary/Total`, `Attached`, `Detached` | int | Get | how many devices |
//! | `Devices/<serial>` | node | Get | a device, under the number the gateway gave it |
//! | `Devices/<serial>/DevID` | chr | Get | what it calls itself |
//! | `Devices/<serial>/AttachStatus` | int | Get | 1 attached, 2 detached |
//! | `Devices/<serial>/Epoch` | chr | Get | its count of attachments, decimal |
//! | `Devices/<serial>/Mode` | int | Get | 2: the gateway manages it as a proxy |
//! | `Devices/<serial>/Proto` | chr | Get | what it speaks, if known |
//! | `Devices/<serial>/Addr/Local`, `Public` | chr | Get | its addresses, if known |
//! | `Devices/<serial>/Info/Man`, `Mod`, `Hw`, `Fw`, `Sw` | chr | Get | what it is, as far as known |
//! | `Devices/<serial>/Mgmt` | null | Get | the anchor of rights: a job may send command C to the device only if its owner holds C in the ACL in force here. Copy needs Get, Add and Replace |
//! | `Page/<serial>` | chr | Get | the devices from this serial on, one a line `serial;DevID;AttachStatus`, as many as fit. Go on after the last serial until a page is empty |
//! | `Alerts/<server>/Attached`, `EachTime`, `Detached` | bool | Get, Replace | which alerts about devices the server wants: new ones, ones that come back too, ones that go |
//!
//! # `./GwMO/Groups` ([`GROUPS_MO`]): GwMO-Group-001
//!
//! | node | format | access | meaning |
//! |---|---|---|---|
//! | `<id>` | node | Get, Add, Delete | a group, at most 64 octets. `*` is reserved and means every device |
//! | `<id>/Members/<x>` | chr | Get, Add, Delete | the DevID of a member, registered or not |
//! | `<id>/List` | chr | Get, Replace | the DevIDs of all members, one a line; Replace makes these the members, under the names `1` to `n` |
//! | `<id>/Count`, `Rev` | int | Get | members; changes with them, modulo 2³¹ |
//!
//! # `./GwMO/Fanout` ([`FANOUT_MO`]): GwMO-FORA-001 and 002
//!
//! | node | format | access | meaning |
//! |---|---|---|---|
//! | `Jobs/<x>` | node | Get, Add, Delete | a job: at first a draft. The name, at most 64 octets, is chosen by the server, and adding it again is answered 418, so a repeated Add does no harm. Deleted as a draft or when it is over, else 405 |
//! | `…/JobID`, `…/Owner` | chr | Get | the name; the server that added it and whose rights count |
//! | `…/Target/Dev/<x>`, `Not/<x>` | chr | Get, Add, Delete | DevIDs of devices that are meant, and that are not |
//! | `…/Target/Group/<x>` | chr | Get, Add, Delete | names of groups |
//! | `…/Ops/<n>` | node | Get, Add, Delete | an operation; they run in the order of their numbers, from 1 |
//! | `…/Ops/<n>/Cmd` | bin, xml | Get, Add, Replace, Delete | one Get, Add, Replace, Delete, Exec or Copy as a SyncML document, WBXML or XML: `SyncML` around a `SyncBody`, a `SyncBody`, or the command alone. Checked when written |
//! | `…/Policy/Window` | int | Get, Replace | most devices in flight; may be changed while the job runs |
//! | `…/Policy/TNotify`, `TSession`, `RetryWait`, `JobTime` | int | Get, Replace | seconds: until a notified device comes, of silence in a session, before the first retry, for all |
//! | `…/Policy/Retries` | int | Get, Replace | further attempts |
//! | `…/Policy/Offline` | int | Get, Replace | detached devices: 0 are skipped, 2 are waited for, 3 are notified all the same |
//! | `…/Policy/Unsafe` | int | Get, Replace | an Exec that may have run: 0 ends indeterminate, 1 is sent again |
//! | `…/Start` | null | Exec | checks everything, then begins: 202, and 200 if it had begun. The Correlator comes back in the completion alert. Refused, it touches no device: 412 nothing to do or nobody named, 406 a device or group that is not known, 425 a group that is not the owner's to read |
//! | `…/Cancel` | null | Exec | 202, and 200 if it is over |
//! | `…/State` | int | Get | [`JobState::number`](crate::JobState::number) |
//! | `…/Result` | int | Get | 0, or the [`ResultCode`](crate::ResultCode) at the end; 1402 or 1403 after a refused Start |
//! | `…/Stat/Total`, `Queued`, `Flight`, `Ok`, `Failed`, `Refused`, `Unreachable`, `Timeout`, `Skipped`, `Cancelled`, `Unknown` | int | Get | how many devices stand where; all but the first add up to it |
//! | `…/Out/Sum` | chr | Get | the aggregated result, one outcome a line `State;Code;count;serials` with runs of serials as `4-7 9`, the largest first. A last line `+` says that more did not fit |
//! | `…/Out/Page/<serial>` | chr | Get | the records from this serial on, one a line `serial;DevID;State;Code;Tries`, as many as fit |
//! | `…/Out/Rec/<serial>/DevID`, `State`, `Code`, `Tries` | chr, int | Get | one device: [`TargetState::number`](crate::TargetState::number), its code (0 before its end), attempts |
//! | `…/Out/Rec/<serial>/Op/<n>/Code` | int | Get | the device's Status for an operation; 0 without one |
//! | `…/Out/Rec/<serial>/Op/<n>/Fmt`, `Type`, `Data`, `Cut` | chr, chr, bin, int | Get | what a Get returned, and its size if it was cut. Several items are one SyncML document in WBXML with one `Results` |
//!
//! From Start on a job is frozen, except `Policy/Window`: 405.
//!
//! # Rights
//!
//! Reading the objects is granted to the servers the gateway answers to, adding groups and jobs too. What a server
//! adds is its own: the ACL of the new node names it and nobody else, and it may replace that. To the devices every
//! such server has every right, until the ACL of `Devices`, of a device or of its `Mgmt` says otherwise; rights are
//! asked for when a device is notified and again when commands leave, so what is taken away while a job runs holds.
//!
//! # Alerts
//!
//! Generic alerts (1226) to a server; the type of each is a constant here.
//!
//! | type | Source | Mark | Format | Data |
//! |---|---|---|---|---|
//! | [`DEVICE_ATTACHED`] | `Devices/<serial>` | informational | chr | `DevID;Mode;Epoch;first` with first 0 or 1 |
//! | [`DEVICE_DETACHED`] | `Devices/<serial>` | warning | chr | `DevID;reason` with reason left, timeout, moved or forgotten |
//! | [`COMPLETION_STATUS`] | `Jobs/<x>` | informational, or warning if not every device is ok | int | 1200, 1201 or 1202, and the Correlator of Start |

mod fanout;
mod groups;
mod inventory;
mod job;
mod limits;
mod operation;
pub(crate) mod paths;

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Instant, StatusCode};
use dm_tree::{
    Children, Context, ExecReply, Format, Handler, Handlers, MountId, NewNode, NoAnswer, NodeFacts, ServerId,
    Tree, TreeError, Value,
};

use crate::fanout::Fanout;
use crate::group::Groups;
use crate::inventory::Inventory;
use crate::outbox::Outbox;

pub(crate) use fanout::STATS;
pub(crate) use job::{Jobs, POLICY_LEAVES, policy_value};
pub use limits::ObjectLimits;

/// The type of `./GwMO/Inventory`.
pub const INVENTORY_MO: &str = "urn:oma:mo:x-gwmo-deviceinventory:1.0";
/// The type of `./GwMO/Groups`.
pub const GROUPS_MO: &str = "urn:oma:mo:x-gwmo-devicegroup:1.0";
/// The type of `./GwMO/Fanout`.
pub const FANOUT_MO: &str = "urn:oma:mo:x-gwmo-fanout:1.0";
/// The type of the alert that a device is there.
pub const DEVICE_ATTACHED: &str = "urn:oma:at:x-gwmo:deviceattached:1.1";
/// The type of the alert that a device is gone.
pub const DEVICE_DETACHED: &str = "urn:oma:at:x-gwmo:devicedetached:1.0";
/// The type of the alert that a job is over.
pub const COMPLETION_STATUS: &str = "urn:oma:at:x-gwmo:completionstatus:1.0";

/// The value of `Mode` for a device that the gateway manages as a proxy, which all are.
pub(crate) const MODE_PROXY: u32 = 2;

/// The machines behind the objects, and what servers wrote into the objects.
#[derive(Debug)]
pub(crate) struct Objects {
    /// When the command came that is being executed.
    pub(crate) now: Instant,
    pub(crate) inventory: Inventory,
    pub(crate) groups: Groups,
    pub(crate) fanout: Fanout,
    pub(crate) outbox: Outbox,
    pub(crate) jobs: Jobs,
    /// The servers the gateway answers to.
    pub(crate) servers: BTreeSet<ServerId>,
    members: groups::MemberNames,
    limits: ObjectLimits,
    mounts: Mounts,
}

#[derive(Clone, Copy, Debug)]
struct Mounts {
    inventory: MountId,
    groups: MountId,
    fanout: MountId,
}

/// Which of the objects a node belongs to.
#[derive(Clone, Copy, Debug)]
enum Object {
    Inventory,
    Groups,
    Fanout,
}

/// A leaf that is computed when asked for.
struct Leaf {
    format: Format,
    text: String,
}

impl Leaf {
    fn int(number: u32) -> Self {
        Self { format: Format::Int, text: number.to_string() }
    }

    const fn chr(text: String) -> Self {
        Self { format: Format::Chr, text }
    }
}

/// A revision as an `int` node shows it, which has 32 bits with a sign.
const fn rev_number(rev: u64) -> u32 {
    (rev & 0x7fff_ffff) as u32
}

impl Objects {
    /// Mounts the objects in a tree.
    pub(crate) fn new(
        tree: &mut Tree,
        inventory: Inventory,
        groups: Groups,
        fanout: Fanout,
        outbox: Outbox,
        limits: ObjectLimits,
    ) -> Result<Self, TreeError> {
        let mounts = Mounts {
            inventory: tree.mount(paths::INVENTORY)?,
            groups: tree.mount(paths::GROUPS)?,
            fanout: tree.mount(paths::FANOUT)?,
        };
        Ok(Self {
            now: Instant::EPOCH,
            inventory,
            groups,
            fanout,
            outbox,
            jobs: Jobs::default(),
            servers: BTreeSet::new(),
            members: groups::MemberNames::default(),
            limits,
            mounts,
        })
    }

    fn object(&self, mount: MountId) -> Option<Object> {
        let Mounts { inventory, groups, fanout } = self.mounts;
        match mount {
            _ if mount == inventory => Some(Object::Inventory),
            _ if mount == groups => Some(Object::Groups),
            _ if mount == fanout => Some(Object::Fanout),
            _ => None,
        }
    }
}

impl Handlers for Objects {
    fn handler(&mut self, mount: MountId) -> Option<&mut dyn Handler> {
        self.object(mount).is_some().then_some(self)
    }
}

impl Handler for Objects {
    fn node(&mut self, cx: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match self.object(cx.mount())? {
            Object::Inventory => self.inventory_node(path),
            Object::Groups => self.groups_node(path),
            Object::Fanout => self.fanout_node(path),
        }
    }

    fn get(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        let done = match self.object(cx.mount()).ok_or(StatusCode::NOT_FOUND)? {
            Object::Inventory => {
                self.inventory_value(path).map(String::into_bytes).ok_or(StatusCode::NOT_FOUND)
            }
            Object::Groups => self.groups_value(path).map(String::into_bytes),
            Object::Fanout => self.fanout_value(path),
        };
        Ok(done?)
    }

    fn children(&mut self, cx: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        match self.object(cx.mount()).ok_or(StatusCode::NOT_FOUND)? {
            Object::Inventory => self.inventory_children(path, out),
            Object::Groups => self.groups_children(path, out),
            Object::Fanout => self.fanout_children(path, out),
        }
        Ok(())
    }

    fn replace(&mut self, cx: &Context<'_>, path: &[&str], value: &Value) -> Result<(), NoAnswer> {
        let done = match self.object(cx.mount()).ok_or(StatusCode::NOT_FOUND)? {
            Object::Inventory => self.inventory_replace(path, value),
            Object::Groups => self.groups_replace(path, value),
            Object::Fanout => self.fanout_replace(path, value),
        };
        Ok(done?)
    }

    fn add(&mut self, cx: &Context<'_>, path: &[&str], new: &NewNode) -> Result<(), NoAnswer> {
        let done = match self.object(cx.mount()).ok_or(StatusCode::NOT_FOUND)? {
            Object::Inventory => Err(StatusCode::NOT_ALLOWED),
            Object::Groups => self.groups_add(path, new),
            Object::Fanout => self.fanout_add(cx, path, new),
        };
        Ok(done?)
    }

    fn delete(&mut self, cx: &Context<'_>, path: &[&str]) -> Result<(), NoAnswer> {
        let done = match self.object(cx.mount()).ok_or(StatusCode::NOT_FOUND)? {
            Object::Inventory => Err(StatusCode::NOT_ALLOWED),
            Object::Groups => self.groups_delete(path),
            Object::Fanout => self.fanout_delete(path),
        };
        Ok(done?)
    }

    fn exec(&mut self, cx: &Context<'_>, path: &[&str], _: &[u8]) -> ExecReply {
        match self.object(cx.mount()) {
            Some(Object::Fanout) => self.fanout_exec(cx, path),
            _ => ExecReply::Done(StatusCode::NOT_ALLOWED),
        }
    }
}

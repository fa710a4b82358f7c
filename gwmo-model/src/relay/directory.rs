//! What a relay has to be told about devices and servers.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_notification::Credential;
use dm_tree::ServerId;

use crate::{DeviceId, GroupId, Mode, Serial};

/// What a relay asks of those who know: the inventory, the groups, the accounts, and who chooses modes.
pub trait RelayDirectory {
    /// Whether the gateway, or a device behind it, is known to be bootstrapped to this server.
    fn knows_server(&self, server: &ServerId) -> bool;

    /// The serial of a registered device.
    fn serial_of(&self, device: &DeviceId) -> Option<Serial>;

    /// The registered members of a group, in ascending order; `None` if there is no such group.
    fn members_of(&self, group: &GroupId) -> Option<Vec<Serial>>;

    /// What there is to know of a registered device.
    fn recipient(&self, device: Serial) -> Option<Recipient>;

    /// What the gateway shares with this server and this device, if it holds their account.
    fn shared_account(&self, device: Serial, server: &ServerId) -> Option<SharedAccount<'_>>;

    /// Whether this server may have this device notified. Everybody who is known may, unless said otherwise.
    fn may_notify(&self, server: &ServerId, device: Serial) -> bool {
        let _ = (server, device);
        true
    }
}

/// A device, as far as it matters to who wants to notify it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Recipient {
    /// What it calls itself.
    pub id: DeviceId,
    /// The mode in force: notifications of servers go through in transparent mode only.
    pub mode: Mode,
    /// Whether it can be reached now.
    pub reach: Reach,
}

impl Recipient {
    /// A device.
    #[must_use]
    pub const fn new(id: DeviceId, mode: Mode, reach: Reach) -> Self {
        Self { id, mode, reach }
    }
}

/// Whether a device can be reached now.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reach {
    /// Yes, here; `None` if the transport finds it by its identifier.
    At(Option<String>),
    /// No: it is detached, or asleep.
    Away,
}

/// The account of a server on a device, as far as a gateway that shares it needs it: what the server signs its
/// notifications with. `Debug` shows no secret.
#[derive(Clone, Copy)]
pub struct SharedAccount<'a> {
    pub(super) credential: &'a Credential,
    pub(super) nonce: &'a [u8],
}

impl<'a> SharedAccount<'a> {
    /// The server's credential, and the nonce it signs with next, as raw octets.
    #[must_use]
    pub const fn new(credential: &'a Credential, nonce: &'a [u8]) -> Self {
        Self { credential, nonce }
    }
}

impl fmt::Debug for SharedAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedAccount").field("credential", self.credential).finish_non_exhaustive()
    }
}

//! What a device lets a bootstrap do.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use dm_notification::bootstrap::MIN_PIN_DIGITS;

use super::proof::ProofSet;
use crate::server_id::ServerId;

/// What a device lets a bootstrap do. The standard leaves all of this to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootstrapPolicy {
    /// The proofs that are taken. Default all; [`ProofSet::NETWORK`] alone keeps nobody out who knows the IMSI, so
    /// take it out where the network does not keep pushes of others away.
    pub proofs: ProofSet,
    /// The fewest digits of a PIN with check digits. Default [`MIN_PIN_DIGITS`].
    pub min_pin_digits: usize,
    /// The servers that may be bootstrapped (DM 2.0 RD HLF-015); `None`: any that can prove itself. Default `None`.
    pub servers: Option<BTreeSet<ServerId>>,
    /// What becomes of the account of a server that is known. Default [`KnownServer::Replace`]: a server that lost
    /// its nonces or secrets may bootstrap the device again.
    pub known_server: KnownServer,
    /// Servers that the device may know, those in the tree included. Default 8.
    pub max_accounts: usize,
    /// Where accounts go that have no place yet: below this node, which becomes a permanent one if it is not there.
    /// Default `./DMAcc`.
    pub accounts: String,
    /// Whether a server gets Get, Replace and Delete on its account where the message says nothing of it. Default
    /// yes. A provisioning document never says anything.
    pub grant: bool,
    /// Objects of the DM profile other than accounts, and where they go. Default none: they are passed over.
    pub placements: Vec<Placement>,
}

/// What becomes of the account of a server that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KnownServer {
    /// It is replaced, in its place.
    Replace,
    /// The whole message is refused.
    Refuse,
}

/// Where objects of a kind go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placement {
    /// The beginning of the management object identifier, up to the versions that the device supports.
    pub mo_id: String,
    /// The node below which they go.
    pub parent: String,
}

impl Placement {
    /// Objects whose identifier begins with `mo_id` go below `parent`.
    #[must_use]
    pub fn new(mo_id: impl Into<String>, parent: impl Into<String>) -> Self {
        Self { mo_id: mo_id.into(), parent: parent.into() }
    }
}

impl Default for BootstrapPolicy {
    fn default() -> Self {
        Self {
            proofs: ProofSet::ALL,
            min_pin_digits: MIN_PIN_DIGITS,
            servers: None,
            known_server: KnownServer::Replace,
            max_accounts: 8,
            accounts: "./DMAcc".into(),
            grant: true,
            placements: Vec::new(),
        }
    }
}

impl BootstrapPolicy {
    /// The same with other proofs.
    #[must_use]
    pub const fn with_proofs(mut self, proofs: ProofSet) -> Self {
        self.proofs = proofs;
        self
    }

    /// The same with another fewest number of digits.
    #[must_use]
    pub const fn with_min_pin_digits(mut self, digits: usize) -> Self {
        self.min_pin_digits = digits;
        self
    }

    /// The same for these servers only.
    #[must_use]
    pub fn with_servers(mut self, servers: impl IntoIterator<Item = ServerId>) -> Self {
        self.servers = Some(servers.into_iter().collect());
        self
    }

    /// The same with another way with servers that are known.
    #[must_use]
    pub const fn with_known_server(mut self, known: KnownServer) -> Self {
        self.known_server = known;
        self
    }

    /// The same with another number of servers.
    #[must_use]
    pub const fn with_max_accounts(mut self, accounts: usize) -> Self {
        self.max_accounts = accounts;
        self
    }

    /// The same with another place for accounts.
    #[must_use]
    pub fn with_accounts(mut self, parent: impl Into<String>) -> Self {
        self.accounts = parent.into();
        self
    }

    /// The same with rights granted or not.
    #[must_use]
    pub const fn with_grant(mut self, grant: bool) -> Self {
        self.grant = grant;
        self
    }

    /// The same with one more kind of object.
    #[must_use]
    pub fn with_placement(mut self, placement: Placement) -> Self {
        self.placements.push(placement);
        self
    }
}

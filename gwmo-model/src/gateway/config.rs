//! What a gateway is told at its start.

use dm_syncml::session::{LockoutPolicy, ServerConfig};
use dm_tree::{ServerId, TreeLimits};

use crate::adaptation::AdaptationConfig;
use crate::device_bootstrap::DeviceBootstrapConfig;
use crate::fanout::FanoutLimits;
use crate::group::GroupLimits;
use crate::image::ImageConfig;
use crate::inventory::InventoryConfig;
use crate::mo::{Binding, ObjectLimits};
use crate::mode::{Mode, Modes};
use crate::outbox::OutboxConfig;
use crate::peers::PeersConfig;
use crate::relay::RelayConfig;
use crate::trigger::TriggerLimits;

use super::ConfidentialityPolicy;

/// How a gateway is set up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct GatewayConfig {
    /// Who the gateway is to its devices, as their DM server: what they have in their accounts as `ServerID`, and
    /// what their ACLs name.
    pub server_id: ServerId,
    /// How the gateway behaves in sessions with devices.
    pub session: ServerConfig,
    /// The inventory.
    pub inventory: InventoryConfig,
    /// The groups.
    pub groups: GroupLimits,
    /// The fanout.
    pub fanout: FanoutLimits,
    /// The alerts to servers.
    pub outbox: OutboxConfig,
    /// What servers may keep in the objects.
    pub objects: ObjectLimits,
    /// Where the objects are and how their nodes are called. Default [`Binding::ours`].
    pub binding: Binding,
    /// Images that devices fetch from the gateway. Default: at the address of the gateway, below `images/`.
    pub images: ImageConfig,
    /// Notifications of servers that are passed on.
    pub relay: RelayConfig,
    /// Notifications that servers ask for in a session.
    pub triggers: TriggerLimits,
    /// Devices that adapters speak for.
    pub adaptation: AdaptationConfig,
    /// Bootstraps of devices.
    pub bootstrap: DeviceBootstrapConfig,
    /// Servers learnt from devices.
    pub peers: PeersConfig,
    /// The modes that the gateway supports. Default all of them.
    pub modes: Modes,
    /// The mode of devices that nothing else decides for. Default [`Mode::Proxy`].
    pub default_mode: Mode,
    /// Most shared accounts of servers. Default 64.
    pub max_accounts: usize,
    /// Whether a server may have groups made of what its jobs came to ([`GroupsSlot::FromJob`](crate::mo::GroupsSlot::FromJob)), to follow
    /// that up. A policy; default no.
    pub outcome_groups: bool,
    /// Where chance is wanted and nobody has to fear it (pauses of devices that come back). Default 0.
    pub seed: u64,
    /// What the tree may hold, when the gateway is [restored](crate::Gateway::restore); a new one is given its tree.
    pub tree: TreeLimits,
    /// Sessions.
    pub sessions: SessionLimits,
    /// When peers that show wrong credentials get no more challenges, by the origin of their messages and the device they claim to be.
    pub lockout: LockoutPolicy,
    /// What is secret, and over which legs it may go in clear. Default: over none.
    pub confidentiality: ConfidentialityPolicy,
}

impl GatewayConfig {
    /// The defaults, for a gateway that its devices know as `server_id` at the address in `session`.
    #[must_use]
    pub fn new(server_id: ServerId, session: ServerConfig) -> Self {
        let address = session.address.as_str().trim_end_matches('/');
        Self {
            images: ImageConfig::new(&alloc::format!("{address}/images/")),
            relay: RelayConfig::default(),
            triggers: TriggerLimits::default(),
            adaptation: AdaptationConfig::default(),
            bootstrap: DeviceBootstrapConfig::new(server_id.clone(), address),
            peers: PeersConfig::default(),
            modes: Modes::ALL,
            default_mode: Mode::Proxy,
            max_accounts: 64,
            outcome_groups: false,
            seed: 0,
            tree: TreeLimits::default(),
            server_id,
            session,
            inventory: InventoryConfig::default(),
            groups: GroupLimits::default(),
            fanout: FanoutLimits::default(),
            outbox: OutboxConfig::default(),
            objects: ObjectLimits::default(),
            binding: Binding::ours(),
            sessions: SessionLimits::default(),
            lockout: LockoutPolicy::DEFAULT,
            confidentiality: ConfidentialityPolicy::default(),
        }
    }

    /// Sets [`inventory`](Self::inventory).
    #[must_use]
    pub const fn with_inventory(mut self, config: InventoryConfig) -> Self {
        self.inventory = config;
        self
    }

    /// Sets [`groups`](Self::groups).
    #[must_use]
    pub const fn with_groups(mut self, limits: GroupLimits) -> Self {
        self.groups = limits;
        self
    }

    /// Sets [`fanout`](Self::fanout).
    #[must_use]
    pub const fn with_fanout(mut self, limits: FanoutLimits) -> Self {
        self.fanout = limits;
        self
    }

    /// Sets [`outbox`](Self::outbox).
    #[must_use]
    pub const fn with_outbox(mut self, config: OutboxConfig) -> Self {
        self.outbox = config;
        self
    }

    /// Sets [`objects`](Self::objects).
    #[must_use]
    pub const fn with_objects(mut self, limits: ObjectLimits) -> Self {
        self.objects = limits;
        self
    }

    /// Sets [`binding`](Self::binding).
    #[must_use]
    pub fn with_binding(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// Sets [`images`](Self::images).
    #[must_use]
    pub fn with_images(mut self, config: ImageConfig) -> Self {
        self.images = config;
        self
    }

    /// Sets [`relay`](Self::relay).
    #[must_use]
    pub const fn with_relay(mut self, config: RelayConfig) -> Self {
        self.relay = config;
        self
    }

    /// Sets [`triggers`](Self::triggers).
    #[must_use]
    pub const fn with_triggers(mut self, limits: TriggerLimits) -> Self {
        self.triggers = limits;
        self
    }

    /// Sets [`adaptation`](Self::adaptation).
    #[must_use]
    pub const fn with_adaptation(mut self, config: AdaptationConfig) -> Self {
        self.adaptation = config;
        self
    }

    /// Sets [`bootstrap`](Self::bootstrap).
    #[must_use]
    pub fn with_bootstrap(mut self, config: DeviceBootstrapConfig) -> Self {
        self.bootstrap = config;
        self
    }

    /// Sets [`peers`](Self::peers).
    #[must_use]
    pub const fn with_peers(mut self, config: PeersConfig) -> Self {
        self.peers = config;
        self
    }

    /// Sets [`modes`](Self::modes) and [`default_mode`](Self::default_mode).
    #[must_use]
    pub const fn with_modes(mut self, supported: Modes, default: Mode) -> Self {
        self.modes = supported;
        self.default_mode = default;
        self
    }

    /// Sets [`outcome_groups`](Self::outcome_groups).
    #[must_use]
    pub const fn with_outcome_groups(mut self, on: bool) -> Self {
        self.outcome_groups = on;
        self
    }

    /// Sets [`tree`](Self::tree).
    #[must_use]
    pub const fn with_tree(mut self, limits: TreeLimits) -> Self {
        self.tree = limits;
        self
    }

    /// Sets [`seed`](Self::seed).
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets [`lockout`](Self::lockout).
    #[must_use]
    pub const fn with_lockout(mut self, policy: LockoutPolicy) -> Self {
        self.lockout = policy;
        self
    }

    /// Sets [`confidentiality`](Self::confidentiality).
    #[must_use]
    pub fn with_confidentiality(mut self, policy: ConfidentialityPolicy) -> Self {
        self.confidentiality = policy;
        self
    }

    /// Sets [`sessions`](Self::sessions).
    #[must_use]
    pub const fn with_sessions(mut self, limits: SessionLimits) -> Self {
        self.sessions = limits;
        self
    }
}

/// How many sessions with devices a gateway keeps.
///
/// A session is also over when its device is silent for [`ServerConfig::idle`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SessionLimits {
    /// Most sessions with devices that have proved themselves; those that are over count while they remember their
    /// last answer. Beyond it the one nearest to its timeout is given up. 0 counts as 1. Default 4 096, many times
    /// the default window of a fanout; an idle one takes some kilobytes.
    pub max_proven: usize,
    /// Most sessions with peers that have not proved themselves, known or not. Beyond it the oldest is given up; a
    /// device whose session it was begins anew. 0 counts as 1. Default 1 024.
    pub max_unproven: usize,
    /// Most alerts in the first package of a session with a server; what remains waits for the next, which follows at once when the server took
    /// some. 0 counts as 1. Default 100: about 20 KiB, which fits the usual MaxMsgSize.
    pub max_alerts: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { max_proven: 4096, max_unproven: 1024, max_alerts: 100 }
    }
}

impl SessionLimits {
    /// Sets [`max_proven`](Self::max_proven).
    #[must_use]
    pub const fn with_max_proven(mut self, max: usize) -> Self {
        self.max_proven = max;
        self
    }

    /// Sets [`max_alerts`](Self::max_alerts).
    #[must_use]
    pub const fn with_max_alerts(mut self, max: usize) -> Self {
        self.max_alerts = max;
        self
    }

    /// Sets [`max_unproven`](Self::max_unproven).
    #[must_use]
    pub const fn with_max_unproven(mut self, max: usize) -> Self {
        self.max_unproven = max;
        self
    }
}

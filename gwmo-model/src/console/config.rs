//! The settings of a gateway.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::{Command, Item};
use dm_tree::ServerId;

use super::Console;
use super::build::{add, replace, seconds};
use super::read::{ReadError, Values};
use crate::account_scope::AccountScope;
use crate::device::DeviceId;
use crate::group::GroupId;
use crate::mo::ConfigSlot as Node;
use crate::mode::{Mode, ModeRule, Modes};
use crate::outbox::Subscription;
use crate::peers::PeerState;
use crate::selector::Selector;

/// How much a gateway can do. A server reads it before it sends large jobs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GatewayCapacity {
    /// Devices.
    pub max_devices: u32,
    /// Groups.
    pub max_groups: u32,
    /// Jobs of all servers.
    pub max_jobs: u32,
    /// Devices of one job.
    pub max_targets: u32,
    /// Operations of one job.
    pub max_ops: u32,
    /// Devices notified or in session at a time, for all jobs.
    pub max_in_flight: u32,
    /// Octets kept of what a device answers to one operation.
    pub max_result: u32,
    /// Octets of a page.
    pub max_page: u32,
}

const CAPACITY: [Node; 8] = [
    Node::LimitsMaxDevices,
    Node::LimitsMaxGroups,
    Node::LimitsMaxJobs,
    Node::LimitsMaxTargets,
    Node::LimitsMaxOps,
    Node::LimitsMaxInFlight,
    Node::LimitsMaxResult,
    Node::LimitsMaxPage,
];

/// How a gateway is set up.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct GatewaySettings {
    /// What it calls itself.
    pub gateway: ServerId,
    /// Changes with any of the settings, modulo 2³¹.
    pub rev: u64,
    /// Its publicly routable address.
    pub address: Option<String>,
    /// The modes it can manage devices in.
    pub supported: Modes,
    /// The mode of devices that no rule matches.
    pub default_mode: Mode,
    /// When a device counts as attached.
    pub presence: PresenceSettings,
    /// Whether it may ask servers for a bootstrap by itself.
    pub asks_peers: bool,
    /// Whether devices are bootstrapped to it.
    pub boots_to_gateway: bool,
    /// Whether devices are bootstrapped to servers.
    pub boots_to_servers: bool,
}

/// When a device counts as attached.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PresenceSettings {
    /// How long a change must hold before it counts.
    pub debounce: Duration,
    /// After how much time without a sign of life a device is detached; `None` for never.
    pub lifetime: Option<Duration>,
    /// How long the record of a detached device is kept; `None` for ever.
    pub keep_gone: Option<Duration>,
}

/// Servers that devices know and the gateway does not.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct PeerList {
    /// Whether the gateway may ask those that are allowed.
    pub auto: bool,
    /// Those that are allowed.
    pub allowed: Vec<ServerId>,
    /// Those that were learnt of.
    pub known: Vec<PeerLine>,
}

/// A server that was learnt of.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerLine {
    /// The server.
    pub server: ServerId,
    /// Where the gateway stands with it.
    pub state: PeerState,
    /// The device it was learnt from; `None` when that was forgotten.
    pub from: Option<DeviceId>,
}

const PEER_STATES: [PeerState; 4] =
    [PeerState::Seen, PeerState::Requested, PeerState::Bootstrapped, PeerState::Refused];

const SETTINGS: [Node; 11] = [
    Node::GwId,
    Node::Rev,
    Node::PubAddr,
    Node::ModesSupported,
    Node::ModesDefault,
    Node::PresenceDebounce,
    Node::PresenceLifetime,
    Node::PresenceKeepGone,
    Node::PeersAuto,
    Node::BootToGateway,
    Node::BootToServer,
];

impl Console {
    /// Asks how much the gateway can do.
    #[must_use]
    pub fn get_capacity(&self) -> Command<'static> {
        let none: &[&str] = &[];
        self.get(CAPACITY.map(|node| (node, none)))
    }

    /// Reads what [`get_capacity`](Self::get_capacity) brought.
    ///
    /// # Errors
    ///
    /// When a number is missing or is none.
    pub fn read_capacity(&self, items: &[Item<'_>]) -> Result<GatewayCapacity, ReadError> {
        let values = Values::new(self, items);
        Ok(GatewayCapacity {
            max_devices: values.required(Node::LimitsMaxDevices, &[])?,
            max_groups: values.required(Node::LimitsMaxGroups, &[])?,
            max_jobs: values.required(Node::LimitsMaxJobs, &[])?,
            max_targets: values.required(Node::LimitsMaxTargets, &[])?,
            max_ops: values.required(Node::LimitsMaxOps, &[])?,
            max_in_flight: values.required(Node::LimitsMaxInFlight, &[])?,
            max_result: values.required(Node::LimitsMaxResult, &[])?,
            max_page: values.required(Node::LimitsMaxPage, &[])?,
        })
    }

    /// Says how many devices the gateway notifies or is in session with at a time, for all jobs. Takes an
    /// administrator.
    #[must_use]
    pub fn set_max_in_flight(&self, devices: u32) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::LimitsMaxInFlight, &[], devices.to_string())]))
    }

    /// Asks how the gateway is set up: what can be read of it in one piece.
    #[must_use]
    pub fn get_settings(&self) -> Command<'static> {
        let none: &[&str] = &[];
        self.get(SETTINGS.map(|node| (node, none)))
    }

    /// Reads what [`get_settings`](Self::get_settings) brought.
    ///
    /// # Errors
    ///
    /// When a value is missing or is none.
    pub fn read_settings(&self, items: &[Item<'_>]) -> Result<GatewaySettings, ReadError> {
        let values = Values::new(self, items);
        let modes: u8 = values.required(Node::ModesSupported, &[])?;
        let mode: u8 = values.required(Node::ModesDefault, &[])?;
        let debounce = Duration::from_secs(values.required(Node::PresenceDebounce, &[])?);
        let time = |node| -> Result<Option<Duration>, ReadError> {
            let seconds: u64 = values.required(node, &[])?;
            Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
        };
        let missing = || ReadError::missing(Node::GwId);
        Ok(GatewaySettings {
            gateway: ServerId::new(values.text(Node::GwId, &[]).ok_or_else(missing)?)
                .map_err(|_| ReadError::malformed(Node::GwId))?,
            rev: values.required(Node::Rev, &[])?,
            address: values.text(Node::PubAddr, &[]).filter(|text| !text.is_empty()).map(String::from),
            supported: Modes::new(modes).ok_or_else(|| ReadError::malformed(Node::ModesSupported))?,
            default_mode: Mode::new(mode).ok_or_else(|| ReadError::malformed(Node::ModesDefault))?,
            presence: PresenceSettings {
                debounce,
                lifetime: time(Node::PresenceLifetime)?,
                keep_gone: time(Node::PresenceKeepGone)?,
            },
            asks_peers: values.required(Node::PeersAuto, &[])?,
            boots_to_gateway: values.required(Node::BootToGateway, &[])?,
            boots_to_servers: values.required(Node::BootToServer, &[])?,
        })
    }

    /// Says what the publicly routable address of the gateway is; empty for none. Takes an administrator.
    #[must_use]
    pub fn set_address(&self, address: &str) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::PubAddr, &[], address)]))
    }

    /// Says after how many seconds without a sign of life a device is detached; 0 for never. Takes an administrator.
    #[must_use]
    pub fn set_lifetime(&self, seconds: u32) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::PresenceLifetime, &[], seconds.to_string())]))
    }

    /// Says when a device counts as attached, and how long the records of those are kept that are gone. Takes an administrator.
    /// Times are sent in whole seconds, rounded up.
    #[must_use]
    pub fn set_presence(&self, presence: &PresenceSettings) -> Command<'static> {
        replace(Vec::from([
            self.leaf(Node::PresenceDebounce, &[], seconds(presence.debounce)),
            self.leaf(Node::PresenceLifetime, &[], seconds(presence.lifetime.unwrap_or_default())),
            self.leaf(Node::PresenceKeepGone, &[], seconds(presence.keep_gone.unwrap_or_default())),
        ]))
    }

    /// Says whether devices are bootstrapped to the gateway and to servers (GwMO-HLF-005 and 006); what began before goes on. Takes an administrator.
    #[must_use]
    pub fn set_bootstrap(&self, to_gateway: bool, to_servers: bool) -> Command<'static> {
        replace(Vec::from([
            self.flag(Node::BootToGateway, &[], to_gateway),
            self.flag(Node::BootToServer, &[], to_servers),
        ]))
    }

    /// Says how devices are managed that no rule matches (GwMO-MOO-001). Takes an administrator.
    #[must_use]
    pub fn set_default_mode(&self, mode: Mode) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::ModesDefault, &[], mode.to_string())]))
    }

    /// Adds a rule of modes, by a name that the server chooses; it is in force when the command is done. Takes an administrator.
    #[must_use]
    pub fn add_mode_rule(&self, name: &str, rule: &ModeRule<Selector>) -> Command<'static> {
        let name = [name];
        add(Vec::from([
            self.interior(Node::ModeRule, &name),
            self.leaf(Node::ModeRuleOrder, &name, rule.order.to_string()),
            self.leaf(Node::ModeRuleMatch, &name, rule.matches.to_string()),
            self.leaf(Node::ModeRuleMode, &name, rule.mode.to_string()),
        ]))
    }

    /// Deletes a rule of modes. Takes an administrator.
    #[must_use]
    pub fn delete_mode_rule(&self, name: &str) -> Command<'static> {
        self.delete(Node::ModeRule, &[name])
    }

    /// Asks for the rules of modes.
    #[must_use]
    pub fn get_mode_rules(&self) -> Command<'static> {
        self.get_below(Node::ModeRules, &[])
    }

    /// Reads what [`get_mode_rules`](Self::get_mode_rules) brought: the rules that are complete, with their names, in their
    /// order.
    ///
    /// # Errors
    ///
    /// When a value is none.
    pub fn read_mode_rules(
        &self,
        items: &[Item<'_>],
    ) -> Result<Vec<(String, ModeRule<Selector>)>, ReadError> {
        let values = Values::new(self, items);
        let mut rules = Vec::new();
        for keys in values.keys_of(Node::ModeRule) {
            let [name] = &keys[..] else { continue };
            let keys = [name.as_str()];
            let order = values.optional::<u32>(Node::ModeRuleOrder, &keys)?;
            let matches = values.optional::<Selector>(Node::ModeRuleMatch, &keys)?;
            let mode = values.optional::<u8>(Node::ModeRuleMode, &keys)?;
            let mode =
                mode.map(|mode| Mode::new(mode).ok_or_else(|| ReadError::malformed(Node::ModeRuleMode)));
            if let (Some(order), Some(matches), Some(mode)) = (order, matches, mode.transpose()?) {
                rules.push((name.clone(), ModeRule::new(order, matches, mode)));
            }
        }
        rules.sort_by_key(|(_, rule)| rule.order);
        Ok(rules)
    }

    /// Says which devices a server reaches with its account (GwMO-HLF-004). From then on it reaches no others. Takes an administrator.
    #[must_use]
    pub fn bind_account(&self, server: &ServerId, scope: &AccountScope) -> Command<'static> {
        add(Vec::from([self.leaf(Node::Account, &[server.as_str()], scope_text(scope))]))
    }

    /// Says the same of a server that has such an account. Takes an administrator.
    #[must_use]
    pub fn rebind_account(&self, server: &ServerId, scope: &AccountScope) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::Account, &[server.as_str()], scope_text(scope))]))
    }

    /// Takes the account of a server away: it reaches nothing. Takes an administrator.
    #[must_use]
    pub fn revoke_account(&self, server: &ServerId) -> Command<'static> {
        self.delete(Node::Account, &[server.as_str()])
    }

    /// Asks for the accounts.
    #[must_use]
    pub fn get_accounts(&self) -> Command<'static> {
        self.get_below(Node::Accounts, &[])
    }

    /// Reads what [`get_accounts`](Self::get_accounts) brought.
    ///
    /// # Errors
    ///
    /// When a value is none.
    pub fn read_accounts(&self, items: &[Item<'_>]) -> Result<Vec<(ServerId, AccountScope)>, ReadError> {
        let values = Values::new(self, items);
        let malformed = || ReadError::malformed(Node::Account);
        let mut accounts = Vec::new();
        for keys in values.keys_of(Node::Account) {
            let [server] = &keys[..] else { continue };
            let scope = match values.text(Node::Account, &[server]) {
                Some("*") => AccountScope::AllDevices,
                Some(group) => AccountScope::Group(GroupId::new(group).map_err(|_| malformed())?),
                None => return Err(malformed()),
            };
            accounts.push((ServerId::new(server).map_err(|_| malformed())?, scope));
        }
        Ok(accounts)
    }

    /// Says whether the gateway may ask servers for a bootstrap that devices know and it does not, if they are
    /// [allowed](Self::allow_peer) (use case B.7). Takes an administrator.
    #[must_use]
    pub fn set_peers_auto(&self, on: bool) -> Command<'static> {
        replace(Vec::from([self.flag(Node::PeersAuto, &[], on)]))
    }

    /// Allows a server to be asked for a bootstrap. Takes an administrator.
    #[must_use]
    pub fn allow_peer(&self, server: &ServerId) -> Command<'static> {
        add(Vec::from([self.leaf(Node::PeersAllowed, &[server.as_str()], server.as_str())]))
    }

    /// Allows it no more. Takes an administrator.
    #[must_use]
    pub fn disallow_peer(&self, server: &ServerId) -> Command<'static> {
        self.delete(Node::PeersAllowed, &[server.as_str()])
    }

    /// Asks for the servers that are allowed, and those that were learnt of.
    #[must_use]
    pub fn get_peers(&self) -> Command<'static> {
        self.get_below(Node::Peers, &[])
    }

    /// Reads what [`get_peers`](Self::get_peers) brought.
    ///
    /// # Errors
    ///
    /// When a value is missing or is none.
    pub fn read_peers(&self, items: &[Item<'_>]) -> Result<PeerList, ReadError> {
        let values = Values::new(self, items);
        let malformed = |node| move |_| ReadError::malformed(node);
        let mut peers = PeerList { auto: values.required(Node::PeersAuto, &[])?, ..PeerList::default() };
        for keys in values.keys_of(Node::PeersAllowed) {
            let [server] = &keys[..] else { continue };
            peers.allowed.push(ServerId::new(server).map_err(malformed(Node::PeersAllowed))?);
        }
        for keys in values.keys_of(Node::Peer) {
            let [server] = &keys[..] else { continue };
            let state: u8 = values.required(Node::PeerState, &[server])?;
            let state = PEER_STATES.into_iter().find(|known| known.get() == state);
            let from = values.text(Node::PeerFrom, &[server]).map(DeviceId::new).transpose();
            peers.known.push(PeerLine {
                server: ServerId::new(server).map_err(malformed(Node::Peer))?,
                state: state.ok_or_else(|| ReadError::malformed(Node::PeerState))?,
                from: from.map_err(|_| ReadError::malformed(Node::PeerFrom))?,
            });
        }
        Ok(peers)
    }

    /// Switches the alerts that `server`, which is the one that sends this, wants to get (GwMO-DI-005).
    /// [`max_delay`](Subscription::max_delay) is sent in whole seconds, rounded up.
    #[must_use]
    pub fn set_alerts(&self, server: &ServerId, alerts: Subscription) -> Command<'static> {
        let server = [server.as_str()];
        replace(Vec::from([
            self.flag(Node::AlertsAttached, &server, alerts.attached),
            self.flag(Node::AlertsEachTime, &server, alerts.each_time),
            self.flag(Node::AlertsDetached, &server, alerts.detached),
            self.flag(Node::AlertsImages, &server, alerts.images),
            self.leaf(Node::AlertsMaxDelay, &server, seconds(alerts.max_delay)),
        ]))
    }
}

fn scope_text(scope: &AccountScope) -> &str {
    match scope {
        AccountScope::AllDevices => GroupId::ALL_DEVICES,
        AccountScope::Group(group) => group.as_str(),
    }
}

//! [`Object::Config`](super::Object::Config): the settings, over the machines that have them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use dm_syncml::StatusCode;
use dm_tree::{Children, ServerId, Value};

use super::groups::{group_id, selector_of};
use super::table::ConfigSlot as Node;
use super::{
    Keys, Leaf, Objects, Shape, Written, bool_of, boolean, chr, int, named_leaf, number_of, rev_number,
    text_of,
};
use crate::account_scope::{AccountKey, AccountScope};
use crate::inventory::FactSet;
use crate::mode::{Mode, ModePolicy, ModeRule};
use crate::outbox::Subscription;
use crate::peers::PeerView;
use crate::selector::Selector;

/// What is only known here.
#[derive(Debug)]
pub(super) struct Settings {
    rev: u64,
    pub_addr: String,
    max_groups: u32,
    rules: BTreeMap<String, RuleDraft>,
}

/// A rule of modes as it is written, leaf by leaf.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct RuleDraft {
    order: Option<u32>,
    matches: Option<String>,
    mode: Option<u8>,
}

impl RuleDraft {
    fn to_rule(&self) -> Option<ModeRule<Selector>> {
        let selector = selector_of(self.matches.as_ref()?).ok().flatten()?;
        Some(ModeRule::new(self.order?, selector, Mode::new(self.mode?)?))
    }
}

/// Longest `PubAddr`, in octets: a URL.
const MAX_ADDR: usize = 255;

/// A kilobyte, as the nodes count them.
const KB: u64 = 1024;

impl Settings {
    pub(super) fn new(config: &crate::GatewayConfig) -> Self {
        Self { rev: 0, pub_addr: String::new(), max_groups: config.groups.max_groups, rules: BTreeMap::new() }
    }

    pub(super) fn set_address(&mut self, text: &str) -> Result<(), StatusCode> {
        if text.len() > MAX_ADDR || crate::identifier::unprintable(text).is_some() {
            return Err(StatusCode::NOT_SUPPORTED);
        }
        self.pub_addr = text.into();
        Ok(())
    }
}

impl Objects {
    pub(super) fn config_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        match node {
            Node::AlertsOf
            | Node::AlertsServer
            | Node::AlertsAttached
            | Node::AlertsEachTime
            | Node::AlertsDetached
            | Node::AlertsImages
            | Node::AlertsMaxDelay => Shape::there(self.switches(keys[0]).is_some()),
            Node::ModeRule => Shape::there(self.settings.rules.contains_key(keys[0])),
            Node::ModeRuleOrder => Shape::there(self.settings.rules.get(keys[0])?.order.is_some()),
            Node::ModeRuleMatch => Shape::there(self.settings.rules.get(keys[0])?.matches.is_some()),
            Node::ModeRuleMode => Shape::there(self.settings.rules.get(keys[0])?.mode.is_some()),
            Node::Account => Shape::there(self.account(keys[0]).is_some()),
            Node::PeersAllowed => Shape::there(self.peers.allowed().any(|server| server.as_str() == keys[0])),
            Node::Peer | Node::PeerState => Shape::there(self.peer(keys[0]).is_some()),
            Node::PeerFrom => {
                let from = self.peer(keys[0])?.from;
                Shape::there(self.inventory.record(from).is_some())
            }
            _ => Some(Shape::PLAIN),
        }
    }

    pub(super) fn config_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        const NONE: StatusCode = StatusCode::NOT_FOUND;
        let (fanout, inventory, storage) =
            (self.fanout.limits(), self.inventory.config(), self.images.policy());
        let alerts = || self.switches(keys[0]).ok_or(NONE);
        let rule = || self.settings.rules.get(keys[0]).ok_or(NONE);
        let seconds = |time: Option<Duration>| int(time.map_or(0, |time| time.as_secs()));
        Ok(match node {
            Node::Rev => int(rev_number(self.settings.rev)),
            Node::GwId => chr(self.gateway.as_str()),
            Node::PubAddr => chr(&self.settings.pub_addr),
            Node::ModesSupported => int(self.modes.supported().get()),
            Node::ModesDefault => int(self.modes.default_mode().get()),
            Node::ModeRuleOrder => int(rule()?.order.ok_or(NONE)?),
            Node::ModeRuleMatch => chr(rule()?.matches.as_deref().ok_or(NONE)?),
            Node::ModeRuleMode => int(rule()?.mode.ok_or(NONE)?),
            Node::AlertsServer => chr(keys[0]),
            Node::AlertsAttached => boolean(alerts()?.attached),
            Node::AlertsEachTime => boolean(alerts()?.each_time),
            Node::AlertsDetached => boolean(alerts()?.detached),
            Node::AlertsImages => boolean(alerts()?.images),
            Node::AlertsMaxDelay => int(alerts()?.max_delay.as_secs()),
            Node::PresenceDebounce => int(inventory.debounce.as_secs()),
            Node::PresenceLifetime => seconds(inventory.lifetime),
            Node::PresenceKeepGone => seconds(inventory.keep_gone),
            Node::StorageEnabled => boolean(storage.enabled),
            Node::StorageQuota => int(storage.quota / KB),
            Node::StorageUsed => int(self.images.used().div_ceil(KB)),
            Node::StorageMaxImage => int(storage.max_image / KB),
            Node::StorageRetain => seconds(storage.retain),
            Node::BootToGateway => boolean(self.bootstrap.switches().0),
            Node::BootToServer => boolean(self.bootstrap.switches().1),
            Node::LimitsMaxDevices => int(inventory.max_devices),
            Node::LimitsMaxGroups => int(self.settings.max_groups),
            Node::LimitsMaxJobs => int(fanout.max_jobs),
            Node::LimitsMaxTargets => int(fanout.max_targets),
            Node::LimitsMaxOps => int(fanout.max_ops),
            Node::LimitsMaxInFlight => int(fanout.window),
            Node::LimitsMaxResult => int(fanout.max_result),
            Node::LimitsMaxPage => int(self.limits.max_page as u64),
            Node::Account => match self.account(keys[0]).ok_or(NONE)? {
                AccountScope::Group(group) => chr(group.as_str()),
                _ => chr("*"),
            },
            Node::PeersAuto => boolean(self.peers.auto()),
            Node::PeersAllowed => chr(keys[0]),
            Node::PeerState => int(self.peer(keys[0]).ok_or(NONE)?.state.get()),
            Node::PeerFrom => {
                let from = self.peer(keys[0]).ok_or(NONE)?.from;
                chr(self.inventory.record(from).ok_or(NONE)?.id().as_str())
            }
            _ => return Err(NONE),
        })
    }

    pub(super) fn config_names(&self, node: Node, _: &Keys<'_>, out: &mut Children) {
        match node {
            Node::AlertsOf => self.servers.iter().all(|server| out.push(server.as_str())),
            Node::ModeRule => self.settings.rules.keys().all(|name| out.push(name)),
            Node::Account => self.scopes.iter().all(|(key, ..)| out.push(key.as_str())),
            Node::PeersAllowed => self.peers.allowed().all(|server| out.push(server.as_str())),
            Node::Peer => self.peers.known().all(|peer| out.push(peer.server.as_str())),
            _ => true,
        };
    }

    pub(super) fn config_add(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        match (node, value) {
            (Node::ModeRule, None) => {
                if self.settings.rules.len() >= ModePolicy::<Selector>::MAX_RULES {
                    return Err(StatusCode::DEVICE_FULL);
                }
                self.write_rule(keys[0], |_| ());
                self.settings.rev += 1;
            }
            (Node::PeersAllowed, Some(value)) => {
                named_leaf(keys[0], value)?;
                let server = server_of(keys[0])?;
                self.peers.handle_allowed(self.now, server).map_err(|error| error.status())?;
                self.settings.rev += 1;
            }
            (_, Some(value)) => return self.config_replace(node, keys, value),
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        Ok(())
    }

    pub(super) fn config_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        match node {
            Node::ModeRule => {
                self.settings.rules.remove(keys[0]);
                self.record(Written::Rule { name: keys[0].into(), rule: None });
                self.apply_rules();
            }
            Node::Account => {
                let key = AccountKey::new(keys[0]).map_err(|error| error.status())?;
                let owner =
                    self.scopes.iter().find(|(name, ..)| **name == key).map(|(_, owner, _)| owner.clone());
                let record = self.scopes.revoke(&key).map_err(|error| error.status())?;
                self.account_records.push(record);
                if let Some(owner) = owner.filter(|owner| self.scopes.is_revoked(owner)) {
                    self.fanout.handle_revoked(self.now, &owner);
                }
            }
            Node::PeersAllowed => {
                let done = self.peers.handle_disallowed(self.now, &server_of(keys[0])?);
                done.map_err(|error| error.status())?;
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        self.settings.rev += 1;
        Ok(())
    }

    pub(super) fn config_replace(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        match node {
            Node::PubAddr => {
                let text = text_of(value)?;
                self.settings.set_address(text)?;
                self.record(Written::Address(text.into()));
            }
            Node::AlertsAttached
            | Node::AlertsEachTime
            | Node::AlertsDetached
            | Node::AlertsImages
            | Node::AlertsMaxDelay => {
                let mut switches = self.switches(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
                match node {
                    Node::AlertsAttached => switches.attached = bool_of(value)?,
                    Node::AlertsEachTime => switches.each_time = bool_of(value)?,
                    Node::AlertsDetached => switches.detached = bool_of(value)?,
                    Node::AlertsImages => switches.images = bool_of(value)?,
                    _ => switches.max_delay = Duration::from_secs(number_of(value)?.into()),
                }
                let server = self.servers.get(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
                self.outbox.handle_subscribed(self.now, server, switches).map_err(|error| error.status())?;
            }
            Node::ModeRuleOrder => {
                let order = number_of(value)?;
                self.write_rule(keys[0], |rule| rule.order = Some(order));
            }
            Node::ModeRuleMatch => {
                let text = text_of(value)?;
                selector_of(text)?.ok_or(StatusCode::NOT_SUPPORTED)?;
                self.write_rule(keys[0], |rule| rule.matches = Some(text.into()));
            }
            Node::ModeRuleMode => {
                let mode = mode_of(number_of(value)?).filter(|mode| self.modes.supported().contains(*mode));
                let mode = mode.ok_or(StatusCode::NOT_SUPPORTED)?.get();
                self.write_rule(keys[0], |rule| rule.mode = Some(mode));
            }
            Node::StorageEnabled | Node::StorageQuota | Node::StorageMaxImage | Node::StorageRetain => {
                let mut policy = *self.images.policy();
                match node {
                    Node::StorageEnabled => policy.enabled = bool_of(value)?,
                    Node::StorageQuota => policy.quota = u64::from(number_of(value)?) * KB,
                    Node::StorageMaxImage => policy.max_image = u64::from(number_of(value)?) * KB,
                    _ => policy.retain = time_of(number_of(value)?),
                }
                self.images.handle_policy(self.now, policy);
            }
            Node::Account => {
                let (key, server) = (AccountKey::new(keys[0]), server_of(keys[0])?);
                let scope = match text_of(value)? {
                    "*" => AccountScope::AllDevices,
                    group => AccountScope::Group(group_id(group)?),
                };
                let key = key.map_err(|error| error.status())?;
                let record = self.scopes.bind(key, server, scope).map_err(|error| error.status())?;
                self.account_records.push(record);
            }
            Node::BootToGateway | Node::BootToServer => {
                let (to_gateway, to_servers) = self.bootstrap.switches();
                match node {
                    Node::BootToGateway => {
                        self.bootstrap.handle_switches(self.now, bool_of(value)?, to_servers)
                    }
                    _ => self.bootstrap.handle_switches(self.now, to_gateway, bool_of(value)?),
                }
            }
            Node::PeersAuto => self.peers.handle_auto(self.now, bool_of(value)?),
            _ => {
                let number = number_of(value)?;
                self.set_number(node, number)?;
                self.record(Written::Number { node, number });
            }
        }
        self.settings.rev += 1;
        Ok(())
    }

    /// A setting that is one number.
    pub(super) fn set_number(&mut self, node: Node, number: u32) -> Result<(), StatusCode> {
        let now = self.now;
        match node {
            Node::ModesDefault => {
                let mode = mode_of(number).ok_or(StatusCode::NOT_SUPPORTED)?;
                self.modes.set_default_mode(mode).map_err(|error| error.status())?;
                self.modes_changed = true;
            }
            Node::PresenceDebounce => {
                self.inventory.handle_debounce(now, Duration::from_secs(number.into()));
            }
            Node::PresenceLifetime => self.inventory.handle_lifetime(now, time_of(number)),
            Node::PresenceKeepGone => self.inventory.handle_keep_gone(now, time_of(number)),
            Node::LimitsMaxInFlight if number > 0 => self.fanout.handle_window(now, number),
            Node::LimitsMaxInFlight => return Err(StatusCode::NOT_SUPPORTED),
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        self.settings_written.insert(node, number);
        Ok(())
    }

    fn write_rule(&mut self, name: &str, edit: impl FnOnce(&mut RuleDraft)) {
        let mut rule = self.settings.rules.get(name).cloned().unwrap_or_default();
        edit(&mut rule);
        self.record(Written::Rule { name: name.into(), rule: Some(rule.clone()) });
        self.put_rule(name, Some(rule));
    }

    pub(super) fn put_rule(&mut self, name: &str, rule: Option<RuleDraft>) {
        match rule {
            Some(rule) => drop(self.settings.rules.insert(name.into(), rule)),
            None => drop(self.settings.rules.remove(name)),
        }
        self.apply_rules();
    }

    /// Rules are in force once they are complete.
    fn apply_rules(&mut self) {
        let mut modes = ModePolicy::new(self.modes.supported(), self.modes.default_mode());
        for rule in self.settings.rules.values().filter_map(RuleDraft::to_rule) {
            // There are no more than there may be.
            let _ = modes.add_rule(rule);
        }
        if modes != self.modes {
            self.rule_facts = modes.rules().iter().map(|rule| rule.matches.facts()).collect();
            self.mode_facts = self.rule_facts.iter().fold(FactSet::EMPTY, |all, facts| all | *facts);
            self.standing.clear();
            self.modes = modes;
            self.modes_changed = true;
        }
    }

    /// What would have to be written to have these settings.
    pub(super) fn settings_written(&self) -> Vec<Written> {
        let mut all = Vec::new();
        if !self.settings.pub_addr.is_empty() {
            all.push(Written::Address(self.settings.pub_addr.clone()));
        }
        for (name, rule) in &self.settings.rules {
            all.push(Written::Rule { name: name.clone(), rule: Some(rule.clone()) });
        }
        all.extend(
            self.settings_written
                .iter()
                .map(|(node, number)| Written::Number { node: *node, number: *number }),
        );
        all
    }

    /// The alert switches of a server, by its name.
    fn switches(&self, server: &str) -> Option<Subscription> {
        self.outbox.subscription(self.servers.get(server)?)
    }

    fn account(&self, name: &str) -> Option<&AccountScope> {
        self.scopes.iter().find(|(key, ..)| key.as_str() == name).map(|(_, _, scope)| scope)
    }

    fn peer(&self, name: &str) -> Option<PeerView<'_>> {
        self.peers.known().find(|peer| peer.server.as_str() == name)
    }
}

fn mode_of(number: u32) -> Option<Mode> {
    Mode::new(u8::try_from(number).ok()?)
}

/// Seconds; 0 for none.
fn time_of(seconds: u32) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

fn server_of(name: &str) -> Result<ServerId, StatusCode> {
    ServerId::new(name).map_err(|_| StatusCode::NOT_SUPPORTED)
}

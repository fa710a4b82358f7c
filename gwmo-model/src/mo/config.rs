//! [`Object::Config`](super::Object::Config): the settings, over the machines that have them.

use core::time::Duration;

use dm_syncml::StatusCode;
use dm_tree::{Children, Value};

use super::table::ConfigSlot as Node;
use super::{Keys, Leaf, Objects, Shape, Written, bool_of, boolean, chr, int, number_of, text_of};
use crate::outbox::Subscription;

/// What is only known here.
#[derive(Debug)]
pub(super) struct Settings {
    rev: u64,
    pub_addr: alloc::string::String,
    max_devices: u32,
    max_groups: u32,
    lifetime: Option<Duration>,
}

/// Longest `PubAddr`, in octets: a URL.
const MAX_ADDR: usize = 255;

impl Settings {
    pub(super) fn new(config: &crate::GatewayConfig) -> Self {
        Self {
            rev: 0,
            pub_addr: alloc::string::String::new(),
            max_devices: config.inventory.max_devices,
            max_groups: config.groups.max_groups,
            lifetime: config.inventory.lifetime,
        }
    }
}

impl Settings {
    pub(super) fn set_address(&mut self, text: &str) -> Result<(), StatusCode> {
        if text.len() > MAX_ADDR || crate::identifier::unprintable(text).is_some() {
            return Err(StatusCode::NOT_SUPPORTED);
        }
        self.pub_addr = text.into();
        Ok(())
    }

    /// What would have to be written to have these.
    pub(super) fn written(&self) -> Option<Written> {
        (!self.pub_addr.is_empty()).then(|| Written::Address(self.pub_addr.clone()))
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
            | Node::AlertsMaxDelay => Shape::there(self.switches(keys[0]).is_some()),
            Node::Root
            | Node::Rev
            | Node::GwId
            | Node::PubAddr
            | Node::Alerts
            | Node::Modes
            | Node::ModesSupported
            | Node::Presence
            | Node::PresenceLifetime
            | Node::Limits
            | Node::LimitsMaxDevices
            | Node::LimitsMaxGroups
            | Node::LimitsMaxJobs
            | Node::LimitsMaxTargets
            | Node::LimitsMaxOps
            | Node::LimitsMaxInFlight
            | Node::LimitsMaxResult
            | Node::LimitsMaxPage => Some(Shape::PLAIN),
            _ => None,
        }
    }

    pub(super) fn config_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        let fanout = self.fanout.limits();
        let alerts = || self.switches(keys[0]).ok_or(StatusCode::NOT_FOUND);
        Ok(match node {
            Node::Rev => int(super::rev_number(self.settings.rev)),
            Node::GwId => chr(self.gateway.as_str()),
            Node::PubAddr => chr(&self.settings.pub_addr),
            Node::ModesSupported => int(self.modes.supported().get()),
            Node::AlertsServer => chr(keys[0]),
            Node::AlertsAttached => boolean(alerts()?.attached),
            Node::AlertsEachTime => boolean(alerts()?.each_time),
            Node::AlertsDetached => boolean(alerts()?.detached),
            Node::AlertsMaxDelay => int(alerts()?.max_delay.as_secs()),
            Node::PresenceLifetime => int(self.settings.lifetime.map_or(0, |time| time.as_secs())),
            Node::LimitsMaxDevices => int(self.settings.max_devices),
            Node::LimitsMaxGroups => int(self.settings.max_groups),
            Node::LimitsMaxJobs => int(fanout.max_jobs),
            Node::LimitsMaxTargets => int(fanout.max_targets),
            Node::LimitsMaxOps => int(fanout.max_ops),
            Node::LimitsMaxInFlight => int(fanout.window),
            Node::LimitsMaxResult => int(fanout.max_result),
            Node::LimitsMaxPage => int(self.limits.max_page as u64),
            _ => return Err(StatusCode::NOT_FOUND),
        })
    }

    pub(super) fn config_names(&self, node: Node, _: &Keys<'_>, out: &mut Children) {
        if node == Node::AlertsOf {
            self.servers.iter().all(|server| out.push(server.as_str()));
        }
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
            Node::AlertsAttached | Node::AlertsEachTime | Node::AlertsDetached | Node::AlertsMaxDelay => {
                let mut switches = self.switches(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
                match node {
                    Node::AlertsAttached => switches.attached = bool_of(value)?,
                    Node::AlertsEachTime => switches.each_time = bool_of(value)?,
                    Node::AlertsDetached => switches.detached = bool_of(value)?,
                    _ => switches.max_delay = Duration::from_secs(number_of(value)?.into()),
                }
                let server = self.servers.get(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
                self.outbox.handle_subscribed(self.now, server, switches).map_err(|error| error.status())?;
            }
            Node::PresenceLifetime => {
                let seconds = number_of(value)?;
                let lifetime = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
                self.inventory.handle_lifetime(self.now, lifetime);
                self.settings.lifetime = lifetime;
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        self.settings.rev += 1;
        Ok(())
    }

    /// The alert switches of a server, by its name.
    fn switches(&self, server: &str) -> Option<Subscription> {
        self.outbox.subscription(self.servers.get(server)?)
    }
}

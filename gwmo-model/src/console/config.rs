//! The settings of a gateway.

use alloc::string::ToString;
use alloc::vec::Vec;

use dm_syncml::{Command, Item};
use dm_tree::ServerId;

use super::Console;
use super::build::replace;
use super::read::{ReadError, Values};
use crate::mo::ConfigSlot as Node;
use crate::outbox::Subscription;

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

    /// Says after how many seconds without a sign of life a device is detached; 0 for never. Takes an administrator.
    #[must_use]
    pub fn set_lifetime(&self, seconds: u32) -> Command<'static> {
        replace(Vec::from([self.leaf(Node::PresenceLifetime, &[], seconds.to_string())]))
    }

    /// Switches the alerts that `server`, which is the one that sends this, wants to get (GwMO-DI-005).
    /// [`max_delay`](Subscription::max_delay) is sent in whole seconds, rounded up.
    #[must_use]
    pub fn set_alerts(&self, server: &ServerId, alerts: Subscription) -> Command<'static> {
        let server = [server.as_str()];
        let delay = alerts.max_delay.as_secs() + u64::from(alerts.max_delay.subsec_nanos() > 0);
        replace(Vec::from([
            self.flag(Node::AlertsAttached, &server, alerts.attached),
            self.flag(Node::AlertsEachTime, &server, alerts.each_time),
            self.flag(Node::AlertsDetached, &server, alerts.detached),
            self.leaf(Node::AlertsMaxDelay, &server, delay.min(i32::MAX as u64).to_string()),
        ]))
    }
}

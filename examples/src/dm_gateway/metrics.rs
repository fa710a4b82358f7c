//! Counters, in the text format of Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What has been counted since the start.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) device_messages: Counter,
    pub(super) device_octets: Counter,
    pub(super) device_sessions: Counter,
    pub(super) messages_refused: Counter,
    pub(super) server_sessions: Counter,
    pub(super) server_sessions_failed: Counter,
    pub(super) notifications: Counter,
    pub(super) notifications_failed: Counter,
    pub(super) announcements_refused: Counter,
    pub(super) forwarded: Counter,
    pub(super) native: Counter,
    pub(super) images_served_octets: Counter,
    pub(super) images_fetched_octets: Counter,
    pub(super) records: Counter,
    pub(super) snapshots: Counter,
}

/// What stands now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gauges {
    pub(super) uptime_s: u64,
    pub(super) devices: u32,
    pub(super) attached: u32,
    pub(super) sessions: usize,
    pub(super) unproven_sessions: usize,
    pub(super) jobs: usize,
    pub(super) in_flight: usize,
    pub(super) image_octets: u64,
}

impl Metrics {
    /// All of it.
    pub(super) fn text(&self, now: Gauges) -> String {
        let mut text = String::new();
        let mut one = |name: &str, kind: &str, help: &str, value: u64| {
            let _ = writeln!(
                text,
                "# HELP dm_gateway_{name} {help}\n# TYPE dm_gateway_{name} {kind}\ndm_gateway_{name} {value}"
            );
        };
        for (name, help, value) in [
            ("uptime_seconds", "Time since the start.", now.uptime_s),
            ("devices", "Devices that are known.", now.devices.into()),
            ("devices_attached", "Devices that are there.", now.attached.into()),
            ("sessions", "Sessions with devices that have proved themselves.", now.sessions as u64),
            ("sessions_unproven", "Sessions with peers that have not.", now.unproven_sessions as u64),
            ("jobs", "Jobs that are known.", now.jobs as u64),
            ("in_flight", "Devices in flight.", now.in_flight as u64),
            ("image_bytes", "Octets of images stored and set aside.", now.image_octets),
        ] {
            one(name, "gauge", help, value);
        }
        for (name, help, counter) in [
            ("device_messages_total", "Messages of devices.", &self.device_messages),
            ("device_message_bytes_total", "Octets of messages of devices.", &self.device_octets),
            ("device_sessions_total", "Sessions that devices began.", &self.device_sessions),
            (
                "messages_refused_total",
                "Messages that were answered with an error of HTTP.",
                &self.messages_refused,
            ),
            ("server_sessions_total", "Sessions with servers.", &self.server_sessions),
            (
                "server_sessions_failed_total",
                "Sessions with servers that failed.",
                &self.server_sessions_failed,
            ),
            ("notifications_total", "Notifications sent.", &self.notifications),
            (
                "notifications_failed_total",
                "Notifications that could not be sent.",
                &self.notifications_failed,
            ),
            (
                "announcements_refused_total",
                "Announcements of devices that were not proven.",
                &self.announcements_refused,
            ),
            ("forwarded_total", "Notifications of servers that were passed on.", &self.forwarded),
            ("native_operations_total", "Operations given to adapters.", &self.native),
            ("image_served_bytes_total", "Octets of images that devices read.", &self.images_served_octets),
            ("image_fetched_bytes_total", "Octets of images that were fetched.", &self.images_fetched_octets),
            ("records_total", "Records given to the store.", &self.records),
            ("snapshots_total", "Snapshots given to the store.", &self.snapshots),
        ] {
            one(name, "counter", help, counter.get());
        }
        text
    }
}

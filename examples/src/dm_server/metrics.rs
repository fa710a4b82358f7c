//! Numbers for those who watch, in the text form of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::engine::Engine;
use super::work::WorkState;

/// Counters. No name of a device is in them: there may be any number.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    messages: AtomicU64,
    octets: AtomicU64,
    started: AtomicU64,
    refused_credentials: AtomicU64,
    notifications: AtomicU64,
    commits: AtomicU64,
    commit_micros: AtomicU64,
    commit_failures: AtomicU64,
    /// Whether the last commit failed.
    broken: AtomicU64,
    work: [AtomicI64; WorkState::ALL.len()],
    ends: Mutex<BTreeMap<&'static str, u64>>,
    answers: Mutex<BTreeMap<u16, u64>>,
}

impl Metrics {
    pub(super) fn message(&self, octets: usize) {
        self.messages.fetch_add(1, Relaxed);
        self.octets.fetch_add(octets as u64, Relaxed);
    }

    pub(super) fn started(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    pub(super) fn ended(&self, end: &'static str) {
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner).entry(end).or_default() += 1;
    }

    pub(super) fn answered(&self, status: u16) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    pub(super) fn refused_credentials(&self) {
        self.refused_credentials.fetch_add(1, Relaxed);
    }

    pub(super) fn notified(&self) {
        self.notifications.fetch_add(1, Relaxed);
    }

    pub(super) fn commit(&self, took: Duration, done: bool) {
        self.commits.fetch_add(1, Relaxed);
        self.commit_micros.fetch_add(took.as_micros() as u64, Relaxed);
        self.commit_failures.fetch_add(u64::from(!done), Relaxed);
        self.broken.store(u64::from(!done), Relaxed);
    }

    /// Whether the last commit went well.
    pub(super) fn is_healthy(&self) -> bool {
        self.broken.load(Relaxed) == 0
    }

    /// Work has gone from one state to another.
    pub(super) fn note_work(&self, from: Option<WorkState>, to: WorkState) {
        if let Some(from) = from {
            self.work[from as usize].fetch_sub(1, Relaxed);
        }
        self.work[to as usize].fetch_add(1, Relaxed);
    }
}

/// All of them.
pub(super) fn text(engine: &Engine) -> String {
    let metrics = &engine.metrics;
    let (devices, sessions, proven) = {
        let directory = engine.directory();
        let proven = directory.present.values().filter(|present| present.proven && !present.over).count();
        (directory.devices.len(), directory.present.len(), proven)
    };
    let mut out = String::new();
    let mut one = |name: &str, kind: &str, help: &str, value: f64| {
        let _ = writeln!(
            out,
            "# HELP dm_server_{name} {help}\n# TYPE dm_server_{name} {kind}\ndm_server_{name} {value}"
        );
    };
    let load = |counter: &AtomicU64| counter.load(Relaxed) as f64;
    one("uptime_seconds", "gauge", "Time since the start.", engine.clock.now().since_epoch().as_secs_f64());
    one("devices", "gauge", "Devices that are known.", devices as f64);
    one(
        "sessions",
        "gauge",
        "Sessions in memory, those that are over and may repeat an answer included.",
        sessions as f64,
    );
    one("sessions_open", "gauge", "Sessions under way whose device has proved itself.", proven as f64);
    one("messages_total", "counter", "Messages of devices.", load(&metrics.messages));
    one("message_bytes_total", "counter", "Octets of messages of devices.", load(&metrics.octets));
    one("sessions_started_total", "counter", "Sessions that began.", load(&metrics.started));
    one("credentials_refused_total", "counter", "Wrong credentials.", load(&metrics.refused_credentials));
    one("notifications_total", "counter", "Notifications sent.", load(&metrics.notifications));
    one(
        "store_commits_total",
        "counter",
        "Commits to the store, failed ones included.",
        load(&metrics.commits),
    );
    one("store_commit_failures_total", "counter", "Commits that failed.", load(&metrics.commit_failures));
    one(
        "store_commit_seconds_total",
        "counter",
        "Time that commits took.",
        load(&metrics.commit_micros) / 1e6,
    );
    out.push_str(
        "# HELP dm_server_work Commands by state, as far as remembered.\n# TYPE dm_server_work gauge\n",
    );
    for state in WorkState::ALL {
        let count = metrics.work[state as usize].load(Relaxed);
        let _ = writeln!(out, "dm_server_work{{state=\"{}\"}} {count}", state.word());
    }
    out.push_str("# HELP dm_server_sessions_ended_total Sessions that are over.\n# TYPE dm_server_sessions_ended_total counter\n");
    for (end, count) in metrics.ends.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = writeln!(out, "dm_server_sessions_ended_total{{end=\"{end}\"}} {count}");
    }
    out.push_str("# HELP dm_server_answers_total Answers to devices by HTTP status.\n# TYPE dm_server_answers_total counter\n");
    for (status, count) in metrics.answers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = writeln!(out, "dm_server_answers_total{{status=\"{status}\"}} {count}");
    }
    out
}

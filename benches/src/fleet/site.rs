//! A gateway where it stands: the machine, what it stores on, and its client towards the server.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use dm_notification::{Account, Arrival, ReceiverPolicy, ReplayMemory, ServerIdentifier, Verdict, receive};
use dm_syncml::auth::Nonce;
use dm_syncml::session::{ClientConfig, ClientSession, Initiation, Record, ServerConfig};
use dm_syncml::{Instant, SessionId};
use dm_tree::{DevInfo, Timestamp, Tree};
use gwmo_model::{
    AlertSeq, Gateway, GatewayConfig, GatewayRecord, GatewaySnapshot, InventoryConfig, OutboxConfig,
    PersistSeq, SessionLimits, Subscription,
};

use super::Options;
use super::place::{
    Place, SECOND, SERVER_URL, account, device_number, gateway_address, gateway_id, gateway_url,
    server_credentials, server_id, server_secret, signing, uplink_credentials, uri,
};
use super::plan::Plan;

/// What is stored, and what is on its way there.
pub(super) struct Disk {
    snapshot: GatewaySnapshot,
    records: Vec<GatewayRecord>,
    pending: VecDeque<(PersistSeq, GatewayRecord)>,
    /// When what is under way is stored.
    pub(super) busy_until: Option<Duration>,
}

/// The client towards the server: a session, and what it keeps between sessions.
#[derive(Default)]
pub(super) struct Uplink {
    pub(super) session: Option<ClientSession>,
    /// The alerts of the session, by their place in it.
    pub(super) alerts: Vec<AlertSeq>,
    /// Messages that wait until what they rest on is stored.
    pub(super) held: VecDeque<(PersistSeq, Vec<u8>)>,
    /// Stored at once.
    nonces: (Option<Nonce>, Option<Nonce>),
    replay: ReplayMemory,
    next_session: u32,
}

/// A gateway.
pub(super) struct Site {
    pub(super) number: u16,
    config: GatewayConfig,
    /// `None` while it is down.
    pub(super) gateway: Option<Gateway>,
    /// When its clock began: it is the time since its start.
    started: Duration,
    pub(super) disk: Disk,
    pub(super) uplink: Uplink,
    pub(super) exchanges: BTreeMap<u64, Place>,
    pub(super) next_exchange: u64,
    /// It stops after so many more records.
    pub(super) crash_after: Option<(u32, Duration)>,
    pub(super) starts: u16,
    /// The alerts of devices that it was told.
    pub(super) heard: BTreeMap<(u32, String), u32>,
    /// The server wants a session, or is to be told something, and there is one that runs.
    pub(super) wanted: bool,
}

impl Site {
    /// A gateway that was just set up.
    ///
    /// # Errors
    ///
    /// When it cannot be set up or stored.
    pub(super) fn new(number: u16, plan: &Plan, options: &Options) -> Result<Self, String> {
        let session = ServerConfig::new(gateway_url(number)).with_idle(90 * SECOND);
        let inventory = InventoryConfig::default()
            .with_lifetime(Some(plan.lifetime))
            .with_max_devices(options.devices.max(16) * 2)
            .with_hash_seed(options.seed);
        let config = GatewayConfig::new(gateway_id(number), session)
            .with_inventory(inventory)
            .with_seed(options.seed)
            .with_fanout(gwmo_model::FanoutLimits::default().with_window(1024))
            // All devices of the town may come at once.
            .with_outbox(OutboxConfig::default().with_max_device_alerts(options.devices.max(512) * 2))
            .with_sessions(SessionLimits::default().with_max_alerts(200));
        let now = Instant::EPOCH;
        let tree = Tree::default().with_hash_seed(options.seed);
        let mut gateway = Gateway::new(now, config.clone(), tree).map_err(|error| error.to_string())?;
        let alerts = Subscription::default().with_each_time(true).with_detached(true);
        gateway.handle_server(now, server_id(), alerts).map_err(|error| error.to_string())?;
        gateway.handle_wall_clock(now, wall_clock(Duration::ZERO));
        let snapshot = gateway.snapshot(now).map_err(|error| error.to_string())?;
        Ok(Self {
            number,
            config,
            gateway: Some(gateway),
            started: Duration::ZERO,
            disk: Disk { snapshot, records: Vec::new(), pending: VecDeque::new(), busy_until: None },
            uplink: Uplink::default(),
            exchanges: BTreeMap::new(),
            next_exchange: 0,
            crash_after: None,
            starts: 0,
            heard: BTreeMap::new(),
            wanted: false,
        })
    }

    /// The gateway's own time.
    pub(super) fn clock(&self, now: Duration) -> Instant {
        Instant::new(now.saturating_sub(self.started))
    }

    /// When that is on the clock of the town.
    pub(super) fn when(&self, at: Instant) -> Duration {
        self.started.saturating_add(at.since_epoch())
    }

    /// What it has stored makes the gateway again.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub(super) fn restored(&self, now: Instant) -> Result<Gateway, String> {
        // Notifications go on elsewhere than before, so that no device takes them for old ones.
        let first =
            dm_notification::SessionId::new(1 + 4096 * (self.starts % 15)).map_err(|e| e.to_string())?;
        let account =
            |id: &gwmo_model::DeviceId| Some(account(device_number(id)?, self.number).with_session_id(first));
        let records = self.disk.records.iter().cloned();
        Gateway::restore(now, self.config.clone(), self.disk.snapshot.clone(), records, account)
            .map_err(|error| error.to_string())
    }

    /// It begins again.
    ///
    /// # Errors
    ///
    /// When what is stored makes no gateway.
    pub(super) fn start(&mut self, now: Duration) -> Result<(), String> {
        self.started = now;
        self.starts += 1;
        let mut gateway = self.restored(Instant::EPOCH)?;
        gateway.handle_wall_clock(Instant::EPOCH, wall_clock(now));
        self.gateway = Some(gateway);
        Ok(())
    }

    /// It stops. Of the records under way the first `kept` are stored, the others never were.
    pub(super) fn stop(&mut self, kept: usize) {
        self.gateway = None;
        for (_, record) in self.disk.pending.drain(..).take(kept) {
            self.disk.records.push(record);
        }
        self.disk.pending.clear();
        self.disk.busy_until = None;
        self.uplink.session = None;
        self.uplink.alerts.clear();
        self.uplink.held.clear();
        self.exchanges.clear();
        self.wanted = false;
    }

    /// One of the records is gone.
    pub(super) fn lose_record(&mut self, which: usize) {
        if let Some(place) = which.checked_rem(self.disk.records.len()) {
            self.disk.records.remove(place);
        }
    }

    /// How many records are under way.
    pub(super) fn pending(&self) -> usize {
        self.disk.pending.len()
    }

    /// The last record that is not stored yet.
    pub(super) fn last_pending(&self) -> Option<PersistSeq> {
        self.disk.pending.back().map(|(seq, _)| *seq)
    }

    /// The next message to the server that rests on nothing that is not stored.
    pub(super) fn next_held(&mut self) -> Option<Vec<u8>> {
        let first = self.disk.pending.front().map(|(seq, _)| *seq);
        let (rests_on, _) = self.uplink.held.front()?;
        let is_free = first.is_none_or(|first| *rests_on < first);
        if is_free { self.uplink.held.pop_front().map(|(_, body)| body) } else { None }
    }

    /// Something is to be stored.
    pub(super) fn write(&mut self, seq: PersistSeq, record: GatewayRecord) {
        self.disk.pending.push_back((seq, record));
    }

    /// Everything under way is stored; which record was the last.
    pub(super) fn flush(&mut self) -> Option<PersistSeq> {
        self.disk.busy_until = None;
        let last = self.last_pending();
        self.disk.records.extend(self.disk.pending.drain(..).map(|(_, record)| record));
        last
    }

    /// A snapshot takes the place of what was stored, if there is much of it; whether one was taken.
    pub(super) fn compact(&mut self, now: Duration, at_least: usize) -> bool {
        if self.disk.records.len() < at_least || !self.disk.pending.is_empty() {
            return false;
        }
        let now = self.clock(now);
        // None is taken while an Atomic is open.
        let Some(Ok(snapshot)) = self.gateway.as_ref().map(|gateway| gateway.snapshot(now)) else {
            return false;
        };
        self.disk.snapshot = snapshot;
        self.disk.records.clear();
        true
    }
}

impl Uplink {
    /// Package 0 from the server: the session it asks for.
    pub(super) fn handle_push(&mut self, gateway: u16, push: &[u8]) -> Option<SessionId<'static>> {
        let nonce = self.nonces.1.as_ref().map_or(&[][..], Nonce::as_bytes);
        let own = server_id();
        let credentials = [(signing(&own, server_secret(gateway)), nonce)];
        let account_of = |id: ServerIdentifier<'_>| {
            (id.as_octets() == own.as_str().as_bytes()).then(|| Account::new(&credentials))
        };
        let in_session = self.session.is_some();
        let policy = ReceiverPolicy::STRICT;
        match receive(Arrival::Push(push), &policy, account_of, &mut self.replay, in_session) {
            Verdict::Start(wish) => SessionId::new(wish.session_id().to_string()).ok(),
            _ => None,
        }
    }

    /// A session that the gateway wants by itself.
    pub(super) fn own_session(&mut self) -> Initiation {
        self.next_session += 1;
        let id = SessionId::new(format!("{:X}", 0x1_0000 + self.next_session)).expect("a few digits");
        Initiation::Client(id)
    }

    pub(super) fn config(&self, gateway: u16) -> ClientConfig {
        let info = DevInfo {
            dev_id: gateway_address(gateway).as_str().to_owned(),
            man: "Example".into(),
            model: "GW".into(),
            dm_v: "1.2".into(),
            lang: "en".into(),
        };
        let mut tree = Tree::default();
        let installed = info.install(&mut tree);
        debug_assert!(installed.is_ok(), "an empty tree takes it");
        ClientConfig::new(gateway_address(gateway), uri(SERVER_URL))
            .with_md5(uplink_credentials(gateway), server_credentials(gateway))
            .with_nonces(self.nonces.0.clone(), self.nonces.1.clone())
            .with_dev_info(DevInfo::items(&tree))
            .with_atomic()
            .with_attempts(4, 15 * SECOND)
    }

    pub(super) fn store(&mut self, record: Record) {
        match record {
            Record::DeviceNonce(nonce) => self.nonces.0 = Some(nonce),
            Record::ServerNonce(nonce) => self.nonces.1 = Some(nonce),
            _ => {}
        }
    }

    pub(super) fn ended(&mut self) {
        self.session = None;
        self.alerts.clear();
        self.held.clear();
        if let Ok(id) = ServerIdentifier::new(server_id().as_str()) {
            self.replay.session_ended(id);
        }
    }
}

/// What time of day it is.
fn wall_clock(now: Duration) -> Timestamp {
    // Some time in 2026.
    const BEGINNING: i64 = 1_780_000_000;
    Timestamp::from_unix(BEGINNING + now.as_secs() as i64).expect("a few hours later at the most")
}

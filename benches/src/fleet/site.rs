//! A gateway where it stands: the machine, what it stores on, and its client towards the server.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use dm_notification::{Account, Arrival, ReceiverPolicy, ReplayMemory, ServerIdentifier, Verdict, receive};
use dm_syncml::auth::Nonce;
use dm_syncml::session::{ClientConfig, ClientSession, Initiation, Record, ServerConfig};
use dm_syncml::{Instant, SessionId};
use dm_tree::{DevInfo, ServerId, Tree};
use gwmo_model::console::Console;
use gwmo_model::{
    AlertSeq, DeviceBootstrapConfig, Gateway, GatewayConfig, GatewayRecord, GatewaySnapshot, ImageConfig,
    InventoryConfig, JobKey, OutboxConfig, PersistSeq, SessionLimits, StoragePolicy, Subscription,
};

use super::Options;
use super::chores::Chore;
use super::images::{FETCH_WAIT, Files, MAX_IMAGE, QUOTA};
use super::peers::{Asked, OTHERS, is_allowed, other_id};
use super::place::{
    MINUTE, Place, SECOND, SERVER_URL, account, device_number, gateway_address, gateway_id, gateway_url,
    server_credentials, server_id, server_secret, signing, time_of_day, uplink_credentials, uri,
};
use super::plan::Plan;
use super::pushes::PassedOn;
use super::store::{read, written};

/// What is stored, and what is on its way there.
pub(super) struct Disk {
    snapshot: Vec<u8>,
    records: Vec<Vec<u8>>,
    pending: VecDeque<(PersistSeq, Vec<u8>)>,
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
    /// Devices with a higher number are registered by the server.
    known_devices: u32,
    /// Records written so far, stored or not.
    pub(super) written: u64,
    pub(super) files: Files,
    pub(super) chores: Vec<(Duration, Chore)>,
    pub(super) passed_on: PassedOn,
    pub(super) asked: BTreeMap<ServerId, Asked>,
    /// When jobs ended, the last time.
    pub(super) ended: BTreeMap<JobKey, Duration>,
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
            .with_sessions(SessionLimits::default().with_max_alerts(200))
            .with_bootstrap(
                DeviceBootstrapConfig::new(gateway_id(number), gateway_url(number).as_str())
                    .with_retries(MINUTE, 400),
            )
            .with_images(images(number));
        let now = Instant::EPOCH;
        let tree = Tree::default().with_hash_seed(options.seed);
        let mut gateway = Gateway::new(now, config.clone(), tree).map_err(|error| error.to_string())?;
        let alerts = Subscription::default().with_each_time(true).with_detached(true);
        gateway.handle_server(now, server_id(), alerts).map_err(|error| error.to_string())?;
        gateway.handle_administrator(now, &server_id()).map_err(|error| error.to_string())?;
        set_peers(&mut gateway)?;
        gateway.handle_wall_clock(now, time_of_day(Duration::ZERO));
        give_entropy(&mut gateway, number, 0);
        let snapshot = written(&gateway.snapshot(now).map_err(|error| error.to_string())?);
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
            known_devices: options.devices,
            written: 0,
            files: Files::default(),
            chores: Vec::new(),
            passed_on: PassedOn::default(),
            asked: BTreeMap::new(),
            ended: BTreeMap::new(),
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
        // Those that a server registered have what it said.
        let known = |number: &u32| *number <= self.known_devices;
        let account = |id: &gwmo_model::DeviceId| {
            Some(account(device_number(id).filter(known)?, self.number).with_session_id(first))
        };
        let snapshot: GatewaySnapshot = read(&self.disk.snapshot)?;
        let records: Result<Vec<GatewayRecord>, String> =
            self.disk.records.iter().map(|record| read(record)).collect();
        Gateway::restore(now, self.config.clone(), snapshot, records?, account)
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
        gateway.handle_wall_clock(Instant::EPOCH, time_of_day(now));
        give_entropy(&mut gateway, self.number, self.starts);
        self.files.restart();
        self.gateway = Some(gateway);
        Ok(())
    }

    /// It stops. Of the records under way the first `kept` are stored, the others never were.
    pub(super) fn stop(&mut self, kept: usize) {
        self.gateway = None;
        let lost = self.disk.pending.len() - kept;
        for (_, record) in self.disk.pending.drain(..).take(kept) {
            self.disk.records.push(record);
        }
        let stored = self.written - lost as u64;
        self.passed_on.stopped(stored);
        for asked in self.asked.values_mut() {
            asked.stored(stored);
            asked.stopped();
        }
        self.chores.clear();
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
        self.written += 1;
        self.disk.pending.push_back((seq, written(&record)));
    }

    /// Everything under way is stored; which record was the last.
    pub(super) fn flush(&mut self) -> Option<PersistSeq> {
        self.disk.busy_until = None;
        let last = self.last_pending();
        self.disk.records.extend(self.disk.pending.drain(..).map(|(_, record)| record));
        self.stored();
        last
    }

    /// What rests on records that are stored is certain.
    pub(super) fn stored(&mut self) {
        let stored = self.written - self.disk.pending.len() as u64;
        self.passed_on.stored(stored);
        self.asked.values_mut().for_each(|asked| asked.stored(stored));
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
        self.disk.snapshot = written(&snapshot);
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

/// Room for two images, not for three.
fn images(gateway: u16) -> ImageConfig {
    let mut policy = StoragePolicy::default().with_quota(QUOTA);
    policy.max_image = MAX_IMAGE;
    ImageConfig::new(&format!("{}/images/", gateway_url(gateway).as_str()))
        .with_policy(policy)
        .with_fetch_retries(20, FETCH_WAIT)
}

/// Which of the other servers it may ask.
fn set_peers(gateway: &mut Gateway) -> Result<(), String> {
    let console = Console::new();
    let allowed = (0..OTHERS).filter(|number| is_allowed(*number));
    let commands = allowed.map(|number| console.allow_peer(&other_id(number)));
    for command in commands.chain([console.set_peers_auto(true)]) {
        let outcome = gateway.execute(Instant::EPOCH, &server_id(), &command);
        outcome.is_success().then_some(()).ok_or_else(|| format!("peers: {outcome:?}"))?;
    }
    Ok(())
}

/// Chance, for as many addresses of images as a run has.
fn give_entropy(gateway: &mut Gateway, number: u16, starts: u16) {
    for count in 0..8 {
        let mut entropy = [count; 16];
        entropy[..2].copy_from_slice(&number.to_be_bytes());
        entropy[2..4].copy_from_slice(&starts.to_be_bytes());
        gateway.handle_entropy(Instant::EPOCH, entropy);
    }
}

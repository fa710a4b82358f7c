//! A device: a tree, a client, and what it keeps while it is without power.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use dm_notification::{Account, Arrival, ReceiverPolicy, ReplayMemory, ServerIdentifier, Verdict, receive};
use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{
    AlertId, AlertQueue, ClientConfig, ClientEnd, ClientSession, GenericAlert, Initiation, Record,
};
use dm_syncml::{Alert, CmdId, Correlator, Data, Format, Instant, SessionId, StatusCode};
use dm_tree::{
    AccessType, Acl, Children, Context, DevInfo, Effects, ExecReply, Format as TreeFormat, Handler,
    HandlerMap, NoAnswer, NodeFacts, NodeSpec, Tree, TreeLimits, TreeRecord, TreeSnapshot, Value,
};
use gwmo_model::ContentDigest;

use super::jobs::{LATER_DONE, OLD, later_takes, model_of};
use super::place::{
    SECOND, device_credentials, device_id, gateway_id, gateway_name, gateway_secret, gateway_url, signing,
    uri,
};
use super::store::{read, written};

/// What a job executed, as the world saw it: no restart takes it back.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// By node and argument, which is the name of the job.
    pub(super) runs: BTreeMap<(&'static str, String), u32>,
    /// When it did so first.
    pub(super) first_at: BTreeMap<String, Duration>,
    /// What time it is.
    pub(super) now: Duration,
}

/// The nodes that run something.
struct MeterNodes(Arc<Mutex<Meter>>);

impl Handler for MeterNodes {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior()),
            ["Run" | "Later"] => Some(NodeFacts::leaf(TreeFormat::Null).with_access(AccessType::EXEC)),
            ["Runs"] => Some(NodeFacts::leaf(TreeFormat::Int)),
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        let meter = self.0.lock().map_err(|_| StatusCode::COMMAND_FAILED)?;
        Ok(meter.runs.values().sum::<u32>().to_string().into_bytes())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        for name in ["Run", "Runs", "Later"] {
            out.push(name);
        }
        Ok(())
    }

    fn exec(&mut self, _: &Context<'_>, path: &[&str], argument: &[u8]) -> ExecReply {
        let Ok(mut meter) = self.0.lock() else { return ExecReply::Done(StatusCode::COMMAND_FAILED) };
        let argument = String::from_utf8_lossy(argument).into_owned();
        let (node, reply) = match path {
            ["Later"] => ("Later", ExecReply::Accepted),
            _ => ("Run", ExecReply::Done(StatusCode::OK)),
        };
        let now = meter.now;
        meter.first_at.entry(argument.clone()).or_insert(now);
        *meter.runs.entry((node, argument)).or_default() += 1;
        reply
    }
}

/// What a device still has after its power was gone.
pub(super) struct Flash {
    snapshot: Vec<u8>,
    records: Vec<Vec<u8>>,
    /// Of each gateway: the nonces of the device's next digest and of the gateway's.
    nonces: BTreeMap<u16, (Option<Nonce>, Option<Nonce>)>,
    replay: Vec<u8>,
    pub(super) alerts: AlertQueue,
    pub(super) home: u16,
    pub(super) epoch: u64,
    next_session: u32,
    /// What was accepted and is not done: when it will be, for whom, and what to return.
    later: Vec<(Duration, u16, Option<String>)>,
    /// The addresses of images that it was given, by whom, and the digest of what it read there.
    pub(super) images: BTreeMap<String, (u16, Option<ContentDigest>)>,
    /// It has an account with its gateway.
    pub(super) is_bootstrapped: bool,
    /// The ends that were told and not taken yet: when they were to be, for whom, and what they return.
    ends: BTreeMap<AlertId, (Duration, u16, String)>,
}

/// A device.
pub(super) struct Device {
    pub(super) number: u32,
    pub(super) flash: Flash,
    pub(super) meter: Arc<Mutex<Meter>>,
    pub(super) tree: Tree,
    pub(super) handlers: HandlerMap,
    pub(super) effects: Effects,
    replay: ReplayMemory,
    /// With which gateway.
    pub(super) session: Option<(u16, ClientSession)>,
    pub(super) has_power: bool,
    /// It loses its power the next time it has something to store.
    pub(super) is_doomed: bool,
    /// When it does what it does between sessions.
    pub(super) heartbeat_at: Duration,
    pub(super) call_at: Duration,
    /// What it told in alerts of its own.
    pub(super) told: u32,
    /// The ends that a gateway took early enough to count them: which gateway, and what they returned.
    pub(super) counted: Vec<(u16, String)>,
    pub(super) sessions: u32,
}

impl Device {
    pub(super) fn new(number: u32, home: u16, gateways: u16) -> Result<Self, Box<dyn core::error::Error>> {
        let mut tree = Tree::default();
        let info = DevInfo {
            dev_id: device_id(number).to_string(),
            man: "Example".into(),
            model: model_of(number),
            dm_v: "1.2".into(),
            lang: "en".into(),
        };
        info.install(&mut tree)?;
        tree.insert(OLD, NodeSpec::leaf(Value::int(1)))?;
        tree.insert("./Vendor/Jobs", NodeSpec::interior())?;
        let mut handlers = HandlerMap::new();
        let meter = Arc::new(Mutex::new(Meter::default()));
        handlers.mount(&mut tree, "./Vendor/Meter", MeterNodes(Arc::clone(&meter)))?;
        let names: Vec<String> = (0..gateways).map(gateway_name).collect();
        let names = names.join("+");
        let acl = format!("Add={names}&Delete={names}&Exec={names}&Get=*&Replace={names}");
        tree.set_acl("./Vendor", Acl::parse(&acl)?)?;
        let snapshot = written(&tree.snapshot()?);
        tree.set_journaling(true);
        let flash = Flash {
            snapshot,
            records: Vec::new(),
            nonces: BTreeMap::new(),
            replay: ReplayMemory::new().snapshot(),
            alerts: AlertQueue::new(),
            home,
            epoch: 1,
            next_session: 0x8000,
            later: Vec::new(),
            ends: BTreeMap::new(),
            images: BTreeMap::new(),
            is_bootstrapped: true,
        };
        Ok(Self {
            number,
            flash,
            meter,
            tree,
            handlers,
            effects: Effects::default(),
            replay: ReplayMemory::new(),
            session: None,
            has_power: true,
            is_doomed: false,
            heartbeat_at: Duration::ZERO,
            call_at: Duration::ZERO,
            told: 0,
            counted: Vec::new(),
            sessions: 0,
        })
    }

    /// The tree as it would be after a restart.
    ///
    /// # Errors
    ///
    /// When what was stored makes no tree.
    pub(super) fn stored_tree(&self) -> Result<Tree, String> {
        let snapshot: TreeSnapshot = read(&self.flash.snapshot)?;
        let mut tree = Tree::restore(&snapshot, TreeLimits::default()).map_err(|error| error.to_string())?;
        for record in &self.flash.records {
            tree.replay(&read::<TreeRecord>(record)?).map_err(|error| error.to_string())?;
        }
        Ok(tree)
    }

    /// The power is gone, and with it all that is not stored.
    pub(super) fn lose_power(&mut self) {
        self.has_power = false;
        self.is_doomed = false;
        self.session = None;
        self.effects = Effects::default();
    }

    /// It starts with what it stored.
    ///
    /// # Errors
    ///
    /// When what was stored makes no tree or no memory of notifications.
    pub(super) fn start(&mut self) -> Result<(), String> {
        self.tree = self.stored_tree()?;
        self.tree.set_journaling(true);
        self.replay = ReplayMemory::new();
        self.replay.restore(&self.flash.replay).map_err(|error| error.to_string())?;
        self.has_power = true;
        Ok(())
    }

    /// Package 0 comes from a gateway: whether a session begins.
    pub(super) fn handle_push(&mut self, now: Instant, gateway: u16, push: &[u8]) -> bool {
        let own = gateway_id(gateway);
        let nonces = self.flash.nonces.get(&gateway);
        let nonce = nonces.and_then(|(_, server)| server.as_ref()).map_or(&[][..], Nonce::as_bytes);
        let credentials = [(signing(&own, gateway_secret(self.number, gateway)), nonce)];
        // A device that has moved takes no notice of where it was, and one that knows nobody of anybody.
        let is_known = gateway == self.flash.home && self.flash.is_bootstrapped;
        let account_of = |id: ServerIdentifier<'_>| {
            (id.as_octets() == own.as_str().as_bytes() && is_known).then(|| Account::new(&credentials))
        };
        let in_session = self.session.is_some();
        let policy = ReceiverPolicy::STRICT;
        let verdict = receive(Arrival::Push(push), &policy, account_of, &mut self.replay, in_session);
        let Verdict::Start(wish) = verdict else { return false };
        let Ok(id) = SessionId::new(wish.session_id().to_string()) else { return false };
        self.flash.replay = self.replay.snapshot();
        self.begin(now, Initiation::Server(id));
        true
    }

    /// It opens a session by itself; one that runs goes on.
    pub(super) fn call(&mut self, now: Instant) {
        if self.session.is_some() || !self.flash.is_bootstrapped {
            return;
        }
        self.flash.next_session += 1;
        let id = SessionId::new(format!("{:X}", self.flash.next_session)).expect("a few digits");
        self.begin(now, Initiation::Client(id));
    }

    fn begin(&mut self, now: Instant, initiation: Initiation) {
        let gateway = self.flash.home;
        let secret = gateway_secret(self.number, gateway);
        let server = Credentials::new(gateway_name(gateway), Password::new(secret));
        let (own, theirs) = self.flash.nonces.get(&gateway).cloned().unwrap_or_default();
        let config = ClientConfig::new(uri(device_id(self.number).as_str()), gateway_url(gateway))
            .with_md5(device_credentials(self.number, gateway), server)
            .with_nonces(own, theirs)
            .with_dev_info(DevInfo::items(&self.tree))
            .with_atomic()
            .with_attempts(4, 8 * SECOND);
        self.sessions += 1;
        let session = ClientSession::new(now, config, initiation, self.flash.alerts.clone());
        self.session = Some((gateway, session));
    }

    /// A session is over.
    pub(super) fn ended(&mut self, gateway: u16, _end: ClientEnd) {
        self.session = None;
        let name = gateway_name(gateway);
        if let Ok(id) = ServerIdentifier::new(&name) {
            self.replay.session_ended(id);
            self.flash.replay = self.replay.snapshot();
        }
    }

    /// What a session wants stored.
    pub(super) fn store(&mut self, now: Duration, gateway: u16, record: Record) {
        let nonces = self.flash.nonces.entry(gateway).or_default();
        match record {
            Record::DeviceNonce(nonce) => nonces.0 = Some(nonce),
            Record::ServerNonce(nonce) => nonces.1 = Some(nonce),
            Record::AlertDone(id) => {
                self.flash.alerts.remove(id);
                let end = self.flash.ends.remove(&id);
                // No job waits less than 200 seconds for an end; it was due at most 90 seconds after it began.
                if let Some((due, whose, text)) = end
                    && whose == gateway
                    && now < due + 90 * SECOND
                {
                    self.counted.push((gateway, text));
                }
            }
            // Alerts are queued between sessions here.
            _ => {}
        }
    }

    /// What a server's commands have done is stored, or only the beginning of it: then the power is gone.
    pub(super) fn store_effects(&mut self, now: Duration, gateway: u16) -> bool {
        let effects = core::mem::take(&mut self.effects);
        let has_stored = !effects.records.is_empty() || !effects.exec_requests.is_empty();
        if self.is_doomed && has_stored {
            let kept = effects.records.len() / 2;
            self.flash.records.extend(effects.records.iter().take(kept).map(written));
            self.lose_power();
            return false;
        }
        self.flash.records.extend(effects.records.iter().map(written));
        for request in effects.exec_requests {
            let done_at = now + later_takes(self.number);
            self.flash.later.push((done_at, gateway, request.correlator));
        }
        // Commands that wait for a handler: there are none.
        true
    }

    /// What it accepted is done: it says so, and wants a session.
    pub(super) fn finish_later(&mut self, now: Duration) {
        let home = self.flash.home;
        let due = |(at, gateway, _): &(Duration, u16, Option<String>)| *at <= now && *gateway == home;
        let (done, open) = core::mem::take(&mut self.flash.later).into_iter().partition(due);
        self.flash.later = open;
        let done: Vec<(Duration, u16, Option<String>)> = done;
        for (due, gateway, text) in done {
            let correlator = text.clone().and_then(|text| Correlator::new(text).ok());
            let id = self.queue_alert(LATER_DONE, "1200", correlator);
            self.flash.ends.extend(text.map(|text| (id, (due, gateway, text))));
            self.call_at = now;
        }
    }

    /// It has something to tell.
    pub(super) fn tell(&mut self, now: Duration) {
        self.told += 1;
        let text = format!("{}-{}", self.number, self.told);
        self.queue_alert("com.example.tell", &text, None);
        self.call_at = now;
    }

    /// It says which servers it knows.
    pub(super) fn tell_servers(&mut self, now: Duration, servers: &str) {
        self.queue_alert("urn:oma:at:x-gwmo:BootstrappedDMSList:1.0", servers, None);
        self.call_at = now;
    }

    fn queue_alert(&mut self, name: &str, data: &str, correlator: Option<Correlator<'static>>) -> AlertId {
        let data = Data::text(data.to_owned()).expect("letters and digits");
        let mut alert = GenericAlert::new(name, Format::CHR, data).expect("a fixed name");
        alert.correlator = correlator;
        let alert: Alert<'static> = alert.to_alert(CmdId::number(core::num::NonZeroU32::MIN));
        self.flash.alerts.push(alert)
    }

    /// When it next does something by itself.
    pub(super) fn due(&self) -> Duration {
        let home = self.flash.home;
        let later = self.flash.later.iter().filter(|(_, gateway, _)| *gateway == home).map(|(at, ..)| *at);
        later.fold(self.heartbeat_at.min(self.call_at), Duration::min)
    }

    /// The value of a leaf of its tree, for its owner.
    pub(super) fn read(&mut self, node: &str) -> Option<String> {
        let reader = gateway_id(self.flash.home);
        let got = self.tree.act_for(&reader, &mut self.handlers).get(node).ok()?;
        String::from_utf8(got.into_data()).ok()
    }
}

//! From one start of the device to the next: what it waits for, and what it does then.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dm_notification::ReplayMemory;
use dm_syncml::session::ClientEnd;
use dm_tree::ddf::Schema;
use dm_tree::{DevInfo, HandlerMap, Timestamp, Tree, Value, dm_accounts};
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::appliance::{Appliance, FUMO, Restart, Shared, TaskKind, state};
use super::arriving::Taken;
use super::bootstrapping::Secrets;
use super::download::{Fetch, Progress, digest_of, result};
use super::failure::Failure;
use super::keeping::{Keeper, Kept, LooseNonce, Wish};
use super::managing::Ended;
use super::program::Program;
use super::pushing::Pushes;
use super::report::{PROGRESS, Report};
use super::user::User;
use super::waking::session_ended;
use crate::announcing::{Challenge, WELCOME};
use crate::clock::Clock;
use crate::event_log::EventLog;
use crate::http_client::HttpClient;
use crate::misbehaviour::Network;
use crate::store::{Batch, StoreError};
use crate::wire::Wire;

/// Sessions that wait for their turn.
pub(super) const MAX_WISHES: usize = 16;
/// Attempts for one session.
const MAX_ATTEMPTS: u32 = 6;
/// The longest time between two announcements.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// What outlives a reboot: the hardware.
#[derive(Debug)]
struct Hardware {
    keeper: Keeper,
    socket: UdpSocket,
    pushes: Option<Pushes>,
    network: Network,
    user: User,
    messages: u64,
}

/// A device that is switched on.
#[derive(Debug)]
pub(super) struct Device<'p> {
    pub program: &'p Program,
    pub clock: Clock,
    pub log: EventLog,
    pub wire: Wire,
    http: HttpClient,
    pub secrets: &'p Secrets,
    pub keeper: &'p mut Keeper,
    pub network: &'p mut Network,
    pub user: &'p mut User,
    pub messages: &'p mut u64,
    socket: &'p UdpSocket,
    pushes: &'p mut Option<Pushes>,
    pub tree: Tree,
    pub handlers: HandlerMap,
    pub shared: Shared,
    /// The appliance as it is on disk.
    kept: Appliance,
    pub reports: BTreeMap<u64, Report>,
    pub replay: ReplayMemory,
    pub wishes: Vec<Wish>,
    pub loose: Vec<LooseNonce>,
    /// The gateway it is behind, as its server.
    pub behind: Option<String>,
    /// Sessions in a row that failed.
    failures: u32,
    /// Bootstrap messages that failed.
    pub refused: u32,
    downloads: (mpsc::Sender<Progress>, mpsc::Receiver<Progress>),
    /// The last percentage that was told.
    told: u8,
    installed_at: Option<Instant>,
}

/// What comes after a life.
enum Next {
    End(bool),
    Restart(Restart),
}

/// Lives until `stop` comes about.
pub(super) async fn run(
    program: &Program,
    http: HttpClient,
    clock: Clock,
    log: EventLog,
    stop: impl Future<Output = ()>,
) -> Result<bool, Failure> {
    let schema = Arc::new(program.schema()?);
    let secrets = program.secrets()?;
    let socket = UdpSocket::bind(program.listen).await;
    let socket = socket.map_err(|error| Failure::new("io", format_args!("{}: {error}", program.listen)))?;
    let mut hardware = Hardware {
        keeper: Keeper::open(&program.state, program.no_sync)?,
        socket,
        pushes: match program.push {
            Some(at) => Some(Pushes::listen(at).await?),
            None => None,
        },
        network: program.misbehaviour.start(),
        user: User::new(program.manner()),
        messages: 0,
    };
    let mut reset = false;
    tokio::pin!(stop);
    loop {
        let life = async {
            let mut device =
                Device::start(program, (&http, clock, log.clone()), &schema, &secrets, &mut hardware, reset)
                    .await?;
            device.live().await
        };
        let next = tokio::select! {
            next = life => next?,
            () = &mut stop => Next::End(!program.once),
        };
        match next {
            Next::End(is_good) => return Ok(is_good),
            Next::Restart(restart) => {
                reset = restart == Restart::FactoryReset;
                log.tell("rebooting", json!({ "factory_reset": reset }));
                sleep(Duration::from_millis(program.boot_time)).await;
            }
        }
    }
}

impl<'p> Device<'p> {
    /// Switches it on: with what was kept, or as it left the factory.
    async fn start(
        program: &'p Program,
        (http, clock, log): (&HttpClient, Clock, EventLog),
        schema: &Arc<Schema>,
        secrets: &'p Secrets,
        hardware: &'p mut Hardware,
        reset: bool,
    ) -> Result<Self, Failure> {
        let Hardware { keeper, socket, pushes, network, user, messages } = hardware;
        let mut handlers = HandlerMap::new();
        let mut batch = Batch::new();
        let kept = keeper.load()?;
        let is_new = kept.is_none() || reset;
        let (mut kept, shared) = match kept {
            Some(mut kept) if !reset => {
                kept.appliance.boots = kept.appliance.boots.saturating_add(1);
                let shared = Shared::new(kept.appliance.clone());
                let mounted = shared.mount(&mut kept.tree, &mut handlers);
                mounted.map_err(|error| Failure::new("tree", error))?;
                (kept, shared)
            }
            former => {
                for number in former.iter().flat_map(|former| former.reports.keys()) {
                    Keeper::report(&mut batch, *number, None)?;
                }
                // What was downloaded is gone too.
                let _ = std::fs::remove_file(package(program));
                // A device that is reset is still the same device.
                let mut program = program.clone();
                let info = former.as_ref().and_then(|former| DevInfo::read(&former.tree));
                program.id = info.map(|info| info.dev_id).or(program.id);
                let boots = former.map_or(0, |former| former.appliance.boots) + 1;
                let appliance = Appliance { boots, ..Appliance::default() };
                let shared = Shared::new(appliance.clone());
                let mut tree = program.new_tree(schema, &shared, &mut handlers)?;
                program.bootstrap_from_file(&mut tree)?;
                let servers = dm_accounts(&tree).map(|(_, account)| account.server_id.as_str().to_owned());
                let wishes = servers.map(|server| Wish { server, session_id: None }).collect();
                let (reports, replay) = (BTreeMap::new(), ReplayMemory::new());
                (Kept { tree, appliance, reports, replay, wishes }, shared)
            }
        };
        let dev_id = DevInfo::read(&kept.tree).map(|info| info.dev_id).unwrap_or_default();
        if let Some(other) = program.id.as_ref().filter(|id| **id != dev_id) {
            return Err(Failure::usage(format_args!(
                "{} is the store of {dev_id}, not of {other}; give another --state",
                program.state.display()
            )));
        }
        if dm_accounts(&kept.tree).next().is_none() && secrets.prove_nothing() {
            return Err(Failure::usage(
                "the device knows no server and cannot be told of any: give --server, --bootstrap, --pin or --imsi",
            ));
        }
        kept.tree.set_schema(Some(Arc::<Schema>::clone(schema)));
        // One snapshot takes the place of all records.
        keeper.snapshot(&mut batch, &kept.tree)?;
        kept.tree.set_journaling(true);
        Keeper::nonces(&mut batch, &[])?;
        Keeper::appliance(&mut batch, &kept.appliance)?;
        Keeper::wishes(&mut batch, &kept.wishes, &kept.replay)?;
        keeper.write(batch).await?;
        let address = socket.local_addr().map_err(|error| Failure::new("io", error))?;
        let push = pushes.as_ref().map(|pushes| format!("http://{}/push", pushes.address));
        log.tell(
            "started",
            json!({ "id": dev_id, "address": address.to_string(), "push": push, "new": is_new, "boots": kept.appliance.boots }),
        );
        let wire = Wire::over(http.clone());
        let Kept { tree, appliance, reports, replay, wishes } = kept;
        Ok(Self {
            program,
            clock,
            log,
            wire,
            http: http.clone(),
            secrets,
            keeper,
            network,
            user,
            messages,
            socket,
            pushes,
            tree,
            handlers,
            shared,
            kept: appliance,
            reports,
            replay,
            wishes,
            loose: Vec::new(),
            behind: None,
            failures: 0,
            refused: 0,
            downloads: mpsc::channel(16),
            told: 0,
            installed_at: None,
        })
    }

    async fn live(&mut self) -> Result<Next, Failure> {
        self.go_on();
        if self.program.once {
            return self.manage_once().await;
        }
        // Reports of the life before wait for a session.
        let servers: Vec<_> = self.reports.values().map(|report| report.server.clone()).collect();
        servers.iter().for_each(|server| self.wish_for(server));
        let mut announcing =
            self.program.gateway.map(|gateway| (gateway, Instant::now(), Duration::from_secs(1)));
        let poll = self.program.poll.map(Duration::from_secs);
        let mut poll_at = poll.map(|poll| Instant::now() + poll);
        let mut session_at = Instant::now();
        let mut datagram = [0; 1 << 16];
        loop {
            if let Some(restart) = self.shared.lock().restart.take() {
                return Ok(Next::Restart(restart));
            }
            if self.keeper.wants_snapshot() {
                let mut batch = Batch::new();
                self.keeper.snapshot(&mut batch, &self.tree)?;
                self.keeper.write(batch).await?;
            }
            if session_at <= Instant::now()
                && let Some(wish) = self.wishes.first().cloned()
            {
                if self.open(&wish).await? == Ended::PowerLoss {
                    return Ok(Next::Restart(Restart::Reboot));
                }
                session_at = Instant::now() + self.pause();
                self.go_on();
                continue;
            }
            tokio::select! {
                received = self.socket.recv_from(&mut datagram) => {
                    // An error is what became of an announcement that nobody listened for.
                    let Ok((length, from)) = received else { continue };
                    let octets = &datagram[..length];
                    let is_gateway = announcing.is_some_and(|(gateway, ..)| gateway == from);
                    if is_gateway && octets == WELCOME {
                        self.log.tell("welcomed", json!({ "gateway": from.to_string() }));
                        announcing = None;
                        if self.tell_servers().await? {
                            session_at = Instant::now();
                        }
                    } else if is_gateway && let Some(challenge) = Challenge::read(octets) {
                        match self.proof(&challenge) {
                            Some(proof) => {
                                self.behind = Some(challenge.server.to_owned());
                                let _ = self.socket.send_to(&proof, from).await;
                            }
                            None => self.log.tell("unproven", json!({ "gateway": from.to_string(), "server": challenge.server })),
                        }
                    } else if self.datagram(from, octets).await? == Taken::Session {
                        session_at = Instant::now();
                        announce_now(&mut announcing);
                    }
                }
                pushed = Pushes::next(self.pushes) => {
                    if self.pushed(pushed).await? == Taken::Session {
                        session_at = Instant::now();
                        announce_now(&mut announcing);
                    }
                }
                Some(progress) = self.downloads.1.recv() => {
                    if self.progress(progress).await? {
                        session_at = Instant::now();
                    }
                }
                () = until(self.installed_at) => {
                    self.installed_at = None;
                    self.installed().await?;
                    session_at = Instant::now();
                }
                () = until(announcing.map(|(_, at, _)| at)) => {
                    if let Some((gateway, at, pause)) = &mut announcing {
                        let dev_id = DevInfo::read(&self.tree).map(|info| info.dev_id).unwrap_or_default();
                        let _ = self.socket.send_to(dev_id.as_bytes(), *gateway).await;
                        *at = Instant::now() + *pause;
                        *pause = (*pause * 2).min(MAX_PAUSE);
                    }
                }
                () = until(poll_at) => {
                    poll_at = poll.map(|poll| Instant::now() + poll);
                    let servers: Vec<_> = dm_accounts(&self.tree).map(|(_, account)| account.server_id).collect();
                    servers.iter().for_each(|server| self.wish_for(server.as_str()));
                }
                () = sleep_until(session_at), if !self.wishes.is_empty() => {}
            }
        }
    }

    /// A session with each server that has something to hear, or else with the first one.
    async fn manage_once(&mut self) -> Result<Next, Failure> {
        if self.wishes.is_empty() {
            let server = dm_accounts(&self.tree).next().map(|(_, account)| account.server_id);
            let server = server.ok_or_else(|| Failure::usage("the device knows no server"))?;
            self.wish_for(server.as_str());
        }
        let mut is_good = true;
        for wish in self.wishes.clone() {
            match self.open(&wish).await? {
                Ended::PowerLoss => return Ok(Next::Restart(Restart::Reboot)),
                ended => is_good &= ended == Ended::With(ClientEnd::Completed),
            }
        }
        Ok(Next::End(is_good))
    }

    /// Runs a session that was wished for, and sees what is to be done with the wish.
    async fn open(&mut self, wish: &Wish) -> Result<Ended, Failure> {
        let ended = self.manage(wish).await?;
        let (reason, again) = match ended {
            Ended::PowerLoss => return Ok(ended),
            Ended::Never(reason) => (reason.to_owned(), false),
            Ended::With(end) => {
                let again =
                    matches!(end, ClientEnd::TimedOut | ClientEnd::BadAnswer | ClientEnd::HeaderRefused(_));
                (format!("{end:?}"), again)
            }
        };
        self.log.tell("session-ended", json!({ "server": wish.server, "end": reason }));
        let has_reports = self.reports.values().any(|report| report.server == wish.server);
        self.failures = if again || has_reports { self.failures + 1 } else { 0 };
        if !again || self.failures >= MAX_ATTEMPTS {
            self.wishes.retain(|other| other != wish);
            session_ended(&mut self.replay, &wish.server);
            if self.failures >= MAX_ATTEMPTS {
                // Reports wait for the next session, whoever wants it.
                self.failures = 0;
            } else if has_reports && !matches!(ended, Ended::Never(_)) {
                self.wish_for(&wish.server);
            }
        } else if self.wishes.len() > 1 {
            // Others need not wait for this server.
            self.wishes.rotate_left(1);
        }
        let mut batch = Batch::new();
        if !self.loose.is_empty() {
            self.loose.drain(..).for_each(|nonce| nonce.settle(&mut self.tree));
            let record = self.tree.take_record();
            self.keeper.records(&mut batch, record)?;
            Keeper::nonces(&mut batch, &[])?;
        }
        Keeper::wishes(&mut batch, &self.wishes, &self.replay)?;
        self.keeper.write(batch).await?;
        Ok(ended)
    }

    /// How long the next session waits after those that failed.
    fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => Duration::from_millis(self.program.retry) * 2_u32.pow((failures - 1).min(10)),
        }
    }

    /// Wants a session with a server, unless one is wanted already.
    pub(super) fn wish_for(&mut self, server: &str) {
        let is_wanted = self.wishes.iter().any(|wish| wish.server == server);
        if !is_wanted && self.wishes.len() < MAX_WISHES {
            self.wishes.push(Wish { server: server.into(), session_id: None });
        }
    }

    /// Begins what is to go on beside everything else: a download, an installation.
    fn go_on(&mut self) {
        let firmware = self.shared.lock().appliance.firmware.clone();
        let Some(task) = firmware.task else { return };
        if firmware.state == state::UPDATING {
            let time = Duration::from_millis(self.program.install_time);
            self.installed_at.get_or_insert_with(|| Instant::now() + time);
        } else if self.downloads.0.is_closed() || !self.is_fetching() {
            let (told, progress) = mpsc::channel(16);
            self.downloads = (told.clone(), progress);
            self.told = 0;
            let fetch = Fetch {
                http: self.http.clone(),
                file: package(self.program),
                piece: self.program.piece.into(),
                max: self.program.max_package,
                pause: Duration::from_millis(500),
            };
            tokio::spawn(fetch.run(task, firmware.digest, told));
        }
    }

    /// A download holds a sender beside ours.
    fn is_fetching(&self) -> bool {
        self.downloads.0.strong_count() > 1 || !self.downloads.1.is_empty()
    }

    /// A download goes on; whether a server is to hear of it.
    async fn progress(&mut self, progress: Progress) -> Result<bool, Failure> {
        let Some(task) = self.shared.lock().appliance.firmware.task.clone() else { return Ok(false) };
        match progress {
            Progress::Started { from, validator } => {
                self.log.tell("download-started", json!({ "url": task.url, "from": from }));
                if let Some(task) = &mut self.shared.lock().appliance.firmware.task {
                    task.validator = validator;
                }
                self.commit(None).await?;
                Ok(false)
            }
            Progress::Received { octets, total } => {
                self.log.tell("download-progress", json!({ "octets": octets, "total": total }));
                let Some(total) = total.filter(|total| *total > 0) else { return Ok(false) };
                let percent = u8::try_from(octets.saturating_mul(100) / total).unwrap_or(100);
                if percent >= 100
                    || percent / self.program.report_every <= self.told / self.program.report_every
                {
                    return Ok(false);
                }
                self.told = percent;
                self.commit(Some((task.server, PROGRESS, percent.into(), task.correlator))).await?;
                Ok(true)
            }
            Progress::Ended(ended) => {
                self.log.tell(
                    "download-ended",
                    json!({ "url": task.url, "result": ended.err().unwrap_or(result::SUCCESSFUL) }),
                );
                let goes_on = ended.is_ok() && task.kind == TaskKind::DownloadAndUpdate;
                {
                    let firmware = &mut self.shared.lock().appliance.firmware;
                    firmware.state = match ended {
                        Err(_) => state::DOWNLOAD_FAILED,
                        Ok(()) if goes_on => state::UPDATING,
                        Ok(()) => state::DOWNLOADED,
                    };
                    if !goes_on {
                        firmware.task = None;
                    }
                }
                if goes_on {
                    self.commit(None).await?;
                    self.go_on();
                    return Ok(false);
                }
                let code = ended.err().unwrap_or(result::SUCCESSFUL);
                self.commit(Some((task.server, task.kind.alert_type(), code, task.correlator))).await?;
                Ok(true)
            }
        }
    }

    /// The time that an installation takes is over.
    async fn installed(&mut self) -> Result<(), Failure> {
        let Some(task) = self.shared.lock().appliance.firmware.task.take() else { return Ok(()) };
        let there = digest_of(&package(self.program));
        let version = {
            let firmware = &mut self.shared.lock().appliance.firmware;
            firmware.state = if there.is_ok() { state::UPDATED } else { state::UPDATE_FAILED };
            let digest = there.ok().map(|(_, digest)| digest);
            let named = Some(firmware.version.clone()).filter(|version| !version.is_empty());
            digest.map(|digest| named.unwrap_or_else(|| format!("fw-{}", &digest[..8])))
        };
        if let Some(version) = &version {
            let set = self.tree.set_value("./DevDetail/FwV", Value::chr(version.clone()));
            set.map_err(|error| Failure::new("tree", error))?;
        }
        self.log.tell("updated", json!({ "firmware": version }));
        let code = if version.is_some() { result::SUCCESSFUL } else { result::UPDATE_FAILED };
        self.commit(Some((task.server, task.kind.alert_type(), code, task.correlator))).await?;
        let _ = std::fs::remove_file(package(self.program));
        Ok(())
    }

    /// Puts the appliance and the tree on disk, together with what a server is to hear of it.
    async fn commit(
        &mut self,
        report: Option<(String, &'static str, u32, Option<String>)>,
    ) -> Result<(), Failure> {
        let mut batch = Batch::new();
        if let Some((server, alert_type, number, correlator)) = report {
            self.wish_for(&server);
            let (alert_type, source) = (alert_type.to_owned(), FUMO.to_owned());
            let report = Report { server, alert_type, source, number, correlator, text: None };
            self.file(&mut batch, report)?;
        }
        let record = self.tree.take_record();
        self.keeper.records(&mut batch, record)?;
        self.note_appliance(&mut batch)?;
        Ok(self.keeper.write(batch).await?)
    }

    /// Keeps what a server is to hear, in place of what it was to hear of the same before.
    pub(super) fn file(&mut self, batch: &mut Batch, report: Report) -> Result<(), StoreError> {
        let former = self.reports.iter().filter(|(_, other)| report.replaces(other)).map(|(key, _)| *key);
        for former in former.collect::<Vec<_>>() {
            self.reports.remove(&former);
            Keeper::report(batch, former, None)?;
        }
        let key = self.reports.last_key_value().map_or(0, |(key, _)| key + 1);
        Keeper::report(batch, key, Some(&report))?;
        self.reports.insert(key, report);
        Ok(())
    }

    /// The appliance, if it is another than on disk.
    pub(super) fn note_appliance(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let appliance = self.shared.lasting();
        if appliance != self.kept {
            Keeper::appliance(batch, &appliance)?;
            self.kept = appliance;
        }
        Ok(())
    }

    /// Tells the tree what time it is, for TStamp.
    pub(super) fn tell_time(&mut self) {
        let seconds = i64::try_from(self.clock.unix_now()).ok();
        if let Some(now) = seconds.and_then(Timestamp::from_unix) {
            self.tree.set_wall_clock(now);
        }
    }
}

/// There may be an account now that was missing before.
fn announce_now(announcing: &mut Option<(SocketAddr, Instant, Duration)>) {
    if let Some((_, at, pause)) = announcing {
        (*at, *pause) = (Instant::now(), Duration::from_secs(1));
    }
}

/// Where a package is put.
fn package(program: &Program) -> PathBuf {
    let mut path = program.state.clone().into_os_string();
    path.push(".package");
    path.into()
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

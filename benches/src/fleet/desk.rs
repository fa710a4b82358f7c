//! The server's side of one gateway: what it wants of it, and what it knows.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dm_syncml::auth::Nonce;
use dm_syncml::session::{Answer, CommandHandle, Record, ServerSession, SessionKey};
use dm_syncml::{Alert, Command, Correlator, Item};
use gwmo_model::console::{
    Console, DeviceLine, GatewayAlert, JobStatus, Outcomes, RecordLine, TriggerStatus,
};
use gwmo_model::{AttachStatus, DeviceId, ImageState, JobKey, ResultCode, Serial, Summary, TriggerKey};

use super::jobs::{Job, Order, Target};
use super::newcomers::credential;
use super::place::{MINUTE, SECOND, device_id};
use super::plan::{Plan, home};

/// Something the server wants of a gateway, until it is done.
#[derive(Clone, Debug)]
pub(super) enum Errand {
    /// Makes the group of a job, its draft, and starts it.
    Launch(JobKey),
    Order(JobKey, Order),
    /// Reads where a job stands, and what came of it.
    Read(JobKey),
    /// Reads the records from here on.
    Records(JobKey, Serial),
    /// Looks whether there is room for the image of a job, and cancels the job if there is none.
    Look(JobKey),
    /// Has those tried once more that a second round is for.
    Retry(JobKey),
    /// Reads the records again, from here on.
    Again(JobKey, Serial),
    /// Adds a trigger and sends it.
    Trigger(TriggerKey),
    /// Reads what became of it.
    Triggered(TriggerKey),
    /// Registers a newcomer.
    Register(u32),
    /// Reads the inventory.
    Survey,
    Devices(Serial),
}

/// What the server has read of a job.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) ended: Option<(ResultCode, Option<String>)>,
    pub(super) status: Option<JobStatus>,
    pub(super) outcomes: Option<Outcomes>,
    pub(super) records: Vec<RecordLine>,
    pub(super) is_read: bool,
    /// What there was before the second round, and how often that was wanted.
    pub(super) before: Option<Vec<RecordLine>>,
    pub(super) retries: u32,
    /// What was read of it in the end.
    pub(super) again: Vec<RecordLine>,
    /// When it was not there any more.
    pub(super) gone_at: Option<Duration>,
    /// The gateway said that it is cancelled, or paused.
    pub(super) is_stopped: bool,
    pub(super) is_paused: bool,
    /// It was never started: there is no room for its image.
    pub(super) is_refused: bool,
}

impl Known {
    /// Nothing more can be read.
    fn gone(&mut self, now: Duration) {
        self.gone_at.get_or_insert(now);
        self.is_read = true;
        self.again.clear();
    }
}

/// The server's side of one gateway.
pub(super) struct Desk {
    pub(super) gateway: u16,
    console: Console,
    pub(super) session: Option<(SessionKey, ServerSession)>,
    past: BTreeSet<SessionKey>,
    /// Stored at once: the nonce of the gateway's next digest, and of the server's.
    pub(super) nonces: (Option<Nonce>, Option<Nonce>),
    /// When each is wanted.
    waiting: VecDeque<(Duration, Errand)>,
    /// What the session is about: the errand, and how many of its commands are not answered.
    running: Option<Running>,
    pub(super) asked_at: Option<Duration>,
    pub(super) next_notification: u16,
    pub(super) jobs: BTreeMap<JobKey, Known>,
    /// What alerts said of devices.
    pub(super) told: BTreeMap<DeviceId, bool>,
    pub(super) summary: Option<Summary>,
    pub(super) devices: Vec<DeviceLine>,
    pub(super) is_surveyed: bool,
    pub(super) triggers: BTreeMap<TriggerKey, TriggerStatus>,
    /// Newcomers that may come.
    pub(super) registered: Vec<u32>,
}

#[derive(Debug)]
struct Running {
    errand: Errand,
    open: BTreeMap<CommandHandle, usize>,
    codes: Vec<u16>,
    items: Vec<Item<'static>>,
}

impl Desk {
    pub(super) fn new(gateway: u16, plan: &Plan) -> Self {
        let mut waiting: Vec<(Duration, Errand)> = Vec::new();
        for job in plan.jobs.iter().filter(|job| job.gateway == gateway) {
            waiting.push((job.at, Errand::Launch(job.key.clone())));
            waiting.extend(
                job.orders
                    .iter()
                    .map(|(after, order)| (job.at + *after, Errand::Order(job.key.clone(), *order))),
            );
        }
        let triggers = plan.triggers.iter().filter(|trigger| trigger.gateway == gateway);
        waiting.extend(triggers.map(|trigger| (trigger.at, Errand::Trigger(trigger.key.clone()))));
        let newcomers = plan.newcomers.iter().filter(|(_, _, home)| *home == gateway);
        waiting.extend(newcomers.map(|(at, number, _)| (*at, Errand::Register(*number))));
        waiting.sort_by_key(|(at, _)| *at);
        let jobs = plan.jobs.iter().filter(|job| job.gateway == gateway);
        Self {
            gateway,
            console: Console::new(),
            session: None,
            past: BTreeSet::new(),
            nonces: (None, None),
            waiting: waiting.into(),
            running: None,
            asked_at: None,
            next_notification: 0,
            jobs: jobs.map(|job| (job.key.clone(), Known::default())).collect(),
            told: BTreeMap::new(),
            summary: None,
            devices: Vec::new(),
            is_surveyed: false,
            triggers: BTreeMap::new(),
            registered: Vec::new(),
        }
    }

    /// Whether a message with this key belongs to a session that is over.
    pub(super) fn is_past(&self, key: &SessionKey) -> bool {
        self.past.contains(key)
    }

    /// The session is over and forgotten; what was not answered is wanted again.
    pub(super) fn close(&mut self) {
        if let Some((key, _)) = self.session.take() {
            self.past.insert(key);
        }
        self.abandon();
    }

    /// The session is over; what was not answered is wanted again.
    pub(super) fn abandon(&mut self) {
        if let Some(running) = self.running.take() {
            self.waiting.push_front((Duration::ZERO, running.errand));
        }
    }

    /// What was given up in this session is wanted again in the next.
    pub(super) fn give_up(&mut self, handle: CommandHandle) {
        if self.running.as_ref().is_some_and(|running| running.open.contains_key(&handle))
            && let Some(running) = self.running.take()
        {
            self.waiting.push_front((Duration::ZERO, running.errand));
        }
    }

    /// Whether it wants something now.
    pub(super) fn wants(&self, now: Duration) -> bool {
        self.running.is_some() || self.waiting.iter().any(|(at, _)| *at <= now)
    }

    /// Whether it has read the end of all jobs, and wants nothing more.
    pub(super) fn is_content(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty() && self.jobs.values().all(|known| known.is_read)
    }

    /// What keeps it from being content.
    pub(super) fn open(&self) -> Vec<String> {
        let errands = self.running.iter().map(|running| &running.errand);
        let errands = errands.chain(self.waiting.iter().map(|(_, errand)| errand));
        let errands = errands.map(|errand| format!("desk {}: {errand:?}", self.gateway));
        let jobs = self.jobs.iter().filter(|(_, known)| !known.is_read);
        errands.chain(jobs.map(|(key, _)| format!("{key} has not ended"))).collect()
    }

    /// Looks once more at the inventory, at what became of triggers, and if so at the records of jobs.
    pub(super) fn survey(&mut self, looks_again: bool, plan: &Plan) {
        let triggers = plan.triggers.iter().filter(|trigger| trigger.gateway == self.gateway);
        let triggers = triggers.map(|trigger| Errand::Triggered(trigger.key.clone()));
        let is_there = |known: &Known| !known.is_refused && known.gone_at.is_none();
        let jobs = self.jobs.iter().filter(|(_, known)| looks_again && is_there(known));
        let jobs = jobs.map(|(key, _)| Errand::Again(key.clone(), Serial::FIRST));
        let errands: Vec<Errand> = triggers.chain(jobs).chain([Errand::Survey]).collect();
        self.waiting.extend(errands.into_iter().map(|errand| (Duration::ZERO, errand)));
    }

    pub(super) fn store(&mut self, record: Record) {
        match record {
            Record::DeviceNonce(nonce) => self.nonces.0 = Some(nonce),
            Record::ServerNonce(nonce) => self.nonces.1 = Some(nonce),
            _ => {}
        }
    }

    /// Queues the next errand, if none is under way and one is due.
    pub(super) fn next_errand(&mut self, now: Duration, plan: &Plan, devices: u32, gateways: u16) {
        if self.running.is_some() {
            return;
        }
        if self.session.is_none() {
            return;
        }
        let Some(at) = self.waiting.iter().position(|(at, _)| *at <= now) else { return };
        let Some((_, errand)) = self.waiting.remove(at) else { return };
        self.set_out(&errand);
        let Some((_, session)) = &mut self.session else { return };
        let mut open = BTreeMap::new();
        let commands = commands(&self.console, &errand, plan, devices, gateways);
        let count = commands.len();
        for (command, place) in commands.into_iter().zip(0..) {
            match session.queue(command) {
                Ok(handle) => drop(open.insert(handle, place)),
                Err(_) => {
                    self.waiting.push_front((now + 5 * SECOND, errand));
                    return;
                }
            }
        }
        self.running = Some(Running { errand, open, codes: vec![0; count], items: Vec::new() });
    }

    /// What an errand may bring about, whether its answer comes or not.
    fn set_out(&mut self, errand: &Errand) {
        match errand {
            Errand::Order(key, Order::Resume) => {
                self.jobs.entry(key.clone()).or_default().is_paused = false;
            }
            Errand::Retry(key) => {
                let known = self.jobs.entry(key.clone()).or_default();
                known.retries += 1;
                // A new round begins with everybody it is for.
                (known.is_read, known.is_paused) = (false, false);
            }
            _ => {}
        }
    }

    /// An answer came; what of it is not as it should be.
    pub(super) fn handle_answer(
        &mut self,
        now: Duration,
        handle: CommandHandle,
        answer: Answer,
        plan: &Plan,
    ) -> Result<(), String> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let Some(place) = running.open.remove(&handle) else { return Ok(()) };
        if let Some(code) = running.codes.get_mut(place) {
            *code = answer.code().get();
        }
        if !answer.complete {
            // It is asked again.
            self.waiting.push_front((now + SECOND, running.errand.clone()));
            self.running = None;
            return Ok(());
        }
        running.items.extend(answer.into_items());
        if !running.open.is_empty() {
            return Ok(());
        }
        let Some(Running { errand, codes, items, .. }) = self.running.take() else { return Ok(()) };
        self.finish(now, &errand, &codes, &items, plan)
            .map_err(|what| format!("desk {}: {errand:?} got {codes:?}: {what}", self.gateway))
    }

    fn finish(
        &mut self,
        now: Duration,
        errand: &Errand,
        codes: &[u16],
        items: &[Item<'static>],
        plan: &Plan,
    ) -> Result<(), String> {
        let console = &self.console;
        let is_fine = |code: &u16| matches!(code, 200..=299);
        let read_error = |error: gwmo_model::console::ReadError| error.to_string();
        match errand {
            Errand::Launch(key) => {
                // What was there already, since the answer of a former attempt was lost.
                let repeated = |code: &u16| is_fine(code) || matches!(code, 405 | 418 | 507);
                let Some((start, before)) = codes.split_last() else { return Ok(()) };
                let Some(job) = plan.job(key) else { return Ok(()) };
                // There may be no room for its image, or it was there already; without it the job does not start.
                let image = job.picture.as_ref().map_or(0, |picture| picture.commands(console).len());
                let of_job = before.get(image..).unwrap_or_default();
                let image_is_there = before.iter().take(image).all(is_fine);
                if job.picture.is_some() && is_fine(start) && !image_is_there {
                    self.waiting.push_back((now + MINUTE, Errand::Look(key.clone())));
                }
                if job.picture.is_some() && !is_fine(start) {
                    let known = self.jobs.entry(key.clone()).or_default();
                    (known.is_refused, known.is_read) = (true, true);
                } else if !is_fine(start) || !of_job.iter().all(repeated) {
                    return Err("it was not started".into());
                }
            }
            Errand::Order(key, order) => {
                let known = self.jobs.entry(key.clone()).or_default();
                let is_done = codes.iter().all(is_fine);
                known.is_stopped |= is_done && *order == Order::Cancel;
                known.is_paused |= is_done && *order == Order::Pause;
            }
            Errand::Look(key) => {
                let Some(picture) = plan.job(key).and_then(|job| job.picture.as_ref()) else { return Ok(()) };
                if !codes.iter().all(is_fine) {
                    // It was refused. Nobody waits for what never comes.
                    self.waiting.push_back((now, Errand::Order(key.clone(), Order::Cancel)));
                    return Ok(());
                }
                let status = console.read_image(&picture.key, items).map_err(read_error)?;
                match status.state {
                    ImageState::Ready | ImageState::Failed => {}
                    ImageState::Empty | ImageState::Evicted => {
                        self.waiting.push_back((now, Errand::Order(key.clone(), Order::Cancel)));
                    }
                    _ => self.waiting.push_back((now + MINUTE, errand.clone())),
                }
            }
            Errand::Retry(key) => self.waiting.push_back((now + SECOND, Errand::Read(key.clone()))),
            Errand::Trigger(_) => {
                let repeated = |code: &u16| is_fine(code) || matches!(code, 405 | 418 | 507);
                if codes.last() == Some(&406) {
                    // One of its devices is not known yet.
                    self.waiting.push_back((now + MINUTE, errand.clone()));
                } else if !codes.iter().all(repeated) {
                    return Err("it was not sent".into());
                }
            }
            Errand::Triggered(key) => {
                if !codes.iter().all(is_fine) {
                    return Err("a trigger cannot be read".into());
                }
                let status = console.read_trigger(key, items).map_err(read_error)?;
                self.triggers.insert(key.clone(), status);
            }
            Errand::Register(number) => {
                if !codes.iter().all(|code| is_fine(code) || *code == 418) {
                    return Err("it was not registered".into());
                }
                self.registered.push(*number);
            }
            // Its time may be over.
            Errand::Read(key) | Errand::Records(key, _) | Errand::Again(key, _)
                if codes.contains(&404) && plan.job(key).is_some_and(|job| job.policy.keep.is_some()) =>
            {
                self.jobs.entry(key.clone()).or_default().gone(now);
            }
            Errand::Again(key, from) => {
                if !codes.iter().all(is_fine) {
                    return Err("records cannot be read again".into());
                }
                let page = console.read_records(key, *from, items).map_err(read_error)?;
                let known = self.jobs.entry(key.clone()).or_default();
                known.again.extend(page.records);
                if let Some(next) = page.next {
                    self.waiting.push_back((Duration::ZERO, Errand::Again(key.clone(), next)));
                }
            }
            Errand::Read(key) => {
                if !codes.iter().all(is_fine) {
                    return Err("a job cannot be read".into());
                }
                let status = console.read_job(key, items).map_err(read_error)?;
                let outcomes = console.read_outcomes(key, items).map_err(read_error)?;
                let known = self.jobs.entry(key.clone()).or_default();
                known.status = Some(status);
                known.outcomes = Some(outcomes);
                known.records.clear();
                // Where it had come to is of no interest any more.
                self.waiting.retain(|(_, errand)| !matches!(errand, Errand::Records(of, _) if of == key));
                if !status.state.is_over() {
                    // Its end will be told.
                    known.is_read = false;
                    return Ok(());
                }
                self.waiting.push_back((Duration::ZERO, Errand::Records(key.clone(), Serial::FIRST)));
            }
            Errand::Records(key, from) => {
                if !codes.iter().all(is_fine) {
                    return Err("records cannot be read".into());
                }
                let page = console.read_records(key, *from, items).map_err(read_error)?;
                let known = self.jobs.entry(key.clone()).or_default();
                known.records.extend(page.records);
                match page.next {
                    Some(next) => {
                        self.waiting.push_back((Duration::ZERO, Errand::Records(key.clone(), next)));
                    }
                    None => {
                        known.is_read = true;
                        if let Some((after, _)) = plan.job(key).and_then(|job| job.retry.as_ref())
                            && known.before.is_none()
                        {
                            known.before = Some(known.records.clone());
                            self.waiting.push_back((now + *after, Errand::Retry(key.clone())));
                        }
                    }
                }
            }
            Errand::Survey => {
                if !codes.iter().all(is_fine) {
                    return Err("the summary cannot be read".into());
                }
                self.summary = Some(console.read_summary(items).map_err(read_error)?);
                self.devices.clear();
                self.waiting.push_back((Duration::ZERO, Errand::Devices(Serial::FIRST)));
            }
            Errand::Devices(from) => {
                if !codes.iter().all(is_fine) {
                    return Err("the inventory cannot be read".into());
                }
                let page = console.read_devices(*from, items).map_err(read_error)?;
                self.devices.extend(page.devices);
                match page.next {
                    Some(next) => self.waiting.push_back((Duration::ZERO, Errand::Devices(next))),
                    None => self.is_surveyed = true,
                }
            }
        }
        Ok(())
    }

    /// An alert of the gateway.
    pub(super) fn handle_alert(&mut self, alert: &Alert<'_>) -> Result<(), String> {
        let read = self.console.read_alert(alert).map_err(|error| error.to_string())?;
        match read {
            Some(GatewayAlert::DeviceAttached { id, .. }) => drop(self.told.insert(id, true)),
            Some(GatewayAlert::DeviceDetached { id, .. }) => drop(self.told.insert(id, false)),
            Some(GatewayAlert::JobEnded { key, result, correlator, .. }) => {
                let known =
                    self.jobs.get_mut(&key).ok_or_else(|| format!("the end of a strange job {key}"))?;
                known.ended = Some((result, correlator));
                let is_same = |errand: &Errand| matches!(errand, Errand::Read(of) if *of == key);
                if known.gone_at.is_none() && !self.waiting.iter().any(|(_, errand)| is_same(errand)) {
                    self.waiting.push_back((Duration::ZERO, Errand::Read(key)));
                }
            }
            Some(GatewayAlert::JobProgress { counters, .. }) => super::verdict::adds_up(&counters)?,
            Some(_) => {}
            None => return Err(format!("a strange alert {alert:?}")),
        }
        Ok(())
    }

    /// The devices that the gateway says are there, as the server has read them.
    pub(super) fn attached(&self) -> impl Iterator<Item = &DeviceId> {
        self.devices.iter().filter(|line| line.status == AttachStatus::Attached).map(|line| &line.id)
    }
}

fn commands(
    console: &Console,
    errand: &Errand,
    plan: &Plan,
    devices: u32,
    gateways: u16,
) -> Vec<Command<'static>> {
    match errand {
        Errand::Launch(key) => {
            plan.job(key).map_or_else(Vec::new, |job| launch(console, job, devices, gateways))
        }
        Errand::Order(key, order) => vec![match order {
            Order::Pause => console.pause_job(key),
            Order::Resume => console.resume_job(key),
            Order::Cancel => console.cancel_job(key),
            Order::Window(window) => console.set_window(key, *window),
            Order::Rate(rate) => console.set_rate(key, *rate),
        }],
        Errand::Look(key) => {
            let picture = plan.job(key).and_then(|job| job.picture.as_ref());
            picture.map(|picture| console.get_image(&picture.key)).into_iter().collect()
        }
        Errand::Retry(key) => {
            let which = plan.job(key).map(Job::retried);
            which.into_iter().map(|which| console.retry_job(key, &which)).collect()
        }
        Errand::Trigger(key) => {
            let trigger = plan.triggers.iter().find(|trigger| trigger.key == *key);
            trigger.map_or_else(Vec::new, |trigger| trigger.commands(console))
        }
        Errand::Triggered(key) => vec![console.get_trigger(key)],
        Errand::Register(number) => {
            let home = plan.newcomers.iter().find(|(_, of, _)| of == number).map_or(0, |(_, _, home)| *home);
            let credential = credential(*number, home);
            console.register_device(&device_id(*number), Some(&credential)).into_iter().collect()
        }
        Errand::Read(key) => vec![console.get_job(key), console.get_outcomes(key)],
        Errand::Records(key, from) | Errand::Again(key, from) => vec![console.get_records(key, *from)],
        Errand::Survey => vec![console.get_summary()],
        Errand::Devices(from) => vec![console.get_devices(*from)],
    }
}

fn launch(console: &Console, job: &Job, devices: u32, gateways: u16) -> Vec<Command<'static>> {
    let mut commands = job.picture.as_ref().map_or_else(Vec::new, |picture| picture.commands(console));
    if let (Some(group), Target::Rule(_)) = (job.group(), &job.target) {
        commands.extend(console.create_group(&group, &[]));
        commands.push(console.set_group_rule(&group, job.selector().as_ref()));
    }
    if let (Some(group), Target::Group) = (job.group(), &job.target) {
        let locals = (1..=devices).filter(|device| home(*device, gateways) == job.gateway);
        let members: Vec<DeviceId> = locals.map(device_id).collect();
        commands.extend(console.create_group(&group, &members));
    }
    if job.atomically {
        commands.push(console.add_job_atomically(&job.request()));
    } else {
        commands.extend(console.add_job(&job.request()));
    }
    let correlator = Correlator::new(job.correlator()).ok();
    commands.push(console.start_job(&job.key, correlator));
    commands
}

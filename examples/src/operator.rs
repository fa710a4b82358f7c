//! Who works at the DM server: has every lamp behind a gateway turned up, and finds out what became of it.
//!
//! The operator sees events and queues commands. All commands come from a [`Console`], which reads all answers.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use dm_syncml::session::{Answer, CommandHandle, ServerEvent, ServerSession};
use dm_syncml::{
    CmdId, Command, Correlator, Data, Exec, Format, Get, Item, LocUri, Meta, Replace, StatusCode,
};
use gwmo_model::console::{Console, DeviceLine, GatewayAlert, JobRequest, RecordLine};
use gwmo_model::{DeviceId, GroupId, JobKey, Policy, Serial, TargetState};
use tokio::sync::oneshot;

use crate::fleet::Outcome;
use crate::server::Operator;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Task {
    /// How many devices must be attached before anything is done.
    pub devices: usize,
    /// Where in the devices' trees the lamp is.
    pub lamp: String,
    /// What the lamp is turned to.
    pub level: i32,
}

/// What has been found out.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// How each device ended.
    pub outcomes: BTreeMap<String, Outcome>,
    /// What was not as expected.
    pub mismatches: Vec<String>,
}

/// The operator of the lamps.
pub struct Lamps {
    task: Task,
    console: Console,
    state: State,
    findings: Findings,
    report: Option<oneshot::Sender<Findings>>,
    tell: Box<dyn Fn(String) + Send>,
}

/// What the operator waits for.
enum State {
    /// For all devices to be there.
    Counting(Option<CommandHandle>),
    /// For the inventory, page by page.
    Listing {
        from: Serial,
        handle: CommandHandle,
        devices: Vec<DeviceLine>,
    },
    /// For the answers to everything that makes a group and a job of them; the last one starts it.
    Building {
        handles: Vec<CommandHandle>,
        start: CommandHandle,
    },
    /// For the gateway to say that the job is over.
    Running,
    /// For the counters of the job.
    Reading(CommandHandle),
    /// For the records of the job, page by page.
    Records {
        from: Serial,
        handle: CommandHandle,
        records: Vec<RecordLine>,
    },
    /// For what one device answered to each operation.
    Checking {
        serial: Serial,
        handle: CommandHandle,
    },
    Done,
}

/// The operations of the job: Replace, Get, Exec.
const OPS: u16 = 3;

impl Lamps {
    /// An operator that says what it does to `tell`, and what came of it to `report`.
    pub fn new(
        task: Task,
        report: oneshot::Sender<Findings>,
        tell: impl Fn(String) + Send + 'static,
    ) -> Self {
        Self {
            task,
            console: Console::new(),
            state: State::Counting(None),
            findings: Findings::default(),
            report: Some(report),
            tell: Box::new(tell),
        }
    }

    fn tell(&self, step: impl Into<String>) {
        (self.tell)(step.into());
    }

    /// Something is wrong that the rest of the story cannot do without.
    fn give_up(&mut self, why: impl Into<String>) {
        self.findings.mismatches.push(why.into());
        self.finish();
    }

    fn finish(&mut self) {
        self.state = State::Done;
        if let Some(report) = self.report.take() {
            // Nobody listens any more when the fleet has given up.
            let _ = report.send(std::mem::take(&mut self.findings));
        }
    }

    fn started(&mut self, session: &mut ServerSession) {
        if let State::Counting(_) = self.state {
            self.state = State::Counting(session.queue(self.console.get_summary()).ok());
        }
    }

    /// A command has its answer: what comes next follows from what was waited for.
    fn answered(&mut self, session: &mut ServerSession, handle: CommandHandle, answer: &Answer) {
        let items = &answer.clone().into_items();
        match std::mem::replace(&mut self.state, State::Done) {
            State::Counting(Some(due)) if due == handle => match self.console.read_summary(items) {
                Ok(summary) if summary.attached as usize == self.task.devices => {
                    self.tell(format!(
                        "inventory: {} devices attached, {} detached",
                        summary.attached, summary.detached
                    ));
                    self.list(session, Serial::FIRST, Vec::new());
                }
                Ok(_) => self.state = State::Counting(None),
                Err(error) => self.give_up(format!("inventory: {error}")),
            },
            State::Listing { from, handle: due, mut devices } if due == handle => {
                match self.console.read_devices(from, items) {
                    Ok(page) => {
                        devices.extend(page.devices);
                        match page.next {
                            Some(next) => self.list(session, next, devices),
                            None => self.build(session, &devices),
                        }
                    }
                    Err(error) => self.give_up(format!("inventory: {error}")),
                }
            }
            State::Building { mut handles, start } => {
                handles.retain(|due| *due != handle);
                let wanted = if handle == start { StatusCode::ACCEPTED } else { StatusCode::OK };
                if answer.code() != wanted {
                    return self.give_up(format!(
                        "the gateway answered {:?} where {wanted:?} was expected",
                        answer.code()
                    ));
                }
                if handles.is_empty() {
                    self.tell("job: started, the gateway wakes the devices");
                    self.state = State::Running;
                } else {
                    self.state = State::Building { handles, start };
                }
            }
            State::Reading(due) if due == handle => match self.console.read_job(&key(), items) {
                Ok(status) => {
                    let (ended, total) = (status.counters.ended(), status.counters.total);
                    let result = status.result.map_or(0, |result| result.get());
                    self.tell(format!("job: over with result {result}, {ended} of {total} devices ended"));
                    if ended != total || total as usize != self.task.devices {
                        self.findings.mismatches.push(format!("the job counts {ended} of {total} devices"));
                    }
                    self.records(session, Serial::FIRST, Vec::new());
                }
                Err(error) => self.give_up(format!("job: {error}")),
            },
            State::Records { from, handle: due, mut records } if due == handle => {
                match self.console.read_records(&key(), from, items) {
                    Ok(page) => {
                        records.extend(page.records);
                        match page.next {
                            Some(next) => self.records(session, next, records),
                            None => self.conclude(session, &records),
                        }
                    }
                    Err(error) => self.give_up(format!("records: {error}")),
                }
            }
            State::Checking { serial, handle: due } if due == handle => {
                let level = self.task.level.to_string();
                let answers = self.console.read_answers(&key(), serial, OPS, items).unwrap_or_default();
                let read_back = answers.iter().any(|answer| answer.data.as_deref() == Some(level.as_bytes()));
                if answers.len() == usize::from(OPS) && read_back {
                    self.tell(format!(
                        "records: device {serial} answered all {OPS} operations, and its lamp reads {level}"
                    ));
                } else {
                    self.findings.mismatches.push(format!("device {serial} answered {answers:?}"));
                }
                self.finish();
            }
            other => self.state = other,
        }
    }

    fn list(&mut self, session: &mut ServerSession, from: Serial, devices: Vec<DeviceLine>) {
        match session.queue(self.console.get_devices(from)) {
            Ok(handle) => self.state = State::Listing { from, handle, devices },
            Err(error) => self.give_up(error.to_string()),
        }
    }

    /// A group of all devices, a job for the group, and off it goes.
    fn build(&mut self, session: &mut ServerSession, devices: &[DeviceLine]) {
        self.tell(format!("group: {} members, and a job of Replace, Get and Exec for it", devices.len()));
        let members: Vec<DeviceId> = devices.iter().map(|device| device.id.clone()).collect();
        let group = GroupId::new("lamps").expect("a group id");
        let policy = Policy::default()
            .with_window(64)
            .with_t_notify(Duration::from_secs(2))
            .with_t_session(Duration::from_secs(10))
            .with_retries(2)
            .with_retry_wait(Duration::from_secs(1), Duration::from_secs(1))
            .with_job_time(Duration::from_secs(120));
        let job = JobRequest::new(key()).with_group(group.clone()).with_policy(policy);
        let job = self.operations().into_iter().fold(job, JobRequest::with_command);
        let mut commands = self.console.create_group(&group, &members);
        commands.extend(self.console.add_job(&job));
        commands.push(self.console.start_job(&key(), Correlator::new("lamps up").ok()));
        let handles: Result<Vec<_>, _> = commands.into_iter().map(|command| session.queue(command)).collect();
        match handles {
            Ok(handles) => {
                let start = handles[handles.len() - 1];
                self.state = State::Building { handles, start };
            }
            Err(error) => self.give_up(error.to_string()),
        }
    }

    fn operations(&self) -> [Command<'static>; OPS as usize] {
        let node = |name: &str| LocUri::new(format!("{}/{name}", self.task.lamp)).expect("an address");
        let id = || CmdId::new("1").expect("sessions number commands themselves");
        let level = Data::text(self.task.level.to_string()).expect("digits are text");
        let set = Item::to(node("Level")).with_meta(Meta::new().with_format(Format::INT)).with_data(level);
        [
            Replace::new(id(), vec![set]).into(),
            Get::new(id(), vec![Item::to(node("Level"))]).into(),
            Exec::new(id(), Item::to(node("Blink"))).into(),
        ]
    }

    fn records(&mut self, session: &mut ServerSession, from: Serial, records: Vec<RecordLine>) {
        match session.queue(self.console.get_records(&key(), from)) {
            Ok(handle) => self.state = State::Records { from, handle, records },
            Err(error) => self.give_up(error.to_string()),
        }
    }

    /// All records are here.
    fn conclude(&mut self, session: &mut ServerSession, records: &[RecordLine]) {
        let mut done = None;
        for record in records {
            let Some(id) = &record.id else { continue };
            match outcome_of(record.state) {
                Some(outcome) => {
                    self.findings.outcomes.insert(id.as_str().into(), outcome);
                }
                None => self.findings.mismatches.push(format!("{id} ended as {:?}", record.state)),
            }
            if record.state == TargetState::Ok {
                done = done.or(Some(record.serial));
            }
        }
        self.tell(format!("records: {} read", records.len()));
        match done.map(|serial| (serial, session.queue(self.console.get_answers(&key(), serial, OPS)))) {
            Some((serial, Ok(handle))) => self.state = State::Checking { serial, handle },
            _ => self.finish(),
        }
    }
}

impl Operator for Lamps {
    fn handle_event(&mut self, _device: &str, session: &mut ServerSession, event: ServerEvent) {
        match event {
            ServerEvent::Authenticated if matches!(self.state, State::Counting(None)) => {
                self.tell("session: server and gateway have proved themselves to each other");
            }
            ServerEvent::Started(_) => self.started(session),
            ServerEvent::Answered(handle, answer) => self.answered(session, handle, &answer),
            ServerEvent::GenericAlert(_, alert) => {
                let alert = alert.to_alert(CmdId::number(NonZeroU32::MIN));
                if let (State::Running, Ok(Some(GatewayAlert::JobEnded { correlator, .. }))) =
                    (&self.state, self.console.read_alert(&alert))
                {
                    if correlator.as_deref() != Some("lamps up") {
                        self.findings
                            .mismatches
                            .push(format!("the job's alert has correlator {correlator:?}"));
                    }
                    match session.queue(self.console.get_job(&key())) {
                        Ok(handle) => self.state = State::Reading(handle),
                        Err(error) => self.give_up(error.to_string()),
                    }
                }
            }
            ServerEvent::GivenUp(_, why) => {
                self.give_up(format!("a command to the gateway has no answer: {why:?}"))
            }
            _ => {}
        }
    }
}

fn key() -> JobKey {
    JobKey::new("J1").expect("a job key")
}

/// How a record counts in the report; `None` for states no device of the story should end in.
fn outcome_of(state: TargetState) -> Option<Outcome> {
    Some(match state {
        TargetState::Ok => Outcome::Ok,
        TargetState::Failed => Outcome::Failed,
        TargetState::Refused => Outcome::Refused,
        TargetState::Unreachable => Outcome::Unreachable,
        TargetState::TimedOut => Outcome::TimedOut,
        TargetState::Indeterminate => Outcome::Indeterminate,
        _ => return None,
    })
}

impl std::fmt::Debug for Lamps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lamps").field("task", &self.task).finish_non_exhaustive()
    }
}

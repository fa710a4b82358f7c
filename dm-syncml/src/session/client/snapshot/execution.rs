//! What is being executed, as a value.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codes::StatusCode;
use crate::model::{Chal, CmdName, CmdRef, Command, MsgId, Status};
use crate::session::client::Received;
use crate::session::client::answers::{Asked, AskedItem};
use crate::session::client::execution::{Doing, Entry, Execution, OpenAtomic, Task, What};
use crate::session::interaction::Interaction;
use crate::session::ledger::{CommandHandle, UNNUMBERED};
use crate::session::outcome::{ItemOutcome, Outcome};
use crate::session::snapshot::{RestoreError, due, pack, pack_items, remaining, unpack, unpack_items};
use crate::time::Instant;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ExecutionState {
    /// The Status for the server's header.
    header: String,
    complaints: Vec<String>,
    entries: Vec<EntryState>,
    next: usize,
    doing: DoingState,
    atomic: Option<AtomicState>,
    budget: usize,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct EntryState {
    /// Statuses: one for the command, one for each item.
    asked: Vec<String>,
    /// Whether the command has a name that a Status can carry.
    named: bool,
    end: usize,
    sequence: Option<usize>,
    task: TaskState,
    outcome: Option<Vec<OutcomeState>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TaskState {
    Execute { command: Option<String>, preset: Vec<Option<u16>> },
    Ask(String),
    Sequence,
    Atomic,
    Answered,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct OutcomeState {
    code: u16,
    results: Option<String>,
    detail: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct DoingState {
    handle: u64,
    what: WhatState,
    /// Nanoseconds until it is waited for no longer.
    remaining: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WhatState {
    Begin,
    Execute { at: usize, items: usize },
    Ask(usize),
    Commit,
    Rollback,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct AtomicState {
    at: usize,
    handle: u64,
    failed: Option<u16>,
}

impl ExecutionState {
    /// Of something that is under way.
    pub(super) fn of(now: Instant, received: &Received, execution: &Execution) -> Self {
        let (code, chal) = received.header.clone();
        let mut header =
            Status::new(UNNUMBERED, received.msg_ref.clone(), CmdRef::SYNC_HDR, CmdName::SYNC_HDR, code);
        header.chal = chal.map(Into::into);
        let doing = execution.doing.as_ref().map(|doing| DoingState {
            handle: doing.handle.0,
            what: match doing.what {
                What::Begin => WhatState::Begin,
                What::Execute { at, items } => WhatState::Execute { at, items },
                What::Ask(at) => WhatState::Ask(at),
                What::Commit => WhatState::Commit,
                What::RollBack => WhatState::Rollback,
            },
            remaining: remaining(now, doing.until),
        });
        let atomic = execution.atomic.as_ref().map(|atomic| AtomicState {
            at: atomic.at,
            handle: atomic.handle.0,
            failed: atomic.failed.map(StatusCode::get),
        });
        Self {
            header: pack(&header.into()),
            complaints: received.complaints.iter().map(|alert| pack(&alert.clone().into())).collect(),
            entries: execution.entries.iter().map(EntryState::of).collect(),
            next: execution.next,
            doing: doing.unwrap_or(DoingState { handle: 0, what: WhatState::Commit, remaining: 0 }),
            atomic,
            budget: execution.budget,
        }
    }

    pub(super) fn restore(self, now: Instant) -> Result<(Received, Execution), RestoreError> {
        let header = status(&self.header)?;
        let chal: Option<Chal<'static>> = header.chal.as_deref().cloned();
        let complaint = |text: &String| match unpack(text)? {
            Command::Alert(alert) => Ok(alert),
            _ => Err(RestoreError::Malformed("an alert")),
        };
        let received = Received {
            msg_ref: header.msg_ref,
            header: (header.code, chal),
            complaints: self.complaints.iter().map(complaint).collect::<Result<_, RestoreError>>()?,
        };
        let entries: Vec<Entry> =
            self.entries.into_iter().map(EntryState::restore).collect::<Result<_, _>>()?;
        let doing = Doing {
            handle: CommandHandle(self.doing.handle),
            what: match self.doing.what {
                WhatState::Begin => What::Begin,
                WhatState::Execute { at, items } => What::Execute { at, items },
                WhatState::Ask(at) => What::Ask(at),
                WhatState::Commit => What::Commit,
                WhatState::Rollback => What::RollBack,
            },
            until: due(now, self.doing.remaining),
        };
        let atomic = self.atomic.map(|atomic| OpenAtomic {
            at: atomic.at,
            handle: CommandHandle(atomic.handle),
            failed: atomic.failed.map(StatusCode::new),
        });
        let execution =
            Execution { entries, next: self.next, doing: Some(doing), atomic, budget: self.budget };
        if !is_sound(&execution) {
            return Err(RestoreError::Malformed("a place among the commands"));
        }
        Ok((received, execution))
    }
}

/// Whether every place that is named is there, and is what it is named for.
fn is_sound(execution: &Execution) -> bool {
    let Execution { entries, next, doing, atomic, .. } = execution;
    let nested = |(at, entry): (usize, &Entry)| {
        entry.end > at && entry.end <= entries.len() && entry.sequence.is_none_or(|sequence| sequence < at)
    };
    let is = |at: usize, of: fn(&Task) -> bool| entries.get(at).is_some_and(|entry| of(&entry.task));
    let in_atomic = atomic.as_ref().is_some_and(|atomic| is(atomic.at, |task| matches!(task, Task::Atomic)));
    let doing = doing.as_ref().is_none_or(|doing| match doing.what {
        What::Begin | What::Commit | What::RollBack => in_atomic,
        What::Execute { at, .. } => is(at, |task| matches!(task, Task::Execute { .. })),
        What::Ask(at) => is(at, |task| matches!(task, Task::Ask(_))),
    });
    *next <= entries.len()
        && entries.iter().enumerate().all(nested)
        && doing
        && (in_atomic || atomic.is_none())
}

fn status(text: &str) -> Result<Status<'static>, RestoreError> {
    match unpack(text)? {
        Command::Status(status) => Ok(status),
        _ => Err(RestoreError::Malformed("a Status")),
    }
}

impl EntryState {
    fn of(entry: &Entry) -> Self {
        let asked = &entry.asked;
        let cmd = asked.cmd.clone().unwrap_or(CmdName::SYNC_HDR);
        let about = |item: Option<&AskedItem>| {
            let (code, msg_ref) = (StatusCode::OK, MsgId::number(1));
            let mut status = Status::new(UNNUMBERED, msg_ref, asked.cmd_ref.clone(), cmd.clone(), code);
            status.target_refs.extend(item.and_then(|item| item.target.clone()));
            status.source_refs.extend(item.and_then(|item| item.source.clone()));
            pack(&status.into())
        };
        let task = match &entry.task {
            Task::Execute { command, preset } => TaskState::Execute {
                command: command.as_ref().map(pack),
                preset: preset.iter().map(|code| code.map(StatusCode::get)).collect(),
            },
            Task::Ask(interaction) => TaskState::Ask(pack(&interaction.to_alert(UNNUMBERED).into())),
            Task::Sequence => TaskState::Sequence,
            Task::Atomic => TaskState::Atomic,
            Task::Answered => TaskState::Answered,
        };
        let outcome = |item: &ItemOutcome| OutcomeState {
            code: item.code.get(),
            results: pack_items(&item.results),
            detail: pack_items(&item.detail),
        };
        Self {
            asked: core::iter::once(None).chain(asked.items.iter().map(Some)).map(about).collect(),
            named: asked.cmd.is_some(),
            end: entry.end,
            sequence: entry.sequence,
            task,
            outcome: entry.outcome.as_ref().map(|all| all.items.iter().map(outcome).collect()),
        }
    }

    fn restore(self) -> Result<Entry, RestoreError> {
        let (head, items) = self.asked.split_first().ok_or(RestoreError::Malformed("a command"))?;
        let head = status(head)?;
        let item = |text: &String| {
            let about = status(text)?;
            Ok(AskedItem {
                target: about.target_refs.into_iter().next(),
                source: about.source_refs.into_iter().next(),
            })
        };
        let asked = Asked {
            cmd: self.named.then_some(head.cmd),
            cmd_ref: head.cmd_ref,
            items: items.iter().map(item).collect::<Result<_, RestoreError>>()?,
        };
        let task = match self.task {
            TaskState::Execute { command, preset } => Task::Execute {
                command: command.as_deref().map(unpack).transpose()?,
                preset: preset.into_iter().map(|code| code.map(StatusCode::new)).collect(),
            },
            TaskState::Ask(text) => match unpack(&text)? {
                Command::Alert(alert) => {
                    Task::Ask(Interaction::read(&alert).map_err(|_| RestoreError::Malformed("a question"))?)
                }
                _ => return Err(RestoreError::Malformed("a question")),
            },
            TaskState::Sequence => Task::Sequence,
            TaskState::Atomic => Task::Atomic,
            TaskState::Answered => Task::Answered,
        };
        let outcome = |state: OutcomeState| {
            let mut outcome = ItemOutcome::new(StatusCode::new(state.code));
            outcome.results = unpack_items(state.results.as_deref())?;
            outcome.detail = unpack_items(state.detail.as_deref())?;
            Ok(outcome)
        };
        let outcome = match self.outcome {
            Some(items) => {
                Some(Outcome::each(items.into_iter().map(outcome).collect::<Result<_, RestoreError>>()?))
            }
            None => None,
        };
        Ok(Entry { asked, end: self.end, sequence: self.sequence, task, outcome })
    }
}

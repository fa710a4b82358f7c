//! Executes the commands of one message in document order: hands them out one at a time and collects what became of them.
//!
//! It knows nothing of messages. A Sequence is begun and its members follow; an Atomic is begun, its members follow, and then it is
//! committed or rolled back (RepPro 1.2.2, Atomic and Sequence). What the user refuses stops what the text says it stops (DM Protocol
//! 1.2.1, user interaction alerts).

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::codes::StatusCode;
use crate::model::{CmdId, Command, Encoding, Get, Item};
use crate::session::Misuse;
use crate::session::interaction::{Interaction, InteractionKind, UserResponse};
use crate::session::ledger::CommandHandle;
use crate::session::outcome::{ItemOutcome, Outcome};
use crate::time::Instant;

use super::answers::Asked;
use super::output::{AtomicStep, ClientOutput};

/// The commands of one message, and what has become of them so far.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    /// In document order, each container before its members.
    pub(super) entries: Vec<Entry>,
    /// The first entry that has not been looked at.
    pub(super) next: usize,
    pub(super) doing: Option<Doing>,
    pub(super) atomic: Option<OpenAtomic>,
    /// Octets of results that may still be found; a server could ask for the same large value a thousand times.
    pub(super) budget: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) asked: Asked,
    /// The first entry that is not one of its members.
    pub(super) end: usize,
    /// The Sequence it is in, be it inside an Atomic.
    pub(super) sequence: Option<usize>,
    pub(super) task: Task,
    pub(super) outcome: Option<Outcome>,
}

#[derive(Clone, Debug)]
pub(super) enum Task {
    /// To be handed out. Items that are answered without have their code already; the command has the others.
    Execute {
        command: Option<Command<'static>>,
        preset: Vec<Option<StatusCode>>,
    },
    /// The user is to be asked.
    Ask(Interaction),
    Sequence,
    Atomic,
    /// Answered from the beginning.
    Answered,
}

#[derive(Clone, Debug)]
pub(super) struct Doing {
    pub(super) handle: CommandHandle,
    pub(super) what: What,
    pub(super) until: Instant,
}

/// What has been handed out.
#[derive(Clone, Debug)]
pub(super) enum What {
    Begin,
    Execute { at: usize, items: usize },
    Ask(usize),
    Commit,
    RollBack,
}

/// The Atomic that has been begun; they do not nest.
#[derive(Clone, Debug)]
pub(super) struct OpenAtomic {
    pub(super) at: usize,
    pub(super) handle: CommandHandle,
    /// Why it fails: 507; 517 when its answers would not fit, 408 when nobody said that it has begun.
    pub(super) failed: Option<StatusCode>,
}

/// What is to be done next.
pub(super) enum Step {
    Output(Box<ClientOutput>),
    /// Something was handed out and has not come back.
    Wait(Instant),
    /// Every command has its outcome.
    Done,
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) outcome: Duration,
    pub(super) interaction: Duration,
}

impl Entry {
    /// It is not executed.
    pub(super) fn bypass(&mut self) {
        if self.outcome.is_none() {
            self.outcome = Some(Outcome::all(StatusCode::NOT_EXECUTED));
        }
    }
}

impl Execution {
    pub(super) fn new(entries: Vec<Entry>, max_results: usize) -> Self {
        Self { entries, next: 0, doing: None, atomic: None, budget: max_results }
    }

    /// Whether something is under way that the user answers.
    pub(super) fn is_asking(&self) -> bool {
        matches!(&self.doing, Some(Doing { what: What::Ask(_), .. }))
    }

    /// The question that is open, to be asked once more.
    #[cfg(feature = "serde")]
    pub(super) fn question(&self) -> Option<ClientOutput> {
        let Some(Doing { handle, what: What::Ask(at), .. }) = &self.doing else { return None };
        match &self.entries.get(*at)?.task {
            Task::Ask(interaction) => Some(ClientOutput::Interact(*handle, interaction.clone())),
            _ => None,
        }
    }

    /// What became of all commands, in document order.
    pub(super) fn into_answers(self) -> impl Iterator<Item = (Asked, Outcome)> {
        let unanswered = || Outcome::all(StatusCode::NOT_EXECUTED);
        self.entries.into_iter().map(move |entry| (entry.asked, entry.outcome.unwrap_or_else(unanswered)))
    }

    /// What is to be done next. `fits` tells whether the answers to a whole Atomic can be sent.
    pub(super) fn step(
        &mut self,
        now: Instant,
        next_handle: &mut u64,
        patience: &Patience,
        fits: impl Fn(&Asked, &Outcome) -> bool,
    ) -> Step {
        loop {
            if let Some(doing) = &self.doing {
                return Step::Wait(doing.until);
            }
            if let Some(step) = self.end_atomic(now + patience.outcome, &fits) {
                return step;
            }
            let at = self.next;
            let Some(entry) = self.entries.get_mut(at) else { return Step::Done };
            self.next += 1;
            if entry.outcome.is_some() {
                continue;
            }
            let handle = CommandHandle(next_handle.saturating_add(1));
            let (what, until, output) = match &mut entry.task {
                Task::Answered => continue,
                Task::Sequence => {
                    // 200 as soon as execution has begun (DM Protocol 1.2.1, Sequence).
                    entry.outcome = Some(Outcome::all(StatusCode::OK));
                    continue;
                }
                Task::Atomic => {
                    let members = entry.end - at - 1;
                    self.atomic = Some(OpenAtomic { at, handle, failed: None });
                    let output = ClientOutput::Atomic(handle, AtomicStep::Begin(members));
                    (What::Begin, now + patience.outcome, output)
                }
                Task::Execute { command, .. } => {
                    // It is not needed again, and may be large.
                    let Some(command) = command.take() else { continue };
                    let items = command.items().len();
                    let output = ClientOutput::Execute(handle, command);
                    (What::Execute { at, items }, now + patience.outcome, output)
                }
                Task::Ask(interaction) => {
                    let asked_for = interaction.max_display.unwrap_or(patience.interaction);
                    let output = ClientOutput::Interact(handle, interaction.clone());
                    (What::Ask(at), now + asked_for.min(patience.interaction), output)
                }
            };
            *next_handle = handle.0;
            self.doing = Some(Doing { handle, what, until });
            return Step::Output(Box::new(output));
        }
    }

    /// Commits or rolls back the Atomic whose last member has been looked at, or one of whose members has failed.
    fn end_atomic(&mut self, until: Instant, fits: &impl Fn(&Asked, &Outcome) -> bool) -> Option<Step> {
        let OpenAtomic { at, handle, failed } = self.atomic.clone()?;
        let end = self.entries.get(at).map_or(at, |entry| entry.end);
        let over = self.next >= end;
        if !over && failed.is_none() {
            return None;
        }
        let members = self.entries.get(at..end).unwrap_or_default();
        let all_fit = || {
            members
                .iter()
                .all(|entry| entry.outcome.as_ref().is_none_or(|outcome| fits(&entry.asked, outcome)))
        };
        let (what, step) = if failed.is_none() && all_fit() {
            (What::Commit, AtomicStep::Commit)
        } else {
            if let Some(atomic) = &mut self.atomic {
                atomic.failed.get_or_insert(StatusCode::ATOMIC_RESPONSE_TOO_LARGE);
            }
            (What::RollBack, AtomicStep::RollBack)
        };
        self.doing = Some(Doing { handle, what, until });
        Some(Step::Output(Box::new(ClientOutput::Atomic(handle, step))))
    }

    /// What became of what was handed out.
    pub(super) fn answer(&mut self, handle: CommandHandle, outcome: Outcome) -> Result<(), Misuse> {
        let Some(doing) = &self.doing else { return Err(Misuse::UnknownHandle) };
        let count = outcome.items.len();
        let fits = match doing.what {
            What::Execute { items, .. } => count == 1 || count == items,
            What::Begin | What::Commit | What::RollBack => count == 1,
            What::Ask(_) => false,
        };
        if doing.handle != handle || !fits {
            return Err(Misuse::UnknownHandle);
        }
        let Some(Doing { what, .. }) = self.doing.take() else { return Err(Misuse::UnknownHandle) };
        match what {
            What::Execute { at, .. } => self.executed(at, outcome),
            What::Begin if !outcome.is_success() => self.not_begun(outcome),
            What::Begin | What::Ask(_) => {}
            What::Commit if outcome.is_success() => {
                if let Some(atomic) = self.atomic.take() {
                    self.close_atomic(atomic.at, StatusCode::OK);
                }
            }
            // What cannot be committed has been undone, unless the executor says that it has not.
            What::Commit => self.rolled_back(!has_code(&outcome, StatusCode::ROLLBACK_FAILED)),
            What::RollBack => {
                self.rolled_back(outcome.is_success() || has_code(&outcome, StatusCode::ROLLED_BACK))
            }
        }
        Ok(())
    }

    /// What the user said.
    pub(super) fn respond(&mut self, handle: CommandHandle, response: &UserResponse) -> Result<(), Misuse> {
        let Some(Doing { handle: due, what: What::Ask(at), .. }) = self.doing else {
            return Err(Misuse::UnknownHandle);
        };
        if due != handle {
            return Err(Misuse::UnknownHandle);
        }
        let fits = self
            .entries
            .get(at)
            .is_some_and(|entry| matches!(&entry.task, Task::Ask(interaction) if response.fits(interaction)));
        if !fits {
            return Err(Misuse::Response);
        }
        self.doing = None;
        self.responded(at, response);
        Ok(())
    }

    /// What was waited for too long has its outcome without; its handle.
    pub(super) fn expire(&mut self, now: Instant) -> Option<CommandHandle> {
        let Doing { handle, what, .. } = self.doing.take_if(|doing| doing.until <= now)?;
        match what {
            // It may have begun all the same.
            What::Begin => {
                if let Some(atomic) = &mut self.atomic {
                    atomic.failed = Some(StatusCode::TIMEOUT);
                }
            }
            What::Execute { at, .. } => self.executed(at, Outcome::all(StatusCode::TIMEOUT)),
            What::Ask(at) => {
                let shown = self.entries.get(at).is_some_and(|entry| {
                    matches!(&entry.task, Task::Ask(interaction) if interaction.kind == InteractionKind::Display)
                });
                // A text that was in sight for its time has been shown; a question has not been answered.
                let response = if shown { UserResponse::Accepted } else { UserResponse::TimedOut };
                self.responded(at, &response);
            }
            // Nobody knows what has become of it, so nothing good is said.
            What::Commit | What::RollBack => self.rolled_back(false),
        }
        Some(handle)
    }

    /// Nothing more is begun. What was handed out comes back, and an Atomic under way is rolled back.
    pub(super) fn stop(&mut self) {
        match &mut self.atomic {
            Some(atomic) => {
                atomic.failed.get_or_insert(StatusCode::ATOMIC_FAILED);
            }
            None => {
                let end = self.entries.len();
                self.skip_to(end);
            }
        }
        let after =
            self.atomic.as_ref().and_then(|atomic| self.entries.get(atomic.at)).map(|entry| entry.end);
        if let Some(after) = after {
            self.entries.iter_mut().skip(after).for_each(Entry::bypass);
        }
        if let Some(Doing { what: What::Ask(at), .. }) = self.doing {
            self.doing = None;
            self.responded(at, &UserResponse::Cancelled);
        }
    }

    fn executed(&mut self, at: usize, mut outcome: Outcome) {
        for item in &mut outcome.items {
            let cost = item.results.iter().map(cost).fold(0, usize::saturating_add);
            match self.budget.checked_sub(cost) {
                Some(left) => self.budget = left,
                None => *item = ItemOutcome::new(StatusCode::TOO_LARGE),
            }
        }
        let Some(entry) = self.entries.get_mut(at) else { return };
        let Task::Execute { preset, .. } = &entry.task else { return };
        let outcome = if preset.iter().all(Option::is_none) {
            outcome
        } else {
            // One outcome for all counts for each of those that were handed out.
            let one = (outcome.items.len() == 1).then(|| outcome.items[0].clone());
            let mut each = outcome.items.into_iter();
            let code = |code: &Option<StatusCode>| match code {
                Some(code) => ItemOutcome::new(*code),
                None => {
                    let own = each.next().or_else(|| one.as_ref().map(|one| ItemOutcome::new(one.code)));
                    own.unwrap_or_else(|| ItemOutcome::new(StatusCode::NOT_EXECUTED))
                }
            };
            Outcome::each(preset.iter().map(code).collect())
        };
        if !outcome.is_success() {
            self.fail_atomic();
        }
        if let Some(entry) = self.entries.get_mut(at) {
            entry.outcome = Some(outcome);
        }
    }

    fn responded(&mut self, at: usize, response: &UserResponse) {
        let Some(entry) = self.entries.get_mut(at) else { return };
        entry.outcome = Some(Outcome::each(alloc::vec![response.to_outcome()]));
        let sequence = entry.sequence;
        if !response.code().is_done() {
            self.fail_atomic();
        }
        let cancelled = matches!(response, UserResponse::Cancelled | UserResponse::TimedOut);
        let refused = cancelled || *response == UserResponse::Rejected;
        match sequence {
            // The rest of the Sequence; what is left of an Atomic in it is rolled back first.
            Some(sequence) if refused => {
                let end = self.entries.get(sequence).map_or(0, |entry| entry.end);
                let from = match &self.atomic {
                    Some(atomic) => self.entries.get(atomic.at).map_or(end, |entry| entry.end),
                    None => self.next,
                };
                self.entries.iter_mut().take(end).skip(from).for_each(Entry::bypass);
            }
            // The rest of the message.
            None if cancelled && self.atomic.is_none() => {
                let end = self.entries.len();
                self.skip_to(end);
            }
            _ => {}
        }
    }

    fn fail_atomic(&mut self) {
        if let Some(atomic) = &mut self.atomic {
            atomic.failed.get_or_insert(StatusCode::ATOMIC_FAILED);
        }
    }

    fn not_begun(&mut self, outcome: Outcome) {
        if let Some(atomic) = self.atomic.take()
            && let Some(entry) = self.entries.get_mut(atomic.at)
        {
            let end = entry.end;
            entry.outcome = Some(outcome);
            self.skip_to(end);
        }
    }

    /// Members that had succeeded say that they were undone, or that they could not be.
    fn rolled_back(&mut self, undone: bool) {
        let Some(atomic) = self.atomic.take() else { return };
        let code = if undone { StatusCode::ROLLED_BACK } else { StatusCode::ROLLBACK_FAILED };
        let end = self.entries.get(atomic.at).map_or(atomic.at, |entry| entry.end);
        for entry in self.entries.iter_mut().take(end).skip(atomic.at + 1) {
            for item in entry.outcome.iter_mut().flat_map(|outcome| &mut outcome.items) {
                if item.is_success() {
                    *item = ItemOutcome::new(code);
                }
            }
        }
        self.close_atomic(atomic.at, atomic.failed.unwrap_or(StatusCode::ATOMIC_FAILED));
    }

    fn close_atomic(&mut self, at: usize, code: StatusCode) {
        if let Some(entry) = self.entries.get_mut(at) {
            let end = entry.end;
            entry.outcome = Some(Outcome::all(code));
            self.skip_to(end);
        }
    }

    /// What stands before `end` and has no outcome is not executed.
    fn skip_to(&mut self, end: usize) {
        self.entries.iter_mut().take(end).skip(self.next).for_each(Entry::bypass);
        self.next = self.next.max(end);
    }
}

/// What an item of results takes while it waits to be sent, roughly.
fn cost(item: &Item<'static>) -> usize {
    let data = item.data.as_ref().map_or(0, |data| match data.as_octets() {
        Some(octets) => octets.len(),
        None => {
            let get = Get::new(CmdId::LONGEST, alloc::vec![item.clone()]);
            Command::from(get).encoded_len(Encoding::Wbxml)
        }
    });
    data.saturating_add(size_of::<Item<'static>>())
}

fn has_code(outcome: &Outcome, code: StatusCode) -> bool {
    outcome.items.iter().any(|item| item.code == code)
}

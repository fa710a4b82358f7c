//! Which command may stand where, and what is answered to one that may not (DM Protocol 1.2.1, commands; RepPro 1.2.2, Atomic and Sequence).

use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, Command, Item, Meta};
use crate::session::interaction::Interaction;
use crate::session::large_object::{Assembler, ChunkOf, Taken};
use crate::session::outcome::{ItemOutcome, Outcome};

use super::answers::Asked;
use super::execution::{Entry, Execution, Task};

/// What the device offers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) atomic: bool,
    pub(super) exec_in_atomic: bool,
    pub(super) interaction: bool,
    pub(super) large_objects: bool,
    pub(super) max_obj_size: Option<u64>,
    /// Octets of results for one message.
    pub(super) max_results: usize,
}

/// Where a command stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Body,
    /// In the Sequence with this number.
    Sequence(usize),
    /// In an Atomic, itself perhaps in a Sequence.
    Atomic(Option<usize>),
}

/// Whether a command of the server asks for an answer, and so keeps the session going.
pub(super) fn needs_answer(command: &Command<'_>) -> bool {
    !matches!(command, Command::Status(_) | Command::Results(_))
}

/// Whether a message says that the session is over.
pub(super) fn aborts(commands: &[Command<'_>]) -> bool {
    has_alert(commands, AlertCode::SESSION_ABORT)
}

/// Whether a message holds this alert.
pub(super) fn has_alert(commands: &[Command<'_>], code: AlertCode) -> bool {
    commands.iter().any(|command| matches!(command, Command::Alert(alert) if alert.code == Some(code)))
}

/// Plans the commands of one message.
pub(super) struct Planner<'p> {
    rules: Rules,
    assembler: &'p mut Assembler,
    entries: Vec<Entry>,
    /// The message is larger than the server was told to send: nothing of it is executed.
    too_large: bool,
    /// What is to be said of objects without an end.
    complaints: Vec<Alert<'static>>,
}

impl<'p> Planner<'p> {
    pub(super) fn new(rules: Rules, assembler: &'p mut Assembler, too_large: bool) -> Self {
        Self { rules, assembler, entries: Vec::new(), too_large, complaints: Vec::new() }
    }

    /// What is to be done, and the alerts 1225 that have become due.
    pub(super) fn plan(
        mut self,
        commands: &[Command<'_>],
        last_in_package: bool,
    ) -> (Execution, Vec<Alert<'static>>) {
        for command in commands {
            self.command(command, Place::Body);
        }
        self.complaints.extend(self.assembler.end_of_message(last_in_package));
        (Execution::new(self.entries, self.rules.max_results), self.complaints)
    }

    fn push(&mut self, command: &Command<'_>, place: Place, task: Task, outcome: Option<Outcome>) -> usize {
        let sequence = match place {
            Place::Body => None,
            Place::Sequence(at) => Some(at),
            Place::Atomic(sequence) => sequence,
        };
        let at = self.entries.len();
        let end = at + 1;
        self.entries.push(Entry { asked: Asked::new(command), end, sequence, task, outcome });
        at
    }

    fn answer(&mut self, command: &Command<'_>, place: Place, code: StatusCode) {
        let at = self.push(command, place, Task::Answered, Some(Outcome::all(code)));
        self.bypass(command, place);
        self.end(at);
    }

    /// The members of what is not executed are not executed either.
    fn bypass(&mut self, container: &Command<'_>, place: Place) {
        for member in container.members() {
            self.answer(member, place, StatusCode::NOT_EXECUTED);
        }
    }

    fn end(&mut self, at: usize) {
        let end = self.entries.len();
        if let Some(entry) = self.entries.get_mut(at) {
            entry.end = end;
        }
    }

    fn command(&mut self, command: &Command<'_>, place: Place) {
        let in_body = place == Place::Body;
        if in_body && !goes_between_chunks(command) && chunk_of(command).is_none() {
            self.complaints.extend(self.assembler.interrupt());
        }
        match command {
            Command::Status(_) if in_body => {}
            // A client asks for nothing, so Results answer nothing; what cannot be referred to is answered as Windows does.
            Command::Status(_) | Command::Results(_) | Command::Unknown(_) => {
                self.answer(command, place, StatusCode::BAD_REQUEST);
            }
            // Alerts about the session itself ask for nothing that costs memory.
            command if self.too_large && !goes_between_chunks(command) => {
                self.answer(command, place, StatusCode::TOO_LARGE);
            }
            command if command.lacks_cmd_id() || has_long_id(command) => {
                self.answer(command, place, StatusCode::BAD_REQUEST)
            }
            Command::Alert(alert) => self.alert(command, alert, place),
            Command::Sequence(_) => match place {
                Place::Body => {
                    let at = self.push(command, place, Task::Sequence, None);
                    for member in command.members() {
                        self.command(member, Place::Sequence(at));
                    }
                    self.end(at);
                }
                _ => self.answer(command, place, StatusCode::COMMAND_FAILED),
            },
            Command::Atomic(_) => match place {
                Place::Atomic(_) => self.answer(command, place, StatusCode::COMMAND_FAILED),
                _ if !self.rules.atomic => self.answer(command, place, StatusCode::NOT_SUPPORTED),
                Place::Body => self.atomic(command, place, None),
                Place::Sequence(at) => self.atomic(command, place, Some(at)),
            },
            Command::Get(_) if matches!(place, Place::Atomic(_)) => {
                self.answer(command, place, StatusCode::COMMAND_FAILED);
            }
            Command::Exec(_) if matches!(place, Place::Atomic(_)) && !self.rules.exec_in_atomic => {
                self.answer(command, place, StatusCode::COMMAND_FAILED);
            }
            Command::Add(_)
            | Command::Copy(_)
            | Command::Delete(_)
            | Command::Exec(_)
            | Command::Get(_)
            | Command::Replace(_) => self.acting(command, place),
        }
    }

    /// Of an Atomic with a member that may not be in one nothing is executed: there is nothing to roll back then.
    fn atomic(&mut self, command: &Command<'_>, place: Place, sequence: Option<usize>) {
        let at = self.push(command, place, Task::Atomic, None);
        for member in command.members() {
            self.command(member, Place::Atomic(sequence));
        }
        self.end(at);
        let members = self.entries.get_mut(at + 1..).unwrap_or_default();
        let legal = members.iter().all(|entry| entry.outcome.as_ref().is_none_or(Outcome::is_success));
        if !legal {
            for entry in members {
                entry.bypass();
            }
        }
        if let Some(container) = self.entries.get_mut(at) {
            container.outcome = if !legal {
                Some(Outcome::all(StatusCode::ATOMIC_FAILED))
            } else if command.members().is_empty() {
                Some(Outcome::all(StatusCode::OK))
            } else {
                None
            };
        }
    }

    fn alert(&mut self, command: &Command<'_>, alert: &Alert<'_>, place: Place) {
        let code = match alert.code {
            Some(AlertCode::NEXT_MESSAGE | AlertCode::NO_END_OF_DATA) => StatusCode::OK,
            Some(code) if code.is_user_interaction() && self.rules.interaction => {
                match Interaction::read(alert) {
                    Ok(interaction) => {
                        self.push(command, place, Task::Ask(interaction), None);
                        return;
                    }
                    Err(code) => code,
                }
            }
            Some(_) => StatusCode::NOT_SUPPORTED,
            None => StatusCode::INCOMPLETE_COMMAND,
        };
        self.answer(command, place, code);
    }

    /// A command on the tree: items that are chunks, or too large, are answered without it.
    fn acting(&mut self, command: &Command<'_>, place: Place) {
        if command.items().is_empty() {
            return self.answer(command, place, StatusCode::INCOMPLETE_COMMAND);
        }
        let mut preset = Vec::with_capacity(command.items().len());
        let mut items = Vec::new();
        for item in command.items() {
            match self.item(command, item, place) {
                Taken::Whole(item) => {
                    items.push(item);
                    preset.push(None);
                }
                Taken::Chunk => preset.push(Some(StatusCode::CHUNK_ACCEPTED)),
                Taken::Refused(code) => preset.push(Some(code)),
            }
        }
        if items.is_empty() {
            let codes = preset.into_iter().flatten().map(ItemOutcome::new).collect();
            self.push(command, place, Task::Answered, Some(Outcome::each(codes)));
            return;
        }
        let mut whole = without_items(command);
        if let Some(room) = whole.items_mut() {
            *room = items;
        }
        self.push(command, place, Task::Execute { command: Some(whole), preset }, None);
    }

    fn item(&mut self, command: &Command<'_>, item: &Item<'_>, place: Place) -> Taken {
        let Some(of) = chunk_of(command) else { return Taken::Whole(item.clone().into_owned()) };
        if item.more_data && !self.rules.large_objects {
            return Taken::Refused(StatusCode::NOT_SUPPORTED);
        }
        if place == Place::Body {
            if self.assembler.is_busy() && !self.assembler.continues(&of, item) {
                self.complaints.extend(self.assembler.interrupt());
            }
            return self.assembler.take(&of, item, command.meta());
        }
        // A container must be in one message, and so must all it holds (DM Protocol 1.2.1, several messages per package).
        if item.more_data {
            return Taken::Refused(StatusCode::PARTIAL_NOT_ACCEPTED);
        }
        Assembler::new(self.rules.max_obj_size).take(&of, item, command.meta())
    }
}

/// Whether each Status, and there may be one for each item, would have to repeat more than any id is long.
fn has_long_id(command: &Command<'_>) -> bool {
    const LONGEST: usize = 256;
    command.cmd_id().is_some_and(|id| id.as_str().len() > LONGEST)
}

/// Whether an item of this command may be a chunk.
fn chunk_of(command: &Command<'_>) -> Option<ChunkOf> {
    let carries_data = matches!(command, Command::Add(_) | Command::Exec(_) | Command::Replace(_));
    let cmd = command.name().filter(|_| carries_data)?;
    Some(ChunkOf { cmd, answers: None })
}

/// What may stand between the chunks of an object: answers, and alerts about the session itself.
fn goes_between_chunks(command: &Command<'_>) -> bool {
    match command {
        Command::Status(_) | Command::Results(_) => true,
        Command::Alert(alert) => {
            matches!(alert.code, Some(AlertCode::NEXT_MESSAGE | AlertCode::NO_END_OF_DATA))
        }
        _ => false,
    }
}

/// The command without what it acts on. The Size of its first chunk says nothing about the whole.
fn without_items(command: &Command<'_>) -> Command<'static> {
    let mut bare = match command {
        Command::Add(add) => crate::model::Add { items: Vec::new(), ..add.clone() }.into(),
        Command::Copy(copy) => crate::model::Copy { items: Vec::new(), ..copy.clone() }.into(),
        Command::Delete(delete) => crate::model::Delete { items: Vec::new(), ..delete.clone() }.into(),
        Command::Exec(exec) => crate::model::Exec { items: Vec::new(), ..exec.clone() }.into(),
        Command::Get(get) => crate::model::Get { items: Vec::new(), ..get.clone() }.into(),
        Command::Replace(replace) => crate::model::Replace { items: Vec::new(), ..replace.clone() }.into(),
        other => other.clone(),
    };
    if let Some((meta, _)) = bare.meta_and_items_mut() {
        *meta = meta.take().map(Meta::without_size).filter(|meta| !meta.is_empty());
    }
    bare.into_owned()
}

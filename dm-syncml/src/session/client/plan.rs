//! What is to be done about each command of a server, in document order.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::model::{Atomic, Command, Sequence};

#[derive(Clone, Debug)]
pub(super) enum Task {
    /// To be handed out.
    Execute(Command<'static>),
    /// Answered without being handed out.
    Refuse(Command<'static>, StatusCode),
}

/// Whether a command of the server asks for an answer, and so keeps the session going.
pub(super) fn needs_answer(command: &Command<'_>) -> bool {
    !matches!(command, Command::Status(_) | Command::Results(_))
}

pub(super) fn aborts(commands: &[Command<'_>]) -> bool {
    commands
        .iter()
        .any(|c| matches!(c, Command::Alert(alert) if alert.code == Some(AlertCode::SESSION_ABORT)))
}

/// What is to be done about a command, its members included.
pub(super) fn plan(command: &Command<'_>, work: &mut VecDeque<Task>) {
    let refuse = |command: &Command<'_>, code| Task::Refuse(command.clone().into_owned(), code);
    match command {
        Command::Status(_) => {}
        // Windows answers so what could not be referred to.
        command if command.lacks_cmd_id() => {
            work.push_back(Task::Refuse(without_members(command), StatusCode::BAD_REQUEST));
            not_executed(command, work);
        }
        // A client asks for nothing, so Results answer nothing.
        Command::Results(_) => work.push_back(refuse(command, StatusCode::BAD_REQUEST)),
        // Chunks of large objects are not taken; DevDetail says so (LrgObj false).
        command if command.items().iter().any(|item| item.more_data) => {
            work.push_back(refuse(command, StatusCode::NOT_SUPPORTED));
        }
        Command::Add(_)
        | Command::Copy(_)
        | Command::Delete(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Replace(_) => {
            work.push_back(if command.items().is_empty() {
                refuse(command, StatusCode::INCOMPLETE_COMMAND)
            } else {
                Task::Execute(command.clone().into_owned())
            });
        }
        Command::Alert(alert) => work.push_back(refuse(
            command,
            match alert.code {
                Some(AlertCode::NEXT_MESSAGE) => StatusCode::OK,
                Some(_) => StatusCode::NOT_SUPPORTED,
                None => StatusCode::INCOMPLETE_COMMAND,
            },
        )),
        Command::Sequence(sequence) => {
            work.push_back(Task::Refuse(without_members(command), StatusCode::OK));
            for member in &sequence.commands {
                plan(member, work);
            }
        }
        // All or nothing is not offered: nothing of it is done.
        Command::Atomic(_) => {
            work.push_back(Task::Refuse(without_members(command), StatusCode::NOT_SUPPORTED));
            not_executed(command, work);
        }
        Command::Unknown(_) => work.push_back(refuse(command, StatusCode::BAD_REQUEST)),
    }
}

fn not_executed(container: &Command<'_>, work: &mut VecDeque<Task>) {
    for member in container.members() {
        work.push_back(Task::Refuse(without_members(member), StatusCode::NOT_EXECUTED));
        not_executed(member, work);
    }
}

/// A command to refer to. Members have entries of their own, so that nested containers are not copied once for each level.
fn without_members(command: &Command<'_>) -> Command<'static> {
    match command {
        Command::Atomic(atomic) => Atomic::new(atomic.cmd_id.clone().into_owned(), Vec::new()).into(),
        Command::Sequence(sequence) => Sequence::new(sequence.cmd_id.clone().into_owned(), Vec::new()).into(),
        other => other.clone().into_owned(),
    }
}

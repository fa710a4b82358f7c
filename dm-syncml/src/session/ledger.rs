//! The command ledger of a server session: what was queued, what was sent, what came back.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::codes::StatusCode;
use crate::model::{CmdId, Command, Item, Results, Status};

/// Names a command from the moment it is queued to its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommandHandle(pub(super) u64);

/// What the device answered to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The statuses, in the order they came; at least one.
    pub statuses: Vec<AnsweredStatus>,
    /// What Gets found, in the order it came.
    pub results: Vec<Item<'static>>,
}

/// One Status of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AnsweredStatus {
    /// Which command it is about: 0 for the one that was queued, from 1 for the members of an Atomic or Sequence, in document order.
    pub member: usize,
    /// The code.
    pub code: StatusCode,
    /// The targets it is about; none means all items.
    pub targets: Vec<String>,
    /// What more the device said.
    pub items: Vec<Item<'static>>,
}

impl Answer {
    /// The code of the command itself: the first status that is not a success, else the first status.
    #[must_use]
    pub fn code(&self) -> StatusCode {
        let own = || self.statuses.iter().filter(|status| status.member == 0).map(|status| status.code);
        own().find(|code| !code.is_success()).or_else(|| own().next()).unwrap_or(StatusCode::NOT_EXECUTED)
    }
}

/// Why a command has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GivenUp {
    /// The session ended before it was sent: the device knows nothing of it.
    NotSent,
    /// It was sent, and no Status came: it may have been executed.
    Unanswered,
    /// It alone is larger than the device's MaxMsgSize.
    TooLarge,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    next_handle: u64,
    queue: VecDeque<(CommandHandle, Command<'static>)>,
    sent: BTreeMap<CommandHandle, Sent>,
    /// Which command a MsgRef and CmdRef mean.
    refs: BTreeMap<(u32, String), (CommandHandle, usize)>,
}

#[derive(Clone, Debug)]
struct Sent {
    command: Command<'static>,
    answer: Answer,
}

impl Ledger {
    pub(super) fn queue(&mut self, command: Command<'static>) -> CommandHandle {
        self.next_handle += 1;
        let handle = CommandHandle(self.next_handle);
        self.queue.push_back((handle, command));
        handle
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// The next command, with the ids that `next_id` makes.
    pub(super) fn next_queued(
        &mut self,
        next_id: &mut impl FnMut() -> CmdId<'static>,
    ) -> Option<(CommandHandle, Command<'static>)> {
        let (handle, mut command) = self.queue.pop_front()?;
        command.renumber(next_id);
        Some((handle, command))
    }

    pub(super) fn put_back(&mut self, handle: CommandHandle, command: Command<'static>) {
        self.queue.push_front((handle, command));
    }

    /// The command goes out with message `msg_id`.
    pub(super) fn sent(&mut self, msg_id: u32, handle: CommandHandle, command: &Command<'static>) {
        let mut member = 0;
        self.refer(msg_id, handle, command, &mut member);
        let answer = Answer { statuses: Vec::new(), results: Vec::new() };
        self.sent.insert(handle, Sent { command: command.clone(), answer });
    }

    fn refer(&mut self, msg_id: u32, handle: CommandHandle, command: &Command<'static>, member: &mut usize) {
        if let Some(cmd_id) = command.cmd_id() {
            self.refs.insert((msg_id, cmd_id.as_str().into()), (handle, *member));
        }
        *member += 1;
        for inner in command.members() {
            self.refer(msg_id, handle, inner, member);
        }
    }

    /// Takes in a Status; `false` when it answers nothing that waits.
    pub(super) fn status(&mut self, status: &Status<'_>) -> bool {
        let Some((handle, member)) = self.find(status.msg_ref.as_number(), status.cmd_ref.as_str()) else {
            return false;
        };
        let Some(sent) = self.sent.get_mut(&handle) else { return false };
        sent.answer.statuses.push(AnsweredStatus {
            member,
            code: status.code,
            targets: status.target_refs.iter().map(|target| target.as_str().into()).collect(),
            items: status.items.iter().cloned().map(Item::into_owned).collect(),
        });
        true
    }

    /// Takes in Results; `false` when they answer nothing that waits. A missing MsgRef means the first message (RepPro 1.2.2, Results).
    pub(super) fn results(&mut self, results: &Results<'_>) -> bool {
        let msg_ref = results.msg_ref.as_ref().map_or(Some(1), |msg_ref| msg_ref.as_number());
        let Some((handle, _)) = self.find(msg_ref, results.cmd_ref.as_str()) else { return false };
        let Some(sent) = self.sent.get_mut(&handle) else { return false };
        for item in &results.items {
            let mut item = item.clone().into_owned();
            if let Some(meta) = &results.meta {
                let meta = meta.clone().into_owned();
                item.meta = Some(item.meta.map_or_else(|| meta.clone(), |own| own.over(&meta)));
            }
            sent.answer.results.push(item);
        }
        true
    }

    fn find(&self, msg_ref: Option<u32>, cmd_ref: &str) -> Option<(CommandHandle, usize)> {
        self.refs.get(&(msg_ref?, cmd_ref.into())).copied()
    }

    /// The device's package has ended: what was sent has its answer now, or none.
    pub(super) fn settle(&mut self) -> Vec<(CommandHandle, Result<Answer, GivenUp>)> {
        self.refs.clear();
        core::mem::take(&mut self.sent)
            .into_iter()
            .map(|(handle, sent)| {
                let answered = sent.answer.statuses.iter().any(|status| status.member == 0);
                (handle, if answered { Ok(sent.answer) } else { Err(GivenUp::Unanswered) })
            })
            .collect()
    }

    /// The device refused our header: what was sent with it was not executed, and is queued again in its old order.
    pub(super) fn requeue(&mut self) {
        self.refs.clear();
        for (handle, sent) in core::mem::take(&mut self.sent).into_iter().rev() {
            self.queue.push_front((handle, sent.command));
        }
    }

    /// The session has ended.
    pub(super) fn give_up(&mut self) -> Vec<(CommandHandle, Result<Answer, GivenUp>)> {
        let mut ends = self.settle();
        ends.extend(self.queue.drain(..).map(|(handle, _)| (handle, Err(GivenUp::NotSent))));
        ends
    }
}

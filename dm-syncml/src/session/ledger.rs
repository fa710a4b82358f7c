//! The command ledger of a server session: what was queued, what was sent, what came back.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::model::{CmdId, CmdRef, Command, Encoding, Get, Item, LocUri, Meta, Status};

use super::interaction::{Interaction, UserResponse};

/// Names a command from the moment it is queued to its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CommandHandle(pub(super) u64);

impl CommandHandle {
    /// A number to keep it under, unique in its session.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What the device answered to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The statuses, in the order they came; at least one.
    pub statuses: Vec<AnsweredStatus>,
    /// What Gets found, in the order it came.
    pub results: Vec<AnsweredItem>,
    /// Whether everything has its Status, and what Gets found has come. Not so when the session ended between two parts of the command or
    /// before the device had said all, or when a device answers only some members of a container, as it may after the user has refused.
    pub complete: bool,
}

/// One item of what Gets found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct AnsweredItem {
    /// Which command found it: 0 for the one that was queued, from 1 for the members of an Atomic or Sequence, in document order.
    pub member: usize,
    /// What was found, with what the Meta of the Results says of all its items.
    pub item: Item<'static>,
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
    const EMPTY: Self = Self { statuses: Vec::new(), results: Vec::new(), complete: true };

    /// The code of the command itself: the first status that says it was not done ([`StatusCode::is_done`]), else the first status. Some devices do not answer the
    /// container itself; then its members decide.
    #[must_use]
    pub fn code(&self) -> StatusCode {
        let worst = |own: bool| {
            let codes = || self.statuses.iter().filter(|s| (s.member == 0) == own).map(|status| status.code);
            codes().find(|code| !code.is_done()).or_else(|| codes().next())
        };
        worst(true).or_else(|| worst(false)).unwrap_or(StatusCode::NOT_EXECUTED)
    }

    /// The items that Gets found, whichever member of a container asked for them, in the order they came.
    pub fn items(&self) -> impl Iterator<Item = &Item<'static>> {
        self.results.iter().map(|found| &found.item)
    }

    /// The same, without the rest of the answer.
    #[must_use]
    pub fn into_items(self) -> Vec<Item<'static>> {
        self.results.into_iter().map(|found| found.item).collect()
    }

    /// The items that one member of a container found, counted as in [`AnsweredItem::member`].
    pub fn items_of(&self, member: usize) -> impl Iterator<Item = &Item<'static>> {
        self.results.iter().filter(move |found| found.member == member).map(|found| &found.item)
    }

    /// The code of one member of a container, counted as in [`AnsweredStatus::member`]: its first status that says it was not done, else its
    /// first.
    #[must_use]
    pub fn code_of_member(&self, member: usize) -> Option<StatusCode> {
        let codes =
            || self.statuses.iter().filter(|status| status.member == member).map(|status| status.code);
        codes().find(|code| !code.is_done()).or_else(|| codes().next())
    }

    /// The code of one item, by its target: that of the Status which names it, else of one for all items.
    #[must_use]
    pub fn code_of(&self, target: &str) -> Option<StatusCode> {
        let own = || self.statuses.iter().filter(|status| status.member == 0);
        let named = own().find(|status| status.targets.iter().any(|named| named == target));
        named.or_else(|| own().find(|status| status.targets.is_empty())).map(|status| status.code)
    }
}

/// Why a command has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum GivenUp {
    /// The session ended before it was sent, or before the last chunk of it was: the device has done nothing of it.
    NotSent,
    /// It was sent, and no Status came: it may have been executed.
    Unanswered,
    /// It fits no message the device takes: it alone is larger than the device's MaxMsgSize and cannot be cut, or the object is larger
    /// than its MaxObjSize. It was not sent.
    TooLarge,
    /// The device says that the end of the large object did not come (Alert 1225): it has done nothing of it.
    EndMissing,
    /// The device cannot do this, as its profile tells. It was not sent.
    NotOffered,
}

/// What became of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Answered(Answer),
    /// A question to the user has its answer.
    Responded(UserResponse),
    GivenUp(GivenUp),
}

/// A command to be sent, or a part of one that was too large for one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unit {
    pub(super) handle: CommandHandle,
    pub(super) command: Command<'static>,
    /// Whether it holds some of the items of a command that was too large.
    pub(super) part: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) next_handle: u64,
    pub(super) queue: VecDeque<Unit>,
    pub(super) sent: Vec<Sent>,
    pub(super) open: BTreeMap<CommandHandle, Open>,
    /// Which command a MsgRef and CmdRef mean: an index into `sent`, and a member.
    pub(super) refs: BTreeMap<(u32, String), (usize, usize)>,
}

/// A unit that has gone out.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) unit: Unit,
    pub(super) msg_id: u32,
    /// How many statuses are due, and which members have theirs.
    pub(super) due: usize,
    pub(super) answered: BTreeSet<usize>,
    /// The device says that its end is missing.
    pub(super) end_missing: bool,
}

/// A command whose end is not known yet.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) answer: Answer,
    /// Units that are queued or in the making.
    pub(super) unsent: usize,
    /// Units that have gone out and are not settled.
    pub(super) sent: usize,
    /// Some unit has gone out.
    pub(super) went_out: bool,
    /// Why a unit did not go out or was not done, if one was not.
    pub(super) given_up: Option<GivenUp>,
    /// Octets of the results.
    pub(super) octets: usize,
    /// Octets of what the statuses say.
    pub(super) status_octets: usize,
    /// What the user is asked.
    pub(super) asks: Option<Interaction>,
}

/// Whether Results were taken in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ResultsTaken {
    Kept,
    /// They answer nothing that waits.
    Unknown,
    /// They are more than is kept for one command.
    TooLarge,
}

impl Ledger {
    pub(super) fn queue(&mut self, command: Command<'static>) -> CommandHandle {
        self.next_handle += 1;
        let handle = CommandHandle(self.next_handle);
        let asks = match &command {
            Command::Alert(alert) if alert.code.is_some_and(AlertCode::is_user_interaction) => {
                Interaction::read(alert).ok()
            }
            _ => None,
        };
        self.open.insert(
            handle,
            Open {
                answer: Answer::EMPTY,
                unsent: 1,
                sent: 0,
                went_out: false,
                given_up: None,
                octets: 0,
                status_octets: 0,
                asks,
            },
        );
        self.queue.push_back(Unit { handle, command, part: false });
        handle
    }

    /// Gives back memory that is not used.
    pub(super) fn shrink(&mut self) {
        self.queue.shrink_to_fit();
        self.sent.shrink_to_fit();
    }

    /// Whether the command is queued and nothing of it has gone out.
    pub(super) fn is_unsent(&self, handle: CommandHandle) -> bool {
        self.open.get(&handle).is_some_and(|open| !open.went_out)
    }

    /// Takes a command out of the queue, of which nothing has gone out.
    pub(super) fn withdraw(&mut self, handle: CommandHandle) -> Option<(CommandHandle, Fate)> {
        if !self.is_unsent(handle) {
            return None;
        }
        self.queue.retain(|unit| unit.handle != handle);
        self.open.get_mut(&handle)?.unsent = 0;
        self.ended(handle)
    }

    /// Whether the end of the command is still to come.
    pub(super) fn is_open(&self, handle: CommandHandle) -> bool {
        self.open.contains_key(&handle)
    }

    pub(super) fn next_queued(&mut self) -> Option<Unit> {
        self.queue.pop_front()
    }

    pub(super) fn put_back(&mut self, unit: Unit) {
        self.queue.push_front(unit);
    }

    /// Queues the two halves of a command's items in its place; gives the unit back when there is nothing to divide.
    pub(super) fn divide(&mut self, mut unit: Unit) -> Result<(), Unit> {
        // The items of an alert belong together.
        let divisible = !matches!(unit.command, Command::Alert(_));
        let items = unit.command.items_mut().filter(|items| divisible && items.len() > 1);
        let Some(second) = items.map(|items| items.split_off(items.len() / 2)) else { return Err(unit) };
        let mut rest = unit.command.clone();
        rest.items_mut().into_iter().for_each(|items| items.clone_from(&second));
        if let Some(open) = self.open.get_mut(&unit.handle) {
            open.unsent += 1;
        }
        self.queue.push_front(Unit { command: rest, part: true, ..unit });
        self.queue.push_front(Unit { part: true, ..unit });
        Ok(())
    }

    /// The unit went out, or its last chunk did, as `command` in message `msg_id`. Tells whether it is the first of its handle.
    pub(super) fn sent(&mut self, msg_id: u32, unit: Unit, command: &Command<'static>) -> bool {
        let first = self.began(unit.handle);
        if let Some(open) = self.open.get_mut(&unit.handle) {
            open.unsent = open.unsent.saturating_sub(1);
            open.sent += 1;
        }
        let index = self.sent.len();
        let mut due = 0;
        self.refer(msg_id, index, command, &mut due);
        self.sent.push(Sent { unit, msg_id, due, answered: BTreeSet::new(), end_missing: false });
        first
    }

    /// Something of the command goes out; tells whether it is the first.
    pub(super) fn began(&mut self, handle: CommandHandle) -> bool {
        let open = self.open.get_mut(&handle);
        open.is_some_and(|open| !core::mem::replace(&mut open.went_out, true))
    }

    fn refer(&mut self, msg_id: u32, index: usize, command: &Command<'static>, member: &mut usize) {
        if let Some(cmd_id) = command.cmd_id() {
            self.refs.insert((msg_id, cmd_id.as_str().into()), (index, *member));
        }
        *member += 1;
        for inner in command.members() {
            self.refer(msg_id, index, inner, member);
        }
    }

    /// Takes in a Status; `false` when it answers nothing that waits.
    pub(super) fn status(&mut self, status: &Status<'_>) -> bool {
        let Some((index, member)) = self.find(status.msg_ref.as_number(), status.cmd_ref.as_str()) else {
            return false;
        };
        let Some(sent) = self.sent.get_mut(index) else { return false };
        let first = sent.answered.insert(member);
        // What comes again says nothing new of the part.
        let (handle, targets) = (sent.unit.handle, if first { part_targets(&sent.unit) } else { Vec::new() });
        self.record(handle, member, status, targets);
        true
    }

    /// A Status for a chunk, or a part of a command, that ends what it is about before all of it has gone out.
    pub(super) fn refused(&mut self, unit: Unit, status: &Status<'_>) -> Option<(CommandHandle, Fate)> {
        self.record(unit.handle, 0, status, part_targets(&unit));
        self.drop_unit(unit.handle, None)
    }

    fn record(&mut self, handle: CommandHandle, member: usize, status: &Status<'_>, part: Vec<String>) {
        let Some(open) = self.open.get_mut(&handle) else { return };
        let mut targets: Vec<String> =
            status.target_refs.iter().map(|target| target.as_str().into()).collect();
        if targets.is_empty() {
            targets = part;
        }
        let (items, said) = match status.items.as_slice() {
            [] => (Vec::new(), 0),
            items => weighed(items.iter().cloned().map(Item::into_owned).collect()),
        };
        // More than a command can have to say; the first always counts.
        let octets = targets.iter().map(|target| target.len() + ENTRY).sum::<usize>().saturating_add(said);
        let octets = open.status_octets.saturating_add(ENTRY).saturating_add(octets);
        if octets > MAX_STATUS_OCTETS && !open.answer.statuses.is_empty() {
            open.answer.complete = false;
            return;
        }
        open.status_octets = octets;
        open.answer.statuses.push(AnsweredStatus { member, code: status.code, targets, items });
    }

    /// Takes in an item of Results, at most `limit` octets for one command.
    pub(super) fn results(
        &mut self,
        msg_ref: Option<u32>,
        cmd_ref: &CmdRef<'_>,
        item: Item<'static>,
        limit: usize,
    ) -> ResultsTaken {
        let Some((member, open)) = self.open_of(msg_ref, cmd_ref) else { return ResultsTaken::Unknown };
        let (items, octets) = weighed(Vec::from([item]));
        let octets = octets.saturating_add(open.octets);
        if octets > limit {
            open.answer.complete = false;
            return ResultsTaken::TooLarge;
        }
        open.octets = octets;
        open.answer.results.extend(items.into_iter().map(|item| AnsweredItem { member, item }));
        ResultsTaken::Kept
    }

    /// Results came that are not kept.
    pub(super) fn miss_results(&mut self, msg_ref: Option<u32>, cmd_ref: &CmdRef<'_>) {
        if let Some((_, open)) = self.open_of(msg_ref, cmd_ref) {
            open.answer.complete = false;
        }
    }

    /// The command that these references mean, and which member of it.
    fn open_of(&mut self, msg_ref: Option<u32>, cmd_ref: &CmdRef<'_>) -> Option<(usize, &mut Open)> {
        let (index, member) = self.find(msg_ref, cmd_ref.as_str())?;
        let handle = self.sent.get(index)?.unit.handle;
        Some((member, self.open.get_mut(&handle)?))
    }

    /// Whether Results with these references answer something that waits.
    pub(super) fn expects(&self, msg_ref: Option<u32>, cmd_ref: &CmdRef<'_>) -> bool {
        self.find(msg_ref, cmd_ref.as_str()).is_some()
    }

    /// The device misses the end of the object at `target`.
    pub(super) fn end_missing(&mut self, target: Option<&LocUri<'_>>) {
        let at = |unit: &Unit| unit.command.items().iter().any(|item| item.target_uri() == target);
        if let Some(sent) = self.sent.iter_mut().rev().find(|sent| target.is_some() && at(&sent.unit)) {
            sent.end_missing = true;
        }
    }

    fn find(&self, msg_ref: Option<u32>, cmd_ref: &str) -> Option<(usize, usize)> {
        self.refs.get(&(msg_ref?, cmd_ref.into())).copied()
    }

    /// A unit that will not go out any more, or not to its end.
    pub(super) fn drop_unit(
        &mut self,
        handle: CommandHandle,
        why: Option<GivenUp>,
    ) -> Option<(CommandHandle, Fate)> {
        if let Some(open) = self.open.get_mut(&handle) {
            open.unsent = open.unsent.saturating_sub(1);
            open.given_up = open.given_up.or(why);
            open.answer.complete &= why.is_none();
        }
        self.ended(handle)
    }

    /// The device's package has ended: what was sent has its answer now, or none.
    pub(super) fn settle(&mut self) -> Vec<(CommandHandle, Fate)> {
        self.refs.clear();
        let mut handles = Vec::new();
        for sent in core::mem::take(&mut self.sent) {
            let Some(open) = self.open.get_mut(&sent.unit.handle) else { continue };
            open.sent = open.sent.saturating_sub(1);
            open.answer.complete &= sent.answered.len() == sent.due;
            if sent.answered.is_empty() {
                let why = if sent.end_missing { GivenUp::EndMissing } else { GivenUp::Unanswered };
                open.given_up = open.given_up.or(Some(why));
            }
            handles.push(sent.unit.handle);
        }
        handles.sort_unstable();
        handles.dedup();
        handles.into_iter().filter_map(|handle| self.ended(handle)).collect()
    }

    /// The end of a command of which nothing is under way.
    fn ended(&mut self, handle: CommandHandle) -> Option<(CommandHandle, Fate)> {
        if self.open.get(&handle).is_none_or(|open| open.unsent + open.sent > 0) {
            return None;
        }
        let open = self.open.remove(&handle)?;
        let fate = match (open.answer.statuses.first(), open.given_up) {
            (Some(status), _) => match &open.asks {
                Some(asked) => Fate::Responded(UserResponse::read(&asked.kind, status.code, &status.items)),
                None => Fate::Answered(open.answer),
            },
            (None, given_up) => Fate::GivenUp(given_up.unwrap_or(GivenUp::NotSent)),
        };
        Some((handle, fate))
    }

    /// The device refused the header of message `msg_id`: what was sent with it was not executed, and is queued again in its old order.
    pub(super) fn requeue(&mut self, msg_id: u32) {
        self.refs.retain(|(msg_ref, _), _| *msg_ref != msg_id);
        // What one message carried stands at the end.
        while self.sent.last().is_some_and(|sent| sent.msg_id == msg_id) {
            let Some(sent) = self.sent.pop() else { break };
            if let Some(open) = self.open.get_mut(&sent.unit.handle) {
                open.sent = open.sent.saturating_sub(1);
                open.unsent += 1;
            }
            self.take_back(sent.unit);
        }
    }

    /// A unit that went out, or a part of it, was not executed and is queued again.
    pub(super) fn take_back(&mut self, unit: Unit) {
        if let Some(open) = self.open.get_mut(&unit.handle) {
            // The command counts as sent if other parts of it are.
            open.went_out = open.sent > 0 || !open.answer.statuses.is_empty();
        }
        self.queue.push_front(unit);
    }

    /// The session has ended.
    pub(super) fn give_up(&mut self) -> Vec<(CommandHandle, Fate)> {
        // What a Get found follows its Status up to the end of the device's package, which will not come any more.
        for sent in self.sent.iter().filter(|sent| asks_for_results(&sent.unit.command)) {
            if let Some(open) = self.open.get_mut(&sent.unit.handle) {
                open.answer.complete = false;
            }
        }
        let mut ends = self.settle();
        self.queue.clear();
        for open in self.open.values_mut() {
            open.answer.complete = false;
            open.unsent = 0;
        }
        let left: Vec<_> = self.open.keys().copied().collect();
        ends.extend(left.into_iter().filter_map(|handle| self.ended(handle)));
        ends
    }
}

/// No device has more to say in the statuses of one command; what comes beyond is dropped, and the answer is not complete.
const MAX_STATUS_OCTETS: usize = 1 << 20;

/// What a status, a target or an item takes beside its text, about.
const ENTRY: usize = 64;

fn asks_for_results(command: &Command<'_>) -> bool {
    matches!(command, Command::Get(_)) || command.members().iter().any(asks_for_results)
}

/// A part is told from the others by its targets.
fn part_targets(unit: &Unit) -> Vec<String> {
    let items = unit.command.items().iter().filter(|_| unit.part);
    items.filter_map(|item| item.target_uri().map(|uri| uri.as_str().into())).collect()
}

/// Items, and the octets they cost, about: all of their text, and what their elements take as such.
fn weighed(items: Vec<Item<'static>>) -> (Vec<Item<'static>>, usize) {
    // Elements of an octet or two in a message.
    let markup = items.iter().any(|item| item.data.as_ref().is_some_and(|data| data.as_nodes().is_some()));
    let entries = items.len().saturating_mul(ENTRY);
    let mut command = Command::from(Get::new(UNNUMBERED, items));
    let octets = command.encoded_len(Encoding::Wbxml).saturating_add(entries);
    let items = command.items_mut().map(core::mem::take).unwrap_or_default();
    (items, if markup { octets.saturating_mul(ENTRY) } else { octets })
}

/// Octets of a Meta.
pub(super) fn meta_len(meta: &Meta<'static>) -> usize {
    weighed(Vec::from([Item::new().with_meta(meta.clone())])).1
}

/// Stands in for a CmdID until its command is put into a message.
pub(super) const UNNUMBERED: CmdId<'static> = CmdId::LONGEST;

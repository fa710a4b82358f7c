//! What is answered to each command: statuses, then results (RepPro 1.2.2, Status and Results).

use alloc::vec::Vec;

use crate::codes::StatusCode;
use crate::model::{
    CmdId, CmdName, CmdRef, Command, Encoding, Item, LocUri, MsgId, Reference, Results, Status,
};
use crate::session::large_object::carried_len;
use crate::session::outcome::{ItemOutcome, Outcome};

/// What an answer refers to: a command, without what it carried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    /// `None` for an element with a name that no Status can carry, which cannot be answered.
    pub(super) cmd: Option<CmdName<'static>>,
    pub(super) cmd_ref: CmdRef<'static>,
    pub(super) items: Vec<AskedItem>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AskedItem {
    pub(super) target: Option<Reference<'static>>,
    pub(super) source: Option<Reference<'static>>,
}

impl Asked {
    pub(super) fn new(command: &Command<'_>) -> Self {
        let item = |item: &Item<'_>| AskedItem {
            target: item.target_uri().map(LocUri::to_ref),
            source: item.source_uri().map(LocUri::to_ref),
        };
        Self {
            cmd: command.name(),
            cmd_ref: command.cmd_ref(),
            items: command.items().iter().map(item).collect(),
        }
    }

    /// One Status for the command when all items ended alike, else one for each item.
    pub(super) fn statuses(&self, msg_ref: &MsgId<'static>, outcome: &Outcome) -> Vec<Status<'static>> {
        let Some(cmd) = &self.cmd else { return Vec::new() };
        let alike = outcome.items.windows(2).all(|pair| pair[0].code == pair[1].code);
        let whole = alike && outcome.items.iter().all(|item| item.detail.is_empty());
        let shown = if whole { outcome.items.get(..1).unwrap_or_default() } else { &outcome.items[..] };
        let each = outcome.items.len() > 1 && !whole;
        let status = |(index, item): (usize, &ItemOutcome)| {
            let mut status =
                Status::new(CmdId::LONGEST, msg_ref.clone(), self.cmd_ref.clone(), cmd.clone(), item.code);
            // With one item it is clear without that, but harmless; with one Status for several it would be wrong.
            if let Some(about) = self.items.get(index).filter(|_| each || self.items.len() == 1) {
                status.target_refs.extend(about.target.clone());
                status.source_refs.extend(about.source.clone());
            }
            status.items.clone_from(&item.detail);
            status
        };
        shown.iter().enumerate().map(status).collect()
    }

    /// What was found for all items.
    pub(super) fn results(
        &self,
        msg_ref: &MsgId<'static>,
        items: Vec<Item<'static>>,
    ) -> Option<Command<'static>> {
        if items.is_empty() {
            return None;
        }
        Some(Results::new(CmdId::LONGEST, msg_ref.clone(), self.cmd_ref.clone(), items).into())
    }
}

/// What can be sent to a server at all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capacity {
    pub(super) encoding: Encoding,
    /// Octets that are free in a message of ours before anything is answered.
    pub(super) room: usize,
    /// The server's MaxObjSize.
    pub(super) max_obj_size: Option<u64>,
    /// Whether what does not fit one message may be cut.
    pub(super) large_objects: bool,
}

impl Capacity {
    /// Whether an item of Results can be sent, at once or in chunks.
    fn holds(&self, asked: &Asked, msg_ref: &MsgId<'static>, item: &Item<'static>) -> bool {
        /// Size, MoreData, and the least data that a chunk must hold.
        const CHUNK: usize = 96;
        let format = item.meta.as_ref().and_then(|meta| meta.format());
        let len = item.data.as_ref().and_then(|data| carried_len(data, format, self.encoding));
        if self.max_obj_size.zip(len).is_some_and(|(max, len)| len as u64 > max) {
            return false;
        }
        let size = |item: Item<'static>| {
            asked.results(msg_ref, alloc::vec![item]).map_or(0, |results| results.encoded_len(self.encoding))
        };
        if len.is_none_or(|len| len < self.room) && size(item.clone()) <= self.room {
            return true;
        }
        let shell = Item { data: None, ..item.clone() };
        self.large_objects && len.is_some() && size(shell).saturating_add(CHUNK) <= self.room
    }

    /// Results, and texts of the user, that cannot be sent become 413 (RepPro 1.2.2 §10).
    pub(super) fn restrict(&self, asked: &Asked, msg_ref: &MsgId<'static>, outcome: &mut Outcome) {
        for item in &mut outcome.items {
            for result in &mut item.results {
                // Mark-up cannot be cut; as a document of its own it can.
                let is_markup = result.data.as_ref().is_some_and(|data| data.as_nodes().is_some());
                if is_markup && self.large_objects && !self.holds(asked, msg_ref, result) {
                    *result = core::mem::take(result).with_document_apart(self.encoding);
                }
            }
            if !item.results.iter().all(|result| self.holds(asked, msg_ref, result)) {
                *item = ItemOutcome::new(StatusCode::TOO_LARGE);
            }
        }
        if outcome.items.iter().all(|item| item.detail.is_empty())
            || asked.statuses(msg_ref, outcome).into_iter().all(|status| self.holds_status(status))
        {
            return;
        }
        // Without what the user has entered, 200 would say that it was nothing.
        for item in outcome.items.iter_mut().filter(|item| !item.detail.is_empty()) {
            *item = ItemOutcome::new(if item.code.is_done() { StatusCode::TOO_LARGE } else { item.code });
        }
    }

    /// Whether a Status fits a message of its own.
    pub(super) fn holds_status(&self, status: Status<'static>) -> bool {
        Command::from(status).encoded_len(self.encoding) <= self.room
    }
}

/// Makes a Status as short as it can be: what more it had to say is left out.
pub(super) fn shorten(command: Command<'static>) -> Command<'static> {
    match command {
        Command::Status(mut status) => {
            status.items.clear();
            status.target_refs.clear();
            status.source_refs.clear();
            status.into()
        }
        other => other,
    }
}

/// Takes half of the items out of a command, into another of the same kind; `None` when they cannot be parted.
pub(super) fn halve(command: &mut Command<'static>) -> Option<Command<'static>> {
    let halvable = matches!(command, Command::Replace(_) | Command::Results(_)) && command.items().len() > 1;
    let items = command.items_mut().filter(|_| halvable)?;
    let tail = items.split_off(items.len() / 2);
    let head = core::mem::take(items);
    let mut second = command.clone();
    if let Some(items) = second.items_mut() {
        *items = tail;
    }
    if let Some(items) = command.items_mut() {
        *items = head;
    }
    Some(second)
}

//! What a device answers to commands: statuses, and results directly behind them.

use std::num::NonZeroU32;

use dm_syncml::{CmdId, CmdName, CmdRef, Command, Item, LocUri, MsgId, Results, Status, StatusCode};

/// What became of one item, or of a whole command.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) code: StatusCode,
    pub(super) results: Vec<Item<'static>>,
    /// The node at fault, where it is another one than the target.
    pub(super) detail: Vec<Item<'static>>,
}

impl Said {
    pub(super) const fn new(code: StatusCode) -> Self {
        Self { code, results: Vec::new(), detail: Vec::new() }
    }
}

/// The commands of an answer, numbered as they come.
pub(super) struct Answers {
    msg_ref: MsgId<'static>,
    commands: Vec<Command<'static>>,
    next: NonZeroU32,
}

impl Answers {
    pub(super) const fn new(msg_ref: MsgId<'static>) -> Self {
        Self { msg_ref, commands: Vec::new(), next: NonZeroU32::MIN }
    }

    fn cmd_id(&mut self) -> CmdId<'static> {
        let id = CmdId::number(self.next);
        self.next = self.next.saturating_add(1);
        id
    }

    /// The Status of the header.
    pub(super) fn header(&mut self, target: &LocUri<'_>, source: &LocUri<'_>) {
        let id = self.cmd_id();
        let code = StatusCode::OK;
        let mut status = Status::new(id, self.msg_ref.clone(), CmdRef::SYNC_HDR, CmdName::SYNC_HDR, code);
        status.target_refs.push(target.to_ref());
        status.source_refs.push(source.to_ref());
        self.commands.push(status.into());
    }

    /// One Status when all items ended alike, else one for each; then what was found.
    pub(super) fn command(&mut self, command: &Command<'_>, said: &[Said]) {
        // What has no name that a Status could carry cannot be answered.
        let (Some(cmd), Some(first)) = (command.name(), said.first()) else { return };
        let alike = said.iter().all(|other| other.code == first.code && other.detail.is_empty());
        let shown = if alike { &said[..1] } else { said };
        for (index, one) in shown.iter().enumerate() {
            let id = self.cmd_id();
            let mut status = Status::new(id, self.msg_ref.clone(), command.cmd_ref(), cmd.clone(), one.code);
            let about = match command.items() {
                items if alike && items.len() > 1 => None,
                items => items.get(index),
            };
            if let Some(about) = about {
                status.target_refs.extend(about.target_uri().map(LocUri::to_ref));
                status.source_refs.extend(about.source_uri().map(LocUri::to_ref));
            }
            status.items.clone_from(&one.detail);
            self.commands.push(status.into());
        }
        let results: Vec<_> = said.iter().flat_map(|one| one.results.iter().cloned()).collect();
        if !results.is_empty() {
            let id = self.cmd_id();
            let results = Results::new(id, self.msg_ref.clone(), command.cmd_ref(), results);
            self.commands.push(results.into());
        }
    }

    pub(super) fn finish(self) -> Vec<Command<'static>> {
        self.commands
    }
}

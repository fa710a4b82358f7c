//! What is answered to each command: statuses, then results.

use alloc::vec::Vec;

use crate::codes::StatusCode;
use crate::model::{CmdId, Command, Encoding, LocUri, MsgId, Results, Status};
use crate::session::composer::Composer;
use crate::session::outcome::{ItemOutcome, Outcome};

/// Whether an outcome says something about every item.
pub(super) fn fits(outcome: &Outcome, command: &Command<'_>) -> bool {
    let count = outcome.items.len();
    count == 1 || count == command.items().len()
}

/// What is answered to one command.
pub(super) struct Answers {
    command: Command<'static>,
    outcome: Outcome,
    statuses: Vec<Status<'static>>,
    results: Option<Results<'static>>,
}

impl Answers {
    pub(super) fn new(msg_ref: &MsgId<'static>, command: Command<'static>, outcome: Outcome) -> Self {
        let statuses = statuses_of(msg_ref, &command, &outcome);
        let items: Vec<_> = outcome.items.iter().flat_map(|item| item.results.iter().cloned()).collect();
        let results =
            (!items.is_empty()).then(|| Results::new(UNNUMBERED, msg_ref.clone(), command.cmd_ref(), items));
        Self { command, outcome, statuses, results }
    }

    pub(super) fn statuses_len(&self, encoding: Encoding) -> usize {
        self.statuses.iter().map(|status| Command::from(status.clone()).encoded_len(encoding)).sum()
    }

    pub(super) fn results_len(&self, encoding: Encoding) -> usize {
        self.results.as_ref().map_or(0, |results| Command::from(results.clone()).encoded_len(encoding))
    }

    pub(super) fn drop_results(&mut self, msg_ref: &MsgId<'static>) {
        self.results = None;
        for item in self.outcome.items.iter_mut().filter(|item| !item.results.is_empty()) {
            *item = ItemOutcome::new(StatusCode::TOO_LARGE);
        }
        self.statuses = statuses_of(msg_ref, &self.command, &self.outcome);
    }

    /// Results follow the statuses of their command (RepPro 1.2.2, Results).
    pub(super) fn push(self, composer: &mut Composer) {
        for mut status in self.statuses {
            status.cmd_id = composer.next_cmd_id();
            composer.push(status.into());
        }
        if let Some(mut results) = self.results {
            results.cmd_id = composer.next_cmd_id();
            composer.push(results.into());
        }
    }
}

/// Stands in for a CmdID until its command is put into a message; as long as the longest.
const UNNUMBERED: CmdId<'static> = CmdId::LONGEST;

/// One Status for the command when all items ended alike, else one for each item (RepPro 1.2.2, Status).
fn statuses_of(
    msg_ref: &MsgId<'static>,
    command: &Command<'static>,
    outcome: &Outcome,
) -> Vec<Status<'static>> {
    // What has no name that a Status could carry cannot be answered.
    let Some(cmd) = command.name() else { return Vec::new() };
    let alike = outcome.items.windows(2).all(|pair| pair[0].code == pair[1].code);
    let whole = alike && outcome.items.iter().all(|item| item.detail.is_empty());
    let shown = if whole { &outcome.items[..1] } else { &outcome.items[..] };
    let status = |(index, item): (usize, &ItemOutcome)| {
        let mut status = Status::new(UNNUMBERED, msg_ref.clone(), command.cmd_ref(), cmd.clone(), item.code);
        let about = if whole && command.items().len() > 1 { None } else { command.items().get(index) };
        if let Some(about) = about {
            status.target_refs.extend(about.target_uri().map(LocUri::to_ref));
            status.source_refs.extend(about.source_uri().map(LocUri::to_ref));
        }
        status.items.clone_from(&item.detail);
        status
    };
    shown.iter().enumerate().map(status).collect()
}

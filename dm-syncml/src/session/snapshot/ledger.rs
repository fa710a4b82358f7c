//! The command ledger of a server session.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::codes::StatusCode;
use crate::model::Command;
use crate::session::interaction::Interaction;
use crate::session::ledger::{
    Answer, AnsweredItem, AnsweredStatus, CommandHandle, GivenUp, Ledger, Open, Sent, UNNUMBERED, Unit,
};

use super::{RestoreError, pack, pack_items, unpack, unpack_items};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::session) struct LedgerState {
    next_handle: u64,
    queue: Vec<UnitState>,
    sent: Vec<SentState>,
    open: Vec<OpenState>,
    /// MsgRef, CmdRef, unit, member.
    refs: Vec<(u32, String, usize, usize)>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct UnitState {
    handle: u64,
    command: String,
    part: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct SentState {
    unit: UnitState,
    msg_id: u32,
    due: usize,
    answered: BTreeSet<usize>,
    end_missing: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct OpenState {
    handle: u64,
    statuses: Vec<StatusState>,
    results: Option<String>,
    /// Which member found each of them.
    members: Vec<usize>,
    complete: bool,
    unsent: usize,
    sent: usize,
    went_out: bool,
    given_up: Option<GivenUp>,
    octets: usize,
    status_octets: usize,
    asks: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct StatusState {
    member: usize,
    code: u16,
    targets: Vec<String>,
    items: Option<String>,
}

impl LedgerState {
    pub(in crate::session) fn of(ledger: &Ledger) -> Self {
        Self {
            next_handle: ledger.next_handle,
            queue: ledger.queue.iter().map(UnitState::of).collect(),
            sent: ledger
                .sent
                .iter()
                .map(|sent| SentState {
                    unit: UnitState::of(&sent.unit),
                    msg_id: sent.msg_id,
                    due: sent.due,
                    answered: sent.answered.clone(),
                    end_missing: sent.end_missing,
                })
                .collect(),
            open: ledger.open.iter().map(|(handle, open)| OpenState::of(*handle, open)).collect(),
            refs: ledger
                .refs
                .iter()
                .map(|((msg_id, cmd_id), (unit, member))| (*msg_id, cmd_id.clone(), *unit, *member))
                .collect(),
        }
    }

    pub(in crate::session) fn restore(self) -> Result<Ledger, RestoreError> {
        let sent: Vec<Sent> = self
            .sent
            .into_iter()
            .map(|sent| {
                Ok(Sent {
                    unit: sent.unit.restore()?,
                    msg_id: sent.msg_id,
                    due: sent.due,
                    answered: sent.answered,
                    end_missing: sent.end_missing,
                })
            })
            .collect::<Result<_, RestoreError>>()?;
        let open = self.open.into_iter().map(OpenState::restore).collect::<Result<BTreeMap<_, _>, _>>()?;
        Ok(Ledger {
            next_handle: self.next_handle,
            queue: self.queue.into_iter().map(UnitState::restore).collect::<Result<_, _>>()?,
            sent,
            open,
            refs: self
                .refs
                .into_iter()
                .map(|(msg, cmd, unit, member)| ((msg, cmd), (unit, member)))
                .collect(),
        })
    }
}

impl UnitState {
    fn of(unit: &Unit) -> Self {
        Self { handle: unit.handle.0, command: pack(&unit.command), part: unit.part }
    }

    fn restore(self) -> Result<Unit, RestoreError> {
        Ok(Unit { handle: CommandHandle(self.handle), command: unpack(&self.command)?, part: self.part })
    }
}

impl OpenState {
    fn of(handle: CommandHandle, open: &Open) -> Self {
        let status = |status: &AnsweredStatus| StatusState {
            member: status.member,
            code: status.code.get(),
            targets: status.targets.clone(),
            items: pack_items(&status.items),
        };
        Self {
            handle: handle.0,
            statuses: open.answer.statuses.iter().map(status).collect(),
            results: pack_items(&open.answer.items().cloned().collect::<Vec<_>>()),
            members: open.answer.results.iter().map(|found| found.member).collect(),
            complete: open.answer.complete,
            unsent: open.unsent,
            sent: open.sent,
            went_out: open.went_out,
            given_up: open.given_up,
            octets: open.octets,
            status_octets: open.status_octets,
            asks: open.asks.as_ref().map(|asks| pack(&asks.to_alert(UNNUMBERED).into())),
        }
    }

    fn restore(self) -> Result<(CommandHandle, Open), RestoreError> {
        let statuses = self
            .statuses
            .into_iter()
            .map(|status| {
                Ok(AnsweredStatus {
                    member: status.member,
                    code: StatusCode::new(status.code),
                    targets: status.targets,
                    items: unpack_items(status.items.as_deref())?,
                })
            })
            .collect::<Result<Vec<_>, RestoreError>>()?;
        let asks = match self.asks.as_deref().map(unpack).transpose()? {
            Some(Command::Alert(alert)) => Interaction::read(&alert).ok(),
            _ => None,
        };
        let items = unpack_items(self.results.as_deref())?;
        if items.len() != self.members.len() {
            return Err(RestoreError::Malformed("a member for each result"));
        }
        let found = self.members.into_iter().zip(items);
        let results = found.map(|(member, item)| AnsweredItem { member, item }).collect();
        let answer = Answer { statuses, results, complete: self.complete };
        let open = Open {
            answer,
            unsent: self.unsent,
            sent: self.sent,
            went_out: self.went_out,
            given_up: self.given_up,
            octets: self.octets,
            status_octets: self.status_octets,
            asks,
        };
        Ok((CommandHandle(self.handle), open))
    }
}

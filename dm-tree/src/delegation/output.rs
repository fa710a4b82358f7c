//! What negotiations want done, and what they are told.

use core::fmt;

use dm_syncml::session::GenericAlert;
use dm_syncml::{Instant, RecordSeq, StatusCode};

use super::message::{EndReason, MessageError, NegotiationId, Proposal, RefuseReason};
use super::record::DelegationRecord;
use crate::authority::Terms;
use crate::server_id::ServerId;

/// Names a negotiation, and the delegation that comes of it: the other server, and the id between the two. Another
/// server cannot speak of it, whatever id it uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "a key is what it is made of")]
pub struct NegotiationKey {
    /// The other server.
    pub peer: ServerId,
    /// The id.
    pub id: NegotiationId,
}

impl fmt::Display for NegotiationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {}", self.id, self.peer)
    }
}

/// What is answered to a proposal of the other server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Agreed, on these terms: those proposed, or, for a delegator, others that are narrower. A delegatee's are ignored: it takes an offer
    /// as it is.
    Agree(Terms),
    /// No.
    Refuse,
}

/// What negotiations want done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelegationOutput {
    /// Store this, and report with `handle_persisted`; what follows from it waits for that.
    Persist(RecordSeq, DelegationRecord),
    /// Have this alert carried to that server, in a session in which both have proved themselves. It is sent again until it is
    /// answered; of several for the same negotiation only the last one matters.
    Send {
        /// The server.
        to: ServerId,
        /// The negotiation it is about.
        id: NegotiationId,
        /// The alert.
        alert: GenericAlert,
    },
    /// The other server proposes this: report with `handle_decision` what is answered.
    Decide(NegotiationKey, Proposal),
    /// Of a delegator: see to it that the device lets the delegatee manage the scope on these terms, and report with
    /// [`Delegator::handle_granted`](super::Delegator::handle_granted). It may come again after a restart.
    Grant(NegotiationKey, Proposal),
    /// Of a delegator: see to it that the device lets the delegatee manage the scope no longer, and report with
    /// [`Delegator::handle_undone`](super::Delegator::handle_undone) when that is so. Also where a Grant was only begun. It may come again after
    /// a restart. Of a full delegation nothing is left to the delegator: the device's ledger ends it at its time, the delegatee gives it
    /// back there, or who holds what is above it sees to it.
    Undo(NegotiationKey, Proposal, EndReason),
    /// Of a delegatee: the device should let us manage the scope on these terms; find out, and report with
    /// [`Delegatee::handle_taken_up`](super::Delegatee::handle_taken_up). It may come again after a restart.
    TakeUp(NegotiationKey, Proposal),
    /// The delegation is in force.
    Established(NegotiationKey, Proposal),
    /// The negotiation has come to nothing. `true`: the other server said so.
    Refused(NegotiationKey, RefuseReason, bool),
    /// The delegation has ended.
    Ended(NegotiationKey, EndReason),
    /// Nothing is due before this time; `None` when nothing is due at all. Always the last one.
    Wait(Option<Instant>),
}

/// An input was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct DelegationError {
    kind: DelegationErrorKind,
}

impl DelegationError {
    /// Why not.
    #[must_use]
    pub const fn kind(&self) -> DelegationErrorKind {
        self.kind
    }

    /// The status to answer, where it was an alert.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            DelegationErrorKind::Message(error) => error.status(),
            DelegationErrorKind::OtherServer => StatusCode::PERMISSION_DENIED,
            DelegationErrorKind::OtherSide => StatusCode::NOT_ALLOWED,
            DelegationErrorKind::Full => StatusCode::DEVICE_FULL,
            DelegationErrorKind::UnknownNegotiation | DelegationErrorKind::NotDue => StatusCode::NOT_FOUND,
            DelegationErrorKind::Terms | DelegationErrorKind::NoClock | DelegationErrorKind::InOtherHands => {
                StatusCode::COMMAND_FAILED
            }
        }
    }
}

impl From<DelegationErrorKind> for DelegationError {
    fn from(kind: DelegationErrorKind) -> Self {
        Self { kind }
    }
}

impl From<MessageError> for DelegationError {
    fn from(error: MessageError) -> Self {
        DelegationErrorKind::Message(error).into()
    }
}

/// Why an input was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DelegationErrorKind {
    /// The alert cannot be read.
    #[error(transparent)]
    Message(MessageError),
    /// The message speaks for another server than the one that sent it, or to another one than us.
    #[error("the message is not between these two servers")]
    OtherServer,
    /// The message is one that our side sends.
    #[error("a message of the other side")]
    OtherSide,
    /// There is no room for another negotiation.
    #[error("no room for another negotiation")]
    Full,
    /// There is no such negotiation.
    #[error("no such negotiation")]
    UnknownNegotiation,
    /// Nothing like that is waited for.
    #[error("nothing like that is waited for")]
    NotDue,
    /// The terms go beyond what was proposed, or have expired.
    #[error("terms beyond what was proposed, or over by now")]
    Terms,
    /// What was delegated in full is the delegatee's to give back (DM 2.0 RD HLF-023).
    #[error("a full delegation is the delegatee's to give back")]
    InOtherHands,
    /// The delegation is to end at a time, and what time it is was never said.
    #[error("the time of day is not known")]
    NoClock,
}

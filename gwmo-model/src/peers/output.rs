//! What the peers want done or known.

use alloc::boxed::Box;

use dm_syncml::{Instant, RecordSeq};
use dm_tree::ServerId;

use super::record::PeersRecord;
use crate::device::Serial;

/// Something to be kept in an audit log: what was decided, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PeerEvent {
    /// A device named a server the gateway does not have.
    Learnt,
    /// It is not on the allow list, so nothing is done.
    NotAllowed,
    /// It is allowed, but the gateway does not bootstrap by itself, so nothing is done.
    AutoOff,
    /// It is asked for a bootstrap.
    Requested,
    /// It did not answer.
    NotAnswered,
    /// The gateway is bootstrapped to it.
    Bootstrapped,
    /// The gateway is no longer bootstrapped to it.
    Unbootstrapped,
    /// It refused, or did not answer often enough; it is not asked again.
    Refused,
    /// It is not remembered any more: no device names it.
    Forgotten,
    /// It could not be remembered: there are too many, or too many of this device.
    TooMany,
}

/// What the peers want done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PeersOutput {
    /// Store this record, then report with [`Peers::handle_persisted`](super::Peers::handle_persisted).
    Persist(RecordSeq, PeersRecord),
    /// Ask this server for a bootstrap: at the address if there is one and the policy of the gateway lets it, since it
    /// comes from a device; otherwise by sending its identifier to where the gateway itself was bootstrapped from.
    /// Asking twice does no harm. Report with [`Peers::handle_bootstrapped`](super::Peers::handle_bootstrapped) or [`Peers::handle_refused`](super::Peers::handle_refused).
    RequestBootstrap {
        /// The server.
        server: ServerId,
        /// Where it can be asked, as a device says.
        address: Option<Box<str>>,
    },
    /// Something was decided about a server.
    Audit {
        /// The server.
        server: ServerId,
        /// The device that named it.
        from: Serial,
        /// What.
        event: PeerEvent,
    },
    /// A device sent something that could not be read as a list of servers.
    Unparsed {
        /// The device.
        from: Serial,
        /// What it sent, as far as it was kept.
        text: Box<str>,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

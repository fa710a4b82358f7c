//! What a gateway wants done or known.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::session::{Outgoing, ServerEnd};
use dm_syncml::{Alert, Instant};
use dm_tree::{Change, ServerId};

use super::account::NonceRecord;
use crate::device::{DeviceId, Serial};
use crate::fanout::{Counters, JobKey, ResultCode, Ticket};
use crate::inventory::DetachReason;

/// What a gateway wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GatewayOutput {
    /// Send this notification to the device, and report with
    /// [`Gateway::handle_notify_sent`](crate::Gateway::handle_notify_sent) or
    /// [`Gateway::handle_notify_failed`](crate::Gateway::handle_notify_failed).
    Notify {
        /// The attempt.
        ticket: Ticket,
        /// The device.
        device: DeviceId,
        /// Where it was last seen ([`Fact::LocalAddress`](crate::Fact::LocalAddress)), if that is known.
        address: Option<String>,
        /// Package 0, signed.
        package_0: Vec<u8>,
    },
    /// Answer the device's message that came in this exchange with this one, in the encoding it came in.
    Reply {
        /// As given to [`Gateway::handle_device_message`](crate::Gateway::handle_device_message).
        exchange: u64,
        /// The message.
        message: Outgoing,
    },
    /// The device's message that came in this exchange has no answer: its session was given up while the answer
    /// waited. An error of the transport, such as HTTP 503, says so.
    NoReply {
        /// As given to [`Gateway::handle_device_message`](crate::Gateway::handle_device_message).
        exchange: u64,
    },
    /// Open a session with this server: alerts wait for it.
    OpenSession {
        /// The server.
        server: ServerId,
    },
    /// Store this, then report with [`Gateway::handle_persisted`](crate::Gateway::handle_persisted); the reply that
    /// the device waits for is held back until then.
    Persist(PersistSeq, NonceRecord),
    /// Something happened.
    Event(GatewayEvent),
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// Numbers what a gateway wants stored, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PersistSeq(pub(super) u64);

impl fmt::Display for PersistSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Something that happened in a gateway. Nothing needs to be done about it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GatewayEvent {
    /// A device is there that was not.
    DeviceAttached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        device: DeviceId,
        /// Whether it was never seen before.
        first: bool,
    },
    /// A device is no longer there.
    DeviceDetached {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        device: DeviceId,
        /// Why.
        reason: DetachReason,
    },
    /// A device sent a generic alert or a client event, and got 200 for it.
    DeviceAlert {
        /// The device.
        serial: Serial,
        /// The alert.
        alert: Alert<'static>,
    },
    /// A session with a device, or with a stranger, ended other than by having nothing left to say.
    SessionFailed {
        /// The address the peer gave, at most 255 octets of it.
        peer: String,
        /// The device it claimed to be, if that one is registered. Only after it proved itself is it more than a claim.
        serial: Option<Serial>,
        /// How it ended.
        end: ServerEnd,
    },
    /// A job has come on; said once, however much happened.
    JobProgress {
        /// Whose job.
        owner: ServerId,
        /// Which one.
        key: JobKey,
        /// How many devices stand where.
        counters: Counters,
    },
    /// A job is over.
    JobEnded {
        /// Whose job.
        owner: ServerId,
        /// Which one.
        key: JobKey,
        /// What it came to.
        result: ResultCode,
    },
    /// A server changed the gateway's own tree, outside of `./GwMO`.
    TreeChanged {
        /// Which server.
        server: ServerId,
        /// What.
        change: Change,
    },
}

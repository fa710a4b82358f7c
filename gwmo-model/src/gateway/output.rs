//! What a gateway wants done or known.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::session::{Outgoing, ServerEnd};
use dm_syncml::{Alert, Instant};
use dm_tree::{Change, DmAccount, ServerId};

use super::confidentiality::Withheld;
use super::forwarding::Forward;
use super::persistence::GatewayRecord;
use crate::adaptation::{NativeOp, NativeToken};
use crate::device::{DeviceId, Serial};
use crate::device_bootstrap::{BootstrapState, BootstrapTarget};
use crate::fanout::{Audit, Counters, JobKey, ResultCode, Ticket};
use crate::image::{BlobNo, ImageNo, ImagesOutput, LocalUri};
use crate::inventory::DetachReason;
use crate::peers::PeerEvent;
use crate::relay::RelayAudit;
use crate::trigger::TriggerNo;

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
    /// Store this, then report with [`Gateway::handle_persisted`](crate::Gateway::handle_persisted): what rests on it is held
    /// back until then. What a server is answered rests on what comes out before it is sent.
    Persist(PersistSeq, GatewayRecord),
    /// Send this notification of a server to the device as it is, and report with
    /// [`Gateway::handle_forwarded`](crate::Gateway::handle_forwarded).
    Forward {
        /// What to report.
        forward: Forward,
        /// The device.
        serial: Serial,
        /// What it calls itself.
        device: DeviceId,
        /// Where it was last seen, if that is known.
        address: Option<String>,
        /// Package 0, as the server made it.
        package_0: Vec<u8>,
    },
    /// Have the adapter of this device do this, and report with
    /// [`Gateway::handle_native_result`](crate::Gateway::handle_native_result).
    Native {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        device: DeviceId,
        /// What to report it under.
        token: NativeToken,
        /// What to do.
        op: NativeOp,
    },
    /// Send the device a bootstrap message with this account ([`dm_tree::bootstrap`]). It comes out once the device was seen over a
    /// [confidential link](crate::Sighting::over), or if the [policy](crate::ConfidentialityPolicy) does without.
    SendBootstrap {
        /// The device.
        serial: Serial,
        /// What it calls itself.
        device: DeviceId,
        /// Where it was last seen, if that is known.
        address: Option<String>,
        /// Whose account it is.
        target: BootstrapTarget,
        /// How often it was offered, this time included.
        attempt: u16,
        /// The account, with its secrets.
        account: DmAccount,
    },
    /// Ask this server for a bootstrap of the gateway, at the address if there is one and it may be trusted: a device
    /// named it.
    RequestBootstrap {
        /// The server.
        server: ServerId,
        /// Where it can be asked, as a device says.
        address: Option<Box<str>>,
    },
    /// Something is to be done for an image; [`Gateway::handle_images`](crate::Gateway::handle_images) reports it.
    Image(ImagesOutput),
    /// Store these octets of an image, which a server wrote; report with
    /// [`Images::handle_stored`](crate::Images::handle_stored).
    StoreImage {
        /// The content.
        blob: BlobNo,
        /// Where they start in it.
        offset: u64,
        /// The octets.
        octets: Vec<u8>,
    },
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
    /// Something was decided about a target of a job.
    Target(Audit),
    /// Something was decided about a notification of a server.
    Relay(RelayAudit),
    /// A trigger is over.
    TriggerEnded {
        /// Which one.
        trigger: TriggerNo,
        /// Whose it is.
        owner: ServerId,
        /// What it came to.
        result: ResultCode,
    },
    /// A bootstrap of a device is in another state.
    Bootstrap {
        /// The device.
        serial: Serial,
        /// Whom to.
        target: BootstrapTarget,
        /// Where it stands.
        state: BootstrapState,
    },
    /// Something was decided about a server that a device knows.
    Peer {
        /// The server.
        server: ServerId,
        /// The device.
        from: Serial,
        /// What.
        event: PeerEvent,
    },
    /// A device said which servers it knows, and it could not be read.
    ServersUnparsed {
        /// The device.
        serial: Serial,
        /// What it sent, as far as it was kept.
        text: Box<str>,
    },
    /// An image can be fetched.
    ImageReady {
        /// Which one.
        image: ImageNo,
        /// Whose it is.
        owner: ServerId,
        /// Where.
        uri: LocalUri,
    },
    /// An image could not be had.
    ImageFailed {
        /// Which one.
        image: ImageNo,
        /// Whose it is.
        owner: ServerId,
        /// Why.
        code: ResultCode,
    },
    /// A secret was neither taken nor given away, since others could have read it.
    Withheld(Withheld),
    /// A server changed the gateway's own tree, outside of `./GwMO`.
    TreeChanged {
        /// Which server.
        server: ServerId,
        /// What.
        change: Change,
    },
}

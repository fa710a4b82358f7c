//! Transparent mode: notifications of servers, checked and passed on to devices as they are.

mod config;
mod directory;
mod header;
mod notification;
mod output;
mod record;
mod restoring;
mod window;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use dm_notification::push::{Content, Push, TextHeaders};
use dm_notification::{Notification, SessionId};
use dm_syncml::{Instant, Journal, RecordSeq};
use dm_tree::ServerId;

use crate::{DeviceId, Mode, Serial};
use record::Entry;
use window::{ReplayWindow, Wish};

pub use config::RelayConfig;
pub use directory::{Reach, Recipient, RelayDirectory, SharedAccount};
pub use header::{GwmoHeader, GwmoHeaderError, GwmoHeaderErrorKind, GwmoTarget};
pub use notification::SignedNotification;
pub use output::{DeliveryNo, RelayAudit, RelayDecision, RelayOutput, RelayRefusal, Verification};
pub use record::{RelayRecord, RelayRestoreError, RelaySnapshot};

/// Transparent mode (GwMO-TMode-001, GwMO-HLF-001): takes pushes with `X-Oma-GwMO`, checks them, and has the octets
/// of the notification sent to the devices unchanged. The session that follows is between device and server.
///
/// The checks, in their order, are those of [`RelayRefusal`]. Every decision comes out as [`RelayOutput::Audit`], with
/// the [`Verification`] it rests on. A notification for a device that cannot be reached is kept, a while, until
/// [`handle_reachable`](Self::handle_reachable).
///
/// A notification is sent once at least: a gateway that stops between sending and [`handle_sent`](Self::handle_sent)
/// sends it again, and the device drops what it has seen.
///
/// ```
/// use dm_notification::push::{HeaderName, Push, PushBuilder, Value};
/// use dm_notification::{Credential, Notification, ServerIdentifier, Trigger};
/// use dm_syncml::Instant;
/// use dm_tree::ServerId;
/// use gwmo_model::{
///     DeviceId, GroupId, Mode, Reach, Recipient, Relay, RelayConfig, RelayDirectory, RelayOutput, Serial, SharedAccount,
/// };
///
/// /// One server, and one camera whose account the gateway does not share.
/// struct Home;
///
/// impl RelayDirectory for Home {
///     fn knows_server(&self, server: &ServerId) -> bool {
///         server.as_str() == "dms"
///     }
///     fn serial_of(&self, device: &DeviceId) -> Option<Serial> {
///         (device.as_str() == "camera:1").then_some(Serial::FIRST)
///     }
///     fn members_of(&self, _: &GroupId) -> Option<Vec<Serial>> {
///         None
///     }
///     fn recipient(&self, _: Serial) -> Option<Recipient> {
///         Some(Recipient::new(DeviceId::new("camera:1").ok()?, Mode::Transparent, Reach::At(Some("10.0.0.7".into()))))
///     }
///     fn shared_account(&self, _: Serial, _: &ServerId) -> Option<SharedAccount<'_>> {
///         None
///     }
/// }
///
/// let server = ServerIdentifier::new("dms")?;
/// let trigger = Trigger::new(server, dm_notification::SessionId::new(7)?);
/// let package_0 = Notification::sign(trigger, &Credential::new(server, "secret"), b"nonce").to_vec();
/// let push = PushBuilder::dm_notification().with_header(HeaderName::GWMO, Value::Text(b"camera:1"))?.to_vec(&package_0);
///
/// let (now, mut relay) = (Instant::EPOCH, Relay::new(RelayConfig::default()));
/// relay.handle_push(now, &Push::decode(&push)?, &Home);
/// let mut sent = Vec::new();
/// loop {
///     match relay.poll_output() {
///         RelayOutput::Persist(seq, _) => relay.handle_persisted(now, seq), // once it is stored
///         RelayOutput::SendNotification { delivery, notification, .. } => {
///             sent.push(notification);
///             relay.handle_sent(now, delivery);
///         }
///         RelayOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// assert_eq!(sent[0].as_octets(), package_0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Relay {
    config: RelayConfig,
    window: ReplayWindow,
    next: u64,
    parcels: BTreeMap<DeliveryNo, Parcel>,
    by_device: BTreeSet<(Serial, DeliveryNo)>,
    deadlines: BTreeSet<(Instant, DeliveryNo)>,
    octets: usize,
    /// What is to be sent, by number: it may be over before its record is stored.
    journal: Journal<RelayRecord, DeliveryNo>,
    audits: VecDeque<RelayAudit>,
}

/// A notification on its way to one device.
#[derive(Debug)]
struct Parcel {
    wish: Wish,
    /// What the device calls itself; not known after a restart.
    device: Option<DeviceId>,
    notification: SignedNotification,
    until: Instant,
    /// Where it is being sent to; `None` while it waits for the device.
    sending: Option<Option<String>>,
    /// Whether the journal has it.
    is_queued: bool,
}

impl Relay {
    /// A relay that has seen nothing.
    #[must_use]
    pub const fn new(config: RelayConfig) -> Self {
        Self {
            window: ReplayWindow::new(config.replay_window, config.max_remembered),
            config,
            next: 1,
            parcels: BTreeMap::new(),
            by_device: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            octets: 0,
            journal: Journal::new(),
            audits: VecDeque::new(),
        }
    }

    /// A WSP push came.
    pub fn handle_push(&mut self, now: Instant, push: &Push<'_>, directory: &impl RelayDirectory) {
        self.handle_carried(now, push.content(), GwmoHeader::of_push(push), push.body(), directory);
    }

    /// A push came with headers as text, as HTTP and SIP have them.
    pub fn handle_text_push(
        &mut self,
        now: Instant,
        headers: &TextHeaders,
        body: &[u8],
        directory: &impl RelayDirectory,
    ) {
        self.handle_carried(now, headers.content(), GwmoHeader::of_text_headers(headers), body, directory);
    }

    fn handle_carried(
        &mut self,
        now: Instant,
        content: Content,
        header: Result<GwmoHeader, GwmoHeaderError>,
        body: &[u8],
        directory: &impl RelayDirectory,
    ) {
        let refusal = match header {
            _ if self.config.least.is_none() => RelayRefusal::SwitchedOff,
            _ if content != Content::DmNotification => RelayRefusal::OtherContent,
            Ok(header) => return self.handle_notification(now, &header, body, directory),
            Err(error) => RelayRefusal::Header(error.kind()),
        };
        self.audit(None, None, None, RelayDecision::Dropped(refusal));
    }

    /// A notification came, for whom the header says.
    pub fn handle_notification(
        &mut self,
        now: Instant,
        header: &GwmoHeader,
        octets: &[u8],
        directory: &impl RelayDirectory,
    ) {
        let Some(least) = self.config.least else {
            return self.audit(None, None, None, RelayDecision::Dropped(RelayRefusal::SwitchedOff));
        };
        let notification = match Notification::decode_with(octets, &self.config.policy) {
            Ok(notification) => notification,
            Err(error) => {
                let refusal = RelayRefusal::Malformed(error.kind());
                return self.audit(None, None, None, RelayDecision::Dropped(refusal));
            }
        };
        let session_id = Some(notification.trigger().session_id());
        let server = server_of(&notification);
        let refuse = |relay: &mut Self, device, refusal| {
            relay.audit(server.clone(), session_id, device, RelayDecision::Dropped(refusal));
        };
        let Some(server) = server.clone().filter(|server| directory.knows_server(server)) else {
            return refuse(self, None, RelayRefusal::UnknownServer);
        };
        let max = self.config.max_targets;
        let mut serials = Vec::new();
        match header.target() {
            GwmoTarget::Group(group) => match directory.members_of(group) {
                Some(members) => serials = members,
                None => return refuse(self, None, RelayRefusal::UnknownGroup(group.clone())),
            },
            GwmoTarget::Devices(devices) => {
                if devices.len() > max as usize {
                    return refuse(self, None, RelayRefusal::TooManyDevices { max });
                }
                for device in devices {
                    match directory.serial_of(device) {
                        Some(serial) => serials.push(serial),
                        None => refuse(self, Some(device.clone()), RelayRefusal::UnknownDevice),
                    }
                }
            }
        }
        if serials.len() > max as usize {
            return refuse(self, None, RelayRefusal::TooManyDevices { max });
        }
        let kept = SignedNotification::new(octets);
        for serial in serials {
            let Some(recipient) = directory.recipient(serial) else {
                refuse(self, None, RelayRefusal::UnknownDevice);
                continue;
            };
            let verified = verification(&notification, &server, serial, &recipient, least, directory);
            let decision = verified.and_then(|verification| {
                let digest = match verification {
                    Verification::SharedAccount => [0; 16],
                    Verification::ServerKnown => *notification.digest().as_octets(),
                };
                let session_id = notification.trigger().session_id().get();
                let wish = Wish { server: server.clone(), device: serial, session_id, verification, digest };
                self.accept(now, wish, &recipient, &kept)
            });
            let decision = decision.unwrap_or_else(RelayDecision::Dropped);
            self.audit(Some(server.clone()), session_id, Some(recipient.id), decision);
        }
    }

    /// The last checks, which need memory; then it is on its way.
    fn accept(
        &mut self,
        now: Instant,
        wish: Wish,
        recipient: &Recipient,
        notification: &SignedNotification,
    ) -> Result<RelayDecision, RelayRefusal> {
        let is_held = |delivery| self.parcels.get(&delivery).is_some_and(|parcel| parcel.wish == wish);
        if self.of_device(wish.device).any(is_held) || self.window.contains(now, &wish) {
            return Err(RelayRefusal::Replayed);
        }
        let octets = notification.as_octets().len();
        let full = self.parcels.len() >= self.config.max_held
            || self.of_device(wish.device).count() >= self.config.max_held_per_device
            || octets > self.config.max_held_octets.saturating_sub(self.octets);
        if full {
            return Err(RelayRefusal::Full);
        }
        let (delivery, verification) = (DeliveryNo(self.next), wish.verification);
        self.next += 1;
        self.window.remember(now, wish.clone());
        let left = self.config.validity;
        self.journal.record(RelayRecord(Entry::Accepted {
            delivery,
            wish: wish.clone(),
            notification: notification.clone(),
            left,
        }));
        let sending = match &recipient.reach {
            Reach::At(address) => Some(address.clone()),
            Reach::Away => None,
        };
        let is_queued = sending.is_some();
        let (device, notification) = (Some(recipient.id.clone()), notification.clone());
        self.insert(delivery, Parcel { wish, device, notification, until: now + left, sending, is_queued });
        if is_queued {
            self.journal.hold(delivery);
            return Ok(RelayDecision::Forwarded { verification });
        }
        Ok(RelayDecision::Held { verification })
    }

    /// A device can be reached, or is somewhere else now: what is kept for it is checked again and sent. After a
    /// restart this is called for each of [`waiting`](Self::waiting) that is there.
    pub fn handle_reachable(&mut self, now: Instant, device: Serial, directory: &impl RelayDirectory) {
        let deliveries: Vec<_> = self.of_device(device).collect();
        for delivery in deliveries {
            let Some(parcel) = self.parcels.get_mut(&delivery).filter(|parcel| parcel.until > now) else {
                continue;
            };
            let server = &parcel.wish.server;
            let refusal = match directory.recipient(device) {
                None => RelayRefusal::UnknownDevice,
                Some(_) if !directory.knows_server(server) => RelayRefusal::UnknownServer,
                Some(recipient) if recipient.mode != Mode::Transparent => RelayRefusal::OtherMode,
                Some(_) if !directory.may_notify(server, device) => RelayRefusal::NotAllowed,
                Some(recipient) => {
                    let Reach::At(address) = recipient.reach else { continue };
                    parcel.device = Some(recipient.id);
                    if parcel.sending.replace(address).is_none() {
                        let verification = parcel.wish.verification;
                        if !core::mem::replace(&mut parcel.is_queued, true) {
                            self.journal.hold(delivery);
                        }
                        self.tell(delivery, RelayDecision::Forwarded { verification });
                    }
                    continue;
                }
            };
            self.tell(delivery, RelayDecision::Dropped(refusal));
            self.close(delivery);
        }
    }

    /// A device is not registered any more: what is kept for it is dropped.
    pub fn handle_forgotten(&mut self, _now: Instant, device: Serial) {
        let deliveries: Vec<_> = self.of_device(device).collect();
        for delivery in deliveries {
            self.tell(delivery, RelayDecision::Dropped(RelayRefusal::UnknownDevice));
            self.close(delivery);
        }
    }

    /// The transport has taken a notification.
    pub fn handle_sent(&mut self, _now: Instant, delivery: DeliveryNo) {
        if self.parcels.get(&delivery).is_some_and(|parcel| parcel.sending.is_some()) {
            self.tell(delivery, RelayDecision::HandedOver);
            self.close(delivery);
        }
    }

    /// The transport could not take a notification: it waits until the device is heard of again.
    pub fn handle_not_sent(&mut self, _now: Instant, delivery: DeliveryNo) {
        if self.parcels.get_mut(&delivery).is_some_and(|parcel| parcel.sending.take().is_some()) {
            self.tell(delivery, RelayDecision::HeldAgain);
        }
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, _now: Instant, seq: RecordSeq) {
        self.journal.persisted(seq);
    }

    /// Time went on.
    pub fn handle_tick(&mut self, now: Instant) {
        while let Some(&(_, delivery)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            self.tell(delivery, RelayDecision::Expired);
            self.close(delivery);
        }
    }

    /// What is to be done next. Drain it after every input, until it gives [`RelayOutput::Wait`].
    pub fn poll_output(&mut self) -> RelayOutput {
        if let Some(audit) = self.audits.pop_front() {
            return RelayOutput::Audit(audit);
        }
        if let Some((seq, record)) = self.journal.next_record() {
            return RelayOutput::Persist(seq, record);
        }
        while let Some(delivery) = self.journal.next_released() {
            // It may be over, or wait again.
            let Some(parcel) = self.parcels.get_mut(&delivery) else { continue };
            parcel.is_queued = false;
            if let (Some(device), Some(address)) = (&parcel.device, &parcel.sending) {
                return RelayOutput::SendNotification {
                    delivery,
                    serial: parcel.wish.device,
                    device: device.clone(),
                    address: address.clone(),
                    notification: parcel.notification.clone(),
                };
            }
        }
        RelayOutput::Wait(self.deadlines.first().map(|&(at, _)| at))
    }

    /// Notifications that were taken and not handed over yet.
    #[must_use]
    pub fn held(&self) -> usize {
        self.parcels.len()
    }

    /// The devices that notifications wait for, in ascending order.
    pub fn waiting(&self) -> impl Iterator<Item = Serial> {
        let mut last = None;
        let waits = |delivery| self.parcels.get(delivery).is_some_and(|parcel| parcel.sending.is_none());
        let serials = self.by_device.iter().filter(move |(_, delivery)| waits(delivery));
        serials.map(|&(serial, _)| serial).filter(move |serial| last.replace(*serial) != Some(*serial))
    }

    fn of_device(&self, device: Serial) -> impl Iterator<Item = DeliveryNo> + use<'_> {
        let all = (device, DeliveryNo(0))..=(device, DeliveryNo(u64::MAX));
        self.by_device.range(all).map(|&(_, delivery)| delivery)
    }

    fn insert(&mut self, delivery: DeliveryNo, parcel: Parcel) {
        self.octets += parcel.notification.as_octets().len();
        self.by_device.insert((parcel.wish.device, delivery));
        self.deadlines.insert((parcel.until, delivery));
        self.parcels.insert(delivery, parcel);
    }

    fn remove(&mut self, delivery: DeliveryNo) -> Option<Parcel> {
        let parcel = self.parcels.remove(&delivery)?;
        self.octets -= parcel.notification.as_octets().len();
        self.by_device.remove(&(parcel.wish.device, delivery));
        self.deadlines.remove(&(parcel.until, delivery));
        Some(parcel)
    }

    fn close(&mut self, delivery: DeliveryNo) {
        if self.remove(delivery).is_some() {
            self.journal.record(RelayRecord(Entry::Closed { delivery }));
        }
    }

    /// Says what becomes of something that is held.
    fn tell(&mut self, delivery: DeliveryNo, decision: RelayDecision) {
        if let Some(parcel) = self.parcels.get(&delivery) {
            let session_id = SessionId::new(parcel.wish.session_id).unwrap_or(SessionId::ZERO);
            let (server, device) = (parcel.wish.server.clone(), parcel.device.clone());
            self.audit(Some(server), Some(session_id), device, decision);
        }
    }

    fn audit(
        &mut self,
        server: Option<ServerId>,
        session_id: Option<SessionId>,
        device: Option<DeviceId>,
        decision: RelayDecision,
    ) {
        self.audits.push_back(RelayAudit { server, session_id, device, decision });
    }
}

fn server_of(notification: &Notification<'_>) -> Option<ServerId> {
    let text = core::str::from_utf8(notification.trigger().server_identifier().as_octets()).ok()?;
    ServerId::new(text).ok()
}

/// The checks that concern one device and need no memory.
fn verification(
    notification: &Notification<'_>,
    server: &ServerId,
    serial: Serial,
    recipient: &Recipient,
    least: Verification,
    directory: &impl RelayDirectory,
) -> Result<Verification, RelayRefusal> {
    if recipient.mode != Mode::Transparent {
        return Err(RelayRefusal::OtherMode);
    }
    if !directory.may_notify(server, serial) {
        return Err(RelayRefusal::NotAllowed);
    }
    match directory.shared_account(serial, server) {
        Some(SharedAccount { credential, nonce }) => notification
            .verify(credential, nonce)
            .map(|()| Verification::SharedAccount)
            .map_err(|_| RelayRefusal::WrongDigest),
        None if least == Verification::ServerKnown => Ok(Verification::ServerKnown),
        None => Err(RelayRefusal::NotVerifiable),
    }
}

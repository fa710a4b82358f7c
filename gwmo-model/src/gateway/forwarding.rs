//! Notifications of servers for devices: pushed through the gateway, or asked for in a session (GwMO-TMode-001,
//! GwMO-HLF-001).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use dm_notification::push::{Push, TextHeaders};
use dm_syncml::{Instant, StatusCode};
use dm_tree::{Rights, ServerId};

use super::account::DeviceAccount;
use super::machines::Waiting;
use super::persistence::Origin;
use super::{Gateway, GatewayEvent, GatewayOutput, GatewayRecord};
use crate::device::{DeviceId, Serial};
use crate::group::GroupId;
use crate::inventory::{AttachStatus, DeviceRecord, Fact};
use crate::mo::{InventorySlot, Objects};
use crate::mode::Mode;
use crate::relay::{DeliveryNo, Reach, Recipient, RelayDirectory, RelayOutput, SharedAccount};
use crate::trigger::{TriggerContent, TriggerNo, TriggerOutput};

/// Which notification of a server this is, and to whom; to be given back with
/// [`Gateway::handle_forwarded`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Forward(Kind);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Relay(DeliveryNo),
    Trigger(TriggerNo, Serial),
}

/// What the relay may know.
struct Directory<'a> {
    objects: &'a Objects,
    accounts: &'a BTreeMap<Serial, DeviceAccount>,
    gateway: &'a ServerId,
}

impl RelayDirectory for Directory<'_> {
    fn knows_server(&self, server: &ServerId) -> bool {
        self.objects.servers.contains(server) || server == self.gateway
    }

    fn serial_of(&self, device: &DeviceId) -> Option<Serial> {
        self.objects.inventory.serial_of(device)
    }

    fn members_of(&self, group: &GroupId) -> Option<Vec<Serial>> {
        self.objects.groups.resolve(group, &self.objects.inventory).ok()
    }

    fn recipient(&self, device: Serial) -> Option<Recipient> {
        let record = self.objects.inventory.record(device)?;
        let mode = record.mode().unwrap_or(Mode::Proxy);
        Some(Recipient::new(record.id().clone(), mode, reach_of(record)))
    }

    fn shared_account(&self, device: Serial, server: &ServerId) -> Option<SharedAccount<'_>> {
        let (credential, nonce) = self.accounts.get(&device)?.signer();
        (server == self.gateway).then(|| SharedAccount::new(credential, nonce))
    }

    fn may_notify(&self, server: &ServerId, device: Serial) -> bool {
        self.objects.in_scope(server, device).is_ok()
    }
}

fn reach_of(record: &DeviceRecord) -> Reach {
    let is_there = record.status() == AttachStatus::Attached && record.asleep_until().is_none();
    if is_there { Reach::At(address_of(record)) } else { Reach::Away }
}

impl Gateway {
    /// A push came (WSP): if its `X-Oma-GwMO` names devices that are managed transparently, and what it carries
    /// stands up to the checks, it is passed on as it is by [`GatewayOutput::Forward`].
    pub fn handle_push(&mut self, now: Instant, push: &Push<'_>) {
        let now = self.advance(now);
        let Self { relay, objects, accounts, config, .. } = self;
        relay.handle_push(now, push, &Directory { objects, accounts, gateway: &config.server_id });
        self.drain_machines();
    }

    /// As [`handle_push`](Self::handle_push), with headers as text, as HTTP and SIP have them.
    pub fn handle_text_push(&mut self, now: Instant, headers: &TextHeaders, body: &[u8]) {
        let now = self.advance(now);
        let Self { relay, objects, accounts, config, .. } = self;
        let directory = Directory { objects, accounts, gateway: &config.server_id };
        relay.handle_text_push(now, headers, body, &directory);
        self.drain_machines();
    }

    /// The transport has taken what [`GatewayOutput::Forward`] asked for, or could not.
    pub fn handle_forwarded(&mut self, now: Instant, forward: Forward, is_sent: bool) {
        let now = self.advance(now);
        match (forward.0, is_sent) {
            (Kind::Relay(delivery), true) => self.relay.handle_sent(now, delivery),
            (Kind::Relay(delivery), false) => self.relay.handle_not_sent(now, delivery),
            (Kind::Trigger(trigger, serial), true) => {
                self.objects.triggers.handle_sent(now, trigger, serial);
            }
            (Kind::Trigger(trigger, serial), false) => {
                self.objects.triggers.handle_away(now, trigger, serial);
            }
        }
        self.drain_machines();
    }

    pub(super) fn relay_reachable(&mut self, serial: Serial) {
        let now = self.objects.now;
        let Self { relay, objects, accounts, config, .. } = self;
        let directory = Directory { objects, accounts, gateway: &config.server_id };
        relay.handle_reachable(now, serial, &directory);
    }

    pub(super) fn drain_relay(&mut self) {
        loop {
            match self.relay.poll_output() {
                RelayOutput::Persist(seq, record) => {
                    self.persist(Origin::Relay(seq), GatewayRecord::Relay(record));
                }
                RelayOutput::SendNotification { delivery, serial, device, address, notification } => {
                    self.outputs.push_back(GatewayOutput::Forward {
                        forward: Forward(Kind::Relay(delivery)),
                        serial,
                        device,
                        address,
                        package_0: notification.as_octets().to_vec(),
                    });
                }
                RelayOutput::Audit(audit) => self.event(GatewayEvent::Relay(audit)),
                RelayOutput::Wait(at) => return self.waits.set(Waiting::Relay, at),
            }
        }
    }

    pub(super) fn drain_triggers(&mut self) {
        loop {
            match self.objects.triggers.poll_output() {
                TriggerOutput::Persist(seq, record) => {
                    self.persist(Origin::Triggers(seq), GatewayRecord::Triggers(record));
                }
                TriggerOutput::Send { trigger, owner, device, content, session_id } => {
                    let now = self.objects.now;
                    match self.triggered(&owner, device, &content, session_id) {
                        Ok((id, address, package_0)) => self.outputs.push_back(GatewayOutput::Forward {
                            forward: Forward(Kind::Trigger(trigger, device)),
                            serial: device,
                            device: id,
                            address,
                            package_0,
                        }),
                        Err(None) => self.objects.triggers.handle_away(now, trigger, device),
                        Err(Some(status)) => {
                            self.objects.triggers.handle_refused(now, trigger, device, status);
                        }
                    }
                }
                TriggerOutput::Ended { trigger, owner, result } => {
                    self.event(GatewayEvent::TriggerEnded { trigger, owner, result });
                }
                TriggerOutput::Wait(at) => return self.waits.set(Waiting::Triggers, at),
            }
        }
    }

    /// What to send where; or why not: a status, or none for a device that is away.
    #[allow(clippy::type_complexity, reason = "the three fields of an output")]
    fn triggered(
        &self,
        owner: &ServerId,
        serial: Serial,
        content: &TriggerContent,
        session_id: dm_notification::SessionId,
    ) -> Result<(DeviceId, Option<String>, Vec<u8>), Option<StatusCode>> {
        let record = self.objects.inventory.record(serial).ok_or(Some(StatusCode::NOT_FOUND))?;
        let anchor = self.device_uri(InventorySlot::Anchor, serial);
        // It makes the device do something, as Exec does.
        if !self.tree.may(owner, Rights::EXEC, &anchor) || self.objects.in_scope(owner, serial).is_err() {
            return Err(Some(StatusCode::PERMISSION_DENIED));
        }
        let Reach::At(address) = reach_of(record) else { return Err(None) };
        let octets = match content {
            TriggerContent::Ready(notification) => notification.as_octets().to_vec(),
            TriggerContent::Built(template) => {
                let account =
                    self.accounts.get(&serial).filter(|_| *template.server() == self.config.server_id);
                let (credential, nonce) = account.ok_or(Some(StatusCode::NOT_SUPPORTED))?.signer();
                template.sign(session_id, credential, nonce).as_octets().to_vec()
            }
        };
        Ok((record.id().clone(), address, octets))
    }
}

/// Where a device is, as far as that is known.
pub(super) fn address_of(record: &DeviceRecord) -> Option<String> {
    record.fact(Fact::LocalAddress).map(String::from)
}

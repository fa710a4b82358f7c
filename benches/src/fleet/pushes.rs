//! Notifications of the server that a gateway passes on as they are, and the device that is managed like this.

use core::time::Duration;
use std::collections::BTreeMap;

use dm_notification::push::{HeaderName, Push, PushBuilder, Value};
use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
use gwmo_model::{DeviceId, Forward, Sighting};

use super::place::{Packet, Place, neighbour_id, server_id};
use super::plan::spread;
use super::town::Town;

/// Time in which a gateway passes the same notification on once.
pub(super) const WINDOW: Duration = Duration::from_secs(300);

/// What a gateway has passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Passed {
    at: Duration,
    /// How many records it had written when it was told that this is on its way; not known while it is told.
    rests_on: Option<u64>,
    /// That it was passed on is stored.
    is_stored: bool,
    times: u32,
}

/// Of each device: every notification that was passed on to it.
#[derive(Default)]
pub(super) struct PassedOn {
    known: BTreeMap<(DeviceId, Vec<u8>), Passed>,
}

impl PassedOn {
    /// A gateway passes something on: whether it may.
    fn pass(&mut self, now: Duration, device: &DeviceId, octets: &[u8]) -> bool {
        let place = (device.clone(), octets.to_vec());
        let known = self.known.get(&place).copied();
        let times = known.map_or(0, |known| known.times) + 1;
        self.known.insert(place, Passed { at: now, rests_on: None, is_stored: false, times });
        known.is_none_or(|known| !known.is_stored || now >= known.at + WINDOW)
    }

    /// Everything that came of it is written, as the record with this number or before.
    pub(super) fn written(&mut self, number: u64) {
        for passed in self.known.values_mut().filter(|passed| passed.rests_on.is_none()) {
            passed.rests_on = Some(number);
        }
    }

    /// The records up to this one are stored.
    pub(super) fn stored(&mut self, number: u64) {
        for passed in self.known.values_mut() {
            passed.is_stored |= passed.rests_on.is_some_and(|rests_on| rests_on <= number);
        }
    }

    /// The gateway has stopped, and only these records were stored: of others it knows nothing.
    pub(super) fn stopped(&mut self, number: u64) {
        self.stored(number);
        for passed in self.known.values_mut().filter(|passed| !passed.is_stored) {
            passed.rests_on = Some(u64::MAX);
        }
    }

    /// How often this device was passed anything.
    pub(super) fn times(&self, device: &DeviceId) -> u32 {
        self.known.iter().filter(|((of, _), _)| of == device).map(|(_, passed)| passed.times).sum()
    }

    fn has(&self, device: &DeviceId, octets: &[u8]) -> bool {
        self.known.contains_key(&(device.clone(), octets.to_vec()))
    }
}

/// A notification of the server for the neighbour of a gateway. The server has a secret with it that the gateway does not
/// know.
pub(super) fn notification(gateway: u16, number: u16) -> Vec<u8> {
    let name = server_id();
    let server = ServerIdentifier::new(name.as_str()).expect("a short name");
    let session_id = SessionId::new(number + 1).expect("not all bits");
    let secret = format!("of the neighbour of {gateway}");
    Notification::sign(Trigger::new(server, session_id), &Credential::new(server, secret), b"nonce").to_vec()
}

impl Town {
    /// The server pushes a notification, or a copy of it.
    pub(super) fn push(&mut self, gateway: u16, number: u16) {
        let id = neighbour_id(gateway);
        let header = Value::Text(id.as_str().as_bytes());
        let Ok(builder) = PushBuilder::dm_notification().with_header(HeaderName::GWMO, header) else {
            return;
        };
        let push = builder.to_vec(&notification(gateway, number));
        self.network.send(Place::Server, Place::Gateway(gateway), Packet::Push(push));
    }

    pub(super) fn relay(&mut self, gateway: u16, push: &[u8]) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        match Push::decode(push) {
            Ok(push) => {
                if let Some(machine) = &mut site.gateway {
                    machine.handle_push(clock, &push);
                }
            }
            Err(error) => self.violation(format!("the server sent what is no push: {error}")),
        }
    }

    /// A gateway passes a notification on, of the relay or of a trigger.
    pub(super) fn pass_on(&mut self, gateway: u16, forward: Forward, device: &DeviceId, octets: Vec<u8>) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        let may = site.passed_on.pass(now, device, &octets);
        if let Some(machine) = &mut site.gateway {
            machine.handle_forwarded(clock, forward, true);
        }
        self.tally.passed_on += 1;
        if !may {
            return self.violation(format!("gateway {gateway} passes a notification for {device} on again"));
        }
        if let Some(number) = super::place::device_number(device) {
            let push = PushBuilder::dm_notification().to_vec(&octets);
            self.network.send(Place::Gateway(gateway), Place::Device(number), Packet::Push(push));
        }
    }

    /// The neighbour of a gateway says that it is there.
    pub(super) fn neighbour_lives(&mut self, now: Duration, gateway: u16) {
        self.network.send(Place::Neighbour(gateway), Place::Gateway(gateway), Packet::Here { epoch: 1 });
        let next = now + spread(self.plan.heartbeat, u32::from(gateway) + now.subsec_nanos());
        self.network.wake_at(Place::Neighbour(gateway), next);
    }

    /// A gateway hears that its neighbour is there. It knows the server, which makes it one to be managed transparently.
    pub(super) fn neighbour_seen(&mut self, gateway: u16) {
        let now = self.network.now();
        let id = neighbour_id(gateway);
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        let Some(machine) = &mut site.gateway else { return };
        let seen = machine.handle_device_seen(clock, &id, &Sighting::new(1));
        let told = machine.handle_device_servers(clock, &id, [&server_id()]);
        if let Err(what) = seen.map(drop).and(told) {
            self.violation(format!("gateway {gateway}: its neighbour: {what}"));
        }
    }

    /// What came when nothing went wrong was passed on.
    pub(super) fn judge_pushes(&self) -> Vec<String> {
        let calm = self.plan.calm_pushes();
        let missing = calm.filter(|(gateway, number)| {
            let site = self.sites.get(usize::from(*gateway));
            let octets = notification(*gateway, *number);
            !site.is_some_and(|site| site.passed_on.has(&neighbour_id(*gateway), &octets))
        });
        missing
            .map(|(gateway, number)| format!("gateway {gateway} did not pass on notification {number}"))
            .collect()
    }
}

//! Devices: in session, between sessions, and without power.

use core::time::Duration;

use dm_syncml::session::{ClientEvent, ClientOutput, Incoming, Outgoing};
use dm_syncml::{DecodeOptions, Encoding};

use super::Sabotage;
use super::images::digest_of;
use super::place::{Packet, Place, SECOND, gateway_id};
use super::plan::spread;
use super::town::Town;

impl Town {
    /// What a device does between sessions.
    pub(super) fn live(&mut self, now: Duration, number: u32) {
        let (heartbeat, poll) = (self.plan.heartbeat, self.plan.poll);
        let clock = self.now();
        let Some(device) = self.device(number) else { return };
        if !device.has_power {
            if let Err(what) = device.start() {
                return self.violation(format!("device {number} does not start again: {what}"));
            }
            // It says that it is there, and looks for what it missed.
            device.heartbeat_at = now;
            device.call_at = now + spread(5 * SECOND, number);
            self.network.note(Place::Device(number), "started");
        }
        let Some(device) = self.device(number) else { return };
        device.finish_later(now);
        let (home, epoch) = (device.flash.home, device.flash.epoch);
        let is_beat = device.heartbeat_at <= now;
        if is_beat {
            device.heartbeat_at = now + spread(heartbeat, number.wrapping_add(now.subsec_nanos()));
        }
        if device.call_at <= now {
            device.call_at = now + spread(poll, number.wrapping_add(now.subsec_nanos()));
            device.call(clock);
        }
        if is_beat {
            self.network.send(Place::Device(number), Place::Gateway(home), Packet::Here { epoch });
            self.ask_for_images(number);
        }
        self.drain_device(number);
        self.rest(number);
    }

    /// It does nothing until it has something to do.
    pub(super) fn rest(&mut self, number: u32) {
        let now = self.network.now();
        let Some(device) = self.device(number).filter(|device| device.has_power) else { return };
        let at = device.due().max(now);
        self.network.wake_at(Place::Life(number), at);
    }

    pub(super) fn tick_device(&mut self, _: Duration, number: u32) {
        let now = self.now();
        if let Some((_, session)) = self.device(number).and_then(|device| device.session.as_mut()) {
            session.handle_tick(now);
        }
        self.drain_device(number);
    }

    pub(super) fn device_got(&mut self, now: Duration, number: u32, gateway: u16, packet: Packet) {
        let (clock, entropy) = (self.now(), self.entropy());
        let Some(device) = self.device(number).filter(|device| device.has_power) else { return };
        if let Ok(mut meter) = device.meter.lock() {
            meter.now = now;
        }
        match packet {
            Packet::Push(push) => {
                device.handle_push(clock, gateway, &push);
            }
            Packet::Bootstrap(document) => return self.offered(number, gateway, &document),
            Packet::Octets { uri, octets } => {
                if let Some((_, got)) = device.flash.images.get_mut(&uri) {
                    *got = Some(digest_of(&octets));
                }
            }
            Packet::Answer(body) => {
                let incoming = match Incoming::decode(Encoding::Wbxml, &body, &DecodeOptions::new()) {
                    Ok(incoming) => incoming,
                    Err(error) => {
                        return self.violation(format!("gateway {gateway} sent what is no message: {error}"));
                    }
                };
                if let Some((_, session)) = device.session.as_mut().filter(|(with, _)| *with == gateway) {
                    // A copy that comes late finds nobody waiting.
                    let _ = session.handle_message(clock, &incoming, entropy);
                }
            }
            Packet::Unavailable => {
                if let Some((_, session)) = device.session.as_mut().filter(|(with, _)| *with == gateway) {
                    session.handle_unavailable(clock, 10 * SECOND);
                }
            }
            _ => {}
        }
        self.drain_device(number);
        self.rest(number);
    }

    /// Does what the session of a device wants done.
    fn drain_device(&mut self, number: u32) {
        let (now, clock) = (self.network.now(), self.now());
        let is_forgetful = self.options.sabotage == Some(Sabotage::ForgetfulDevices);
        loop {
            let Some(device) = self.device(number) else { return };
            let Some((gateway, session)) = &mut device.session else { return };
            let gateway = *gateway;
            let (effects, handlers) = (&mut device.effects, &mut device.handlers);
            let server = gateway_id(gateway);
            let output = device.tree.poll_session(clock, session, &server, handlers, effects);
            if is_forgetful {
                device.effects.records.clear();
            }
            // What was executed is stored before the answer that says so goes out.
            if !device.store_effects(now, gateway) {
                return self.lost_power(number, 20 * SECOND);
            }
            let Some((_, session)) = &mut device.session else { return };
            match output {
                ClientOutput::Persist(seq, record) => {
                    session.handle_persisted(clock, seq);
                    device.store(now, gateway, record);
                }
                ClientOutput::Event(ClientEvent::AlertRefused(id, code)) => {
                    self.violation(format!("device {number}: alert {id} refused: {code}"));
                }
                ClientOutput::Event(_) => {}
                ClientOutput::Send(_, Outgoing { body, .. }) => {
                    let to = Place::Gateway(gateway);
                    self.network.send(Place::Device(number), to, Packet::Request(body));
                }
                ClientOutput::Closed(end) => {
                    device.ended(gateway, end);
                    if device.flash.alerts.iter().next().is_some() {
                        device.call_at = device.call_at.min(now + 30 * SECOND);
                    }
                    self.network.note(Place::Device(number), format!("{end:?}"));
                    self.network.cancel_wake(Place::Device(number));
                    self.look_for_images(number, gateway);
                    return self.rest(number);
                }
                ClientOutput::Wait(at) => {
                    match at {
                        Some(at) => self.network.wake_at(Place::Device(number), at.since_epoch()),
                        None => self.network.cancel_wake(Place::Device(number)),
                    }
                    return;
                }
                other => return self.violation(format!("device {number} wants {other:?}")),
            }
        }
    }

    /// A device loses its power between two messages.
    pub(super) fn power_off(&mut self, now: Duration, number: u32, off: Duration) {
        let Some(device) = self.device(number).filter(|device| device.has_power) else { return };
        device.lose_power();
        let (tree, stored) = (device.tree.snapshot(), device.stored_tree());
        let is_same = match (&tree, stored.map(|tree| tree.snapshot())) {
            (Ok(tree), Ok(Ok(stored))) => *tree == stored,
            // An Atomic was open: what it had done is not stored.
            (Err(_), Ok(_)) => true,
            _ => false,
        };
        if !is_same {
            self.violation(format!("device {number} at {now:?}: what is stored is another tree"));
        }
        self.lost_power(number, off);
    }

    fn lost_power(&mut self, number: u32, off: Duration) {
        let at = self.network.now() + off;
        self.tally.reboots += 1;
        self.network.note(Place::Device(number), "lost its power");
        self.network.cancel_wake(Place::Device(number));
        self.network.wake_at(Place::Life(number), at);
    }

    /// A device goes elsewhere; it says goodbye if it is polite, which may be lost.
    pub(super) fn move_device(&mut self, now: Duration, number: u32, to: u16, politely: bool) {
        let Some(device) = self.device(number).filter(|device| device.flash.home != to) else { return };
        let (from, epoch) = (device.flash.home, device.flash.epoch);
        device.flash.home = to;
        device.flash.epoch += 1;
        device.session = None;
        let has_power = device.has_power;
        device.heartbeat_at = now + SECOND;
        device.call_at = now + spread(3 * SECOND, number);
        self.tally.moves += 1;
        self.network.cancel_wake(Place::Device(number));
        if politely && has_power {
            self.network.send(Place::Device(number), Place::Gateway(from), Packet::Leaving { epoch });
        }
        self.rest(number);
    }
}

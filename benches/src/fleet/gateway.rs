//! Gateways towards their devices, and what they store.

use core::time::Duration;

use dm_notification::push::PushBuilder;
use dm_syncml::session::{Incoming, Outgoing, TransportSecurity};
use dm_syncml::{DecodeOptions, Encoding};
use gwmo_model::{
    DetachReason, Fact, GatewayEvent, GatewayOutput, GatewayRecord, JobKey, PersistSeq, Sighting,
};

use super::Sabotage;
use super::jobs::model_of;
use super::place::{Packet, Place, SECOND, account, device_id, device_number, server_id};
use super::town::Town;

impl Town {
    /// A device gets the account that it shares with a gateway.
    pub(super) fn register(&mut self, gateway: u16, device: u32) -> Result<(), String> {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return Ok(()) };
        let now = site.clock(now);
        let Some(machine) = &mut site.gateway else { return Ok(()) };
        let registered = machine.handle_device_registered(now, device_id(device), account(device, gateway));
        registered.map(drop).map_err(|error| format!("gateway {gateway}: device {device}: {error}"))
    }

    pub(super) fn tick_gateway(&mut self, now: Duration, gateway: u16) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        if site.gateway.is_none() {
            if let Err(what) = site.start(now) {
                return self.violation(format!("gateway {gateway} does not start again: {what}"));
            }
            self.network.note(Place::Gateway(gateway), "started");
            self.network.wake_at(Place::Uplink(gateway), now + SECOND);
        }
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        if let Some(machine) = &mut site.gateway {
            machine.handle_tick(clock);
        }
        self.drain_gateway(gateway);
    }

    pub(super) fn gateway_got(&mut self, now: Duration, gateway: u16, from: Place, packet: Packet) {
        let entropy = self.entropy();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        if site.gateway.is_none() {
            return;
        }
        match (from, packet) {
            (Place::Device(_), Packet::Request(body)) => {
                site.next_exchange += 1;
                let exchange = site.next_exchange;
                site.exchanges.insert(exchange, from);
                let origin = format!("{from:?}");
                let incoming = match Incoming::decode(Encoding::Wbxml, &body, &DecodeOptions::new()) {
                    Ok(incoming) => incoming.with_origin(Some(&origin)).over(TransportSecurity::Confidential),
                    Err(error) => {
                        return self.violation(format!("{from:?} sent what is no message: {error}"));
                    }
                };
                let taken = site
                    .gateway
                    .as_mut()
                    .map(|machine| machine.handle_device_message(clock, exchange, &incoming, entropy));
                // Copies that come late have no answer.
                if !matches!(taken, Some(Ok(()))) {
                    site.exchanges.remove(&exchange);
                }
            }
            (Place::Server, Packet::Push(push)) => self.relay(gateway, &push),
            (Place::Neighbour(_), Packet::Here { .. }) => self.neighbour_seen(gateway),
            (Place::Device(number), Packet::Pull { uri }) => self.pulled(gateway, number, uri),
            (Place::Device(number), Packet::Here { epoch }) => {
                let is_new = self.is_seen(gateway, number, epoch);
                if is_new && epoch > 1 {
                    for other in (0..self.options.gateways).filter(|other| *other != gateway) {
                        let packet = Packet::MovedHere { device: number, epoch };
                        self.network.send(Place::Gateway(gateway), Place::Gateway(other), packet);
                    }
                }
            }
            (Place::Device(number), Packet::Leaving { epoch }) => {
                if let Some(machine) = &mut site.gateway {
                    // It may be there in a later epoch, or not be known at all.
                    let _ = machine.handle_device_gone(clock, &device_id(number), epoch, DetachReason::Left);
                }
            }
            (_, Packet::MovedHere { device, epoch }) => {
                if let Some(machine) = &mut site.gateway {
                    let _ = machine.handle_device_gone(clock, &device_id(device), epoch, DetachReason::Moved);
                }
            }
            _ => {}
        }
        self.drain_gateway(gateway);
    }

    /// A device says that it is there; whether that is news.
    fn is_seen(&mut self, gateway: u16, number: u32, epoch: u64) -> bool {
        let id = device_id(number);
        let now = self.network.now();
        let machine = |town: &Self| {
            let site = town.sites.get(usize::from(gateway))?;
            Some(site.gateway.as_ref()?.inventory().serial_of(&id))
        };
        if machine(self) == Some(None)
            && number <= self.options.devices
            && let Err(what) = self.register(gateway, number)
        {
            self.violation(what);
        }
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return false };
        let clock = site.clock(now);
        let Some(machine) = &mut site.gateway else { return false };
        let known = machine.inventory().serial_of(&id).and_then(|serial| machine.inventory().record(serial));
        let before = known.map_or(0, gwmo_model::DeviceRecord::epoch);
        let address = format!("10.{gateway}.{}.{}", number / 256, number % 256);
        let model = model_of(number);
        let sighting = Sighting::new(epoch).with(Fact::LocalAddress, &address).with(Fact::Model, &model);
        let sighting = sighting.over(TransportSecurity::Confidential);
        // From before it moved, it is refused.
        machine.handle_device_seen(clock, &id, &sighting).is_ok() && epoch > before
    }

    /// Does what a gateway wants done.
    pub(super) fn drain_gateway(&mut self, gateway: u16) {
        let now = self.network.now();
        loop {
            let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
            let clock = site.clock(now);
            let Some(machine) = &mut site.gateway else { return };
            match machine.poll_output() {
                GatewayOutput::Notify { ticket, device, package_0, .. } => {
                    machine.handle_notify_sent(clock, ticket);
                    let key = machine.fanout().job(ticket.job).map(|view| view.key().clone());
                    if let Some(what) = key.and_then(|key| self.may_not_begin(gateway, &key)) {
                        return self.violation(what);
                    }
                    if let Some(number) = device_number(&device) {
                        let push = PushBuilder::dm_notification().to_vec(&package_0);
                        let to = Place::Device(number);
                        self.network.send(Place::Gateway(gateway), to, Packet::Push(push));
                    }
                }
                GatewayOutput::Reply { exchange, message: Outgoing { body, .. } } => {
                    if let Some(to) = site.exchanges.remove(&exchange) {
                        self.network.send(Place::Gateway(gateway), to, Packet::Answer(body));
                    }
                }
                GatewayOutput::NoReply { exchange } => {
                    if let Some(to) = site.exchanges.remove(&exchange) {
                        self.network.send(Place::Gateway(gateway), to, Packet::Unavailable);
                    }
                }
                // Other servers are owed nothing.
                GatewayOutput::OpenSession { server } if server != server_id() => {}
                GatewayOutput::OpenSession { .. } => match &site.uplink.session {
                    Some(_) => site.wanted = true,
                    None => {
                        let initiation = site.uplink.own_session();
                        self.open_uplink(gateway, initiation);
                    }
                },
                GatewayOutput::Persist(seq, record) => self.persist(gateway, seq, record),
                GatewayOutput::Event(event) => self.gateway_event(gateway, event),
                GatewayOutput::Forward { forward, device, package_0, .. } => {
                    self.pass_on(gateway, forward, &device, package_0);
                }
                GatewayOutput::Native { token, op, .. } => self.native(gateway, token, op),
                GatewayOutput::SendBootstrap { device, target, account, .. } => {
                    self.offer(gateway, &device, &target, account);
                }
                GatewayOutput::RequestBootstrap { server, .. } => self.ask_peer(gateway, server),
                GatewayOutput::Image(output) => self.image_output(gateway, output),
                GatewayOutput::StoreImage { blob, offset, octets } => {
                    self.store_image(gateway, blob, offset, &octets);
                }
                GatewayOutput::Wait(at) => {
                    let written = site.written;
                    site.passed_on.written(written);
                    site.stored();
                    match at {
                        Some(at) => {
                            let at = site.when(at);
                            self.network.wake_at(Place::Gateway(gateway), at);
                        }
                        None => self.network.cancel_wake(Place::Gateway(gateway)),
                    }
                    break;
                }
                other => return self.violation(format!("gateway {gateway} wants {other:?}")),
            }
        }
        self.keep_disk_busy(gateway);
    }

    /// Why a gateway may not begin with a device of a job now, if it may not.
    fn may_not_begin(&self, gateway: u16, key: &JobKey) -> Option<String> {
        let now = self.network.now();
        let early = self.plan.job(key)?.start_at.is_some_and(|at| now < at);
        let known = self.desks.get(usize::from(gateway))?.jobs.get(key)?;
        let (stopped, paused) = (known.is_stopped, known.is_paused);
        let says =
            format!("gateway {gateway} begins {key}, early {early}, cancelled {stopped}, paused {paused}");
        (early || stopped || paused).then_some(says)
    }

    fn persist(&mut self, gateway: u16, seq: PersistSeq, record: GatewayRecord) {
        let now = self.network.now();
        let is_slow = !self.plan.disk.is_zero();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        site.write(seq, record);
        if self.options.sabotage == Some(Sabotage::EarlyAcknowledgement) {
            let clock = site.clock(now);
            if let Some(machine) = &mut site.gateway {
                machine.handle_persisted(clock, seq);
            }
        }
        if let Some((left, off)) = site.crash_after {
            match left.checked_sub(1) {
                Some(left) => site.crash_after = Some((left, off)),
                None => return self.crash(gateway, off),
            }
        }
        if !is_slow {
            let clock = site.clock(now);
            let stored = site.flush();
            if let (Some(machine), Some(seq)) = (&mut site.gateway, stored) {
                machine.handle_persisted(clock, seq);
            }
        }
    }

    /// A gateway stops in the middle of what it does.
    fn crash(&mut self, gateway: u16, off: Duration) {
        let at = self.network.now() + off;
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        site.crash_after = None;
        let pending = site.pending();
        // Any beginning of what was under way can have been stored.
        let kept = self.rng.usize(0..=pending);
        site.stop(kept);
        if self.options.sabotage == Some(Sabotage::LostRecord) {
            site.lose_record(self.rng.usize(..));
        }
        self.tally.crashes += 1;
        self.tally.torn += u32::from(kept < pending);
        self.network.note(Place::Gateway(gateway), format!("crashed, {kept} of {pending} records stored"));
        self.network.cancel_wake(Place::Disk(gateway));
        self.network.cancel_wake(Place::Uplink(gateway));
        self.network.cancel_wake(Place::Chores(gateway));
        self.network.wake_at(Place::Gateway(gateway), at);
    }

    fn keep_disk_busy(&mut self, gateway: u16) {
        let now = self.network.now();
        let at_least = self.plan.snapshot_every;
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        if site.compact(now, at_least) {
            self.tally.snapshots += 1;
        }
        if site.pending() > 0 && site.disk.busy_until.is_none() {
            let at = now + self.plan.disk;
            site.disk.busy_until = Some(at);
            self.network.wake_at(Place::Disk(gateway), at);
        }
        self.send_held(gateway);
    }

    pub(super) fn disk_is_done(&mut self, gateway: u16) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        let stored = site.flush();
        if let (Some(machine), Some(seq)) = (&mut site.gateway, stored) {
            machine.handle_persisted(clock, seq);
        }
        self.drain_gateway(gateway);
    }

    fn gateway_event(&mut self, gateway: u16, event: GatewayEvent) {
        let counted = match &event {
            GatewayEvent::JobProgress { counters, .. } => super::verdict::adds_up(counters),
            _ => Ok(()),
        };
        if let Err(what) = counted {
            return self.violation(format!("gateway {gateway}: {what}"));
        }
        match event {
            GatewayEvent::DeviceAlert { serial, alert } => {
                let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
                let record = site.gateway.as_ref().and_then(|machine| machine.inventory().record(serial));
                let device = record.and_then(|record| device_number(record.id()));
                let data =
                    alert.items.first().and_then(|item| item.data.as_ref()?.as_text().map(str::to_owned));
                if let (Some(device), Some(data)) = (device, data) {
                    self.network.note(Place::Gateway(gateway), format!("heard {data} of {device}"));
                    let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
                    *site.heard.entry((device, data)).or_default() += 1;
                }
            }
            GatewayEvent::TriggerEnded { .. } => self.tally.triggers += 1,
            GatewayEvent::ImageReady { .. } => self.tally.images += 1,
            GatewayEvent::JobEnded { key, result, .. } => {
                let now = self.network.now();
                if let Some(site) = self.sites.get_mut(usize::from(gateway)) {
                    site.ended.entry(key.clone()).or_insert(now);
                }
                self.network.note(Place::Gateway(gateway), format!("{key} ended with {result}"));
            }
            GatewayEvent::Peer { server, event, .. } => {
                self.network.note(Place::Gateway(gateway), format!("{server}: {event:?}"));
            }
            GatewayEvent::Target(audit) => {
                self.network.note(Place::Gateway(gateway), format!("{audit:?}"));
            }
            _ => {}
        }
    }
}

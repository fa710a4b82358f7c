//! The town: who is there, what is due next, and what goes wrong.

use core::time::Duration;

use dm_sim::{Delivery, Link, Network};
use dm_syncml::Instant;

use super::adapters::Hub;
use super::desk::Desk;
use super::device::Device;
use super::peers::server_list;
use super::place::{MINUTE, Packet, Place, SECOND};
use super::plan::{Mishap, Plan, home, spread};
use super::site::Site;
use super::uplink::POLL;
use super::{Options, Outcome, Tally};

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Storm,
    /// Nothing more goes wrong; jobs come to their ends.
    Calm,
    /// The server has read all; devices are given time to be found gone.
    Settling(Duration),
    /// The server looks once more at the inventories.
    Surveying,
    Over,
}

pub(super) struct Town {
    pub(super) options: Options,
    pub(super) plan: Plan,
    pub(super) network: Network<Packet, Place>,
    pub(super) rng: fastrand::Rng,
    pub(super) sites: Vec<Site>,
    pub(super) desks: Vec<Desk>,
    pub(super) devices: Vec<Device>,
    pub(super) hubs: Vec<Hub>,
    pub(super) violations: Vec<String>,
    pub(super) tally: Tally,
    entropy: u64,
    phase: Phase,
    next_mishap: usize,
}

/// How often the server looks whether it wants something.
const TICK: Duration = Duration::from_secs(20);

impl Town {
    pub(super) fn play(options: Options) -> Outcome {
        let mut network = Network::new(options.seed);
        if options.trace {
            network.record();
        }
        let plan = Plan::new(&options);
        network.set_default_link(plan.link.clone());
        let mut town = Self {
            options,
            network,
            rng: fastrand::Rng::with_seed(options.seed ^ 0x746f_776e),
            sites: Vec::new(),
            desks: (0..options.gateways).map(|gateway| Desk::new(gateway, &plan)).collect(),
            devices: Vec::new(),
            hubs: (0..options.gateways).map(|_| Hub::new()).collect(),
            violations: Vec::new(),
            tally: Tally::default(),
            entropy: 0,
            phase: Phase::Storm,
            next_mishap: 0,
            plan,
        };
        if let Err(what) = town.set_up() {
            town.violation(what);
        }
        town.go_on();
        if town.violations.is_empty() {
            town.judge();
        }
        town.tally.sessions = town.devices.iter().map(|device| device.sessions).sum();
        Outcome {
            digest: town.network.digest(),
            lasted: town.network.now(),
            messages: town.network.counts(),
            tally: town.tally,
            trace: town.network.events().iter().map(ToString::to_string).collect(),
            violations: town.violations,
        }
    }

    fn set_up(&mut self) -> Result<(), String> {
        for gateway in 0..self.options.gateways {
            self.sites.push(Site::new(gateway, &self.plan, &self.options)?);
        }
        for number in 1..=self.options.devices {
            let home = home(number, self.options.gateways);
            let mut device =
                Device::new(number, home, self.options.gateways).map_err(|error| error.to_string())?;
            device.heartbeat_at = spread(Duration::ZERO, number) + spread(10 * SECOND, number) - 10 * SECOND;
            device.call_at = spread(self.plan.poll / 2, number.wrapping_mul(7));
            self.network.wake_at(Place::Life(number), device.due());
            self.devices.push(device);
            self.register(home, number)?;
        }
        for (_, number, home) in self.plan.newcomers.clone() {
            let mut device =
                Device::new(number, home, self.options.gateways).map_err(|error| error.to_string())?;
            // It comes once it was registered.
            (device.flash.is_bootstrapped, device.has_power) = (false, false);
            self.devices.push(device);
        }
        for gateway in 0..self.options.gateways {
            self.drain_gateway(gateway);
            self.network.wake_at(Place::Bus(gateway), spread(SECOND, u32::from(gateway)));
            self.network.wake_at(Place::Neighbour(gateway), spread(2 * SECOND, u32::from(gateway)));
            self.network.wake_at(Place::Uplink(gateway), POLL);
        }
        self.network.wake_at(Place::Server, TICK);
        self.await_mishap();
        Ok(())
    }

    fn go_on(&mut self) {
        let end = self.plan.end;
        while self.phase != Phase::Over && self.violations.is_empty() {
            let Some((now, delivery)) = self.network.next_until(end) else {
                let phase = self.phase;
                let open: Vec<String> = self.desks.iter().flat_map(Desk::open).collect();
                self.violation(format!("still {phase:?} in the end: {}", open.join("; ")));
                return;
            };
            match delivery {
                Delivery::Wake { node } => self.woken(now, node),
                Delivery::Message { from, to, message } => self.arrived(now, from, to, message),
            }
        }
    }

    fn woken(&mut self, now: Duration, node: Place) {
        match node {
            Place::Server => {
                self.server_looks(now);
                self.look_around(now);
                self.network.wake_at(Place::Server, now + TICK);
            }
            Place::Desk(gateway) => self.tick_desk(now, gateway),
            Place::Gateway(gateway) => self.tick_gateway(now, gateway),
            Place::Uplink(gateway) => self.tick_uplink(now, gateway),
            Place::Disk(gateway) => self.disk_is_done(gateway),
            Place::Device(number) => self.tick_device(now, number),
            Place::Life(number) => self.live(now, number),
            Place::Chores(gateway) => self.do_chores(now, gateway),
            Place::Bus(gateway) => self.hub_lives(now, gateway),
            Place::Neighbour(gateway) => self.neighbour_lives(now, gateway),
            Place::Weather => self.mishap(now),
        }
    }

    fn arrived(&mut self, now: Duration, from: Place, to: Place, packet: Packet) {
        match (to, packet) {
            (Place::Server, Packet::Request(body)) => {
                if let Place::Uplink(gateway) = from {
                    self.served(now, gateway, &body);
                }
            }
            (Place::Uplink(gateway), packet) => self.uplink_got(now, gateway, packet),
            (Place::Gateway(gateway), packet) => self.gateway_got(now, gateway, from, packet),
            (Place::Device(number), packet) => {
                if let Place::Gateway(gateway) = from {
                    self.device_got(now, number, gateway, packet);
                }
            }
            _ => {}
        }
    }

    /// Whether the run can go on to its next part.
    fn look_around(&mut self, now: Duration) {
        self.phase = match self.phase {
            Phase::Calm if self.desks.iter().all(Desk::is_content) => {
                Phase::Settling(now + 2 * self.plan.lifetime + 5 * MINUTE)
            }
            Phase::Settling(until) if now >= until && self.is_quiet() => {
                let looks_again = !self.plan.is_large;
                let plan = &self.plan;
                self.desks.iter_mut().for_each(|desk| desk.survey(looks_again, plan));
                Phase::Surveying
            }
            Phase::Surveying if self.desks.iter().all(|desk| desk.is_surveyed && desk.is_content()) => {
                Phase::Over
            }
            phase => phase,
        };
    }

    /// Whether no alert of a device or a gateway is still to be told.
    fn is_quiet(&self) -> bool {
        let has_told = |device: &Device| device.flash.alerts.iter().next().is_none();
        let is_done = |site: &Site| {
            let outbox = site.gateway.as_ref().map(gwmo_model::Gateway::outbox);
            outbox.is_some_and(|outbox| outbox.pending(&super::place::server_id()).next().is_none())
        };
        self.devices.iter().all(has_told) && self.sites.iter().all(is_done)
    }

    fn await_mishap(&mut self) {
        if let Some((at, _)) = self.plan.mishaps.get(self.next_mishap) {
            self.network.wake_at(Place::Weather, *at);
        }
    }

    fn mishap(&mut self, now: Duration) {
        let Some((_, mishap)) = self.plan.mishaps.get(self.next_mishap).copied() else { return };
        self.next_mishap += 1;
        self.await_mishap();
        self.network.note(Place::Weather, format!("{mishap:?}"));
        match mishap {
            Mishap::Reboot { device, off } => self.power_off(now, device, off),
            Mishap::PowerCut { device } => {
                if let Some(device) = self.device(device) {
                    device.is_doomed = true;
                }
            }
            Mishap::Move { device, to, politely } => self.move_device(now, device, to, politely),
            Mishap::Crash { gateway, records, off } => {
                if let Some(site) = self.sites.get_mut(usize::from(gateway)) {
                    site.crash_after = Some((records, off));
                }
            }
            Mishap::Isolate { device } => self.network.isolate(Place::Device(device)),
            Mishap::Rejoin { device } => self.network.rejoin(Place::Device(device)),
            Mishap::Part { gateway } => self.network.cut(Place::Uplink(gateway), Place::Server),
            Mishap::Heal { gateway } => self.network.heal(Place::Uplink(gateway), Place::Server),
            Mishap::Tell { device } => {
                if let Some(at) = self.device(device).filter(|device| device.has_power) {
                    at.tell(now);
                    self.tally.tellings += 1;
                    self.rest(device);
                }
            }
            Mishap::Push { gateway, number } => self.push(gateway, number),
            Mishap::Learn { device, server } => {
                let servers = server_list(server);
                if let Some(at) = self.device(device).filter(|device| device.has_power) {
                    at.tell_servers(now, &servers);
                    self.rest(device);
                }
            }
            Mishap::Calm => self.calm(),
        }
    }

    /// From here on everything works as it should.
    fn calm(&mut self) {
        self.phase = Phase::Calm;
        let link = Link::new().with_delay(Duration::from_millis(10)..=Duration::from_millis(60));
        self.network.set_default_link(link);
        for number in 1..=self.options.devices {
            self.network.rejoin(Place::Device(number));
        }
        for gateway in 0..self.options.gateways {
            self.network.heal(Place::Uplink(gateway), Place::Server);
        }
        self.sites.iter_mut().for_each(|site| site.crash_after = None);
        self.devices.iter_mut().for_each(|device| device.is_doomed = false);
    }

    pub(super) fn device(&mut self, number: u32) -> Option<&mut Device> {
        self.devices.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    pub(super) fn violation(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.network.note(Place::Weather, format!("violation: {what}"));
        self.violations.push(what);
    }

    /// Whether things still go wrong.
    pub(super) fn is_stormy(&self) -> bool {
        self.phase == Phase::Storm
    }

    /// Octets that come once.
    pub(super) fn entropy(&mut self) -> [u8; 16] {
        self.entropy += 1;
        let mut entropy = [0xa5; 16];
        entropy[..8].copy_from_slice(&self.entropy.to_be_bytes());
        entropy[8..].copy_from_slice(&self.options.seed.to_be_bytes());
        entropy
    }

    pub(super) fn now(&self) -> Instant {
        Instant::new(self.network.now())
    }
}

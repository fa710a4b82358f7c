//! What a server may do to devices, given and taken while its jobs run, through a whole gateway.

use std::collections::BTreeSet;
use std::time::Duration;

use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::ServerConfig;
use dm_syncml::{CmdId, Command, Exec, Get, Instant, Item, LocUri};
use dm_tree::{Acl, Rights, ServerId, Tree};
use gwmo_model::console::{Console, JobRequest};
use gwmo_model::mo::{Binding, InventorySlot};
use gwmo_model::{
    AdapterCapabilities, DeviceAccount, DeviceId, Fact, Gateway, GatewayConfig, GatewayOutput, GatewayRecord,
    GatewaySnapshot, GroupId, JobKey, NativeCommands, NativeResult, NativeToken, Policy, Serial, Sighting,
    Subscription, Ticket,
};
use proptest::prelude::*;

const DEVICES: u32 = 4;

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Launch(u8),
    /// What the server may do to a device.
    Right(u32, bool),
    Seen(u32),
    Notified(bool),
    Native(bool),
    Wait(u64),
    Keep,
    Stop,
}

pub(crate) fn story() -> impl Strategy<Value = Vec<Event>> {
    let device = || 1..=DEVICES;
    let event = prop_oneof![
        2 => (0..4u8).prop_map(Event::Launch),
        4 => (device(), any::<bool>()).prop_map(|(device, may)| Event::Right(device, may)),
        2 => device().prop_map(Event::Seen),
        2 => any::<bool>().prop_map(Event::Notified),
        3 => any::<bool>().prop_map(Event::Native),
        3 => (0..90u64).prop_map(Event::Wait),
        1 => Just(Event::Keep),
        1 => Just(Event::Stop),
    ];
    prop::collection::vec(event, 1..40)
}

/// Devices with odd numbers speak OMA DM, adapters speak for the others.
fn device(number: u32) -> DeviceId {
    DeviceId::new(&format!("dev:{number}")).unwrap()
}

fn dms() -> ServerId {
    ServerId::new("dms").unwrap()
}

struct Place {
    gateway: Gateway,
    now: Instant,
    snapshot: GatewaySnapshot,
    records: Vec<GatewayRecord>,
    tickets: Vec<Ticket>,
    tokens: Vec<NativeToken>,
    /// The server may do nothing to these.
    denied: BTreeSet<Serial>,
}

impl Place {
    fn new() -> Self {
        let now = Instant::EPOCH;
        let mut gateway = Gateway::new(now, Self::config(), Tree::default()).unwrap();
        gateway.handle_server(now, dms(), Subscription::default()).unwrap();
        let snapshot = gateway.snapshot(now).unwrap();
        let (records, tickets, tokens) = (Vec::new(), Vec::new(), Vec::new());
        let denied = BTreeSet::new();
        let mut place = Self { gateway, now, snapshot, records, tickets, tokens, denied };
        for number in (1..=DEVICES).filter(|number| number % 2 == 1) {
            place.gateway.handle_device_registered(now, device(number), Self::account()).unwrap();
        }
        (1..=DEVICES).for_each(|number| place.act(&Event::Seen(number)));
        place.act(&Event::Keep);
        place
    }

    fn config() -> GatewayConfig {
        let address = LocUri::new("http://gw").unwrap();
        GatewayConfig::new(ServerId::new("gw").unwrap(), ServerConfig::new(address))
    }

    fn account() -> DeviceAccount {
        let shown = Credentials::new("device", Password::new("secret"));
        DeviceAccount::new(&ServerId::new("gw").unwrap(), shown, "other")
    }

    fn act(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::Launch(number) => self.launch(*number),
            Event::Right(number, may) => self.right(*number, *may),
            Event::Seen(number) => {
                let sighting = Sighting::new(0).with(Fact::LocalAddress, "10.0.0.1");
                self.gateway.handle_device_seen(now, &device(*number), &sighting).unwrap();
                if number % 2 == 0 {
                    let commands = NativeCommands::GET.with(NativeCommands::EXEC);
                    let able = AdapterCapabilities::new(commands);
                    self.gateway.handle_adapter(now, &device(*number), able).unwrap();
                }
            }
            Event::Notified(is_sent) => {
                if let Some(ticket) = self.tickets.pop() {
                    match is_sent {
                        true => self.gateway.handle_notify_sent(now, ticket),
                        false => self.gateway.handle_notify_failed(now, ticket),
                    }
                }
            }
            Event::Native(is_done) => {
                if let Some(token) = self.tokens.pop() {
                    let result = if *is_done { NativeResult::Done(None) } else { NativeResult::Busy };
                    self.gateway.handle_native_result(now, token, result);
                }
            }
            Event::Wait(seconds) => {
                self.now = now + Duration::from_secs(*seconds);
                self.gateway.handle_tick(self.now);
            }
            Event::Keep => {
                self.snapshot = self.gateway.snapshot(now).unwrap();
                self.records.clear();
            }
            Event::Stop => {
                let account = |id: &DeviceId| ["dev:1", "dev:3"].contains(&id.as_str()).then(Self::account);
                let (snapshot, records) = (self.snapshot.clone(), self.records.clone());
                self.gateway = Gateway::restore(now, Self::config(), snapshot, records, account).unwrap();
                self.tickets.clear();
                self.tokens.clear();
            }
        }
        self.drain();
    }

    fn launch(&mut self, number: u8) {
        let (console, key) = (Console::new(), JobKey::new(&format!("J{number}")).unwrap());
        let id = || CmdId::new("1").unwrap();
        let at = |node: &str| Item::to(LocUri::new(node.to_owned()).unwrap());
        let get: Command<'static> = Get::new(id(), vec![at("./A")]).into();
        let policy = Policy::default()
            .with_window(2)
            .with_retries(2)
            .with_retry_wait(Duration::from_secs(5), Duration::from_secs(20));
        let job = JobRequest::new(key.clone())
            .with_group(GroupId::new("*").unwrap())
            .with_command(get)
            .with_command(Exec::new(id(), at("./Run")))
            .with_policy(policy.with_job_time(Duration::from_secs(600)));
        let mut commands = console.add_job(&job);
        commands.push(console.start_job(&key, None));
        for command in commands {
            // It may be there already.
            let _ = self.gateway.execute(self.now, &dms(), &command);
            self.drain();
        }
    }

    /// The owner of the gateway says what the server may do to a device.
    fn right(&mut self, number: u32, may: bool) {
        let serial = self.gateway.inventory().serial_of(&device(number)).unwrap();
        let node = Binding::ours().uri(InventorySlot::Anchor, &[&serial.to_string()]);
        let mut acl = Acl::EMPTY;
        acl.grant(&ServerId::new("gw").unwrap(), Rights::GET);
        if may {
            acl.grant(&dms(), Rights::ALL);
            self.denied.remove(&serial);
        } else {
            self.denied.insert(serial);
        }
        self.gateway.tree_mut().set_acl(node.as_str(), acl).unwrap();
        // That is stored with the next input.
        self.gateway.handle_tick(self.now);
    }

    fn drain(&mut self) {
        loop {
            match self.gateway.poll_output() {
                GatewayOutput::Persist(seq, record) => {
                    self.records.push(record);
                    self.gateway.handle_persisted(self.now, seq);
                }
                GatewayOutput::Notify { ticket, .. } => {
                    assert!(!self.denied.contains(&ticket.serial), "{ticket:?} after a denial");
                    self.tickets.push(ticket);
                }
                GatewayOutput::Native { serial, token, op, .. } => {
                    assert!(!self.denied.contains(&serial), "{op:?} for {serial} after a denial");
                    self.tokens.push(token);
                }
                GatewayOutput::Wait(_) => return,
                _ => {}
            }
        }
    }
}

/// Plays a story; what must not come out is looked for at each output.
pub(crate) fn play(story: &[Event]) {
    let mut place = Place::new();
    for event in story {
        place.act(event);
    }
    // In the end every job is over.
    for _ in 0..20 {
        place.act(&Event::Wait(300));
    }
    for job in place.gateway.fanout().jobs() {
        assert!(job.state().is_over(), "{:?}", job.state());
    }
}

//! Two servers do whatever they like to the objects: nothing panics, what is refused changes nothing, counters add up.

use std::collections::BTreeMap;
use std::time::Duration;

use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::ServerConfig;
use dm_syncml::{
    Add, CmdId, Command, Data, Delete, Encoding, Exec, Format, Fragment, Get, Instant, Item, LocUri, Meta,
    Replace, StatusCode, SyncBody,
};
use dm_tree::{ServerId, Tree};
use gwmo_model::{
    Counters, DetachReason, DeviceAccount, DeviceId, Fact, FanoutLimits, Gateway, GatewayConfig,
    GatewayOutput, GatewayRecord, GatewaySnapshot, GroupLimits, ObjectLimits, Sighting, Subscription, Ticket,
};
use proptest::prelude::*;

const GATEWAY: &str = "gw";

#[derive(Clone, Debug)]
enum Step {
    Send { server: usize, verb: usize, path: String, value: usize },
    Wait(u64),
    Seen(u8),
    Gone(u8),
    Notified(bool),
}

/// Something under `./GwMO` that exists, or could, or cannot.
fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "1", "2", "65536", "01", "%2A", "x%20y", "*", "0"]);
    let leaf = prop::sample::select(vec![
        "",
        "/Members",
        "/Members/dev:1",
        "/Target/Not/dev:2",
        "/List",
        "/Count",
        "/Rev",
        "/Target",
        "/Target/Dev",
        "/Target/Group",
        "/Target/Not",
        "/Ops",
        "/Ops/1",
        "/Ops/2",
        "/Ops/1/Cmd",
        "/Ops/2/Cmd",
        "/Policy",
        "/Policy/Window",
        "/Policy/TNotify",
        "/Policy/Retries",
        "/Policy/Offline",
        "/Policy/JobTime",
        "/Start",
        "/Cancel",
        "/State",
        "/Result",
        "/Stat",
        "/Stat/Total",
        "/Out",
        "/Out/Sum",
        "/Out/Page",
        "/Out/Page/1",
        "/Out/Rec",
        "/Out/Rec/1",
        "/Out/Rec/1/Op",
        "/Out/Rec/1/Op/1",
        "/Out/Rec/1/Op/1/Code",
        "/Mgmt",
        "/DevID",
        "/AttachStatus",
        "?prop=ACL",
        "?prop=Name",
        "?list=Struct",
        "/None",
    ]);
    let top = prop::sample::select(vec![
        "./GwMO/Groups/",
        "./GwMO/Fanout/Jobs/",
        "./GwMO/Fanout/Jobs/",
        "./GwMO/Fanout/Jobs/",
        "./GwMO/Inventory/Devices/",
    ]);
    let more = prop_oneof![3 => Just(String::new()), 2 => name.clone().prop_map(|name| format!("/{name}"))];
    let fixed = prop::sample::select(vec![
        "./GwMO",
        "./GwMO/Inventory",
        "./GwMO/Inventory/Page/2",
        "./GwMO/Config/Alerts/s0/Attached",
        "./GwMO/Config/Alerts/s1/MaxDelay",
        "./GwMO/Groups",
        "./GwMO/Fanout/Jobs",
        "./GwMO/Fanout",
        "./GwMO?prop=ACL",
    ]);
    prop_oneof![
        8 => (top, name, leaf, more).prop_map(|(top, name, leaf, more)| {
            if leaf.starts_with('?') { format!("{top}{name}{leaf}") } else { format!("{top}{name}{leaf}{more}") }
        }),
        1 => fixed.prop_map(String::from),
    ]
}

/// What makes something, if there is something to make it in.
fn creation() -> impl Strategy<Value = (usize, String, usize)> {
    let name = prop::sample::select(vec!["a", "b", "c", "d"]);
    let what = prop::sample::select(vec![
        (0, "Groups/", "", 0),
        (0, "Fanout/Jobs/", "", 0),
        (0, "Groups/", "/Members/dev:1", 6),
        (1, "Groups/", "/List", 11),
        (0, "Fanout/Jobs/", "/Target/Group/%2A", 13),
        (0, "Fanout/Jobs/", "/Ops/1", 0),
        (0, "Fanout/Jobs/", "/Ops/1/Cmd", 9),
        (1, "Fanout/Jobs/", "/Ops/1/Cmd", 8),
        (3, "Fanout/Jobs/", "/Start", 1),
        (3, "Fanout/Jobs/", "/Cancel", 1),
        (2, "Fanout/Jobs/", "", 0),
        (2, "Groups/", "", 0),
    ]);
    (name, what)
        .prop_map(|(name, (verb, top, leaf, value))| (verb, format!("./GwMO/{top}{name}{leaf}"), value))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..2_usize, 0..5_usize, path(), 0..14_usize)
            .prop_map(|(server, verb, path, value)| Step::Send { server, verb, path, value }),
        20 => (0..2_usize, creation()).prop_map(|(server, (verb, path, value))| Step::Send { server, verb, path, value }),
        2 => (0..200_u64).prop_map(Step::Wait),
        1 => (1..5_u8).prop_map(Step::Seen),
        1 => (1..5_u8).prop_map(Step::Gone),
        2 => any::<bool>().prop_map(Step::Notified),
    ]
}

/// Steps that get somewhere, between others.
fn story() -> impl Strategy<Value = Vec<Step>> {
    let send = |verb, path: &str, value| Step::Send { server: 0, verb, path: path.into(), value };
    let job = "./GwMO/Fanout/Jobs/a";
    let useful = [
        send(0, "./GwMO/Groups/a", 0),
        send(0, "./GwMO/Groups/a/Members/dev:1", 6),
        send(0, job, 0),
        send(0, &format!("{job}/Target/Dev/dev:1"), 6),
        send(0, &format!("{job}/Target/Group/a"), 7),
        send(0, &format!("{job}/Ops/1"), 0),
        send(0, &format!("{job}/Ops/1/Cmd"), 8),
        send(3, &format!("{job}/Start"), 1),
    ];
    prop::collection::vec(prop::collection::vec(step(), 0..6), useful.len() + 1).prop_map(move |between| {
        let useful = useful.iter().cloned().map(Some).chain([None]);
        useful.zip(between).flat_map(|(useful, others)| others.into_iter().chain(useful)).collect()
    })
}

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn item(path: &str, value: usize) -> Item<'static> {
    let document = |command: Command<'static>| {
        Data::octets(Fragment::new(SyncBody::new(vec![command])).encode(Encoding::Wbxml))
    };
    let get = || Get::new(id(), vec![Item::to(uri("./A"))]).into();
    let (format, data) = match value {
        0 => (Format::NODE, None),
        1 => (Format::CHR, None),
        2 => (Format::INT, Some(Data::text("3").unwrap())),
        3 => (Format::INT, Some(Data::text("-3").unwrap())),
        4 => (Format::BOOL, Some(Data::text("true").unwrap())),
        5 => (Format::CHR, Some(Data::text("Add=*&Get=*&Replace=s0").unwrap())),
        6 => (Format::CHR, Some(Data::text("dev:1").unwrap())),
        7 => (Format::CHR, Some(Data::text("a").unwrap())),
        8 => (Format::BIN, Some(document(get()))),
        9 => (Format::BIN, Some(document(Exec::new(id(), Item::to(uri("./A"))).into()))),
        10 => (Format::BIN, Some(Data::octets(vec![2, 0xa4, 1, 0x6a, 0, 0x6d]))),
        11 => (Format::CHR, Some(Data::text("dev:1\n\ndev:2\r\ndev:1\nx".repeat(9)).unwrap())),
        12 => (Format::CHR, Some(Data::octets(vec![0xff, 0]))),
        _ => (Format::CHR, Some(Data::text("*").unwrap())),
    };
    let item = Item::to(uri(path)).with_meta(Meta::new().with_format(format));
    match data {
        Some(data) => item.with_data(data),
        None => item,
    }
}

fn command(verb: usize, path: &str, value: usize) -> Command<'static> {
    match verb {
        0 => Add::new(id(), vec![item(path, value)]).into(),
        1 => Replace::new(id(), vec![item(path, value)]).into(),
        2 => Delete::new(id(), vec![Item::to(uri(path))]).into(),
        3 => Exec::new(id(), item(path, value)).into(),
        _ => Get::new(id(), vec![Item::to(uri(path))]).into(),
    }
}

struct World {
    gateway: Gateway,
    now: Instant,
    tickets: Vec<Ticket>,
    /// What is stored: a snapshot, and the records since.
    snapshot: GatewaySnapshot,
    records: Vec<GatewayRecord>,
    /// Whether what a command did is compared with what it may do.
    looks: bool,
    /// What there was at the last look, if nothing has happened since.
    seen: Option<BTreeMap<String, String>>,
}

impl World {
    fn new() -> Self {
        let mut gateway = Gateway::new(Instant::EPOCH, Self::config(), Tree::default()).unwrap();
        for server in ["s0", "s1"] {
            let server = ServerId::new(server).unwrap();
            gateway.handle_server(Instant::EPOCH, server, Subscription::default()).unwrap();
        }
        for number in 1..3 {
            let device = DeviceId::new(&format!("dev:{number}")).unwrap();
            gateway.handle_device_registered(Instant::EPOCH, device, Self::account()).unwrap();
        }
        let snapshot = gateway.snapshot(Instant::EPOCH).unwrap();
        let (tickets, records) = (Vec::new(), Vec::new());
        let mut world =
            Self { gateway, now: Instant::EPOCH, tickets, snapshot, records, looks: true, seen: None };
        world.drain();
        world.keep();
        (1..4).for_each(|number| world.apply(&Step::Seen(number)));
        world
    }

    fn account() -> DeviceAccount {
        let shown = Credentials::new("device", Password::new("secret"));
        DeviceAccount::new(&ServerId::new(GATEWAY).unwrap(), shown, "other")
    }

    fn config() -> GatewayConfig {
        GatewayConfig::new(ServerId::new(GATEWAY).unwrap(), ServerConfig::new(uri("http://gw")))
            .with_groups(GroupLimits::default().with_max_groups(3).with_max_members(6))
            .with_fanout(FanoutLimits::default().with_max_jobs(3).with_max_ops(2).with_window(2))
            .with_objects(ObjectLimits::default().with_max_ops(120).with_max_named(2).with_max_page(40))
    }

    /// Stores it as it is.
    fn keep(&mut self) {
        self.snapshot = self.gateway.snapshot(self.now).unwrap();
        self.records.clear();
    }

    /// It stops, and is made again of what is stored.
    fn restart(&mut self) {
        let account = |id: &DeviceId| (!id.as_str().ends_with('3')).then(Self::account);
        let (snapshot, records) = (self.snapshot.clone(), self.records.clone());
        self.gateway = Gateway::restore(self.now, Self::config(), snapshot, records, account).unwrap();
        self.tickets.clear();
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let output = self.gateway.poll_output();
            if !matches!(output, GatewayOutput::Wait(_)) {
                self.seen = None;
            }
            match output {
                GatewayOutput::Notify { ticket, .. } => self.tickets.push(ticket),
                GatewayOutput::Persist(seq, record) => {
                    self.records.push(record);
                    self.gateway.handle_persisted(self.now, seq);
                }
                GatewayOutput::Wait(_) => break,
                _ => {}
            }
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Send { server, verb, path, value } => {
                let server = ServerId::new(["s0", "s1"][*server]).unwrap();
                let command = command(*verb, path, *value);
                let before = match self.seen.take() {
                    Some(seen) if self.looks => seen,
                    _ if self.looks => self.dump(),
                    _ => BTreeMap::new(),
                };
                let done = self.gateway.execute(self.now, &server, &command);
                assert_eq!(done.items.len(), 1);
                let code = done.items[0].code;
                assert!((200..=599).contains(&code.get()), "{code}");
                let is_start = *verb == 3 && path.ends_with("/Start");
                if !code.is_success() || *verb == 4 {
                    let after = if self.looks { self.dump() } else { BTreeMap::new() };
                    // Why a Start was refused is written down; nothing else is.
                    let differs = |(node, value): &(&String, &String)| after.get(*node) != Some(value);
                    let changed: Vec<_> =
                        before.iter().filter(differs).map(|(node, _)| node.clone()).collect();
                    let may = |node: &String| is_start && node.ends_with("/Result");
                    assert!(changed.iter().all(may), "{code}: {changed:?}");
                    assert_eq!(before.len(), after.len(), "{code}");
                    self.seen = self.looks.then_some(after);
                }
            }
            Step::Wait(seconds) => {
                self.seen = None;
                self.now = self.now + Duration::from_secs(*seconds);
                self.gateway.handle_tick(self.now);
            }
            Step::Seen(number) => {
                self.seen = None;
                let device = DeviceId::new(&format!("dev:{number}")).unwrap();
                let sighting = Sighting::new(0).with(Fact::LocalAddress, "10.0.0.1");
                self.gateway.handle_device_seen(self.now, &device, &sighting).unwrap();
            }
            Step::Gone(number) => {
                self.seen = None;
                let device = DeviceId::new(&format!("dev:{number}")).unwrap();
                let _ = self.gateway.handle_device_gone(self.now, &device, 0, DetachReason::Left);
            }
            Step::Notified(sent) => {
                self.seen = None;
                if let Some(ticket) = self.tickets.pop() {
                    match sent {
                        true => self.gateway.handle_notify_sent(self.now, ticket),
                        false => self.gateway.handle_notify_failed(self.now, ticket),
                    }
                }
            }
        }
        self.drain();
        for job in self.gateway.fanout().jobs() {
            assert!(adds_up(&job.counters()), "{:?}", job.counters());
        }
    }

    /// Every node of the objects, with what a Get of it brings.
    fn dump(&mut self) -> BTreeMap<String, String> {
        let owner = ServerId::new(GATEWAY).unwrap();
        let mut nodes = BTreeMap::new();
        let mut stack = vec![String::from("./GwMO")];
        while let Some(node) = stack.pop() {
            let done = self.gateway.execute(self.now, &owner, &command(4, &node, 0));
            let mut shown = done.items[0].code.to_string();
            if let Some(found) = done.items[0].results.first() {
                let format = found.meta.as_ref().and_then(Meta::format).map_or("chr", Format::as_str);
                let data = found.data.as_ref().and_then(|data| data.as_octets()).unwrap_or_default();
                let text = String::from_utf8_lossy(data);
                shown = format!("{shown} {format} {text}");
                if format == "node" {
                    stack.extend(
                        text.split('/').filter(|name| !name.is_empty()).map(|name| format!("{node}/{name}")),
                    );
                }
            }
            let listed = done.items[0].code != StatusCode::NOT_FOUND;
            assert!(listed, "{node} is listed and does not exist");
            let acl = self.gateway.execute(self.now, &owner, &command(4, &format!("{node}?prop=ACL"), 0));
            let acl =
                acl.items[0].results.first().and_then(|item| item.data.as_ref()?.as_text().map(String::from));
            nodes.insert(node, format!("{shown} {acl:?}"));
        }
        nodes
    }
}

fn adds_up(c: &Counters) -> bool {
    let parts = [
        c.queued,
        c.in_flight,
        c.ok,
        c.failed,
        c.refused,
        c.unreachable,
        c.timed_out,
        c.skipped,
        c.cancelled,
        c.indeterminate,
    ];
    parts.iter().sum::<u32>() == c.total
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn servers_can_do_no_harm(steps in prop_oneof![prop::collection::vec(step(), 0..80), story()]) {
        let mut world = World::new();
        for step in &steps {
            world.apply(step);
        }
        // And in the end every job is over.
        for _ in 0..40 {
            world.apply(&Step::Wait(3600));
        }
        for job in world.gateway.fanout().jobs() {
            prop_assert!(job.state().is_over(), "{:?}", job.state());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// I6 for the gateway as a whole: stopped at any point and made again of what was stored, it shows servers the same
    /// objects with the same rights, but for where devices stand that were in flight; and in the end every job is over.
    #[test]
    fn i06_a_restart_is_not_noticed(
        steps in prop_oneof![prop::collection::vec(step(), 0..60), story()],
        stops in prop::collection::btree_set(0..60_usize, 1..5),
        keeps in prop::collection::btree_set(0..60_usize, 0..3),
    ) {
        let mut world = World::new();
        world.looks = false;
        for (number, step) in steps.iter().enumerate() {
            world.apply(step);
            if keeps.contains(&number) {
                world.keep();
            }
            if stops.contains(&number) {
                let (before, jobs) = (world.dump(), world.gateway.fanout().jobs().len());
                world.restart();
                let after = world.dump();
                prop_assert_eq!(world.gateway.fanout().jobs().len(), jobs);
                // Revisions go on from where none was given out yet.
                let moves = |node: &str| {
                    ["/Stat/", "/Out/"].iter().any(|part| node.contains(part)) || node.ends_with("/Rev")
                };
                let shown = |nodes: &BTreeMap<String, String>| -> Vec<String> {
                    let stays = nodes.iter().filter(|(node, _)| !moves(node));
                    stays.map(|(node, value)| format!("{node} {value}")).collect()
                };
                for (one, other) in shown(&before).iter().zip(&shown(&after)) {
                    prop_assert_eq!(one, other, "after step {}", number);
                }
                prop_assert_eq!(shown(&before).len(), shown(&after).len());
            }
        }
        for _ in 0..40 {
            world.apply(&Step::Wait(3600));
        }
        for job in world.gateway.fanout().jobs() {
            prop_assert!(job.state().is_over(), "{:?}", job.state());
        }
    }
}

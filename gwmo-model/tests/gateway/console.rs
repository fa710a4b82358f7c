//! A server does everything through [`Console`](gwmo_model::console::Console): no address is written by hand here.

use std::time::Duration;

use dm_syncml::Item;
use dm_tree::{Secret, ServerId};
use gwmo_model::console::{
    GatewayAlert, ImageReader, JobRequest, OpRequest, PresenceSettings, QueryField, TriggerProgress,
    TriggerRequest,
};
use gwmo_model::{
    AccountScope, AttachStatus, BootState, Component, ContentDigest, DeviceCredential, Fact, GatewayOutput,
    GroupKind, ImageKey, ImageSpec, ImageState, ImagesOutput, Mode, ModeRule, ResultCode, Scope, Selector,
    Serial, StoragePolicy, TargetState, TriggerContent, TriggerKey, TriggerTemplate,
};

use crate::town::requests::*;
use crate::town::{GATEWAY, Town, device_id, gateway_password, serial, server_id};

fn selector(text: &str) -> Selector {
    text.parse().unwrap()
}

/// A town whose first server may change settings, and whose devices have told what they are.
fn town(count: u32) -> Town {
    let mut town = Town::with_devices(1, count);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    for number in 1..=count {
        town.call_home(number);
    }
    town.run();
    town
}

/// The runtime stores what came and looks what it is.
fn store_images(town: &mut Town, digest: ContentDigest) -> Vec<u8> {
    let mut stored = Vec::new();
    loop {
        let outputs = std::mem::take(&mut town.asked);
        if outputs.is_empty() {
            return stored;
        }
        let now = town.now();
        for output in outputs {
            match output {
                GatewayOutput::StoreImage { blob, octets, .. } => {
                    let len = octets.len() as u64;
                    stored = octets;
                    town.gateway.handle_images(now, |images, now| images.handle_stored(now, blob, len));
                }
                GatewayOutput::Image(ImagesOutput::HashRequest { blob, .. }) => {
                    town.gateway.handle_images(now, |images, now| images.handle_digest(now, blob, digest));
                }
                GatewayOutput::Image(_) => {}
                other => panic!("{other:?}"),
            }
        }
        town.drain_gateway();
    }
}

#[test]
fn gwmo_dcis_001_an_image_as_a_large_object() {
    let mut town = town(2);
    town.gateway.handle_entropy(town.now(), [0x5a; 16]);
    let (key, digest) = (ImageKey::new("fw").unwrap(), ContentDigest::new([7; 32]));
    let scope = Scope::default().with_device(device_id(1));
    let spec =
        ImageSpec::new().with_digest(digest).with_scope(scope).with_labels("Firmware", "2.1", "text/plain");
    town.ask(0, console().add_image(&key, &spec));
    let image = |town: &mut Town| {
        let items = town.ask(0, vec![console().get_image(&key)]);
        console().read_image(&key, &items).unwrap()
    };
    let empty = image(&mut town);
    assert_eq!((empty.state, empty.result, empty.uri, empty.size), (ImageState::Empty, None, None, None));
    assert_eq!(empty.digest, Some(digest));
    // Three messages of 64 KiB.
    let content: Vec<u8> = (0..150_000_u32).map(|number| number as u8).collect();
    town.ask(0, vec![console().deliver_image(&key, content.clone())]);
    assert_eq!(store_images(&mut town, digest), content);
    town.run();
    let ready = image(&mut town);
    assert_eq!((ready.state, ready.result), (ImageState::Ready, Some(ResultCode::IMAGE_READY)));
    let address = ready.uri.unwrap();
    let told = town.alerts(0);
    assert!(
        told.iter().any(|alert| matches!(alert, GatewayAlert::ImageReady { uri, .. } if *uri == address))
    );
    let storage = town.ask(0, vec![console().get_storage()]);
    let storage = console().read_storage(&storage).unwrap();
    assert_eq!((storage.enabled, storage.used), (true, 147 << 10));
    assert_eq!(storage.quota, storage.free + storage.used);

    // A job names it.
    let set = OpRequest::new(replace_text("./Vendor/SwV", "get %IMG% now")).with_image("%IMG%", key.clone());
    let request = JobRequest::new(self::key("J")).with_group(group("*")).with_operation(set);
    town.ask(0, console().add_job(&request));
    town.ask(0, vec![console().start_job(&self::key("J"), None)]);
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 2);
    assert_eq!(town.device(2).read("./Vendor/SwV"), format!("get {address} now"));

    let few = group("few");
    town.ask(
        0,
        vec![
            console().allow_image(&key, ImageReader::Group(&few)),
            console().disallow_image(&key, ImageReader::Device(&device_id(1))),
            console().remove_image(&key),
        ],
    );
    assert_eq!(town.codes(0, vec![console().get_image(&key), console().fetch_image(&key)]), [404, 404]);
}

#[test]
fn gwmo_dcis_003_storage_is_set_by_a_server() {
    let mut town = town(1);
    let policy = StoragePolicy::default()
        .with_enabled(false)
        .with_quota(1000)
        .with_max_image(2048)
        .with_retain(Some(Duration::from_secs(60)));
    town.ask(0, vec![console().set_storage(&policy)]);
    let items = town.ask(0, vec![console().get_storage()]);
    let read = console().read_storage(&items).unwrap();
    assert_eq!((read.enabled, read.quota, read.max_image), (false, 1024, 2048));
    assert_eq!(read.retain, Some(Duration::from_secs(60)));
    assert_eq!(town.codes(1, vec![console().set_storage(&policy)]), [425]);
    // An image that may be fetched is asked for.
    town.ask(0, vec![console().set_storage(&StoragePolicy::default())]);
    town.gateway.handle_entropy(town.now(), [1; 16]);
    let key = ImageKey::new("far").unwrap();
    let spec = ImageSpec::new()
        .with_source("http://far.example/fw")
        .with_size(12)
        .with_digest(ContentDigest::new([1; 32]))
        .with_cacheable(true);
    town.ask(0, console().add_image(&key, &spec));
    assert_eq!(town.codes(0, vec![console().fetch_image(&key)]), [202]);
    let items = town.ask(0, vec![console().get_image(&key)]);
    let image = console().read_image(&key, &items).unwrap();
    assert_eq!((image.state, image.size), (ImageState::Downloading, Some(12)));
}

#[test]
fn gwmo_tmode_001_a_trigger_by_the_console() {
    let mut town = town(3);
    let key = TriggerKey::new("T").unwrap();
    let content = TriggerContent::Built(TriggerTemplate::new(server_id(GATEWAY)));
    let trigger = TriggerRequest::new(key.clone(), content)
        .with_group(group("*"))
        .with_device(device_id(1))
        .without_device(device_id(3))
        .with_matching(selector("AttachStatus=1"))
        .with_validity(Duration::from_millis(59_500));
    town.ask(0, console().add_trigger(&trigger));
    let read = |town: &mut Town| {
        let items = town.ask(0, vec![console().get_trigger(&key)]);
        console().read_trigger(&key, &items).unwrap()
    };
    assert_eq!(read(&mut town).progress, TriggerProgress::Draft);
    assert_eq!(town.codes(1, vec![console().get_trigger(&key), console().send_trigger(&key)]), [425, 425]);
    assert_eq!(town.codes(0, vec![console().send_trigger(&key)]), [202]);
    let sending = read(&mut town);
    assert_eq!((sending.progress, sending.result), (TriggerProgress::Sending, None));
    let forwards: Vec<_> = std::mem::take(&mut town.asked);
    for output in forwards {
        let GatewayOutput::Forward { forward, .. } = output else { panic!("{output:?}") };
        town.gateway.handle_forwarded(town.now(), forward, true);
    }
    town.drain_gateway();
    let over = read(&mut town);
    assert_eq!(over.progress, TriggerProgress::Over);
    let lines: Vec<_> = over.outcomes.iter().map(|line| (line.serial, line.code.unwrap().get())).collect();
    assert_eq!(lines, [(serial(1), 200), (serial(2), 200)]);
    assert_eq!(over.outcomes[1].id, Some(device_id(2)));
    town.ask(0, vec![console().delete_trigger(&key)]);
    assert_eq!(town.codes(0, vec![console().get_trigger(&key)]), [404]);
}

#[test]
fn gwmo_di_002_a_query_by_the_console() {
    let mut town = town(5);
    let fields = [QueryField::Fact(Fact::Model), QueryField::AttachStatus, QueryField::Fact(Fact::Software)];
    town.ask(0, console().add_query("q", &selector(r#"Info/Mod~"EX""#), &fields));
    let items = town.ask(0, vec![console().get_query("q")]);
    assert_eq!(console().read_query("q", &items).unwrap().count, 5);
    let from = serial(4);
    let items = town.ask(0, vec![console().get_query_page("q", from)]);
    let page = console().read_query_page("q", 3, from, &items).unwrap();
    let lines: Vec<_> =
        page.devices.iter().map(|line| (line.serial.get(), &line.id, &line.fields[0])).collect();
    assert_eq!(lines, [(4, &device_id(4), &"EX-4".to_owned()), (5, &device_id(5), &"EX-5".to_owned())]);
    assert_eq!(page.devices[0].fields[1..], ["1", ""]);
    let next = page.next.unwrap();
    let items = town.ask(0, vec![console().get_query_page("q", next)]);
    assert_eq!(console().read_query_page("q", 3, next, &items).unwrap().next, None);
    assert!(console().read_query_page("q", 3, from, &items).is_err(), "of another page");
    town.ask(0, vec![console().run_query("q"), console().delete_query("q")]);
    assert_eq!(town.codes(0, vec![console().get_query("q")]), [404]);
}

#[test]
fn gwmo_di_001_a_device_in_full() {
    let mut town = town(2);
    let items = town.ask(0, vec![console().get_device(serial(2)), console().get_summary()]);
    let device = console().read_device(serial(2), &items).unwrap();
    assert_eq!((device.serial, &device.id), (serial(2), &device_id(2)));
    assert_eq!((device.status, device.component), (AttachStatus::Attached, Component::EndDevice));
    assert_eq!((device.mode, device.mode_wish, device.epoch), (Mode::Proxy, None, 1));
    assert_eq!(device.facts[&Fact::Model], "EX-2");
    assert_eq!(device.facts[&Fact::LocalAddress], "10.0.0.2");
    assert_eq!((device.boot_state, device.since), (BootState::None, None));
    assert_eq!((device.wakes_in, device.wakes_every), (None, None));
    let summary = console().read_summary(&items).unwrap();
    assert_eq!((summary.total, summary.by_mode.get(Mode::Proxy)), (2, 2));
    assert_eq!(summary.by_mode, town.gateway.inventory().summary().by_mode);
    // What it has, and what is wished of it.
    let now = town.now();
    town.gateway.handle_wall_clock(now, dm_tree::Timestamp::from_unix(1_700_000_000).unwrap());
    town.ask(0, vec![console().set_mode_wish(serial(2), Some(Mode::Proxy))]);
    let items = town.ask(0, vec![console().get_device(serial(2))]);
    let device = console().read_device(serial(2), &items).unwrap();
    assert_eq!(device.mode_wish, Some(Mode::Proxy));
    assert!(device.since.is_some());
    assert!(console().read_device(serial(1), &items).is_err(), "another one's");
}

#[test]
fn gwmo_hlf_003_a_device_is_registered_by_the_console() {
    let mut town = town(1);
    let id = device_id(2);
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
    let credential = DeviceCredential::new("device-2", secret("secret of 2"), secret(&gateway_password(2)));
    let register = || console().register_device(&id, Some(&credential)).unwrap();
    assert_eq!(town.codes(1, vec![register()]), [425]);
    town.ask(0, vec![register(), console().register_device(&device_id(3), None).unwrap()]);
    let two_lines = DeviceCredential::new("a\nb", secret("c"), secret("d"));
    assert!(console().register_device(&id, Some(&two_lines)).is_err());
    town.devices.insert(2, crate::town::Device::new(2));
    town.call_home(2);
    town.run();
    launch(&mut town, job("J", "*").without_device(device_id(3)), "J");
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 2);
    town.ask(0, vec![console().forget_device(&id)]);
    assert!(town.gateway.inventory().record(serial(2)).is_none());
}

#[test]
fn gwmo_adm_001_settings_by_the_console() {
    let mut town = town(2);
    let presence = PresenceSettings {
        debounce: Duration::from_secs(3),
        lifetime: Some(Duration::from_secs(3600)),
        keep_gone: None,
    };
    let rule = ModeRule::new(2, selector(r#"Info/Mod="EX-1""#), Mode::Transparent);
    let first = ModeRule::new(1, selector("AttachStatus=2"), Mode::Proxy);
    let peer = server_id("dms.c");
    town.ask(
        0,
        vec![
            console().set_presence(&presence),
            console().set_address("gw.example:443"),
            console().set_default_mode(Mode::Proxy),
            console().add_mode_rule("r", &rule),
            console().add_mode_rule("z", &first),
            console().set_peers_auto(true),
            console().set_bootstrap(false, true),
            console().allow_peer(&peer),
        ],
    );
    let items =
        town.ask(0, vec![console().get_settings(), console().get_mode_rules(), console().get_peers()]);
    let settings = console().read_settings(&items).unwrap();
    assert_eq!((settings.gateway, settings.presence), (server_id(GATEWAY), presence));
    assert_eq!((settings.boots_to_gateway, settings.boots_to_servers), (false, true));
    assert_eq!((settings.address.as_deref(), settings.asks_peers), (Some("gw.example:443"), true));
    assert_eq!((settings.default_mode, settings.supported.contains(Mode::Transparent)), (Mode::Proxy, true));
    let rules = console().read_mode_rules(&items).unwrap();
    assert_eq!(rules, [("z".to_owned(), first), ("r".to_owned(), rule)]);
    let peers = console().read_peers(&items).unwrap();
    assert_eq!((peers.auto, peers.allowed, peers.known.len()), (true, vec![peer.clone()], 0));
    town.ask(0, vec![console().disallow_peer(&peer), console().delete_mode_rule("r")]);
    let items = town.ask(0, vec![console().get_mode_rules(), console().get_peers()]);
    assert_eq!(console().read_mode_rules(&items).unwrap().len(), 1);
    assert_eq!(console().read_peers(&items).unwrap().allowed, []);
    assert_eq!(
        town.codes(1, vec![console().set_default_mode(Mode::Proxy), console().allow_peer(&peer)]),
        [425, 425]
    );
}

#[test]
fn gwmo_hlf_004_accounts_by_the_console() {
    let mut town = town(3);
    town.ask(0, console().create_group(&group("two"), &[device_id(1), device_id(2)]));
    let (b, two) = (server_id("dms.b"), AccountScope::Group(group("two")));
    let accounts = |town: &mut Town| {
        let items = town.ask(0, vec![console().get_accounts()]);
        console().read_accounts(&items).unwrap()
    };
    assert_eq!(accounts(&mut town), []);
    town.ask(0, vec![console().bind_account(&b, &AccountScope::AllDevices)]);
    assert_eq!(accounts(&mut town), [(b.clone(), AccountScope::AllDevices)]);
    town.ask(0, vec![console().rebind_account(&b, &two)]);
    assert_eq!(accounts(&mut town), [(b.clone(), two)]);
    let ok = |town: &mut Town, name: &str| {
        let mut commands = console().add_job(&job(name, "*"));
        commands.push(console().start_job(&key(name), None));
        town.ask(1, commands);
        town.run();
        let items = town.ask(1, vec![console().get_job(&key(name))]);
        console().read_job(&key(name), &items).unwrap().counters.ok
    };
    assert_eq!(ok(&mut town, "J"), 2);
    town.ask(0, vec![console().revoke_account(&b)]);
    assert_eq!((accounts(&mut town).len(), ok(&mut town, "K")), (0, 0));
}

#[test]
fn gwmo_group_001_groups_by_the_console() {
    let mut town = town(4);
    let (few, rule, all) = (group("few"), group("rule"), group("all"));
    town.ask(0, console().create_group(&few, &[device_id(1), device_id(4)]));
    for id in [&rule, &all] {
        town.ask(0, console().create_group(id, &[]));
    }
    town.ask(
        0,
        vec![
            console().set_group_rule(&rule, Some(&selector(r#"Info/Mod~"EX""#))),
            console().exclude_member(&rule, &device_id(2)),
            console().set_group_label(&rule, "Everybody; but one"),
            console().set_group_max(&rule, Some(100)),
            console().nest_group(&all, &few),
            console().nest_group(&all, &rule),
        ],
    );
    let read = |town: &mut Town, id| {
        let items = town.ask(0, vec![console().get_group(id)]);
        console().read_group(id, &items).unwrap()
    };
    let group = read(&mut town, &rule);
    assert_eq!((group.kind, group.count, group.max), (GroupKind::Rule, 3, Some(100)));
    assert_eq!(group.label.as_deref(), Some("Everybody; but one"));
    assert_eq!((group.rule, group.from_job), (Some(selector(r#"Info/Mod~"EX""#)), None));
    assert_eq!(read(&mut town, &all).count, 3);
    let items = town.ask(0, vec![console().get_members(&few)]);
    assert_eq!(console().read_members(&few, &items).unwrap(), [device_id(1), device_id(4)]);
    town.ask(
        0,
        vec![
            console().readmit_member(&rule, &device_id(2)),
            console().set_group_max(&rule, None),
            console().unnest_group(&all, &few),
        ],
    );
    let group = read(&mut town, &rule);
    assert_eq!((group.count, group.max), (4, None));
    town.ask(0, vec![console().set_group_rule(&rule, None)]);
    assert_eq!((read(&mut town, &rule).count, read(&mut town, &rule).kind), (0, GroupKind::Static));
}

#[test]
fn gwmo_fora_002_a_group_of_what_a_job_came_to() {
    let off = |town: &mut Town, is_off: bool| {
        for number in [2, 3] {
            town.device(number).off = is_off;
        }
    };
    let mut town = town(4);
    town.ask(0, console().create_group(&group("again"), &[]));
    let form = |job: &str, states: &[TargetState]| {
        console().set_members_from_job(&group("again"), &key(job), states)
    };
    assert_eq!(town.codes(0, vec![form("J", &[])]), [406], "a policy, off by itself");

    let mut town = Town::new(1, Town::config().with_outcome_groups(true));
    (1..=4).for_each(|number| town.add_device(number));
    town.drain_gateway();
    town.ask(0, console().create_group(&group("again"), &[]));
    off(&mut town, true);
    launch(&mut town, job("J", "*"), "J");
    town.run();
    assert_eq!(status(&mut town, "J").counters.unreachable, 2);
    let members = |town: &mut Town| {
        let items =
            town.ask(0, vec![console().get_members(&group("again")), console().get_group(&group("again"))]);
        assert_eq!(console().read_group(&group("again"), &items).unwrap().from_job, Some(key("J")));
        console().read_members(&group("again"), &items).unwrap()
    };
    town.ask(0, vec![form("J", &[TargetState::Ok])]);
    assert_eq!(members(&mut town), [device_id(1), device_id(4)]);
    town.ask(0, vec![form("J", &[TargetState::TimedOut, TargetState::Unreachable])]);
    assert_eq!(members(&mut town), [device_id(2), device_id(3)]);
    town.ask(0, vec![form("J", &[TargetState::Failed])]);
    assert_eq!(members(&mut town), []);
    town.ask(0, vec![form("J", &[])]);
    town.keep();
    assert_eq!(members(&mut town), [device_id(2), device_id(3)]);
    assert_eq!(town.codes(0, vec![form("K", &[])])[0] / 100, 4, "no such job");
    town.ask(1, console().create_group(&group("b"), &[]));
    let theirs = console().set_members_from_job(&group("b"), &key("J"), &[]);
    assert_eq!(town.codes(1, vec![theirs]), [425], "another server's job");
    off(&mut town, false);
    launch(&mut town, job("K", "again"), "K");
    town.run();
    assert_eq!(status(&mut town, "K").counters.ok, 2);
}

#[test]
fn answers_to_something_else_are_none() {
    let (key, image, trigger) = (key("J"), ImageKey::new("I").unwrap(), TriggerKey::new("T").unwrap());
    let none: &[Item<'_>] = &[];
    let c = console();
    assert!(c.read_image(&image, none).is_err() && c.read_trigger(&trigger, none).is_err());
    assert!(c.read_query("q", none).is_err() && c.read_query_page("q", 0, Serial::FIRST, none).is_err());
    assert!(c.read_device(Serial::FIRST, none).is_err() && c.read_summary(none).is_err());
    assert!(c.read_settings(none).is_err() && c.read_storage(none).is_err() && c.read_peers(none).is_err());
    assert!(c.read_group(&group("g"), none).is_err() && c.read_members(&group("g"), none).is_err());
    assert!(c.read_job(&key, none).is_err());
    // Lists of what somebody chose may be empty.
    assert_eq!(c.read_accounts(none).unwrap(), Vec::<(ServerId, AccountScope)>::new());
    assert!(c.read_mode_rules(none).unwrap().is_empty());
}

/// A gateway that stops anywhere around an image getting ready: once it is ready, the jobs that wait for it begin, and its
/// server hears of it.
#[test]
fn who_waits_for_an_image_hears_of_it_wherever_the_gateway_stops() {
    let mut town = town(1);
    town.keep();
    town.gateway.handle_entropy(town.now(), [0x5a; 16]);
    let (key, digest) = (ImageKey::new("fw").unwrap(), ContentDigest::new([7; 32]));
    town.ask(0, console().add_image(&key, &ImageSpec::new().with_digest(digest)));
    town.ask(0, vec![console().deliver_image(&key, b"the firmware".to_vec())]);
    let set = OpRequest::new(replace_text("./Vendor/SwV", "%IMG%")).with_image("%IMG%", key);
    let request = JobRequest::new(self::key("J")).with_device(device_id(1)).with_operation(set);
    town.ask(0, console().add_job(&request));
    town.ask(0, vec![console().start_job(&self::key("J"), None)]);
    town.calls_back = false;
    store_images(&mut town, digest);
    let mut ready = 0;
    for kept in 0..=town.records().len() {
        let mut again = town.stopped_after(kept);
        again.calls_back = false;
        let now = again.now();
        let is_ready = again
            .gateway
            .handle_images(now, |images, _| images.images().any(|image| image.state() == ImageState::Ready));
        again.drain_gateway();
        if is_ready {
            ready += 1;
            let states: Vec<_> = again.gateway.fanout().jobs().map(|job| job.state()).collect();
            assert_eq!(states, [gwmo_model::JobState::Running], "after {kept} records");
            let server = server_id("dms.a");
            let told =
                |alert: &gwmo_model::Alert| matches!(alert.body, gwmo_model::AlertBody::ImageReady { .. });
            assert!(again.gateway.outbox().pending(&server).any(told), "after {kept} records");
        }
    }
    assert!(ready > 1, "{ready}");
}

/// What an adapter is given has the address of the image in it, as what devices are sent has.
#[test]
fn an_adapter_is_given_the_address_of_an_image() {
    let mut town = town(1);
    town.gateway.handle_entropy(town.now(), [0x5a; 16]);
    let (key, digest) = (ImageKey::new("fw").unwrap(), ContentDigest::new([7; 32]));
    town.ask(0, console().add_image(&key, &ImageSpec::new().with_digest(digest)));
    town.ask(0, vec![console().deliver_image(&key, b"the firmware".to_vec())]);
    store_images(&mut town, digest);
    let now = town.now();
    let address = town.gateway.handle_images(now, |images, _| images.images().next()?.uri()).unwrap();
    let lamp = gwmo_model::DeviceId::new("zigbee:lamp").unwrap();
    town.gateway.handle_device_seen(now, &lamp, &gwmo_model::Sighting::new(0)).unwrap();
    let able = gwmo_model::AdapterCapabilities::new(gwmo_model::NativeCommands::REPLACE);
    town.gateway.handle_adapter(now, &lamp, able).unwrap();
    let set = OpRequest::new(replace_text("./Lamp/Source", "get %IMG%")).with_image("%IMG%", key);
    let request = JobRequest::new(self::key("J")).with_device(lamp).with_operation(set);
    town.ask(0, console().add_job(&request));
    town.ask(0, vec![console().start_job(&self::key("J"), None)]);
    town.drain_gateway();
    let given = town.asked.iter().find_map(|output| match output {
        GatewayOutput::Native { op: gwmo_model::NativeOp::Replace { value, .. }, .. } => Some(value.clone()),
        _ => None,
    });
    assert_eq!(given.unwrap().data(), format!("get {address}").as_bytes());
}

/// A job is not tried again without the image that its commands name, and keeps it while it is.
#[test]
fn a_second_round_needs_its_image() {
    let mut town = town(1);
    let (key, digest) = (ImageKey::new("fw").unwrap(), ContentDigest::new([7; 32]));
    let bring = |town: &mut Town, key: &ImageKey| {
        town.gateway.handle_entropy(town.now(), [0x5a; 16]);
        town.ask(0, console().add_image(key, &ImageSpec::new().with_digest(digest)));
        town.ask(0, vec![console().deliver_image(key, b"the firmware".to_vec())]);
        store_images(town, digest);
    };
    bring(&mut town, &key);
    town.device(1).off = true;
    let set = OpRequest::new(replace_text("./Vendor/SwV", "%IMG%")).with_image("%IMG%", key.clone());
    let request = JobRequest::new(self::key("J")).with_device(device_id(1)).with_operation(set);
    town.ask(0, console().add_job(&request));
    town.ask(0, vec![console().start_job(&self::key("J"), None)]);
    town.run();
    let ended = status(&mut town, "J");
    assert_eq!((ended.state.is_over(), ended.counters.ok), (true, 0));
    town.ask(0, vec![console().remove_image(&key)]);
    let retry = || console().retry_job(&self::key("J"), &gwmo_model::Which::NotOk);
    assert_eq!(town.codes(0, vec![retry()]), [406]);
    bring(&mut town, &key);
    assert_eq!(town.codes(0, vec![retry(), console().remove_image(&key)])[0], 202);
    town.device(1).off = false;
    town.call_home(1);
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 1);
    assert!(town.device(1).read("./Vendor/SwV").starts_with("http://"));
}

//! The gateway between real servers and real devices, by requirement.

mod town;

use std::time::Duration;

use dm_sim::Link;
use dm_syncml::{CmdId, Command, Correlator, Data, Exec, Get, Item, Replace};
use dm_tree::Acl;
use gwmo_model::{
    AttachStatus, DetachReason, GatewayEvent, GroupId, JobKey, JobState, Policy, ResultCode, Serial,
    Subscription, TargetState, console,
};
use town::{MINUTE, Place, Town, device_id, serial, server_id, uri};

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn get(node: &str) -> Command<'static> {
    Get::new(id(), vec![Item::to(uri(node))]).into()
}

fn replace(node: &str, value: &str) -> Command<'static> {
    let meta = dm_syncml::Meta::new().with_format(dm_syncml::Format::INT);
    let item = Item::to(uri(node)).with_meta(meta).with_data(Data::text(value.to_owned()).unwrap());
    Replace::new(id(), vec![item]).into()
}

fn exec(node: &str) -> Command<'static> {
    Exec::new(id(), Item::to(uri(node))).into()
}

fn key(name: &str) -> JobKey {
    JobKey::new(name).unwrap()
}

fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

/// A setting, a reading and a run.
fn job(name: &str, group_name: &str) -> console::JobRequest {
    console::JobRequest::new(key(name))
        .with_group(group(group_name))
        .with_command(replace("./Vendor/Level", "5"))
        .with_command(get("./Vendor/SwV"))
        .with_command(exec("./Vendor/Lamp/Run"))
}

/// Adds a job and starts it.
fn launch(town: &mut Town, request: console::JobRequest, name: &str) {
    let mut commands = request.into_commands();
    commands.push(console::start_job(&key(name), Some(Correlator::new(format!("c-{name}")).unwrap())));
    town.ask(0, commands);
}

fn status(town: &mut Town, name: &str) -> console::JobStatus {
    let items = town.ask(0, vec![console::get_job(&key(name))]);
    console::read_job(&key(name), &items).unwrap()
}

fn records(town: &mut Town, name: &str) -> Vec<console::RecordLine> {
    let (mut all, mut from) = (Vec::new(), Some(Serial::FIRST));
    while let Some(at) = from {
        let items = town.ask(0, vec![console::get_records(&key(name), at)]);
        let page = console::read_records(&key(name), at, &items).unwrap();
        all.extend(page.records);
        from = page.next;
    }
    all
}

/// The whole story: a server reads the inventory, makes a group, and has a job done by it. One device refuses the
/// gateway, one is switched off, one misses the first notification.
#[test]
fn gwmo_fora_001_and_002_the_whole_story() {
    let encodings = [
        dm_syncml::Encoding::Wbxml,
        #[cfg(feature = "xml")]
        dm_syncml::Encoding::Xml,
    ];
    for (seed, encoding) in (1..).zip(encodings) {
        let mut town = Town::with_devices(seed, 6);
        town.run();
        town.encoding = encoding;
        let other = Acl::parse("Get=*&Replace=someone.else&Exec=someone.else").unwrap();
        town.device(2).tree.set_acl("./Vendor", other).unwrap();
        town.device(3).off = true;
        town.device(4).deaf = 1;

        let items = town.ask(0, vec![console::get_summary(), console::get_devices(Serial::FIRST)]);
        let summary = console::read_summary(&items).unwrap();
        assert_eq!((summary.total, summary.attached, summary.detached), (6, 6, 0));
        let page = console::read_devices(Serial::FIRST, &items).unwrap();
        assert_eq!(page.devices.len(), 6);
        assert_eq!((page.devices[3].serial, &page.devices[3].id), (serial(4), &device_id(4)));

        let five: Vec<_> = page.devices[..5].iter().map(|device| device.id.clone()).collect();
        town.ask(0, console::create_group(&group("lamps"), &five));
        launch(&mut town, job("J7", "lamps").with_policy(Policy::default().with_retries(1)), "J7");
        assert_eq!(status(&mut town, "J7").state, JobState::Running);
        town.run();

        let done = status(&mut town, "J7");
        assert_eq!((done.state, done.result), (JobState::Completed, Some(ResultCode::NOT_ALL_OK)));
        let c = done.counters;
        assert_eq!((c.total, c.ok, c.refused, c.unreachable), (5, 3, 1, 1));

        let outcomes: Vec<_> = records(&mut town, "J7")
            .into_iter()
            .map(|r| (r.serial.get(), r.state, r.code.unwrap().get(), r.tries))
            .collect();
        use TargetState::{Ok, Refused, Unreachable};
        let expected = [
            (1, Ok, 200, 1),
            (2, Refused, 425, 1),
            (3, Unreachable, 1409, 2),
            (4, Ok, 200, 2),
            (5, Ok, 200, 1),
        ];
        assert_eq!(outcomes, expected);

        let items = town.ask(0, vec![console::get_outcomes(&key("J7"))]);
        let sum = console::read_outcomes(&key("J7"), &items).unwrap();
        assert!(!sum.is_cut);
        assert_eq!((sum.buckets[0].state, sum.buckets[0].count), (Ok, 3));
        let serials: Vec<_> = sum.buckets[0].serials.iter().map(ToString::to_string).collect();
        assert_eq!(serials, ["1", "4-5"]);

        let answers = town.manage(0, vec![console::get_answers(&key("J7"), serial(1), 3)]);
        let ops = console::read_answers(&key("J7"), serial(1), 3, &answers[0].clone().into_items()).unwrap();
        assert_eq!(ops.iter().map(|op| op.status.unwrap().get()).collect::<Vec<_>>(), [200, 200, 200]);
        assert_eq!(ops[1].data.as_deref(), Some(&b"7.1"[..]));
        assert_eq!(ops[0].data, None);

        // What happened on the devices.
        for (number, level, runs) in
            [(1, "5", "1"), (2, "1", "0"), (3, "1", "0"), (4, "5", "1"), (5, "5", "1"), (6, "1", "0")]
        {
            let device = town.device(number);
            assert_eq!(
                (device.read("./Vendor/Level"), device.read("./Vendor/Lamp/Runs")),
                (level.into(), runs.into())
            );
            assert_eq!(device.refused_notifications, 0);
        }
        assert_eq!(town.device(6).notified, 0);

        // And the server was told, with its correlator.
        let told = town.alerts(0).into_iter().filter_map(|alert| match alert {
            console::GatewayAlert::JobEnded { key, result, correlator, .. } => {
                Some((key, result, correlator))
            }
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [(key("J7"), ResultCode::NOT_ALL_OK, Some("c-J7".into()))]);
        assert!(town.errors.is_empty(), "{:?}", town.errors);

        town.ask(0, vec![console::delete_job(&key("J7")), console::delete_group(&group("lamps"))]);
        assert_eq!(town.gateway.fanout().jobs().len(), 0);
    }
}

/// The same over a network that loses, repeats and delays: nothing runs twice, and counters still add up.
#[test]
fn gwmo_fora_001_over_a_bad_network() {
    for seed in 0..20 {
        let mut town = Town::with_devices(seed, 12);
        let bad = Link::new()
            .with_loss(0.15)
            .with_duplication(0.15)
            .with_delay(Duration::from_millis(20)..=Duration::from_millis(3000));
        for number in 1..=12 {
            town.network.set_links(Place::Gateway, Place::Device(number), bad.clone());
        }
        let policy = Policy::default().with_retries(3).with_window(5).with_t_session(2 * MINUTE);
        launch(&mut town, job("J", "*").with_policy(policy), "J");
        town.run();
        let done = status(&mut town, "J");
        assert!(done.state.is_over(), "seed {seed}: {done:?}");
        assert_eq!(done.counters.total, 12);
        assert!(done.counters.ok >= 8, "seed {seed}: {:?}", done.counters);
        for record in records(&mut town, "J") {
            let device = town.device(record.serial.get());
            let (level, runs) = (device.read("./Vendor/Level"), device.read("./Vendor/Lamp/Runs"));
            match record.state {
                TargetState::Ok => assert_eq!((level.as_str(), runs.as_str()), ("5", "1"), "seed {seed}"),
                TargetState::Unreachable => assert_eq!(runs, "0", "seed {seed}"),
                _ => assert!(runs == "0" || runs == "1", "seed {seed}: {record:?}"),
            }
        }
    }
}

#[test]
fn gwmo_di_001_one_device() {
    let mut town = Town::with_devices(1, 2);
    town.call_home(2);
    town.run();
    let node = |leaf: &str| format!("./GwMO/Inventory/Devices/2/{leaf}");
    let leaves = ["DevID", "AttachStatus", "Epoch", "Mode", "Addr/Local", "Info/Man", "Info/Mod"];
    let items = town.ask(0, leaves.iter().map(|leaf| get(&node(leaf))).collect());
    let texts: Vec<_> = items.iter().map(|item| item.data.as_ref().unwrap().as_text().unwrap()).collect();
    assert_eq!(texts, ["IMEI:000000000000002", "1", "1", "2", "10.0.0.2", "Example", "EX-2"]);

    let items = town.ask(0, vec![get("./GwMO/Inventory/Devices/2"), get("./GwMO/Inventory/Devices")]);
    let texts: Vec<_> = items.iter().map(|item| item.data.as_ref().unwrap().as_text().unwrap()).collect();
    assert_eq!(texts, ["DevID/AttachStatus/Epoch/Mode/Addr/Info/Mgmt", "1/2"]);
    assert_eq!(town.codes(0, vec![get(&node("Addr/Public")), get("./GwMO/Inventory/Devices/3")]), [404, 404]);
    assert_eq!(
        town.codes(0, vec![console::delete_job(&key("none")), replace(&node("DevID"), "1")]),
        [404, 405]
    );
}

#[test]
fn gwmo_di_002_summary_and_pages_of_many() {
    let limits = gwmo_model::ObjectLimits::default().with_max_page(2000);
    let mut town = Town::new(1, Town::config().with_objects(limits));
    for number in 1..=500 {
        town.gateway.handle_device_registered(town.now(), device_id(number), town::account(number)).unwrap();
    }
    let now = town.now();
    town.gateway.handle_device_seen(now, &device_id(500), &gwmo_model::Sighting::new(3)).unwrap();
    town.gateway.handle_device_forgotten(now, &device_id(250)).unwrap();
    town.drain_gateway();

    let items = town.ask(0, vec![console::get_summary()]);
    let summary = console::read_summary(&items).unwrap();
    assert_eq!((summary.total, summary.attached, summary.detached), (499, 1, 498));

    let (mut all, mut from, mut pages) = (Vec::new(), Some(Serial::FIRST), 0);
    while let Some(at) = from {
        let items = town.ask(0, vec![console::get_devices(at)]);
        let page = console::read_devices(at, &items).unwrap();
        all.extend(page.devices);
        from = page.next;
        pages += 1;
    }
    assert!(pages > 5, "{pages}");
    let serials: Vec<_> = all.iter().map(|device| device.serial.get()).collect();
    assert_eq!(serials, (1..=500).filter(|number| *number != 250).collect::<Vec<_>>());
    let attached: Vec<_> = all.iter().filter(|device| device.status == AttachStatus::Attached).collect();
    assert_eq!((attached.len(), attached[0].serial.get()), (1, 500));
}

#[test]
fn gwmo_di_003_a_session_shows_that_a_device_is_there() {
    let mut town = Town::with_devices(1, 1);
    let now = town.now();
    town.gateway.handle_device_gone(now, &device_id(1), 1, DetachReason::Left).unwrap();
    town.drain_gateway();
    let record = |town: &Town| town.gateway.inventory().record(serial(1)).unwrap().status();
    assert_eq!(record(&town), AttachStatus::Detached);
    town.call_home(1);
    town.run();
    assert_eq!(record(&town), AttachStatus::Attached);

    // Who moved away in a later epoch stays away.
    town.gateway.handle_device_gone(town.now(), &device_id(1), 2, DetachReason::Moved).unwrap();
    town.drain_gateway();
    town.call_home(1);
    town.run();
    assert_eq!(record(&town), AttachStatus::Detached);
}

#[test]
fn gwmo_di_004_and_005_alerts_and_their_switches() {
    let mut town = Town::with_devices(1, 1);
    town.run();
    // Both servers heard of the new device, once.
    for server in [0, 1] {
        let heard = town.alerts(server);
        assert!(
            matches!(&heard[..], [console::GatewayAlert::DeviceAttached { id, first: true, .. }] if *id == device_id(1)),
            "{heard:?}"
        );
    }
    // One does not want to any more, the other wants to hear of everything.
    let quiet = Subscription::default().with_attached(false);
    let loud = Subscription::default().with_each_time(true).with_detached(true);
    town.ask(0, vec![console::set_alerts(&server_id("dms.a"), quiet)]);
    town.ask(1, vec![console::set_alerts(&server_id("dms.b"), loud)]);
    assert_eq!(town.codes(0, vec![console::set_alerts(&server_id("dms.b"), quiet)]), [425]);
    town.servers.iter_mut().for_each(|server| server.alerts.clear());

    town.add_device(2);
    town.drain_gateway();
    town.run();
    town.gateway.handle_device_gone(town.now(), &device_id(2), 1, DetachReason::Left).unwrap();
    town.drain_gateway();
    town.run();
    assert!(town.alerts(0).is_empty());
    let heard = town.alerts(1);
    assert!(
        matches!(
            &heard[..],
            [
                console::GatewayAlert::DeviceAttached { .. },
                console::GatewayAlert::DeviceDetached { reason: DetachReason::Left, .. }
            ]
        ),
        "{heard:?}"
    );
    // What is switched is there to be read.
    let items = town.ask(1, vec![get("./GwMO/Inventory/Alerts/dms.b/Detached")]);
    assert_eq!(items[0].data.as_ref().unwrap().as_text(), Some("true"));
}

#[test]
fn gwmo_group_001_groups_of_any_size() {
    let mut town = Town::with_devices(1, 3);
    let ids: Vec<_> = (1..=2000).map(device_id).collect();
    // As a list while it is short, else member by member, always in commands that fit a message.
    town.ask(0, console::create_group(&group("all"), &ids));
    town.ask(0, console::create_group(&group("few"), &ids[..2]));
    let node = |name: &str| get(&format!("./GwMO/Groups/{name}"));
    let items = town.ask(
        0,
        vec![
            node("all/Count"),
            node("few/Count"),
            node("few/List"),
            node("few/Members/2"),
            node("few/Members"),
        ],
    );
    let texts: Vec<_> = items.iter().map(|item| item.data.as_ref().unwrap().as_text().unwrap()).collect();
    let list = format!("{}\n{}\n", ids[0], ids[1]);
    assert_eq!(texts, ["2000", "2", &list, ids[1].as_str(), "1/2"]);
    assert_eq!(town.codes(0, vec![node("all/List")]), [413], "too long for one piece");

    // Membership changes, and the group of everybody cannot.
    town.ask(0, vec![console::set_members(&group("few"), &ids[1..4])]);
    let commands = [
        console::create_group(&group("*"), &[]),
        console::create_group(&group("few"), &[]),
        console::add_members(&group("few"), 9, &ids[1..2]),
    ];
    assert_eq!(town.codes(0, commands.concat()), [405, 418, 418]);
    let delete = dm_syncml::Delete::new(id(), vec![Item::to(uri("./GwMO/Groups/few/Members/1"))]);
    town.ask(0, vec![delete.into()]);
    assert_eq!(town.gateway.groups().group(&group("few")).unwrap().listed().len(), 2);

    // Another server's group is neither to be read, nor changed, nor addressed.
    assert_eq!(town.codes(1, vec![node("few/Count"), console::delete_group(&group("few"))]), [425, 425]);
    let mut commands = job("B1", "few").into_commands();
    commands.push(console::start_job(&key("B1"), None));
    assert_eq!(town.codes(1, commands).last(), Some(&425));
}

#[test]
fn gwmo_secarize_001_rights_are_checked_at_dispatch() {
    let mut town = Town::with_devices(1, 3);
    for number in 1..=3 {
        let slow = Link::new().with_delay(Duration::from_secs(2)..=Duration::from_secs(2));
        town.network.set_links(Place::Gateway, Place::Device(number), slow);
    }
    // Server B may only read device 2, and loses device 3 while the job waits for it.
    let acl = |text: &str| Acl::parse(text).unwrap();
    town.gateway
        .tree_mut()
        .set_acl("./GwMO/Inventory/Devices/2", acl("Get=*&Replace=dms.a&Exec=dms.a"))
        .unwrap();
    let mut commands = job("B", "*").with_policy(Policy::default().with_window(1)).into_commands();
    commands.push(console::start_job(&key("B"), None));
    assert!(town.codes(1, commands).iter().all(|code| (200..300).contains(code)));
    town.ask(0, vec![console::set_device_acl(serial(3), &acl("Get=*&Replace=dms.a&Exec=dms.a"))]);
    town.run();
    let items = town.ask(1, vec![console::get_job(&key("B"))]);
    let counters = console::read_job(&key("B"), &items).unwrap().counters;
    assert_eq!((counters.ok, counters.skipped), (1, 2));
    assert_eq!(
        [1, 2, 3].map(|number| town.device(number).notified),
        [1, 0, 0],
        "nobody was notified in vain"
    );
    let items = town.ask(1, vec![console::get_records(&key("B"), serial(2))]);
    let page = console::read_records(&key("B"), serial(2), &items).unwrap();
    assert_eq!(page.records[0].code.unwrap().get(), 425);

    // Reading is allowed.
    let mut commands = console::JobRequest::new(key("R"))
        .with_device(device_id(2))
        .with_command(get("./Vendor/SwV"))
        .into_commands();
    commands.push(console::start_job(&key("R"), None));
    town.ask(1, commands);
    town.run();
    let items = town.ask(1, vec![console::get_job(&key("R"))]);
    assert_eq!(console::read_job(&key("R"), &items).unwrap().counters.ok, 1);
}

#[test]
fn rights_that_go_in_the_middle_hold_at_delivery() {
    let mut town = Town::with_devices(1, 1);
    town.network.set_links(Place::Gateway, Place::Device(1), Link::new().with_delay(MINUTE / 6..=MINUTE / 6));
    launch(&mut town, job("J", "*"), "J");
    assert_eq!(town.gateway.fanout().in_flight(), 1, "notified");
    town.gateway.handle_server_removed(town.now(), &server_id("dms.a"));
    town.calls_back = false;
    town.run();
    let job = town.gateway.fanout().jobs().next().unwrap();
    assert_eq!((job.counters().skipped, job.state()), (1, JobState::Completed));
    assert_eq!(town.device(1).read("./Vendor/Level"), "1");
    // What it left is for nobody.
    assert_eq!(
        town.codes(1, vec![get("./GwMO/Fanout/Jobs/J/State"), console::delete_job(&key("J"))]),
        [425, 425]
    );
}

#[test]
fn a_device_that_comes_by_itself_is_served_too() {
    let mut town = Town::with_devices(1, 2);
    town.device(1).deaf = 10;
    town.device(2).deaf = 10;
    launch(&mut town, job("J", "*"), "J");
    launch(
        &mut town,
        console::JobRequest::new(key("K")).with_device(device_id(1)).with_command(get("./Vendor/SwV")),
        "K",
    );
    town.run_until(Duration::from_secs(20));
    town.call_home(1);
    town.run();
    // Both jobs in one session.
    assert_eq!(town.device(1).ends.len(), 1);
    assert_eq!(status(&mut town, "K").counters.ok, 1);
    let counters = status(&mut town, "J").counters;
    assert_eq!((counters.ok, counters.unreachable), (1, 1));
}

#[test]
fn start_checks_first_and_freezes() {
    let mut town = Town::with_devices(1, 2);
    let start = |name: &str| console::start_job(&key(name), None);
    let draft = |name: &str| console::JobRequest::new(key(name));
    let run = |town: &mut Town, request: console::JobRequest, name: &str| {
        let mut commands = request.into_commands();
        commands.push(start(name));
        *town.codes(0, commands).last().unwrap()
    };
    assert_eq!(run(&mut town, draft("empty").with_device(device_id(1)), "empty"), 412);
    assert_eq!(run(&mut town, draft("nobody").with_command(get("./A")), "nobody"), 412);
    assert_eq!(run(&mut town, job("group", "unknown"), "group"), 406);
    assert_eq!(
        run(&mut town, draft("device").with_device(device_id(9)).with_command(get("./A")), "device"),
        406
    );
    assert_eq!(status(&mut town, "empty").result, Some(ResultCode::BAD_OPERATION));
    assert_eq!(status(&mut town, "device").result, Some(ResultCode::BAD_TARGET));
    assert_eq!(status(&mut town, "device").state, JobState::Draft);
    assert_eq!(town.gateway.fanout().jobs().len(), 0, "nothing was begun");

    // Adding it twice changes nothing, whoever does it.
    assert_eq!(town.codes(0, vec![draft("empty").into_commands().remove(0)]), [418]);
    assert_eq!(town.codes(1, vec![draft("empty").into_commands().remove(0)]), [418]);

    town.device(1).off = true;
    town.device(2).off = true;
    assert_eq!(run(&mut town, job("J", "*"), "J"), 202);
    assert_eq!(town.codes(0, vec![start("J"), start("none")]), [200, 404]);
    let node = |leaf: &str| format!("./GwMO/Fanout/Jobs/J/{leaf}");
    let add = |leaf: &str| {
        let item = Item::to(uri(&node(leaf))).with_data(Data::text("x").unwrap());
        Command::from(dm_syncml::Add::new(id(), vec![item]))
    };
    let delete = |leaf: &str| Command::from(dm_syncml::Delete::new(id(), vec![Item::to(uri(&node(leaf)))]));
    let frozen = vec![
        add("Target/Dev/9"),
        add("Ops/9"),
        delete("Ops/1"),
        delete("Target/Group/1"),
        replace(&node("Policy/TNotify"), "9"),
        replace(&node("Ops/1/Cmd"), "9"),
        console::delete_job(&key("J")),
        replace(&node("State"), "9"),
    ];
    assert_eq!(town.codes(0, frozen), [405; 8]);
    assert_eq!(town.codes(0, vec![replace(&node("Policy/Window"), "1")]), [200]);
    // Another server's hands off.
    let foreign = vec![start("J"), console::cancel_job(&key("J")), get(&node("State")), add("Ops/9")];
    assert_eq!(town.codes(1, foreign), [425; 4]);

    assert_eq!(
        town.codes(0, vec![console::cancel_job(&key("J")), console::cancel_job(&key("J"))]),
        [202, 200]
    );
    assert_eq!(status(&mut town, "J").state, JobState::Cancelled);
    assert_eq!(town.codes(0, vec![replace(&node("Policy/Window"), "1")]), [405]);
    town.ask(0, vec![console::delete_job(&key("J"))]);
}

#[cfg(feature = "xml")]
#[test]
fn operations_are_judged_when_they_are_written() {
    let mut town = Town::with_devices(1, 1);
    town.ask(0, console::JobRequest::new(key("J")).into_commands());
    let write = |town: &mut Town, value: &[u8], format: &str| {
        let node = |leaf: &str| uri(&format!("./GwMO/Fanout/Jobs/J/Ops/1{leaf}"));
        let meta = dm_syncml::Meta::new().with_format(dm_syncml::Format::NODE);
        let interior = Item::to(node("")).with_meta(meta);
        let meta = dm_syncml::Meta::new().with_format(dm_syncml::Format::new(format.to_owned()).unwrap());
        let cmd = Item::to(node("/Cmd")).with_meta(meta).with_data(Data::octets(value.to_vec()));
        let now = town.now();
        let add = dm_syncml::Add::new(id(), vec![interior, cmd]).into();
        let done = town.gateway.execute(now, &server_id("dms.a"), &add);
        let codes: Vec<_> = done.items.iter().map(|item| item.code.get()).collect();
        let delete = dm_syncml::Delete::new(id(), vec![Item::to(node(""))]).into();
        let gone = town.gateway.execute(now, &server_id("dms.a"), &delete);
        assert_eq!((codes[0], gone.items[0].code.get()), (200, 200));
        codes[1]
    };
    let command =
        |body: &str| format!("<Get xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID>{body}</Get>").into_bytes();
    let item = "<Item><Target><LocURI>./A</LocURI></Target></Item>";
    assert_eq!(write(&mut town, &command(item), "xml"), 200);
    assert_eq!(write(&mut town, &command(item), "bin"), 200);
    assert_eq!(write(&mut town, b"not a document", "chr"), 415);
    assert_eq!(write(&mut town, b"\x02\xa4\x01\x6a\x00\x6d", "bin"), 400);
    assert_eq!(write(&mut town, &command(&"<Item>".repeat(5000)), "xml"), 413, "deep");
    assert_eq!(write(&mut town, &command(&item.repeat(1_000_000)), "xml"), 413, "long");
    let many = format!(
        "<SyncBody xmlns='SYNCML:SYNCML1.2'>{}</SyncBody>",
        "<Get><CmdID>1</CmdID></Get>".repeat(1000)
    );
    assert_eq!(write(&mut town, many.as_bytes(), "xml"), 400, "many");
    let nested = format!("{}{}", "<Atomic>".repeat(3), "</Atomic>".repeat(3));
    assert_eq!(write(&mut town, nested.as_bytes(), "xml"), 415);
    for size in 0..64 {
        assert_ne!(write(&mut town, &vec![0x02; size], "bin"), 200);
    }
}

/// Who claims to be a device without proving it gets what any stranger gets, and disturbs nobody.
#[test]
fn a_claim_does_not_disturb_a_session() {
    let mut town = Town::with_devices(1, 1);
    town.network.set_links(
        Place::Gateway,
        Place::Device(1),
        Link::new().with_delay(MINUTE / 60..=MINUTE / 60),
    );
    launch(&mut town, job("J", "*"), "J");
    // Until the session has proved itself.
    while town.gateway.proven_sessions() == 0 {
        assert!(town.step());
    }
    let before = town.gateway.proven_sessions();
    for session in ["1", "2", "9", "8001"] {
        let replies = claim(&mut town, device_id(1).as_str(), session);
        let stranger = claim(&mut town, "IMEI:999999999999999", session);
        let shape = |reply: &dm_syncml::Message<'static>| {
            reply.body.commands.iter().map(|command| command.name()).collect::<Vec<_>>()
        };
        assert_eq!(shape(&replies), shape(&stranger), "they look alike");
    }
    assert_eq!((town.gateway.proven_sessions(), town.gateway.unproven_sessions()), (before, 8));
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 1);
    assert_eq!(town.device(1).read("./Vendor/Lamp/Runs"), "1");
}

/// Sends a first message without credentials, and returns the answer.
fn claim(town: &mut Town, peer: &str, session: &str) -> dm_syncml::Message<'static> {
    use dm_syncml::session::{ClientConfig, ClientOutput, ClientSession, Incoming, Initiation};
    let initiation = Initiation::Client(dm_syncml::SessionId::new(session.to_owned()).unwrap());
    let config = ClientConfig::new(uri(peer), uri(town::GATEWAY_URL));
    let mut session = ClientSession::new(town.now(), config, initiation, Vec::new());
    let ClientOutput::Send(_, message) = session.poll_output() else { panic!("a client begins") };
    let incoming =
        Incoming::decode(dm_syncml::Encoding::Wbxml, &message.body, &dm_syncml::DecodeOptions::new())
            .unwrap();
    let now = town.now();
    town.gateway.handle_device_message(now, 77_000, &incoming, [7; 16]).unwrap();
    let mut reply = None;
    loop {
        match town.gateway.poll_output() {
            gwmo_model::GatewayOutput::Reply { exchange: 77_000, message } => reply = Some(message.body),
            gwmo_model::GatewayOutput::Wait(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let reply = reply.expect("strangers are answered");
    let options = dm_syncml::DecodeOptions::new();
    dm_syncml::Message::decode(dm_syncml::Encoding::Wbxml, &reply, &options).unwrap().into_owned()
}

#[test]
fn strangers_are_bounded() {
    let limits = gwmo_model::SessionLimits::default().with_max_unproven(10);
    let mut town = Town::new(1, Town::config().with_sessions(limits));
    town.add_device(1);
    town.drain_gateway();
    for number in 0..100 {
        claim(&mut town, &format!("stranger:{number}"), "1");
    }
    assert_eq!(town.gateway.unproven_sessions(), 10);
    town.call_home(1);
    town.run();
    assert_eq!(town.device(1).ends, [dm_syncml::session::ClientEnd::Completed]);
    assert_eq!((town.gateway.proven_sessions(), town.gateway.unproven_sessions()), (0, 0), "all timed out");
    let problems =
        town.events.iter().filter(|event| matches!(event, GatewayEvent::SessionFailed { .. })).count();
    assert_eq!(problems, 9, "those that were not given up for others");
}

/// A device that restarts begins a new session; the old one is given up when the new one has proved itself.
#[test]
fn a_new_session_takes_the_place_of_the_old_one() {
    let mut town = Town::with_devices(1, 1);
    let policy = Policy::default().with_retries(1).with_t_session(5 * MINUTE);
    // The device falls silent while an Exec is under way: what it answers is lost, and it starts over.
    launch(&mut town, job("J", "*").with_policy(policy), "J");
    while town.device(1).read("./Vendor/Lamp/Runs") == "0" {
        assert!(town.step());
    }
    town.network.isolate(Place::Device(1));
    town.run_until(Duration::from_secs(30));
    town.network.rejoin(Place::Device(1));
    town.call_home(1);
    town.run();
    let done = status(&mut town, "J").counters;
    assert_eq!((done.indeterminate, done.total), (1, 1), "nobody knows, and nothing ran twice");
    assert_eq!(town.device(1).read("./Vendor/Lamp/Runs"), "1");
}

#[test]
fn what_a_device_tells_comes_out() {
    let mut town = Town::with_devices(1, 1);
    town.run();
    launch(&mut town, job("J", "*"), "J");
    town.run();
    assert!(town.nonces >= 2, "both nonces were stored: {}", town.nonces);
    let attached = |event: &&GatewayEvent| matches!(event, GatewayEvent::DeviceAttached { first: true, .. });
    assert_eq!(town.events.iter().filter(attached).count(), 1);
    assert_eq!(town.device(1).ends, [dm_syncml::session::ClientEnd::Completed]);
    // The nonces hold: the next session needs no challenge, and a notification can be verified.
    let sent = town.network.link_counts(Place::Device(1), Place::Gateway).sent;
    town.call_home(1);
    town.run();
    let more = town.network.link_counts(Place::Device(1), Place::Gateway).sent - sent;
    assert_eq!(more, 1, "one message, answered with nothing to do");
}

/// Devices that take small messages get operations in several, and what is larger than the objects they take is said to be.
#[test]
fn operations_go_out_as_the_device_can_take_them() {
    let mut town = Town::with_devices(1, 2);
    for number in [1, 2] {
        town.device(number).max_msg_size = 1200;
    }
    town.device(2).max_obj_size = 1500;
    let text = |size: usize| {
        let meta = dm_syncml::Meta::new().with_format(dm_syncml::Format::CHR);
        let data = Data::text("x".repeat(size)).unwrap();
        Command::from(Replace::new(id(), vec![Item::to(uri("./Vendor/SwV")).with_meta(meta).with_data(data)]))
    };
    let request = |name: &str, number| console::JobRequest::new(key(name)).with_device(device_id(number));
    // The largest fits no message and goes out in chunks.
    let many = [500, 501, 502, 1503]
        .map(text)
        .into_iter()
        .fold(request("many", 1), console::JobRequest::with_command);
    launch(&mut town, many.with_command(exec("./Vendor/Lamp/Run")), "many");
    let large = request("large", 2)
        .with_command(text(10))
        .with_command(text(2000))
        .with_command(exec("./Vendor/Lamp/Run"));
    launch(&mut town, large, "large");
    town.run();
    assert_eq!(status(&mut town, "many").counters.ok, 1);
    assert_eq!(town.device(1).read("./Vendor/SwV").len(), 1503);
    assert_eq!(status(&mut town, "large").counters.failed, 1);
    assert_eq!(records(&mut town, "large")[0].code.unwrap().get(), 413);
    assert_eq!([1, 2].map(|number| town.device(number).read("./Vendor/Lamp/Runs")), ["1", "1"]);

    // A device that goes before its turn comes did not run what it was never sent: no doubt about the Exec.
    let many =
        [500, 501, 502, 503].map(text).into_iter().fold(request("cut", 1), console::JobRequest::with_command);
    let policy = Policy::default().with_t_session(10 * MINUTE);
    town.network.set_links(
        Place::Gateway,
        Place::Device(1),
        Link::new().with_delay(MINUTE / 60..=MINUTE / 60),
    );
    launch(&mut town, many.with_command(exec("./Vendor/Lamp/Run")).with_policy(policy), "cut");
    while town.device(1).read("./Vendor/SwV").len() != 501 {
        assert!(town.step());
    }
    town.network.isolate(Place::Device(1));
    town.run();
    let counters = status(&mut town, "cut").counters;
    assert_eq!((counters.timed_out, counters.indeterminate), (1, 0), "{counters:?}");
}

#[test]
fn an_answer_waits_for_its_record() {
    let mut town = Town::with_devices(1, 2);
    town.run();
    town.stores_later = true;
    for number in [1, 2] {
        town.call_home(number);
    }
    town.run_until(Duration::from_secs(5));
    let answers = |town: &Town| town.network.link_counts(Place::Gateway, Place::Device(1)).sent;
    assert_eq!((town.nonces, answers(&town)), (2, 1), "the challenge went out, nothing after it");
    // It is asked again meanwhile, and there is still no answer.
    town.run_until(Duration::from_secs(12));
    assert_eq!(answers(&town), 1);
    assert!(town.errors.iter().all(|error| error.contains("no message is waited for")), "{:?}", town.errors);
    town.store();
    assert_eq!(answers(&town), 2);
    town.run();
    assert_eq!(town.device(1).ends, [dm_syncml::session::ClientEnd::Completed]);

    // A device that starts over while its answer waits has no use for it any more. The nonce it shows is not the
    // one that was made for it and never told, so it is challenged once more.
    town.call_home(1);
    town.run_until(Duration::from_secs(400));
    town.call_home(1);
    town.run_until(Duration::from_secs(401));
    assert_eq!(town.unanswered, 1);
    town.stores_later = false;
    town.store();
    town.run();
    assert_eq!(town.gateway.proven_sessions(), 0);
}

#[test]
fn the_least_active_session_makes_way() {
    let limits = gwmo_model::SessionLimits::default().with_max_proven(3);
    let mut town = Town::new(1, Town::config().with_sessions(limits));
    for number in 1..=6 {
        town.add_device(number);
    }
    town.drain_gateway();
    for number in 1..=6 {
        town.call_home(number);
        town.run_until(Duration::from_secs(number.into()));
        assert!(town.gateway.proven_sessions() <= 3);
    }
    town.run();
    for number in 1..=6 {
        assert_eq!(town.device(number).ends, [dm_syncml::session::ClientEnd::Completed]);
    }
}

#[test]
fn a_forgotten_device_is_a_stranger() {
    let mut town = Town::with_devices(1, 2);
    let acl = Acl::parse("Get=dms.b").unwrap();
    town.ask(0, vec![console::set_device_acl(serial(1), &acl)]);
    let acls = |town: &Town| {
        let mount = town.gateway.tree().node("./GwMO/Inventory").unwrap().mount().unwrap();
        town.gateway.tree().mounted_acls(mount).count()
    };
    let before = acls(&town);
    town.network.set_links(
        Place::Gateway,
        Place::Device(1),
        Link::new().with_delay(MINUTE / 60..=MINUTE / 60),
    );
    town.call_home(1);
    while town.gateway.proven_sessions() == 0 {
        assert!(town.step());
    }
    town.gateway.handle_device_forgotten(town.now(), &device_id(1)).unwrap();
    assert_eq!((acls(&town), town.gateway.proven_sessions()), (before - 1, 0));
    town.run();
    town.call_home(1);
    town.run();
    assert_eq!(town.device(1).ends.last(), Some(&dm_syncml::session::ClientEnd::DeviceRefused));
    assert!(town.gateway.handle_device_forgotten(town.now(), &device_id(1)).is_err());
    assert_eq!(town.codes(1, vec![get("./GwMO/Inventory/Devices/1")]), [404]);
}

#[test]
fn unknown_servers_see_nothing() {
    let mut town = Town::with_devices(1, 1);
    let (now, stranger) = (town.now(), server_id("dms.c"));
    for command in
        [console::get_summary(), get("./GwMO"), get("./GwMO/Groups"), console::start_job(&key("J"), None)]
    {
        let done = town.gateway.execute(now, &stranger, &command);
        let refused = |code: u16| code == 425 || code == 404;
        assert!(
            done.items.iter().all(|item| refused(item.code.get()) && item.results.is_empty()),
            "{done:?}"
        );
    }
    let add = console::JobRequest::new(key("J")).into_commands().remove(0);
    assert_eq!(town.gateway.execute(now, &stranger, &add).items[0].code.get(), 425);
    assert!(town.gateway.handle_upstream_opened(now, &stranger).is_empty());
}

/// A gateway of a building: everybody at once, and nobody is walked over for anybody else.
#[test]
fn two_thousand_devices() {
    let mut town = Town::new(1, Town::config());
    for number in 1..=2000 {
        town.add_device(number);
    }
    town.calls_back = false;
    town.drain_gateway();
    let request = console::JobRequest::new(key("J"))
        .with_group(group("*"))
        .with_command(replace("./Vendor/Level", "5"));
    launch(&mut town, request.with_policy(Policy::default().with_window(64)), "J");
    while town.gateway.fanout().jobs().any(|job| !job.state().is_over()) {
        assert!(town.step());
    }
    let items = town.ask(0, vec![console::get_outcomes(&key("J")), console::get_job(&key("J"))]);
    let sum = console::read_outcomes(&key("J"), &items).unwrap();
    assert_eq!((sum.buckets.len(), sum.buckets[0].count), (1, 2000));
    assert_eq!(sum.buckets[0].serials.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1-2000"]);
    assert_eq!(console::read_job(&key("J"), &items).unwrap().result, Some(ResultCode::ALL_OK));
    assert_eq!(records(&mut town, "J").len(), 2000);
}

#[test]
fn a_gateway_can_live_in_any_store() {
    fn movable<T: Send + 'static>() {}
    movable::<gwmo_model::Gateway>();
    assert!(format!("{:?}", Town::with_devices(1, 2).gateway).contains("total: 2"));
}

/// A server's Atomic reaches the gateway's own tree as one: all of it or nothing. The objects of `./GwMO` take nothing back, and say so.
#[test]
fn an_atomic_of_a_server_is_all_or_nothing() {
    let atomic = |members| -> Command<'static> { dm_syncml::Atomic::new(id(), members).into() };
    let add = |target: &str| -> Command<'static> {
        dm_syncml::Add::new(id(), vec![Item::to(uri(target)).with_data(Data::text("1").unwrap())]).into()
    };
    let mut town = Town::with_devices(1, 1);
    let acl = Acl::parse("Get=*&Add=*&Replace=*&Delete=*").unwrap();
    town.gateway.tree_mut().set_acl(".", acl).unwrap();
    for (members, codes, stays) in [
        (vec![add("./A"), add("./B")], vec![200, 200, 200], true),
        (vec![add("./C"), replace("./None", "1")], vec![507, 216, 404], false),
        (vec![add("./D"), replace("./GwMO/Fanout/Jobs/J/Policy/Window", "1")], vec![507, 216], false),
    ] {
        let first = members[0].items()[0].target_uri().unwrap().to_string();
        let answers = town.manage(0, vec![atomic(members)]);
        let got: Vec<_> = answers[0].statuses.iter().map(|status| status.code.get()).collect();
        assert_eq!(got[..codes.len()], codes);
        assert_eq!(town.gateway.tree().node(&first).is_some(), stays, "{first}");
    }
}

/// While one server's Atomic is open nothing else is executed, and a session that dies in it leaves nothing behind.
#[test]
fn an_atomic_whose_session_dies_is_rolled_back() {
    use dm_syncml::session::AtomicStep;
    let mut town = Town::with_devices(1, 1);
    let acl = Acl::parse("Get=*&Add=*&Replace=*&Delete=*").unwrap();
    town.gateway.tree_mut().set_acl(".", acl).unwrap();
    let (now, one, other) = (town.now(), server_id("dms.a"), server_id("dms.b"));
    let add: Command<'static> =
        dm_syncml::Add::new(id(), vec![Item::to(uri("./A")).with_data(Data::text("1").unwrap())]).into();
    let code = |outcome: dm_syncml::session::Outcome| outcome.items[0].code.get();
    let gateway = &mut town.gateway;
    assert_eq!(code(gateway.handle_atomic(now, &one, AtomicStep::Begin(1))), 200);
    assert_eq!(code(gateway.execute(now, &one, &add)), 200);
    assert_eq!(code(gateway.execute(now, &other, &add)), 417);
    assert_eq!(code(gateway.handle_atomic(now, &other, AtomicStep::Begin(1))), 417);
    assert_eq!(code(gateway.handle_atomic(now, &other, AtomicStep::Commit)), 216);
    gateway.handle_upstream_closed(now, &other);
    assert!(gateway.tree().node("./A").is_some());
    gateway.handle_upstream_closed(now, &one);
    assert!(gateway.tree().node("./A").is_none());
    assert_eq!(code(gateway.handle_atomic(now, &one, AtomicStep::Commit)), 216, "it is too late");
    assert_eq!(code(gateway.execute(now, &other, &add)), 200);
}

/// Who guesses at a device's password gets no more challenges, and the device itself notices nothing.
#[test]
fn who_guesses_is_locked_out_and_the_device_is_not() {
    use dm_syncml::auth::{Credentials, Password};
    use dm_syncml::session::{ClientConfig, ClientEnd, ClientOutput, ClientSession, Incoming, Initiation};
    use dm_syncml::{DecodeOptions, SessionId};
    let mut town = Town::with_devices(1, 1);
    let now = town.now();
    // The end, and how many messages it took: without a challenge there is no second attempt.
    let mut entropy = 0;
    let mut open = |gateway: &mut gwmo_model::Gateway,
                    origin: &str,
                    number: u32,
                    credentials: Credentials| {
        let server = Credentials::new(town::GATEWAY, Password::new(town::gateway_password(1)));
        let config = ClientConfig::new(uri(device_id(1).as_str()), uri("http://gw.example/dm"))
            .with_encoding(dm_syncml::Encoding::Wbxml)
            .with_md5(credentials, server);
        let initiation = Initiation::Client(SessionId::new(format!("{number:X}")).unwrap());
        let mut client = ClientSession::new(now, config, initiation, Vec::new());
        let mut messages = 0;
        loop {
            match client.poll_output() {
                ClientOutput::Send(_, message) => {
                    messages += 1;
                    entropy += 1;
                    let incoming = Incoming::decode(message.encoding, &message.body, &DecodeOptions::new());
                    let incoming = incoming.unwrap().with_origin(Some(origin));
                    gateway.handle_device_message(now, 1, &incoming, [entropy; 16]).unwrap();
                    let mut answer = None;
                    loop {
                        match gateway.poll_output() {
                            gwmo_model::GatewayOutput::Reply { message, .. } => answer = Some(message),
                            gwmo_model::GatewayOutput::Persist(seq, _) => gateway.handle_persisted(now, seq),
                            gwmo_model::GatewayOutput::Wait(_) => break,
                            _ => {}
                        }
                    }
                    let answer = answer.unwrap();
                    let answer =
                        Incoming::decode(answer.encoding, &answer.body, &DecodeOptions::new()).unwrap();
                    client.handle_message(now, &answer, [entropy; 16]).unwrap();
                }
                ClientOutput::Persist(seq, _) => client.handle_persisted(now, seq),
                ClientOutput::Closed(end) => return (end, messages),
                ClientOutput::Wait(_) => panic!("the session stops"),
                _ => {}
            }
        }
    };
    let mut challenged = 0;
    for guess in 1..=20 {
        let wrong = Credentials::new("device-1", Password::new(format!("guess {guess}")));
        let (end, messages) = open(&mut town.gateway, "203.0.113.9", guess, wrong);
        assert_eq!(end, ClientEnd::DeviceRefused);
        challenged += messages - 1;
    }
    assert!((3..=6).contains(&challenged), "{challenged} challenges");
    let right = || town::device_credentials(1);
    let (end, messages) = open(&mut town.gateway, "192.0.2.1", 30, right());
    assert_eq!(
        (end, messages > 1),
        (ClientEnd::Completed, true),
        "from elsewhere the device is challenged as ever"
    );
}

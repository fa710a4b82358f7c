//! Jobs from a server to the devices and back.

use std::time::Duration;

use dm_sim::Link;
use dm_syncml::{Command, Data, Item, Replace};
use dm_tree::Acl;
use gwmo_model::console::{GatewayAlert, JobRequest};
use gwmo_model::mo::FanoutSlot;
use gwmo_model::{JobState, Policy, ResultCode, Serial, TargetState};

use crate::town::requests::*;
#[cfg(feature = "xml")]
use crate::town::server_id;
use crate::town::{MINUTE, Place, Town, device_id, serial, uri};

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

        let items = town.ask(0, vec![console().get_summary(), console().get_devices(Serial::FIRST)]);
        let summary = console().read_summary(&items).unwrap();
        assert_eq!((summary.total, summary.attached, summary.detached), (6, 6, 0));
        let page = console().read_devices(Serial::FIRST, &items).unwrap();
        assert_eq!(page.devices.len(), 6);
        assert_eq!((page.devices[3].serial, &page.devices[3].id), (serial(4), &device_id(4)));

        let five: Vec<_> = page.devices[..5].iter().map(|device| device.id.clone()).collect();
        town.ask(0, console().create_group(&group("lamps"), &five));
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

        let items = town.ask(0, vec![console().get_outcomes(&key("J7"))]);
        let sum = console().read_outcomes(&key("J7"), &items).unwrap();
        assert!(!sum.is_cut);
        assert_eq!((sum.buckets[0].state, sum.buckets[0].count), (Ok, 3));
        let serials: Vec<_> = sum.buckets[0].serials.iter().map(ToString::to_string).collect();
        assert_eq!(serials, ["1", "4-5"]);

        let items = town.ask(0, vec![console().get_result_page(&key("J7"), 1)]);
        let page = console().read_result_page(&key("J7"), 1, &items).unwrap();
        assert_eq!((page.count(), page.counters.map(|counters| counters.ok)), (5, Some(3)));

        let answers = town.manage(0, vec![console().get_answers(&key("J7"), serial(1), 3)]);
        let ops = console().read_answers(&key("J7"), serial(1), 3, &answers[0].clone().into_items()).unwrap();
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
            GatewayAlert::JobEnded { key, result, correlator, .. } => Some((key, result, correlator)),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [(key("J7"), ResultCode::NOT_ALL_OK, Some("c-J7".into()))]);
        assert!(town.errors.is_empty(), "{:?}", town.errors);

        town.ask(0, vec![console().delete_job(&key("J7")), console().delete_group(&group("lamps"))]);
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
fn a_device_that_comes_by_itself_is_served_too() {
    let mut town = Town::with_devices(1, 2);
    town.device(1).deaf = 10;
    town.device(2).deaf = 10;
    launch(&mut town, job("J", "*"), "J");
    launch(
        &mut town,
        JobRequest::new(key("K")).with_device(device_id(1)).with_command(get("./Vendor/SwV")),
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
    let start = |name: &str| console().start_job(&key(name), None);
    let draft = |name: &str| JobRequest::new(key(name));
    let run = |town: &mut Town, request: JobRequest, name: &str| {
        let mut commands = console().add_job(&request);
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
    assert_eq!(town.codes(0, vec![console().add_job(&draft("empty")).remove(0)]), [418]);
    assert_eq!(town.codes(1, vec![console().add_job(&draft("empty")).remove(0)]), [418]);

    town.device(1).off = true;
    town.device(2).off = true;
    assert_eq!(run(&mut town, job("J", "*"), "J"), 202);
    assert_eq!(town.codes(0, vec![start("J"), start("none")]), [200, 404]);
    let node = |slot: FanoutSlot, name: &str| node(slot, &["J", name]);
    let add = |slot, name: &str| {
        let item = Item::to(uri(&node(slot, name))).with_data(Data::text(name.to_owned()).unwrap());
        Command::from(dm_syncml::Add::new(id(), vec![item]))
    };
    let delete = |slot, name: &str| {
        Command::from(dm_syncml::Delete::new(id(), vec![Item::to(uri(&node(slot, name)))]))
    };
    let frozen = vec![
        add(FanoutSlot::TargetDevice, "9"),
        add(FanoutSlot::Op, "9"),
        delete(FanoutSlot::Op, "1"),
        delete(FanoutSlot::TargetGroup, "*"),
        replace(&node(FanoutSlot::NotifyTime, ""), "9"),
        replace(&node(FanoutSlot::OpCmd, "1"), "9"),
        console().delete_job(&key("J")),
        replace(&node(FanoutSlot::State, ""), "9"),
    ];
    assert_eq!(town.codes(0, frozen), [405; 8]);
    assert_eq!(town.codes(0, vec![console().set_window(&key("J"), 1)]), [200]);
    // Another server's hands off.
    let foreign = vec![
        start("J"),
        console().cancel_job(&key("J")),
        get(&node(FanoutSlot::State, "")),
        add(FanoutSlot::Op, "9"),
    ];
    assert_eq!(town.codes(1, foreign), [425; 4]);

    assert_eq!(
        town.codes(0, vec![console().cancel_job(&key("J")), console().cancel_job(&key("J"))]),
        [202, 200]
    );
    assert_eq!(status(&mut town, "J").state, JobState::Cancelled);
    assert_eq!(town.codes(0, vec![console().set_window(&key("J"), 1)]), [405]);
    town.ask(0, vec![console().delete_job(&key("J"))]);
}

#[cfg(feature = "xml")]
#[test]
fn operations_are_judged_when_they_are_written() {
    let mut town = Town::with_devices(1, 1);
    town.ask(0, console().add_job(&JobRequest::new(key("J"))));
    let write = |town: &mut Town, value: &[u8], format: &str| {
        let node = |slot: FanoutSlot| uri(&node(slot, &["J", "1"]));
        let meta = dm_syncml::Meta::new().with_format(dm_syncml::Format::NODE);
        let interior = Item::to(node(FanoutSlot::Op)).with_meta(meta);
        let meta = dm_syncml::Meta::new().with_format(dm_syncml::Format::new(format.to_owned()).unwrap());
        let cmd = Item::to(node(FanoutSlot::OpCmd)).with_meta(meta).with_data(Data::octets(value.to_vec()));
        let now = town.now();
        let add = dm_syncml::Add::new(id(), vec![interior, cmd]).into();
        let done = town.gateway.execute(now, &server_id("dms.a"), &add);
        let codes: Vec<_> = done.items.iter().map(|item| item.code.get()).collect();
        let delete = dm_syncml::Delete::new(id(), vec![Item::to(node(FanoutSlot::Op))]).into();
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
    let request = |name: &str, number| JobRequest::new(key(name)).with_device(device_id(number));
    // The largest fits no message and goes out in chunks.
    let many = [500, 501, 502, 1503].map(text).into_iter().fold(request("many", 1), JobRequest::with_command);
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
    let many = [500, 501, 502, 503].map(text).into_iter().fold(request("cut", 1), JobRequest::with_command);
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

/// A gateway of a building: everybody at once, and nobody is walked over for anybody else.
#[test]
fn two_thousand_devices() {
    let mut town = Town::new(1, Town::config());
    for number in 1..=2000 {
        town.add_device(number);
    }
    town.calls_back = false;
    town.drain_gateway();
    let request =
        JobRequest::new(key("J")).with_group(group("*")).with_command(replace("./Vendor/Level", "5"));
    launch(&mut town, request.with_policy(Policy::default().with_window(64)), "J");
    while town.gateway.fanout().jobs().any(|job| !job.state().is_over()) {
        assert!(town.step());
    }
    let items = town.ask(0, vec![console().get_outcomes(&key("J")), console().get_job(&key("J"))]);
    let sum = console().read_outcomes(&key("J"), &items).unwrap();
    assert_eq!((sum.buckets.len(), sum.buckets[0].count), (1, 2000));
    assert_eq!(sum.buckets[0].serials.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1-2000"]);
    assert_eq!(console().read_job(&key("J"), &items).unwrap().result, Some(ResultCode::ALL_OK));
    assert_eq!(records(&mut town, "J").len(), 2000);
}

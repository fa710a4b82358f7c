//! Devices in each of the modes behind one gateway.

use std::time::Duration;

use dm_syncml::{Alert, AlertCode, Data, Item, MediaType, Meta};
use dm_tree::Value;
use gwmo_model::console::{JobRequest, OpRequest};
use gwmo_model::{
    AdapterCapabilities, DeviceId, Fact, GatewayOutput, Mode, ModeRule, NativeCommands, NativeOp,
    NativeResult, Sighting, TargetState,
};

use crate::objects::read;
use crate::town::requests::*;
use crate::town::{Place, Town, serial, server_id, uri};
use gwmo_model::mo::InventorySlot;

/// A home with two devices that speak OMA DM and a lamp that does not: one job, one result.
#[test]
fn use_case_b_10_and_gwmo_amode_001_a_mixed_home() {
    let mut town = Town::with_devices(1, 2);
    let lamp = DeviceId::new("zigbee:lamp").unwrap();
    let now = town.now();
    let sighting = Sighting::new(0).with(Fact::Protocol, "zigbee");
    town.gateway.handle_device_seen(now, &lamp, &sighting).unwrap();
    let commands = NativeCommands::GET.with(NativeCommands::REPLACE);
    let lamp = town.gateway.handle_adapter(now, &lamp, AdapterCapabilities::new(commands)).unwrap();
    let mode = |town: &Town, serial| town.gateway.inventory().record(serial).unwrap().mode();
    assert_eq!((mode(&town, serial(1)), mode(&town, lamp)), (Some(Mode::Proxy), Some(Mode::Adaptation)));
    launch(&mut town, job("J", "*"), "J");
    let mut asked = Vec::new();
    while let Some(output) = town.asked.pop() {
        let GatewayOutput::Native { serial, token, op, .. } = output else { panic!("{output:?}") };
        assert_eq!(serial, lamp);
        let result = match &op {
            NativeOp::Get { .. } => NativeResult::Done(Some(Value::chr("7.9"))),
            _ => NativeResult::Done(None),
        };
        asked.push(op);
        let now = town.now();
        town.gateway.handle_native_result(now, token, result);
        town.drain_gateway();
    }
    assert_eq!(asked.len(), 2, "it has no Exec, and is not asked");
    town.run();
    let of_lamp = records(&mut town, "J").into_iter().find(|record| record.serial == lamp).unwrap();
    assert_eq!((of_lamp.state, of_lamp.code.unwrap().get()), (TargetState::Failed, 406));
    let counters = status(&mut town, "J").counters;
    assert_eq!((counters.total, counters.ok, counters.failed), (3, 2, 1));
    let items = town.manage(0, vec![console().get_answers(&key("J"), lamp, 3)]);
    let answers = console().read_answers(&key("J"), lamp, 3, &items[0].clone().into_items()).unwrap();
    let codes: Vec<_> = answers.iter().map(|answer| answer.status.map(|status| status.get())).collect();
    assert_eq!(codes, [Some(200), Some(200), Some(406)]);
    assert_eq!(answers[1].data.as_deref(), Some(&b"7.9"[..]));
    // One document has all three.
    let items = town.ask(0, vec![console().get_result_page(&key("J"), 1)]);
    let page = console().read_result_page(&key("J"), 1, &items).unwrap();
    let counters = page.counters.unwrap();
    assert_eq!((page.count(), counters.ok, counters.failed), (3, 2, 1));
}

/// Execs that are answered 202 and end by an alert, in whatever session (use case B.7).
#[test]
fn use_case_b_7_a_result_that_comes_later_is_waited_for() {
    let mut town = Town::with_devices(1, 3);
    for number in 1..=3 {
        town.device(number).slow.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    let run = OpRequest::new(exec("./Vendor/Lamp/Run")).ending_by("urn:example:done");
    launch(&mut town, JobRequest::new(key("J")).with_group(group("*")).with_operation(run), "J");
    town.run_until(Duration::from_secs(20));
    assert_eq!(status(&mut town, "J").counters.ok, 0);
    done(&mut town, 1, 1, "200");
    // One says it for another, which counts for nothing.
    done(&mut town, 2, 3, "200");
    town.run_until(Duration::from_secs(40));
    let counters = status(&mut town, "J").counters;
    assert_eq!((counters.ok, counters.in_flight + counters.queued), (1, 2));
    done(&mut town, 2, 2, "1499");
    town.run();
    let ended = records(&mut town, "J").iter().map(|record| record.state).collect::<Vec<_>>();
    assert_eq!(ended, [TargetState::Ok, TargetState::Failed, TargetState::TimedOut]);
}

/// A device that knows a server itself is managed transparently when the server wishes it; its notifications go through as
/// they are, once.
#[test]
fn gwmo_moo_001_and_tmode_001_a_push_goes_through_as_it_is() {
    use dm_notification::push::Push;
    use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
    let mut town = Town::with_devices(1, 2);
    town.call_home_with(2, vec![knows("dms.a")]);
    town.run();
    town.ask(0, vec![replace(&node(InventorySlot::ModeReq, &["2"]), "1")]);
    let modes = [1, 2].map(|number| town.gateway.inventory().record(serial(number)).unwrap().mode());
    assert_eq!(modes, [Some(Mode::Proxy), Some(Mode::Transparent)]);

    let server = ServerIdentifier::new("dms.a").unwrap();
    let trigger = Trigger::new(server, SessionId::new(7).unwrap());
    let package_0 =
        Notification::sign(trigger, &Credential::new(server, "the server's own"), b"nonce").to_vec();
    for device in [1, 2, 2] {
        let now = town.now();
        town.gateway.handle_push(now, &Push::decode(&push_to(device, &package_0)).unwrap());
        town.drain_gateway();
    }
    let forwarded = std::mem::take(&mut town.asked);
    let [GatewayOutput::Forward { forward, serial: to, package_0: sent, .. }] = &forwarded[..] else {
        panic!("{forwarded:?}")
    };
    assert_eq!((*to, sent), (serial(2), &package_0));
    let now = town.now();
    town.gateway.handle_forwarded(now, *forward, true);
}

/// A push of a server for a device (Push OTA, `X-Oma-GwMO`).
pub(crate) fn push_to(device: u32, package_0: &[u8]) -> Vec<u8> {
    use dm_notification::push::{HeaderName, PushBuilder, Value as HeaderValue};
    let name = crate::town::device_id(device);
    let header = HeaderValue::Text(name.as_str().as_bytes());
    PushBuilder::dm_notification().with_header(HeaderName::GWMO, header).unwrap().to_vec(package_0)
}

/// What a device says of the servers it knows.
pub(crate) fn knows(servers: &str) -> Alert<'static> {
    let media_type = MediaType::new("urn:oma:at:x-gwmo:BootstrappedDMSList:1.0").unwrap();
    let item = Item::from(uri("./DMAcc")).with_meta(Meta::new().with_media_type(media_type));
    let mut alert = Alert::new(id(), AlertCode::GENERIC_ALERT);
    alert.items.push(item.with_data(Data::text(servers.to_owned()).unwrap()));
    alert
}

/// What a device says when something it took on is done.
pub(crate) fn done(town: &mut Town, number: u32, of: u32, data: &str) {
    let correlator = town.device(of).correlators[0].clone();
    let meta = Meta::new().with_media_type(MediaType::new("urn:example:done").unwrap());
    let item = Item::from(uri("./Vendor/Lamp/Run")).with_meta(meta);
    let item = item.with_data(Data::text(data.to_owned()).unwrap());
    let mut alert = Alert::new(id(), AlertCode::GENERIC_ALERT);
    alert.correlator = Some(correlator);
    alert.items.push(item);
    town.call_home_with(number, vec![alert]);
}

/// Three devices in three modes behind one gateway: one that shares an account with it, one that only knows its server, one without a DM
/// client. A wish that cannot be is ignored, and the server hears so; rules go before wishes, and follow what they are about.
#[test]
fn gwmo_moo_001_three_modes_at_once_and_wishes() {
    let mut town = Town::with_devices(1, 1);
    town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
    let now = town.now();
    let [other, lamp] = ["urn:uuid:other", "zigbee:lamp"].map(|name| DeviceId::new(name).unwrap());
    town.gateway.handle_device_seen(now, &other, &Sighting::new(1)).unwrap();
    town.gateway.handle_device_servers(now, &other, [&server_id("dms.a")]).unwrap();
    town.gateway.handle_device_seen(now, &lamp, &Sighting::new(0)).unwrap();
    town.gateway.handle_adapter(now, &lamp, AdapterCapabilities::new(NativeCommands::GET)).unwrap();
    town.drain_gateway();
    town.run();
    let mode_of = |town: &mut Town, number: u32| read(town, InventorySlot::Mode, &[&number.to_string()]);
    let modes = |town: &mut Town| [1, 2, 3].map(|number| mode_of(town, number)).concat();
    assert_eq!(modes(&mut town), "214");
    let items = town.ask(0, vec![console().get_summary()]);
    let by_mode = console().read_summary(&items).unwrap().by_mode;
    assert_eq!(Mode::ALL.map(|mode| by_mode.get(mode)), [1, 1, 1]);

    // What each of them cannot: adaptation or transparent for the first, the others for the others.
    let wish = |number: u32, mode: &str| replace(&node(InventorySlot::ModeReq, &[&number.to_string()]), mode);
    for (number, possible) in [(1, "2"), (2, "1"), (3, "4")] {
        for mode in ["1", "2", "4"] {
            let expected = if mode == possible { 200 } else { 406 };
            assert_eq!(town.codes(0, vec![wish(number, mode)]), [expected], "{number} {mode}");
        }
    }
    assert_eq!(town.codes(0, vec![wish(1, "3"), wish(1, "8"), wish(1, "0")]), [406, 406, 200]);
    assert_eq!(modes(&mut town), "214");
    // It learns of a server, and then it could.
    town.call_home_with(1, vec![knows("dms.a")]);
    town.run();
    assert_eq!(town.codes(0, vec![wish(1, "1")]), [200]);
    assert_eq!(modes(&mut town), "114");

    // A rule goes before the wish while it matches, whatever else changes; so after a restart.
    let rule = ModeRule::new(1, r#"Info/Fw<"2.0""#.parse().unwrap(), Mode::Proxy);
    town.ask(0, vec![console().add_mode_rule("r", &rule)]);
    let firmware = |town: &mut Town, fact: Fact, value: &str| {
        let seen = Sighting::new(1).with(fact, value);
        town.gateway.handle_device_seen(town.now(), &crate::town::device_id(1), &seen).unwrap();
        town.drain_gateway();
    };
    for stop in [false, true] {
        firmware(&mut town, Fact::Firmware, "1.9");
        assert_eq!(modes(&mut town), "214");
        if stop {
            town.keep();
            town.crash();
        }
        firmware(&mut town, Fact::Software, "9");
        assert_eq!(modes(&mut town), "214", "it is about something else");
        assert_eq!(town.codes(0, vec![wish(2, "2")]), [406]);
        firmware(&mut town, Fact::Firmware, "2.0");
        assert_eq!(modes(&mut town), "114");
    }
}

/// What an adapter answers becomes a Status of DM, in the record and in the document, and a number that means nothing here becomes 500. Nothing
/// of SyncML is sent to such a device.
#[test]
fn gwmo_iop_001_what_adapters_answer_through_the_gateway() {
    let answers = [
        (NativeResult::Done(None), 200),
        (NativeResult::Unsupported, 406),
        (NativeResult::NotFound, 404),
        (NativeResult::AlreadyExists, 418),
        (NativeResult::Denied, 425),
        (NativeResult::BadValue, 400),
        (NativeResult::TooLarge, 413),
        (NativeResult::Failed(0x86), 500),
        (NativeResult::Failed(0), 500),
        (NativeResult::Failed(u32::MAX), 500),
    ];
    let mut town = Town::with_devices(1, 0);
    let now = town.now();
    let commands = NativeCommands::GET.with(NativeCommands::REPLACE);
    for number in 0..answers.len() {
        let lamp = DeviceId::new(&format!("zigbee:{number}")).unwrap();
        town.gateway.handle_device_seen(now, &lamp, &Sighting::new(0)).unwrap();
        town.gateway.handle_adapter(now, &lamp, AdapterCapabilities::new(commands)).unwrap();
    }
    town.drain_gateway();
    town.run();
    let request = JobRequest::new(key("J"))
        .with_group(group("*"))
        .with_command(get("./Vendor/Level"))
        .with_command(replace("./Vendor/Level", "5"))
        .with_command(exec("./Vendor/Lamp/Run"))
        .with_result(gwmo_model::Grouping::PerDevice, gwmo_model::Detail::Data);
    launch(&mut town, request, "J");
    let mut asked = 0;
    while let Some(output) = town.asked.pop() {
        let GatewayOutput::Native { serial, token, op, .. } = output else { panic!("{output:?}") };
        asked += 1;
        let now = town.now();
        let result = match &op {
            NativeOp::Get { .. } => NativeResult::Done(Some(Value::int(80))),
            _ => answers[serial.get() as usize - 1].0.clone(),
        };
        town.gateway.handle_native_result(now, token, result);
        town.drain_gateway();
    }
    town.run();
    assert_eq!(asked, 2 * answers.len(), "it has no Exec, and is not asked");
    for (number, (result, status)) in (1..).zip(&answers) {
        let answers = town.manage(0, vec![console().get_answers(&key("J"), serial(number), 3)]);
        let items = answers[0].clone().into_items();
        let ops = console().read_answers(&key("J"), serial(number), 3, &items).unwrap();
        let codes: Vec<_> = ops.iter().map(|op| op.status.unwrap().get()).collect();
        assert_eq!(codes, [200, *status, 406], "{result:?}");
        assert_eq!(ops[0].data.as_deref(), Some(&b"80"[..]));
    }
    let of: Vec<_> = records(&mut town, "J").iter().map(|record| record.state).collect();
    let is_refused = |status: u16| if status == 425 { TargetState::Refused } else { TargetState::Failed };
    assert_eq!(of, answers.iter().map(|(_, status)| is_refused(*status)).collect::<Vec<_>>());
    let spoken: u64 =
        (1..=20).map(|number| town.network.link_counts(Place::Gateway, Place::Device(number)).sent).sum();
    assert_eq!(spoken, 0, "neither notifications nor messages");
}

//! Devices in each of the modes behind one gateway.

use std::time::Duration;

use dm_syncml::{Alert, AlertCode, Data, Item, MediaType, Meta};
use dm_tree::Value;
use gwmo_model::console::{JobRequest, OpRequest};
use gwmo_model::{
    AdapterCapabilities, DeviceId, Fact, GatewayOutput, Mode, NativeCommands, NativeOp, NativeResult,
    Sighting, TargetState,
};

use crate::town::requests::*;
use crate::town::{Town, serial, uri};

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
    town.ask(0, vec![replace(&node(gwmo_model::mo::InventorySlot::ModeReq, &["2"]), "1")]);
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

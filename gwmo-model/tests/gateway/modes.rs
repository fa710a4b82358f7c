//! Devices in each of the modes behind one gateway.

use dm_tree::Value;
use gwmo_model::console::{JobRequest, OpRequest};
use gwmo_model::{
    AdapterCapabilities, DeviceId, Fact, GatewayOutput, Mode, NativeCommands, NativeOp, NativeResult,
    Sighting, TargetState,
};

use crate::town::requests::*;
use crate::town::{Town, serial};

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

/// An operation that says by an alert when it is over (use case B.7).
#[test]
fn use_case_b_7_a_result_that_comes_later_is_waited_for() {
    let mut town = Town::with_devices(1, 1);
    let run = OpRequest::new(exec("./Vendor/Lamp/Run")).ending_by("urn:example:done");
    let request = JobRequest::new(key("J")).with_group(group("*")).with_operation(run);
    launch(&mut town, request, "J");
    town.run();
    // The lamp answers at once: there is nothing to wait for.
    assert_eq!(status(&mut town, "J").counters.ok, 1);
    let read = town.ask(0, vec![get(&node(gwmo_model::mo::FanoutSlot::OpAsync, &["J", "1"]))]);
    assert_eq!(read[0].data.as_ref().unwrap().as_text(), Some("urn:example:done"));
}

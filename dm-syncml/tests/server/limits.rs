//! What the server told the device it takes, and a device that sends more (RepPro 1.2.2, MaxMsgSize and MaxObjSize).

use super::device::*;
use dm_syncml::session::{GenericAlert, ServerEnd, ServerEvent};
use dm_syncml::{AlertCode, CmdId, Data, Exec, Format, Get, Item, Sequence, StatusCode};
use dm_syncml::{Command, MediaType, Meta, Results};

const LIMIT: u64 = 900;

fn device(plan: Vec<Command<'static>>) -> Device {
    let mut device = Device::new(Device::config().with_max_msg_size(LIMIT));
    device.plan = plan;
    device
}

fn report(octets: usize) -> Command<'static> {
    let data = Data::text("x".repeat(octets)).unwrap();
    GenericAlert::new("com.example.full", Format::CHR, data).unwrap().to_alert(id()).into()
}

fn reports(device: &Device) -> usize {
    device.events.iter().filter(|event| matches!(event, ServerEvent::GenericAlert(..))).count()
}

#[test]
fn a_message_larger_than_the_device_was_told_is_answered_413_and_its_statuses_count() {
    let mut device = device(vec![replace("./A", "1")]);
    let package = device.begin();
    let mut all = statuses(&package, StatusCode::OK);
    all.push(report(1000));
    let answer = device.send(all, true);
    assert_eq!(said(&answer), [("SyncHdr".into(), 200), ("Alert".into(), 413)]);
    assert_eq!(reports(&device), 0);
    assert_eq!(device.codes(), [Ok(200)], "what was done is done");
    assert_eq!(device.end(), Some(ServerEnd::Completed));
}

#[test]
fn results_in_a_message_that_is_too_large_are_refused_and_the_answer_is_not_complete() {
    let mut device = device(vec![get("./A")]);
    let package = device.begin();
    let get = asked(&package)[0];
    let found = results(&package, get, vec![Item::from(uri("./A")).with_data(text(&"x".repeat(1000)))]);
    let answer = device.send(vec![status(&package, get, StatusCode::OK), found], true);
    assert!(said(&answer).contains(&("Results".into(), 413)), "{answer:?}");
    let ends = device.ends();
    let end = ends[0].1.as_ref().unwrap();
    assert!(!end.complete && end.results.is_empty() && end.code() == StatusCode::OK);
}

#[test]
fn a_first_message_may_be_larger_since_nobody_has_told_the_device() {
    let mut device = device(vec![]);
    let mut all = package_1();
    all.push(report(1000));
    let answer = device.send(all, true);
    assert!(said(&answer).contains(&("Alert".into(), 200)), "{answer:?}");
    assert_eq!(reports(&device), 1);
}

#[test]
fn a_message_of_just_that_size_is_taken() {
    for (more, taken) in [(0, 1), (1, 0)] {
        let mut device = device(vec![replace("./A", "1")]);
        let package = device.begin();
        let commands = |octets| [statuses(&package, StatusCode::OK), vec![report(octets)]].concat();
        let bare = device.write(commands(100), true).len();
        device.msg_id -= 1;
        let body = device.write(commands(100 + LIMIT as usize - bare + more), true);
        assert_eq!(body.len(), LIMIT as usize + more);
        device.hand_over(&body).unwrap();
        device.drain().unwrap();
        assert_eq!(reports(&device), taken);
    }
}

#[test]
fn an_abort_is_an_abort_in_a_message_of_any_size() {
    let mut device = device(vec![replace("./A", "1")]);
    device.begin();
    device.send(vec![alert(AlertCode::SESSION_ABORT), report(1000)], true);
    assert_eq!(device.end(), Some(ServerEnd::Aborted));
    assert_eq!(reports(&device), 0);
}

#[test]
fn results_tell_which_member_of_a_container_found_them() {
    let mut device = device(vec![
        Sequence::new(id(), vec![get("./A"), Exec::new(id(), Item::to(uri("./Run"))).into(), get("./B")])
            .into(),
    ]);
    let package = device.begin();
    let sequence = asked(&package)[0].clone();
    let members = sequence.members();
    let found = |member: &Command<'_>, value: &str| {
        results(&package, member, vec![Item::from(uri("./X")).with_data(text(value))])
    };
    let mut all = statuses(&package, StatusCode::OK);
    // Results need not come in the order of what they answer.
    all.extend([found(&members[2], "b"), found(&members[0], "a")]);
    device.send(all, true);
    let ends = device.ends();
    let answer = ends[0].1.as_ref().unwrap();
    let of =
        |member| answer.items_of(member).filter_map(|item| item.data.as_ref()?.as_text()).collect::<Vec<_>>();
    assert_eq!((of(0), of(1), of(2), of(3)), (vec![], vec!["a"], vec![], vec!["b"]));
    assert_eq!(answer.items().count(), 2);
    assert_eq!(answer.code_of_member(3), Some(StatusCode::OK));
    assert_eq!(answer.code_of_member(4), None);
}

/// What stands once in Results counts for each item, so it must not be long.
#[test]
fn a_meta_is_taken_over_by_items_unless_it_would_take_all_memory() {
    for (octets, items, code) in
        [(40, 50, None), (2000, 1, None), (2000, 2, Some(413)), (20_000, 1000, Some(413))]
    {
        let mut device = Device::new(Device::config().with_max_msg_size(1 << 20));
        device.plan = vec![Get::new(id(), vec![Item::to(uri("./A"))]).into()];
        let package = device.begin();
        let get = asked(&package)[0];
        let item = Item::from(uri("./A")).with_data(text("1"));
        let mut found = Results::new(
            CmdId::new("9").unwrap(),
            package.header.msg_id.clone(),
            get.cmd_ref(),
            vec![item; items],
        );
        found.meta = Some(Meta::new().with_media_type(MediaType::new("t".repeat(octets)).unwrap()));
        let answer = device.send(vec![status(&package, get, StatusCode::OK), found.into()], true);
        let refused = said(&answer).iter().find(|(cmd, _)| cmd == "Results").map(|(_, code)| *code);
        assert_eq!(refused, code, "{octets} {items}");
        let ends = device.ends();
        let end = ends[0].1.as_ref().unwrap();
        assert_eq!(end.complete, code.is_none());
        let typed = end
            .items()
            .filter(|item| item.meta.as_ref().unwrap().media_type().unwrap().as_str().len() == octets);
        assert_eq!(typed.count(), if code.is_none() { items } else { 0 });
    }
}

#[test]
fn more_results_than_are_kept_make_an_answer_that_is_not_complete() {
    let mut device = Device::new(Device::config().with_max_result_octets(500));
    device.plan = vec![get("./A")];
    let package = device.begin();
    let get = asked(&package)[0];
    let item = |octets| Item::from(uri("./A")).with_data(text(&"x".repeat(octets)));
    let all = [item(10), item(400), item(10)].map(|item| results(&package, get, vec![item]));
    let answer = device.send([vec![status(&package, get, StatusCode::OK)], all.to_vec()].concat(), true);
    assert_eq!(
        said(&answer).iter().filter(|said| **said == ("Results".into(), 413)).count(),
        1,
        "{answer:?}"
    );
    let ends = device.ends();
    let end = ends[0].1.as_ref().unwrap();
    assert!(!end.complete);
    assert_eq!(end.results.len(), 2);
}

/// A device that asks for no more messages gets what found no room with the next answer; nothing is left out unsaid.
#[test]
fn statuses_without_room_come_later_or_are_counted() {
    use dm_syncml::session::DeviceProfile;
    for rounds in [0, 1] {
        let mut device = Device::new(Device::config().with_profile(DeviceProfile::LIBDMCLIENT));
        device.max_msg_size = Some(600);
        device.plan = (0..rounds).map(|_| replace("./A", "1")).collect();
        let mut all = package_1();
        all.extend((0..20).map(|_| report(1)));
        let due = all.len();
        let first = device.send(all, true);
        assert!(first.body.last_in_package);
        let mut got = said(&first).len() - 1;
        assert!(got < due);
        let unsaid =
            device.events.iter().find_map(|e| if let ServerEvent::Unsaid(n) = e { Some(*n) } else { None });
        assert_eq!(unsaid, Some(due - got), "nothing goes out beside them, so the session ends: {first:?}");
        got += unsaid.unwrap_or(0);
        assert_eq!(got, due);
        assert_eq!(device.end(), Some(ServerEnd::Completed));
    }
    // With a command already on its way the device comes again.
    let mut device = Device::new(Device::config().with_profile(DeviceProfile::LIBDMCLIENT));
    device.max_msg_size = Some(600);
    device.plan = vec![replace("./A", "1")];
    let package = device.begin();
    device.session.queue(replace("./B", "1")).unwrap();
    let mut all = statuses(&package, StatusCode::OK);
    all.extend((0..20).map(|_| report(1)));
    let second = device.send(all, true);
    let unsaid =
        device.events.iter().find_map(|e| if let ServerEvent::Unsaid(n) = e { Some(*n) } else { None });
    assert_eq!(said(&second).len() - 1 + unsaid.unwrap_or(0), 20);
}

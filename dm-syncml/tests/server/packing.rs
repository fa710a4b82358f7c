//! Several messages per package, and how full they are (DM Protocol 1.2.1, several messages per package).

use super::device::*;
use dm_syncml::session::{DeviceProfile, GivenUp, ServerEnd, ServerEvent};
use dm_syncml::{Add, Alert, AlertCode, Command, Format, Item, MediaType, Meta, Replace, StatusCode};

/// Alerts that want a Status each.
fn reports(count: usize) -> Vec<Command<'static>> {
    let report = |index: usize| {
        let mut alert = Alert::new(id(), AlertCode::GENERIC_ALERT);
        let meta = Meta::new()
            .with_media_type(MediaType::new("org.example.report").unwrap())
            .with_format(Format::INT);
        alert.items.push(Item::new().with_meta(meta).with_data(text(&index.to_string())));
        alert.into()
    };
    (0..count).map(report).collect()
}

#[test]
fn statuses_that_find_no_room_go_out_with_the_next_messages() {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(500);
    device.plan = vec![get("./A")];
    let mut commands = package_1();
    commands.extend(reports(40));
    let mut message = device.send(commands, true);
    let mut codes = said(&message);
    let mut messages = 1;
    while !message.body.last_in_package {
        assert!(asked(&message).is_empty(), "commands wait until everything is answered");
        message = device.send(vec![alert(AlertCode::NEXT_MESSAGE)], false);
        codes.extend(said(&message));
        messages += 1;
    }
    assert!(messages > 3);
    assert_eq!(codes.iter().filter(|(cmd, code)| cmd == "Alert" && *code == 200).count(), 41 + messages - 1);
    assert_eq!(codes.iter().filter(|(cmd, _)| cmd == "SyncHdr").count(), messages);
    assert_eq!(asked(&message).len(), 1, "and then they come");
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Ok(200)]);
    assert_eq!(device.end(), Some(ServerEnd::Completed));
}

#[test]
fn a_device_that_does_not_ask_for_more_gets_what_fits() {
    let config = Device::config().with_profile(DeviceProfile::LIBDMCLIENT);
    let mut device = Device::new(config);
    device.max_msg_size = Some(500);
    let mut commands = package_1();
    commands.extend(reports(40));
    let message = device.send(commands, true);
    assert!(message.body.last_in_package);
    assert_eq!(device.end(), Some(ServerEnd::Completed));
}

#[test]
fn the_device_goes_on_with_its_package_when_asked() {
    let mut device = Device::new(Device::config());
    device.plan = vec![get("./A")];
    let message = device.send(package_1(), false);
    assert!(has_alert(&message, AlertCode::NEXT_MESSAGE) && !message.body.last_in_package);
    assert_eq!(asked(&message).len(), 1, "nothing but the wish for more");
    let message = device.send(reports(1), false);
    assert_eq!(said(&message), [("SyncHdr".into(), 200), ("Alert".into(), 200)]);
    assert!(has_alert(&message, AlertCode::NEXT_MESSAGE) && !message.body.last_in_package);
    let message = device.send(reports(1), true);
    assert!(message.body.last_in_package && asked(&message).len() == 1);
    device.obey(message, StatusCode::NOT_FOUND);
    assert_eq!(device.codes(), [Ok(404)]);
}

#[test]
fn answers_may_come_in_several_messages() {
    let mut device = Device::new(Device::config());
    device.plan = vec![get("./A"), get("./B")];
    let package = device.begin();
    let [a, b] = asked(&package)[..] else { panic!("{package:?}") };
    let first = device.send(vec![status(&package, a, StatusCode::OK)], false);
    assert!(device.ends().is_empty(), "nothing is settled before Final");
    assert!(has_alert(&first, AlertCode::NEXT_MESSAGE));
    let found = Item::from(uri("./A")).with_data(text("1"));
    device.send(vec![results(&package, a, vec![found]), status(&package, b, StatusCode::NOT_FOUND)], true);
    let ends = device.ends();
    assert_eq!(ends[0].1.as_ref().unwrap().results.len(), 1);
    assert_eq!(device.codes(), [Ok(200), Ok(404)]);
}

#[test]
fn commands_fill_messages_and_go_out_in_rounds() {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(600);
    device.plan = (0..30).map(|index| replace(&format!("./Node{index}"), "some value")).collect();
    let message = device.begin();
    assert!(message.body.last_in_package, "rounds, not one long package");
    let size = device.replies[0].body.len();
    assert!(size > 520, "{size} octets are not as much as fits");
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), vec![Ok(200); 30]);
}

/// Statuses take the room of a command that would fit alone: it comes in the next message of the same package.
#[test]
fn a_command_that_has_no_room_beside_statuses_is_not_lost() {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(500);
    device.plan = vec![replace("./A", &"v".repeat(200))];
    let mut commands = package_1();
    commands.extend(reports(4));
    let message = device.send(commands, true);
    assert!(!message.body.last_in_package && asked(&message).is_empty());
    let message = device.send(vec![alert(AlertCode::NEXT_MESSAGE)], false);
    assert!(message.body.last_in_package && asked(&message).len() == 1);
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Ok(200)]);
}

#[test]
fn a_command_of_many_items_is_divided_at_them() {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(500);
    let items = (0..20).map(|i| Item::to(uri(&format!("./N{i}"))).with_data(text(&"v".repeat(30)))).collect();
    device.plan = vec![Replace::new(id(), items).into(), get("./After")];
    let message = device.begin();
    device.obey(message, StatusCode::OK);
    let ends = device.ends();
    assert_eq!(ends.len(), 2, "it is still one command");
    let answer = ends[0].1.as_ref().unwrap();
    assert!(answer.complete);
    assert!((2..20).contains(&answer.statuses.len()), "as many items as fit go out together");
    assert_eq!(answer.statuses.iter().map(|status| status.targets.len()).sum::<usize>(), 20);
    assert_eq!(answer.code_of("./N7"), Some(StatusCode::OK));
    assert_eq!(device.events.iter().filter(|e| matches!(e, ServerEvent::Sent(_))).count(), 2);
}

#[test]
fn a_divided_command_tells_how_far_it_came() {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(500);
    let items = (0..20).map(|i| Item::to(uri(&format!("./N{i}"))).with_data(text(&"v".repeat(30)))).collect();
    device.plan = vec![Add::new(id(), items).into()];
    let message = device.begin();
    let answers = statuses(&message, StatusCode::OK);
    device.send(answers, true);
    device.send(vec![alert(AlertCode::SESSION_ABORT)], true);
    let ends = device.ends();
    let answer = ends[0].1.as_ref().unwrap();
    assert!(!answer.complete && !answer.statuses.is_empty() && answer.statuses.len() < 20);
    assert_eq!(answer.code_of("./N0"), Some(StatusCode::OK));
    assert_eq!(answer.code_of("./N19"), None);
}

#[test]
fn containers_are_never_divided() {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(500);
    let members = (0..20).map(|i| replace(&format!("./N{i}"), &"v".repeat(30))).collect();
    device.plan = vec![dm_syncml::Atomic::new(id(), members).into(), get("./After")];
    let message = device.begin();
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Err(GivenUp::TooLarge), Ok(200)]);
}

#[test]
fn a_limit_holds_until_another_is_told() {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(600);
    device.plan = (0..8).map(|index| replace(&format!("./Node{index}"), &"v".repeat(90))).collect();
    let message = device.begin();
    let first = asked(&message).len();
    device.max_msg_size = None;
    let answers = statuses(&message, StatusCode::OK);
    let message = device.send(answers, true);
    assert!(device.replies[1].body.len() <= 600, "silence changes nothing");
    let second = asked(&message).len();
    device.max_msg_size = Some(5000);
    let answers = statuses(&message, StatusCode::OK);
    let message = device.send(answers, true);
    assert_eq!(asked(&message).len(), 8 - first - second);
}

/// Whatever the limit, the header's Status and one more get through, and the session ends.
#[test]
fn absurd_limits_end_too() {
    for limit in [0, 1, 50, 100, 200] {
        let mut device = Device::new(Device::config());
        device.plan = vec![get("./A"), replace("./B", &"v".repeat(50))];
        device.max_msg_size = Some(limit);
        let body = device.write(package_1(), true);
        device.max_msg_size = None; // nothing could be as small
        device.hand_over(&body).unwrap();
        let message = device.drain().unwrap();
        device.obey(message, StatusCode::OK);
        assert_eq!(device.ends().len(), 2, "{limit}");
        assert_eq!(device.end(), Some(ServerEnd::Completed), "{limit}");
    }
}

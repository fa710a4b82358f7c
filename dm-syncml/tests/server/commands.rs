//! What may be queued, in which containers, and what is known of it afterwards.

use super::device::*;
use dm_syncml::session::{CommandStage, DeviceProfile, GivenUp, Misuse, ServerEvent};
use dm_syncml::{AlertCode, Atomic, Command, Copy, Exec, Get, Item, Sequence, StatusCode};

fn exec() -> Command<'static> {
    Exec::new(id(), Item::to(uri("./Run"))).into()
}

#[test]
fn only_legal_commands_are_queued() {
    let atomic = |members| Command::from(Atomic::new(id(), members));
    let sequence = |members| Command::from(Sequence::new(id(), members));
    let cases = [
        (get("./A"), Ok(()), Ok(())),
        (Get::new(id(), vec![]).into(), Err(Misuse::Nesting), Err(Misuse::Nesting)),
        (alert(AlertCode::SESSION_ABORT), Err(Misuse::Command), Err(Misuse::Command)),
        (alert(AlertCode::NEXT_MESSAGE), Err(Misuse::Command), Err(Misuse::Command)),
        (atomic(vec![]), Err(Misuse::Nesting), Err(Misuse::Nesting)),
        (atomic(vec![replace("./A", "1")]), Ok(()), Ok(())),
        (atomic(vec![get("./A")]), Err(Misuse::Nesting), Err(Misuse::Nesting)),
        (atomic(vec![atomic(vec![replace("./A", "1")])]), Err(Misuse::Nesting), Err(Misuse::Nesting)),
        // Microsoft demands for certificates what DM 1.2.1 excludes.
        (atomic(vec![replace("./A", "1"), exec()]), Err(Misuse::Nesting), Ok(())),
        (sequence(vec![get("./A"), exec()]), Ok(()), Ok(())),
        (sequence(vec![atomic(vec![replace("./A", "1")])]), Ok(()), Ok(())),
        (sequence(vec![sequence(vec![get("./A")])]), Err(Misuse::Nesting), Err(Misuse::Nesting)),
    ];
    for (command, standard, windows) in cases {
        let queue = |profile| {
            let mut device = Device::new(Device::config().with_profile(profile));
            device.session.queue(command.clone()).map(|_| ())
        };
        assert_eq!(queue(DeviceProfile::STANDARD), standard, "{command:?}");
        assert_eq!(queue(DeviceProfile::WINDOWS), windows, "{command:?}");
    }
}

#[test]
fn a_handle_tells_where_its_command_stands() {
    let mut device = Device::new(Device::config());
    let handle = device.session.queue(get("./A")).unwrap();
    assert_eq!(device.session.stage(handle), Some(CommandStage::Queued));
    let message = device.begin();
    assert_eq!(device.session.stage(handle), Some(CommandStage::Sent));
    let sent = device.events.iter().position(|e| *e == ServerEvent::Sent(handle));
    assert!(sent.is_some(), "it is told before the reply goes out");
    device.obey(message, StatusCode::OK);
    assert_eq!(device.session.stage(handle), None);
}

#[test]
fn a_command_can_be_taken_back_until_it_goes_out() {
    let mut device = Device::new(Device::config());
    let (kept, taken_back) =
        (device.session.queue(get("./A")).unwrap(), device.session.queue(get("./B")).unwrap());
    device.session.withdraw(taken_back).unwrap();
    assert_eq!(device.session.withdraw(taken_back), Err(Misuse::UnknownHandle), "once");
    let message = device.begin();
    assert_eq!(asked(&message).len(), 1);
    assert_eq!(device.session.withdraw(kept), Err(Misuse::UnknownHandle), "the device may be at it");
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Err(GivenUp::NotSent), Ok(200)]);
}

#[test]
fn windows_gets_no_copy() {
    let copy = Copy::new(id(), vec![Item::to(uri("./A"))]);
    let mut device = Device::new(Device::config().with_profile(DeviceProfile::WINDOWS));
    device.plan = vec![Sequence::new(id(), vec![copy.into()]).into()];
    device.begin();
    assert_eq!(device.codes(), [Err(GivenUp::NotOffered)]);
}

/// Some devices answer the members and not the container.
#[test]
fn members_decide_where_the_container_is_not_answered() {
    for (codes, code) in [([200, 200], 200), ([200, 404], 404)] {
        let mut device = Device::new(Device::config());
        device.plan = vec![Atomic::new(id(), vec![replace("./A", "1"), replace("./B", "2")]).into()];
        let message = device.begin();
        let members = asked(&message)[0].members();
        let answers =
            members.iter().zip(codes).map(|(m, code)| status(&message, m, StatusCode::new(code))).collect();
        device.send(answers, true);
        let ends = device.ends();
        let answer = ends[0].1.as_ref().unwrap();
        assert_eq!(answer.code().get(), code);
        assert!(!answer.complete, "one Status is missing, and that is told");
    }
}

#[test]
fn status_order_does_not_matter_and_strangers_to_the_ledger_are_passed_over() {
    let mut device = Device::new(Device::config());
    device.plan = vec![get("./A"), get("./B")];
    let message = device.begin();
    let mut answers = statuses(&message, StatusCode::NOT_FOUND);
    answers.reverse();
    // Again, and for a message that never was.
    answers.extend(answers.clone());
    let mut foreign = message.clone();
    foreign.header.msg_id = dm_syncml::MsgId::number(99);
    answers.extend(statuses(&foreign, StatusCode::OK));
    device.send(answers, true);
    assert_eq!(device.codes(), [Ok(404), Ok(404)]);
}

#[test]
fn results_that_answer_nothing_are_400() {
    let mut device = Device::new(Device::config());
    device.plan = vec![get("./A")];
    let package = device.begin();
    let mut foreign = package.clone();
    foreign.header.msg_id = dm_syncml::MsgId::number(99);
    let stray = results(&foreign, asked(&package)[0], vec![Item::from(uri("./A")).with_data(text("1"))]);
    let message = device.send(vec![stray], true);
    assert!(said(&message).contains(&("Results".into(), 400)));
}

#[test]
fn a_device_may_not_command_the_server() {
    let mut device = Device::new(Device::config());
    let mut commands = package_1();
    commands.extend([get("./Secret"), replace("./Server", "x"), exec()]);
    let message = device.send(commands, true);
    let codes: Vec<_> = said(&message).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [200, 200, 200, 405, 405, 405]);
}

#[test]
fn no_resp_changes_nothing() {
    let mut device = Device::new(Device::config());
    let mut commands = package_1();
    for command in &mut commands {
        match command {
            Command::Alert(alert) => alert.no_resp = true,
            Command::Replace(replace) => replace.no_resp = true,
            _ => {}
        }
    }
    let message = device.send(commands, true);
    assert_eq!(said(&message).len(), 3);
}

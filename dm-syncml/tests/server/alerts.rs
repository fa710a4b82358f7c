//! What the device reports, and what its user is asked.

use super::device::*;
use dm_syncml::session::{
    DeviceEvent, DeviceProfile, GenericAlert, GivenUp, Interaction, ServerEvent, ServerOutput, TextInput,
    UserResponse,
};
use dm_syncml::{AlertCode, Command, Correlator, Exec, Format, Item, Status, StatusCode};

fn generic(kind: &str) -> Command<'static> {
    let alert = GenericAlert::new(kind, Format::CHR, text("1200")).unwrap().with_source(uri("./FUMO/Pkg"));
    alert.to_alert(id()).into()
}

#[test]
fn generic_alerts_and_device_events_are_told_typed() {
    let mut device = Device::new(Device::config());
    let mut commands = package_1();
    commands.push(generic("org.openmobilealliance.dm.firmwareupdate.download"));
    let login = DeviceEvent::new("com.microsoft/MDM/LoginStatus", Format::CHR, text("user")).unwrap();
    commands.push(login.to_alert(id()).into());
    device.send(commands, true);
    let told: Vec<_> = device
        .events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::GenericAlert(_, alert) => Some(alert.name().to_owned()),
            ServerEvent::DeviceEvent(_, event) => Some(event.event_type.to_string()),
            ServerEvent::DevInfo(info) => Some(info.model().unwrap().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        ["EX-1", "org.openmobilealliance.dm.firmwareupdate.download", "com.microsoft/MDM/LoginStatus"]
    );
}

#[test]
fn an_alert_can_be_refused_while_events_are_drained() {
    let mut device = Device::new(Device::config());
    let mut commands = package_1();
    commands.extend([generic("org.known"), generic("org.unknown")]);
    let body = device.write(commands, true);
    device.hand_over(&body).unwrap();
    let mut handle_of_unknown = None;
    let reply = loop {
        match device.session.poll_output() {
            ServerOutput::Event(ServerEvent::GenericAlert(handle, alert))
                if alert.name() == "org.unknown" =>
            {
                device.session.answer_alert(handle, StatusCode::UNSUPPORTED_FORMAT).unwrap();
                handle_of_unknown = Some(handle);
            }
            ServerOutput::Reply(reply) => break reply,
            _ => {}
        }
    };
    let late = device.session.answer_alert(handle_of_unknown.unwrap(), StatusCode::OK);
    assert!(late.is_err(), "it has been answered");
    let message =
        dm_syncml::Message::decode(device.encoding, &reply.body, &dm_syncml::DecodeOptions::new()).unwrap();
    let codes: Vec<_> = said(&message).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [200, 200, 200, 200, 415]);
}

#[test]
fn incomplete_reports_are_refused_and_not_told() {
    let mut device = Device::new(Device::config());
    let mut commands = package_1();
    commands.push(alert(AlertCode::GENERIC_ALERT));
    let mut untyped = dm_syncml::Alert::new(id(), AlertCode::GENERIC_ALERT);
    untyped.items.push(Item::new().with_data(text("1")));
    commands.push(untyped.into());
    let message = device.send(commands, true);
    let codes: Vec<_> = said(&message).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [200, 200, 200, 412, 415]);
    assert!(!device.events.iter().any(|event| matches!(event, ServerEvent::GenericAlert(..))));
}

fn ask(interaction: &Interaction, code: StatusCode, items: Vec<Item<'static>>) -> UserResponse {
    let mut device = Device::new(Device::config());
    device.plan = vec![interaction.to_alert(id()).into()];
    let message = device.begin();
    let Command::Status(mut answer) = status(&message, asked(&message)[0], code) else { unreachable!() };
    answer.items = items;
    device.send(vec![Status::into_owned(answer).into()], true);
    let response = device.events.iter().find_map(|event| match event {
        ServerEvent::Responded(handle, response) => {
            assert_eq!(*handle, device.handles[0]);
            Some(response.clone())
        }
        _ => None,
    });
    response.expect("the user's answer is told")
}

#[test]
fn questions_to_the_user_have_typed_answers() {
    let item = |value: &str| Item::new().with_data(text(value));
    let confirm = Interaction::confirm("Update?").unwrap();
    assert_eq!(ask(&confirm, StatusCode::OK, vec![]), UserResponse::Accepted);
    assert_eq!(ask(&confirm, StatusCode::NOT_MODIFIED, vec![]), UserResponse::Rejected);
    assert_eq!(ask(&confirm, StatusCode::CANCELLED, vec![]), UserResponse::Cancelled);
    assert_eq!(ask(&confirm, StatusCode::TIMEOUT, vec![]), UserResponse::TimedOut);
    assert_eq!(ask(&confirm, StatusCode::NOT_SUPPORTED, vec![]), UserResponse::NotSupported);
    let input = Interaction::input("Name?", TextInput::default()).unwrap();
    assert_eq!(ask(&input, StatusCode::OK, vec![item("Ada")]), UserResponse::Text("Ada".into()));
    let choices = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let many = Interaction::multiple_choice("Which?", choices()).unwrap();
    assert_eq!(ask(&many, StatusCode::OK, vec![item("1"), item("3")]), UserResponse::Chosen(vec![1, 3]));
    assert_eq!(ask(&many, StatusCode::OK, vec![item("1-3")]), UserResponse::Chosen(vec![1, 3]));
}

#[test]
fn windows_is_asked_nothing_and_given_no_correlator() {
    let mut device = Device::new(Device::config().with_profile(DeviceProfile::WINDOWS));
    let mut exec = Exec::new(id(), Item::to(uri("./Reboot")));
    exec.correlator = Some(Correlator::new("job-7").unwrap());
    device.plan = vec![Interaction::confirm("Reboot?").unwrap().to_alert(id()).into(), exec.into()];
    let message = device.begin();
    let [Command::Exec(exec)] = asked(&message)[..] else { panic!("{message:?}") };
    assert_eq!(exec.correlator, None);
    device.obey(message, StatusCode::OK);
    assert_eq!(device.codes(), [Err(GivenUp::NotOffered), Ok(200)]);
}

#[test]
fn alerts_that_only_servers_send_are_not_taken() {
    let mut device = Device::new(Device::config());
    let mut commands = package_1();
    commands.push(alert(AlertCode::DISPLAY));
    let message = device.send(commands, true);
    assert!(said(&message).contains(&("Alert".into(), 406)));
}

//! What a device says it can do and cannot, and what a server makes of it (DM 2.0 RD, HLF-019).

use super::device::*;
use dm_syncml::session::{
    Capabilities, DeviceProfile, Feature, GivenUp, Interaction, InteractionMedia, Misuse, ServerEvent,
};
use dm_syncml::{
    AlertCode, Atomic, Command, Copy, Exec, Get, Item, MediaType, Meta, Replace, Sequence, StatusCode,
};

/// A device that says this in package 1, before anything is queued.
fn saying(capabilities: &Capabilities) -> Device {
    let mut device = Device::new(Device::config());
    device.max_msg_size = Some(2000);
    let mut commands = package_1();
    if let Command::Replace(dev_info) = &mut commands[1] {
        dev_info.items.push(capabilities.to_dev_info_item());
    }
    let body = device.write(commands, true);
    device.hand_over(&body).unwrap();
    device
}

fn copy() -> Command<'static> {
    Copy::new(id(), vec![Item::to(uri("./A"))]).into()
}

fn list(query: &str) -> Command<'static> {
    Get::new(id(), vec![Item::to(uri(&format!("./A?list={query}")))]).into()
}

fn document(media_type: &str) -> Command<'static> {
    let meta = Meta::new().with_media_type(MediaType::new(media_type.to_owned()).unwrap());
    let item = Item::to(uri("./A")).with_meta(meta).with_data(text("<MgmtTree/>"));
    Replace::new(id(), vec![item]).into()
}

#[test]
fn dm_hlf_019_what_would_fail_is_refused_with_its_reason() {
    let atomic = || Command::from(Atomic::new(id(), vec![replace("./A", "1"), replace("./B", "2")]));
    let cases = [
        (atomic(), Feature::Atomic),
        (copy(), Feature::Copy),
        (Sequence::new(id(), vec![get("./A"), get("./B")]).into(), Feature::Sequence),
        (Sequence::new(id(), vec![get("./A"), copy()]).into(), Feature::Copy),
        (replace("./Big", &"x".repeat(3000)), Feature::LargeObjects),
        (list("TNDS"), Feature::ListTnds),
        (list("TNDS+Value"), Feature::ListTnds),
        (list("Struct"), Feature::ListStruct),
        (document("application/vnd.syncml.dmtnds+wbxml"), Feature::Wbxml),
        (document("application/vnd.syncml.dmtnds+xml"), Feature::SetTnds),
        (Interaction::confirm("Now?").unwrap().to_alert(id()).into(), Feature::Confirm),
    ];
    for (command, feature) in cases {
        let mut device = saying(&Capabilities::new().with(feature, false));
        assert_eq!(device.session.capabilities().supports(feature), Some(false));
        let refused = device.session.queue(command.clone()).map(|_| ());
        assert_eq!(refused, Err(Misuse::NotOffered(feature)), "{command:?}");
        assert!(device.session.queue(get("./A")).is_ok(), "the session goes on");
        // The same device, of which nothing is known.
        assert!(saying(&Capabilities::new()).session.queue(command).is_ok(), "what nobody knows is tried");
    }
    let mut device = saying(&Capabilities::new().with(Feature::Display, false));
    let asked = device.session.ask(&Interaction::display("Hello").unwrap());
    assert_eq!(asked, Err(Misuse::NotOffered(Feature::Display)));
}

#[test]
fn dm_hlf_019_the_same_is_said_in_another_way_where_there_is_one() {
    let mut device = saying(
        &Capabilities::new()
            .with(Feature::Atomic, false)
            .with(Feature::Sequence, false)
            .with(Feature::Correlator, false),
    );
    let mut exec = Exec::new(id(), Item::to(uri("./Run")));
    exec.correlator = Some(dm_syncml::Correlator::new("c1").unwrap());
    let commands: [Command<'static>; 3] = [
        Atomic::new(id(), vec![replace("./A", "1")]).into(),
        Sequence::new(id(), vec![get("./B")]).into(),
        exec.into(),
    ];
    let handles = commands.map(|command| device.session.queue(command).unwrap());
    let message = device.drain().unwrap();
    let sent = asked(&message);
    assert!(matches!(sent[0], Command::Replace(_)) && matches!(sent[1], Command::Get(_)));
    assert!(matches!(sent[2], Command::Exec(exec) if exec.correlator.is_none()));
    device.obey(message, StatusCode::OK);
    let ends: Vec<_> = device.ends().into_iter().map(|(handle, _)| handle).collect();
    assert_eq!(ends, handles);
    assert_eq!(device.codes(), [Ok(200), Ok(200), Ok(200)]);
}

#[test]
fn dm_hlf_019_what_is_learnt_later_holds_for_what_is_queued() {
    let mut device = Device::new(Device::config());
    device.plan = vec![Capabilities::query(&uri("./x-Capabilities")).unwrap().into()];
    let message = device.begin();
    let Command::Get(asked_for) = asked(&message)[0] else { panic!() };
    let found: Vec<_> = asked_for.items.iter().map(|item| item.target_uri().unwrap().as_str()).collect();
    assert_eq!((found.len(), found[0], found[1]), (10, "./DevDetail/LrgObj", "./x-Capabilities/Commands"));
    let copied = device.session.queue(copy()).unwrap();
    // What the device answers.
    let items = vec![
        Item::from(uri("./DevDetail/LrgObj")).with_data(text("false")),
        Item::from(uri("./x-Capabilities/Commands")).with_data(text("Add -Copy Atomic")),
    ];
    let answer = vec![
        status(&message, asked(&message)[0], StatusCode::OK),
        results(&message, asked(&message)[0], items),
    ];
    let body = device.write(answer, true);
    device.hand_over(&body).unwrap();
    loop {
        match device.session.poll_output() {
            dm_syncml::session::ServerOutput::Event(ServerEvent::Answered(_, answer)) => {
                let said = Capabilities::read(answer.items());
                assert_eq!(said.supports(Feature::LargeObjects), Some(false));
                device.session.learn(&said);
                break;
            }
            other => device.events.extend(match other {
                dm_syncml::session::ServerOutput::Event(event) => Some(event),
                _ => None,
            }),
        }
    }
    assert_eq!(device.session.queue(copy()), Err(Misuse::NotOffered(Feature::Copy)));
    device.drain();
    assert_eq!(device.ends(), [(copied, Err(GivenUp::NotOffered))]);
}

/// A profile is what a kind of device is known for; what the device says does not undo it, and the other way round.
#[test]
fn dm_hlf_019_a_profile_and_what_the_device_says_hold_together() {
    let all = Feature::ALL.iter().fold(Capabilities::new(), |all, feature| all.with(*feature, true));
    let mut device = Device::new(Device::config().with_profile(DeviceProfile::LIBDMCLIENT));
    device.session.learn(&all);
    device.max_msg_size = Some(2000);
    device.plan = vec![replace("./Big", &"x".repeat(3000))];
    device.begin();
    assert_eq!(device.codes(), [Err(GivenUp::TooLarge)]);
    // A device that takes Exec inside an Atomic may say so itself.
    let certificate =
        || Atomic::new(id(), vec![replace("./A", "1"), Exec::new(id(), Item::to(uri("./Enroll"))).into()]);
    let mut device = Device::new(Device::config());
    assert_eq!(device.session.queue(certificate()), Err(Misuse::Nesting));
    device.session.learn(&Capabilities::new().with(Feature::ExecInAtomic, true));
    assert!(device.session.queue(certificate()).is_ok());
}

#[test]
fn dm_hlf_010_media_go_to_devices_that_show_them_and_the_text_to_all() {
    let question = Interaction::confirm("Is the lamp green?")
        .unwrap()
        .with_media(InteractionMedia::uri("image/png", uri("https://m.example.net/lamp.png")).unwrap())
        .with_media(InteractionMedia::octets("audio/ogg", vec![7; 300]).unwrap());
    let shown = |known: &str| {
        let mut device = saying(&Capabilities::parse(known));
        device.session.ask(&question).unwrap();
        let message = device.drain().unwrap();
        let Command::Alert(alert) = asked(&message)[0] else { panic!() };
        assert_eq!(alert.code, Some(AlertCode::CONFIRM));
        let read = Interaction::read(alert).unwrap();
        assert_eq!((&read.text, &read.kind), (&question.text, &question.kind), "whatever is known");
        read.media.iter().map(|media| media.media_type.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown(""), [""; 0], "a device that does not know them is not troubled");
    assert_eq!(shown("Alerts=Media;Media=image/*"), ["image/png"]);
    assert_eq!(shown("Alerts=Media;Media=image/png audio/ogg"), ["image/png", "audio/ogg"]);
    assert_eq!(shown("Alerts=-Media;Media=image/png"), [""; 0]);
    assert_eq!(shown("Alerts=Media;Media=image/png audio/ogg;MaxMsgSize=100"), ["image/png", "audio/ogg"]);
    // What has no room is left out, the last first.
    let large = question.clone().with_media(InteractionMedia::octets("image/png", vec![1; 1500]).unwrap());
    let mut device = saying(&Capabilities::parse("Alerts=Media;Media=*/*"));
    device.session.ask(&large).unwrap();
    let message = device.drain().unwrap();
    let Command::Alert(alert) = asked(&message)[0] else { panic!() };
    assert_eq!(Interaction::read(alert).as_ref(), Ok(&question));
}

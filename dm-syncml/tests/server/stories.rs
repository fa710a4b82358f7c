//! What takes more than one session, or more than one machine.

use core::time::Duration;

use super::device::*;
use dm_syncml::auth::{AuthScheme, Credentials, Nonce, Password};
use dm_syncml::session::{
    Account, AllOrNothing, Correlators, DeviceProfile, GenericAlert, InOrder, Interaction, Listing, Lockout,
    LockoutPolicy, Property, Query, ServerEvent, WindowsAtomic,
};
use dm_syncml::{AlertCode, Command, Correlator, Exec, Format, Instant, Item, StatusCode};

#[test]
fn an_exec_that_takes_long_is_found_again_in_a_later_session() {
    let mut running = Correlators::new(100);
    let now = Instant::EPOCH;
    let correlator = running.issue(now, DEVICE, 42, Duration::from_secs(3600)).unwrap();
    let mut device = Device::new(Device::config());
    let mut exec = Exec::new(id(), Item::to(uri("./FUMO/Pkg/DownloadAndUpdate")));
    exec.correlator = Some(correlator);
    device.plan = vec![exec.into()];
    let package = device.begin();
    let correlator = match asked(&package)[0] {
        Command::Exec(exec) => Correlator::into_owned(exec.correlator.clone().unwrap()),
        other => panic!("{other:?}"),
    };
    let answers = statuses(&package, StatusCode::ACCEPTED);
    device.send(answers, true);
    assert_eq!(device.codes(), [Ok(202)]);
    // The device comes back by itself, much later.
    let mut device = Device::new(Device::config());
    let outcome =
        GenericAlert::new("org.openmobilealliance.dm.firmwareupdate.update", Format::CHR, text("200"))
            .unwrap();
    let mut commands = package_1();
    commands.push(outcome.with_correlator(correlator).to_alert(id()).into());
    device.send(commands, true);
    let found: Vec<_> = device
        .events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::GenericAlert(_, alert) => running.handle_alert(now, DEVICE, alert),
            _ => None,
        })
        .collect();
    assert_eq!(found, [42]);
}

/// Plays an attempt to open a session, as a driver does that feeds the lockout.
fn attempt(lockout: &mut Lockout, now: Instant, origin: &str, nonce: &Nonce, password: &str) -> (bool, bool) {
    let credentials = |password: &str| Credentials::new("dev", Password::new(password));
    let mut account = Account::transport().with_nonces(Some(nonce.clone()), None);
    account.device = Some((AuthScheme::Md5, credentials("right")));
    let mut device = Device::with_account(Device::config(), Some(account));
    if lockout.is_locked(now, origin, DEVICE) {
        device.session = device.session.clone().without_challenge();
    }
    device.cred = Some(credentials(password).md5(nonce));
    let message = device.begin();
    let Command::Status(header) = &message.body.commands[0] else { unreachable!() };
    for event in &device.events {
        match event {
            ServerEvent::CredentialsRefused => lockout.handle_refused(now, origin, DEVICE),
            ServerEvent::Authenticated => lockout.handle_authenticated(now, origin, DEVICE),
            _ => {}
        }
    }
    (device.session.is_authenticated(), !header.code.is_success() && header.chal.is_some())
}

#[test]
fn who_guesses_gets_no_more_challenges_and_locks_nobody_out() {
    let mut lockout = Lockout::new(LockoutPolicy::DEFAULT);
    let now = Instant::EPOCH;
    let stored = Nonce::new(*b"stored");
    let guess = |lockout: &mut Lockout| attempt(lockout, now, "192.0.2.66", &stored, "guess");
    for _ in 0..5 {
        assert_eq!(guess(&mut lockout), (false, true), "challenged, as anybody");
    }
    assert_eq!(guess(&mut lockout), (false, false), "nothing to guess for any more");
    assert_eq!(attempt(&mut lockout, now, "198.51.100.1", &stored, "right"), (true, false));
    assert_eq!(guess(&mut lockout), (false, false), "which changed nothing for who guesses");
    // Even behind the same address the device gets in, and that unlocks.
    assert_eq!(attempt(&mut lockout, now, "192.0.2.66", &stored, "right"), (true, false));
    assert_eq!(guess(&mut lockout), (false, true));
}

#[test]
fn what_the_builders_make_is_always_taken() {
    let item = |path: &str| Item::to(uri(path)).with_data(text("1"));
    let ask = Interaction::confirm("Sure?").unwrap();
    let changes = AllOrNothing::add(item("./A"))
        .and_replace(item("./B"))
        .and_delete(Item::to(uri("./C")))
        .and_copy(Item::to(uri("./D")).with_source(dm_syncml::Source::new(uri("./E"))))
        .and_ask(&ask);
    let windows = WindowsAtomic::add(item("./SCEP/Id")).and_exec(Item::to(uri("./SCEP/Id/Enroll")));
    let steps =
        InOrder::get(Item::to(uri("./A"))).and_atomic(changes.clone()).and_exec(Item::to(uri("./Run")));
    let both = InOrder::ask(&ask).and_windows_atomic(windows.clone());
    let mut standard = Device::new(Device::config());
    for command in [Command::from(changes), steps.into()] {
        assert!(standard.session.queue(command).is_ok());
    }
    assert!(standard.session.queue(windows.clone()).is_err(), "DM 1.2.1 has no Exec there");
    let mut device = Device::new(Device::config().with_profile(DeviceProfile::WINDOWS));
    for command in [Command::from(windows), both.into()] {
        assert!(device.session.queue(command).is_ok());
    }
}

#[test]
fn a_listing_may_come_in_many_results() {
    let mut device = Device::new(Device::config());
    let node = uri("./Vendor");
    device.plan = vec![
        Query::list(&node, Listing::StructureAndData).unwrap().into(),
        Query::property(&node, Property::Acl).unwrap().into(),
    ];
    let package = device.begin();
    let [list, acl] = asked(&package)[..] else { panic!("{package:?}") };
    assert_eq!(list.items()[0].target_uri().unwrap(), &"./Vendor?list=StructData");
    let found = |path: &str| vec![Item::from(uri(path)).with_data(text("1"))];
    let mut answers = statuses(&package, StatusCode::OK);
    answers.extend((0..3).map(|i| results(&package, list, found(&format!("./Vendor/{i}")))));
    answers.push(results(&package, acl, found("./Vendor?prop=ACL")));
    device.send(answers, true);
    let counts: Vec<_> = device.ends().into_iter().map(|(_, end)| end.unwrap().results.len()).collect();
    assert_eq!(counts, [3, 1]);
}

#[test]
fn a_resp_uri_of_a_device_leads_nowhere() {
    let mut device = Device::new(Device::config());
    let body = device.write(package_1(), true);
    let mut message = dm_syncml::Message::decode(device.encoding, &body, &dm_syncml::DecodeOptions::new())
        .unwrap()
        .into_owned();
    message.header.resp_uri = Some(uri("https://evil.example/"));
    device.hand_over(&message.encode(device.encoding)).unwrap();
    let answer = device.drain().unwrap();
    assert_eq!(answer.header.target.loc_uri, DEVICE);
    assert!(!has_alert(&answer, AlertCode::SESSION_ABORT));
}

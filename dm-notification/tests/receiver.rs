//! The order of checks, one step at a time, and what comes of a message that passes them all.

use dm_notification::push::{ApplicationId, Content, HeaderName, MediaType, PushBuilder, Value};
use dm_notification::{
    Account, Arrival, Credential, DecodeErrorKind, DropReason, Initiator, Notification, RESYNC_NONCE,
    ReceiverPolicy, ReplayMemory, ServerIdentifier, SessionId, Trigger, UiMode, Verdict, Version, receive,
};

const NONCE: &[u8] = b"the nonce";

fn server() -> ServerIdentifier<'static> {
    ServerIdentifier::new("dms.example.org").expect("fits")
}

fn trigger(session: u16) -> Trigger<'static> {
    Trigger::new(server(), SessionId::new(session).expect("not zero"))
}

fn signed(trigger: Trigger<'_>, nonce: &[u8]) -> Vec<u8> {
    Notification::sign(trigger, &Credential::new(server(), "password"), nonce).to_vec()
}

/// A device with an account of the server, which has three credentials: the second one is right.
struct Device {
    credentials: Vec<(Credential, &'static [u8])>,
    resync: bool,
    memory: ReplayMemory,
    in_session: bool,
    policy: ReceiverPolicy,
}

impl Device {
    fn new() -> Self {
        let other = ServerIdentifier::new("other.example.org").expect("fits");
        let credentials = vec![
            (Credential::new(server(), "old password"), NONCE),
            (Credential::new(server(), "password"), NONCE),
            (Credential::new(other, "password"), NONCE),
        ];
        Self {
            credentials,
            resync: false,
            memory: ReplayMemory::new(),
            in_session: false,
            policy: ReceiverPolicy::STRICT,
        }
    }

    fn receive<'a>(&mut self, arrival: Arrival<'a>) -> Verdict<'a> {
        let account = Account::new(&self.credentials).with_resync(self.resync);
        let account_of = |named: ServerIdentifier<'_>| (named == server()).then_some(account);
        receive(arrival, &self.policy, account_of, &mut self.memory, self.in_session)
    }

    fn message<'a>(&mut self, octets: &'a [u8]) -> Verdict<'a> {
        self.receive(Arrival::Message(Content::DmNotification, octets))
    }
}

fn reason(verdict: Verdict<'_>) -> DropReason {
    match verdict {
        Verdict::Drop(reason) => reason,
        other => panic!("not dropped: {other:?}"),
    }
}

/// Everything is wrong at first; each step mends one thing, and the next check speaks.
#[test]
fn checks_come_in_order() {
    let mut device = Device::new();
    device.in_session = true;
    let push = |body: &[u8]| PushBuilder::dm_notification().to_vec(body);

    assert!(matches!(reason(device.receive(Arrival::Push(b"\x01\x05"))), DropReason::Carriage(_)));
    let other_type = PushBuilder::new(MediaType::CP_WBXML).expect("known").to_vec(b"");
    let other = reason(device.receive(Arrival::Push(&other_type)));
    assert_eq!(other, DropReason::OtherContent(Content::CpBootstrap));
    let lwm2m = PushBuilder::new(MediaType::DM_NOTIFICATION).expect("known");
    let lwm2m = lwm2m.with_application_id(ApplicationId::LWM2M_DM).to_vec(b"");
    assert_eq!(reason(device.receive(Arrival::Push(&lwm2m))), DropReason::OtherContent(Content::Other));
    let next = PushBuilder::new(MediaType::DM_NOTIFICATION_1_3).expect("known").to_vec(b"");
    assert_eq!(reason(device.receive(Arrival::Push(&next))), DropReason::Unverifiable);

    let malformed = |verdict| match reason(verdict) {
        DropReason::Malformed(error) => error.kind(),
        other => panic!("{other}"),
    };
    let short = push(&[0; 24]);
    assert_eq!(malformed(device.receive(Arrival::Push(&short))), DecodeErrorKind::Truncated { missing: 1 });
    let empty = push(&[0; 25]);
    assert_eq!(malformed(device.receive(Arrival::Push(&empty))), DecodeErrorKind::EmptyServerIdentifier);
    let stranger = ServerIdentifier::new("stranger").expect("fits");
    let from_stranger = Trigger::new(stranger, SessionId::MAX);
    let version = signed(from_stranger.with_version(Version::V1_2), NONCE);
    assert_eq!(malformed(device.message(&version)), DecodeErrorKind::VersionRefused(Version::V1_2));
    assert_eq!(reason(device.message(&signed(from_stranger, NONCE))), DropReason::UnknownServer);

    let wrong = signed(trigger(1), b"another nonce");
    assert_eq!(reason(device.message(&wrong)), DropReason::WrongDigest);
    let right = signed(trigger(1), NONCE);
    device.memory.remember(&Notification::decode(&right).expect("as signed"));
    assert_eq!(reason(device.message(&right)), DropReason::Replayed);
    let right = signed(trigger(2), NONCE);
    assert_eq!(reason(device.message(&right)), DropReason::InSession);
    device.in_session = false;
    // It was not remembered while it was dropped.
    let Verdict::Start(wish) = device.message(&right) else { panic!("all is right") };
    assert_eq!(
        (wish.session_id().to_string().as_str(), wish.credential(), wish.is_resync()),
        ("2", 1, false)
    );
    assert_eq!(wish.initiator(), Initiator::Server);
    assert_eq!(reason(device.message(&right)), DropReason::Replayed);
}

#[test]
fn the_user_hears_what_the_server_recommends() {
    let modes = [UiMode::NotSpecified, UiMode::Background, UiMode::Informative, UiMode::UserInteraction];
    for own in modes {
        for (mode, session) in modes.into_iter().zip(1..) {
            let mut device = Device::new();
            device.policy = ReceiverPolicy::STRICT.with_not_specified(own);
            let octets = signed(trigger(session).with_ui_mode(mode), NONCE);
            let effective = if mode == UiMode::NotSpecified { own } else { mode };
            let matched = matches!(
                (effective, device.message(&octets)),
                (UiMode::NotSpecified | UiMode::Background, Verdict::Start(_))
                    | (UiMode::Informative, Verdict::TellUser(_))
                    | (UiMode::UserInteraction, Verdict::AskUser(_))
            );
            assert!(matched, "{own:?} {mode:?}");
        }
    }
}

#[test]
fn resynchronisation_is_off_until_it_is_on() {
    let octets = signed(trigger(7), &RESYNC_NONCE);
    let mut device = Device::new();
    assert_eq!(reason(device.message(&octets)), DropReason::WrongDigest);
    device.resync = true;
    let Verdict::Start(wish) = device.message(&octets) else { panic!("it is on") };
    assert!(wish.is_resync());
    assert_eq!(reason(device.message(&octets)), DropReason::Replayed);
    // The ten characters are no nonce either way.
    assert_eq!(reason(device.message(&signed(trigger(8), b"0x00000000"))), DropReason::WrongDigest);
}

#[test]
fn one_session_for_one_id() {
    let mut device = Device::new();
    assert!(matches!(device.message(&signed(trigger(3), NONCE)), Verdict::Start(_)));
    let again = signed(trigger(3).with_ui_mode(UiMode::Background), NONCE);
    assert_eq!(reason(device.message(&again)), DropReason::Replayed);
    device.memory.session_ended(server());
    assert!(matches!(device.message(&again), Verdict::Start(_)));
    let first = signed(trigger(3), NONCE);
    assert_eq!(reason(device.message(&first)), DropReason::Replayed);
}

#[test]
fn nothing_to_verify_with_is_not_verified() {
    let mut device = Device::new();
    device.credentials.clear();
    device.resync = true;
    assert_eq!(reason(device.message(&signed(trigger(1), NONCE))), DropReason::NoCredential);
}

/// A gateway's header does not get in the way, and stands beside the notification.
#[test]
fn a_gateways_header_is_kept() {
    let octets = signed(trigger(1), NONCE);
    let push = PushBuilder::dm_notification().with_header(HeaderName::GWMO, Value::Text(b"device-7"));
    let push = push.expect("text").to_vec(&octets);
    let decoded = dm_notification::push::Push::decode(&push).expect("as built");
    assert_eq!(decoded.headers().gwmo().collect::<Vec<_>>(), [Value::Text(b"device-7")]);
    assert!(matches!(Device::new().receive(Arrival::Push(&push)), Verdict::Start(_)));
}

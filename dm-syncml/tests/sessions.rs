//! Scenarios with both session machines on virtual time.
#![cfg(feature = "xml")]

mod pair;

use dm_sim::{Fault, Link};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::{
    AlertId, ClientEnd, ClientEvent, ClientSession, GivenUp, Incoming, Record, ServerEnd, ServerEvent,
    ServerSession,
};
use dm_syncml::{
    Alert, AlertCode, Atomic, CmdId, Command, Data, DecodeOptions, Encoding, Item, MediaType, Message, Meta,
    Sequence, StatusCode,
};
use pair::{DEVICE, Node, World, client_config, get, replace};
use std::time::Duration;

const BOTH: [Encoding; 2] = [Encoding::Wbxml, Encoding::Xml];

fn answers(world: &World) -> Vec<(StatusCode, Vec<String>)> {
    world
        .server_events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Answered(_, answer) => {
                let found = answer
                    .results
                    .iter()
                    .map(|item| item.data.as_ref().unwrap().as_text().unwrap().to_owned());
                Some((answer.code(), found.collect()))
            }
            _ => None,
        })
        .collect()
}

fn ended(world: &World) -> Vec<ServerEnd> {
    world
        .server_events
        .iter()
        .filter_map(|e| if let ServerEvent::Ended(end) = e { Some(*end) } else { None })
        .collect()
}

#[test]
fn a_session_with_mutual_md5_runs_from_challenge_to_end() {
    for encoding in BOTH {
        let mut world = World::new(1, encoding);
        world.plan = vec![get("./DevDetail/SwV"), replace("./X", "42"), get("./Nope")];
        world.run();

        assert_eq!(world.client_end, Some(ClientEnd::Completed));
        assert_eq!(ended(&world), [ServerEnd::Completed]);
        assert_eq!(
            answers(&world),
            [
                (StatusCode::OK, vec!["7.4.1".to_owned()]),
                (StatusCode::OK, vec![]),
                (StatusCode::NOT_FOUND, vec![]),
            ]
        );
        assert_eq!(world.values["./X"], "42");
        assert!(world.client_events.contains(&ClientEvent::Accepted));
        assert!(world.client_events.contains(&ClientEvent::ServerAuthenticated));
        assert_eq!(world.server_errors, Vec::<String>::new());
        // Package 1, challenge, package 1 again, package 2 without a server nonce, client's challenge, package 2 again,
        // answers, end.
        assert_eq!(world.sent.len(), 8);
        assert_eq!(
            world.executed.len(),
            3,
            "refused commands were not executed before the server had proved itself"
        );
    }
}

#[test]
fn stored_nonces_save_both_challenges_in_the_next_session() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.plan = vec![get("./DevDetail/SwV")];
    world.run();
    let first = world.sent.len();
    // What the client stored is what the server stored.
    let stored = |records: &[Record]| {
        let device = records
            .iter()
            .rev()
            .find_map(|r| if let Record::DeviceNonce(n) = r { Some(n.clone()) } else { None });
        let server = records
            .iter()
            .rev()
            .find_map(|r| if let Record::ServerNonce(n) = r { Some(n.clone()) } else { None });
        (device, server)
    };
    let (device, server) = stored(&world.client_records);
    assert!(device.is_some() && server.is_some());
    assert_eq!((device.clone(), server.clone()), stored(&world.server_records));

    let config = client_config(Encoding::Wbxml).with_nonces(device.clone(), server.clone());
    world.plan = vec![get("./DevDetail/SwV")];
    world.start_over(config, "1B", Vec::new());
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    assert_eq!(world.sent.len() - first, 4, "packages 1 to 4 and nothing else");
    assert_eq!(stored(&world.client_records), stored(&world.server_records));
    let (next_device, next_server) = stored(&world.client_records);
    assert!(next_device != device && next_server != server, "a used nonce is replaced");
}

#[test]
fn a_lost_answer_is_asked_for_again_and_nothing_runs_twice() {
    for nth in 1..=4 {
        let mut world = World::new(1, Encoding::Wbxml);
        world.plan = vec![replace("./X", "42"), get("./DevDetail/SwV")];
        world.network.script(Node::Server, Node::Device, nth, Fault::Drop);
        world.run();
        assert_eq!(world.client_end, Some(ClientEnd::Completed), "answer {nth} lost");
        assert_eq!(answers(&world).len(), 2);
        assert_eq!(world.executed.len(), 2);
        assert_eq!(ended(&world), [ServerEnd::Completed]);
        let bodies: Vec<_> =
            world.sent.iter().filter(|(from, _)| *from == Node::Server).map(|(_, b)| b).collect();
        assert_eq!(bodies.len(), 5, "the lost answer was sent again");
        assert_eq!(bodies[nth as usize - 1], bodies[nth as usize], "and was the same, octet for octet");
    }
}

#[test]
fn a_repeated_message_is_answered_from_memory() {
    for nth in 1..=4 {
        let mut world = World::new(1, Encoding::Wbxml);
        world.plan = vec![replace("./X", "42"), get("./DevDetail/SwV")];
        world.network.script(Node::Device, Node::Server, nth, Fault::Repeat(1));
        world.run();
        assert_eq!(world.client_end, Some(ClientEnd::Completed), "message {nth} repeated");
        assert_eq!(answers(&world).len(), 2);
        assert_eq!(world.executed.len(), 2);
    }
}

/// Every command ends once, none runs twice, and both sides end, whatever the network does.
#[test]
fn sessions_survive_a_bad_network() {
    for seed in 0..300 {
        let mut world = World::new(seed, BOTH[(seed % 2) as usize]);
        let link = Link::new()
            .with_loss(0.2)
            .with_duplication(0.2)
            .with_delay(Duration::from_millis(10)..=Duration::from_secs(40));
        world.network.set_default_link(link);
        world.plan =
            (0..5).map(|i| replace(&format!("./N{i}"), "v")).chain([get("./DevDetail/SwV")]).collect();
        world.run();
        assert!(world.client_end.is_some(), "seed {seed}: the client ends");
        assert!(world.sessions.is_empty(), "seed {seed}: the server ends");
        let mut ends: Vec<_> = world
            .server_events
            .iter()
            .filter_map(|event| match event {
                ServerEvent::Answered(handle, _) | ServerEvent::GivenUp(handle, _) => Some(*handle),
                _ => None,
            })
            .collect();
        ends.sort_unstable();
        assert_eq!(ends, world.queued, "seed {seed}: every command ends exactly once");
        let mut executed: Vec<_> =
            world.executed.iter().map(|c| c.items()[0].target_uri().unwrap().to_string()).collect();
        executed.sort_unstable();
        executed.dedup();
        assert_eq!(executed.len(), world.executed.len(), "seed {seed}: none runs twice");
    }
}

#[test]
fn equal_seeds_give_equal_sessions() {
    let run = |seed| {
        let mut world = World::new(seed, Encoding::Wbxml);
        world.network.set_default_link(Link::new().with_loss(0.3).with_duplication(0.3));
        world.plan = vec![get("./DevDetail/SwV")];
        world.run();
        (world.network.digest(), world.sent)
    };
    assert_eq!(run(5), run(5));
}

#[test]
fn a_silent_server_is_given_up_after_the_attempts() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.network.cut(Node::Device, Node::Server);
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::TimedOut));
    assert_eq!(world.sent.len(), 3);
    assert_eq!(world.network.now(), pair::RETRY * 3);
}

#[test]
fn a_device_that_vanishes_leaves_its_commands_unanswered() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.plan = vec![replace("./X", "1"), replace("./Y", "2")];
    // Its answer to the commands and everything after is lost.
    for nth in 4..=10 {
        world.network.script(Node::Device, Node::Server, nth, Fault::Drop);
    }
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::TimedOut));
    assert_eq!(ended(&world), [ServerEnd::TimedOut]);
    let given_up: Vec<_> = world
        .server_events
        .iter()
        .filter_map(|e| if let ServerEvent::GivenUp(_, why) = e { Some(*why) } else { None })
        .collect();
    assert_eq!(given_up, [GivenUp::Unanswered, GivenUp::Unanswered]);
    assert_eq!(world.executed.len(), 2, "which is why they are not sent again");
}

#[test]
fn wrong_credentials_are_refused_after_one_fresh_challenge() {
    let config = client_config(Encoding::Wbxml)
        .with_md5(Credentials::new("dev-7731", Password::new("wrong")), pair::server_credentials());
    let mut world = World::with_client(1, Encoding::Wbxml, config);
    world.plan = vec![replace("./X", "1")];
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::DeviceRefused));
    assert_eq!(ended(&world), [ServerEnd::DeviceRefused]);
    assert_eq!(world.server_records, [], "nothing is stored for a stranger");
    assert_eq!(world.client_records, []);
    assert!(world.executed.is_empty());
    let codes: Vec<_> = world.messages(Node::Server).iter().map(first_status).collect();
    assert_eq!(codes, [StatusCode::MISSING_CREDENTIALS, StatusCode::INVALID_CREDENTIALS]);
}

#[test]
fn a_server_that_cannot_prove_itself_gets_nothing_executed() {
    let mut world = World::new(1, Encoding::Wbxml);
    let account = world.account.as_mut().unwrap();
    account.server.as_mut().unwrap().1 = Credentials::new("srv-alpha", Password::new("wrong"));
    world.plan = vec![replace("./X", "1")];
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::ServerRefused));
    assert!(world.executed.is_empty());
    assert_eq!(world.client_records, [], "nor may it change what is stored");
    assert!(!world.values.contains_key("./X"));
}

fn first_status(message: &Message<'_>) -> StatusCode {
    match &message.body.commands[0] {
        Command::Status(status) => status.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn known_and_unknown_devices_get_the_same_answer() {
    let mut replies = Vec::new();
    for known in [true, false] {
        let mut world = World::new(1, Encoding::Xml);
        if !known {
            world.account = None;
        }
        let stranger = client_config(Encoding::Xml)
            .with_md5(Credentials::new("dev-7731", Password::new("guess")), pair::server_credentials());
        world.start_over(stranger, "1A", Vec::new());
        world.run();
        replies.push(world.sent.into_iter().filter(|(from, _)| *from == Node::Server).collect::<Vec<_>>());
    }
    assert_eq!(replies[0].len(), 2);
    assert_eq!(replies[0], replies[1]);
}

#[test]
fn a_weaker_scheme_than_ours_is_not_answered() {
    let mut world = World::new(1, Encoding::Wbxml);
    let (scheme, _) = world.account.as_mut().unwrap().device.as_mut().unwrap();
    *scheme = dm_syncml::auth::AuthScheme::Basic;
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::DeviceRefused));
    let bodies: Vec<u8> = world.sent.into_iter().flat_map(|(_, body)| body).collect();
    assert!(!bodies.windows(13).any(|w| w == b"cl13nt-secret"));
}

#[test]
fn generic_alerts_go_with_package_1_and_are_acknowledged() {
    let mut world = World::new(1, Encoding::Xml);
    let item = Item::from(pair::uri("./Gateway/Devices/7"))
        .with_meta(
            Meta::new().with_media_type(MediaType::new("urn:oma:at:x-gwmo:deviceattached:1.1").unwrap()),
        )
        .with_data(Data::text("7").unwrap());
    let mut alert = Alert::new(CmdId::new("1").unwrap(), AlertCode::GENERIC_ALERT);
    alert.items.push(item);
    world.start_over(client_config(Encoding::Xml), "1A", vec![alert]);
    world.run();
    assert!(world.client_events.contains(&ClientEvent::AlertTaken(AlertId::new(0), StatusCode::OK)));
    let alerts =
        world.server_events.iter().filter(|event| matches!(event, ServerEvent::GenericAlert(..))).count();
    assert_eq!(alerts, 1, "refused with the first package 1, taken with the second");
}

#[test]
fn dev_info_arrives_once_the_device_has_proved_itself() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.run();
    let infos: Vec<_> = world
        .server_events
        .iter()
        .filter_map(|e| if let ServerEvent::DevInfo(i) = e { Some(i) } else { None })
        .collect();
    assert_eq!(infos.len(), 1);
    assert_eq!((infos[0].dev_id(), infos[0].manufacturer()), (Some(DEVICE), Some("Example")));
    let authenticated = world.server_events.iter().position(|e| *e == ServerEvent::Authenticated).unwrap();
    let info = world.server_events.iter().position(|e| matches!(e, ServerEvent::DevInfo(_))).unwrap();
    assert!(authenticated < info);
}

#[test]
fn a_sequence_runs_in_order_and_an_atomic_is_not_offered() {
    let mut world = World::new(1, Encoding::Wbxml);
    let id = || CmdId::new("1").unwrap();
    world.plan = vec![
        Sequence::new(id(), vec![replace("./A", "1"), get("./A")]).into(),
        Atomic::new(id(), vec![replace("./B", "1"), replace("./C", "1")]).into(),
    ];
    world.run();
    let all: Vec<Vec<_>> = world
        .server_events
        .iter()
        .filter_map(|e| match e {
            ServerEvent::Answered(_, answer) => {
                Some(answer.statuses.iter().map(|s| (s.member, s.code.get())).collect())
            }
            _ => None,
        })
        .collect();
    assert_eq!(all, [vec![(0, 200), (1, 200), (2, 200)], vec![(0, 406), (1, 215), (2, 215)]]);
    assert_eq!(world.values["./A"], "1");
    assert!(!world.values.contains_key("./B"));
}

#[test]
fn commands_go_out_in_as_many_rounds_as_the_message_size_needs() {
    let config = client_config(Encoding::Wbxml).with_max_msg_size(800);
    let mut world = World::with_client(1, Encoding::Wbxml, config);
    world.plan = (0..20).map(|i| replace(&format!("./Some/Long/Path/To/Node{i}"), &"v".repeat(60))).collect();
    world.plan.push(replace("./TooLarge", &"v".repeat(900)));
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    assert_eq!(answers(&world).len(), 21, "the one that fits no message goes out as a large object");
    for (from, body) in &world.sent {
        assert!(*from == Node::Device || body.len() <= 800, "{} octets", body.len());
    }
}

#[test]
fn results_that_do_not_fit_become_413() {
    let config = client_config(Encoding::Wbxml).without_large_objects();
    let mut world = World::with_client(1, Encoding::Wbxml, config);
    world.server_config = world.server_config.clone().with_max_msg_size(1200);
    world.values.insert("./Big".into(), "x".repeat(5000));
    world.plan = vec![get("./Big"), get("./DevDetail/SwV")];
    world.run();
    assert_eq!(
        answers(&world),
        [(StatusCode::TOO_LARGE, vec![]), (StatusCode::OK, vec!["7.4.1".to_owned()])]
    );
    for (from, body) in &world.sent {
        assert!(*from == Node::Server || body.len() <= 1200, "{} octets", body.len());
    }
}

#[test]
fn foreign_and_untimely_messages_leave_the_session_alone() {
    let mut world = World::new(1, Encoding::Xml);
    world.plan = vec![get("./DevDetail/SwV")];
    // The third message of the device is garbled on the way; then it is another session's.
    world.network.alter(Node::Device, Node::Server, 3, |body| body.truncate(90));
    world.network.alter(Node::Device, Node::Server, 4, |body| {
        let text = String::from_utf8(body.clone()).unwrap();
        *body = text.replace("<MsgID>3</MsgID>", "<MsgID>9</MsgID>").into_bytes();
    });
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    assert_eq!(answers(&world).len(), 1);
    assert_eq!(world.server_errors.len(), 2, "{:?}", world.server_errors);
    assert!(
        world.server_errors[0].starts_with("truncated at byte 89 in SyncML/SyncHdr"),
        "{}",
        world.server_errors[0]
    );
    assert_eq!(world.server_errors[1], "message 9 came where 3 was due");
}

#[test]
fn unknown_elements_are_answered_and_the_session_goes_on() {
    let mut world = World::new(1, Encoding::Xml);
    world.plan = vec![get("./DevDetail/SwV")];
    for nth in 1..=2 {
        world.network.alter(Node::Device, Node::Server, nth, |body| {
            let text = String::from_utf8(body.clone()).unwrap();
            let odd = "<Put><CmdID>77</CmdID></Put><Frob xmlns=\"urn:x\">?</Frob><Final/>";
            *body = text.replace("<Final/>", odd).into_bytes();
        });
    }
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    let second = &world.messages(Node::Server)[1];
    let codes: Vec<_> = second
        .body
        .commands
        .iter()
        .filter_map(|c| match c {
            Command::Status(s) => Some((s.cmd.to_string(), s.cmd_ref.to_string(), s.code.get())),
            _ => None,
        })
        .collect();
    assert!(codes.contains(&("Put".into(), "77".into(), 400)), "{codes:?}");
    assert!(codes.contains(&("Frob".into(), String::new(), 400)), "{codes:?}");
}

/// What cannot be referred to is never executed: 400, with an empty CmdRef.
#[test]
fn commands_without_cmd_id_are_refused_by_both_sides() {
    let strip = |command: &'static str| {
        move |body: &mut Vec<u8>| {
            let text = String::from_utf8(body.clone()).unwrap();
            if let Some((before, after)) = text.split_once(&format!("<{command}><CmdID>")) {
                let (_, after) = after.split_once("</CmdID>").unwrap();
                *body = format!("{before}<{command}><CmdID/>{after}").into_bytes();
            }
        }
    };
    for (from, to, command, executed) in
        [(Node::Device, Node::Server, "Alert", 0), (Node::Server, Node::Device, "Get", 1)]
    {
        let mut world = World::new(1, Encoding::Xml);
        world.plan = vec![get("./DevDetail/SwV"), get("./DevDetail/FwV")];
        for nth in 1..=3 {
            world.network.alter(from, to, nth, strip(command));
        }
        world.run();
        let refused = world.messages(to).iter().flat_map(|message| message.body.commands.clone()).any(|c| {
            matches!(c, Command::Status(s) if s.code == StatusCode::BAD_REQUEST && s.cmd_ref == "" && s.cmd == command)
        });
        assert!(refused, "{command}: {:?}", world.messages(to));
        assert_eq!(world.executed.len(), executed, "{command}");
    }
}

/// A message of many small commands must not buy an answer many times its size.
#[test]
fn more_commands_than_are_taken_are_refused_as_a_whole() {
    let mut world = World::new(1, Encoding::Xml);
    world.server_config = world.server_config.clone().with_max_commands(50);
    world.network.alter(Node::Device, Node::Server, 1, |body| {
        let text = String::from_utf8(body.clone()).unwrap();
        *body = text.replace("<Final/>", &"<Put/>".repeat(60)).into_bytes();
    });
    world.run();
    assert_eq!(world.server_errors, ["the message holds more than 50 commands"]);
    assert_eq!(world.client_end, Some(ClientEnd::Completed), "the repetition was clean");
}

#[test]
fn other_versions_of_dm_1_are_taken_and_answered_in_kind() {
    for version in ["DM/1.1", "DM/1.3"] {
        let mut world = World::new(1, Encoding::Xml);
        world.plan = vec![get("./DevDetail/SwV")];
        for nth in 1..=4 {
            world.network.alter(Node::Device, Node::Server, nth, move |body| {
                let text = String::from_utf8(body.clone()).unwrap();
                *body = text.replace("DM/1.2", version).into_bytes();
            });
        }
        world.run();
        assert_eq!(world.client_end, Some(ClientEnd::Completed), "{version}");
        assert_eq!(answers(&world).len(), 1, "{version}");
        assert!(world.messages(Node::Server).iter().all(|message| message.header.ver_proto == version));
    }
}

#[test]
fn another_protocol_is_answered_with_513() {
    let mut world = World::new(1, Encoding::Xml);
    world.network.alter(Node::Device, Node::Server, 1, |body| {
        let text = String::from_utf8(body.clone()).unwrap();
        *body = text.replace("DM/1.2", "DS/1.2").into_bytes();
    });
    world.run();
    assert_eq!(ended(&world), [ServerEnd::ProtocolRefused]);
    assert_eq!(world.client_end, Some(ClientEnd::HeaderRefused(StatusCode::PROTOCOL_NOT_SUPPORTED)));
}

#[test]
fn a_server_abort_ends_the_client_without_an_answer() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.plan = vec![replace("./X", "1")];
    world.abort = true;
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Aborted));
    assert_eq!(ended(&world), [ServerEnd::Stopped]);
    assert!(world.executed.is_empty());
}

#[test]
fn spurious_ticks_and_clocks_that_step_back_are_harmless() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.client.handle_tick(dm_syncml::Instant::from_millis(5000));
    world.client.handle_tick(dm_syncml::Instant::EPOCH);
    world.plan = vec![get("./DevDetail/SwV")];
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
}

#[test]
fn machines_and_owned_messages_can_be_sent_and_kept() {
    fn assert_send<T: Send + 'static>() {}
    assert_send::<ClientSession>();
    assert_send::<ServerSession>();
    assert_send::<Message<'static>>();
    assert_send::<Incoming<'static>>();
    let text = World::new(1, Encoding::Xml);
    drop(text);
    let message = Message::decode(
        Encoding::Xml,
        include_bytes!("vectors/session/05-c2s-pkg3-results.xml"),
        &DecodeOptions::new(),
    )
    .unwrap()
    .into_owned();
    std::thread::spawn(move || assert_eq!(message.header.msg_id, "3")).join().unwrap();
}

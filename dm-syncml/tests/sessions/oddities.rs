//! What does not belong into a session, or ends it.

use crate::pair::{Node, World, get, replace};
use crate::{answers, ended};
use dm_syncml::session::{ClientEnd, ClientSession, Incoming, ServerEnd, ServerSession};
use dm_syncml::{Command, DecodeOptions, Encoding, Message, StatusCode};

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
        include_bytes!("../vectors/session/05-c2s-pkg3-results.xml"),
        &DecodeOptions::new(),
    )
    .unwrap()
    .into_owned();
    std::thread::spawn(move || assert_eq!(message.header.msg_id, "3")).join().unwrap();
}

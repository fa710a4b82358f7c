//! Sessions that go as they should: packages, commands and their answers, alerts.

use crate::pair;
use crate::pair::{DEVICE, Node, World, client_config, get, replace};
use crate::{BOTH, answers, ended};
use dm_syncml::session::{AlertId, ClientEnd, ClientEvent, Record, ServerEnd, ServerEvent};
use dm_syncml::{
    Alert, AlertCode, Atomic, CmdId, Data, Encoding, Item, MediaType, Meta, Sequence, StatusCode,
};

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

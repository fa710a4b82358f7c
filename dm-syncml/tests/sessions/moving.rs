//! Devices that change networks, and what must not depend on the network at all (DM 2.0 RD, HLF-001, 002, 007, 008, use case B.3; the
//! security requirements).

use std::time::Duration;

use crate::pair::{
    Node, SERVER, World, client_config, device_credentials, get, replace, server_credentials, uri,
};
use crate::{BOTH, answers, ended};
use dm_sim::Link;
use dm_syncml::auth::AuthScheme;
use dm_syncml::session::{
    Account, ClientConfig, ClientEnd, ClientEvent, GivenUp, Record, ServerEnd, ServerEvent,
};
use dm_syncml::{Command, Encoding, StatusCode};

fn plan() -> Vec<Command<'static>> {
    vec![replace("./X", "42"), get("./DevDetail/SwV"), replace("./Y", &"y".repeat(3000)), get("./X")]
}

fn device_messages(world: &World) -> Vec<&Vec<u8>> {
    world.sent.iter().filter(|(from, _)| *from == Node::Device).map(|(_, body)| body).collect()
}

fn stored(world: &World) -> ClientConfig {
    let last = |find: fn(&Record) -> Option<dm_syncml::auth::Nonce>| {
        world.client_records.iter().rev().find_map(find)
    };
    let device =
        last(|record| if let Record::DeviceNonce(nonce) = record { Some(nonce.clone()) } else { None });
    let server =
        last(|record| if let Record::ServerNonce(nonce) = record { Some(nonce.clone()) } else { None });
    client_config(world.encoding).with_nonces(device, server)
}

/// Between any two messages the device goes from one network to another: the HTTP exchange under way is lost, and the same octets go out
/// again from the new address, over a link of another kind.
#[test]
fn dm_hlf_008_the_transport_changes_in_the_middle_of_a_session() {
    for encoding in BOTH {
        for after in 1..=10 {
            let config = client_config(encoding).with_max_msg_size(1500);
            let mut world = World::with_client(1, encoding, config);
            world.network.set_links(
                Node::Road,
                Node::Server,
                Link::new().with_delay(Duration::from_millis(600)..=Duration::from_secs(2)),
            );
            world.plan = plan();
            world.moves = vec![(after, Node::Road)];
            world.run();
            let name = format!("{encoding:?}, after {after}");
            assert_eq!(world.client_end, Some(ClientEnd::Completed), "{name}");
            assert_eq!(ended(&world), [ServerEnd::Completed], "{name}");
            let found: Vec<_> = answers(&world).into_iter().map(|(code, _)| code.get()).collect();
            assert_eq!(found, [200; 4], "{name}");
            assert_eq!(world.executed.len(), 4, "{name}: nothing runs twice");
            assert!(world.origins.contains(&Node::Road) && world.origins.contains(&Node::Device), "{name}");
            let sent = device_messages(&world);
            let repeated = sent.windows(2).filter(|pair| pair[0] == pair[1]).count();
            assert_eq!(repeated, 1, "{name}: the lost exchange is repeated, octet for octet, and no other");
            assert_eq!(world.closed, 1, "{name}: it is one session for the server");
        }
    }
}

/// From network to network after every other message.
#[test]
fn dm_hlf_008_a_device_that_never_stays_is_managed() {
    let mut world = World::with_client(1, Encoding::Wbxml, client_config(Encoding::Wbxml));
    world.plan = plan();
    let places = [Node::Office, Node::Road, Node::Device];
    world.moves = (1..60).step_by(3).zip(places.into_iter().cycle()).collect();
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    assert_eq!((answers(&world).len(), world.executed.len()), (4, 4));
    assert!(places.iter().all(|place| world.origins.contains(place)));
}

/// Yamada Taro's gadget is set up at home, unplugged in the middle of something, plugged in days later at the office behind another gateway,
/// and managed on: nonces are in step or get so, what was not sent is sent, and what may have been done is not done twice.
#[test]
fn use_case_b_3_a_gadget_is_managed_on_in_another_private_network() {
    for cut in 4..=9 {
        let mut world =
            World::with_client(1, Encoding::Wbxml, client_config(Encoding::Wbxml).with_max_msg_size(900));
        let jobs = ["./A", "./B", "./C", "./D", "./E"];
        world.plan = jobs.iter().map(|job| replace(job, &"v".repeat(300))).collect();
        world.cut_after = Some(cut);
        world.run();
        assert_eq!(ended(&world), [ServerEnd::TimedOut], "cut {cut}");
        // Days later, elsewhere. The server's process has been another one all the time, see the pair.
        let left: Vec<_> = world
            .queued
            .iter()
            .zip(jobs)
            .filter(|(handle, _)| {
                world.server_events.contains(&ServerEvent::GivenUp(**handle, GivenUp::NotSent))
            })
            .map(|(_, job)| job)
            .collect();
        world.plan = left.iter().map(|job| replace(job, &"v".repeat(300))).collect();
        world.cut_after = None;
        world.place = Node::Office;
        world.server_events.clear();
        let config = stored(&world).with_max_msg_size(900);
        world.start_over(config, "2F", Vec::new());
        world.run();
        assert_eq!(world.client_end, Some(ClientEnd::Completed), "cut {cut}");
        assert_eq!(answers(&world).len(), left.len(), "cut {cut}");
        assert_eq!(world.origins.last(), Some(&Node::Office));
        let mut done: Vec<_> =
            world.executed.iter().map(|one| one.items()[0].target_uri().unwrap().to_string()).collect();
        let times = done.len();
        done.sort_unstable();
        done.dedup();
        assert_eq!(done.len(), times, "cut {cut}: nothing is done twice");
        assert!(world.client_events.contains(&ClientEvent::ServerAuthenticated));
    }
}

/// A complete session at home and one elsewhere: the nonces of the first save the challenges of the second.
#[test]
fn dm_hlf_008_nonces_go_along() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.plan = plan();
    world.run();
    let before = world.sent.len();
    world.place = Node::Office;
    world.plan = vec![get("./X")];
    let config = stored(&world);
    world.start_over(config, "2F", Vec::new());
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    assert_eq!(world.sent.len() - before, 4, "nobody has to be challenged");
}

/// What a session comes to does not depend on what carries it: speed, loss, order, encoding.
#[test]
fn dm_hlf_001_dm_iop_001_the_outcome_is_the_same_over_any_access() {
    let links = [
        Link::new(),
        Link::new().with_delay(Duration::from_millis(300)..=Duration::from_secs(3)),
        Link::new().with_loss(0.2).with_duplication(0.2),
        Link::new().with_delay(Duration::from_millis(1)..=Duration::from_secs(20)).with_order(),
    ];
    let mut outcomes = Vec::new();
    for (seed, link) in (0..).zip(links) {
        for encoding in BOTH {
            let mut world = World::new(seed, encoding);
            world.network.set_default_link(link.clone());
            world.plan = plan();
            world.run();
            assert_eq!(world.client_end, Some(ClientEnd::Completed), "{seed} {encoding:?}");
            outcomes.push((answers(&world), world.values.clone(), world.executed.len()));
        }
    }
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
}

/// One device with two kinds of access: each session has the sizes and the encoding that suit the one it uses.
#[test]
fn dm_hlf_007_each_session_suits_its_access() {
    let mut world =
        World::with_client(1, Encoding::Xml, client_config(Encoding::Xml).with_max_msg_size(64 << 10));
    world.plan = plan();
    world.run();
    let wide = world.sent.iter().map(|(_, body)| body.len()).max().unwrap();
    assert!(wide > 3000, "on the wide link objects go out whole: {wide}");
    world.sent.clear();
    world.server_events.clear();
    // The narrow one: WBXML, small messages, another address; the same device and server.
    world.encoding = Encoding::Wbxml;
    world.place = Node::Road;
    world.plan = plan();
    let config = stored(&world).with_max_msg_size(1200);
    world.start_over(config, "2F", Vec::new());
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    assert_eq!(answers(&world).len(), 4);
    assert!(world.sent.iter().all(|(from, body)| *from == Node::Device || body.len() <= 1200));
}

/// Behind a firewall or NAT: whatever the server sends is the answer to a request of the device, to where that came from, though the
/// address is another for each request.
#[test]
fn dm_hlf_002_a_device_behind_a_nat_is_managed() {
    let mut world =
        World::with_client(1, Encoding::Wbxml, client_config(Encoding::Wbxml).with_max_msg_size(1400));
    world.plan = plan();
    world.rebinding = vec![Node::Office, Node::Road, Node::Device];
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
    assert_eq!((answers(&world).len(), world.executed.len(), world.closed), (4, 4, 1));
    assert!(
        world.origins.windows(2).all(|pair| pair[0] != pair[1]),
        "each exchange has an address of its own"
    );
    let pairs = world.sent.chunks(2);
    assert!(
        pairs.len() > 5
            && pairs.into_iter().all(|pair| pair[0].0 == Node::Device && pair[1].0 == Node::Server),
        "the server never speaks first"
    );
}

#[test]
fn dm_secacate_001_both_sides_prove_themselves_before_anything_is_done() {
    for scheme in [AuthScheme::Basic, AuthScheme::Md5] {
        let config =
            client_config(Encoding::Wbxml).with_auth(scheme, device_credentials(), server_credentials());
        let mut world = World::with_client(1, Encoding::Wbxml, config);
        world.account = Some(Account::new(scheme, device_credentials(), server_credentials()));
        world.plan = plan();
        world.run();
        assert_eq!(world.client_end, Some(ClientEnd::Completed), "{scheme:?}");
        assert!(world.client_events.contains(&ClientEvent::ServerAuthenticated), "{scheme:?}");
        assert!(world.server_events.contains(&ServerEvent::Authenticated), "{scheme:?}");
        assert_eq!(world.executed.len(), 4);
    }
    // One that cannot is not answered with anything but codes, on either side.
    for wrong in ["device", "server"] {
        let mut world = World::new(1, Encoding::Wbxml);
        let account = world.account.as_mut().unwrap();
        let other = Some((
            AuthScheme::Md5,
            dm_syncml::auth::Credentials::new("x", dm_syncml::auth::Password::new("y")),
        ));
        match wrong {
            "device" => account.device = other,
            _ => account.server = other,
        }
        world.plan = plan();
        world.run();
        let due = if wrong == "device" { ClientEnd::DeviceRefused } else { ClientEnd::ServerRefused };
        assert_eq!(world.client_end, Some(due));
        assert!(world.executed.is_empty() && world.client_records.is_empty());
    }
}

/// An altered message is found out where the MAC covers it, and an altered object where its digest does.
#[test]
fn dm_di_001_an_altered_large_object_is_not_committed() {
    let mut config = client_config(Encoding::Wbxml).with_max_msg_size(1400).with_resume();
    (config.device, config.server_auth) = (None, None);
    let mut world = World::with_client(1, Encoding::Wbxml, config);
    world.account = Some(Account::transport());
    world.server_config = world.server_config.clone().with_resume();
    world.plan = vec![replace("./Big", &"abcdefgh".repeat(500))];
    world.network.alter(Node::Server, Node::Device, 2, |body| {
        let at = body.windows(8).position(|window| window == b"abcdefgh").unwrap();
        body[at] = b'X';
    });
    world.run();
    assert_eq!(answers(&world)[0].0, StatusCode::SIZE_MISMATCH);
    assert!(!world.values.contains_key("./Big"));
}

/// Under MD5 no secret travels, and none is shown by what a program may log of both sides.
#[test]
fn dm_secconf_001_secrets_are_neither_sent_nor_shown() {
    for encoding in BOTH {
        let mut world = World::new(1, encoding);
        world.plan = plan();
        world.run();
        let shown = format!("{:?}{:?}{:?}", world.account, client_config(encoding), world.client_events);
        for secret in ["cl13nt-secret", "s3rver-secret"] {
            let holds =
                |octets: &[u8]| octets.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(world.sent.iter().all(|(_, body)| !holds(body)));
            assert!(!shown.contains(secret));
        }
        assert_eq!(uri(SERVER), SERVER);
    }
}

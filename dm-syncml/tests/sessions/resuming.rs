//! Large objects whose transfer breaks off, at every boundary between messages and in either direction, and goes on in the next session
//! (DM 2.0 RD, HLF-021).

use std::time::Duration;

use crate::pair::{Node, World, client_config, get, replace};
use crate::{BOTH, answers};
use dm_syncml::session::{Account, ClientConfig, ClientEnd, PartialObject, PartialObjects, ServerEvent};
use dm_syncml::{Command, Encoding, Message, StatusCode};

const OBJECT: usize = 6000;

fn object(seed: usize) -> String {
    (0..OBJECT).map(|at| char::from(b'a' + ((at * 7 + at / 26 + seed) % 26) as u8)).collect()
}

/// The transport authenticates both sides, so that no challenge makes anything go out twice.
fn plain(encoding: Encoding) -> ClientConfig {
    let mut config = client_config(encoding).with_max_msg_size(1400);
    (config.device, config.server_auth) = (None, None);
    config
}

fn config(encoding: Encoding) -> ClientConfig {
    plain(encoding).with_resume()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// From the server to the device.
    Down,
    /// From the device to the server.
    Up,
}

fn world(way: Way, encoding: Encoding, value: &str) -> World {
    let mut world = World::with_client(1, encoding, config(encoding));
    world.server_config = world.server_config.clone().with_resume().with_max_msg_size(1400);
    world.account = Some(Account::transport());
    plan(&mut world, way, value);
    world
}

fn plan(world: &mut World, way: Way, value: &str) {
    match way {
        Way::Down => world.plan = vec![replace("./Big", value)],
        Way::Up => {
            world.values.insert("./Big".into(), value.into());
            world.plan = vec![get("./Big")];
        }
    }
}

fn again(world: &mut World, config: ClientConfig, way: Way, value: &str) -> usize {
    let before = world.sent.len();
    world.cut_after = None;
    world.network.heal(Node::Device, Node::Server);
    world.server_events.clear();
    plan(world, way, value);
    world.start_over(config, "1B", Vec::new());
    world.run();
    before
}

/// Octets of the object in messages from this one on, whether they arrived or not.
fn carried(world: &World, way: Way, from: usize) -> usize {
    fn octets(way: Way, message: &Message<'_>) -> usize {
        let items = message.body.commands.iter().filter_map(|command| match (way, command) {
            (Way::Down, Command::Replace(replace)) => Some(&replace.items),
            (Way::Up, Command::Results(results)) => Some(&results.items),
            _ => None,
        });
        items.flatten().filter_map(|item| item.data.as_ref()?.as_octets().map(<[u8]>::len)).sum()
    }
    let decode = |body| Message::decode(world.encoding, body, &dm_syncml::DecodeOptions::new()).unwrap();
    let sender = if way == Way::Down { Node::Server } else { Node::Device };
    let all = world.sent.iter().skip(from).filter(|(node, body)| {
        // DevInfo travels in a Replace too.
        *node == sender && !body.is_empty()
    });
    all.map(|(_, body)| octets(way, &decode(body))).sum()
}

fn held(world: &World, way: Way) -> usize {
    let objects = if way == Way::Down { &world.client_objects } else { &world.server_objects };
    objects.iter().map(PartialObject::held).sum()
}

fn arrived(world: &World, way: Way, value: &str) -> bool {
    match way {
        Way::Down => world.values.get("./Big").is_some_and(|arrived| arrived == value),
        Way::Up => answers(world).iter().any(|(code, found)| *code == StatusCode::OK && found == &[value]),
    }
}

#[test]
fn dm_hlf_021_a_transfer_goes_on_wherever_it_was_cut() {
    for encoding in BOTH {
        for way in [Way::Down, Way::Up] {
            let value = object(0);
            let (mut resumed, mut n) = (0, 1);
            loop {
                let mut world = world(way, encoding, &value);
                world.cut_after = Some(n);
                world.run();
                if arrived(&world, way, &value) && world.client_end == Some(ClientEnd::Completed) {
                    break;
                }
                let (done, held) = (arrived(&world, way, &value), held(&world, way));
                assert!(held < OBJECT);
                let before = again(&mut world, config(encoding), way, &value);
                let name = format!("{encoding:?} {way:?} cut after {n}, {held} held, done {done}");
                assert_eq!(world.client_end, Some(ClientEnd::Completed), "{name}");
                assert!(arrived(&world, way, &value), "{name}");
                assert!(answers(&world).iter().all(|(code, _)| *code == StatusCode::OK), "{name}");
                // What the device has proved to have is not sent again; only the missing part travels.
                assert_eq!(carried(&world, way, before), OBJECT - held, "{name}");
                let told: Vec<_> = world
                    .server_events
                    .iter()
                    .filter_map(|event| match event {
                        ServerEvent::Resumed(_, octets) => Some(*octets),
                        _ => None,
                    })
                    .collect();
                let due: &[usize] = if way == Way::Down && held > 0 { &[held] } else { &[] };
                assert_eq!(told, due, "{name}");
                assert!(world.client_objects.is_empty() && world.server_objects.is_empty(), "{name}");
                resumed += usize::from(held > 0);
                n += 1;
            }
            assert!(resumed >= 6, "{encoding:?} {way:?}: {resumed} of {n} cuts were inside of the object");
        }
    }
}

/// Cut again and again, the object arrives, and each octet is sent about once; with credentials, challenges and nonces that get out of step.
#[test]
fn dm_hlf_021_progress_is_made_over_any_number_of_sessions() {
    // How many messages a session has until it is cut: enough for the challenges of both and a chunk.
    let messages = 9;
    for way in [Way::Down, Way::Up] {
        let value = object(3);
        let proving = client_config(Encoding::Wbxml).with_max_msg_size(1400).with_resume();
        let mut world = World::with_client(1, Encoding::Wbxml, proving.clone());
        world.server_config = world.server_config.clone().with_resume().with_max_msg_size(1400);
        plan(&mut world, way, &value);
        world.cut_after = Some(messages);
        world.run();
        let mut sessions = 1;
        while !arrived(&world, way, &value) {
            sessions += 1;
            assert!(sessions < 20, "{way:?}: no progress");
            world.network.heal(Node::Device, Node::Server);
            world.cut_after = Some(world.sent.len() + messages);
            world.server_events.clear();
            plan(&mut world, way, &value);
            world.start_over(proving.clone(), &format!("2{sessions}"), Vec::new());
            world.run();
        }
        assert!(sessions > 2, "{way:?}");
        // A chunk that was lost, and sent three times, for each session.
        assert!(carried(&world, way, 0) < OBJECT + sessions * 3 * 1400, "{way:?}");
    }
}

/// A session with an object in the middle, cut there.
fn broken(way: Way, value: &str) -> World {
    let mut world = world(way, Encoding::Wbxml, value);
    world.cut_after = Some(7);
    world.run();
    assert!(!arrived(&world, way, value) && held(&world, way) > 1000, "{way:?}: {}", held(&world, way));
    world
}

#[test]
fn dm_hlf_021_a_changed_object_starts_anew() {
    for way in [Way::Down, Way::Up] {
        let mut world = broken(way, &object(0));
        let changed = object(1);
        let before = again(&mut world, config(Encoding::Wbxml), way, &changed);
        assert!(arrived(&world, way, &changed), "{way:?}");
        assert_eq!(carried(&world, way, before), OBJECT, "{way:?}");
        assert!(
            world.client_objects.is_empty() && world.server_objects.is_empty(),
            "{way:?}: the old is gone"
        );
    }
}

/// Another encoding, with octets that it carries otherwise, and text that it does not: the digest decides.
#[test]
fn dm_hlf_021_text_goes_on_in_another_encoding() {
    for way in [Way::Down, Way::Up] {
        let value = object(0);
        let mut world = broken(way, &value);
        let held = held(&world, way);
        let before = world.sent.len();
        world.encoding = Encoding::Xml;
        world.sent.clear();
        again(&mut world, config(Encoding::Xml), way, &value);
        assert!(before > 0 && arrived(&world, way, &value), "{way:?}");
        assert_eq!(carried(&world, way, 0), OBJECT - held, "{way:?}");
    }
}

#[test]
fn dm_hlf_021_what_is_too_old_or_of_another_peer_is_sent_whole() {
    for way in [Way::Down, Way::Up] {
        let value = object(0);
        for what in ["old", "another's", "forgotten"] {
            let mut world = broken(way, &value);
            let objects =
                if way == Way::Down { &mut world.client_objects } else { &mut world.server_objects };
            match what {
                "old" => objects.expire(dm_syncml::Instant::EPOCH + Duration::from_secs(8 * 24 * 3600)),
                "forgotten" => *objects = PartialObjects::new(),
                _ => {
                    let peer = objects.iter().next().unwrap().peer().to_owned();
                    objects.forget_peer(&peer);
                }
            }
            let before = again(&mut world, config(Encoding::Wbxml), way, &value);
            assert!(arrived(&world, way, &value), "{way:?} {what}");
            assert_eq!(carried(&world, way, before), OBJECT, "{way:?} {what}");
        }
    }
}

/// A side that has lost in between what it said it had refuses the rest (426), and is sent the whole in the same session.
#[test]
fn dm_hlf_021_what_was_lost_after_all_is_sent_whole() {
    for encoding in BOTH {
        for (way, announced) in [(Way::Down, 1), (Way::Up, 2)] {
            let value = object(0);
            let mut world = world(way, encoding, &value);
            world.cut_after = Some(7);
            world.run();
            let held = held(&world, way);
            assert!(held > 1000);
            world.forget_after = Some(world.sent.len() + announced);
            let before = again(&mut world, config(encoding), way, &value);
            assert_eq!(world.client_end, Some(ClientEnd::Completed), "{encoding:?} {way:?}");
            assert!(arrived(&world, way, &value), "{encoding:?} {way:?}");
            let carried = carried(&world, way, before);
            assert!(carried > OBJECT && carried < OBJECT + 1400, "{encoding:?} {way:?}: {carried}");
        }
    }
}

/// Who does not announce it gets what the standard says, to the octet.
#[test]
fn dm_hlf_021_nothing_changes_for_peers_that_do_not_know_it() {
    for way in [Way::Down, Way::Up] {
        let value = object(0);
        let run = |device: bool, server: bool| {
            let mut world = World::with_client(1, Encoding::Wbxml, {
                if device { config(Encoding::Wbxml) } else { plain(Encoding::Wbxml) }
            });
            world.server_config = world.server_config.clone().with_max_msg_size(1400);
            world.account = Some(Account::transport());
            if server {
                world.server_config = world.server_config.clone().with_resume();
            }
            plan(&mut world, way, &value);
            world.run();
            assert!(arrived(&world, way, &value));
            world.sent
        };
        let plain = run(false, false);
        assert_eq!(plain, run(false, true), "{way:?}: a server is silent about it to such a device");
        let of_server = |sent: Vec<(Node, Vec<u8>)>| -> Vec<Vec<u8>> {
            sent.into_iter().filter(|(node, _)| *node == Node::Server).map(|(_, body)| body).collect()
        };
        assert_eq!(
            of_server(plain),
            of_server(run(true, false)),
            "{way:?}: such a server says what it always said"
        );
    }
    // And in the next session all of it is sent.
    let value = object(0);
    let mut world = world(Way::Down, Encoding::Wbxml, &value);
    world.server_config.resume = false;
    world.cut_after = Some(7);
    world.run();
    assert!(world.client_objects.is_empty(), "nothing is kept that could not go on");
    let before = again(&mut world, config(Encoding::Wbxml), Way::Down, &value);
    assert_eq!(carried(&world, Way::Down, before), OBJECT);
}

/// What was kept was changed in the store: the digest tells, nothing is committed, and all of it is sent the next time.
#[cfg(feature = "serde")]
#[test]
fn dm_hlf_021_a_damaged_part_is_found_out_at_the_end() {
    use base64ct::{Base64, Encoding as _};
    for way in [Way::Down, Way::Up] {
        let value = object(0);
        let mut world = broken(way, &value);
        let now = dm_syncml::Instant::new(world.network.now());
        let objects = if way == Way::Down { &mut world.client_objects } else { &mut world.server_objects };
        let mut stored = serde_json::to_value(objects.snapshot(now)).unwrap();
        assert_eq!(
            PartialObjects::new().restored(now, serde_json::from_value(stored.clone()).unwrap()).unwrap(),
            *objects
        );
        let data = stored.pointer_mut("/objects/0/data").unwrap();
        let mut octets = Base64::decode_vec(data.as_str().unwrap()).unwrap();
        octets[500] ^= 1;
        *data = Base64::encode_string(&octets).into();
        *objects = PartialObjects::new().restored(now, serde_json::from_value(stored).unwrap()).unwrap();
        again(&mut world, config(Encoding::Wbxml), way, &value);
        assert!(!arrived(&world, way, &value), "{way:?}");
        match way {
            Way::Down => {
                assert_eq!(answers(&world)[0].0, StatusCode::SIZE_MISMATCH);
                assert!(!world.values.contains_key("./Big"), "nothing is committed");
            }
            Way::Up => assert!(answers(&world).iter().all(|(_, found)| found.is_empty())),
        }
        assert!(world.client_objects.is_empty() && world.server_objects.is_empty());
        let before = again(&mut world, config(Encoding::Wbxml), way, &value);
        assert!(arrived(&world, way, &value), "{way:?}");
        assert_eq!(carried(&world, way, before), OBJECT, "{way:?}");
    }
}

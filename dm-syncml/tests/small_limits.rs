//! Both machines with little room: whatever the limits and the network, values arrive whole, every command ends once, no message is
//! larger than its receiver allows, and both sides come to an end.
#![cfg(feature = "xml")]

mod pair;

use std::collections::BTreeMap;
use std::time::Duration;

use dm_sim::Link;
use dm_syncml::session::{ClientEnd, ServerEnd, ServerEvent};
use dm_syncml::{Command, Encoding, StatusCode};
use pair::{Node, World, client_config, get, replace, uri};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Set(usize, usize),
    Read(usize),
    /// Several values with one command.
    SetMany(Vec<(usize, usize)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = (0usize..6, prop_oneof![0usize..100, 0usize..4000]);
    let step = prop_oneof![
        value.clone().prop_map(|(node, size)| Step::Set(node, size)),
        (0usize..6).prop_map(Step::Read),
        proptest::collection::vec(value, 2..6).prop_map(Step::SetMany),
    ];
    proptest::collection::vec(step, 1..8)
}

/// Text with characters of all lengths, and such that XML escapes.
fn value(seed: usize, size: usize) -> String {
    const CHARS: [char; 8] = ['a', '&', 'ß', '<', '€', '😀', 'z', '"'];
    (0..size).map(|at| CHARS[(at.wrapping_mul(seed + 3) >> 1) % 8]).collect()
}

fn node(index: usize) -> String {
    format!("./Vendor/Node{index}")
}

fn play(
    plan: &[Step],
    encoding: Encoding,
    (client_limit, server_limit): (u64, u64),
    link: Link,
    seed: u64,
) -> (World, BTreeMap<String, String>, usize) {
    let config = client_config(encoding).with_max_msg_size(client_limit).with_max_obj_size(1 << 20);
    let mut world = World::with_client(seed, encoding, config);
    world.server_config = world.server_config.clone().with_max_msg_size(server_limit);
    world.network.set_default_link(link);
    let mut expected = BTreeMap::new();
    let mut reads = 0;
    for (at, step) in plan.iter().enumerate() {
        world.plan.push(match step {
            Step::Set(index, size) => {
                expected.insert(node(*index), value(at, *size));
                replace(&node(*index), &value(at, *size))
            }
            Step::Read(index) => {
                reads += 1;
                get(&node(*index))
            }
            Step::SetMany(values) => {
                let Command::Replace(mut all) = replace("./Vendor", "") else { unreachable!() };
                all.items = values
                    .iter()
                    .map(|(index, size)| {
                        let text = value(at, *size);
                        expected.insert(node(*index), text.clone());
                        dm_syncml::Item::to(uri(&node(*index)))
                            .with_data(dm_syncml::Data::text(text).unwrap())
                    })
                    .collect();
                all.into()
            }
        });
    }
    world.run();
    (world, expected, reads)
}

fn ends_once(world: &World) {
    let mut ends: Vec<_> = world
        .server_events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Answered(handle, _) | ServerEvent::GivenUp(handle, _) => Some(*handle),
            _ => None,
        })
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, world.queued, "every command ends exactly once");
}

fn within_limits(world: &World, (client_limit, server_limit): (u64, u64)) {
    // What the other allows is known from its first message on.
    for (nth, (from, body)) in world.sent.iter().enumerate() {
        let limit = if *from == Node::Device { server_limit } else { client_limit };
        let size = body.len() as u64;
        assert!(nth == 0 || size <= limit, "message {nth} of {from:?} has {size} octets of {limit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn values_arrive_whole_through_messages_of_any_size(
        plan in steps(), xml: bool, client_limit in 0u64..2000, server_limit in 0u64..2000,
    ) {
        let encoding = if xml { Encoding::Xml } else { Encoding::Wbxml };
        let least = if xml { 1600 } else { 700 };
        let limits = (least + client_limit, least + server_limit);
        let (world, expected, reads) = play(&plan, encoding, limits, Link::new(), 1);
        prop_assert_eq!(world.client_end, Some(ClientEnd::Completed));
        prop_assert!(world.server_events.contains(&ServerEvent::Ended(ServerEnd::Completed)));
        ends_once(&world);
        within_limits(&world, limits);
        for (node, value) in &expected {
            prop_assert_eq!(world.values.get(node), Some(value));
        }
        let mut read = 0;
        for event in &world.server_events {
            if let ServerEvent::Answered(_, answer) = event {
                prop_assert!(answer.complete);
                prop_assert!(matches!(answer.code(), StatusCode::OK | StatusCode::NOT_FOUND), "{:?}", answer);
                read += answer.results.len();
            }
        }
        prop_assert!(read <= reads);
    }

    #[test]
    fn nothing_is_lost_or_doubled_on_a_bad_network(plan in steps(), seed: u64, server_limit in 0u64..1500) {
        let link = Link::new()
            .with_loss(0.15)
            .with_duplication(0.2)
            .with_delay(Duration::from_millis(10)..=Duration::from_secs(40));
        let limits = (900, 700 + server_limit);
        let (world, _, _) = play(&plan, Encoding::Wbxml, limits, link, seed);
        prop_assert!(world.client_end.is_some() && world.sessions.is_empty());
        ends_once(&world);
        within_limits(&world, limits);
        // Each item is executed at most once: as often as it was queued.
        let queued: usize = plan.iter().map(|step| if let Step::SetMany(all) = step { all.len() } else { 1 }).sum();
        let executed: usize = world.executed.iter().map(|command| command.items().len()).sum();
        prop_assert!(executed <= queued, "{executed} of {queued}");
    }
}

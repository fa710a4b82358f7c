//! What the network does: loss, repetition, silence.

use std::time::Duration;

use crate::pair;
use crate::pair::{Node, World, get, replace};
use crate::{BOTH, answers, ended};
use dm_sim::{Fault, Link};
use dm_syncml::Encoding;
use dm_syncml::session::{ClientEnd, GivenUp, ServerEnd, ServerEvent};

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
fn spurious_ticks_and_clocks_that_step_back_are_harmless() {
    let mut world = World::new(1, Encoding::Wbxml);
    world.client.handle_tick(dm_syncml::Instant::from_millis(5000));
    world.client.handle_tick(dm_syncml::Instant::EPOCH);
    world.plan = vec![get("./DevDetail/SwV")];
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::Completed));
}

//! What travels between the user, the device and the server: questions, answers and reports, through both machines over a bad network.
#![cfg(feature = "xml")]

mod pair;

use dm_sim::Link;
use dm_syncml::session::{
    AlertId, AlertQueue, ClientEnd, ClientEvent, GenericAlert, Interaction, Record, ServerEvent, TextInput,
    UserResponse,
};
use dm_syncml::{CmdId, Correlator, Data, Encoding, Format};
use pair::{World, client_config, replace};
use std::collections::BTreeMap;
use std::time::Duration;

fn questions() -> Vec<(Interaction, UserResponse)> {
    let choices = || vec!["one".to_owned(), "two & three".to_owned(), "vier <4>".to_owned()];
    let input = Interaction::input("Name?", TextInput::default()).unwrap();
    vec![
        (Interaction::display("Grüße & more").unwrap(), UserResponse::Accepted),
        (Interaction::confirm("Sure?").unwrap().with_default(&[1]), UserResponse::Rejected),
        (input.with_max_display(Duration::from_secs(30)), UserResponse::Text("Ada & <Bob>".into())),
        (Interaction::single_choice("One?", choices()).unwrap(), UserResponse::Chosen(vec![2])),
        (Interaction::multiple_choice("Some?", choices()).unwrap(), UserResponse::Chosen(vec![1, 3])),
    ]
}

fn responses(world: &World) -> Vec<UserResponse> {
    let responded = |event: &ServerEvent| match event {
        ServerEvent::Responded(_, response) => Some(response.clone()),
        _ => None,
    };
    world.server_events.iter().filter_map(responded).collect()
}

#[test]
fn what_the_server_asks_is_what_the_user_sees_and_what_the_user_says_is_what_the_server_hears() {
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let mut world = World::with_client(1, encoding, client_config(encoding).with_interaction());
        let (asks, says): (Vec<_>, Vec<_>) = questions().into_iter().unzip();
        world.asks = asks.clone();
        world.responses = says.clone().into();
        world.run();
        assert_eq!(world.client_end, Some(ClientEnd::Completed));
        assert_eq!(world.asked, asks);
        assert_eq!(responses(&world), says);
    }
}

/// Nobody is asked twice, and every question ends, whatever the network does.
#[test]
fn questions_over_a_bad_network() {
    let mut answered = 0;
    for seed in 0..200 {
        let encoding = if seed % 2 == 0 { Encoding::Wbxml } else { Encoding::Xml };
        let mut config = client_config(encoding).with_interaction();
        config.max_msg_size = Some(if seed % 3 == 0 { 1200 } else { 10_000 });
        let mut world = World::with_client(seed, encoding, config);
        world.network.set_default_link(
            Link::new()
                .with_loss(0.2)
                .with_duplication(0.2)
                .with_delay(Duration::from_millis(10)..=Duration::from_secs(40)),
        );
        let (asks, says): (Vec<_>, Vec<_>) = questions().into_iter().unzip();
        world.asks = asks.clone();
        world.responses = says.into();
        world.run();
        assert_eq!(world.asked, asks[..world.asked.len()], "seed {seed}: in order, each once");
        let ends = world.server_events.iter().filter(|event| {
            matches!(event, ServerEvent::Responded(..) | ServerEvent::GivenUp(..) | ServerEvent::Answered(..))
        });
        assert_eq!(ends.count(), world.queued.len(), "seed {seed}");
        answered += responses(&world).len();
    }
    assert!(answered > 500, "{answered}");
}

fn report(number: u64) -> dm_syncml::Alert<'static> {
    GenericAlert::new("org.example.report", Format::INT, Data::text(number.to_string()).unwrap())
        .unwrap()
        .with_correlator(Correlator::new(format!("job-{number}")).unwrap())
        .to_alert(CmdId::new("1").unwrap())
}

/// Every report reaches the server, over as many sessions as that takes; what the records say is what is still in the queue.
#[test]
fn alerts_are_kept_until_a_server_has_taken_them() {
    for seed in 0..60 {
        let encoding = if seed % 2 == 0 { Encoding::Wbxml } else { Encoding::Xml };
        let mut config = client_config(encoding).with_attempts(2, Duration::from_secs(5));
        config.max_msg_size = Some(2000);
        let mut world = World::with_client(seed, encoding, config.clone());
        world.network.set_default_link(
            Link::new().with_loss(0.25).with_delay(Duration::from_millis(10)..=Duration::from_secs(2)),
        );
        world.server_config = world.server_config.clone().with_max_msg_size(1500);
        let mut queue = AlertQueue::new();
        let mut stored: BTreeMap<AlertId, dm_syncml::Alert<'static>> =
            (0..20).map(|number| (queue.push(report(number)), report(number))).collect();
        let mut sessions = 0;
        while !queue.is_empty() {
            sessions += 1;
            assert!(sessions < 100, "seed {seed}");
            world.client_records.clear();
            world.plan = vec![replace("./X", "1")];
            world.start_over(config.clone(), &format!("{sessions:X}"), queue);
            world.run();
            for record in &world.client_records {
                match record {
                    Record::AlertDone(id) => drop(stored.remove(id)),
                    Record::AlertQueued(id, alert) => drop(stored.insert(*id, (**alert).clone())),
                    _ => {}
                }
            }
            // Restarted from what was stored.
            queue = AlertQueue::restore(stored.clone());
            let kept: Vec<_> = world.client.alerts().iter().map(|(id, _)| id).collect();
            assert_eq!(kept, queue.iter().map(|(id, _)| id).collect::<Vec<_>>(), "seed {seed}");
        }
        for number in 0..20 {
            let correlator = Correlator::new(format!("job-{number}")).unwrap();
            let came = world.server_events.iter().any(|event| {
                matches!(event, ServerEvent::GenericAlert(_, alert) if alert.correlator.as_ref() == Some(&correlator))
            });
            assert!(came, "seed {seed}: report {number}");
        }
        let taken = world.client_events.iter().filter(|e| matches!(e, ClientEvent::AlertTaken(..))).count();
        assert_eq!(taken, 20, "seed {seed}");
    }
}

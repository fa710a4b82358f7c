//! A gateway that stops, and the one made again of what was stored.

use gwmo_model::console::{GatewayAlert, JobRequest};
use gwmo_model::{Gateway, JobState, Policy, ResultCode, TargetState};

use crate::town::requests::*;
use crate::town::{Town, device_id, server_id};

/// Wherever it stops, the job comes to its end, everybody is counted, and nothing runs twice.
#[test]
fn a_job_survives_a_stop_anywhere() {
    let mut ends = 0;
    for stop in (0..120).step_by(3) {
        let mut town = Town::with_devices(5, 4);
        town.run();
        town.keep();
        let policy = Policy::default().with_retries(3).with_window(2);
        launch(&mut town, job("J", "*").with_policy(policy), "J");
        for _ in 0..stop {
            town.step();
        }
        town.crash();
        town.run();
        let done = status(&mut town, "J");
        assert_eq!(done.state, JobState::Completed, "after {stop} steps");
        assert_eq!((done.counters.total, done.counters.ended()), (4, 4), "after {stop} steps");
        for record in records(&mut town, "J") {
            let runs = town.device(record.serial.get()).read("./Vendor/Lamp/Runs");
            match record.state {
                TargetState::Ok => assert_eq!(runs, "1", "after {stop} steps: {record:?}"),
                TargetState::Indeterminate => assert!(runs == "0" || runs == "1", "{record:?}"),
                _ => assert_ne!(runs, "2", "after {stop} steps: {record:?}"),
            }
        }
        let told = town.alerts(0);
        let ended = told.iter().filter(|alert| matches!(alert, GatewayAlert::JobEnded { .. })).count();
        assert!(ended >= 1, "after {stop} steps the server was not told");
        ends += usize::from(done.result == Some(ResultCode::ALL_OK));
    }
    assert!(ends > 10, "{ends}");
}

/// Drafts, groups, rights and switches are as they were, and drafts can still be started.
#[test]
fn what_servers_wrote_survives() {
    let mut town = Town::with_devices(5, 3);
    town.run();
    town.keep();
    let members: Vec<_> = (1..=2).map(device_id).collect();
    town.ask(0, console().create_group(&group("g"), &members));
    town.ask(0, console().add_job(&job("draft", "g").with_policy(Policy::default().with_retries(7))));
    town.ask(0, console().add_job(&JobRequest::new(key("gone"))));
    town.ask(0, vec![console().delete_job(&key("gone"))]);
    let quiet = gwmo_model::Subscription::default().with_attached(false);
    town.ask(0, vec![console().set_alerts(&server_id("dms.a"), quiet)]);
    town.crash();
    town.crash();
    assert_eq!(
        town.codes(1, vec![console().get_job(&key("draft")), console().delete_group(&group("g"))]),
        [425, 425]
    );
    assert_eq!(town.codes(0, vec![console().get_job(&key("gone"))]), [404]);
    town.ask(0, vec![console().start_job(&key("draft"), None)]);
    town.run();
    assert_eq!(status(&mut town, "draft").counters.ok, 2);
    town.alerts(0).iter().for_each(|alert| assert!(!matches!(alert, GatewayAlert::DeviceDetached { .. })));
}

#[test]
fn what_was_not_stored_did_not_happen() {
    let mut town = Town::with_devices(5, 2);
    town.run();
    town.keep();
    let now = town.now();
    let mut again = Gateway::restore(now, Town::config(), town.kept(), [], |_| None).unwrap();
    let outcome = again.execute(now, &server_id("dms.a"), &console().get_summary());
    let items: Vec<_> = outcome.items.into_iter().flat_map(|item| item.results).collect();
    assert_eq!(console().read_summary(&items).unwrap().total, 2);
}

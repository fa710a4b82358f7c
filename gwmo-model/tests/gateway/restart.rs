//! A gateway that stops, and the one made again of what was stored.

use dm_syncml::auth::{Credentials, Password};
use gwmo_model::console::{GatewayAlert, JobRequest, QueryField, TriggerRequest};
use gwmo_model::{
    DeviceAccount, Gateway, GatewayOutput, JobState, Policy, ResultCode, Serial, TargetState, TriggerContent,
    TriggerKey, TriggerTemplate,
};

use crate::town::requests::*;
use crate::town::{GATEWAY, MINUTE, Town, account, device_id, server_id};

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

/// Triggers, sent or not, queries and the switches of bootstraps are as they were, wherever the snapshot was taken.
#[test]
fn drafts_of_triggers_and_queries_survive() {
    for kept_after in [false, true] {
        let mut town = Town::with_devices(5, 3);
        town.run();
        town.gateway.handle_administrator(town.now(), &server_id("dms.a")).unwrap();
        town.keep();
        let names = ["draft", "sent", "gone"].map(|name| TriggerKey::new(name).unwrap());
        let [draft, sent, gone] = &names;
        for key in &names {
            let content = TriggerContent::Built(TriggerTemplate::new(server_id(GATEWAY)));
            let trigger = TriggerRequest::new(key.clone(), content)
                .with_group(group("*"))
                .without_device(device_id(2))
                .with_matching("AttachStatus=1".parse().unwrap())
                .with_validity(std::time::Duration::from_secs(77));
            town.ask(0, console().add_trigger(&trigger));
        }
        assert_eq!(town.codes(0, vec![console().send_trigger(sent)]), [202]);
        town.ask(0, vec![console().delete_trigger(gone), console().set_bootstrap(false, true)]);
        let query = "AttachStatus=1".parse().unwrap();
        town.ask(0, console().add_query("q", &query, &[QueryField::AttachStatus, QueryField::Mode]));
        town.ask(0, console().add_query("r", &query, &[]));
        town.ask(0, vec![console().delete_query("r")]);
        if kept_after {
            town.keep();
        }
        let before: Vec<_> = [draft, sent].map(|key| town.ask(0, vec![console().get_trigger(key)])).into();
        town.asked.clear();
        town.crash();
        let after: Vec<_> = [draft, sent].map(|key| town.ask(0, vec![console().get_trigger(key)])).into();
        assert_eq!(before, after);
        assert_eq!(town.codes(0, vec![console().get_trigger(gone), console().get_query("r")]), [404, 404]);
        assert_eq!(town.codes(1, vec![console().get_trigger(draft), console().get_query("q")]), [425, 425]);
        assert_eq!(
            town.codes(0, vec![console().send_trigger(sent), console().send_trigger(draft)]),
            [200, 202]
        );
        // What was on its way is sent again.
        assert_eq!(
            town.asked.iter().filter(|output| matches!(output, GatewayOutput::Forward { .. })).count(),
            4
        );
        town.ask(0, vec![console().run_query("q")]);
        let items = town.ask(0, vec![console().get_query_page("q", Serial::FIRST), console().get_settings()]);
        assert_eq!(console().read_query_page("q", 2, Serial::FIRST, &items).unwrap().devices.len(), 3);
        let settings = console().read_settings(&items).unwrap();
        assert_eq!((settings.boots_to_gateway, settings.boots_to_servers), (false, true));
    }
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

/// What a command or an Atomic did is stored as a whole: whatever was stored last, a job has its owner and all that was
/// added with it.
#[test]
fn a_command_is_stored_as_a_whole() {
    for atomically in [true, false] {
        let mut town = Town::with_devices(5, 2);
        town.run();
        town.keep();
        let request = job("J", "*").with_policy(Policy::default().with_retries(3));
        match atomically {
            true => town.ask(0, vec![console().add_job_atomically(&request)]),
            false => town.ask(0, console().add_job(&request)),
        };
        for kept in 0..=town.stored() {
            let mut town = town.stopped_after(kept);
            let codes = town.codes(0, console().add_job(&request));
            let is_there = codes[0] == 418;
            assert!(is_there || codes[0] == 200, "{codes:?} of {kept} records");
            // Its owner can go on with it, or begin it if it is whole.
            assert!(codes.iter().all(|code| matches!(code, 200 | 418)), "{codes:?} of {kept} records");
            if atomically && is_there {
                assert!(
                    codes[..codes.len() - 1].iter().all(|code| *code == 418),
                    "{codes:?} of {kept} records"
                );
            }
        }
    }
}

/// A server is told of the end of a job whichever record was the last that was stored.
#[test]
fn the_end_of_a_job_is_told() {
    let mut town = Town::with_devices(5, 2);
    town.run();
    town.keep();
    town.calls_back = false;
    launch(&mut town, job("J", "*"), "J");
    town.run_until(town.network.now() + MINUTE);
    assert_eq!(town.gateway.fanout().jobs().filter(|job| job.state().is_over()).count(), 1);
    for kept in 0..=town.stored() {
        let mut town = town.stopped_after(kept);
        let now = town.now();
        let is_over = town.gateway.fanout().jobs().any(|job| job.state().is_over());
        let told = town.gateway.handle_upstream_opened(now, &server_id("dms.a"));
        let ended = told.iter().filter_map(|(_, alert)| console().read_alert(alert).ok().flatten());
        let ended = ended.filter(|alert| matches!(alert, GatewayAlert::JobEnded { .. })).count();
        assert_eq!(ended, usize::from(is_over), "{kept} records");
    }
}

/// A device that has its answer does not tell it again: what came of its alert is stored before the answer goes out.
#[test]
fn what_a_device_told_is_stored_before_it_is_answered() {
    let mut town = Town::with_devices(5, 1);
    town.run();
    town.stores_later = true;
    town.call_home_with(1, vec![crate::modes::knows("dms.other")]);
    let ends = town.device(1).ends.len();
    for _ in 0..10 {
        town.run_for(std::time::Duration::from_secs(2));
        if town.device(1).ends.len() > ends {
            assert!(!town.has_unstored());
            let record = town.gateway.inventory().record(crate::town::serial(1)).unwrap();
            assert_eq!(record.servers().collect::<Vec<_>>(), ["dms.other"]);
            return;
        }
        town.store();
    }
    panic!("it was never answered");
}

/// A program that registers its devices at each start takes nothing from them: what the gateway signs is still what they expect.
#[test]
fn an_account_that_is_given_again_goes_on_with_its_nonces() {
    let mut town = Town::with_devices(5, 3);
    town.run();
    town.keep();
    launch(&mut town, job("first", "*"), "first");
    town.run();
    town.crash();
    for number in 1..=3 {
        let now = town.now();
        town.gateway.handle_device_registered(now, device_id(number), account(number)).unwrap();
        town.drain_gateway();
    }
    launch(&mut town, job("second", "*"), "second");
    town.run();
    assert_eq!(status(&mut town, "second").counters.ok, 3);

    // Another secret is another account, which both sides begin with anew.
    let other = Credentials::new("device-1", Password::new("another"));
    let now = town.now();
    let gateway = dm_tree::ServerId::new(GATEWAY).unwrap();
    town.gateway
        .handle_device_registered(now, device_id(1), DeviceAccount::new(&gateway, other, "another, too"))
        .unwrap();
    launch(&mut town, job("third", "*"), "third");
    town.run();
    assert_eq!(status(&mut town, "third").counters.ok, 2);
}

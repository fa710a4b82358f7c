//! Many answers as one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gwmo_model::console::{GatewayAlert, JobRequest, OpRequest, Told};
use gwmo_model::{Detail, Grouping, JobState, Policy, ResultCode, TargetState};

use crate::modes::done;
use crate::town::requests::*;
use crate::town::{MINUTE, Town, serial};

/// 97 of a hundred do it, two have no such node, one is switched off: one alert, three outcomes, every number right.
#[test]
fn gwmo_fora_002_a_hundred_answers_in_one() {
    let mut town = Town::with_devices(1, 100);
    town.run();
    for number in [10, 20] {
        town.device(number).tree.remove("./Vendor/SwV").unwrap();
    }
    town.device(55).off = true;
    let request = JobRequest::new(key("J"))
        .with_group(group("*"))
        .with_command(get("./Vendor/SwV"))
        .telling(Told::Result)
        .with_result(Grouping::Strict, Detail::Status);
    launch(&mut town, request, "J");
    town.run();
    let done = status(&mut town, "J");
    assert_eq!((done.state, done.result), (JobState::Completed, Some(ResultCode::NOT_ALL_OK)));
    let c = done.counters;
    assert_eq!((c.total, c.ok, c.failed, c.unreachable, c.ended()), (100, 97, 2, 1, 100));
    let told = town.alerts(0);
    let ends: Vec<_> = told.iter().filter(|alert| matches!(alert, GatewayAlert::JobEnded { .. })).collect();
    let [GatewayAlert::JobEnded { result, correlator, .. }] = ends[..] else { panic!("{ends:?}") };
    assert_eq!((*result, correlator.as_deref()), (ResultCode::NOT_ALL_OK, Some("c-J")));
    let results: Vec<_> = told
        .iter()
        .filter_map(|alert| match alert {
            GatewayAlert::JobResults { outcomes, .. } => Some(outcomes),
            _ => None,
        })
        .collect();
    let [results] = results[..] else { panic!("{told:?}") };
    let items = town.ask(0, vec![console().get_outcomes(&key("J"))]);
    let fetched = console().read_outcomes(&key("J"), &items).unwrap();
    assert_eq!(results, &fetched, "what is told is what is fetched");
    let mut buckets: Vec<_> = fetched
        .buckets
        .iter()
        .map(|bucket| {
            let serials = bucket.serials.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            (bucket.state, bucket.code.get(), bucket.count, serials)
        })
        .collect();
    buckets.sort_by_key(|bucket| std::cmp::Reverse(bucket.2));
    assert_eq!(
        buckets,
        [
            (TargetState::Ok, 200, 97, "1-9,11-19,21-54,56-100".into()),
            (TargetState::Failed, 404, 2, "10,20".into()),
            (TargetState::Unreachable, 1409, 1, "55".into()),
        ]
    );
    // The document, and device by device: the same numbers, each device once.
    let (mut page, mut seen) = (1, 0);
    loop {
        let items = town.ask(0, vec![console().get_result_page(&key("J"), page)]);
        let read = console().read_result_page(&key("J"), page, &items).unwrap();
        seen += read.count();
        page += 1;
        if seen >= 100 || read.count() == 0 {
            break;
        }
    }
    assert_eq!(seen, 100);
    let all = records(&mut town, "J");
    assert_eq!(
        all.iter().map(|record| record.serial).collect::<Vec<_>>(),
        (1..=100).map(serial).collect::<Vec<_>>()
    );
    assert!(town.errors.is_empty(), "{:?}", town.errors);
}

/// A hundred and twenty cameras, ten at a time: each takes a diagnosis on (202) and tells its end by an alert, three never do.
#[test]
fn use_case_b_7_a_hundred_and_twenty_cameras() {
    let mut town = Town::with_devices(1, 120);
    town.run();
    for number in 1..=120 {
        town.device(number).slow.store(true, Ordering::Relaxed);
    }
    let run = OpRequest::new(exec("./Vendor/Lamp/Run")).ending_by("urn:example:done");
    let policy = Policy::default().with_window(10).with_t_async(5 * MINUTE).with_job_time(30 * MINUTE);
    let request = JobRequest::new(key("J")).with_group(group("*")).with_operation(run).with_policy(policy);
    launch(&mut town, request, "J");
    let mut most = 0;
    while town.gateway.fanout().jobs().next().unwrap().counters().queued > 0
        || town.gateway.fanout().in_flight() > 0
    {
        assert!(town.step());
        most = most.max(town.gateway.fanout().in_flight());
        let waiting = (1..=120).filter(|number| !town.device(*number).correlators.is_empty()).count();
        if waiting == 120 {
            break;
        }
    }
    assert_eq!(most, 10, "the window, though 120 are at work");
    town.run_for(Duration::from_secs(20));
    assert_eq!(status(&mut town, "J").state, JobState::Running);
    for number in (1..=120).filter(|number| number % 40 != 0) {
        done(&mut town, number, number, if number % 2 == 0 { "1200" } else { "200" });
    }
    town.run();
    let over = status(&mut town, "J");
    assert_eq!((over.state, over.result), (JobState::Completed, Some(ResultCode::NOT_ALL_OK)));
    assert_eq!((over.counters.ok, over.counters.timed_out, over.counters.total), (117, 3, 120));
    let late: Vec<_> =
        records(&mut town, "J").into_iter().filter(|record| record.state != TargetState::Ok).collect();
    let late: Vec<_> = late.iter().map(|at| (at.serial.get(), at.state, at.code.unwrap())).collect();
    let missing = |number| (number, TargetState::TimedOut, ResultCode::RESULT_MISSING);
    assert_eq!(late, [missing(40), missing(80), missing(120)]);
    assert!((1..=120).all(|number| town.device(number).read("./Vendor/Lamp/Runs") == "1"));
    // One that is late changes nothing any more.
    let before = town.gateway.fanout().late();
    done(&mut town, 40, 40, "200");
    town.run();
    assert_eq!(status(&mut town, "J").counters.timed_out, 3);
    assert_eq!(town.gateway.fanout().late(), before + 1);
    let limit = town.gateway.config().objects.max_page;
    let items = town.ask(0, vec![console().get_result_page(&key("J"), 1)]);
    assert!(items[0].data.as_ref().unwrap().as_octets().unwrap().len() <= limit);
    let page = console().read_result_page(&key("J"), 1, &items).unwrap();
    assert_eq!((page.count(), page.counters.map(|counters| counters.timed_out)), (120, Some(3)));
    let ended = town.alerts(0).iter().filter(|alert| matches!(alert, GatewayAlert::JobEnded { .. })).count();
    assert_eq!(ended, 1);
}

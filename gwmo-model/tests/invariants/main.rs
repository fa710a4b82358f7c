//! The fourteen invariants of the fanout, one property each over random events, stopped at any point and made again of what
//! was stored. Where one is about a whole course, it is about all courses that devices can give it.

mod course;
mod rights;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dm_syncml::{Encoding, Instant, StatusCode};
use gwmo_model::{
    Answer, Detail, Fanout, FanoutOutput, Grouping, JobNo, JobState, ResultOptions, ResultPage, Serial,
    TargetState, Ticket,
};
use proptest::prelude::*;

use course::{Habit, Stop, course};
use world::{Effect, MOST_IN_FLIGHT, Step, World, steps};

/// What can be seen of all targets, but how late something came.
fn targets(fanout: &Fanout) -> Vec<String> {
    let jobs = fanout.jobs();
    let line = |job: JobNo, record: gwmo_model::TargetRecord<'_>| {
        let ops: Vec<_> = record.ops().map(|op| (op.status(), op.was_delivered())).collect();
        format!(
            "{job} {} {:?} {:?} {} {ops:?}",
            record.serial(),
            record.state(),
            record.code(),
            record.tries()
        )
    };
    jobs.flat_map(|job| job.records(..).map(move |record| line(job.number(), record))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Counters always sum to the number of targets.
    #[test]
    fn i01_counters_sum(steps in steps()) {
        World::play(&steps, |world, _| {
            for job in world.fanout.jobs() {
                let c = job.counters();
                let ended = [c.ok, c.failed, c.timed_out, c.unreachable, c.refused, c.indeterminate, c.skipped, c.cancelled];
                assert_eq!(c.total, c.queued + c.in_flight + ended.iter().sum::<u32>(), "{c:?}");
                assert_eq!(c.total as usize, job.records(..).len());
            }
        });
    }

    /// No more in flight than the window, at every output.
    #[test]
    fn i02_in_flight_fits_the_window(steps in steps()) {
        let world = World::play(&steps, |_, _| ());
        prop_assert!(world.most_in_flight <= MOST_IN_FLIGHT, "{}", world.most_in_flight);
        for (job, (in_flight, window)) in &world.most_of_job {
            prop_assert!(in_flight <= window, "{job}: {in_flight} of {window}");
        }
    }

    /// Each target has exactly one end in a round. What was stored of it is not taken back.
    #[test]
    fn i03_one_end_in_a_round(steps in steps()) {
        let mut ends: BTreeMap<(JobNo, u16, Serial), TargetState> = BTreeMap::new();
        World::play(&steps, |world, step| {
            if matches!(step, Step::Stop(_)) {
                // An end that was not stored never was.
                ends.clear();
            }
            for job in world.fanout.jobs() {
                for record in job.records(..).filter(|record| record.state().is_terminal()) {
                    let end = ends.entry((job.number(), job.round(), record.serial())).or_insert(record.state());
                    assert_eq!(*end, record.state(), "{} {}", job.number(), record.serial());
                }
                for (_, end) in ends.iter().filter(|((of, round, _), _)| (*of, *round) == (job.number(), job.round())) {
                    assert!(end.is_terminal());
                }
            }
            for ((job, round, serial), end) in &ends {
                let view = world.fanout.job(*job).filter(|view| view.round() == *round);
                let state = view.and_then(|view| view.record(*serial).map(|record| record.state()));
                // A second round begins some of them anew.
                assert!(view.is_none() || state == Some(*end), "{job} {serial} ended {end:?} and is {state:?}");
            }
        });
    }

    /// Nothing goes out for a job after it was cancelled or stopped, until it is tried again.
    #[test]
    fn i04_nothing_goes_out_after_a_cancel(steps in steps()) {
        let mut over: BTreeSet<(JobNo, u16)> = BTreeSet::new();
        World::play(&steps, |world, step| {
            for (_, effect, round) in &world.effects_of_step {
                let ticket = effect.ticket();
                assert!(!over.contains(&(ticket.job, *round)), "{effect:?} after the end of round {round}");
            }
            if matches!(step, Step::Stop(_)) {
                over.clear();
            }
            let is_over = |state: JobState| state.is_over() || state == JobState::Cancelling;
            over.extend(world.fanout.jobs().filter(|job| is_over(job.state())).map(|job| (job.number(), job.round())));
        });
    }

    /// Every effect comes after its record was stored.
    #[test]
    fn i05_records_come_before_effects(steps in steps()) {
        World::play(&steps, |world, _| {
            for (is_stored, effect, _) in &world.effects_of_step {
                assert!(is_stored, "{effect:?} before its record");
            }
        });
    }

    /// Stopped anywhere, with any part of the last records lost, a course ends as if it was not: what may be repeated has the same
    /// end.
    #[test]
    fn i06_a_restart_anywhere_ends_as_no_restart(
        habits in prop::collection::vec(Habit::any(), 1..8),
        stops in prop::collection::vec(Stop::any(), 1..6),
        order in any::<u64>(),
    ) {
        let calm = course(&habits, false, 3, order, &[]);
        let stopped = course(&habits, false, 3, order, &stops);
        prop_assert_eq!(calm.records, stopped.records);
    }

    /// What is stale changes a counter and nothing else.
    #[test]
    fn i07_what_is_stale_changes_nothing(steps in steps(), code in 200..600u16) {
        World::play(&steps, |world, _| {
            let now = world.now;
            for ticket in world.tickets.clone().into_iter().rev().take(6) {
                let tries = world.fanout.job(ticket.job).and_then(|job| job.record(ticket.serial)).map(|record| record.tries());
                let other = [ticket.attempt.wrapping_add(7), ticket.attempt.wrapping_sub(1)];
                for attempt in other.into_iter().filter(|attempt| Some(*attempt) != tries) {
                    let stale = Ticket::new(ticket.job, ticket.serial, attempt);
                    let before = (targets(&world.fanout), world.fanout.in_flight());
                    world.fanout.handle_answer(now, stale, 0, Answer::new(StatusCode::new(code)));
                    world.fanout.handle_notify_failed(now, stale);
                    world.fanout.handle_notify_sent(now, stale);
                    world.fanout.handle_denied(now, stale, StatusCode::PERMISSION_DENIED);
                    world.fanout.handle_busy(now, stale);
                    world.fanout.handle_not_sent(now, stale, 0);
                    assert_eq!(before, (targets(&world.fanout), world.fanout.in_flight()), "{stale:?}");
                }
            }
            world.drain();
        });
    }

    /// The deadline told is the soonest: nothing happens before it by itself, and coming to it makes progress.
    #[test]
    fn i08_deadlines_are_the_soonest_and_get_somewhere(steps in steps()) {
        let mut world = World::play(&steps, |world, _| {
            let Some(at) = world.wait else { return };
            let before = (targets(&world.fanout), world.wait);
            if at > world.now {
                let just_before = Instant::new(at.since_epoch() - Duration::from_nanos(1));
                world.fanout.handle_tick(world.now.max(just_before));
                world.drain();
                assert_eq!(before, (targets(&world.fanout), world.wait), "before the deadline");
            }
        });
        for _ in 0..10_000 {
            let Some(at) = world.wait else { break };
            let before = (targets(&world.fanout), world.wait, world.fanout.jobs().map(|job| job.state()).collect::<Vec<_>>());
            world.pass_to(at);
            let after = (targets(&world.fanout), world.wait, world.fanout.jobs().map(|job| job.state()).collect::<Vec<_>>());
            prop_assert_ne!(before, after, "the deadline changed nothing");
        }
        prop_assert_eq!(world.wait, None);
    }

    /// The pages of a result hold every target once, are short enough, and read back as they were.
    #[test]
    fn i09_pages_hold_every_target_once(
        steps in steps(),
        max_page in 0..9000usize,
        grouping in prop::sample::select(vec![Grouping::PerDevice, Grouping::Loose, Grouping::Strict]),
    ) {
        let world = World::play(&steps, |_, _| ());
        let options = ResultOptions::default().with_grouping(grouping).with_detail(Detail::Data).with_max_page(max_page);
        for job in world.fanout.jobs() {
            let pages = job.result_pages(&options);
            let mut listed: Vec<u32> = Vec::new();
            for index in 0..pages.len() {
                let octets = pages.encode(index).unwrap();
                prop_assert!(octets.len() <= max_page.max(ResultOptions::MIN_PAGE), "{} octets", octets.len());
                let page = ResultPage::decode(&octets, Encoding::Wbxml).unwrap();
                let shown = pages.page(index);
                prop_assert_eq!(Some(&page), shown.as_ref());
                let ranges = page.buckets.iter().flat_map(|bucket| &bucket.serials);
                listed.extend(ranges.flat_map(|range| range.first.get()..=range.last.get()));
                listed.extend(page.devices.iter().map(|device| device.serial.get()));
            }
            listed.sort_unstable();
            let all: Vec<u32> = job.records(..).map(|record| record.serial().get()).collect();
            prop_assert_eq!(listed, all);
        }
    }

    /// Every job that was started ends, though nobody answers any more.
    #[test]
    fn i10_every_job_ends(steps in steps(), stop in 0..40usize) {
        let mut world = World::play(&steps, |_, _| ());
        for count in 0..10_000 {
            let Some(at) = world.wait else { break };
            world.pass_to(at);
            if count == stop {
                world.stop(usize::MAX);
            }
        }
        prop_assert_eq!(world.wait, None);
        for job in world.fanout.jobs() {
            prop_assert!(job.state() == JobState::Draft || job.state().is_over(), "{:?}", job.state());
        }
    }

    /// What is unsafe is delivered once in an attempt, and in one attempt unless the policy says more.
    #[test]
    fn i11_what_is_unsafe_is_delivered_once(steps in steps()) {
        let mut delivered: BTreeMap<(Ticket, u16, u16), u32> = BTreeMap::new();
        let mut attempts: BTreeMap<(JobNo, Serial, u16, u16), BTreeSet<u16>> = BTreeMap::new();
        World::play(&steps, |world, _| {
            for (_, effect, round) in &world.effects_of_step {
                let Effect::Deliver(ticket, ops) = effect else { continue };
                for op in ops.clone().filter(|op| world.is_unsafe(ticket.job, *op)) {
                    let times = delivered.entry((*ticket, op, *round)).or_default();
                    *times += 1;
                    assert_eq!(*times, 1, "{effect:?}");
                    if !world.resends(ticket.job) {
                        let of = attempts.entry((ticket.job, ticket.serial, op, *round)).or_default();
                        of.insert(ticket.attempt);
                        // Of others than the last it is known that they did not run, or how they were answered.
                        let known = world.known.iter().filter(|(other, what)| (other.job, other.serial, *what) == (ticket.job, ticket.serial, op));
                        let known: BTreeSet<u16> = known.map(|(other, _)| other.attempt).collect();
                        assert!(of.difference(&known).count() <= 1, "{effect:?}: {of:?} but {known:?}");
                    }
                }
            }
        });
    }

    /// The order of independent devices does not matter.
    #[test]
    fn i12_the_order_of_devices_does_not_matter(
        habits in prop::collection::vec(Habit::any(), 1..12),
        orders in prop::array::uniform2(any::<u64>()),
        windows in prop::array::uniform2(1..6u32),
        stops in prop::collection::vec(Stop::any(), 0..3),
    ) {
        let one = course(&habits, false, windows[0], orders[0], &[]);
        let other = course(&habits, false, windows[1], orders[1], &stops);
        prop_assert_eq!(one.records, other.records);
    }

    /// After a denial nothing names the device for that job.
    #[test]
    fn i13_a_denial_is_the_last_word(steps in steps()) {
        let mut denied: BTreeSet<(JobNo, Serial, u16)> = BTreeSet::new();
        World::play(&steps, |world, step| {
            for (_, effect, round) in &world.effects_of_step {
                let ticket = effect.ticket();
                assert!(!denied.contains(&(ticket.job, ticket.serial, *round)), "{effect:?} after a denial");
            }
            if matches!(step, Step::Stop(_)) {
                // One that was not stored is decided anew: the rights are asked at each dispatch.
                denied.clear();
            }
            denied.extend(core::mem::take(&mut world.denied));
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same through a whole gateway: once a server may not reach a device any more, nothing comes out for it, by a
    /// notification, through an adapter or in a session, whenever the gateway stops.
    #[test]
    fn i13_a_gateway_asks_for_the_rights_each_time(story in rights::story()) {
        rights::play(&story);
    }
}

#[cfg(feature = "serde")]
proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// A snapshot is as small as is said: 2 KiB a job, 192 octets a target and 128 an operation beside what was answered, as
    /// JSON.
    #[test]
    fn i14_snapshots_are_small(steps in steps()) {
        World::play(&steps, |world, _| {
            let of_op = |op: gwmo_model::OpRecord<'_>| {
                let names = op.format().map_or(0, str::len) + op.media_type().map_or(0, str::len);
                128 + 4 * op.data().map_or(0, <[u8]>::len) + names
            };
            let of_target = |record: gwmo_model::TargetRecord<'_>| 192 + record.ops().map(of_op).sum::<usize>();
            let of_job = |job: gwmo_model::JobView<'_>| 2048 + job.records(..).map(of_target).sum::<usize>();
            let most = 1024 + world.fanout.jobs().map(of_job).sum::<usize>();
            let text = serde_json::to_string(&world.fanout.snapshot(world.now)).unwrap();
            assert!(text.len() <= most, "{} octets, and {most} are the most", text.len());
        });
    }
}

/// Whether a fanout has nothing left to say.
fn is_drained(fanout: &mut Fanout) -> bool {
    matches!(fanout.poll_output(), FanoutOutput::Wait(_))
}

#[test]
fn a_world_is_drained_after_each_step() {
    let mut world = World::new();
    world.act(&Step::Store);
    assert!(is_drained(&mut world.fanout));
}

//! Fleets on virtual time, seed after seed: what CI plays. `simulate` plays more.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use dm_benches::fleet::{Options, Sabotage, Tally, run};

/// Plays so many seeds on as many threads as there are processors.
///
/// # Panics
///
/// When one of them fails, with the command that replays it.
fn play(first: u64, seeds: u64, devices: u32, gateways: u16) -> Tally {
    let next = AtomicU64::new(first);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let worker = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return tally;
            }
            let options = Options::new(seed).with_size(devices, gateways);
            let outcome = run(options);
            let what = outcome.violations.join("\n  ");
            assert!(outcome.is_ok(), "{}\n  {what}", options.replay());
            tally = tally.plus(outcome.tally);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().fold(Tally::default(), |all, worker| match worker.join() {
            Ok(tally) => all.plus(tally),
            Err(what) => std::panic::resume_unwind(what),
        })
    })
}

#[test]
fn a_thousand_small_fleets() {
    let tally = play(1, 850, 3, 1).plus(play(10_001, 150, 4, 2));
    // They have been through something.
    assert!(tally.crashes > 300 && tally.torn > 100 && tally.snapshots > 300, "{tally}");
    assert!(tally.reboots > 1000 && tally.moves > 50 && tally.alerts > 5000, "{tally}");
    assert!(tally.ok > tally.targets / 3 && tally.indeterminate > 100, "{tally}");
    assert!(tally.retries > 100 && tally.removed > 100 && tally.triggers > 300, "{tally}");
    assert!(tally.images > 150 && tally.pulls > 300 && tally.passed_on > 1000, "{tally}");
    assert!(tally.native > 500 && tally.offers > 200 && tally.peers > 200, "{tally}");
}

#[test]
fn a_large_fleet() {
    let tally = play(1, 1, 10_000, 4);
    // Jobs are for groups and selections too, so not everybody is in one.
    assert!(tally.targets > 7_000 && tally.ok > tally.targets / 2, "{tally}");
    assert!(tally.crashes > 0 && tally.reboots > 100 && tally.moves > 100, "{tally}");
}

#[test]
fn a_seed_replays_a_run() {
    let options = Options::new(7).with_size(4, 2);
    let (first, again) = (run(options), run(options));
    assert_eq!(first, again);
    // Looking changes nothing.
    let seen = run(options.with_trace());
    assert_eq!(seen.digest, first.digest);
    assert!(seen.trace.len() > 500);
    assert_ne!(run(Options::new(8).with_size(4, 2)).digest, first.digest);
}

/// What is broken on purpose is found, so that what is broken by accident can be.
#[test]
fn what_is_broken_is_found() {
    for sabotage in [
        Sabotage::EarlyAcknowledgement,
        Sabotage::LostRecord,
        Sabotage::UnheardAlerts,
        Sabotage::ForgetfulDevices,
    ] {
        let is_found = |seed| !run(Options::new(seed).with_sabotage(sabotage)).is_ok();
        assert!((1..=300).any(is_found), "{sabotage:?} was never found");
    }
}

#[test]
fn the_program_shows_a_line_for_each_seed() {
    let simulate = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_simulate")).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let args = ["--seeds", "3", "--first-seed", "5", "--devices", "2", "--gateways", "1"];
    let (code, text) = simulate(&args);
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, seed) in lines.iter().zip(5..8) {
        let digest = run(Options::new(seed).with_size(2, 1)).digest;
        assert_eq!(*line, format!("{seed}, ok, {digest}"));
    }
    assert!(lines[3].starts_with("3 seeds, 0 failed: "), "{text}");

    let (code, json) = simulate(&[&args[..], &["--json"]].concat());
    assert_eq!(code, Some(0));
    assert!(json.lines().next().unwrap().starts_with("{\"seed\":5,\"ok\":true,\"digest\":\""), "{json}");
    assert!(json.lines().last().unwrap().starts_with("{\"seeds\":3,\"failed\":0,"), "{json}");

    assert_eq!(simulate(&["--devices", "0"]).0, Some(2));
}

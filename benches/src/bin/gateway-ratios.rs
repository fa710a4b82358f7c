//! What a gateway's machines cost for each device, beside a bare pass over the same memory, all from one run.
//!
//! ```text
//! cargo run --release -p dm-benches --bin gateway-ratios                # everything
//! cargo run --release -p dm-benches --bin gateway-ratios -- 1000 10000  # some numbers of devices
//! ```
//!
//! Times are CPU time of the process, the median of several runs; of a fanout the fastest as well, since whatever else the
//! machine does can only make a run slower. Octets are what the machine holds for each device when the job is over, by the
//! allocator, and at most after any input while it runs; of an inventory, what it holds for a device beside its texts.

use core::hint::black_box;
use std::alloc::System;
use std::process::ExitCode;

use cpu_time::ProcessTime;
use dm_benches::fanouts::{Crowd, DEVICES, JOBS, Life, Spread, WINDOWS, bare_pass, uniform};
use dm_benches::inventories::{self, GROUPS, Town};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let mut wanted = Vec::new();
    for name in std::env::args().skip(1) {
        match name.parse::<u32>() {
            Ok(devices) if DEVICES.contains(&devices) => wanted.push(devices),
            _ => {
                #[expect(clippy::print_stderr, reason = "says what is wrong with the command line")]
                {
                    eprintln!("no number of devices {name}; there are 1000, 10000, 100000 and 1000000");
                }
                return ExitCode::from(2);
            }
        }
    }
    row([
        "machine",
        "window",
        "devices",
        "ns/device",
        "fastest",
        "events/s",
        "bare ns",
        "x bare",
        "octets",
        "at most",
    ]);
    for window in WINDOWS {
        for devices in DEVICES.into_iter().filter(|devices| wanted.is_empty() || wanted.contains(devices)) {
            fanout(devices, window);
        }
    }
    for spread in [Spread::Apart, Spread::Together] {
        let mut single = None;
        for jobs in JOBS {
            let fastest = several(jobs, spread, single);
            single = single.or(Some(fastest));
        }
    }
    result();
    for devices in DEVICES.into_iter().filter(|devices| wanted.is_empty() || wanted.contains(devices)) {
        inventory(devices);
    }
    groups();
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "the table")]
fn row([machine, window, devices, ns, fastest, events, bare, ratio, octets, most]: [&str; 10]) {
    println!(
        "{machine:<13} {window:>6} {devices:>8} {ns:>10} {fastest:>8} {events:>11} {bare:>8} {ratio:>7} {octets:>7} {most:>7}"
    );
}

/// A job from its start to the last record, every record counted as stored at once: asked what it wants after every input,
/// and in rounds when all devices that have something to say have said it.
fn fanout(devices: u32, window: u32) {
    let mut bare = Vec::new();
    for _ in 0..runs(devices) {
        let mut entries = vec![[1_u32; 6]; devices as usize];
        let start = ProcessTime::now();
        black_box(bare_pass(&mut entries, window));
        bare.push(start.elapsed().as_nanos() as f64 / f64::from(devices));
    }
    let bare = median(bare);
    let life = || Life::new(devices, window);
    let in_rounds = lives(devices, Crowd::new(devices, window).in_rounds(), life);
    row([
        "in rounds",
        &window.to_string(),
        &devices.to_string(),
        &format!("{:.1}", in_rounds.median),
        &format!("{:.1}", in_rounds.fastest),
        &format!("{:.0}", in_rounds.per_second),
        &format!("{bare:.1}"),
        &format!("{:.1}", in_rounds.median / bare),
        &format!("{:.1}", in_rounds.octets),
        "-",
    ]);
    let lived = lives(devices, Crowd::new(devices, window), life);
    row([
        "fanout",
        &window.to_string(),
        &devices.to_string(),
        &format!("{:.1}", lived.median),
        &format!("{:.1}", lived.fastest),
        &format!("{:.0}", lived.per_second),
        &format!("{bare:.1}"),
        &format!("{:.1}", lived.median / bare),
        &format!("{:.1}", lived.octets),
        &format!("{:.1}", most_octets(devices, window, life)),
    ]);
}

/// A hundred thousand targets in several jobs of ten servers. The columns of the bare pass hold what a target takes with one
/// job, at the fastest, and the ratio to it.
fn several(jobs: u32, spread: Spread, single: Option<f64>) -> f64 {
    const TARGETS: u32 = 100_000;
    const WINDOW: u32 = 64;
    let life = || Life::of_jobs(jobs, spread, TARGETS, WINDOW);
    let lived = lives(TARGETS, Crowd::new(TARGETS, WINDOW), life);
    let single = single.unwrap_or(lived.fastest);
    row([
        &format!("{jobs} {}", if spread == Spread::Apart { "apart" } else { "together" }),
        &WINDOW.to_string(),
        &TARGETS.to_string(),
        &format!("{:.1}", lived.median),
        &format!("{:.1}", lived.fastest),
        &format!("{:.0}", lived.per_second),
        &format!("{single:.1}"),
        &format!("{:.2}", lived.fastest / single),
        &format!("{:.1}", lived.octets),
        &format!("{:.1}", most_octets(TARGETS, WINDOW, life)),
    ]);
    lived.fastest
}

/// The result of a million devices that did alike, with outcomes in groups.
fn result() {
    const DEVICES: u32 = 1_000_000;
    let life = uniform(DEVICES);
    let start = ProcessTime::now();
    let (pages, octets) = life.result();
    let took = start.elapsed().as_nanos() as f64 / f64::from(DEVICES);
    assert!(pages == 1 && octets < 64 * 1024, "{pages} pages, {octets} octets");
    row([
        "result",
        "-",
        &DEVICES.to_string(),
        &format!("{took:.1}"),
        "-",
        "-",
        "-",
        "-",
        &format!("{octets} in"),
        "all",
    ]);
}

struct Lived {
    median: f64,
    fastest: f64,
    per_second: f64,
    octets: f64,
}

fn runs(devices: u32) -> u32 {
    (2_000_000 / devices).clamp(5, 201) | 1
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Lives of jobs: what they take for a target.
fn lives(targets: u32, mut crowd: Crowd, make: impl Fn() -> Life) -> Lived {
    let (mut times, mut events, mut octets) = (Vec::new(), 0, 0);
    for _ in 0..runs(targets) {
        let region = Region::new(ALLOCATOR);
        let mut life = make();
        let start = ProcessTime::now();
        let counters = life.run(&mut crowd);
        times.push(start.elapsed().as_nanos() as f64 / f64::from(targets));
        assert_eq!(counters.ok + counters.unreachable, targets, "{counters:?}");
        let change = region.change();
        octets = change.bytes_allocated - change.bytes_deallocated;
        events = life.events;
        drop(black_box(life));
    }
    let fastest = times.iter().copied().fold(f64::INFINITY, f64::min);
    let median = median(times);
    let per_second = events as f64 / (median * f64::from(targets)) * 1e9;
    Lived { median, fastest, per_second, octets: octets as f64 / f64::from(targets) }
}

/// The most octets that the machine holds for a target after any input of a job, its snapshots aside.
fn most_octets(targets: u32, window: u32, make: impl Fn() -> Life) -> f64 {
    let mut crowd = Crowd::new(targets, window);
    let region = Region::new(ALLOCATOR);
    let (mut life, mut most) = (make(), 0);
    black_box(life.run_watched(&mut crowd, || {
        let change = region.change();
        most = most.max(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
    }));
    most as f64 / f64::from(targets)
}

/// Events about devices, one after the other in no order, and what the inventory holds for a device beside its own texts.
fn inventory(devices: u32) {
    let texts: usize = (1..=devices).map(inventories::texts).sum();
    let mut town = Town::new(devices);
    let region = Region::new(ALLOCATOR);
    let start = ProcessTime::now();
    town.arrive();
    let arrival = start.elapsed().as_nanos() as f64 / f64::from(devices);
    let change = region.change();
    let held = change.bytes_allocated - change.bytes_deallocated;
    // The names were there before.
    let names: usize = (1..=devices).map(inventories::name_len).sum();
    let octets = (held + names - texts) as f64 / f64::from(devices);

    let mut records = vec![[1_u64; inventories::RECORD / 8]; devices as usize];
    let mut bare = Vec::new();
    let (mut alive, mut seen, mut flaps) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs(devices) {
        let time = |times: &mut Vec<f64>, act: &mut dyn FnMut()| {
            let start = ProcessTime::now();
            act();
            times.push(start.elapsed().as_nanos() as f64 / f64::from(devices));
        };
        time(&mut bare, &mut || {
            black_box(town.bare_pass(&mut records));
        });
        time(&mut alive, &mut || town.live());
        time(&mut seen, &mut || town.see());
        time(&mut flaps, &mut || town.flap());
    }
    let bare = median(bare);
    let rows = [
        ("arrive", arrival),
        ("alive", median(alive)),
        ("seen", median(seen)),
        ("gone, back", median(flaps) / 2.0),
    ];
    for (event, ns) in rows {
        row([
            event,
            "-",
            &devices.to_string(),
            &format!("{ns:.1}"),
            "-",
            &format!("{:.0}", 1e9 / ns),
            &format!("{bare:.1}"),
            &format!("{:.1}", ns / bare),
            &format!("{octets:.1}"),
            "-",
        ]);
    }
}

/// A firmware that changes, as far as the groups are concerned: with ten groups whose rules ask for it, and with these
/// among a thousand. The column of the window holds how many there are, that of the bare pass the time with ten.
fn groups() {
    let mut town = Town::populated(1_000);
    let mut times = Vec::new();
    for of in GROUPS {
        let mut groups = town.groups(of);
        let mut runs: Vec<f64> = (0..51)
            .map(|_| {
                let start = ProcessTime::now();
                let moved = town.update(1_000, "1.5", &mut groups) + town.update(1_000, "1.0", &mut groups);
                assert_eq!(moved, 10_000, "five groups are left, and joined again");
                start.elapsed().as_nanos() as f64 / 2_000.0
            })
            .collect();
        runs.sort_by(f64::total_cmp);
        let median = runs[runs.len() / 2];
        times.push(median);
        row([
            "firmware",
            &of.0.to_string(),
            "1000",
            &format!("{median:.1}"),
            "-",
            &format!("{:.0}", 1e9 / median),
            &format!("{:.1}", times[0]),
            &format!("{:.2}", median / times[0]),
            "-",
            "-",
        ]);
    }
}

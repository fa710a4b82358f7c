//! What a gateway's machines cost for each device, beside a bare pass over the same memory, all from one run.
//!
//! ```text
//! cargo run --release -p dm-benches --bin gateway-ratios                # everything
//! cargo run --release -p dm-benches --bin gateway-ratios -- 1000 10000  # some numbers of devices
//! ```
//!
//! Times are CPU time of the process, the median of several runs. Octets are what the machine holds for each device when
//! the job is over, by the allocator, and at most at any time while it runs; of an inventory, what it holds for a device beside its texts.

use core::hint::black_box;
use std::alloc::System;
use std::process::ExitCode;

use cpu_time::ProcessTime;
use dm_benches::fanouts::{DEVICES, Life, WINDOWS, bare_pass};
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
    row(["machine", "window", "devices", "ns/device", "events/s", "bare ns", "x bare", "octets", "at most"]);
    for window in WINDOWS {
        for devices in DEVICES.into_iter().filter(|devices| wanted.is_empty() || wanted.contains(devices)) {
            fanout(devices, window);
        }
    }
    for devices in DEVICES.into_iter().filter(|devices| wanted.is_empty() || wanted.contains(devices)) {
        inventory(devices);
    }
    groups();
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "the table")]
fn row([machine, window, devices, ns, events, bare, ratio, octets, most]: [&str; 9]) {
    println!(
        "{machine:<10} {window:>6} {devices:>8} {ns:>10} {events:>11} {bare:>8} {ratio:>7} {octets:>7} {most:>7}"
    );
}

/// A job from its start to the last record, every record counted as stored at once.
fn fanout(devices: u32, window: u32) {
    let runs = (2_000_000 / devices).clamp(3, 201) | 1;
    let (mut lives, mut bare, mut events, mut octets) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..runs {
        let region = Region::new(ALLOCATOR);
        let mut life = Life::new(devices, window);
        let start = ProcessTime::now();
        let counters = life.run();
        lives.push(start.elapsed().as_nanos() as f64 / f64::from(devices));
        assert_eq!(counters.ok + counters.unreachable, devices, "{counters:?}");
        let change = region.change();
        octets = change.bytes_allocated - change.bytes_deallocated;
        events = life.events;
        drop(black_box(life));

        let mut entries = vec![[1_u32; 6]; devices as usize];
        let start = ProcessTime::now();
        black_box(bare_pass(&mut entries, window));
        bare.push(start.elapsed().as_nanos() as f64 / f64::from(devices));
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let (life, bare) = (median(lives), median(bare));
    let per_second = events as f64 / (life * f64::from(devices)) * 1e9;
    row([
        "fanout",
        &window.to_string(),
        &devices.to_string(),
        &format!("{life:.1}"),
        &format!("{per_second:.0}"),
        &format!("{bare:.1}"),
        &format!("{:.1}", life / bare),
        &format!("{:.1}", octets as f64 / f64::from(devices)),
        &format!("{:.1}", most_octets(devices, window) as f64 / f64::from(devices)),
    ]);
}

/// The most octets that the machine holds at any time of a job, its snapshots aside.
fn most_octets(devices: u32, window: u32) -> usize {
    let region = Region::new(ALLOCATOR);
    let (mut life, mut most) = (Life::new(devices, window), 0);
    black_box(life.run_watched(|| {
        let change = region.change();
        most = most.max(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
    }));
    most
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

    let runs = (2_000_000 / devices).clamp(3, 201) | 1;
    let mut records = vec![[1_u64; inventories::RECORD / 8]; devices as usize];
    let mut bare = Vec::new();
    let (mut alive, mut seen, mut flaps) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
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
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
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
            &format!("{:.0}", 1e9 / median),
            &format!("{:.1}", times[0]),
            &format!("{:.2}", median / times[0]),
            "-",
            "-",
        ]);
    }
}

//! What a gateway's machines cost for each device, beside a bare pass over the same memory, all from one run.
//!
//! ```text
//! cargo run --release -p dm-benches --bin gateway-ratios                # everything
//! cargo run --release -p dm-benches --bin gateway-ratios -- 1000 10000  # some numbers of devices
//! ```
//!
//! Times are CPU time of the process, the median of several runs. Octets are what the machine holds when the job is
//! over, by the allocator, and at most while it runs.

use core::hint::black_box;
use std::alloc::System;
use std::process::ExitCode;

use cpu_time::ProcessTime;
use dm_benches::fanouts::{DEVICES, Life, WINDOWS, bare_pass};
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
    row(["machine", "window", "devices", "ns/device", "events/s", "bare ns", "x bare", "octets"]);
    for window in WINDOWS {
        for devices in DEVICES.into_iter().filter(|devices| wanted.is_empty() || wanted.contains(devices)) {
            fanout(devices, window);
        }
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "the table")]
fn row([machine, window, devices, ns, events, bare, ratio, octets]: [&str; 8]) {
    println!("{machine:<10} {window:>6} {devices:>8} {ns:>10} {events:>11} {bare:>8} {ratio:>7} {octets:>7}");
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
    ]);
}

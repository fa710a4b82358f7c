//! The fanout: what a device costs the machine, from queued to its end, at a thousand to a million devices.
//!
//! ```text
//! cargo bench -p dm-benches --bench fanout
//! cargo bench -p dm-benches --bench fanout -- "life/64/1000000"
//! ```
//!
//! Beside a bare pass over the same memory, and with octets a target: the `gateway-ratios` program.

use core::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::fanouts::{Crowd, DEVICES, JOBS, Life, Spread, WINDOWS};

/// 5 % never answer, 1 % answer later; every record counts as stored at once.
fn life(criterion: &mut Criterion) {
    let testing = std::env::args().any(|arg| arg == "--test");
    let mut group = criterion.benchmark_group("life");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2)).sample_size(10);
    for window in WINDOWS {
        for devices in DEVICES.into_iter().filter(|devices| !testing || *devices <= 10_000) {
            group.throughput(Throughput::Elements(devices.into()));
            group.bench_function(BenchmarkId::new(window.to_string(), devices), |bencher| {
                bencher.iter_batched(
                    || (Life::new(devices, window), Crowd::new(devices, window)),
                    |(mut life, mut crowd)| {
                        let counters = life.run(&mut crowd);
                        assert_eq!(counters.ok + counters.unreachable, devices);
                        life
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

/// The same, of several jobs at a time with as many targets in all.
fn jobs(criterion: &mut Criterion) {
    const TARGETS: u32 = 100_000;
    let testing = std::env::args().any(|arg| arg == "--test");
    let mut group = criterion.benchmark_group("jobs");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2)).sample_size(10);
    for (name, spread) in [("apart", Spread::Apart), ("together", Spread::Together)] {
        for jobs in JOBS.into_iter().filter(|jobs| !testing || *jobs <= 10) {
            group.throughput(Throughput::Elements(TARGETS.into()));
            group.bench_function(BenchmarkId::new(name, jobs), |bencher| {
                bencher.iter_batched(
                    || (Life::of_jobs(jobs, spread, TARGETS, 64), Crowd::new(TARGETS, 64)),
                    |(mut life, mut crowd)| {
                        let counters = life.run(&mut crowd);
                        assert_eq!(counters.ok + counters.unreachable, TARGETS);
                        life
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, life, jobs);
criterion_main!(benches);

//! The inventory: what an event about one device costs, at a thousand to a million devices, and what it costs the groups.
//!
//! ```text
//! cargo bench -p dm-benches --bench inventory
//! cargo bench -p dm-benches --bench inventory -- "alive/1000000"
//! ```
//!
//! Beside a bare pass over as much memory, and with octets a device: the `gateway-ratios` program.

use core::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::fanouts::DEVICES;
use dm_benches::inventories::{GROUPS, Town};

fn sizes() -> impl Iterator<Item = u32> {
    let testing = std::env::args().any(|arg| arg == "--test");
    DEVICES.into_iter().filter(move |devices| !testing || *devices <= 10_000)
}

/// Every record counts as stored at once.
fn events(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("inventory");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2)).sample_size(10);
    for devices in sizes() {
        group.throughput(Throughput::Elements(devices.into()));
        group.bench_function(BenchmarkId::new("arrive", devices), |bencher| {
            bencher.iter_batched(
                || Town::new(devices),
                |mut town| {
                    town.arrive();
                    town
                },
                BatchSize::PerIteration,
            );
        });
        let mut town = Town::populated(devices);
        group.bench_function(BenchmarkId::new("alive", devices), |bencher| bencher.iter(|| town.live()));
        group.bench_function(BenchmarkId::new("seen again", devices), |bencher| bencher.iter(|| town.see()));
        group.throughput(Throughput::Elements(u64::from(devices) * 2));
        group.bench_function(BenchmarkId::new("gone and back", devices), |bencher| {
            bencher.iter(|| town.flap())
        });
    }
    group.finish();
}

/// A firmware changes: with ten groups whose rules ask for it, and with these among a thousand.
fn groups(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("groups");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    let mut town = Town::populated(1_000);
    for of in GROUPS {
        let mut groups = town.groups(of);
        group.throughput(Throughput::Elements(2_000));
        group.bench_function(BenchmarkId::new("firmware", of.0), |bencher| {
            bencher.iter(|| {
                let moved = town.update(1_000, "1.5", &mut groups) + town.update(1_000, "1.0", &mut groups);
                assert_eq!(moved, 2 * 5 * 1_000);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, events, groups);
criterion_main!(benches);

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
use dm_benches::fanouts::{DEVICES, Life, WINDOWS};

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
                    || Life::new(devices, window),
                    |mut life| {
                        let counters = life.run();
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

criterion_group!(benches, life);
criterion_main!(benches);

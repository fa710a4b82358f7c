//! Sessions: both machines from the first message to the last, MD5 in both directions, WBXML, no sockets.
//!
//! ```text
//! cargo bench -p dm-benches --bench session
//! cargo test -p dm-benches --test session_memory -- --nocapture    # octets of an idle session
//! ```
//!
//! - `session/complete`: four messages, ten commands. Elements are sessions.
//! - `session/commands`: the same with more commands; elements are commands, so equal figures mean linear growth.
//! - `session/concurrent`: the same among so many other sessions in the server's table; elements are sessions, so equal figures mean that
//!   the others do not matter. Beyond the caches of the machine each session costs the memory it touches.
//!
//! Time is CPU time of the process, so that a busy machine shows as little as it can.

use core::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::clock::time;
use dm_benches::sessions::Server;

const COMMANDS: usize = 10;
const ALL: usize = usize::MAX;

fn complete(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/complete");
    group.throughput(Throughput::Elements(1));
    let mut server = Server::new(COMMANDS);
    let mut device = server.device(1);
    assert_eq!(device.session(&mut server, ALL), 2, "two requests and two answers");
    assert_eq!(server.answered(), COMMANDS);
    group.bench_function("10", |bencher| {
        bencher.iter_custom(|runs| {
            time(runs, || {
                device.session(&mut server, ALL);
            })
        });
    });
}

fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/commands");
    group.sample_size(20);
    for commands in [10, 100, 1000, 10_000] {
        let mut server = Server::new(commands);
        let mut device = server.device(1);
        group.throughput(Throughput::Elements(commands as u64));
        group.bench_function(BenchmarkId::from_parameter(commands), |bencher| {
            bencher.iter_custom(|runs| {
                time(runs, || {
                    device.session(&mut server, ALL);
                })
            });
        });
    }
}

fn concurrent(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/concurrent");
    group.sample_size(20).measurement_time(Duration::from_secs(5)).throughput(Throughput::Elements(1));
    for count in [10, 100, 1000, 10_000, 100_000_u32] {
        let mut server = Server::new(COMMANDS);
        let mut devices: Vec<_> = (0..count).map(|number| server.device(number)).collect();
        for device in &mut devices {
            device.session(&mut server, ALL);
        }
        assert_eq!(server.sessions(), devices.len());
        let mut next = 0;
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter_custom(|runs| {
                time(runs, || {
                    // Strides, so that neighbours in memory do not follow each other.
                    next = (next + 7919) % devices.len();
                    devices[next].session(&mut server, ALL);
                })
            });
        });
    }
}

criterion_group!(benches, complete, growth, concurrent);
criterion_main!(benches);

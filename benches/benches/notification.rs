//! Notifications: decoding beside a cursor by hand, verifying beside bare MD5.

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::notifications::{NONCE, bare_md5, by_hand, credential, signed};
use dm_notification::Notification;
use dm_notification::push::{Push, PushBuilder};

fn notifications(c: &mut Criterion) {
    let mut group = c.benchmark_group("notification");
    for body in [0, 85, 1000] {
        let octets = signed(body);
        let credential = credential();
        let input = vec![0x41; 50 + NONCE.len()];
        let push = PushBuilder::dm_notification().to_vec(&octets);
        let size = octets.len();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("decode", size), &octets, |b, octets| {
            b.iter(|| {
                Notification::decode(black_box(octets)).expect("as signed").trigger().session_id().get()
            });
        });
        group.bench_with_input(BenchmarkId::new("by hand", size), &octets, |b, octets| {
            b.iter(|| by_hand(black_box(octets)).expect("as signed").session_id);
        });
        group.bench_with_input(BenchmarkId::new("decode and verify", size), &octets, |b, octets| {
            b.iter(|| {
                Notification::decode(octets).expect("as signed").verify(&credential, black_box(&NONCE))
            });
        });
        group.bench_with_input(BenchmarkId::new("bare md5", size), &octets, |b, octets| {
            b.iter(|| bare_md5(black_box(&octets[16..]), black_box(&input)));
        });
        group.bench_with_input(BenchmarkId::new("push", size), &push, |b, push| {
            b.iter(|| Push::decode(black_box(push)).expect("as built").content());
        });
    }
    group.finish();
}

criterion_group!(benches, notifications);
criterion_main!(benches);

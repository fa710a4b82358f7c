//! The codec: messages from octets and back, in both encodings, at the sizes sessions have.
//!
//! ```text
//! cargo bench -p dm-benches --bench codec                    # everything
//! cargo bench -p dm-benches --bench codec -- decode/wbxml    # some of it
//! cargo bench -p dm-benches --bench codec -- --save-baseline before
//! ```
//!
//! Throughput counts octets of the encoding that is read or written. Beside peers and floors: the `compare` program.

use core::hint::black_box;
use core::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::inputs::{Input, Profile, Size, generate};
use dm_benches::messages::count_commands;
use dm_syncml::{DecodeOptions, Encoding, Message};

const ENCODINGS: [(&str, Encoding); 2] = [("wbxml", Encoding::Wbxml), ("xml", Encoding::Xml)];

fn inputs() -> Vec<Input> {
    let sizes = [Size::K1, Size::K10, Size::K100];
    Profile::ALL.into_iter().flat_map(|profile| sizes.map(|size| generate(profile, size))).collect()
}

fn octets(input: &Input, encoding: Encoding) -> &[u8] {
    if encoding == Encoding::Wbxml { &input.wbxml } else { input.xml.as_bytes() }
}

fn decoded<'a>(input: &'a Input, encoding: Encoding) -> Message<'a> {
    let message = Message::decode(encoding, octets(input, encoding), &DecodeOptions::new())
        .expect("generated messages can be decoded");
    assert_eq!(count_commands(&message), input.commands, "{}", input.name);
    message
}

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    // Nothing here takes long or varies much; there are many of them.
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(40);
    group
}

fn decode(criterion: &mut Criterion) {
    for (name, encoding) in ENCODINGS {
        let mut group = group(criterion, &format!("decode/{name}"));
        for input in inputs() {
            let octets = octets(&input, encoding);
            assert!(decoded(&input, encoding).body.last_in_package);
            let options = DecodeOptions::new();
            group.throughput(Throughput::Bytes(octets.len() as u64));
            group.bench_function(BenchmarkId::from_parameter(&input.name), |bencher| {
                bencher.iter(|| Message::decode(encoding, black_box(octets), &options));
            });
        }
    }
}

/// What keeping a message costs on top of decoding it.
fn own(criterion: &mut Criterion) {
    let mut group = group(criterion, "decode and own/wbxml");
    for input in inputs() {
        assert_eq!(decoded(&input, Encoding::Wbxml).into_owned(), decoded(&input, Encoding::Wbxml));
        let options = DecodeOptions::new();
        group.throughput(Throughput::Bytes(input.wbxml.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(&input.name), |bencher| {
            bencher.iter(|| {
                Message::decode(Encoding::Wbxml, black_box(&input.wbxml), &options).map(Message::into_owned)
            });
        });
    }
}

fn encode(criterion: &mut Criterion) {
    for (name, encoding) in ENCODINGS {
        let mut group = group(criterion, &format!("encode/{name}"));
        for input in inputs() {
            let message = decoded(&input, encoding);
            let written = message.encode(encoding);
            // The generator writes as we do, so what comes out is what went in, to the octet.
            assert!(written == octets(&input, encoding), "{} comes out different", input.name);
            group.throughput(Throughput::Bytes(written.len() as u64));
            group.bench_function(BenchmarkId::from_parameter(&input.name), |bencher| {
                bencher.iter(|| black_box(&message).encode(encoding));
            });
        }
    }
}

criterion_group!(benches, decode, own, encode);
criterion_main!(benches);

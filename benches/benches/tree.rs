//! The management tree: what a server's commands cost, at the sizes libdmclient publishes figures for and at a
//! million leaves.
//!
//! ```text
//! cargo bench -p dm-benches --bench tree
//! cargo bench -p dm-benches --bench tree -- "get/1000000"
//! ```
//!
//! Beside bare hash maps, as ratios: the `tree-ratios` program.

use core::hint::black_box;
use core::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use dm_benches::trees::{self, DATA, SHAPES};
use dm_syncml::{CmdId, Command, Get, Item, LocUri};
use dm_tree::{Content, NodeUri, Tree};

fn group<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(30);
    group
}

/// `--test` runs everything once; a million leaves are for measuring.
fn shapes() -> impl Iterator<Item = (usize, &'static str)> {
    let testing = std::env::args().any(|arg| arg == "--test");
    SHAPES.into_iter().filter(move |(breadth, _)| !testing || *breadth < 50)
}

fn uris(breadth: usize) -> Vec<NodeUri<'static>> {
    trees::some_leaves(breadth, 1 << 12).iter().map(trees::uri).collect()
}

/// Parsed address in, borrowed value out.
fn get(criterion: &mut Criterion) {
    let mut group = group(criterion, "get");
    for (breadth, name) in shapes() {
        let (tree, uris, server) = (trees::tree(breadth), uris(breadth), trees::server());
        let mut next = uris.iter().cycle();
        assert_eq!(tree.read(&server, &uris[0]).map(dm_tree::Value::data), Ok(DATA));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| next.next().map(|uri| tree.read(&server, black_box(uri)).is_ok()));
        });
    }
}

/// A text for an address, and every check on the way.
fn commands(criterion: &mut Criterion) {
    for (breadth, name) in shapes() {
        let mut tree = trees::tree(breadth);
        let server = trees::server();
        let texts: Vec<String> = uris(breadth).iter().map(ToString::to_string).collect();
        let content = Content::new(b"another value");
        let mut group = group(criterion, &format!("command/{name}"));
        let mut next = texts.iter().cycle();
        let handlers = &mut ();
        let mut acting = tree.act_for(&server, handlers);
        group.bench_function("replace", |bencher| {
            bencher.iter(|| {
                let uri = next.next().map_or(".", String::as_str);
                acting.replace(black_box(uri), &content).expect("a leaf it may replace");
                acting.take_changes()
            });
        });
        group.bench_function("add and delete", |bencher| {
            bencher.iter(|| {
                acting.add(black_box("./Node1/Node1/New"), &content).expect("a new leaf");
                acting.delete(black_box("./Node1/Node1/New")).expect("the leaf just added");
                acting.take_changes()
            });
        });
    }
}

/// A subtree of a hundred leaves as the server gets it.
fn list(criterion: &mut Criterion) {
    let mut tree: Tree = trees::tree(10);
    let server = trees::server();
    let mut group = group(criterion, "get 111 nodes");
    for list in ["Struct", "StructData"] {
        let target = LocUri::new(format!("./Node1?list={list}")).expect("an address");
        let get: Command<'_> = Get::new(CmdId::new("1").expect("an id"), vec![Item::to(target)]).into();
        assert_eq!(tree.execute(&server, &get, &mut ()).into_results().len(), 111);
        group.bench_function(list, |bencher| {
            bencher.iter(|| tree.execute(&server, black_box(&get), &mut ()).into_results().len());
        });
    }
}

criterion_group!(benches, get, commands, list);
criterion_main!(benches);

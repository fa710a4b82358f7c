//! Subtrees as documents (TNDS): read, written, out of a tree and into it.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dm_benches::trees;
use dm_syncml::{CmdId, Command, Encoding, Get, Item, LocUri};
use dm_tree::Tree;
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::tnds::Filter;

const NODES: usize = 111;

/// A subtree of a hundred leaves, and what is done with it.
fn documents(criterion: &mut Criterion) {
    let mut tree: Tree = trees::tree(10);
    let server = trees::server();
    let mut handlers = ();
    let document = tree.act_for(&server, &mut handlers).get_tnds("./Node1", Filter::ALL).expect("a subtree");
    assert_eq!(document.nodes().len(), NODES);

    let mut group = criterion.benchmark_group("document of 111 nodes");
    group.throughput(Throughput::Elements(NODES as u64));
    let target = LocUri::new("./Node1?list=TNDS").expect("an address");
    let get: Command<'_> = Get::new(CmdId::new("1").expect("an id"), vec![Item::to(target)]).into();
    assert_eq!(tree.execute(&server, &get, &mut ()).into_results().len(), 1);
    group.bench_function("get", |bencher| {
        bencher.iter(|| tree.execute(&server, black_box(&get), &mut ()).into_results().len());
    });
    for (name, encoding) in [("xml", Encoding::Xml), ("wbxml", Encoding::Wbxml)] {
        let octets = document.encode(encoding);
        group.bench_function(format!("{name}, encode"), |bencher| {
            bencher.iter(|| black_box(&document).encode(encoding));
        });
        group.bench_function(format!("{name}, decode"), |bencher| {
            bencher.iter(|| MgmtTree::decode(encoding, black_box(&octets), &DocumentOptions::STRICT));
        });
    }
    group.bench_function("replace", |bencher| {
        bencher.iter(|| {
            let mut acting = tree.act_for(&server, &mut handlers);
            acting.replace_tnds("./Node1", black_box(&document)).expect("the same subtree");
            acting.take_changes().len()
        });
    });
    group.bench_function("add, delete", |bencher| {
        bencher.iter(|| {
            let mut acting = tree.act_for(&server, &mut handlers);
            acting.add_tnds("./New", black_box(&document)).expect("a new subtree");
            acting.delete("./New").expect("the subtree just added");
            acting.take_changes().len()
        });
    });
    group.finish();
}

criterion_group!(benches, documents);
criterion_main!(benches);

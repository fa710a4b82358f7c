//! What a management tree costs beside bare hash maps, as ratios, all from one run.
//!
//! ```text
//! cargo run --release -p dm-benches --bin tree-ratios             # all shapes
//! cargo run --release -p dm-benches --bin tree-ratios -- 125 1000 # some
//! ```
//!
//! Each row is one operation on one shape: its median in nanoseconds, and that as a ratio to the same done on nested
//! maps of the standard library and of hashbrown. Times are CPU time of the process.

use core::hint::black_box;
use core::time::Duration;
use std::process::ExitCode;

use cpu_time::ProcessTime;
use dm_benches::clock::{Plan, interleaved};
use dm_benches::trees::{self, DATA, FastMaps, SHAPES, StdMaps};
use dm_tree::{Content, NodeUri, Rights};

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| SHAPES.iter().all(|(_, shape)| shape != name)) {
        #[expect(clippy::print_stderr, reason = "says what is wrong with the command line")]
        {
            eprintln!("no shape {unknown}; there are 125, 1000, 10648 and 1000000");
        }
        return ExitCode::from(2);
    }
    row("operation", "leaves", "ns", "x std", "x hashbrown");
    for (breadth, name) in SHAPES {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            reading(breadth, name);
            adding(breadth, name);
        }
    }
    checking();
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "the table")]
fn row(operation: &str, leaves: &str, ns: &str, std: &str, hashbrown: &str) {
    println!("{operation:<28} {leaves:>8} {ns:>9} {std:>7} {hashbrown:>12}");
}

/// Get of a leaf with its inherited ACL: parsed address in, borrowed value out.
fn reading(breadth: usize, name: &str) {
    let (tree, std, fast) =
        (trees::tree(breadth), StdMaps::with_breadth(breadth), FastMaps::with_breadth(breadth));
    let leaves = trees::some_leaves(breadth, 1 << 18);
    let uris: Vec<NodeUri<'_>> = leaves.iter().map(trees::uri).collect();
    let server = trees::server();
    // One run is a pass over all of them, so that what is not in a cache is so for everyone.
    let spreads = interleaved(
        Plan::new(15, Duration::from_millis(20)),
        &mut [
            &mut || {
                for uri in &uris {
                    let value = tree.read(&server, black_box(uri)).expect("a leaf it may read");
                    assert!(black_box(value).data().len() == DATA.len());
                }
            },
            &mut || {
                for leaf in &leaves {
                    let value = std.get(black_box(leaf)).expect("a leaf");
                    assert!(black_box(value).len() == DATA.len());
                }
            },
            &mut || {
                for leaf in &leaves {
                    let value = fast.get(black_box(leaf)).expect("a leaf");
                    assert!(black_box(value).len() == DATA.len());
                }
            },
        ],
    );
    let each = |at: usize| spreads[at].median / leaves.len() as f64;
    ratios("Get leaf, inherited ACL", name, [each(0), each(1), each(2)]);
}

/// Add of every leaf of the shape to an empty tree, interior nodes on the way, for a server that has the right to.
fn adding(breadth: usize, name: &str) {
    let leaves: Vec<[String; 3]> = (0..breadth.pow(3)).map(|leaf| trees::names(breadth, leaf)).collect();
    let uris: Vec<String> = leaves.iter().map(|leaf| trees::uri(leaf).to_string()).collect();
    let nodes = (breadth + breadth.pow(2) + breadth.pow(3)) as f64;
    let (trials, repeats) = if breadth > 50 { (3, 1) } else { (9, 2_000_000 / breadth.pow(3) / 10) };
    let server = trees::server();
    let content = Content::new(DATA);
    let tree = || {
        let mut tree = trees::empty();
        let start = ProcessTime::now();
        let handlers = &mut ();
        let mut acting = tree.act_for(&server, handlers);
        for some in uris.chunks(64) {
            for uri in some {
                acting.add(uri, &content).expect("a new leaf");
            }
            black_box(acting.take_changes());
        }
        (start.elapsed(), tree.len())
    };
    let std = || {
        let mut maps = StdMaps::new();
        let start = ProcessTime::now();
        leaves.iter().for_each(|leaf| maps.insert(leaf));
        (start.elapsed(), usize::from(black_box(&maps).get(&leaves[0]).is_some()))
    };
    let fast = || {
        let mut maps = FastMaps::new();
        let start = ProcessTime::now();
        leaves.iter().for_each(|leaf| maps.insert(leaf));
        (start.elapsed(), usize::from(black_box(&maps).get(&leaves[0]).is_some()))
    };
    let operations: [&dyn Fn() -> (Duration, usize); 3] = [&tree, &std, &fast];
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..trials {
        for (operation, times) in operations.iter().zip(&mut times) {
            let taken: Duration = (0..repeats.max(1)).map(|_| operation().0).sum();
            times.push(taken.as_nanos() as f64 / nodes / repeats.max(1) as f64);
        }
    }
    let medians = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    ratios("Add, per new node", name, medians);
}

/// An ACL check alone, near the root and far from it.
fn checking() {
    let mut tree = trees::empty();
    let deep = format!("./{}", vec!["d"; 60].join("/"));
    tree.insert(&deep, dm_tree::NodeSpec::interior()).expect("a deep node");
    let server = trees::server();
    let (near, far) = (tree.node("./d").expect("the first"), tree.node(&deep).expect("the last"));
    let check = |node: dm_tree::NodeRef<'_>| {
        assert!(black_box(node).grants(black_box(&server), Rights::GET));
    };
    let spreads =
        interleaved(Plan::new(15, Duration::from_millis(20)), &mut [&mut || check(near), &mut || check(far)]);
    for (depth, spread) in ["1", "60"].iter().zip(spreads) {
        row("ACL check, inherited, depth", depth, &format!("{:.1}", spread.median), "", "");
    }
}

fn ratios(operation: &str, name: &str, [ours, std, fast]: [f64; 3]) {
    row(
        operation,
        name,
        &format!("{ours:.1}"),
        &format!("{:.2}", ours / std),
        &format!("{:.2}", ours / fast),
    );
}

//! What a node of a management tree takes, counted by the allocator.

use std::alloc::System;

use dm_benches::trees::{self, DATA};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
#[expect(clippy::print_stdout, reason = "`-- --nocapture` shows the numbers of docs/decisions/0011")]
fn a_leaf_takes_200_bytes_beside_its_data_at_most() {
    // 22 is the largest shape of libdmclient, 100 makes a million; 47 leaves the arena and the table just grown.
    for breadth in [22, 47, 60, 100] {
        let region = Region::new(ALLOCATOR);
        let tree = trees::tree(breadth);
        let stats = region.change();
        let leaves = breadth.pow(3);
        // What growing and shrinking moved is counted in both already.
        let bytes = stats.bytes_allocated - stats.bytes_deallocated;
        let each = bytes as f64 / leaves as f64 - DATA.len() as f64;
        println!("{leaves:>7} leaves: {each:.1} bytes each beside {} of data", DATA.len());
        assert_eq!(tree.len(), 1 + breadth + breadth.pow(2) + leaves);
        assert!(each <= 200.0, "{leaves} leaves: {each:.1} bytes each");
    }
}

//! What an access decision costs with a thousand delegations in the ledger, beside one without a ledger.
//!
//! ```text
//! cargo bench -p dm-benches --bench authority
//! ```
//!
//! As ratios, all from one run: the `authority-ratios` program.

use core::hint::black_box;
use core::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use dm_benches::authorities::cases;
use dm_tree::Rights;

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(30);
    for case in cases() {
        assert_eq!(case.tree.may(&case.server, Rights::GET, &case.uri), case.allowed, "{}", case.name);
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| case.tree.may(&case.server, black_box(Rights::GET), black_box(&case.uri)));
        });
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);

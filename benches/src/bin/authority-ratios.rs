//! What an access decision costs with a thousand delegations, as a ratio to one without a ledger, all from one run.
//!
//! ```text
//! cargo run --release -p dm-benches --bin authority-ratios
//! ```
//!
//! Each row is one decision: its median in nanoseconds, and that beside the first. Times are CPU time of the process.
//! Exits with 1 when one takes more than three times as long.

use core::hint::black_box;
use core::time::Duration;
use std::process::ExitCode;

use dm_benches::authorities::cases;
use dm_benches::clock::{Operation, Plan, interleaved};
use dm_tree::Rights;

/// What the decision may cost beside one without delegations.
const BOUND: f64 = 3.0;

#[expect(clippy::print_stdout, reason = "the table")]
fn main() -> ExitCode {
    let cases = cases();
    let mut decisions: Vec<_> = cases
        .iter()
        .map(|case| {
            move || {
                assert!(
                    case.tree.may(&case.server, black_box(Rights::GET), black_box(&case.uri)) == case.allowed
                )
            }
        })
        .collect();
    let mut operations: Vec<&mut dyn Operation> =
        decisions.iter_mut().map(|decision| decision as &mut dyn Operation).collect();
    let spreads = interleaved(Plan::new(25, Duration::from_millis(10)), &mut operations);
    println!("{:<24} {:>8} {:>7}", "decision", "ns", "x none");
    let mut worst: f64 = 0.0;
    for (case, spread) in cases.iter().zip(&spreads) {
        let ratio = spread.median / spreads[0].median;
        worst = worst.max(ratio);
        println!("{:<24} {:>8.1} {ratio:>7.2}", case.name, spread.median);
    }
    if worst > BOUND { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

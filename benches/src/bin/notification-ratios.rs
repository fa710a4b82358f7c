//! What notifications cost beside a cursor by hand and bare MD5, as ratios, all from one run.
//!
//! ```text
//! cargo run --release -p dm-benches --bin notification-ratios
//! ```
//!
//! Each row is one operation on a notification of some size: its median in nanoseconds, that of what it is measured
//! against, the ratio, and the target. Times are CPU time of the process. Exits 1 if a target is missed.

use core::hint::black_box;
use core::time::Duration;
use std::process::ExitCode;

use dm_benches::clock::{Plan, interleaved};
use dm_benches::notifications::{NONCE, bare_md5, by_hand, credential, signed};
use dm_notification::Notification;

/// Runs in one trial's step, so that the clock is not what is measured.
const RUNS: usize = 1000;

fn main() -> ExitCode {
    let mut reached = true;
    row("operation", "octets", "ns", "beside", "ratio", "target");
    for body in [0, 85, 1000] {
        let octets = signed(body);
        reached &= decoding(&octets);
        reached &= verifying(&octets);
    }
    if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::print_stdout, reason = "the table")]
fn row(operation: &str, octets: &str, ns: &str, beside: &str, ratio: &str, target: &str) {
    println!("{operation:<18} {octets:>6} {ns:>8} {beside:>8} {ratio:>6} {target:>7}");
}

fn compare(
    operation: &str,
    octets: usize,
    target: f64,
    ours: &mut dyn FnMut(),
    beside: &mut dyn FnMut(),
) -> bool {
    let repeat = |work: &mut dyn FnMut()| (0..RUNS).for_each(|_| work());
    let spreads = interleaved(
        Plan::new(31, Duration::from_millis(5)),
        &mut [&mut || repeat(ours), &mut || repeat(beside)],
    );
    let each = |at: usize| spreads[at].median / RUNS as f64;
    let ratio = each(0) / each(1);
    let number = |number: f64| format!("{number:.1}");
    row(
        operation,
        &octets.to_string(),
        &number(each(0)),
        &number(each(1)),
        &format!("{ratio:.2}"),
        &target.to_string(),
    );
    ratio <= target
}

/// Decoding without verifying, beside a cursor that makes the same checks.
fn decoding(octets: &[u8]) -> bool {
    let ours = Notification::decode(octets).expect("as signed");
    let theirs = by_hand(octets).expect("as signed");
    assert_eq!(ours.trigger().vendor_body(), theirs.body);
    assert_eq!(ours.trigger().session_id().get(), theirs.session_id);
    compare(
        "decode",
        octets.len(),
        2.0,
        &mut || {
            let _ = black_box(Notification::decode(black_box(octets)));
        },
        &mut || {
            black_box(by_hand(black_box(octets)));
        },
    )
}

/// Decoding and verifying, beside the two MD5 it needs.
fn verifying(octets: &[u8]) -> bool {
    let credential = credential();
    let (_, trigger) = octets.split_at(16);
    // Two texts of 24 characters, two colons, the nonce.
    let input = vec![0x41; 50 + NONCE.len()];
    compare(
        "decode and verify",
        octets.len(),
        1.2,
        &mut || {
            let notification = Notification::decode(black_box(octets)).expect("as signed");
            notification.verify(&credential, black_box(&NONCE)).expect("as signed");
        },
        &mut || {
            black_box(bare_md5(black_box(trigger), black_box(&input)));
        },
    )
}

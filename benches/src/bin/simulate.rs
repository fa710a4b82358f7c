//! Plays fleets on virtual time, one seed after the other (or beside each other): see [`dm_benches::fleet`].
//!
//! ```text
//! cargo run --release -p dm-benches --bin simulate -- --seeds 1000
//! cargo run --release -p dm-benches --bin simulate -- --first-seed 17 --seeds 1 --devices 5 --gateways 2
//! ```
//!
//! A line for each seed: the seed, whether all was as it must be, and a digest of all that happened, which is equal for
//! equal seeds. A seed that fails says what was wrong and which command replays it. The last line is a summary. Exits 1 if a seed
//! failed, 2 if the command line is wrong.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use clap::Parser;
use dm_benches::fleet::{Options, Outcome, Tally, run};

/// Plays fleets of real machines on virtual time, over a network that misbehaves.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// How many devices.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: u32,
    /// How many gateways.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    gateways: u16,
    /// A JSON object a line.
    #[arg(long)]
    json: bool,
    /// Every event of every seed as well.
    #[arg(long, conflicts_with = "json")]
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let next = AtomicU64::new(0);
    let results = Mutex::new(Results::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= arguments.seeds {
                        return;
                    }
                    let seed = arguments.first_seed.wrapping_add(place);
                    let mut options = Options::new(seed).with_size(arguments.devices, arguments.gateways);
                    options.trace = arguments.trace;
                    let outcome = run(options);
                    if let Ok(mut results) = results.lock() {
                        results.put(place, options, outcome, arguments.json);
                    }
                }
            });
        }
    });
    let Ok(results) = results.into_inner() else { return ExitCode::FAILURE };
    results.summary(arguments.json);
    if results.failed == 0 && results.shown == arguments.seeds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Shows outcomes in the order of their seeds, whichever came first.
#[derive(Default)]
struct Results {
    shown: u64,
    failed: u64,
    tally: Tally,
    early: std::collections::BTreeMap<u64, (Options, Outcome)>,
}

impl Results {
    fn put(&mut self, place: u64, options: Options, outcome: Outcome, json: bool) {
        self.early.insert(place, (options, outcome));
        while let Some((options, outcome)) = self.early.remove(&self.shown) {
            self.shown += 1;
            self.failed += u64::from(!outcome.is_ok());
            self.tally = self.tally.plus(outcome.tally);
            show(&options, &outcome, json);
        }
    }

    #[expect(clippy::print_stdout, reason = "the summary")]
    fn summary(&self, json: bool) {
        let (seeds, failed, tally) = (self.shown, self.failed, self.tally);
        if json {
            println!(
                "{{\"seeds\":{seeds},\"failed\":{failed},\"jobs\":{},\"targets\":{},\"targets_ok\":{},\"indeterminate\":{},\
                 \"sessions\":{},\"crashes\":{},\"torn\":{},\"reboots\":{},\"moves\":{},\"alerts\":{}}}",
                tally.jobs,
                tally.targets,
                tally.ok,
                tally.indeterminate,
                tally.sessions,
                tally.crashes,
                tally.torn,
                tally.reboots,
                tally.moves,
                tally.alerts
            );
        } else {
            println!("{seeds} seeds, {failed} failed: {tally}");
        }
    }
}

#[expect(clippy::print_stdout, reason = "the rows")]
fn show(options: &Options, outcome: &Outcome, json: bool) {
    let (seed, is_ok, digest) = (options.seed, outcome.is_ok(), outcome.digest);
    if json {
        let replay = if is_ok { String::new() } else { format!(",\"replay\":\"{}\"", options.replay()) };
        println!("{{\"seed\":{seed},\"ok\":{is_ok},\"digest\":\"{digest}\"{replay}}}");
    } else {
        outcome.trace.iter().for_each(|line| println!("  {line}"));
        println!("{seed}, {}, {digest}", if is_ok { "ok" } else { "failed" });
        if !is_ok {
            println!("  replay: {}", options.replay());
        }
    }
    if !is_ok {
        complain(outcome);
    }
}

#[expect(clippy::print_stderr, reason = "what was wrong")]
fn complain(outcome: &Outcome) {
    outcome.violations.iter().for_each(|what| eprintln!("  {what}"));
}

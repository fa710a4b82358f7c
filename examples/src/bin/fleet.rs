//! A DM server, a DM gateway and many devices manage each other over loopback, in one process.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells its story")]

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use dm_examples::fleet::{Options, Progress, Report, play};
use dm_syncml::Encoding;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// Plays a fleet: a DM server reads a gateway's inventory, groups the devices behind it, and has the gateway fan a Replace, a Get and an
/// Exec out to them. One device answers late, one is switched off, some refuse.
#[derive(Parser, Debug)]
#[command(version, after_help = EXAMPLES)]
struct Args {
    /// How many devices there are
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=2000))]
    devices: u16,
    /// How messages travel
    #[arg(long, value_enum, default_value_t = Form::Wbxml)]
    encoding: Form,
    /// Decides which device plays which role
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write every message into this folder, as NNNNNN-FROM-TO-SESSION-MSGID.wbxml, .xml or .p0
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// Print one JSON object instead of the story
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  fleet                                 25 devices, WBXML
  fleet --devices 2000 --seed 7         more of them, other roles
  fleet --encoding xml --trace /tmp/t   readable messages to look at
  fleet --json | jq .outcomes           for scripts

Exit codes:
  0    every device ended as the story has it
  1    something differed; it is listed
  2    wrong usage, or a socket or file could not be opened
  130  interrupted";

#[derive(Clone, Copy, ValueEnum, Debug)]
enum Form {
    Wbxml,
    Xml,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options {
        devices: args.devices.into(),
        encoding: match args.encoding {
            Form::Wbxml => Encoding::Wbxml,
            Form::Xml => Encoding::Xml,
        },
        seed: args.seed,
        trace: args.trace.clone(),
    };
    let bar = progress_bar(&args);
    let shown = bar.clone();
    let quiet = args.json;
    let playing = play(options, move |progress| match progress {
        Progress::Step(step) if !quiet => shown.suspend(|| println!("{step}")),
        Progress::Ended(devices) => shown.set_position(devices as u64),
        _ => {}
    });
    let report = tokio::select! {
        report = playing => report,
        _ = tokio::signal::ctrl_c() => {
            bar.finish_and_clear();
            eprintln!("interrupted");
            return ExitCode::from(130);
        }
    };
    bar.finish_and_clear();
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            eprintln!("error: io: {error}");
            return ExitCode::from(2);
        }
    };
    let printed = if args.json { print_json(&args, &report) } else { print_table(&report) };
    if printed.is_err() {
        return ExitCode::from(2);
    }
    for mismatch in &report.mismatches {
        eprintln!("mismatch: {mismatch}");
    }
    if report.mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A bar on a terminal, nothing on a pipe.
fn progress_bar(args: &Args) -> ProgressBar {
    if args.json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} devices, {elapsed}");
    ProgressBar::new(args.devices.into()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn print_json(args: &Args, report: &Report) -> io::Result<()> {
    let outcomes: serde_json::Map<_, _> =
        report.counts().into_iter().map(|(outcome, count)| (outcome.word().into(), count.into())).collect();
    let object = json!({
        "seed": args.seed,
        "devices": args.devices,
        "encoding": match args.encoding { Form::Wbxml => "wbxml", Form::Xml => "xml" },
        "outcomes": outcomes,
        "messages": report.messages,
        "bytes": report.bytes,
        "elapsed_ms": report.elapsed.as_millis() as u64,
        "mismatches": report.mismatches,
    });
    writeln!(io::stdout(), "{object}")
}

/// Each device of a small fleet; of a large one those that did not simply do what they were asked.
fn print_table(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let all = report.devices.len() <= 40;
    writeln!(out, "\n{:<12} {:<9} outcome", "device", "role")?;
    for (name, role, outcome) in &report.devices {
        let word = outcome.map_or("none", |outcome| outcome.word());
        if all || word != "ok" || *role != dm_examples::story::Role::Willing {
            writeln!(out, "{name:<12} {:<9} {word}", format!("{role:?}").to_lowercase())?;
        }
    }
    let counts: Vec<_> =
        report.counts().into_iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    writeln!(out, "\n{}", counts.join(", "))?;
    let (messages, bytes, elapsed) = (report.messages, report.bytes, report.elapsed.as_secs_f64());
    writeln!(out, "{messages} messages, {bytes} bytes, {elapsed:.1} s")
}

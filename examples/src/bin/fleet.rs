//! DM servers, gateways and many devices manage each other over loopback: the whole story, step by step.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells its story")]

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use dm_examples::fleet::{Options, Progress, Report, Role, Step, play};
use dm_syncml::Encoding;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

/// Plays the whole story of device management behind gateways, over real sockets: the programs dm-server, dm-gateway, dm-device and coap-device
/// with their stores, and a tap between each two of them.
///
/// Gateways and devices are bootstrapped; the server hears of new devices, reads the inventory, makes a group, delivers an image once that every
/// device downloads from its gateway, and fans a Replace, a Get and an Exec out, to a few devices first. One device misses the first notification,
/// one is switched off, some refuse. The gateway is killed in the middle of another fanout. A device is notified through the gateway and talks to
/// the server itself, a lamp that speaks CoAP is managed by DM commands, a device moves to a second gateway, and a second server is given a part of
/// a device. Each step says what it has proven.
#[derive(Parser, Debug)]
#[command(version, after_help = EXAMPLES)]
struct Args {
    /// How many devices there are, besides those with a part of their own
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=2000))]
    devices: u16,
    /// How messages of devices and gateways travel
    #[arg(long, value_enum, default_value_t = Form::Wbxml)]
    encoding: Form,
    /// Decides which device plays which role
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write every message into this folder, as NNNNNN-FROM-TO-SESSION-MSGID.wbxml, .xml or .p0
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// Write everything that is sent into this file, in clear, for Wireshark; addresses and TCP around it are made up
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Start the programs beside this one as processes, and kill the gateway by SIGKILL; without it they are tasks of this process, and the gateway's
    /// are dropped where they stand
    #[arg(long)]
    processes: bool,
    /// Speak TLS on every way; without it plain HTTP. The taps show the programs' certificate, so that trace and capture are in clear
    #[arg(long)]
    tls: bool,
    /// What the programs log, on stderr: such as `warn` or `dm_examples=debug` [default: nothing]; not with --processes
    #[arg(long, value_name = "FILTER", conflicts_with = "processes")]
    log: Option<String>,
    /// Print one JSON object instead of the story
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  fleet                                 25 devices, WBXML, one process
  fleet --devices 300 --seed 7          more of them, other roles
  fleet --processes --tls               as on several machines
  fleet --encoding xml --trace /tmp/t   readable messages to look at
  fleet --pcap fleet.pcap               then: wireshark fleet.pcap
  fleet --json | jq .steps              for scripts

Exit codes:
  0    every step passed, and every device ended as the story has it
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
    if let Err(why) = start_log(&args) {
        eprintln!("error: usage: --log: {why}");
        return ExitCode::from(2);
    }
    let options = Options {
        devices: args.devices.into(),
        encoding: match args.encoding {
            Form::Wbxml => Encoding::Wbxml,
            Form::Xml => Encoding::Xml,
        },
        seed: args.seed,
        trace: args.trace.clone(),
        pcap: args.pcap.clone(),
        processes: args.processes,
        tls: args.tls,
    };
    let bar = progress_bar(&args);
    let shown = bar.clone();
    let quiet = args.json;
    let playing = play(options, move |progress| match progress {
        Progress::Begun(step) => shown.set_message(step),
        Progress::Step(step) if !quiet => shown.suspend(|| println!("{}", line(&step))),
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

fn start_log(args: &Args) -> Result<(), String> {
    let Some(filter) = &args.log else { return Ok(()) };
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    log.try_init().map_err(|error| error.to_string())
}

/// A bar on a terminal, nothing on a pipe.
fn progress_bar(args: &Args) -> ProgressBar {
    if args.json || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} devices, {elapsed}: {msg}");
    ProgressBar::new(args.devices.into()).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A step, and what it has proven.
fn line(step: &Step) -> String {
    format!("{:<12} {:<6} {}", step.name, if step.passed { "passed" } else { "FAILED" }, step.proven)
}

fn print_json(args: &Args, report: &Report) -> io::Result<()> {
    let outcomes: serde_json::Map<_, _> =
        report.counts().into_iter().map(|(outcome, count)| (outcome.word().into(), count.into())).collect();
    let step = |step: &Step| json!({ "step": step.name, "passed": step.passed, "proven": step.proven });
    let steps: Vec<Value> = report.steps.iter().map(step).collect();
    let object = json!({
        "seed": args.seed,
        "devices": args.devices,
        "encoding": match args.encoding { Form::Wbxml => "wbxml", Form::Xml => "xml" },
        "steps": steps,
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
        if all || word != "ok" || *role != Role::Willing {
            writeln!(out, "{name:<12} {:<9} {word}", format!("{role:?}").to_lowercase())?;
        }
    }
    let counts: Vec<_> =
        report.counts().into_iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    writeln!(out, "\n{}", counts.join(", "))?;
    let (messages, bytes, elapsed) = (report.messages, report.bytes, report.elapsed.as_secs_f64());
    writeln!(out, "{messages} messages, {bytes} bytes, {elapsed:.1} s")
}

//! How many sessions `dm-server` has in a second, beside a bare axum handler that reads and answers the same bodies; and what a device costs it.
//!
//! ```text
//! cargo run --release -p dm-benches --bin server-load
//! cargo run --release -p dm-benches --bin server-load -- --devices 5000 --concurrency 256 --json
//! cargo run --release -p dm-benches --bin server-load -- --state .     # the store on a disk, not in memory
//! ```
//!
//! Both servers are processes of their own, which this program starts out of itself; both are asked by the same clients, with real sessions, as
//! many at a time. One session with `dm-server` is written down; the bare handler gives the same answers, octet for octet, to clients that
//! are where that one was, so the clients do the same work, too. The two take turns. Processor time is that of the server's process,
//! from `/proc`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table")]

mod bare;
mod client;
mod memory;
mod servers;
mod throughput;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Sessions a second and memory of dm-server, beside a bare HTTP handler with the same bodies.
#[derive(Parser, Debug)]
#[command(after_help = EXAMPLES)]
struct Arguments {
    /// Devices; each has one session in each turn
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    devices: u32,
    /// Sessions at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    concurrency: u32,
    /// Turns of each server; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    turns: u32,
    /// Where the store is for the time of the measurement [default: /dev/shm, which is memory]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Leave out what memory costs
    #[arg(long)]
    no_memory: bool,
    /// Leave out sessions a second
    #[arg(long, conflicts_with = "no_memory")]
    no_throughput: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  server-load                                   everything, the store in memory
  server-load --state . --no-memory             sessions a second, the store on a disk
  server-load --devices 5000 --concurrency 256 --turns 9 --json";

fn main() -> ExitCode {
    // The servers are this very program.
    let mut raw = std::env::args_os();
    match raw.nth(1).as_deref().and_then(|first| first.to_str()) {
        Some(servers::AS_DM_SERVER) => {
            let own = std::iter::once("dm-server".into());
            return dm_examples::dm_server::main(own.chain(raw));
        }
        Some(servers::AS_BARE) => return bare::main(raw),
        _ => {}
    }
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let run = async {
        if !arguments.no_throughput {
            throughput::run(&arguments).await?;
        }
        if !arguments.no_memory {
            memory::run(&arguments).await?;
        }
        Ok::<_, Failure>(())
    };
    match runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Anything that keeps it from measuring.
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Arguments {
    /// A folder for stores, removed in the end.
    fn folder(&self) -> std::io::Result<tempfile::TempDir> {
        let memory = PathBuf::from("/dev/shm");
        let fallback = if memory.is_dir() { memory } else { std::env::temp_dir() };
        tempfile::Builder::new().prefix("server-load-").tempdir_in(self.state.as_ref().unwrap_or(&fallback))
    }
}

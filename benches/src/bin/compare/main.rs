//! Our codec beside what one would use instead and beside the physical floors: one process, one clock, one run.
#![forbid(unsafe_code)]

extern crate alloc;

mod case;
mod child;
mod dm_syncml;
mod floor;
mod input;
mod libwbxml;
mod quick_xml;
mod report;
mod summary;

use core::fmt::Display;
use core::time::Duration;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dm_benches::clock::{Operation, Plan, interleaved};

use case::Case;
use input::Input;
use libwbxml::Libwbxml;
use summary::Summary;

/// Time decoding and encoding of every .xml and .wbxml file in a directory: dm-syncml, quick-xml with serde, libwbxml
/// (compiled on the spot, if a C compiler and its headers are there), and the floors (touching every octet, scanning for
/// a delimiter, copying).
///
/// The clock is the CPU time of the process that does the work, and the operations on one file take turns, so ratios within
/// one run mean something even on a busy machine. Absolute numbers mean little; never compare them between machines.
/// Behind the table stand the ratios that are aimed at, and whether they are reached.
#[derive(Parser)]
#[command(name = "compare", after_help = EXAMPLES)]
struct Args {
    /// Directory with the files to measure
    #[arg(long, value_name = "DIR")]
    inputs: PathBuf,
    /// Rows as comma-separated values instead of a table
    #[arg(long)]
    csv: bool,
    /// Trials of every operation
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    trials: u16,
    /// Milliseconds of CPU time a trial should take
    #[arg(long, value_name = "MS", default_value_t = 50)]
    trial_ms: u64,
}

const EXAMPLES: &str = "\
Examples:
  gen-inputs --out target/inputs && compare --inputs target/inputs
  compare --inputs target/inputs --csv > results.csv
  compare --inputs captures --trials 3 --trial-ms 10     # a quick look

Columns: tool,op,input,bytes_in,trials,ns_min,ns_median,ns_max,MB/s(bytes_in),MB/s(XML bytes)
Nanoseconds are for one run; MB are 10^6 octets. `XML bytes` is the length of the same message as XML, the .xml
file of the same name if there is one, else what dm-syncml writes, so that rates of both encodings compare. A tool that cannot read a file is
left out for it, with a note on stderr. Every operation has to give the right answer once before it is timed.
libwbxml needs a C compiler (`cc`, or what CC names) and libwbxml2-dev; without them its rows are missing, with a note.
Exit codes: 0 done, 2 wrong usage or I/O.";

fn main() -> ExitCode {
    let mut raw = std::env::args().skip(1);
    if raw.next().as_deref() == Some(dm_syncml::SERVE) {
        let served = dm_syncml::serve_decoding(raw.next().as_deref().unwrap_or_default());
        return if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        // Help goes to stdout and is no failure.
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let text = error.to_string();
            return fail("usage", &text.strip_prefix("error: ").unwrap_or(&text).trim_end());
        }
    };
    let inputs = match input::read_all(&args.inputs) {
        Ok(inputs) if inputs.is_empty() => {
            return fail(&format!("io in {}", args.inputs.display()), &"no .xml or .wbxml file");
        }
        Ok(inputs) => inputs,
        Err((path, error)) => return fail(&format!("io in {}", path.display()), &error),
    };
    let plan = Plan::new(usize::from(args.trials), Duration::from_millis(args.trial_ms));
    match compare(&inputs, plan, args.csv) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the rows may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail("io in -", &error),
    }
}

fn compare(inputs: &[Input], plan: Plan, csv: bool) -> io::Result<()> {
    let libwbxml = match Libwbxml::build() {
        Ok(libwbxml) => Some(libwbxml),
        Err(missing) => {
            writeln!(io::stderr(), "note: {missing}")?;
            None
        }
    };
    let mut stdout = io::stdout().lock();
    let mut report = report::Report::new(&mut stdout, csv)?;
    let mut summary = Summary::default();
    let progress = io::stderr().is_terminal();
    for (done, input) in inputs.iter().enumerate() {
        if progress {
            write!(io::stderr(), "\r\x1b[K{}/{} {}", done + 1, inputs.len(), input.name)?;
        }
        let mut cases = cases(input, libwbxml.as_ref())?;
        for case in &mut cases {
            case.check();
        }
        let spreads = {
            let mut operations: Vec<&mut dyn Operation> = cases.iter_mut().map(|case| case as _).collect();
            interleaved(plan, &mut operations)
        };
        if progress {
            write!(io::stderr(), "\r\x1b[K")?;
        }
        for (case, spread) in cases.iter().zip(spreads) {
            summary.note(input, case, spread);
            if case.aside.is_none() {
                report.row(input, case, spread)?;
            }
        }
        report.end_of_input()?;
    }
    if csv { Ok(()) } else { summary.write(&mut stdout) }
}

/// What can be measured on an input. Adding a tool is adding a line.
fn cases<'a>(input: &'a Input, libwbxml: Option<&Libwbxml>) -> io::Result<Vec<Case<'a>>> {
    let tools = [
        dm_syncml::cases(input),
        quick_xml::cases(input),
        libwbxml.map_or(Ok(Vec::new()), |libwbxml| libwbxml.cases(input)),
        floor::cases(input),
    ];
    let mut cases = Vec::new();
    for tool in tools {
        match tool {
            Ok(more) => cases.extend(more),
            Err(refused) => writeln!(io::stderr(), "note: {}: {refused}", input.name)?,
        }
    }
    Ok(cases)
}

fn fail(what: &str, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {what}: {error}");
    ExitCode::from(2)
}

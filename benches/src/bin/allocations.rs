//! Counts what a message allocates when it is decoded, owned and encoded. Beside `compare`, because counting costs time.
#![forbid(unsafe_code)]

use std::alloc::System;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use dm_benches::inputs::{Profile, Size, generate};
use dm_benches::messages::count_commands;
use dm_syncml::{DecodeOptions, EncodeOptions, Encoding, Message, StringTables};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Count the allocations of decoding, owning and encoding the generated messages, in both encodings.
#[derive(Parser)]
#[command(name = "allocations", after_help = EXAMPLES)]
struct Args {
    /// Rows as comma-separated values instead of a table
    #[arg(long)]
    csv: bool,
}

const EXAMPLES: &str = "\
Examples:
  allocations
  allocations --csv > allocations.csv

Columns: op,input,bytes_in,commands,allocations,reallocations,bytes_asked,bytes_kept
`bytes_asked` counts everything that was asked of the allocator, `bytes_kept` what is still held when the operation is over: by
the message, or by the document written. The counts are exact, and the same in every run.
Exit codes: 0 done, 2 wrong usage or I/O.";

const COLUMNS: [&str; 8] =
    ["op", "input", "bytes_in", "commands", "allocations", "reallocations", "bytes_asked", "bytes_kept"];

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        // Help goes to stdout and is no failure.
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            let _ = writeln!(io::stderr(), "error: usage: {text}");
            return ExitCode::from(2);
        }
    };
    match write_all(args.csv) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the rows may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: io in -: {error}");
            ExitCode::from(2)
        }
    }
}

fn write_all(csv: bool) -> io::Result<()> {
    write_row(csv, &COLUMNS.map(str::to_owned))?;
    for profile in Profile::ALL {
        for size in Size::ALL {
            let input = generate(profile, size);
            for (extension, encoding, octets) in
                [("xml", Encoding::Xml, input.xml.as_bytes()), ("wbxml", Encoding::Wbxml, &input.wbxml)]
            {
                let name = format!("{}.{extension}", input.name);
                write_rows(csv, &name, encoding, octets)?;
            }
        }
    }
    Ok(())
}

fn write_rows(csv: bool, name: &str, encoding: Encoding, octets: &[u8]) -> io::Result<()> {
    let decode =
        || Message::decode(encoding, octets, &DecodeOptions::new()).expect("generated messages decode");
    let message = decode();
    let commands = count_commands(&message);
    let table = EncodeOptions::new().with_string_tables(StringTables::Automatic);
    let mut buffer = message.encode(encoding);
    let counts = [
        ("decode", count(decode)),
        ("decode, into_owned", count(|| decode().into_owned())),
        ("encode", count(|| message.encode(encoding))),
        (
            "encode into a reused buffer",
            count(|| {
                buffer.clear();
                message.encode_into(encoding, &EncodeOptions::DEFAULT, &mut buffer);
            }),
        ),
        ("encode with string table", count(|| message.encode_with(Encoding::Wbxml, &table))),
    ];
    for (op, counted) in counts {
        if op == "encode with string table" && encoding != Encoding::Wbxml {
            continue;
        }
        let numbers = [octets.len(), commands].into_iter().chain(counted).map(|number| number.to_string());
        let cells: Vec<String> = [op.to_owned(), name.to_owned()].into_iter().chain(numbers).collect();
        write_row(csv, &cells)?;
    }
    Ok(())
}

/// Allocations, reallocations, octets asked for, and octets still held while the result lives.
fn count<T>(operation: impl FnOnce() -> T) -> [usize; 4] {
    let region = Region::new(ALLOCATOR);
    let result = operation();
    let stats = region.change();
    drop(result);
    // What a reallocation adds counts as allocated, what it gives back as deallocated.
    let kept = stats.bytes_allocated.saturating_sub(stats.bytes_deallocated);
    [stats.allocations, stats.reallocations, stats.bytes_allocated, kept]
}

/// Text to the left, numbers to the right.
fn write_row(csv: bool, cells: &[String]) -> io::Result<()> {
    const WIDTHS: [usize; 8] = [28, 18, 9, 9, 12, 14, 12, 12];
    if csv {
        let quoted = |cell: &String| if cell.contains(',') { format!("\"{cell}\"") } else { cell.clone() };
        return writeln!(io::stdout(), "{}", cells.iter().map(quoted).collect::<Vec<_>>().join(","));
    }
    let pad = |(at, (cell, width)): (usize, (&String, usize))| {
        if at < 2 { format!("{cell:<width$} ") } else { format!("{cell:>width$} ") }
    };
    let line: String = cells.iter().zip(WIDTHS).enumerate().map(pad).collect();
    writeln!(io::stdout(), "{}", line.trim_end())
}

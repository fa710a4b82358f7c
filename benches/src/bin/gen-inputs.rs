//! Writes the generated inputs to files, for `compare` and for tools that are not ours.
#![forbid(unsafe_code)]

use core::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use dm_benches::inputs::{Profile, Size, generate};

/// Write representative DM messages, the same ones every time: three profiles (a server's commands, a device's
/// results, one large value) in four sizes (1k, 10k, 100k, 1m of XML), each as XML and as WBXML.
#[derive(Parser)]
#[command(name = "gen-inputs", after_help = EXAMPLES)]
struct Args {
    /// Directory to write to; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  gen-inputs --out target/inputs
  gen-inputs --out target/inputs && compare --inputs target/inputs

Prints the path and the number of octets of each file. Exit codes: 0 done, 2 wrong usage or I/O.";

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    match write_all(&args.out) {
        Ok(()) => ExitCode::SUCCESS,
        Err((path, error)) => fail(&format!("io in {}", path.display()), &error),
    }
}

fn write_all(out: &Path) -> Result<(), (PathBuf, io::Error)> {
    fs::create_dir_all(out).map_err(|error| (out.to_owned(), error))?;
    for profile in Profile::ALL {
        for size in Size::ALL {
            let input = generate(profile, size);
            for (extension, octets) in [("xml", input.xml.as_bytes()), ("wbxml", &input.wbxml)] {
                let path = out.join(format!("{}.{extension}", input.name));
                fs::write(&path, octets).map_err(|error| (path.clone(), error))?;
                match writeln!(io::stdout(), "{} {}", path.display(), octets.len()) {
                    // Whoever reads the list may have seen enough; the files are wanted all the same.
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        return Err((PathBuf::from("-"), error));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// Help goes to stdout and is no failure; everything else is one line on stderr.
fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    fail("usage", &text.strip_prefix("error: ").unwrap_or(&text).trim_end())
}

fn fail(what: &str, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: {what}: {error}");
    ExitCode::from(2)
}

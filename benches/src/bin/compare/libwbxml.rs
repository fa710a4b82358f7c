//! libwbxml: what one would use for WBXML if this family did not exist.
//!
//! It converts between WBXML and XML text, in C. `peers/libwbxml.c` is compiled here and times itself in a process of its own, so that no
//! unsafe code is needed and it runs as its distribution built it.

use core::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use dm_benches::messages::count_commands;
use dm_syncml::{DecodeOptions, Encoding, Message};
use tempfile::TempDir;

use crate::case::{Case, Refused};
use crate::child::Measured;
use crate::input::{self, Input};

pub(crate) const TOOL: &str = "libwbxml";
const SOURCE: &str = include_str!("../../../peers/libwbxml.c");

/// The compiled program.
pub(crate) struct Libwbxml {
    program: PathBuf,
    /// Holds the program, and goes with it.
    _folder: TempDir,
}

impl Libwbxml {
    /// Compiles the program with the C compiler that `CC` names, else `cc`.
    pub(crate) fn build() -> Result<Self, Missing> {
        let failed = |error: io::Error| Missing(error.to_string());
        let folder = tempfile::tempdir().map_err(failed)?;
        let program = folder.path().join("libwbxml");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(&compiler);
        command
            .args(["-O2", "-std=c11", "-D_POSIX_C_SOURCE=200809L"])
            .args(["-I/usr/include/libwbxml-1.0", "-I/usr/local/include/libwbxml-1.0"])
            .args(["-x", "c", "-", "-lwbxml2", "-o"])
            .arg(&program);
        let output = with_input(&mut command, SOURCE.as_bytes())
            .map_err(|error| Missing(format!("{}: {error}", compiler.display())))?;
        if output.status.success() {
            return Ok(Self { program, _folder: folder });
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().find(|line| line.contains("error")).or_else(|| said.lines().next());
        Err(Missing(line.unwrap_or("the C compiler fails without a word").to_owned()))
    }

    /// Its conversion of `input` into the other encoding.
    pub(crate) fn cases<'a>(&self, input: &Input) -> Result<Vec<Case<'a>>, Refused> {
        let refused = |error: &dyn fmt::Display| Refused::new(TOOL, error);
        let (switch, op, to) = match input.encoding {
            input::Encoding::Xml => ("xml2wbxml", "xml->wbxml", Encoding::Wbxml),
            input::Encoding::Wbxml => ("wbxml2xml", "wbxml->xml", Encoding::Xml),
        };
        let (measured, output) = Measured::start(Command::new(&self.program).arg(switch), &input.octets)
            .map_err(|error| refused(&error))?;
        // What it writes must be the message, or its speed says nothing.
        let message = Message::decode(to, &output, &DecodeOptions::new()).map_err(|error| refused(&error))?;
        let (found, expected) = (count_commands(&message), input.commands());
        if expected.is_some_and(|expected| expected != found) {
            return Err(refused(&format!("it writes {found} commands")));
        }
        Ok(vec![Case::elsewhere(TOOL, op, input.octets.len(), measured)])
    }
}

fn with_input(command: &mut Command, input: &[u8]) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A compiler that stops reading says why.
        let _ = stdin.write_all(input);
    }
    child.wait_with_output()
}

/// Why libwbxml is not measured.
#[derive(Debug)]
pub(crate) struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "libwbxml is left out (to have it: apt-get install gcc libc6-dev libwbxml2-dev): {}",
            self.0
        )
    }
}

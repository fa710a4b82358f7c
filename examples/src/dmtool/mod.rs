//! The `dmtool` program: what a protocol engineer does with single documents.
//!
//! Each subcommand is a file of its own with its arguments, its help and its `run`. What goes to standard output is the result and nothing
//! else; why there is none goes to standard error, in one line that scripts can take apart.

mod auth;
mod binary;
mod bootstrap;
mod convert;
mod diff;
mod document;
mod elements;
mod failure;
mod input;
mod inspect;
mod json;
mod kind;
mod listing;
mod management_tree;
mod notification;
mod profile;
mod secrets;
mod transcode;
mod tree;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use failure::Failure;

/// Looks at documents of device management, converts them and compares them.
#[derive(Parser, Debug)]
#[command(name = "dmtool", version, after_help = HELP)]
struct Dmtool {
    #[command(subcommand)]
    task: Task,
}

const HELP: &str = "\
A FILE of - is standard input or output.

Examples:
  dmtool inspect message.wbxml                     what a message says
  dmtool convert --to xml message.wbxml -          the same message as XML
  dmtool transcode --to xml devinf.wbxml -         any other document as XML
  dmtool diff request.xml request.wbxml            whether two say the same
  dmtool notification decode package0.bin          what a notification asks for
  dmtool bootstrap inspect pushed.bin              which servers a bootstrap makes known
  dmtool tree show device.tnds                     a management tree, drawn
  dmtool auth basic --user U --password P          credentials of a user

Exit codes:
  0  done, or the answer is yes
  1  the answer is no, or the input is malformed
  2  wrong usage, files that cannot be read or written, and malformed input where 1 means no

Errors are one line on standard error, `error: KIND at byte OFFSET in ELEMENTS: sentence`, and then the file.";

#[derive(Subcommand, Debug)]
enum Task {
    Inspect(inspect::Inspect),
    Convert(convert::Convert),
    Transcode(transcode::Transcode),
    Diff(diff::Diff),
    Notification(notification::NotificationTask),
    Bootstrap(bootstrap::BootstrapTask),
    Tree(management_tree::Tree),
    Auth(auth::Auth),
}

/// What a question is answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Yes,
    No,
}

const NO: u8 = 1;
const TROUBLE: u8 = 2;

/// The program, with its arguments, the first of which is its own name.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let dmtool = match Dmtool::try_parse_from(arguments) {
        Ok(dmtool) => dmtool,
        Err(error) => return refuse(&error),
    };
    let mut out = io::stdout().lock();
    // Where the answer may be no, 1 says so, and trouble of any kind is 2.
    let (outcome, malformed) = match &dmtool.task {
        Task::Inspect(inspect) => (inspect.run(&mut out), NO),
        Task::Convert(convert) => (convert.run(&mut out), NO),
        Task::Transcode(transcode) => (transcode.run(&mut out), NO),
        Task::Diff(diff) => (diff.run(&mut out), TROUBLE),
        Task::Notification(task) => (task.run(&mut out), task.malformed()),
        Task::Bootstrap(task) => (task.run(&mut out), task.malformed()),
        Task::Tree(tree) => (tree.run(&mut out), tree.malformed()),
        Task::Auth(auth) => (auth.run(&mut out), TROUBLE),
    };
    let outcome = outcome.and_then(|answer| match out.flush() {
        Ok(()) => Ok(answer),
        Err(error) => Err(Failure::writing("-", &error)),
    });
    match outcome {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(NO),
        Err(failure) => {
            // There is nobody left to tell when this fails too.
            let _ = write!(io::stderr(), "{failure}");
            ExitCode::from(if failure.is_malformed() { malformed } else { TROUBLE })
        }
    }
}

/// Help that was asked for is a result; all else is wrong usage.
fn refuse(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(TROUBLE),
        };
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or("what to do is missing");
    let _ = writeln!(io::stderr(), "error: usage: {}", text.trim_end());
    ExitCode::from(TROUBLE)
}

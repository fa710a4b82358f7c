//! `dmtool diff`: whether two documents are the same message.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use dm_syncml::{Difference, Fragment};

use super::Answer;
use super::document::Document;
use super::failure::Failure;
use super::input::Input;
use super::profile::ProfileArg;
use super::secrets::HIDDEN;

/// Tells whether two documents are the same message, and where they differ.
///
/// The encoding, CDATA, escapes, string tables, the place of inherited Meta, the form of namespaces, the shape of management trees, and
/// octets against their base64 make no difference. The order of commands, ids and the octets of Data do.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Diff {
    #[command(flatten)]
    profile: ProfileArg,
    /// The one
    a: PathBuf,
    /// The other
    b: PathBuf,
}

const HELP: &str = "\
Examples:
  dmtool diff request.xml request.wbxml && echo the same
  dmtool convert --to wbxml request.xml - | dmtool diff request.xml -

Differences are a path and two values, each on a line; secrets are not shown. Exit codes:
  0  the same message
  1  different messages; the first differences are on standard output
  2  one of them cannot be read";

/// Differences that are shown.
const SHOWN: usize = 20;

impl Diff {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        if [&self.a, &self.b].iter().all(|path| path.as_os_str() == "-") {
            return Err(Failure::usage("only one of the two can be standard input"));
        }
        let (a, b) = (Input::read(&self.a)?, Input::read(&self.b)?);
        let profile = self.profile;
        let (left, right) = (Document::read(&a, profile)?, Document::read(&b, profile)?);
        let differences = left.differences(&right);
        // A difference is shown as documents without secrets have it; one that they do not have is one of secrets.
        let shown = match (left.without_secrets(), right.without_secrets()) {
            _ if differences.is_empty() => Vec::new(),
            (Some(left), Some(right)) => left.differences(&right),
            _ => Vec::new(),
        };
        let shown: HashMap<&str, &Difference> = shown.iter().map(|shown| (shown.path(), shown)).collect();
        let mut written = Written { out, count: 0 };
        let outcome = written.header(&left, &right).and_then(|()| {
            differences.iter().try_for_each(|difference| match shown.get(difference.path()) {
                Some(shown) => written.one(shown.path(), shown.left().as_deref(), shown.right().as_deref()),
                None => written.one(
                    difference.path(),
                    difference.left().map(|_| HIDDEN),
                    difference.right().map(|_| HIDDEN),
                ),
            })?;
            written.rest()
        });
        match outcome {
            Ok(()) if written.count == 0 => Ok(Answer::Yes),
            Ok(()) => Ok(Answer::No),
            Err(error) => Err(Failure::writing("-", &error)),
        }
    }
}

impl Document<'_> {
    /// One of them may have no header; what they have in common is compared all the same.
    fn differences(&self, other: &Document<'_>) -> Vec<Difference> {
        match (self, other) {
            (Self::Message(left), Document::Message(right)) => left.differences(right).collect(),
            (left, right) => left.fragment().differences(&right.fragment()).collect(),
        }
    }

    fn fragment(&self) -> Fragment<'_> {
        match self {
            Self::Message(message) => Fragment::new(message.body.clone()),
            Self::Fragment(fragment) => fragment.clone(),
        }
    }
}

/// Differences on their way out.
struct Written<'o> {
    out: &'o mut dyn Write,
    count: usize,
}

impl Written<'_> {
    /// A header that only one of them has.
    fn header(&mut self, left: &Document<'_>, right: &Document<'_>) -> io::Result<()> {
        let header = |document: &Document<'_>| match document {
            Document::Message(message) => {
                Some(format!("message {} of session {}", message.header.msg_id, message.header.session_id))
            }
            Document::Fragment(_) => None,
        };
        match (header(left), header(right)) {
            (Some(_), Some(_)) | (None, None) => Ok(()),
            (left, right) => self.one("SyncHdr", left.as_deref(), right.as_deref()),
        }
    }

    fn one(&mut self, path: &str, left: Option<&str>, right: Option<&str>) -> io::Result<()> {
        self.count += 1;
        if self.count > SHOWN {
            return Ok(());
        }
        let nothing = "nothing";
        writeln!(self.out, "{path}\n  - {}\n  + {}", left.unwrap_or(nothing), right.unwrap_or(nothing))
    }

    fn rest(&mut self) -> io::Result<()> {
        match self.count.checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(self.out, "and {more} more"),
        }
    }
}

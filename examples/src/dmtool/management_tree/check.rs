//! `dmtool tree check`: whether a tree is as described.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use dm_tree::tnds::LoadError;

use crate::dmtool::Answer;
use crate::dmtool::failure::Failure;
use crate::dmtool::input::Input;
use crate::dmtool::profile::ProfileArg;

use super::reading::{empty_tree, read, schema};

/// Tells whether a serialised tree is as descriptions have it.
///
/// Nodes hang where their Path says, else from the root; so do those of the descriptions. What no description covers is not judged.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Check {
    #[command(flatten)]
    profile: ProfileArg,
    /// A description; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    ddf: Vec<PathBuf>,
    /// The serialised tree
    tree: PathBuf,
}

const HELP: &str = "\
Examples:
  dmtool tree check --ddf DevInfo.xml device.tnds && echo as described
  dmtool tree check --ddf DevInfo.xml --ddf DMAcc.xml device.tnds

What is not as described is an address and a sentence, each on a line. Exit codes:
  0  the tree is as described
  1  it is not
  2  one of the files cannot be read";

/// Violations that are shown.
const SHOWN: usize = 1000;

impl Check {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let profile = self.profile;
        let files = self.ddf.iter().chain([&self.tree]);
        if files.filter(|path| path.as_os_str() == "-").count() > 1 {
            return Err(Failure::usage("only one of the files can be standard input"));
        }
        let schema = schema(&self.ddf, profile)?.unwrap_or_default();
        let input = Input::read(&self.tree)?;
        let document = read(&input, profile)?;
        let mut tree = empty_tree(profile);
        let mut faults = Vec::new();
        tree.load_tnds_with_faults(&document, Some(&schema), &mut faults)
            .map_err(|error| Failure::malformed(&error).in_file(&input.file))?;
        // A value that is none is one of the answers, and all there is to say of its node.
        let faulty: BTreeSet<&str> = faults.iter().filter_map(LoadError::uri).collect();
        let violations =
            schema.violations(&tree).filter(|violation| !faulty.contains(violation.uri().as_str()));
        let lines = faults.iter().map(ToString::to_string).chain(violations.map(|one| one.to_string()));
        let failed = |error| Failure::writing("-", &error);
        let mut count = 0;
        for line in lines {
            count += 1;
            if count <= SHOWN {
                writeln!(out, "{line}").map_err(failed)?;
            }
        }
        if count > SHOWN {
            writeln!(out, "... {} more", count - SHOWN).map_err(failed)?;
        }
        Ok(if count == 0 { Answer::Yes } else { Answer::No })
    }
}

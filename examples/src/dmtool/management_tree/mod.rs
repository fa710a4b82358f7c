//! `dmtool tree`: management trees as documents, checked, and at work.

mod answers;
mod check;
mod device;
mod drawing;
mod outline;
mod reading;
mod run;
mod show;

use std::io::Write;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::{Answer, NO, TROUBLE};

pub(super) use reading::{empty_tree, load, read as read_tree};

/// Shows management trees, checks them against descriptions, runs messages against them.
#[derive(Args, Debug)]
pub(super) struct Tree {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand, Debug)]
enum Task {
    Show(show::Show),
    Check(check::Check),
    Run(run::Run),
}

impl Tree {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        match &self.task {
            Task::Show(show) => show.run(out),
            Task::Check(check) => check.run(out),
            Task::Run(run) => run.run(out),
        }
    }

    /// The exit code for input that is malformed: where the answer may be no, 1 says so.
    pub(super) const fn malformed(&self) -> u8 {
        match &self.task {
            Task::Show(_) | Task::Run(_) => NO,
            Task::Check(_) => TROUBLE,
        }
    }
}

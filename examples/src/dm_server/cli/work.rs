//! Commands that were given.

use clap::Subcommand;

use crate::operator_api::segment;
use crate::program::Failure;

use super::super::report;
use super::Operator;

#[derive(Subcommand, Debug)]
pub(super) enum WorkCommand {
    /// The last ones of a device
    List { device: String },
    /// One of them
    Show { number: u64 },
    /// Take one back that has not gone out
    Cancel { number: u64 },
}

impl Operator {
    pub(super) async fn work(&self, command: WorkCommand) -> Result<bool, Failure> {
        let work = match command {
            WorkCommand::List { device } => {
                let list = self.api.get(&format!("/api/devices/{}/work", segment(&device))).await?;
                list["work"].as_array().cloned().unwrap_or_default()
            }
            WorkCommand::Show { number } => vec![self.api.get(&format!("/api/work/{number}")).await?],
            WorkCommand::Cancel { number } => vec![self.api.delete(&format!("/api/work/{number}")).await?],
        };
        report::work(&self.report, &work)?;
        Ok(true)
    }
}

//! Gateways, the devices behind them, and their groups.

use clap::Subcommand;
use serde_json::json;

use crate::program::Failure;

use super::super::report;
use super::{Operator, Wait};

#[derive(Subcommand, Debug)]
pub(super) enum GatewayCommand {
    /// Its inventory in numbers
    Summary {
        gateway: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// All devices behind it
    Inventory {
        gateway: String,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum GroupCommand {
    /// Make a group
    Create {
        gateway: String,
        group: String,
        devices: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Add devices to one
    Add {
        gateway: String,
        group: String,
        #[arg(required = true)]
        devices: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Delete one
    Delete {
        gateway: String,
        group: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Groups made through this server
    List,
}

impl Operator {
    pub(super) async fn gateway(&self, command: GatewayCommand) -> Result<bool, Failure> {
        match command {
            GatewayCommand::Summary { gateway, wait } => {
                let Some(summary) = self.read(&gateway, &json!({ "do": "summary" }), wait.wait).await? else {
                    return Ok(false);
                };
                report::summary(&self.report, &summary)?;
            }
            GatewayCommand::Inventory { gateway, wait } => {
                let ask = json!({ "do": "devices" });
                let Some(devices) = self.pages(&gateway, &ask, "devices", wait.wait).await? else {
                    return Ok(false);
                };
                report::inventory(&self.report, &devices)?;
            }
        }
        Ok(true)
    }

    pub(super) async fn group(&self, command: GroupCommand) -> Result<bool, Failure> {
        let (gateway, ask, wait) = match command {
            GroupCommand::Create { gateway, group, devices, wait } => {
                (gateway, json!({ "do": "create-group", "group": group, "devices": devices }), wait)
            }
            GroupCommand::Add { gateway, group, devices, wait } => {
                (gateway, json!({ "do": "add-members", "group": group, "devices": devices }), wait)
            }
            GroupCommand::Delete { gateway, group, wait } => {
                (gateway, json!({ "do": "delete-group", "group": group }), wait)
            }
            GroupCommand::List => {
                report::groups(&self.report, &self.api.get("/api/groups").await?)?;
                return Ok(true);
            }
        };
        self.order(&gateway, &ask, wait.wait).await
    }
}

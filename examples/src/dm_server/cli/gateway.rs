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
    /// Everything it knows of one of them
    Device {
        gateway: String,
        /// Its number in the inventory
        serial: u32,
        #[command(flatten)]
        wait: Wait,
    },
    /// The room it has for images
    Storage {
        gateway: String,
        #[command(flatten)]
        wait: Wait,
    },
}

#[derive(Subcommand, Debug)]
pub(super) enum GroupCommand {
    /// Make a group of these devices, of those that match, or of both
    Create {
        gateway: String,
        group: String,
        devices: Vec<String>,
        /// Devices that a selector matches, as long as it does
        #[arg(long, value_name = "SELECTOR")]
        matching: Option<String>,
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
    /// Take a device out of one
    Remove {
        gateway: String,
        group: String,
        device: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// What one is, as its gateway says
    Show {
        gateway: String,
        group: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Its members that are named
    Members {
        gateway: String,
        group: String,
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
    /// Groups that this server knows of
    List,
}

impl Operator {
    pub(super) async fn gateway(&self, command: GatewayCommand) -> Result<bool, Failure> {
        match command {
            GatewayCommand::Summary { gateway, wait } => {
                let ask = json!({ "do": "summary" });
                self.read_and(&gateway, &ask, wait.wait, report::summary).await
            }
            GatewayCommand::Inventory { gateway, wait } => {
                let ask = json!({ "do": "devices" });
                let Some(devices) = self.pages(&gateway, &ask, "devices", wait.wait).await? else {
                    return Ok(false);
                };
                report::inventory(&self.report, &devices)?;
                Ok(true)
            }
            GatewayCommand::Device { gateway, serial, wait } => {
                let ask = json!({ "do": "device", "serial": serial });
                self.read_and(&gateway, &ask, wait.wait, report::lines).await
            }
            GatewayCommand::Storage { gateway, wait } => {
                self.read_and(&gateway, &json!({ "do": "storage" }), wait.wait, report::lines).await
            }
        }
    }

    pub(super) async fn group(&self, command: GroupCommand) -> Result<bool, Failure> {
        use GroupCommand as G;
        let (gateway, ask, wait) = match command {
            G::Create { gateway, group, devices, matching, wait } => {
                let ask = json!({
                    "do": "create-group", "group": group, "devices": devices, "matching": matching,
                });
                (gateway, ask, wait)
            }
            G::Add { gateway, group, devices, wait } => {
                (gateway, json!({ "do": "add-members", "group": group, "devices": devices }), wait)
            }
            G::Remove { gateway, group, device, wait } => {
                (gateway, json!({ "do": "remove-member", "group": group, "device": device }), wait)
            }
            G::Delete { gateway, group, wait } => {
                (gateway, json!({ "do": "delete-group", "group": group }), wait)
            }
            G::Show { gateway, group, wait } => {
                let ask = json!({ "do": "group", "group": group });
                return self.read_and(&gateway, &ask, wait.wait, report::lines).await;
            }
            G::Members { gateway, group, wait } => {
                let ask = json!({ "do": "members", "group": group });
                return self.read_and(&gateway, &ask, wait.wait, report::members).await;
            }
            G::List => {
                report::groups(&self.report, &self.api.get("/api/groups").await?)?;
                return Ok(true);
            }
        };
        self.order(&gateway, &ask, wait.wait).await
    }
}

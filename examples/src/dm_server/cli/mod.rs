//! The operator's subcommands: from arguments to requests of the API, and from its answers to what people and scripts read.

mod asking;
mod device;
mod fanout;
mod gateway;
mod image;
mod node;
mod work;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::operator_api::OperatorClient;
use crate::program::{self, Access, Failure, Report};

use self::device::DeviceCommand;
use self::fanout::FanoutCommand;
use self::gateway::{GatewayCommand, GroupCommand};
use self::image::ImageCommand;
use self::node::{NodeArgs, ValueArgs};
use self::work::WorkCommand;
use super::config::{Config, RunArgs};
use super::report;

pub(super) use self::asking::{is_done, is_settled};

/// A DM server, and the commands of its operator.
#[derive(Parser, Debug)]
#[command(name = "dm-server", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    access: Access,
    /// The operator's address of a running server [default: that of the one with this state]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
    #[command(subcommand)]
    command: Subcommands,
}

const EXAMPLES: &str = "\
Examples:
  dm-server run                                          serve; everything is kept in ./dm-server-state
  dm-server run --config dm-server.toml --listen 0.0.0.0:443
  dm-server device add IMEI:1 --account-file phone.json  passwords are made, and written there for the device
  dm-server get IMEI:1 ./DevInfo/Mod                     waits until the device has answered
  dm-server set IMEI:1 ./Vendor/Lamp/Level 7 --format int
  dm-server device add urn:uuid:gw --class gateway --account-file gateway.json
  dm-server gateway inventory urn:uuid:gw
  dm-server group create urn:uuid:gw lamps device-1 device-2
  dm-server fanout start urn:uuid:gw J1 --group lamps --set ./Vendor/Lamp/Level=7 --format int
  dm-server fanout watch urn:uuid:gw J1
  dm-server fanout retry urn:uuid:gw J1 --ended unreachable
  dm-server image put urn:uuid:gw fw-2 firmware.bin
  dm-server fanout start urn:uuid:gw J2 --group lamps --stages 5,100 --image @fw=fw-2 --set ./FUMO/URL=@fw

Exit codes:
  0  done
  1  the device refused or failed, or has not answered in time
  2  wrong usage, or the server or a file cannot be reached";

#[derive(Subcommand, Debug)]
enum Subcommands {
    /// Serve devices and the operator
    Run(RunArgs),
    /// Devices the server knows
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Get a node of a device
    Get(NodeArgs),
    /// Replace the value of a node
    Set(ValueArgs),
    /// Execute a node
    Exec(ValueArgs),
    /// Add a node
    Add(ValueArgs),
    /// Delete a node
    Delete(NodeArgs),
    /// Commands that were given
    #[command(subcommand)]
    Work(WorkCommand),
    /// Gateways, and the devices behind them
    #[command(subcommand)]
    Gateway(GatewayCommand),
    /// Groups of devices at a gateway
    #[command(subcommand)]
    Group(GroupCommand),
    /// Commands for many devices behind a gateway
    #[command(subcommand)]
    Fanout(FanoutCommand),
    /// Images that a gateway keeps for its devices
    #[command(subcommand)]
    Image(ImageCommand),
    /// How the server does
    Status,
}

#[derive(Args, Debug)]
struct Wait {
    /// Seconds to wait for the answer; 0 to queue and go
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    wait: u64,
}

/// Runs the program with these arguments.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    program::start(arguments, act)
}

fn act(cli: Cli) -> Result<bool, Failure> {
    let Cli { access, server, command } = cli;
    let mut config: Config = program::read_toml(access.config.as_deref())?;
    config.state = access.state.clone().unwrap_or(config.state);
    if let Subcommands::Run(flags) = command {
        return program::block_on(super::run::run(config.with_flags(flags), access.json)).map(|()| true);
    }
    let api = OperatorClient::find("server", &config.state, server.as_deref(), &access)?;
    let operator = Operator { api, report: Report::new(access.json) };
    program::block_on(operator.operate(command))
}

/// Who asks, and how the answer is shown.
struct Operator {
    api: OperatorClient,
    report: Report,
}

impl Operator {
    async fn operate(&self, command: Subcommands) -> Result<bool, Failure> {
        use Subcommands as S;
        match command {
            S::Run(_) => Ok(true),
            S::Device(command) => self.device(command).await,
            S::Get(args) => self.node("get", args).await,
            S::Delete(args) => self.node("delete", args).await,
            S::Set(args) => self.value("set", args).await,
            S::Exec(args) => self.value("exec", args).await,
            S::Add(args) => self.value("add", args).await,
            S::Work(command) => self.work(command).await,
            S::Gateway(command) => self.gateway(command).await,
            S::Group(command) => self.group(command).await,
            S::Fanout(command) => self.fanout(command).await,
            S::Image(command) => self.image(command).await,
            S::Status => {
                report::status(&self.report, &self.api.get("/api/status").await?)?;
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}

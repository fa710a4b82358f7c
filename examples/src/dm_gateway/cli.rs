//! The command line.

mod work;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;

use super::account::{AccountFile, Hidden};
use super::book::NewDevice;
use super::bootstraps::{BootstrapForm, BootstrapWay};
use super::config::{Config, RunArgs};
use super::run::run;
use crate::operator_api::{OperatorClient, segment};
use crate::program::{self, Access, Failure, Report, cell, first_line, write_account};
use work::{GroupCommand, ImageCommand, JobCommand};

/// A DM gateway, and the commands of its operator.
#[derive(Parser, Debug)]
#[command(name = "dm-gateway", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    access: Access,
    /// The operator's address of a running gateway [default: that of the one with this state]
    #[arg(long, global = true, value_name = "URL")]
    gateway: Option<String>,
    #[command(subcommand)]
    command: Subcommands,
}

const EXAMPLES: &str = "\
Examples:
  dm-gateway run --account gateway.json --server-ca dm-server-state/tls/cert.pem
      serve; everything is kept in ./dm-gateway-state. The account is what
      `dm-server device add ID --class gateway --account-file gateway.json` wrote
  dm-gateway device add urn:uuid:lamp-1 --account-file lamp-1.json
      passwords are made, and written there for the device
  dm-gateway device add urn:uuid:lamp-2 --coap 192.168.1.7:5683
      a device that speaks CoAP; its resources are below ./LwM2M
  dm-gateway device list --status attached
  dm-gateway run --config dm-gateway.toml --allow-fetch https://cdn.example/firmware/

Exit codes:
  0  done
  1  there is no such device, or it is known already
  2  wrong usage, or the gateway, its store or a file cannot be used";

#[derive(Subcommand, Debug)]
enum Subcommands {
    /// Serve servers, devices and the operator
    Run(Box<RunArgs>),
    /// Devices the gateway knows
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Servers the gateway answers to
    #[command(subcommand)]
    Server(ServerCommand),
    /// Groups that servers have made
    #[command(alias = "groups")]
    Group {
        #[command(subcommand)]
        command: Option<GroupCommand>,
    },
    /// Jobs, and how they stand
    #[command(alias = "jobs")]
    Job {
        #[command(subcommand)]
        command: Option<JobCommand>,
    },
    /// Images that servers have sent or had fetched
    #[command(alias = "images")]
    Image {
        #[command(subcommand)]
        command: Option<ImageCommand>,
    },
    /// How the gateway does
    Status,
}

#[derive(Subcommand, Debug)]
enum DeviceCommand {
    /// Make a device known
    Add(Box<AddArgs>),
    /// All of them
    List {
        /// Only those whose id has this in it
        #[arg(long, default_value = "")]
        search: String,
        /// Only those that are there, or are not
        #[arg(long, value_parser = ["attached", "detached"])]
        status: Option<String>,
    },
    /// One of them
    Show { device: String },
    /// Forget one, with its account; that it is not known is fine
    Remove { device: String },
    /// Say that one is not there any more, until it is seen again
    Detach { device: String },
    /// Send one the account of this file, which is with a server
    Bootstrap { device: String, account_file: PathBuf },
}

#[derive(Args, Debug)]
struct AddArgs {
    /// What it calls itself: its DevId
    device: String,
    /// The user name it shows [default: its id]
    #[arg(long)]
    user: Option<String>,
    /// A file with the password it shows [default: one is made]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A file with the password the gateway shows [default: one is made]
    #[arg(long, value_name = "FILE")]
    server_password_file: Option<PathBuf>,
    /// Where notifications for it go, if it does not announce itself
    #[arg(long, value_name = "HOST:PORT or URL")]
    reach: Option<String>,
    /// It speaks CoAP at this address, instead of OMA DM
    #[arg(long, value_name = "HOST:PORT")]
    coap: Option<SocketAddr>,
    /// A server it has an account for itself, which may manage it transparently; may be repeated
    #[arg(long, value_name = "ID")]
    knows: Vec<String>,
    /// It does not have its account yet: send it one, in this form
    #[arg(long, value_name = "FORM", value_enum)]
    bootstrap: Option<BootstrapForm>,
    /// A file with the IMSI that the message is proven with
    #[arg(long, value_name = "FILE", requires = "bootstrap")]
    imsi_file: Option<PathBuf>,
    /// A file with the PIN that the message is proven with
    #[arg(long, value_name = "FILE", requires = "bootstrap")]
    pin_file: Option<PathBuf>,
    /// Put the message into a file of the state, as for a smart card, instead of sending it
    #[arg(long, requires = "bootstrap")]
    card: bool,
    /// Write its account here, passwords included, for the device; needed unless both passwords are given, or it is sent its account
    #[arg(long, value_name = "FILE")]
    account_file: Option<PathBuf>,
    /// Put it in place of the one of this id
    #[arg(long)]
    replace: bool,
}

#[derive(Subcommand, Debug)]
enum ServerCommand {
    /// Answer to the server of this account file, as dm-server writes it
    Add {
        account_file: PathBuf,
        /// The certificates that server may show, PEM
        #[arg(long, value_name = "FILE")]
        server_ca: Option<PathBuf>,
    },
    /// All of them
    List,
    /// Answer to one no longer; its groups, jobs and images stay. That it is not known is fine
    Remove { server: String },
}

/// Runs the program with these arguments.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    program::start(arguments, start)
}

fn start(cli: Cli) -> Result<bool, Failure> {
    let Cli { access, gateway, command } = cli;
    let mut config: Config = program::read_toml(access.config.as_deref())?;
    config.state = access.state.clone().unwrap_or(config.state);
    if let Subcommands::Run(flags) = command {
        return program::block_on(run(config.with_flags(*flags), access.json)).map(|()| true);
    }
    let api = OperatorClient::find("gateway", &config.state, gateway.as_deref(), &access)?;
    let operator = Operator { api, report: Report::new(access.json) };
    program::block_on(operator.operate(command)).map(|()| true)
}

/// Who asks, and how the answer is shown.
struct Operator {
    api: OperatorClient,
    report: Report,
}

impl Operator {
    async fn operate(&self, command: Subcommands) -> Result<(), Failure> {
        match command {
            Subcommands::Run(_) => Ok(()),
            Subcommands::Device(command) => self.device(command).await,
            Subcommands::Server(ServerCommand::Add { account_file, server_ca }) => {
                let mut account = AccountFile::read(&account_file)?;
                if let Some(path) = server_ca {
                    let found = path.canonicalize().map_err(|error| Failure::file("io", &path, error))?;
                    account.ca = Some(found);
                }
                let body = serde_json::to_value(&account).map_err(|error| Failure::new("internal", error))?;
                let added = self.api.post("/api/servers", &body).await?;
                self.report.said(&format!("the gateway answers to {}", account.server_id), &added)
            }
            Subcommands::Server(ServerCommand::List) => {
                self.list("/api/servers", "servers", &["id", "address"]).await
            }
            Subcommands::Server(ServerCommand::Remove { server }) => {
                self.remove(&format!("/api/servers/{}", segment(&server)), &server).await
            }
            Subcommands::Group { command } => self.group(command.unwrap_or(GroupCommand::List)).await,
            Subcommands::Job { command } => self.job(command.unwrap_or(JobCommand::List)).await,
            Subcommands::Image { command } => self.image(command.unwrap_or(ImageCommand::List)).await,
            Subcommands::Status => {
                let status = self.api.get("/api/status").await?;
                let inventory = &status["inventory"];
                let line = format!(
                    "{}: {} of {} devices attached, {} sessions, {} jobs running, up for {} s",
                    cell(&status["name"]),
                    inventory["attached"],
                    inventory["total"],
                    status["sessions"],
                    status["running_jobs"],
                    status["uptime_s"]
                );
                self.report.said(&line, &status)
            }
        }
    }

    async fn device(&self, command: DeviceCommand) -> Result<(), Failure> {
        match command {
            DeviceCommand::Add(args) => self.add_device(*args).await,
            DeviceCommand::List { search, status } => {
                let devices = self.api.devices(&search, status.as_deref()).await?;
                let columns = ["serial", "id", "status", "mode", "address", "firmware"];
                self.report.table(&devices, "devices", &columns)
            }
            DeviceCommand::Show { device } => {
                let path = format!("/api/devices/{}", segment(&device));
                let shown = self.api.get(&path).await?;
                let lines: Vec<String> = shown
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| format!("{name}: {}", cell(value)))
                    .collect();
                self.report.said(&lines.join("\n"), &shown)
            }
            DeviceCommand::Remove { device } => {
                self.remove(&format!("/api/devices/{}", segment(&device)), &device).await
            }
            DeviceCommand::Detach { device } => {
                let path = format!("/api/devices/{}/detach", segment(&device));
                let said = self.api.post(&path, &json!({})).await?;
                self.report.said(&format!("{device} counts as gone"), &said)
            }
            DeviceCommand::Bootstrap { device, account_file } => {
                let account = AccountFile::read(&account_file)?;
                let body = serde_json::to_value(&account).map_err(|error| Failure::new("internal", error))?;
                let path = format!("/api/devices/{}/bootstraps", segment(&device));
                let states = self.api.post(&path, &body).await?;
                let line = format!("{device} is to be bootstrapped to {}", account.server_id);
                self.report.said(&line, &states)
            }
        }
    }

    async fn add_device(&self, args: AddArgs) -> Result<(), Failure> {
        let made = args.password_file.is_none() || args.server_password_file.is_none();
        let is_given = args.account_file.is_some() || args.coap.is_some() || args.bootstrap.is_some();
        if made && !is_given {
            let hint = "passwords will be made: say where they go with --account-file, or give both in files";
            return Err(Failure::new("usage", hint));
        }
        let password =
            |path: &Option<PathBuf>| path.as_deref().map(|path| first_line(path).map(Hidden)).transpose();
        let new = NewDevice {
            id: args.device.clone(),
            user: args.user,
            password: password(&args.password_file)?,
            server_password: password(&args.server_password_file)?,
            reach: args.reach,
            coap: args.coap,
            knows: args.knows,
            bootstrap: match args.bootstrap {
                Some(form) => {
                    let (imsi, pin) = (password(&args.imsi_file)?, password(&args.pin_file)?);
                    Some(BootstrapWay { form, imsi, pin, card: args.card })
                }
                None => None,
            },
            replace: args.replace,
        };
        let body = serde_json::to_value(&new).map_err(|error| Failure::new("internal", error))?;
        let answer = self.api.post("/api/devices", &body).await?;
        if let Some(path) = &args.account_file {
            write_account(path, &answer["account"])?;
        }
        let file = args.account_file.as_deref().map(|path| path.display().to_string());
        let line = match &file {
            Some(file) => format!("{} is known; its account is in {file}", args.device),
            None => format!("{} is known", args.device),
        };
        self.report.said(&line, &json!({ "added": args.device, "account_file": file }))
    }

    async fn list(&self, path: &str, name: &str, columns: &[&str]) -> Result<(), Failure> {
        let value = self.api.get(path).await?;
        self.report.table(&value, name, columns)
    }
}

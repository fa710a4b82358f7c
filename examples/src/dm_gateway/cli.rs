//! The command line.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use axum::http::Method;
use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};

use super::account::{AccountFile, Hidden};
use super::book::NewDevice;
use super::bootstraps::{BootstrapForm, BootstrapWay};
use super::client::{Access, Api};
use super::config::{Config, RunArgs};
use super::failure::Failure;
use super::run::run;
use crate::operator_api::segment;
use crate::tls::write_secret;

/// A DM gateway, and the commands of its operator.
#[derive(Parser, Debug)]
#[command(name = "dm-gateway", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Args, Debug)]
struct Common {
    /// A configuration file, TOML; flags win over it
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the gateway keeps everything [default: dm-gateway-state]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The operator's address of a running gateway [default: that of the one with this state]
    #[arg(long, global = true, value_name = "URL")]
    gateway: Option<String>,
    /// The operator's token [default: operator.token in the state]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The certificate to trust, PEM [default: the one in the state]
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
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
    Groups,
    /// Jobs, and how they stand
    Jobs,
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
    /// Forget one
    Remove { device: String },
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
}

/// Runs the program with these arguments.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::from(if matches!(failure.kind, "not-found" | "conflict") { 1 } else { 2 })
        }
    }
}

fn start(cli: Cli) -> Result<(), Failure> {
    let Common { config, state, gateway, token_file, ca, json } = cli.common;
    let mut config = Config::read(config.as_deref())?;
    config.state = state.unwrap_or(config.state);
    let started = |error| Failure::new("internal", error);
    if let Subcommands::Run(flags) = cli.command {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(started)?;
        let done = runtime.block_on(run(config.with_flags(*flags), json));
        // Devices that still read are not waited for.
        runtime.shutdown_background();
        return done;
    }
    let api = Api::find(&Access { state: config.state, gateway, token_file, ca })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(started)?;
    runtime.block_on(Operator { api, json }.operate(cli.command))
}

/// Who asks, and how the answer is shown.
struct Operator {
    api: Api,
    json: bool,
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
                let added = self.api.ask(Method::POST, "/api/servers", Some(&body)).await?;
                self.said(&format!("the gateway answers to {}", account.server_id), &added)
            }
            Subcommands::Server(ServerCommand::List) => {
                self.list("/api/servers", "servers", &["id", "address"]).await
            }
            Subcommands::Groups => self.list("/api/groups", "groups", &["id", "count", "rule"]).await,
            Subcommands::Jobs => {
                let columns = ["owner", "key", "state", "result", "total", "queued", "in_flight"];
                self.list("/api/jobs", "jobs", &columns).await
            }
            Subcommands::Status => {
                let status = self.api.ask(Method::GET, "/api/status", None).await?;
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
                self.said(&line, &status)
            }
        }
    }

    async fn device(&self, command: DeviceCommand) -> Result<(), Failure> {
        match command {
            DeviceCommand::Add(args) => self.add_device(*args).await,
            DeviceCommand::List { search, status } => {
                let mut devices = Vec::new();
                let mut from = String::new();
                loop {
                    let status = status.as_deref().unwrap_or_default();
                    let path = format!(
                        "/api/devices?limit=1000&from={}&search={}&status={status}",
                        segment(&from),
                        segment(&search)
                    );
                    let page = self.api.ask(Method::GET, &path, None).await?;
                    devices.extend(page["devices"].as_array().cloned().unwrap_or_default());
                    match page["next"].as_str() {
                        Some(next) => from = next.to_owned(),
                        None => break,
                    }
                }
                let columns = ["serial", "id", "status", "mode", "address", "firmware"];
                self.table(&json!({ "devices": devices }), "devices", &columns)
            }
            DeviceCommand::Show { device } => {
                let path = format!("/api/devices/{}", segment(&device));
                let shown = self.api.ask(Method::GET, &path, None).await?;
                let lines: Vec<String> = shown
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| format!("{name}: {}", cell(value)))
                    .collect();
                self.said(&lines.join("\n"), &shown)
            }
            DeviceCommand::Remove { device } => {
                self.api.ask(Method::DELETE, &format!("/api/devices/{}", segment(&device)), None).await?;
                self.said(&format!("{device} is forgotten"), &json!({ "removed": device }))
            }
            DeviceCommand::Bootstrap { device, account_file } => {
                let account = AccountFile::read(&account_file)?;
                let body = serde_json::to_value(&account).map_err(|error| Failure::new("internal", error))?;
                let path = format!("/api/devices/{}/bootstraps", segment(&device));
                let states = self.api.ask(Method::POST, &path, Some(&body)).await?;
                self.said(&format!("{device} is to be bootstrapped to {}", account.server_id), &states)
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
        let password = |path: &Option<PathBuf>| path.as_deref().map(read_line).transpose();
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
        let answer = self.api.ask(Method::POST, "/api/devices", Some(&body)).await?;
        if let Some(path) = &args.account_file {
            let text = serde_json::to_vec_pretty(&answer["account"]).unwrap_or_default();
            write_secret(path, &text).map_err(|error| Failure::file("io", path, error))?;
        }
        let file = args.account_file.as_deref().map(|path| path.display().to_string());
        let line = match &file {
            Some(file) => format!("{} is known; its account is in {file}", args.device),
            None => format!("{} is known", args.device),
        };
        self.said(&line, &json!({ "added": args.device, "account_file": file }))
    }

    async fn list(&self, path: &str, name: &str, columns: &[&str]) -> Result<(), Failure> {
        let value = self.api.ask(Method::GET, path, None).await?;
        self.table(&value, name, columns)
    }

    fn said(&self, line: &str, value: &Value) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let printed = if self.json { writeln!(out, "{value}") } else { writeln!(out, "{line}") };
        printed
            .and_then(|()| out.flush())
            .map_err(|error| Failure::new("io", format_args!("stdout: {error}")))
    }

    /// A table for people: columns as wide as what is in them.
    fn table(&self, value: &Value, name: &str, columns: &[&str]) -> Result<(), Failure> {
        let rows = value[name].as_array().map(Vec::as_slice).unwrap_or_default();
        let head = columns.iter().map(|column| (*column).to_owned()).collect();
        let body = rows.iter().map(|row| columns.iter().map(|column| cell(&row[*column])).collect());
        let lines: Vec<Vec<String>> = std::iter::once(head).chain(body).collect();
        let widths: Vec<usize> = (0..columns.len())
            .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0))
            .collect();
        let line = |line: &Vec<String>| {
            let padded: Vec<String> =
                line.iter().zip(&widths).map(|(text, width)| format!("{text:width$}")).collect();
            padded.join("  ").trim_end().to_owned()
        };
        self.said(&lines.iter().map(line).collect::<Vec<_>>().join("\n"), value)
    }
}

/// A value as a cell of a table.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        // Names come from devices: nothing of them moves the cursor.
        Value::String(text) => text.chars().map(|char| if char.is_control() { '?' } else { char }).collect(),
        other => other.to_string(),
    }
}

/// A password: the first line of a file.
fn read_line(path: &Path) -> Result<Hidden, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::file("io", path, error))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::file("usage", path, "has no password in its first line"));
    }
    Ok(Hidden(line.into()))
}

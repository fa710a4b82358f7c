//! The command line.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use base64ct::{Base64, Encoding as _};
use clap::{Args, Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::operator_api::segment;
use crate::tls::write_secret;

use super::account::Class;
use super::client::{Access, Api, Failure, is_done};
use super::config::{Config, RunArgs};
use super::report::Report;

/// A DM server, and the commands of its operator.
#[derive(Parser, Debug)]
#[command(name = "dm-server", version, after_help = EXAMPLES)]
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
    /// Where the server keeps everything [default: dm-server-state]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The operator's address of a running server [default: that of the one with this state]
    #[arg(long, global = true, value_name = "URL")]
    server: Option<String>,
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

#[derive(Subcommand, Debug)]
enum DeviceCommand {
    /// Make a device known
    Add(AddArgs),
    /// All of them
    List {
        /// Only those whose id has this in it
        #[arg(long, default_value = "")]
        search: String,
        /// Only those that are there, or are not
        #[arg(long, value_parser = ["attached", "detached"])]
        status: Option<String>,
    },
    /// One of them, and what it was told last
    Show { device: String },
    /// Forget one, and everything that waits for it
    Remove { device: String },
    /// Send it a notification
    Wake { device: String },
}

#[derive(Args, Debug)]
struct AddArgs {
    /// What it calls itself: Source of its messages
    device: String,
    /// What kind of device it is
    #[arg(long, value_enum, default_value_t)]
    class: Class,
    /// How both sides prove themselves
    #[arg(long, value_enum, default_value_t = Auth::Md5)]
    auth: Auth,
    /// The user name it shows [default: its id]
    #[arg(long)]
    user: Option<String>,
    /// A file with the password it shows [default: one is made]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The name the server shows [default: the server's id]
    #[arg(long)]
    server_user: Option<String>,
    /// A file with the password the server shows [default: one is made]
    #[arg(long, value_name = "FILE")]
    server_password_file: Option<PathBuf>,
    /// Where notifications for it go, by UDP
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Write its account here, passwords included, for the device; needed unless both passwords are given
    #[arg(long, value_name = "FILE")]
    account_file: Option<PathBuf>,
    /// Put it in place of the one of this id
    #[arg(long)]
    replace: bool,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum Auth {
    /// Digests of name, password and nonce
    Md5,
    /// The same over each message, beside it
    Mac,
    /// Name and password; only inside TLS
    Basic,
}

#[derive(Args, Debug)]
struct Wait {
    /// Seconds to wait for the answer; 0 to queue and go
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    wait: u64,
}

#[derive(Args, Debug)]
struct NodeArgs {
    device: String,
    /// The node, such as ./DevInfo/Mod
    uri: String,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Args, Debug)]
struct ValueArgs {
    device: String,
    /// The node
    uri: String,
    value: Option<String>,
    /// A file with the value; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    value_file: Option<PathBuf>,
    /// chr, int, bool, bin, node, null, xml, b64, date, time, float
    #[arg(long)]
    format: Option<String>,
    /// Media type of the value
    #[arg(long = "type", value_name = "TYPE")]
    media_type: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Subcommand, Debug)]
enum WorkCommand {
    /// The last ones of a device
    List { device: String },
    /// One of them
    Show { number: u64 },
    /// Take one back that has not gone out
    Cancel { number: u64 },
}

#[derive(Subcommand, Debug)]
enum GatewayCommand {
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
enum GroupCommand {
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

#[derive(Subcommand, Debug)]
enum FanoutCommand {
    /// Add a job and start it; operations in the order --set, --get, --exec, --add, --delete
    Start(Box<FanoutArgs>),
    /// Follow a job to its end
    Watch {
        gateway: String,
        key: String,
        /// Seconds between two looks
        #[arg(long, default_value_t = 5)]
        interval: u64,
        /// Seconds to follow it
        #[arg(long, default_value_t = 86_400)]
        wait: u64,
    },
    /// What became of each device
    Results {
        gateway: String,
        key: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// What one device answered
    Answers {
        gateway: String,
        key: String,
        /// Its number in the gateway's inventory
        serial: u32,
        #[command(flatten)]
        wait: Wait,
    },
    /// Stop a job
    Cancel(JobArgs),
    /// Begin with no more devices
    Pause(JobArgs),
    /// Go on with a paused job
    Resume(JobArgs),
    /// Delete a job that is over
    Delete(JobArgs),
    /// Jobs started through this server
    List,
}

#[derive(Args, Debug)]
struct JobArgs {
    gateway: String,
    key: String,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Args, Debug)]
struct FanoutArgs {
    gateway: String,
    /// The name of the job
    key: String,
    /// A device, by its id; may be repeated
    #[arg(long = "device", value_name = "ID")]
    devices: Vec<String>,
    /// A group; * is every device
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Not this device
    #[arg(long = "except", value_name = "ID")]
    except: Vec<String>,
    /// Devices that a selector matches
    #[arg(long, value_name = "SELECTOR")]
    matching: Option<String>,
    /// Replace
    #[arg(long = "set", value_name = "URI=VALUE")]
    sets: Vec<String>,
    /// Get
    #[arg(long = "get", value_name = "URI")]
    gets: Vec<String>,
    /// Exec
    #[arg(long = "exec", value_name = "URI")]
    execs: Vec<String>,
    /// Add
    #[arg(long = "add", value_name = "URI=VALUE")]
    adds: Vec<String>,
    /// Delete
    #[arg(long = "delete", value_name = "URI")]
    deletes: Vec<String>,
    /// Format of the values of --set and --add
    #[arg(long)]
    format: Option<String>,
    /// Devices in flight at a time
    #[arg(long)]
    window: Option<u32>,
    /// Attempts after the first
    #[arg(long)]
    retries: Option<u16>,
    /// Seconds until the job is over whatever happens
    #[arg(long, value_name = "SECONDS")]
    job_time: Option<u64>,
    /// Stages, such as 5,100 for a canary of 5 in a hundred
    #[arg(long, value_name = "PERCENTAGES")]
    stages: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Subcommand, Debug)]
enum ImageCommand {
    /// Put an image into a gateway's store
    Put {
        gateway: String,
        /// The name of the image
        key: String,
        /// The image; up to 16 MiB, larger ones by --url
        #[arg(required_unless_present = "url", conflicts_with = "url")]
        file: Option<PathBuf>,
        /// Where the gateway fetches it; needs --sha256
        #[arg(long, requires = "sha256")]
        url: Option<String>,
        /// Its digest, hexadecimal [default: computed]
        #[arg(long)]
        sha256: Option<String>,
        /// A label
        #[arg(long)]
        name: Option<String>,
        /// A version
        #[arg(long = "image-version")]
        version: Option<String>,
        /// Its media type
        #[arg(long = "type")]
        media_type: Option<String>,
        /// A group whose devices may fetch it, beside those of jobs that name it
        #[arg(long = "group")]
        groups: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Where an image stands
    Show {
        gateway: String,
        key: String,
        #[command(flatten)]
        wait: Wait,
    },
}

/// Runs the program with these arguments.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match act(cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure { kind, sentence }) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: {kind}: {sentence}");
            ExitCode::from(2)
        }
    }
}

fn act(cli: Cli) -> Result<bool, Failure> {
    let mut config =
        Config::read(cli.common.config.as_deref()).map_err(|error| Failure::new("config", error))?;
    if let Some(state) = &cli.common.state {
        config.state.clone_from(state);
    }
    let started = |error: std::io::Error| Failure::new("io", error.to_string());
    if let Subcommands::Run(flags) = cli.command {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(started)?;
        let ran = runtime.block_on(super::run::run(config.with_flags(flags)));
        // Whatever still waits for a peer is not waited for.
        runtime.shutdown_timeout(Duration::from_secs(1));
        return ran.map(|()| true).map_err(|error| Failure::new("start", error));
    }
    let Common { server, token_file, ca, json, .. } = cli.common;
    let access = Access { state: config.state, server, token_file, ca };
    let api = Api::find(&access)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(started)?;
    runtime.block_on(operate(Operator { api, report: Report::new(json) }, cli.command))
}

/// Who asks, and how the answer is shown.
struct Operator {
    api: Api,
    report: Report,
}

async fn operate(operator: Operator, command: Subcommands) -> Result<bool, Failure> {
    use Subcommands as S;
    match command {
        S::Run(_) => Ok(true),
        S::Device(command) => operator.device(command).await,
        S::Get(args) => operator.node("get", args).await,
        S::Delete(args) => operator.node("delete", args).await,
        S::Set(args) => operator.value("set", args).await,
        S::Exec(args) => operator.value("exec", args).await,
        S::Add(args) => operator.value("add", args).await,
        S::Work(command) => operator.work(command).await,
        S::Gateway(command) => operator.gateway(command).await,
        S::Group(command) => operator.group(command).await,
        S::Fanout(command) => operator.fanout(command).await,
        S::Image(command) => operator.image(command).await,
        S::Status => {
            operator.report.status(&operator.api.get("/api/status").await?)?;
            Ok(true)
        }
    }
}

impl Operator {
    async fn device(&self, command: DeviceCommand) -> Result<bool, Failure> {
        match command {
            DeviceCommand::Add(args) => return self.add_device(args).await,
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
                    let page = self.api.get(&path).await?;
                    devices.extend(page["devices"].as_array().cloned().unwrap_or_default());
                    match page["next"].as_str() {
                        Some(next) => from = next.to_owned(),
                        None => break,
                    }
                }
                self.report.devices(&devices)?;
            }
            DeviceCommand::Show { device } => {
                let path = format!("/api/devices/{}", segment(&device));
                let mut shown = self.api.get(&path).await?;
                shown["work"] = self.api.get(&format!("{path}/work")).await?["work"].take();
                self.report.device(&shown)?;
            }
            DeviceCommand::Remove { device } => {
                self.api.delete(&format!("/api/devices/{}", segment(&device))).await?;
                self.report.said(&format!("{device} is forgotten"), &json!({ "removed": device }))?;
            }
            DeviceCommand::Wake { device } => {
                self.api.post(&format!("/api/devices/{}/wake", segment(&device)), &Value::Null).await?;
                self.report.said(&format!("{device} was notified"), &json!({ "notified": device }))?;
            }
        }
        Ok(true)
    }

    async fn add_device(&self, args: AddArgs) -> Result<bool, Failure> {
        let made = args.password_file.is_none() || args.server_password_file.is_none();
        if made && args.account_file.is_none() {
            let hint = "passwords will be made: say where they go with --account-file, or give both in files";
            return Err(Failure::new("usage", hint));
        }
        let password = |path: &Option<PathBuf>| path.as_deref().map(read_line).transpose();
        let auth = match args.auth {
            Auth::Md5 => "md5",
            Auth::Mac => "mac",
            Auth::Basic => "basic",
        };
        let body = json!({
            "id": args.device, "class": args.class, "auth": auth, "user": args.user,
            "password": password(&args.password_file)?, "server_user": args.server_user,
            "server_password": password(&args.server_password_file)?, "address": args.address,
            "replace": args.replace,
        });
        let answer = self.api.post("/api/devices", &body).await?;
        if let Some(path) = &args.account_file {
            let text = serde_json::to_string_pretty(&answer["account"]).unwrap_or_default();
            write_secret(path, text.as_bytes()).map_err(|error| Failure::io(path, &error))?;
        }
        let file = args.account_file.as_deref().map(|path| path.display().to_string());
        let line = match &file {
            Some(file) => format!("{} is known; its account is in {file}", args.device),
            None => format!("{} is known", args.device),
        };
        self.report.said(&line, &json!({ "added": args.device, "account_file": file }))?;
        Ok(true)
    }

    async fn node(&self, op: &str, args: NodeArgs) -> Result<bool, Failure> {
        let body = json!({ "op": op, "uri": args.uri });
        self.one(&args.device, &body, args.wait.wait).await
    }

    async fn value(&self, op: &str, args: ValueArgs) -> Result<bool, Failure> {
        let mut body = json!({ "op": op, "uri": args.uri });
        if let Some(value) = args.value {
            body["value"] = json!(value);
        }
        if let Some(path) = &args.value_file {
            let octets = read_octets(path)?;
            match String::from_utf8(octets) {
                Ok(text) if args.format.as_deref() != Some("bin") => body["value"] = json!(text),
                Ok(text) => body["base64"] = json!(Base64::encode_string(text.as_bytes())),
                Err(error) => body["base64"] = json!(Base64::encode_string(error.as_bytes())),
            }
        }
        if let Some(format) = args.format {
            body["format"] = json!(format);
        }
        if let Some(media_type) = args.media_type {
            body["type"] = json!(media_type);
        }
        self.one(&args.device, &body, args.wait.wait).await
    }

    /// One command for one device, and its answer.
    async fn one(&self, device: &str, body: &Value, wait: u64) -> Result<bool, Failure> {
        let queued = self.api.post(&format!("/api/devices/{}/work", segment(device)), body).await?;
        let work = self.settled(&queued, wait).await?;
        self.report.work(&work)?;
        Ok(work.iter().all(|work| wait == 0 || is_done(work)))
    }

    /// What became of commands that were queued.
    async fn settled(&self, queued: &Value, wait: u64) -> Result<Vec<Value>, Failure> {
        let numbers: Vec<u64> =
            queued["work"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let bar = self.spinner();
        let show = |work: &Value| {
            let word = |name: &str| work[name].as_str().unwrap_or_default().to_owned();
            bar.set_message(format!("{}: {} ({})", word("device"), word("what"), word("state")));
            bar.tick();
        };
        let settled = self.api.settle(&numbers, Duration::from_secs(wait), show).await;
        bar.finish_and_clear();
        settled
    }

    fn spinner(&self) -> ProgressBar {
        if self.report.is_json() || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        ProgressBar::new_spinner()
    }

    async fn work(&self, command: WorkCommand) -> Result<bool, Failure> {
        let work = match command {
            WorkCommand::List { device } => {
                let list = self.api.get(&format!("/api/devices/{}/work", segment(&device))).await?;
                list["work"].as_array().cloned().unwrap_or_default()
            }
            WorkCommand::Show { number } => vec![self.api.get(&format!("/api/work/{number}")).await?],
            WorkCommand::Cancel { number } => vec![self.api.delete(&format!("/api/work/{number}")).await?],
        };
        self.report.work(&work)?;
        Ok(true)
    }

    /// Asks a gateway, and waits until it has answered everything.
    async fn ask(&self, gateway: &str, ask: &Value, wait: u64) -> Result<Vec<Value>, Failure> {
        let queued = self.api.post(&format!("/api/gateways/{}", segment(gateway)), ask).await?;
        self.settled(&queued, wait).await
    }

    /// The same, where the answer is that it is done.
    async fn order(&self, gateway: &str, ask: &Value, wait: u64) -> Result<bool, Failure> {
        let work = self.ask(gateway, ask, wait).await?;
        self.report.work(&work)?;
        Ok(work.iter().all(|work| wait == 0 || is_done(work)))
    }

    /// The same, where one answer is read. `None` when there is none, which has been said.
    async fn read(&self, gateway: &str, ask: &Value, wait: u64) -> Result<Option<Value>, Failure> {
        let mut work = self.ask(gateway, ask, wait).await?;
        match work.pop() {
            Some(mut last) if is_done(&last) && !last["read"].is_null() => Ok(Some(last["read"].take())),
            Some(last) => {
                self.report.work(&[last])?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// All pages of a list.
    async fn pages(
        &self,
        gateway: &str,
        ask: &Value,
        list: &str,
        wait: u64,
    ) -> Result<Option<Vec<Value>>, Failure> {
        let mut all = Vec::new();
        let mut ask = ask.clone();
        loop {
            let Some(page) = self.read(gateway, &ask, wait).await? else { return Ok(None) };
            let lines = page[list].as_array().cloned().unwrap_or_default();
            let ended = lines.is_empty() || page["next"].is_null();
            all.extend(lines);
            if ended {
                return Ok(Some(all));
            }
            ask["from"] = page["next"].clone();
        }
    }

    async fn gateway(&self, command: GatewayCommand) -> Result<bool, Failure> {
        match command {
            GatewayCommand::Summary { gateway, wait } => {
                let Some(summary) = self.read(&gateway, &json!({ "do": "summary" }), wait.wait).await? else {
                    return Ok(false);
                };
                self.report.summary(&summary)?;
            }
            GatewayCommand::Inventory { gateway, wait } => {
                let ask = json!({ "do": "devices" });
                let Some(devices) = self.pages(&gateway, &ask, "devices", wait.wait).await? else {
                    return Ok(false);
                };
                self.report.inventory(&devices)?;
            }
        }
        Ok(true)
    }

    async fn group(&self, command: GroupCommand) -> Result<bool, Failure> {
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
                self.report.groups(&self.api.get("/api/groups").await?)?;
                return Ok(true);
            }
        };
        self.order(&gateway, &ask, wait.wait).await
    }

    async fn fanout(&self, command: FanoutCommand) -> Result<bool, Failure> {
        let (verb, args) = match command {
            FanoutCommand::Start(args) => return self.start_fanout(args).await,
            FanoutCommand::Watch { gateway, key, interval, wait } => {
                return self.watch(&gateway, &key, interval, wait).await;
            }
            FanoutCommand::Results { gateway, key, wait } => {
                let ask = |what: &str| json!({ "do": what, "key": key });
                let Some(job) = self.read(&gateway, &ask("fanout"), wait.wait).await? else {
                    return Ok(false);
                };
                let Some(records) = self.pages(&gateway, &ask("records"), "records", wait.wait).await? else {
                    return Ok(false);
                };
                self.report.results(&job, &records)?;
                return Ok(true);
            }
            FanoutCommand::Answers { gateway, key, serial, wait } => {
                let ask = json!({ "do": "answers", "key": key, "serial": serial });
                let Some(answers) = self.read(&gateway, &ask, wait.wait).await? else { return Ok(false) };
                self.report.answers(&answers)?;
                return Ok(true);
            }
            FanoutCommand::List => {
                self.report.jobs(&self.api.get("/api/jobs").await?)?;
                return Ok(true);
            }
            FanoutCommand::Cancel(args) => ("cancel-fanout", args),
            FanoutCommand::Pause(args) => ("pause-fanout", args),
            FanoutCommand::Resume(args) => ("resume-fanout", args),
            FanoutCommand::Delete(args) => ("delete-fanout", args),
        };
        self.order(&args.gateway, &json!({ "do": verb, "key": args.key }), args.wait.wait).await
    }

    async fn start_fanout(&self, args: Box<FanoutArgs>) -> Result<bool, Failure> {
        let mut operations = Vec::new();
        for (op, list) in [("set", &args.sets), ("add", &args.adds)] {
            for pair in list {
                let (uri, value) = pair
                    .split_once('=')
                    .ok_or_else(|| Failure::new("usage", format!("--{op} {pair}: there is no =")))?;
                let mut operation = json!({ "op": op, "uri": uri, "value": value });
                if let Some(format) = &args.format {
                    operation["format"] = json!(format);
                }
                operations.push(operation);
            }
        }
        for (op, list) in [("get", &args.gets), ("exec", &args.execs), ("delete", &args.deletes)] {
            operations.extend(list.iter().map(|uri| json!({ "op": op, "uri": uri })));
        }
        let order = ["set", "get", "exec", "add", "delete"];
        operations.sort_by_key(|operation| order.iter().position(|op| operation["op"] == *op));
        let ask = json!({
            "do": "start-fanout", "key": args.key, "devices": args.devices, "groups": args.groups,
            "except": args.except, "matching": args.matching, "operations": operations, "window": args.window,
            "retries": args.retries, "job_time": args.job_time, "stages": args.stages,
        });
        self.order(&args.gateway, &ask, args.wait.wait).await
    }

    /// Follows a job: done when every device of it is ok.
    async fn watch(&self, gateway: &str, key: &str, interval: u64, wait: u64) -> Result<bool, Failure> {
        let end = std::time::Instant::now() + Duration::from_secs(wait);
        let bar = self.spinner();
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        loop {
            let ask = json!({ "do": "fanout", "key": key });
            let left = end.saturating_duration_since(std::time::Instant::now()).as_secs().max(1);
            let Some(job) = self.read(gateway, &ask, left).await? else { return Ok(false) };
            let count = |name: &str| job[name].as_u64().unwrap_or(0);
            bar.set_length(count("total"));
            bar.set_position(count("total").saturating_sub(count("queued") + count("in_flight")));
            bar.set_message(job["state"].as_str().unwrap_or_default().to_owned());
            let is_over = matches!(
                job["state"].as_str(),
                Some("completed" | "aborted" | "cancelled" | "expired" | "error")
            );
            if is_over || std::time::Instant::now() >= end {
                bar.finish_and_clear();
                self.report.job(&job)?;
                return Ok(job["state"] == "completed" && job["outcomes"]["ok"] == job["total"]);
            }
            tokio::time::sleep(Duration::from_secs(interval.max(1))).await;
        }
    }

    /// Looks at an image until it is ready, or cannot be had.
    async fn watch_image(&self, gateway: &str, key: &str, wait: u64) -> Result<bool, Failure> {
        let end = std::time::Instant::now() + Duration::from_secs(wait);
        let ask = json!({ "do": "image", "key": key });
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            let Some(image) = self.read(gateway, &ask, left.as_secs().max(1)).await? else {
                return Ok(false);
            };
            let is_ready = image["state"] == "ready";
            if is_ready || image["state"] == "failed" || left.is_zero() {
                self.report.image(&image)?;
                return Ok(is_ready);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn image(&self, command: ImageCommand) -> Result<bool, Failure> {
        match command {
            ImageCommand::Put {
                gateway,
                key,
                file,
                url,
                sha256,
                name,
                version,
                media_type,
                groups,
                wait,
            } => {
                let octets = file.as_deref().map(read_octets).transpose()?;
                let ask = json!({
                    "do": "put-image", "key": key, "name": name, "version": version, "type": media_type,
                    "base64": octets.map(|octets| Base64::encode_string(&octets)), "url": url, "sha256": sha256,
                    "groups": groups,
                });
                let work = self.ask(&gateway, &ask, wait.wait).await?;
                if wait.wait == 0 || !work.iter().all(is_done) {
                    self.report.work(&work)?;
                    return Ok(wait.wait == 0);
                }
                self.watch_image(&gateway, &key, wait.wait).await
            }
            ImageCommand::Show { gateway, key, wait } => {
                let ask = json!({ "do": "image", "key": key });
                let Some(image) = self.read(&gateway, &ask, wait.wait).await? else { return Ok(false) };
                self.report.image(&image)?;
                Ok(true)
            }
        }
    }
}

fn read_octets(path: &Path) -> Result<Vec<u8>, Failure> {
    if path == Path::new("-") {
        use std::io::Read as _;
        let mut octets = Vec::new();
        let read = std::io::stdin().read_to_end(&mut octets);
        return read.map(|_| octets).map_err(|error| Failure::io(path, &error));
    }
    std::fs::read(path).map_err(|error| Failure::io(path, &error))
}

/// A password: the file's first line.
fn read_line(path: &Path) -> Result<String, Failure> {
    let octets = read_octets(path)?;
    let text = String::from_utf8(octets)
        .map_err(|_| Failure::new("io", format!("{}: this is no text", path.display())))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
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

//! The servers as processes, what they take of the machine, and their operator.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use axum::http::Method;
use dm_examples::http_client::HttpClient;
use dm_examples::tls::Trust;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Failure;
use super::client::Device;

pub(super) const AS_DM_SERVER: &str = "--as-dm-server";
pub(super) const AS_BARE: &str = "--as-bare-handler";

/// Requests of the operator at a time.
const OPERATOR: usize = 64;

/// Says where a server is, in the words of dm-server.
pub(super) fn listening(devices: &str, operator: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "devices at {devices}, operator at {operator}");
    let _ = out.flush();
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pub(super) devices: String,
    operator: String,
    state: PathBuf,
    http: HttpClient,
}

/// Nothing but the machine is to be in the way.
const CONFIG: &str = "[limits]\nconnections = 20000\nsessions = 20000\nmessages-per-second = 1000000\nburst = 1000000\nidle = 600\n";

impl Server {
    /// dm-server, with everything that is in the folder.
    pub(super) fn dm(state: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(state)?;
        let config = state.join("server-load.toml");
        std::fs::write(&config, CONFIG)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(AS_DM_SERVER).arg("--state").arg(state).arg("--config").arg(config).arg("run");
        command.args(["--plain-http", "--name", "127.0.0.1", "--log", "error"]);
        command.args(["--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"]);
        Self::start(command, state)
    }

    /// The bare handler with the answers in this file.
    pub(super) fn bare(answers: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(AS_BARE).arg(answers);
        Self::start(command, answers)
    }

    fn start(mut command: Command, state: &Path) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let said = line.trim().strip_prefix("devices at ").and_then(|said| said.split_once(", operator at "));
        let (devices, operator) = said.ok_or("a server does not start")?;
        let (devices, operator) = (devices.to_owned(), operator.to_owned());
        let http = HttpClient::new(&Trust::Nothing)?;
        Ok(Self { child, devices, operator, state: state.into(), http })
    }

    /// Asks the server as its operator.
    async fn ask(
        http: HttpClient,
        method: Method,
        url: String,
        token: String,
        body: Value,
    ) -> Result<String, Failure> {
        let headers =
            [("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = http.send(method, &url, headers, body, 64 << 20).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        if answer.status.is_success() {
            Ok(text)
        } else {
            Err(format!("{url}: {} {text}", answer.status).into())
        }
    }

    /// Many requests, some at a time; their answers in the order of the requests.
    async fn post_all(&self, requests: Vec<(String, Value)>) -> Result<Vec<Value>, Failure> {
        let token = std::fs::read_to_string(self.state.join("operator.token"))?;
        let mut waiting = requests.into_iter().enumerate();
        let (mut running, mut answers) = (JoinSet::new(), Vec::new());
        loop {
            while running.len() < OPERATOR {
                let Some((number, (path, body))) = waiting.next() else { break };
                let url = format!("{}{path}", self.operator);
                let asking = Self::ask(self.http.clone(), Method::POST, url, token.clone(), body);
                running.spawn(async move { Ok::<_, Failure>((number, asking.await?)) });
            }
            let Some(done) = running.join_next().await else { break };
            let (number, text) = done??;
            answers.push((number, serde_json::from_str(&text)?));
        }
        answers.sort_by_key(|(number, _)| *number);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Makes devices known.
    pub(super) async fn add(&self, count: u32) -> Result<Vec<Device>, Failure> {
        let new = |number| ("/api/devices".to_owned(), json!({ "id": format!("IMEI:{number:015}") }));
        let added = self.post_all((0..count).map(new).collect()).await?;
        Ok(added.into_iter().map(|mut added| Device::new(added["account"].take())).collect())
    }

    /// Gives each device something to do.
    pub(super) async fn queue(&self, devices: &[Device]) -> Result<(), Failure> {
        let node = "./Vendor/Lamp/Level";
        let set = json!({ "op": "set", "uri": node, "value": "7", "format": "int" });
        let get = json!({ "op": "get", "uri": node });
        for work in [set, get] {
            let post = |device: &Device| (format!("/api/devices/{}/work", device.id()), work.clone());
            self.post_all(devices.iter().map(post).collect()).await?;
        }
        Ok(())
    }

    /// A counter of the server.
    pub(super) async fn metric(&self, name: &str) -> Result<f64, Failure> {
        let token = std::fs::read_to_string(self.state.join("operator.token"))?;
        let url = format!("{}/metrics", self.operator);
        let text = Self::ask(self.http.clone(), Method::GET, url, token, Value::Null).await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.ok_or("no such metric")?.parse()?)
    }

    /// Where the operator's socket is.
    pub(super) fn operator(&self) -> &str {
        self.operator.trim_start_matches("http://")
    }

    /// Processor time since its start, in seconds.
    pub(super) fn processor(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name of the program may have blanks in it, and is in parentheses.
        let (_, fields) = stat.rsplit_once(") ").ok_or("/proc has another form")?;
        let ticks = |at: usize| fields.split(' ').nth(at).and_then(|text| text.parse::<f64>().ok());
        // utime and stime, in hundredths of a second.
        Ok(ticks(11).zip(ticks(12)).map(|(user, system)| user + system).ok_or("/proc has another form")?
            / 100.0)
    }

    /// What it has of the memory, in octets.
    pub(super) fn resident(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("/proc has another form")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

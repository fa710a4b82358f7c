//! The real program, started and killed, and its subcommands.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use axum::http::Method;
use dm_examples::http_client::{HttpAnswer, HttpClient};
use dm_examples::tls::Trust;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dm-server");

/// A state folder, and the server that runs with it.
pub(crate) struct World {
    pub(crate) state: TempDir,
    server: Option<Child>,
    _out: Option<BufReader<ChildStdout>>,
    /// Where devices post.
    pub(crate) devices: String,
    /// Where the operator asks.
    pub(crate) operator: String,
    flags: Vec<String>,
}

impl World {
    /// A server without TLS on ephemeral ports.
    pub(crate) fn plain(config: &str) -> Self {
        Self::with_flags(config, &["--plain-http"])
    }

    pub(crate) fn with_flags(config: &str, flags: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("dm-server.toml"), config).unwrap();
        let mut world = Self {
            state,
            server: None,
            _out: None,
            devices: String::new(),
            operator: String::new(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        };
        world.start();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--state").arg(self.state.path());
        command
    }

    /// Starts it, and waits until it listens.
    pub(crate) fn start(&mut self) {
        let mut command = self.command();
        command.arg("--config").arg(self.path("dm-server.toml")).arg("run");
        command.args(["--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"]).args(&self.flags);
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let said = line.trim().strip_prefix("devices at ").unwrap_or_else(|| panic!("{}", self.log()));
        let (devices, operator) = said.split_once(", operator at ").unwrap();
        (self.devices, self.operator) = (devices.to_owned(), operator.to_owned());
        (self.server, self._out) = (Some(child), Some(out));
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.server.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// SIGTERM; how long the end took.
    pub(crate) fn stop(&mut self) -> Duration {
        let mut child = self.server.take().unwrap();
        let began = Instant::now();
        let told = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(told.success());
        assert!(child.wait().unwrap().success(), "{}", self.log());
        began.elapsed()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A subcommand.
    pub(crate) fn cli(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// A subcommand that is done: its JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.cli(&[&["--json"], args].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {text} {err}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Queues a command without waiting; its number.
    pub(crate) fn queue(&self, args: &[&str]) -> u64 {
        let queued = self.json(&[args, &["--wait", "0"]].concat());
        queued["work"][0]["number"].as_u64().unwrap()
    }

    pub(crate) fn work(&self, number: u64) -> Value {
        self.json(&["work", "show", &number.to_string()])["work"][0].take()
    }

    /// Makes a device known; its account.
    pub(crate) fn add(&self, id: &str, more: &[&str]) -> Value {
        let file = self.path("account.json");
        let file = file.to_str().unwrap();
        let said = self.json(&[&["device", "add", id, "--account-file", file], more].concat());
        assert_eq!(said["added"], id);
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// A device that has proved itself once, and the server to it: both have the other's nonce.
    pub(crate) async fn acquainted(&self, id: &str, more: &[&str]) -> super::device::TestDevice {
        let mut device = super::device::TestDevice::new(self.add(id, more));
        let number = self.queue(&["get", id, "./DevInfo/Man"]);
        assert_eq!(device.session(&self.devices).await, dm_syncml::session::ClientEnd::Completed);
        assert_eq!(self.work(number)["found"][0]["text"], "Example");
        device
    }

    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.path("operator.token")).unwrap()
    }

    /// The API, without the subcommands.
    pub(crate) async fn api(&self, method: Method, path: &str, body: &str) -> HttpAnswer {
        let headers = [
            ("authorization", format!("Bearer {}", self.token())),
            ("content-type", "application/json".to_owned()),
        ];
        let uri = format!("{}{path}", self.operator);
        http().send(method, &uri, headers, body.to_owned(), 8 << 20).await.unwrap()
    }

    /// What a device posts.
    pub(crate) async fn post(&self, media_type: &str, body: Vec<u8>) -> HttpAnswer {
        let headers = [("content-type", media_type.to_owned())];
        http().send(Method::POST, &self.devices, headers, body, 8 << 20).await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn http() -> HttpClient {
    HttpClient::new(&Trust::Nothing).unwrap()
}

/// Another program that ends by itself: its exit code, and what it says.
pub(crate) fn run(program: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// Starts the program where it cannot run: what it says.
pub(crate) fn refusal(state: &Path, args: &[&str]) -> String {
    let mut child = Command::new(PROGRAM)
        .arg("--state")
        .arg(state)
        .args(["run", "--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"])
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    said
}

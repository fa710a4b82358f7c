//! A long-running program under test, found as its own subcommands find it: by what it leaves in its state.
#![allow(dead_code, reason = "each test uses some of it")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const DM_SERVER: &str = env!("CARGO_BIN_EXE_dm-server");
pub(crate) const DM_GATEWAY: &str = env!("CARGO_BIN_EXE_dm-gateway");
pub(crate) const DM_DEVICE: &str = env!("CARGO_BIN_EXE_dm-device");

/// Looks until there is something to see.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// `dm-server` or `dm-gateway`.
pub(crate) struct Daemon {
    program: &'static str,
    pub(crate) state: PathBuf,
    arguments: Vec<String>,
    child: Option<Child>,
    /// Where it is: the content of `running.json`.
    at: Value,
}

impl Daemon {
    /// Starts it with a state of its own on addresses that are free, and waits until it listens.
    pub(crate) fn start(program: &'static str, state: &Path, arguments: &[&str]) -> Self {
        let mut all = vec!["--listen", "127.0.0.1:0", "--operator", "127.0.0.1:0"];
        if program == DM_GATEWAY {
            all.extend(["--datagrams", "127.0.0.1:0"]);
        }
        all.extend(["--name", "127.0.0.1", "--name", "localhost"]);
        all.extend(arguments);
        let arguments = all.into_iter().map(str::to_owned).collect();
        let mut daemon = Self { program, state: state.into(), arguments, child: None, at: Value::Null };
        daemon.start_again();
        // From now on it is where it is now.
        let addresses = ["devices", "operator", "datagrams"].map(|name| daemon.at[name].clone());
        for (flag, address) in ["--listen", "--operator", "--datagrams"].into_iter().zip(addresses) {
            if let Some(address) = address.as_str() {
                let at = socket(address).to_owned();
                daemon.set(flag, &at);
            }
        }
        daemon
    }

    /// The command that starts it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.arg("run").arg("--state").arg(&self.state).args(&self.arguments);
        command
    }

    /// Another value for a flag, from the next start on.
    pub(crate) fn set(&mut self, flag: &str, value: &str) {
        let place = self.arguments.iter().position(|argument| argument == flag).unwrap();
        value.clone_into(&mut self.arguments[place + 1]);
    }

    /// Starts it where it was before.
    pub(crate) fn start_again(&mut self) {
        let command = self.command();
        self.start_as(command);
    }

    /// The same by another command, such as one that sets limits first.
    pub(crate) fn start_as(&mut self, mut command: Command) {
        let running = self.state.join("running.json");
        let _ = fs::remove_file(&running);
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.at = wait_for("a program that listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{} ended with {status}:\n{}", self.program, self.log());
            }
            serde_json::from_slice(&fs::read(&running).ok()?).ok()
        });
        self.child = Some(child);
    }

    fn log_file(&self) -> PathBuf {
        self.state.with_extension("log")
    }

    /// What it has said on standard error.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// An address in `running.json`.
    pub(crate) fn at(&self, name: &str) -> &str {
        self.at[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.at))
    }

    /// Host and port of the same.
    pub(crate) fn socket(&self, name: &str) -> &str {
        socket(self.at(name))
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.state.join("operator.token")).unwrap().trim().to_owned()
    }

    /// What a subcommand says, and its exit code.
    pub(crate) fn ask(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(self.program)
            .arg("--state")
            .arg(&self.state)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    /// What a subcommand prints as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let (code, said) = self.ask(&[arguments, &["--json"]].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {said}\n{}", self.log());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {said}"))
    }

    /// Makes a device known; its account.
    pub(crate) fn add_device(&self, id: &str, more: &[&str]) -> Value {
        let file = self.state.with_extension("account.json");
        let _ = fs::remove_file(&file);
        let add = ["device", "add", id, "--account-file", file.to_str().unwrap()];
        let (code, said) = self.ask(&[&add, more].concat());
        assert_eq!(code, Some(0), "{id}: {said}");
        serde_json::from_slice(&fs::read(&file).unwrap()).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// As the power goes.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Asks it to end.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        Command::new("kill").arg(self.id().to_string()).status().unwrap();
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        wait_for("the end of a program", || child.try_wait().unwrap())
    }

    /// The most memory it has had, in octets.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("{} said:\n{}", self.program, self.log());
        }
    }
}

/// Host and port in an address.
pub(crate) fn socket(address: &str) -> &str {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    address.split('/').next().unwrap_or(address)
}

/// The flags of a `dm-device` with this account.
pub(crate) fn device_flags(account: &Value, state: &Path) -> Vec<String> {
    let text = |name: &str| account[name].as_str().unwrap().to_owned();
    let mut flags = vec!["--state".into(), state.to_str().unwrap().to_owned()];
    for (flag, name) in [
        ("--id", "id"),
        ("--server", "address"),
        ("--server-id", "server_id"),
        ("--user", "user"),
        ("--password", "password"),
        ("--server-password", "server_password"),
    ] {
        flags.extend([flag.to_owned(), text(name)]);
    }
    flags
}

//! What there is to look at: a server, a gateway, and devices behind it that are switched on one by one.

use std::collections::HashMap;

use serde_json::Value;
use tempfile::TempDir;

use super::chromium::{Chromium, Login};
use super::daemon::{DM_DEVICE, DM_GATEWAY, DM_SERVER, Daemon, device_flags, wait_for};
use super::program::Program;

pub(crate) const GATEWAY: &str = "urn:uuid:gateway-1";

pub(crate) struct Scene {
    pub(crate) server: Daemon,
    pub(crate) gateway: Daemon,
    accounts: HashMap<String, Value>,
    devices: Vec<Program>,
    folder: TempDir,
}

impl Scene {
    /// A server and its gateway, without TLS.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        // Nothing waits for a notification that may get lost.
        std::fs::write(&config, "poll = 1\n").unwrap();
        let plain = ["--plain-http", "--log", "warn"];
        let server = Daemon::start(DM_SERVER, &folder.path().join("server"), &plain);
        let more = ["--config", config.to_str().unwrap()];
        let gateway =
            Daemon::start(DM_GATEWAY, &folder.path().join("gateway"), &[&plain[..], &more].concat());
        let account = server.add_device(GATEWAY, &["--class", "gateway"]);
        let file = folder.path().join("gateway.json");
        std::fs::write(&file, account.to_string()).unwrap();
        let (code, said) = gateway.ask(&["server", "add", file.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{said}");
        Self { server, gateway, accounts: HashMap::new(), devices: Vec::new(), folder }
    }

    /// Makes devices known to the gateway.
    pub(crate) fn know(&mut self, ids: &[&str]) {
        for id in ids {
            let account = self.gateway.add_device(id, &[]);
            self.accounts.insert((*id).to_owned(), account);
        }
    }

    /// Switches one of them on; it stays on.
    pub(crate) fn switch_on(&mut self, id: &str, more: &[&str]) {
        let state = self.folder.path().join(format!("device-{}.redb", self.devices.len()));
        let mut flags = device_flags(&self.accounts[id], &state);
        flags.extend(["--poll", "1", "--retry", "200"].map(str::to_owned));
        flags.extend(more.iter().map(|flag| (*flag).to_owned()));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let device = Program::start(DM_DEVICE, &flags);
        device.wait_for("started");
        self.devices.push(device);
    }

    /// A subcommand of the server for the gateway: what it prints.
    pub(crate) fn order(&self, arguments: &[&str]) -> Value {
        self.server.json(&[arguments, &["--wait", "60"]].concat())
    }

    /// Waits until the gateway has so many devices that are there.
    pub(crate) fn wait_until_attached(&self, count: u64) {
        wait_for("devices that are there", || {
            let status = self.gateway.json(&["status"]);
            (status["inventory"]["attached"] == count).then_some(())
        });
    }
}

/// Opens the page of a program as its operator does.
pub(crate) fn open(browser: &mut Chromium, daemon: &Daemon) {
    let login = Login::Once("operator".into(), daemon.token());
    assert_eq!(browser.open(&format!("{}/", daemon.at("operator")), login), Ok(200));
    browser.wait_until("document.getElementById('link').dataset.state === 'live'");
    browser.wait_until("document.querySelector('#summary dd')");
}

/// Where the page is from.
pub(crate) fn origin(daemon: &Daemon) -> String {
    daemon.at("operator").to_owned()
}

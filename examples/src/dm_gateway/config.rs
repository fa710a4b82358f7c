//! Configuration: a TOML file, and flags that win over it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::asking::AskPolicy;
use super::failure::Failure;
use super::fetch_policy::FetchPolicy;

/// How the gateway runs. Every field has a default; a file may give any of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    /// Where everything is kept.
    pub(super) state: PathBuf,
    /// Who the gateway is to its devices, as their server.
    pub(super) server_id: String,
    /// The address that devices have in their accounts. Default: made of the first name and the port of `listen`.
    pub(super) address: Option<String>,
    /// Where devices connect to.
    pub(super) listen: SocketAddr,
    /// Where devices announce themselves and servers notify the gateway, by UDP. Notifications for devices come from there.
    pub(super) datagrams: SocketAddr,
    /// Announcements need no proof: whoever says a known name is taken for that device.
    pub(super) plain_announcements: bool,
    /// Where the operator connects to.
    pub(super) operator: SocketAddr,
    /// No TLS towards devices and the operator.
    pub(super) plain_http: bool,
    /// A certificate and its key, PEM. Default: made at the first start.
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    /// Names and addresses a certificate is made for.
    pub(super) names: Vec<String>,
    /// Account files of servers and devices that are to be known, besides those that were added by the operator.
    pub(super) servers: Vec<PathBuf>,
    pub(super) devices: Vec<PathBuf>,
    /// Certificates that servers and sources of images may show, PEM.
    pub(super) ca: Option<PathBuf>,
    /// Seconds after which a session with each server is opened, whether there is something to tell or not; 0 for never.
    pub(super) poll: u64,
    /// Seconds without a sign of life after which a device counts as gone; 0 for never.
    pub(super) lifetime: u64,
    /// Whether devices are notified by their servers themselves, through the gateway, where nothing else decides.
    pub(super) transparent: bool,
    pub(super) images: ImagesConfig,
    /// Servers that only devices know.
    pub(super) peers: AskPolicy,
    pub(super) limits: LimitsConfig,
    pub(super) log: LogConfig,
}

/// Images kept for devices.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ImagesConfig {
    /// Octets of all of them, and of one. Servers may change both later.
    pub(super) quota: u64,
    pub(super) max_image: u64,
    /// From where they may be fetched.
    pub(super) fetch: FetchPolicy,
}

/// What peers may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LimitsConfig {
    /// Connections at a time.
    pub(super) connections: usize,
    /// Devices.
    pub(super) devices: u32,
    /// Devices in flight at a time, over all jobs.
    pub(super) window: u32,
    /// The largest body of a device's message, in octets; at most 4 MiB.
    pub(super) body: usize,
    /// Seconds for the head of a request, and for a whole one.
    pub(super) head: u64,
    pub(super) request: u64,
    /// Records between two snapshots.
    pub(super) records: usize,
}

/// How the gateway tells what it does, on stderr.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LogConfig {
    /// Such as `info` or `dm_examples=debug`.
    pub(super) filter: String,
    /// A JSON object for each line.
    pub(super) json: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: "dm-gateway-state".into(),
            server_id: "com.example.gateway".into(),
            address: None,
            listen: SocketAddr::from(([0, 0, 0, 0], 8453)),
            datagrams: SocketAddr::from(([0, 0, 0, 0], 2948)),
            plain_announcements: false,
            operator: SocketAddr::from(([127, 0, 0, 1], 8454)),
            plain_http: false,
            cert: None,
            key: None,
            names: vec!["localhost".into(), "127.0.0.1".into()],
            servers: Vec::new(),
            devices: Vec::new(),
            ca: None,
            poll: 300,
            lifetime: 0,
            transparent: false,
            images: ImagesConfig::default(),
            peers: AskPolicy::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for ImagesConfig {
    fn default() -> Self {
        Self { quota: 256 << 20, max_image: 64 << 20, fetch: FetchPolicy::default() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: 4_096,
            devices: 65_536,
            window: 64,
            body: 1 << 20,
            head: 10,
            request: 60,
            records: 4_096,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".into(), json: false }
    }
}

/// Flags of `run`, named as in the file.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct RunArgs {
    /// Where devices connect to [default: 0.0.0.0:8453]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where devices announce themselves and servers notify the gateway, by UDP [default: 0.0.0.0:2948]
    #[arg(long, value_name = "ADDR:PORT")]
    datagrams: Option<SocketAddr>,
    /// Where the operator connects to [default: 127.0.0.1:8454]
    #[arg(long, value_name = "ADDR:PORT")]
    operator: Option<SocketAddr>,
    /// The address that devices have in their accounts [default: made of the first name and the port]
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Who the gateway is to its devices [default: com.example.gateway]
    #[arg(long, value_name = "ID")]
    server_id: Option<String>,
    /// The account of the gateway with a server, as dm-server writes it; may be repeated
    #[arg(long = "account", value_name = "FILE")]
    servers: Vec<PathBuf>,
    /// The account of a device with the gateway; may be repeated
    #[arg(long = "device", value_name = "FILE")]
    devices: Vec<PathBuf>,
    /// Certificates that servers and sources of images may show, PEM
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
    /// A certificate, PEM [default: made at the first start]
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A name or address the certificate is made for; may be repeated [default: localhost, 127.0.0.1]
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// No TLS towards devices and the operator: for tests, or behind a proxy that has it
    #[arg(long)]
    plain_http: bool,
    /// Take announcements of devices without a proof
    #[arg(long)]
    plain_announcements: bool,
    /// Images may be fetched from below this address; may be repeated
    #[arg(long, value_name = "URL")]
    allow_fetch: Vec<String>,
    /// They may be fetched from private networks, and this host
    #[arg(long)]
    allow_private: bool,
    /// Pass on notifications of servers, where nothing else decides
    #[arg(long)]
    transparent: bool,
    /// What is logged, on stderr [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Logs are JSON
    #[arg(long)]
    log_json: bool,
}

impl Config {
    /// The configuration of this file, or the default without one.
    pub(super) fn read(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file("io", path, error))?;
        toml::from_str(&text).map_err(|error| Failure::file("config", path, error))
    }

    /// With flags, which win; lists of files and addresses add up.
    pub(super) fn with_flags(mut self, flags: RunArgs) -> Self {
        self.listen = flags.listen.unwrap_or(self.listen);
        self.datagrams = flags.datagrams.unwrap_or(self.datagrams);
        self.operator = flags.operator.unwrap_or(self.operator);
        self.address = flags.address.or(self.address);
        self.server_id = flags.server_id.unwrap_or(self.server_id);
        self.servers.extend(flags.servers);
        self.devices.extend(flags.devices);
        self.ca = flags.server_ca.or(self.ca);
        if flags.cert.is_some() {
            (self.cert, self.key) = (flags.cert, flags.key);
        }
        if !flags.names.is_empty() {
            self.names = flags.names;
        }
        self.plain_http |= flags.plain_http;
        self.plain_announcements |= flags.plain_announcements;
        self.images.fetch.allow.extend(flags.allow_fetch);
        self.images.fetch.private_addresses |= flags.allow_private;
        self.transparent |= flags.transparent;
        self.log.filter = flags.log.unwrap_or(self.log.filter);
        self.log.json |= flags.log_json;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_some_and_flags_win() {
        let text =
            "server-id = 'a'\nlifetime = 9\n[images.fetch]\nallow = ['http://h/']\n[limits]\nwindow = 5\n";
        let config: Config = toml::from_str(text).expect("a configuration");
        assert_eq!((config.server_id.as_str(), config.limits.window, config.limits.body), ("a", 5, 1 << 20));
        let flags = RunArgs {
            server_id: Some("b".into()),
            allow_fetch: vec!["http://i/".into()],
            ..RunArgs::default()
        };
        let config = config.with_flags(flags);
        assert_eq!((config.server_id.as_str(), config.lifetime), ("b", 9));
        assert_eq!(config.images.fetch.allow, ["http://h/", "http://i/"]);
    }

    #[test]
    fn what_nobody_knows_is_an_error_that_says_where() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, "[limits]\nbodies = 5\n").expect("written");
        let error = Config::read(Some(&path)).expect_err("unknown").to_string();
        assert!(
            error.starts_with("config: ") && error.contains("gateway.toml") && error.contains("bodies"),
            "{error}"
        );
    }
}

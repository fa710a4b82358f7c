//! Configuration: a TOML file, and flags that win over it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::asking::AskPolicy;
use super::fetch_policy::FetchPolicy;
use crate::program::{LogConfig, LogFlags, TlsFiles};

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
    /// What it shows of itself, to devices and the operator.
    #[serde(flatten)]
    pub(super) tls: TlsFiles,
    /// Account files of servers and devices that are to be known, besides those that were added by the operator.
    pub(super) servers: Vec<PathBuf>,
    pub(super) devices: Vec<PathBuf>,
    /// Certificates that servers and sources of images may show, PEM.
    pub(super) ca: Option<PathBuf>,
    /// Seconds after which a session with each server is opened, whether there is something to tell or not; 0 for never.
    pub(super) poll: u64,
    /// Seconds after which a session is asked for again while a server has not taken all alerts.
    pub(super) tell_again: u64,
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
            tls: TlsFiles::default(),
            servers: Vec::new(),
            devices: Vec::new(),
            ca: None,
            poll: 300,
            tell_again: 60,
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
    #[command(flatten)]
    tls: TlsFiles,
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
    #[command(flatten)]
    log: LogFlags,
}

impl Config {
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
        self.tls = self.tls.with_flags(flags.tls);
        self.plain_announcements |= flags.plain_announcements;
        self.images.fetch.allow.extend(flags.allow_fetch);
        self.images.fetch.private_addresses |= flags.allow_private;
        self.transparent |= flags.transparent;
        self.log = self.log.with_flags(flags.log);
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
    fn what_nobody_knows_is_refused() {
        for text in ["[limits]\nbodies = 5\n", "plain_http = true\n", "[tls]\ncert = 'x'\n"] {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
        let config: Config = toml::from_str("plain-http = true\nnames = ['h']\n").expect("a configuration");
        assert!(config.tls.plain_http && config.tls.names == ["h"]);
    }
}

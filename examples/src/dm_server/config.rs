//! Configuration: a TOML file, and flags that win over it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use crate::program::{LogConfig, LogFlags, TlsFiles};

/// How the server runs. Every field has a default; a file may give any of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Config {
    /// Where everything is kept.
    pub(super) state: PathBuf,
    /// Who the server is to its devices.
    pub(super) server_id: String,
    /// The address that devices have in their accounts. Default: made of the first name and the port of `listen`.
    pub(super) address: Option<String>,
    /// Where devices connect to.
    pub(super) listen: SocketAddr,
    /// Where the operator connects to.
    pub(super) operator: SocketAddr,
    /// What it shows of itself, on both sockets.
    #[serde(flatten)]
    pub(super) tls: TlsFiles,
    pub(super) limits: LimitsConfig,
    pub(super) notify: NotifyConfig,
    pub(super) log: LogConfig,
}

/// What peers may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LimitsConfig {
    /// Connections at a time.
    pub(super) connections: usize,
    /// Sessions in memory.
    pub(super) sessions: usize,
    /// The largest body of a device's message, in octets; at most 4 MiB.
    pub(super) body: usize,
    /// Seconds a session waits for the device's next message.
    pub(super) idle: u64,
    /// Seconds for the head of a request, and for a whole one.
    pub(super) head: u64,
    pub(super) request: u64,
    /// Messages of one device from one address in a second, and at once.
    pub(super) messages_per_second: f64,
    pub(super) burst: u32,
    /// Commands that wait for one device.
    pub(super) open_work: usize,
    /// Commands that have ended and are remembered.
    pub(super) ended_work: usize,
}

/// How devices are woken.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct NotifyConfig {
    /// Where notifications are sent from.
    pub(super) from: SocketAddr,
    /// How often; 0 for never.
    pub(super) attempts: u32,
    /// Seconds after the first attempt; doubles with each.
    pub(super) wait: u64,
    /// Certificates that gateways may show which pass notifications on, PEM.
    pub(super) ca: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: "dm-server-state".into(),
            server_id: "com.example.dms".into(),
            address: None,
            listen: SocketAddr::from(([0, 0, 0, 0], 8443)),
            operator: SocketAddr::from(([127, 0, 0, 1], 8444)),
            tls: TlsFiles::default(),
            limits: LimitsConfig::default(),
            notify: NotifyConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connections: 4_096,
            sessions: 10_000,
            body: 1 << 20,
            idle: 120,
            head: 10,
            request: 60,
            messages_per_second: 20.0,
            burst: 100,
            open_work: 1_000,
            ended_work: 10_000,
        }
    }
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self { from: SocketAddr::from(([0, 0, 0, 0], 0)), attempts: 4, wait: 15, ca: None }
    }
}

/// Flags of `run`, named as in the file.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct RunArgs {
    /// Where devices connect to [default: 0.0.0.0:8443]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where the operator connects to [default: 127.0.0.1:8444]
    #[arg(long, value_name = "ADDR:PORT")]
    operator: Option<SocketAddr>,
    /// The address that devices have in their accounts [default: made of the first name and the port]
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Who the server is to its devices [default: com.example.dms]
    #[arg(long, value_name = "ID")]
    server_id: Option<String>,
    #[command(flatten)]
    tls: TlsFiles,
    #[command(flatten)]
    log: LogFlags,
}

impl Config {
    /// With flags, which win.
    pub(super) fn with_flags(mut self, flags: RunArgs) -> Self {
        let RunArgs { listen, operator, address, server_id, tls, log } = flags;
        self.listen = listen.unwrap_or(self.listen);
        self.operator = operator.unwrap_or(self.operator);
        self.address = address.or(self.address);
        self.server_id = server_id.unwrap_or(self.server_id);
        self.tls = self.tls.with_flags(tls);
        self.log = self.log.with_flags(log);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_some_and_flags_win() {
        let text = "server-id = 'a'\nplain-http = true\n[limits]\nbody = 5\n[log]\nfilter = 'warn'\n";
        let config: Config = toml::from_str(text).expect("a configuration");
        assert_eq!((config.server_id.as_str(), config.limits.body, config.limits.burst), ("a", 5, 100));
        let flags = RunArgs { server_id: Some("b".into()), ..RunArgs::default() };
        let config = config.with_flags(flags);
        assert_eq!((config.server_id.as_str(), config.log.filter.as_str()), ("b", "warn"));
        assert!(config.tls.plain_http);
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        for text in ["[limits]\nbodies = 5\n", "plain_http = true\n", "[log]\nlevel = 'info'\n"] {
            assert!(toml::from_str::<Config>(text).is_err(), "{text}");
        }
    }
}

//! What a program logs, on standard error.

use clap::Args;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::Failure;

/// `[log]` of a configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogConfig {
    /// Such as `info` or `dm_examples=debug`.
    pub filter: String,
    /// A JSON object for each line.
    pub json: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".into(), json: false }
    }
}

/// Flags that win over it.
#[derive(Args, Clone, Debug, Default)]
pub struct LogFlags {
    /// What is logged, on stderr [default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Logs are JSON
    #[arg(long)]
    log_json: bool,
}

impl LogConfig {
    /// With flags, which win.
    #[must_use]
    pub fn with_flags(self, flags: LogFlags) -> Self {
        Self { filter: flags.log.unwrap_or(self.filter), json: self.json || flags.log_json }
    }

    /// Begins to log. In a process that logs already nothing changes.
    ///
    /// # Errors
    /// The filter is none.
    pub fn start(&self) -> Result<(), Failure> {
        let filter = EnvFilter::try_new(&self.filter)
            .map_err(|error| Failure::new("config", format_args!("log.filter: {error}")))?;
        let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        let started = if self.json {
            builder.json().try_init()
        } else {
            builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        };
        if let Err(error) = started {
            tracing::debug!(%error, "it is logged already");
        }
        Ok(())
    }
}

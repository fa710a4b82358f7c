//! Flags that every subcommand has, and those of who connects to servers.

use std::path::PathBuf;

use clap::Args;

use super::StateFolder;
use crate::tls::Trust;

/// Where a program keeps things, and how its subcommands find it.
#[derive(Args, Clone, Debug)]
pub struct Access {
    /// A configuration file, TOML; flags win over it
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the program keeps everything [default: its name and -state, in the current folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The operator's token [default: operator.token in the state]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The certificate to trust, PEM [default: the one in the state]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Access {
    /// What the running program is trusted to be.
    #[must_use]
    pub fn trust(&self, state: &StateFolder) -> Trust {
        let made = state.tls().join("cert.pem");
        match &self.ca {
            Some(ca) => Trust::File(ca.clone()),
            None if made.exists() => Trust::File(made),
            None => Trust::Nothing,
        }
    }
}

/// Which certificates of servers are taken.
#[derive(Args, Clone, Debug, Default)]
pub struct TrustFlags {
    /// Certificates that servers may show, as PEM
    #[arg(long, visible_alias = "server-ca", value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Take any certificate
    #[arg(long)]
    insecure: bool,
}

impl TrustFlags {
    /// The same, for a client.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match (&self.ca, self.insecure) {
            (Some(file), _) => Trust::File(file.clone()),
            (None, true) => Trust::Anything,
            (None, false) => Trust::Nothing,
        }
    }
}

//! What the programs have in common, beside what they do: how they begin and end, where they keep things, how they log, and how their
//! subcommands find the one that runs and show what it says.
//!
//! | file | what it is about |
//! |---|---|
//! | `failure` | why a program cannot go on, and its exit code |
//! | `frame` | from arguments to an exit code |
//! | `configuration` | a file and flags |
//! | `log` | what is logged, and how |
//! | `state_folder` | what is in the state, and where the program runs |
//! | `sockets` | TLS, and serving until told to stop |
//! | `access` | flags of subcommands |
//! | `files` | passwords and values in files, accounts |
//! | `report`, `progress` | what subcommands print, for people or as JSON, and while they wait |

mod access;
mod configuration;
pub(crate) mod failure;
mod files;
mod frame;
mod log;
mod progress;
mod report;
mod sockets;
mod state_folder;

pub use access::{Access, TrustFlags};
pub use configuration::read_toml;
pub use failure::Failure;
pub use files::{first_line, octets, read_account, write_account};
pub use frame::{block_on, start};
pub use log::{LogConfig, LogFlags};
pub use progress::Progress;
pub(crate) use report::write_table;
pub use report::{Report, cell};
pub use sockets::{Serving, TlsFiles, account_address, bounds, reachable};
pub use state_folder::{StateFolder, Whereabouts};

//! The server as a part of another program.

use std::path::Path;

use super::run;
use crate::program::{Failure, read_toml};

/// Runs as a configuration file says, until it is dropped: to its store that is as when the power goes. Where it listens is in `running.json` in
/// its state. It logs to the log of the program that it is a part of.
///
/// # Errors
/// What the program would say on standard error.
pub async fn run_within(config: &Path) -> Result<(), Failure> {
    let config = read_toml(Some(config))?;
    run::run_within(&config).await
}

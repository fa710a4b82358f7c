//! The gateway as a part of another program.

use std::path::Path;

use super::config::Config;
use super::run::run_until;

/// Runs as a configuration file says, until it is dropped: to its store that is as the power goes. Where it listens is in `running.json` in its
/// state. It logs to the log of the program it is a part of.
///
/// # Errors
/// What the program would say on standard error.
pub async fn run_within(config: &Path) -> Result<(), String> {
    let config = Config::read(Some(config)).map_err(|failure| failure.to_string())?;
    run_until(config, std::future::pending(), |_| ()).await.map_err(|failure| failure.to_string())
}

//! A simulated OMA DM device.

use std::process::ExitCode;

use clap::Parser;
use dm_examples::dm_device::Program;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    Program::parse().run().await
}

//! A device that speaks CoAP instead of OMA DM.

use std::process::ExitCode;

use clap::Parser;
use dm_examples::coap::program::Program;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    Program::parse().run().await
}

//! A DM server: manages devices and gateways, keeps everything in one file, and answers its operator.

use std::process::ExitCode;

fn main() -> ExitCode {
    dm_examples::dm_server::main(std::env::args_os())
}

//! A DM gateway: between DM servers and the devices behind it, with everything kept in one folder.

use std::process::ExitCode;

fn main() -> ExitCode {
    dm_examples::dm_gateway::main(std::env::args_os())
}

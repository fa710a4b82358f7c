//! Looks at the documents of device management, converts them and compares them.

use std::process::ExitCode;

fn main() -> ExitCode {
    dm_examples::dmtool::main(std::env::args_os())
}

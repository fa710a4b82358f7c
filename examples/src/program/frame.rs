//! From arguments to an exit code.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::Builder;

use super::Failure;

/// Reads the arguments and acts on them: 0 when that comes to what was wanted, 1 when the answer is no, 2 when it could not be tried.
pub fn start<C: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    act: impl FnOnce(C) -> Result<bool, Failure>,
) -> ExitCode {
    let read = match C::try_parse_from(arguments) {
        Ok(read) => read,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match act(read) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Runs to the end; what others have begun meanwhile has a second more.
///
/// # Errors
/// Those of the future, or there are no threads to be had.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("internal", error))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

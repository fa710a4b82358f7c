//! What subcommands read from files and write to them.

use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;
use crate::tls::write_secret;

/// The largest account file that is read.
const MAX_ACCOUNT: u64 = 64 << 10;

/// The octets of a file; `-` is standard input.
///
/// # Errors
/// It cannot be read.
pub fn octets(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        let mut octets = Vec::new();
        std::io::stdin().lock().read_to_end(&mut octets).map(|_| octets)
    } else {
        std::fs::read(path)
    };
    read.map_err(|error| Failure::file("io", path, error))
}

/// A password: the first line of a file.
///
/// # Errors
/// It cannot be read, or there is nothing in it.
pub fn first_line(path: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(octets(path)?).map_err(|_| Failure::file("io", path, "this is no text"))?;
    match text.lines().next().unwrap_or_default() {
        "" => Err(Failure::file("usage", path, "has no password in its first line")),
        line => Ok(line.to_owned()),
    }
}

/// Reads an account: what [`write_account`] wrote, or somebody by hand.
///
/// # Errors
/// It cannot be read, is too large, or is no account. What serde says of a wrong value may show it, and it may be a password: only the place is told.
pub fn read_account<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let io = |error| Failure::file("io", path, error);
    if std::fs::metadata(path).map_err(io)?.len() > MAX_ACCOUNT {
        return Err(Failure::file("account", path, format_args!("has more than {MAX_ACCOUNT} octets")));
    }
    serde_json::from_slice(&std::fs::read(path).map_err(io)?).map_err(|error| {
        let place = format!("is no account file (line {}, column {})", error.line(), error.column());
        Failure::file("account", path, place)
    })
}

/// Writes what a device is to be given, for its owner only: passwords are in it.
///
/// # Errors
/// It cannot be written.
pub fn write_account(path: &Path, account: &Value) -> Result<(), Failure> {
    let text = format!("{account:#}\n");
    write_secret(path, text.as_bytes()).map_err(|error| Failure::file("io", path, error))
}

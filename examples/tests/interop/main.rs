//! What other people's programs make of ours: Wireshark of what `fleet` sends, libwbxml of every body, curl as a device of `dm-server`.
//! `docs/interop.md` tells the results.
#![allow(clippy::print_stdout, reason = "tells what was compared")]

mod curl;
mod recorded;
#[path = "../../../dm-syncml/tests/libwbxml/required.rs"]
mod required;
mod tshark;
mod wbxml2xml;

use std::process::{Command, Stdio};

/// Whether a program of somebody else's can be run.
///
/// # Panics
///
/// When it cannot, and whoever runs this test has said that it must.
fn is_here(program: &str, package: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok() {
        return true;
    }
    assert!(
        !required::are_peers_required(),
        "{program} is not here, and has to be: apt-get install {package}"
    );
    println!("{program} is not here (apt-get install {package}): nothing was compared with it");
    false
}

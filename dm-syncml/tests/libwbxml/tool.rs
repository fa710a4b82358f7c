//! The programs of libwbxml.

use core::fmt;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::required::are_peers_required;

/// A program that reads one encoding and writes the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tool {
    WbxmlToXml,
    XmlToWbxml,
}

impl Tool {
    fn program(self) -> &'static str {
        match self {
            Self::WbxmlToXml => "wbxml2xml",
            Self::XmlToWbxml => "xml2wbxml",
        }
    }

    /// What the program makes of `input`, or what it says instead.
    pub(crate) fn run(self, switches: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
        let failed = |error| format!("{self}: {error}");
        let mut child = Command::new(self.program())
            .args(switches)
            .args(["-o", "-", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // It reads everything before it writes anything. If it ends before, its status says more than a broken pipe.
            let _ = stdin.write_all(input);
        }
        let output = child.wait_with_output().map_err(failed)?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{self} ends with {}: {}", output.status, said.trim()))
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// Whether both programs can be run.
///
/// # Panics
///
/// When they cannot, and whoever runs this test has said that they must.
pub(crate) fn both_are_here() -> bool {
    let missing = [Tool::WbxmlToXml, Tool::XmlToWbxml].into_iter().find(|tool| {
        Command::new(tool.program()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    });
    let Some(tool) = missing else { return true };
    assert!(!are_peers_required(), "{tool} is not here, and has to be: apt-get install libwbxml2-utils");
    println!("{tool} is not here (apt-get install libwbxml2-utils): nothing was compared with libwbxml");
    false
}

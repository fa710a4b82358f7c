//! One story of `fleet`, recorded.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// What was recorded.
pub(crate) struct Recorded {
    pub(crate) trace: PathBuf,
    pub(crate) pcap: PathBuf,
    /// How many messages and notifications there were.
    pub(crate) messages: u64,
}

/// Plays it the first time it is asked for.
pub(crate) fn story() -> &'static Recorded {
    static STORY: OnceLock<Recorded> = OnceLock::new();
    STORY.get_or_init(|| {
        // Where it can be looked at afterwards.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fleet");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let (trace, pcap) = (folder.join("trace"), folder.join("fleet.pcap"));
        let output = Command::new(env!("CARGO_BIN_EXE_fleet"))
            .args(["--devices", "4", "--seed", "2", "--json", "--trace"])
            .arg(&trace)
            .arg("--pcap")
            .arg(&pcap)
            .output()
            .expect("the program starts");
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
        assert_eq!(output.status.code(), Some(0), "{report}");
        let messages = report["messages"].as_u64().unwrap();
        Recorded { trace, pcap, messages }
    })
}

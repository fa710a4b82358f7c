//! The real messages of other software, which cannot be part of this repository: `DM_CORPUS` names the folder that holds them, and
//! MANIFEST.tsv in it lists them.

use std::fs;
use std::path::PathBuf;

use dm_syncml::Encoding;

/// A line of MANIFEST.tsv, and the file.
pub(crate) struct Entry {
    pub(crate) file: String,
    pub(crate) kind: String,
    pub(crate) is_dm: bool,
    /// The file that says the same in the other encoding.
    pub(crate) pair_of: Option<String>,
    pub(crate) octets: Vec<u8>,
}

impl Entry {
    pub(crate) fn encoding(&self) -> Encoding {
        if self.file.ends_with(".wbxml") { Encoding::Wbxml } else { Encoding::Xml }
    }

    /// A message of SyncML, or commands without a header.
    pub(crate) fn is_syncml(&self) -> bool {
        matches!(self.kind.trim_end_matches("-peergen"), "syncml-xml" | "syncml-wbxml" | "dm-fragment")
    }
}

/// The corpus, or nothing when nobody named one. One that is named must be there.
pub(crate) fn corpus() -> Vec<Entry> {
    let Some(folder) = std::env::var_os("DM_CORPUS").map(PathBuf::from) else {
        println!("DM_CORPUS is not set: no real messages were read");
        return Vec::new();
    };
    let manifest = folder.join("MANIFEST.tsv");
    let lines =
        fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
    let entries: Vec<Entry> = lines
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let &[file, kind, _, _, exercises, ..] = &columns[..] else { panic!("{line:?} lacks columns") };
            let path = folder.join(file);
            let octets = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let pair_of = line.split_once("pair-of:").map(|(_, pair)| pair.trim().into());
            let is_dm = exercises.contains("[DM]");
            (file != "file").then(|| Entry { file: file.into(), kind: kind.into(), is_dm, pair_of, octets })
        })
        .collect();
    assert!(entries.len() > 300, "{} lists {}", manifest.display(), entries.len());
    entries
}

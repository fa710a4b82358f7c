//! What is compared.

use std::fs;
use std::path::{Path, PathBuf};

use dm_syncml::Encoding;
use dm_wbxml::xml::Leniencies;

use crate::document::Document;
use crate::manifest::{self, Entry};

/// How many messages and fragments of DM the corpus has that can be read.
pub(crate) const DM_FILES: usize = 149;

/// A document and where it is from.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) is_dm: bool,
    pub(crate) document: Document,
}

fn encoding_of(path: &Path) -> Option<Encoding> {
    match path.extension()?.to_str()? {
        "xml" => Some(Encoding::Xml),
        "wbxml" => Some(Encoding::Wbxml),
        _ => None,
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The messages of `tests/vectors/session`.
pub(crate) fn session_vectors() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/session");
    let entries = fs::read_dir(folder).expect("the vectors are in the repository");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files: Vec<_> = paths
        .iter()
        .filter_map(|path| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            let document = Document::typed(encoding_of(path)?, &read(path))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            Some(File { name, is_dm: true, document })
        })
        .collect();
    assert_eq!(files.len(), 51, "no vector is lost");
    files
}

/// The messages and fragments of the corpus, or `None` when nobody named one: those of DM typed; the others, and what no type fits, as
/// elements. What is not well-formed, and documents of other kinds, are not among them.
pub(crate) fn corpus() -> Option<Vec<File>> {
    std::env::var_os("DM_CORPUS")?;
    let file = |entry: Entry| {
        let encoding = entry.encoding();
        let typed = entry.is_dm.then(|| Document::typed(encoding, &entry.octets).ok()).flatten();
        let (is_dm, document) = match typed {
            Some(document) => (true, document),
            None => (false, Document::elements(encoding, &entry.octets, Leniencies::ALL).ok()?),
        };
        Some(File { name: entry.file, is_dm, document })
    };
    Some(manifest::corpus().into_iter().filter(Entry::is_syncml).filter_map(file).collect())
}

//! What is compared.

use std::fs;
use std::path::{Path, PathBuf};

use dm_syncml::Encoding;
use dm_wbxml::xml::Leniencies;

use crate::document::Document;

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
    let folder = PathBuf::from(std::env::var_os("DM_CORPUS")?);
    let manifest = String::from_utf8(read(&folder.join("MANIFEST.tsv"))).expect("the manifest is UTF-8");
    let file = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[name, kind, _, _, exercises, ..] = &columns[..] else { panic!("{line:?} lacks columns") };
        if !matches!(kind.trim_end_matches("-peergen"), "syncml-xml" | "syncml-wbxml" | "dm-fragment") {
            return None;
        }
        let (octets, encoding) = (read(&folder.join(name)), encoding_of(Path::new(name))?);
        let typed = Some(encoding).filter(|_| exercises.contains("[DM]"));
        let (is_dm, document) = match typed.and_then(|encoding| Document::typed(encoding, &octets).ok()) {
            Some(document) => (true, document),
            None => (false, Document::elements(encoding, &octets, Leniencies::ALL).ok()?),
        };
        Some(File { name: name.into(), is_dm, document })
    };
    Some(manifest.lines().skip(1).filter_map(file).collect())
}

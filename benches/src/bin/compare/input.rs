//! The files to measure.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Which encoding a file is in, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Xml,
    Wbxml,
}

/// One file.
pub(crate) struct Input {
    /// File name.
    pub(crate) name: String,
    pub(crate) encoding: Encoding,
    pub(crate) octets: Vec<u8>,
    /// The same message as XML, when that lies beside it.
    pub(crate) xml: Option<Vec<u8>>,
}

impl Input {
    /// Length of the same message as XML, if it is known.
    pub(crate) fn xml_len(&self) -> Option<usize> {
        self.xml.as_ref().map(Vec::len)
    }
}

/// Every `.xml` and `.wbxml` file in `dir`, smallest message first, XML before WBXML.
pub(crate) fn read_all(dir: &Path) -> Result<Vec<Input>, (PathBuf, io::Error)> {
    let in_dir = |error| (dir.to_owned(), error);
    let mut inputs = Vec::new();
    for entry in fs::read_dir(dir).map_err(in_dir)? {
        let path = entry.map_err(in_dir)?.path();
        let encoding = match path.extension().and_then(|extension| extension.to_str()) {
            Some("xml") => Encoding::Xml,
            Some("wbxml") => Encoding::Wbxml,
            _ => continue,
        };
        let read = |path: &Path| fs::read(path).map_err(|error| (path.to_owned(), error));
        let octets = read(&path)?;
        let beside = path.with_extension("xml");
        let xml = match encoding {
            Encoding::Xml => Some(octets.clone()),
            Encoding::Wbxml if beside.is_file() => Some(read(&beside)?),
            Encoding::Wbxml => None,
        };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        inputs.push(Input { name, encoding, octets, xml });
    }
    inputs.sort_by(|a, b| {
        let key = |input: &Input| {
            (input.xml_len().unwrap_or(input.octets.len()), input.encoding == Encoding::Wbxml)
        };
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    Ok(inputs)
}

//! The files to measure.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{dm_syncml, quick_xml};

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
    /// Length of the same message as XML, if it is known.
    pub(crate) xml_len: Option<usize>,
    /// Commands in it, if its XML says so.
    commands: Option<usize>,
}

impl Input {
    fn new(name: String, encoding: Encoding, octets: Vec<u8>, beside: Option<&[u8]>) -> Self {
        let xml = match encoding {
            Encoding::Xml => Some(octets.as_slice()),
            Encoding::Wbxml => beside,
        };
        let commands = xml.and_then(|xml| quick_xml::count_commands(xml).ok());
        let xml_len = xml.map(<[u8]>::len).or_else(|| dm_syncml::xml_len(&octets));
        Self { name, encoding, octets, xml_len, commands }
    }

    /// How many commands a decoder has to find: counted by quick-xml in the file or in the XML beside it, so that no
    /// tool of ours checks itself. `None` for a WBXML file without XML beside it.
    pub(crate) fn commands(&self) -> Option<usize> {
        self.commands
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
        let beside =
            if encoding == Encoding::Wbxml && beside.is_file() { Some(read(&beside)?) } else { None };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        inputs.push(Input::new(name, encoding, octets, beside.as_deref()));
    }
    inputs.sort_by(|a, b| {
        let key =
            |input: &Input| (input.xml_len.unwrap_or(input.octets.len()), input.encoding == Encoding::Wbxml);
        key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
    });
    Ok(inputs)
}

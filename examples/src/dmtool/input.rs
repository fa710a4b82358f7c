//! Files, and `-` for the standard ones.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use dm_syncml::elements::Limits;

use super::failure::Failure;

/// Octets of the largest document that is read: far above what a peer accepts, and no device without end.
const LARGEST: usize = 64 << 20;

/// What a document may cost an engineer's machine, which is more than a peer would spend.
pub(super) const LIMITS: Limits = Limits::DEFAULT
    .with_document(LARGEST)
    .with_elements(1 << 22)
    .with_depth(Limits::MAX_DEPTH)
    .with_string_table(LARGEST)
    .with_expansion(LARGEST);

/// A document and the name of its file.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) file: String,
    pub(super) octets: Vec<u8>,
}

impl Input {
    /// Reads a file or standard input.
    ///
    /// One octet more than the limit is read, so that a decoder can say that it is too much.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let file = path.display().to_string();
        let mut octets = Vec::new();
        let read = |source: &mut dyn Read, octets: &mut Vec<u8>| {
            source.take(LARGEST as u64 + 1).read_to_end(octets).map(|_| ())
        };
        let outcome = if file == "-" {
            read(&mut io::stdin().lock(), &mut octets)
        } else {
            File::open(path).and_then(|mut opened| read(&mut opened, &mut octets))
        };
        match outcome {
            Ok(()) => Ok(Self { file, octets }),
            Err(error) => Err(Failure::reading(&file, &error)),
        }
    }
}

/// Writes a file, or `out` for `-`. It is opened only now that there is something to write: an input that cannot be read leaves it alone.
pub(super) fn write(path: &Path, octets: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
    let outcome = if path.as_os_str() == "-" { out.write_all(octets) } else { fs::write(path, octets) };
    outcome.map_err(|error| Failure::writing(&path.display().to_string(), &error))
}

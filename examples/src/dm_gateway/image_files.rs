//! Images on disk: one file each, written and checked by one thread in the order in which it is asked for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use axum::body::Bytes;
use gwmo_model::{BlobNo, ContentDigest};
use sha2::{Digest as _, Sha256};

/// Octets read at a time.
const PIECE: usize = 64 << 10;

type Job = Box<dyn FnOnce(&Path) + Send>;

/// The folder of the images.
#[derive(Clone, Debug)]
pub(super) struct ImageFiles {
    folder: Arc<Path>,
    jobs: mpsc::Sender<Job>,
}

impl ImageFiles {
    /// The files in this folder. Those that belong to nothing in `known` are removed.
    pub(super) fn open(folder: &Path, known: &[BlobNo]) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let known: Vec<PathBuf> = known.iter().map(|blob| path_of(folder, *blob)).collect();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if !known.contains(&path) {
                fs::remove_file(&path)?;
            }
        }
        let (jobs, queue) = mpsc::channel::<Job>();
        let folder: Arc<Path> = folder.into();
        let own = Arc::clone(&folder);
        std::thread::Builder::new().name("images".into()).spawn(move || {
            for job in queue {
                job(&own);
            }
        })?;
        Ok(Self { folder, jobs })
    }

    /// Writes octets to their place, and says so when they are on the disk. What stands behind them is cut off.
    pub(super) fn write(
        &self,
        blob: BlobNo,
        offset: u64,
        octets: impl AsRef<[u8]> + Send + 'static,
        done: impl FnOnce(io::Result<()>) + Send + 'static,
    ) {
        self.run(move |folder| done(write(&path_of(folder, blob), offset, octets.as_ref())));
    }

    /// Computes the digest of the first octets of a file.
    pub(super) fn digest(
        &self,
        blob: BlobNo,
        len: u64,
        done: impl FnOnce(io::Result<ContentDigest>) + Send + 'static,
    ) {
        self.run(move |folder| done(digest(&path_of(folder, blob), len)));
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, blob: BlobNo, done: impl FnOnce(io::Result<()>) + Send + 'static) {
        self.run(move |folder| {
            done(match fs::remove_file(path_of(folder, blob)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            });
        });
    }

    /// A part of a file, to be read piece by piece. It can be read to its end even if the file is removed meanwhile.
    pub(super) fn read(&self, blob: BlobNo, range: Range<u64>) -> io::Result<Reading> {
        let mut file = File::open(path_of(&self.folder, blob))?;
        file.seek(SeekFrom::Start(range.start))?;
        Ok(Reading { file, left: range.end.saturating_sub(range.start) })
    }

    fn run(&self, job: impl FnOnce(&Path) + Send + 'static) {
        // The thread ends with the last handle.
        let _ = self.jobs.send(Box::new(job));
    }
}

fn path_of(folder: &Path, blob: BlobNo) -> PathBuf {
    folder.join(blob.to_string())
}

fn write(path: &Path, offset: u64, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.set_len(offset)?;
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(octets)?;
    file.sync_all()?;
    if offset == 0
        && let Some(folder) = path.parent()
    {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn digest(path: &Path, len: u64) -> io::Result<ContentDigest> {
    let mut file = File::open(path)?.take(len);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut read = 0;
    loop {
        match file.read(&mut buffer)? {
            0 if read < len => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => return Ok(ContentDigest::new(hash.finalize().into())),
            count => {
                hash.update(&buffer[..count]);
                read += count as u64;
            }
        }
    }
}

/// A part of a file that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    file: File,
    left: u64,
}

impl Reading {
    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(self.left).unwrap_or(PIECE))];
        let count = self.file.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(count);
        self.left -= count as u64;
        Ok(Some(piece.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_come_back_in_parts_and_have_their_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = ImageFiles::open(folder.path(), &[]).expect("made");
        let (blob, other) = (BlobNo::new(1), BlobNo::new(2));
        let (done, heard) = mpsc::channel();
        let all: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
        for (offset, end) in [(0, 150_000), (100_000, 200_000)] {
            let done = done.clone();
            let octets = all[offset..end].to_vec();
            files.write(blob, offset as u64, octets, move |written| {
                done.send(written.is_ok()).expect("heard")
            });
        }
        assert_eq!(heard.iter().take(2).collect::<Vec<_>>(), [true, true]);
        let mut reading = files.read(blob, 10..199_990).expect("there");
        let mut read = Vec::new();
        while let Some(piece) = reading.next().expect("read") {
            read.extend_from_slice(&piece);
        }
        assert_eq!(read, all[10..199_990]);
        let (done, digests) = mpsc::channel();
        for (blob, len) in [(blob, 200_000), (blob, 200_001), (other, 0)] {
            let done = done.clone();
            files.digest(blob, len, move |digest| done.send(digest.ok()).expect("heard"));
        }
        let expected = ContentDigest::new(Sha256::digest(&all).into());
        assert_eq!(digests.iter().take(3).collect::<Vec<_>>(), [Some(expected), None, None]);
        drop(ImageFiles::open(folder.path(), &[other]).expect("cleared"));
        assert!(files.read(blob, 0..1).is_err());
    }
}

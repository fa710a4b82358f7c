//! What programs keep: one file, written by one thread, many writes to a commit.
//!
//! A machine's `Persist` becomes a [`Batch`]; what it protects goes on when [`Store::write`] says that the batch is on the disk. Batches that
//! wait at the same time share one commit, so the disk is asked to settle once for many sessions.

use std::borrow::Cow;
use std::cell::Cell;
use std::fs::OpenOptions;
use std::io;
use std::panic::UnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{Arc, Once};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, Durability, ReadableTable, StorageBackend, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

/// Most batches in one commit.
const MAX_GROUP: usize = 1_024;

/// A kind of entries: a table of keys and values, both octets.
#[derive(Clone, Copy, Debug)]
pub struct Kind(&'static str);

impl Kind {
    /// The kind of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    const fn table(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.0)
    }
}

/// Whose entries they are, and how they are to be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Format {
    program: Cow<'static, str>,
    version: u32,
}

impl Format {
    /// Entries of this program, as this version of them has them: a higher one is refused, a lower one the program can still read.
    #[must_use]
    pub const fn new(program: &'static str, version: u32) -> Self {
        Self { program: Cow::Borrowed(program), version }
    }
}

/// Where a store says which it is.
const FORMATS: Kind = Kind::new("format");
const FORMAT: &str = "format";

/// Why something is not kept, or cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be used.
    #[error("{}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Nothing was written: the disk is full, or fails.
    #[error("the store cannot be written: {0}")]
    Write(String),
    /// An entry cannot be read.
    #[error("the store cannot be read: {0}")]
    Read(String),
    /// An entry was not written by this program, or by another version of it.
    #[error("{kind} holds an entry that cannot be understood: {reason}")]
    Content {
        /// Where.
        kind: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A former write has failed, and nothing is written after it: what comes later rests on what came before.
    #[error("the store is closed, since it could not be written")]
    Closed,
}

/// Changes that are made together or not at all.
#[derive(Debug, Default)]
pub struct Batch(Vec<(Kind, Vec<u8>, Option<Vec<u8>>)>);

impl Batch {
    /// No changes yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Puts a value in place of whatever was there.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn put(
        &mut self,
        kind: Kind,
        key: impl AsRef<[u8]>,
        value: &impl Serialize,
    ) -> Result<(), StoreError> {
        let octets = serde_json::to_vec(value).map_err(|error| StoreError::Write(error.to_string()))?;
        self.0.push((kind, key.as_ref().to_vec(), Some(octets)));
        Ok(())
    }

    /// Removes what is there, if anything is.
    pub fn remove(&mut self, kind: Kind, key: impl AsRef<[u8]>) {
        self.0.push((kind, key.as_ref().to_vec(), None));
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A store; clones are the same one.
///
/// After a write that fails nothing is written any more, also if there were room again: whatever comes later rests on it. The program ends,
/// and goes on from what was written when it is started again.
#[derive(Clone, Debug)]
pub struct Store {
    database: Arc<Database>,
    writer: mpsc::Sender<Job>,
    failure: watch::Receiver<Option<StoreError>>,
}

type Job = (Batch, oneshot::Sender<Result<(), StoreError>>);

impl Store {
    /// Opens the file, making it if need be, and looks through all of it.
    ///
    /// # Errors
    /// Another program has it open, it is damaged beyond repair, it is no store, or not one of this format.
    pub fn open(path: &Path, format: &Format) -> Result<Self, StoreError> {
        Self::open_by(path, format, |path| Database::create(path))
    }

    /// The same without waiting for the disk: what is written survives the end of the process, but not a loss of power. For simulated
    /// devices, of which there are many.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_without_sync(path: &Path, format: &Format) -> Result<Self, StoreError> {
        Self::open_by(path, format, |path| {
            let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
            let file = options.map_err(|error| DatabaseError::Storage(error.into()))?;
            Builder::new().create_with_backend(WithoutSync(FileBackend::new(file)?))
        })
    }

    fn open_by(
        path: &Path,
        format: &Format,
        create: fn(&Path) -> Result<Database, DatabaseError>,
    ) -> Result<Self, StoreError> {
        let failed = |reason: String| StoreError::Open { path: path.into(), reason };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
        }
        if !path.exists() {
            make(path, format, create).map_err(failed)?;
        }
        let database = open_whole(path, create).map_err(|error| {
            failed(match error {
                DatabaseError::DatabaseAlreadyOpen => {
                    "another program has it open; stop that one first".into()
                }
                error => format!("{error}; move it away to begin anew, or put back a copy of it"),
            })
        })?;
        #[cfg(unix)]
        {
            // Nonces and credentials are in it.
            use std::os::unix::fs::PermissionsExt;
            let owner_only = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(path, owner_only).map_err(|error| failed(error.to_string()))?;
        }
        let store = Self::over(database).map_err(|error| failed(error.to_string()))?;
        let wrong = |reason: String| Err(failed(reason));
        match store.get::<Format>(FORMATS, FORMAT) {
            Ok(Some(found)) if found.program != format.program => {
                wrong(format!("it is the store of {}, not of {}", found.program, format.program))
            }
            Ok(Some(found)) if found.version > format.version => wrong(
                "a newer version of this program has written it; run that one, or put back a copy".into(),
            ),
            Ok(Some(_)) => Ok(store),
            Ok(None) => wrong(format!("it is not the store of {}", format.program)),
            Err(error) => wrong(error.to_string()),
        }
    }

    fn over(database: Database) -> io::Result<Self> {
        let database = Arc::new(database);
        let (writer, jobs) = mpsc::channel();
        let (failed, failure) = watch::channel(None);
        let writing = Arc::clone(&database);
        let writing = move || write_all(&writing, &jobs, &failed);
        std::thread::Builder::new().name("store".into()).spawn(writing)?;
        Ok(Self { database, writer, failure })
    }

    /// Why nothing is written any more, if that is so.
    #[must_use]
    pub fn failure(&self) -> Option<StoreError> {
        self.failure.borrow().clone()
    }

    /// Comes about when a write has failed.
    pub async fn failed(&self) -> StoreError {
        let mut failure = self.failure.clone();
        let failed = failure.wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone());
        failed.unwrap_or(StoreError::Closed)
    }

    /// Writes a batch, and returns when it is on the disk.
    ///
    /// # Errors
    /// It is not: the disk is full, or fails.
    pub async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.enqueue(batch).await.unwrap_or(Err(StoreError::Closed))
    }

    /// The same, for threads that may wait.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_blocking(&self, batch: Batch) -> Result<(), StoreError> {
        self.enqueue(batch).blocking_recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Hands a batch to the writer: batches are written in the order of these calls. The receiver hears when it is on the disk.
    #[must_use]
    pub fn enqueue(&self, batch: Batch) -> oneshot::Receiver<Result<(), StoreError>> {
        let (sender, done) = oneshot::channel();
        // Who waits hears of a writer that is gone by the sender that is dropped.
        let _ = self.writer.send((batch, sender));
        done
    }

    /// One entry.
    ///
    /// # Errors
    /// The store cannot be read, or the entry cannot be understood.
    pub fn get<T: DeserializeOwned>(
        &self,
        kind: Kind,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<T>, StoreError> {
        let read = |error: &dyn std::fmt::Display| StoreError::Read(error.to_string());
        let transaction = self.database.begin_read().map_err(|error| read(&error))?;
        let table = match transaction.open_table(kind.table()) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(read(&error)),
        };
        let entry = table.get(key.as_ref()).map_err(|error| read(&error))?;
        entry.map(|value| understand(kind, value.value())).transpose()
    }

    /// All entries of a kind, by their keys.
    ///
    /// # Errors
    /// The store cannot be read, or an entry cannot be understood.
    pub fn all<T: DeserializeOwned>(&self, kind: Kind) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let read = |error: &dyn std::fmt::Display| StoreError::Read(error.to_string());
        let transaction = self.database.begin_read().map_err(|error| read(&error))?;
        let table = match transaction.open_table(kind.table()) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(read(&error)),
        };
        let entries = table.iter().map_err(|error| read(&error))?;
        entries
            .map(|entry| {
                let (key, value) = entry.map_err(|error| read(&error))?;
                Ok((key.value().to_vec(), understand(kind, value.value())?))
            })
            .collect()
    }
}

/// A file that the operating system writes to the disk in its own time.
#[derive(Debug)]
struct WithoutSync(FileBackend);

impl StorageBackend for WithoutSync {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// Makes a store that has nothing in it but its format. It is there whole or not at all, whenever the power goes.
fn make(
    path: &Path,
    format: &Format,
    create: fn(&Path) -> Result<Database, DatabaseError>,
) -> Result<(), String> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.new", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let made = || {
        let database = create(&unfinished).map_err(|error| error.to_string())?;
        let mut batch = Batch::new();
        batch.put(FORMATS, FORMAT, format).map_err(|error| error.to_string())?;
        commit(&database, std::iter::once(&batch)).map_err(|error| error.to_string())?;
        drop(database);
        match std::fs::hard_link(&unfinished, path) {
            // Another process was faster; whoever opens it first has it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(_) => std::fs::rename(&unfinished, path).map_err(|error| error.to_string()),
            Ok(()) => Ok(()),
        }
    };
    let made = made();
    let _ = std::fs::remove_file(&unfinished);
    made
}

/// Opens what is there, if all of it is as it was written.
fn open_whole(
    path: &Path,
    create: fn(&Path) -> Result<Database, DatabaseError>,
) -> Result<Database, DatabaseError> {
    let damaged = |reason: &str| redb::StorageError::Corrupted(reason.into()).into();
    if std::fs::metadata(path).is_ok_and(|data| data.len() == 0) {
        return Err(damaged("it is empty"));
    }
    let opened = without_panic(|| {
        let mut database = create(path)?;
        database.check_integrity()?;
        Ok(database)
    });
    opened.unwrap_or_else(|| Err(damaged("it is damaged")))
}

/// Where a file is not as it should be, the database may panic. That is caught, and nothing is said of it on standard error; panics of other
/// threads are said as ever.
fn without_panic<T>(open: impl FnOnce() -> T + UnwindSafe) -> Option<T> {
    thread_local!(static IS_CAUGHT: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let say = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_CAUGHT.get() {
                say(panic);
            }
        }));
    });
    IS_CAUGHT.set(true);
    let opened = std::panic::catch_unwind(open).ok();
    IS_CAUGHT.set(false);
    opened
}

fn understand<T: DeserializeOwned>(kind: Kind, octets: &[u8]) -> Result<T, StoreError> {
    let reason = |error: serde_json::Error| StoreError::Content { kind: kind.0, reason: error.to_string() };
    serde_json::from_slice(octets).map_err(reason)
}

/// Writes batches until nobody is left to give any: all that wait, in one commit. After a failure none is written.
fn write_all(database: &Database, jobs: &mpsc::Receiver<Job>, failed: &watch::Sender<Option<StoreError>>) {
    while let Ok(first) = jobs.recv() {
        let group: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(MAX_GROUP - 1)).collect();
        let written = commit(database, group.iter().map(|(batch, _)| batch));
        if let Err(error) = &written {
            tracing::error!(%error, "the store");
            failed.send_replace(Some(error.clone()));
        }
        for (_, waiting) in group {
            let _ = waiting.send(written.clone());
        }
        if written.is_err() {
            break;
        }
    }
    while let Ok((_, waiting)) = jobs.recv() {
        let _ = waiting.send(Err(StoreError::Closed));
    }
}

fn commit<'a>(database: &Database, batches: impl Iterator<Item = &'a Batch>) -> Result<(), StoreError> {
    let failed = |error: &dyn std::fmt::Display| StoreError::Write(error.to_string());
    let mut transaction = database.begin_write().map_err(|error| failed(&error))?;
    transaction.set_durability(Durability::Immediate);
    for (kind, key, value) in batches.flat_map(|batch| &batch.0) {
        let mut table = transaction.open_table(kind.table()).map_err(|error| failed(&error))?;
        let done = match value {
            Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
            None => table.remove(key.as_slice()).map(drop),
        };
        done.map_err(|error| failed(&error))?;
    }
    transaction.commit().map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, Ordering};

    const THINGS: Kind = Kind::new("things");
    const TEST: Format = Format::new("test", 2);
    const OTHERS: Kind = Kind::new("others");

    #[tokio::test]
    async fn what_was_written_is_there_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/store.redb");
        {
            let store = Store::open(&path, &TEST).expect("made");
            let mut batch = Batch::new();
            batch.put(THINGS, "one", &1).expect("json");
            batch.put(THINGS, "two", &2).expect("json");
            store.write(batch).await.expect("written");
            let mut batch = Batch::new();
            batch.remove(THINGS, "one");
            store.write(batch).await.expect("written");
            let error = Store::open(&path, &TEST).expect_err("one at a time").to_string();
            assert!(error.contains("another program"), "{error}");
        }
        // The writing thread lets go of the file when the last handle is gone.
        let store = loop {
            match Store::open(&path, &TEST) {
                Ok(store) => break store,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(store.all::<u32>(THINGS).expect("read"), [(b"two".to_vec(), 2)]);
        assert_eq!(store.get::<u32>(THINGS, "one").expect("read"), None);
        assert!(matches!(
            store.get::<String>(THINGS, "two"),
            Err(StoreError::Content { kind: "things", .. })
        ));
    }

    #[tokio::test]
    async fn what_was_not_waited_for_is_there_again_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.redb");
        {
            let store = Store::open_without_sync(&path, &TEST).expect("made");
            let mut batch = Batch::new();
            batch.put(THINGS, "one", &1).expect("json");
            store.write(batch).await.expect("written");
            assert!(
                Store::open(&path, &TEST).expect_err("one at a time").to_string().contains("another program")
            );
        }
        let store = loop {
            match Store::open(&path, &TEST) {
                Ok(store) => break store,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(store.get::<u32>(THINGS, "one").expect("read"), Some(1));
    }

    /// A disk with so many octets left to be written; its content outlives the store.
    #[derive(Clone, Debug)]
    struct Disk {
        octets: Arc<Mutex<Vec<u8>>>,
        left: Arc<AtomicI64>,
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            Ok(self.octets.lock().expect("no panic").len() as u64)
        }

        fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
            Ok(self.octets.lock().expect("no panic")[offset as usize..][..len].to_vec())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            if self.left.load(Ordering::Relaxed) <= 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.octets.lock().expect("no panic").resize(len as usize, 0);
            Ok(())
        }

        fn sync_data(&self, _: bool) -> io::Result<()> {
            Ok(())
        }

        /// What finds no room is written in part.
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            let left = self.left.fetch_sub(data.len() as i64, Ordering::Relaxed);
            let room = usize::try_from(left).unwrap_or(0).min(data.len());
            self.octets.lock().expect("no panic")[offset as usize..][..room].copy_from_slice(&data[..room]);
            if room < data.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    const BATCHES: u32 = 25;

    /// Entries as batches of two, which belong together, until one is refused; how many were confirmed.
    fn fill(store: &Store) -> u32 {
        for number in 0..BATCHES {
            let mut batch = Batch::new();
            let value = "x".repeat(number as usize * 150);
            batch.put(THINGS, number.to_be_bytes(), &value).expect("json");
            batch.put(OTHERS, number.to_be_bytes(), &value).expect("json");
            if let Err(error) = store.write_blocking(batch) {
                assert!(matches!(error, StoreError::Write(_)), "{error}");
                assert!(store.failure().is_some());
                let mut batch = Batch::new();
                batch.put(THINGS, "small", &1).expect("json");
                assert!(matches!(store.write_blocking(batch), Err(StoreError::Closed)), "nothing after it");
                return number;
            }
        }
        BATCHES
    }

    #[test]
    fn wherever_a_disk_is_full_what_was_confirmed_is_there() {
        let open = |disk: &Disk| Database::builder().create_with_backend(disk.clone());
        let disk = |left| Disk { octets: Arc::default(), left: Arc::new(AtomicI64::new(left)) };
        // What it takes when nothing fails, and to make the store at all.
        let whole = disk(i64::MAX);
        let store = Store::over(open(&whole).expect("made")).expect("a thread");
        let made = i64::MAX - whole.left.load(Ordering::Relaxed);
        assert_eq!(fill(&store), BATCHES);
        let all = i64::MAX - whole.left.load(Ordering::Relaxed);
        let (mut cut, mut last) = (0, 0);
        for step in 0..24 {
            let disk = disk(made + (all - made) * step / 24 + step % 5);
            let store = Store::over(open(&disk).expect("made")).expect("a thread");
            let confirmed = fill(&store);
            let thread = Arc::downgrade(&store.database);
            drop(store);
            while thread.strong_count() > 0 {
                std::thread::yield_now();
            }
            cut += u32::from(confirmed < BATCHES);
            assert!(confirmed >= last, "step {step}: more room holds more");
            last = confirmed;
            disk.left.store(i64::MAX, Ordering::Relaxed);
            let again = Store::over(open(&disk).expect("opened again")).expect("a thread");
            let keys = |kind| -> Vec<Vec<u8>> {
                again.all::<String>(kind).expect("read").into_iter().map(|(key, _)| key).collect()
            };
            let (things, others) = (keys(THINGS), keys(OTHERS));
            assert_eq!(things, others, "step {step}: both or none");
            // The one that was refused may have been written: nobody was told that it was not.
            let there = things.len() as u32;
            assert!((confirmed..=confirmed + 1).contains(&there), "step {step}: {there} of {confirmed}");
        }
        assert!(cut > 20, "{cut}");
    }

    #[test]
    fn what_is_no_store_is_said_to_be_none_and_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.redb");
        std::fs::write(&path, "a letter to my aunt").expect("written");
        let error = Store::open(&path, &TEST).expect_err("no store").to_string();
        assert!(error.contains("store.redb") && error.contains("move it away"), "{error}");
        assert_eq!(std::fs::read(&path).expect("there"), b"a letter to my aunt");
    }

    fn written(path: &Path, count: u32) {
        let store = Store::open(path, &TEST).expect("made");
        for number in 0..count {
            let mut batch = Batch::new();
            batch.put(THINGS, number.to_be_bytes(), &format!("thing {number}")).expect("json");
            store.write_blocking(batch).expect("written");
        }
    }

    /// Once the writing thread has let go of it.
    fn reopened(path: &Path, format: &Format) -> Result<Store, String> {
        loop {
            match Store::open(path, format) {
                Err(error) if error.to_string().contains("another program") => std::thread::yield_now(),
                other => return other.map_err(|error| error.to_string()),
            }
        }
    }

    #[test]
    fn a_store_knows_whose_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.redb");
        written(&path, 1);
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("there").count(),
            1,
            "nothing is left of making it"
        );
        let error = reopened(&path, &Format::new("other", 2)).expect_err("another program's");
        assert!(error.contains("it is the store of test, not of other"), "{error}");
        let error = reopened(&path, &Format::new("test", 1)).expect_err("newer");
        assert!(error.contains("newer version"), "{error}");
        let store = reopened(&path, &Format::new("test", 3)).expect("older");
        assert_eq!(store.all::<String>(THINGS).expect("read").len(), 1);
        drop(store);
        // A database that is nobody's store.
        let other = folder.path().join("other.redb");
        drop(Database::create(&other).expect("made"));
        let error = reopened(&other, &TEST).expect_err("no store");
        assert!(error.contains("it is not the store of test"), "{error}");
    }

    #[test]
    fn what_is_damaged_is_refused_or_was_not_needed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.redb");
        written(&path, 40);
        let whole = reopened(&path, &TEST).expect("whole").all::<String>(THINGS).expect("read");
        let octets = loop {
            // The file is at rest when the last handle is gone.
            if Database::open(&path).is_ok() {
                break std::fs::read(&path).expect("there");
            }
        };
        let mut refused = 0;
        let mut random = fastrand::Rng::with_seed(9);
        let damaged = folder.path().join("damaged.redb");
        for round in 0..60 {
            let mut octets = octets.clone();
            match round % 3 {
                0 => octets.truncate(random.usize(..octets.len())),
                1 => {
                    let place = random.usize(..octets.len());
                    octets[place] ^= 1 << random.u8(..8);
                }
                _ => {
                    let place = random.usize(..octets.len());
                    let end = octets.len().min(place + 4096);
                    random.fill(&mut octets[place..end]);
                }
            }
            std::fs::write(&damaged, &octets).expect("written");
            match reopened(&damaged, &TEST) {
                Err(error) => {
                    refused += 1;
                    assert!(error.contains("damaged.redb") && error.contains("put back a copy"), "{error}");
                }
                Ok(store) => assert_eq!(store.all::<String>(THINGS).expect("read"), whole, "{round}"),
            }
        }
        assert!(refused > 20, "{refused}");
    }
}

//! The server without its sockets: what it is made of. What it does stands in the files named in [`super`], a file for each concern.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_syncml::session::ServerConfig;
use tokio::sync::Notify;

use crate::clock::Clock;
pub(super) use crate::clock::unix_now;
use crate::operator_api::Events;
use crate::store::{Batch, Store, StoreError};

use super::directory::Directory;
use super::metrics::Metrics;
use super::throttle::Throttle;
use super::twins::Twins;
use super::vault::Vault;
use super::waking::Waking;

/// The longest id of a device.
pub(super) const MAX_NAME: usize = 255;

/// What peers and operators may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Sessions at a time.
    pub(super) sessions: usize,
    /// Commands that wait for one device.
    pub(super) open_work: usize,
    /// Commands that have ended and are remembered.
    pub(super) ended_work: usize,
    /// Messages of one device from one address in a second, and at once.
    pub(super) per_second: f64,
    pub(super) burst: u32,
}

/// The server, without its sockets.
#[derive(Debug)]
pub struct Engine {
    pub(super) clock: Clock,
    pub(super) session: ServerConfig,
    pub(super) server_id: String,
    pub(super) limits: Limits,
    pub(super) store: Store,
    pub(super) vault: Vault,
    pub(super) events: Events,
    pub(super) metrics: Metrics,
    pub(super) waking: Waking,
    directory: Mutex<Directory>,
    pub(super) throttle: Mutex<Throttle>,
    twins: Mutex<Twins>,
    /// Work has changed.
    pub(super) worked: Notify,
}

/// Why the operator cannot have something.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    /// There is no such device.
    #[error("there is no device {0}")]
    NoDevice(String),
    /// There is already.
    #[error("there is a device {0} already")]
    Exists(String),
    /// There is no such command.
    #[error("there is no command {0}")]
    NoWork(u64),
    /// It is under way or over.
    #[error("command {0} is {1} and cannot be taken back")]
    TooLate(u64, &'static str),
    /// It is the key of another request.
    #[error("the key {0} was that of another request")]
    Reused(String),
    /// Too much waits already.
    #[error("{0} commands wait for the device already")]
    Full(usize),
    /// A value is none.
    #[error("{0}")]
    Value(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// Takes up everything where the store has it.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(super) async fn open(
        session: ServerConfig,
        server_id: String,
        limits: Limits,
        store: Store,
        vault: Vault,
        waking: Waking,
    ) -> Result<Arc<Self>, StoreError> {
        let engine = Arc::new(Self {
            clock: Clock::start(),
            session,
            server_id,
            limits,
            store,
            vault,
            events: Events::default(),
            metrics: Metrics::default(),
            waking,
            directory: Mutex::new(Directory::new()),
            throttle: Mutex::new(Throttle::new(limits.per_second, limits.burst)),
            twins: Mutex::default(),
            worked: Notify::new(),
        });
        engine.load().await?;
        Ok(engine)
    }

    pub(super) fn directory(&self) -> MutexGuard<'_, Directory> {
        // A panic elsewhere has left it between two entries, and what is in it is in the store as well.
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn twins(&self) -> MutexGuard<'_, Twins> {
        self.twins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything is written here.
    pub(super) async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let began = std::time::Instant::now();
        let written = self.store.write(batch).await;
        self.metrics.commit(began.elapsed(), written.is_ok());
        written
    }
}

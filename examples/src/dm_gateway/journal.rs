//! What survives: a snapshot of the machine now and then, and the records in between.

use dm_syncml::auth::Nonce;
use dm_syncml::session::Record;
use gwmo_model::{GatewayRecord, GatewaySnapshot};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::store::{Batch, Kind, Store, StoreError};

const RECORDS: Kind = Kind::new("records");
const SNAPSHOTS: Kind = Kind::new("snapshots");
const NONCES: Kind = Kind::new("server-nonces");
const LATEST: &str = "latest";

/// The store, and how far it is written.
#[derive(Debug)]
pub(super) struct Journal {
    store: Store,
    /// The number of the next record. They are never given twice.
    next: u64,
    /// The number of the first record that is not in the snapshot.
    first: u64,
    /// Records between two snapshots.
    most: usize,
}

#[derive(Serialize, Deserialize)]
struct Kept<S> {
    /// The first record that is not in it.
    first: u64,
    snapshot: S,
}

/// What a gateway was: its last snapshot, and the records since.
pub(super) type Past = (GatewaySnapshot, Vec<GatewayRecord>);

/// What is heard when something is on the disk.
pub(super) type Written = oneshot::Receiver<Result<(), StoreError>>;

impl Journal {
    /// Reads what there is: the last snapshot and the records since.
    pub(super) fn open(store: Store, most: usize) -> Result<(Self, Option<Past>), StoreError> {
        let kept: Option<Kept<GatewaySnapshot>> = store.get(SNAPSHOTS, LATEST)?;
        let first = kept.as_ref().map_or(0, |kept| kept.first);
        let mut journal = Self { store, next: first, first, most: most.max(1) };
        let Some(kept) = kept else { return Ok((journal, None)) };
        let mut records = Vec::new();
        for (key, record) in journal.store.all::<GatewayRecord>(RECORDS)? {
            let Ok(number) = key.try_into().map(u64::from_be_bytes) else { continue };
            if number >= first {
                journal.next = number + 1;
                records.push(record);
            }
        }
        Ok((journal, Some((kept.snapshot, records))))
    }

    /// The number of the last record that was given to the store.
    pub(super) const fn issued(&self) -> u64 {
        self.next
    }

    /// Whether it is time for a snapshot.
    pub(super) const fn is_long(&self) -> bool {
        (self.next - self.first) as usize >= self.most
    }

    /// Gives records to the store, and then a snapshot that has them in it.
    pub(super) fn write(
        &mut self,
        records: &[GatewayRecord],
        snapshot: Option<&GatewaySnapshot>,
    ) -> Result<Written, StoreError> {
        let mut batch = Batch::new();
        match snapshot {
            None => {
                for record in records {
                    batch.put(RECORDS, self.next.to_be_bytes(), record)?;
                    self.next += 1;
                }
            }
            Some(snapshot) => {
                for number in self.first..self.next {
                    batch.remove(RECORDS, number.to_be_bytes());
                }
                self.next += records.len() as u64;
                self.first = self.next;
                batch.put(SNAPSHOTS, LATEST, &Kept { first: self.first, snapshot })?;
            }
        }
        Ok(self.store.enqueue(batch))
    }
}

/// The nonces of the account with a server.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct ServerNonces {
    pub(super) device: Option<Nonce>,
    pub(super) server: Option<Nonce>,
}

impl ServerNonces {
    /// Those that were kept last.
    pub(super) fn kept(store: &Store, server: &str) -> Result<Self, StoreError> {
        Ok(store.get(NONCES, server)?.unwrap_or_default())
    }

    /// Forgets them: another account has others.
    pub(super) async fn forget(store: &Store, server: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.remove(NONCES, server);
        store.write(batch).await
    }

    /// Takes one over, and keeps both.
    pub(super) async fn keep(
        &mut self,
        store: &Store,
        server: &str,
        record: Record,
    ) -> Result<(), StoreError> {
        match record {
            Record::DeviceNonce(nonce) => self.device = Some(nonce),
            Record::ServerNonce(nonce) => self.server = Some(nonce),
            _ => return Ok(()),
        }
        let mut batch = Batch::new();
        batch.put(NONCES, server, self)?;
        store.write(batch).await
    }
}

//! What is on disk: the tree as a snapshot and the records since, and whatever else must not be forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use dm_notification::ReplayMemory;
use dm_syncml::Instant;
use dm_syncml::auth::Nonce;
use dm_syncml::session::{PartialObjects, PartialObjectsSnapshot};
use dm_tree::{AuthLevel, DmAccount, NodeUri, Tree, TreeLimits, TreeRecord, TreeSnapshot};
use serde::{Deserialize, Serialize};

use super::appliance::Appliance;
use super::failure::Failure;
use super::report::Report;
use crate::clock::hash_seed;
use crate::store::{Batch, Format, Kind, Store, StoreError};

/// What is in the store.
const FORMAT: Format = Format::new("dm-device", 1);

const TREE: Kind = Kind::new("tree");
const RECORDS: Kind = Kind::new("tree-records");
const REPORTS: Kind = Kind::new("reports");
const REST: Kind = Kind::new("device");

const SNAPSHOT: &str = "snapshot";
const APPLIANCE: &str = "appliance";
const REPLAY: &str = "replay-memory";
const WISHES: &str = "wishes";
const NONCES: &str = "nonces";
const PARTIAL: &str = "partial-objects";

/// Records after which a snapshot takes their place.
const MAX_RECORDS: u64 = 256;

/// A session that is to be opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Wish {
    /// With the account of this server.
    pub server: String,
    /// Under this id, if a notification gave one.
    pub session_id: Option<String>,
}

/// The next nonce of an account, which its tree could not keep at once: an Atomic was open.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct LooseNonce {
    /// Where the account is.
    account: String,
    level: String,
    octets: Vec<u8>,
}

impl LooseNonce {
    pub(super) fn new(account: &NodeUri<'_>, level: &AuthLevel, nonce: &Nonce) -> Self {
        let (account, level) = (account.as_str().to_owned(), level.as_str().to_owned());
        Self { account, level, octets: nonce.as_bytes().to_vec() }
    }

    /// Puts it where it belongs, if the account is still there.
    pub(super) fn settle(&self, tree: &mut Tree) {
        let (level, nonce) = (AuthLevel::new(self.level.clone()), Nonce::new(self.octets.clone()));
        let _ = DmAccount::store_nonce(tree, &self.account, &level, &nonce);
    }
}

impl fmt::Debug for LooseNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LooseNonce")
    }
}

/// What was kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub tree: Tree,
    pub appliance: Appliance,
    pub reports: BTreeMap<u64, Report>,
    pub replay: ReplayMemory,
    pub wishes: Vec<Wish>,
}

/// Keeps everything, in one file.
#[derive(Debug)]
pub(super) struct Keeper {
    store: Store,
    first_record: u64,
    next_record: u64,
}

impl Keeper {
    pub(super) fn open(path: &Path, no_sync: bool) -> Result<Self, Failure> {
        let open = if no_sync { Store::open_without_sync } else { Store::open };
        Ok(Self { store: open(path, &FORMAT)?, first_record: 0, next_record: 0 })
    }

    /// What a device was when its process ended; `None` for a new one.
    pub(super) fn load(&mut self) -> Result<Option<Kept>, Failure> {
        let Some(snapshot) = self.store.get::<TreeSnapshot>(TREE, SNAPSHOT)? else { return Ok(None) };
        let misfit = |error| Failure::new("store", format_args!("the tree cannot be restored: {error}"));
        let mut tree = Tree::restore(&snapshot, TreeLimits::default()).map_err(misfit)?;
        (self.first_record, self.next_record) = (0, 0);
        for (at, (key, record)) in self.store.all::<TreeRecord>(RECORDS)?.into_iter().enumerate() {
            tree.replay(&record).map_err(misfit)?;
            let number = number(&key)?;
            if at == 0 {
                self.first_record = number;
            }
            self.next_record = number + 1;
        }
        for nonce in self.store.get::<Vec<LooseNonce>>(REST, NONCES)?.unwrap_or_default() {
            nonce.settle(&mut tree);
        }
        let mut replay = ReplayMemory::new();
        if let Some(octets) = self.store.get::<Vec<u8>>(REST, REPLAY)? {
            let wrong = |error| Failure::new("store", format_args!("the replay memory: {error}"));
            replay.restore(&octets).map_err(wrong)?;
        }
        let reports = self.store.all::<Report>(REPORTS)?;
        let reports: Result<_, Failure> =
            reports.into_iter().map(|(key, report)| Ok((number(&key)?, report))).collect();
        Ok(Some(Kept {
            tree: tree.with_hash_seed(hash_seed()),
            appliance: self.store.get(REST, APPLIANCE)?.unwrap_or_default(),
            reports: reports?,
            replay,
            wishes: self.store.get(REST, WISHES)?.unwrap_or_default(),
        }))
    }

    /// Changes of the tree, in order.
    pub(super) fn records(
        &mut self,
        batch: &mut Batch,
        records: impl IntoIterator<Item = TreeRecord>,
    ) -> Result<(), StoreError> {
        for record in records {
            batch.put(RECORDS, self.next_record.to_be_bytes(), &record)?;
            self.next_record += 1;
        }
        Ok(())
    }

    /// The whole tree, in place of everything that was known of it.
    pub(super) fn snapshot(&mut self, batch: &mut Batch, tree: &Tree) -> Result<(), Failure> {
        let snapshot = tree.snapshot().map_err(|error| Failure::new("tree", error))?;
        batch.put(TREE, SNAPSHOT, &snapshot)?;
        for number in self.first_record..self.next_record {
            batch.remove(RECORDS, number.to_be_bytes());
        }
        self.first_record = self.next_record;
        Ok(())
    }

    pub(super) fn nonces(batch: &mut Batch, nonces: &[LooseNonce]) -> Result<(), StoreError> {
        batch.put(REST, NONCES, &nonces)
    }

    /// Large objects whose transfer broke off; none where another version has written them.
    pub(super) fn partial_objects(&self, now: Instant) -> Result<PartialObjects, StoreError> {
        let kept = self.store.get::<PartialObjectsSnapshot>(REST, PARTIAL)?;
        let kept = kept.and_then(|kept| PartialObjects::new().restored(now, kept).ok());
        Ok(kept.unwrap_or_default())
    }

    pub(super) async fn keep_partial_objects(
        &self,
        now: Instant,
        objects: &PartialObjects,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(REST, PARTIAL, &objects.snapshot(now))?;
        self.write(batch).await
    }

    pub(super) const fn wants_snapshot(&self) -> bool {
        self.next_record - self.first_record >= MAX_RECORDS
    }

    pub(super) fn appliance(batch: &mut Batch, appliance: &Appliance) -> Result<(), StoreError> {
        batch.put(REST, APPLIANCE, appliance)
    }

    pub(super) fn wishes(
        batch: &mut Batch,
        wishes: &[Wish],
        replay: &ReplayMemory,
    ) -> Result<(), StoreError> {
        batch.put(REST, WISHES, &wishes)?;
        batch.put(REST, REPLAY, &replay.snapshot())
    }

    pub(super) fn report(batch: &mut Batch, number: u64, report: Option<&Report>) -> Result<(), StoreError> {
        match report {
            Some(report) => batch.put(REPORTS, number.to_be_bytes(), report),
            None => {
                batch.remove(REPORTS, number.to_be_bytes());
                Ok(())
            }
        }
    }

    /// Writes it all, or nothing; returns when it is on the disk.
    pub(super) async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.store.write(batch).await
    }
}

fn number(key: &[u8]) -> Result<u64, Failure> {
    let key = key.try_into().map_err(|_| Failure::new("store", "an entry is not where it should be"))?;
    Ok(u64::from_be_bytes(key))
}

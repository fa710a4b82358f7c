//! Records that the caller has been asked to store and has not reported yet.

use crate::journal::RecordSeq;

/// Numbers records, and knows whether one is still out: what depends on it is held back so long.
#[derive(Clone, Debug, Default)]
pub(super) struct Unstored {
    last: u64,
    waits: bool,
}

impl Unstored {
    /// The number of the next record.
    pub(super) fn number(&mut self) -> RecordSeq {
        self.last += 1;
        self.waits = true;
        RecordSeq(self.last)
    }

    /// A record was stored, and all before it; the last one ends the wait.
    pub(super) fn stored(&mut self, seq: RecordSeq) {
        if seq.0 >= self.last {
            self.waits = false;
        }
    }

    /// Whether a record is still out.
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Everything up to this number was stored by another machine.
    #[cfg(feature = "serde")]
    pub(super) const fn after(last: u64) -> Self {
        Self { last, waits: false }
    }

    /// The number of the last record.
    #[cfg(feature = "serde")]
    pub(super) const fn last(&self) -> u64 {
        self.last
    }
}

//! The aggregated result of a job as a document in pages (GwMO-FORA-002), as values.

use alloc::string::String;
use alloc::vec::Vec;

use dm_tree::ServerId;

use super::code::ResultCode;
use super::job::{JobKey, JobState};
use super::report::{Counters, SerialRange};
use super::target::TargetState;
use crate::device::Serial;

/// Which devices share an entry. What a server sets here changes how results are gathered, so a gateway lets it do so
/// only where its operator wants that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Grouping {
    /// None do: one entry for each device.
    #[default]
    PerDevice,
    /// Those that ended alike and answered every operation with a Status of the same hundred.
    Loose,
    /// Those that ended alike, answered every operation with the same Status and returned the same data.
    Strict,
}

impl Grouping {
    /// The value of a job's `Grouping` node.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The grouping with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::PerDevice,
            1 => Self::Loose,
            2 => Self::Strict,
            _ => return None,
        })
    }
}

/// How much of the result is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Detail {
    /// The counters.
    Counters,
    /// And the devices that are not ok.
    NotOk,
    /// And every device, with what it answered to each operation.
    #[default]
    Status,
    /// And what it returned.
    Data,
}

impl Detail {
    /// The value of a job's `Detail` node.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The detail with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Counters,
            1 => Self::NotOk,
            2 => Self::Status,
            3 => Self::Data,
            _ => return None,
        })
    }
}

/// One page of a result. Every page says which result it is of, the first one the counters.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ResultPage {
    /// The gateway.
    pub gateway: Option<ServerId>,
    /// What the owner of the job calls it.
    pub job: JobKey,
    /// The gateways it came through; on the first page.
    pub trace: Vec<ServerId>,
    /// The round.
    pub round: u16,
    /// The revision of the result; pages of different ones do not belong together.
    pub rev: u64,
    /// Where the job stands.
    pub state: JobState,
    /// What it came to; `None` before its end.
    pub code: Option<ResultCode>,
    /// Which devices share an entry.
    pub grouping: Grouping,
    /// The page, from 1.
    pub page: u32,
    /// Of how many.
    pub of: u32,
    /// How many devices stand where; on the first page.
    pub counters: Option<Counters>,
    /// The devices that share an entry, the largest bucket first. A bucket that does not fit on a page goes on in
    /// another one with the same outcome.
    pub buckets: Vec<OutcomeBucket>,
    /// The others, ascending.
    pub devices: Vec<DeviceOutcome>,
}

impl ResultPage {
    /// How many devices are on the page.
    #[must_use]
    pub fn count(&self) -> u64 {
        let buckets = self.buckets.iter().flat_map(|bucket| &bucket.serials);
        buckets.map(|range| u64::from(range.count())).sum::<u64>() + self.devices.len() as u64
    }
}

/// Devices with one outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OutcomeBucket {
    /// Where they stand.
    pub state: TargetState,
    /// Why they ended as they did; with loose grouping, for what devices answered, the hundred.
    pub code: Option<ResultCode>,
    /// What they answered.
    pub ops: Vec<OpOutcome>,
    /// How many more answers there are that did not fit.
    pub more: u16,
    /// Which ones, ascending.
    pub serials: Vec<SerialRange>,
}

/// One device.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceOutcome {
    /// Which.
    pub serial: Serial,
    /// Where it stands.
    pub state: TargetState,
    /// Why it ended as it did.
    pub code: Option<ResultCode>,
    /// Attempts so far.
    pub tries: u16,
    /// What it answered.
    pub ops: Vec<OpOutcome>,
    /// How many more answers there are that did not fit.
    pub more: u16,
}

/// What was answered to one operation.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OpOutcome {
    /// The operation, from 0.
    pub op: u16,
    /// The Status; with loose grouping, its hundred.
    pub code: u16,
    /// The `Format` of the data.
    pub format: Option<String>,
    /// The `Type` of the data.
    pub media_type: Option<String>,
    /// What was returned.
    pub data: Option<Vec<u8>>,
    /// How many octets were returned, if not all of them are here.
    pub cut: Option<u64>,
}

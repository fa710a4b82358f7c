//! What Gets bring back.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::str::FromStr;

use dm_syncml::{Command, Format, Item};
use dm_tree::NodeUri;
use thiserror::Error;

use super::commands::get;
use super::job::job_node;
use crate::device::{DeviceId, Serial};
use crate::fanout::{Bucket, Counters, JobKey, JobState, ResultCode, SerialRange, TargetState};
use crate::inventory::{AttachStatus, Summary};
use crate::mo::{STATS, paths};

/// Why an answer could not be read: which node, and what is wrong with it. The fault is the gateway's, or the answer
/// is to another command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{kind}: {node}")]
pub struct ReadError {
    kind: ReadErrorKind,
    node: &'static str,
}

/// What can be wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// A node that was asked for is not among the items.
    #[error("no value for a node")]
    Missing,
    /// A value is not of its format.
    #[error("bad value of a node")]
    Malformed,
}

impl ReadError {
    pub(super) const fn missing(node: &'static str) -> Self {
        Self { kind: ReadErrorKind::Missing, node }
    }

    pub(super) const fn malformed(node: &'static str) -> Self {
        Self { kind: ReadErrorKind::Malformed, node }
    }

    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> ReadErrorKind {
        self.kind
    }

    /// The name of the node.
    #[must_use]
    pub const fn node(&self) -> &'static str {
        self.node
    }
}

/// The items of an answer by their Source.
pub(super) struct Values<'a>(BTreeMap<&'a str, &'a Item<'a>>);

impl<'a> Values<'a> {
    pub(super) fn new(items: &'a [Item<'a>]) -> Self {
        Self(items.iter().filter_map(|item| Some((item.source_uri()?.as_str(), item))).collect())
    }

    pub(super) fn text(&self, node: &NodeUri<'_>) -> Option<&'a str> {
        self.0.get(node.as_str())?.data.as_ref()?.as_text()
    }

    /// The octets, whatever they travelled as.
    pub(super) fn octets(&self, node: &NodeUri<'_>) -> Option<Vec<u8>> {
        let item = self.0.get(node.as_str())?;
        let format: Option<&Format<'_>> = item.format_under(None);
        item.data.as_ref()?.decoded(format).ok().map(alloc::borrow::Cow::into_owned)
    }

    /// A number; `None` when the node is not there.
    pub(super) fn number<N: FromStr>(
        &self,
        node: &NodeUri<'_>,
        name: &'static str,
    ) -> Result<Option<N>, ReadError> {
        self.text(node).map(|text| text.parse().map_err(|_| ReadError::malformed(name))).transpose()
    }

    fn required<N: FromStr>(&self, node: &NodeUri<'_>, name: &'static str) -> Result<N, ReadError> {
        self.number(node, name)?.ok_or(ReadError::missing(name))
    }
}

/// Asks for the inventory in four numbers.
#[must_use]
pub fn get_summary() -> Command<'static> {
    get([paths::REV, paths::TOTAL, paths::ATTACHED, paths::DETACHED].map(summary_node))
}

/// Reads what [`get_summary`] brought. The revision is what the node shows, modulo 2³¹.
///
/// # Errors
///
/// When a number is missing or is none.
pub fn read_summary(items: &[Item<'_>]) -> Result<Summary, ReadError> {
    let values = Values::new(items);
    Ok(Summary {
        rev: values.required(&summary_node(paths::REV), paths::REV)?,
        total: values.required(&summary_node(paths::TOTAL), paths::TOTAL)?,
        attached: values.required(&summary_node(paths::ATTACHED), paths::ATTACHED)?,
        detached: values.required(&summary_node(paths::DETACHED), paths::DETACHED)?,
        by_mode: crate::ModeCounts::default(),
    })
}

/// Some of the devices.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DevicePage {
    /// By ascending serial.
    pub devices: Vec<DeviceLine>,
    /// Where to go on; `None` after the last device.
    pub next: Option<Serial>,
}

/// One device of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceLine {
    /// The number the gateway gave it.
    pub serial: Serial,
    /// What it calls itself.
    pub id: DeviceId,
    /// Whether it is there.
    pub status: AttachStatus,
}

/// Asks for the devices from this serial on, as many as the gateway puts on a page.
#[must_use]
pub fn get_devices(from: Serial) -> Command<'static> {
    get([device_page_node(from)])
}

/// Reads what [`get_devices`] brought, asked for from the same serial.
///
/// # Errors
///
/// When the page is missing or a line is none.
pub fn read_devices(from: Serial, items: &[Item<'_>]) -> Result<DevicePage, ReadError> {
    let page = Values::new(items).text(&device_page_node(from)).ok_or(ReadError::missing(paths::PAGE))?;
    // An identifier may hold semicolons, the numbers around it do not.
    let line = |line: &str| {
        let (serial, rest) = line.split_once(';')?;
        let (id, status) = rest.rsplit_once(';')?;
        let status = match status {
            "1" => AttachStatus::Attached,
            "2" => AttachStatus::Detached,
            _ => return None,
        };
        Some(DeviceLine { serial: serial.parse().ok()?, id: DeviceId::new(id).ok()?, status })
    };
    let devices: Option<Vec<DeviceLine>> = page.lines().map(line).collect();
    let devices = devices.ok_or(ReadError::malformed(paths::PAGE))?;
    let next = devices.last().and_then(|last| last.serial.next());
    Ok(DevicePage { devices, next })
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct JobStatus {
    /// Its state.
    pub state: JobState,
    /// What it came to; or, in a draft, why its Start was refused.
    pub result: Option<ResultCode>,
    /// How many devices stand where.
    pub counters: Counters,
}

/// Asks where a job stands.
#[must_use]
pub fn get_job(key: &JobKey) -> Command<'static> {
    let stats = STATS.iter().map(|(name, _)| job_node(key, &[paths::STAT, name]));
    get([job_node(key, &[paths::STATE]), job_node(key, &[paths::RESULT])].into_iter().chain(stats))
}

/// Reads what [`get_job`] brought.
///
/// # Errors
///
/// When a number is missing, is none, or is no state.
pub fn read_job(key: &JobKey, items: &[Item<'_>]) -> Result<JobStatus, ReadError> {
    let values = Values::new(items);
    let state: u8 = values.required(&job_node(key, &[paths::STATE]), paths::STATE)?;
    let state = JobState::from_number(state).ok_or(ReadError::malformed(paths::STATE))?;
    let result: u16 = values.required(&job_node(key, &[paths::RESULT]), paths::RESULT)?;
    let mut counters = Counters::default();
    for (name, counter) in STATS {
        *counter(&mut counters) = values.required(&job_node(key, &[paths::STAT, name]), name)?;
    }
    Ok(JobStatus { state, result: (result != 0).then(|| ResultCode::new(result)), counters })
}

/// The aggregated result of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outcomes {
    /// The devices by outcome, the largest bucket first.
    pub buckets: Vec<Bucket>,
    /// Whether the gateway left out what did not fit: buckets, or serials of the last one.
    pub is_cut: bool,
}

/// Asks for the aggregated result of a job.
#[must_use]
pub fn get_outcomes(key: &JobKey) -> Command<'static> {
    get([job_node(key, &[paths::OUT, paths::SUM])])
}

/// Reads what [`get_outcomes`] brought.
///
/// # Errors
///
/// When it is missing or a line is none.
pub fn read_outcomes(key: &JobKey, items: &[Item<'_>]) -> Result<Outcomes, ReadError> {
    let node = job_node(key, &[paths::OUT, paths::SUM]);
    let sum = Values::new(items).text(&node).ok_or(ReadError::missing(paths::SUM))?;
    let mut outcomes = Outcomes { buckets: Vec::new(), is_cut: false };
    for line in sum.lines() {
        if line == "+" {
            outcomes.is_cut = true;
            break;
        }
        outcomes.buckets.push(bucket(line).ok_or(ReadError::malformed(paths::SUM))?);
    }
    Ok(outcomes)
}

fn bucket(line: &str) -> Option<Bucket> {
    let mut fields = line.splitn(4, ';');
    let state = target_state(fields.next()?)?;
    let code = ResultCode::new(fields.next()?.parse().ok()?);
    let count = fields.next()?.parse().ok()?;
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Some(SerialRange { first: first.parse().ok()?, last: last.parse().ok()? })
    };
    let serials: Option<Vec<SerialRange>> = fields.next()?.split_whitespace().map(range).collect();
    Some(Bucket { state, code, count, serials: serials? })
}

/// Some of the records of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecordPage {
    /// By ascending serial.
    pub records: Vec<RecordLine>,
    /// Where to go on; `None` after the last record.
    pub next: Option<Serial>,
}

/// What became of one device.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecordLine {
    /// The device.
    pub serial: Serial,
    /// What it calls itself; `None` when it was forgotten.
    pub id: Option<DeviceId>,
    /// Where it stands.
    pub state: TargetState,
    /// Why it ended as it did; `None` before its end.
    pub code: Option<ResultCode>,
    /// Attempts so far.
    pub tries: u16,
}

/// Asks for the records of a job from this serial on, as many as the gateway puts on a page.
#[must_use]
pub fn get_records(key: &JobKey, from: Serial) -> Command<'static> {
    get([record_page_node(key, from)])
}

/// Reads what [`get_records`] brought, asked for from the same serial.
///
/// # Errors
///
/// When the page is missing or a line is none.
pub fn read_records(key: &JobKey, from: Serial, items: &[Item<'_>]) -> Result<RecordPage, ReadError> {
    let page =
        Values::new(items).text(&record_page_node(key, from)).ok_or(ReadError::missing(paths::PAGE))?;
    let line = |line: &str| {
        let (serial, rest) = line.split_once(';')?;
        let mut fields = rest.rsplitn(4, ';');
        let tries = fields.next()?.parse().ok()?;
        let code: u16 = fields.next()?.parse().ok()?;
        let state = target_state(fields.next()?)?;
        let id = match fields.next()? {
            "" => None,
            id => Some(DeviceId::new(id).ok()?),
        };
        let code = (code != 0).then(|| ResultCode::new(code));
        Some(RecordLine { serial: serial.parse().ok()?, id, state, code, tries })
    };
    let records: Option<Vec<RecordLine>> = page.lines().map(line).collect();
    let records = records.ok_or(ReadError::malformed(paths::PAGE))?;
    let next = records.last().and_then(|last| last.serial.next());
    Ok(RecordPage { records, next })
}

fn target_state(number: &str) -> Option<TargetState> {
    let number: u8 = number.parse().ok()?;
    TargetState::ALL.into_iter().find(|state| state.number() == number)
}

fn summary_node(leaf: &str) -> NodeUri<'static> {
    paths::below(paths::INVENTORY, &[paths::SUMMARY, leaf])
}

fn device_page_node(from: Serial) -> NodeUri<'static> {
    paths::below(paths::INVENTORY, &[paths::PAGE, &from.to_string()])
}

fn record_page_node(key: &JobKey, from: Serial) -> NodeUri<'static> {
    job_node(key, &[paths::OUT, paths::PAGE, &from.to_string()])
}

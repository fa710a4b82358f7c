//! What became of jobs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Command, Encoding, Item, StatusCode};

use super::Console;
use super::read::{ReadError, Values};
use crate::device::{DeviceId, Serial};
use crate::fanout::{Bucket, Counters, JobKey, JobState, ResultCode, ResultPage, SerialRange, TargetState};
use crate::mo::{FanoutSlot as Node, STATS};

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

/// The aggregated result of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outcomes {
    /// The devices by outcome, the largest bucket first.
    pub buckets: Vec<Bucket>,
    /// Whether the gateway left out what did not fit: buckets, or serials of the last one.
    pub is_cut: bool,
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

/// What a device answered to one operation.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OpAnswer {
    /// The number of the operation, from 1.
    pub number: u16,
    /// Its Status; `None` when it was not answered.
    pub status: Option<StatusCode>,
    /// What it returned, as far as the gateway kept it.
    pub data: Option<Vec<u8>>,
    /// The Format of the data.
    pub format: Option<String>,
    /// The Type of the data.
    pub media_type: Option<String>,
    /// Octets it returned, if not all of them were kept.
    pub cut: Option<u32>,
}

impl Console {
    /// Asks where a job stands.
    #[must_use]
    pub fn get_job(&self, key: &JobKey) -> Command<'static> {
        let key = &[key.as_str()][..];
        let nodes = [Node::State, Node::Result].into_iter().chain(STATS.map(|(node, _)| node));
        self.get(nodes.map(|node| (node, key)))
    }

    /// Reads what [`get_job`](Self::get_job) brought.
    ///
    /// # Errors
    ///
    /// When a number is missing, is none, or is no state.
    pub fn read_job(&self, key: &JobKey, items: &[Item<'_>]) -> Result<JobStatus, ReadError> {
        let (values, key) = (Values::new(self, items), [key.as_str()]);
        let state: u8 = values.required(Node::State, &key)?;
        let state = JobState::from_number(state).ok_or_else(|| ReadError::malformed(Node::State))?;
        let result: u16 = values.required(Node::Result, &key)?;
        let mut counters = Counters::default();
        for (node, counter) in STATS {
            *counter(&mut counters) = values.required(node, &key)?;
        }
        Ok(JobStatus { state, result: (result != 0).then(|| ResultCode::new(result)), counters })
    }

    /// Asks for the aggregated result of a job, in lines (GwMO-FORA-002).
    #[must_use]
    pub fn get_outcomes(&self, key: &JobKey) -> Command<'static> {
        self.get([(Node::OutSum, &[key.as_str()][..])])
    }

    /// Reads what [`get_outcomes`](Self::get_outcomes) brought.
    ///
    /// # Errors
    ///
    /// When it is missing or a line is none.
    pub fn read_outcomes(&self, key: &JobKey, items: &[Item<'_>]) -> Result<Outcomes, ReadError> {
        let values = Values::new(self, items);
        let text =
            values.text(Node::OutSum, &[key.as_str()]).ok_or_else(|| ReadError::missing(Node::OutSum))?;
        Outcomes::parse(text).ok_or_else(|| ReadError::malformed(Node::OutSum))
    }

    /// Asks for a page of the aggregated result of a job as a document, from 1 on; it says of how many. How it is grouped and how much
    /// it tells was said when the job was added.
    #[must_use]
    pub fn get_result_page(&self, key: &JobKey, page: u32) -> Command<'static> {
        self.get([(Node::OutDoc, &[key.as_str(), &*page.to_string()][..])])
    }

    /// Reads what [`get_result_page`](Self::get_result_page) brought.
    ///
    /// # Errors
    ///
    /// When the page is missing or is none.
    pub fn read_result_page(
        &self,
        key: &JobKey,
        page: u32,
        items: &[Item<'_>],
    ) -> Result<ResultPage, ReadError> {
        let octets = Values::new(self, items).octets(Node::OutDoc, &[key.as_str(), &page.to_string()]);
        let octets = octets.ok_or_else(|| ReadError::missing(Node::OutDoc))?;
        ResultPage::decode(&octets, Encoding::Wbxml).map_err(|_| ReadError::malformed(Node::OutDoc))
    }

    /// Asks for the records of a job from this serial on, as many as the gateway puts on a page.
    #[must_use]
    pub fn get_records(&self, key: &JobKey, from: Serial) -> Command<'static> {
        self.get([(Node::OutPage, &[key.as_str(), &*from.to_string()][..])])
    }

    /// Reads what [`get_records`](Self::get_records) brought, asked for from the same serial.
    ///
    /// # Errors
    ///
    /// When the page is missing or a line is none.
    pub fn read_records(
        &self,
        key: &JobKey,
        from: Serial,
        items: &[Item<'_>],
    ) -> Result<RecordPage, ReadError> {
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
        let keys = [key.as_str(), &from.to_string()];
        let records = Values::new(self, items).lines(Node::OutPage, &keys, line)?;
        let next = records.last().and_then(|last| last.serial.next());
        Ok(RecordPage { records, next })
    }

    /// Asks what one device answered to the first `ops` operations of a job. Nodes that do not exist, such as the data of
    /// an operation that returned none, are answered 404 beside the others.
    #[must_use]
    pub fn get_answers(&self, key: &JobKey, serial: Serial, ops: u16) -> Command<'static> {
        let (key, serial) = (key.as_str(), serial.to_string());
        let leaves = [Node::AnswerCode, Node::AnswerFmt, Node::AnswerType, Node::AnswerData, Node::AnswerCut];
        let numbers: Vec<String> = (1..=ops).map(|number| number.to_string()).collect();
        let keys: Vec<[&str; 3]> = numbers.iter().map(|number| [key, &*serial, &**number]).collect();
        self.get(keys.iter().flat_map(|keys| leaves.map(|node| (node, &keys[..]))))
    }

    /// Reads what [`get_answers`](Self::get_answers) brought, one entry for each operation that has an outcome node.
    ///
    /// # Errors
    ///
    /// When a number is none.
    pub fn read_answers(
        &self,
        key: &JobKey,
        serial: Serial,
        ops: u16,
        items: &[Item<'_>],
    ) -> Result<Vec<OpAnswer>, ReadError> {
        let values = Values::new(self, items);
        let mut answers = Vec::new();
        for number in 1..=ops {
            let keys = [key.as_str(), &*serial.to_string(), &*number.to_string()];
            let Some(code) = values.optional::<u16>(Node::AnswerCode, &keys)? else { continue };
            answers.push(OpAnswer {
                number,
                status: (code != 0).then(|| StatusCode::new(code)),
                data: values.octets(Node::AnswerData, &keys),
                format: values.text(Node::AnswerFmt, &keys).map(String::from),
                media_type: values.text(Node::AnswerType, &keys).map(String::from),
                cut: values.optional(Node::AnswerCut, &keys)?,
            });
        }
        Ok(answers)
    }
}

impl Outcomes {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut outcomes = Self { buckets: Vec::new(), is_cut: false };
        for line in text.lines() {
            if line == "+" {
                outcomes.is_cut = true;
                break;
            }
            outcomes.buckets.push(bucket(line)?);
        }
        Some(outcomes)
    }
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

fn target_state(number: &str) -> Option<TargetState> {
    let number: u8 = number.parse().ok()?;
    TargetState::ALL.into_iter().find(|state| state.number() == number)
}

//! What became of a job: the nodes below `Stat` and `Out`.

use alloc::format;
use alloc::string::{String, ToString};

use dm_syncml::StatusCode;
use dm_tree::Children;

use super::fanout::op_number;
use super::job::Job;
use super::table::FanoutSlot as Node;
use super::{Keys, Leaf, Objects, Shape, chr, int, rev_number};
use crate::device::Serial;
use crate::fanout::{
    Bucket, Counters, Detail, Grouping, OpRecord, ResultCode, ResultOptions, ResultPages, TargetRecord,
};

/// Finds one of the counters.
type Counter = fn(&mut Counters) -> &mut u32;

/// The leaves of `Stat`, each with its counter.
pub(crate) const STATS: [(Node, Counter); 11] = [
    (Node::StatTotal, |c| &mut c.total),
    (Node::StatQueued, |c| &mut c.queued),
    (Node::StatFlight, |c| &mut c.in_flight),
    (Node::StatOk, |c| &mut c.ok),
    (Node::StatFailed, |c| &mut c.failed),
    (Node::StatRefused, |c| &mut c.refused),
    (Node::StatUnreachable, |c| &mut c.unreachable),
    (Node::StatTimeout, |c| &mut c.timed_out),
    (Node::StatSkipped, |c| &mut c.skipped),
    (Node::StatCancelled, |c| &mut c.cancelled),
    (Node::StatUnknown, |c| &mut c.indeterminate),
];

impl Objects {
    pub(super) fn result_shape(&self, job: &Job, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        match node {
            Node::Stat
            | Node::Out
            | Node::OutRev
            | Node::OutSum
            | Node::OutDocs
            | Node::OutPages
            | Node::OutRecords => Some(Shape::PLAIN),
            Node::OutDoc => Shape::there(page_number(keys[1]).is_some() && job.started.is_some()),
            Node::OutPage => Shape::there(keys[1].parse::<Serial>().is_ok()),
            _ if STATS.iter().any(|(stat, _)| *stat == node) => Some(Shape::PLAIN),
            _ => {
                let record = self.target(job, keys)?;
                match node {
                    Node::Record
                    | Node::RecordState
                    | Node::RecordCode
                    | Node::RecordTries
                    | Node::RecordOps => Some(Shape::PLAIN),
                    Node::RecordDevId => Shape::there(self.inventory.record(record.serial()).is_some()),
                    _ => {
                        let answer = answer(job, &record, keys)?;
                        match node {
                            Node::RecordOp | Node::AnswerCode => Some(Shape::PLAIN),
                            Node::AnswerFmt => Shape::there(answer.format().is_some()),
                            Node::AnswerType => Shape::there(answer.media_type().is_some()),
                            Node::AnswerCut => Shape::there(answer.cut().is_some()),
                            Node::AnswerData => answer.data().map(|_| {
                                let mime = answer.media_type().map(String::from);
                                Shape {
                                    content: mime.map(|mime| (dm_tree::Format::Bin, mime)),
                                    ..Shape::PLAIN
                                }
                            }),
                            _ => None,
                        }
                    }
                }
            }
        }
    }

    pub(super) fn result_value(&self, job: &Job, node: Node, keys: &Keys<'_>) -> Leaf {
        const NONE: StatusCode = StatusCode::NOT_FOUND;
        if let Some((_, counter)) = STATS.iter().find(|(stat, _)| *stat == node) {
            return Ok(int(*counter(&mut self.view(job).map(|view| view.counters()).unwrap_or_default())));
        }
        match node {
            Node::OutRev => {
                return Ok(int(rev_number(self.view(job).map_or(0, |view| view.rev()))));
            }
            Node::OutDoc => {
                let page = page_number(keys[1]).and_then(|page| self.pages(job)?.encode(page));
                return page.ok_or(NONE);
            }
            Node::OutSum => return Ok(self.sum(job).into_bytes()),
            Node::OutPage => {
                return keys[1]
                    .parse()
                    .map(|from| self.record_page(job, from).into_bytes())
                    .map_err(|_| NONE);
            }
            _ => {}
        }
        let record = self.target(job, keys).ok_or(NONE)?;
        Ok(match node {
            Node::RecordDevId => chr(self.inventory.record(record.serial()).ok_or(NONE)?.id().as_str()),
            Node::RecordState => int(record.state().number()),
            Node::RecordCode => int(record.code().map_or(0, ResultCode::get)),
            Node::RecordTries => int(record.tries()),
            _ => {
                let answer = answer(job, &record, keys).ok_or(NONE)?;
                match node {
                    Node::AnswerCode => int(answer.status().map_or(0, StatusCode::get)),
                    Node::AnswerFmt => chr(answer.format().ok_or(NONE)?),
                    Node::AnswerType => chr(answer.media_type().ok_or(NONE)?),
                    Node::AnswerData => answer.data().ok_or(NONE)?.to_vec(),
                    Node::AnswerCut => answer.cut().ok_or(NONE)?.to_string().into_bytes(),
                    _ => return Err(NONE),
                }
            }
        })
    }

    pub(super) fn result_names(&self, job: &Job, node: Node, out: &mut Children) {
        match node {
            // Any serial names a page; listed is the one to begin with.
            Node::OutPage => out.push("1"),
            Node::OutDoc => {
                let pages = self.pages(job).map_or(0, |pages| pages.len());
                (1..=pages).all(|page| out.push(&page.to_string()))
            }
            Node::Record => {
                let view = self.view(job);
                view.is_none_or(|view| view.records(..).all(|record| out.push(&record.serial().to_string())))
            }
            Node::RecordOp => job.ops.keys().all(|number| out.push(&number.to_string())),
            _ => true,
        };
    }

    fn target(&self, job: &Job, keys: &Keys<'_>) -> Option<TargetRecord<'_>> {
        self.view(job)?.record(keys[1].parse().ok()?)
    }

    /// Lines of `serial;DevID;State;Code;Tries`, as many as fit.
    fn record_page(&self, job: &Job, from: Serial) -> String {
        let mut page = String::new();
        let Some(view) = self.view(job) else { return page };
        for record in view.records(from..) {
            let id = self.inventory.record(record.serial()).map_or("", |record| record.id().as_str());
            let (state, code) = (record.state().number(), record.code().map_or(0, ResultCode::get));
            let line = format!("{};{id};{state};{code};{}\n", record.serial(), record.tries());
            if !page.is_empty() && page.len() + line.len() > self.limits.max_page {
                break;
            }
            page.push_str(&line);
        }
        page
    }

    /// The aggregated result in pages. To make them out is linear in the devices of the job.
    fn pages(&self, job: &Job) -> Option<ResultPages<'_>> {
        let grouping = Grouping::from_number(job.report().grouping).unwrap_or_default();
        let detail = Detail::from_number(job.report().detail).unwrap_or_default();
        let options = ResultOptions::default()
            .with_gateway(self.gateway.clone())
            .with_grouping(grouping)
            .with_detail(detail)
            .with_max_page(self.limits.max_page);
        Some(self.view(job)?.result_pages(&options))
    }

    /// The aggregated result of a job by its number, as `Out/Sum` has it.
    pub(crate) fn sum_of(&self, number: crate::fanout::JobNo) -> String {
        self.jobs.numbered(number).map_or_else(String::new, |(_, job)| self.sum(job))
    }

    /// The outcomes, one bucket a line. What did not fit is missing from the end, and a last line `+` says so.
    fn sum(&self, job: &Job) -> String {
        let mut sum = String::new();
        let buckets = self.view(job).map(|view| view.report().buckets).unwrap_or_default();
        for bucket in &buckets {
            if !push_bucket(&mut sum, bucket, self.limits.max_page) {
                sum.push_str("+\n");
                break;
            }
        }
        sum
    }
}

/// The place of a page, counted from 0, by its name, which counts from 1.
fn page_number(name: &str) -> Option<usize> {
    let number: Serial = name.parse().ok()?;
    usize::try_from(number.get() - 1).ok()
}

/// Adds the line of a bucket; whether all of it fitted.
fn push_bucket(sum: &mut String, bucket: &Bucket, max: usize) -> bool {
    let line = format!("{};{};{};", bucket.state.number(), bucket.code, bucket.count);
    if sum.len() + line.len() >= max {
        return false;
    }
    sum.push_str(&line);
    for (index, range) in bucket.serials.iter().enumerate() {
        let text = format!("{}{range}", if index > 0 { " " } else { "" });
        if sum.len() + text.len() >= max {
            sum.push('\n');
            return false;
        }
        sum.push_str(&text);
    }
    sum.push('\n');
    true
}

/// The answer to an operation by its number in the job.
fn answer<'a>(job: &Job, record: &TargetRecord<'a>, keys: &Keys<'_>) -> Option<OpRecord<'a>> {
    let number = op_number(keys[2])?;
    let index = job.ops.keys().position(|known| *known == number)?;
    record.op(u16::try_from(index).ok()?)
}

//! From the records of a job to the pages of its result.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::ops::Range;

use dm_syncml::{Encoding, StatusCode};
use dm_tree::ServerId;

use super::code::ResultCode;
use super::entry::JobView;
use super::report::{OpRecord, SerialRange, TargetRecord};
use super::result::{Detail, DeviceOutcome, Grouping, OpOutcome, OutcomeBucket, ResultPage};
use super::result_document::{Item, is_plain, measured, range_len};
use super::target::TargetState;

/// How a result is told.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ResultOptions {
    /// The gateway that tells it. Default none.
    pub gateway: Option<ServerId>,
    /// Which devices share an entry. Default: none do.
    pub grouping: Grouping,
    /// How much is told. Default: what every device answered.
    pub detail: Detail,
    /// How the pages are encoded. Default WBXML.
    pub encoding: Encoding,
    /// Most octets of a page: the smaller one of what the gateway and the server's `MaxObjSize` allow. At least
    /// [`MIN_PAGE`](Self::MIN_PAGE). Default 64 KiB.
    pub max_page: usize,
}

impl Default for ResultOptions {
    fn default() -> Self {
        Self {
            gateway: None,
            grouping: Grouping::default(),
            detail: Detail::default(),
            encoding: Encoding::Wbxml,
            max_page: 65_536,
        }
    }
}

impl ResultOptions {
    /// The smallest limit of a page: as much as the longest names take, and something to say.
    pub const MIN_PAGE: usize = 8192;

    /// Sets [`gateway`](Self::gateway).
    #[must_use]
    pub fn with_gateway(mut self, gateway: ServerId) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Sets [`grouping`](Self::grouping).
    #[must_use]
    pub const fn with_grouping(mut self, grouping: Grouping) -> Self {
        self.grouping = grouping;
        self
    }

    /// Sets [`detail`](Self::detail).
    #[must_use]
    pub const fn with_detail(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    /// Sets [`encoding`](Self::encoding).
    #[must_use]
    pub const fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Sets [`max_page`](Self::max_page).
    #[must_use]
    pub const fn with_max_page(mut self, octets: usize) -> Self {
        self.max_page = octets;
        self
    }
}

/// The result of a job in pages, each made when it is asked for.
#[derive(Debug)]
pub struct ResultPages<'a> {
    view: JobView<'a>,
    options: ResultOptions,
    buckets: Vec<OutcomeBucket>,
    /// Places of the targets with an entry of their own.
    singles: Vec<u32>,
    pages: Vec<(Range<usize>, Range<usize>)>,
}

/// What devices with a common entry have in common. The numbers stand for what became of the operations.
type Common = (TargetState, u16, u32);

/// How many of them there are, which, and the place of the first.
type Sharers = (u32, Vec<SerialRange>, u32);

impl<'a> JobView<'a> {
    /// The result in pages. Its size follows the number of different outcomes and of gaps in the serials, where
    /// devices share entries; it is linear in the targets to find out.
    #[must_use]
    pub fn result_pages(&self, options: &ResultOptions) -> ResultPages<'a> {
        let mut pages = ResultPages {
            view: *self,
            options: options.clone(),
            buckets: Vec::new(),
            singles: Vec::new(),
            pages: Vec::new(),
        };
        pages.options.max_page = options.max_page.max(ResultOptions::MIN_PAGE);
        pages.gather();
        pages.lay_out();
        pages
    }
}

impl ResultPages<'_> {
    /// How many pages there are; at least one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// Never: the first page has the counters.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// One page, counted from 0.
    #[must_use]
    pub fn page(&self, index: usize) -> Option<ResultPage> {
        let (buckets, singles) = self.pages.get(index)?;
        let mut page = self.header(index, self.pages.len());
        page.buckets = self.buckets[buckets.clone()].to_vec();
        page.devices = self.singles[singles.clone()].iter().map(|at| self.device(*at)).collect();
        Some(page)
    }

    /// One page as a document, counted from 0; at most as long as asked for.
    #[must_use]
    pub fn encode(&self, index: usize) -> Option<Vec<u8>> {
        Some(self.page(index)?.encode(self.options.encoding))
    }

    fn header(&self, index: usize, of: usize) -> ResultPage {
        let job = self.view.job;
        let first = index == 0;
        ResultPage {
            gateway: self.options.gateway.clone(),
            job: job.key.clone(),
            trace: if first { job.trace.gateways().cloned().collect() } else { Vec::new() },
            round: job.round,
            rev: job.rev,
            state: job.state,
            code: job.result,
            grouping: self.options.grouping,
            page: u32::try_from(index + 1).unwrap_or(u32::MAX),
            of: u32::try_from(of).unwrap_or(u32::MAX),
            counters: first.then(|| self.view.counters()),
            buckets: Vec::new(),
            devices: Vec::new(),
        }
    }

    /// Finds out who shares an entry.
    fn gather(&mut self) {
        let least = match self.options.detail {
            Detail::Counters => return,
            detail => detail,
        };
        let job = self.view.job;
        let wanted =
            |state: TargetState| least > Detail::NotOk || state.is_terminal() && state != TargetState::Ok;
        let chosen = (0..).zip(&job.targets).filter(|(_, target)| wanted(target.state));
        if self.options.grouping == Grouping::PerDevice {
            self.singles = chosen.map(|(at, _)| at).collect();
            return;
        }
        let mut classes: BTreeMap<Vec<u16>, u32> = BTreeMap::new();
        let mut class_of: BTreeMap<(bool, u32), u32> = BTreeMap::new();
        let mut found: BTreeMap<Common, Sharers> = BTreeMap::new();
        for (at, target) in chosen {
            let code = if target.state.is_terminal() { target.code } else { 0 };
            // What became of the operations, as a number: of the outcome that is kept once, or of what is uniform.
            let outcome = match (target.live(), target.outcome()) {
                (Some(_), _) => (false, 0),
                (None, Some(outcome)) => (true, outcome),
                (None, None) => (false, 1 << 24 | (target.uniform as u32) << 16 | u32::from(target.status)),
            };
            let key = if self.options.grouping == Grouping::Strict {
                // Distinct, since there are fewer outcomes than that.
                (target.state, code, if outcome.0 { 1 << 31 | outcome.1 } else { outcome.1 })
            } else {
                let class = *class_of.entry(outcome).or_insert_with(|| {
                    let ops = self.view.look_at(target).ops().map(|op| self.status(&op).unwrap_or(0));
                    let next = classes.len() as u32;
                    *classes.entry(ops.collect()).or_insert(next)
                });
                (target.state, hundred(code), class)
            };
            let serial = target.serial;
            let (count, serials, _) = found.entry(key).or_insert((0, Vec::new(), at));
            *count += 1;
            match serials.last_mut() {
                Some(range) if range.last.next() == Some(serial) => range.last = serial,
                _ => serials.push(SerialRange { first: serial, last: serial }),
            }
        }
        let mut found: Vec<(Common, Sharers)> = found.into_iter().collect();
        // Stable, so that equals stay in the order of state and code.
        found.sort_by_key(|(_, (count, ..))| Reverse(*count));
        for ((state, code, _), (count, serials, at)) in found {
            if count == 1 {
                self.singles.push(at);
                continue;
            }
            let ops = self.ops(&self.view.look_at(&job.targets[at as usize]));
            let code = (code != 0).then_some(ResultCode::new(code));
            self.buckets.push(OutcomeBucket { state, code, ops, more: 0, serials });
        }
        self.singles.sort_unstable();
    }

    /// Fills pages in order.
    fn lay_out(&mut self) {
        let encoding = self.options.encoding;
        // As long as a header gets, so that no page is too long when its numbers are known.
        let longest = |index| {
            let mut header = self.header(index, 0);
            (header.page, header.of) = (u32::MAX, u32::MAX);
            header.encode(encoding).len()
        };
        let (first, further) = (longest(0), longest(1));
        let room = self.options.max_page - further;
        let mut left = self.options.max_page.saturating_sub(first);
        let mut cut = Vec::new();
        let mut pages = Vec::new();
        let (mut from_bucket, mut to_bucket) = (0, 0);
        for bucket in core::mem::take(&mut self.buckets) {
            let mut bucket = bucket;
            bucket.more = shorten(&mut bucket.ops, room / 2);
            let serials = core::mem::take(&mut bucket.serials);
            let overhead = measured(encoding, Item::Bucket(&bucket)) + 16;
            let mut serials = &serials[..];
            while !serials.is_empty() {
                let mut len = overhead;
                let fits = |range: &&SerialRange| {
                    len += range_len(range);
                    len <= left
                };
                let count = serials.iter().take_while(fits).count();
                // A page that is nearly full takes nothing more.
                if count < serials.len().min(4) && left < room {
                    pages.push((from_bucket..to_bucket, 0..0));
                    from_bucket = to_bucket;
                    left = room;
                    continue;
                }
                let (now, later) = serials.split_at(count.max(1));
                let part = OutcomeBucket { serials: now.to_vec(), ..bucket.clone() };
                left = left.saturating_sub(measured(encoding, Item::Bucket(&part)));
                cut.push(part);
                to_bucket += 1;
                serials = later;
            }
        }
        self.buckets = cut;
        let mut from_single = 0;
        for place in 0..self.singles.len() {
            let len = measured(encoding, Item::Device(&self.device(self.singles[place])));
            if len > left {
                pages.push((from_bucket..to_bucket, from_single..place));
                (from_bucket, from_single) = (to_bucket, place);
                left = room;
            }
            left = left.saturating_sub(len);
        }
        pages.push((from_bucket..to_bucket, from_single..self.singles.len()));
        self.pages = pages;
    }

    fn device(&self, at: u32) -> DeviceOutcome {
        let record = self.view.look_at(&self.view.job.targets[at as usize]);
        let mut ops = self.ops(&record);
        let more = shorten(&mut ops, self.options.max_page / 4);
        DeviceOutcome {
            serial: record.serial(),
            state: record.state(),
            code: record.code(),
            tries: record.tries(),
            ops,
            more,
        }
    }

    fn status(&self, op: &OpRecord<'_>) -> Option<u16> {
        let status = op.status().map(StatusCode::get)?;
        Some(if self.options.grouping == Grouping::Loose { hundred(status) } else { status })
    }

    /// What was answered, as far as it is told.
    fn ops(&self, record: &TargetRecord<'_>) -> Vec<OpOutcome> {
        let loose = self.options.grouping == Grouping::Loose;
        let data = self.options.detail == Detail::Data && !loose;
        let name = |name: Option<&str>| {
            name.filter(|name| data && !name.is_empty() && is_plain(name)).map(String::from)
        };
        let outcome = |op: OpRecord<'_>| {
            Some(OpOutcome {
                op: op.index(),
                code: self.status(&op)?,
                format: name(op.format()),
                media_type: name(op.media_type()),
                data: op.data().filter(|_| data).map(Vec::from),
                cut: op.cut().filter(|_| data).map(|size| size as u64),
            })
        };
        record.ops().filter_map(outcome).collect()
    }
}

/// The hundred of a Status; a verdict of the gateway as it is.
const fn hundred(code: u16) -> u16 {
    if code < 1000 { code / 100 * 100 } else { code }
}

/// Leaves out data until so many octets are left, which is told by `Cut`; and then answers: how many.
fn shorten(ops: &mut Vec<OpOutcome>, room: usize) -> u16 {
    /// More than an answer without data takes.
    const ANSWER: usize = 96;
    let told = ops.len().min(room / ANSWER / 2);
    let more = u16::try_from(ops.len() - told).unwrap_or(u16::MAX);
    ops.truncate(told);
    let mut left = room - told * ANSWER;
    for op in ops {
        // Names are bounded, text may need escapes, and what is no text takes a third more.
        let size = op.payload() * 6 + 1600;
        if op.payload() > 0 && size <= left {
            left -= size;
        } else if let Some(data) = op.data.take_if(|data| !data.is_empty()) {
            op.cut = Some(op.cut.unwrap_or(data.len() as u64));
            (op.format, op.media_type) = (None, None);
        } else {
            (op.format, op.media_type) = (None, None);
        }
    }
    more
}

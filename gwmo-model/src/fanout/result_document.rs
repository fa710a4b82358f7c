//! The pages of a result as documents: one mapping for XML and WBXML.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;
use core::str::FromStr;

use base64ct::{Base64, Encoding as _};
use dm_syncml::Encoding;
use dm_tree::ServerId;
use dm_wbxml::wbxml::{self, StringTable, Version};
use dm_wbxml::{CodePage, CodeSpace, ErrorKind, Limits, Name, PublicId, Sink, Source, Tag, is_xml_text};
use thiserror::Error;

use super::code::ResultCode;
use super::job::{JobKey, JobState};
use super::report::{Counters, SerialRange};
use super::result::{DeviceOutcome, Grouping, OpOutcome, OutcomeBucket, ResultPage};
use super::target::TargetState;
use crate::mo::{STATS, Slot};

/// The elements of a result. The name is of the private range, like the object tree it belongs to.
static PAGE: CodePage = CodePage::new(
    0,
    &["urn:oma:mo:x-gwmo-fanout:1.0"],
    &[
        (0x05, "FanoutResult"),
        (0x06, "Ver"),
        (0x07, "Gw"),
        (0x08, "Job"),
        (0x09, "Trace"),
        (0x0A, "Round"),
        (0x0B, "Rev"),
        (0x0C, "State"),
        (0x0D, "Code"),
        (0x0E, "Grouping"),
        (0x0F, "Page"),
        (0x10, "Of"),
        (0x11, "Stat"),
        (0x12, "Bucket"),
        (0x13, "Dev"),
        (0x14, "Id"),
        (0x15, "Ids"),
        (0x16, "Tries"),
        (0x17, "Op"),
        (0x18, "I"),
        (0x19, "Fmt"),
        (0x1A, "Type"),
        (0x1B, "Data"),
        (0x1C, "Bin"),
        (0x1D, "Cut"),
        (0x1E, "More"),
        // In the order of the nodes below `Stat`.
        (0x20, "Total"),
        (0x21, "Queued"),
        (0x22, "Flight"),
        (0x23, "Ok"),
        (0x24, "Failed"),
        (0x25, "Refused"),
        (0x26, "Unreachable"),
        (0x27, "Timeout"),
        (0x28, "Skipped"),
        (0x29, "Cancelled"),
        (0x2A, "Unknown"),
    ],
);

static SPACE: CodeSpace = CodeSpace::new(PublicId::UNKNOWN, "-//X-GWMO//DTD Fanout Result 1.0//EN", &[&PAGE]);

const fn tag(token: u8) -> Tag {
    Tag::new(0, token)
}

const ROOT: Tag = tag(0x05);
const VER: Tag = tag(0x06);
const GW: Tag = tag(0x07);
const JOB: Tag = tag(0x08);
const TRACE: Tag = tag(0x09);
const ROUND: Tag = tag(0x0A);
const REV: Tag = tag(0x0B);
const STATE: Tag = tag(0x0C);
const CODE: Tag = tag(0x0D);
const GROUPING: Tag = tag(0x0E);
const PAGE_NO: Tag = tag(0x0F);
const OF: Tag = tag(0x10);
const STAT: Tag = tag(0x11);
const BUCKET: Tag = tag(0x12);
const DEV: Tag = tag(0x13);
const ID: Tag = tag(0x14);
const IDS: Tag = tag(0x15);
const TRIES: Tag = tag(0x16);
const OP: Tag = tag(0x17);
const INDEX: Tag = tag(0x18);
const FMT: Tag = tag(0x19);
const TYPE: Tag = tag(0x1A);
const DATA: Tag = tag(0x1B);
const BIN: Tag = tag(0x1C);
const CUT: Tag = tag(0x1D);
const MORE: Tag = tag(0x1E);
/// The first of the counters.
const FIRST_STAT: u8 = 0x20;

/// The version of the document.
const VERSION: &str = "1";

/// Why octets are no page of a result.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{kind} at octet {offset}")]
pub struct ResultDocumentError {
    kind: ResultDocumentErrorKind,
    offset: usize,
}

/// The ways octets can fail to be a page of a result. The fault is that of whoever wrote them.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ResultDocumentErrorKind {
    /// They are no document, or one beyond the limits.
    #[error("{0}")]
    Document(ErrorKind),
    /// The root element is another one.
    #[error("not a fanout result")]
    NotAResult,
    /// The version is another one.
    #[error("unknown version")]
    UnknownVersion,
    /// An element is missing.
    #[error("element {0} is missing")]
    Missing(&'static str),
    /// An element holds what it cannot mean.
    #[error("bad value of element {0}")]
    BadValue(&'static str),
}

impl ResultDocumentError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> &ResultDocumentErrorKind {
        &self.kind
    }

    /// Where, in octets.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl From<dm_wbxml::Error> for ResultDocumentError {
    fn from(error: dm_wbxml::Error) -> Self {
        Self { offset: error.offset(), kind: ResultDocumentErrorKind::Document(error.kind().clone()) }
    }
}

impl ResultPage {
    /// The page as a document. Without the feature `xml`, always WBXML.
    #[must_use]
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        write(encoding, |sink| self.write(sink))
    }

    /// Reads a page. Elements that are not known are passed over.
    ///
    /// # Errors
    ///
    /// When the octets are no page of a result.
    pub fn decode(octets: &[u8], encoding: Encoding) -> Result<Self, ResultDocumentError> {
        match encoding {
            #[cfg(feature = "xml")]
            Encoding::Xml => {
                let options = dm_wbxml::xml::Options::default();
                Self::read(&mut dm_wbxml::xml::Reader::new(octets, &SPACE, options)?)
            }
            _ => Self::read(&mut wbxml::Reader::new(octets, &SPACE, Limits::DEFAULT)?),
        }
    }

    fn write(&self, sink: &mut dyn Sink) {
        leaf(sink, VER, VERSION);
        if let Some(gateway) = &self.gateway {
            leaf(sink, GW, gateway.as_str());
        }
        leaf(sink, JOB, self.job.as_str());
        for gateway in &self.trace {
            leaf(sink, TRACE, gateway.as_str());
        }
        leaf(sink, ROUND, self.round);
        leaf(sink, REV, self.rev);
        leaf(sink, STATE, self.state.number());
        code(sink, self.code);
        leaf(sink, GROUPING, self.grouping.number());
        leaf(sink, PAGE_NO, self.page);
        leaf(sink, OF, self.of);
        if let Some(mut counters) = self.counters {
            sink.open(STAT);
            for ((_, counter), token) in STATS.iter().zip(FIRST_STAT..) {
                leaf(sink, tag(token), *counter(&mut counters));
            }
            sink.close();
        }
        for bucket in &self.buckets {
            bucket.write(sink);
        }
        for device in &self.devices {
            device.write(sink);
        }
    }

    fn read<'a>(source: &mut impl Source<'a>) -> Result<Self, ResultDocumentError> {
        let root = source.next()?;
        if !matches!(root, Some(dm_wbxml::Event::Start(Name::Tag(ROOT)))) {
            return Err(bad(source, ResultDocumentErrorKind::NotAResult));
        }
        let mut version = false;
        let (mut gateway, mut job, mut trace) = (None, None, Vec::new());
        let (mut round, mut rev, mut state, mut code) = (None, None, None, None);
        let (mut grouping, mut page, mut of, mut counters) = (None, None, None, None);
        let (mut buckets, mut devices) = (Vec::new(), Vec::new());
        while let Some(name) = source.child()? {
            let Name::Tag(name) = name else {
                source.skip()?;
                continue;
            };
            match name {
                VER => {
                    if source.text()? != VERSION {
                        return Err(bad(source, ResultDocumentErrorKind::UnknownVersion));
                    }
                    version = true;
                }
                GW => gateway = Some(server(source, "Gw")?),
                JOB => {
                    let text = source.text()?;
                    job = Some(JobKey::new(&text).map_err(|_| bad_value(source, "Job"))?);
                }
                TRACE => trace.push(server(source, "Trace")?),
                ROUND => round = Some(number(source, "Round")?),
                REV => rev = Some(number(source, "Rev")?),
                STATE => {
                    let found = JobState::from_number(number(source, "State")?);
                    state = Some(found.ok_or_else(|| bad_value(source, "State"))?);
                }
                CODE => code = Some(ResultCode::new(number(source, "Code")?)),
                GROUPING => {
                    let found = Grouping::from_number(number(source, "Grouping")?);
                    grouping = Some(found.ok_or_else(|| bad_value(source, "Grouping"))?);
                }
                PAGE_NO => page = Some(number(source, "Page")?),
                OF => of = Some(number(source, "Of")?),
                STAT => counters = Some(read_counters(source)?),
                BUCKET => buckets.push(OutcomeBucket::read(source)?),
                DEV => devices.push(DeviceOutcome::read(source)?),
                _ => source.skip()?,
            }
        }
        // Whatever follows the root is looked at too.
        while source.next()?.is_some() {}
        if !version {
            return Err(missing(source, "Ver"));
        }
        Ok(Self {
            gateway,
            job: job.ok_or_else(|| missing(source, "Job"))?,
            trace,
            round: round.ok_or_else(|| missing(source, "Round"))?,
            rev: rev.ok_or_else(|| missing(source, "Rev"))?,
            state: state.ok_or_else(|| missing(source, "State"))?,
            code,
            grouping: grouping.ok_or_else(|| missing(source, "Grouping"))?,
            page: page.ok_or_else(|| missing(source, "Page"))?,
            of: of.ok_or_else(|| missing(source, "Of"))?,
            counters,
            buckets,
            devices,
        })
    }
}

impl OutcomeBucket {
    fn write(&self, sink: &mut dyn Sink) {
        sink.open(BUCKET);
        leaf(sink, STATE, self.state.number());
        code(sink, self.code);
        self.ops.iter().for_each(|op| op.write(sink));
        if self.more > 0 {
            leaf(sink, MORE, self.more);
        }
        let mut ids = String::new();
        for range in &self.serials {
            let space = if ids.is_empty() { "" } else { " " };
            let _ = write!(ids, "{space}{range}"); // a String takes everything
        }
        leaf(sink, IDS, ids);
        sink.close();
    }

    fn read<'a>(source: &mut impl Source<'a>) -> Result<Self, ResultDocumentError> {
        let (mut state, mut code, mut ops, mut serials) = (None, None, Vec::new(), Vec::new());
        let mut more = 0;
        while let Some(name) = source.child()? {
            match name {
                Name::Tag(STATE) => state = Some(target_state(source)?),
                Name::Tag(CODE) => code = Some(ResultCode::new(number(source, "Code")?)),
                Name::Tag(OP) => ops.push(OpOutcome::read(source)?),
                Name::Tag(MORE) => more = number(source, "More")?,
                Name::Tag(IDS) => {
                    let text = source.text()?;
                    serials = ranges(&text).ok_or_else(|| bad_value(source, "Ids"))?;
                }
                _ => source.skip()?,
            }
        }
        let state = state.ok_or_else(|| missing(source, "State"))?;
        Ok(Self { state, code, ops, more, serials })
    }
}

impl DeviceOutcome {
    fn write(&self, sink: &mut dyn Sink) {
        sink.open(DEV);
        leaf(sink, ID, self.serial);
        leaf(sink, STATE, self.state.number());
        code(sink, self.code);
        if self.tries != 1 {
            leaf(sink, TRIES, self.tries);
        }
        self.ops.iter().for_each(|op| op.write(sink));
        if self.more > 0 {
            leaf(sink, MORE, self.more);
        }
        sink.close();
    }

    fn read<'a>(source: &mut impl Source<'a>) -> Result<Self, ResultDocumentError> {
        let (mut serial, mut state, mut code, mut tries, mut ops) = (None, None, None, 1, Vec::new());
        let mut more = 0;
        while let Some(name) = source.child()? {
            match name {
                Name::Tag(ID) => serial = Some(number(source, "Id")?),
                Name::Tag(STATE) => state = Some(target_state(source)?),
                Name::Tag(CODE) => code = Some(ResultCode::new(number(source, "Code")?)),
                Name::Tag(TRIES) => tries = number(source, "Tries")?,
                Name::Tag(OP) => ops.push(OpOutcome::read(source)?),
                Name::Tag(MORE) => more = number(source, "More")?,
                _ => source.skip()?,
            }
        }
        let serial = serial.ok_or_else(|| missing(source, "Id"))?;
        let state = state.ok_or_else(|| missing(source, "State"))?;
        Ok(Self { serial, state, code, tries, ops, more })
    }
}

impl OpOutcome {
    fn write(&self, sink: &mut dyn Sink) {
        sink.open(OP);
        if self.op != 0 {
            leaf(sink, INDEX, u32::from(self.op) + 1);
        }
        leaf(sink, CODE, self.code);
        if let Some(format) = &self.format {
            leaf(sink, FMT, format);
        }
        if let Some(media_type) = &self.media_type {
            leaf(sink, TYPE, media_type);
        }
        if let Some(data) = self.data.as_deref() {
            match core::str::from_utf8(data).ok().filter(|text| is_plain(text)) {
                Some(text) => leaf(sink, DATA, text),
                None => leaf(sink, BIN, Base64::encode_string(data)),
            }
        }
        if let Some(cut) = self.cut {
            leaf(sink, CUT, cut);
        }
        sink.close();
    }

    fn read<'a>(source: &mut impl Source<'a>) -> Result<Self, ResultDocumentError> {
        let mut op = Self { op: 0, code: 0, format: None, media_type: None, data: None, cut: None };
        let mut code = None;
        while let Some(name) = source.child()? {
            match name {
                Name::Tag(INDEX) => {
                    let index: u16 = number(source, "I")?;
                    op.op = index.checked_sub(1).ok_or_else(|| bad_value(source, "I"))?;
                }
                Name::Tag(CODE) => code = Some(number(source, "Code")?),
                Name::Tag(FMT) => op.format = Some(plain(source, "Fmt")?),
                Name::Tag(TYPE) => op.media_type = Some(plain(source, "Type")?),
                Name::Tag(DATA) => op.data = Some(source.text()?.into_owned().into_bytes()),
                Name::Tag(BIN) => {
                    let text = source.text()?;
                    let data = Base64::decode_vec(&text).map_err(|_| bad_value(source, "Bin"))?;
                    op.data = Some(data);
                }
                Name::Tag(CUT) => op.cut = Some(number(source, "Cut")?),
                _ => source.skip()?,
            }
        }
        op.code = code.ok_or_else(|| missing(source, "Code"))?;
        Ok(op)
    }

    /// Octets of it that are not needed to say what was answered.
    pub(super) fn payload(&self) -> usize {
        self.data.as_ref().map_or(0, Vec::len)
    }
}

/// Whether text says the same in every encoding, whatever a reader does about white space.
pub(super) fn is_plain(text: &str) -> bool {
    is_xml_text(text) && !text.contains(char::is_control) && text.trim().len() == text.len()
}

/// How long the elements are that this writes, inside a page.
pub(super) fn measured(encoding: Encoding, item: Item<'_>) -> usize {
    let empty = write(encoding, |sink| leaf(sink, VER, VERSION)).len();
    let full = write(encoding, |sink| {
        leaf(sink, VER, VERSION);
        match item {
            Item::Bucket(bucket) => bucket.write(sink),
            Item::Device(device) => device.write(sink),
        }
    });
    full.len() - empty
}

/// What pages are made of.
pub(super) enum Item<'a> {
    Bucket(&'a OutcomeBucket),
    Device(&'a DeviceOutcome),
}

fn write(encoding: Encoding, content: impl FnOnce(&mut dyn Sink)) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        #[cfg(feature = "xml")]
        Encoding::Xml => {
            let mut writer = dm_wbxml::xml::Writer::new(&mut out, &SPACE);
            writer.open(ROOT);
            content(&mut writer);
            writer.close();
        }
        _ => {
            let table = StringTable::new();
            let mut writer = wbxml::Writer::new(&mut out, Version::V1_3, PublicId::UNKNOWN, &table);
            writer.open(ROOT);
            content(&mut writer);
            writer.close();
            let complete = writer.finish();
            debug_assert!(complete, "everything was closed");
        }
    }
    out
}

fn leaf(sink: &mut dyn Sink, tag: Tag, value: impl ToString) {
    sink.leaf(tag, &value.to_string());
}

fn code(sink: &mut dyn Sink, code: Option<ResultCode>) {
    if let Some(code) = code {
        leaf(sink, CODE, code);
    }
}

fn read_counters<'a>(source: &mut impl Source<'a>) -> Result<Counters, ResultDocumentError> {
    let mut counters = Counters::default();
    while let Some(name) = source.child()? {
        let place = match name {
            Name::Tag(tag) if tag.page() == 0 => tag.token().checked_sub(FIRST_STAT),
            _ => None,
        };
        match place.and_then(|place| STATS.get(usize::from(place))) {
            Some((slot, counter)) => *counter(&mut counters) = number(source, Slot::from(*slot).name())?,
            None => source.skip()?,
        }
    }
    Ok(counters)
}

fn ranges(text: &str) -> Option<Vec<SerialRange>> {
    let mut ranges: Vec<SerialRange> = Vec::new();
    for part in text.split_ascii_whitespace() {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = SerialRange { first: first.parse().ok()?, last: last.parse().ok()? };
        let after = ranges.last().is_none_or(|before| before.last < range.first);
        if !after || range.last < range.first {
            return None;
        }
        ranges.push(range);
    }
    Some(ranges)
}

fn server<'a>(source: &mut impl Source<'a>, name: &'static str) -> Result<ServerId, ResultDocumentError> {
    let text: Cow<'a, str> = source.text()?;
    ServerId::new(&text).map_err(|_| bad_value(source, name))
}

fn plain<'a>(source: &mut impl Source<'a>, name: &'static str) -> Result<String, ResultDocumentError> {
    let text = source.text()?;
    if text.is_empty() || !is_plain(&text) {
        return Err(bad_value(source, name));
    }
    Ok(text.into_owned())
}

fn number<'a, N: FromStr>(
    source: &mut impl Source<'a>,
    name: &'static str,
) -> Result<N, ResultDocumentError> {
    let text = source.text()?;
    text.trim().parse().map_err(|_| bad_value(source, name))
}

fn target_state<'a>(source: &mut impl Source<'a>) -> Result<TargetState, ResultDocumentError> {
    let number: u8 = number(source, "State")?;
    let found = TargetState::ALL.into_iter().find(|state| state.number() == number);
    found.ok_or_else(|| bad_value(source, "State"))
}

fn bad<'a>(source: &impl Source<'a>, kind: ResultDocumentErrorKind) -> ResultDocumentError {
    ResultDocumentError { kind, offset: source.offset() }
}

fn bad_value<'a>(source: &impl Source<'a>, name: &'static str) -> ResultDocumentError {
    bad(source, ResultDocumentErrorKind::BadValue(name))
}

fn missing<'a>(source: &impl Source<'a>, name: &'static str) -> ResultDocumentError {
    bad(source, ResultDocumentErrorKind::Missing(name))
}

/// The text of a serial range list, for measuring.
pub(super) fn range_len(range: &SerialRange) -> usize {
    format!("{range} ").len()
}

//! The sender's side: cuts the data of one item into chunks that fit.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::model::{Command, Data, Encoding, Format, Item, LocUri, Meta};
use crate::session::composer::Composer;

use super::resuming::{Announcement, Digest, Mark, Tag};

/// A command with one item whose data goes out in chunks.
#[derive(Clone, Debug)]
pub(in crate::session) struct Cutter {
    /// The command without its data, and without a Size.
    pub(in crate::session) shell: Command<'static>,
    pub(in crate::session) data: Carried,
    pub(in crate::session) cuts: Cuts,
    /// Octets sent, or known to be there.
    pub(in crate::session) sent: usize,
    /// Octets that the peer has from before.
    pub(in crate::session) start: usize,
    /// It begins anew, since the peer did not have what it seemed to have.
    pub(in crate::session) rewound: bool,
    /// The digest of the whole, for a peer that could go on with it.
    pub(in crate::session) digest: Option<Digest>,
}

#[derive(Clone, Debug)]
pub(in crate::session) enum Carried {
    Text(String),
    Octets(Vec<u8>),
}

/// Where data may be cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::session) enum Cuts {
    Anywhere,
    /// Between characters of UTF-8.
    Characters,
    /// Between groups of four, so that each chunk is base64 by itself.
    Base64,
}

/// What came of putting the next chunk into a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::session) enum Cut {
    /// Not even the smallest chunk fits; nothing was added.
    NoRoom,
    /// A chunk went in that is not the last.
    More,
    /// The rest went in.
    Last,
}

impl Cutter {
    /// Takes a command that is to be sent in chunks; gives it back when it cannot be: it has not exactly one item, or no data that could be cut.
    pub(in crate::session) fn new(
        command: Command<'static>,
        encoding: Encoding,
    ) -> Result<Self, Command<'static>> {
        let carries_data = matches!(
            command,
            Command::Add(_)
                | Command::Alert(_)
                | Command::Exec(_)
                | Command::Replace(_)
                | Command::Results(_)
        );
        let [item] = command.items() else { return Err(command) };
        let Some(data) = item.data.as_ref().filter(|data| carries_data && data.as_octets().is_some()) else {
            return Err(command);
        };
        let mut format = item.format_under(command.meta()).cloned();
        // What would become base64 in each chunk by itself has to become it as a whole.
        let base64 = if carries_octets(encoding) { None } else { data.base64_for_xml(format.as_ref()) };
        let data = match base64 {
            Some(base64) => {
                format = Some(Format::B64);
                Carried::Text(base64)
            }
            None => match data.as_text().filter(|_| is_text(data, encoding)) {
                Some(text) => Carried::Text(text.into()),
                None => Carried::Octets(data.as_octets().unwrap_or_default().to_vec()),
            },
        };
        let cuts = match (&data, &format) {
            (_, Some(format)) if *format == Format::B64 => Cuts::Base64,
            (Carried::Text(_), _) => Cuts::Characters,
            (Carried::Octets(octets), format) => match core::str::from_utf8(octets) {
                Ok(_) if format.as_ref() != Some(&Format::BIN) => Cuts::Characters,
                _ => Cuts::Anywhere,
            },
        };
        let mut shell = command;
        if let Some(item) = shell.items_mut().and_then(|items| items.first_mut()) {
            item.data = None;
            let meta = item.meta.take().unwrap_or_default().without_size();
            // Only a Format that differs has to be said on the item.
            let meta = match format {
                Some(format) if matches!(data, Carried::Text(_)) && format == Format::B64 => {
                    meta.with_format(format)
                }
                _ => meta,
            };
            item.meta = (!meta.is_empty()).then_some(meta);
        }
        if let Some((meta, _)) = shell.meta_and_items_mut() {
            *meta = meta.take().map(Meta::without_size).filter(|meta| !meta.is_empty());
        }
        Ok(Self { shell, data, cuts, sent: 0, start: 0, rewound: false, digest: None })
    }

    /// Goes on where a former transfer of the same object stopped, as far as the peer says that it has it; whatever it has, it is told
    /// what the object must come to. Nothing changes for a peer that has not announced that it understands this.
    pub(in crate::session) fn resume(&mut self, announced: Option<&Announcement>) {
        /// What is left for the chunks of this transfer at the least: a first one, which says how it goes on, and a last one. Each may be as
        /// short as a character, or a group of base64.
        const LEAST: usize = 8;
        let Some(announced) = announced else { return };
        let digest = Digest::of(self.octets());
        self.digest = Some(digest);
        let item = self.shell.items().first();
        let target = item.and_then(Item::target_uri).map(LocUri::as_str);
        let source = item.and_then(Item::source_uri).map(LocUri::as_str);
        let cmd = self.shell.name();
        let cmd = cmd.as_ref().map_or("", |cmd| cmd.as_str());
        let tag = Tag::of(cmd, target, source, self.total() as u64, &digest);
        let held = usize::try_from(announced.octets_of(&tag)).unwrap_or(usize::MAX);
        self.start = self.legal(held.min(self.total().saturating_sub(LEAST)));
        self.sent = self.start;
    }

    /// Begins anew with all of the object, when the peer does not have what it seemed to have. `false` when it began so.
    pub(in crate::session) const fn rewind(&mut self) -> bool {
        let resumed = self.start > 0;
        self.start = 0;
        self.sent = 0;
        self.rewound |= resumed;
        resumed
    }

    /// Octets that are not sent, because the peer has them.
    pub(in crate::session) const fn resumed(&self) -> usize {
        self.start
    }

    /// Octets of the whole object, as the messages carry it.
    pub(in crate::session) fn total(&self) -> usize {
        self.octets().len()
    }

    /// Whether a chunk has been sent.
    pub(in crate::session) const fn has_begun(&self) -> bool {
        self.sent > self.start
    }

    /// The command, without data.
    pub(in crate::session) const fn shell(&self) -> &Command<'static> {
        &self.shell
    }

    /// The command with all of its data again, to be sent from its begin.
    pub(in crate::session) fn into_whole(mut self) -> Command<'static> {
        let data = match self.data {
            Carried::Text(text) => Data::text(text).unwrap_or(Data::EMPTY),
            Carried::Octets(octets) => Data::octets(octets),
        };
        if let Some(item) = self.shell.items_mut().and_then(|items| items.first_mut()) {
            item.data = Some(data);
        }
        self.shell
    }

    /// Puts as much as fits into a message.
    pub(in crate::session) fn push_next(&mut self, composer: &mut Composer) -> Cut {
        let end = self.total();
        // An object that fits one message has no MoreData. What is larger than any message is not even tried, or each chunk would cost
        // what all the rest does.
        // A chunk without MoreData would be taken for the last of what was refused.
        let tells_where = (self.start > 0 || self.rewound) && !self.has_begun();
        if !tells_where
            && end - self.sent <= composer.limit()
            && composer.try_push(self.chunk(end).into_owned()).is_ok()
        {
            self.sent = end;
            return Cut::Last;
        }
        let empty = self.chunk(self.sent);
        let Some(room) = composer.room_beside(with_more_data(empty.clone()).into_owned()) else {
            return Cut::NoRoom;
        };
        let bare = with_more_data(empty).encoded_len(composer.encoding());
        let costs =
            |to: usize| with_more_data(self.chunk(to)).encoded_len(composer.encoding()).saturating_sub(bare);
        // The longest prefix that costs no more than the room; an octet costs one or more.
        let (mut low, mut high) = (self.sent, end.saturating_sub(1).min(self.sent.saturating_add(room)));
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let to = self.legal(middle);
            if costs(to) <= room { low = middle } else { high = middle - 1 }
        }
        let to = self.legal(low);
        if to <= self.sent || composer.try_push(with_more_data(self.chunk(to)).into_owned()).is_err() {
            return Cut::NoRoom;
        }
        self.sent = to;
        Cut::More
    }

    fn octets(&self) -> &[u8] {
        match &self.data {
            Carried::Text(text) => text.as_bytes(),
            Carried::Octets(octets) => octets,
        }
    }

    /// The last place at or before `at` where the data may be cut.
    fn legal(&self, at: usize) -> usize {
        let octets = self.octets();
        match self.cuts {
            Cuts::Anywhere => at,
            // White space inside base64 counts too; whoever joins before decoding does not mind.
            Cuts::Base64 => self.sent + (at - self.sent) / 4 * 4,
            Cuts::Characters => {
                let inside = |&at: &usize| octets.get(at).is_some_and(|octet| octet & 0xC0 == 0x80);
                (self.sent..=at).rev().find(|at| !inside(at)).unwrap_or(self.sent)
            }
        }
    }

    /// The command with the data from where it stands up to `to`; the first one says the Size of all.
    fn chunk(&self, to: usize) -> Command<'_> {
        let piece = self.octets().get(self.sent..to).unwrap_or_default();
        let data = match &self.data {
            Carried::Text(text) => text.get(self.sent..to).and_then(|text| Data::text(text).ok()),
            Carried::Octets(_) => None,
        };
        let mut command = self.shell.clone();
        if let Some(item) = command.items_mut().and_then(|items| items.first_mut()) {
            if !self.has_begun() && to < self.total() {
                let mut meta = item.meta.take().unwrap_or_default().with_size(self.total() as u64);
                if let Some(digest) = self.digest {
                    meta = meta.with_emi(Mark { digest, from: self.start as u64 }.to_text());
                }
                item.meta = Some(meta);
            }
            item.data = Some(data.unwrap_or_else(|| Data::octets(Cow::Borrowed(piece))));
        }
        command
    }
}

/// Octets of data as a message carries it; `None` for what is neither text nor octets.
pub(in crate::session) fn carried_len(
    data: &Data<'_>,
    format: Option<&Format<'_>>,
    encoding: Encoding,
) -> Option<usize> {
    let octets = data.as_octets()?;
    let base64 = if carries_octets(encoding) { None } else { data.base64_for_xml(format) };
    Some(base64.map_or(octets.len(), |base64| base64.len()))
}

/// The first chunk says the Size even where it is empty, so that it can be weighed.
fn with_more_data(mut command: Command<'_>) -> Command<'_> {
    if let Some(item) = command.items_mut().and_then(|items: &mut Vec<Item<'_>>| items.first_mut()) {
        item.more_data = true;
    }
    command
}

const fn carries_octets(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::Wbxml)
}

/// Whether data goes out as text: in XML all that is not base64, in WBXML what is text already.
fn is_text(data: &Data<'_>, encoding: Encoding) -> bool {
    !carries_octets(encoding) || data.is_text()
}

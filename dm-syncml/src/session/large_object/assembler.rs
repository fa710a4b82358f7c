//! The receiver's side: joins chunks, within limits.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::codes::{AlertCode, StatusCode};
use crate::model::{Alert, CmdId, CmdName, Data, Item, LocUri, Meta, Source, Target};
use crate::time::Instant;

use super::partial_objects::{Beginning, PartialObjects};
use super::resuming::{Announcement, Digest, LABEL, Mark, Tag};

/// Joins the chunks of one object at a time; there is never more than one under way.
///
/// Every item that could be a chunk goes through [`take`](Self::take), in its order; every message is ended with
/// [`end_of_message`](Self::end_of_message).
#[derive(Clone, Debug)]
pub(in crate::session) struct Assembler {
    /// The largest object taken.
    limit: Option<u64>,
    pub(in crate::session) partial: Option<Partial>,
    /// Where that goes which has no end, so that a later session can go on with it; `None` where nothing is kept.
    pub(in crate::session) keeping: Option<Keeping>,
}

/// What is kept of objects without an end.
#[derive(Clone, Debug)]
pub(in crate::session) struct Keeping {
    pub(in crate::session) objects: PartialObjects,
    /// Whose objects come here.
    pub(in crate::session) peer: String,
    pub(in crate::session) now: Instant,
}

/// What a chunk belongs to: chunks of one object agree in this.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::session) struct ChunkOf {
    /// The command that carries it.
    pub(in crate::session) cmd: CmdName<'static>,
    /// What the command answers, for Results: MsgRef and CmdRef.
    pub(in crate::session) answers: Option<(u32, String)>,
}

#[derive(Clone, Debug)]
pub(in crate::session) struct Partial {
    pub(in crate::session) of: ChunkOf,
    pub(in crate::session) target: Option<LocUri<'static>>,
    pub(in crate::session) source: Option<LocUri<'static>>,
    /// What the whole must come to, if the sender says so.
    pub(in crate::session) digest: Option<Digest>,
    pub(in crate::session) state: Joining,
}

#[derive(Clone, Debug)]
pub(in crate::session) enum Joining {
    /// So far so good: the item of the first chunk, without data, and the data.
    /// `again` is where the data of the last chunk begins that had the Size once more: should there be too much, the object began anew there.
    Joined { first: Box<Item<'static>>, data: Vec<u8>, text: bool, size: u64, again: usize },
    /// Refused: what still comes of it is answered alike and not kept.
    Refused(StatusCode),
}

/// What an item turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(clippy::large_enum_variant, reason = "an item on its way, never kept")]
pub(in crate::session) enum Taken {
    /// No chunk, or the last one with all before it: an item to act upon.
    Whole(Item<'static>),
    /// A chunk that is kept: 213.
    Chunk,
    /// A chunk, or a whole item, that is refused.
    Refused(StatusCode),
}

impl Partial {
    /// What has come of it, if its sender could go on with it. Moved, not copied: a peer may break off as often as it likes.
    fn into_beginning(self) -> Option<Beginning> {
        let Joining::Joined { data, text, size, .. } = self.state else { return None };
        Some(Beginning {
            cmd: self.of.cmd.as_str().into(),
            target: self.target.map(|uri| uri.as_str().into()),
            source: self.source.map(|uri| uri.as_str().into()),
            size,
            digest: self.digest?,
            text,
            data,
        })
    }

    /// Whether a later chunk of it may have this Meta. A Size stands on the first chunk only, but some senders repeat it with each. Taking
    /// that for a new object would lose every object of theirs. A new object that is taken for that is found out: it is too much.
    fn may_have(&self, meta: Option<&Meta<'_>>) -> bool {
        // Only a first chunk has a mark.
        if Mark::read(meta).is_some() {
            return false;
        }
        let repeated = meta.and_then(Meta::size);
        match (&self.state, repeated) {
            (_, None) => true,
            (Joining::Joined { first, size, .. }, Some(repeated)) => {
                let then = first.meta.as_ref();
                *size == repeated
                    && then.and_then(Meta::format) == meta.and_then(Meta::format)
                    && then.and_then(Meta::media_type) == meta.and_then(Meta::media_type)
            }
            (Joining::Refused(_), Some(_)) => false,
        }
    }
}

impl Assembler {
    pub(in crate::session) const fn new(limit: Option<u64>) -> Self {
        Self { limit, partial: None, keeping: None }
    }

    /// Keeps what has no end.
    pub(in crate::session) fn keep(&mut self, now: Instant, peer: &str, mut objects: PartialObjects) {
        objects.expire(now);
        self.keeping = Some(Keeping { objects, peer: peer.into(), now });
    }

    /// Tells it the time.
    pub(in crate::session) fn advance(&mut self, now: Instant) {
        if let Some(keeping) = &mut self.keeping {
            keeping.now = now;
        }
    }

    /// What is there to go on with; `None` where nothing is kept.
    pub(in crate::session) fn announcement(&self) -> Option<Announcement> {
        let keeping = self.keeping.as_ref()?;
        Some(keeping.objects.announcement(&keeping.peer))
    }

    /// What would be kept if nothing more came.
    pub(in crate::session) fn kept(&self) -> PartialObjects {
        let Some(keeping) = &self.keeping else { return PartialObjects::new() };
        let mut objects = keeping.objects.clone();
        if let Some(beginning) = self.partial.clone().and_then(Partial::into_beginning) {
            objects.keep(keeping.now, &keeping.peer, beginning);
        }
        objects
    }

    /// Whether an object is under way.
    pub(in crate::session) const fn is_busy(&self) -> bool {
        self.partial.is_some()
    }

    /// Whether this item would go on with the object under way. If it would not, and one is, that one has no end: see
    /// [`interrupt`](Self::interrupt).
    pub(in crate::session) fn continues(&self, of: &ChunkOf, item: &Item<'_>) -> bool {
        // What a later chunk leaves out is taken to be as before.
        let same = |then: &Option<LocUri<'static>>, now: Option<&LocUri<'_>>| {
            now.is_none_or(|now| then.as_ref().is_some_and(|then| then.as_str() == now.as_str()))
        };
        self.partial.as_ref().is_some_and(|partial| {
            partial.of == *of
                && same(&partial.target, item.target_uri())
                && same(&partial.source, item.source_uri())
                && partial.may_have(item.meta.as_ref())
        })
    }

    /// Something else came before the end of the object under way: nothing of it is kept, and the Alert 1225 to say so is returned
    /// (DM Protocol 1.2.1, large objects). `None` when none was under way, or it was refused anyway.
    pub(in crate::session) fn interrupt(&mut self) -> Option<Alert<'static>> {
        let partial = self.partial.take()?;
        if matches!(partial.state, Joining::Refused(_)) {
            return None;
        }
        let mut item = Item::new();
        item.target = partial.target.clone().map(Target::new);
        item.source = partial.source.clone().map(Source::new);
        if let (Some(keeping), Some(beginning)) = (&mut self.keeping, partial.into_beginning()) {
            keeping.objects.keep(keeping.now, &keeping.peer, beginning);
        }
        let mut alert = Alert::new(CmdId::LONGEST, AlertCode::NO_END_OF_DATA);
        alert.items.push(item);
        Some(alert)
    }

    /// The message is at its end, and if it is the last of its package, nothing more comes of the object under way. A message in between
    /// may bring no chunk, where statuses left no room for one.
    pub(in crate::session) fn end_of_message(&mut self, last_in_package: bool) -> Option<Alert<'static>> {
        if last_in_package { self.interrupt() } else { None }
    }

    /// Takes an item of a command whose Meta is `command`. One that does not go on with the object under way must be preceded by
    /// [`interrupt`](Self::interrupt).
    pub(in crate::session) fn take(
        &mut self,
        of: &ChunkOf,
        item: &Item<'_>,
        command: Option<&Meta<'_>>,
    ) -> Taken {
        let last = !item.more_data;
        if !self.continues(of, item) {
            self.partial = None;
            return if last { self.whole(item) } else { self.begin(of, item, command) };
        }
        let Some(partial) = self.partial.as_mut() else { return self.whole(item) };
        if let Joining::Joined { data, text, size, again, .. } = &mut partial.state {
            if item.meta.as_ref().is_some_and(|meta| meta.size().is_some()) {
                *again = data.len();
            }
            let len = item.data.as_ref().and_then(Data::as_octets).map_or(0, <[u8]>::len);
            if (data.len() + len) as u64 > *size {
                // Each octet moves once at the most: the next beginning lies behind all that moves here.
                data.drain(..core::mem::take(again));
            }
            match item.data.as_ref().map(|data| (data.as_octets(), data.is_text())) {
                None => {}
                Some((Some(octets), is_text)) if (data.len() + octets.len()) as u64 <= *size => {
                    data.extend_from_slice(octets);
                    *text &= is_text;
                }
                Some((Some(_), _)) => partial.state = Joining::Refused(StatusCode::SIZE_MISMATCH),
                Some((None, _)) => partial.state = Joining::Refused(StatusCode::UNSUPPORTED_FORMAT),
            }
        }
        if !last {
            return match partial.state {
                Joining::Joined { .. } => Taken::Chunk,
                Joining::Refused(code) => Taken::Refused(code),
            };
        }
        let digest = partial.digest;
        match self.partial.take().map(|partial| partial.state) {
            Some(Joining::Joined { mut first, data, text, size, .. }) => {
                if data.len() as u64 != size || digest.is_some_and(|digest| digest != Digest::of(&data)) {
                    return Taken::Refused(StatusCode::SIZE_MISMATCH);
                }
                first.data = Some(joined(data, text));
                Taken::Whole(*first)
            }
            Some(Joining::Refused(code)) => Taken::Refused(code),
            None => self.whole(item),
        }
    }

    fn whole(&self, item: &Item<'_>) -> Taken {
        // The rest of something is not the whole of it.
        if Mark::read(item.meta.as_ref()).is_some_and(|mark| mark.from > 0) {
            return Taken::Refused(StatusCode::PARTIAL_NOT_ACCEPTED);
        }
        let octets = item.data.as_ref().and_then(Data::as_octets).map_or(0, <[u8]>::len);
        if self.limit.is_some_and(|limit| octets as u64 > limit) {
            return Taken::Refused(StatusCode::TOO_LARGE);
        }
        Taken::Whole(item.clone().into_owned())
    }

    fn begin(&mut self, of: &ChunkOf, item: &Item<'_>, command: Option<&Meta<'_>>) -> Taken {
        let size = item.meta.as_ref().and_then(Meta::size).or_else(|| command.and_then(Meta::size));
        let octets = item.data.as_ref().map_or(Some(&[][..]), Data::as_octets);
        let mark = Mark::read(item.meta.as_ref());
        // What came of it before; `None` when there should be something and is not.
        let before = match (mark, size) {
            (Some(mark), Some(size)) => self.take_kept(of, item, mark, size),
            _ => Some((Vec::new(), true)),
        };
        let state = match (size, octets) {
            // Without the size a loss could not be told from the end.
            (None, _) => Joining::Refused(StatusCode::SIZE_REQUIRED),
            (Some(size), _) if self.limit.is_some_and(|limit| size > limit) => {
                Joining::Refused(StatusCode::TOO_LARGE)
            }
            (Some(_), None) => Joining::Refused(StatusCode::UNSUPPORTED_FORMAT),
            (Some(size), Some(octets)) => match before {
                None => Joining::Refused(StatusCode::PARTIAL_NOT_ACCEPTED),
                Some((data, _)) if (data.len() + octets.len()) as u64 > size => {
                    Joining::Refused(StatusCode::SIZE_MISMATCH)
                }
                Some((mut data, text)) => {
                    let text = text && item.data.as_ref().is_none_or(Data::is_text);
                    // Grows with what comes, not with what is promised.
                    data.extend_from_slice(octets);
                    let mut first = item.clone();
                    first.data = None;
                    first.more_data = false;
                    first.meta = first.meta.map(|meta| meta.without_emi(LABEL));
                    Joining::Joined { first: Box::new(first.into_owned()), data, text, size, again: 0 }
                }
            },
        };
        let taken = match state {
            Joining::Joined { .. } => Taken::Chunk,
            Joining::Refused(code) => Taken::Refused(code),
        };
        self.partial = Some(Partial {
            of: of.clone(),
            target: item.target_uri().cloned().map(LocUri::into_owned),
            source: item.source_uri().cloned().map(LocUri::into_owned),
            digest: mark.map(|mark| mark.digest),
            state,
        });
        taken
    }

    /// What was kept of an object up to where its sender goes on, and whether it was text. An object that begins anew loses what was kept.
    fn take_kept(&mut self, of: &ChunkOf, item: &Item<'_>, mark: Mark, size: u64) -> Option<(Vec<u8>, bool)> {
        let (cmd, target) = (of.cmd.as_str(), item.target_uri().map(LocUri::as_str));
        let source = item.source_uri().map(LocUri::as_str);
        if mark.from == 0 {
            if let Some(keeping) = &mut self.keeping {
                keeping.objects.forget(&keeping.peer, cmd, target, source);
            }
            return Some((Vec::new(), true));
        }
        let keeping = self.keeping.as_mut()?;
        let tag = Tag::of(cmd, target, source, size, &mark.digest);
        let mut kept = keeping.objects.take(&keeping.peer, &tag, mark.from)?;
        kept.data.truncate(usize::try_from(mark.from).ok()?);
        Some((kept.data, kept.text))
    }
}

/// Text if all chunks were text.
fn joined(data: Vec<u8>, text: bool) -> Data<'static> {
    if !text {
        return Data::octets(data);
    }
    match String::from_utf8(data) {
        // Joined characters of XML text are XML text.
        Ok(data) => Data::text(data).unwrap_or(Data::EMPTY),
        Err(error) => Data::octets(error.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CmdName, Command, DecodeOptions, Encoding, Format, Fragment, Message, Replace};
    use crate::session::composer::{Composer, letterhead};
    use crate::session::large_object::{Cut, Cutter};
    use proptest::prelude::*;

    fn of() -> ChunkOf {
        ChunkOf { cmd: CmdName::REPLACE, answers: None }
    }

    fn item(data: &str, size: Option<u64>, more: bool) -> Item<'static> {
        let mut meta = Meta::new();
        if let Some(size) = size {
            meta = meta.with_size(size);
        }
        let mut item = Item::to(LocUri::new("./Big").unwrap())
            .with_meta(meta)
            .with_data(Data::text(String::from(data)).unwrap());
        item.more_data = more;
        item
    }

    /// (data, Size, MoreData) of each message in turn, and what each is answered.
    #[test]
    fn chunks_are_answered_by_the_book() {
        type Case<'a> = (&'a str, &'a [(&'a str, Option<u64>, bool)], &'a [u16]);
        let cases: &[Case<'_>] = &[
            ("whole", &[("abc", None, false)], &[200]),
            ("whole and too large", &[("abcdefghijk", None, false)], &[413]),
            ("two chunks", &[("ab", Some(3), true), ("c", None, false)], &[213, 200]),
            (
                "three chunks",
                &[("a", Some(3), true), ("b", None, true), ("c", None, false)],
                &[213, 213, 200],
            ),
            (
                "the Size each time",
                &[("ab", Some(5), true), ("cd", Some(5), true), ("e", Some(5), false)],
                &[213, 213, 200],
            ),
            (
                "the Size each time, and one lost",
                &[("ab", Some(5), true), ("e", Some(5), false)],
                &[213, 424],
            ),
            ("again, at once whole", &[("ab", Some(3), true), ("abc", Some(3), false)], &[213, 200]),
            (
                "again and again",
                &[("ab", Some(3), true), ("ab", Some(3), true), ("ab", Some(3), true), ("c", None, false)],
                &[213, 213, 213, 200],
            ),
            ("an empty last chunk", &[("abc", Some(3), true), ("", None, false)], &[213, 200]),
            ("no size", &[("ab", None, true), ("c", None, false)], &[411, 411]),
            ("too large", &[("ab", Some(11), true), ("c", None, true), ("d", None, false)], &[413, 413, 413]),
            ("too short in the end", &[("ab", Some(5), true), ("c", None, false)], &[213, 424]),
            ("too long at once", &[("abcd", Some(3), true), ("c", None, false)], &[424, 424]),
            ("too long in the end", &[("ab", Some(3), true), ("cd", None, false)], &[213, 424]),
            (
                "exactly as large as allowed",
                &[("abcde", Some(10), true), ("fghij", None, false)],
                &[213, 200],
            ),
            (
                "again from its begin",
                &[("ab", Some(3), true), ("ab", Some(3), true), ("c", None, false)],
                &[213, 213, 200],
            ),
        ];
        for (name, chunks, codes) in cases {
            let mut assembler = Assembler::new(Some(10));
            let got: Vec<u16> = chunks
                .iter()
                .map(|(data, size, more)| {
                    let taken = assembler.take(&of(), &item(data, *size, *more), None);
                    let _ = assembler.end_of_message(!more);
                    match taken {
                        Taken::Whole(_) => 200,
                        Taken::Chunk => 213,
                        Taken::Refused(code) => code.get(),
                    }
                })
                .collect();
            assert_eq!(got, *codes, "{name}");
            assert!(!assembler.is_busy(), "{name}");
        }
    }

    #[test]
    fn an_object_without_end_is_named_in_alert_1225() {
        let begun = || {
            let mut assembler = Assembler::new(Some(10));
            assert_eq!(assembler.take(&of(), &item("ab", Some(5), true), None), Taken::Chunk);
            assert_eq!(assembler.end_of_message(false), None);
            assembler
        };
        // The package ends.
        let alert = begun().end_of_message(true).unwrap();
        assert_eq!(alert.code, Some(AlertCode::NO_END_OF_DATA));
        assert_eq!(alert.items[0].target_uri().unwrap(), &"./Big");
        // Another object.
        let mut assembler = begun();
        let other = Item::to(LocUri::new("./Other").unwrap());
        assert!(!assembler.continues(&of(), &other));
        assert!(assembler.interrupt().is_some());
        assert!(!assembler.is_busy());
        // The same place by another command.
        let add = ChunkOf { cmd: CmdName::ADD, answers: None };
        assert!(!begun().continues(&add, &item("c", None, false)));
        // Final, though more was to come.
        let mut assembler = begun();
        assert_eq!(assembler.take(&of(), &item("c", None, true), None), Taken::Chunk);
        assert!(assembler.end_of_message(true).is_some());
        // Nobody complains of what was refused.
        let mut assembler = Assembler::new(Some(1));
        assembler.take(&of(), &item("ab", Some(2), true), None);
        assert!(assembler.interrupt().is_none());
    }

    fn keeping(objects: PartialObjects) -> Assembler {
        let mut assembler = Assembler::new(Some(10_000));
        assembler.keep(Instant::EPOCH, "srv", objects);
        assembler
    }

    fn marked(data: &str, size: u64, more: bool, digest: Digest, from: u64) -> Item<'static> {
        let mut item = item(data, Some(size), more);
        item.meta = item.meta.map(|meta| meta.with_emi(Mark { digest, from }.to_text()));
        item
    }

    /// Whoever says that the rest of something comes, without there being a beginning, is refused; a rest is never taken for a whole.
    #[test]
    fn a_rest_without_its_beginning_is_refused() {
        let digest = Digest::of(b"abcdef");
        let refused = Taken::Refused(StatusCode::PARTIAL_NOT_ACCEPTED);
        for mut assembler in [Assembler::new(Some(10)), keeping(PartialObjects::new())] {
            assert_eq!(assembler.take(&of(), &marked("ef", 6, false, digest, 4), None), refused);
            assert_eq!(assembler.take(&of(), &marked("e", 6, true, digest, 4), None), refused);
            // The sender begins anew.
            assert!(!assembler.continues(&of(), &marked("abc", 6, true, digest, 0)));
            assert_eq!(assembler.interrupt(), None, "of what was refused nobody complains");
            assert_eq!(assembler.take(&of(), &marked("abc", 6, true, digest, 0), None), Taken::Chunk);
            assert!(matches!(assembler.take(&of(), &item("def", None, false), None), Taken::Whole(_)));
        }
    }

    #[test]
    fn what_is_interrupted_goes_on_and_what_it_comes_to_is_checked() {
        let digest = Digest::of(b"abcdef");
        let begun = || {
            let mut assembler = keeping(PartialObjects::new());
            assert_eq!(assembler.take(&of(), &marked("abcd", 6, true, digest, 0), None), Taken::Chunk);
            assert_eq!(assembler.kept().octets(), 4, "as if nothing more came");
            assert!(assembler.interrupt().is_some());
            keeping(assembler.kept())
        };
        let mut assembler = begun();
        // From before the end of what is there, as the sender likes.
        assert_eq!(assembler.take(&of(), &marked("cd", 6, true, digest, 2), None), Taken::Chunk);
        match assembler.take(&of(), &item("ef", None, false), None) {
            Taken::Whole(item) => {
                assert_eq!(item.data.unwrap().as_text(), Some("abcdef"));
                assert!(
                    item.meta.unwrap().extensions().is_empty(),
                    "what was said to us is not for the application"
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(assembler.kept().is_empty());
        // From behind it; another whole; other octets.
        let refused = Taken::Refused(StatusCode::PARTIAL_NOT_ACCEPTED);
        assert_eq!(begun().take(&of(), &marked("e", 6, true, digest, 5), None), refused);
        assert_eq!(begun().take(&of(), &marked("e", 7, true, digest, 4), None), refused);
        assert_eq!(begun().take(&of(), &marked("e", 6, true, Digest::of(b"abcdeg"), 4), None), refused);
        let mut assembler = begun();
        assert_eq!(assembler.take(&of(), &marked("e", 6, true, digest, 4), None), Taken::Chunk);
        let mismatch = Taken::Refused(StatusCode::SIZE_MISMATCH);
        assert_eq!(assembler.take(&of(), &item("g", None, false), None), mismatch);
        assert!(assembler.kept().is_empty(), "it is not tried again with what was wrong");
    }

    #[cfg(feature = "xml")]
    fn encodings() -> impl Strategy<Value = Encoding> {
        prop_oneof![Just(Encoding::Wbxml), Just(Encoding::Xml)]
    }

    #[cfg(not(feature = "xml"))]
    fn encodings() -> impl Strategy<Value = Encoding> {
        Just(Encoding::Wbxml)
    }

    fn values() -> impl Strategy<Value = (Data<'static>, Option<Format<'static>>)> {
        prop_oneof![
            ("[ -~äß€😀<&]{0,3000}", Just(None))
                .prop_map(|(text, format)| (Data::text(text).unwrap(), format)),
            proptest::collection::vec(any::<u8>(), 0..3000)
                .prop_map(|octets| (Data::octets(octets), Some(Format::BIN))),
            "[ -~ä]{0,3000}".prop_map(|text| (Data::octets(text.into_bytes()), None)),
            proptest::collection::vec(any::<u8>(), 0..2000).prop_map(|octets| {
                use base64ct::{Base64, Encoding as _};
                (Data::text(Base64::encode_string(&octets)).unwrap(), Some(Format::B64))
            }),
        ]
    }

    /// Header, shell and a few octets fit.
    fn least(encoding: Encoding) -> u64 {
        if encoding == Encoding::Wbxml { 220 } else { 700 }
    }

    fn value_of(item: &Item<'_>) -> Vec<u8> {
        let format = item.format_under(None);
        item.data.as_ref().unwrap().decoded(format).unwrap().into_owned()
    }

    /// Sends an object through messages of one size; what each message carried.
    fn messages(command: Command<'static>, encoding: Encoding, limit: u64) -> Option<Vec<Vec<u8>>> {
        let mut cutter = Cutter::new(command, encoding).unwrap();
        let head = letterhead(encoding);
        let mut bodies = Vec::new();
        loop {
            let mut composer = Composer::new(&head, 1, None).with_limit(Some(limit));
            composer.reserve_next_message();
            let cut = cutter.push_next(&mut composer);
            if cut == Cut::NoRoom {
                return None;
            }
            composer.push_next_message();
            let body = composer.finish(false);
            assert!(body.len() as u64 <= limit, "{} octets of {limit}", body.len());
            bodies.push(body);
            if cut == Cut::Last {
                return Some(bodies);
            }
        }
    }

    fn feed(assembler: &mut Assembler, encoding: Encoding, body: &[u8]) -> (Taken, Option<Alert<'static>>) {
        let message = Message::decode(encoding, body, &DecodeOptions::new()).unwrap();
        let command = &message.body.commands[0];
        let interrupted = if assembler.is_busy() && !assembler.continues(&of(), &command.items()[0]) {
            assembler.interrupt()
        } else {
            None
        };
        let taken = assembler.take(&of(), &command.items()[0], command.meta());
        (taken, interrupted.or(assembler.end_of_message(false)))
    }

    /// Work grows with the object, not with its square: this would take minutes else.
    #[test]
    fn a_large_object_in_small_messages_is_no_work() {
        let value = "0123456789abcdef".repeat(64 << 10);
        let item = Item::to(LocUri::new("./Big").unwrap()).with_data(Data::text(value.clone()).unwrap());
        let command = Replace::new(CmdId::LONGEST, alloc::vec![item]).into();
        let bodies = messages(command, Encoding::Wbxml, 1200).unwrap();
        let mut assembler = Assembler::new(Some(2 << 20));
        let mut last = None;
        for body in &bodies {
            last = Some(feed(&mut assembler, Encoding::Wbxml, body).0);
        }
        let Some(Taken::Whole(item)) = last else { panic!("{} messages", bodies.len()) };
        assert!(item.data.unwrap().as_text() == Some(&value));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_object_in_messages_of_any_size_comes_out_again(
            (data, format) in values(), encoding in encodings(), room in 0u64..2000,
        ) {
            let mut item = Item::to(LocUri::new("./Big").unwrap()).with_data(data);
            if let Some(format) = format {
                item = item.with_meta(Meta::new().with_format(format));
            }
            let command: Command<'static> = Replace::new(CmdId::LONGEST, alloc::vec![item.clone()]).into();
            let limit = least(encoding) + room;
            // What arrives in one message is what must come out.
            let fragment = Fragment::new(crate::SyncBody::new(alloc::vec![command.clone()])).encode(encoding);
            let at_once = Fragment::decode(encoding, &fragment, &DecodeOptions::new()).unwrap();
            let due = value_of(&at_once.body.commands[0].items()[0]);

            let bodies = messages(command, encoding, limit).unwrap();
            let mut assembler = Assembler::new(Some(10_000));
            let (last, before) = bodies.split_last().unwrap();
            for body in before {
                // Each chunk is legal by itself: base64 decodes, text is text.
                let message = Message::decode(encoding, body, &DecodeOptions::new()).unwrap();
                let chunk = &message.body.commands[0].items()[0];
                prop_assert!(chunk.more_data);
                prop_assert!(chunk.data.as_ref().unwrap().decoded(chunk.format_under(None)).is_ok());
                prop_assert_eq!(feed(&mut assembler, encoding, body), (Taken::Chunk, None));
            }
            // Chunks fill their messages: never two where one would do.
            if let [first, .., _] = before {
                prop_assert!(first.len() as u64 + 28 > limit, "{} octets of {limit}", first.len());
            }
            let message = Message::decode(encoding, last, &DecodeOptions::new()).unwrap();
            let chunk = &message.body.commands[0].items()[0];
            match assembler.take(&of(), chunk, None) {
                Taken::Whole(item) => prop_assert_eq!(value_of(&item), due),
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn any_loss_is_detected(
            (data, format) in values(), encoding in encodings(), room in 0u64..200, lost in any::<prop::sample::Index>(),
        ) {
            let mut item = Item::to(LocUri::new("./Big").unwrap()).with_data(data);
            if let Some(format) = format {
                item = item.with_meta(Meta::new().with_format(format));
            }
            let command: Command<'static> = Replace::new(CmdId::LONGEST, alloc::vec![item]).into();
            let mut bodies = messages(command, encoding, least(encoding) + room).unwrap();
            prop_assume!(bodies.len() > 1);
            let at = lost.index(bodies.len());
            bodies.remove(at);
            let mut assembler = Assembler::new(Some(10_000));
            let mut complained = false;
            let mut whole = false;
            for body in &bodies {
                let (taken, alert) = feed(&mut assembler, encoding, body);
                complained |= alert.is_some() || matches!(taken, Taken::Refused(_));
                // Only a lost begin leaves a last chunk that looks whole.
                whole |= matches!(taken, Taken::Whole(_)) && at != 0;
            }
            complained |= assembler.end_of_message(true).is_some();
            prop_assert!(complained || (at == 0 && bodies.len() == 1), "chunk {at} lost unseen");
            prop_assert!(!whole);
        }

        /// Cut after any number of chunks, however often, with messages of any size each time, and with a receiver that may have lost what it
        /// had: the object arrives whole.
        #[test]
        fn any_object_goes_on_after_any_cut(
            (data, format) in values(), encoding in encodings(),
            transfers in proptest::collection::vec((0u64..400, 0usize..6, any::<bool>()), 1..6),
        ) {
            let mut item = Item::to(LocUri::new("./Big").unwrap()).with_data(data);
            if let Some(format) = format {
                item = item.with_meta(Meta::new().with_format(format));
            }
            let due = value_of(&item);
            let command: Command<'static> = Replace::new(CmdId::LONGEST, alloc::vec![item]).into();
            let mut objects = PartialObjects::new();
            let last = (1000, usize::MAX, true);
            for (room, mut chunks, remembers) in transfers.into_iter().chain([last]) {
                let limit = least(encoding) + 80 + room;
                let announced = objects.announcement("srv");
                let held = objects.octets();
                if !remembers {
                    objects = PartialObjects::new();
                }
                let mut assembler = keeping(objects);
                let mut cutter = Cutter::new(command.clone(), encoding).unwrap();
                cutter.resume(Some(&announced));
                prop_assert!(cutter.resumed() + 12 > held.min(cutter.total()), "of {} only {}", held, cutter.resumed());
                while chunks > 0 {
                    chunks -= 1;
                    let mut composer = Composer::new(&letterhead(encoding), 1, None).with_limit(Some(limit));
                    let cut = cutter.push_next(&mut composer);
                    prop_assert!(cut != Cut::NoRoom);
                    let body = composer.finish(false);
                    let message = Message::decode(encoding, &body, &DecodeOptions::new()).unwrap();
                    let chunk = &message.body.commands[0].items()[0];
                    if assembler.is_busy() && !assembler.continues(&of(), chunk) {
                        prop_assert_eq!(assembler.interrupt(), None);
                    }
                    match (assembler.take(&of(), chunk, None), cut) {
                        (Taken::Chunk, Cut::More) => {}
                        (Taken::Refused(StatusCode::PARTIAL_NOT_ACCEPTED), Cut::More) => {
                            prop_assert!(!remembers && cutter.rewind());
                        }
                        (Taken::Whole(item), Cut::Last) => {
                            prop_assert_eq!(&value_of(&item), &due);
                            break;
                        }
                        (other, cut) => prop_assert!(false, "{:?} {:?}", other, cut),
                    }
                }
                objects = assembler.kept();
            }
            prop_assert!(objects.is_empty());
        }

        /// Whatever a peer claims of digests and beginnings, what comes out under a mark is an object that the mark is of, and what is kept is
        /// bounded.
        #[test]
        fn nothing_comes_of_marks_but_what_they_are_of(
            steps in proptest::collection::vec(
                (0usize..2, 0u64..14, 0usize..14, any::<bool>(), any::<bool>(), any::<bool>()), 1..40,
            ),
        ) {
            let objects = ["abcdefghijkl", "abcdefGHIJKL"];
            let store = PartialObjects::new().with_max_octets(60).with_max_objects(2);
            let mut assembler = keeping(store);
            for (which, from, len, more, first, breaks) in steps {
                let object = objects[which];
                let at = (from as usize).min(object.len());
                let piece = &object[at..(at + len).min(object.len())];
                let digest = Digest::of(object.as_bytes());
                let step = if first { marked(piece, 12, more, digest, from) } else { item(piece, None, more) };
                if breaks || (assembler.is_busy() && !assembler.continues(&of(), &step)) {
                    assembler.interrupt();
                }
                let busy = assembler.is_busy();
                match assembler.take(&of(), &step, None) {
                    Taken::Whole(item) if busy || first => {
                        let whole = item.data.unwrap();
                        let whole = whole.as_text().unwrap();
                        // One that is whole at once may be short, as any may.
                        prop_assert!(objects.contains(&whole) || (!busy && from == 0), "{}", whole);
                    }
                    _ => {}
                }
                let kept = assembler.kept();
                prop_assert!(kept.octets() <= 60 && kept.len() <= 2);
            }
        }

        #[test]
        fn nothing_is_kept_beyond_the_limit(sizes in proptest::collection::vec((0usize..400, any::<bool>(), 0u64..2000), 1..20)) {
            let mut assembler = Assembler::new(Some(1000));
            for (octets, more, size) in sizes {
                let size = (size % 3 != 0).then_some(size);
                assembler.take(&of(), &item(&"x".repeat(octets), size, more), None);
                if let Some(Partial { state: Joining::Joined { data, .. }, .. }) = &assembler.partial {
                    prop_assert!(data.len() <= 1000);
                }
            }
        }
    }
}

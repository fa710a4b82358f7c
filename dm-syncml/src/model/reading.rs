//! A source of elements that knows which quirks to take, and notes those it met.

use alloc::borrow::Cow;
use alloc::string::String;

use dm_wbxml::{Error, ErrorKind, Event, Name, Source};

use super::quirks::Quirks;

/// What typed elements are read from.
pub(crate) trait Reading<'a>: Source<'a> {
    /// Whether a quirk is taken; then it is noted.
    fn meet(&mut self, quirk: Quirks) -> bool;
}

/// A reader of either encoding with the quirks that are taken.
#[derive(Debug)]
pub(super) struct Input<R> {
    pub(super) reader: R,
    taken: Quirks,
    /// Those met that are not the reader's own.
    met: Quirks,
}

impl<R> Input<R> {
    pub(super) fn new(reader: R, taken: Quirks) -> Self {
        Self { reader, taken, met: Quirks::STRICT }
    }

    pub(super) fn met(&self) -> Quirks {
        self.met
    }
}

impl<'a, R: Source<'a>> Reading<'a> for Input<R> {
    #[cold]
    fn meet(&mut self, quirk: Quirks) -> bool {
        let taken = self.taken.contains(quirk);
        if taken {
            self.met = self.met.with(quirk);
        }
        taken
    }
}

impl<'a, R: Source<'a>> Source<'a> for Input<R> {
    #[inline]
    fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        self.reader.next()
    }

    fn offset(&self) -> usize {
        self.reader.offset()
    }

    fn path(&self) -> String {
        self.reader.path()
    }

    #[inline]
    fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        self.reader.text()
    }

    #[inline]
    fn child(&mut self) -> Result<Option<Name<'a>>, Error> {
        match self.reader.child() {
            Err(error) => self.child_behind(error),
            child => child,
        }
    }
}

impl<'a, R: Source<'a>> Input<R> {
    /// The next child, if what was wrong before it may be passed over.
    #[cold]
    fn child_behind(&mut self, error: Error) -> Result<Option<Name<'a>>, Error> {
        if *error.kind() != ErrorKind::TextAmongElements || !self.meet(Quirks::STRAY_TEXT) {
            return Err(error);
        }
        // Event by event, so that a source that does not go on ends this.
        loop {
            match self.reader.require()? {
                Event::Start(name) => return Ok(Some(name)),
                Event::End => return Ok(None),
                _ => {}
            }
        }
    }
}

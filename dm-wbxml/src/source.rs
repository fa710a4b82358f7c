//! Elements in: what every decoder above reads through.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::error::{Error, ErrorKind};
use crate::name::{Attribute, Name};
use crate::text::is_xml_text;

/// One step of reading a document.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An element begins.
    Start(Name<'a>),
    /// An attribute of the element that just began; all of them come before its content.
    Attribute(Attribute<'a>),
    /// Text, a whole or one of several pieces. Empty pieces are not reported.
    Text(Cow<'a, str>),
    /// Octets: a WBXML OPAQUE, or a WBXML string with control characters that no XML could carry.
    Opaque(&'a [u8]),
    /// The innermost open element ends. Every `Start` has its `End`, an empty element's too.
    End,
}

/// A document being read, one event at a time.
///
/// Both encodings are read through this trait, so one decoder serves both. Implementations keep their
/// [`Limits`](crate::Limits) and report each [`Event::Start`] with exactly one [`Event::End`]; after an error they return that
/// error's kind again or another error, never more events.
pub trait Source<'a> {
    /// The next event, or `None` once the root element has ended.
    ///
    /// # Errors
    /// The document is malformed or beyond a limit.
    fn next(&mut self) -> Result<Option<Event<'a>>, Error>;

    /// Octets read so far.
    fn offset(&self) -> usize;

    /// The elements open now, from the root, joined by `/`.
    fn path(&self) -> String;

    /// An error about what was read last, at this place.
    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.offset(), self.path())
    }

    /// The next event inside an open element.
    ///
    /// # Errors
    /// As [`next`](Self::next), and [`ErrorKind::Truncated`] at the end of the document.
    #[inline]
    fn require(&mut self) -> Result<Event<'a>, Error> {
        match self.next()? {
            Some(event) => Ok(event),
            None => Err(self.error(ErrorKind::Truncated)),
        }
    }

    /// The text of the element that just began, up to and including its end.
    ///
    /// Pieces are joined; octets count as text when they are UTF-8 that XML can carry. Attributes are passed over.
    ///
    /// # Errors
    /// As [`next`](Self::next); [`ErrorKind::ElementInText`] for an element inside, [`ErrorKind::NotText`] for octets that are not
    /// text.
    #[inline]
    fn text(&mut self) -> Result<Cow<'a, str>, Error> {
        read_text(self)
    }

    /// The next child of an element that holds only elements, or `None` once the element has ended. Attributes and white space are passed
    /// over.
    ///
    /// # Errors
    /// As [`next`](Self::next); [`ErrorKind::TextAmongElements`] for text or octets, which are read then, so that whoever
    /// passes over them may go on.
    #[inline]
    fn child(&mut self) -> Result<Option<Name<'a>>, Error> {
        read_child(self)
    }

    /// Passes over the rest of the element that just began, up to and including its end.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    fn skip(&mut self) -> Result<(), Error> {
        let mut open = 1_u32;
        while open > 0 {
            match self.require()? {
                Event::Start(_) => open += 1,
                Event::End => open -= 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// [`Source::child`] for any source, event by event.
pub(crate) fn read_child<'a, S: Source<'a> + ?Sized>(source: &mut S) -> Result<Option<Name<'a>>, Error> {
    loop {
        match source.require()? {
            Event::Start(name) => return Ok(Some(name)),
            Event::End => return Ok(None),
            Event::Attribute(_) => {}
            Event::Text(text) if text.trim_ascii().is_empty() => {}
            Event::Text(_) | Event::Opaque(_) => return Err(source.error(ErrorKind::TextAmongElements)),
        }
    }
}

/// [`Source::text`] for any source, piece by piece.
pub(crate) fn read_text<'a, S: Source<'a> + ?Sized>(source: &mut S) -> Result<Cow<'a, str>, Error> {
    let mut text = Cow::Borrowed("");
    loop {
        match source.require()? {
            Event::Text(piece) => join(&mut text, piece),
            Event::Opaque(octets) => match core::str::from_utf8(octets) {
                Ok(piece) if is_xml_text(piece) => join(&mut text, Cow::Borrowed(piece)),
                _ => return Err(source.error(ErrorKind::NotText)),
            },
            Event::End => return Ok(text),
            Event::Attribute(_) => {}
            Event::Start(_) => return Err(source.error(ErrorKind::ElementInText)),
        }
    }
}

/// Appends a piece; the first piece is kept as it is.
fn join<'a>(text: &mut Cow<'a, str>, piece: Cow<'a, str>) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.to_mut().push_str(&piece);
    }
}

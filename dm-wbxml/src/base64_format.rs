//! Data that becomes base64 in XML, and the Format that has to say so.

use alloc::vec::Vec;

use crate::name::{Attribute, Name, Tag};
use crate::sink::Sink;
use crate::{metinf, syncml};

/// For each element that has a `Meta` and a `Data`, in the order in which they begin, what stands in it.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

#[derive(Clone, Copy, Debug, Default)]
struct Note {
    base64: bool,
    meta: bool,
    format: bool,
}

impl Notes {
    /// Whether any Data is base64 that was octets.
    pub(crate) fn any_base64(&self) -> bool {
        self.0.iter().any(|note| note.base64)
    }
}

/// A sink for SyncML that has no octets, and what goes into it: the first time this is noted; the second time, by what was noted,
/// the Format of octets that become base64 says `b64`, and stands where there was none. The typed encoder does the same.
#[derive(Debug)]
pub(crate) struct Formatting<'n, K> {
    sink: K,
    notes: Work<'n>,
    /// Elements of [`Notes`] so far.
    items: usize,
    open: Vec<Open>,
    /// Open elements inside a Format that was written already.
    left_out: usize,
}

#[derive(Debug)]
enum Work<'n> {
    Note(&'n mut Notes),
    Apply(&'n Notes),
}

#[derive(Clone, Copy, Debug)]
enum Open {
    /// An Item or Cred, by its number.
    Item(usize),
    /// Its Data.
    Data(usize),
    /// Its Meta, or the MetInf in that.
    Meta(usize),
    Other,
}

const B64: &str = "b64";

impl<'n, K: Sink> Formatting<'n, K> {
    pub(crate) fn noting(sink: K, notes: &'n mut Notes) -> Self {
        Self::new(sink, Work::Note(notes))
    }

    pub(crate) fn applying(sink: K, notes: &'n Notes) -> Self {
        Self::new(sink, Work::Apply(notes))
    }

    fn new(sink: K, notes: Work<'n>) -> Self {
        Self { sink, notes, items: 0, open: Vec::new(), left_out: 0 }
    }

    /// An element begins: what it is, after what has to stand before it was written.
    fn begins(&mut self, name: Option<Tag>) -> Open {
        match (self.open.last(), name) {
            (_, Some(syncml::ITEM | syncml::CRED)) => {
                let item = self.items;
                self.items += 1;
                if let Work::Note(notes) = &mut self.notes {
                    notes.0.push(Note::default());
                }
                Open::Item(item)
            }
            (Some(Open::Item(item)), Some(syncml::META)) => {
                let item = *item;
                self.note(item, |note| note.meta = true);
                Open::Meta(item)
            }
            (Some(Open::Item(item)), Some(syncml::DATA)) => {
                let item = *item;
                if self.lacks(item, |note| note.meta) {
                    self.sink.open(syncml::META);
                    self.sink.leaf(metinf::FORMAT, B64);
                    self.sink.close();
                }
                Open::Data(item)
            }
            (Some(Open::Meta(item)), Some(metinf::MET_INF)) => Open::Meta(*item),
            (Some(Open::Meta(item)), Some(metinf::FORMAT)) => {
                let item = *item;
                self.note(item, |note| note.format = true);
                Open::Other
            }
            _ => Open::Other,
        }
    }

    fn note(&mut self, item: usize, note: impl FnOnce(&mut Note)) {
        if let Work::Note(notes) = &mut self.notes
            && let Some(place) = notes.0.get_mut(item)
        {
            note(place);
        }
    }

    /// Whether the Data of an element is base64, and something was not there.
    fn lacks(&self, item: usize, there: impl FnOnce(&Note) -> bool) -> bool {
        match &self.notes {
            Work::Apply(notes) => notes.0.get(item).is_some_and(|note| note.base64 && !there(note)),
            Work::Note(_) => false,
        }
    }

    /// Whether this element is a Format that says something else than it should.
    fn is_replaced(&self, name: Option<Tag>) -> bool {
        matches!(self.open.last(), Some(Open::Meta(item)) if name == Some(metinf::FORMAT) && self.lacks(*item, |_| false))
    }

    /// Whether this element is the first of a Meta that lacks a Format.
    fn lacks_format(&self, open: Open, name: Option<Tag>) -> bool {
        matches!(open, Open::Meta(item) if name == Some(syncml::META) && self.lacks(item, |note| note.format))
    }

    /// Any element; what writes it as it is comes as a function.
    fn any(&mut self, name: Option<Tag>, content: bool, write: impl FnOnce(&mut K, bool)) {
        if self.left_out > 0 {
            self.left_out += usize::from(content);
            return;
        }
        if self.is_replaced(name) {
            self.sink.leaf(metinf::FORMAT, B64);
            self.left_out += usize::from(content);
            return;
        }
        let open = self.begins(name);
        let added = self.lacks_format(open, name);
        write(&mut self.sink, content || added);
        if added {
            self.sink.leaf(metinf::FORMAT, B64);
        }
        if content {
            self.open.push(open);
        } else if added {
            self.sink.close();
        }
    }
}

impl<K: Sink> Sink for Formatting<'_, K> {
    fn open(&mut self, tag: Tag) {
        self.any(Some(tag), true, |sink, _| sink.open(tag));
    }

    fn close(&mut self) {
        if self.left_out > 0 {
            self.left_out -= 1;
            return;
        }
        self.open.pop();
        self.sink.close();
    }

    fn empty(&mut self, tag: Tag) {
        self.any(Some(tag), false, |sink, content| if content { sink.open(tag) } else { sink.empty(tag) });
    }

    fn element(&mut self, name: &Name<'_>, attributes: &[Attribute<'_>], content: bool) {
        let tag = if let Name::Tag(tag) = name { Some(*tag) } else { None };
        self.any(tag, content, |sink, content| sink.element(name, attributes, content));
    }

    fn text(&mut self, text: &str) {
        if self.left_out == 0 {
            self.sink.text(text);
        }
    }

    fn cdata(&mut self, text: &str) {
        if self.left_out == 0 {
            self.sink.cdata(text);
        }
    }

    fn opaque(&mut self, octets: &[u8]) {
        if let Some(Open::Data(item)) = self.open.last() {
            self.note(*item, |note| note.base64 = true);
        }
        if self.left_out == 0 {
            self.sink.opaque(octets);
        }
    }

    fn carries_octets(&self) -> bool {
        self.sink.carries_octets()
    }
}

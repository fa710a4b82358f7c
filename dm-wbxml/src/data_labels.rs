//! What the Meta of an Item says about its Data, and has to say otherwise in the other encoding.

use alloc::vec::Vec;

use crate::code_spaces::{devinf, dmddf};
use crate::name::{Attribute, Name, Tag};
use crate::sink::Sink;
use crate::{metinf, syncml};

/// The encoding that is written, as the Type of a document inside a message tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Suffix {
    Xml,
    Wbxml,
}

/// A Type that names a document which stands in messages in either encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct DocumentType {
    /// Its place in [`TYPES`].
    at: usize,
    suffix: Suffix,
}

/// Types as XML and as WBXML. Of a fixed length: what a peer writes once could otherwise have to be repeated with every Item.
const TYPES: [(&str, &str); 3] = [
    ("application/vnd.syncml.dmtnds+xml", "application/vnd.syncml.dmtnds+wbxml"),
    ("application/vnd.syncml.dmddf+xml", "application/vnd.syncml.dmddf+wbxml"),
    ("application/vnd.syncml-devinf+xml", "application/vnd.syncml-devinf+wbxml"),
];

impl DocumentType {
    fn named(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        TYPES.iter().enumerate().find_map(|(at, (xml, wbxml))| {
            let is = |name: &str| text.eq_ignore_ascii_case(name);
            let suffix = if is(xml) { Some(Suffix::Xml) } else { is(wbxml).then_some(Suffix::Wbxml) };
            Some(Self { at, suffix: suffix? })
        })
    }

    fn text(self) -> &'static str {
        let (xml, wbxml) = TYPES.get(self.at).copied().unwrap_or_default();
        match self.suffix {
            Suffix::Xml => xml,
            Suffix::Wbxml => wbxml,
        }
    }
}

/// What stands in each element that has a Meta or a Data: Items as they begin, commands as their first Meta or Item does.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

#[derive(Clone, Copy, Debug, Default)]
struct Note {
    /// The command of an Item.
    command: Option<usize>,
    base64: bool,
    /// Whether there is a Data, and whether it is a document.
    data: bool,
    document: bool,
    meta: bool,
    format: bool,
    /// Whether there is a Type, and if it is that of a document, which.
    typed: bool,
    document_type: Option<DocumentType>,
    /// The Type that is written in place of the own one, or added.
    new_type: Option<DocumentType>,
}

impl Note {
    /// The Format that is written in place of the own one, or added.
    fn other_format(&self) -> Option<&'static str> {
        self.base64.then_some(B64)
    }

    /// Whether a label has to be added.
    fn lacks_any(&self) -> bool {
        (self.base64 && !self.format) || (self.new_type.is_some() && !self.typed)
    }
}

impl Notes {
    /// Once all is noted: which labels have to change where documents become `written`. Whether any does.
    ///
    /// A Type in the Meta of a command changes there when all Data under it are documents; else each Item with a document gets its own.
    pub(crate) fn settle(&mut self, written: Suffix) -> bool {
        let changed = |of: &Note| {
            let of = of.document_type.filter(|of| of.suffix != written)?;
            Some(DocumentType { suffix: written, ..of })
        };
        // Of each command, whether there are documents under its Type, and whether there is other Data.
        let mut under = alloc::vec![(false, false); self.0.len()];
        for note in self.0.iter().filter(|note| note.data && !note.typed) {
            if let Some((documents, others)) = note.command.and_then(|command| under.get_mut(command)) {
                *documents |= note.document;
                *others |= !note.document;
            }
        }
        let new_type = |note: &Note, below: (bool, bool)| match note.command {
            _ if note.typed && (note.document || below == (true, false)) => changed(note),
            Some(command) if note.document && under.get(command) == Some(&(true, true)) => {
                self.0.get(command).and_then(changed)
            }
            _ => None,
        };
        let types: Vec<_> = self.0.iter().zip(&under).map(|(note, below)| new_type(note, *below)).collect();
        for (note, new_type) in self.0.iter_mut().zip(types) {
            note.new_type = new_type;
        }
        self.0.iter().any(|note| note.base64 || note.new_type.is_some())
    }
}

/// A sink for SyncML, and what goes into it: the first time it is noted what the Data are; the second time, by what was noted, the labels
/// that would be wrong are replaced, and those that lack are added.
///
/// The Format of octets that become base64 is `b64`. The Type of a document, where it names one, tells the encoding of it. The typed
/// encoder does the same.
#[derive(Debug)]
pub(crate) struct Labelling<'n, K> {
    sink: K,
    notes: Work<'n>,
    /// Elements of [`Notes`] so far.
    holders: usize,
    open: Vec<Open>,
    /// Open elements inside a label that was written already.
    left_out: usize,
}

#[derive(Debug)]
enum Work<'n> {
    Note(&'n mut Notes),
    Apply(&'n Notes),
}

#[derive(Clone, Copy, Debug)]
enum Open {
    /// A command, by its number; anything with a Meta or Items is one.
    Command(usize),
    /// An Item or Cred, by its number.
    Item(usize),
    /// Its Data.
    Data(usize),
    /// The Meta of a command or Item, or the MetInf in that.
    Meta(usize),
    /// The Type in that.
    Type(usize),
    /// A Format, and what stands in labels: nothing in it has a number, whether it is written or not.
    Label,
    Other,
}

const B64: &str = "b64";

impl<'n, K: Sink> Labelling<'n, K> {
    pub(crate) fn noting(sink: K, notes: &'n mut Notes) -> Self {
        Self::new(sink, Work::Note(notes))
    }

    pub(crate) fn applying(sink: K, notes: &'n Notes) -> Self {
        Self::new(sink, Work::Apply(notes))
    }

    fn new(sink: K, notes: Work<'n>) -> Self {
        Self { sink, notes, holders: 0, open: Vec::new(), left_out: 0 }
    }

    pub(crate) fn into_inner(self) -> K {
        self.sink
    }

    /// The number of the element that is open, which has a Meta or Items.
    fn holder(&mut self) -> Option<usize> {
        match self.open.last() {
            Some(Open::Item(holder) | Open::Command(holder)) => return Some(*holder),
            Some(Open::Other) => {}
            _ => return None,
        }
        let holder = self.number(None);
        if let Some(open) = self.open.last_mut() {
            *open = Open::Command(holder);
        }
        Some(holder)
    }

    fn number(&mut self, command: Option<usize>) -> usize {
        if let Work::Note(notes) = &mut self.notes {
            notes.0.push(Note { command, ..Note::default() });
        }
        self.holders += 1;
        self.holders - 1
    }

    /// An element begins: what it is, after what has to stand before it was written.
    fn begins(&mut self, name: Option<Tag>, content: bool) -> Open {
        match (self.open.last().copied(), name) {
            (Some(Open::Label | Open::Type(_)), _) => Open::Label,
            (_, Some(syncml::CRED)) => Open::Item(self.number(None)),
            (around, Some(syncml::ITEM)) => {
                let command = if matches!(around, Some(Open::Item(_))) { None } else { self.holder() };
                Open::Item(self.number(command))
            }
            (Some(Open::Item(_) | Open::Command(_) | Open::Other), Some(syncml::META)) => {
                let Some(holder) = self.holder() else { return Open::Other };
                self.note(holder, |note| note.meta = true);
                Open::Meta(holder)
            }
            (Some(Open::Item(item)), Some(syncml::DATA)) => {
                self.note(item, |note| note.data |= content);
                let note = self.noted(item);
                if !note.meta && note.lacks_any() {
                    self.sink.open(syncml::META);
                    self.add_labels(&note);
                    self.sink.close();
                }
                Open::Data(item)
            }
            (Some(Open::Meta(holder)), Some(metinf::MET_INF)) => Open::Meta(holder),
            (Some(Open::Meta(holder)), Some(metinf::FORMAT)) => {
                self.note(holder, |note| note.format = true);
                Open::Label
            }
            (Some(Open::Meta(holder)), Some(metinf::TYPE)) => {
                self.note(holder, |note| note.typed = true);
                Open::Type(holder)
            }
            _ => Open::Other,
        }
    }

    /// Writes the labels that an element lacks.
    fn add_labels(&mut self, note: &Note) {
        if let Some(format) = note.other_format().filter(|_| !note.format) {
            self.sink.leaf(metinf::FORMAT, format);
        }
        if let Some(new) = note.new_type.filter(|_| !note.typed) {
            self.sink.leaf(metinf::TYPE, new.text());
        }
    }

    fn note(&mut self, holder: usize, note: impl FnOnce(&mut Note)) {
        if let Work::Note(notes) = &mut self.notes
            && let Some(place) = notes.0.get_mut(holder)
        {
            note(place);
        }
    }

    /// What was noted the first time.
    fn noted(&self, holder: usize) -> Note {
        match &self.notes {
            Work::Apply(notes) => notes.0.get(holder).copied().unwrap_or_default(),
            Work::Note(_) => Note::default(),
        }
    }

    /// The text of this element, if it is a label that has to say something else than it does.
    fn replaced(&self, name: Option<Tag>) -> Option<&'static str> {
        let Some(Open::Meta(holder)) = self.open.last() else { return None };
        let note = self.noted(*holder);
        match name {
            Some(metinf::FORMAT) => note.other_format(),
            Some(metinf::TYPE) => note.new_type.map(DocumentType::text),
            _ => None,
        }
    }

    /// Any element; what writes it as it is comes as a function.
    fn any(&mut self, name: Option<Tag>, content: bool, write: impl FnOnce(&mut K, bool)) {
        if self.left_out > 0 {
            self.left_out += usize::from(content);
            return;
        }
        if let (Some(tag), Some(text)) = (name, self.replaced(name)) {
            self.sink.leaf(tag, text);
            self.left_out += usize::from(content);
            return;
        }
        let open = self.begins(name, content);
        let lacking = match open {
            Open::Meta(holder) if name == Some(syncml::META) => {
                Some(self.noted(holder)).filter(Note::lacks_any)
            }
            _ => None,
        };
        write(&mut self.sink, content || lacking.is_some());
        if let Some(note) = &lacking {
            self.add_labels(note);
        }
        if content {
            self.open.push(open);
        } else if lacking.is_some() {
            self.sink.close();
        }
    }

    /// Text inside the element that is open.
    fn reads(&mut self, text: &str) {
        if let Some(Open::Type(holder)) = self.open.last() {
            let of = DocumentType::named(text);
            self.note(*holder, |note| note.document_type = of);
        }
    }

    /// A document inside a message begins.
    fn finds_document(&mut self) {
        if let Some(Open::Data(item)) = self.open.last() {
            self.note(*item, |note| note.document = true);
        }
    }
}

/// Whether this is the root of a document that stands in messages.
fn is_document(name: &Name<'_>) -> bool {
    match name {
        Name::Tag(tag) => *tag == dmddf::MGMT_TREE,
        Name::Foreign(name) => {
            let known = [(dmddf::PAGE.namespace(), "MgmtTree"), (devinf::PAGE.namespace(), "DevInf")];
            known.contains(&(name.namespace(), name.local()))
        }
    }
}

impl<K: Sink> Sink for Labelling<'_, K> {
    fn open(&mut self, tag: Tag) {
        if tag == dmddf::MGMT_TREE {
            self.finds_document();
        }
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
        if is_document(name) {
            self.finds_document();
        }
        let tag = if let Name::Tag(tag) = name { Some(*tag) } else { None };
        self.any(tag, content, |sink, content| sink.element(name, attributes, content));
    }

    fn text(&mut self, text: &str) {
        self.reads(text);
        if self.left_out == 0 {
            self.sink.text(text);
        }
    }

    fn cdata(&mut self, text: &str) {
        self.reads(text);
        if self.left_out == 0 {
            self.sink.cdata(text);
        }
    }

    /// Into WBXML, only documents become octets.
    fn opaque(&mut self, octets: &[u8]) {
        if self.carries_octets() {
            self.finds_document();
        } else if let Some(Open::Data(item)) = self.open.last() {
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

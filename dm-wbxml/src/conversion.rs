//! Whole documents from one encoding into the other, and the documents inside them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::code_space::{CodePage, CodeSpace, PublicId};
use crate::code_space_choice::{as_foreign, of_header, of_name, of_root};
use crate::code_spaces::{
    CODE_SPACES, DEVINF_1_0, DEVINF_1_1, DEVINF_1_2, DM_DDF_1_2, devinf, dmddf, syncml,
};
use crate::data_labels::{Labelling, Notes, Suffix};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::name::{Name, Tag};
use crate::sink::Sink;
use crate::source::{Event, Source};
use crate::transcode::Pump;
use crate::wbxml::{self, DocumentId, StringTable, Version};
use crate::xml;

/// Writes a WBXML document as XML.
///
/// Without a `space` it is chosen by the public identifier, number or name, among [`CODE_SPACES`]; where the
/// identifier is "unknown", by the root element.
///
/// A DM DDF/TNDS or DevInf document that is the OPAQUE content of an element of a SyncML message becomes elements inside it. Octets that
/// are text stay text, as CDATA. Other octets become base64; where they are the `Data` of an Item or Cred, the Format of its
/// `Meta` becomes `b64`, and is added where there is none. The Type of a document inside, where it ends in `+wbxml`, then ends in `+xml`.
///
/// ```
/// let input = b"\x02\xA4\x01\x6A\0\x4F\xC3\x0C\x02\xA4\x03\x6A\0\x4A\x65\x03\x31\0\x01\x01\x01";
/// let xml = dm_wbxml::wbxml_to_xml(input, None, dm_wbxml::Limits::default())?;
/// let device = r#"<DevInf xmlns="syncml:devinf"><VerDTD>1</VerDTD></DevInf>"#;
/// assert_eq!(String::from_utf8(xml).unwrap(), format!(r#"<Data xmlns="SYNCML:SYNCML1.2">{device}</Data>"#));
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
///
/// # Errors
/// A document that cannot be read with `options`; [`ErrorKind::CodeSpace`] when nothing says what it is.
pub fn wbxml_to_xml(
    input: &[u8],
    space: Option<&'static CodeSpace>,
    options: impl Into<wbxml::Options>,
) -> Result<Vec<u8>, Error> {
    let options = options.into();
    let space = match space {
        Some(space) => space,
        None => space_of_wbxml(input, options.limits)?,
    };
    let mut out = Vec::new();
    if !holds_documents(space) {
        unfold(input, space, options, &mut xml::Writer::new(&mut out, space))?;
        return Ok(out);
    }
    // Meta stands before the Data it is about. Few documents hold octets that are no text, or documents, so those are written twice.
    let mut notes = Notes::default();
    let writer = xml::Writer::new(&mut out, space);
    unfold(input, space, options, &mut Labelling::noting(writer, &mut notes))?;
    if notes.settle(Suffix::Xml) {
        out.clear();
        let writer = xml::Writer::new(&mut out, space);
        unfold(input, space, options, &mut Labelling::applying(writer, &notes))?;
    }
    Ok(out)
}

/// Passes on a WBXML document with the documents inside it unfolded into elements.
fn unfold<K: Sink>(
    input: &[u8],
    space: &'static CodeSpace,
    options: wbxml::Options,
    sink: &mut K,
) -> Result<(), Error> {
    let limits = options.limits;
    let mut reader = wbxml::Reader::new(input, space, limits)?.with_missing_ends(options.missing_ends);
    let mut pump = Pump::default();
    let (mut depth, mut expansion) = (0_u16, limits.expansion);
    while let Some(event) = reader.next()? {
        match event {
            Event::Start(_) => depth += 1,
            Event::End => depth -= 1,
            Event::Opaque(octets) if holds_documents(space) && pump.is_at_start() => {
                let left = limits.with_depth(limits.depth.saturating_sub(depth));
                if let Some((mut inner, inner_space)) = embedded(octets, left, &mut expansion) {
                    while let Ok(Some(event)) = inner.next() {
                        let event = match event {
                            Event::Start(name) => Event::Start(as_foreign(name, inner_space)),
                            other => other,
                        };
                        pump.event(event, sink);
                    }
                    continue;
                }
            }
            _ => {}
        }
        pump.event(event, sink);
    }
    Ok(())
}

/// Writes an XML document as WBXML.
///
/// Without a `space` it is chosen by the namespace and name of the root element. A root in no namespace is one of provisioning, whose
/// elements are in none; only with [`NO_NAMESPACE`](xml::Leniencies::NO_NAMESPACE) among the leniencies of `options` does the formal public
/// identifier in the DOCTYPE, else the name of the root alone, choose another: without, no element in no namespace is one of the code
/// space, and a WBXML document of literals only is what nobody wants. A kind of document that has no number is named in the string
/// table; that table also holds names that no token stands for, and nothing else.
///
/// White space between elements of the code space is left out. Inside a SyncML message a `MgmtTree` or `DevInf` element becomes an OPAQUE
/// that holds a whole WBXML document, and its Type, where that ends in `+xml`, then ends in `+wbxml`: in the Meta of its Item, or in that of
/// its command where this is so for all Items. Other markup inside `Data` becomes an OPAQUE that holds it as XML text, since WBXML
/// would lose its namespaces.
///
/// ```
/// use dm_wbxml::{wbxml::Version, xml::Options};
///
/// let xml = br#"<wap-provisioningdoc version="1.0"> <characteristic type="NAPDEF"/> </wap-provisioningdoc>"#;
/// let wbxml = dm_wbxml::xml_to_wbxml(xml, None, Version::V1_3, Options::default())?;
/// assert_eq!(wbxml, b"\x03\x0B\x6A\0\xC5\x46\x01\x86\x55\x01\x01");
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
///
/// # Errors
/// A document that cannot be read with `options`; [`ErrorKind::CodeSpace`] when nothing says what it is.
pub fn xml_to_wbxml(
    input: &[u8],
    space: Option<&'static CodeSpace>,
    version: Version,
    options: xml::Options,
) -> Result<Vec<u8>, Error> {
    xml_to_wbxml_reporting(input, space, version, options).map(|(wbxml, _)| wbxml)
}

/// [`xml_to_wbxml`], and which of the leniencies in `options` the document needed.
///
/// ```
/// use dm_wbxml::wbxml::Version;
/// use dm_wbxml::xml::{Leniencies, Options};
///
/// let options = Options::default().with_leniencies(Leniencies::ALL);
/// let (wbxml, met) = dm_wbxml::xml_to_wbxml_reporting(b"<Final/>", None, Version::V1_2, options)?;
/// assert_eq!(wbxml, b"\x02\xA4\x01\x6A\0\x12");
/// assert_eq!(met, Leniencies::NO_NAMESPACE);
/// # Ok::<(), dm_wbxml::Error>(())
/// ```
///
/// # Errors
/// As [`xml_to_wbxml`].
pub fn xml_to_wbxml_reporting(
    input: &[u8],
    space: Option<&'static CodeSpace>,
    version: Version,
    options: xml::Options,
) -> Result<(Vec<u8>, xml::Leniencies), Error> {
    let space = match space {
        Some(space) => space,
        None => space_of_xml(input, options)?,
    };
    let mut table = table_for(space);
    let mut tables = Vec::new();
    let mut notes = Notes::default();
    let mut collect = Inner::Collect(&mut tables);
    let met = if holds_documents(space) {
        let mut labels = Labelling::noting(table, &mut notes);
        let met = fold(input, space, options, &mut labels, &mut collect)?;
        table = labels.into_inner();
        met
    } else {
        fold(input, space, options, &mut table, &mut collect)?
    };
    let mut out = Vec::new();
    let mut writer = writer_for(&mut out, version, space, &table);
    let mut write = Inner::Write(version, tables.iter());
    if notes.settle(Suffix::Wbxml) {
        let mut labels = Labelling::applying(writer, &notes);
        fold(input, space, options, &mut labels, &mut write)?;
        writer = labels.into_inner();
    } else {
        fold(input, space, options, &mut writer, &mut write)?;
    }
    let complete = writer.finish();
    debug_assert!(complete, "the table has seen every name");
    Ok((out, met))
}

fn space_of_wbxml(input: &[u8], limits: Limits) -> Result<&'static CodeSpace, Error> {
    let mut reader = wbxml::Reader::new(input, &DM_DDF_1_2, limits)?;
    if let Some(space) = of_header(reader.header()) {
        return Ok(space);
    }
    let may_be_any = match reader.header().document {
        DocumentId::Number(id) => id == PublicId::UNKNOWN,
        DocumentId::Name(_) => true,
    };
    let root = if may_be_any { reader.next()? } else { None };
    match root {
        Some(Event::Start(Name::Tag(tag))) => of_root(tag),
        _ => None,
    }
    .ok_or_else(|| reader.error(ErrorKind::CodeSpace))
}

fn space_of_xml(input: &[u8], options: xml::Options) -> Result<&'static CodeSpace, Error> {
    static NO_PAGE: CodePage = CodePage::new(0, &["urn:x-dm-wbxml:none"], &[]);
    static NOTHING: CodeSpace = CodeSpace::new(PublicId::UNKNOWN, "", &[&NO_PAGE]);
    let mut reader = xml::Reader::new(input, &NOTHING, options)?;
    let Some(Event::Start(Name::Foreign(root))) = reader.next()? else {
        return Err(reader.error(ErrorKind::CodeSpace));
    };
    if !root.namespace().is_empty() {
        let space = of_name(root.namespace(), root.local());
        return space.ok_or_else(|| reader.error(ErrorKind::CodeSpace));
    }
    if !options.leniencies.contains(xml::Leniencies::NO_NAMESPACE) {
        let space = CODE_SPACES.iter().copied().find(|space| {
            space.pages().iter().any(|page| page.namespace().is_empty() && page.tag(root.local()).is_some())
        });
        return space.ok_or_else(|| reader.error(ErrorKind::CodeSpace));
    }
    let prolog = input.get(..reader.offset()).and_then(|prolog| core::str::from_utf8(prolog).ok());
    let named = prolog.and_then(|prolog| public_id_of(prolog)).and_then(|name| {
        CODE_SPACES.iter().copied().find(|space| space.formal_public_id().eq_ignore_ascii_case(name))
    });
    named.or_else(|| of_name("", root.local())).ok_or_else(|| reader.error(ErrorKind::CodeSpace))
}

/// The formal public identifier in a DOCTYPE.
fn public_id_of(prolog: &str) -> Option<&str> {
    let (_, doctype) = prolog.split_once("<!DOCTYPE")?;
    let (_, behind) = doctype.split_once("PUBLIC")?;
    let behind = behind.trim_ascii_start();
    let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    behind[1..].split(quote).next()
}

/// Whether documents of other kinds stand in elements of this one: SyncML's `Data`.
fn holds_documents(space: &CodeSpace) -> bool {
    space.name(syncml::SYNCML) == Some("SyncML")
}

/// A reader of the document that octets are from the first to the last, if they are one that stands in SyncML messages. All such
/// documents together, and what only looks like one, share one `expansion`.
fn embedded<'a>(
    octets: &'a [u8],
    limits: Limits,
    expansion: &mut usize,
) -> Option<(wbxml::Reader<'a>, &'static CodeSpace)> {
    let limits = limits.with_expansion(*expansion);
    let mut whole = wbxml::Reader::new(octets, &DM_DDF_1_2, limits).ok()?;
    let announced = of_header(whole.header())?;
    let Ok(Some(Event::Start(Name::Tag(root)))) = whole.next() else { return None };
    let space = match root {
        dmddf::MGMT_TREE => &DM_DDF_1_2,
        devinf::DEV_INF if announced.name(root) == Some("DevInf") => announced,
        _ => return None,
    };
    let end = core::iter::from_fn(|| whole.next().transpose()).find_map(Result::err);
    *expansion = expansion.saturating_sub(whole.expanded());
    if end.is_some() {
        return None;
    }
    Some((wbxml::Reader::new(octets, space, limits).ok()?, space))
}

fn table_for(space: &'static CodeSpace) -> StringTable {
    let mut table = StringTable::new().with_attributes(space);
    if space.public_id() == PublicId::UNKNOWN {
        table.insert(space.formal_public_id());
    }
    table
}

fn writer_for<'t, 'o>(
    out: &'o mut Vec<u8>,
    version: Version,
    space: &'static CodeSpace,
    table: &'t StringTable,
) -> wbxml::Writer<'t, &'o mut Vec<u8>> {
    let name = table.offset(space.formal_public_id()).filter(|_| space.public_id() == PublicId::UNKNOWN);
    match name {
        Some(name) => wbxml::Writer::named(out, version, name, table),
        None => wbxml::Writer::new(out, version, space.public_id(), table),
    }
    .with_attributes(space)
}

/// What becomes of the documents inside a document: first their string tables are collected, then they are written.
enum Inner<'t> {
    Collect(&'t mut Vec<StringTable>),
    Write(Version, core::slice::Iter<'t, StringTable>),
}

/// What an element inside a message becomes.
enum Fold {
    Document(&'static CodeSpace),
    Markup,
}

/// Passes on an XML document with what stands in it folded into octets.
fn fold<K: Sink>(
    input: &[u8],
    space: &'static CodeSpace,
    options: xml::Options,
    sink: &mut K,
    inner: &mut Inner<'_>,
) -> Result<xml::Leniencies, Error> {
    let mut reader = xml::Reader::new(input, space, options)?;
    let mut pump = Pump::default();
    let mut blanks = Blanks::default();
    while let Some(event) = reader.next()? {
        if let Event::Start(name) = &event {
            if blanks.depth() == 0 && blanks.any {
                // WBXML has one root, whatever is read as XML.
                return Err(reader.error(ErrorKind::OutsideRoot));
            }
            let folded = blanks.around().filter(|_| holds_documents(space));
            if let Some(folded) = folded.and_then(|around| folds(name, around, space)) {
                blanks.sees_element(&mut pump);
                pump.flush(sink);
                fold_one(&mut reader, name.clone(), &folded, space, sink, inner)?;
                continue;
            }
        }
        blanks.event(&event, &mut pump);
        pump.event(event, sink);
    }
    Ok(reader.met())
}

/// Whether an element in `around` is a document of its own, or markup that WBXML would not keep.
fn folds(name: &Name<'_>, around: Tag, space: &CodeSpace) -> Option<Fold> {
    match name {
        Name::Tag(dmddf::MGMT_TREE) if around.page() != dmddf::MGMT_TREE.page() => {
            Some(Fold::Document(&DM_DDF_1_2))
        }
        Name::Foreign(name) if name.namespace() == devinf::PAGE.namespace() && name.local() == "DevInf" => {
            Some(Fold::Document(match space.public_id() {
                PublicId::SYNCML_1_0 => &DEVINF_1_0,
                PublicId::SYNCML_1_1 => &DEVINF_1_1,
                _ => &DEVINF_1_2,
            }))
        }
        Name::Foreign(_) if around == syncml::DATA => Some(Fold::Markup),
        _ => None,
    }
}

fn fold_one<'a, K: Sink>(
    reader: &mut xml::Reader<'a>,
    root: Name<'a>,
    fold: &Fold,
    outer: &'static CodeSpace,
    sink: &mut K,
    inner: &mut Inner<'_>,
) -> Result<(), Error> {
    let mut out = Vec::new();
    match (fold, inner) {
        (Fold::Document(space), Inner::Collect(tables)) => {
            let mut table = table_for(space);
            copy(reader, root, Some(*space), &mut table)?;
            tables.push(table);
            sink.opaque(&[]);
        }
        (Fold::Document(space), Inner::Write(version, tables)) => {
            let empty = StringTable::new();
            let table = tables.next().unwrap_or(&empty);
            let mut writer = writer_for(&mut out, *version, space, table);
            copy(reader, root, Some(*space), &mut writer)?;
            debug_assert!(writer.finish(), "the table has seen every name");
            sink.opaque(&out);
        }
        (Fold::Markup, Inner::Collect(_)) => copy(reader, root, None, &mut StringTable::new())?,
        (Fold::Markup, Inner::Write(..)) => {
            copy(reader, root, None, &mut xml::Writer::new(&mut out, outer))?;
            sink.cdata(&String::from_utf8_lossy(&out));
        }
    }
    Ok(())
}

/// The element that just began, up to its end; its names as those of `space`, or without one everything as it is.
fn copy<'a, K: Sink>(
    reader: &mut xml::Reader<'a>,
    root: Name<'a>,
    space: Option<&'static CodeSpace>,
    sink: &mut K,
) -> Result<(), Error> {
    let mut pump = Pump::default();
    let mut blanks = Blanks::default();
    let mut event = Event::Start(root);
    loop {
        if let (Event::Start(Name::Foreign(name)), Some(space)) = (&event, space)
            && let Some(tag) = space.page_of(name.namespace()).and_then(|page| page.tag(name.local()))
        {
            event = Event::Start(Name::Tag(tag));
        }
        if space.is_some() {
            blanks.event(&event, &mut pump);
        } else {
            blanks.count(&event);
        }
        pump.event(event, sink);
        if blanks.depth() == 0 {
            return Ok(());
        }
        event = reader.require()?;
    }
}

/// Leaves out white space between elements of a code space; in elements outside of it, and where it is all there is, it stays.
#[derive(Default)]
struct Blanks {
    /// For each open element its tag, if it has one, and whether it has held an element.
    open: Vec<(Option<Tag>, bool)>,
    /// Whether there was any element.
    any: bool,
}

impl Blanks {
    fn depth(&self) -> usize {
        self.open.len()
    }

    /// The element around.
    fn around(&self) -> Option<Tag> {
        self.open.last().and_then(|(tag, _)| *tag)
    }

    fn event(&mut self, event: &Event<'_>, pump: &mut Pump<'_>) {
        match event {
            Event::Start(_) => self.sees_element(pump),
            Event::End if matches!(self.open.last(), Some((Some(_), true))) => pump.drop_blank(),
            _ => {}
        }
        self.count(event);
    }

    /// An element begins inside the innermost one.
    fn sees_element(&mut self, pump: &mut Pump<'_>) {
        if let Some((tag, held)) = self.open.last_mut() {
            *held = true;
            if tag.is_some() {
                pump.drop_blank();
            }
        }
    }

    fn count(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(name) => {
                let tag = if let Name::Tag(tag) = name { Some(*tag) } else { None };
                self.open.push((tag, false));
                self.any = true;
            }
            Event::End => _ = self.open.pop(),
            _ => {}
        }
    }
}

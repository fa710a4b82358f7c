//! Documents as elements, without knowing what they mean.

use std::collections::VecDeque;

use dm_syncml::elements::{Limits, Name};
use dm_wbxml::{Error, Event, SYNCML_1_2, Source, xml};

/// The first thing two documents say differently.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Result<(), String> {
    let (left, right) = (facts(left), facts(right));
    match (0..left.len().max(right.len())).find(|at| left.get(*at) != right.get(*at)) {
        Some(at) => Err(format!("{:?}, {:?}", left.get(at), right.get(at))),
        None => Ok(()),
    }
}

/// Names, attributes and text; namespaces, which WBXML cannot carry, are not among them. The Type of a document inside says in which
/// encoding it is at the moment.
fn facts(xml: &[u8]) -> Vec<String> {
    let fact = |event: &Event<'_>| match event {
        Event::Start(Name::Tag(tag)) => format!("<{}", SYNCML_1_2.name(*tag).unwrap_or("?")),
        Event::Start(Name::Foreign(name)) => format!("<{}", name.local()),
        Event::Text(text) => match text.trim().strip_suffix("+wbxml") {
            Some(of) => format!("{:?}", format!("{of}+xml")),
            None => format!("{:?}", text.trim()),
        },
        other => format!("{other:?}"),
    };
    events(xml).iter().map(fact).filter(|fact| fact != "\"\"").collect()
}

/// `xml` without the attributes of its elements.
pub(crate) fn without_attributes(xml: &str) -> String {
    let mut events = pieces(xml.as_bytes());
    events.retain(|event| !matches!(event, Event::Attribute(_)));
    write(events)
}

/// `xml` without white space among elements.
pub(crate) fn without_indentation(xml: &str) -> String {
    write(events(xml.as_bytes()))
}

/// `xml` without white space around texts.
pub(crate) fn trimmed(xml: &str) -> String {
    let trim = |event| match event {
        Event::Text(text) => Event::Text(text.trim().to_owned().into()),
        other => other,
    };
    write(events(xml.as_bytes()).into_iter().map(trim).collect())
}

fn write(events: VecDeque<Event<'_>>) -> String {
    let mut out = Vec::new();
    let mut writer = xml::Writer::new(&mut out, &SYNCML_1_2);
    dm_wbxml::transcode(&mut Events(events), &mut writer).expect("no event fails");
    String::from_utf8(out).expect("XML is UTF-8")
}

/// The events of a document, without text that only indents: white space that is not all there is in its element.
fn events(xml: &[u8]) -> VecDeque<Event<'_>> {
    let pieces = pieces(xml);
    let indents = |at: usize| {
        let beside = |at: Option<usize>| at.and_then(|at| pieces.get(at));
        let Some(Event::Text(text)) = pieces.get(at) else { return false };
        let alone = !matches!(beside(at.checked_sub(1)), Some(Event::End))
            && matches!(beside(at.checked_add(1)), Some(Event::End));
        !alone && text.trim().is_empty()
    };
    let indenting: Vec<bool> = (0..pieces.len()).map(indents).collect();
    pieces.into_iter().zip(indenting).filter(|(_, indents)| !indents).map(|(event, _)| event).collect()
}

/// The events of a document, each text in one piece.
fn pieces(xml: &[u8]) -> VecDeque<Event<'_>> {
    let mut reader = xml::Reader::new(xml, &SYNCML_1_2, xml::Options::new(Limits::DEFAULT)).expect("XML");
    let mut events: VecDeque<Event<'_>> = VecDeque::new();
    while let Some(event) = reader.next().expect("well-formed XML") {
        match (event, events.back_mut()) {
            (Event::Text(piece), Some(Event::Text(text))) => text.to_mut().push_str(&piece),
            (event, _) => events.push_back(event),
        }
    }
    events
}

/// Events that were read before.
struct Events<'a>(VecDeque<Event<'a>>);

impl<'a> Source<'a> for Events<'a> {
    fn next(&mut self) -> Result<Option<Event<'a>>, Error> {
        Ok(self.0.pop_front())
    }

    fn offset(&self) -> usize {
        0
    }

    fn path(&self) -> String {
        String::new()
    }
}

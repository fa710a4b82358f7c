//! quick-xml: what one would use for XML if this family did not exist.
//!
//! `events` is the reader alone, borrowed events and nothing made of them: the floor of any XML decoder built on it.
//! `serde-de` and `serde-ser` go through the types of [`message`].

mod message;

use core::hint::black_box;
use core::str;

use quick_xml::events::Event;

use crate::case::{Case, Refused};
use crate::input::{Encoding, Input};
use message::SyncML;

pub(crate) const TOOL: &str = "quick-xml";

pub(crate) fn cases(input: &Input) -> Result<Vec<Case<'_>>, Refused> {
    if input.encoding == Encoding::Wbxml {
        return Ok(Vec::new());
    }
    let refused = |error: &dyn core::fmt::Display| Refused::new(TOOL, error);
    let xml = str::from_utf8(&input.octets).map_err(|error| refused(&error))?;
    let len = xml.len();
    let elements = events(xml).map_err(|error| refused(&error))?;
    let mut cases = vec![Case::new(TOOL, "events", len, elements, move || {
        events(black_box(xml)).expect("it could be read before")
    })];

    // These types have no place for what is not a message; the events alone say nothing worth keeping then.
    let message: SyncML<'_> = quick_xml::de::from_str(xml).map_err(|error| refused(&error))?;
    let written = quick_xml::se::to_string(&message).map_err(|error| refused(&error))?;
    let again: SyncML<'_> = quick_xml::de::from_str(&written).map_err(|error| refused(&error))?;
    assert_eq!(message.commands(), again.commands(), "serde-ser loses commands");

    let expected = input.commands().unwrap_or_else(|| message.commands());
    cases.push(Case::new(TOOL, "serde-de", len, expected, move || {
        let message: SyncML<'_> = quick_xml::de::from_str(black_box(xml)).expect("it could be read before");
        black_box(&message).commands()
    }));
    // Into a new string, as our encoders write into a new vector.
    cases.push(Case::new(TOOL, "serde-ser", len, written.len(), move || {
        let written = quick_xml::se::to_string(black_box(&message)).expect("it could be written before");
        black_box(&written).len()
    }));
    Ok(cases)
}

/// Reads every event and counts the elements.
fn events(xml: &str) -> Result<usize, quick_xml::Error> {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut elements = 0;
    loop {
        match reader.read_event()? {
            Event::Start(_) | Event::Empty(_) => elements += 1,
            Event::Eof => return Ok(elements),
            _ => {}
        }
    }
}

/// Commands in a document: every command has one CmdID.
pub(crate) fn count_commands(xml: &[u8]) -> Result<usize, quick_xml::Error> {
    let mut reader = quick_xml::Reader::from_reader(xml);
    let mut commands = 0;
    loop {
        match reader.read_event()? {
            Event::Start(start) if start.local_name().as_ref() == "CmdID" => commands += 1,
            Event::Eof => return Ok(commands),
            _ => {}
        }
    }
}

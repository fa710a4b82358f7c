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

const TOOL: &str = "quick-xml";

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

    let message: SyncML<'_> = quick_xml::de::from_str(xml).map_err(|error| refused(&error))?;
    let written = quick_xml::se::to_string(&message).map_err(|error| refused(&error))?;
    // What it writes must be the message that it read.
    let again: SyncML<'_> = quick_xml::de::from_str(&written).map_err(|error| refused(&error))?;
    assert_eq!(message.commands(), again.commands(), "serde-ser loses commands");

    cases.push(Case::new(TOOL, "serde-de", len, count_commands(xml), move || {
        let message: SyncML<'_> = quick_xml::de::from_str(black_box(xml)).expect("it could be read before");
        black_box(&message).commands()
    }));
    // Into a buffer that is there already, which is the best it can do.
    let mut out = String::with_capacity(written.len());
    cases.push(Case::new(TOOL, "serde-ser", len, written.len(), move || {
        out.clear();
        quick_xml::se::to_writer(&mut out, black_box(&message)).expect("it could be written before");
        black_box(&out).len()
    }));
    Ok(cases)
}

/// Reads every event and counts the elements.
fn events(xml: &str) -> Result<usize, quick_xml::Error> {
    let mut reader = quick_xml::Reader::from_str(xml);
    reader.config_mut().check_end_names = false;
    let mut elements = 0;
    loop {
        match reader.read_event()? {
            Event::Start(_) | Event::Empty(_) => elements += 1,
            Event::Eof => return Ok(elements),
            _ => {}
        }
    }
}

/// Commands in a document, by its text alone: every command has one CmdID.
pub(crate) fn count_commands(xml: &str) -> usize {
    xml.matches("</CmdID>").count()
}

//! Runs the bodies of the fuzz targets over their committed corpora, on stable.

#![cfg(feature = "xml")]

#[path = "fuzz/wbxml_message.rs"]
mod wbxml_message;
#[path = "fuzz/xml_message.rs"]
mod xml_message;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn wbxml_message() {
    replay("wbxml_message", wbxml_message::run);
}

#[test]
fn xml_message() {
    replay("xml_message", xml_message::run);
}

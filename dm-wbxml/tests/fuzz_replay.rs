//! Runs the bodies of the fuzz targets over their committed corpora, on stable.

#![cfg(feature = "xml")]

#[path = "fuzz/transcode.rs"]
mod transcode;

#[path = "fuzz/wbxml_reader.rs"]
mod wbxml_reader;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn transcode() {
    replay("transcode", transcode::run);
}

#[test]
fn wbxml_reader() {
    replay("wbxml_reader", wbxml_reader::run);
}

//! Runs the bodies of the fuzz targets for documents over their committed corpora, on stable.

#![cfg(feature = "xml")]

#[path = "fuzz/ddf.rs"]
mod ddf;
#[path = "fuzz/tnds.rs"]
mod tnds;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn ddf() {
    replay("ddf", ddf::run);
}

#[test]
fn tnds() {
    replay("tnds", tnds::run);
}

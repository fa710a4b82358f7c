//! Runs the bodies of the fuzz targets over their committed corpora, on stable.

#[path = "fuzz/package0.rs"]
mod package0;
#[path = "fuzz/push_pdu.rs"]
mod push_pdu;
#[path = "fuzz/udh_reassembly.rs"]
mod udh_reassembly;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn package0() {
    replay("package0", package0::run);
}

#[test]
fn push_pdu() {
    replay("push_pdu", push_pdu::run);
}

#[test]
fn udh_reassembly() {
    replay("udh_reassembly", udh_reassembly::run);
}

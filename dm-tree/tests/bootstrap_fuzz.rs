//! Runs the bodies of the bootstrap fuzz targets over their committed corpora, on stable.

#[path = "fuzz/bootstrap_cp.rs"]
mod bootstrap_cp;
#[path = "fuzz/bootstrap_dm.rs"]
mod bootstrap_dm;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn bootstrap_cp() {
    replay("bootstrap_cp", bootstrap_cp::run);
}

#[test]
fn bootstrap_dm() {
    replay("bootstrap_dm", bootstrap_dm::run);
}

//! Runs the bodies of the fuzz targets over their committed corpora, on stable.

#[path = "fuzz/package0.rs"]
mod package0;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;

#[test]
fn package0() {
    replay("package0", package0::run);
}

//! Runs the bodies of the fuzz targets of relay, peers and bootstrap over their committed corpora, and over random octets.

#[path = "fuzz/device_bootstrap.rs"]
mod device_bootstrap;
#[path = "fuzz/gwmo_header.rs"]
mod gwmo_header;
#[path = "fuzz/peers.rs"]
mod peers;
#[path = "fuzz/relay.rs"]
mod relay;
#[path = "relay/world.rs"]
mod world;

#[path = "../../fuzz/replay.rs"]
mod corpus;

use corpus::replay;
use proptest::prelude::*;

#[test]
fn replay_gwmo_header() {
    replay("gwmo_header", gwmo_header::run);
}

#[test]
fn replay_relay() {
    replay("relay", relay::run);
}

#[test]
fn replay_peers() {
    replay("peers", peers::run);
}

#[test]
fn replay_device_bootstrap() {
    replay("device_bootstrap", device_bootstrap::run);
}

proptest! {
    #[test]
    fn random_headers(text in "(grp=)?([a-z:]{0,4}[,;%= 0-9A-F]{0,3}){0,8}") {
        gwmo_header::run(text.as_bytes());
    }

    #[test]
    fn random_relays(data in prop::collection::vec(any::<u8>(), 0..300)) {
        relay::run(&data);
    }

    #[test]
    fn random_peers(data in prop::collection::vec(prop_oneof![any::<u8>(), 0..10_u8, b'a'..=b'z', Just(b','), Just(b's')], 0..400)) {
        peers::run(&data);
    }

    #[test]
    fn random_bootstraps(data in prop::collection::vec(any::<u8>(), 0..300)) {
        device_bootstrap::run(&data);
    }
}

//! Servers learnt from devices, as octets choose them, with restarts: nothing panics, nothing grows beyond its limits, and
//! nobody is asked who is not allowed.

use core::time::Duration;

use dm_syncml::Instant;
use dm_tree::ServerId;
use gwmo_model::{Peers, PeersConfig, PeersOutput, Serial, ServerList};

pub(crate) fn run(data: &[u8]) {
    let config = PeersConfig::default()
        .with_max_known(6)
        .with_max_per_device(3)
        .with_max_allowed(4)
        .with_requests(Duration::from_secs(60), 2);
    let mut now = Instant::from_millis(1_000);
    let mut peers = Peers::new(config);
    let mut snapshot = peers.snapshot(now);
    let (mut records, mut rest) = (Vec::new(), data);
    while let [what, with, behind @ ..] = rest {
        rest = behind;
        let server = ServerId::new(["s0", "s1", "s2", "s3", "s4", "own", "a.b", "c"][usize::from(with % 8)]);
        let server = server.expect("a name");
        match what % 10 {
            0 | 1 => {
                let (text, behind) = rest.split_at(usize::from(*with).min(rest.len()));
                rest = behind;
                let device = Serial::new(u32::from(what / 10 % 4) + 1).expect("not zero");
                let list = ServerList::parse(&String::from_utf8_lossy(text));
                assert!(list.servers().len() <= ServerList::MAX_SERVERS);
                peers.handle_server_list(now, device, &list, |server| server.as_str() == "own");
            }
            2 => peers.handle_auto(now, with % 2 == 0),
            3 => drop(peers.handle_allowed(now, server)),
            4 => drop(peers.handle_disallowed(now, &server)),
            5 if with % 2 == 0 => peers.handle_bootstrapped(now, &server),
            5 => peers.handle_unbootstrapped(now, &server),
            6 => peers.handle_refused(now, &server),
            7 => peers.handle_device_forgotten(now, Serial::new(u32::from(with % 4) + 1).expect("not zero")),
            8 => {
                // Clocks may step back.
                now = if *with == 0xFF { Instant::EPOCH } else { now + Duration::from_secs((*with).into()) };
                peers.handle_tick(now);
            }
            _ if with % 2 == 0 => {
                snapshot = peers.snapshot(now);
                records.clear();
            }
            _ => {
                peers = Peers::restore(now, config, snapshot.clone(), records.iter().cloned())
                    .expect("what it stored itself");
            }
        }
        for turn in 0.. {
            assert!(turn < 1000, "outputs do not end");
            match peers.poll_output() {
                PeersOutput::Persist(seq, record) => {
                    records.push(record);
                    peers.handle_persisted(now, seq);
                }
                PeersOutput::RequestBootstrap { server, .. } => {
                    assert!(peers.allowed().any(|allowed| *allowed == server), "{server} is not allowed");
                    assert_ne!(server.as_str(), "own");
                }
                PeersOutput::Wait(_) => break,
                _ => {}
            }
        }
        assert!(peers.known().len() <= 6 && peers.allowed().len() <= 4);
    }
}

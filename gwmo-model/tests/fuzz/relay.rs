//! Octets as what happens to a relay: pushes of all kinds, devices that come and go, time, a store that lags, restarts.

use std::time::Duration;

use dm_notification::push::Push;
use dm_syncml::Instant;
use gwmo_model::{GwmoHeader, Reach, Relay, RelayConfig, RelayOutput, Serial};

use crate::world::World;

/// What it holds stays bounded, every send was asked for once, and a restart holds what was stored.
pub(crate) fn run(data: &[u8]) {
    let config =
        RelayConfig::default().with_max_held(16, 4, 4096).with_replay_window(Duration::from_secs(60), 8);
    let mut world = World::with_devices(3);
    world.share(1, "dms");
    let mut now = Instant::EPOCH;
    let mut relay = Relay::new(config);
    let mut snapshot = relay.snapshot(now);
    let (mut records, mut sending) = (Vec::new(), Vec::new());
    let mut rest = data;
    while let Some((&[what, with], behind)) = rest.split_first_chunk() {
        rest = behind;
        let device = u32::from(with % 3) + 1;
        match what % 8 {
            0 => {
                // The octets that follow, as they are, with a header in them or not.
                let (octets, behind) = rest.split_at(usize::from(with).min(rest.len()));
                rest = behind;
                if let Ok(push) = Push::decode(octets) {
                    relay.handle_push(now, &push, &world);
                }
            }
            1 => {
                let (octets, behind) = rest.split_at(usize::from(with).min(rest.len()));
                rest = behind;
                relay.handle_notification(now, &header(7), octets, &world);
            }
            2 => relay.handle_notification(
                now,
                &header(with),
                &World::package_0("dms", u16::from(what) + 1),
                &world,
            ),
            3 => {
                world.set_reach(device, if with & 0x80 == 0 { Reach::Away } else { Reach::At(None) });
                relay.handle_reachable(now, serial(device), &world);
            }
            4 => {
                if let Some(delivery) = sending.pop() {
                    if with & 1 == 0 {
                        relay.handle_sent(now, delivery)
                    } else {
                        relay.handle_not_sent(now, delivery)
                    }
                }
            }
            5 => {
                // Clocks may step back.
                now = if with == 0xFF {
                    Instant::EPOCH
                } else {
                    now + Duration::from_secs(u64::from(with) * 20)
                };
                relay.handle_tick(now);
            }
            6 => relay.handle_forgotten(now, serial(device)),
            _ => {
                relay =
                    Relay::restore(now, config, &snapshot, records.drain(..)).expect("what it stored itself");
                snapshot = relay.snapshot(now);
                sending.clear();
            }
        }
        loop {
            match relay.poll_output() {
                RelayOutput::Persist(seq, record) => {
                    records.push(record);
                    relay.handle_persisted(now, seq);
                }
                RelayOutput::SendNotification { delivery, .. } => sending.push(delivery),
                RelayOutput::Wait(wait) => {
                    assert_eq!(wait.is_some(), relay.held() > 0);
                    break;
                }
                _ => {}
            }
        }
        assert!(relay.held() <= 16);
    }
}

fn header(bits: u8) -> GwmoHeader {
    let names = (1..=3).filter(|bit| bits & 1 << (bit - 1) != 0).map(|number| format!("camera:{number}"));
    let names = names.collect::<Vec<_>>().join(",");
    names.parse().unwrap_or_else(|_| "grp=all".parse().expect("a group"))
}

fn serial(number: u32) -> Serial {
    Serial::new(number).expect("from 1 on")
}

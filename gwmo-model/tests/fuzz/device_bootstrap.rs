//! Octets as what happens to the bootstrap of devices, with restarts.

use std::time::Duration;

use dm_syncml::{Instant, StatusCode};
use dm_tree::{Secret, ServerId};
use gwmo_model::{
    BootstrapAccount, BootstrapState, BootstrapTarget, DeviceBootstrap, DeviceBootstrapConfig,
    DeviceBootstrapOutput, DeviceCredential, Serial,
};

/// A credential is one device's, an offer is for somebody it is offered to, a confirmed bootstrap stays so, and a
/// restart changes no state.
pub(crate) fn run(data: &[u8]) {
    let gateway = ServerId::new("gateway").expect("short");
    let config = DeviceBootstrapConfig::new(gateway, "http://10.0.0.1/dm")
        .with_retries(Duration::from_secs(50), 2)
        .with_limits(3, 8, 2);
    let mut boot = DeviceBootstrap::new(config.clone());
    let mut now = Instant::EPOCH;
    let mut snapshot = boot.snapshot(now);
    let mut records = Vec::new();
    for chunk in data.chunks_exact(2) {
        let (what, with) = (chunk[0], chunk[1]);
        let device = Serial::new(u32::from(what >> 4 & 3) + 1).expect("from 1 on");
        let target = match with & 3 {
            0 => BootstrapTarget::Gateway,
            number => BootstrapTarget::Server(ServerId::new(&format!("dms{number}")).expect("short")),
        };
        let credential =
            DeviceCredential::new("n", Secret::new(vec![with; usize::from(with >> 5)]), Secret::new("s"));
        let was_confirmed = boot.state(device, &target) == BootstrapState::Confirmed;
        match what & 15 {
            0 | 1 => drop(boot.handle_credential(now, device, credential).map_err(|error| error.to_string())),
            2..=4 => {
                let there = with & 4 != 0;
                let _ = match &target {
                    BootstrapTarget::Server(server) => {
                        let account = BootstrapAccount::new(server.clone(), "http://dms", credential);
                        boot.handle_server_wanted(now, device, account, there)
                    }
                    _ => boot.handle_gateway_wanted(now, device, there),
                };
            }
            5 => boot.handle_reachable(now, device),
            6 => boot.handle_away(now, device),
            7 => boot.handle_not_sent(now, device, &target),
            8 => boot.handle_rejected(now, device, &target, StatusCode::new(u16::from(with))),
            9..=11 => boot.handle_session(now, device, &target, with & 4 != 0),
            12 => boot.handle_forgotten(now, device),
            13 | 14 => {
                now = if with == 0xFF { Instant::EPOCH } else { now + Duration::from_secs(u64::from(with)) };
                boot.handle_tick(now);
            }
            _ => {
                let back = DeviceBootstrap::restore(now, config.clone(), snapshot, records.drain(..));
                let back = back.expect("what it stored itself");
                assert_eq!(back.state(device, &target), boot.state(device, &target));
                boot = back;
                snapshot = boot.snapshot(now);
            }
        }
        if was_confirmed && what & 15 != 12 {
            assert_eq!(boot.state(device, &target), BootstrapState::Confirmed);
        }
        loop {
            match boot.poll_output() {
                DeviceBootstrapOutput::Persist(seq, record) => {
                    records.push(record);
                    boot.handle_persisted(now, seq);
                }
                DeviceBootstrapOutput::SendBootstrap { device, target, attempt, account } => {
                    assert_eq!(boot.state(device, &target), BootstrapState::Offered);
                    assert!((1..=3).contains(&attempt) && account.credentials.len() == 2);
                }
                DeviceBootstrapOutput::Wait(_) => break,
                _ => {}
            }
        }
        let all = || (1..=4).filter_map(Serial::new);
        for own in all().filter_map(|device| Some((device, boot.credential(device)?))) {
            let same = all().filter_map(|device| boot.credential(device));
            let same = same.filter(|other| other.client_secret() == own.1.client_secret());
            assert_eq!(same.count(), 1, "{}", own.0);
        }
    }
}

//! How the alerts of many devices are spread over sessions with a server.

use std::collections::BTreeSet;

use dm_syncml::session::ServerConfig;
use dm_syncml::{Instant, LocUri, StatusCode};
use dm_tree::{ServerId, Tree};
use gwmo_model::{DeviceId, Gateway, GatewayConfig, GatewayOutput, Sighting, Subscription};

const NOW: Instant = Instant::EPOCH;

fn gateway_with(devices: usize) -> (Gateway, ServerId) {
    let address = LocUri::new("http://gw.local/dm").unwrap();
    let config = GatewayConfig::new(ServerId::new("gw").unwrap(), ServerConfig::new(address));
    let mut gateway = Gateway::new(NOW, config, Tree::default()).unwrap();
    let server = ServerId::new("dms").unwrap();
    gateway.handle_server(NOW, server.clone(), Subscription::default()).unwrap();
    for number in 0..devices {
        let id = DeviceId::new(&format!("camera:{number}")).unwrap();
        gateway.handle_device_seen(NOW, &id, &Sighting::new(0)).unwrap();
    }
    (gateway, server)
}

/// Whether the gateway wants a session, once it has been drained.
fn wants_session(gateway: &mut Gateway) -> bool {
    let mut wants = false;
    loop {
        match gateway.poll_output() {
            GatewayOutput::Persist(seq, _) => gateway.handle_persisted(NOW, seq),
            GatewayOutput::OpenSession { .. } => wants = true,
            GatewayOutput::Wait(_) => return wants,
            _ => {}
        }
    }
}

#[test]
fn gwmo_di_004_many_new_devices_are_announced_in_sessions_of_bounded_size() {
    let (mut gateway, server) = gateway_with(250);
    let mut sizes = Vec::new();
    let mut told = BTreeSet::new();
    while wants_session(&mut gateway) {
        let alerts = gateway.handle_upstream_opened(NOW, &server);
        sizes.push(alerts.len());
        for (seq, alert) in alerts {
            told.insert(alert.items[0].data.as_ref().unwrap().as_text().unwrap().to_owned());
            gateway.handle_alert_taken(NOW, &server, seq, StatusCode::OK);
        }
        gateway.handle_upstream_closed(NOW, &server);
    }
    assert_eq!(sizes, [100, 100, 50]);
    assert_eq!(told.len(), 250, "each device once");
}

#[test]
fn a_server_that_takes_no_alert_is_not_called_at_once_again() {
    let (mut gateway, server) = gateway_with(250);
    assert!(wants_session(&mut gateway));
    let alerts = gateway.handle_upstream_opened(NOW, &server);
    assert_eq!(alerts.len(), 100);
    for (seq, _) in alerts {
        gateway.handle_alert_taken(NOW, &server, seq, StatusCode::COMMAND_FAILED);
    }
    gateway.handle_upstream_closed(NOW, &server);
    assert!(!wants_session(&mut gateway));
    gateway.handle_tick(Instant::from_millis(60_000));
    assert!(wants_session(&mut gateway), "a minute later it is");
}

#[test]
fn what_comes_up_in_a_session_does_not_wait_for_what_the_server_refuses() {
    let (mut gateway, server) = gateway_with(1);
    assert!(wants_session(&mut gateway));
    let alerts = gateway.handle_upstream_opened(NOW, &server);
    let id = DeviceId::new("camera:late").unwrap();
    gateway.handle_device_seen(NOW, &id, &Sighting::new(0)).unwrap();
    assert!(!wants_session(&mut gateway));
    gateway.handle_alert_taken(NOW, &server, alerts[0].0, StatusCode::COMMAND_FAILED);
    gateway.handle_upstream_closed(NOW, &server);
    assert!(!wants_session(&mut gateway), "one was asked for a moment ago");
    gateway.handle_tick(Instant::from_millis(2_000));
    assert!(wants_session(&mut gateway));
}

//! What comes by UDP: devices that announce themselves, and notifications of servers for the gateway.
//!
//! An announcement is the DevId of a device as text; the answer is `welcome`. It stands for whatever a real network has: DHCP, mDNS, the
//! join of a radio.

use std::io;
use std::sync::{Arc, PoisonError};

use gwmo_model::DeviceId;
use tokio::net::UdpSocket;

use super::driver::GatewayDriver;

/// Takes datagrams until the task is dropped.
pub(super) async fn receive(driver: Arc<GatewayDriver>, socket: UdpSocket) -> io::Result<()> {
    let mut datagram = [0; 2048];
    loop {
        // An error here is what became of a datagram sent before.
        let Ok((length, from)) = socket.recv_from(&mut datagram).await else { continue };
        let octets = &datagram[..length];
        let is_notification = {
            let upstreams = driver.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
            upstreams.values().any(|upstream| upstream.notified(octets))
        };
        if is_notification {
            continue;
        }
        let text = std::str::from_utf8(octets).ok();
        let Some(device) = text.and_then(|text| DeviceId::new(text.trim_end()).ok()) else { continue };
        if driver.device_seen(&device, &from.to_string()) {
            // It says it again if this is lost.
            let _ = socket.send_to(b"welcome", from).await;
        }
    }
}

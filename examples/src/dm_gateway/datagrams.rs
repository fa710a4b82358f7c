//! What comes by UDP: devices that announce themselves, and notifications of servers for the gateway.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use gwmo_model::DeviceId;
use tokio::net::UdpSocket;

use super::driver::GatewayDriver;
use crate::announcing::{Cookies, Heard, WELCOME};
use crate::clock::entropy;
use crate::throttle::Throttle;

/// Announcements of one device, and all of one address, in a second; and at once.
const PER_DEVICE: (f64, u32) = (2.0, 16);
const PER_ADDRESS: (f64, u32) = (1_000.0, 8_000);

/// Where devices announce themselves.
#[derive(Debug)]
struct Door {
    driver: Arc<GatewayDriver>,
    socket: UdpSocket,
    cookies: Cookies,
    devices: Throttle,
    addresses: Throttle,
    /// Whoever says a name is let in.
    is_open: bool,
}

/// Takes datagrams until the task is dropped. With `is_open`, announcements need no proof.
pub(super) async fn receive(driver: Arc<GatewayDriver>, socket: UdpSocket, is_open: bool) -> io::Result<()> {
    let mut door = Door {
        driver,
        socket,
        cookies: Cookies::new(entropy()),
        devices: Throttle::new(PER_DEVICE.0, PER_DEVICE.1),
        addresses: Throttle::new(PER_ADDRESS.0, PER_ADDRESS.1),
        is_open,
    };
    let mut datagram = [0; 2048];
    loop {
        // An error here is what became of a datagram sent before.
        let Ok((length, from)) = door.socket.recv_from(&mut datagram).await else { continue };
        let octets = &datagram[..length];
        let is_notification = {
            let upstreams = door.driver.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
            upstreams.values().any(|upstream| upstream.notified(octets))
        };
        if is_notification {
            continue;
        }
        if let Some(answer) = Heard::read(octets).and_then(|heard| door.answer(from, heard)) {
            // The device says it again if this is lost.
            let _ = door.socket.send_to(&answer, from).await;
        }
    }
}

impl Door {
    /// What to say to who says this. Strangers are not answered, and nothing is kept for anybody who has not proven himself.
    fn answer(&mut self, from: SocketAddr, heard: Heard<'_>) -> Option<Vec<u8>> {
        let name = match &heard {
            Heard::Hello(device) => device,
            Heard::Proof(proof) => proof.device,
        };
        let device = DeviceId::new(name).ok()?;
        let driver = Arc::clone(&self.driver);
        let now = driver.clock.now();
        self.addresses.take(now, from.ip(), "").ok()?;
        let server = driver.look(|gateway| {
            gateway.inventory().serial_of(&device)?;
            Some(gateway.config().server_id.clone())
        })?;
        self.devices.take(now, from.ip(), name).ok()?;
        let is_let_in = match heard {
            Heard::Hello(_) if !self.is_open => {
                driver.announcing_secret(&device)?;
                return Some(self.cookies.challenge(now, from, server.as_str()));
            }
            Heard::Hello(_) => true,
            Heard::Proof(proof) => {
                let password = driver.announcing_secret(&device)?;
                self.cookies.holds(now, from, server.as_str(), &proof, password.expose())
            }
        };
        if !is_let_in {
            driver.metrics.announcements_refused.add(1);
            tracing::info!(%device, %from, "an announcement was not proven");
            return None;
        }
        driver.device_seen(&device, &from.to_string()).then(|| WELCOME.to_vec())
    }
}

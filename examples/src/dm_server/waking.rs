//! Notifications: a device that has an address and something to do is told to begin a session (Package 0, by UDP), some times.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dm_notification::{Initiator, Notification, ServerIdentifier, SessionId, Trigger};
use dm_syncml::Instant;
use tokio::net::UdpSocket;

use crate::clock::entropy;

use super::engine::{Denied, Engine};

/// Most devices that are waited for; the rest come when they come.
const MAX_WAKES: usize = 100_000;

/// Which devices are to be woken, and when next.
#[derive(Debug)]
pub(super) struct Waking {
    socket: UdpSocket,
    attempts: u32,
    wait: Duration,
    wakes: Mutex<HashMap<String, Wake>>,
}

#[derive(Clone, Copy, Debug)]
struct Wake {
    left: u32,
    at: Instant,
    /// Doubles with each attempt.
    wait: Duration,
}

impl Waking {
    /// Sends from this socket, so often at the most, with this time after the first attempt.
    pub(super) fn new(socket: UdpSocket, attempts: u32, wait: Duration) -> Self {
        Self { socket, attempts, wait, wakes: Mutex::new(HashMap::new()) }
    }

    fn wakes(&self) -> MutexGuard<'_, HashMap<String, Wake>> {
        self.wakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A device is wanted.
    pub(super) fn want(&self, now: Instant, device: &str) {
        let mut wakes = self.wakes();
        if self.attempts > 0 && wakes.len() < MAX_WAKES {
            let fresh = Wake { left: self.attempts, at: now, wait: self.wait };
            wakes.entry(device.to_owned()).or_insert(fresh);
        }
    }

    /// It has come, or is not wanted any more.
    pub(super) fn done(&self, device: &str) {
        self.wakes().remove(device);
    }

    /// Who is to be notified now.
    fn due(&self, now: Instant) -> Vec<String> {
        let mut due = Vec::new();
        self.wakes().retain(|device, wake| {
            if wake.at > now {
                return true;
            }
            due.push(device.clone());
            wake.left -= 1;
            wake.at = now + wake.wait;
            wake.wait = wake.wait.saturating_mul(2);
            wake.left > 0
        });
        due
    }
}

impl Engine {
    /// Notifies whoever is due.
    pub(super) async fn wake_due(&self) {
        for device in self.waking.due(self.clock.now()) {
            match self.wake(&device).await {
                Ok(true) => tracing::info!(device, "notified"),
                Ok(false) => self.waking.done(&device),
                Err(error) => tracing::warn!(device, %error, "not notified"),
            }
        }
    }

    /// Sends one notification; whether the device has an address for it.
    pub(super) async fn wake(&self, device: &str) -> Result<bool, Denied> {
        let known = self.directory().devices.get(device).cloned();
        let known = known.ok_or_else(|| Denied::NoDevice(device.to_owned()))?;
        let Some(address) = &known.device.address else { return Ok(false) };
        let value = |error: &dyn std::fmt::Display| Denied::Value(error.to_string());
        let server = ServerIdentifier::new(&self.server_id).map_err(|error| value(&error))?;
        let signer = known.device.signer(&self.vault, server).map_err(|error| value(&error))?;
        // Each attempt has an id of its own, since a device drops what it has seen before, also before a restart of the server.
        let [a, b, ..] = entropy();
        let id = SessionId::new(u16::from_be_bytes([a, b]).max(1)).map_err(|error| value(&error))?;
        let trigger = Trigger::new(signer.server_identifier(), id).with_initiator(Initiator::Server);
        let nonce = known.learnt.server_nonce.as_ref().map_or(&[][..], |nonce| nonce.as_bytes());
        let octets = Notification::sign(trigger, &signer, nonce).to_vec();
        self.waking.socket.send_to(&octets, address.as_str()).await.map_err(|error| value(&error))?;
        self.metrics.notified();
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_device_is_woken_some_times_and_then_left_alone() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let waking = Waking::new(socket, 2, Duration::from_secs(10));
        let at = |seconds: u64| Instant::from_millis(seconds * 1000);
        waking.want(at(0), "a");
        waking.want(at(5), "a");
        assert_eq!(waking.due(at(0)), ["a"]);
        assert!(waking.due(at(9)).is_empty());
        assert_eq!(waking.due(at(10)), ["a"]);
        assert!(waking.due(at(1_000)).is_empty());
        waking.want(at(1_000), "a");
        waking.done("a");
        assert!(waking.due(at(1_000)).is_empty());
    }
}

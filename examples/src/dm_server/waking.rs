//! Notifications: a device that has an address and something to do is told to begin a session (Package 0), some times: by UDP, or by a push
//! over HTTP through the gateway it is behind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Method;
use dm_notification::push::TextHeaders;
use dm_notification::{Initiator, Notification, ServerIdentifier, SessionId, Trigger};
use dm_syncml::Instant;
use gwmo_model::{DeviceId, GwmoHeader};
use tokio::net::UdpSocket;

use crate::clock::entropy;
use crate::http_client::HttpClient;

use super::engine::{Denied, Engine};

/// Most devices that are waited for; the rest come when they come.
const MAX_WAKES: usize = 100_000;
/// The largest answer to a push that is read.
const MAX_PUSH_ANSWER: usize = 4 << 10;

/// Whether this is the address of something that takes pushes: that of the gateway a device is behind.
pub(super) fn is_pushed_to(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

/// Which devices are to be woken, and when next.
#[derive(Debug)]
pub(super) struct Waking {
    socket: UdpSocket,
    http: HttpClient,
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
    /// Sends from this socket or by this client, so often at the most, with this time after the first attempt.
    pub(super) fn new(socket: UdpSocket, http: HttpClient, attempts: u32, wait: Duration) -> Self {
        Self { socket, http, attempts, wait, wakes: Mutex::new(HashMap::new()) }
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
        if is_pushed_to(address) {
            self.push(address, device, octets).await?;
        } else {
            self.waking.socket.send_to(&octets, address.as_str()).await.map_err(|error| value(&error))?;
        }
        self.metrics.notified();
        Ok(true)
    }

    /// Has a gateway pass a notification on to a device behind it, as it is.
    async fn push(&self, gateway: &str, device: &str, package_0: Vec<u8>) -> Result<(), Denied> {
        let value = |error: &dyn std::fmt::Display| Denied::Value(error.to_string());
        let device = DeviceId::new(device).map_err(|error| value(&error))?;
        let target = GwmoHeader::devices([device]).map_err(|error| value(&error))?;
        let headers = TextHeaders::dm_notification().with("X-Oma-GwMO", &target.to_string());
        let headers = headers.map_err(|error| value(&error))?;
        let headers = headers.iter().map(|(name, value)| (name, value.to_owned()));
        let http = &self.waking.http;
        let answer = http.send(Method::POST, gateway, headers, package_0, MAX_PUSH_ANSWER).await;
        let answer = answer.map_err(|error| value(&error))?;
        if answer.status.is_success() {
            Ok(())
        } else {
            Err(Denied::Value(format!("{gateway} answers a push with {}", answer.status)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_device_is_woken_some_times_and_then_left_alone() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let http = HttpClient::new(&crate::tls::Trust::Nothing).expect("a client");
        let waking = Waking::new(socket, http, 2, Duration::from_secs(10));
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

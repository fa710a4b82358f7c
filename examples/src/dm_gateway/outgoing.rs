//! What goes out to devices: notifications, by UDP or by HTTP push.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::Method;
use dm_notification::push::TextHeaders;
use dm_syncml::Instant;
use gwmo_model::Gateway;

use super::driver::{GatewayDriver, Shared};

/// The largest answer to a push that is read.
pub(super) const MAX_PUSH_ANSWER: usize = 4 << 10;

impl GatewayDriver {
    /// Sends a notification: by UDP, or by HTTP push where the device has such an address.
    pub(super) fn send(
        self: &Arc<Self>,
        shared: &mut Shared,
        now: Instant,
        address: Option<&str>,
        package_0: Vec<u8>,
        report: impl FnOnce(&mut Gateway, Instant, bool) + Send + 'static,
    ) {
        let Some(uri) = address.filter(|address| address.starts_with("http")) else {
            let is_sent = self.send_datagram(address, &package_0);
            return report(&mut shared.gateway, now, is_sent);
        };
        let (driver, uri) = (Arc::clone(self), uri.to_owned());
        tokio::spawn(async move {
            let headers = TextHeaders::dm_notification();
            let headers = headers.iter().map(|(name, value)| (name, value.to_owned()));
            let sent = driver.http.send(Method::POST, &uri, headers, package_0, MAX_PUSH_ANSWER).await;
            let is_sent = sent.as_ref().is_ok_and(|answer| answer.status.is_success());
            if !is_sent {
                let why = sent.map_or_else(|error| error.to_string(), |answer| answer.status.to_string());
                tracing::info!(uri, why, "a push was not taken");
            }
            driver.note_sent(is_sent);
            driver.drive(|gateway, now| report(gateway, now, is_sent));
        });
    }

    /// Sends a datagram to the socket that an address names; returns whether it went out.
    pub(super) fn send_datagram(&self, address: Option<&str>, octets: &[u8]) -> bool {
        let address: Option<SocketAddr> = address.and_then(|address| address.parse().ok());
        let is_sent = address.is_some_and(|to| self.datagrams.send_to(octets, to).is_ok());
        self.note_sent(is_sent);
        is_sent
    }

    fn note_sent(&self, is_sent: bool) {
        let counter = if is_sent { &self.metrics.notifications } else { &self.metrics.notifications_failed };
        counter.add(1);
    }
}

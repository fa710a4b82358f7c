//! What happens, for the log and the page.

use dm_tree::ServerId;
use gwmo_model::{Gateway, GatewayEvent};
use serde_json::json;

use super::driver::GatewayDriver;
use super::views;

impl GatewayDriver {
    /// Something happened: tells the log and the page.
    pub(super) fn tell(&self, gateway: &Gateway, event: GatewayEvent) {
        match event {
            GatewayEvent::DeviceAttached { device, first, .. } => {
                tracing::info!(%device, first, "a device is there");
                self.events.tell("device", &json!({ "id": device.as_str(), "status": "attached" }));
            }
            GatewayEvent::DeviceDetached { device, reason, .. } => {
                tracing::info!(%device, reason = reason.as_str(), "a device is gone");
                self.events.tell("device", &json!({ "id": device.as_str(), "status": "detached" }));
            }
            GatewayEvent::SessionFailed { peer, end, .. } => {
                tracing::info!(peer, ?end, "a session with a device failed");
                self.sessions.ended(&peer, &format!("{end:?}").to_lowercase());
                self.events.tell("session", &json!({ "peer": peer }));
            }
            GatewayEvent::JobProgress { owner, key, .. } => self.tell_job(gateway, &owner, &key),
            GatewayEvent::JobEnded { owner, key, result } => {
                tracing::info!(%owner, %key, result = result.get(), "a job is over");
                self.tell_job(gateway, &owner, &key);
            }
            GatewayEvent::Bootstrap { serial, target, state } => {
                self.tell_bootstrap(gateway, serial, &target, state);
            }
            GatewayEvent::Peer { server, event, .. } => {
                tracing::info!(%server, ?event, "a server of devices")
            }
            GatewayEvent::Withheld(withheld) => {
                tracing::warn!(?withheld, "a secret that others could read was withheld");
            }
            // An address that cannot be guessed is told to devices only.
            GatewayEvent::ImageReady { image, owner, .. } => {
                tracing::info!(%image, %owner, "an image is ready")
            }
            GatewayEvent::ImageFailed { image, owner, code } => {
                tracing::warn!(%image, %owner, code = code.get(), "an image failed");
            }
            GatewayEvent::Relay(audit) => tracing::info!(?audit, "a notification to be passed on"),
            GatewayEvent::Target(audit) => tracing::debug!(?audit, "a target"),
            // What devices and servers write may be secret.
            _ => {}
        }
    }

    fn tell_job(&self, gateway: &Gateway, owner: &ServerId, key: &gwmo_model::JobKey) {
        let fanout = gateway.fanout();
        if let Some(job) = fanout.find(owner, key).and_then(|number| fanout.job(number)) {
            self.events.tell("job", &views::job(&job));
        }
    }
}

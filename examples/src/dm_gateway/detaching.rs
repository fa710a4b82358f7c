//! Devices that somebody knows to be gone, before their silence tells it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use gwmo_model::{DetachReason, DeviceId};
use serde::Deserialize;

use super::book::Book;
use super::driver::GatewayDriver;
use super::operator_http::Denied;

/// What is known of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Detached {
    /// Whether it is attached elsewhere now, rather than switched off.
    moved: bool,
}

/// Notes that a device is not there any more; done when that is on the disk.
pub(super) async fn detach(
    State(book): State<Arc<Book>>,
    Path(id): Path<String>,
    Json(detached): Json<Detached>,
) -> Result<StatusCode, Denied> {
    let reason = if detached.moved { DetachReason::Moved } else { DetachReason::Left };
    let unknown = || Denied(StatusCode::NOT_FOUND, "there is no such device".into());
    let device = DeviceId::new(&id).map_err(|_| unknown())?;
    let driver = book.driver();
    if !driver.device_gone(&device, reason) {
        return Err(unknown());
    }
    driver.all_stored().await;
    Ok(StatusCode::NO_CONTENT)
}

impl GatewayDriver {
    /// A device is not there any more; returns whether it is known. Of one that is not there already nothing changes.
    fn device_gone(self: &Arc<Self>, device: &DeviceId, reason: DetachReason) -> bool {
        self.drive(|gateway, now| {
            let inventory = gateway.inventory();
            let known = inventory.serial_of(device).and_then(|serial| inventory.record(serial));
            let Some(epoch) = known.map(|record| record.epoch()) else { return false };
            let _ = gateway.handle_device_gone(now, device, epoch, reason);
            true
        })
    }
}

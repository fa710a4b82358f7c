//! What an image wants: to be allowed, fetched, checked, and removed.

use std::sync::Arc;

use dm_syncml::Instant;
use gwmo_model::{BlobNo, Gateway, ImagesOutput};

use super::driver::{GatewayDriver, Shared};
use super::fetch;

impl GatewayDriver {
    /// What an image wants.
    pub(super) fn image(self: &Arc<Self>, shared: &mut Shared, now: Instant, output: ImagesOutput) {
        match output {
            ImagesOutput::AuthorizeFetch { blob, url, .. } => {
                let checked = self.fetch_policy.check(&url);
                if let Err(why) = &checked {
                    tracing::warn!(%why, "an image is not fetched");
                }
                shared.gateway.handle_images(now, |images, now| match checked {
                    Ok(()) => images.handle_fetch_allowed(now, blob),
                    Err(_) => images.handle_fetch_denied(now, blob),
                });
            }
            ImagesOutput::FetchUrl { blob, url, resume_from, max } => {
                let task = tokio::spawn(fetch::fetch(Arc::clone(self), blob, url, resume_from, max));
                if let Some(before) = shared.fetches.insert(blob, task.abort_handle()) {
                    before.abort();
                }
            }
            ImagesOutput::CancelFetch { blob } => {
                if let Some(task) = shared.fetches.remove(&blob) {
                    task.abort();
                }
            }
            ImagesOutput::HashRequest { blob, len } => {
                shared.fetches.remove(&blob);
                let driver = Arc::clone(self);
                self.files.digest(blob, len, move |digest| {
                    driver.image_done(blob, &digest, |gateway, now| {
                        if let Ok(digest) = digest {
                            gateway.handle_images(now, |images, now| images.handle_digest(now, blob, digest));
                        }
                    });
                });
            }
            ImagesOutput::Drop { blob } => {
                let driver = Arc::clone(self);
                self.files.remove(blob, move |removed| match removed {
                    Ok(()) => driver.drive(|gateway, now| {
                        gateway.handle_images(now, |images, now| images.handle_dropped(now, blob));
                    }),
                    // It is tried again at the next start.
                    Err(error) => tracing::error!(%blob, %error, "an image cannot be removed"),
                });
            }
            // Who asks is told by the machine whether there is something to read.
            _ => {}
        }
    }

    /// A file was written or read: goes on with it, or gives the image up.
    pub(super) fn image_done<T>(
        self: &Arc<Self>,
        blob: BlobNo,
        done: &std::io::Result<T>,
        go_on: impl FnOnce(&mut Gateway, Instant),
    ) {
        self.drive(|gateway, now| match done {
            Ok(_) => go_on(gateway, now),
            Err(error) => {
                tracing::error!(%blob, %error, "an image cannot be kept");
                gateway.handle_images(now, |images, now| images.handle_store_failed(now, blob));
            }
        });
    }
}

//! Images that a gateway keeps for its devices.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding as _};
use clap::Subcommand;
use serde_json::json;

use crate::program::{Failure, octets};

use super::super::report;
use super::asking::is_done;
use super::{Operator, Wait};

#[derive(Subcommand, Debug)]
pub(super) enum ImageCommand {
    /// Put an image into a gateway's store
    Put {
        gateway: String,
        /// The name of the image
        key: String,
        /// The image; up to 16 MiB, larger ones by --url
        #[arg(required_unless_present = "url", conflicts_with = "url")]
        file: Option<PathBuf>,
        /// Where the gateway fetches it; needs --sha256
        #[arg(long, requires = "sha256")]
        url: Option<String>,
        /// Its digest, hexadecimal [default: computed]
        #[arg(long)]
        sha256: Option<String>,
        /// A label
        #[arg(long)]
        name: Option<String>,
        /// A version
        #[arg(long = "image-version")]
        version: Option<String>,
        /// Its media type
        #[arg(long = "type")]
        media_type: Option<String>,
        /// A group whose devices may fetch it, beside those of jobs that name it
        #[arg(long = "group")]
        groups: Vec<String>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Delete an image
    Remove {
        gateway: String,
        key: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Where an image stands
    Show {
        gateway: String,
        key: String,
        #[command(flatten)]
        wait: Wait,
    },
}

impl Operator {
    /// Looks at an image until it is ready, or cannot be had.
    async fn watch_image(&self, gateway: &str, key: &str, wait: u64) -> Result<bool, Failure> {
        let end = Instant::now() + Duration::from_secs(wait);
        let ask = json!({ "do": "image", "key": key });
        let progress = self.report.progress();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(image) = self.read(gateway, &ask, left.as_secs().max(1)).await? else {
                return Ok(false);
            };
            let is_ready = image["state"] == "ready";
            progress.say(format!("image {key}: {}", image["state"].as_str().unwrap_or_default()));
            if is_ready || image["state"] == "failed" || left.is_zero() {
                drop(progress);
                report::image(&self.report, &image)?;
                return Ok(is_ready);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    pub(super) async fn image(&self, command: ImageCommand) -> Result<bool, Failure> {
        match command {
            ImageCommand::Put {
                gateway,
                key,
                file,
                url,
                sha256,
                name,
                version,
                media_type,
                groups,
                wait,
            } => {
                let octets = file.as_deref().map(octets).transpose()?;
                let ask = json!({
                    "do": "put-image", "key": key, "name": name, "version": version, "type": media_type,
                    "base64": octets.map(|octets| Base64::encode_string(&octets)), "url": url, "sha256": sha256,
                    "groups": groups,
                });
                let work = self.ask(&gateway, &ask, wait.wait).await?;
                if wait.wait == 0 || !work.iter().all(is_done) {
                    report::work(&self.report, &work)?;
                    return Ok(wait.wait == 0);
                }
                self.watch_image(&gateway, &key, wait.wait).await
            }
            ImageCommand::Remove { gateway, key, wait } => {
                self.order(&gateway, &json!({ "do": "remove-image", "key": key }), wait.wait).await
            }
            ImageCommand::Show { gateway, key, wait } => {
                let ask = json!({ "do": "image", "key": key });
                let Some(image) = self.read(&gateway, &ask, wait.wait).await? else { return Ok(false) };
                report::image(&self.report, &image)?;
                Ok(true)
            }
        }
    }
}

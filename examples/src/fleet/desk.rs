//! The operator of a server or a gateway, at its JSON API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::operator_api::{OperatorClient, segment};
use crate::program::Access;

/// How long a gateway or a device may take for a command. Generous: who needs it has failed, and says so.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// How long between two looks.
const GLANCE: Duration = Duration::from_millis(50);

/// Who works there.
#[derive(Debug)]
pub(super) struct Desk {
    api: OperatorClient,
}

impl Desk {
    /// The operator of the program that runs with this state, and shows this certificate.
    ///
    /// # Errors
    /// It does not run.
    pub(super) fn new(what: &'static str, state: &Path, ca: Option<PathBuf>) -> Result<Self, String> {
        let access = Access { config: None, state: None, token_file: None, ca, json: true };
        let api = OperatorClient::find(what, state, None, &access).map_err(|failure| failure.to_string())?;
        Ok(Self { api })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, String> {
        self.api.get(path).await.map_err(|failure| format!("{path}: {failure}"))
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.api.post(path, body).await.map_err(|failure| format!("{path}: {failure}"))
    }

    /// Makes a device known; its account.
    pub(super) async fn add_device(&self, device: &Value) -> Result<Value, String> {
        Ok(self.post("/api/devices", device).await?["account"].take())
    }

    /// Commands for a device, and what became of each.
    async fn settle(&self, path: &str, body: &Value) -> Result<Vec<Value>, String> {
        let queued = self.post(path, body).await?;
        let mut settled = Vec::new();
        let end = Instant::now() + PATIENCE;
        for number in queued["work"].as_array().into_iter().flatten() {
            loop {
                let work = self.get(&format!("/api/work/{number}?wait=5")).await?;
                if !matches!(work["state"].as_str(), Some("queued" | "sent")) {
                    settled.push(work);
                    break;
                }
                if Instant::now() >= end {
                    return Err(format!("no answer within {} s: {work}", PATIENCE.as_secs()));
                }
            }
        }
        Ok(settled)
    }

    /// Asks a gateway for something, which it does; the answers.
    ///
    /// # Errors
    /// It does not.
    pub(super) async fn order(&self, gateway: &str, ask: &Value) -> Result<Vec<Value>, String> {
        let settled = self.settle(&format!("/api/gateways/{}", segment(gateway)), ask).await?;
        for work in &settled {
            if !matches!(work["state"].as_str(), Some("done" | "accepted")) {
                return Err(format!("the gateway answers {work}"));
            }
        }
        Ok(settled)
    }

    /// Asks a gateway a question; how the answer reads.
    ///
    /// # Errors
    /// There is no answer, or none that can be read.
    pub(super) async fn ask(&self, gateway: &str, ask: &Value) -> Result<Value, String> {
        let mut answers = self.order(gateway, ask).await?;
        match answers.first_mut() {
            Some(answer) if !answer["read"].is_null() => Ok(answer["read"].take()),
            other => Err(format!("{ask} is answered {other:?}")),
        }
    }

    /// One command for a device or a gateway, and what became of it.
    ///
    /// # Errors
    /// It has no answer.
    pub(super) async fn command(&self, device: &str, operation: &Value) -> Result<Value, String> {
        let settled = self.settle(&format!("/api/devices/{}/work", segment(device)), operation).await?;
        settled.into_iter().next().ok_or_else(|| format!("{operation} is no command"))
    }

    /// Reads one node.
    ///
    /// # Errors
    /// It is not read.
    pub(super) async fn read(&self, device: &str, uri: &str) -> Result<String, String> {
        let work = self.command(device, &json!({ "op": "get", "uri": uri })).await?;
        match (work["state"].as_str(), work["found"][0]["text"].as_str()) {
            (Some("done"), Some(text)) => Ok(text.into()),
            _ => Err(format!("{device} answers {work}")),
        }
    }

    /// Looks until something is as it should be.
    ///
    /// # Errors
    /// It does not become so.
    pub(super) async fn until<T>(
        &self,
        path: &str,
        patience: Duration,
        mut wanted: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, String> {
        let end = Instant::now() + patience;
        loop {
            let seen = self.get(path).await?;
            if let Some(found) = wanted(&seen) {
                return Ok(found);
            }
            if Instant::now() >= end {
                return Err(format!("not within {} s: {path} is {seen}", patience.as_secs()));
            }
            sleep(GLANCE).await;
        }
    }
}

/// A page of something, as long as there is a next one.
pub(super) fn next_page(page: &Value) -> Option<u64> {
    page["next"].as_u64()
}

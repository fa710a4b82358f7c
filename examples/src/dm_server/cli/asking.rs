//! Commands are queued, and waited for.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::operator_api::segment;
use crate::program::{Failure, Report};

use super::super::report;
use super::Operator;

/// Whether nobody has to wait for the device any longer.
pub(in crate::dm_server) fn is_settled(work: &Value) -> bool {
    !matches!(work["state"].as_str(), Some("queued" | "sent"))
}

/// Whether it came to what was wanted.
pub(in crate::dm_server) fn is_done(work: &Value) -> bool {
    matches!(work["state"].as_str(), Some("done" | "accepted"))
}

impl Operator {
    /// What became of commands that were queued.
    pub(super) async fn settled(&self, queued: &Value, wait: u64) -> Result<Vec<Value>, Failure> {
        let numbers: Vec<u64> =
            queued["work"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        let progress = self.report.progress();
        let show = |work: &Value| {
            let word = |name: &str| work[name].as_str().unwrap_or_default().to_owned();
            progress.say(format!("{}: {} ({})", word("device"), word("what"), word("state")));
        };
        self.settle(&numbers, Duration::from_secs(wait), show).await
    }

    /// Waits until all of these commands are settled, or this time has passed; tells how they stand meanwhile.
    async fn settle(
        &self,
        numbers: &[u64],
        patience: Duration,
        show: impl Fn(&Value),
    ) -> Result<Vec<Value>, Failure> {
        let end = Instant::now() + patience;
        let mut settled = Vec::new();
        for number in numbers {
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let wait = left.as_secs().min(2);
                let work = self.api.get(&format!("/api/work/{number}?wait={wait}")).await?;
                if !is_settled(&work) && !left.is_zero() {
                    show(&work);
                    // With less than a second left, the server has not waited.
                    tokio::time::sleep(Duration::from_millis(if wait == 0 { 100 } else { 0 })).await;
                    continue;
                }
                settled.push(work);
                break;
            }
        }
        Ok(settled)
    }

    /// Asks a gateway, and waits until it has answered everything.
    pub(super) async fn ask(&self, gateway: &str, ask: &Value, wait: u64) -> Result<Vec<Value>, Failure> {
        let queued = self.api.post_once(&format!("/api/gateways/{}", segment(gateway)), ask).await?;
        self.settled(&queued, wait).await
    }

    /// The same, where the answer is that it is done.
    pub(super) async fn order(&self, gateway: &str, ask: &Value, wait: u64) -> Result<bool, Failure> {
        let work = self.ask(gateway, ask, wait).await?;
        report::work(&self.report, &work)?;
        Ok(work.iter().all(|work| wait == 0 || is_done(work)))
    }

    /// The same, where one answer is read. `None` when there is none, which has been said.
    pub(super) async fn read(&self, gateway: &str, ask: &Value, wait: u64) -> Result<Option<Value>, Failure> {
        let mut work = self.ask(gateway, ask, wait).await?;
        match work.pop() {
            Some(mut last) if is_done(&last) && !last["read"].is_null() => Ok(Some(last["read"].take())),
            Some(last) => {
                report::work(&self.report, &[last])?;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// The same, shown so.
    pub(super) async fn read_and(
        &self,
        gateway: &str,
        ask: &Value,
        wait: u64,
        show: impl Fn(&Report, &Value) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let Some(read) = self.read(gateway, ask, wait).await? else { return Ok(false) };
        show(&self.report, &read)?;
        Ok(true)
    }

    /// All pages of a list.
    pub(super) async fn pages(
        &self,
        gateway: &str,
        ask: &Value,
        list: &str,
        wait: u64,
    ) -> Result<Option<Vec<Value>>, Failure> {
        let mut all = Vec::new();
        let mut ask = ask.clone();
        loop {
            let Some(page) = self.read(gateway, &ask, wait).await? else { return Ok(None) };
            let lines = page[list].as_array().cloned().unwrap_or_default();
            let ended = lines.is_empty() || page["next"].is_null();
            all.extend(lines);
            if ended {
                return Ok(Some(all));
            }
            ask["from"] = page["next"].clone();
        }
    }
}

//! A fanout: ordered at the server, done by a gateway, and read back device by device.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::cast::Outcome;
use super::desk::{Desk, next_page};
use super::recorder::name_of;

/// How a device ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) serial: u64,
    /// In the words of the gateway.
    pub(super) state: String,
    pub(super) tries: u64,
}

impl Record {
    /// The same in the words of the report, which are the same but for those it has none for.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.word() == self.state.replace('-', "_"))
    }
}

/// Reads one node.
pub(super) fn get(uri: &str) -> Value {
    json!({ "op": "get", "uri": uri })
}

/// Writes one node, text unless it is said otherwise.
pub(super) fn set(uri: &str, value: &str, format: &str) -> Value {
    json!({ "op": "set", "uri": uri, "value": value, "format": format })
}

/// Executes one node.
pub(super) fn exec(uri: &str) -> Value {
    json!({ "op": "exec", "uri": uri })
}

/// Starts a fanout with these fields of the server's API.
///
/// Times are short since everybody is near, and there are many attempts since the machine may be slow.
///
/// # Errors
/// The gateway does not take it.
pub(super) async fn start(
    server: &Desk,
    gateway: &str,
    key: &str,
    operations: &[Value],
    more: Value,
) -> Result<(), String> {
    let mut ask = json!({
        "do": "start-fanout", "key": key, "operations": operations, "window": 64, "retries": 8,
        "notify_time": 3, "retry_wait": 1, "job_time": 600, "offline": "fail",
    });
    if let (Some(ask), Value::Object(more)) = (ask.as_object_mut(), more) {
        ask.extend(more);
    }
    server.order(gateway, &ask).await.map(drop)
}

/// Waits until the server has heard that a fanout is over; tells how many devices have ended meanwhile.
///
/// # Errors
/// It does not end, or otherwise than completed.
pub(super) async fn finish(
    server: &Desk,
    gateway: &str,
    key: &str,
    patience: Duration,
    mut show: impl FnMut(u64),
) -> Result<Value, String> {
    let job = server
        .until("/api/jobs", patience, |seen| {
            let jobs = seen["jobs"].as_array()?;
            let job = jobs.iter().find(|job| job["owner"] == gateway && job["key"] == key)?;
            show(ended(job));
            (job["result"].is_number() && !matches!(job["state"].as_str(), Some("running" | "scheduled")))
                .then(|| job.clone())
        })
        .await?;
    if job["state"] != "completed" {
        return Err(format!("fanout {key} is {job}"));
    }
    Ok(job)
}

/// How many devices have ended.
pub(super) fn ended(job: &Value) -> u64 {
    let outcomes = job["outcomes"].as_object();
    outcomes.map_or(0, |outcomes| outcomes.values().filter_map(Value::as_u64).sum())
}

/// What became of each device, by its name.
///
/// # Errors
/// That is not to be read.
pub(super) async fn records(
    server: &Desk,
    gateway: &str,
    key: &str,
) -> Result<BTreeMap<String, Record>, String> {
    let mut records = BTreeMap::new();
    let mut from = 1;
    loop {
        let page = server.ask(gateway, &json!({ "do": "records", "key": key, "from": from })).await?;
        for record in page["records"].as_array().into_iter().flatten() {
            let id = record["id"].as_str().unwrap_or_default();
            let record = Record {
                serial: record["serial"].as_u64().unwrap_or_default(),
                state: record["state"].as_str().unwrap_or_default().into(),
                tries: record["tries"].as_u64().unwrap_or_default(),
            };
            records.insert(name_of(id), record);
        }
        match next_page(&page) {
            Some(next) => from = next,
            None => return Ok(records),
        }
    }
}

/// A fanout for these devices, in which each must do all it is asked.
///
/// # Errors
/// One does not.
pub(super) async fn all_do(
    server: &Desk,
    gateway: &str,
    key: &str,
    targets: Value,
    operations: &[Value],
    patience: Duration,
) -> Result<u64, String> {
    start(server, gateway, key, operations, targets).await?;
    let job = finish(server, gateway, key, patience, |_| ()).await?;
    let (ok, total) = (job["outcomes"]["ok"].as_u64(), job["total"].as_u64());
    if ok == total && total.is_some() {
        return Ok(total.unwrap_or_default());
    }
    let records = records(server, gateway, key).await?;
    let others: Vec<_> = records.iter().filter(|(_, record)| record.state != "ok").take(3).collect();
    Err(format!("fanout {key} ended with {}, such as {others:?}", job["outcomes"]))
}

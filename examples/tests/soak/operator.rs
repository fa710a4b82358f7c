//! The operator of the server: asks through its API, and asks again when the server dies before it has answered.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::process::Process;

/// How long anything may take, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Debug)]
pub(crate) struct Operator(Arc<Process>);

/// A command as the server has it.
fn state(work: &Value) -> &str {
    work["state"].as_str().unwrap_or_default()
}

impl Operator {
    pub(crate) const fn new(server: Arc<Process>) -> Self {
        Self(server)
    }

    /// One request; `None` when the server was not there, or went away.
    async fn try_ask(&self, method: Method, path: &str, body: &Value) -> Option<Value> {
        self.try_ask_as(method, path, body, None).await
    }

    async fn try_ask_as(&self, method: Method, path: &str, body: &Value, key: Option<&str>) -> Option<Value> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.0.ask_as(method, path, body, key).await.ok()?;
        let value: Value = serde_json::from_slice(&answer.body).ok()?;
        match answer.status {
            status if status.is_success() => Some(value),
            // It is at its limit for a moment.
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => None,
            status => panic!("{path}: {status} {value}"),
        }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.try_ask(Method::POST, path, body).await.expect("the server is there")
    }

    /// Looks, however often that takes.
    async fn look(&self, path: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            match timeout_at(end, self.try_ask(Method::GET, path, &Value::Null)).await {
                Ok(Some(value)) => return value,
                Ok(None) => sleep(PAUSE).await,
                Err(_) => panic!("{path}: no answer"),
            }
        }
    }

    /// Gives commands to a gateway; their numbers, or `None` when the server went away and may have taken them. Under the same key they are
    /// given once.
    async fn give(&self, gateway: &str, ask: &Value, key: &str) -> Option<Vec<u64>> {
        let given =
            self.try_ask_as(Method::POST, &format!("/api/gateways/{gateway}"), ask, Some(key)).await?;
        Some(given["work"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect())
    }

    /// A command once it is settled; `None` when the server does not remember it any more.
    async fn settled(&self, number: u64) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let work = self.look(&format!("/api/work/{number}?wait=10")).await;
            if !matches!(state(&work), "queued" | "sent") {
                return work;
            }
            assert!(Instant::now() < end, "never settled: {work}");
        }
    }

    /// Asks a gateway for something that may be asked twice, until it has answered; the last command.
    pub(crate) async fn ask(&self, gateway: &str, ask: &Value) -> Value {
        let end = Instant::now() + PATIENCE;
        let mut key = fastrand::u64(..).to_string();
        loop {
            assert!(Instant::now() < end, "{gateway} does not answer {ask}");
            let Some(numbers) = self.give(gateway, ask, &key).await else {
                sleep(PAUSE).await;
                continue;
            };
            key = fastrand::u64(..).to_string();
            let mut last = Value::Null;
            for number in numbers {
                last = self.settled(number).await;
            }
            // Sent so often in sessions that broke off that the server has given it up.
            if state(&last) != "indeterminate" {
                return last;
            }
        }
    }

    /// Starts a fanout once, however often that has to be asked for. Whether it began is for the gateway to say.
    pub(crate) async fn start(&self, gateway: &str, ask: &Value) {
        let end = Instant::now() + PATIENCE;
        let key = format!("start-{}", ask["key"].as_str().unwrap());
        let numbers = loop {
            assert!(Instant::now() < end, "the server does not take {key}");
            match self.give(gateway, ask, &key).await {
                Some(numbers) => break numbers,
                None => sleep(PAUSE).await,
            }
        };
        for number in numbers {
            self.settled(number).await;
        }
    }

    /// A fanout as the server has last heard of it.
    pub(crate) async fn job(&self, gateway: &str, key: &str) -> Option<Value> {
        let jobs = self.look("/api/jobs").await;
        let mut jobs = jobs["jobs"].as_array().unwrap().iter();
        jobs.find(|job| job["owner"] == gateway && job["key"] == key).cloned()
    }

    /// Everything that was asked for is done, everywhere.
    pub(crate) async fn at_rest(&self, gateways: &[Arc<Process>]) {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.look("/api/status").await;
            let mut busy = status["open_work"] != 0 || status["sessions"] != 0;
            for gateway in gateways {
                let text = gateway.ask(Method::GET, "/metrics", String::new()).await.unwrap().body;
                let text = String::from_utf8(text.to_vec()).unwrap();
                busy |= ["jobs", "in_flight"]
                    .iter()
                    .any(|name| metric(&text, &format!("dm_gateway_{name}")) != 0);
            }
            if !busy {
                break;
            }
            assert!(Instant::now() < end, "never at rest: {status}");
            sleep(PAUSE).await;
        }
        self.sums().await;
    }

    /// The server's counters of commands agree with each other: nothing waits, nothing is remembered beyond what may be.
    async fn sums(&self) {
        let text = self.0.ask(Method::GET, "/metrics", String::new()).await.unwrap().body;
        let text = String::from_utf8(text.to_vec()).unwrap();
        let of = |state: &str| metric(&text, &format!("dm_server_work{{state=\"{state}\"}}"));
        assert_eq!((of("queued"), of("sent")), (0, 0), "{text}");
        assert_eq!(metric(&text, "dm_server_store_commit_failures_total"), 0, "{text}");
    }

    /// Removes a fanout from its gateway.
    pub(crate) async fn delete(&self, gateway: &str, key: &str) {
        let work = self.ask(gateway, &json!({ "do": "delete-fanout", "key": key })).await;
        // A second attempt finds that the first one did it.
        assert!(state(&work) == "done" || work["code"] == 404, "{work}");
    }
}

fn metric(text: &str, name: &str) -> i64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

//! Jobs: started at random, waited for, and compared with what their devices did.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::devices::{Device, RUN, SLOTS};
use super::operator::{Operator, PATIENCE};

/// Fanouts of one gateway at a time.
const AT_A_TIME: u32 = 2;
/// Devices of a job whose answers are read one by one.
const SAMPLE: usize = 2;

/// The name of a gateway at the server.
pub(crate) fn gateway_id(number: usize) -> String {
    format!("urn:uuid:gateway-{number}")
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) jobs: u32,
    /// Jobs that never began, because the commands that should have begun them were lost with a program and may not be repeated.
    pub(crate) not_begun: u32,
    pub(crate) targets: u32,
    pub(crate) ok: u32,
    pub(crate) failed: u32,
    pub(crate) indeterminate: u32,
    pub(crate) other: u32,
}

impl Tally {
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            jobs: self.jobs + other.jobs,
            not_begun: self.not_begun + other.not_begun,
            targets: self.targets + other.targets,
            ok: self.ok + other.ok,
            failed: self.failed + other.failed,
            indeterminate: self.indeterminate + other.indeterminate,
            other: self.other + other.other,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jobs, not_begun, targets, ok, failed, indeterminate, other } = self;
        write!(
            f,
            "{jobs} jobs ({not_begun} more not begun), {targets} targets: {ok} ok, {failed} failed, {indeterminate} indeterminate, {other} other"
        )
    }
}

/// Whoever starts jobs at one gateway.
#[derive(Debug)]
pub(crate) struct Desk {
    operator: Operator,
    gateway: String,
    devices: BTreeMap<String, Arc<Device>>,
    random: fastrand::Rng,
    next: u32,
}

impl Desk {
    pub(crate) fn new(
        operator: &Operator,
        at: usize,
        devices: &[Arc<Device>],
        seed: u64,
        first: u32,
    ) -> Self {
        let by_id = devices.iter().map(|device| (device.id.clone(), Arc::clone(device))).collect();
        let random = fastrand::Rng::with_seed(seed ^ (at as u64) << 56);
        // Each gateway has numbers of its own: devices are told apart by them.
        let next = first + at as u32 * 5_000;
        Self { operator: operator.clone(), gateway: gateway_id(at), devices: by_id, random, next }
    }

    /// Starts jobs until then, and sees all of them to their end.
    pub(crate) async fn work(mut self, until: Instant) -> Tally {
        let mut running = JoinSet::new();
        let mut tally = Tally::default();
        loop {
            while Instant::now() < until && running.len() < AT_A_TIME as usize {
                let job = self.draw();
                running.spawn(job.run());
            }
            match running.join_next().await {
                Some(done) => {
                    tally =
                        tally.and(done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
                }
                None => return tally,
            }
        }
    }

    fn draw(&mut self) -> Job {
        let number = self.next;
        self.next += 1;
        let most = self.devices.len();
        let count = self.random.usize(most.min(10)..=most.min(120));
        let targets = self.random.choose_multiple(self.devices.values().cloned(), count);
        let targets = targets.into_iter().map(|device| (device.id.clone(), device)).collect();
        let value = self.random.u32(1..1_000_000);
        let seed = self.random.u64(..);
        Job { operator: self.operator.clone(), gateway: self.gateway.clone(), number, value, targets, seed }
    }
}

/// One job, and what is expected of it.
#[derive(Debug)]
struct Job {
    operator: Operator,
    gateway: String,
    number: u32,
    value: u32,
    targets: BTreeMap<String, Arc<Device>>,
    seed: u64,
}

/// What is said of a device.
#[derive(Debug)]
struct Record {
    serial: u64,
    state: String,
    device: Arc<Device>,
}

impl Job {
    fn key(&self) -> String {
        format!("J{}", self.number)
    }

    async fn run(self) -> Tally {
        let slot = format!("{SLOTS}/{}", self.number);
        let start = json!({
            "do": "start-fanout", "key": self.key(), "devices": self.targets.keys().collect::<Vec<_>>(), "window": 12,
            // A message that was lost with a program is not waited for long.
            "retries": 5, "retry_wait": 1, "notify_time": 8, "session_time": 8,
            "operations": [
                { "op": "set", "uri": slot, "value": self.value.to_string(), "format": "int" },
                { "op": "get", "uri": slot },
                { "op": "exec", "uri": RUN, "value": self.number.to_string(), "format": "int" },
            ],
        });
        self.operator.start(&self.gateway, &start).await;
        let Some(ended) = self.end().await else {
            // Nobody was told anything.
            for device in self.targets.values() {
                assert_eq!(
                    device.ledger.of(self.number),
                    (None, 0),
                    "{} of {}, which never began",
                    device.id,
                    self.key()
                );
            }
            return Tally { not_begun: 1, ..Tally::default() };
        };
        let records = self.records().await;
        let tally = self.compare(&ended, &records);
        self.compare_outcomes(&records).await;
        self.compare_answers(&records).await;
        self.operator.delete(&self.gateway, &self.key()).await;
        tally
    }

    /// The job as it ended; `None` when it never began.
    async fn end(&self) -> Option<Value> {
        let end = Instant::now() + PATIENCE;
        let asked = self.operator.ask(&self.gateway, &json!({ "do": "fanout", "key": self.key() })).await;
        if asked["state"] == "failed" {
            assert_eq!(asked["code"], 404, "{asked}");
            return None;
        }
        if asked["read"]["state"] == "draft" {
            self.operator.delete(&self.gateway, &self.key()).await;
            return None;
        }
        loop {
            let job = self.operator.job(&self.gateway, &self.key()).await.expect("the server remembers it");
            match job["state"].as_str().unwrap() {
                "completed" => return Some(job),
                "draft" | "scheduled" | "running" | "requested" | "confirmed" => {}
                state => panic!("{state}: {job}"),
            }
            assert!(Instant::now() < end, "{} never ends: {job}", self.key());
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What became of each device.
    async fn records(&self) -> Vec<Record> {
        let (mut records, mut from) = (Vec::new(), Value::Null);
        loop {
            let ask = json!({ "do": "records", "key": self.key(), "from": from });
            let page = self.operator.ask(&self.gateway, &ask).await;
            let read = &page["read"];
            for line in read["records"].as_array().unwrap_or_else(|| panic!("no records: {page}")) {
                let id = line["id"].as_str().unwrap();
                let device =
                    self.targets.get(id).unwrap_or_else(|| panic!("{id} is no target of {}", self.key()));
                let (serial, state) =
                    (line["serial"].as_u64().unwrap(), line["state"].as_str().unwrap().to_owned());
                records.push(Record { serial, state, device: Arc::clone(device) });
            }
            from = read["next"].clone();
            if from.is_null() {
                return records;
            }
        }
    }

    /// What is said of each device is what the device knows.
    fn compare(&self, ended: &Value, records: &[Record]) -> Tally {
        let mut tally = Tally { jobs: 1, targets: records.len() as u32, ..Tally::default() };
        assert_eq!(records.len(), self.targets.len(), "{}: nobody is lost: {ended}", self.key());
        for Record { state, device, .. } in records {
            let (written, executed) = device.ledger.of(self.number);
            let said = format!(
                "{} of {} is {state}; it has {written:?}, executed {executed} times",
                device.id,
                self.key()
            );
            assert!(executed <= 1, "{said}");
            assert!(written.is_none_or(|value| value == self.value), "{said}");
            match state.as_str() {
                "ok" => {
                    assert_eq!((written, executed), (Some(self.value), 1), "{said}");
                    tally.ok += 1;
                }
                "failed" => {
                    assert!(device.refuses && executed == 0, "{said}");
                    tally.failed += 1;
                }
                "indeterminate" => tally.indeterminate += 1,
                _ => {
                    assert_eq!(executed, 0, "{said}");
                    tally.other += 1;
                }
            }
        }
        let outcomes = ended["outcomes"].as_object().unwrap();
        for (name, count) in outcomes {
            let counted = records.iter().filter(|record| record.state.replace(' ', "_") == *name).count();
            assert_eq!(count.as_u64(), Some(counted as u64), "{name} of {ended}");
        }
        let sum: u64 = outcomes.values().filter_map(Value::as_u64).sum();
        assert_eq!(
            (ended["total"].as_u64(), sum),
            (Some(records.len() as u64), records.len() as u64),
            "{ended}"
        );
        tally
    }

    /// The aggregated result says the same.
    async fn compare_outcomes(&self, records: &[Record]) {
        let asked = self.operator.ask(&self.gateway, &json!({ "do": "outcomes", "key": self.key() })).await;
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        for bucket in asked["read"]["buckets"].as_array().unwrap_or_else(|| panic!("no outcomes: {asked}")) {
            *counted.entry(bucket["state"].as_str().unwrap()).or_default() +=
                bucket["count"].as_u64().unwrap();
        }
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for record in records {
            *expected.entry(&record.state).or_default() += 1;
        }
        assert_eq!(counted, expected, "{asked}");
    }

    /// What some devices answered is what they have.
    async fn compare_answers(&self, records: &[Record]) {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let done = records.iter().filter(|record| record.state == "ok");
        for record in random.choose_multiple(done, SAMPLE) {
            let ask = json!({ "do": "answers", "key": self.key(), "serial": record.serial });
            let asked = self.operator.ask(&self.gateway, &ask).await;
            let answers =
                asked["read"]["answers"].as_array().unwrap_or_else(|| panic!("no answers: {asked}"));
            let codes: Vec<_> =
                answers.iter().map(|answer| answer["status"].as_u64().unwrap_or_default()).collect();
            assert_eq!(codes, [200; 3], "{asked}");
            assert_eq!(answers[1]["text"], self.value.to_string(), "{asked}");
        }
    }
}

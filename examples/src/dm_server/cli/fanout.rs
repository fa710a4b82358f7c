//! Commands for many devices behind a gateway.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::program::Failure;

use super::super::report;
use super::{Operator, Wait};

#[derive(Subcommand, Debug)]
pub(super) enum FanoutCommand {
    /// Add a job and start it; operations in the order --set, --get, --exec, --add, --delete
    Start(Box<FanoutArgs>),
    /// Follow a job to its end
    Watch {
        gateway: String,
        key: String,
        /// Seconds between two looks
        #[arg(long, default_value_t = 5)]
        interval: u64,
        /// Seconds to follow it
        #[arg(long, default_value_t = 86_400)]
        wait: u64,
    },
    /// What became of each device
    Results {
        gateway: String,
        key: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// What one device answered
    Answers {
        gateway: String,
        key: String,
        /// Its number in the gateway's inventory
        serial: u32,
        #[command(flatten)]
        wait: Wait,
    },
    /// Stop a job
    Cancel(JobArgs),
    /// Begin with no more devices
    Pause(JobArgs),
    /// Go on with a paused job
    Resume(JobArgs),
    /// Try devices once more, after the end of a job [default: all that are not ok]
    Retry {
        gateway: String,
        key: String,
        /// Those that ended so, such as failed or timed_out; may be repeated
        #[arg(long = "ended", value_name = "STATE", conflicts_with = "serials")]
        states: Vec<String>,
        /// This device, by its number in the gateway's inventory; may be repeated
        #[arg(long = "serial", value_name = "SERIAL")]
        serials: Vec<u32>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Say how many devices are served at a time
    Pace {
        gateway: String,
        key: String,
        /// Devices in flight
        #[arg(long, required_unless_present = "rate")]
        window: Option<u32>,
        /// Devices notified in a minute; 0 for no limit
        #[arg(long)]
        rate: Option<u32>,
        #[command(flatten)]
        wait: Wait,
    },
    /// Delete a job that is over
    Delete(JobArgs),
    /// Jobs that this server knows of
    List,
}

#[derive(Args, Debug)]
pub(super) struct JobArgs {
    gateway: String,
    key: String,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Args, Debug)]
pub(super) struct FanoutArgs {
    gateway: String,
    /// The name of the job
    key: String,
    /// A device, by its id; may be repeated
    #[arg(long = "device", value_name = "ID")]
    devices: Vec<String>,
    /// A group; * is every device
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Not this device
    #[arg(long = "except", value_name = "ID")]
    except: Vec<String>,
    /// Devices that a selector matches
    #[arg(long, value_name = "SELECTOR")]
    matching: Option<String>,
    /// Replace
    #[arg(long = "set", value_name = "URI=VALUE")]
    sets: Vec<String>,
    /// Get
    #[arg(long = "get", value_name = "URI")]
    gets: Vec<String>,
    /// Exec
    #[arg(long = "exec", value_name = "URI")]
    execs: Vec<String>,
    /// Add
    #[arg(long = "add", value_name = "URI=VALUE")]
    adds: Vec<String>,
    /// Delete
    #[arg(long = "delete", value_name = "URI")]
    deletes: Vec<String>,
    /// Format of the values of --set and --add
    #[arg(long)]
    format: Option<String>,
    /// Devices in flight at a time
    #[arg(long)]
    window: Option<u32>,
    /// Attempts after the first
    #[arg(long)]
    retries: Option<u16>,
    /// Seconds before the first of them; doubles with each
    #[arg(long, value_name = "SECONDS")]
    retry_wait: Option<u64>,
    /// Seconds that a notification may stay unanswered
    #[arg(long, value_name = "SECONDS")]
    notify_time: Option<u64>,
    /// Seconds that a device in session may be silent
    #[arg(long, value_name = "SECONDS")]
    session_time: Option<u64>,
    /// Seconds until the job is over whatever happens
    #[arg(long, value_name = "SECONDS")]
    job_time: Option<u64>,
    /// Serve devices that come to belong to the target while the job runs, too
    #[arg(long)]
    live: bool,
    /// Devices notified in a minute
    #[arg(long)]
    rate: Option<u32>,
    /// Stop the job when more percent of the devices of a stage fail
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    max_fail: Option<u8>,
    /// Where a value has this text, the address of this image at the gateway goes; may be repeated
    #[arg(long = "image", value_name = "TEXT=IMAGE")]
    images: Vec<String>,
    /// Stages, such as 5,100 for a canary of 5 in a hundred
    #[arg(long, value_name = "PERCENTAGES")]
    stages: Option<String>,
    #[command(flatten)]
    wait: Wait,
}

impl Operator {
    pub(super) async fn fanout(&self, command: FanoutCommand) -> Result<bool, Failure> {
        let (verb, args) = match command {
            FanoutCommand::Start(args) => return self.start_fanout(args).await,
            FanoutCommand::Watch { gateway, key, interval, wait } => {
                return self.watch(&gateway, &key, interval, wait).await;
            }
            FanoutCommand::Results { gateway, key, wait } => {
                let ask = |what: &str| json!({ "do": what, "key": key });
                let Some(job) = self.read(&gateway, &ask("fanout"), wait.wait).await? else {
                    return Ok(false);
                };
                let Some(records) = self.pages(&gateway, &ask("records"), "records", wait.wait).await? else {
                    return Ok(false);
                };
                report::results(&self.report, &job, &records)?;
                return Ok(true);
            }
            FanoutCommand::Answers { gateway, key, serial, wait } => {
                let ask = json!({ "do": "answers", "key": key, "serial": serial });
                let Some(answers) = self.read(&gateway, &ask, wait.wait).await? else { return Ok(false) };
                report::answers(&self.report, &answers)?;
                return Ok(true);
            }
            FanoutCommand::List => {
                report::jobs(&self.report, &self.api.get("/api/jobs").await?)?;
                return Ok(true);
            }
            FanoutCommand::Retry { gateway, key, states, serials, wait } => {
                let ask = json!({ "do": "retry-fanout", "key": key, "states": states, "serials": serials });
                return self.order(&gateway, &ask, wait.wait).await;
            }
            FanoutCommand::Pace { gateway, key, window, rate, wait } => {
                let ask = json!({ "do": "pace-fanout", "key": key, "window": window, "rate": rate });
                return self.order(&gateway, &ask, wait.wait).await;
            }
            FanoutCommand::Cancel(args) => ("cancel-fanout", args),
            FanoutCommand::Pause(args) => ("pause-fanout", args),
            FanoutCommand::Resume(args) => ("resume-fanout", args),
            FanoutCommand::Delete(args) => ("delete-fanout", args),
        };
        self.order(&args.gateway, &json!({ "do": verb, "key": args.key }), args.wait.wait).await
    }

    async fn start_fanout(&self, args: Box<FanoutArgs>) -> Result<bool, Failure> {
        let mut operations = Vec::new();
        for (op, list) in [("set", &args.sets), ("add", &args.adds)] {
            for pair in list {
                let (uri, value) = halves(op, pair)?;
                let mut operation = json!({ "op": op, "uri": uri, "value": value });
                if let Some(format) = &args.format {
                    operation["format"] = json!(format);
                }
                operations.push(operation);
            }
        }
        let images: Vec<(&str, &str)> =
            args.images.iter().map(|pair| halves("image", pair)).collect::<Result<_, _>>()?;
        let images: BTreeMap<&str, &str> = images.into_iter().collect();
        for (op, list) in [("get", &args.gets), ("exec", &args.execs), ("delete", &args.deletes)] {
            operations.extend(list.iter().map(|uri| json!({ "op": op, "uri": uri })));
        }
        let order = ["set", "get", "exec", "add", "delete"];
        operations.sort_by_key(|operation| order.iter().position(|op| operation["op"] == *op));
        let ask = json!({
            "do": "start-fanout", "key": args.key, "devices": args.devices, "groups": args.groups,
            "except": args.except, "matching": args.matching, "operations": operations, "window": args.window,
            "live": args.live, "rate": args.rate, "max_fail": args.max_fail, "images": images,
            "retries": args.retries, "retry_wait": args.retry_wait, "notify_time": args.notify_time,
            "session_time": args.session_time, "job_time": args.job_time, "stages": args.stages,
        });
        self.order(&args.gateway, &ask, args.wait.wait).await
    }

    /// Follows a job: done when every device of it is ok.
    async fn watch(&self, gateway: &str, key: &str, interval: u64, wait: u64) -> Result<bool, Failure> {
        let end = Instant::now() + Duration::from_secs(wait);
        let progress = self.report.progress();
        loop {
            let ask = json!({ "do": "fanout", "key": key });
            let left = end.saturating_duration_since(Instant::now()).as_secs().max(1);
            let Some(job) = self.read(gateway, &ask, left).await? else { return Ok(false) };
            let count = |name: &str| job[name].as_u64().unwrap_or(0);
            let done = count("total").saturating_sub(count("queued") + count("in_flight"));
            progress.count(done, count("total"), job["state"].as_str().unwrap_or_default());
            let is_over = matches!(
                job["state"].as_str(),
                Some("completed" | "aborted" | "cancelled" | "expired" | "error" | "refused")
            );
            if is_over || Instant::now() >= end {
                drop(progress);
                report::job(&self.report, &job)?;
                return Ok(job["state"] == "completed" && job["outcomes"]["ok"] == job["total"]);
            }
            tokio::time::sleep(Duration::from_secs(interval.max(1))).await;
        }
    }
}

/// Two texts around the first `=`.
fn halves<'a>(flag: &str, pair: &'a str) -> Result<(&'a str, &'a str), Failure> {
    pair.split_once('=').ok_or_else(|| Failure::usage(format_args!("--{flag} {pair}: there is no =")))
}

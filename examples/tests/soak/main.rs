//! A soak: real `dm-server` and `dm-gateway` programs, hundreds of devices, one fanout after the other, and `kill -9` at random moments.
//!
//! ```console
//! $ cargo test -p dm-examples --test soak -- --nocapture
//! $ DM_SOAK_SECONDS=3600 DM_SOAK_SEED=7 cargo test -p dm-examples --test soak -- --nocapture
//! ```
//!
//! `DM_SOAK_SECONDS` (60) is how long it goes on, `DM_SOAK_DEVICES` (500) how many devices there are, `DM_SOAK_SEED` (1) what is drawn: which
//! devices a job has, which of them refuse it, and who is killed when. The time has rounds: in each, jobs are started and programs are
//! killed; then all jobs come to their end, each is compared with what its devices did, and the programs are measured. What happens between
//! two programs depends on the machine as well, so a seed makes a run alike, not equal. When something is wrong, the seed and the folder with the
//! programs' states and logs are said, and the folder stays.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it says how it goes")]

mod chaos;
mod devices;
mod jobs;
mod operator;
mod process;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use devices::Device;
use operator::Operator;
use process::Process;
use watch::Watch;

/// How many times the programs are measured, at least.
const ROUNDS: u32 = 4;
/// The part of a round in which jobs begin and programs die.
const BUSY: f64 = 0.6;

fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

/// Everything that is written; it stays when the soak fails.
struct Folder {
    path: PathBuf,
    seed: u64,
}

impl Folder {
    fn new(seed: u64) -> Self {
        let path = tempfile::Builder::new().prefix("dm-soak-").tempdir().unwrap().keep();
        Self { path, seed }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with DM_SOAK_SEED={}; see {}", self.seed, self.path.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// The server, the gateways and their operator.
struct World {
    server: Arc<Process>,
    gateways: Vec<Arc<Process>>,
    operator: Operator,
    devices: Vec<Vec<Arc<Device>>>,
}

impl World {
    async fn start(folder: &Path, seed: u64, gateways: usize, devices: usize) -> Self {
        let server = Arc::new(Process::server(folder));
        let operator = Operator::new(Arc::clone(&server));
        let mut world = Self { server, gateways: Vec::new(), operator, devices: Vec::new() };
        for number in 0..gateways {
            let (id, datagrams) = (jobs::gateway_id(number), process::free_port());
            let new = json!({ "id": id, "class": "gateway", "address": format!("127.0.0.1:{datagrams}") });
            let mut account = world.operator.post("/api/devices", &new).await;
            let path = folder.join(format!("gateway-{number}.json"));
            std::fs::write(&path, account["account"].take().to_string()).unwrap();
            let gateway = Arc::new(Process::gateway(folder, number, datagrams, &path));
            let count = devices / gateways + usize::from(number < devices % gateways);
            world.devices.push(devices::settle(&gateway, number, count, seed).await);
            world.gateways.push(gateway);
        }
        world
    }

    fn processes(&self) -> impl Iterator<Item = &Arc<Process>> {
        std::iter::once(&self.server).chain(&self.gateways)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fanouts_go_on_whoever_is_killed() {
    let seconds = setting("DM_SOAK_SECONDS", 60_u32).max(4);
    let (seed, devices) = (setting("DM_SOAK_SEED", 1_u64), setting("DM_SOAK_DEVICES", 500_usize));
    let folder = Folder::new(seed);
    let began = Instant::now();
    println!("seed {seed}, {devices} devices, {seconds} s");
    let world = World::start(&folder.path, seed, 2, devices).await;
    println!("{:>6.1} s  everyone is there", began.elapsed().as_secs_f64());

    let rounds = ROUNDS.max(seconds / 15);
    let round =
        (began + Duration::from_secs(seconds.into()) - Instant::now()).max(Duration::from_secs(4)) / rounds;
    let mut watch = Watch::new(devices);
    let (mut checked, mut next_job) = (jobs::Tally::default(), 1);
    for number in 0..rounds {
        let until = Instant::now() + round.mul_f64(BUSY);
        let plan = chaos::Plan { seed, round: number, rounds, until };
        let killing: Vec<_> =
            world.processes().map(|process| chaos::kill(plan, Arc::clone(process))).collect();
        let mut running = tokio::task::JoinSet::new();
        for (at, devices) in world.devices.iter().enumerate() {
            let desk =
                jobs::Desk::new(&world.operator, at, devices, seed ^ u64::from(number) << 32, next_job);
            running.spawn(desk.work(until));
        }
        next_job += 10_000;
        // A task that has panicked makes its panic this one's.
        let of_round = running.join_all().await.into_iter().fold(jobs::Tally::default(), jobs::Tally::and);
        for killing in killing {
            killing.await.unwrap();
        }
        checked = checked.and(of_round);
        world.operator.at_rest(&world.gateways).await;
        let sizes = watch.measure(&world);
        println!("{:>6.1} s  {of_round}; {sizes}", began.elapsed().as_secs_f64());
    }
    watch.judge();

    let kills: Vec<String> =
        world.processes().map(|it| format!("{} {} times", it.role(), it.kills())).collect();
    println!("killed: {}; in all: {checked}", kills.join(", "));
    if round.mul_f64(BUSY) > chaos::LONGEST_WAIT {
        assert!(world.processes().all(|it| it.kills() > 0), "somebody was never killed");
    }
    assert!(checked.ok * 2 > checked.targets, "most devices are told and say so: {checked}");
    devices::nothing_twice(world.devices.iter().flatten());
}

//! Sessions a second.

use std::sync::{Arc, Mutex, PoisonError};

use dm_examples::http_client::HttpClient;
use dm_examples::tls::Trust;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::{Answers, Bench, Device, Peer, Traffic};
use super::servers::Server;
use super::{Arguments, Failure};

/// The server's own name, as it has it without a configuration.
const SERVER_ID: &str = "com.example.dms";

/// One turn of one server.
#[derive(Clone, Copy, Debug)]
struct Turn {
    sessions_per_second: f64,
    /// Microseconds of processor time for each session.
    processor: f64,
}

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = arguments.folder()?;
    let server = Server::dm(&folder.path().join("state"))?;
    // One more, to be written down.
    let mut devices = server.add(arguments.devices + 1).await?;
    // Both sides know each other's nonces from here on, as they do all their lives.
    devices = all_sessions(devices, &server.devices, arguments.concurrency, false).await?.0;
    if !arguments.json {
        println!(
            "case        requests  octets     |     sessions/s            |  processor us/session     | commits"
        );
        println!(
            "            /session  up    down  |  dm-server    bare  ratio |  dm-server    bare  ratio | /session"
        );
    }
    for (case, with_work) in [("check-in", false), ("set + get", true)] {
        let mut first = devices.pop().ok_or("no device")?;
        if with_work {
            server.queue(std::slice::from_ref(&first)).await?;
        }
        let before = first.clone();
        let mut answers = Answers::default();
        let mut bench = Bench::new(HttpClient::new(&Trust::Nothing)?, SERVER_ID)?;
        let traffic = first.session(&mut bench, &server.devices, Peer::Recorded(&mut answers)).await?;
        let file = folder.path().join("answers.json");
        answers.write(&file)?;
        let bare = Server::bare(&file)?;
        let replayed = vec![before; devices.len()];
        // Both have had their first turn before it counts.
        all_sessions(replayed.clone(), &bare.devices, arguments.concurrency, true).await?;
        let (mut of_server, mut of_bare, mut commits) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..arguments.turns {
            if with_work {
                server.queue(&devices).await?;
            }
            let count = server.metric("dm_server_store_commits_total").await?;
            let turn;
            (devices, turn) = timed(&server, devices, arguments.concurrency, false).await?;
            of_server.push(turn);
            commits += server.metric("dm_server_store_commits_total").await? - count;
            of_bare.push(timed(&bare, replayed.clone(), arguments.concurrency, true).await?.1);
        }
        devices.push(first);
        let sessions = f64::from(arguments.turns) * devices.len() as f64;
        show(arguments, case, traffic, median(&of_server), median(&of_bare), commits / sessions);
    }
    Ok(())
}

async fn timed(
    server: &Server,
    devices: Vec<Device>,
    concurrency: u32,
    bare: bool,
) -> Result<(Vec<Device>, Turn), Failure> {
    let processor = server.processor()?;
    let (devices, seconds) = all_sessions(devices, &server.devices, concurrency, bare).await?;
    let processor = (server.processor()? - processor) * 1e6 / devices.len() as f64;
    let sessions_per_second = devices.len() as f64 / seconds;
    Ok((devices, Turn { sessions_per_second, processor }))
}

/// A session with each device, so many at a time; the devices after it, and how long it took.
async fn all_sessions(
    devices: Vec<Device>,
    url: &str,
    concurrency: u32,
    bare: bool,
) -> Result<(Vec<Device>, f64), Failure> {
    let http = HttpClient::new(&Trust::Nothing)?;
    let waiting = Arc::new(Mutex::new(devices.into_iter()));
    let mut running = JoinSet::new();
    let began = Instant::now();
    for _ in 0..concurrency {
        let (http, waiting, url) = (http.clone(), Arc::clone(&waiting), url.to_owned());
        running.spawn(async move {
            let mut bench = Bench::new(http, SERVER_ID)?;
            let mut done = Vec::new();
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(mut device) = next else { return Ok::<_, Failure>(done) };
                let peer = if bare { Peer::Bare } else { Peer::Server };
                device.session(&mut bench, &url, peer).await?;
                done.push(device);
            }
        });
    }
    let mut devices = Vec::new();
    while let Some(done) = running.join_next().await {
        devices.append(&mut done??);
    }
    Ok((devices, began.elapsed().as_secs_f64()))
}

fn median(turns: &[Turn]) -> Turn {
    let of = |value: fn(&Turn) -> f64| {
        let mut values: Vec<f64> = turns.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Turn { sessions_per_second: of(|turn| turn.sessions_per_second), processor: of(|turn| turn.processor) }
}

fn show(arguments: &Arguments, case: &str, traffic: Traffic, server: Turn, bare: Turn, commits: f64) {
    let ratio = server.sessions_per_second / bare.sessions_per_second;
    let work = server.processor / bare.processor;
    if arguments.json {
        let line = json!({
            "case": case, "devices": arguments.devices, "concurrency": arguments.concurrency, "requests": traffic.requests,
            "octets_up": traffic.sent, "octets_down": traffic.received,
            "sessions_per_second": { "dm_server": server.sessions_per_second, "bare": bare.sessions_per_second, "ratio": ratio },
            "processor_us": { "dm_server": server.processor, "bare": bare.processor, "ratio": work },
            "commits_per_session": commits,
        });
        println!("{line}");
    } else {
        println!(
            "{case:<10} {:>9} {:>5} {:>6}  | {:>10.0} {:>7.0} {ratio:>6.2} | {:>10.0} {:>7.0} {work:>6.1} | {commits:>8.3}",
            traffic.requests,
            traffic.sent,
            traffic.received,
            server.sessions_per_second,
            bare.sessions_per_second,
            server.processor,
            bare.processor,
        );
    }
}

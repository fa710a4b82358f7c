//! The whole story over real sockets: two DM servers, two gateways, many devices, a lamp that speaks CoAP.
//!
//! The programs are those of [`dm_server`](crate::dm_server), [`dm_gateway`](crate::dm_gateway), [`dm_device`](crate::dm_device) and
//! [`coap`](crate::coap), as tasks of this process or as processes. What is played here is the people around them: operators at the JSON APIs,
//! whoever switches devices on and off, whoever pulls a plug. Between the programs are taps, and behind these a recorder; what a step of the story
//! proves is told by what the programs say and by what was sent.
//!
//! | file | what it is about |
//! |---|---|
//! | `cast` | which device does what, and how each is expected to end |
//! | `world` | who is there, and how they are wired |
//! | `launcher`, `actor` | programs and devices, started and killed |
//! | `desk` | an operator at the API of a program |
//! | `jobs` | a fanout, from the order to what became of each device |
//! | `tap`, `datagram_tap`, `http_stream` | what listens between programs |
//! | `recorder`, `capture` | what was sent: counted, written down, remembered |
//! | `steps` | the steps, a file for each |

mod actor;
mod capture;
mod cast;
mod datagram_tap;
mod desk;
mod http_stream;
mod jobs;
mod launcher;
mod recorder;
mod steps;
mod tap;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dm_syncml::Encoding;

pub use cast::{Outcome, Role};

use cast::count;
use world::Wiring;

/// How a fleet is played.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many devices are behind the first gateway, besides those with a part of their own. 1 to 2,000.
    pub devices: usize,
    /// How messages of devices and gateways travel.
    pub encoding: Encoding,
    /// Decides who plays which role.
    pub seed: u64,
    /// A folder that every message is written to.
    pub trace: Option<PathBuf>,
    /// A file that all traffic is written to, in clear.
    pub pcap: Option<PathBuf>,
    /// Whether the programs are processes of their own.
    pub processes: bool,
    /// Whether they speak TLS.
    pub tls: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            devices: 25,
            encoding: Encoding::Wbxml,
            seed: 1,
            trace: None,
            pcap: None,
            processes: false,
            tls: false,
        }
    }
}

/// Something to show while a fleet plays.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The first server and the first gateway can be reached, through their taps.
    Listening {
        /// The server's HTTP.
        server: SocketAddr,
        /// The gateway's HTTP.
        gateway: SocketAddr,
        /// Where the gateway hears announcements.
        announcements: SocketAddr,
    },
    /// A step of the story has begun.
    Begun(&'static str),
    /// A step of the story is over.
    Step(Step),
    /// So many devices have ended in the fanout.
    Ended(usize),
}

/// A step of the story.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is about.
    pub name: &'static str,
    /// Whether everything was as expected.
    pub passed: bool,
    /// What was proven, or what was not.
    pub proven: String,
}

/// What became of a fleet.
#[derive(Clone, Debug)]
pub struct Report {
    /// The steps, in their order; after one that did not pass nothing more is played.
    pub steps: Vec<Step>,
    /// How each device ended in the fanout, with its role, in the order of their numbers.
    pub devices: Vec<(String, Role, Option<Outcome>)>,
    /// How many messages and notifications were sent.
    pub messages: u64,
    /// How many octets they had.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// What is not as the story has it.
    pub mismatches: Vec<String>,
}

impl Report {
    /// How many devices ended how.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Outcome, usize> {
        count(self.devices.iter().filter_map(|(_, _, outcome)| *outcome))
    }
}

/// Plays the story to its end.
///
/// # Errors
/// A socket, the trace folder or the capture file cannot be opened or written.
pub async fn play(options: Options, show: impl Fn(Progress) + Send + Sync + 'static) -> io::Result<Report> {
    let began = Instant::now();
    let roles = cast::cast(options.devices, options.seed);
    let wiring = Wiring::open(options, Arc::new(show)).await?;
    let recorder = wiring.recorder.clone();
    let told = steps::play(wiring, &roles).await;
    recorder.finish()?;
    let mut mismatches = told.mismatches;
    let mut devices = Vec::new();
    for (index, (role, outcome)) in roles.into_iter().zip(told.outcomes).enumerate() {
        let name = cast::name(index);
        // A story that broke off says so itself.
        if let Some(outcome) = outcome.filter(|outcome| *outcome != role.expected()) {
            mismatches.push(format!("{name}: expected {}, got {outcome}", role.expected()));
        }
        devices.push((name, role, outcome));
    }
    let (messages, bytes) = recorder.look(|evidence| (evidence.messages, evidence.octets));
    Ok(Report { steps: told.steps, devices, messages, bytes, elapsed: began.elapsed(), mismatches })
}

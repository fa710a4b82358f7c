//! A whole fleet on virtual time: one DM server, several gateways and many devices, all real machines, over a network that loses,
//! repeats, delays, reorders and parts, while devices lose power and move, and gateways stop at any record.
//!
//! [`run`] plays one seed. What happens is decided by the seed and the numbers in [`Options`], and by nothing else: equal options give an
//! equal [`Outcome::digest`]. The server does all it does by ordinary commands ([`gwmo_model::console`]), and wants what it wants until it
//! has been done. In the end, when nothing has gone wrong for a while, it is checked that
//!
//! - every job has ended, and the server was told and has read what came of it;
//! - counters add up, wherever they show;
//! - nothing that must not run twice ran twice, and what is said to have run, or not to, has, or has not;
//! - the tree of every device is what its records make again, and has in it what the records of the jobs say;
//! - a job that is to begin at some time does not before, one that was cancelled or paused begins with nobody, a second round touches only
//!   those it is for, and what was read of a job is what is read of it later, until its time is over;
//! - an image has an address only once its octets were checked, is not fetched while it is there, and is what devices get there;
//! - a notification is passed on once in its window, and an adapter does once what must not be repeated, whatever stops in between;
//! - triggers are over, newcomers have their account, servers that may be asked were;
//! - no alert was lost, of a device or of a gateway;
//! - every inventory, as the gateway has it, as the server reads it and as alerts told it, says where each device is;
//! - what every gateway stored makes the same gateway again.

mod adapters;
mod chores;
mod desk;
mod device;
mod gateway;
mod images;
mod jobs;
mod life;
mod newcomers;
mod peers;
mod place;
mod plan;
mod pushes;
mod rounds;
mod server;
mod site;
mod store;
mod town;
mod triggers;
mod uplink;
mod verdict;

use core::fmt;
use core::time::Duration;

use dm_sim::{Counts, Digest};

use town::Town;

/// What to simulate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Decides everything that happens by chance.
    pub seed: u64,
    /// How many devices; 0 counts as 1.
    pub devices: u32,
    /// How many gateways; 0 counts as 1.
    pub gateways: u16,
    /// Whether [`Outcome::trace`] says all that happened.
    pub trace: bool,
    /// What is broken on purpose; nothing by default.
    pub sabotage: Option<Sabotage>,
}

/// Something broken on purpose, to see that it is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Sabotage {
    /// Gateways are told that records are stored when they are not yet.
    EarlyAcknowledgement,
    /// A gateway that stops loses one of the records that it had stored.
    LostRecord,
    /// Alerts to the server count as taken when they are sent.
    UnheardAlerts,
    /// Devices do not store what a server's commands changed.
    ForgetfulDevices,
}

impl Options {
    /// Three devices of one gateway.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, devices: 3, gateways: 1, trace: false, sabotage: None }
    }

    /// Sets [`devices`](Self::devices) and [`gateways`](Self::gateways).
    #[must_use]
    pub const fn with_size(mut self, devices: u32, gateways: u16) -> Self {
        self.devices = devices;
        self.gateways = gateways;
        self
    }

    /// Sets [`trace`](Self::trace).
    #[must_use]
    pub const fn with_trace(mut self) -> Self {
        self.trace = true;
        self
    }

    /// Sets [`sabotage`](Self::sabotage).
    #[must_use]
    pub const fn with_sabotage(mut self, sabotage: Sabotage) -> Self {
        self.sabotage = Some(sabotage);
        self
    }

    /// The arguments of `simulate` that replay it.
    #[must_use]
    pub fn replay(&self) -> String {
        let Self { seed, devices, gateways, .. } = self;
        format!("simulate --first-seed {seed} --seeds 1 --devices {devices} --gateways {gateways}")
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// What was not as it must be; nothing if all was.
    pub violations: Vec<String>,
    /// Stands for everything that happened.
    pub digest: Digest,
    /// How long it took, in the town's own time.
    pub lasted: Duration,
    /// What became of the messages.
    pub messages: Counts,
    /// What happened how often.
    pub tally: Tally,
    /// All that happened, line by line, if it was wanted.
    pub trace: Vec<String>,
}

impl Outcome {
    /// Whether all was as it must be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.violations.is_empty()
    }
}

/// What happened how often, to see that a run has been through something.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Tally {
    /// Jobs that ended.
    pub jobs: u32,
    /// Devices that such jobs were for.
    pub targets: u32,
    /// Of them, those that did all they should.
    pub ok: u32,
    /// Of them, those of which nobody knows.
    pub indeterminate: u32,
    /// Sessions of devices.
    pub sessions: u32,
    /// Gateways that stopped.
    pub crashes: u32,
    /// Of them, those that lost records that were not stored yet.
    pub torn: u32,
    /// Devices that lost their power.
    pub reboots: u32,
    /// Devices that went elsewhere.
    pub moves: u32,
    /// Alerts that the server was told.
    pub alerts: u32,
    /// Alerts that devices told.
    pub tellings: u32,
    /// Snapshots that gateways took.
    pub snapshots: u32,
    /// Second rounds that the server wanted.
    pub retries: u32,
    /// Jobs that were removed since their time was over.
    pub removed: u32,
    /// Images that could be fetched.
    pub images: u32,
    /// Of them, those that devices read.
    pub pulls: u32,
    /// Notifications that gateways passed on.
    pub passed_on: u32,
    /// Triggers that were over.
    pub triggers: u32,
    /// Operations that adapters were given.
    pub native: u32,
    /// Accounts that devices were offered.
    pub offers: u32,
    /// Servers that were asked for a bootstrap.
    pub peers: u32,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            jobs: self.jobs + other.jobs,
            targets: self.targets + other.targets,
            ok: self.ok + other.ok,
            indeterminate: self.indeterminate + other.indeterminate,
            sessions: self.sessions + other.sessions,
            crashes: self.crashes + other.crashes,
            torn: self.torn + other.torn,
            reboots: self.reboots + other.reboots,
            moves: self.moves + other.moves,
            alerts: self.alerts + other.alerts,
            tellings: self.tellings + other.tellings,
            snapshots: self.snapshots + other.snapshots,
            retries: self.retries + other.retries,
            removed: self.removed + other.removed,
            images: self.images + other.images,
            pulls: self.pulls + other.pulls,
            passed_on: self.passed_on + other.passed_on,
            triggers: self.triggers + other.triggers,
            native: self.native + other.native,
            offers: self.offers + other.offers,
            peers: self.peers + other.peers,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jobs, targets, ok, indeterminate, sessions, .. } = self;
        let Self { crashes, torn, reboots, moves, alerts, tellings, snapshots, .. } = self;
        let Self { retries, removed, images, pulls, passed_on, triggers, native, offers, peers, .. } = self;
        write!(
            f,
            "{jobs} jobs for {targets} devices ({ok} ok, {indeterminate} indeterminate), {sessions} sessions, {crashes} crashes \
             ({torn} torn), {reboots} reboots, {moves} moves, {alerts} alerts, {tellings} told by devices, {snapshots} snapshots, {retries} second rounds, {removed} jobs removed, {images} images read {pulls} times, \
             {passed_on} notifications passed on, {triggers} triggers, {native} native operations, {offers} accounts offered, {peers} servers asked"
        )
    }
}

/// Plays one seed.
#[must_use]
pub fn run(options: Options) -> Outcome {
    let options = Options { devices: options.devices.max(1), gateways: options.gateways.max(1), ..options };
    Town::play(options)
}

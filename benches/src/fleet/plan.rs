//! What a seed makes happen: the jobs, and all that goes wrong meanwhile.

use core::time::Duration;

use dm_sim::Link;
use gwmo_model::JobKey;

use super::Options;
use super::jobs::{Job, job};
use super::peers::OTHERS;
use super::place::{MINUTE, SECOND};
use super::triggers::TriggerPlan;

/// Something that goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mishap {
    /// A device loses its power between two messages.
    Reboot { device: u32, off: Duration },
    /// A device loses its power when it next has something to store, before all of it is.
    PowerCut { device: u32 },
    /// A device goes elsewhere.
    Move { device: u32, to: u16, politely: bool },
    /// A gateway stops when it has handed out so many more records.
    Crash { gateway: u16, records: u32, off: Duration },
    /// A device hears and says nothing.
    Isolate { device: u32 },
    /// And is heard again.
    Rejoin { device: u32 },
    /// A gateway and the server do not reach each other.
    Part { gateway: u16 },
    /// And do again.
    Heal { gateway: u16 },
    /// A device has something to tell.
    Tell { device: u32 },
    /// The server pushes a notification to a gateway that is to be passed on, or pushes it again.
    Push { gateway: u16, number: u16 },
    /// A device tells of another server that it knows.
    Learn { device: u32, server: u8 },
    /// Nothing more goes wrong.
    Calm,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    pub(super) triggers: Vec<TriggerPlan>,
    /// When which newcomer is registered at which gateway.
    pub(super) newcomers: Vec<(Duration, u32, u16)>,
    pub(super) mishaps: Vec<(Duration, Mishap)>,
    pub(super) link: Link,
    /// How long a gateway takes to store something; at once if zero.
    pub(super) disk: Duration,
    /// A gateway takes a snapshot after so many records.
    pub(super) snapshot_every: usize,
    pub(super) heartbeat: Duration,
    pub(super) lifetime: Duration,
    /// How often a device opens a session by itself.
    pub(super) poll: Duration,
    pub(super) is_large: bool,
    /// When everything must have come to its end.
    pub(super) end: Duration,
}

/// How long things go wrong.
pub(super) const STORM: Duration = Duration::from_secs(20 * 60);

/// The gateway that a device belongs to at first.
pub(super) const fn home(device: u32, gateways: u16) -> u16 {
    ((device - 1) % gateways as u32) as u16
}

impl Plan {
    pub(super) fn new(options: &Options) -> Self {
        // Not the sequence of the network.
        let mut rng = fastrand::Rng::with_seed(options.seed ^ 0x706c_616e);
        let is_large = options.devices > 200;
        let jobs: Vec<Job> = (0..options.gateways)
            .flat_map(|gateway| {
                let count = if is_large { 1 } else { rng.u32(1..=2) };
                (0..count).map(|number| job(&mut rng, options, gateway, number)).collect::<Vec<_>>()
            })
            .collect();
        let latest = Duration::from_millis(rng.u64(50..3000));
        let link = Link::new()
            .with_loss(rng.f64() * 0.15)
            .with_duplication(rng.f64() * 0.1)
            .with_delay(Duration::from_millis(10)..=latest.max(Duration::from_millis(20)));
        let longest = jobs.iter().map(Job::latest_end).max().unwrap_or_default();
        let triggers = (0..options.gateways)
            .flat_map(|gateway| {
                let count = rng.u32(0..=2);
                let new = |number| TriggerPlan::new(&mut rng, options, gateway, number);
                (0..count).map(new).collect::<Vec<_>>()
            })
            .collect();
        let newcomers = (0..options.gateways)
            .filter(|gateway| (options.seed >> (gateway % 8)) & 1 == 1)
            .zip(options.devices + 1..)
            .map(|(gateway, number)| (Duration::from_secs(rng.u64(0..600)), number, gateway))
            .collect();
        let lifetime = if is_large { 18 * MINUTE } else { 8 * MINUTE };
        Self {
            mishaps: mishaps(&mut rng, options, &jobs),
            link,
            disk: if rng.bool() && options.sabotage.is_none() {
                Duration::ZERO
            } else {
                Duration::from_millis(rng.u64(1..3000))
            },
            snapshot_every: rng.usize(20..400) * if is_large { 100 } else { 1 },
            heartbeat: lifetime / 3,
            lifetime,
            poll: if is_large { 240 * MINUTE } else { 12 * MINUTE },
            end: longest.max(STORM) + 3 * lifetime + 30 * MINUTE,
            is_large,
            jobs,
            triggers,
            newcomers,
        }
    }

    /// Notifications that were pushed when nothing went wrong: which gateway, and which one.
    pub(super) fn calm_pushes(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        self.mishaps.iter().filter_map(|(at, mishap)| match mishap {
            Mishap::Push { gateway, number } if *at > STORM => Some((*gateway, *number)),
            _ => None,
        })
    }

    /// The job of this name.
    pub(super) fn job(&self, key: &JobKey) -> Option<&Job> {
        self.jobs.iter().find(|job| job.key == *key)
    }
}

fn mishaps(rng: &mut fastrand::Rng, options: &Options, jobs: &[Job]) -> Vec<(Duration, Mishap)> {
    let mut mishaps = Vec::new();
    // Mostly while a job has its devices begin: there is not much to break otherwise.
    let some_time = |rng: &mut fastrand::Rng| match jobs.get(rng.usize(0..jobs.len() * 4 / 3 + 1)) {
        Some(job) => job.at + Duration::from_millis(rng.u64(0..180_000)),
        None => Duration::from_millis(rng.u64(0..STORM.as_millis() as u64)),
    };
    let anyone = |rng: &mut fastrand::Rng| rng.u32(1..=options.devices);
    // A large town is not worse off than a small one, for each device.
    let some = |rng: &mut fastrand::Rng, most: u32| {
        let most = if options.devices > 200 { options.devices / 50 * most } else { most };
        rng.u32(0..=most)
    };
    for _ in 0..some(rng, 3) {
        let off = Duration::from_secs(rng.u64(1..240));
        mishaps.push((some_time(rng), Mishap::Reboot { device: anyone(rng), off }));
    }
    for _ in 0..some(rng, 3) {
        mishaps.push((some_time(rng), Mishap::PowerCut { device: anyone(rng) }));
    }
    for _ in 0..some(rng, 2) {
        let (at, device) = (some_time(rng), anyone(rng));
        mishaps.push((at, Mishap::Isolate { device }));
        mishaps.push((at + Duration::from_secs(rng.u64(1..300)), Mishap::Rejoin { device }));
    }
    for _ in 0..some(rng, 2) {
        mishaps.push((some_time(rng), Mishap::Tell { device: anyone(rng) }));
    }
    if options.gateways > 1 {
        for _ in 0..some(rng, 3) {
            let (device, to) = (anyone(rng), rng.u16(0..options.gateways));
            mishaps.push((some_time(rng), Mishap::Move { device, to, politely: rng.bool() }));
        }
    }
    for gateway in 0..options.gateways {
        let crashes = if options.sabotage.is_some() { 6 } else { rng.u32(0..=4) };
        for _ in 0..crashes {
            let off = Duration::from_secs(rng.u64(0..60));
            mishaps.push((some_time(rng), Mishap::Crash { gateway, records: rng.u32(0..30), off }));
        }
        if rng.bool() {
            let at = some_time(rng);
            mishaps.push((at, Mishap::Part { gateway }));
            mishaps.push((at + Duration::from_secs(rng.u64(1..300)), Mishap::Heal { gateway }));
        }
    }
    for gateway in 0..options.gateways {
        for number in 0..some(rng, 3).min(9) as u16 {
            let at = Duration::from_secs(rng.u64(30..900));
            let copies = rng.u64(1..4);
            mishaps.extend((0..copies).map(|copy| {
                (at + Duration::from_secs(copy * rng.u64(0..200)), Mishap::Push { gateway, number })
            }));
        }
    }
    for _ in 0..some(rng, 2).min(50) {
        mishaps.push((some_time(rng), Mishap::Learn { device: anyone(rng), server: rng.u8(0..OTHERS) }));
    }
    mishaps.retain(|(at, _)| *at < STORM);
    mishaps.push((STORM, Mishap::Calm));
    mishaps.extend(
        (0..options.gateways).map(|gateway| (STORM + 3 * MINUTE, Mishap::Push { gateway, number: 99 })),
    );
    mishaps.sort_by_key(|(at, _)| *at);
    mishaps
}

/// Pauses between things that repeat, a little different for each so that not all happen at once.
pub(super) fn spread(around: Duration, which: u32) -> Duration {
    around + (around / 8).mul_f64(f64::from(which.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)) + SECOND
}

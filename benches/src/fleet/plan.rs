//! What a seed makes happen: the jobs, and all that goes wrong meanwhile.

use core::time::Duration;

use dm_sim::Link;
use dm_syncml::{CmdId, Command, Data, Delete, Exec, Format, Get, Item, Meta, Replace};
use gwmo_model::console::{JobRequest, OpRequest, Told};
use gwmo_model::{GroupId, JobKey, Offline, OnLimit, Policy, Stages};

use super::Options;
use super::place::{MINUTE, SECOND, device_id, uri};

/// The alert that tells the end of [`Deed::Later`].
pub(super) const LATER_DONE: &str = "com.example.later";

/// What a job does on a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Deed {
    /// Adds a leaf of the job's name.
    Add,
    /// Writes it.
    Replace,
    /// Reads how often something ran.
    Get,
    /// Deletes a leaf that was there.
    Delete,
    /// Runs something that must not run twice.
    Run,
    /// The same, of which the device tells later that it has run.
    Later,
}

/// Which devices a job is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Everybody,
    Group,
    Named(Vec<u32>),
}

/// What a server has a job do while it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Pause,
    Resume,
    Cancel,
    Window(u32),
}

/// A job of one gateway.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) key: JobKey,
    pub(super) gateway: u16,
    pub(super) at: Duration,
    pub(super) deeds: Vec<Deed>,
    pub(super) target: Target,
    pub(super) policy: Policy,
    pub(super) live: bool,
    pub(super) atomically: bool,
    pub(super) told: Told,
    /// When, after it was started by plan.
    pub(super) orders: Vec<(Duration, Order)>,
}

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
    /// Nothing more goes wrong.
    Calm,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
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
    /// When everything must have come to its end.
    pub(super) end: Duration,
}

/// How long things go wrong.
const STORM: Duration = Duration::from_secs(20 * 60);

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
        let longest = jobs.iter().map(|job| job.at + job.policy.job_time).max().unwrap_or_default();
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
            jobs,
        }
    }

    /// The job of this name.
    pub(super) fn job(&self, key: &JobKey) -> Option<&Job> {
        self.jobs.iter().find(|job| job.key == *key)
    }
}

fn job(rng: &mut fastrand::Rng, options: &Options, gateway: u16, number: u32) -> Job {
    let all = [Deed::Add, Deed::Replace, Deed::Get, Deed::Delete, Deed::Run, Deed::Later];
    let mut deeds: Vec<Deed> = all.into_iter().filter(|_| rng.u8(0..3) > 0).collect();
    // What is written must be there, and what must not happen twice is what it is about.
    if deeds.contains(&Deed::Replace) && !deeds.contains(&Deed::Add) {
        deeds.insert(0, Deed::Add);
    }
    if !deeds.contains(&Deed::Run) {
        deeds.push(Deed::Run);
    }
    let is_large = options.devices > 200;
    let locals: Vec<u32> =
        (1..=options.devices).filter(|device| home(*device, options.gateways) == gateway).collect();
    let target = match rng.u8(0..4) {
        0 if !is_large => Target::Named(locals),
        1 if !is_large => Target::Group,
        _ => Target::Everybody,
    };
    let window = if is_large { rng.u32(128..1024) } else { rng.u32(1..=4) };
    let retries = rng.u16(0..4);
    let first_wait = Duration::from_secs(rng.u64(5..60));
    let offline = match rng.u8(0..6) {
        0 => Offline::Skip,
        1 => Offline::Fail,
        2 => Offline::Try,
        _ => Offline::Wait,
    };
    let mut policy = Policy::default()
        .with_window(window)
        .with_retries(retries)
        .with_retry_wait(first_wait, 4 * first_wait)
        .with_t_notify(Duration::from_secs(rng.u64(20..90)))
        .with_t_session(Duration::from_secs(rng.u64(40..120)))
        .with_t_async(Duration::from_secs(rng.u64(200..900)))
        .with_job_time(Duration::from_secs(rng.u64(15..40) * 60))
        .with_offline(offline);
    if rng.u8(0..4) == 0 {
        policy = policy.with_release_jitter(Duration::from_secs(rng.u64(1..60)));
    }
    if rng.u8(0..6) == 0 {
        policy = policy.with_rate(if is_large { 6000 } else { 6 });
    }
    if rng.u8(0..6) == 0 {
        policy = policy.with_max_fail(rng.u8(10..60), 1, OnLimit::Abort);
    }
    if rng.u8(0..4) == 0
        && let Ok(stages) = "1,50%,100%".parse::<Stages>()
    {
        policy = policy.with_stages(stages);
    }
    let mut orders = Vec::new();
    let after = |rng: &mut fastrand::Rng| Duration::from_secs(rng.u64(5..400));
    if rng.u8(0..4) == 0 {
        let at = after(rng);
        orders.push((at, Order::Pause));
        orders.push((at + after(rng), Order::Resume));
    }
    if rng.u8(0..5) == 0 {
        orders.push((after(rng), Order::Cancel));
    }
    if rng.u8(0..4) == 0 {
        orders.push((after(rng), Order::Window(window * 2)));
    }
    Job {
        key: JobKey::new(&format!("J{gateway}-{number}")).expect("letters and digits"),
        gateway,
        at: Duration::from_secs(rng.u64(1..300)),
        deeds,
        target,
        policy,
        live: rng.u8(0..4) == 0,
        atomically: rng.u8(0..4) == 0,
        told: if rng.bool() { Told::End } else { Told::Progress },
        orders,
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
    mishaps.retain(|(at, _)| *at < STORM);
    mishaps.push((STORM, Mishap::Calm));
    mishaps.sort_by_key(|(at, _)| *at);
    mishaps
}

impl Job {
    pub(super) fn correlator(&self) -> String {
        format!("c-{}", self.key.as_str())
    }

    /// The group it is for, if it is for one.
    pub(super) fn group(&self) -> Option<GroupId> {
        let id = || GroupId::new(&format!("g-{}", self.key.as_str())).expect("letters and digits");
        (self.target == Target::Group).then(id)
    }

    pub(super) fn request(&self) -> JobRequest {
        let mut request = JobRequest::new(self.key.clone()).with_policy(self.policy).telling(self.told);
        request = match &self.target {
            Target::Everybody => request.with_group(GroupId::new("*").expect("everybody")),
            Target::Group => self.group().into_iter().fold(request, JobRequest::with_group),
            Target::Named(devices) => {
                devices.iter().fold(request, |request, device| request.with_device(device_id(*device)))
            }
        };
        if self.live {
            request = request.with_live_targets();
        }
        self.deeds.iter().fold(request, |request, deed| request.with_operation(self.operation(*deed)))
    }

    fn operation(&self, deed: Deed) -> OpRequest {
        let key = self.key.as_str();
        let leaf = |value: &str| {
            let data = Data::text(value.to_owned()).expect("letters and digits");
            Item::to(uri(leaf_of(key))).with_meta(Meta::new().with_format(Format::CHR)).with_data(data)
        };
        let argument = |node: &str| {
            Item::to(uri(node)).with_data(Data::text(key.to_owned()).expect("letters and digits"))
        };
        let command: Command<'static> = match deed {
            Deed::Add => dm_syncml::Add::new(id(), vec![leaf(ADDED)]).into(),
            Deed::Replace => Replace::new(id(), vec![leaf(WRITTEN)]).into(),
            Deed::Get => Get::new(id(), vec![Item::to(uri("./Vendor/Meter/Runs"))]).into(),
            Deed::Delete => Delete::new(id(), vec![Item::to(uri("./Vendor/Old"))]).into(),
            Deed::Run => Exec::new(id(), argument("./Vendor/Meter/Run")).into(),
            Deed::Later => Exec::new(id(), argument("./Vendor/Meter/Later")).into(),
        };
        match deed {
            Deed::Later => OpRequest::new(command).ending_by(LATER_DONE),
            _ => OpRequest::new(command),
        }
    }
}

pub(super) const ADDED: &str = "added";
pub(super) const WRITTEN: &str = "written";

/// The leaf that a job adds.
pub(super) fn leaf_of(key: &str) -> String {
    format!("./Vendor/Jobs/{key}")
}

fn id() -> CmdId<'static> {
    CmdId::number(core::num::NonZeroU32::MIN)
}

/// Pauses between things that repeat, a little different for each so that not all happen at once.
pub(super) fn spread(around: Duration, which: u32) -> Duration {
    around + (around / 8).mul_f64(f64::from(which.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)) + SECOND
}

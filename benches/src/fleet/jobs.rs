//! The jobs of a town: what they do on devices, for which, how, and what becomes of them while they run.

use core::time::Duration;

use dm_syncml::{CmdId, Command, Data, Delete, Exec, Format, Get, Item, Meta, Replace};
use gwmo_model::console::{JobRequest, OpRequest, Told};
use gwmo_model::{GroupId, JobKey, Offline, OnLimit, Policy, Selector, Stages, TargetState, Which};

use super::Options;
use super::images::{PLACEHOLDER, Picture};
use super::place::{MINUTE, SECOND, device_id, time_of_day, uri};
use super::plan::home;

/// The alert that tells the end of [`Deed::Later`].
pub(super) const LATER_DONE: &str = "com.example.later";

/// What a job does on a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Deed {
    /// Adds a leaf of the job's name.
    Add,
    /// Writes it.
    Replace,
    /// Adds a leaf with the address of the job's image.
    Image,
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
    /// All but those of this model, by a group with a rule.
    Rule(u32),
    /// The same, by a selector of the job's own.
    Matching(u32),
}

/// What a server has a job do while it runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Pause,
    Resume,
    Cancel,
    Window(u32),
    Rate(u32),
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
    /// It begins at this time, by the time of day.
    pub(super) start_at: Option<Duration>,
    /// So long after its end was read it is tried once more, for those that ended like this; for all that are not ok if
    /// none is named.
    pub(super) retry: Option<(Duration, Vec<TargetState>)>,
    pub(super) picture: Option<Picture>,
}

/// How many models there are.
const MODELS: u32 = 7;

/// The model of a device.
pub(super) fn model_of(device: u32) -> String {
    format!("EX-{}", device % MODELS)
}

pub(super) fn job(rng: &mut fastrand::Rng, options: &Options, gateway: u16, number: u32) -> Job {
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
    let picture = (rng.u8(0..3) == 0).then(|| Picture::new(rng, gateway, number));
    if picture.is_some() {
        deeds.insert(0, Deed::Image);
    }
    let locals: Vec<u32> =
        (1..=options.devices).filter(|device| home(*device, options.gateways) == gateway).collect();
    let target = match rng.u8(0..6) {
        0 if !is_large => Target::Named(locals),
        1 if !is_large => Target::Group,
        2 => Target::Rule(rng.u32(1..4)),
        3 => Target::Matching(rng.u32(1..4)),
        _ => Target::Everybody,
    };
    let at = Duration::from_secs(rng.u64(1..300));
    let start_at = (rng.u8(0..5) == 0).then(|| at + Duration::from_secs(rng.u64(0..400)));
    let policy = policy(rng, is_large);
    let orders = orders(rng, policy.window);
    let is_cancelled = orders.iter().any(|(_, order)| *order == Order::Cancel);
    let retry = (!is_cancelled && policy.keep.is_none() && rng.u8(0..3) == 0).then(|| {
        let states =
            [TargetState::Failed, TargetState::Unreachable, TargetState::TimedOut, TargetState::Skipped];
        (Duration::from_secs(rng.u64(0..200)), states.into_iter().filter(|_| rng.bool()).collect())
    });
    Job {
        key: JobKey::new(&format!("J{gateway}-{number}")).expect("letters and digits"),
        gateway,
        at,
        deeds,
        target,
        policy,
        live: rng.u8(0..4) == 0,
        atomically: rng.u8(0..4) == 0,
        told: if rng.bool() { Told::End } else { Told::Progress },
        orders,
        start_at,
        retry,
        picture,
    }
}

fn policy(rng: &mut fastrand::Rng, is_large: bool) -> Policy {
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
    if !is_large && rng.u8(0..4) == 0 {
        policy = policy.with_keep(Some(Duration::from_secs(rng.u64(10..20) * 60)));
    }
    policy
}

fn orders(rng: &mut fastrand::Rng, window: u32) -> Vec<(Duration, Order)> {
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
    if rng.u8(0..4) == 0 {
        orders.push((after(rng), Order::Rate(window * 60)));
    }
    orders
}

impl Job {
    pub(super) fn correlator(&self) -> String {
        format!("c-{}", self.key.as_str())
    }

    /// The group it is for, if it is for one.
    pub(super) fn group(&self) -> Option<GroupId> {
        let id = || GroupId::new(&format!("g-{}", self.key.as_str())).expect("letters and digits");
        matches!(self.target, Target::Group | Target::Rule(_)).then(id)
    }

    /// Which devices it is for, as a selector says it.
    pub(super) fn selector(&self) -> Option<Selector> {
        let (Target::Rule(model) | Target::Matching(model)) = self.target else { return None };
        format!("Info/Mod != \"{}\"", model_of(model)).parse().ok()
    }

    /// Whether a device may be among its targets.
    pub(super) fn is_for(&self, device: u32) -> bool {
        match &self.target {
            Target::Everybody | Target::Group => true,
            Target::Named(devices) => devices.contains(&device),
            Target::Rule(model) | Target::Matching(model) => device % MODELS != *model,
        }
    }

    /// When its time is over, however late it began, its second round included.
    pub(super) fn latest_end(&self) -> Duration {
        let begin = self.start_at.unwrap_or(self.at);
        let again = self.retry.as_ref().map_or(Duration::ZERO, |(after, _)| *after + self.policy.job_time);
        begin + self.policy.job_time + again + 10 * MINUTE
    }

    /// Whom a second round is for.
    pub(super) fn retried(&self) -> Which {
        match &self.retry {
            Some((_, states)) if !states.is_empty() => Which::States(states.clone()),
            _ => Which::NotOk,
        }
    }

    pub(super) fn request(&self) -> JobRequest {
        let mut request = JobRequest::new(self.key.clone()).with_policy(self.policy).telling(self.told);
        request = match &self.target {
            Target::Everybody => request.with_group(GroupId::new("*").expect("everybody")),
            Target::Group | Target::Rule(_) => self.group().into_iter().fold(request, JobRequest::with_group),
            Target::Matching(_) => self.selector().into_iter().fold(request, JobRequest::with_matching),
            Target::Named(devices) => {
                devices.iter().fold(request, |request, device| request.with_device(device_id(*device)))
            }
        };
        if self.live {
            request = request.with_live_targets();
        }
        if let Some(time) = self.start_at {
            request = request.starting_at(time_of_day(time));
        }
        self.deeds.iter().fold(request, |request, deed| request.with_operation(self.operation(*deed)))
    }

    fn operation(&self, deed: Deed) -> OpRequest {
        let key = self.key.as_str();
        let leaf = |node: String, value: &str| {
            let data = Data::text(value.to_owned()).expect("letters and digits");
            Item::to(uri(node)).with_meta(Meta::new().with_format(Format::CHR)).with_data(data)
        };
        let argument = |node: &str| {
            Item::to(uri(node)).with_data(Data::text(key.to_owned()).expect("letters and digits"))
        };
        let command: Command<'static> = match deed {
            Deed::Add => dm_syncml::Add::new(id(), vec![leaf(leaf_of(key), ADDED)]).into(),
            Deed::Replace => Replace::new(id(), vec![leaf(leaf_of(key), WRITTEN)]).into(),
            Deed::Image => dm_syncml::Add::new(id(), vec![leaf(image_leaf_of(key), PLACEHOLDER)]).into(),
            Deed::Get => Get::new(id(), vec![Item::to(uri("./Vendor/Meter/Runs"))]).into(),
            Deed::Delete => Delete::new(id(), vec![Item::to(uri(OLD))]).into(),
            Deed::Run => Exec::new(id(), argument("./Vendor/Meter/Run")).into(),
            Deed::Later => Exec::new(id(), argument("./Vendor/Meter/Later")).into(),
        };
        match (deed, &self.picture) {
            (Deed::Later, _) => OpRequest::new(command).ending_by(LATER_DONE),
            (Deed::Image, Some(picture)) => {
                OpRequest::new(command).with_image(PLACEHOLDER, picture.key.clone())
            }
            _ => OpRequest::new(command),
        }
    }
}

pub(super) const ADDED: &str = "added";
pub(super) const WRITTEN: &str = "written";
/// A leaf that every device has at first.
pub(super) const OLD: &str = "./Vendor/Old";

/// The leaf that a job adds.
pub(super) fn leaf_of(key: &str) -> String {
    format!("./Vendor/Jobs/{key}")
}

/// The leaf that holds the address of a job's image.
pub(super) fn image_leaf_of(key: &str) -> String {
    format!("./Vendor/Jobs/{key}-image")
}

fn id() -> CmdId<'static> {
    CmdId::number(core::num::NonZeroU32::MIN)
}

/// How long a device takes for what it tells the end of later.
pub(super) fn later_takes(number: u32) -> Duration {
    (30 + number % 60) * SECOND
}

//! Ten thousand sessions, each made by its seed: both machines on virtual time, over a network that loses, repeats, delays and reorders,
//! with restarts of either side at any message. `world.rs` is where they happen, the checks are here.
//!
//! `DM_SEED=n` plays one of them and tells it, with `DM_RESTORE=1` from snapshot to snapshot.
#![cfg(feature = "xml")]
#![expect(clippy::print_stdout, reason = "tells the story of a seed")]

mod jobs;
mod world;

use dm_syncml::StatusCode;
use dm_syncml::session::AlertId;
use dm_syncml::session::UserResponse;
use jobs::{Container, Fate, Job, Work};
use world::World;

const SEEDS: u64 = 10_000;

/// What all seeds together came to, so that a test that tests nothing is noticed.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sessions: usize,
    completed: usize,
    restarts: usize,
    restored: usize,
    messages: usize,
    done: usize,
    failed: usize,
    unknown: usize,
    never: usize,
    chunks: usize,
    resumed: usize,
    heard: usize,
    responses: usize,
}

impl Sum {
    fn add(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            completed: self.completed + other.completed,
            restarts: self.restarts + other.restarts,
            restored: self.restored + other.restored,
            messages: self.messages + other.messages,
            done: self.done + other.done,
            failed: self.failed + other.failed,
            unknown: self.unknown + other.unknown,
            never: self.never + other.never,
            chunks: self.chunks + other.chunks,
            resumed: self.resumed + other.resumed,
            heard: self.heard + other.heard,
            responses: self.responses + other.responses,
        }
    }
}

fn play(seed: u64) -> Sum {
    let mut world = World::new(seed);
    world.run();
    let mut sum = Sum {
        sessions: world.sessions_begun,
        completed: world.sessions_completed,
        restarts: world.restarts,
        restored: world.restored,
        messages: world.messages,
        chunks: world.chunks,
        resumed: world.resumed,
        ..Sum::default()
    };
    // A report leaves the device's store when the server has heard it, and not before.
    for number in 0..world.reported {
        let waits = world.reports.contains_key(&AlertId::new(number as u64));
        let heard = world.heard.get(&format!("com.example.n{number}")).copied().unwrap_or(0);
        assert!(waits || heard > 0, "seed {seed}: report {number} was lost");
        sum.heard += usize::from(heard > 0);
    }
    for (number, job) in world.jobs.iter().enumerate() {
        let times = world.device.executed(number);
        check(seed, number, job, &times, &world);
        match &job.fate {
            Fate::Answered(code) if code.is_done() => sum.done += 1,
            Fate::Answered(_) => sum.failed += 1,
            Fate::Responded(_) => sum.responses += 1,
            Fate::Unknown => sum.unknown += 1,
            Fate::Pending | Fate::Refused => sum.never += 1,
            Fate::Queued(..) => panic!("seed {seed}: job {number} {job:?} never ended"),
        }
    }
    sum
}

/// What the server believes of a job is what the device did.
fn check(seed: u64, number: usize, job: &Job, times: &[usize], world: &World) {
    let what = format!("seed {seed}: job {number} {job:?}, done {times:?} times");
    for executed in times {
        assert!(*executed <= 1, "{what}: executed at most once");
    }
    if job.fate == Fate::Answered(StatusCode::NOT_EXECUTED) {
        assert!(times.iter().all(|executed| *executed == 0), "{what}: so it says");
    }
    let said = world.said.get(&number);
    match &job.fate {
        // It is answered 200 once it has begun; its members are done if the user agreed.
        Fate::Answered(code)
            if code.is_done() && matches!(job.work, Work::Together(_, Container::AskingSequence)) =>
        {
            let agreed = usize::from(said == Some(&UserResponse::Accepted));
            assert!(times.iter().all(|executed| *executed == agreed), "{what}: {said:?}");
        }
        Fate::Answered(code)
            if code.is_done() && matches!(job.work, Work::Together(_, Container::AskingAtomic)) =>
        {
            assert!(said == Some(&UserResponse::Accepted), "{what}: {said:?}");
            assert!(times.iter().all(|executed| *executed == 1), "{what}: {said:?}");
        }
        Fate::Responded(UserResponse::Other(StatusCode::NOT_EXECUTED)) => {
            assert_eq!(said, None, "{what}: nobody was asked");
        }
        // What the user said is too long for a message.
        Fate::Responded(UserResponse::Other(StatusCode::TOO_LARGE)) => {
            assert!(matches!(said, Some(UserResponse::Text(_))), "{what}: {said:?}");
        }
        Fate::Responded(response) => assert_eq!(said, Some(response), "{what}"),
        Fate::Answered(code) if code.is_done() => {
            assert!(times.iter().all(|executed| *executed == 1), "{what}: an answered command was executed");
            match &job.work {
                Work::Set(value) => {
                    assert!(world.device.value(number, 0) == Some(&value.0), "{what}");
                }
                Work::Read(value) => assert_eq!(job.found.as_ref(), Some(value), "{what}"),
                Work::Together(values, _) => {
                    for (member, value) in values.iter().enumerate() {
                        assert_eq!(world.device.value(number, member), Some(value.as_str()), "{what}");
                    }
                }
                Work::Act | Work::Ask(_) => {}
            }
        }
        Fate::Answered(_) => {
            if let Work::Together(values, _) = &job.work {
                for member in 0..values.len() {
                    assert_eq!(world.device.value(number, member), None, "{what}: all or nothing");
                }
            }
        }
        Fate::Pending | Fate::Refused => {
            assert!(times.iter().all(|executed| *executed == 0), "{what}: what was not sent was not done");
        }
        Fate::Unknown | Fate::Queued(..) => {}
    }
}

#[test]
fn sessions_of_all_seeds_keep_their_promises() {
    if let Ok(seed) = std::env::var("DM_SEED") {
        let seed = seed.parse().expect("DM_SEED is a number");
        let mut world = World::new(seed);
        world.tell = true;
        #[cfg(feature = "serde")]
        {
            world.restoring = std::env::var_os("DM_RESTORE").is_some();
        }
        world.run();
        println!("{:?}", play(seed));
        return;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8) as u64;
    let sum = std::thread::scope(|scope| {
        let played: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    (thread..SEEDS).step_by(threads as usize).map(play).fold(Sum::default(), Sum::add)
                })
            })
            .collect();
        played
            .into_iter()
            .map(|played| played.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .fold(Sum::default(), Sum::add)
    });
    println!("{sum:?}");
    assert!(sum.completed * 2 > sum.sessions, "most sessions complete: {sum:?}");
    assert!(sum.done > SEEDS as usize && sum.failed > 100 && sum.unknown > 100, "{sum:?}");
    assert!(sum.responses > 500, "{sum:?}");
    assert!(sum.restarts > 1000 && sum.chunks > 1000 && sum.heard > 1000 && sum.resumed > 0, "{sum:?}");
}

/// A session that another process takes up goes on as if nothing had happened, octet for octet.
#[cfg(feature = "serde")]
#[test]
fn restoring_makes_no_difference() {
    let mut restored = 0;
    for seed in 0..400 {
        let [straight, moved] = [false, true].map(|restoring| {
            let mut world = World::new(seed);
            world.restoring = restoring;
            world.run();
            restored += world.restored;
            world.digest()
        });
        assert_eq!(straight, moved, "seed {seed}");
    }
    assert!(restored > 1000, "{restored}");
}

/// The same seed, the same story.
#[test]
fn a_seed_is_a_story() {
    for seed in [1, 77, 4711] {
        let digest = || {
            let mut world = World::new(seed);
            world.run();
            world.digest()
        };
        assert_eq!(digest(), digest());
    }
}

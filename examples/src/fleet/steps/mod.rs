//! The steps of the story, a file for each: what is done, what is expected of it, and what that proves.

mod alerts;
mod bootstrap;
mod coap;
mod delegation;
mod fanout;
mod groups;
mod image;
mod inventory;
mod moving;
mod restart;
mod results;
mod transparent;

use std::time::Duration;

use super::cast::Role;
use super::world::{Wiring, World};
use super::{Outcome, Progress, Step};

/// The group that the devices of the fanout are in.
const GROUP: &str = "lamps";
/// What can be done with a device: a value, and something to be executed and counted.
const LEVEL: &str = "./Vendor/Lamp/Level";
const BLINK: &str = "./x-Device/Blink";
const BLINKS: &str = "./x-Device/Blinks";
/// The fanout that the report is about.
const JOB: &str = "lamps-up";

/// The names of the steps, in their order.
const NAMES: [&str; 12] = [
    "bootstrap",
    "alerts",
    "inventory",
    "groups",
    "image",
    "fanout",
    "results",
    "restart",
    "transparent",
    "coap",
    "moving",
    "delegation",
];

/// What the steps came to.
pub(super) struct Told {
    pub(super) steps: Vec<Step>,
    pub(super) outcomes: Vec<Option<Outcome>>,
    pub(super) mismatches: Vec<String>,
}

/// What a step proves, or why it does not.
type Proof = Result<String, String>;

/// Plays them one after the other, up to the first that does not pass.
pub(super) async fn play(wiring: Wiring, roles: &[Role]) -> Told {
    let show = wiring.show.clone();
    let mut told = Told { steps: Vec::new(), outcomes: vec![None; roles.len()], mismatches: Vec::new() };
    let mut note = |name: &'static str, proof: Proof| {
        let passed = proof.is_ok();
        let proven = proof.unwrap_or_else(|why| why);
        if !passed {
            told.mismatches.push(format!("{name}: {proven}"));
        }
        let step = Step { name, passed, proven };
        show(Progress::Step(step.clone()));
        told.steps.push(step);
        passed
    };
    show(Progress::Begun(NAMES[0]));
    let mut world = match bootstrap::play(wiring, roles).await {
        Ok((world, proven)) => {
            note(NAMES[0], Ok(proven));
            Some(world)
        }
        Err(why) => {
            note(NAMES[0], Err(why));
            None
        }
    };
    for name in &NAMES[1..] {
        let Some(world) = world.as_mut() else { break };
        show(Progress::Begun(name));
        let proof = match *name {
            "alerts" => alerts::play(world).await,
            "inventory" => inventory::play(world).await,
            "groups" => groups::play(world).await,
            "image" => image::play(world).await,
            "fanout" => fanout::play(world).await,
            "results" => results::play(world).await,
            "restart" => restart::play(world).await,
            "transparent" => transparent::play(world).await,
            "coap" => coap::play(world).await,
            "moving" => moving::play(world).await,
            _ => delegation::play(world).await,
        };
        if !note(name, proof) {
            break;
        }
    }
    if let Some(world) = world {
        told.outcomes = world.outcomes;
    }
    told
}

impl World {
    /// How long something may take that every device has a part in. Generous: a fleet that needs it has failed, and says so.
    fn patience(&self) -> Duration {
        Duration::from_secs(180) + Duration::from_millis(200) * self.devices.len() as u32
    }
}

/// Nothing, or why not.
fn ensure(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

/// A number of things in words.
fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

//! A device behind each gateway that does not speak OMA DM, and the hub that speaks for it.
//!
//! The hub is a thing of its own: it does what it was given although the gateway has stopped, and gives the answer it gave
//! before when it is given the same again.

use core::time::Duration;
use std::collections::BTreeMap;

use dm_tree::Value;
use gwmo_model::{
    AdapterCapabilities, DeviceId, Fact, NativeCommands, NativeOp, NativeResult, NativeToken, Sighting,
};

use super::jobs::OLD;
use super::place::{Place, SECOND, hub_id};
use super::plan::spread;
use super::town::Town;

/// The hub of a gateway, and its device.
#[derive(Default)]
pub(super) struct Hub {
    /// When what is to be done is done.
    todo: Vec<(Duration, NativeToken, NativeOp)>,
    answers: BTreeMap<NativeToken, NativeResult>,
    /// By the last word of the node and the argument.
    pub(super) runs: BTreeMap<(String, String), u32>,
    pub(super) nodes: BTreeMap<String, Vec<u8>>,
    beat_at: Duration,
}

impl Hub {
    pub(super) fn new() -> Self {
        let nodes = BTreeMap::from([(OLD.to_owned(), b"1".to_vec())]);
        Self { nodes, ..Self::default() }
    }

    /// How often it ran something.
    pub(super) fn runs(&self, node: &str, argument: &str) -> u32 {
        self.runs.get(&(node.to_owned(), argument.to_owned())).copied().unwrap_or(0)
    }

    fn due(&self) -> Duration {
        self.todo.iter().map(|(at, ..)| *at).fold(self.beat_at, Duration::min)
    }

    fn perform(&mut self, op: &NativeOp) -> NativeResult {
        match op {
            NativeOp::Get { target } if target.as_str().ends_with("/Runs") => {
                let total: u32 = self.runs.values().sum();
                NativeResult::Done(Some(Value::chr(total.to_string())))
            }
            NativeOp::Get { .. } => NativeResult::NotFound,
            NativeOp::Add { target, value } => {
                if self.nodes.contains_key(target.as_str()) {
                    return NativeResult::AlreadyExists;
                }
                let octets = value.as_ref().map_or(&[][..], Value::data);
                self.nodes.insert(target.as_str().to_owned(), octets.to_vec());
                NativeResult::Done(None)
            }
            NativeOp::Replace { target, value } => match self.nodes.get_mut(target.as_str()) {
                Some(node) => {
                    *node = value.data().to_vec();
                    NativeResult::Done(None)
                }
                None => NativeResult::NotFound,
            },
            NativeOp::Delete { target } => match self.nodes.remove(target.as_str()) {
                Some(_) => NativeResult::Done(None),
                None => NativeResult::NotFound,
            },
            NativeOp::Exec { target, value } => {
                let node = target.as_str().rsplit('/').next().unwrap_or_default().to_owned();
                let argument = value.as_ref().map_or(&[][..], Value::data);
                let argument = String::from_utf8_lossy(argument).into_owned();
                *self.runs.entry((node, argument)).or_default() += 1;
                NativeResult::Done(None)
            }
            _ => NativeResult::Unsupported,
        }
    }
}

/// What hubs can do for their devices.
fn capabilities() -> AdapterCapabilities {
    let commands =
        [NativeCommands::GET, NativeCommands::ADD, NativeCommands::REPLACE, NativeCommands::DELETE];
    let commands = commands.into_iter().fold(NativeCommands::EXEC, NativeCommands::with);
    AdapterCapabilities::new(commands).with_asynchronous(true)
}

impl Town {
    /// A gateway wants something done by its hub.
    pub(super) fn native(&mut self, gateway: u16, token: NativeToken, op: NativeOp) {
        let now = self.network.now();
        let after = Duration::from_millis(self.rng.u64(50..25_000));
        let says_so = self.rng.bool();
        let Some(hub) = self.hubs.get_mut(usize::from(gateway)) else { return };
        if !hub.todo.iter().any(|(_, known, _)| *known == token) {
            hub.todo.push((now + after, token, op));
        }
        self.tally.native += 1;
        if says_so && after > 5 * SECOND {
            self.native_result(gateway, token, NativeResult::Pending);
        }
        self.await_hub(gateway);
    }

    fn await_hub(&mut self, gateway: u16) {
        if let Some(hub) = self.hubs.get(usize::from(gateway)) {
            let at = hub.due().max(self.network.now());
            self.network.wake_at(Place::Bus(gateway), at);
        }
    }

    fn native_result(&mut self, gateway: u16, token: NativeToken, result: NativeResult) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        // A gateway that is not there hears nothing.
        if let Some(machine) = &mut site.gateway {
            machine.handle_native_result(clock, token, result);
        }
    }

    pub(super) fn hub_lives(&mut self, now: Duration, gateway: u16) {
        let heartbeat = self.plan.heartbeat;
        let Some(hub) = self.hubs.get_mut(usize::from(gateway)) else { return };
        let (due, open) = core::mem::take(&mut hub.todo).into_iter().partition(|(at, ..)| *at <= now);
        hub.todo = open;
        let due: Vec<(Duration, NativeToken, NativeOp)> = due;
        let is_beat = hub.beat_at <= now;
        if is_beat {
            hub.beat_at = now + spread(heartbeat / 2, u32::from(gateway));
        }
        for (_, token, op) in due {
            let Some(hub) = self.hubs.get_mut(usize::from(gateway)) else { return };
            let result = match hub.answers.get(&token) {
                Some(result) => result.clone(),
                None => hub.perform(&op),
            };
            hub.answers.insert(token, result.clone());
            self.native_result(gateway, token, result);
        }
        if is_beat {
            self.hub_seen(gateway);
        }
        self.drain_gateway(gateway);
        self.await_hub(gateway);
    }

    /// The hub says that its device is there.
    fn hub_seen(&mut self, gateway: u16) {
        let now = self.network.now();
        let id: DeviceId = hub_id(gateway);
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        let Some(machine) = &mut site.gateway else { return };
        let seen = machine.handle_device_seen(clock, &id, &Sighting::new(0).with(Fact::Protocol, "zigbee"));
        let spoken = machine.handle_adapter(clock, &id, capabilities());
        if let (Err(what), _) = (seen.map(drop), &spoken) {
            return self.violation(format!("gateway {gateway}: its hub: {what}"));
        }
        if let Err(what) = spoken {
            self.violation(format!("gateway {gateway}: its hub: {what}"));
        }
    }
}

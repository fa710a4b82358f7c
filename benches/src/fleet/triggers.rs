//! Triggers: notifications that a server asks for in a session, made by the gateway or ready made.

use core::time::Duration;

use dm_syncml::Command;
use gwmo_model::console::{Console, TriggerProgress, TriggerRequest, TriggerStatus};
use gwmo_model::{
    DeviceId, GroupId, ResultCode, SignedNotification, TriggerContent, TriggerKey, TriggerTemplate,
};

use super::Options;
use super::place::{device_id, gateway_id, neighbour_id};
use super::pushes::notification;
use super::town::Town;

/// A trigger of a server.
#[derive(Clone, Debug)]
pub(super) struct TriggerPlan {
    pub(super) key: TriggerKey,
    pub(super) gateway: u16,
    pub(super) at: Duration,
    content: TriggerContent,
    /// Nobody: everybody.
    device: Option<DeviceId>,
    validity: Duration,
}

impl TriggerPlan {
    pub(super) fn new(rng: &mut fastrand::Rng, options: &Options, gateway: u16, number: u32) -> Self {
        let built = TriggerContent::Built(TriggerTemplate::new(gateway_id(gateway)));
        // A device of this gateway, as long as it does not move.
        let gateways = u32::from(options.gateways);
        let rounds = options.devices.div_ceil(gateways).max(1);
        let local = u32::from(gateway) + 1 + gateways * rng.u32(0..rounds);
        let is_large = options.devices > 200;
        let (content, device) = match rng.u8(0..3) {
            0 => {
                let octets = notification(gateway, 900 + number as u16);
                (TriggerContent::Ready(SignedNotification::new(octets)), Some(neighbour_id(gateway)))
            }
            1 if !is_large => (built, None),
            _ => (built, Some(device_id(local.min(options.devices)))),
        };
        Self {
            key: TriggerKey::new(&format!("T{gateway}-{number}")).expect("letters and digits"),
            gateway,
            at: Duration::from_secs(rng.u64(1..900)),
            content,
            device,
            validity: Duration::from_secs(rng.u64(0..600)),
        }
    }

    pub(super) fn commands(&self, console: &Console) -> Vec<Command<'static>> {
        let request =
            TriggerRequest::new(self.key.clone(), self.content.clone()).with_validity(self.validity);
        let request = match &self.device {
            Some(device) => request.with_device(device.clone()),
            None => request.with_group(GroupId::new("*").expect("everybody")),
        };
        let mut commands = console.add_trigger(&request);
        commands.push(console.send_trigger(&self.key));
        commands
    }
}

impl Town {
    /// Every trigger is over, and what is said to have been sent was.
    pub(super) fn judge_triggers(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (site, desk) in self.sites.iter().zip(&self.desks) {
            let plans = self.plan.triggers.iter().filter(|trigger| trigger.gateway == site.number);
            for trigger in plans {
                let key = &trigger.key;
                let Some(TriggerStatus { progress, outcomes, .. }) = desk.triggers.get(key) else {
                    found.push(format!("trigger {key} was not read"));
                    continue;
                };
                if *progress != TriggerProgress::Over || outcomes.iter().any(|line| line.code.is_none()) {
                    found.push(format!("trigger {key} is {progress:?}: {outcomes:?}"));
                }
                let sent = outcomes.iter().filter(|line| line.code == Some(ResultCode::OK));
                for id in sent.filter_map(|line| line.id.as_ref()) {
                    if site.passed_on.times(id) == 0 {
                        found.push(format!("trigger {key} is said to have been sent to {id}"));
                    }
                }
            }
        }
        found
    }
}

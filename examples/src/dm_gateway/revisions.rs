//! What the page was told of last.

use gwmo_model::Gateway;
use serde_json::json;

use crate::operator_api::Events;

/// Revisions of the inventory and of the groups, and how many jobs there are: what changes without an event of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Revisions {
    inventory: u64,
    groups: u64,
    jobs: usize,
}

impl Revisions {
    /// Tells what has changed since.
    pub(super) fn tell_changes(&mut self, gateway: &Gateway, events: &Events) {
        let now = Self {
            inventory: gateway.inventory().summary().rev,
            groups: gateway.groups().rev(),
            jobs: gateway.fanout().jobs().len(),
        };
        let then = std::mem::replace(self, now);
        for (event, is_new) in [
            ("device", now.inventory != then.inventory),
            ("group", now.groups != then.groups),
            ("jobs", now.jobs != then.jobs),
        ] {
            if is_new {
                events.tell(event, &json!({}));
            }
        }
    }
}

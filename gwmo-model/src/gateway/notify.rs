//! Notifications: whether they may be sent, and Package 0.

use alloc::string::String;

use dm_notification::{Initiator, Notification, Trigger};
use dm_syncml::StatusCode;

use super::{Gateway, GatewayOutput};
use crate::device::Serial;
use crate::fanout::{JobNo, Ticket};
use crate::inventory::Fact;
use crate::mo::InventorySlot;

impl Gateway {
    /// The fanout wants a device notified: asks for the rights of the job's owner, then signs Package 0 (DM
    /// Notification 1.2.1). Every attempt has a SessionID of its own, since a device drops what it has seen before.
    pub(super) fn notify(&mut self, ticket: Ticket) {
        let now = self.objects.now;
        if self.ends_unauthorized(ticket.job) {
            return;
        }
        if !self.owner_may(ticket.job, ticket.serial) {
            self.objects.fanout.handle_denied(now, ticket, StatusCode::PERMISSION_DENIED);
            return;
        }
        if self.is_adapted(ticket.serial) {
            return self.begin_adapted(ticket);
        }
        let record = self.objects.inventory.record(ticket.serial);
        let (Some(account), Some(record)) = (self.accounts.get_mut(&ticket.serial), record) else {
            // Nobody could verify it.
            self.objects.fanout.handle_notify_failed(now, ticket);
            return;
        };
        let session_id = account.next_session_id();
        let (credential, nonce) = account.signer();
        let trigger =
            Trigger::new(credential.server_identifier(), session_id).with_initiator(Initiator::Server);
        let package_0 = Notification::sign(trigger, credential, nonce).to_vec();
        self.outputs.push_back(GatewayOutput::Notify {
            ticket,
            device: record.id().clone(),
            address: record.fact(Fact::LocalAddress).map(String::from),
            package_0,
        });
    }

    /// Ends all jobs of the owner of this one, if it lost the last of its accounts (GwMO-SECACATE-002); whether it did. Jobs
    /// are ended when that happens; this is for those that are started later.
    pub(super) fn ends_unauthorized(&mut self, job: JobNo) -> bool {
        let owner = self.objects.fanout.job(job).map(|job| job.owner().clone());
        let Some(owner) = owner.filter(|owner| self.objects.scopes.is_revoked(owner)) else { return false };
        self.objects.fanout.handle_revoked(self.objects.now, &owner);
        true
    }

    /// Whether the owner of a job holds what its operations need on a device (GwMO-SECARIZE-001).
    pub(super) fn owner_may(&self, job: JobNo, serial: Serial) -> bool {
        let anchor = self.device_uri(InventorySlot::Anchor, serial);
        let job = self.objects.jobs.numbered(job);
        job.is_some_and(|(_, job)| {
            self.tree.may(job.owner(), job.rights(), &anchor)
                && self.objects.in_scope(job.owner(), serial).is_ok()
        })
    }
}

//! Snapshots, and the way back.

use dm_syncml::Instant;

use super::record::{
    DeviceBootstrapRecord, DeviceBootstrapRestoreError, DeviceBootstrapSnapshot, Entry, StoredRequest,
};
use super::states::Stage;
use super::{BootstrapTarget, DeviceBootstrap, DeviceBootstrapConfig, DeviceCredential, Request};
use crate::Serial;

impl DeviceBootstrap {
    /// All that has to be kept. An offer that is on its way is made again when there is no session in time.
    ///
    /// Drain the outputs first: it stands for every record that was handed out before it, which are not replayed onto it.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> DeviceBootstrapSnapshot {
        let requests = self.requests.iter().map(|((device, target), request)| StoredRequest {
            device: *device,
            target: target.clone(),
            stage: request.stage,
            attempt: request.attempt,
            is_away: request.is_away,
            failure: request.failure,
            account: request.account.clone(),
            left: request.deadline.map(|at| at.saturating_since(now)),
        });
        DeviceBootstrapSnapshot {
            version: DeviceBootstrapSnapshot::VERSION,
            credentials: self.credentials.iter().map(|(device, own)| (*device, own.clone())).collect(),
            requests: requests.collect(),
            switches: self.switches,
        }
    }

    /// The machine that a snapshot was taken of, as it became by the records stored since. What waits for a device
    /// is offered by the next [`handle_reachable`](Self::handle_reachable).
    ///
    /// # Errors
    ///
    /// [`DeviceBootstrapRestoreError`] for a version that is not known, and for anything that cannot be.
    pub fn restore(
        now: Instant,
        config: DeviceBootstrapConfig,
        snapshot: DeviceBootstrapSnapshot,
        records: impl IntoIterator<Item = DeviceBootstrapRecord>,
    ) -> Result<Self, DeviceBootstrapRestoreError> {
        if snapshot.version != DeviceBootstrapSnapshot::VERSION {
            return Err(DeviceBootstrapRestoreError::Version(snapshot.version));
        }
        let mut boot = Self::new(config);
        boot.switches = snapshot.switches;
        for (device, credential) in snapshot.credentials {
            if boot.credentials.contains_key(&device) {
                return Err(DeviceBootstrapRestoreError::Credential(device));
            }
            boot.restore_credential(device, credential)?;
        }
        for stored in snapshot.requests {
            boot.restore_request(now, stored)?;
        }
        for DeviceBootstrapRecord(entry) in records {
            match entry {
                Entry::Credential { device, credential } => boot.restore_credential(device, credential)?,
                Entry::Forgotten { device } => boot.forget(device),
                Entry::Switches(to_gateway, to_servers) => boot.switches = Some((to_gateway, to_servers)),
                Entry::Wanted { device, target, account } => {
                    // Only a failed one begins anew.
                    let key = (device, target.clone());
                    if boot.requests.get(&key).is_some_and(|request| request.stage == Stage::Failed) {
                        boot.requests.remove(&key);
                    }
                    boot.restore_request(
                        now,
                        StoredRequest {
                            device,
                            target,
                            stage: Stage::Waiting,
                            attempt: 0,
                            is_away: true,
                            failure: None,
                            account,
                            left: None,
                        },
                    )?;
                }
                step => boot.apply(now, step),
            }
        }
        let too_much = boot.credentials.len() > boot.config.max_credentials
            || boot.requests.len() > boot.config.max_requests;
        if too_much { Err(DeviceBootstrapRestoreError::TooMuch) } else { Ok(boot) }
    }

    fn restore_credential(
        &mut self,
        device: Serial,
        credential: DeviceCredential,
    ) -> Result<(), DeviceBootstrapRestoreError> {
        let is_own = self.check_presented(device, credential.client_secret()).is_ok();
        if !is_own || !credential.is_usable() {
            return Err(DeviceBootstrapRestoreError::Credential(device));
        }
        self.set_credential(device, credential);
        Ok(())
    }

    fn restore_request(
        &mut self,
        now: Instant,
        stored: StoredRequest,
    ) -> Result<(), DeviceBootstrapRestoreError> {
        let StoredRequest { device, target, stage, attempt, is_away, failure, account, left } = stored;
        let is_open = matches!(stage, Stage::Waiting | Stage::Offered);
        let has_account = match &target {
            BootstrapTarget::Gateway => {
                account.is_none() && (!is_open || self.credentials.contains_key(&device))
            }
            BootstrapTarget::Server(server) => {
                account.as_ref().is_some_and(|own| own.server_id() == server && own.is_usable()) == is_open
            }
        };
        let is_sound = has_account
            && (stage == Stage::Failed) == failure.is_some()
            && (stage == Stage::Offered) == left.is_some()
            && (stage != Stage::Offered || attempt > 0);
        if !is_sound || self.requests.contains_key(&(device, target.clone())) {
            return Err(DeviceBootstrapRestoreError::Request(device));
        }
        let deadline = left.map(|left| now + left.min(self.config.t_session));
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, device, target.clone()));
        }
        let request = Request { stage, attempt, is_away, failure, account, deadline };
        self.requests.insert((device, target), request);
        Ok(())
    }
}

//! Bootstrap of the devices behind a gateway: to the gateway itself, and to servers.

mod account;
mod config;
mod record;
mod restoring;
mod states;
mod switches;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use dm_syncml::{Instant, Journal, RecordSeq, StatusCode};
use dm_tree::{DmAccount, Secret, ServerId};
use thiserror::Error;

use crate::Serial;
use account::dm_account;
use record::Entry;
use states::{Action, Input, Stage, action};
use switches::range_of;

pub use account::{BootstrapAccount, DeviceCredential};
pub use config::{DeviceBootstrapConfig, DeviceBootstrapError, DeviceBootstrapErrorKind};
pub use record::{DeviceBootstrapRecord, DeviceBootstrapRestoreError, DeviceBootstrapSnapshot};

/// Whom a device is bootstrapped to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum BootstrapTarget {
    /// The gateway itself (GwMO-HLF-005).
    Gateway,
    /// A DM server (GwMO-HLF-006).
    Server(ServerId),
}

/// Where the bootstrap of a device stands, as a server sees it (`BootState`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum BootstrapState {
    /// Not offered yet.
    None,
    /// Offered; the first session is awaited.
    Offered,
    /// The device opened a session and proved itself.
    Confirmed,
    /// Failed.
    Failed(BootstrapFailure),
}

impl BootstrapState {
    /// The value of the `State` node.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Offered => 1,
            Self::Confirmed => 2,
            Self::Failed(_) => 3,
        }
    }
}

/// Why a bootstrap failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum BootstrapFailure {
    /// There was no session, however often it was offered.
    #[error("no session followed")]
    Unanswered,
    /// The device showed wrong credentials.
    #[error("wrong credentials")]
    WrongCredentials,
    /// The device, or its user, refused: what proves the message was wrong, or not wanted.
    #[error("refused: {0}")]
    Rejected(#[cfg_attr(feature = "serde", serde(with = "crate::status_number"))] StatusCode),
}

impl BootstrapFailure {
    /// The Status that says so.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unanswered => StatusCode::TIMEOUT,
            Self::WrongCredentials => StatusCode::INVALID_CREDENTIALS,
            Self::Rejected(status) => status,
        }
    }
}

/// What the bootstrap of devices wants done or known.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DeviceBootstrapOutput {
    /// Store this, then report with [`DeviceBootstrap::handle_persisted`].
    Persist(RecordSeq, DeviceBootstrapRecord),
    /// Send the device a bootstrap message with this account, whichever way the device takes them
    /// ([`dm_tree::bootstrap`]); if that cannot be, report with [`DeviceBootstrap::handle_not_sent`].
    SendBootstrap {
        /// The device.
        device: Serial,
        /// Whose account it is.
        target: BootstrapTarget,
        /// How often it was offered, this time included.
        attempt: u16,
        /// The account, with its secrets.
        account: DmAccount,
    },
    /// A bootstrap is in another state.
    Changed {
        /// The device.
        device: Serial,
        /// Whom to.
        target: BootstrapTarget,
        /// Where it stands.
        state: BootstrapState,
    },
    /// Nothing else is due before this time, or before the next input if there is none. Always the last output.
    Wait(Option<Instant>),
}

/// Bootstraps devices to the gateway (GwMO-HLF-005, GwMO-PMoDe-003) and to servers (GwMO-HLF-006), and keeps what new
/// devices are to prove themselves with (GwMO-HLF-003, use case B.6).
///
/// A bootstrap is offered, again after a while, and confirmed by the device's first authenticated session with that
/// server. Asking for one that is under way or done does nothing. A credential belongs to one device.
///
/// ```
/// use dm_syncml::Instant;
/// use dm_tree::{Secret, ServerId, bootstrap};
/// use gwmo_model::{
///     BootstrapState, BootstrapTarget, DeviceBootstrap, DeviceBootstrapConfig, DeviceBootstrapOutput, DeviceCredential,
///     Serial,
/// };
///
/// let now = Instant::EPOCH;
/// let config = DeviceBootstrapConfig::new(ServerId::new("gateway")?, "http://10.0.0.1/dm");
/// let mut boot = DeviceBootstrap::new(config);
/// let camera = Serial::FIRST;
/// boot.handle_credential(now, camera, DeviceCredential::new("camera", Secret::new("its"), Secret::new("ours")))?;
/// boot.handle_gateway_wanted(now, camera, true)?;
/// loop {
///     match boot.poll_output() {
///         DeviceBootstrapOutput::Persist(seq, _) => boot.handle_persisted(now, seq), // once it is stored
///         DeviceBootstrapOutput::SendBootstrap { account, .. } => {
///             let document = bootstrap::provisioning_of(&[account])?.to_wbxml(); // sign it, push it
///             assert!(!document.is_empty());
///         }
///         DeviceBootstrapOutput::Wait(_) => break,
///         _ => {}
///     }
/// }
/// boot.handle_session(now, camera, &BootstrapTarget::Gateway, true);
/// assert_eq!(boot.state(camera, &BootstrapTarget::Gateway), BootstrapState::Confirmed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # States
///
#[doc = include_str!("device_bootstrap/states.md")]
#[derive(Debug)]
pub struct DeviceBootstrap {
    config: DeviceBootstrapConfig,
    /// What was set instead of what the configuration says.
    switches: Option<(bool, bool)>,
    credentials: BTreeMap<Serial, DeviceCredential>,
    /// Credentials by a hash of the device's secret.
    by_secret: BTreeSet<(u64, Serial)>,
    requests: BTreeMap<(Serial, BootstrapTarget), Request>,
    deadlines: BTreeSet<(Instant, Serial, BootstrapTarget)>,
    journal: Journal<DeviceBootstrapRecord, Offer>,
    changes: VecDeque<DeviceBootstrapOutput>,
}

#[derive(Debug)]
struct Request {
    stage: Stage,
    attempt: u16,
    is_away: bool,
    failure: Option<BootstrapFailure>,
    /// A server's account until it is not needed any more.
    account: Option<BootstrapAccount>,
    deadline: Option<Instant>,
}

/// What is to be sent, if it still is when its record is stored.
#[derive(Debug)]
struct Offer {
    device: Serial,
    target: BootstrapTarget,
    attempt: u16,
}

impl DeviceBootstrap {
    /// No device is bootstrapped yet.
    #[must_use]
    pub const fn new(config: DeviceBootstrapConfig) -> Self {
        Self {
            config,
            switches: None,
            credentials: BTreeMap::new(),
            by_secret: BTreeSet::new(),
            requests: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            journal: Journal::new(),
            changes: VecDeque::new(),
        }
    }

    /// A device is to prove itself to the gateway with this, registered before it is seen (use case B.6), or anew.
    ///
    /// # Errors
    ///
    /// When another device has the same secret, when it cannot be used, or when there are too many.
    pub fn handle_credential(
        &mut self,
        _now: Instant,
        device: Serial,
        credential: DeviceCredential,
    ) -> Result<(), DeviceBootstrapError> {
        if !credential.is_usable() {
            return Err(DeviceBootstrapErrorKind::Unusable.into());
        }
        self.check_presented(device, credential.client_secret())?;
        if !self.credentials.contains_key(&device) && self.credentials.len() >= self.config.max_credentials {
            return Err(DeviceBootstrapErrorKind::TooMany.into());
        }
        if self.credentials.get(&device) != Some(&credential) {
            self.journal
                .record(DeviceBootstrapRecord(Entry::Credential { device, credential: credential.clone() }));
            self.set_credential(device, credential);
        }
        Ok(())
    }

    /// Whether a device may use this secret: not if it is another device's.
    ///
    /// # Errors
    ///
    /// [`DeviceBootstrapErrorKind::CredentialInUse`] if it is.
    pub fn check_presented(&self, device: Serial, secret: &Secret) -> Result<(), DeviceBootstrapError> {
        let hash = self.hash(secret);
        let alike = self.by_secret.range((hash, Serial::FIRST)..=(hash, Serial::MAX));
        let is_used = alike.filter(|(_, owner)| *owner != device).any(|(_, owner)| {
            self.credentials.get(owner).is_some_and(|credential| credential.client_secret() == secret)
        });
        if is_used { Err(DeviceBootstrapErrorKind::CredentialInUse.into()) } else { Ok(()) }
    }

    /// A device is to be bootstrapped to the gateway, with its credential; `is_reachable` says whether it can be sent
    /// to now.
    ///
    /// # Errors
    ///
    /// When that is switched off, the device has no credential, or there are too many.
    pub fn handle_gateway_wanted(
        &mut self,
        now: Instant,
        device: Serial,
        is_reachable: bool,
    ) -> Result<(), DeviceBootstrapError> {
        if !self.switches().0 {
            return Err(DeviceBootstrapErrorKind::SwitchedOff.into());
        }
        if !self.credentials.contains_key(&device) {
            return Err(DeviceBootstrapErrorKind::NoCredential.into());
        }
        self.begin(now, device, BootstrapTarget::Gateway, None, is_reachable)
    }

    /// A device is to be bootstrapped to a server; `is_reachable` says whether it can be sent to now.
    ///
    /// # Errors
    ///
    /// When that is switched off, the account cannot be used, or there are too many.
    pub fn handle_server_wanted(
        &mut self,
        now: Instant,
        device: Serial,
        account: BootstrapAccount,
        is_reachable: bool,
    ) -> Result<(), DeviceBootstrapError> {
        if !self.switches().1 {
            return Err(DeviceBootstrapErrorKind::SwitchedOff.into());
        }
        if !account.is_usable() {
            return Err(DeviceBootstrapErrorKind::Unusable.into());
        }
        let target = BootstrapTarget::Server(account.server_id().clone());
        self.begin(now, device, target, Some(account), is_reachable)
    }

    fn begin(
        &mut self,
        now: Instant,
        device: Serial,
        target: BootstrapTarget,
        account: Option<BootstrapAccount>,
        is_reachable: bool,
    ) -> Result<(), DeviceBootstrapError> {
        let stage = self.requests.get(&(device, target.clone())).map(|request| request.stage);
        if action(stage, Input::Wanted) != Action::Begin {
            return Ok(());
        }
        let is_full = self.requests.len() >= self.config.max_requests
            || matches!(target, BootstrapTarget::Server(_))
                && self.of_device(device).filter(|target| **target != BootstrapTarget::Gateway).count()
                    >= self.config.max_servers;
        if stage.is_none() && is_full {
            return Err(DeviceBootstrapErrorKind::TooMany.into());
        }
        let (to, with) = (target.clone(), account.clone());
        self.journal.record(DeviceBootstrapRecord(Entry::Wanted { device, target: to, account: with }));
        let request = Request {
            stage: Stage::Waiting,
            attempt: 0,
            is_away: !is_reachable,
            failure: None,
            account,
            deadline: None,
        };
        self.requests.insert((device, target.clone()), request);
        if is_reachable {
            self.handle(now, device, &target, Input::Reachable, None);
        }
        Ok(())
    }

    /// A device can be reached: what waits for it is offered.
    pub fn handle_reachable(&mut self, now: Instant, device: Serial) {
        let targets: Vec<_> = self.of_device(device).cloned().collect();
        for target in targets {
            if let Some(request) = self.requests.get_mut(&(device, target.clone())) {
                request.is_away = false;
                self.handle(now, device, &target, Input::Reachable, None);
            }
        }
    }

    /// A device cannot be reached: nothing more is offered until it can.
    pub fn handle_away(&mut self, _now: Instant, device: Serial) {
        for (_, request) in self.requests.range_mut(range_of(device)) {
            request.is_away = true;
        }
    }

    /// An offer could not be sent. It waits until the device can be reached, and does not count.
    pub fn handle_not_sent(&mut self, now: Instant, device: Serial, target: &BootstrapTarget) {
        self.handle(now, device, target, Input::NotSent, None);
    }

    /// The device said that it does not take the offer, with this Status: the proof is wrong, or the user said no.
    pub fn handle_rejected(
        &mut self,
        now: Instant,
        device: Serial,
        target: &BootstrapTarget,
        status: StatusCode,
    ) {
        self.handle(now, device, target, Input::Rejected, Some(status));
    }

    /// A device opened a session with the gateway or, as far as that is known, with a server. `is_authenticated`
    /// says whether its credentials were right.
    pub fn handle_session(
        &mut self,
        now: Instant,
        device: Serial,
        target: &BootstrapTarget,
        is_authenticated: bool,
    ) {
        let input = if is_authenticated { Input::Accepted } else { Input::WrongCredentials };
        self.handle(now, device, target, input, None);
    }

    /// A device does not know this server any more: it was reset, or its account was deleted. It can be bootstrapped anew.
    pub fn handle_undone(&mut self, _now: Instant, device: Serial, target: &BootstrapTarget) {
        if self.requests.contains_key(&(device, target.clone())) {
            self.journal.record(DeviceBootstrapRecord(Entry::Undone { device, target: target.clone() }));
            self.undo(device, target);
            let state = BootstrapState::None;
            self.changes.push_back(DeviceBootstrapOutput::Changed { device, target: target.clone(), state });
        }
    }

    /// A device is not registered any more: its bootstraps and its credential are forgotten and wiped.
    pub fn handle_forgotten(&mut self, _now: Instant, device: Serial) {
        if self.credentials.contains_key(&device) || self.of_device(device).next().is_some() {
            self.journal.record(DeviceBootstrapRecord(Entry::Forgotten { device }));
            self.forget(device);
        }
    }

    /// Everything up to this record is stored.
    pub fn handle_persisted(&mut self, _now: Instant, seq: RecordSeq) {
        self.journal.persisted(seq);
    }

    /// Time went on.
    pub fn handle_tick(&mut self, now: Instant) {
        while self.deadlines.first().is_some_and(|(at, ..)| *at <= now) {
            if let Some((_, device, target)) = self.deadlines.pop_first() {
                self.handle(now, device, &target, Input::Deadline, None);
            }
        }
    }

    /// What is to be done next. Drain it after every input, until it gives [`DeviceBootstrapOutput::Wait`].
    pub fn poll_output(&mut self) -> DeviceBootstrapOutput {
        if let Some(change) = self.changes.pop_front() {
            return change;
        }
        if let Some((seq, record)) = self.journal.next_record() {
            return DeviceBootstrapOutput::Persist(seq, record);
        }
        while let Some(Offer { device, target, attempt }) = self.journal.next_released() {
            let Some(request) = self.requests.get(&(device, target.clone())) else { continue };
            // It may be over, or offered anew, by now.
            if request.stage != Stage::Offered || request.attempt != attempt {
                continue;
            }
            let account = match &request.account {
                Some(account) => Some(account.to_dm_account()),
                None => self
                    .credentials
                    .get(&device)
                    .map(|own| dm_account(&self.config.gateway, &self.config.address, own)),
            };
            if let Some(account) = account {
                return DeviceBootstrapOutput::SendBootstrap { device, target, attempt, account };
            }
        }
        DeviceBootstrapOutput::Wait(self.deadlines.first().map(|&(at, ..)| at))
    }

    /// Where the bootstrap of a device stands.
    #[must_use]
    pub fn state(&self, device: Serial, target: &BootstrapTarget) -> BootstrapState {
        self.requests.get(&(device, target.clone())).map_or(BootstrapState::None, state_of)
    }

    /// Every bootstrap of a device that somebody wanted, the gateway's first.
    pub fn states(&self, device: Serial) -> impl Iterator<Item = (&BootstrapTarget, BootstrapState)> {
        self.requests.range(range_of(device)).map(|((_, target), request)| (target, state_of(request)))
    }

    /// The servers that a device was bootstrapped to, in the order of their identifiers.
    pub fn servers(&self, device: Serial) -> impl Iterator<Item = &ServerId> {
        let confirmed = self.requests.range(range_of(device));
        confirmed.filter(|(_, request)| request.stage == Stage::Confirmed).filter_map(|((_, target), _)| {
            match target {
                BootstrapTarget::Server(server) => Some(server),
                BootstrapTarget::Gateway => None,
            }
        })
    }

    /// What a device proves itself to the gateway with.
    #[must_use]
    pub fn credential(&self, device: Serial) -> Option<&DeviceCredential> {
        self.credentials.get(&device)
    }

    /// Does what the table of states says.
    fn handle(
        &mut self,
        now: Instant,
        device: Serial,
        target: &BootstrapTarget,
        input: Input,
        status: Option<StatusCode>,
    ) {
        let Some(request) = self.requests.get(&(device, target.clone())) else { return };
        let before = state_of(request);
        let failed = |failure| Entry::Ended { device, target: target.clone(), failure: Some(failure) };
        let entry = match action(Some(request.stage), input) {
            Action::Ignore | Action::Begin => return,
            Action::OfferOrWait if request.is_away => {
                Entry::Waiting { device, target: target.clone(), attempt: request.attempt }
            }
            // What was not sent does not count.
            Action::Wait => {
                let attempt = request.attempt.saturating_sub(1);
                Entry::Waiting { device, target: target.clone(), attempt }
            }
            Action::Offer | Action::OfferOrWait if request.attempt > self.config.retries => {
                failed(BootstrapFailure::Unanswered)
            }
            Action::Offer | Action::OfferOrWait => {
                let attempt = request.attempt.saturating_add(1);
                Entry::Offered { device, target: target.clone(), attempt }
            }
            Action::Confirm => Entry::Ended { device, target: target.clone(), failure: None },
            Action::FailCredentials => failed(BootstrapFailure::WrongCredentials),
            Action::FailRejected => {
                failed(BootstrapFailure::Rejected(status.unwrap_or(StatusCode::COMMAND_FAILED)))
            }
        };
        self.journal.record(DeviceBootstrapRecord(entry.clone()));
        self.apply(now, entry);
        let Some(request) = self.requests.get(&(device, target.clone())) else { return };
        let (state, attempt) = (state_of(request), request.attempt);
        if request.stage == Stage::Offered {
            self.journal.hold(Offer { device, target: target.clone(), attempt });
        }
        if state != before {
            self.changes.push_back(DeviceBootstrapOutput::Changed { device, target: target.clone(), state });
        }
    }

    /// The step that a record tells of, in memory.
    fn apply(&mut self, now: Instant, entry: Entry) {
        let (device, target, stage, attempt, failure) = match entry {
            Entry::Offered { device, target, attempt } => {
                (device, target, Stage::Offered, Some(attempt), None)
            }
            Entry::Waiting { device, target, attempt } => {
                (device, target, Stage::Waiting, Some(attempt), None)
            }
            Entry::Ended { device, target, failure: None } => (device, target, Stage::Confirmed, None, None),
            Entry::Ended { device, target, failure } => (device, target, Stage::Failed, None, failure),
            Entry::Undone { device, target } => return self.undo(device, &target),
            _ => return,
        };
        let key = (device, target);
        let Some(request) = self.requests.get_mut(&key) else { return };
        if let Some(old) = request.deadline.take() {
            self.deadlines.remove(&(old, device, key.1.clone()));
        }
        request.stage = stage;
        request.failure = failure;
        request.attempt = attempt.unwrap_or(request.attempt);
        match stage {
            Stage::Offered => {
                let deadline = now + self.config.t_session;
                request.deadline = Some(deadline);
                self.deadlines.insert((deadline, device, key.1));
            }
            // The secrets have done what they were for.
            Stage::Confirmed | Stage::Failed => request.account = None,
            Stage::Waiting => {}
        }
    }

    fn of_device(&self, device: Serial) -> impl Iterator<Item = &BootstrapTarget> {
        self.requests.range(range_of(device)).map(|((_, target), _)| target)
    }

    fn set_credential(&mut self, device: Serial, credential: DeviceCredential) {
        let hash = self.hash(credential.client_secret());
        if let Some(old) = self.credentials.insert(device, credential) {
            let old = self.hash(old.client_secret());
            self.by_secret.remove(&(old, device));
        }
        self.by_secret.insert((hash, device));
    }

    fn forget(&mut self, device: Serial) {
        if let Some(old) = self.credentials.remove(&device) {
            let hash = self.hash(old.client_secret());
            self.by_secret.remove(&(hash, device));
        }
        let targets: Vec<_> = self.of_device(device).cloned().collect();
        for target in targets {
            self.undo(device, &target);
        }
    }

    fn undo(&mut self, device: Serial, target: &BootstrapTarget) {
        if let Some(request) = self.requests.remove(&(device, target.clone()))
            && let Some(deadline) = request.deadline
        {
            self.deadlines.remove(&(deadline, device, target.clone()));
        }
    }

    /// FNV-1a from a seed nobody else knows, and a last mix. It only says which credentials to compare.
    fn hash(&self, secret: &Secret) -> u64 {
        let basis = 0xcbf2_9ce4_8422_2325 ^ self.config.hash_seed;
        let hash = secret.expose().iter().fold(basis, |hash, octet| {
            (hash ^ u64::from(*octet)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
                ^ self.config.hash_seed
        });
        (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

const fn state_of(request: &Request) -> BootstrapState {
    match (request.stage, request.failure) {
        (Stage::Waiting, _) => BootstrapState::None,
        (Stage::Offered, _) => BootstrapState::Offered,
        (Stage::Confirmed, _) => BootstrapState::Confirmed,
        (Stage::Failed, Some(failure)) => BootstrapState::Failed(failure),
        (Stage::Failed, None) => BootstrapState::Failed(BootstrapFailure::Unanswered),
    }
}

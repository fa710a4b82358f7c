//! Who the device is, and what it makes of our credentials (DM Security 1.2.1, authentication).

use alloc::string::String;

use crate::auth::{AuthScheme, Nonce, Proof, Prover, Verdict, Verifier};
use crate::model::Status;
use crate::session::Record;
use crate::session::incoming::Incoming;

use super::ServerSession;
use super::answering::Draft;
use super::config::{Account, ServerConfig};
use super::output::{ServerEnd, ServerEvent};

/// Both proofs of a session: the device's and ours.
#[derive(Clone, Debug)]
pub(super) struct Proving {
    pub(super) prover: Prover,
    pub(super) verifier: Option<Verifier>,
    /// The name of a certificate that stands for credentials.
    certificate: Option<String>,
    /// The well-known nonce counts, until the device proves itself or is challenged.
    pub(super) well_known: bool,
    pub(super) withhold_challenge: bool,
    /// There is an account.
    #[cfg_attr(
        not(feature = "serde"),
        allow(dead_code, reason = "snapshots are for the same kind of account")
    )]
    pub(super) known: bool,
    pub(super) authenticated: bool,
}

impl Proving {
    pub(super) fn new(config: &ServerConfig, account: Option<Account>) -> Self {
        let stranger = || Verifier::new(config.stranger_scheme, None, None);
        let nobody = || Prover::new(AuthScheme::None, None, None);
        let mut proving = Self {
            prover: nobody(),
            verifier: Some(stranger()),
            certificate: None,
            well_known: false,
            withhold_challenge: false,
            known: account.is_some(),
            authenticated: false,
        };
        if let Some(account) = account {
            proving.verifier = match account.device {
                Some((scheme, credentials)) => {
                    Some(Verifier::new(scheme, Some(credentials), account.device_nonce))
                }
                // Without the certificate nothing would prove it.
                None => account.certificate.is_some().then(stranger),
            };
            if let Some((scheme, credentials)) = account.server {
                proving.prover = Prover::new(scheme, Some(credentials), account.server_nonce);
            }
            proving.certificate = account.certificate;
            proving.well_known = account.resynchronizing;
        }
        proving
    }

    pub(super) const fn withhold_challenge(&mut self) {
        self.withhold_challenge = true;
    }

    pub(super) const fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Judges what a message shows; `None` when nothing has to be shown in it.
    fn check(&mut self, incoming: &Incoming<'_>, entropy: [u8; Nonce::LEN]) -> Option<Verdict> {
        if self.certificate.is_some() && self.certificate.as_deref() == incoming.transport_identity {
            return None;
        }
        let mut verdict = self.verifier.as_mut()?.check(&incoming.presented(), entropy);
        if !verdict.is_accepted() && self.withhold_challenge {
            verdict.chal = None;
            verdict.exhausted = true;
        }
        Some(verdict)
    }

    /// Our credentials, for a device that has proved itself: a stranger learns nothing of them.
    pub(super) fn prover(&mut self) -> Option<&mut Prover> {
        self.authenticated.then_some(&mut self.prover)
    }
}

impl ServerSession {
    /// Whether the sender of the message may go on; what it is told otherwise stands in the draft.
    pub(super) fn authenticate(
        &mut self,
        incoming: &Incoming<'_>,
        draft: &mut Draft,
        entropy: [u8; Nonce::LEN],
    ) -> bool {
        if let Some(verdict) = self.proving.check(incoming, entropy) {
            let accepted = verdict.is_accepted();
            let resynchronized = accepted && core::mem::take(&mut self.proving.well_known);
            if !accepted {
                self.proving.well_known = false;
                if !incoming.presented().is_nothing() {
                    self.event(ServerEvent::CredentialsRefused);
                }
                draft.end = verdict.exhausted.then_some(ServerEnd::DeviceRefused);
                draft.challenging = !verdict.exhausted;
            }
            if let Some(nonce) = verdict.store {
                self.persist(Record::DeviceNonce(nonce));
            }
            draft.header = (verdict.code, verdict.chal);
            if resynchronized {
                self.event(ServerEvent::Resynchronized);
            }
            if !accepted {
                return false;
            }
        }
        if !self.proving.authenticated {
            self.proving.authenticated = true;
            self.event(ServerEvent::Authenticated);
        }
        true
    }

    /// What the device says of our header: of our credentials, that is.
    pub(super) fn take_header_status(&mut self, status: &Status<'_>, draft: &mut Draft) {
        // Only the header of our last message is of interest; older ones have been answered.
        if status.msg_ref.as_number() != Some(self.msg_id) {
            return;
        }
        match self.proving.prover.handle_status(status.code, status.chal.as_deref()) {
            Proof::Accepted { next_nonce } => {
                self.resume_told |= self.resume_telling;
                if let Some(nonce) = next_nonce {
                    self.persist(Record::ServerNonce(nonce));
                }
            }
            Proof::Challenged => {
                // Nothing of that message was executed. Its last command goes back first, so that the order stays.
                if let Some(cutting) = self.cutting.take() {
                    self.ledger.take_back(cutting.into_unit());
                }
                self.ledger.requeue(self.msg_id);
                self.package_open = false;
                draft.challenged = true;
            }
            Proof::Refused => draft.end = Some(ServerEnd::ServerRefused),
            Proof::Failed(code) => draft.end = Some(ServerEnd::HeaderRefused(code)),
        }
    }
}

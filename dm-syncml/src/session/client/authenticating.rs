//! Who shows what to whom, and what is made of it (DM Security 1.2.1, authentication).

use crate::auth::{Nonce, Proof};
use crate::model::{CmdRef, Command};
use crate::session::Record;
use crate::session::incoming::Incoming;

use super::legality::needs_answer;
use super::{ClientEnd, ClientEvent, ClientSession, Received};

/// What the server makes of our last message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OurStanding {
    /// It was taken.
    Taken,
    /// It is to be sent again, with other credentials.
    Challenged,
    /// The session is over.
    Refused(ClientEnd),
}

/// What we make of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TheirStanding {
    /// Its commands are executed.
    Trusted,
    /// They are answered with the code of the header.
    Unproved,
    /// The session is over.
    Refused,
}

impl ClientSession {
    /// What the server says of the header of our last message.
    pub(super) fn our_standing(&mut self, commands: &[Command<'_>]) -> OurStanding {
        for command in commands {
            if let Command::Status(status) = command
                && status.cmd_ref == CmdRef::SYNC_HDR
                && status.msg_ref.as_number() == Some(self.msg_id)
            {
                match self.prover.handle_status(status.code, status.chal.as_deref()) {
                    Proof::Accepted { next_nonce } => {
                        if !self.accepted {
                            self.accepted = true;
                            self.event(ClientEvent::Accepted);
                        }
                        self.device_nonce = next_nonce.or(self.device_nonce.take());
                    }
                    Proof::Challenged => return OurStanding::Challenged,
                    Proof::Refused => return OurStanding::Refused(ClientEnd::DeviceRefused),
                    Proof::Failed(code) => return OurStanding::Refused(ClientEnd::HeaderRefused(code)),
                }
            }
        }
        OurStanding::Taken
    }

    /// What the server shows of itself; what is said of its header goes into `received`.
    pub(super) fn their_standing(
        &mut self,
        incoming: &Incoming<'_>,
        entropy: [u8; Nonce::LEN],
        received: &mut Received,
        will_answer: bool,
    ) -> TheirStanding {
        let presented = incoming.presented();
        let asks = incoming.message.body.commands.iter().any(needs_answer);
        let Some(verifier) = &mut self.verifier else { return TheirStanding::Trusted };
        // Without commands there is nothing to be trusted with, so missing credentials are not asked for (DM Security 1.2.1, challenges).
        if presented.is_nothing() && !self.server_authenticated && !asks {
            return TheirStanding::Trusted;
        }
        let verdict = verifier.check(&presented, entropy);
        received.header = (verdict.code, verdict.chal.clone());
        if !verdict.is_accepted() {
            let over = verdict.exhausted || !will_answer;
            return if over { TheirStanding::Refused } else { TheirStanding::Unproved };
        }
        if !self.server_authenticated {
            self.server_authenticated = true;
            self.event(ClientEvent::ServerAuthenticated);
        }
        // A nonce that no answer carries to the server would put the two out of step.
        if let Some(nonce) = verdict.store
            && will_answer
        {
            self.persist(Record::ServerNonce(nonce));
        }
        TheirStanding::Trusted
    }

    /// Only a server that has proved itself may change what is stored (DM Security 1.2.1, nonces).
    pub(super) fn store_device_nonce(&mut self) {
        if self.server_authenticated
            && let Some(nonce) = self.device_nonce.take()
        {
            self.persist(Record::DeviceNonce(nonce));
        }
    }
}

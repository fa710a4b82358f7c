//! The side that shows credentials.

use alloc::string::String;

use crate::codes::StatusCode;
use crate::model::{Chal, Cred, LocName};

use super::credentials::{AuthScheme, Credentials};
use super::nonce::Nonce;

/// Shows credentials until they are accepted for the session, and once more after a challenge.
#[derive(Clone, Debug)]
pub(crate) struct Prover {
    scheme: AuthScheme,
    credentials: Option<Credentials>,
    nonce: Option<Nonce>,
    /// Our last header held credentials.
    shown: bool,
    /// They were accepted for the session (212): no more of them.
    accepted: bool,
    /// Challenges since they were last accepted.
    challenges: u8,
}

/// What a Status for the SyncHdr made of our credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Proof {
    /// Nothing is wanted, or they were accepted. A nonce for next time may have come along.
    Accepted { next_nonce: Option<Nonce> },
    /// The message was refused; the next one carries the answer to the challenge.
    Challenged,
    /// They were refused for good: a second time, or something else was demanded than we show.
    Refused,
    /// The header was refused for another reason.
    Failed(StatusCode),
}

impl Prover {
    /// Nonces get out of step, so one fresh challenge is normal; a second failure is not (DM Security 1.2.1, nonces).
    const CHALLENGES: u8 = 1;

    pub(crate) fn new(scheme: AuthScheme, credentials: Option<Credentials>, nonce: Option<Nonce>) -> Self {
        Self { scheme, credentials, nonce, shown: false, accepted: false, challenges: 0 }
    }

    /// The credentials of the next header and the user name that stands in its Source; `None` when it needs none, or when a digest lacks its
    /// nonce: then the peer will challenge.
    pub(crate) fn show(&mut self) -> Option<(Cred<'static>, Option<LocName<'static>>)> {
        let cred = self.cred();
        self.shown = cred.is_some();
        cred
    }

    fn cred(&self) -> Option<(Cred<'static>, Option<LocName<'static>>)> {
        if self.accepted {
            return None;
        }
        let credentials = self.credentials.as_ref()?;
        let cred = match self.scheme {
            AuthScheme::None => return None,
            AuthScheme::Basic => credentials.basic(),
            AuthScheme::Md5 => credentials.md5(self.nonce.as_ref()?),
        };
        Some((cred, LocName::new(String::from(credentials.user())).ok()))
    }

    /// The peer's Status for the header of our last message.
    pub(crate) fn handle_status(&mut self, code: StatusCode, chal: Option<&Chal<'_>>) -> Proof {
        let next_nonce =
            chal.and_then(|chal| chal.meta.next_nonce()).and_then(|nonce| nonce.octets()).map(Nonce::new);
        match code {
            StatusCode::AUTHENTICATED => {
                self.accepted = true;
                self.challenges = 0;
                Proof::Accepted { next_nonce }
            }
            StatusCode::MISSING_CREDENTIALS | StatusCode::INVALID_CREDENTIALS => {
                self.challenge(chal, next_nonce)
            }
            code if !code.is_success() => Proof::Failed(code),
            _ if self.shown && !self.accepted => {
                // 200: good for this message; the next one needs them too, with the nonce of the Chal.
                self.challenges = 0;
                self.nonce = next_nonce.clone().or(self.nonce.take());
                Proof::Accepted { next_nonce }
            }
            _ => Proof::Accepted { next_nonce: None },
        }
    }

    fn challenge(&mut self, chal: Option<&Chal<'_>>, nonce: Option<Nonce>) -> Proof {
        let demanded = chal.and_then(|chal| chal.meta.media_type());
        // Answering a weaker scheme than ours would let anyone on the way ask for the password.
        let another_scheme = demanded.is_some() && demanded != self.scheme.media_type().as_ref();
        if another_scheme
            || self.accepted
            || self.challenges >= Self::CHALLENGES
            || self.credentials.is_none()
            || self.scheme == AuthScheme::None
        {
            return Proof::Refused;
        }
        self.nonce = nonce.or(self.nonce.take());
        if self.scheme == AuthScheme::Md5 && self.nonce.is_none() {
            return Proof::Refused;
        }
        self.challenges += 1;
        Proof::Challenged
    }
}

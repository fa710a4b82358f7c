//! The side that demands credentials.

use crate::codes::StatusCode;
use crate::model::{Chal, Cred, MediaType};

use super::credentials::{AuthScheme, Credentials, Password};
use super::nonce::Nonce;

/// Demands credentials until they are right, at most two wrong ones.
#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    scheme: AuthScheme,
    /// What is right; `None` for a peer nobody knows, whose every proof is wrong.
    credentials: Option<Credentials>,
    nonce: Option<Nonce>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Not shown yet; so many were wrong or missing.
    Demanding { failures: u8 },
    /// Right, for the session.
    Accepted,
}

/// What a header's credentials are worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Verdict {
    /// The code of the Status for the header: 200, 212, 401 or 407.
    pub(crate) code: StatusCode,
    /// What goes along: the challenge, or the nonce for next time.
    pub(crate) chal: Option<Chal<'static>>,
    /// The nonce that the peer will use next time, to be stored before the answer goes out.
    pub(crate) store: Option<Nonce>,
    /// No further attempt is taken.
    pub(crate) exhausted: bool,
}

impl Verdict {
    /// Whether the peer may go on.
    pub(crate) fn is_accepted(&self) -> bool {
        self.code.is_success()
    }
}

impl Verifier {
    /// How many wrong or missing credentials end it.
    const FAILURES: u8 = 2;

    pub(crate) fn new(scheme: AuthScheme, credentials: Option<Credentials>, nonce: Option<Nonce>) -> Self {
        Self { scheme, credentials, nonce, state: State::Demanding { failures: 0 } }
    }

    /// Judges the credentials of a header. `fresh` is what a nonce is made of, if one is needed.
    pub(crate) fn check(&mut self, cred: Option<&Cred<'_>>, fresh: [u8; Nonce::LEN]) -> Verdict {
        let State::Demanding { failures } = self.state else {
            return Verdict { code: StatusCode::OK, chal: None, store: None, exhausted: false };
        };
        let fresh = Nonce::from(fresh);
        let genuine = cred.is_some_and(|cred| self.is_genuine(cred));
        if genuine {
            self.state = State::Accepted;
            let chal = (self.scheme == AuthScheme::Md5).then(|| self.chal(&fresh));
            return Verdict {
                code: StatusCode::AUTHENTICATED,
                store: chal.is_some().then_some(fresh),
                chal,
                exhausted: false,
            };
        }
        self.state = State::Demanding { failures: failures.saturating_add(1) };
        let chal = self.chal(&fresh);
        self.nonce = Some(fresh);
        Verdict {
            code: if cred.is_some() {
                StatusCode::INVALID_CREDENTIALS
            } else {
                StatusCode::MISSING_CREDENTIALS
            },
            chal: Some(chal),
            // Nothing is stored for a stranger.
            store: None,
            exhausted: failures.saturating_add(1) >= Self::FAILURES,
        }
    }

    /// The same work is done for a known and an unknown peer, so that time does not tell them apart.
    fn is_genuine(&self, cred: &Cred<'_>) -> bool {
        let stranger;
        let credentials = match &self.credentials {
            Some(credentials) => credentials,
            None => {
                stranger = Credentials::new("", Password::new(""));
                &stranger
            }
        };
        let empty;
        let nonce = match &self.nonce {
            Some(nonce) => nonce,
            None => {
                empty = Nonce::new([]);
                &empty
            }
        };
        let media_type = cred.meta.as_ref().and_then(|meta| meta.media_type());
        let right = match self.scheme {
            AuthScheme::None => false,
            AuthScheme::Basic => media_type == Some(&MediaType::AUTH_BASIC) && credentials.verify_basic(cred),
            AuthScheme::Md5 => {
                media_type == Some(&MediaType::AUTH_MD5) && credentials.verify_md5(cred, nonce)
            }
        };
        // A digest over no nonce could be replayed for ever.
        right && self.credentials.is_some() && (self.scheme != AuthScheme::Md5 || self.nonce.is_some())
    }

    fn chal(&self, nonce: &Nonce) -> Chal<'static> {
        match self.scheme {
            // A stranger to a server of transport security is told what a stranger to any other is told.
            AuthScheme::None | AuthScheme::Md5 => {
                Chal::new(MediaType::AUTH_MD5).with_next_nonce(nonce.as_bytes())
            }
            AuthScheme::Basic => Chal::new(MediaType::AUTH_BASIC),
        }
    }
}

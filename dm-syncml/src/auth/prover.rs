//! The side that shows credentials.

use alloc::string::String;

use crate::codes::StatusCode;
use crate::model::{Chal, Cred, LocName};

use super::credentials::{AuthScheme, Credentials};
use super::mac_header::MacHeader;
use super::nonce::Nonce;

/// Shows credentials until they are accepted for the session, and once more after a challenge.
#[derive(Clone, Debug)]
pub(crate) struct Prover {
    scheme: AuthScheme,
    credentials: Option<Credentials>,
    nonce: Option<Nonce>,
    /// Our last message held credentials, or had a MAC beside it.
    shown: bool,
    /// They were accepted for the session (212): no more of them.
    accepted: bool,
    /// Challenges since they were last accepted.
    challenges: u8,
}

/// What a header says of its sender.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Shown {
    pub(crate) cred: Option<Cred<'static>>,
    /// The user name, for Source LocName.
    pub(crate) user: Option<LocName<'static>>,
}

/// What a Status for the SyncHdr made of our credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Proof {
    /// Nothing is wanted, or they were accepted. A nonce for next time may have come along.
    Accepted { next_nonce: Option<Nonce> },
    /// The message was refused; the next one carries the answer to the challenge.
    Challenged,
    /// They were refused for good: a second time, or something weaker was demanded than we show.
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

    /// What the next header says; nothing when it needs none, or when a digest lacks its nonce: then the peer will challenge.
    pub(crate) fn show(&mut self) -> Shown {
        let shown = self.shows().unwrap_or_default();
        self.shown = shown.cred.is_some();
        shown
    }

    fn shows(&self) -> Option<Shown> {
        if self.accepted {
            return None;
        }
        let credentials = self.credentials.as_ref()?;
        let cred = match (self.scheme, &self.nonce) {
            (AuthScheme::Basic, _) => Some(credentials.basic()),
            (AuthScheme::Md5, Some(nonce)) => Some(credentials.md5(nonce)),
            // The proof travels beside the message, and its user name must be that of the header (DM Security 1.2.1 §5.4).
            (AuthScheme::Mac, Some(_)) => None,
            (AuthScheme::None, _) | (AuthScheme::Md5 | AuthScheme::Mac, None) => return None,
        };
        Some(Shown { cred, user: LocName::new(String::from(credentials.user())).ok() })
    }

    /// The header that goes beside `body`, the octets of the message that [`show`](Self::show) was called for. It uses up the nonce.
    pub(crate) fn sign(&mut self, body: &[u8]) -> Option<MacHeader> {
        if self.scheme != AuthScheme::Mac {
            return None;
        }
        let nonce = self.nonce.take()?;
        let header = self.credentials.as_ref()?.mac(&nonce, body).ok();
        self.shown = header.is_some();
        header
    }

    /// The peer's Status for the header of our last message.
    pub(crate) fn handle_status(&mut self, code: StatusCode, chal: Option<&Chal<'_>>) -> Proof {
        let next_nonce =
            chal.and_then(|chal| chal.meta.next_nonce()).and_then(|nonce| nonce.octets()).map(Nonce::new);
        match code {
            StatusCode::MISSING_CREDENTIALS | StatusCode::INVALID_CREDENTIALS => {
                self.challenge(chal, next_nonce)
            }
            code if !code.is_success() => Proof::Failed(code),
            // Each MAC needs a nonce of its own, and the peer must give it with each Status; 212 changes nothing about that.
            _ if self.shown && self.scheme == AuthScheme::Mac => match next_nonce {
                Some(nonce) => {
                    self.challenges = 0;
                    self.nonce = Some(nonce.clone());
                    Proof::Accepted { next_nonce: Some(nonce) }
                }
                None => Proof::Refused,
            },
            StatusCode::AUTHENTICATED => {
                self.accepted = true;
                self.challenges = 0;
                Proof::Accepted { next_nonce }
            }
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
        let demanded = match chal.and_then(|chal| chal.meta.media_type()) {
            Some(media_type) => AuthScheme::from_media_type(media_type),
            None => Some(self.scheme),
        };
        let Some(demanded) = demanded else { return Proof::Refused };
        // Answering a weaker scheme than ours would let anyone on the way ask for the password. A stronger one shows less of it; once
        // something was accepted the scheme stays (DM Security 1.2.1, authentication).
        if demanded < self.scheme
            || self.accepted
            || self.challenges >= Self::CHALLENGES
            || self.credentials.is_none()
            || self.scheme == AuthScheme::None
        {
            return Proof::Refused;
        }
        self.nonce = nonce.or(self.nonce.take());
        if demanded >= AuthScheme::Md5 && self.nonce.is_none() {
            return Proof::Refused;
        }
        self.scheme = demanded;
        self.challenges += 1;
        Proof::Challenged
    }
}

/// Where a prover stands, without its credentials.
#[cfg(feature = "serde")]
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct ProverState {
    scheme: AuthScheme,
    nonce: Option<Nonce>,
    shown: bool,
    accepted: bool,
    challenges: u8,
}

#[cfg(feature = "serde")]
impl Prover {
    pub(crate) fn state(&self) -> ProverState {
        ProverState {
            scheme: self.scheme,
            nonce: self.nonce.clone(),
            shown: self.shown,
            accepted: self.accepted,
            challenges: self.challenges,
        }
    }

    /// Goes on where another left off.
    pub(crate) fn resume(&mut self, state: ProverState) {
        self.scheme = state.scheme;
        self.nonce = state.nonce;
        self.shown = state.shown;
        self.accepted = state.accepted;
        self.challenges = state.challenges;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Password;
    use crate::model::MediaType;

    fn prover(scheme: AuthScheme, nonce: Option<&[u8]>) -> Prover {
        Prover::new(scheme, Some(Credentials::new("u", Password::new("p"))), nonce.map(Nonce::new))
    }

    fn chal(media_type: MediaType<'static>) -> Chal<'static> {
        Chal::new(media_type).with_next_nonce(b"fresh")
    }

    /// What each scheme does with each challenge: stronger is answered, weaker and unknown is not.
    #[test]
    fn challenges() {
        use AuthScheme::{Basic, Mac, Md5, None};
        let unknown = MediaType::new("syncml:auth-X509").unwrap();
        let types = [MediaType::AUTH_BASIC, MediaType::AUTH_MD5, MediaType::AUTH_MAC, unknown];
        let table = [
            (None, [false, false, false, false]),
            (Basic, [true, true, true, false]),
            (Md5, [false, true, true, false]),
            (Mac, [false, false, true, false]),
        ];
        for (scheme, answered) in table {
            for (media_type, answered) in types.iter().zip(answered) {
                let mut prover = prover(scheme, Option::None);
                let proof =
                    prover.handle_status(StatusCode::MISSING_CREDENTIALS, Some(&chal(media_type.clone())));
                let expected = if answered { Proof::Challenged } else { Proof::Refused };
                assert_eq!(proof, expected, "{scheme:?} {media_type:?}");
                if answered {
                    let shown = prover.show();
                    let mac = prover.sign(b"body");
                    let demanded = AuthScheme::from_media_type(media_type).unwrap();
                    assert_eq!(mac.is_some(), demanded == Mac);
                    assert_eq!(shown.cred.is_some(), demanded != Mac);
                    assert!(shown.user.is_some());
                }
            }
        }
    }

    #[test]
    fn each_mac_has_its_own_nonce() {
        let mut prover = prover(AuthScheme::Mac, Some(b"first"));
        assert!(prover.show().cred.is_none());
        let first = prover.sign(b"body").unwrap();
        let next = prover.handle_status(StatusCode::OK, Some(&chal(MediaType::AUTH_MAC)));
        assert_eq!(next, Proof::Accepted { next_nonce: Some(Nonce::new(*b"fresh")) });
        prover.show();
        assert_ne!(prover.sign(b"body").unwrap(), first);
        // 212 is not for the session here, and a Status without the next nonce is the end.
        let next = prover.handle_status(StatusCode::AUTHENTICATED, Some(&chal(MediaType::AUTH_MAC)));
        assert!(matches!(next, Proof::Accepted { next_nonce: Some(_) }));
        prover.show();
        assert!(prover.sign(b"body").is_some());
        assert_eq!(prover.handle_status(StatusCode::OK, None), Proof::Refused);
    }

    #[test]
    fn a_mac_without_a_nonce_waits_for_the_challenge() {
        let mut prover = prover(AuthScheme::Mac, None);
        assert_eq!(prover.show(), Shown::default());
        assert_eq!(prover.sign(b"body"), None);
        // A peer that demands nothing gives nothing.
        assert_eq!(prover.handle_status(StatusCode::OK, None), Proof::Accepted { next_nonce: None });
    }
}

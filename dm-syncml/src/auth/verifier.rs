//! The side that demands credentials.

use crate::codes::StatusCode;
use crate::model::{Chal, MediaType};

use super::credentials::{AuthScheme, Credentials, Password};
use super::mac_header::MacHeader;
use super::nonce::Nonce;
use super::presented::Presented;

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

    /// Judges what a message shows. `fresh` is what a nonce is made of, if one is needed.
    pub(crate) fn check(&mut self, presented: &Presented<'_>, fresh: [u8; Nonce::LEN]) -> Verdict {
        let State::Demanding { failures } = self.state else {
            return Verdict { code: StatusCode::OK, chal: None, store: None, exhausted: false };
        };
        let fresh = Nonce::from(fresh);
        if self.is_genuine(presented) {
            let chal = (self.scheme >= AuthScheme::Md5).then(|| self.chal(&fresh));
            let code = if self.scheme == AuthScheme::Mac {
                // Each message proves itself: 200, and the nonce for the next (DM Security 1.2.1 §5.4).
                self.state = State::Demanding { failures: 0 };
                self.nonce = Some(fresh.clone());
                StatusCode::OK
            } else {
                self.state = State::Accepted;
                StatusCode::AUTHENTICATED
            };
            return Verdict { code, store: chal.is_some().then_some(fresh), chal, exhausted: false };
        }
        self.state = State::Demanding { failures: failures.saturating_add(1) };
        let chal = self.chal(&fresh);
        self.nonce = Some(fresh);
        let shown = presented.cred.is_some() || (self.scheme == AuthScheme::Mac && presented.mac.is_some());
        Verdict {
            code: if shown { StatusCode::INVALID_CREDENTIALS } else { StatusCode::MISSING_CREDENTIALS },
            chal: Some(chal),
            // Nothing is stored for a stranger.
            store: None,
            exhausted: failures.saturating_add(1) >= Self::FAILURES,
        }
    }

    /// The same work is done for a known and an unknown peer, so that time does not tell them apart.
    fn is_genuine(&self, presented: &Presented<'_>) -> bool {
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
        let right = match self.scheme {
            AuthScheme::None => false,
            AuthScheme::Mac => match presented.mac {
                Some(Ok(mac)) => Self::is_mac(credentials, mac, nonce, presented),
                _ => false,
            },
            AuthScheme::Basic | AuthScheme::Md5 => presented.cred.is_some_and(|cred| {
                // Credentials of another type prove nothing, however right: the weaker would stand for the stronger.
                let media_type = cred.meta.as_ref().and_then(|meta| meta.media_type());
                let as_demanded = media_type.and_then(AuthScheme::from_media_type) == Some(self.scheme);
                as_demanded
                    && match self.scheme {
                        AuthScheme::Basic => credentials.verify_basic(cred),
                        _ => credentials.verify_md5(cred, nonce),
                    }
            }),
        };
        // A digest over no nonce could be replayed for ever.
        right && self.credentials.is_some() && (self.scheme < AuthScheme::Md5 || self.nonce.is_some())
    }

    /// The user name must be that of the header too (DM Security 1.2.1 §5.4); some clients name nobody there.
    fn is_mac(credentials: &Credentials, mac: &MacHeader, nonce: &Nonce, presented: &Presented<'_>) -> bool {
        let same_user = presented.user.is_none_or(|user| user == mac.user());
        credentials.verify_mac_of(mac, nonce, presented.body_digest) && same_user
    }

    fn chal(&self, nonce: &Nonce) -> Chal<'static> {
        match self.scheme {
            // A stranger to a server of transport security is told what a stranger to any other is told.
            AuthScheme::None | AuthScheme::Md5 => {
                Chal::new(MediaType::AUTH_MD5).with_next_nonce(nonce.as_bytes())
            }
            AuthScheme::Mac => Chal::new(MediaType::AUTH_MAC).with_next_nonce(nonce.as_bytes()),
            AuthScheme::Basic => Chal::new(MediaType::AUTH_BASIC),
        }
    }
}

/// Where a verifier stands, without what it holds for right.
#[cfg(feature = "serde")]
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct VerifierState {
    nonce: Option<Nonce>,
    /// `None` when accepted for the session.
    failures: Option<u8>,
}

#[cfg(feature = "serde")]
impl Verifier {
    pub(crate) fn state(&self) -> VerifierState {
        let failures = match self.state {
            State::Demanding { failures } => Some(failures),
            State::Accepted => None,
        };
        VerifierState { nonce: self.nonce.clone(), failures }
    }

    /// Goes on where another left off.
    pub(crate) fn resume(&mut self, state: VerifierState) {
        self.nonce = state.nonce;
        self.state = state.failures.map_or(State::Accepted, |failures| State::Demanding { failures });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::MacHeaderError;
    use crate::model::Cred;

    const BODY: [u8; 16] = [7; 16];
    const FRESH: [u8; 16] = [9; 16];

    fn known() -> Credentials {
        Credentials::new("u", Password::new("p"))
    }

    fn verifier(scheme: AuthScheme, nonce: Option<&[u8]>) -> Verifier {
        Verifier::new(scheme, Some(known()), nonce.map(Nonce::new))
    }

    fn of_cred<'m>(cred: &'m Cred<'m>) -> Presented<'m> {
        Presented { cred: Some(cred), mac: None, user: None, body_digest: &BODY }
    }

    fn of_mac(mac: &Result<MacHeader, MacHeaderError>) -> Presented<'_> {
        Presented { cred: None, mac: Some(mac), user: Some("u"), body_digest: &BODY }
    }

    fn mac(credentials: &Credentials, nonce: &[u8]) -> Result<MacHeader, MacHeaderError> {
        Ok(credentials.mac_of(&Nonce::new(nonce), &BODY).unwrap())
    }

    /// Only the scheme that is demanded counts, however right another one is.
    #[test]
    fn another_scheme_is_refused() {
        let nonce = Nonce::new(*b"n");
        for scheme in [AuthScheme::Basic, AuthScheme::Md5, AuthScheme::Mac] {
            let (basic, md5, mac) = (known().basic(), known().md5(&nonce), mac(&known(), b"n"));
            let shown = [
                (AuthScheme::Basic, of_cred(&basic)),
                (AuthScheme::Md5, of_cred(&md5)),
                (AuthScheme::Mac, of_mac(&mac)),
            ];
            for (other, presented) in shown {
                let verdict = verifier(scheme, Some(b"n")).check(&presented, FRESH);
                assert_eq!(verdict.is_accepted(), scheme == other, "{scheme:?} was shown {other:?}");
                assert_eq!(verdict.store.is_some(), scheme == other && scheme != AuthScheme::Basic);
                assert!(!verdict.exhausted);
            }
        }
    }

    #[test]
    fn a_mac_is_good_for_one_message() {
        let mut verifier = verifier(AuthScheme::Mac, Some(b"n"));
        let first = mac(&known(), b"n");
        let verdict = verifier.check(&of_mac(&first), FRESH);
        assert_eq!(verdict.code, StatusCode::OK);
        assert_eq!(verdict.store, Some(Nonce::from(FRESH)));
        assert!(verdict.chal.is_some());
        let replayed = verifier.check(&of_mac(&first), [1; 16]);
        assert_eq!(replayed.code, StatusCode::INVALID_CREDENTIALS);
        assert_eq!(replayed.store, None);
        let second = mac(&known(), &[1; 16]);
        assert!(verifier.check(&of_mac(&second), [2; 16]).is_accepted());
        let missing = Presented { cred: None, mac: None, user: None, body_digest: &BODY };
        let verdict = verifier.check(&missing, [3; 16]);
        assert_eq!((verdict.code, verdict.exhausted), (StatusCode::MISSING_CREDENTIALS, false));
        assert!(verifier.check(&missing, [4; 16]).exhausted);
    }

    #[test]
    fn macs_that_prove_nothing() {
        let nobody = Verifier::new(AuthScheme::Mac, None, Some(Nonce::new(*b"n")));
        let wrong = Credentials::new("u", Password::new("q"));
        let other = Credentials::new("v", Password::new("p"));
        let renamed = MacHeader::new("v", known().mac_of(&Nonce::new(*b"n"), &BODY).unwrap().mac());
        let table = [
            (verifier(AuthScheme::Mac, Some(b"n")), mac(&wrong, b"n")),
            (verifier(AuthScheme::Mac, Some(b"n")), mac(&other, b"n")),
            (verifier(AuthScheme::Mac, Some(b"n")), Ok(renamed.unwrap())),
            (verifier(AuthScheme::Mac, Some(b"n")), Err(MacHeaderError::Malformed)),
            (verifier(AuthScheme::Mac, Some(b"")), mac(&known(), b"n")),
            (verifier(AuthScheme::Mac, None), mac(&known(), b"")),
            (nobody, mac(&Credentials::new("", Password::new("")), b"n")),
        ];
        for (mut verifier, mac) in table {
            let verdict = verifier.check(&of_mac(&mac), FRESH);
            assert_eq!(verdict.code, StatusCode::INVALID_CREDENTIALS, "{mac:?}");
            assert_eq!(verdict.store, None);
        }
    }

    /// The user name beside the MAC must be that of the header, where one stands.
    #[test]
    fn the_header_names_the_same_user() {
        let mac = mac(&known(), b"n");
        for (user, accepted) in [(None, true), (Some("u"), true), (Some("v"), false), (Some(""), false)] {
            let presented = Presented { user, ..of_mac(&mac) };
            let verdict = verifier(AuthScheme::Mac, Some(b"n")).check(&presented, FRESH);
            assert_eq!(verdict.is_accepted(), accepted, "{user:?}");
        }
    }
}

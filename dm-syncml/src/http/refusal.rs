//! Requests that are answered by HTTP and not by a session.

use alloc::string::{String, ToString};
use core::time::Duration;

use dm_wbxml::ErrorKind;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::session::{Misuse, PeerError, SessionError};

/// A request that is answered by a status of HTTP and not by a message: why, and what goes with it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    kind: RefusalKind,
    reason: String,
    retry_after: Option<Duration>,
}

/// Why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum RefusalKind {
    /// The method is not POST: 405.
    Method,
    /// The body is larger than is taken: 413.
    TooLarge,
    /// The body is not of a type that is read here: 415.
    MediaType,
    /// No answer would be acceptable: 406.
    NotAcceptable,
    /// The body is no message, or none that anybody waits for: 400.
    BadMessage,
    /// Too much is going on: 503.
    Busy,
    /// It is the server's fault: 500.
    Internal,
}

impl RefusalKind {
    /// The status of HTTP.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadMessage => 400,
            Self::Method => 405,
            Self::NotAcceptable => 406,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::Internal => 500,
            Self::Busy => 503,
        }
    }
}

impl Refusal {
    /// A refusal with a reason for people, which is its text.
    #[must_use]
    pub fn new(kind: RefusalKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), retry_after: None }
    }

    /// Too much is going on; the peer may try again after this time, rounded up to seconds.
    #[must_use]
    pub fn busy(reason: impl Into<String>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(RefusalKind::Busy, reason) }
    }

    /// Why.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        self.kind
    }

    /// The status of HTTP.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.kind.status()
    }

    /// The header fields that go with it, names in lower case.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let retry_after = self.retry_after.map(|after| {
            let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0));
            ("retry-after", seconds.to_string())
        });
        let allow = (self.kind == RefusalKind::Method).then(|| ("allow", "POST".into()));
        retry_after.into_iter().chain(allow)
    }
}

impl From<&DecodeError> for Refusal {
    /// A body that is no message: 413 when there is more of something than is taken, else 400. Nesting without end is no matter of size.
    fn from(error: &DecodeError) -> Self {
        let kind = match error.kind() {
            DecodeErrorKind::Document(ErrorKind::TooDeep(_) | ErrorKind::NameTooLong(_)) => {
                RefusalKind::BadMessage
            }
            DecodeErrorKind::Document(kind) if kind.is_limit() => RefusalKind::TooLarge,
            _ => RefusalKind::BadMessage,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<&SessionError> for Refusal {
    /// A message that its session did not take.
    fn from(error: &SessionError) -> Self {
        const MOMENT: Duration = Duration::from_secs(1);
        match error {
            SessionError::Peer(PeerError::Decode(error)) => error.into(),
            SessionError::Peer(PeerError::TooManyCommands(_)) => {
                Self::new(RefusalKind::TooLarge, error.to_string())
            }
            // The answer to the message before is not ready.
            SessionError::Misuse(Misuse::NotWaiting) => Self::busy(error.to_string(), MOMENT),
            _ => Self::new(RefusalKind::BadMessage, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn statuses_and_fields() {
        let fields = |refusal: &Refusal| refusal.fields().collect::<Vec<_>>();
        let method = Refusal::new(RefusalKind::Method, "GET");
        assert_eq!((method.status(), fields(&method)), (405, alloc::vec![("allow", "POST".into())]));
        let busy = Refusal::busy("full", Duration::from_millis(1500));
        assert_eq!((busy.status(), fields(&busy)), (503, alloc::vec![("retry-after", "2".into())]));
        assert_eq!(busy.to_string(), "full");
        for (error, status) in [
            (SessionError::Peer(PeerError::OtherSession), 400),
            (SessionError::Peer(PeerError::OutOfOrder { expected: 1, got: 2 }), 400),
            (SessionError::Peer(PeerError::TooManyCommands(1)), 413),
            (SessionError::Misuse(Misuse::Ended), 400),
            (SessionError::Misuse(Misuse::NotWaiting), 503),
        ] {
            assert_eq!(Refusal::from(&error).status(), status, "{error}");
        }
    }
}

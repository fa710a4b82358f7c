//! Codes on the wire: Status and Alert.

use core::fmt;

macro_rules! codes {
    ($name:ident: $($const:ident = $value:literal $text:literal;)*) => {
        impl $name {
            $(
                #[doc = concat!(stringify!($value), ": ", $text, ".")]
                pub const $const: Self = Self($value);
            )*

            /// What the code means, for people; `None` for a code this crate does not name.
            #[must_use]
            pub const fn meaning(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

/// A status code: the `Data` of a `Status` (RepPro 1.2.2 §10).
///
/// Unknown codes survive a round trip; judge them by [`class`](Self::class).
///
/// ```
/// use dm_syncml::StatusCode;
///
/// assert!(StatusCode::OK.is_success());
/// assert_eq!(StatusCode::new(425), StatusCode::PERMISSION_DENIED);
/// assert_eq!(StatusCode::new(599).class(), 5);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// The code with this number.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The first digit of a three-digit code.
    #[must_use]
    pub const fn class(self) -> u16 {
        self.0 / 100
    }

    /// Whether the code is of class 2. That alone does not mean that anything was done: see [`is_done`](Self::is_done).
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.class() == 2
    }

    /// Whether what was asked for was done, or accepted to be done: a code of class 2 that does not say the contrary, as 214 (cancelled), 215
    /// (not executed) and 216 (rolled back) do.
    ///
    /// ```
    /// use dm_syncml::StatusCode;
    ///
    /// assert!(StatusCode::OK.is_done() && StatusCode::ACCEPTED.is_done());
    /// assert!(StatusCode::NOT_EXECUTED.is_success() && !StatusCode::NOT_EXECUTED.is_done());
    /// ```
    #[must_use]
    pub const fn is_done(self) -> bool {
        self.is_success() && !matches!(self.0, 214..=216)
    }
}

codes! { StatusCode:
    IN_PROGRESS = 101 "in progress";
    OK = 200 "done";
    ITEM_ADDED = 201 "the item was added";
    ACCEPTED = 202 "accepted for processing; the outcome follows by generic alert";
    NON_AUTHORITATIVE = 203 "non-authoritative response";
    NO_CONTENT = 204 "no content";
    RESET_CONTENT = 205 "reset content";
    PARTIAL_CONTENT = 206 "partial content";
    CONFLICT_MERGED = 207 "conflict resolved with merge";
    CLIENT_WON = 208 "conflict resolved, client won";
    DUPLICATED = 209 "conflict resolved with duplicate";
    DELETED_WITHOUT_ARCHIVE = 210 "deleted without archive";
    NOT_DELETED = 211 "item not deleted, it was not found";
    AUTHENTICATED = 212 "authentication accepted for the session";
    CHUNK_ACCEPTED = 213 "chunked item accepted and buffered";
    CANCELLED = 214 "operation cancelled";
    NOT_EXECUTED = 215 "not executed";
    ROLLED_BACK = 216 "atomic roll back done";
    MULTIPLE_CHOICES = 300 "multiple choices";
    MOVED_PERMANENTLY = 301 "moved permanently";
    FOUND = 302 "found";
    SEE_OTHER = 303 "see other";
    NOT_MODIFIED = 304 "not modified; in DM the user answered 'No'";
    USE_PROXY = 305 "use proxy";
    BAD_REQUEST = 400 "bad request";
    INVALID_CREDENTIALS = 401 "invalid credentials";
    PAYMENT_REQUIRED = 402 "payment required";
    FORBIDDEN = 403 "forbidden for a reason other than access control";
    NOT_FOUND = 404 "not found";
    NOT_ALLOWED = 405 "command not allowed";
    NOT_SUPPORTED = 406 "optional feature not supported";
    MISSING_CREDENTIALS = 407 "authentication required";
    TIMEOUT = 408 "request timeout";
    CONFLICT = 409 "conflict";
    GONE = 410 "gone";
    SIZE_REQUIRED = 411 "size required";
    INCOMPLETE_COMMAND = 412 "incomplete command";
    TOO_LARGE = 413 "request entity too large";
    URI_TOO_LONG = 414 "URI too long";
    UNSUPPORTED_FORMAT = 415 "unsupported media type or format";
    SIZE_TOO_BIG = 416 "requested size too big";
    RETRY_LATER = 417 "retry later";
    ALREADY_EXISTS = 418 "already exists";
    SERVER_WON = 419 "conflict resolved, server won";
    DEVICE_FULL = 420 "device full";
    UNKNOWN_SEARCH_GRAMMAR = 421 "unknown search grammar";
    BAD_CGI = 422 "bad CGI script";
    SOFT_DELETE_CONFLICT = 423 "soft-delete conflict";
    SIZE_MISMATCH = 424 "size mismatch";
    PERMISSION_DENIED = 425 "permission denied by the ACL";
    PARTIAL_NOT_ACCEPTED = 426 "partial item not accepted";
    NOT_EMPTY = 427 "item not empty";
    MOVE_FAILED = 428 "move failed";
    COMMAND_FAILED = 500 "command failed";
    NOT_IMPLEMENTED = 501 "command not implemented";
    BAD_GATEWAY = 502 "bad gateway";
    UNAVAILABLE = 503 "service unavailable";
    GATEWAY_TIMEOUT = 504 "gateway timeout";
    DTD_NOT_SUPPORTED = 505 "VerDTD not supported";
    PROCESSING_ERROR = 506 "processing error";
    ATOMIC_FAILED = 507 "atomic failed";
    REFRESH_REQUIRED = 508 "refresh required";
    DATA_STORE_FAILURE = 510 "data store failure";
    SERVER_FAILURE = 511 "server failure";
    SYNCHRONIZATION_FAILED = 512 "synchronization failed";
    PROTOCOL_NOT_SUPPORTED = 513 "VerProto not supported";
    CANCELLED_NOT_COMPLETED = 514 "operation cancelled, not completed";
    ROLLBACK_FAILED = 516 "atomic roll back failed";
    ATOMIC_RESPONSE_TOO_LARGE = 517 "atomic response too large to fit";
}

/// An alert code: the `Data` of an `Alert` (DM Protocol 1.2.1, alerts; user interaction alerts).
///
/// ```
/// use dm_syncml::AlertCode;
///
/// assert_eq!(AlertCode::SERVER_INITIATED.get(), 1200);
/// assert!(AlertCode::new(1101).is_user_interaction());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertCode(u16);

impl AlertCode {
    /// The code with this number.
    #[must_use]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether the alert asks for the user (1100 to 1104).
    #[must_use]
    pub const fn is_user_interaction(self) -> bool {
        matches!(self.0, 1100..=1104)
    }
}

codes! { AlertCode:
    DISPLAY = 1100 "display a text to the user";
    CONFIRM = 1101 "ask the user to confirm or reject";
    TEXT_INPUT = 1102 "ask the user for text";
    SINGLE_CHOICE = 1103 "ask the user to choose one";
    MULTIPLE_CHOICE = 1104 "ask the user to choose several";
    SERVER_INITIATED = 1200 "server-initiated session";
    CLIENT_INITIATED = 1201 "client-initiated session";
    NEXT_MESSAGE = 1222 "next message, please";
    SESSION_ABORT = 1223 "session abort";
    CLIENT_EVENT = 1224 "client event";
    NO_END_OF_DATA = 1225 "end of data of a large object is missing";
    GENERIC_ALERT = 1226 "generic alert";
}

macro_rules! show {
    ($($name:ident)*) => {$(
        /// The number, as on the wire.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.meaning() {
                    Some(meaning) => write!(f, "{} ({meaning})", self.0),
                    None => write!(f, "{}", self.0),
                }
            }
        }
    )*};
}

show! { StatusCode AlertCode }

//! What an adapter can do, and what it answers.

use core::fmt;

use dm_syncml::StatusCode;
use dm_tree::Value;

use super::operation::{NativeCommands, NativeOp};

/// What an adapter can do for a device. What it cannot do is answered without asking it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct AdapterCapabilities {
    /// The commands it has a meaning for.
    pub commands: NativeCommands,
    /// The longest value it takes, in octets.
    pub max_octets: u32,
    /// Whether it may answer [`NativeResult::Pending`].
    pub is_asynchronous: bool,
}

impl AdapterCapabilities {
    /// These commands, values of 64 KiB at most, answers at once.
    #[must_use]
    pub const fn new(commands: NativeCommands) -> Self {
        Self { commands, max_octets: 1 << 16, is_asynchronous: false }
    }

    /// Sets [`max_octets`](Self::max_octets).
    #[must_use]
    pub const fn with_max_octets(mut self, max: u32) -> Self {
        self.max_octets = max;
        self
    }

    /// Sets [`is_asynchronous`](Self::is_asynchronous).
    #[must_use]
    pub const fn with_asynchronous(mut self, may: bool) -> Self {
        self.is_asynchronous = may;
        self
    }

    /// Why an operation cannot be done.
    pub(super) fn refusal(&self, op: &NativeOp) -> Option<StatusCode> {
        if !self.commands.contains(op.command()) {
            return Some(StatusCode::NOT_SUPPORTED);
        }
        (op.octets() > self.max_octets as usize).then_some(StatusCode::TOO_LARGE)
    }
}

/// Names one operation given to an adapter. The same token is the same operation: an adapter that has it already
/// answers what it answered before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NativeToken(pub(super) u64);

impl NativeToken {
    /// The token with this number, as when it was kept outside the process.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for NativeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {}", self.0)
    }
}

/// What an adapter answers.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum NativeResult {
    /// It is done; with the value, if one was asked for.
    Done(Option<Value>),
    /// It was begun, and another answer follows.
    Pending,
    /// The device has nothing like it.
    Unsupported,
    /// There is no such thing on the device.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// The device does not allow it.
    Denied,
    /// The value makes no sense to the device.
    BadValue,
    /// The value is too large for the device.
    TooLarge,
    /// The device cannot now.
    Busy,
    /// Any other failure, by the number the device's own protocol has for it.
    Failed(u32),
}

impl NativeResult {
    /// The Status that says so to a server: what has no counterpart is 500.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Done(_) => StatusCode::OK,
            Self::Pending => StatusCode::ACCEPTED,
            Self::Unsupported => StatusCode::NOT_SUPPORTED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::AlreadyExists => StatusCode::ALREADY_EXISTS,
            Self::Denied => StatusCode::PERMISSION_DENIED,
            Self::BadValue => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::TOO_LARGE,
            Self::Busy => StatusCode::RETRY_LATER,
            Self::Failed(_) => StatusCode::COMMAND_FAILED,
        }
    }
}

//! The operations of a job, as far as the fanout needs to know them: what repeating one would do.

use dm_syncml::StatusCode;

/// What may happen when an operation is sent again because its answer was lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OpClass {
    /// It changes nothing, like Get.
    Safe,
    /// Doing it twice is doing it once, like Replace and Delete.
    Idempotent,
    /// Doing it twice fails the second time, and only the value found shows whether the first time worked: Add.
    Guarded,
    /// Doing it twice does it twice, like Exec and everything that may hold one.
    Unsafe,
}

/// One operation of a job. What it says to the device stays with the owner of the job, who knows it by its index.
///
/// ```
/// use gwmo_model::{Op, OpClass};
///
/// assert_eq!(Op::replace().class(), OpClass::Idempotent);
/// assert_eq!(Op::new(OpClass::Unsafe), Op::exec());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Op {
    class: OpClass,
    /// The answer to a repetition which says that the first time had worked; 0 for none.
    already_done: u16,
    asynchronous: bool,
    stops: bool,
}

impl Op {
    /// An operation of this class: for Sequence and Atomic the highest class among their members.
    #[must_use]
    pub const fn new(class: OpClass) -> Self {
        Self { class, already_done: 0, asynchronous: false, stops: false }
    }

    /// A Get.
    #[must_use]
    pub const fn get() -> Self {
        Self::new(OpClass::Safe)
    }

    /// A Replace.
    #[must_use]
    pub const fn replace() -> Self {
        Self::new(OpClass::Idempotent)
    }

    /// A Copy onto a target that the copy replaces.
    #[must_use]
    pub const fn copy() -> Self {
        Self::new(OpClass::Idempotent)
    }

    /// A Delete: 404 to a repetition means that it is gone.
    #[must_use]
    pub const fn delete() -> Self {
        Self { already_done: StatusCode::NOT_FOUND.get(), ..Self::new(OpClass::Idempotent) }
    }

    /// An Add: 418 to a repetition means that it is there, if the value is the one that was added
    /// ([`Answer::with_same_value`]).
    #[must_use]
    pub const fn add() -> Self {
        Self { already_done: StatusCode::ALREADY_EXISTS.get(), ..Self::new(OpClass::Guarded) }
    }

    /// An Exec.
    #[must_use]
    pub const fn exec() -> Self {
        Self::new(OpClass::Unsafe)
    }

    /// Declares that 202 to it is not the end: the device says later, by
    /// [`Fanout::handle_async_done`](crate::Fanout::handle_async_done), what became of it.
    #[must_use]
    pub const fn asynchronous(mut self) -> Self {
        self.asynchronous = true;
        self
    }

    /// Leaves out the operations after it on a device where it fails, rather than going on.
    #[must_use]
    pub const fn stop_on_error(mut self) -> Self {
        self.stops = true;
        self
    }

    /// Whether 202 to it is not the end.
    #[must_use]
    pub const fn is_asynchronous(self) -> bool {
        self.asynchronous
    }

    /// Whether its failure ends the work on a device.
    #[must_use]
    pub const fn stops_on_error(self) -> bool {
        self.stops
    }

    /// What repeating it would do.
    #[must_use]
    pub const fn class(self) -> OpClass {
        self.class
    }

    /// Whether an answer says that the operation has its effect.
    pub(super) fn is_done(self, answer: &Answer<'_>, replayed: bool) -> bool {
        let proven = self.class != OpClass::Guarded || answer.same_value;
        is_done(answer.status)
            || replayed && self.already_done != 0 && self.already_done == answer.status.get() && proven
    }
}

/// Class 2 has members that say the opposite: cancelled, not executed, rolled back; and one that is not final.
fn is_done(status: StatusCode) -> bool {
    let undone = matches!(
        status,
        StatusCode::CANCELLED
            | StatusCode::NOT_EXECUTED
            | StatusCode::ROLLED_BACK
            | StatusCode::CHUNK_ACCEPTED
    );
    status.is_success() && !undone
}

/// Statuses by which a device refuses the gateway rather than the command.
pub(super) fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS | StatusCode::PERMISSION_DENIED
    )
}

/// What a device answered to one operation: its final Status and, for a Get, what it returned.
///
/// ```
/// use dm_syncml::StatusCode;
/// use gwmo_model::Answer;
///
/// let answer = Answer::new(StatusCode::OK).with_data(b"2.1.0").with_format("chr").with_media_type("text/plain");
/// assert_eq!(answer.status(), StatusCode::OK);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'a> {
    status: StatusCode,
    data: Option<&'a [u8]>,
    format: Option<&'a str>,
    media_type: Option<&'a str>,
    same_value: bool,
    /// Octets of data, when they were cut already.
    size: usize,
}

impl<'a> Answer<'a> {
    /// A Status without data.
    #[must_use]
    pub const fn new(status: StatusCode) -> Self {
        Self { status, data: None, format: None, media_type: None, same_value: false, size: 0 }
    }

    /// Adds what was returned. It is stored as far as there is room ([`FanoutLimits`](crate::FanoutLimits)).
    #[must_use]
    pub const fn with_data(mut self, data: &'a [u8]) -> Self {
        self.data = Some(data);
        self
    }

    /// Adds the `Format` of the data.
    #[must_use]
    pub const fn with_format(mut self, format: &'a str) -> Self {
        self.format = Some(format);
        self
    }

    /// Adds the `Type` of the data.
    #[must_use]
    pub const fn with_media_type(mut self, media_type: &'a str) -> Self {
        self.media_type = Some(media_type);
        self
    }

    /// Vouches, with 418 to a repeated Add, that the value was read back and is the one that was to be added.
    #[must_use]
    pub const fn with_same_value(mut self) -> Self {
        self.same_value = true;
        self
    }

    /// The Status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) const fn with_size(mut self, size: usize) -> Self {
        self.size = size;
        self
    }

    /// Octets the device returned.
    pub(super) fn size(&self) -> usize {
        self.data.map_or(0, <[u8]>::len).max(self.size)
    }

    pub(super) const fn is_same_value(&self) -> bool {
        self.same_value
    }

    pub(super) const fn parts(&self) -> (Option<&'a [u8]>, Option<&'a str>, Option<&'a str>) {
        (self.data, self.format, self.media_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_two_is_not_always_success() {
        let ok = |code| Op::get().is_done(&Answer::new(StatusCode::new(code)), false);
        for code in [200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212] {
            assert!(ok(code), "{code}");
        }
        for code in [0, 101, 199, 213, 214, 215, 216, 300, 304, 404, 425, 500, 599, 65535] {
            assert!(!ok(code), "{code}");
        }
    }

    #[test]
    fn a_repetition_may_find_its_work_done() {
        let gone = Answer::new(StatusCode::NOT_FOUND);
        let there = Answer::new(StatusCode::ALREADY_EXISTS);
        assert!(!Op::delete().is_done(&gone, false));
        assert!(Op::delete().is_done(&gone, true));
        assert!(!Op::replace().is_done(&gone, true), "what was replaced must be there");
        assert!(!Op::add().is_done(&there, true), "somebody else may have added it");
        assert!(!Op::add().is_done(&there.with_same_value(), false), "the first time it was there before us");
        assert!(Op::add().is_done(&there.with_same_value(), true));
    }
}

//! Whether a device is there: the states of a record, and what moves it from one to another.

/// Whether a registered device is there: the two values of GwMO-DI-003.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum AttachStatus {
    /// The device is there.
    Attached,
    /// The device is registered, but not there.
    Detached,
}

impl AttachStatus {
    /// The value of an `AttachStatus` node: 1 attached, 2 detached.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Attached => 1,
            Self::Detached => 2,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Detached => "detached",
        }
    }
}

/// Why a device is no longer there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DetachReason {
    /// It said goodbye, or its link went down.
    Left,
    /// It gave no sign of life for its lifetime.
    Timeout,
    /// It is attached somewhere else now.
    Moved,
    /// It was deleted from the inventory.
    Forgotten,
}

impl DetachReason {
    /// Every reason, in the order of the enum.
    pub const ALL: [Self; 4] = [Self::Left, Self::Timeout, Self::Moved, Self::Forgotten];

    /// The word for it, as alerts carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Timeout => "timeout",
            Self::Moved => "moved",
            Self::Forgotten => "forgotten",
        }
    }

    /// The reason with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// Where a record stands. [`AttachStatus`] is what servers see of it.
///
/// A change of status must hold for [`InventoryConfig::debounce`](crate::InventoryConfig::debounce) before it counts;
/// while it has not, the device is `Seen` or `Fading`, and what was is what counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Presence {
    /// Registered, never attached.
    Registered,
    /// Seen, not long enough to count.
    Seen,
    /// There.
    Attached,
    /// Gone, not long enough to count.
    Fading,
    /// No longer there.
    Detached,
}

/// What happens to the presence of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// It is seen.
    Seen,
    /// It is gone, as far as one can tell.
    Gone,
    /// It is gone for certain: it was silent too long, is elsewhere, or is to be forgotten.
    Lost,
    /// What it was last seen as has held for the debounce time.
    Held,
}

impl Presence {
    /// Every state, in the order of the enum.
    pub const ALL: [Self; 5] = [Self::Registered, Self::Seen, Self::Attached, Self::Fading, Self::Detached];

    /// What servers see of it.
    #[must_use]
    pub const fn status(self) -> AttachStatus {
        match self {
            Self::Attached | Self::Fading => AttachStatus::Attached,
            Self::Registered | Self::Seen | Self::Detached => AttachStatus::Detached,
        }
    }

    /// The state after an event, for a device that was attached before or not.
    pub(super) const fn after(self, event: Event, debounced: bool, attached_before: bool) -> Self {
        match (self, event) {
            (Self::Registered | Self::Detached, Event::Seen) if debounced => Self::Seen,
            (Self::Registered | Self::Detached, Event::Seen) => Self::Attached,
            (Self::Seen, Event::Seen) => Self::Seen,
            (Self::Seen, Event::Held) => Self::Attached,
            (Self::Seen, Event::Gone | Event::Lost) if attached_before => Self::Detached,
            (Self::Seen, Event::Gone | Event::Lost) => Self::Registered,
            (Self::Attached | Self::Fading, Event::Seen) => Self::Attached,
            (Self::Attached, Event::Gone) if debounced => Self::Fading,
            (Self::Attached, Event::Gone) => Self::Detached,
            (Self::Fading, Event::Gone) => Self::Fading,
            (Self::Attached | Self::Fading, Event::Lost) | (Self::Fading, Event::Held) => Self::Detached,
            (Self::Attached, Event::Held) => Self::Attached,
            (Self::Registered | Self::Detached, Event::Gone | Event::Lost | Event::Held) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;

    /// All states and events, debounced, for a device that was never attached and one that was.
    #[test]
    fn every_state_and_event() {
        let mut table = String::new();
        for before in [false, true] {
            for state in Presence::ALL {
                table += &format!("{state:?}:");
                for event in [Event::Seen, Event::Gone, Event::Lost, Event::Held] {
                    table += &format!(" {:?}", state.after(event, true, before));
                }
                table.push('\n');
            }
        }
        let expected = "\
            Registered: Seen Registered Registered Registered\n\
            Seen: Seen Registered Registered Attached\n\
            Attached: Attached Fading Detached Attached\n\
            Fading: Attached Fading Detached Detached\n\
            Detached: Seen Detached Detached Detached\n\
            Registered: Seen Registered Registered Registered\n\
            Seen: Seen Detached Detached Attached\n\
            Attached: Attached Fading Detached Attached\n\
            Fading: Attached Fading Detached Detached\n\
            Detached: Seen Detached Detached Detached\n";
        assert_eq!(table, expected);
    }

    #[test]
    fn without_debounce_a_change_counts_at_once() {
        assert_eq!(Presence::Registered.after(Event::Seen, false, false), Presence::Attached);
        assert_eq!(Presence::Detached.after(Event::Seen, false, true), Presence::Attached);
        assert_eq!(Presence::Attached.after(Event::Gone, false, true), Presence::Detached);
    }
}

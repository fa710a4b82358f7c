//! An inventory in a few numbers, and lists of what matches.

use alloc::boxed::Box;

use crate::device::Serial;
use crate::mode::Mode;

/// The inventory in a few numbers (GwMO-DI-002).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// Changes with every change of any record, so two equal revisions mean nothing happened.
    pub rev: u64,
    /// Registered devices.
    pub total: u32,
    /// Those that are there.
    pub attached: u32,
    /// Those that are not.
    pub detached: u32,
    /// How many are in which mode.
    pub by_mode: ModeCounts,
}

/// How many devices are in which mode. Those for which none was chosen yet are in none.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ModeCounts([u32; 3]);

/// In the order of their numbers.
const MODES: [Mode; 3] = [Mode::Transparent, Mode::Proxy, Mode::Adaptation];

impl ModeCounts {
    pub(super) const NONE: Self = Self([0; 3]);

    /// How many are in this mode.
    #[must_use]
    pub fn get(&self, mode: Mode) -> u32 {
        self.iter().find_map(|(known, count)| (known == mode).then_some(count)).unwrap_or(0)
    }

    /// Every mode with its number of devices, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Mode, u32)> {
        MODES.into_iter().zip(self.0)
    }

    fn add(&mut self, mode: Mode, more: u32) {
        let slots = MODES.into_iter().zip(&mut self.0);
        for (_, count) in slots.filter(|(known, _)| *known == mode) {
            *count = count.saturating_add(more);
        }
    }

    pub(super) fn count(&mut self, mode: Option<Mode>, more: bool) {
        let slots = MODES.into_iter().zip(&mut self.0);
        for (_, count) in slots.filter(|(known, _)| Some(*known) == mode) {
            *count = if more { *count + 1 } else { count.saturating_sub(1) };
        }
    }
}

impl FromIterator<(Mode, u32)> for ModeCounts {
    /// Counts of one mode add up.
    fn from_iter<I: IntoIterator<Item = (Mode, u32)>>(counts: I) -> Self {
        let mut all = Self::NONE;
        counts.into_iter().for_each(|(mode, count)| all.add(mode, count));
        all
    }
}

/// The devices that matched at one moment, by ascending serial. What happens later does not change it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selection {
    pub(super) rev: u64,
    pub(super) serials: Box<[Serial]>,
}

impl Selection {
    /// The revision of the inventory it was taken at.
    #[must_use]
    pub const fn rev(&self) -> u64 {
        self.rev
    }

    /// The devices.
    #[must_use]
    pub const fn serials(&self) -> &[Serial] {
        &self.serials
    }

    /// At most `most` of the devices, after this one or from the first on. The last of a page leads to the next; an empty
    /// page says that there is none.
    #[must_use]
    pub fn page(&self, after: Option<Serial>, most: usize) -> &[Serial] {
        let from = after.map_or(0, |after| self.serials.partition_point(|&serial| serial <= after));
        let rest = &self.serials[from..];
        &rest[..rest.len().min(most)]
    }
}

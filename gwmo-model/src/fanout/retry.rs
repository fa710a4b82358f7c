//! Which targets of a job are tried once more.

use alloc::vec::Vec;

use super::target::{Target, TargetState};
use crate::device::Serial;

/// Which targets of a job are tried once more; never one that is ok.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Which {
    /// All that are not ok.
    #[default]
    NotOk,
    /// Those that ended in one of these states.
    States(Vec<TargetState>),
    /// These devices.
    Devices(Vec<Serial>),
}

impl Which {
    pub(super) fn takes(&self, target: &Target) -> bool {
        target.state.is_terminal()
            && target.state != TargetState::Ok
            && match self {
                Self::NotOk => true,
                Self::States(states) => states.contains(&target.state),
                Self::Devices(serials) => serials.contains(&target.serial),
            }
    }
}

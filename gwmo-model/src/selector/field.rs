//! The fields a selector can ask for.

use crate::device::DeviceId;
use crate::inventory::{AttachStatus, Component, DeviceRecord, Fact, FactSet};
use crate::mode::Mode;

/// A leaf of a device's record that a selector can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Field {
    /// `DevID`, what the device calls itself.
    DevId,
    /// `CompType`: 0 end device, 1 child gateway.
    CompType,
    /// `AttachStatus`: 1 attached, 2 detached.
    AttachStatus,
    /// `Epoch`, the count of attachments.
    Epoch,
    /// `Mode` in force: 1 transparent, 2 proxy, 4 adaptation.
    Mode,
    /// `ModeReq`, the mode a server wishes.
    ModeReq,
    /// `Boot/State`: 0 none, 1 offered, 2 confirmed, 3 failed.
    BootState,
    /// `Asleep`: 0 or 1.
    Asleep,
    /// `MOs`, the identifiers of the management objects it has.
    Mos,
    /// `Servers`, the identifiers of the servers it is bootstrapped to.
    Servers,
    /// `Addr/Local`, `Addr/Public`, `Proto`, `Info/Man`, `Info/Mod`, `Info/Hw`, `Info/Fw` or `Info/Sw`.
    Text(Fact),
}

/// What is known of a field.
pub(super) enum Known<'a> {
    Nothing,
    Number(u64),
    Text(&'a str),
    Id(&'a DeviceId),
    Mos,
    Servers,
}

/// Every field under its own name.
const FIELDS: [(&str, Field); 18] = [
    ("DevID", Field::DevId),
    ("CompType", Field::CompType),
    ("AttachStatus", Field::AttachStatus),
    ("Epoch", Field::Epoch),
    ("Mode", Field::Mode),
    ("ModeReq", Field::ModeReq),
    ("Boot/State", Field::BootState),
    ("Asleep", Field::Asleep),
    ("MOs", Field::Mos),
    ("Servers", Field::Servers),
    ("Addr/Local", Field::Text(Fact::LocalAddress)),
    ("Addr/Public", Field::Text(Fact::PublicAddress)),
    ("Proto", Field::Text(Fact::Protocol)),
    ("Info/Man", Field::Text(Fact::Manufacturer)),
    ("Info/Mod", Field::Text(Fact::Model)),
    ("Info/Hw", Field::Text(Fact::Hardware)),
    ("Info/Fw", Field::Text(Fact::Firmware)),
    ("Info/Sw", Field::Text(Fact::Software)),
];

/// What DevInfo and DevDetail call some of them; read, never shown.
const OTHER_NAMES: [(&str, Fact); 5] = [
    ("Man", Fact::Manufacturer),
    ("Mod", Fact::Model),
    ("HwV", Fact::Hardware),
    ("FwV", Fact::Firmware),
    ("SwV", Fact::Software),
];

impl Field {
    /// Its name in selectors: that of the leaf in a device's record.
    #[must_use]
    pub fn path(self) -> &'static str {
        FIELDS.iter().find_map(|&(path, field)| (field == self).then_some(path)).unwrap_or_default()
    }

    /// The field with this name, its own or what DevInfo and DevDetail call it.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        let own = FIELDS.iter().find_map(|&(known, field)| (known == path).then_some(field));
        let other =
            || OTHER_NAMES.iter().find_map(|&(known, fact)| (known == path).then_some(Self::Text(fact)));
        own.or_else(other)
    }

    pub(super) const fn is_number(self) -> bool {
        !matches!(self, Self::DevId | Self::Mos | Self::Servers | Self::Text(_))
    }

    pub(super) const fn fact_set(self) -> FactSet {
        match self {
            Self::DevId => FactSet::REGISTERED,
            Self::CompType => FactSet::COMPONENT,
            Self::AttachStatus => FactSet::ATTACH_STATUS,
            Self::Epoch => FactSet::EPOCH,
            Self::Mode => FactSet::MODE,
            Self::ModeReq => FactSet::MODE_WISH,
            Self::BootState => FactSet::BOOT,
            Self::Asleep => FactSet::SLEEP,
            Self::Mos => FactSet::MOS,
            Self::Servers => FactSet::SERVERS,
            Self::Text(fact) => FactSet::of(fact),
        }
    }

    pub(super) fn known(self, record: &DeviceRecord) -> Known<'_> {
        let number =
            |number: Option<u8>| number.map_or(Known::Nothing, |number| Known::Number(number.into()));
        match self {
            Self::DevId => Known::Id(record.id()),
            Self::CompType => number(Some(Component::number(record.component()))),
            Self::AttachStatus => number(Some(AttachStatus::number(record.status()))),
            Self::Epoch => Known::Number(record.epoch()),
            Self::Mode => number(record.mode().map(Mode::get)),
            Self::ModeReq => number(record.mode_wish().map(Mode::get)),
            Self::BootState => number(Some(record.boot_state().number())),
            Self::Asleep => number(Some(record.asleep_until().is_some().into())),
            Self::Mos => Known::Mos,
            Self::Servers => Known::Servers,
            Self::Text(fact) => record.fact(fact).map_or(Known::Nothing, Known::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_one_name_and_a_fact() {
        for (path, field) in FIELDS {
            assert_eq!((field.path(), Field::from_path(path)), (path, Some(field)));
            assert!(!field.fact_set().is_empty());
        }
        assert_eq!(Field::from_path("FwV"), Some(Field::Text(Fact::Firmware)));
        assert_eq!(Field::from_path("Fw"), None);
    }
}

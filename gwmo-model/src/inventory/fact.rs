//! What can be known of a device, and sets of such facts.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;
use core::ops::BitOr;

use dm_syncml::session::TransportSecurity;

use crate::identifier::unprintable;

/// A text known of a device, besides its identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Fact {
    /// The address on the gateway's side.
    LocalAddress,
    /// The publicly routable address, if there is one (GwMO use case B.1).
    PublicAddress,
    /// What the device speaks, such as `dm/1.2` or `zigbee`.
    Protocol,
    /// `Man` of DevInfo.
    Manufacturer,
    /// `Mod` of DevInfo.
    Model,
    /// `HwV` of DevDetail.
    Hardware,
    /// `FwV` of DevDetail.
    Firmware,
    /// `SwV` of DevDetail.
    Software,
}

impl Fact {
    /// Every fact, in the order of the enum.
    pub const ALL: [Self; Self::COUNT] = [
        Self::LocalAddress,
        Self::PublicAddress,
        Self::Protocol,
        Self::Manufacturer,
        Self::Model,
        Self::Hardware,
        Self::Firmware,
        Self::Software,
    ];

    pub(crate) const COUNT: usize = 8;

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// Which facts of a device changed, or are looked at.
///
/// ```
/// use gwmo_model::{Fact, FactSet};
///
/// let changed = FactSet::of(Fact::Firmware) | FactSet::ATTACH_STATUS;
/// assert!(changed.overlaps(FactSet::ATTACH_STATUS | FactSet::MODE));
/// assert!(!changed.overlaps(FactSet::of(Fact::Model)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct FactSet(u32);

impl FactSet {
    /// None.
    pub const EMPTY: Self = Self(0);
    /// Whether it is registered, and its identifier, which never changes.
    pub const REGISTERED: Self = Self(1 << 8);
    /// Whether it is there (GwMO-DI-003).
    pub const ATTACH_STATUS: Self = Self(1 << 9);
    /// Its count of attachments.
    pub const EPOCH: Self = Self(1 << 10);
    /// Device or gateway.
    pub const COMPONENT: Self = Self(1 << 11);
    /// The mode in force.
    pub const MODE: Self = Self(1 << 12);
    /// The mode a server wishes.
    pub const MODE_WISH: Self = Self(1 << 13);
    /// The management objects it has.
    pub const MOS: Self = Self(1 << 14);
    /// The servers it is bootstrapped to.
    pub const SERVERS: Self = Self(1 << 15);
    /// How far its bootstrap came.
    pub const BOOT: Self = Self(1 << 16);
    /// Whether and how it sleeps.
    pub const SLEEP: Self = Self(1 << 17);

    /// How many there are.
    pub(crate) const COUNT: usize = 18;

    /// This text alone.
    #[must_use]
    pub const fn of(fact: Fact) -> Self {
        Self(1 << fact.index())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the two have one in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` are in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The positions of those in it, ascending, below [`COUNT`](Self::COUNT).
    pub(crate) fn indices(self) -> impl Iterator<Item = usize> {
        (0..Self::COUNT).filter(move |at| self.0 & (1 << at) != 0)
    }
}

impl BitOr for FactSet {
    type Output = Self;

    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0)
    }
}

impl fmt::Debug for FactSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; FactSet::COUNT] = [
            "LocalAddress",
            "PublicAddress",
            "Protocol",
            "Manufacturer",
            "Model",
            "Hardware",
            "Firmware",
            "Software",
            "Registered",
            "AttachStatus",
            "Epoch",
            "Component",
            "Mode",
            "ModeWish",
            "Mos",
            "Servers",
            "Boot",
            "Sleep",
        ];
        f.debug_set().entries(self.indices().map(|at| NAMES[at])).finish()
    }
}

/// What a device looks like when it is seen: its epoch, and what it tells of itself.
///
/// A fact that is not given stays as it was known; an empty one is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sighting<'a> {
    epoch: u64,
    facts: [Option<&'a str>; Fact::COUNT],
    transport: TransportSecurity,
}

impl<'a> Sighting<'a> {
    /// A sighting in this epoch: the device's own count of its attachments, by which gateways agree who has it
    /// last (GwMO-HLF-002). Devices that do not count are always seen in epoch 0.
    #[must_use]
    pub const fn new(epoch: u64) -> Self {
        Self { epoch, facts: [None; Fact::COUNT], transport: TransportSecurity::Clear }
    }

    /// Adds a fact.
    #[must_use]
    pub const fn with(mut self, fact: Fact, value: &'a str) -> Self {
        self.facts[fact.index()] = Some(value);
        self
    }

    /// Says who else can read what is sent to the device there without a session. An inventory takes no notice of it; a
    /// [`Gateway`](crate::Gateway) sends no secrets over a link that is not confidential.
    #[must_use]
    pub const fn over(mut self, transport: TransportSecurity) -> Self {
        self.transport = transport;
        self
    }

    /// Who else can read what is sent to it there.
    #[must_use]
    pub const fn transport(&self) -> TransportSecurity {
        self.transport
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn facts(&self) -> impl Iterator<Item = (Fact, &'a str)> {
        Fact::ALL.into_iter().filter_map(|fact| Some((fact, self.facts[fact.index()]?)))
    }
}

/// The texts of a device behind each other, and where each ends.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Texts {
    text: Box<str>,
    ends: [u16; Fact::COUNT],
}

impl Texts {
    /// The longest one kept: all of them together have ends that an `u16` can say.
    pub(super) const MAX: usize = 8191;

    pub(super) fn get(&self, fact: Fact) -> Option<&str> {
        let at = fact.index();
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        self.text.get(usize::from(start)..usize::from(self.ends[at])).filter(|text| !text.is_empty())
    }

    /// With what a sighting tells, where that is new; an empty one is forgotten. What is longer than [`MAX`](Self::MAX)
    /// was refused before.
    pub(super) fn with(&self, sighting: &Sighting<'_>) -> Option<Self> {
        let new = |(fact, value): (Fact, &str)| self.get(fact).unwrap_or_default() != value;
        if !sighting.facts().any(new) {
            return None;
        }
        let mut text = String::new();
        let mut ends = [0; Fact::COUNT];
        for (fact, end) in Fact::ALL.into_iter().zip(&mut ends) {
            text.push_str(sighting.facts[fact.index()].or_else(|| self.get(fact)).unwrap_or_default());
            // At most `COUNT` times `MAX`.
            *end = u16::try_from(text.len()).unwrap_or(u16::MAX);
        }
        Some(Self { text: text.into_boxed_str(), ends })
    }

    /// Which ones differ.
    pub(super) fn changes(&self, other: &Self) -> FactSet {
        let differs = |fact: &Fact| self.get(*fact) != other.get(*fact);
        Fact::ALL.into_iter().filter(differs).fold(FactSet::EMPTY, |set, fact| set | FactSet::of(fact))
    }

    /// Whether it is what this machine would write; it may come from anywhere.
    pub(super) fn is_sound(&self) -> bool {
        let ascending =
            self.ends.is_sorted() && self.ends.iter().all(|&end| self.text.is_char_boundary(end.into()));
        ascending
            && self.text.len() == usize::from(self.ends[Fact::COUNT - 1])
            && unprintable(&self.text).is_none()
    }
}

/// Names in a row, such as those of management objects; none of them is empty.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Names(Option<Box<str>>);

impl Names {
    /// The names without repetitions, in the order they came in.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut joined = String::new();
        let mut seen = BTreeSet::new();
        for name in names {
            if seen.insert(name) {
                joined.push_str(name);
                joined.push('\n');
            }
        }
        joined.pop();
        Self((!joined.is_empty()).then(|| joined.into_boxed_str()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|joined| joined.split('\n'))
    }

    /// Whether it is what this machine would write.
    pub(super) fn is_sound(&self) -> bool {
        self.iter().all(|name| !name.is_empty() && unprintable(name).is_none())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn texts_stay_apart() {
        let names: Vec<_> = Fact::ALL.iter().map(|fact| fact.index().to_string()).collect();
        let all =
            Fact::ALL.iter().zip(&names).fold(Sighting::new(0), |seen, (fact, name)| seen.with(*fact, name));
        let before = Texts::default().with(&all).unwrap();
        assert!(before.with(&all).is_none() && before.with(&Sighting::new(0)).is_none());
        let after = before.with(&Sighting::new(0).with(Fact::Model, "").with(Fact::Software, "ü")).unwrap();
        assert_eq!(before.changes(&after), FactSet::of(Fact::Model) | FactSet::of(Fact::Software));
        for fact in Fact::ALL {
            let expected = match fact {
                Fact::Model => None,
                Fact::Software => Some("ü"),
                _ => Some(&*names[fact.index()]),
            };
            assert_eq!(after.get(fact), expected);
        }
        assert!(after.is_sound());
        for bad in [
            Texts { text: "ü".into(), ends: [1, 2, 2, 2, 2, 2, 2, 2] },
            Texts { text: "ab".into(), ends: [2, 1, 2, 2, 2, 2, 2, 2] },
            Texts { text: "ab".into(), ends: [1; 8] },
            Texts { text: "a\n".into(), ends: [2; 8] },
        ] {
            assert!(!bad.is_sound(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_told_once() {
        let names = Names::new(["b", "a", "b"]);
        assert_eq!(names.iter().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(Names::new([]).iter().count(), 0);
        assert!(!Names(Some("".into())).is_sound() && !Names(Some("a\n".into())).is_sound());
    }

    #[test]
    fn sets_of_facts() {
        let set = FactSet::of(Fact::Software) | FactSet::SLEEP;
        assert_eq!(set.indices().collect::<Vec<_>>(), [7, 17]);
        assert_eq!(alloc::format!("{set:?}"), r#"{"Software", "Sleep"}"#);
        assert!(set.contains(FactSet::SLEEP) && !FactSet::SLEEP.contains(set) && FactSet::EMPTY.is_empty());
    }
}

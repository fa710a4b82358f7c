//! In which mode a device is managed.

mod policy;

use core::fmt;
use core::ops::BitOr;

pub use policy::{
    MatchingRules, ModeChoice, ModeFacts, ModePolicy, ModePolicyError, ModeReason, ModeRule, ModeWish,
};

/// How a gateway stands between a device and its servers (GwMO RD §5.1), with the numbers of the node `Mode`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Mode {
    /// 1: notifications are passed on, and the device talks to its server itself.
    Transparent = 1,
    /// 2: the gateway is the device's server, and a client of the server.
    Proxy = 2,
    /// 4: as 2, with a device that does not speak OMA-DM.
    Adaptation = 4,
}

impl Mode {
    /// All there are, as they are preferred when nothing else decides: a device that trusts the gateway is managed by
    /// it, which is what jobs need; one that does not can at least be notified.
    pub const ALL: [Self; 3] = [Self::Proxy, Self::Transparent, Self::Adaptation];

    /// The mode with this number; `None` for any other, several at once included.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Transparent,
            2 => Self::Proxy,
            4 => Self::Adaptation,
            _ => return None,
        })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self as u8
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transparent => "transparent",
            Self::Proxy => "proxy",
            Self::Adaptation => "adaptation",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.get(), f)
    }
}

/// Several modes, such as those a gateway supports (`Modes/Supported`).
///
/// ```
/// use gwmo_model::{Mode, Modes};
///
/// let supported = Mode::Transparent | Mode::Proxy;
/// assert_eq!((supported.get(), supported.contains(Mode::Adaptation)), (3, false));
/// assert_eq!(Modes::new(7), Some(Modes::ALL));
/// assert_eq!(Modes::new(8), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Modes(u8);

impl Modes {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All there are.
    pub const ALL: Self = Self(7);

    /// The modes of these bits; `None` if one of the bits is no mode.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// The bits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether this one is among them.
    #[must_use]
    pub const fn contains(self, mode: Mode) -> bool {
        self.0 & mode.get() != 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These, in the order of [`Mode::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Mode> {
        Mode::ALL.into_iter().filter(move |&mode| self.contains(mode))
    }
}

impl From<Mode> for Modes {
    fn from(mode: Mode) -> Self {
        Self(mode.get())
    }
}

impl FromIterator<Mode> for Modes {
    fn from_iter<I: IntoIterator<Item = Mode>>(modes: I) -> Self {
        modes.into_iter().fold(Self::NONE, |all, mode| all | mode)
    }
}

impl BitOr<Mode> for Modes {
    type Output = Self;

    fn bitor(self, mode: Mode) -> Self {
        Self(self.0 | mode.get())
    }
}

impl BitOr for Mode {
    type Output = Modes;

    fn bitor(self, other: Self) -> Modes {
        Modes::from(self) | other
    }
}

impl fmt::Debug for Modes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Modes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(self.0)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Modes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bits = <u8 as serde::Deserialize<'de>>::deserialize(from)?;
        Self::new(bits).ok_or_else(|| serde::de::Error::custom("unknown modes"))
    }
}

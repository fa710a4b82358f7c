//! How a gateway deals with a device.

/// How a gateway deals with a device (GwMO-TMode-001, PMoDe-001, AMoDe-001). Devices of one gateway may be in different
/// modes at the same time (GwMO-MOO-001).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Mode {
    /// Notifications are checked and forwarded; the session is between the device and its server.
    Transparent,
    /// The gateway is client to the server and server to the device.
    Proxy,
    /// As proxy, but the device does not speak OMA-DM.
    Adaptation,
}

impl Mode {
    /// Every mode, in the order of the enum.
    pub const ALL: [Self; 3] = [Self::Transparent, Self::Proxy, Self::Adaptation];

    /// The value of a `Mode` node, and the bit in a set of modes: 1 transparent, 2 proxy, 4 adaptation.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Transparent => 1,
            Self::Proxy => 2,
            Self::Adaptation => 4,
        }
    }

    /// The mode with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Transparent),
            2 => Some(Self::Proxy),
            4 => Some(Self::Adaptation),
            _ => None,
        }
    }
}

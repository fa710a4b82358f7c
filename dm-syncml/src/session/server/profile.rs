//! What kinds of devices cannot do, or do otherwise.

/// What a server session has to know about a kind of device, beside what the device says by itself.
///
/// Beside what a device says by itself ([`Capabilities`](crate::session::Capabilities)) it stands for what a whole kind is known for; a
/// command goes out when neither of the two says no.
///
/// A profile changes what is sent, never what is understood: reading is lenient towards everyone where it can be
/// ([`Quirks`](crate::Quirks) are for what cannot even be decoded).
///
/// ```
/// use dm_syncml::session::DeviceProfile;
///
/// assert!(DeviceProfile::WINDOWS.exec_in_atomic && !DeviceProfile::WINDOWS.user_interaction);
/// assert_eq!(DeviceProfile::default(), DeviceProfile::STANDARD);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeviceProfile {
    /// It can ask the user (alerts 1100 to 1104). If not, they are given up as [`NotOffered`](crate::session::GivenUp::NotOffered).
    pub user_interaction: bool,
    /// It knows the Correlator of an Exec. If not, Execs are sent without.
    pub correlator: bool,
    /// It knows Copy. If not, Copies are given up.
    pub copy: bool,
    /// It takes an Exec inside an Atomic, which DM 1.2.1 excludes and Microsoft demands for certificates.
    pub exec_in_atomic: bool,
    /// It takes large objects in chunks. If not, what is too large for one message is given up.
    pub large_objects: bool,
    /// It asks for the rest of a package that has no Final. If not, every message has one, and statuses that find no room come with
    /// the answer to its next message; if there is none, [`Unsaid`](crate::session::ServerEvent::Unsaid) counts them.
    pub several_messages: bool,
}

impl DeviceProfile {
    /// A device that does what DM 1.2.1 says.
    pub const STANDARD: Self = Self {
        user_interaction: true,
        correlator: true,
        copy: true,
        exec_in_atomic: false,
        large_objects: true,
        several_messages: true,
    };

    /// The management client of Windows (MS-MDM): no user interaction, no Correlator, no Copy, no large objects; Exec inside Atomic.
    pub const WINDOWS: Self = Self {
        user_interaction: false,
        correlator: false,
        copy: false,
        exec_in_atomic: true,
        large_objects: false,
        several_messages: true,
    };

    /// Clients built on libdmclient: no large objects, no asking for next messages.
    pub const LIBDMCLIENT: Self = Self { large_objects: false, several_messages: false, ..Self::STANDARD };

    /// Sets [`user_interaction`](Self::user_interaction).
    #[must_use]
    pub const fn with_user_interaction(mut self, offered: bool) -> Self {
        self.user_interaction = offered;
        self
    }

    /// Sets [`large_objects`](Self::large_objects), as a device's `./DevDetail/LrgObj` tells it.
    #[must_use]
    pub const fn with_large_objects(mut self, offered: bool) -> Self {
        self.large_objects = offered;
        self
    }
}

impl Default for DeviceProfile {
    fn default() -> Self {
        Self::STANDARD
    }
}

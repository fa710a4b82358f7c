//! What an image is asked to be.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use core::fmt;

use super::digest::ContentDigest;
use crate::device::DeviceId;
use crate::group::GroupId;
use crate::identifier::identifier;

identifier! {
    /// The name a server gives its image (`ID`), at most 64 octets. Adding an image twice under one key adds it once.
    ImageKey, 64
}

/// A number that is given once, shown in decimal.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub struct $name($inner);

        impl $name {
            /// The one with this number.
            #[must_use]
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The number itself.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($what, " {}"), self.0)
            }
        }
    };
}

number! {
    /// The number of an image, from 1 on and never given again.
    ImageNo, u32, "image"
}

number! {
    /// The number of a piece of content on storage, from 1 on and never given again. It is also the attempt to bring
    /// it in: what is reported of an attempt that was given up names content that is gone, and is passed over.
    BlobNo, u64, "blob"
}

number! {
    /// One answer to a device that reads an image; valid until the machine is restored.
    ServeNo, u64, "serve"
}

/// Who may read an image (`Scope`). Empty: the devices of the jobs that use it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Scope {
    pub(super) devices: BTreeSet<DeviceId>,
    pub(super) groups: BTreeSet<GroupId>,
}

impl Scope {
    /// Adds a device, which need not be registered.
    #[must_use]
    pub fn with_device(mut self, device: DeviceId) -> Self {
        self.devices.insert(device);
        self
    }

    /// Adds the members of a group, which need not exist.
    #[must_use]
    pub fn with_group(mut self, group: GroupId) -> Self {
        self.groups.insert(group);
        self
    }

    /// Whether nobody is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.groups.is_empty()
    }

    /// How many are named.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.len() + self.groups.len()
    }

    /// The devices.
    pub fn devices(&self) -> impl ExactSizeIterator<Item = &DeviceId> {
        self.devices.iter()
    }

    /// The groups.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &GroupId> {
        self.groups.iter()
    }
}

/// What a server says of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ImageSpec {
    /// A label.
    pub name: Option<Box<str>>,
    /// The version of what is in it.
    pub version: Option<Box<str>>,
    /// The media type.
    pub media_type: Option<Box<str>>,
    /// Where it can be fetched from, for alternative download.
    pub source: Option<Box<str>>,
    /// Its length in octets. With it less room is set aside, and content of another length is refused.
    pub size: Option<u64>,
    /// Its digest.
    pub digest: Option<ContentDigest>,
    /// Whether it may be stored (DCIS-003). Default yes.
    pub cacheable: bool,
    /// Who may read it.
    pub scope: Scope,
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self {
            name: None,
            version: None,
            media_type: None,
            source: None,
            size: None,
            digest: None,
            cacheable: true,
            scope: Scope::default(),
        }
    }
}

impl ImageSpec {
    /// An image of which nothing is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`source`](Self::source).
    #[must_use]
    pub fn with_source(mut self, url: &str) -> Self {
        self.source = Some(url.into());
        self
    }

    /// Sets [`size`](Self::size).
    #[must_use]
    pub const fn with_size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// Sets [`digest`](Self::digest).
    #[must_use]
    pub const fn with_digest(mut self, digest: ContentDigest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Sets [`cacheable`](Self::cacheable).
    #[must_use]
    pub const fn with_cacheable(mut self, cacheable: bool) -> Self {
        self.cacheable = cacheable;
        self
    }

    /// Sets [`scope`](Self::scope).
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets the label, the version and the media type.
    #[must_use]
    pub fn with_labels(mut self, name: &str, version: &str, media_type: &str) -> Self {
        (self.name, self.version) = (Some(name.into()), Some(version.into()));
        self.media_type = Some(media_type.into());
        self
    }

    pub(super) fn texts(&self) -> [&Option<Box<str>>; 4] {
        [&self.name, &self.version, &self.media_type, &self.source]
    }
}

//! What the platform says of an application.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// What the platform says of the application that calls: not what the application says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct ApplicationIdentity {
    /// The package it was installed from.
    pub package: String,
    /// Digests of the certificates its package was signed with.
    pub signers: BTreeSet<SignerDigest>,
    /// The user of the device it runs for, where the device has several.
    pub user: Option<u32>,
    /// Its version.
    pub version: Option<String>,
    /// Who installed it: a package name or a URL.
    pub installer: Option<String>,
}

impl ApplicationIdentity {
    /// An application of which only the package is known.
    #[must_use]
    pub fn new(package: impl Into<String>) -> Self {
        Self { package: package.into(), signers: BTreeSet::new(), user: None, version: None, installer: None }
    }

    /// Adds a signer.
    #[must_use]
    pub fn with_signer(mut self, signer: SignerDigest) -> Self {
        self.signers.insert(signer);
        self
    }

    /// Sets [`user`](Self::user).
    #[must_use]
    pub const fn with_user(mut self, user: u32) -> Self {
        self.user = Some(user);
        self
    }

    /// Sets [`version`](Self::version).
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Sets [`installer`](Self::installer).
    #[must_use]
    pub fn with_installer(mut self, installer: impl Into<String>) -> Self {
        self.installer = Some(installer.into());
        self
    }

    /// Whether both are the same application, perhaps in another version.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.package == other.package && self.signers == other.signers && self.user == other.user
    }
}

/// The SHA-256 digest of a signing certificate; hexadecimal in text, with or without colons.
///
/// ```
/// use dm_tree::application::SignerDigest;
///
/// let digest: SignerDigest = "0707070707070707070707070707070707070707070707070707070707070707".parse()?;
/// assert_eq!(digest, SignerDigest::new([7; 32]));
/// # Ok::<(), dm_tree::application::SignerDigestError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SignerDigest([u8; 32]);

impl SignerDigest {
    /// The digest itself.
    #[must_use]
    pub const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 hexadecimal digits")]
pub struct SignerDigestError;

impl FromStr for SignerDigest {
    type Err = SignerDigestError;

    fn from_str(text: &str) -> Result<Self, SignerDigestError> {
        let mut digits = text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16));
        let mut octets = [0; 32];
        for octet in &mut octets {
            let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) else {
                return Err(SignerDigestError);
            };
            *octet = (high << 4 | low) as u8;
        }
        if digits.next().is_some() { Err(SignerDigestError) } else { Ok(Self(octets)) }
    }
}

impl fmt::Display for SignerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for SignerDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

//! What vouches for a bootstrap message, and which proofs a device takes.

use core::ops::BitOr;

use dm_notification::bootstrap::{CheckedPin, CpSec, DmSec, Mac, MacKey, SharedSecrets};

use super::error::{BootstrapError, BootstrapErrorKind};
use super::policy::BootstrapPolicy;

/// What vouches for a bootstrap message.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Proof<'p> {
    /// Nothing. Always refused.
    Nothing,
    /// Where it comes from.
    Source(TrustedSource),
    /// SEC and MAC of a provisioning document that was pushed, and what the device knows.
    Cp(CpSec, Option<Mac>, &'p SharedSecrets),
    /// The digits the user typed for a provisioning document with SEC USERPINMAC.
    Typed(&'p str),
    /// SEC and MAC of a message of the DM profile that was pushed, and what the device knows.
    Dm(&'p DmSec, Mac, &'p SharedSecrets),
}

/// A place whose own security vouches for what is in it (DM Security 1.2.1, bootstrap).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrustedSource {
    /// The device was made with it.
    Factory,
    /// The card of the operator.
    SmartCard,
    /// A connection that authenticated the bootstrap server, TLS most likely.
    SecureTransport,
}

/// A set of proofs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ProofSet(u8);

impl ProofSet {
    /// None.
    pub const NONE: Self = Self(0);
    /// What the network knows: whoever learned the IMSI can make one.
    pub const NETWORK: Self = Self(1);
    /// A PIN that the user was told.
    pub const PIN: Self = Self(1 << 1);
    /// Both.
    pub const PIN_AND_NETWORK: Self = Self(1 << 2);
    /// A PIN with check digits.
    pub const TYPED_PIN: Self = Self(1 << 3);
    /// The factory.
    pub const FACTORY: Self = Self(1 << 4);
    /// The card.
    pub const SMART_CARD: Self = Self(1 << 5);
    /// A connection.
    pub const SECURE_TRANSPORT: Self = Self(1 << 6);
    /// All of them.
    pub const ALL: Self = Self(0x7F);

    /// Those of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in the other set.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for ProofSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl Proof<'_> {
    /// Checks that the policy takes it, and that it holds for these octets.
    pub(super) fn check(
        &self,
        octets: &[u8],
        profile: Profile,
        policy: &BootstrapPolicy,
    ) -> Result<(), BootstrapError> {
        let take = |needed: ProofSet| match policy.proofs.contains(needed) {
            true => Ok(()),
            false => Err(BootstrapError::new(BootstrapErrorKind::MethodRefused)),
        };
        let proof = |error: dm_notification::bootstrap::BootstrapError| {
            BootstrapError::new(BootstrapErrorKind::Proof(error.kind()))
        };
        let refused = || BootstrapError::new(BootstrapErrorKind::MethodRefused);
        match (self, profile) {
            (Self::Nothing, _) => Err(BootstrapErrorKind::Unproven.into()),
            (Self::Source(source), _) => take(match source {
                TrustedSource::Factory => ProofSet::FACTORY,
                TrustedSource::SmartCard => ProofSet::SMART_CARD,
                TrustedSource::SecureTransport => ProofSet::SECURE_TRANSPORT,
            }),
            (Self::Cp(sec, mac, secrets), Profile::Cp) => {
                take(match *sec {
                    CpSec::NETWPIN => ProofSet::NETWORK,
                    CpSec::USERPIN => ProofSet::PIN,
                    CpSec::USERNETWPIN => ProofSet::PIN_AND_NETWORK,
                    _ => return Err(refused()),
                })?;
                let mac = mac.as_ref().ok_or(BootstrapErrorKind::Unproven)?;
                MacKey::for_cp(*sec, secrets).and_then(|key| key.verify(octets, mac)).map_err(proof)
            }
            (Self::Typed(digits), Profile::Cp) => {
                take(ProofSet::TYPED_PIN)?;
                CheckedPin::verify_with_minimum(digits, octets, policy.min_pin_digits).map_err(proof)
            }
            (Self::Dm(sec, mac, secrets), Profile::Dm) => {
                take(if **sec == DmSec::NETWORKID {
                    ProofSet::NETWORK
                } else if **sec == DmSec::USERPIN {
                    ProofSet::PIN
                } else if **sec == DmSec::USERPIN_NETWORKID {
                    ProofSet::PIN_AND_NETWORK
                } else {
                    return Err(refused());
                })?;
                MacKey::for_dm(sec, secrets).and_then(|key| key.verify(octets, mac)).map_err(proof)
            }
            // A proof of the other profile says nothing of this one.
            _ => Err(refused()),
        }
    }
}

/// Which kind of bootstrap message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// A provisioning document.
    Cp,
    /// A DM message.
    Dm,
}

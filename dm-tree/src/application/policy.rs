//! Who is admitted, and with which rights: the device's decision.

use alloc::string::String;
use alloc::vec::Vec;

use super::grant::Grant;
use super::identity::{ApplicationIdentity, SignerDigest};
use crate::principal::ApplicationId;

/// Decides which applications may register, on what the platform says of them.
///
/// Any function of that signature is one; [`DenyAll`] and [`AllowedApplications`] are two ready-made.
pub trait RegistrationPolicy {
    /// The terms on which an application is admitted; `None` when it is not.
    fn decide(&self, identity: &ApplicationIdentity) -> Option<Admission>;
}

impl<F: Fn(&ApplicationIdentity) -> Option<Admission>> RegistrationPolicy for F {
    fn decide(&self, identity: &ApplicationIdentity) -> Option<Admission> {
        self(identity)
    }
}

/// Nobody is admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add to nothing")]
pub struct DenyAll;

impl RegistrationPolicy for DenyAll {
    fn decide(&self, _: &ApplicationIdentity) -> Option<Admission> {
        None
    }
}

/// The terms on which an application is admitted: what it is called, and what it may do where. Without grants it may
/// do nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    pub(super) id: ApplicationId,
    pub(super) grants: Vec<Grant>,
    pub(super) takes_over: bool,
}

impl Admission {
    /// An application that is called so and may do nothing yet. Where a device has several users, give one name to each user's.
    #[must_use]
    pub const fn new(id: ApplicationId) -> Self {
        Self { id, grants: Vec::new(), takes_over: false }
    }

    /// Adds rights.
    #[must_use]
    pub fn with_grant(mut self, grant: Grant) -> Self {
        self.grants.push(grant);
        self
    }

    /// Lets it take the place of an application of the same name with another signer or user, and what that one has
    /// subscribed to: for signers that change their keys.
    #[must_use]
    pub const fn taking_over(mut self) -> Self {
        self.takes_over = true;
        self
    }
}

/// A list of applications that are admitted, each by package and signer. Who is not in it is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedApplications {
    entries: Vec<(String, SignerDigest, Admission)>,
}

impl AllowedApplications {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Admits the package when this signer is its only one: who adds a signature of his own to a package of others has
    /// made another package.
    #[must_use]
    pub fn with(mut self, package: impl Into<String>, signer: SignerDigest, admission: Admission) -> Self {
        self.entries.push((package.into(), signer, admission));
        self
    }
}

impl RegistrationPolicy for AllowedApplications {
    fn decide(&self, identity: &ApplicationIdentity) -> Option<Admission> {
        let is_it = |(package, signer, _): &&(String, SignerDigest, Admission)| {
            *package == identity.package && identity.signers.len() == 1 && identity.signers.contains(signer)
        };
        self.entries.iter().find(is_it).map(|(_, _, admission)| admission.clone())
    }
}

//! Shared accounts: which devices a server may reach with one authentication.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use dm_syncml::StatusCode;
use dm_tree::ServerId;
use thiserror::Error;

use crate::GroupId;
use crate::identifier::identifier;

identifier! {
    /// The name of a shared account on the gateway, at most 64 octets.
    AccountKey, 64
}

/// Which devices an account reaches.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AccountScope {
    /// Every device of the gateway.
    AllDevices,
    /// The members of a group, whoever that is when it is asked.
    Group(GroupId),
}

/// The DM accounts that servers have with the gateway, each for a group of devices behind it (GwMO-HLF-004,
/// GwMO-SECACATE-002): a server proves itself to the gateway once, and reaches the devices of its accounts. What the
/// gateway proves itself to the devices with is never shown.
///
/// It is asked whenever something is about to be sent, so an account that is revoked ends what was not sent yet, and
/// nothing else. A server without any account here is not judged: its rights are those of the ACLs alone. One whose
/// accounts were all revoked reaches nothing.
///
/// Accounts have no clock and want nothing done, so their methods are plain ones; each change gives the record that
/// is to be stored for it before it is told of.
///
/// ```
/// use dm_tree::ServerId;
/// use gwmo_model::{AccountKey, AccountScope, AccountScopes, GroupId};
///
/// let (server, cameras) = (ServerId::new("dms")?, GroupId::new("cameras")?);
/// let mut accounts = AccountScopes::new(16);
/// let key = AccountKey::new("A")?;
/// accounts.bind(key.clone(), server.clone(), AccountScope::Group(cameras.clone()))?;
/// assert!(accounts.check(&server, |group| *group == cameras).is_ok());
/// assert_eq!(accounts.check(&server, |_| false).unwrap_err().get(), 425);
/// accounts.revoke(&key)?;
/// assert!(accounts.check(&server, |_| true).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountScopes {
    max: usize,
    /// Whose they are; looked through by server, since a gateway answers to a handful.
    accounts: BTreeMap<AccountKey, (ServerId, AccountScope)>,
    /// Servers that have or had an account.
    judged: BTreeSet<ServerId>,
}

/// A change of accounts, to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AccountScopeRecord(Change);

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
enum Change {
    Bound(AccountKey, ServerId, AccountScope),
    Revoked(AccountKey),
    Released(ServerId),
}

/// All accounts, at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AccountScopeSnapshot {
    version: u16,
    accounts: Vec<(AccountKey, ServerId, AccountScope)>,
    judged: Vec<ServerId>,
}

impl AccountScopeSnapshot {
    /// The version this crate writes and reads.
    pub const VERSION: u16 = 1;
}

/// Why accounts do not change, or cannot be made of what was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AccountScopeError {
    /// There is an account of this name, of another server.
    #[error("account belongs to another server")]
    OtherServer,
    /// There is no account of this name.
    #[error("no such account")]
    UnknownAccount,
    /// There are as many as there may be.
    #[error("too many accounts")]
    TooMany,
    /// The snapshot is of a version that this crate does not know, or names an account twice.
    #[error("not a snapshot of accounts")]
    Snapshot,
}

impl AccountScopeError {
    /// The Status to answer a server with that asked for this.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::OtherServer => StatusCode::ALREADY_EXISTS,
            Self::UnknownAccount => StatusCode::NOT_FOUND,
            Self::TooMany => StatusCode::DEVICE_FULL,
            Self::Snapshot => StatusCode::COMMAND_FAILED,
        }
    }
}

impl AccountScopes {
    /// No accounts yet, and at most so many later; servers that had one count too until they are released.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self { max, accounts: BTreeMap::new(), judged: BTreeSet::new() }
    }

    /// A server has an account, or its account has another scope.
    ///
    /// # Errors
    ///
    /// When another server has an account of this name, or there are too many.
    pub fn bind(
        &mut self,
        key: AccountKey,
        server: ServerId,
        scope: AccountScope,
    ) -> Result<AccountScopeRecord, AccountScopeError> {
        match self.accounts.get(&key) {
            Some((owner, _)) if *owner != server => return Err(AccountScopeError::OtherServer),
            None if self.accounts.len() >= self.max => return Err(AccountScopeError::TooMany),
            _ => {}
        }
        if !self.judged.contains(&server) && self.judged.len() >= self.max {
            return Err(AccountScopeError::TooMany);
        }
        Ok(self.change(Change::Bound(key, server, scope)))
    }

    /// An account is no good any more.
    ///
    /// # Errors
    ///
    /// When there is no such account.
    pub fn revoke(&mut self, key: &AccountKey) -> Result<AccountScopeRecord, AccountScopeError> {
        if !self.accounts.contains_key(key) {
            return Err(AccountScopeError::UnknownAccount);
        }
        Ok(self.change(Change::Revoked(key.clone())))
    }

    /// A server is forgotten with all of its accounts: it is not judged here any more.
    pub fn release(&mut self, server: &ServerId) -> AccountScopeRecord {
        self.change(Change::Released(server.clone()))
    }

    /// Whether a server may reach a device; `is_member` says whether the device is in a group.
    ///
    /// # Errors
    ///
    /// 425 ([`StatusCode::PERMISSION_DENIED`]) if none of its accounts reaches it.
    pub fn check(&self, server: &ServerId, is_member: impl Fn(&GroupId) -> bool) -> Result<(), StatusCode> {
        if !self.judged.contains(server) {
            return Ok(());
        }
        let reaches = self.of_server(server).any(|(_, scope)| match scope {
            AccountScope::AllDevices => true,
            AccountScope::Group(group) => is_member(group),
        });
        if reaches { Ok(()) } else { Err(StatusCode::PERMISSION_DENIED) }
    }

    /// Whether a server had accounts and has none any more: it reaches nothing.
    #[must_use]
    pub fn is_revoked(&self, server: &ServerId) -> bool {
        self.judged.contains(server) && self.accounts.values().all(|(owner, _)| owner != server)
    }

    /// All accounts, whose they are and what they reach, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountKey, &ServerId, &AccountScope)> {
        self.accounts.iter().map(|(key, (server, scope))| (key, server, scope))
    }

    /// The accounts of a server and what they reach, in the order of their names.
    pub fn of_server(&self, server: &ServerId) -> impl Iterator<Item = (&AccountKey, &AccountScope)> {
        let server = server.clone();
        let all = self.accounts.iter().filter(move |(_, (owner, _))| *owner == server);
        all.map(|(key, (_, scope))| (key, scope))
    }

    /// What is to be kept.
    #[must_use]
    pub fn snapshot(&self) -> AccountScopeSnapshot {
        let all = self.accounts.iter();
        AccountScopeSnapshot {
            version: AccountScopeSnapshot::VERSION,
            accounts: all
                .map(|(key, (server, scope))| (key.clone(), server.clone(), scope.clone()))
                .collect(),
            judged: self.judged.iter().cloned().collect(),
        }
    }

    /// The accounts that a snapshot was taken of, as they became by the records stored since.
    ///
    /// # Errors
    ///
    /// [`AccountScopeError::Snapshot`] for a version that is not known, and for a name that is there twice;
    /// [`AccountScopeError::TooMany`] for more than may be.
    pub fn restore(
        max: usize,
        snapshot: AccountScopeSnapshot,
        records: impl IntoIterator<Item = AccountScopeRecord>,
    ) -> Result<Self, AccountScopeError> {
        if snapshot.version != AccountScopeSnapshot::VERSION {
            return Err(AccountScopeError::Snapshot);
        }
        let mut scopes = Self::new(max);
        for (key, server, scope) in snapshot.accounts {
            if scopes.accounts.contains_key(&key) {
                return Err(AccountScopeError::Snapshot);
            }
            scopes.apply(Change::Bound(key, server, scope));
        }
        scopes.judged.extend(snapshot.judged);
        for AccountScopeRecord(change) in records {
            scopes.apply(change);
        }
        if scopes.accounts.len() > max || scopes.judged.len() > max {
            return Err(AccountScopeError::TooMany);
        }
        Ok(scopes)
    }

    fn change(&mut self, change: Change) -> AccountScopeRecord {
        self.apply(change.clone());
        AccountScopeRecord(change)
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Bound(key, server, scope) => {
                self.judged.insert(server.clone());
                self.accounts.insert(key, (server, scope));
            }
            Change::Revoked(key) => drop(self.accounts.remove(&key)),
            Change::Released(server) => {
                self.accounts.retain(|_, (owner, _)| *owner != server);
                self.judged.remove(&server);
            }
        }
    }
}

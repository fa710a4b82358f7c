//! The servers that have an account.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dm_notification::{Credential, ServerIdentifier};
use dm_syncml::StatusCode;

use crate::secret::Secret;
use crate::server_id::{ServerId, ServerIdError};
use crate::standard::{AuthLevel, DmAccount, dm_accounts};
use crate::tree::Tree;
use crate::uri::NodeUri;

/// The servers that a client processes messages of: those with an account in the tree (DM 2.0 RD HLF-015).
///
/// Two accounts with one `ServerID` authorize nobody: one of them may be an intruder's, made to borrow the other's rights. Where
/// servers may add nodes of their own, look only [where the device keeps its accounts](Self::below).
///
/// ```
/// use dm_tree::servers::{AuthorizedServers, NotAuthorizedKind};
/// use dm_tree::{DmAccount, ServerId, Tree};
///
/// let mut tree = Tree::default();
/// DmAccount::new(ServerId::new("com.example.dm")?).install(&mut tree, "./DMAcc/1")?;
/// let servers = AuthorizedServers::of(&tree);
/// assert_eq!(servers.named("com.example.dm")?.uri().as_str(), "./DMAcc/1");
/// assert_eq!(servers.named("com.example.other").unwrap_err().kind(), NotAuthorizedKind::NoAccount);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuthorizedServers {
    /// `None`: more than one account.
    accounts: BTreeMap<ServerId, Option<AuthorizedAccount>>,
}

/// An account, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedAccount {
    uri: NodeUri<'static>,
    account: DmAccount,
}

impl AuthorizedServers {
    /// The accounts of the whole tree.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        Self::below(tree, &NodeUri::ROOT)
    }

    /// The accounts at and below an address; those elsewhere count for nothing.
    #[must_use]
    pub fn below(tree: &Tree, top: &NodeUri<'_>) -> Self {
        let mut accounts = BTreeMap::new();
        for (uri, account) in dm_accounts(tree) {
            let mut names = uri.segments();
            let is_below = top.segments().all(|at| names.next().is_some_and(|name| name.name() == at.name()));
            if is_below {
                accounts
                    .entry(account.server_id.clone())
                    .and_modify(|known| *known = None)
                    .or_insert(Some(AuthorizedAccount { uri, account }));
            }
        }
        Self { accounts }
    }

    /// The account of a server.
    ///
    /// # Errors
    ///
    /// [`NotAuthorized`]; nothing of this server is to be processed then.
    pub fn account(&self, server: &ServerId) -> Result<&AuthorizedAccount, NotAuthorized> {
        match self.accounts.get(server) {
            Some(Some(account)) => Ok(account),
            Some(None) => Err(NotAuthorizedKind::SeveralAccounts.into()),
            None => Err(NotAuthorizedKind::NoAccount.into()),
        }
    }

    /// The account of a server as a message names it: a notification its `ServerIdentifier`, a bootstrap its `ServerID`.
    ///
    /// # Errors
    ///
    /// As [`account`](Self::account).
    pub fn named(&self, server: &str) -> Result<&AuthorizedAccount, NotAuthorized> {
        self.account(&ServerId::new(server).map_err(NotAuthorizedKind::Identifier)?)
    }

    /// The servers that are authorized, by identifier.
    pub fn iter(&self) -> impl Iterator<Item = &AuthorizedAccount> {
        self.accounts.values().flatten()
    }
}

impl AuthorizedAccount {
    /// The server.
    #[must_use]
    pub const fn server_id(&self) -> &ServerId {
        &self.account.server_id
    }

    /// Where the account is.
    #[must_use]
    pub const fn uri(&self) -> &NodeUri<'static> {
        &self.uri
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &DmAccount {
        &self.account
    }

    /// What a notification of this server must be signed with, for [`dm_notification::Account::new`]: the credentials that the server shows,
    /// with the nonce it was last given. Empty when it has none, as with a server that only the transport
    /// authenticates: then no notification of it can be verified.
    #[must_use]
    pub fn notification_credentials(&self) -> Vec<(Credential, &[u8])> {
        let auth = self.account.credentials.iter().find(|auth| auth.level == AuthLevel::SRVCRED);
        let identifier = ServerIdentifier::new(self.account.server_id.as_str()).ok();
        let (Some(identifier), Some(auth)) = (identifier, auth) else { return Vec::new() };
        let Some(secret) = &auth.secret else { return Vec::new() };
        let nonce = auth.data.as_ref().map_or(&[][..], Secret::expose);
        let mut all = Vec::from([(Credential::new(identifier, secret.expose()), nonce)]);
        // Some servers go by the name in the account.
        if let Some(name) = auth.name.as_ref().filter(|name| **name != *self.account.server_id.as_str()) {
            all.push((Credential::with_name(identifier, name, secret.expose()), nonce));
        }
        all
    }
}

/// A server is not one that the client listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct NotAuthorized {
    kind: NotAuthorizedKind,
}

impl NotAuthorized {
    /// Why not.
    #[must_use]
    pub const fn kind(&self) -> NotAuthorizedKind {
        self.kind
    }

    /// The status for a message of it that must be answered at all.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            NotAuthorizedKind::Unproven => StatusCode::MISSING_CREDENTIALS,
            _ => StatusCode::INVALID_CREDENTIALS,
        }
    }
}

impl From<NotAuthorizedKind> for NotAuthorized {
    fn from(kind: NotAuthorizedKind) -> Self {
        Self { kind }
    }
}

/// Why a server is not one that the client listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAuthorizedKind {
    /// What names it is no server identifier.
    #[error("no server identifier: {0}")]
    Identifier(ServerIdError),
    /// There is no account for it.
    #[error("the server has no account")]
    NoAccount,
    /// There is more than one account with its identifier.
    #[error("the server has more than one account")]
    SeveralAccounts,
    /// The address is none of its account.
    #[error("the address is none of the account's")]
    OtherAddress,
    /// The account has no credentials of the server, and the transport has not verified its name.
    #[error("nothing would prove that it is the server")]
    Unproven,
    /// The account's credentials are of a kind that a session cannot check, or lack the secret.
    #[error("credentials that a session cannot check")]
    Credentials,
}

//! A client session that belongs to an account.

use alloc::string::String;

use dm_syncml::Instant;
use dm_syncml::auth::AuthScheme;
use dm_syncml::session::{AlertQueue, ClientConfig, ClientOutput, ClientSession, Initiation, Record};

use super::authorized::{AuthorizedAccount, AuthorizedServers, NotAuthorized, NotAuthorizedKind};
use crate::error::TreeError;
use crate::handler::Handlers;
use crate::server_id::ServerId;
use crate::session::Effects;
use crate::standard::{AuthLevel, AuthType, DmAccount};
use crate::tree::Tree;
use crate::uri::NodeUri;

/// A [`ClientSession`] with a server that has an account, and the name under which that server acts on the tree.
///
/// The session demands the proof that the account asks for, and nothing a server says changes who it is taken for. When
/// the account goes, its session ends: what it still asks for is answered 425 and not done, and the session is aborted.
///
/// ```
/// use dm_syncml::session::{AlertQueue, ClientConfig, ClientOutput, Initiation};
/// use dm_syncml::{Instant, LocUri, SessionId};
/// use dm_tree::servers::{AuthorizedServers, AuthorizedSession};
/// use dm_tree::{AppAddr, DmAccount, Effects, ServerId, Tree};
///
/// let mut tree = Tree::default();
/// let mut account = DmAccount::new(ServerId::new("com.example.dm")?);
/// account.addresses.push(AppAddr::uri("https://dm.example.com/dm"));
/// account.install(&mut tree, "./DMAcc/1")?;
///
/// let servers = AuthorizedServers::of(&tree);
/// let config = ClientConfig::new(LocUri::new("IMEI:1")?, LocUri::new("https://dm.example.com/dm")?);
/// let initiation = Initiation::Client(SessionId::new("1")?);
/// let now = Instant::EPOCH;
/// // The account has no credentials, so the transport must have verified the server's name.
/// let mut session = AuthorizedSession::open(
///     now, &servers, &account.server_id, config, Some("dm.example.com"), initiation, AlertQueue::new(),
/// )?;
/// let mut effects = Effects::default();
/// let ClientOutput::Send(..) = session.poll(now, &mut tree, &mut (), &mut effects) else { unreachable!() };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizedSession {
    server: ServerId,
    account: NodeUri<'static>,
    session: ClientSession,
}

impl AuthorizedSession {
    /// Opens a session with a server. The credentials and nonces of `config` become those of the account, whose addresses [`config.server`](ClientConfig::server)
    /// must be one of; the rest of it is taken as it is. `transport` is the name of the server that the transport has
    /// verified (TLS), where it has: it must be the host of the address, and is what proves a server whose account holds no credentials of it.
    ///
    /// # Errors
    ///
    /// [`NotAuthorized`] when there is no account, or when nothing would prove that it is this server.
    pub fn open(
        now: Instant,
        servers: &AuthorizedServers,
        server: &ServerId,
        mut config: ClientConfig,
        transport: Option<&str>,
        initiation: Initiation,
        alerts: AlertQueue,
    ) -> Result<Self, NotAuthorized> {
        let authorized = servers.account(server)?;
        let account = authorized.account();
        if !account.addresses.iter().any(|address| address.addr == config.server.as_str()) {
            return Err(NotAuthorizedKind::OtherAddress.into());
        }
        let verified = transport.is_some_and(|name| host(config.server.as_str()).eq_ignore_ascii_case(name));
        config.device = credentials(authorized, &AuthLevel::CLCRED)?;
        config.device_nonce = account.nonce(&AuthLevel::CLCRED);
        config.server_auth = credentials(authorized, &AuthLevel::SRVCRED)?;
        config.server_nonce = account.nonce(&AuthLevel::SRVCRED);
        if config.server_auth.is_none() && !verified {
            return Err(NotAuthorizedKind::Unproven.into());
        }
        let session = ClientSession::new(now, config, initiation, alerts);
        Ok(Self { server: server.clone(), account: authorized.uri().clone(), session })
    }

    /// The server whose session it is.
    #[must_use]
    pub const fn server(&self) -> &ServerId {
        &self.server
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &NodeUri<'static> {
        &self.account
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &ClientSession {
        &self.session
    }

    /// The session, to give it what comes in.
    pub const fn session_mut(&mut self) -> &mut ClientSession {
        &mut self.session
    }

    /// The session, for its [alerts](ClientSession::into_alerts) when it is over.
    #[must_use]
    pub fn into_session(self) -> ClientSession {
        self.session
    }

    /// As [`Tree::poll_session`], for the server of the account and as long as there is one.
    pub fn poll(
        &mut self,
        now: Instant,
        tree: &mut Tree,
        handlers: &mut dyn Handlers,
        effects: &mut Effects,
    ) -> ClientOutput {
        let Self { server, account, session } = self;
        let still = |tree: &Tree| {
            let found = tree.node_at(account).and_then(DmAccount::read);
            found.is_some_and(|found| found.server_id == *server)
        };
        if !still(tree) {
            session.abort(now);
        }
        tree.poll_session_while(now, session, server, handlers, effects, &still)
    }

    /// Stores the next nonce in the account: what [`ClientOutput::Persist`] asks for. Other records are the caller's to
    /// store. Says whether it was one of these.
    ///
    /// # Errors
    ///
    /// As [`DmAccount::store_nonce`].
    pub fn store_nonce(&self, tree: &mut Tree, record: &Record) -> Result<bool, TreeError> {
        let (level, nonce) = match record {
            Record::DeviceNonce(nonce) => (AuthLevel::CLCRED, nonce),
            Record::ServerNonce(nonce) => (AuthLevel::SRVCRED, nonce),
            _ => return Ok(false),
        };
        DmAccount::store_nonce(tree, self.account.as_str(), &level, nonce)?;
        Ok(true)
    }
}

type Shown = Option<(AuthScheme, dm_syncml::auth::Credentials)>;

/// What is shown at a level; `None` when the transport does it.
fn credentials(authorized: &AuthorizedAccount, level: &AuthLevel) -> Result<Shown, NotAuthorized> {
    let account = authorized.account();
    let mut own = account.credentials.iter().filter(|auth| auth.level == *level);
    let Some(auth) = own.next() else { return Ok(None) };
    let scheme = match &auth.auth_type {
        basic if *basic == AuthType::BASIC => AuthScheme::Basic,
        digest if *digest == AuthType::DIGEST || digest.as_str().is_empty() => AuthScheme::Md5,
        mac if *mac == AuthType::HMAC => AuthScheme::Mac,
        done if *done == AuthType::TRANSPORT || *done == AuthType::X509 => return Ok(None),
        _ => return Err(NotAuthorizedKind::Credentials.into()),
    };
    let credentials = account.credentials(level).ok_or(NotAuthorizedKind::Credentials)?;
    Ok(Some((scheme, credentials)))
}

/// The host of an address, without user and port.
fn host(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let end = match host.strip_prefix('[') {
        Some(v6) => v6.find(']').map_or(host.len(), |at| at + 2),
        None => host.find(':').unwrap_or(host.len()),
    };
    host[..end].into()
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn hosts() {
        for (address, expected) in [
            ("https://dm.example.com/dm", "dm.example.com"),
            ("https://dm.example.com:8443", "dm.example.com"),
            ("http://user@host?x", "host"),
            ("https://[2001:db8::1]:443/dm", "[2001:db8::1]"),
            ("[", "["),
            ("", ""),
        ] {
            assert_eq!(host(address), expected);
        }
    }
}

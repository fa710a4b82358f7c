//! Which server to turn to when the device wants a session.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::authorized::{AuthorizedAccount, AuthorizedServers};
use crate::rights::Rights;
use crate::server_id::ServerId;
use crate::standard::AppAddr;
use crate::tree::Tree;
use crate::uri::NodeUri;

/// Why the device wants a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occasion<'a> {
    /// It is time: a schedule, a first start, a change of the network.
    Routine,
    /// Something about a node: only servers that may read it come into question, and who owns it comes first.
    Object {
        /// The node.
        uri: &'a NodeUri<'a>,
        /// Whose it is; `None`: as the [ledger](crate::authority) of the tree has it, if there is one. Where nobody owns it, it
        /// counts whom the ACL in force gives Replace by name.
        owner: Option<&'a ServerId>,
    },
    /// There is an alert to send.
    Alert {
        /// Its type.
        alert_type: &'a str,
        /// What it is about; servers that may not read it are not told.
        source: Option<&'a NodeUri<'a>>,
        /// Whose that is, as for [`Object`](Self::Object).
        owner: Option<&'a ServerId>,
    },
    /// The user, or an application, wants this server.
    Server(&'a ServerId),
}

/// What the device prefers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChoiceRules {
    routes: Vec<(String, ServerId)>,
    preferred: Vec<ServerId>,
    last_successful: Option<ServerId>,
    excluded: BTreeSet<ServerId>,
}

impl ChoiceRules {
    /// No preferences.
    #[must_use]
    pub const fn new() -> Self {
        Self { routes: Vec::new(), preferred: Vec::new(), last_successful: None, excluded: BTreeSet::new() }
    }

    /// Alerts whose type begins so go to this server, rather than to others; the first of several rules that fit decides.
    #[must_use]
    pub fn with_route(mut self, alert_type: impl Into<String>, server: ServerId) -> Self {
        self.routes.push((alert_type.into(), server));
        self
    }

    /// Adds a server behind those that are preferred already.
    #[must_use]
    pub fn with_preferred(mut self, server: ServerId) -> Self {
        self.preferred.push(server);
        self
    }

    /// The server of the last session that was completed.
    #[must_use]
    pub fn with_last_successful(mut self, server: Option<ServerId>) -> Self {
        self.last_successful = server;
        self
    }

    /// A server that is not to be turned to for now, such as one that wants to be left alone for a while.
    #[must_use]
    pub fn without(mut self, server: ServerId) -> Self {
        self.excluded.insert(server);
        self
    }
}

/// The ways into networks that are there now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearers {
    connections: BTreeSet<String>,
    has_default: bool,
}

impl Bearers {
    /// The connection that the device takes for everything, and no others.
    #[must_use]
    pub const fn any() -> Self {
        Self { connections: BTreeSet::new(), has_default: true }
    }

    /// No way into any network.
    #[must_use]
    pub const fn none() -> Self {
        Self { connections: BTreeSet::new(), has_default: false }
    }

    /// Adds a connection, by the reference that accounts have for it (`PrefConRef`, `ConRef`).
    #[must_use]
    pub fn with(mut self, con_ref: impl Into<String>) -> Self {
        self.connections.insert(con_ref.into());
        self
    }
}

/// What was considered, and in which order: the best first, those that do not come into question last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    candidates: Vec<Candidate>,
}

impl Choice {
    /// The server to turn to; `None` when there is none. If it cannot be reached, the next one of
    /// [`contacts`](Self::contacts).
    #[must_use]
    pub fn best(&self) -> Option<&ServerContact> {
        self.contacts().next()
    }

    /// The servers that come into question, the best first.
    pub fn contacts(&self) -> impl Iterator<Item = &ServerContact> {
        self.candidates.iter().filter_map(|candidate| candidate.verdict.as_ref().ok())
    }

    /// All servers with an account, with what speaks for them or against.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }
}

/// A server that was considered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The server.
    pub server: ServerId,
    /// How to turn to it, or why not.
    pub verdict: Result<ServerContact, Exclusion>,
}

/// How to turn to a server, and why to this one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerContact {
    /// The server.
    pub server: ServerId,
    /// Its account.
    pub account: NodeUri<'static>,
    /// Its addresses, in the order to try them.
    pub addresses: Vec<AppAddr>,
    /// The connection to take; `None` for that which the device takes for everything.
    pub connection: Option<String>,
    /// What speaks for it, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// What speaks for a server. The order is that of their weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A rule sends alerts of this type to it.
    Route,
    /// The node is its own.
    Owner,
    /// The ACL gives it Replace on the node, by name.
    Manager,
    /// It is the preferred one, or the one of this number after it.
    Preferred(usize),
    /// The last session that was completed was with it.
    LastSuccessful,
    /// It is one that may be turned to; among equals the address of the account decides.
    Account,
}

/// Why a server does not come into question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Exclusion {
    /// Another one is wanted.
    NotWanted,
    /// The rules leave it out.
    Excluded,
    /// It may not read what this is about, and should not hear of it.
    MayNotRead,
    /// Its account has no address.
    NoAddress,
    /// None of the connections in its account is there.
    Unreachable,
}

/// Chooses the server for a session that the device begins (DM 2.0 RD HLF-018).
///
/// Only authorized servers come into question, of these only those that can be reached and may read what it is about. Among them
/// decide, in this order: a rule for the type of the alert; who owns the node; who may replace it by name; the
/// order of preference; the last success; the address of the account. The same input gives the same order.
///
/// ```
/// use dm_tree::servers::{AuthorizedServers, Bearers, ChoiceRules, Occasion, Reason, choose_server};
/// use dm_tree::{AppAddr, DmAccount, ServerId, Tree};
///
/// let mut tree = Tree::default();
/// for name in ["a", "b"] {
///     let mut account = DmAccount::new(ServerId::new(name)?);
///     account.addresses.push(AppAddr::uri(format!("https://{name}.example.com/")));
///     account.install(&mut tree, &format!("./DMAcc/{name}"))?;
/// }
/// let rules = ChoiceRules::new().with_last_successful(Some(ServerId::new("b")?));
/// let choice = choose_server(&tree, &AuthorizedServers::of(&tree), &rules, &Bearers::any(), &Occasion::Routine);
/// let best = choice.best().unwrap();
/// assert_eq!((best.server.as_str(), best.reasons[0]), ("b", Reason::LastSuccessful));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn choose_server(
    tree: &Tree,
    servers: &AuthorizedServers,
    rules: &ChoiceRules,
    bearers: &Bearers,
    occasion: &Occasion<'_>,
) -> Choice {
    let of = |authorized: &AuthorizedAccount| Candidate {
        server: authorized.server_id().clone(),
        verdict: judge(tree, authorized, rules, bearers, occasion),
    };
    let mut candidates: Vec<_> = servers.iter().map(of).collect();
    candidates.sort_by(|a, b| match (&a.verdict, &b.verdict) {
        // Every list of reasons ends in that for all, so that weightier reasons and more of them come first.
        (Ok(a), Ok(b)) => (&a.reasons, &a.account).cmp(&(&b.reasons, &b.account)),
        (a, b) => Reverse(a.is_ok()).cmp(&Reverse(b.is_ok())),
    });
    Choice { candidates }
}

fn judge(
    tree: &Tree,
    authorized: &AuthorizedAccount,
    rules: &ChoiceRules,
    bearers: &Bearers,
    occasion: &Occasion<'_>,
) -> Result<ServerContact, Exclusion> {
    let (server, account) = (authorized.server_id(), authorized.account());
    let (about, owner) = match *occasion {
        Occasion::Server(wanted) if wanted != server => return Err(Exclusion::NotWanted),
        Occasion::Server(_) | Occasion::Routine => (None, None),
        Occasion::Object { uri, owner } => (Some(uri), owner),
        Occasion::Alert { source, owner, .. } => (source, owner),
    };
    if rules.excluded.contains(server) {
        return Err(Exclusion::Excluded);
    }
    if about.is_some_and(|uri| !tree.may_hear(server, uri)) {
        return Err(Exclusion::MayNotRead);
    }
    if account.addresses.is_empty() {
        return Err(Exclusion::NoAddress);
    }
    let connection = connection(authorized, bearers)?;

    let mut reasons = Vec::new();
    if let Occasion::Alert { alert_type, .. } = occasion {
        let route = rules.routes.iter().find(|(prefix, _)| alert_type.starts_with(prefix.as_str()));
        if route.is_some_and(|(_, to)| to == server) {
            reasons.push(Reason::Route);
        }
    }
    if let Some(uri) = about {
        let manages = tree.effective_acl(uri).is_some_and(|acl| {
            acl.servers().any(|(named, rights)| named == server && rights.contains(Rights::REPLACE))
        });
        if owner.or_else(|| tree.owner(uri)) == Some(server) {
            reasons.push(Reason::Owner);
        }
        if manages {
            reasons.push(Reason::Manager);
        }
    }
    if let Some(at) = rules.preferred.iter().position(|preferred| preferred == server) {
        reasons.push(Reason::Preferred(at));
    }
    if rules.last_successful.as_ref() == Some(server) {
        reasons.push(Reason::LastSuccessful);
    }
    reasons.push(Reason::Account);
    Ok(ServerContact {
        server: server.clone(),
        account: authorized.uri().clone(),
        addresses: account.addresses.clone(),
        connection,
        reasons,
    })
}

/// The connection to a server: the preferred one, or the first of the others that is there.
fn connection(authorized: &AuthorizedAccount, bearers: &Bearers) -> Result<Option<String>, Exclusion> {
    let account = authorized.account();
    let named = || account.pref_con_ref.iter().chain(&account.con_refs).filter(|con_ref| !con_ref.is_empty());
    if let Some(con_ref) = named().find(|con_ref| bearers.connections.contains(*con_ref)) {
        return Ok(Some(con_ref.clone()));
    }
    // Who names connections is to be reached over these only.
    if named().next().is_none() && bearers.has_default { Ok(None) } else { Err(Exclusion::Unreachable) }
}

//! A bootstrap message on the device: opened, looked at, and put into the tree.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{AlertCode, Command, DecodeOptions, Encoding, Message};

use super::error::{BootstrapError, BootstrapErrorKind};
use super::policy::{BootstrapPolicy, KnownServer};
use super::proof::{Profile, Proof};
use super::provisioning::ProvisioningDocument;
use super::w7::{Connection, W7};
use crate::acl::Acl;
use crate::node::{NodeRef, NodeSpec};
use crate::rights::{AccessType, Rights};
use crate::server_id::ServerId;
use crate::standard::{DmAccount, dm_accounts, hide_secrets};
use crate::tree::{Place, Tree};
use crate::uri::NodeUri;
use crate::value::Value;

/// A bootstrap message that was proven and read.
///
/// Opening it changes nothing; [`apply`](Self::apply) puts what it says into a tree. Nothing is ever answered to a
/// bootstrap message; that it went well shows in the session that follows.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    profile: Profile,
    accounts: Vec<W7>,
    /// What the message of the DM profile added, in a tree of its own.
    inbox: Option<Box<Tree>>,
}

impl Bootstrap {
    /// Checks the proof of a provisioning document in WBXML, and then reads it.
    ///
    /// # Errors
    ///
    /// What is wrong with the proof, the document, or one of its accounts; [`BootstrapErrorKind::Empty`] without any
    /// account.
    pub fn open_cp(
        document: &[u8],
        proof: &Proof<'_>,
        policy: &BootstrapPolicy,
    ) -> Result<Self, BootstrapError> {
        proof.check(document, Profile::Cp, policy)?;
        Self::from_provisioning(&ProvisioningDocument::from_wbxml(document)?)
    }

    /// A provisioning document for which the caller vouches: one that the device was made with, or that was read from
    /// its card.
    ///
    /// # Errors
    ///
    /// As [`open_cp`](Self::open_cp), without a proof.
    pub fn from_provisioning(document: &ProvisioningDocument) -> Result<Self, BootstrapError> {
        let accounts: Vec<W7> = document.accounts().collect::<Result<_, _>>()?;
        if accounts.is_empty() {
            return Err(BootstrapErrorKind::Empty.into());
        }
        Ok(Self { profile: Profile::Cp, accounts, inbox: None })
    }

    /// Checks the proof of a message of the DM profile, WBXML, and then reads it (DM Bootstrap 1.2, DM profile).
    ///
    /// # Errors
    ///
    /// What is wrong with the proof, the message, or the documents in it; [`BootstrapErrorKind::OtherCommand`] for
    /// anything but Adds to `./Inbox`; [`BootstrapErrorKind::Empty`] without any object.
    pub fn open_dm(
        message: &[u8],
        proof: &Proof<'_>,
        policy: &BootstrapPolicy,
    ) -> Result<Self, BootstrapError> {
        proof.check(message, Profile::Dm, policy)?;
        let message = Message::decode(Encoding::Wbxml, message, &DecodeOptions::new()).map_err(|error| {
            BootstrapError::at(BootstrapErrorKind::Document(error.to_string()), error.offset())
        })?;
        Self::from_message(&message)
    }

    /// A message for which the caller vouches.
    ///
    /// # Errors
    ///
    /// As [`open_dm`](Self::open_dm), without a proof.
    pub fn from_message(message: &Message<'_>) -> Result<Self, BootstrapError> {
        let mut inbox = Tree::default();
        // Whoever may do everything anyway gets no ACL for what he adds.
        let everything = Rights::ADD | Rights::DELETE | Rights::GET | Rights::REPLACE | Rights::EXEC;
        inbox.insert(INBOX, NodeSpec::interior().with_acl(Acl::anyone(everything)))?;
        for command in &message.body.commands {
            add(&mut inbox, command)?;
        }
        let is_empty = inbox.node(INBOX).is_none_or(|inbox| inbox.child_count() == 0);
        if is_empty {
            return Err(BootstrapErrorKind::Empty.into());
        }
        Ok(Self { profile: Profile::Dm, accounts: Vec::new(), inbox: Some(Box::new(inbox)) })
    }

    /// Which profile it is of.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The accounts of a provisioning document as they stand in it.
    #[must_use]
    pub fn w7s(&self) -> &[W7] {
        &self.accounts
    }

    /// The accounts in it, as far as they name their server.
    #[must_use]
    pub fn accounts(&self) -> Vec<DmAccount> {
        match &self.inbox {
            None => self.accounts.iter().filter_map(|w7| w7.to_account(|_| None).ok()).collect(),
            Some(inbox) => dm_accounts(inbox).map(|(_, account)| account).collect(),
        }
    }

    /// The objects of the DM profile: their identifiers, and their places below `./Inbox`, in the order of these.
    pub fn objects(&self) -> impl Iterator<Item = (&str, NodeUri<'static>)> {
        self.inbox.iter().flat_map(|inbox| objects(inbox)).map(|top| (top.mo_id(), top.uri()))
    }

    /// Puts the accounts, and the objects the policy has places for, into a tree: all of them or nothing. No rights
    /// are asked; what a bootstrap may do is the policy's.
    ///
    /// An account gets an ACL: the one the message says, or Get, Replace and Delete for its own server and nobody
    /// else. Rights of other servers do not change. The account of a server that is known is replaced in its place,
    /// or the message is refused. An object without a place is passed over, and so are all but the latest of several
    /// versions of one.
    ///
    /// # Errors
    ///
    /// What an account lacks, [`BootstrapErrorKind::Known`], [`BootstrapErrorKind::TooManyAccounts`],
    /// [`BootstrapErrorKind::Repeated`], [`BootstrapErrorKind::Empty`] if nothing is left, or why the tree does not
    /// take it. The tree is as before then.
    pub fn apply(&self, tree: &mut Tree, policy: &BootstrapPolicy) -> Result<Applied, BootstrapError> {
        self.apply_with(tree, policy, |_| None)
    }

    /// The same, with references for the connections that accounts of a provisioning document name: the node of the
    /// connectivity object that the caller made of each.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub fn apply_with(
        &self,
        tree: &mut Tree,
        policy: &BootstrapPolicy,
        reference: impl FnMut(&Connection) -> Option<String>,
    ) -> Result<Applied, BootstrapError> {
        if tree.is_atomic_open() {
            return Err(crate::error::TreeError::Atomic.into());
        }
        tree.mark();
        let done = match &self.inbox {
            None => self.apply_cp(tree, policy, reference),
            Some(inbox) => apply_dm(inbox, tree, policy),
        };
        match done {
            Ok(_) => tree.keep(),
            Err(_) => tree.go_back(),
        }
        done
    }

    fn apply_cp(
        &self,
        tree: &mut Tree,
        policy: &BootstrapPolicy,
        mut reference: impl FnMut(&Connection) -> Option<String>,
    ) -> Result<Applied, BootstrapError> {
        let mut places = Places::new(tree, policy);
        let mut applied = Applied::default();
        for w7 in &self.accounts {
            let account = w7.to_account(&mut reference)?;
            let (uri, replaced) = places.of_account(tree, &account.server_id)?;
            account.install(tree, uri.as_str())?;
            grant(tree, &uri, &account.server_id, policy)?;
            applied.accounts.push(AppliedAccount {
                uri,
                server_id: account.server_id,
                replaced,
                at_once: w7.init,
                nonce_resync: w7.nonce_resync,
            });
        }
        Ok(applied)
    }
}

const INBOX: &str = "./Inbox";

/// Executes a command of the message in a tree of its own.
fn add(inbox: &mut Tree, command: &Command<'_>) -> Result<(), BootstrapError> {
    match command {
        Command::Add(_) => {}
        // The order is that of the message either way, and it is all or nothing.
        Command::Sequence(_) | Command::Atomic(_) => {
            return command.members().iter().try_for_each(|member| add(inbox, member));
        }
        _ => return Err(BootstrapErrorKind::OtherCommand.into()),
    }
    let into_inbox = |item: &dm_syncml::Item<'_>| {
        let uri = item.target_uri().map_or("", |uri| uri.as_str());
        uri.strip_prefix("./Inbox").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if !command.items().iter().all(into_inbox) {
        return Err(BootstrapErrorKind::OtherCommand.into());
    }
    // In this tree anyone may add.
    let anyone = ServerId::new("bootstrap").map_err(BootstrapErrorKind::ServerId)?;
    let done = inbox.execute(&anyone, command, &mut ());
    let failed = done.outcomes.iter().find(|outcome| !outcome.status.is_success());
    match failed {
        None => Ok(()),
        Some(outcome) => Err(BootstrapErrorKind::Object(outcome.status.get()).into()),
    }
}

/// The objects in an inbox: the nodes with an identifier, but not those inside of others. In the order of their names.
fn objects(inbox: &Tree) -> Vec<NodeRef<'_>> {
    let mut found = Vec::new();
    let mut open: Vec<NodeRef<'_>> = inbox.node(INBOX).into_iter().flat_map(NodeRef::children).collect();
    open.reverse();
    while let Some(node) = open.pop() {
        if node.mo_id().is_empty() {
            let first = open.len();
            open.extend(node.children());
            open.get_mut(first..).unwrap_or_default().reverse();
        } else {
            found.push(node);
        }
    }
    found
}

/// An identifier without its version, and the version.
fn split_version(mo_id: &str) -> (&str, Vec<u32>) {
    match mo_id.rsplit_once(':') {
        Some((base, version)) => (base, version.split('.').map(|part| part.parse().unwrap_or(0)).collect()),
        None => (mo_id, Vec::new()),
    }
}

fn apply_dm(inbox: &Tree, tree: &mut Tree, policy: &BootstrapPolicy) -> Result<Applied, BootstrapError> {
    let mut applied = Applied::default();
    let supported = |top: &NodeRef<'_>| {
        top.mo_id().starts_with(DmAccount::MO_ID_PREFIX)
            || policy.placements.iter().any(|placement| top.mo_id().starts_with(&placement.mo_id))
    };
    let (taken, mut passed): (Vec<_>, Vec<_>) = objects(inbox).into_iter().partition(supported);
    // The latest version of each kind that is supported.
    let mut latest: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for top in &taken {
        let (base, version) = split_version(top.mo_id());
        let known = latest.entry(base).or_default();
        if version > *known {
            *known = version;
        }
    }
    let is_latest = |top: &NodeRef<'_>| {
        let (base, version) = split_version(top.mo_id());
        latest.get(base).is_some_and(|latest| *latest == version)
    };
    let (taken, older): (Vec<_>, Vec<_>) = taken.into_iter().partition(is_latest);
    passed.extend(older);

    // Where everything goes comes first: accounts refer to what may stand behind them.
    let mut places = Places::new(tree, policy);
    let mut moves: Vec<(NodeRef<'_>, NodeUri<'static>)> = Vec::new();
    for top in taken {
        let uri = if top.mo_id().starts_with(DmAccount::MO_ID_PREFIX) {
            let account = DmAccount::read(top).ok_or(BootstrapErrorKind::NoServerId)?;
            let (uri, replaced) = places.of_account(tree, &account.server_id)?;
            applied.accounts.push(AppliedAccount {
                uri: uri.clone(),
                server_id: account.server_id,
                replaced,
                at_once: false,
                nonce_resync: false,
            });
            uri
        } else {
            let placement =
                policy.placements.iter().find(|placement| top.mo_id().starts_with(&placement.mo_id));
            let Some(placement) = placement else { continue };
            let parent =
                NodeUri::parse(&placement.parent).map_err(crate::error::TreeError::from)?.into_owned();
            let uri = places.free(tree, &parent, top.uri().last().map(|name| name.as_str().to_string()));
            applied.objects.push((top.mo_id().into(), uri.clone()));
            uri
        };
        moves.push((top, uri));
    }
    applied.ignored = passed.iter().map(|top| top.mo_id().to_string()).collect();
    if moves.is_empty() {
        return Err(BootstrapErrorKind::Empty.into());
    }
    let references: BTreeMap<String, String> =
        moves.iter().map(|(top, uri)| (top.uri().as_str().to_string(), uri.as_str().to_string())).collect();
    for (top, uri) in &moves {
        copy(*top, tree, uri, &references)?;
    }
    for account in &applied.accounts {
        let says_nothing = tree.node_at(&account.uri).is_some_and(|node| node.acl().is_empty());
        if says_nothing {
            grant(tree, &account.uri, &account.server_id, policy)?;
        }
    }
    Ok(applied)
}

/// Copies an object into the tree. References to places in the inbox become those of where things went; what went
/// nowhere cannot be referred to.
fn copy(
    top: NodeRef<'_>,
    tree: &mut Tree,
    to: &NodeUri<'static>,
    references: &BTreeMap<String, String>,
) -> Result<(), BootstrapError> {
    if let Some(parent) = to.parent() {
        make_parent(tree, &parent)?;
    }
    let from = top.uri();
    let is_account = top.mo_id().starts_with(DmAccount::MO_ID_PREFIX);
    for node in top.walk() {
        let own = node.uri();
        let below = own.as_str().get(from.as_str().len()..).unwrap_or_default();
        let uri = format!("{to}{below}");
        let spec = match node.value() {
            None => NodeSpec::managed_object(node.mo_id()),
            Some(value) => {
                let is_reference = matches!(node.name(), "ConRef" | "PrefConRef");
                let resolved = match value
                    .as_str()
                    .filter(|text| is_account && is_reference && text.starts_with("./Inbox/"))
                {
                    Some(text) => Value::chr(resolve(text, references)),
                    None => value.clone(),
                };
                NodeSpec::leaf(resolved)
            }
        };
        let spec = spec.with_title(node.title());
        let spec = if node.acl().is_empty() { spec } else { spec.with_acl(node.acl().clone()) };
        tree.insert(&uri, spec)?;
        let uri = NodeUri::parse(&uri).map_err(crate::error::TreeError::from)?;
        if let Place::Stored(id) = tree.locate(&uri) {
            hide_secrets(tree, id);
        }
    }
    Ok(())
}

fn resolve(reference: &str, references: &BTreeMap<String, String>) -> String {
    // The place itself, or one above it.
    let mut end = reference.len();
    while let Some(place) = reference.get(..end) {
        if let Some(to) = references.get(place) {
            return format!("{to}{}", reference.get(end..).unwrap_or_default());
        }
        match place.rfind('/') {
            Some(slash) => end = slash,
            None => break,
        }
    }
    String::new()
}

fn make_parent(tree: &mut Tree, parent: &NodeUri<'_>) -> Result<(), BootstrapError> {
    if tree.node_at(parent).is_none() {
        let access = AccessType::GET | AccessType::ADD;
        tree.insert(parent.as_str(), NodeSpec::interior().permanent().with_access(access))?;
    }
    Ok(())
}

/// Get, Replace and Delete for one server and nobody else (DM Bootstrap 1.2, CP profile).
fn grant(
    tree: &mut Tree,
    uri: &NodeUri<'_>,
    server: &ServerId,
    policy: &BootstrapPolicy,
) -> Result<(), BootstrapError> {
    if policy.grant {
        let mut acl = Acl::default();
        acl.grant(server, Rights::GET | Rights::REPLACE | Rights::DELETE);
        tree.set_acl(uri.as_str(), acl)?;
    }
    Ok(())
}

/// Which places are taken.
struct Places<'p> {
    policy: &'p BootstrapPolicy,
    known: BTreeMap<ServerId, NodeUri<'static>>,
    /// Servers of this message.
    met: BTreeSet<ServerId>,
    /// How many of them are new.
    new: usize,
    /// Places that were given away, and are not in the tree yet.
    given: BTreeSet<String>,
    /// Below each node, the number to go on with.
    numbers: BTreeMap<String, usize>,
}

impl<'p> Places<'p> {
    fn new(tree: &Tree, policy: &'p BootstrapPolicy) -> Self {
        let mut known = BTreeMap::new();
        for (uri, account) in dm_accounts(tree) {
            known.entry(account.server_id).or_insert(uri);
        }
        Self { policy, known, met: BTreeSet::new(), new: 0, given: BTreeSet::new(), numbers: BTreeMap::new() }
    }

    /// Where the account of a server goes, and whether it was there; then it is gone now.
    fn of_account(
        &mut self,
        tree: &mut Tree,
        server: &ServerId,
    ) -> Result<(NodeUri<'static>, bool), BootstrapError> {
        if !self.met.insert(server.clone()) {
            return Err(BootstrapErrorKind::Repeated.into());
        }
        if self.policy.servers.as_ref().is_some_and(|allowed| !allowed.contains(server)) {
            return Err(BootstrapErrorKind::ServerNotAllowed.into());
        }
        if let Some(uri) = self.known.get(server) {
            if self.policy.known_server != KnownServer::Replace {
                return Err(BootstrapErrorKind::Known.into());
            }
            tree.remove(uri.as_str())?;
            // It comes back there.
            self.given.insert(uri.as_str().to_string());
            return Ok((uri.clone(), true));
        }
        self.new += 1;
        if self.known.len() + self.new > self.policy.max_accounts {
            return Err(BootstrapErrorKind::TooManyAccounts.into());
        }
        let parent =
            NodeUri::parse(&self.policy.accounts).map_err(crate::error::TreeError::from)?.into_owned();
        Ok((self.free(tree, &parent, None), false))
    }

    /// A free name below a node: the one that is wished for, or a number.
    fn free(&mut self, tree: &Tree, parent: &NodeUri<'_>, wished: Option<String>) -> NodeUri<'static> {
        let is_free = |uri: &NodeUri<'static>, given: &BTreeSet<String>| {
            tree.node_at(uri).is_none() && !given.contains(uri.as_str())
        };
        let mut uri = wished.map(|name| parent.join(&name)).filter(|uri| is_free(uri, &self.given));
        let number = self.numbers.entry(parent.as_str().to_string()).or_insert(1);
        // There is a free one among as many numbers as there are nodes, and one more.
        let uri = loop {
            match uri.take() {
                Some(uri) => break uri,
                None => {
                    uri = Some(parent.join(&number.to_string())).filter(|uri| is_free(uri, &self.given));
                    *number += 1;
                }
            }
        };
        self.given.insert(uri.as_str().to_string());
        uri
    }
}

/// What a bootstrap did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The accounts that are new or replaced.
    pub accounts: Vec<AppliedAccount>,
    /// Other objects: their identifiers and where they went.
    pub objects: Vec<(String, NodeUri<'static>)>,
    /// Identifiers of objects that were passed over.
    pub ignored: Vec<String>,
}

/// An account that is new or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppliedAccount {
    /// Its place.
    pub uri: NodeUri<'static>,
    /// Its server.
    pub server_id: ServerId,
    /// Whether there was one of that server before. What was remembered of the server's notifications and nonces is
    /// worth nothing any more.
    pub replaced: bool,
    /// Whether the message asks for the session at once.
    pub at_once: bool,
    /// Whether nonces of the account may be resynchronised.
    pub nonce_resync: bool,
}

/// A session to open after a bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionToOpen<'a> {
    /// With this server.
    pub server_id: &'a ServerId,
    /// With its account here.
    pub account: &'a NodeUri<'static>,
    /// Announced by this alert: client-initiated, 1201.
    pub alert: AlertCode,
    /// At once, or at the next practical opportunity.
    pub at_once: bool,
}

impl Applied {
    /// The sessions to open: one with every server of the message, begun by the client (DM Bootstrap 1.2, DM
    /// profile). That is what tells a server that it went well.
    pub fn sessions(&self) -> impl Iterator<Item = SessionToOpen<'_>> {
        self.accounts.iter().map(|account| SessionToOpen {
            server_id: &account.server_id,
            account: &account.uri,
            alert: AlertCode::CLIENT_INITIATED,
            at_once: account.at_once,
        })
    }
}

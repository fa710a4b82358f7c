//! DMAcc: the servers a client knows (StdObj 1.2.1, DMAcc).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::auth::{Credentials, Nonce, Password};

use super::text_of;
use crate::error::TreeError;
use crate::node::{NodeRef, NodeSpec};
use crate::rights::AccessType;
use crate::secret::Secret;
use crate::server_id::ServerId;
use crate::store::{Content, NodeId};
use crate::tree::Tree;
use crate::uri::NodeUri;
use crate::value::Value;

/// An account with a management server: one instance of the DMAcc object.
///
/// The place of an account in the tree is the device's choice; [`dm_accounts`] finds them by their type. Servers
/// may read it where the ACL allows, except the secret and the nonce, which nobody may read.
///
/// ```
/// use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId, Tree, dm_accounts};
///
/// let mut account = DmAccount::new(ServerId::new("com.example.dm")?);
/// account.addresses.push(AppAddr::uri("https://dm.example.com/dm"));
/// account.credentials.push(
///     AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST).with_name("device").with_secret(Secret::new("s3cret")),
/// );
/// let mut tree = Tree::default();
/// account.install(&mut tree, "./DMAcc/example")?;
///
/// let (uri, found) = dm_accounts(&tree).next().unwrap();
/// assert_eq!((uri.as_str(), &found), ("./DMAcc/example", &account));
///
/// let handlers = &mut ();
/// let mut acting = tree.act_for(&account.server_id, handlers);
/// let refusal = acting.get("./DMAcc/example/AppAuth/1/AAuthSecret").unwrap_err();
/// assert_eq!(refusal.status().get(), 405);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmAccount {
    /// `ServerID`: what ACLs call the server.
    pub server_id: ServerId,
    /// `Name`: for people.
    pub name: Option<String>,
    /// `PrefConRef`: the preferred connection.
    pub pref_con_ref: Option<String>,
    /// `ToConRef/<X>/ConRef`: the connections that may be used.
    pub con_refs: Vec<String>,
    /// `AppAddr/<X>`: where the server is, in order of preference.
    pub addresses: Vec<AppAddr>,
    /// `AAuthPref`: the preferred authentication; none means that of the last session.
    pub auth_pref: Option<AuthType>,
    /// `AppAuth/<X>`: the credentials, per level.
    pub credentials: Vec<AppAuth>,
}

/// An address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppAddr {
    /// `Addr`.
    pub addr: String,
    /// `AddrType`.
    pub addr_type: AddrType,
    /// `Port/<X>/PortNbr`.
    pub ports: Vec<u16>,
}

/// Credentials of one level.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppAuth {
    /// `AAuthLevel`: who presents them to whom.
    pub level: AuthLevel,
    /// `AAuthType`: how.
    pub auth_type: AuthType,
    /// `AAuthName`: the user name.
    pub name: Option<String>,
    /// `AAuthSecret`: the password. UTF-8 in the tree.
    pub secret: Option<Secret>,
    /// `AAuthData`: the nonce, for the types that use one.
    pub data: Option<Secret>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($const:ident = $word:literal $what:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            $(#[doc = $what] pub const $const: Self = Self(Cow::Borrowed($word));)*

            /// Any word, known or not.
            #[must_use]
            pub fn new(word: impl Into<String>) -> Self {
                Self(Cow::Owned(word.into()))
            }

            /// The word in the tree.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

words! {
    /// What kind of address it is; unknown words are kept.
    AddrType:
    URI = "URI" "A URL; also what an empty leaf means.";
    IPV4 = "IPv4" "An IPv4 address.";
    IPV6 = "IPv6" "An IPv6 address.";
}

words! {
    /// Whose credentials they are; unknown words are kept.
    AuthLevel:
    CLCRED = "CLCRED" "The client's, presented to the server.";
    SRVCRED = "SRVCRED" "The server's, presented to the client.";
    OBEX = "OBEX" "For OBEX.";
    HTTP = "HTTP" "For HTTP.";
}

words! {
    /// A way to authenticate; unknown words are kept.
    AuthType:
    BASIC = "BASIC" "User name and password (`syncml:auth-basic`).";
    DIGEST = "DIGEST" "MD5 digest (`syncml:auth-md5`).";
    HMAC = "HMAC" "HMAC (`syncml:auth-MAC`).";
    HTTP_BASIC = "HTTP-BASIC" "HTTP basic.";
    HTTP_DIGEST = "HTTP-DIGEST" "HTTP digest.";
    X509 = "X509" "A certificate.";
    SECURID = "SECURID" "SecurID.";
    SAFEWORD = "SAFEWORD" "SafeWord.";
    DIGIPASS = "DIGIPASS" "Digipass.";
    TRANSPORT = "TRANSPORT" "Whatever the transport does.";
}

impl DmAccount {
    /// The management object identifier this crate writes. It reads every version 1 minor.
    pub const MO_ID: &'static str = "urn:oma:mo:oma-dm-dmacc:1.0";

    pub(crate) const MO_ID_PREFIX: &'static str = "urn:oma:mo:oma-dm-dmacc:1.";

    /// An account of which only the server is known.
    #[must_use]
    pub const fn new(server_id: ServerId) -> Self {
        Self {
            server_id,
            name: None,
            pref_con_ref: None,
            con_refs: Vec::new(),
            addresses: Vec::new(),
            auth_pref: None,
            credentials: Vec::new(),
        }
    }

    /// Puts the account into a tree at `uri`, or nothing when that fails. A missing parent becomes a permanent
    /// interior node below which servers may add. The account and its parts are dynamic; rights on them come from
    /// the ACLs around, so set one with [`Tree::set_acl`] where other servers shall not see it.
    ///
    /// # Errors
    ///
    /// As [`Tree::insert`].
    pub fn install(&self, tree: &mut Tree, uri: &str) -> Result<(), TreeError> {
        let top = NodeUri::parse(uri)?;
        let missing_parent = top.parent().filter(|parent| tree.node(parent.as_str()).is_none());
        if let Some(parent) = &missing_parent {
            let access = AccessType::GET | AccessType::ADD;
            tree.insert(parent.as_str(), NodeSpec::interior().permanent().with_access(access))?;
        }
        let done = tree.insert(uri, NodeSpec::managed_object(Self::MO_ID).with_access(INTERIOR));
        let is_new = done.is_ok();
        let done = done.and_then(|()| self.install_parts(tree, &top));
        if done.is_err() {
            match &missing_parent {
                Some(parent) => tree.remove(parent.as_str())?,
                None if is_new => tree.remove(uri)?,
                None => {}
            }
        }
        done
    }

    /// Reads an account; `None` when the node is not of the right type or has no usable `ServerID`. Other parts
    /// that are missing or unknown are passed over.
    #[must_use]
    pub fn read(node: NodeRef<'_>) -> Option<Self> {
        if !node.mo_id().starts_with(Self::MO_ID_PREFIX) {
            return None;
        }
        let server_id = ServerId::new(&text_of(node, "ServerID")?).ok()?;
        let word = |node, name| text_of(node, name).filter(|text| !text.is_empty());
        let each = |node: NodeRef<'_>, name: &str| -> Vec<String> {
            node.children().filter_map(|child| text_of(child, name)).collect()
        };
        let mut account = Self::new(server_id);
        account.name = text_of(node, "Name");
        account.pref_con_ref = text_of(node, "PrefConRef");
        account.auth_pref = word(node, "AAuthPref").map(AuthType::new);
        if let Some(node) = node.child("ToConRef") {
            account.con_refs = each(node, "ConRef");
        }
        for node in node.child("AppAddr").into_iter().flat_map(NodeRef::children) {
            let Some(addr) = text_of(node, "Addr") else { continue };
            let ports = node.child("Port").map(|ports| each(ports, "PortNbr")).unwrap_or_default();
            account.addresses.push(AppAddr {
                addr,
                addr_type: word(node, "AddrType").map_or(AddrType::URI, AddrType::new),
                ports: ports.iter().filter_map(|port| port.parse().ok()).collect(),
            });
        }
        for node in node.child("AppAuth").into_iter().flat_map(NodeRef::children) {
            let Some(level) = text_of(node, "AAuthLevel") else { continue };
            let secret = |name| Some(Secret::new(node.child(name)?.value()?.data()));
            account.credentials.push(AppAuth {
                level: AuthLevel::new(level),
                auth_type: AuthType::new(text_of(node, "AAuthType").unwrap_or_default()),
                name: text_of(node, "AAuthName"),
                secret: secret(SECRET),
                data: secret(DATA),
            });
        }
        Some(account)
    }

    /// The credentials of a level: what a session shows ([`AuthLevel::CLCRED`]) or checks
    /// ([`AuthLevel::SRVCRED`]). A server without a name of its own goes by its `ServerID`. `None` when there are
    /// none, or when the secret is no text.
    #[must_use]
    pub fn credentials(&self, level: &AuthLevel) -> Option<Credentials> {
        let auth = self.credentials.iter().find(|auth| auth.level == *level)?;
        let user = match &auth.name {
            None if *level == AuthLevel::SRVCRED => self.server_id.as_str(),
            name => name.as_deref()?,
        };
        let password = core::str::from_utf8(auth.secret.as_ref()?.expose()).ok()?;
        Some(Credentials::new(user, Password::new(password)))
    }

    /// The nonce of a level, as last stored.
    #[must_use]
    pub fn nonce(&self, level: &AuthLevel) -> Option<Nonce> {
        let auth = self.credentials.iter().find(|auth| auth.level == *level)?;
        auth.data.as_ref().map(|data| Nonce::new(data.expose()))
    }

    /// Stores the next nonce of a level in the account at `uri`: what a session hands out to be stored.
    ///
    /// # Errors
    ///
    /// [`TreeError::NotFound`] when the account has no credentials of that level; else as [`Tree::insert`].
    pub fn store_nonce(
        tree: &mut Tree,
        uri: &str,
        level: &AuthLevel,
        nonce: &Nonce,
    ) -> Result<(), TreeError> {
        let account = tree.node(uri).ok_or(TreeError::NotFound)?;
        let is_meant = |auth: &NodeRef<'_>| text_of(*auth, "AAuthLevel").as_deref() == Some(level.as_str());
        let auth = account.child("AppAuth").and_then(|list| list.children().find(is_meant));
        let auth = auth.ok_or(TreeError::NotFound)?;
        let (at, is_there) = (auth.uri().join(DATA), auth.child(DATA).is_some());
        let value = Value::bin(nonce.as_bytes()).into_secret();
        if is_there {
            tree.set_value(at.as_str(), value)
        } else {
            tree.insert(at.as_str(), NodeSpec::leaf(value).with_access(WRITE_ONLY))
        }
    }

    fn install_parts(&self, tree: &mut Tree, top: &NodeUri<'_>) -> Result<(), TreeError> {
        let interior =
            |tree: &mut Tree, path: &str| tree.insert(path, NodeSpec::interior().with_access(INTERIOR));
        let leaf = |tree: &mut Tree, path: &str, access, text: &str| {
            tree.insert(path, NodeSpec::leaf(Value::chr(text)).with_access(access))
        };
        leaf(tree, &format!("{top}/AppID"), AccessType::GET, "w7")?;
        leaf(tree, &format!("{top}/ServerID"), AccessType::GET, self.server_id.as_str())?;
        let optional = [
            ("Name", self.name.as_deref()),
            ("PrefConRef", self.pref_con_ref.as_deref()),
            ("AAuthPref", self.auth_pref.as_ref().map(AuthType::as_str)),
        ];
        for (name, text) in optional {
            if let Some(text) = text {
                leaf(tree, &format!("{top}/{name}"), LEAF, text)?;
            }
        }
        if !self.con_refs.is_empty() {
            interior(tree, &format!("{top}/ToConRef"))?;
        }
        for (index, con_ref) in self.con_refs.iter().enumerate() {
            let at = instance(top, "ToConRef", index, self.con_refs.len());
            interior(tree, &at)?;
            leaf(tree, &format!("{at}/ConRef"), LEAF, con_ref)?;
        }
        interior(tree, &format!("{top}/AppAddr"))?;
        for (index, address) in self.addresses.iter().enumerate() {
            let at = instance(top, "AppAddr", index, self.addresses.len());
            interior(tree, &at)?;
            leaf(tree, &format!("{at}/Addr"), LEAF, &address.addr)?;
            leaf(tree, &format!("{at}/AddrType"), LEAF, address.addr_type.as_str())?;
            if !address.ports.is_empty() {
                interior(tree, &format!("{at}/Port"))?;
            }
            for (index, port) in address.ports.iter().enumerate() {
                let at = instance(&at, "Port", index, address.ports.len());
                interior(tree, &at)?;
                leaf(tree, &format!("{at}/PortNbr"), LEAF, &port.to_string())?;
            }
        }
        if !self.credentials.is_empty() {
            interior(tree, &format!("{top}/AppAuth"))?;
        }
        for (index, auth) in self.credentials.iter().enumerate() {
            let at = instance(top, "AppAuth", index, self.credentials.len());
            interior(tree, &at)?;
            leaf(tree, &format!("{at}/AAuthLevel"), LEAF, auth.level.as_str())?;
            leaf(tree, &format!("{at}/AAuthType"), LEAF, auth.auth_type.as_str())?;
            if let Some(name) = &auth.name {
                leaf(tree, &format!("{at}/AAuthName"), LEAF, name)?;
            }
            if let Some(secret) = &auth.secret {
                let value = Value::new(crate::Format::Chr, Value::DEFAULT_TYPE, secret.expose())
                    .unwrap_or_else(|_| Value::bin(secret.expose()));
                tree.insert(
                    &format!("{at}/{SECRET}"),
                    NodeSpec::leaf(value.into_secret()).with_access(WRITE_ONLY),
                )?;
            }
            if let Some(data) = &auth.data {
                let value = Value::bin(data.expose());
                tree.insert(
                    &format!("{at}/{DATA}"),
                    NodeSpec::leaf(value.into_secret()).with_access(WRITE_ONLY),
                )?;
            }
        }
        Ok(())
    }
}

impl AppAddr {
    /// A URL.
    #[must_use]
    pub fn uri(url: impl Into<String>) -> Self {
        Self::new(url, AddrType::URI)
    }

    /// An address of any type.
    #[must_use]
    pub fn new(addr: impl Into<String>, addr_type: AddrType) -> Self {
        Self { addr: addr.into(), addr_type, ports: Vec::new() }
    }
}

impl AppAuth {
    /// Credentials without name, secret and nonce.
    #[must_use]
    pub const fn new(level: AuthLevel, auth_type: AuthType) -> Self {
        Self { level, auth_type, name: None, secret: None, data: None }
    }

    /// Sets the user name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the password.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Sets the nonce.
    #[must_use]
    pub fn with_data(mut self, nonce: Secret) -> Self {
        self.data = Some(nonce);
        self
    }
}

/// The accounts in a tree, wherever they are, found by their type. In the order of their addresses.
pub fn dm_accounts(tree: &Tree) -> impl Iterator<Item = (NodeUri<'static>, DmAccount)> {
    tree.objects(DmAccount::MO_ID_PREFIX).filter_map(|node| {
        let account = DmAccount::read(node)?;
        Some((node.uri(), account))
    })
}

/// Makes secrets below an account unreadable: those a server has just added, or given the name of one.
pub(crate) fn hide_secrets(tree: &mut Tree, id: NodeId) {
    let node = tree.at(id);
    let is_named = |name| node.name.spells(name, node.name.is_escaped(), false);
    if !(is_named(SECRET) || is_named(DATA)) || !matches!(node.content, Content::Leaf(_)) {
        return;
    }
    let mut at = id;
    while !Tree::is_root(at) {
        at = tree.at(at).parent;
        if (NodeRef { tree, id: at }).mo_id().starts_with(DmAccount::MO_ID_PREFIX) {
            tree.hide(id);
            return;
        }
    }
}

/// `<top>/<list>/<X>`: numbered from 1 in order of preference, with leading zeros where byte order needs them.
fn instance(top: &impl core::fmt::Display, list: &str, index: usize, count: usize) -> String {
    let width = count.to_string().len();
    format!("{top}/{list}/{:0width$}", index + 1)
}

const SECRET: &str = "AAuthSecret";
const DATA: &str = "AAuthData";

// The object asks for Get at least; servers that hold the rights may also keep accounts up to date.
const INTERIOR: AccessType =
    AccessType::GET.union(AccessType::ADD).union(AccessType::DELETE).union(AccessType::REPLACE);
const LEAF: AccessType = AccessType::GET.union(AccessType::REPLACE);
const WRITE_ONLY: AccessType = AccessType::REPLACE;

//! `w7`: the application characteristic of a device management account, and the account it means (OMA DM
//! Bootstrap 1.2, the w7 registration document).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64ct::{Base64, Encoding as _};

use super::error::{BootstrapError, BootstrapErrorKind};
use super::provisioning::{Characteristic, Parm, ProvisioningDocument};
use crate::secret::Secret;
use crate::server_id::ServerId;
use crate::standard::{AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount};

/// An account as a provisioning document has it.
///
/// It becomes a [`DmAccount`] where its server identifier is one that ACLs can name; some servers have blanks in
/// theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct W7 {
    /// `PROVIDER-ID`.
    pub provider_id: String,
    /// `NAME`.
    pub name: Option<String>,
    /// `ADDR` and `APPADDR`.
    pub addresses: Vec<AppAddr>,
    /// `APPAUTH`.
    pub credentials: Vec<AppAuth>,
    /// `TO-PROXY` and `TO-NAPID`, in their order.
    pub connections: Vec<Connection>,
    /// `INIT`: a session shall be opened at once.
    pub init: bool,
    /// `USENONCERESYNC`: nonces may be resynchronised, see
    /// [`Account::with_resync`](dm_notification::Account::with_resync). Off unless it is said.
    pub nonce_resync: bool,
}

/// A connection that an account names; what it is stands in the same document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Connection {
    /// `TO-PROXY`: the `PROXY-ID` of a PXLOGICAL.
    Proxy(String),
    /// `TO-NAPID`: the `NAPID` of a NAPDEF, or `INTERNET`.
    Nap(String),
}

impl W7 {
    /// Whether a characteristic is one: an APPLICATION with APPID `w7`.
    #[must_use]
    pub fn is_w7(characteristic: &Characteristic) -> bool {
        let is_w7 = |id: &str| id.trim().eq_ignore_ascii_case("w7");
        characteristic.kind().eq_ignore_ascii_case("APPLICATION")
            && characteristic.value("APPID").is_some_and(is_w7)
    }

    /// Reads one.
    ///
    /// APPAUTH with level APPSRV, or none, are the client's credentials (CLCRED), CLIENT the server's (SRVCRED);
    /// others keep their names. A list of types becomes one credential for each of the first
    /// 16; without any it is DIGEST, which
    /// every client has. An address without a type is a URI. AAUTHDATA that is no base64 is taken as it stands, as other
    /// clients do: a nonce that is wrong costs one challenge.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::NoServerId`] without a PROVIDER-ID, [`BootstrapErrorKind::Port`] for a port that is no
    /// number.
    pub fn read(application: &Characteristic) -> Result<Self, BootstrapError> {
        let provider_id = application.value("PROVIDER-ID").map(str::trim).unwrap_or_default();
        if provider_id.is_empty() {
            return Err(BootstrapErrorKind::NoServerId.into());
        }
        let mut account = Self {
            provider_id: provider_id.into(),
            name: application.value("NAME").map(ToString::to_string),
            addresses: application.values("ADDR").filter(|addr| !addr.is_empty()).map(AppAddr::uri).collect(),
            credentials: Vec::new(),
            connections: Vec::new(),
            init: switched_on(application, "INIT"),
            nonce_resync: switched_on(application, "USENONCERESYNC"),
        };
        for parm in application.parms() {
            let value = || parm.value().unwrap_or_default().to_string();
            if parm.name().eq_ignore_ascii_case("TO-PROXY") {
                account.connections.push(Connection::Proxy(value()));
            } else if parm.name().eq_ignore_ascii_case("TO-NAPID") {
                account.connections.push(Connection::Nap(value()));
            }
        }
        for address in application.characteristics_of("APPADDR") {
            account.addresses.extend(read_address(address)?);
        }
        for auth in application.characteristics_of("APPAUTH") {
            read_credentials(auth, &mut account.credentials)?;
        }
        Ok(account)
    }

    /// What an account looks like in a provisioning document. Its connections are the document's own, so they
    /// are not in it.
    #[must_use]
    pub fn of_account(account: &DmAccount) -> Self {
        Self {
            provider_id: account.server_id.as_str().into(),
            name: account.name.clone(),
            addresses: account.addresses.clone(),
            credentials: account.credentials.clone(),
            connections: Vec::new(),
            init: false,
            nonce_resync: false,
        }
    }

    /// The account in the tree. Connections become references where `reference` knows the node they lead to: one
    /// `PrefConRef`, or several `ToConRef`.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::ServerId`] for an identifier that no ACL can name, [`BootstrapErrorKind::NoAddress`]
    /// without an address.
    pub fn to_account(
        &self,
        mut reference: impl FnMut(&Connection) -> Option<String>,
    ) -> Result<DmAccount, BootstrapError> {
        let server_id = ServerId::new(&self.provider_id).map_err(BootstrapErrorKind::ServerId)?;
        if self.addresses.is_empty() {
            return Err(BootstrapErrorKind::NoAddress.into());
        }
        let mut account = DmAccount::new(server_id);
        account.name.clone_from(&self.name);
        account.addresses.clone_from(&self.addresses);
        account.credentials.clone_from(&self.credentials);
        let mut references: Vec<String> = self.connections.iter().filter_map(&mut reference).collect();
        match references.len() {
            0 => {}
            1 => account.pref_con_ref = references.pop(),
            _ => account.con_refs = references,
        }
        Ok(account)
    }

    /// The characteristic.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::NotText`] for text that no document can carry, a password that is no text among it.
    pub fn to_characteristic(&self) -> Result<Characteristic, BootstrapError> {
        let mut application = Characteristic::new("APPLICATION")?
            .with_parm(Parm::new("APPID", "w7")?)
            .with_parm(Parm::new("PROVIDER-ID", &self.provider_id)?);
        if let Some(name) = &self.name {
            application = application.with_parm(Parm::new("NAME", name)?);
        }
        for connection in &self.connections {
            application = application.with_parm(match connection {
                Connection::Proxy(id) => Parm::new("TO-PROXY", id)?,
                Connection::Nap(id) => Parm::new("TO-NAPID", id)?,
            });
        }
        for (on, name) in [(self.init, "INIT"), (self.nonce_resync, "USENONCERESYNC")] {
            if on {
                application = application.with_parm(Parm::new(name, "1")?);
            }
        }
        for address in &self.addresses {
            let mut own = Characteristic::new("APPADDR")?.with_parm(Parm::new("ADDR", &address.addr)?);
            if address.addr_type != AddrType::URI {
                own = own.with_parm(Parm::new("ADDRTYPE", &address.addr_type.as_str().to_ascii_uppercase())?);
            }
            for port in &address.ports {
                let port = Parm::new("PORTNBR", &port.to_string())?;
                own = own.with(Characteristic::new("PORT")?.with_parm(port));
            }
            application = application.with(own);
        }
        for auth in &self.credentials {
            application = application.with(write_credential(auth)?);
        }
        Ok(application)
    }
}

/// Types in one list: more than are defined.
const MAX_TYPES: usize = 16;

fn read_address(characteristic: &Characteristic) -> Result<Option<AppAddr>, BootstrapError> {
    let Some(addr) = characteristic.value("ADDR").filter(|addr| !addr.is_empty()) else { return Ok(None) };
    let addr_type = match characteristic.value("ADDRTYPE").unwrap_or_default() {
        "" => AddrType::URI,
        word if word.eq_ignore_ascii_case("IPV4") => AddrType::IPV4,
        word if word.eq_ignore_ascii_case("IPV6") => AddrType::IPV6,
        word => AddrType::new(word),
    };
    let mut address = AppAddr::new(addr, addr_type);
    for port in characteristic.characteristics_of("PORT") {
        for number in port.values("PORTNBR") {
            address.ports.push(number.trim().parse().map_err(|_| BootstrapErrorKind::Port)?);
        }
    }
    Ok(Some(address))
}

fn read_credentials(auth: &Characteristic, out: &mut Vec<AppAuth>) -> Result<(), BootstrapError> {
    let level = match auth.value("AAUTHLEVEL").unwrap_or_default().trim() {
        "" => AuthLevel::CLCRED,
        word if word.eq_ignore_ascii_case("APPSRV") => AuthLevel::CLCRED,
        word if word.eq_ignore_ascii_case("CLIENT") => AuthLevel::SRVCRED,
        word => AuthLevel::new(word),
    };
    let data = match auth.value("AAUTHDATA").filter(|data| !data.is_empty()) {
        None => None,
        Some(data) => {
            let octets = Base64::decode_vec(data.trim()).unwrap_or_else(|_| data.as_bytes().to_vec());
            Some(Secret::new(octets))
        }
    };
    let listed = auth.values("AAUTHTYPE").flat_map(|list| list.split(',')).map(str::trim);
    let mut types: Vec<AuthType> = Vec::new();
    for word in listed.filter(|word| !word.is_empty()) {
        let auth_type = AuthType::new(word);
        // More than there are would only multiply the secret.
        if types.len() < MAX_TYPES && !types.contains(&auth_type) {
            types.push(auth_type);
        }
    }
    if types.is_empty() {
        types.push(AuthType::DIGEST);
    }
    for auth_type in types {
        let mut credential = AppAuth::new(level.clone(), auth_type);
        credential.name = auth.value("AAUTHNAME").map(ToString::to_string);
        credential.secret = auth.value("AAUTHSECRET").map(Secret::new);
        credential.data.clone_from(&data);
        out.push(credential);
    }
    Ok(())
}

fn write_credential(auth: &AppAuth) -> Result<Characteristic, BootstrapError> {
    let level = match auth.level.as_str() {
        "CLCRED" => "APPSRV",
        "SRVCRED" => "CLIENT",
        other => other,
    };
    let mut own = Characteristic::new("APPAUTH")?
        .with_parm(Parm::new("AAUTHLEVEL", level)?)
        .with_parm(Parm::new("AAUTHTYPE", auth.auth_type.as_str())?);
    if let Some(name) = &auth.name {
        own = own.with_parm(Parm::new("AAUTHNAME", name)?);
    }
    if let Some(secret) = &auth.secret {
        let text = core::str::from_utf8(secret.expose()).map_err(|_| BootstrapErrorKind::NotText)?;
        own = own.with_parm(Parm::new("AAUTHSECRET", text)?);
    }
    if let Some(data) = auth.data.as_ref().filter(|data| !data.expose().is_empty()) {
        let text = zeroize::Zeroizing::new(Base64::encode_string(data.expose()));
        own = own.with_parm(Parm::new("AAUTHDATA", &text)?);
    }
    Ok(own)
}

/// A parameter that is there, with any value but 0 and false.
fn switched_on(characteristic: &Characteristic, name: &str) -> bool {
    characteristic.value(name).is_some_and(|value| !matches!(value.trim(), "0" | "false" | "FALSE"))
}

impl ProvisioningDocument {
    /// The accounts in it, one for each w7.
    pub fn accounts(&self) -> impl Iterator<Item = Result<W7, BootstrapError>> {
        self.characteristics().filter(|application| W7::is_w7(application)).map(W7::read)
    }
}

//! Account files: what two parties share, in the form in which `dm-server device add --account-file` writes it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use dm_notification::{Credential, ServerIdentifier, SessionId};
use dm_syncml::auth::{AuthScheme, Credentials, Password};
use dm_syncml::session::ClientConfig;
use dm_syncml::{Encoding, LocUri};
use dm_tree::ServerId;
use gwmo_model::{DeviceAccount, DeviceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::bootstraps::BootstrapWay;
use super::failure::Failure;
use crate::clock::entropy;
use crate::program::read_account;
use crate::tls::write_secret;

/// A text that is shown nowhere.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Hidden(pub(super) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

/// An account between a client and its server: between this gateway and a server, or between a device and this gateway.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct AccountFile {
    /// The client's DevId.
    pub(super) id: String,
    /// The server's identifier. In files of devices it may be left out: it is the gateway's.
    #[serde(default)]
    pub(super) server_id: String,
    /// Where the client posts its messages.
    #[serde(default)]
    pub(super) address: String,
    /// How both prove themselves.
    #[serde(default = "md5")]
    pub(super) auth: AuthScheme,
    /// Whether messages to a server are XML rather than WBXML.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) xml: bool,
    /// What the client shows.
    #[serde(default)]
    pub(super) user: String,
    #[serde(default)]
    pub(super) password: Hidden,
    /// What the server shows.
    #[serde(default)]
    pub(super) server_user: String,
    #[serde(default)]
    pub(super) server_password: Hidden,
    /// Where notifications for a device go, if it does not announce itself: `host:port` for UDP, or an `http://` address that takes pushes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reach: Option<String>,
    /// A device that speaks CoAP at this address, instead of OMA DM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) coap: Option<SocketAddr>,
    /// The servers that a device has accounts for itself: they may manage it transparently.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) knows: Vec<String>,
    /// How a device that does not have its account yet takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bootstrap: Option<BootstrapWay>,
    /// Certificates that a server may show, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ca: Option<PathBuf>,
}

impl Default for AccountFile {
    fn default() -> Self {
        Self {
            id: String::new(),
            server_id: String::new(),
            address: String::new(),
            auth: md5(),
            xml: false,
            user: String::new(),
            password: Hidden::default(),
            server_user: String::new(),
            server_password: Hidden::default(),
            reach: None,
            coap: None,
            knows: Vec::new(),
            bootstrap: None,
            ca: None,
        }
    }
}

const fn md5() -> AuthScheme {
    AuthScheme::Md5
}

/// A password of 256 random bits.
pub(super) fn made_password() -> Hidden {
    Hidden([entropy(), entropy()].concat().iter().map(|octet| format!("{octet:02x}")).collect())
}

impl AccountFile {
    /// Reads one.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let account: Self = read_account(path)?;
        if account.id.is_empty() {
            return Err(Failure::file("account", path, "has no id"));
        }
        Ok(account)
    }

    /// All of a folder, which need not be there.
    pub(super) fn read_all(folder: &Path) -> Result<Vec<Self>, Failure> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::file("io", folder, error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Failure::file("io", folder, error))?.path();
            // One that was being written when the power went has another ending.
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Keeps it in a folder, readable by its owner only.
    pub(super) fn keep(&self, folder: &Path, name: &str) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        write_secret(&path_of(folder, name), &serde_json::to_vec_pretty(self)?)
    }

    /// Forgets what [`keep`](Self::keep) kept.
    pub(super) fn forget(folder: &Path, name: &str) -> io::Result<()> {
        match fs::remove_file(path_of(folder, name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// What this gateway shares with a device; `None` for a device that has no secrets.
    pub(super) fn for_device(&self, gateway: &ServerId) -> Option<DeviceAccount> {
        if self.password.0.is_empty() {
            return None;
        }
        let name = |given: &str, default: &str| if given.is_empty() { default } else { given }.to_owned();
        let device = Credentials::new(name(&self.user, &self.id), Password::new(self.password.0.as_str()));
        let shown = name(&self.server_user, gateway.as_str());
        let server = Credentials::new(shown, Password::new(self.server_password.0.as_str()));
        let identifier = ServerIdentifier::new(gateway.as_str()).ok()?;
        let notification = Credential::new(identifier, &self.server_password.0);
        // A device drops a notification it has seen before, and this gateway may have been there before.
        let [high, low, ..] = entropy();
        let first = SessionId::new(u16::from_be_bytes([high, low])).unwrap_or(SessionId::MAX);
        Some(DeviceAccount::with_credentials(device, server, notification).with_session_id(first))
    }

    /// How sessions of this gateway with the server go.
    pub(super) fn for_sessions(&self) -> Result<ClientConfig, Failure> {
        let uri = |what: &str, text: &str| {
            LocUri::new(text.to_owned())
                .map_err(|error| Failure::new("account", format_args!("{what} {text:?}: {error}")))
        };
        let device = Credentials::new(self.user.as_str(), Password::new(self.password.0.as_str()));
        let server =
            Credentials::new(self.server_user.as_str(), Password::new(self.server_password.0.as_str()));
        let config = ClientConfig::new(uri("id", &self.id)?, uri("address", &self.address)?);
        let encoding = if self.xml { Encoding::Xml } else { Encoding::Wbxml };
        Ok(config.with_encoding(encoding).with_auth(self.auth, device, server).with_atomic())
    }

    /// The device it is about.
    pub(super) fn device(&self) -> Result<DeviceId, Failure> {
        DeviceId::new(&self.id).map_err(|error| Failure::new("usage", format_args!("{:?}: {error}", self.id)))
    }

    /// The servers that the device knows itself.
    pub(super) fn known_servers(&self) -> Result<Vec<ServerId>, Failure> {
        let server = |text: &String| {
            ServerId::new(text)
                .map_err(|error| Failure::new("usage", format_args!("knows {text:?}: {error}")))
        };
        self.knows.iter().map(server).collect()
    }

    /// The server it is about.
    pub(super) fn server(&self) -> Result<ServerId, Failure> {
        ServerId::new(&self.server_id)
            .map_err(|error| Failure::new("usage", format_args!("{:?}: {error}", self.server_id)))
    }
}

fn path_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{}.json", file_name(name)))
}

/// Identifiers are any text; file names are not.
pub(super) fn file_name(identifier: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(identifier).into();
    digest[..16].iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_kept_for_their_owner_and_shown_to_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = r#"{"id": "../../etc/passwd", "password": "hush", "server_password": "hush too"}"#;
        let account: AccountFile = serde_json::from_str(text).expect("an account");
        assert!(!format!("{account:?}").contains("hush"));
        account.keep(folder.path(), &account.id).expect("kept");
        let kept = AccountFile::read_all(folder.path()).expect("read");
        assert_eq!((kept.len(), kept[0].password.0.as_str()), (1, "hush"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(path_of(folder.path(), &account.id)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        AccountFile::forget(folder.path(), &account.id).expect("forgotten");
        AccountFile::forget(folder.path(), &account.id).expect("forgotten already");
        assert!(AccountFile::read_all(folder.path()).expect("read").is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("account.json");
        fs::write(&path, r#"{"id": "urn:x", "auth": "hush"}"#).expect("written");
        let said = AccountFile::read(&path).expect_err("no account").to_string();
        assert!(
            said.starts_with("account: ") && said.contains("account.json") && !said.contains("hush"),
            "{said}"
        );
    }
}

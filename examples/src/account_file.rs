//! Account files: what a device and its server share, as `dm-server device add` and `dm-gateway device add` write it.

use std::fs;
use std::path::Path;

use dm_syncml::auth::AuthScheme;
use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId};
use serde::Deserialize;

/// The largest one that is read.
const MAX_FILE: u64 = 64 << 10;

/// The account of a device with a server.
#[derive(Clone, Deserialize)]
pub struct AccountFile {
    /// The device's DevId.
    pub id: String,
    server_id: String,
    /// Where the device posts its messages.
    address: String,
    /// How both prove themselves.
    auth: AuthScheme,
    /// What the device shows.
    #[serde(default)]
    user: String,
    #[serde(default)]
    password: String,
    /// What the server shows.
    #[serde(default)]
    server_user: String,
    #[serde(default)]
    server_password: String,
}

/// Two of its texts are secret.
impl std::fmt::Debug for AccountFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountFile")
            .field("id", &self.id)
            .field("server_id", &self.server_id)
            .finish_non_exhaustive()
    }
}

/// Why a file is no account, in a sentence that shows nothing of what is in it.
#[derive(Debug, thiserror::Error)]
pub enum AccountFileError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is longer than any account.
    #[error("has more than {MAX_FILE} octets")]
    TooLarge,
    /// It is not JSON, or something is missing; what serde says of a wrong value would show it.
    #[error("is no account file (line {line}, column {column})")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
}

impl AccountFile {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is too large, or is no account.
    pub fn read(path: &Path) -> Result<Self, AccountFileError> {
        if fs::metadata(path)?.len() > MAX_FILE {
            return Err(AccountFileError::TooLarge);
        }
        serde_json::from_slice(&fs::read(path)?)
            .map_err(|error| AccountFileError::Malformed { line: error.line(), column: error.column() })
    }

    /// The management object a device keeps of it; `None` if its server's identifier cannot be one.
    #[must_use]
    pub fn to_dm_account(&self) -> Option<DmAccount> {
        let mut account = DmAccount::new(ServerId::new(&self.server_id).ok()?);
        account.addresses.push(AppAddr::uri(&self.address));
        let auth = match self.auth {
            AuthScheme::Basic => AuthType::BASIC,
            AuthScheme::Md5 => AuthType::DIGEST,
            AuthScheme::Mac => AuthType::HMAC,
            _ => return Some(account), // proven by the transport
        };
        account.auth_pref = Some(auth.clone());
        let credentials = |level, name: &str, default: &str, password: &str| {
            let name = if name.is_empty() { default } else { name };
            AppAuth::new(level, auth.clone()).with_name(name).with_secret(Secret::new(password))
        };
        account.credentials = vec![
            credentials(AuthLevel::CLCRED, &self.user, &self.id, &self.password),
            credentials(AuthLevel::SRVCRED, &self.server_user, &self.server_id, &self.server_password),
        ];
        Some(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("account.json");
        fs::write(&path, r#"{"id": "urn:x", "auth": "hush"}"#).expect("written");
        let said = AccountFile::read(&path).expect_err("no account").to_string();
        assert!(said.contains("line 1") && !said.contains("hush"), "{said}");
        fs::write(&path, " ".repeat(70_000)).expect("written");
        assert!(matches!(AccountFile::read(&path), Err(AccountFileError::TooLarge)));
        assert!(matches!(
            AccountFile::read(folder.path().join("none").as_path()),
            Err(AccountFileError::Io(_))
        ));
    }

    #[test]
    fn secrets_are_not_shown() {
        let text =
            r#"{"id": "a", "server_id": "b", "address": "http://c", "auth": "md5", "password": "hush"}"#;
        let account: AccountFile = serde_json::from_str(text).expect("an account");
        assert!(!format!("{account:?}").contains("hush"));
        let kept = account.to_dm_account().expect("an account");
        assert_eq!(
            kept.credentials[0].name.as_deref(),
            Some("a"),
            "the user name is the DevId unless another is given"
        );
    }
}

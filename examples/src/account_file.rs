//! Account files: what a device and its server share, as `dm-server device add` and `dm-gateway device add` write it.

use dm_syncml::auth::AuthScheme;
use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId};
use serde::Deserialize;

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

impl AccountFile {
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

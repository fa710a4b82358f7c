//! Servers that devices know and the gateway does not: it asks for an account with them, where that is allowed.

use std::sync::Arc;

use axum::http::Method;
use dm_notification::push::TextHeaders;
use dm_syncml::auth::AuthScheme;
use dm_tree::bootstrap::{BootstrapPolicy, BootstrapRequest, open_answer};
use dm_tree::{AppAuth, AuthLevel, AuthType, DevInfo, DmAccount, ServerId};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::account::{AccountFile, Hidden};
use super::book::Book;
use super::failure::Failure;
use super::fetch_policy::is_below;

/// The largest bootstrap message that is read.
const MAX_ANSWER: usize = 64 << 10;
/// Names the server that is wanted, beside the gateway's own identifier.
const SERVER_ID: &str = "X-Dm-Server-Id";

/// Where accounts may be asked for. By default nowhere. A server that may be asked is on the list `Peers` of the management object, too.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AskPolicy {
    /// Who made the gateway known to its first server, `https://`: it is asked where a device gives no address, or one that is not allowed.
    pub(super) bootstrap: Option<String>,
    /// Addresses that devices may give, and all below them.
    pub(super) allow: Vec<String>,
}

/// A server that is to bootstrap the gateway.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) server: ServerId,
    /// Where a device says it can be asked.
    pub(super) address: Option<Box<str>>,
}

impl AskPolicy {
    /// Where to ask. A password comes back: only over TLS.
    fn address<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        let named = named.filter(|named| self.allow.iter().any(|prefix| is_below(prefix, named)));
        named.or(self.bootstrap.as_deref()).filter(|address| address.starts_with("https://"))
    }
}

/// Answers what the machine wants, one after the other.
pub(super) async fn ask_servers(book: Arc<Book>, mut wanted: mpsc::UnboundedReceiver<Wanted>) {
    while let Some(Wanted { server, address }) = wanted.recv().await {
        match book.ask(&server, address.as_deref()).await {
            Ok(()) => tracing::info!(%server, "the gateway was bootstrapped to a server"),
            Err(why) => {
                tracing::warn!(%server, %why, "the gateway was not bootstrapped to a server");
                book.driver().drive(|gateway, now| gateway.handle_peer_refused(now, &server));
            }
        }
    }
}

impl Book {
    /// Asks for an account with this server, and answers to it from then on.
    async fn ask(&self, server: &ServerId, named: Option<&str>) -> Result<(), Failure> {
        let address = self.ask_policy().address(named);
        let address =
            address.ok_or_else(|| Failure::new("account", "there is nowhere it may be asked for"))?;
        let dev_id = self.driver().look(|gateway| DevInfo::read(gateway.tree()).map(|info| info.dev_id));
        let dev_id = dev_id.unwrap_or_default();
        let wrong = |error: &dyn std::fmt::Display| Failure::new("account", error);
        let request = BootstrapRequest::new(&dev_id).map_err(|error| wrong(&error))?;
        let headers = request.to_headers().with(SERVER_ID, server.as_str()).map_err(|error| wrong(&error))?;
        let headers = headers.iter().map(|(name, value)| (name, value.to_owned()));
        let http = self.http_for(None)?;
        let answer = http.send(Method::GET, address, headers, "", MAX_ANSWER).await;
        let answer = answer.map_err(|error| wrong(&error))?;
        if !answer.status.is_success() {
            return Err(Failure::new("account", format_args!("{address} says {}", answer.status)));
        }
        let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let headers = TextHeaders::new().with("Content-Type", kind).map_err(|error| wrong(&error))?;
        let bootstrap = open_answer(&headers, &answer.body, &BootstrapPolicy::default());
        let accounts = bootstrap.map_err(|error| wrong(&error))?.accounts();
        let account = accounts.iter().find(|account| account.server_id == *server);
        let account = account.ok_or_else(|| Failure::new("account", "the answer is about another server"))?;
        self.add_server(account_file(account, dev_id)?, true).await.map(drop)
    }
}

/// An account as the gateway keeps it.
fn account_file(account: &DmAccount, dev_id: String) -> Result<AccountFile, Failure> {
    let incomplete = || Failure::new("account", "the answer lacks an address or credentials");
    let of_level = |level: AuthLevel| account.credentials.iter().find(|auth| auth.level == level);
    let client = of_level(AuthLevel::CLCRED).ok_or_else(incomplete)?;
    let server = of_level(AuthLevel::SRVCRED).ok_or_else(incomplete)?;
    let password = |auth: &AppAuth| {
        let secret = auth.secret.as_ref().and_then(|secret| std::str::from_utf8(secret.expose()).ok());
        secret.map(|secret| Hidden(secret.to_owned())).ok_or_else(incomplete)
    };
    let auth = match &client.auth_type {
        kind if *kind == AuthType::BASIC => AuthScheme::Basic,
        kind if *kind == AuthType::HMAC => AuthScheme::Mac,
        _ => AuthScheme::Md5,
    };
    Ok(AccountFile {
        user: client.name.clone().unwrap_or_else(|| dev_id.clone()),
        password: password(client)?,
        server_user: server.name.clone().unwrap_or_else(|| account.server_id.as_str().to_owned()),
        server_password: password(server)?,
        id: dev_id,
        server_id: account.server_id.as_str().to_owned(),
        address: account.addresses.first().ok_or_else(incomplete)?.addr.clone(),
        auth,
        ..AccountFile::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_do_not_say_where_to_ask() {
        let policy = AskPolicy {
            bootstrap: Some("https://boot.example/".into()),
            allow: vec!["https://dms.example/".into(), "http://plain.example/".into()],
        };
        assert_eq!(policy.address(Some("https://dms.example/boot")), Some("https://dms.example/boot"));
        assert_eq!(policy.address(Some("https://evil.example/")), Some("https://boot.example/"));
        assert_eq!(policy.address(Some("http://plain.example/")), None, "a password in clear");
        assert_eq!(policy.address(None), Some("https://boot.example/"));
        assert_eq!(AskPolicy::default().address(Some("https://dms.example/boot")), None);
    }
}

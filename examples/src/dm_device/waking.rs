//! What wakes the device: notifications, alone, in a WSP push or in an HTTP push, and bootstrap messages.

use dm_notification::push::{Content, Push, TextHeaders};
use dm_notification::{
    Account, Arrival, Credential, DropReason, ReceiverPolicy, ReplayMemory, ServerIdentifier, Verdict,
    receive,
};
use dm_tree::{AuthLevel, DmAccount, Tree, dm_accounts};

use super::bootstrapping::Delivered;
use super::keeping::Wish;

/// What a message asks for.
#[derive(Debug)]
pub(super) enum Call<'a> {
    /// A session, and how the user is to notice.
    Session(Wish, Notice),
    /// A bootstrap message, not yet proven.
    Bootstrap(Delivered<'a>),
    /// Nothing.
    Nothing(DropReason),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    Silent,
    Tell,
    Ask,
}

/// Makes all checks of a datagram. Package 0 begins with a digest, which may by chance look like a push: what is no push of ours is tried as
/// the notification itself.
pub(super) fn look_at<'a>(tree: &Tree, memory: &mut ReplayMemory, datagram: &'a [u8]) -> Call<'a> {
    if let Ok(push) = Push::decode(datagram) {
        match push.content() {
            Content::CpBootstrap | Content::DmBootstrap => return Call::Bootstrap(Delivered::by_push(&push)),
            Content::DmNotification => return judge(tree, memory, Arrival::Push(datagram)),
            _ => {}
        }
    }
    judge(tree, memory, Arrival::Message(Content::DmNotification, datagram))
}

/// Makes all checks of what was pushed by HTTP.
pub(super) fn look_at_push<'a>(
    tree: &Tree,
    memory: &mut ReplayMemory,
    headers: &TextHeaders,
    body: &'a [u8],
) -> Call<'a> {
    match headers.content() {
        Content::CpBootstrap | Content::DmBootstrap => Call::Bootstrap(Delivered::by_http(headers, body)),
        content => judge(tree, memory, Arrival::Message(content, body)),
    }
}

fn judge<'a>(tree: &Tree, memory: &mut ReplayMemory, arrival: Arrival<'a>) -> Call<'a> {
    let accounts: Vec<DmAccount> = dm_accounts(tree).map(|(_, account)| account).collect();
    let nonces: Vec<_> = accounts.iter().map(|account| account.nonce(&AuthLevel::SRVCRED)).collect();
    let known = accounts.iter().zip(&nonces).filter_map(|(account, nonce)| {
        let identifier = ServerIdentifier::new(account.server_id.as_str()).ok()?;
        let credentials: Vec<(Credential, &[u8])> = account
            .credentials
            .iter()
            .filter(|auth| auth.level == AuthLevel::SRVCRED)
            .filter_map(|auth| Some(auth.secret.as_ref()?.expose()))
            .map(|secret| {
                let nonce = nonce.as_ref().map_or(&[][..], |nonce| nonce.as_bytes());
                (Credential::new(identifier, secret), nonce)
            })
            .collect();
        Some((identifier, credentials))
    });
    let known: Vec<_> = known.collect();
    let account_of = |id: ServerIdentifier<'_>| {
        let (_, credentials) = known.iter().find(|(known, _)| known.as_octets() == id.as_octets())?;
        Some(Account::new(credentials))
    };
    // Sessions run one after the other: what comes during one is looked at when it is over.
    let verdict = receive(arrival, &ReceiverPolicy::FIELD, account_of, memory, false);
    let (wish, notice) = match verdict {
        Verdict::Start(wish) => (wish, Notice::Silent),
        Verdict::TellUser(wish) => (wish, Notice::Tell),
        Verdict::AskUser(wish) => (wish, Notice::Ask),
        Verdict::Drop(reason) => return Call::Nothing(reason),
        _ => return Call::Nothing(DropReason::UnknownServer),
    };
    // An account of that name was found, so it is text.
    let server = wish.server_identifier().to_str().unwrap_or_default().to_owned();
    Call::Session(Wish { server, session_id: Some(wish.session_id().to_string()) }, notice)
}

/// A session with this server is over: its ids are free again.
pub(super) fn session_ended(memory: &mut ReplayMemory, server: &str) {
    if let Ok(server) = ServerIdentifier::new(server) {
        memory.session_ended(server);
    }
}

/// The account of this server is new: nothing that was signed before means anything.
pub(super) fn forget(memory: &mut ReplayMemory, server: &str) {
    if let Ok(server) = ServerIdentifier::new(server) {
        memory.forget(server);
    }
}

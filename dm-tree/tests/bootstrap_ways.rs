//! The four ways a device comes by its first account: from the factory, from a smartcard, by push, and by asking.

use dm_notification::bootstrap::{CpSec, NetworkSecret, SharedSecrets};
use dm_notification::push::TextHeaders;
use dm_syncml::{Encoding, LocUri};
use dm_tree::bootstrap::{
    Bootstrap, BootstrapErrorKind, BootstrapPolicy, BootstrapRequest, Profile, Proof, SignedBootstrap,
    TrustedSource, account_tree, answer_request, dm_message, open_answer, provisioning_of,
};
use dm_tree::{AppAddr, DmAccount, ServerId, Tree, dm_accounts};

fn account() -> DmAccount {
    let mut account = DmAccount::new(ServerId::new("com.example.dm").expect("a server"));
    account.addresses.push(AppAddr::uri("https://dm.example.com/dm"));
    account
}

fn signed_cp() -> SignedBootstrap {
    let imsi = NetworkSecret::from_imsi("001010123456789").expect("an imsi");
    let secrets = SharedSecrets::new().with_network(imsi);
    SignedBootstrap::cp(&provisioning_of(&[account()]).expect("it fits"), CpSec::NETWPIN, &secrets)
        .expect("a key")
}

fn octets() -> Vec<u8> {
    let uri = |text: &str| LocUri::new(text.to_string()).expect("a uri");
    let document = account_tree(&account(), "1", None).expect("it fits");
    dm_message(uri("IMEI:1"), uri("https://dm.example.com"), &[document])
        .expect("a document")
        .encode(Encoding::Wbxml)
}

fn servers(tree: &Tree) -> Vec<String> {
    dm_accounts(tree).map(|(_, account)| account.server_id.to_string()).collect()
}

#[test]
fn from_the_factory() {
    let mut tree = Tree::default();
    account().install(&mut tree, "./DMAcc/Factory").expect("it fits");
    assert_eq!(servers(&tree), ["com.example.dm"]);
}

#[test]
fn dm_3_from_a_smartcard() {
    let card = Proof::Source(TrustedSource::SmartCard);
    let policy = BootstrapPolicy::default();
    let mut tree = Tree::default();
    let applied = Bootstrap::open_dm(&octets(), &card, &policy).expect("genuine").apply(&mut tree, &policy);
    assert_eq!(applied.expect("it fits").sessions().count(), 1, "the device connects to the server next");
    assert_eq!(servers(&tree), ["com.example.dm"]);
}

#[test]
fn by_asking_over_https() {
    let request = BootstrapRequest::new("IMEI:493005100592800").expect("an id");
    let request = BootstrapRequest::of_headers(&request.to_headers()).expect("the same");
    assert_eq!(
        (request.device_id(), request.profiles()),
        ("IMEI:493005100592800", &[Profile::Dm, Profile::Cp][..])
    );
    let (headers, body) = answer_request(&request, &signed_cp()).expect("a profile it takes");
    let policy = BootstrapPolicy::default();
    let mut tree = Tree::default();
    open_answer(&headers, &body, &policy).expect("genuine").apply(&mut tree, &policy).expect("it fits");
    assert_eq!(servers(&tree), ["com.example.dm"]);
}

#[test]
fn who_asks_gets_only_what_it_takes() {
    let request = BootstrapRequest::new("IMEI:1").expect("an id").with_profiles([Profile::Dm]);
    let error = answer_request(&request, &signed_cp()).expect_err("not this profile");
    assert_eq!(error.kind(), &BootstrapErrorKind::MediaType);
    for bad in ["", "a b", "a\r\nX: y", "\u{e4}"] {
        assert_eq!(BootstrapRequest::new(bad).expect_err(bad).kind(), &BootstrapErrorKind::NotText);
    }
    assert!(BootstrapRequest::of_headers(&TextHeaders::new()).is_err(), "nobody asks");
    let policy = BootstrapPolicy::default();
    assert!(
        open_answer(&TextHeaders::new(), &octets(), &policy).is_err(),
        "the answer does not say what it is"
    );
    let (headers, body) =
        answer_request(&BootstrapRequest::new("IMEI:1").expect("an id"), &signed_cp()).expect("taken");
    // The very last end may be missing, as some senders leave it out.
    for cut in 0..body.len() / 2 {
        assert!(open_answer(&headers, &body[..cut], &policy).is_err(), "{cut}");
    }
}

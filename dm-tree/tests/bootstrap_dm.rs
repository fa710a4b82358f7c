//! The DM profile: messages, documents, proofs, and what becomes of a tree.

use dm_notification::bootstrap::{
    BootstrapErrorKind as ProofErrorKind, CpSec, DmSec, Mac, MacKey, NetworkSecret, Pin, SharedSecrets,
};
use dm_notification::push::{Content, Push};
use dm_syncml::{Atomic, CmdId, Command, Get, Item, LocUri, Message};
use dm_tree::bootstrap::{
    Bootstrap, BootstrapErrorKind, BootstrapPolicy, KnownServer, Placement, Profile, Proof, SignedBootstrap,
    TrustedSource, account_tree, dm_message,
};
use dm_tree::mgmt_tree::{MgmtTree, Node, NodeValue, RtProperties};
use dm_tree::{
    Acl, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Format, Secret, ServerId, Tree, dm_accounts,
};

fn secrets() -> SharedSecrets {
    SharedSecrets::new()
        .with_network(NetworkSecret::from_imsi("123456789012345").expect("an imsi"))
        .with_pin(Pin::new("1234").expect("a pin"))
}

fn account(server: &str) -> DmAccount {
    let mut account = DmAccount::new(ServerId::new(server).expect("a server"));
    account.addresses.push(AppAddr::uri("https://dm.example.com/dm"));
    account.credentials.push(
        AppAuth::new(AuthLevel::SRVCRED, AuthType::DIGEST)
            .with_name("x")
            .with_secret(Secret::new("a secret"))
            .with_data(Secret::new(*b"\x00\xFFnonce")),
    );
    account
}

fn tnds(server: &str, name: &str) -> MgmtTree {
    account_tree(&account(server), name, None).expect("it fits")
}

fn message(documents: &[MgmtTree]) -> Message<'static> {
    let uri = |text: &str| LocUri::new(text.to_string()).expect("a uri");
    dm_message(uri("IMEI:1"), uri("https://dm.example.com"), documents).expect("some documents")
}

const CARD: Proof<'static> = Proof::Source(TrustedSource::SmartCard);

fn open(documents: &[MgmtTree]) -> Bootstrap {
    let octets = message(documents).encode(dm_syncml::Encoding::Wbxml);
    Bootstrap::open_dm(&octets, &CARD, &BootstrapPolicy::default()).expect("well-formed")
}

/// A connectivity object with an address that accounts refer to.
fn connection(mo_id: &str, name: &str) -> MgmtTree {
    let mut document = MgmtTree::new();
    document.push(0, Node::new(name).with_rt(RtProperties::interior(mo_id))).expect("a node");
    let leaf = Node::new("Addr").with_rt(RtProperties::leaf(Format::Chr, "text/plain"));
    document.push(1, leaf.with_value(NodeValue::text("apn.example.com"))).expect("a node");
    document
}

#[test]
fn an_account_comes_back_by_push() {
    let policy = BootstrapPolicy::default();
    let secrets = secrets();
    for sec in [DmSec::NETWORKID, DmSec::USERPIN, DmSec::USERPIN_NETWORKID] {
        let signed = SignedBootstrap::dm(&message(&[tnds("com.example.dm", "operator")]), sec, &secrets);
        let pushed = signed.expect("all secrets are there").to_push();
        let push = Push::decode(&pushed).expect("well-formed");
        assert_eq!(push.content(), Content::DmBootstrap);
        let sec = push.content_type().sec().and_then(|sec| sec.dm()).expect("there is one");
        let mac = push.content_type().mac().expect("there is one").expect("hex");
        let bootstrap =
            Bootstrap::open_dm(push.body(), &Proof::Dm(&sec, mac, &secrets), &policy).expect("proven");
        assert_eq!(
            (bootstrap.profile(), bootstrap.accounts()),
            (Profile::Dm, vec![account("com.example.dm")])
        );
        let mut tree = Tree::default();
        let applied = bootstrap.apply(&mut tree, &policy).expect("it fits");
        let found: Vec<_> = dm_accounts(&tree).collect();
        assert_eq!(found, [(applied.accounts[0].uri.clone(), account("com.example.dm"))]);
        let expected =
            Acl::parse("Get=com.example.dm&Replace=com.example.dm&Delete=com.example.dm").expect("an acl");
        assert_eq!(*tree.node(found[0].0.as_str()).expect("there").acl(), expected);
        let server = ServerId::new("com.example.dm").expect("a server");
        for secret in ["AAuthSecret", "AAuthData"] {
            let uri = format!("{}/AppAuth/1/{secret}", found[0].0);
            let refusal = tree.act_for(&server, &mut ()).get(&uri).expect_err("nobody reads it");
            assert_eq!(refusal.status().get(), 405);
        }
        let wrong = Proof::Dm(&sec, Mac::new([0; 20]), &secrets);
        let error = Bootstrap::open_dm(push.body(), &wrong, &policy).expect_err("unproven");
        assert_eq!(error.kind(), &BootstrapErrorKind::Proof(ProofErrorKind::WrongMac));
        let other = Proof::Cp(CpSec::USERPIN, Some(mac), &secrets);
        assert!(Bootstrap::open_dm(push.body(), &other, &policy).is_err());
    }
    let own = DmSec::new("X-OWN").expect("a word");
    let error = SignedBootstrap::dm(&message(&[tnds("s", "x")]), own, &secrets).expect_err("no key");
    assert_eq!(error.kind(), &BootstrapErrorKind::Proof(ProofErrorKind::NoKey));
}

/// ACLs that the message says are taken as they stand; others are granted to the server alone.
#[test]
fn rights() {
    let said = Acl::parse("Get=*&Replace=one").expect("an acl");
    let documents = [account_tree(&account("one"), "a", Some(&said)).expect("it fits"), tnds("two", "b")];
    let mut tree = Tree::default();
    open(&documents).apply(&mut tree, &BootstrapPolicy::default()).expect("it fits");
    assert_eq!(*tree.node("./DMAcc/1").expect("there").acl(), said);
    let granted = Acl::parse("Get=two&Replace=two&Delete=two").expect("an acl");
    assert_eq!(*tree.node("./DMAcc/2").expect("there").acl(), granted);
}

/// Objects go where the device wants them, and references follow.
#[test]
fn objects_and_references() {
    let mut with_reference = account("one");
    with_reference.pref_con_ref = Some("./Inbox/Wifi".into());
    with_reference.con_refs = vec!["./Inbox/Gprs".into(), "./Inbox/Wifi/Addr".into(), "./Elsewhere".into()];
    let documents = [
        account_tree(&with_reference, "a", None).expect("it fits"),
        connection("urn:example:mo:con:1.0", "Wifi"),
        connection("urn:example:mo:other:1.0", "Gprs"),
    ];
    let policy = BootstrapPolicy::default().with_placement(Placement::new("urn:example:mo:con:1.", "./Con"));
    let mut tree = Tree::default();
    let applied = open(&documents).apply(&mut tree, &policy).expect("it fits");
    let objects: Vec<_> = applied.objects.iter().map(|(mo, uri)| (mo.as_str(), uri.as_str())).collect();
    assert_eq!(objects, [("urn:example:mo:con:1.0", "./Con/Wifi")]);
    assert_eq!(applied.ignored, ["urn:example:mo:other:1.0"]);
    assert_eq!(
        tree.node("./Con/Wifi/Addr").expect("there").value().expect("a leaf").as_str(),
        Some("apn.example.com")
    );
    let (_, found) = dm_accounts(&tree).next().expect("one account");
    assert_eq!(found.pref_con_ref.as_deref(), Some("./Con/Wifi"));
    assert_eq!(found.con_refs, ["", "./Con/Wifi/Addr", "./Elsewhere"]);
    // A second one of the same name goes to another place.
    let again =
        open(&[connection("urn:example:mo:con:1.0", "Wifi")]).apply(&mut tree, &policy).expect("it fits");
    assert_eq!(again.objects[0].1.as_str(), "./Con/1");
    assert_eq!(again.sessions().count(), 0);
}

#[test]
fn the_latest_version_counts() {
    let documents = [
        connection("urn:example:mo:con:1.2", "Old"),
        connection("urn:example:mo:con:1.10", "New"),
        connection("urn:example:mo:con:2.0", "Unknown"),
    ];
    let policy = BootstrapPolicy::default().with_placement(Placement::new("urn:example:mo:con:1.", "./Con"));
    let mut tree = Tree::default();
    let applied = open(&documents).apply(&mut tree, &policy).expect("it fits");
    assert_eq!(applied.objects[0].1.as_str(), "./Con/New");
    assert_eq!(applied.ignored, ["urn:example:mo:con:2.0", "urn:example:mo:con:1.2"]);
}

#[test]
fn again_and_refused() {
    let mut tree = Tree::default();
    let policy = BootstrapPolicy::default().with_max_accounts(2);
    open(&[tnds("one", "a")]).apply(&mut tree, &policy).expect("it fits");
    let applied = open(&[tnds("one", "y"), tnds("two", "z")]).apply(&mut tree, &policy).expect("it fits");
    let places: Vec<_> = applied.accounts.iter().map(|own| (own.uri.as_str(), own.replaced)).collect();
    assert_eq!(places, [("./DMAcc/1", true), ("./DMAcc/2", false)]);
    let before = tree.to_tnds().expect("not deep");
    let mut refused = |documents: &[MgmtTree], policy: &BootstrapPolicy| {
        let error = open(documents).apply(&mut tree, policy).expect_err("refused");
        assert_eq!(tree.to_tnds().expect("not deep"), before);
        error.kind().clone()
    };
    assert_eq!(
        refused(&[tnds("one", "a"), tnds("three", "b")], &policy),
        BootstrapErrorKind::TooManyAccounts
    );
    assert_eq!(refused(&[tnds("one", "a"), tnds("one", "b")], &policy), BootstrapErrorKind::Repeated);
    let keep = policy.clone().with_known_server(KnownServer::Refuse);
    assert_eq!(refused(&[tnds("one", "a")], &keep), BootstrapErrorKind::Known);
    assert_eq!(refused(&[connection("urn:example:mo:con:1.0", "x")], &policy), BootstrapErrorKind::Empty);
    let nameless = connection(DmAccount::MO_ID, "x");
    assert_eq!(refused(&[nameless], &policy), BootstrapErrorKind::NoServerId);
    assert!(tree.begin_atomic(&ServerId::new("one").expect("fits")).is_ok());
    assert!(open(&[tnds("one", "a")]).apply(&mut tree, &policy).is_err());
}

/// Nothing but Adds to the inbox is in a bootstrap message.
#[test]
fn other_commands_are_refused() {
    let add = |uri: &str| {
        let mut own = message(&[tnds("one", "a")]).body.commands.remove(0);
        if let Command::Add(add) = &mut own {
            let item = add.items[0].clone();
            let moved =
                Item::to(LocUri::new(uri.to_string()).expect("a uri")).with_data(item.data.expect("data"));
            add.items[0] = match item.meta {
                Some(meta) => moved.with_meta(meta),
                None => moved,
            };
        }
        own
    };
    let kind = |command: Command<'static>| {
        let mut own = message(&[tnds("two", "b")]);
        own.body.commands.push(command);
        Bootstrap::from_message(&own).map(|_| ()).map_err(|error| error.kind().clone())
    };
    let id = || CmdId::new("9").expect("an id");
    assert_eq!(kind(add("./Inbox")), Ok(()));
    assert_eq!(kind(add("./Inbox/Sub")), Ok(()));
    for elsewhere in ["./DMAcc", "./Inbox2", "./DMAcc/../Inbox", "."] {
        assert_eq!(kind(add(elsewhere)), Err(BootstrapErrorKind::OtherCommand), "{elsewhere}");
    }
    let get = Get::new(id(), vec![Item::to(LocUri::new("./Inbox").expect("a uri"))]);
    assert_eq!(kind(get.clone().into()), Err(BootstrapErrorKind::OtherCommand));
    assert_eq!(kind(Atomic::new(id(), vec![add("./Inbox")]).into()), Ok(()));
    assert_eq!(kind(Atomic::new(id(), vec![get.into()]).into()), Err(BootstrapErrorKind::OtherCommand));
    let mut twice = message(&[tnds("two", "b"), tnds("two", "b")]);
    let error = Bootstrap::from_message(&twice).expect_err("there is a b");
    assert_eq!(error.kind(), &BootstrapErrorKind::Object(418));
    twice.body.commands.clear();
    assert_eq!(Bootstrap::from_message(&twice).expect_err("empty").kind(), &BootstrapErrorKind::Empty);
}

/// The three methods over a message of Adds, as the vectors of authentication have them: with the network's secret as text, which
/// some senders take instead of its semi-octets.
#[test]
fn macs_are_those_of_the_vectors() {
    let vectors = include_str!("../../dm-syncml/tests/vectors/auth_vectors.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
    let body = include_bytes!("../../dm-syncml/tests/vectors/session/11-s2c-add-tnds.wbxml");
    let secrets = SharedSecrets::new()
        .with_network(NetworkSecret::from_octets("004999010640000").expect("not empty"))
        .with_pin(Pin::new("1234").expect("a pin"));
    let rows = vectors["bootstrap_hmac_sha1"].as_array().expect("an array");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let field = |name: &str| row[name].as_str().expect("text");
        assert_eq!(field("body_file"), "session/11-s2c-add-tnds.wbxml");
        let key =
            MacKey::for_dm(&DmSec::new(field("sec")).expect("a word"), &secrets).expect("both are there");
        assert_eq!(key.expose(), field("key_ascii").as_bytes());
        assert_eq!(key.mac(body).to_string(), field("mac_hex"));
        assert_eq!(key.verify(body, &field("mac_hex").parse().expect("40 digits")), Ok(()));
        assert!(key.verify(&body[1..], &field("mac_hex").parse().expect("40 digits")).is_err());
    }
}

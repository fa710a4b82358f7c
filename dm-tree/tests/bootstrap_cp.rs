//! The CP profile: documents, accounts, proofs, and what becomes of a tree.
#![cfg(feature = "xml")]

use dm_notification::bootstrap::{
    BootstrapErrorKind as ProofErrorKind, CheckedPin, CpSec, DmSec, Mac, MacKey, NetworkSecret, Pin,
    SharedSecrets,
};
use dm_notification::push::{Content, PartReference, Push, Reassembler, ReassemblyLimits, ReassemblyOutput};
use dm_tree::bootstrap::{
    Bootstrap, BootstrapErrorKind, BootstrapPolicy, Characteristic, Connection, KnownServer, Parm, Proof,
    ProofSet, ProvisioningDocument, ProvisioningItem, SignedBootstrap, TrustedSource, W7, provisioning_of,
};
use dm_tree::{
    Acl, AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId, Tree, dm_accounts,
};

fn secrets() -> SharedSecrets {
    SharedSecrets::new()
        .with_network(NetworkSecret::from_imsi("123456789012345").expect("an imsi"))
        .with_pin(Pin::new("1234").expect("a pin"))
}

fn account(server: &str) -> DmAccount {
    let mut account = DmAccount::new(ServerId::new(server).expect("a server"));
    account.name = Some("An operator".into());
    let mut address = AppAddr::new("192.0.2.1", AddrType::IPV4);
    address.ports.extend([80, 8080]);
    account.addresses.extend([AppAddr::uri("https://dm.example.com/dm"), address]);
    account.credentials.extend([
        AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST)
            .with_name("device")
            .with_secret(Secret::new("device's <secret>"))
            .with_data(Secret::new(*b"\x00\x01nonce")),
        AppAuth::new(AuthLevel::SRVCRED, AuthType::HMAC)
            .with_name(server)
            .with_secret(Secret::new("server's")),
    ]);
    account
}

fn document(servers: &[&str]) -> ProvisioningDocument {
    let accounts: Vec<_> = servers.iter().map(|server| account(server)).collect();
    provisioning_of(&accounts).expect("text")
}

const FACTORY: Proof<'static> = Proof::Source(TrustedSource::Factory);

fn open(document: &ProvisioningDocument) -> Bootstrap {
    Bootstrap::open_cp(&document.to_wbxml(), &FACTORY, &BootstrapPolicy::default()).expect("well-formed")
}

/// Everything an account says comes back out of the tree, through WBXML, document and w7.
#[test]
fn an_account_comes_back() {
    let mut tree = Tree::default();
    let applied = open(&document(&["com.example.dm"])).apply(&mut tree, &BootstrapPolicy::default());
    let applied = applied.expect("it fits");
    let found: Vec<_> = dm_accounts(&tree).collect();
    assert_eq!(found, [(applied.accounts[0].uri.clone(), account("com.example.dm"))]);
    assert_eq!(applied.accounts[0].uri.as_str(), "./DMAcc/1");
}

/// Levels, types and addresses as the table of the w7 document has them.
#[test]
fn w7_means_an_account() {
    let xml = br#"<?xml version="1.0"?><wap-provisioningdoc version="1.1">
        <characteristic type="PXLOGICAL"><parm name="PROXY-ID" value="p"/></characteristic>
        <characteristic type="APPLICATION">
          <parm name="APPID" value="w7"/><parm name="PROVIDER-ID" value="com.example.dm"/>
          <parm name="TO-PROXY" value="p"/><parm name="TO-NAPID" value="INTERNET"/><parm name="INIT"/>
          <parm name="ADDR" value="http://short"/><parm name="USENONCERESYNC" value="0"/>
          <characteristic type="APPADDR"><parm name="ADDR" value="::1"/><parm name="ADDRTYPE" value="IPV6"/>
            <characteristic type="PORT"><parm name="PORTNBR" value="8080"/></characteristic></characteristic>
          <characteristic type="APPAUTH"><parm name="AAUTHLEVEL" value="APPSRV"/>
            <parm name="AAUTHTYPE" value="DIGEST,BASIC"/><parm name="AAUTHNAME" value="n"/>
            <parm name="AAUTHSECRET" value="s"/><parm name="AAUTHDATA" value="AAFub25jZQ=="/></characteristic>
          <characteristic type="APPAUTH"><parm name="AAUTHLEVEL" value="CLIENT"/><parm name="AAUTHSECRET" value="t"/></characteristic>
          <characteristic type="APPAUTH"><parm name="AAUTHLEVEL" value="OBEX"/><parm name="AAUTHTYPE" value="HTTP-BASIC"/></characteristic>
        </characteristic></wap-provisioningdoc>"#;
    let document = ProvisioningDocument::from_xml(xml).expect("well-formed");
    let w7s: Vec<W7> = document.accounts().collect::<Result<_, _>>().expect("one account");
    let [w7] = &w7s[..] else { panic!("one account") };
    assert_eq!(w7.connections, [Connection::Proxy("p".into()), Connection::Nap("INTERNET".into())]);
    assert!(w7.init && !w7.nonce_resync);
    assert_eq!(w7.addresses[0], AppAddr::uri("http://short"));
    assert_eq!((&w7.addresses[1].addr_type, &w7.addresses[1].ports[..]), (&AddrType::IPV6, &[8080][..]));
    let levels: Vec<_> =
        w7.credentials.iter().map(|auth| (auth.level.clone(), auth.auth_type.clone())).collect();
    assert_eq!(
        levels,
        [
            (AuthLevel::CLCRED, AuthType::DIGEST),
            (AuthLevel::CLCRED, AuthType::BASIC),
            (AuthLevel::SRVCRED, AuthType::DIGEST),
            (AuthLevel::OBEX, AuthType::HTTP_BASIC),
        ]
    );
    assert_eq!(w7.credentials[0].data.as_ref().map(Secret::expose), Some(&b"\x00\x01nonce"[..]));
    let reference = |connection: &Connection| match connection {
        Connection::Proxy(id) => Some(format!("./Con/{id}")),
        _ => None,
    };
    assert_eq!(w7.to_account(reference).expect("complete").pref_con_ref.as_deref(), Some("./Con/p"));
    let both = w7.to_account(|_| Some("./Con/x".into())).expect("complete");
    assert_eq!((both.pref_con_ref, both.con_refs.len()), (None, 2));
    // Both encodings say the same, and so does the characteristic made of the account.
    assert_eq!(ProvisioningDocument::from_wbxml(&document.to_wbxml()), Ok(document.clone()));
    assert_eq!(ProvisioningDocument::from_xml(&document.to_xml()), Ok(document));
    assert_eq!(W7::read(&w7.to_characteristic().expect("text")).as_ref(), Ok(w7));
}

/// Every method proves, with its own key and for its own document only.
#[test]
fn proofs() {
    let document = document(&["com.example.dm"]);
    let policy = BootstrapPolicy::default();
    for sec in [CpSec::NETWPIN, CpSec::USERPIN, CpSec::USERNETWPIN] {
        let signed = SignedBootstrap::cp(&document, sec, &secrets()).expect("all secrets are there");
        let (octets, mac) = (signed.document(), signed.mac().copied());
        let open = |octets: &[u8], mac, secrets: &SharedSecrets, policy: &BootstrapPolicy| {
            Bootstrap::open_cp(octets, &Proof::Cp(sec, mac, secrets), policy)
                .map(|_| ())
                .map_err(|e| e.kind().clone())
        };
        assert_eq!(open(octets, mac, &secrets(), &policy), Ok(()));
        assert_eq!(open(octets, None, &secrets(), &policy), Err(BootstrapErrorKind::Unproven));
        let wrong = Err(BootstrapErrorKind::Proof(ProofErrorKind::WrongMac));
        assert_eq!(open(octets, Some(Mac::new([0; 20])), &secrets(), &policy), wrong);
        for bit in 0..octets.len() * 8 {
            let mut changed = octets.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&changed, mac, &secrets(), &policy), wrong);
        }
        let others = SharedSecrets::new()
            .with_network(NetworkSecret::from_imsi("123456789012346").expect("an imsi"))
            .with_pin(Pin::new("1235").expect("a pin"));
        assert_eq!(open(octets, mac, &others, &policy), wrong);
        let none = open(octets, mac, &SharedSecrets::new(), &policy);
        assert!(matches!(none, Err(BootstrapErrorKind::Proof(_))) && none != wrong);
        let picky = policy.clone().with_proofs(ProofSet::FACTORY);
        assert_eq!(open(octets, mac, &secrets(), &picky), Err(BootstrapErrorKind::MethodRefused));
    }
    let kind = |proof: &Proof<'_>, octets: &[u8]| {
        Bootstrap::open_cp(octets, proof, &policy).map(|_| ()).map_err(|e| e.kind().clone())
    };
    let octets = document.to_wbxml();
    assert_eq!(kind(&Proof::Nothing, &octets), Err(BootstrapErrorKind::Unproven));
    let (signed, typed) = SignedBootstrap::cp_for_typed_pin(&document, "13579").expect("digits");
    assert_eq!(signed.mac(), None);
    assert_eq!(kind(&Proof::Typed(typed.expose()), signed.document()), Ok(()));
    let wrong = Err(BootstrapErrorKind::Proof(ProofErrorKind::WrongDigits));
    assert_eq!(kind(&Proof::Typed("1357900000"), signed.document()), wrong);
    // USERPINMAC does not go by what a message says of itself, and a proof of the other profile is none.
    let mac = Some(MacKey::from_octets(*b"1234").expect("some").mac(&octets));
    assert_eq!(
        kind(&Proof::Cp(CpSec::USERPINMAC, mac, &secrets()), &octets),
        Err(BootstrapErrorKind::MethodRefused)
    );
    let dm = MacKey::for_dm(&DmSec::USERPIN, &secrets()).expect("there is a pin").mac(&octets);
    assert_eq!(
        kind(&Proof::Dm(&DmSec::USERPIN, dm, &secrets()), &octets),
        Err(BootstrapErrorKind::MethodRefused)
    );
    let short = CheckedPin::with_minimum("1357", &octets, 4).expect("digits");
    assert!(kind(&Proof::Typed(short.expose()), &octets).is_err());
    let lenient = policy.clone().with_min_pin_digits(4);
    assert!(Bootstrap::open_cp(&octets, &Proof::Typed(short.expose()), &lenient).is_ok());
}

/// From the server to the device by short messages.
#[test]
fn by_short_messages() {
    let signed = SignedBootstrap::cp(&document(&["com.example.dm"]), CpSec::USERNETWPIN, &secrets());
    let signed = signed.expect("all secrets are there");
    let mut reassembler = Reassembler::new(ReassemblyLimits::DEFAULT);
    let parts = signed.to_sms(PartReference::Eight(3)).expect("fits");
    assert!(parts.len() > 1);
    for part in &parts {
        reassembler.handle_part(core::time::Duration::ZERO, 0, part).expect("well-formed");
    }
    let ReassemblyOutput::Message(message) = reassembler.poll_output() else { panic!("all parts are there") };
    let push = Push::decode(&message.payload).expect("well-formed");
    assert_eq!(push.content(), Content::CpBootstrap);
    let sec = push.content_type().sec().and_then(|sec| sec.cp()).expect("there is one");
    let mac = push.content_type().mac().transpose().expect("hex");
    let secrets = secrets();
    let proof = Proof::Cp(sec, mac, &secrets);
    let bootstrap = Bootstrap::open_cp(push.body(), &proof, &BootstrapPolicy::default()).expect("proven");
    assert_eq!(bootstrap.accounts(), [account("com.example.dm")]);
    let headers = signed.to_text_headers();
    assert_eq!(headers.content_type().and_then(|own| own.cp_sec()), Some(CpSec::USERNETWPIN));
}

/// Each account is its server's and nobody else's, whatever is in the tree.
#[test]
fn rights() {
    let mut tree = Tree::default();
    let root_before = tree.root().acl().clone();
    open(&document(&["one", "two"])).apply(&mut tree, &BootstrapPolicy::default()).expect("it fits");
    let (one, two) = (ServerId::new("one").expect("fits"), ServerId::new("two").expect("fits"));
    let acl = |text: &str| Acl::parse(text).expect("an acl");
    assert_eq!(*tree.node("./DMAcc/1").expect("there").acl(), acl("Get=one&Replace=one&Delete=one"));
    assert_eq!(*tree.node("./DMAcc/2").expect("there").acl(), acl("Get=two&Replace=two&Delete=two"));
    assert_eq!(*tree.root().acl(), root_before);
    let get = |tree: &mut Tree, server: &ServerId, uri: &str| {
        tree.act_for(server, &mut ()).get(uri).map(|_| ()).map_err(|refusal| refusal.status().get())
    };
    assert_eq!(get(&mut tree, &one, "./DMAcc/1/ServerID"), Ok(()));
    assert_eq!(get(&mut tree, &two, "./DMAcc/1/ServerID"), Err(425));
    assert_eq!(get(&mut tree, &one, "./DMAcc/1/AppAuth/1/AAuthSecret"), Err(405));
    assert_eq!(get(&mut tree, &one, "./DMAcc/1/AppAuth/1/AAuthData"), Err(405));
    let two_deletes =
        tree.act_for(&two, &mut ()).delete("./DMAcc/1").map_err(|refusal| refusal.status().get());
    assert_eq!(two_deletes.map(|_| ()), Err(425));
    assert!(tree.act_for(&one, &mut ()).delete("./DMAcc/1").is_ok());

    let mut tree = Tree::default();
    let policy = BootstrapPolicy::default().with_grant(false);
    open(&document(&["one"])).apply(&mut tree, &policy).expect("it fits");
    assert!(tree.node("./DMAcc/1").expect("there").acl().is_empty());
}

/// A server that bootstraps again gets a new account in the old place; others stay as they are.
#[test]
fn again() {
    let mut tree = Tree::default();
    let policy = BootstrapPolicy::default();
    open(&document(&["one", "two"])).apply(&mut tree, &policy).expect("it fits");
    let mut changed = account("one");
    changed.credentials[0] = AppAuth::new(AuthLevel::CLCRED, AuthType::HMAC).with_secret(Secret::new("new"));
    changed.addresses.truncate(1);
    let message = provisioning_of(&[changed.clone(), account("three")]).expect("text");
    let applied = open(&message).apply(&mut tree, &policy).expect("it fits");
    let places: Vec<_> = applied.accounts.iter().map(|own| (own.uri.as_str(), own.replaced)).collect();
    assert_eq!(places, [("./DMAcc/1", true), ("./DMAcc/3", false)]);
    let sessions: Vec<_> =
        applied.sessions().map(|own| (own.server_id.as_str(), own.alert.get(), own.at_once)).collect();
    assert_eq!(sessions, [("one", 1201, false), ("three", 1201, false)]);
    let found: Vec<_> = dm_accounts(&tree).map(|(_, account)| account).collect();
    assert_eq!(found, [changed, account("two"), account("three")]);
    assert!(
        tree.node("./DMAcc/1")
            .expect("there")
            .grants(&ServerId::new("one").expect("fits"), dm_tree::Rights::DELETE)
    );
}

/// What is refused leaves the tree as it was.
#[test]
fn refused_as_a_whole() {
    let mut tree = Tree::default();
    let policy = BootstrapPolicy::default().with_max_accounts(3);
    open(&document(&["one", "two"])).apply(&mut tree, &policy).expect("it fits");
    let before = tree.to_tnds().expect("not deep");
    let mut refuse = |servers: &[&str], policy: &BootstrapPolicy| {
        let error = open(&document(servers)).apply(&mut tree, policy).expect_err("refused");
        assert_eq!(tree.to_tnds().expect("not deep"), before, "{servers:?}");
        error.kind().clone()
    };
    assert_eq!(refuse(&["one", "three", "four"], &policy), BootstrapErrorKind::TooManyAccounts);
    assert_eq!(refuse(&["three", "three"], &policy), BootstrapErrorKind::Repeated);
    assert_eq!(refuse(&["one", "one"], &policy), BootstrapErrorKind::Repeated);
    let keep = policy.clone().with_known_server(KnownServer::Refuse);
    assert_eq!(refuse(&["three", "one"], &keep), BootstrapErrorKind::Known);
    let elsewhere = policy.clone().with_accounts("./DMAcc/1/ServerID/X");
    assert!(matches!(refuse(&["three"], &elsewhere), BootstrapErrorKind::Tree(_)));
    let application = |parms: &[(&str, &str)]| {
        let own =
            parms.iter().fold(Characteristic::new("APPLICATION").expect("text"), |own, (name, value)| {
                own.with_parm(Parm::new(name, value).expect("text"))
            });
        ProvisioningDocument::new().with(own)
    };
    let kind = |parms: &[(&str, &str)], tree: &mut Tree| {
        let opened = Bootstrap::from_provisioning(&application(parms));
        opened.and_then(|own| own.apply(tree, &policy)).expect_err("refused").kind().clone()
    };
    let tree = &mut tree;
    assert_eq!(kind(&[("APPID", "w5")], tree), BootstrapErrorKind::Empty);
    assert_eq!(kind(&[("APPID", "w7"), ("ADDR", "x")], tree), BootstrapErrorKind::NoServerId);
    assert_eq!(kind(&[("APPID", "w7"), ("PROVIDER-ID", "a")], tree), BootstrapErrorKind::NoAddress);
    let blank = kind(&[("APPID", "w7"), ("PROVIDER-ID", "a b"), ("ADDR", "x")], tree);
    assert!(matches!(blank, BootstrapErrorKind::ServerId(_)));
}

#[test]
fn forms_that_senders_use() {
    // Without the last END, and with the elements of both pages.
    let whole = document(&["com.example.dm"]);
    let octets = whole.to_wbxml();
    assert_eq!(ProvisioningDocument::from_wbxml(&octets[..octets.len() - 1]), Ok(whole));
    assert!(ProvisioningDocument::from_wbxml(&octets[..octets.len() - 2]).is_err());
    // An empty document.
    let empty = ProvisioningDocument::from_wbxml(b"\x03\x0b\x6a\x00\x05").expect("well-formed");
    assert!(empty.content.is_empty() && empty.version().is_none());
    let other = ProvisioningDocument::from_xml(b"<SyncML/>").expect_err("another root");
    assert_eq!(other.kind(), &BootstrapErrorKind::WrongRoot);
    // Elements of other names survive, in either encoding.
    let xml = br#"<wap-provisioningdoc><characteristic type="a"><nocharacteristic type="b"/><parm name="c" datatype="d"/></characteristic></wap-provisioningdoc>"#;
    let document = ProvisioningDocument::from_xml(xml).expect("well-formed");
    let content = &document.characteristics().next().expect("one").content;
    assert!(matches!(&content[..], [ProvisioningItem::Other(_), ProvisioningItem::Parm(_)]));
    assert_eq!(ProvisioningDocument::from_wbxml(&document.to_wbxml()), Ok(document.clone()));
    assert_eq!(document.to_xml(), xml);
}

#[test]
fn secrets_are_not_shown() {
    let document = document(&["com.example.dm"]);
    let shown = format!("{document:?} {:?}", open(&document));
    assert!(!shown.contains("device's") && !shown.contains("server's"), "{shown}");
}

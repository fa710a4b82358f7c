//! Which servers a client listens to (HLF-015) and which it turns to (HLF-018).

use dm_notification::push::Content as Carried;
use dm_notification::{
    Account as NotificationAccount, Arrival, Credential, DropReason, Notification, ReceiverPolicy,
    ReplayMemory, ServerIdentifier, Trigger, Verdict, receive,
};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::{
    Account, AlertQueue, ClientConfig, ClientEnd, ClientOutput, Incoming, Initiation, Record, ServerConfig,
    ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{
    CmdId, Command, Data, DecodeOptions, Delete, Encoding, Instant, Item, LocUri, Replace, SessionId,
};
use dm_tree::bootstrap::{Bootstrap, BootstrapErrorKind, BootstrapPolicy, provisioning_of};
use dm_tree::servers::{
    AuthorizedServers, AuthorizedSession, Bearers, ChoiceRules, Exclusion, NotAuthorizedKind, Occasion,
    Reason, choose_server,
};
use dm_tree::{
    Acl, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Effects, NodeSpec, NodeUri, Secret, ServerId,
    Tree, Value,
};

const NOW: Instant = Instant::EPOCH;

fn id(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

fn uri(text: &str) -> NodeUri<'_> {
    NodeUri::parse(text).unwrap()
}

fn url(name: &str) -> String {
    format!("https://{name}.example.com/dm")
}

/// An account with credentials in both directions.
fn account(name: &str) -> DmAccount {
    let mut account = DmAccount::new(id(name));
    account.addresses.push(AppAddr::uri(url(name)));
    account.credentials.push(
        AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST).with_name("device").with_secret(Secret::new("d")),
    );
    account.credentials.push(
        AppAuth::new(AuthLevel::SRVCRED, AuthType::DIGEST)
            .with_secret(Secret::new(format!("{name}-secret")))
            .with_data(Secret::new("nonce")),
    );
    account
}

fn tree(names: &[&str]) -> Tree {
    let mut tree = Tree::default();
    for name in names {
        account(name).install(&mut tree, &format!("./DMAcc/{name}")).unwrap();
    }
    tree.insert("./Mail", NodeSpec::managed_object("urn:example:mo:mail:1.0")).unwrap();
    tree.insert("./Mail/Host", NodeSpec::leaf(Value::chr("imap"))).unwrap();
    tree
}

fn open(
    tree: &Tree,
    server: &str,
    config: ClientConfig,
    transport: Option<&str>,
) -> Result<AuthorizedSession, NotAuthorizedKind> {
    let servers = AuthorizedServers::below(tree, &uri("./DMAcc"));
    let initiation = Initiation::Client(SessionId::new("1").unwrap());
    AuthorizedSession::open(NOW, &servers, &id(server), config, transport, initiation, AlertQueue::new())
        .map_err(|error| error.kind())
}

fn config(server: &str) -> ClientConfig {
    ClientConfig::new(LocUri::new("IMEI:1").unwrap(), LocUri::new(url(server)).unwrap())
}

/// Runs a session in which the server at the address shows these credentials and sends these commands.
fn run(
    tree: &mut Tree,
    mut session: AuthorizedSession,
    shown: (&str, &str),
    commands: Vec<Command<'static>>,
) -> (ClientEnd, Vec<u16>) {
    let (user, secret) = shown;
    let known = Account::md5(
        Credentials::new("device", Password::new("d")),
        Credentials::new(user, Password::new(secret)),
    )
    .with_nonces(None, Some(dm_syncml::auth::Nonce::new(*b"nonce")));
    let own = LocUri::new(url(session.server().as_str())).unwrap();
    let mut server = ServerSession::new(NOW, ServerConfig::new(own), Some(known));
    let (mut commands, mut codes, mut effects) = (Some(commands), Vec::new(), Effects::default());
    for entropy in 0..50_u8 {
        let body = loop {
            match session.poll(NOW, tree, &mut (), &mut effects) {
                ClientOutput::Send(_, message) => break message.body,
                ClientOutput::Persist(seq, record) => {
                    // The account may be gone, and its nonces with it.
                    let _ = session.store_nonce(tree, &record);
                    session.session_mut().handle_persisted(NOW, seq);
                }
                ClientOutput::Closed(end) => return (end, codes),
                ClientOutput::Wait(at) => panic!("nothing goes on before {at:?}"),
                _ => {}
            }
        };
        let incoming = Incoming::decode(Encoding::Wbxml, &body, &DecodeOptions::new()).unwrap();
        server.handle_message(NOW, &incoming, [entropy; 16]).unwrap();
        let mut reply = None;
        loop {
            match server.poll_output() {
                ServerOutput::Persist(seq, _) => server.handle_persisted(NOW, seq),
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    for command in commands.take().into_iter().flatten() {
                        server.queue(command).unwrap();
                    }
                }
                ServerOutput::Event(ServerEvent::Answered(_, answer)) => {
                    codes.extend(answer.statuses.iter().map(|status| status.code.get()));
                }
                ServerOutput::Reply(message) => reply = Some(message.body),
                ServerOutput::Wait(_) => break,
                _ => {}
            }
        }
        let reply = reply.expect("the server answers");
        let incoming = Incoming::decode(Encoding::Wbxml, &reply, &DecodeOptions::new()).unwrap();
        session.session_mut().handle_message(NOW, &incoming, [entropy; 16]).unwrap();
    }
    panic!("no end");
}

fn cmd() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn host(text: &'static str) -> Command<'static> {
    let item = Item::to(LocUri::new("./Mail/Host").unwrap()).with_data(Data::text(text).unwrap());
    Replace::new(cmd(), vec![item]).into()
}

#[test]
fn dm_hlf_015_sessions_are_opened_with_servers_that_have_an_account() {
    let mut tree = tree(&["a", "b"]);
    assert_eq!(open(&tree, "c", config("c"), None).unwrap_err(), NotAuthorizedKind::NoAccount);
    assert_eq!(open(&tree, "a", config("b"), None).unwrap_err(), NotAuthorizedKind::OtherAddress);
    assert_eq!(open(&tree, "a", config("a"), None).unwrap().server(), &id("a"));
    // An account that somebody makes elsewhere counts for nothing, and a second one in the same place for less.
    account("c").install(&mut tree, "./Elsewhere/c").unwrap();
    assert_eq!(open(&tree, "c", config("c"), None).unwrap_err(), NotAuthorizedKind::NoAccount);
    let mut forged = account("a");
    forged.addresses = vec![AppAddr::uri("https://evil.example.com/")];
    forged.install(&mut tree, "./DMAcc/z").unwrap();
    assert_eq!(open(&tree, "a", config("a"), None).unwrap_err(), NotAuthorizedKind::SeveralAccounts);
    assert!(open(&tree, "b", config("b"), None).is_ok());
}

#[test]
fn dm_hlf_015_nothing_is_executed_for_who_does_not_prove_itself() {
    let mut tree = tree(&["a", "b"]);
    tree.set_acl("./Mail", Acl::parse("Get=*&Replace=a+b").unwrap()).unwrap();
    for (shown, expected) in
        [(("a", "guess"), "imap"), (("b", "b-secret"), "imap"), (("a", "a-secret"), "new")]
    {
        let session = open(&tree, "a", config("a"), None).unwrap();
        let (end, codes) = run(&mut tree, session, shown, vec![host("new")]);
        let value = tree.node("./Mail/Host").unwrap().value().unwrap().as_str().unwrap().to_string();
        assert_eq!(value, expected, "{shown:?} {end:?}");
        if expected == "new" {
            assert_eq!((end, codes), (ClientEnd::Completed, vec![200]));
        } else {
            assert_eq!(end, ClientEnd::ServerRefused);
        }
    }
}

#[test]
fn dm_hlf_015_the_account_says_under_which_name_a_server_acts() {
    let mut tree = tree(&["a", "b"]);
    tree.set_acl("./Mail", Acl::parse("Get=*&Replace=b").unwrap()).unwrap();
    // It is a's session, whatever user name it shows.
    let session = open(&tree, "a", config("a"), None).unwrap();
    let (end, codes) = run(&mut tree, session, ("a", "a-secret"), vec![host("new")]);
    assert_eq!((end, codes), (ClientEnd::Completed, vec![425]));
}

#[test]
fn dm_hlf_015_a_session_ends_with_its_account() {
    let mut tree = tree(&["a"]);
    tree.set_acl(".", Acl::parse("Add=*&Get=*&Replace=a&Delete=a").unwrap()).unwrap();
    let away = Delete::new(cmd(), vec![Item::to(LocUri::new("./DMAcc/a").unwrap())]).into();
    let session = open(&tree, "a", config("a"), None).unwrap();
    let (end, codes) = run(&mut tree, session, ("a", "a-secret"), vec![away, host("new")]);
    assert_eq!((end, &codes[..]), (ClientEnd::Cancelled, &[200, 425][..]));
    assert_eq!(tree.node("./Mail/Host").unwrap().value(), Some(&Value::chr("imap")));
    assert_eq!(open(&tree, "a", config("a"), None).unwrap_err(), NotAuthorizedKind::NoAccount);
}

#[test]
fn dm_hlf_015_without_credentials_the_transport_must_have_proved_it() {
    let mut tree = tree(&[]);
    let mut known = account("a");
    known.credentials.clear();
    known.install(&mut tree, "./DMAcc/a").unwrap();
    for transport in [None, Some("b.example.com"), Some("example.com")] {
        assert_eq!(open(&tree, "a", config("a"), transport).unwrap_err(), NotAuthorizedKind::Unproven);
    }
    assert!(open(&tree, "a", config("a"), Some("A.example.com")).is_ok());
    // What the caller puts into the configuration does not count.
    let own = config("a")
        .with_md5(Credentials::new("x", Password::new("x")), Credentials::new("x", Password::new("x")));
    assert_eq!(open(&tree, "a", own, None).unwrap_err(), NotAuthorizedKind::Unproven);
    let mut odd = account("o");
    odd.credentials[1].auth_type = AuthType::SECURID;
    odd.install(&mut tree, "./DMAcc/o").unwrap();
    assert_eq!(open(&tree, "o", config("o"), None).unwrap_err(), NotAuthorizedKind::Credentials);
}

#[test]
fn dm_hlf_015_notifications_of_other_servers_are_dropped() {
    let tree = tree(&["a"]);
    let servers = AuthorizedServers::of(&tree);
    let mut memory = ReplayMemory::new();
    let mut verdict = |server: &str, secret: &str| {
        let identifier = ServerIdentifier::new(server).unwrap();
        let session = dm_notification::SessionId::new(1).unwrap();
        let signed = Notification::sign(
            Trigger::new(identifier, session),
            &Credential::new(identifier, secret),
            b"nonce",
        );
        let octets = signed.to_vec();
        let named = identifier.to_str().unwrap();
        let credentials: Vec<_> = match servers.named(named) {
            Ok(account) => account.notification_credentials(),
            Err(_) => Vec::new(),
        };
        let account_of = |_: ServerIdentifier<'_>| {
            servers.named(named).is_ok().then(|| NotificationAccount::new(&credentials))
        };
        let arrival = Arrival::Message(Carried::DmNotification, &octets);
        match receive(arrival, &ReceiverPolicy::STRICT, account_of, &mut memory, false) {
            Verdict::Drop(reason) => Some(reason),
            _ => None,
        }
    };
    assert_eq!(verdict("evil", "a-secret"), Some(DropReason::UnknownServer));
    assert_eq!(verdict("a", "guess"), Some(DropReason::WrongDigest));
    assert_eq!(verdict("a", "a-secret"), None);
}

#[test]
fn dm_hlf_015_only_named_servers_are_bootstrapped_where_the_policy_names_them() {
    let document = |server: &str| {
        let document = provisioning_of(&[account(server)]).unwrap();
        Bootstrap::from_provisioning(&document).unwrap()
    };
    let policy = BootstrapPolicy::default().with_servers([id("a")]);
    let mut tree = Tree::default();
    let refused = document("evil").apply(&mut tree, &policy).unwrap_err();
    assert_eq!(refused.kind(), &BootstrapErrorKind::ServerNotAllowed);
    assert!(tree.is_empty(), "nothing of it happened");
    document("a").apply(&mut tree, &policy).unwrap();
    assert!(AuthorizedServers::of(&tree).named("a").is_ok());
}

fn chosen(tree: &Tree, rules: &ChoiceRules, bearers: &Bearers, occasion: &Occasion<'_>) -> Vec<String> {
    let choice = choose_server(tree, &AuthorizedServers::of(tree), rules, bearers, occasion);
    choice.contacts().map(|contact| contact.server.to_string()).collect()
}

#[test]
fn dm_hlf_018_owner_then_preference_then_last_success_then_place() {
    let mut tree = tree(&["a", "b", "c"]);
    let any = Bearers::any();
    let rules = ChoiceRules::new();
    assert_eq!(chosen(&tree, &rules, &any, &Occasion::Routine), ["a", "b", "c"]);
    let rules = rules.with_last_successful(Some(id("c")));
    assert_eq!(chosen(&tree, &rules, &any, &Occasion::Routine), ["c", "a", "b"]);
    let rules = rules.with_preferred(id("b"));
    assert_eq!(chosen(&tree, &rules, &any, &Occasion::Routine), ["b", "c", "a"]);
    // Of an object, who owns or manages it is asked first, and who may not read it not at all.
    let place = uri("./Mail/Host");
    let object = Occasion::Object { uri: &place, owner: None };
    assert_eq!(chosen(&tree, &rules, &any, &object), ["b", "c", "a"]);
    tree.set_acl("./Mail", Acl::parse("Get=a+c&Replace=a").unwrap()).unwrap();
    assert_eq!(chosen(&tree, &rules, &any, &object), ["a", "c"]);
    let c = id("c");
    let owned = Occasion::Object { uri: &place, owner: Some(&c) };
    assert_eq!(chosen(&tree, &rules, &any, &owned), ["c", "a"]);
    assert_eq!(chosen(&tree, &rules.clone().without(id("c")), &any, &owned), ["a"]);
    let wanted = id("a");
    assert_eq!(chosen(&tree, &rules, &any, &Occasion::Server(&wanted)), ["a"]);
    let stranger = id("z");
    assert!(chosen(&tree, &rules, &any, &Occasion::Server(&stranger)).is_empty());
}

#[test]
fn dm_hlf_018_alerts_go_where_rules_send_them_and_to_nobody_who_may_not_know() {
    let mut tree = tree(&["a", "b", "c"]);
    tree.set_acl("./Mail", Acl::parse("Get=a+b&Replace=a").unwrap()).unwrap();
    let place = uri("./Mail");
    let alert = |alert_type| Occasion::Alert { alert_type, source: Some(&place), owner: None };
    let rules = ChoiceRules::new()
        .with_route("org.openmobilealliance.dm.firmwareupdate.", id("b"))
        .with_route("org.", id("c"));
    let any = Bearers::any();
    assert_eq!(chosen(&tree, &rules, &any, &alert("com.example.other")), ["a", "b"]);
    assert_eq!(
        chosen(&tree, &rules, &any, &alert("org.openmobilealliance.dm.firmwareupdate.download")),
        ["b", "a"]
    );
    // A rule gives no right to know.
    assert_eq!(chosen(&tree, &rules, &any, &alert("org.example")), ["a", "b"]);
    let about_nothing = Occasion::Alert { alert_type: "org.example", source: None, owner: None };
    assert_eq!(chosen(&tree, &rules, &any, &about_nothing), ["c", "a", "b"]);
}

#[test]
fn dm_hlf_018_only_servers_that_can_be_reached_and_every_decision_says_why() {
    let mut tree = tree(&["a"]);
    let mut with = |name: &str, preferred: Option<&str>, others: &[&str]| {
        let mut account = account(name);
        account.pref_con_ref = preferred.map(String::from);
        account.con_refs = others.iter().map(|con_ref| (*con_ref).to_string()).collect();
        account.install(&mut tree, &format!("./DMAcc/{name}")).unwrap();
    };
    with("b", Some("wifi"), &["cell"]);
    with("c", None, &["cell"]);
    let mut silent = account("d");
    silent.addresses.clear();
    silent.install(&mut tree, "./DMAcc/d").unwrap();
    let servers = AuthorizedServers::of(&tree);
    let rules = ChoiceRules::new().with_preferred(id("c")).with_preferred(id("b"));
    let choose = |bearers: &Bearers| choose_server(&tree, &servers, &rules, bearers, &Occasion::Routine);

    let choice = choose(&Bearers::none().with("wifi").with("cell"));
    let all: Vec<_> = choice
        .candidates()
        .iter()
        .map(|candidate| {
            (
                candidate.server.as_str(),
                candidate.verdict.as_ref().map(|contact| contact.connection.as_deref()).map_err(|why| *why),
            )
        })
        .collect();
    assert_eq!(
        all,
        [
            ("c", Ok(Some("cell"))),
            ("b", Ok(Some("wifi"))),
            ("a", Err(Exclusion::Unreachable)),
            ("d", Err(Exclusion::NoAddress)),
        ]
    );
    assert_eq!(choice.best().unwrap().reasons, [Reason::Preferred(0), Reason::Account]);
    let choice = choose(&Bearers::any().with("cell"));
    let contacts: Vec<_> =
        choice.contacts().map(|contact| (contact.server.as_str(), contact.connection.as_deref())).collect();
    assert_eq!(contacts, [("c", Some("cell")), ("b", Some("cell")), ("a", None)]);
    assert!(choose(&Bearers::none()).best().is_none());
    assert_eq!(choose(&Bearers::any()), choose(&Bearers::any()));
}

#[test]
fn records_that_are_no_nonces_are_the_callers() {
    let mut tree = tree(&["a"]);
    let session = open(&tree, "a", config("a"), None).unwrap();
    let done = session.store_nonce(&mut tree, &Record::AlertDone(dm_syncml::session::AlertId::new(1)));
    assert_eq!(done, Ok(false));
}

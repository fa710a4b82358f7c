//! Carried by real sessions: of the two servers with each other, in which each proves itself to the other, and of each with
//! the device, whose tree is what changes.

use dm_syncml::auth::{Credentials, Nonce, Password};
use dm_syncml::session::{
    Account, AlertQueue, ClientConfig, ClientEnd, ClientEvent, ClientOutput, GenericAlert, Incoming,
    Initiation, ServerConfig, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{
    CmdId, Command, Data, DecodeOptions, Encoding, Get, Instant, Item, LocUri, Replace, SessionId, StatusCode,
};
use dm_tree::authority::{DelegationKind, Terms};
use dm_tree::delegation::{
    Decision, Delegatee, DelegationLimits, DelegationMessage, DelegationOutput, DelegationStage, Delegator,
    EndReason, NegotiationKey, Proposal,
};
use dm_tree::servers::{AuthorizedServers, AuthorizedSession};
use dm_tree::{
    Acl, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Effects, NodeSpec, Secret, ServerId, Tree, Value,
};

use crate::{at, proposal, server, terms};

const NOW: Instant = Instant::EPOCH;

fn url(name: &str) -> String {
    format!("https://{name}.example.com/dm")
}

fn secret(from: &str, to: &str) -> String {
    format!("what {from} shows {to}")
}

/// Whoever it is, with an account for each server it turns to.
fn client(own: &str, servers: &[&str]) -> Tree {
    let mut tree = Tree::default();
    for name in servers {
        let mut account = DmAccount::new(server(name));
        account.addresses.push(AppAddr::uri(url(name)));
        for (level, user, shown) in
            [(AuthLevel::CLCRED, own, secret(own, name)), (AuthLevel::SRVCRED, name, secret(name, own))]
        {
            account.credentials.push(
                AppAuth::new(level, AuthType::DIGEST)
                    .with_name(user)
                    .with_secret(Secret::new(shown))
                    .with_data(Secret::new("first nonce")),
            );
        }
        account.install(&mut tree, &format!("./DMAcc/{name}")).unwrap();
    }
    tree
}

/// What a session came to: how it ended for the client, the codes the server was answered with, the values it read, and the codes
/// the client's alerts were answered with.
#[derive(Debug, Default)]
struct Came {
    codes: Vec<u16>,
    values: Vec<String>,
    taken: Vec<u16>,
}

/// A session of `own` with `with`, in which alerts go one way and commands the other.
fn session(
    tree: &mut Tree,
    own: &str,
    with: &str,
    alerts: AlertQueue,
    commands: Vec<Command<'static>>,
    mut on_alert: impl FnMut(&GenericAlert) -> Result<(), StatusCode>,
) -> Came {
    let servers = AuthorizedServers::of(tree);
    let config = ClientConfig::new(LocUri::new(own.to_string()).unwrap(), LocUri::new(url(with)).unwrap());
    let initiation = Initiation::Client(SessionId::new("1").unwrap());
    let mut client =
        AuthorizedSession::open(NOW, &servers, &server(with), config, None, initiation, alerts).unwrap();
    let stored = |level| {
        let account = servers.named(with).unwrap().account();
        Some(account.nonce(level).unwrap_or_else(|| Nonce::new([])))
    };
    let known = Account::md5(
        Credentials::new(own, Password::new(secret(own, with))),
        Credentials::new(with, Password::new(secret(with, own))),
    )
    .with_nonces(stored(&AuthLevel::CLCRED), stored(&AuthLevel::SRVCRED));
    let mut server = ServerSession::new(NOW, ServerConfig::new(LocUri::new(url(with)).unwrap()), Some(known));
    let (mut commands, mut came, mut effects) = (Some(commands), Came::default(), Effects::default());
    for entropy in 0..50_u8 {
        let body = loop {
            match client.poll(NOW, tree, &mut (), &mut effects) {
                ClientOutput::Send(_, message) => break message.body,
                ClientOutput::Persist(seq, record) => {
                    client.store_nonce(tree, &record).unwrap();
                    client.session_mut().handle_persisted(NOW, seq);
                }
                ClientOutput::Event(
                    ClientEvent::AlertTaken(_, code) | ClientEvent::AlertRefused(_, code),
                ) => came.taken.push(code.get()),
                ClientOutput::Closed(end) => {
                    assert_eq!(end, ClientEnd::Completed);
                    return came;
                }
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
                ServerOutput::Event(ServerEvent::GenericAlert(handle, alert)) => {
                    // Only who has proved itself is listened to.
                    assert!(server.is_authenticated());
                    if let Err(code) = on_alert(&alert) {
                        server.answer_alert(handle, code).unwrap();
                    }
                }
                ServerOutput::Event(ServerEvent::Answered(_, answer)) => {
                    came.codes.extend(answer.statuses.iter().map(|status| status.code.get()));
                    let text = |item: &Item<'_>| item.data.as_ref()?.as_text().map(String::from);
                    came.values.extend(answer.items().filter_map(text));
                }
                ServerOutput::Reply(message) => reply = Some(message.body),
                ServerOutput::Wait(_) => break,
                _ => {}
            }
        }
        let reply = reply.expect("the server answers");
        let incoming = Incoming::decode(Encoding::Wbxml, &reply, &DecodeOptions::new()).unwrap();
        client.session_mut().handle_message(NOW, &incoming, [entropy; 16]).unwrap();
    }
    panic!("no end");
}

fn cmd() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn to(uri: &str) -> Item<'static> {
    Item::to(LocUri::new(uri.to_string()).unwrap())
}

fn write(uri: &str, text: &str) -> Command<'static> {
    Replace::new(cmd(), vec![to(uri).with_data(Data::text(text.to_string()).unwrap())]).into()
}

fn read(uri: &str) -> Command<'static> {
    Get::new(cmd(), vec![to(uri)]).into()
}

/// Two servers and a device.
struct World {
    giver: Delegator,
    taker: Delegatee,
    /// What each server knows of the other.
    op: Tree,
    partner: Tree,
    device: Tree,
    agrees: Option<Terms>,
    /// What the ACL was before.
    before: Option<Acl>,
    said: Vec<String>,
}

impl World {
    fn new() -> Self {
        let mut device = client("IMEI:1", &["op", "partner"]);
        device.insert("./Printer/Tray", NodeSpec::leaf(Value::chr("A4"))).unwrap();
        device.set_acl("./Printer", Acl::parse("Get=op&Replace=op").unwrap()).unwrap();
        Self {
            giver: Delegator::new(server("op"), DelegationLimits::default()),
            taker: Delegatee::new(server("partner"), DelegationLimits::default()),
            op: client("op", &["partner"]),
            partner: client("partner", &["op"]),
            device,
            agrees: None,
            before: None,
            said: Vec::new(),
        }
    }

    /// What the device answers a server.
    fn manage(&mut self, by: &str, commands: Vec<Command<'static>>) -> Came {
        session(&mut self.device, "IMEI:1", by, AlertQueue::new(), commands, |_| Ok(()))
    }

    fn carry(&mut self, from: &str, alert: &GenericAlert) -> Came {
        let mut queue = AlertQueue::new();
        queue.push(alert.to_alert(cmd()));
        let message = DelegationMessage::read(alert).unwrap();
        self.said.push(format!("{from}: {}", message.step.name()));
        // The receiver takes the sender for who it has proved to be.
        let peer = server(from);
        if from == "op" {
            let taker = &mut self.taker;
            session(&mut self.op, "op", "partner", queue, Vec::new(), |alert| {
                taker.handle_alert(NOW, &peer, alert).map_err(|error| error.status())
            })
        } else {
            let giver = &mut self.giver;
            session(&mut self.partner, "partner", "op", queue, Vec::new(), |alert| {
                giver.handle_alert(NOW, &peer, alert).map_err(|error| error.status())
            })
        }
    }

    fn run(&mut self) {
        loop {
            let before = self.said.len();
            loop {
                match self.giver.poll_output() {
                    DelegationOutput::Persist(seq, _) => self.giver.handle_persisted(NOW, seq),
                    DelegationOutput::Send { alert, .. } => {
                        assert_eq!(self.carry("op", &alert).taken, [200]);
                    }
                    DelegationOutput::Decide(key, proposal) => {
                        let terms = self.agrees.clone().unwrap_or_else(|| proposal.terms().clone());
                        self.giver.handle_decision(NOW, &key, Decision::Agree(terms)).unwrap();
                    }
                    DelegationOutput::Grant(key, proposal) => {
                        let done = self.grant(&proposal);
                        self.giver.handle_granted(NOW, &key, done).unwrap();
                    }
                    DelegationOutput::Undo(key, ..) => {
                        // With a full delegation only the delegatee can write it back, or the device itself.
                        let before = self.before.take().unwrap();
                        let came = self.manage("op", vec![write("./Printer?prop=ACL", &before.to_string())]);
                        assert_eq!(came.codes, [200]);
                        self.giver.handle_undone(NOW, &key).unwrap();
                    }
                    DelegationOutput::Wait(_) => break,
                    _ => {}
                }
            }
            loop {
                match self.taker.poll_output() {
                    DelegationOutput::Persist(seq, _) => self.taker.handle_persisted(NOW, seq),
                    DelegationOutput::Send { alert, .. } => {
                        assert_eq!(self.carry("partner", &alert).taken, [200]);
                    }
                    DelegationOutput::TakeUp(key, _) => {
                        let came = self.manage("partner", vec![read("./Printer/Tray")]);
                        self.taker.handle_taken_up(NOW, &key, came.codes == [200]).unwrap();
                    }
                    DelegationOutput::Wait(_) => break,
                    _ => {}
                }
            }
            if self.said.len() == before {
                return;
            }
        }
    }

    /// The delegator writes the ACL it has read, with the delegatee in it.
    fn grant(&mut self, proposal: &Proposal) -> bool {
        assert_eq!(proposal.device(), "IMEI:1");
        let place = format!("{}?prop=ACL", proposal.terms().scope().uri().unwrap());
        let now = self.manage("op", vec![read(&place)]);
        let now = Acl::parse(&now.values[0]).unwrap();
        let new = proposal.granting(&now, &server("op"), &server("partner"));
        self.before = Some(now);
        self.manage("op", vec![write(&place, &new.to_string())]).codes == [200]
    }
}

fn peer(name: &str, key: &NegotiationKey) -> NegotiationKey {
    NegotiationKey { peer: ServerId::new(name).unwrap(), id: key.id }
}

#[test]
fn dm_6_sessions_carry_a_delegation_and_the_device_changes_hands() {
    let mut world = World::new();
    let before = world.manage("partner", vec![read("./Printer/Tray"), write("./Printer/Tray", "A5")]);
    assert_eq!(before.codes, [425, 425]);

    // The partner asks for it, and the operator agrees to a part of what was asked for.
    let asked = proposal(terms(DelegationKind::Shared).with_depth(1));
    world.agrees = Some(terms(DelegationKind::Shared));
    let key = world.taker.request(NOW, *b"16 random octets", &server("op"), asked).unwrap();
    world.run();
    assert_eq!(world.said, ["partner: request", "op: proceed", "op: granted", "partner: completed"]);
    assert_eq!(world.taker.stage(&key), Some(DelegationStage::InForce));
    assert_eq!(world.giver.stage(&peer("partner", &key)), Some(DelegationStage::InForce));
    let (_, _, agreed) = world.taker.negotiations().next().unwrap();
    assert_eq!(agreed.terms().depth(), 0, "the terms are those the operator agreed to");
    let now = world.manage("partner", vec![read("./Printer/Tray"), write("./Printer/Tray", "A5")]);
    assert_eq!(now.codes, [200, 200]);
    let still = world.manage("op", vec![read("./Printer/Tray")]);
    assert_eq!((still.codes, still.values), (vec![200], vec!["A5".to_string()]));

    // And takes it back.
    world.said.clear();
    world.giver.revoke(NOW, &peer("partner", &key)).unwrap();
    world.run();
    assert_eq!(world.said, ["op: ended", "partner: acknowledged"]);
    assert_eq!(world.taker.stage(&key), Some(DelegationStage::Over(EndReason::Revoked)));
    let after = world.manage("partner", vec![read("./Printer/Tray"), write("./Printer/Tray", "B5")]);
    assert_eq!(after.codes, [425, 425]);
}

#[test]
fn dm_6_a_full_delegation_leaves_the_delegator_nothing() {
    let mut world = World::new();
    // The root would let everyone read; the scope has an ACL of its own, so only what it says counts.
    let key =
        world.giver.offer(NOW, [9; 16], &server("partner"), proposal(terms(DelegationKind::Full))).unwrap();
    let DelegationOutput::Persist(seq, _) = world.giver.poll_output() else {
        panic!("stored before it is said")
    };
    world.giver.handle_persisted(NOW, seq);
    let DelegationOutput::Send { alert, .. } = world.giver.poll_output() else { panic!("then it is said") };
    world.carry("op", &alert);
    loop {
        match world.taker.poll_output() {
            DelegationOutput::Persist(seq, _) => world.taker.handle_persisted(NOW, seq),
            DelegationOutput::Decide(key, proposal) => {
                assert!(proposal.is_full() && !proposal.is_temporary());
                let decision = Decision::Agree(proposal.terms().clone());
                world.taker.handle_decision(NOW, &key, &decision).unwrap();
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    world.run();
    assert_eq!(world.giver.stage(&key), Some(DelegationStage::InForce));
    assert_eq!(
        world.manage("op", vec![read("./Printer/Tray"), write("./Printer/Tray", "x")]).codes,
        [425, 425]
    );
    assert_eq!(world.manage("partner", vec![write("./Printer/Tray", "x")]).codes, [200]);
}

#[test]
fn dm_6_alerts_that_speak_for_another_server_are_refused_in_the_session() {
    let mut world = World::new();
    let forged = DelegationMessage {
        id: dm_tree::delegation::NegotiationId::new([3; 16]),
        delegator: server("op"),
        delegatee: server("somebody"),
        step: dm_tree::delegation::Step::Request(proposal(terms(DelegationKind::Full))),
    };
    assert_eq!(world.carry("partner", &forged.to_alert()).taken, [425]);
    assert_eq!(world.giver.negotiations().count(), 0);
}

#[test]
fn dm_6_the_ledger_of_a_device_takes_what_was_agreed_and_ends_it_in_time() {
    let mut world = World::new();
    world.device.set_wall_clock(at(0));
    world.device.begin_ledger();
    world.device.set_owner("./Printer", Some(&server("op"))).unwrap();
    world.device.mount_ledger("./Authority").unwrap();
    assert_eq!(world.manage("partner", vec![read("./Printer/Tray")]).codes, [425]);

    let agreed = proposal(
        terms(DelegationKind::Full)
            .until(at(100))
            .with_depth(1)
            .prohibiting(server("rival"))
            .with_priority(dm_tree::authority::Priority(3)),
    );
    let ledger = dm_tree::NodeUri::parse("./Authority").unwrap();
    let id = dm_tree::delegation::NegotiationId::new([7; 16]);
    let commands = agreed.ledger_commands(&ledger, id, &server("partner"), None);
    let came = world.manage("op", commands);
    assert!(came.codes.iter().all(|code| *code == 200), "{came:?}");
    let entry = world.device.delegations().next().unwrap();
    assert_eq!((&entry.delegator, &entry.delegatee), (&server("op"), &server("partner")));
    assert_eq!(&entry.terms, agreed.terms());

    let tray = || vec![read("./Printer/Tray"), write("./Printer/Tray", "A5")];
    assert_eq!(world.manage("partner", tray()).codes, [200, 200]);
    assert_eq!(world.manage("op", tray()).codes, [425, 425], "nothing is left to the delegator");
    world.device.set_wall_clock(at(101));
    assert_eq!(world.manage("partner", tray()).codes, [425, 425]);
    assert_eq!(world.manage("op", tray()).codes, [200, 200]);
}

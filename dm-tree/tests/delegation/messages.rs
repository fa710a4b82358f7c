//! What travels.

use dm_syncml::session::GenericAlert;
use dm_syncml::{CmdId, Data, DecodeOptions, Encoding, Format};
use dm_tree::authority::{DelegationKind, MoType, Priority, Scope, Terms};
use dm_tree::delegation::{
    DelegationMessage, EndReason, MessageErrorKind, NegotiationId, Proposal, RefuseReason, Step,
};
use dm_tree::{Acl, NodeUri, Rights, Timestamp};
use proptest::prelude::*;

use crate::{proposal, server, terms};

fn message(step: Step) -> DelegationMessage {
    DelegationMessage {
        id: NegotiationId::new([0xab; 16]),
        delegator: server("com.example.op"),
        delegatee: server("p"),
        step,
    }
}

fn alert(name: &str, text: &str) -> GenericAlert {
    let alert_type = format!("{}{name}", DelegationMessage::ALERT_TYPE);
    GenericAlert::new(alert_type, Format::CHR, Data::text(text.to_string()).unwrap()).unwrap()
}

#[test]
fn dm_6_a_message_looks_like_this() {
    let terms = terms(DelegationKind::Full)
        .until(Timestamp::parse("20300102T030405Z").unwrap())
        .with_depth(2)
        .prohibiting(server("x"))
        .prohibiting(server("y"))
        .with_priority(Priority(7))
        .with_other_restriction("only on sundays");
    let alert = message(Step::Offer(proposal(terms))).to_alert();
    assert_eq!(alert.name(), "urn:oma:at:x-dm-delegation:1.0:offer");
    assert_eq!(
        alert.data.as_text().unwrap(),
        "id=abababababababababababababababab&from=com.example.op&to=p&device=IMEI:1&kind=Full&subtree=./Printer\
         &commands=Get+Replace&not-after=20300102T030405Z&depth=2&priority=7&prohibited=x+y\
         &restriction=only%20on%20sundays"
    );
    assert!(DelegationMessage::is_one(&alert));
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let scope = prop_oneof![
        "\\./[a-zä&=+ ]{1,8}(/%41)?".prop_filter_map("an address", |text| {
            NodeUri::parse(&text).ok().map(|uri| Scope::Subtree(uri.into_owned()))
        }),
        Just(Scope::Instance(NodeUri::parse("./SW/a").unwrap())),
        "[!-~]{1,20}".prop_map(|text| Scope::Type(MoType::new(&text).unwrap())),
    ];
    let kind =
        prop_oneof![Just(DelegationKind::Full), Just(DelegationKind::Shared), Just(DelegationKind::Sub)];
    let commands =
        proptest::sample::subsequence(vec![Rights::ADD, Rights::GET, Rights::EXEC, Rights::DELETE], 0..4);
    let names = proptest::collection::vec("[a-zü%.]{1,6}", 0..4);
    let others = proptest::collection::vec("\\PC{1,12}", 0..3);
    (kind, scope, commands, any::<Option<u32>>(), any::<(u8, u8)>(), names, others).prop_map(
        |(kind, scope, commands, not_after, (depth, priority), names, others)| {
            let commands = commands.into_iter().fold(Rights::NONE, |all, one| all | one);
            let mut terms =
                Terms::new(kind, scope, commands).with_depth(depth).with_priority(Priority(priority));
            if let Some(seconds) = not_after {
                terms = terms.until(Timestamp::from_unix(seconds.into()).unwrap());
            }
            terms = names.iter().fold(terms, |terms, name| terms.prohibiting(server(name)));
            others.into_iter().fold(terms, Terms::with_other_restriction)
        },
    )
}

proptest! {
    /// Every message comes back as it was, through both encodings of an alert.
    #[test]
    fn dm_6_messages_survive_the_way(terms in any_terms(), which in 0..4_u8, id in any::<[u8; 16]>()) {
        let proposal = Proposal::new("IMEI:004999010640000", terms).unwrap();
        let step = match which {
            0 => Step::Request(proposal),
            1 => Step::Offer(proposal),
            2 => Step::Proceed(proposal),
            _ => Step::Granted(proposal),
        };
        let message = DelegationMessage { id: NegotiationId::new(id), ..message(step) };
        let alert = message.to_alert();
        prop_assert_eq!(&DelegationMessage::read(&alert).unwrap(), &message);
        let command = alert.to_alert(CmdId::new("1").unwrap());
        #[cfg(feature = "xml")]
        let encodings = [Encoding::Wbxml, Encoding::Xml];
        #[cfg(not(feature = "xml"))]
        let encodings = [Encoding::Wbxml];
        for encoding in encodings {
            let fragment = dm_syncml::Fragment::new(dm_syncml::SyncBody::new(vec![command.clone().into()]));
            let octets = fragment.encode(encoding);
            let read = dm_syncml::Fragment::decode(encoding, &octets, &DecodeOptions::new()).unwrap();
            let dm_syncml::Command::Alert(read) = &read.body.commands[0] else { unreachable!() };
            let read = GenericAlert::read(read).unwrap().remove(0);
            prop_assert_eq!(&DelegationMessage::read(&read).unwrap(), &message);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "((id|from|to|device|kind|type|commands|reason|x)=[a-zA-Z0-9%+]{0,33}&?){0,9}") {
        for name in ["offer", "accept", "refuse", "nonsense"] {
            if let Ok(message) = DelegationMessage::read(&alert(name, &text)) {
                prop_assert_eq!(DelegationMessage::read(&message.to_alert()).unwrap(), message);
            }
        }
    }
}

#[test]
fn dm_6_what_is_no_message_is_answered_with_a_status() {
    let good = "id=abababababababababababababababab&from=a&to=b";
    let terms = "device=IMEI:1&kind=Full&subtree=./A&commands=Get";
    let bad = |name: &str, text: &str| {
        let error = DelegationMessage::read(&alert(name, text)).unwrap_err();
        (error.kind(), error.status().get())
    };
    assert!(DelegationMessage::read(&alert("offer", &format!("{good}&{terms}"))).is_ok());
    assert_eq!(bad("nonsense", good), (MessageErrorKind::Type, 406));
    assert_eq!(bad("accept", ""), (MessageErrorKind::Syntax, 400));
    assert_eq!(bad("accept", &format!("{good}&id=1")), (MessageErrorKind::Syntax, 400));
    assert_eq!(bad("accept", &format!("{good}&x=%4")), (MessageErrorKind::Syntax, 400));
    assert_eq!(bad("accept", "from=a&to=b"), (MessageErrorKind::Missing("id"), 412));
    assert_eq!(bad("accept", "id=ab&from=a&to=b"), (MessageErrorKind::Value("id"), 400));
    assert_eq!(bad("accept", &good.replace("to=b", "to=a")), (MessageErrorKind::Value("to"), 400));
    assert_eq!(bad("accept", &good.replace("to=b", "to=*")), (MessageErrorKind::Value("to"), 400));
    assert_eq!(bad("offer", good), (MessageErrorKind::Missing("device"), 412));
    for (from, to, name) in [
        ("kind=Full", "kind=full", "kind"),
        ("commands=Get", "commands=Copy", "commands"),
        ("subtree=./A", "subtree=//", "subtree"),
        ("subtree=./A", "type=%20", "type"),
    ] {
        let text = format!("{good}&{}", terms.replace(from, to));
        assert_eq!(bad("offer", &text), (MessageErrorKind::Value(name), 400), "{text}");
    }
    let two = format!("{good}&{terms}&type=x");
    assert_eq!(bad("offer", &two).1, 412);
    assert_eq!(bad("accept", &format!("{good}&x={}", "a".repeat(20_000))), (MessageErrorKind::TooLarge, 413));
    let huge = (0..100).fold(crate::terms(DelegationKind::Full), |terms, i| {
        terms.prohibiting(server(&format!("{i}{}", "x".repeat(200))))
    });
    assert_eq!(Proposal::new("IMEI:1", huge).unwrap_err().kind(), MessageErrorKind::TooLarge);
}

#[test]
fn dm_6_restrictions_nobody_knows_forbid_to_pass_anything_on() {
    let text = "id=abababababababababababababababab&from=a&to=b&device=d&kind=Sub&type=x&commands=Get&depth=3&moon=full";
    let read = DelegationMessage::read(&alert("offer", text)).unwrap();
    let Step::Offer(proposal) = &read.step else { panic!("{read:?}") };
    assert_eq!(proposal.terms().other_restrictions().collect::<Vec<_>>(), ["moon=full"]);
    assert!(!proposal.terms().permits_sub_delegation());
    assert_eq!(DelegationMessage::read(&read.to_alert()).unwrap(), read, "and it stays so on the next hop");
}

#[test]
fn reasons_of_later_versions_are_reasons() {
    let text = "id=abababababababababababababababab&from=a&to=b&reason=tired";
    let step = |name| DelegationMessage::read(&alert(name, text)).unwrap().step;
    assert_eq!(step("refuse"), Step::Refuse(RefuseReason::Declined));
    assert_eq!(step("ended"), Step::Ended(EndReason::Revoked));
}

#[test]
fn dm_6_full_and_partial_temporary_and_permanent() {
    let partial = proposal(terms(DelegationKind::Shared));
    let full = proposal(terms(DelegationKind::Full).until(crate::at(0)));
    assert_eq!((partial.is_full(), partial.is_temporary()), (false, false));
    assert_eq!((full.is_full(), full.is_temporary()), (true, true));
    let now = Acl::parse("Add=a&Get=*&Replace=a+c").unwrap();
    let (a, b) = (server("a"), server("b"));
    assert_eq!(partial.granting(&now, &a, &b).to_string(), "Add=a&Get=*&Replace=a+b+c");
    assert_eq!(full.granting(&now, &a, &b).to_string(), "Add=b&Get=*&Replace=b+c");
}

//! All or nothing.

use dm_syncml::{Command, Data, Item};
use dm_tree::Acl;

use crate::town::requests::*;
use crate::town::{Town, server_id, uri};

/// A server's Atomic reaches the gateway's own tree as one: all of it or nothing. Groups take nothing back, and say so.
#[test]
fn an_atomic_of_a_server_is_all_or_nothing() {
    let atomic = |members| -> Command<'static> { dm_syncml::Atomic::new(id(), members).into() };
    let add = |target: &str| -> Command<'static> {
        dm_syncml::Add::new(id(), vec![Item::to(uri(target)).with_data(Data::text("1").unwrap())]).into()
    };
    let mut town = Town::with_devices(1, 1);
    let acl = Acl::parse("Get=*&Add=*&Replace=*&Delete=*").unwrap();
    town.gateway.tree_mut().set_acl(".", acl).unwrap();
    for (members, codes, stays) in [
        (vec![add("./A"), add("./B")], vec![200, 200, 200], true),
        (vec![add("./C"), replace("./None", "1")], vec![507, 216, 404], false),
        (vec![add("./D"), console().delete_group(&group("g"))], vec![507, 216], false),
    ] {
        let first = members[0].items()[0].target_uri().unwrap().to_string();
        let answers = town.manage(0, vec![atomic(members)]);
        let got: Vec<_> = answers[0].statuses.iter().map(|status| status.code.get()).collect();
        assert_eq!(got[..codes.len()], codes);
        assert_eq!(town.gateway.tree().node(&first).is_some(), stays, "{first}");
    }
}

/// While one server's Atomic is open nothing else is executed, and a session that dies in it leaves nothing behind.
#[test]
fn an_atomic_whose_session_dies_is_rolled_back() {
    use dm_syncml::session::AtomicStep;
    let mut town = Town::with_devices(1, 1);
    let acl = Acl::parse("Get=*&Add=*&Replace=*&Delete=*").unwrap();
    town.gateway.tree_mut().set_acl(".", acl).unwrap();
    let (now, one, other) = (town.now(), server_id("dms.a"), server_id("dms.b"));
    let add: Command<'static> =
        dm_syncml::Add::new(id(), vec![Item::to(uri("./A")).with_data(Data::text("1").unwrap())]).into();
    let code = |outcome: dm_syncml::session::Outcome| outcome.items[0].code.get();
    let gateway = &mut town.gateway;
    assert_eq!(code(gateway.handle_atomic(now, &one, AtomicStep::Begin(1))), 200);
    assert_eq!(code(gateway.execute(now, &one, &add)), 200);
    assert_eq!(code(gateway.execute(now, &other, &add)), 417);
    assert_eq!(code(gateway.handle_atomic(now, &other, AtomicStep::Begin(1))), 417);
    assert_eq!(code(gateway.handle_atomic(now, &other, AtomicStep::Commit)), 216);
    gateway.handle_upstream_closed(now, &other);
    assert!(gateway.tree().node("./A").is_some());
    gateway.handle_upstream_closed(now, &one);
    assert!(gateway.tree().node("./A").is_none());
    assert_eq!(code(gateway.handle_atomic(now, &one, AtomicStep::Commit)), 216, "it is too late");
    assert_eq!(code(gateway.execute(now, &other, &add)), 200);
}

/// A draft is there as a whole, or not at all.
#[test]
fn a_job_is_added_as_one() {
    let mut town = Town::with_devices(1, 2);
    let answers = town.manage(0, vec![console().add_job_atomically(&job("J", "*"))]);
    assert!(answers[0].statuses.iter().all(|status| status.code.get() == 200), "{:?}", answers[0].statuses);
    town.ask(0, vec![console().start_job(&key("J"), None)]);
    town.run();
    assert_eq!(status(&mut town, "J").counters.ok, 2);

    let mut members = console().add_job(&job("K", "*"));
    members.push(replace("./None", "1"));
    let failed = town.manage(0, vec![dm_syncml::Atomic::new(id(), members).into()]);
    assert_eq!(failed[0].code().get(), 507);
    assert!(town.codes(0, vec![console().get_job(&key("K"))]).iter().all(|code| *code == 404));
    // What is under way cannot be taken back.
    let started = vec![console().set_window(&key("J"), 3)];
    let failed = town.manage(0, vec![dm_syncml::Atomic::new(id(), started).into()]);
    assert_eq!(failed[0].code().get(), 507);
}

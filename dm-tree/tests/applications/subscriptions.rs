//! What an application hears.

use std::time::Duration;

use dm_syncml::Instant;
use dm_tree::application::{
    ApplicationErrorKind, ApplicationLimits, ApplicationOutput, Applications, Grant, NoticeKind,
};
use dm_tree::{ChangeKind, Content, NodeSpec, Rights, Value};

use crate::{
    MAIL_MO, NOW, addresses, admitting, app, change, drained, first_account, registered, replace, told, tree,
    uri,
};

fn after(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn dm_hlf_016_an_application_registers_for_changes_of_an_instance() {
    let tree = tree();
    let mut applications = registered(&tree, "mail", &first_account());
    let id = app("mail");
    let subscription = applications.subscribe(NOW, &tree, &id, &uri("./Mail/1")).unwrap();
    assert_eq!(
        drained(&mut applications, NOW),
        [ApplicationOutput::Registered(id.clone()), ApplicationOutput::Subscribed(id.clone(), subscription)]
    );
    // Whether there is something elsewhere it does not learn either.
    for place in ["./Mail/2", "./Mail/1/Admin", "./Nope", "."] {
        let refused = applications.subscribe(NOW, &tree, &id, &uri(place)).unwrap_err();
        assert_eq!(refused.kind(), ApplicationErrorKind::Denied, "{place}");
    }
    assert!(applications.subscribe(NOW, &tree, &app("other"), &uri("./Mail/1")).is_err());
    assert!(applications.unsubscribe(NOW, &app("other"), subscription).is_err());
    assert!(applications.unsubscribe(NOW, &id, subscription).is_ok());
}

#[test]
fn dm_hlf_017_changes_are_told_together_in_order_and_once() {
    let mut tree = tree();
    let mut applications = registered(&tree, "mail", &first_account());
    let id = app("mail");
    let subscription = applications.subscribe(NOW, &tree, &id, &uri("./Mail/1")).unwrap();
    drained(&mut applications, NOW);
    for text in ["a", "b"] {
        change(&mut applications, NOW, &mut tree, |acting| {
            acting.add(&format!("./Mail/1/{text}"), &Content::new(b"x"))?;
            replace(acting, "./Mail/1/Host", text)?;
            replace(acting, "./Mail/2/Host", text)?;
            acting.replace("./Mail/1?prop=ACL", &Content::new(b"Get=*&Add=srv&Replace=srv&Delete=srv"))
        });
    }
    // Not before it has settled.
    applications.handle_tick(after(100));
    loop {
        match applications.poll_output() {
            ApplicationOutput::Persist(seq, _) => applications.handle_persisted(after(100), seq),
            ApplicationOutput::Wait(at) => break assert_eq!(at, Some(after(200))),
            other => panic!("{other:?}"),
        }
    }
    let told_now = told(&mut applications, NOW);
    let [(whom, first)] = &told_now[..] else { panic!("{told_now:?}") };
    assert_eq!((whom, first.subscription(), first.seq().get()), (&id, subscription, 1));
    assert_eq!(addresses(first), ["./Mail/1/a", "./Mail/1/Host", "./Mail/1/b"]);
    assert_eq!(first.notices()[0].kind(), &NoticeKind::Added);

    // What happens meanwhile is the next one's, and comes when this one is acknowledged.
    change(&mut applications, after(300), &mut tree, |acting| acting.delete("./Mail/1/a"));
    assert_eq!(told(&mut applications, after(300)), []);
    applications.handle_acknowledged(after(600), &id, subscription, first.seq()).unwrap();
    let second = &told(&mut applications, after(600))[0].1;
    assert_eq!((second.seq().get(), addresses(second)), (2, vec!["./Mail/1/a"]));
    assert_eq!(second.notices()[0].kind(), &NoticeKind::Removed);
    // A late acknowledgement of the first one is no acknowledgement of the second.
    applications.handle_acknowledged(after(700), &id, subscription, first.seq()).unwrap();
    let reminded = told(&mut applications, after(70_000));
    assert_eq!(&reminded[0].1, second, "told again until it is acknowledged");
    applications.handle_acknowledged(after(80_000), &id, subscription, second.seq()).unwrap();
    assert_eq!(told(&mut applications, after(200_000)), []);
    assert!(applications.handle_acknowledged(NOW, &app("other"), subscription, second.seq()).is_err());
}

#[test]
fn dm_hlf_017_an_application_hears_only_of_what_it_may_read() {
    let mut tree = tree();
    tree.insert("./Mail/1/Pin", NodeSpec::leaf(Value::chr("1")).with_access(dm_tree::AccessType::REPLACE))
        .unwrap();
    let mut applications = registered(&tree, "mail", &first_account());
    applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/1")).unwrap();
    drained(&mut applications, NOW);
    change(&mut applications, NOW, &mut tree, |acting| {
        replace(acting, "./Mail/1/Admin/Note", "x")?;
        acting.add("./Mail/1/Admin/More", &Content::new(b"x"))?;
        replace(acting, "./Mail/1/Pin", "2")?;
        acting.delete("./Mail/1/Admin")
    });
    // Also what is there no more, and what comes to the same place again.
    change(&mut applications, NOW, &mut tree, |acting| {
        acting.add("./Mail/1/Admin/Again", &Content::new(b"x"))
    });
    assert_eq!(told(&mut applications, NOW), []);
}

#[test]
fn an_application_does_not_hear_of_itself() {
    let mut tree = tree();
    let mut applications = registered(&tree, "mail", &first_account());
    let other = dm_tree::application::ApplicationIdentity::new("other");
    applications.register(NOW, &tree, &other, &admitting(&first_account())).unwrap();
    for name in ["mail", "other"] {
        applications.subscribe(NOW, &tree, &app(name), &uri("./Mail/1")).unwrap();
    }
    drained(&mut applications, NOW);
    let handlers = &mut ();
    let mut acting = applications.act(&mut tree, &app("mail"), handlers).unwrap();
    replace(&mut acting, "./Mail/1/Host", "x").unwrap();
    let changes = acting.take_changes();
    applications.handle_changes(NOW, &tree, &changes);
    let told = told(&mut applications, NOW);
    assert_eq!(told.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["other"]);
}

#[test]
fn an_instance_that_comes_moves_and_goes() {
    let mut tree = tree();
    let grants = [Grant::subtree("./Mail", Rights::GET).unwrap()];
    let mut applications = registered(&tree, "mail", &grants);
    let subscription = applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/new")).unwrap();
    drained(&mut applications, NOW);
    let mut now = NOW;
    let mut next = |tree: &mut dm_tree::Tree, work: &dyn Fn(&mut dm_tree::Acting<'_>) -> Result<(), _>| {
        now = now + Duration::from_secs(1);
        change(&mut applications, now, tree, work);
        let (id, told) = told(&mut applications, now).remove(0);
        applications.handle_acknowledged(now, &id, subscription, told.seq()).unwrap();
        let notice = &told.notices()[0];
        (told.instance().to_string(), notice.uri().to_string(), notice.kind().clone())
    };
    let at = |text: &str| text.to_string();
    let came = next(&mut tree, &|acting| acting.add("./Mail/new/Host", &Content::new(b"x")));
    assert_eq!(came, (at("./Mail/new"), at("./Mail/new"), NoticeKind::Added));
    let moved = next(&mut tree, &|acting| acting.replace("./Mail/new?prop=Name", &Content::new(b"old")));
    let from = uri("./Mail/new").into_owned();
    assert_eq!(moved, (at("./Mail/old"), at("./Mail/old"), NoticeKind::Moved { from }));
    let changed = next(&mut tree, &|acting| replace(acting, "./Mail/old/Host", "y"));
    assert_eq!(changed, (at("./Mail/old"), at("./Mail/old/Host"), NoticeKind::Replaced));
    let gone = next(&mut tree, &|acting| acting.delete("./Mail"));
    assert_eq!(gone, (at("./Mail/old"), at("./Mail/old"), NoticeKind::Removed));
}

#[test]
fn grants_follow_what_is_renamed() {
    let mut tree = tree();
    let mut applications = registered(&tree, "mail", &first_account());
    applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/1")).unwrap();
    change(&mut applications, NOW, &mut tree, |acting| {
        acting.replace("./Mail/1?prop=Name", &Content::new(b"first"))?;
        // What takes the place is not what was granted.
        acting.replace("./Mail/2?prop=Name", &Content::new(b"1"))
    });
    let rights = |place| applications.rights_of(&tree, &app("mail"), &uri(place));
    assert!(rights("./Mail/first/Host").contains(Rights::GET));
    assert!(rights("./Mail/first/Admin/Note").is_empty() && rights("./Mail/1/Host").is_empty());
    let restored = Applications::restore(*applications.limits(), &applications.snapshot()).unwrap();
    assert!(restored.rights_of(&tree, &app("mail"), &uri("./Mail/first")).contains(Rights::GET));
}

#[test]
fn whole_subtrees_and_the_devices_own_changes_are_told() {
    let mut tree = tree();
    let mut applications = registered(&tree, "mail", &first_account());
    let subscription = applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/1")).unwrap();
    drained(&mut applications, NOW);
    tree.set_value("./Mail/1/Host", Value::chr("local")).unwrap();
    applications.handle_device_change(NOW, &tree, &uri("./Mail/1/Host"), &ChangeKind::Replaced);
    let first = told(&mut applications, NOW).remove(0).1;
    assert_eq!(addresses(&first), ["./Mail/1/Host"]);
    applications.handle_acknowledged(NOW, &app("mail"), subscription, first.seq()).unwrap();
    change(&mut applications, after(500), &mut tree, |acting| acting.replace_subtree("./Mail", &[]));
    let second = told(&mut applications, after(500)).remove(0).1;
    assert_eq!(addresses(&second), ["./Mail/1"]);
}

#[test]
fn more_than_is_kept_apart_is_everything() {
    let mut tree = tree();
    let limits = ApplicationLimits::default().with_max_notices(8);
    let mut applications = Applications::new(limits);
    let identity = dm_tree::application::ApplicationIdentity::new("mail");
    let grants = [Grant::object(MAIL_MO, Rights::GET)];
    applications.register(NOW, &tree, &identity, &admitting(&grants)).unwrap();
    applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/1")).unwrap();
    for i in 0..1000 {
        change(&mut applications, NOW, &mut tree, |acting| {
            acting.add(&format!("./Mail/1/{i}"), &Content::new(b"x"))
        });
    }
    let (_, all) = told(&mut applications, NOW).remove(0);
    assert!(all.is_whole() && all.notices().is_empty());
}

#[test]
fn what_was_collected_names_nothing_once_rights_are_fewer() {
    let mut tree = tree();
    let all = [Grant::subtree("./Mail/1", Rights::GET).unwrap()];
    let mut applications = registered(&tree, "mail", &all);
    applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/1")).unwrap();
    drained(&mut applications, NOW);
    change(&mut applications, NOW, &mut tree, |acting| replace(acting, "./Mail/1/Admin/Note", "x"));
    let identity = dm_tree::application::ApplicationIdentity::new("mail").with_signer(crate::GENUINE);
    applications.register(NOW, &tree, &identity, &admitting(&first_account())).unwrap();
    let (_, told) = told(&mut applications, NOW).remove(0);
    assert!(told.is_whole() && told.notices().is_empty());
}

#[test]
fn nothing_is_told_after_the_end() {
    let mut tree = tree();
    let mut applications = registered(&tree, "mail", &first_account());
    applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/1")).unwrap();
    drained(&mut applications, NOW);
    change(&mut applications, NOW, &mut tree, |acting| replace(acting, "./Mail/1/Host", "x"));
    applications.handle_tick(after(300));
    // The notification is ready, but its record has not been stored.
    let ApplicationOutput::Persist(..) = applications.poll_output() else { panic!("a record comes first") };
    applications.unregister(after(300), &app("mail")).unwrap();
    assert_eq!(drained(&mut applications, after(300)), [ApplicationOutput::Unregistered(app("mail"))]);
}

//! What an application may do, and that it is nobody else.

use std::sync::Arc;

use dm_syncml::StatusCode;
use dm_tree::application::{ApplicationErrorKind, Grant};
use dm_tree::{
    AccessType, Acl, Content, Context, NewNode, NoAnswer, NodeFacts, NodeSpec, NodeUri, Principal, Refusal,
    Rights, SchemaCheck, SchemaCommand, Tree, Value,
};

use crate::{MAIL_MO, NOW, app, first_account, registered, replace, server, tree, uri};

fn code<T>(done: Result<T, Refusal>) -> u16 {
    done.map_or_else(|refusal| refusal.status().get(), |_| 200)
}

#[test]
fn dm_hlf_005_an_application_reads_and_writes_what_it_was_granted() {
    let mut tree = tree();
    let applications = registered(&tree, "mail", &first_account());
    let handlers = &mut ();
    let mut acting = applications.act(&mut tree, &app("mail"), handlers).unwrap();
    assert_eq!(acting.get("./Mail/1/Host").unwrap().data(), b"imap");
    assert_eq!(code(replace(&mut acting, "./Mail/1/Host", "pop")), 200);
    assert_eq!(code(acting.add("./Mail/1/Folder/In", &Content::new(b"x"))), 200);
    assert_eq!(code(acting.delete("./Mail/1/Folder")), 200);
    // Nothing elsewhere, and no way to learn what there is.
    for place in
        ["./Mail/2/Host", "./Mail", ".", "./Mail/1/Admin/Note", "./Mail/1/Admin", "./Nope", "./Mail/2/Nope"]
    {
        assert_eq!(code(acting.get(place)), 425, "{place}");
        assert_eq!(code(replace(&mut acting, place, "x")), 425, "{place}");
        assert_eq!(code(acting.add(place, &Content::new(b"x"))), 425, "{place}");
        assert_eq!(code(acting.delete(place)), 425, "{place}");
        assert_eq!(code(acting.walk(place, None).map(drop)), 425, "{place}");
    }
    assert_eq!(code(acting.get("./Mail/1/Nope")), 404);
    // Its account holds what is not its own, so it cannot delete the whole, nor copy what it may not read.
    assert_eq!(code(acting.delete("./Mail/1")), 425);
    assert_eq!(code(acting.copy("./Mail/1/Admin/Note", "./Mail/1/Mine")), 425);
    let mut seen = Vec::new();
    let mut walk = acting.walk("./Mail/1", None).unwrap();
    while let Some(visit) = walk.next().unwrap() {
        seen.push(visit.uri().to_string());
    }
    assert_eq!(seen, ["./Mail/1", "./Mail/1/Host"]);
}

#[test]
fn dm_hlf_005_what_an_application_changes_says_so() {
    let mut tree = tree();
    let applications = registered(&tree, "mail", &first_account());
    let handlers = &mut ();
    let mut acting = applications.act(&mut tree, &app("mail"), handlers).unwrap();
    acting.add("./Mail/1/Folder", &Content::interior("")).unwrap();
    replace(&mut acting, "./Mail/1/Host", "pop").unwrap();
    acting.replace("./Mail/1/Folder?prop=Name", &Content::new(b"Box")).unwrap();
    let changes = acting.take_changes();
    assert_eq!(changes.len(), 3);
    assert!(changes.iter().all(|change| change.by == Principal::Application(app("mail"))));
    assert_eq!(tree.node("./Mail/1/Box").unwrap().acl(), &Acl::EMPTY, "no ACL could name an application");
}

#[test]
fn dm_hlf_005_applications_and_servers_of_one_name_are_two() {
    // A server called like the application, with an ACL of its own; and the reverse.
    let mut tree = tree();
    tree.set_acl("./Mail/2", Acl::parse("Get=mail&Replace=mail").unwrap()).unwrap();
    tree.set_acl("./Mail/1", Acl::parse("Get=srv").unwrap()).unwrap();
    let applications = registered(&tree, "mail", &first_account());
    let namesake = server("mail");
    let handlers = &mut ();
    {
        let mut acting = tree.act_for(&namesake, handlers);
        assert_eq!(code(acting.get("./Mail/1/Host")), 425);
        assert_eq!(code(replace(&mut acting, "./Mail/1/Host", "x")), 425);
        assert_eq!(code(acting.get("./Mail/2/Host")), 200);
    }
    let mut acting = applications.act(&mut tree, &app("mail"), handlers).unwrap();
    assert_eq!(code(acting.get("./Mail/2/Host")), 425);
    assert_eq!(code(acting.get("./Mail/1/Host")), 200);
    // Everyone in an ACL means every server.
    tree.set_acl("./Mail/2", Acl::anyone(Rights::ALL)).unwrap();
    let mut acting = applications.act(&mut tree, &app("mail"), handlers).unwrap();
    assert_eq!(code(acting.get("./Mail/2/Host")), 425);
    // Removing the server takes nothing from the application; unregistering the application nothing from the server.
    tree.set_acl("./Mail/2", Acl::parse("Get=mail").unwrap()).unwrap();
    tree.remove_server(&namesake);
    assert_eq!(applications.rights_of(&tree, &app("mail"), &uri("./Mail/1")), Rights::ALL - Rights::EXEC);
    assert_ne!(Principal::Server(namesake), Principal::Application(app("mail")));
}

#[test]
fn applications_have_no_say_in_acls_and_execute_nothing() {
    let mut tree = tree();
    let applications = registered(&tree, "mail", &first_account());
    let handlers = &mut ();
    let mut acting = applications.act(&mut tree, &app("mail"), handlers).unwrap();
    for place in ["./Mail/1?prop=ACL", "./Mail/1/Host?prop=ACL"] {
        assert_eq!(code(acting.replace(place, &Content::new(b"Get=*&Replace=mail"))), 425);
    }
    assert_eq!(code(acting.exec("./Mail/1/Host", b"")), 425);
    assert!(!Grant::subtree(".", Rights::ALL).unwrap().rights().contains(Rights::EXEC));
}

#[test]
fn grants_by_type_follow_the_type_and_the_nearest_decides() {
    let mut tree = tree();
    let grants = [Grant::object(MAIL_MO, Rights::GET), Grant::subtree("./Mail/2", Rights::REPLACE).unwrap()];
    let applications = registered(&tree, "mail", &grants);
    let rights = |tree: &Tree, place: &str| applications.rights_of(tree, &app("mail"), &uri(place));
    assert_eq!(rights(&tree, "./Mail"), Rights::NONE);
    assert_eq!(rights(&tree, "./Mail/1/Host"), Rights::GET);
    assert_eq!(rights(&tree, "./Mail/2/Host"), Rights::REPLACE, "the place prevails at one node");
    tree.insert("./Mail/2/Sub", NodeSpec::managed_object(MAIL_MO)).unwrap();
    assert_eq!(rights(&tree, "./Mail/2/Sub/x"), Rights::GET, "the nearer one decides");
    tree.insert("./Else/9", NodeSpec::managed_object(MAIL_MO)).unwrap();
    assert_eq!(rights(&tree, "./Else/9"), Rights::GET);
}

#[test]
fn grants_are_about_names_not_spellings() {
    let mut tree = tree();
    tree.insert("./Fold", NodeSpec::interior().ignoring_case()).unwrap();
    tree.insert("./Fold/Key", NodeSpec::leaf(Value::chr("k"))).unwrap();
    let grants =
        [Grant::subtree("./Fold", Rights::GET).unwrap(), Grant::subtree("./Fold/kEY", Rights::NONE).unwrap()];
    let applications = registered(&tree, "x", &grants);
    let handlers = &mut ();
    let mut acting = applications.act(&mut tree, &app("x"), handlers).unwrap();
    for spelling in ["./Fold/Key", "./Fold/KEY", "./%46old/%6bey"] {
        assert_eq!(code(acting.get(spelling)), 425, "{spelling}");
    }
}

/// Knows of nothing but leaves called `Host`.
#[derive(Debug)]
struct OnlyHosts;

impl SchemaCheck for OnlyHosts {
    fn check(&self, _: &Tree, uri: &NodeUri<'_>, _: SchemaCommand<'_>) -> Result<(), StatusCode> {
        let is_host = uri.last().is_some_and(|name| name.as_str() == "Host");
        if is_host { Ok(()) } else { Err(StatusCode::NOT_ALLOWED) }
    }
}

#[test]
fn dm_hlf_005_the_schema_and_the_access_type_hold_for_applications() {
    let mut tree = tree();
    tree.insert("./Mail/1/Pin", NodeSpec::leaf(Value::chr("1")).with_access(AccessType::REPLACE)).unwrap();
    tree.insert("./Mail/1/Kept", NodeSpec::leaf(Value::chr("1")).permanent()).unwrap();
    tree.set_schema(Some(Arc::new(OnlyHosts)));
    let applications = registered(&tree, "mail", &first_account());
    let handlers = &mut ();
    let mut acting = applications.act(&mut tree, &app("mail"), handlers).unwrap();
    assert_eq!(code(replace(&mut acting, "./Mail/1/Host", "x")), 200);
    assert_eq!(code(acting.add("./Mail/1/Other", &Content::new(b"x"))), 405);
    assert_eq!(code(acting.get("./Mail/1/Pin")), 405);
    assert_eq!(code(acting.delete("./Mail/1/Kept")), 405);
}

#[test]
fn an_atomic_of_a_server_keeps_applications_out() {
    let mut tree = tree();
    let applications = registered(&tree, "srv", &first_account());
    tree.begin_atomic(&server("srv")).unwrap();
    let handlers = &mut ();
    let mut acting = applications.act(&mut tree, &app("srv"), handlers).unwrap();
    assert_eq!(code(replace(&mut acting, "./Mail/1/Host", "x")), 403);
    tree.roll_back_atomic(&mut ());
}

struct Volume(Vec<String>);

impl dm_tree::Handler for Volume {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior().with_access(AccessType::ALL)),
            ["Level"] => Some(NodeFacts::leaf(dm_tree::Format::Chr)),
            _ => None,
        }
    }

    fn get(&mut self, cx: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        self.0.push(format!("{:?} {:?}", cx.server(), cx.application()));
        Ok(b"3".to_vec())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut dm_tree::Children) -> Result<(), NoAnswer> {
        Ok(())
    }

    fn add(&mut self, _: &Context<'_>, _: &[&str], _: &NewNode) -> Result<(), NoAnswer> {
        Err(NoAnswer::Later)
    }
}

#[test]
fn handlers_know_who_asks() {
    let mut tree = tree();
    let mut handlers = dm_tree::HandlerMap::new();
    handlers.mount(&mut tree, "./Volume", Volume(Vec::new())).unwrap();
    let applications = registered(&tree, "mixer", &[Grant::subtree("./Volume", Rights::ALL).unwrap()]);
    let mut acting = applications.act(&mut tree, &app("mixer"), &mut handlers).unwrap();
    assert_eq!(acting.get("./Volume/Level").unwrap().data(), b"3");
    let later = acting.add("./Volume/New", &Content::new(b"x")).unwrap_err();
    let answered = tree.answer(later.ticket().unwrap(), dm_tree::LateAnswer::Done).unwrap();
    assert_eq!(answered.changes[0].by, Principal::Application(app("mixer")));
}

#[test]
fn unregistering_ends_all_rights_at_once() {
    let mut tree = tree();
    let mut applications = registered(&tree, "mail", &first_account());
    applications.subscribe(NOW, &tree, &app("mail"), &uri("./Mail/1")).unwrap();
    applications.unregister(NOW, &app("mail")).unwrap();
    assert!(applications.rights_of(&tree, &app("mail"), &uri("./Mail/1")).is_empty());
    assert_eq!(applications.subscriptions_of(&app("mail")).count(), 0);
    let refused = applications.act(&mut tree, &app("mail"), &mut ()).unwrap_err();
    assert_eq!(refused.kind(), ApplicationErrorKind::NotRegistered);
}

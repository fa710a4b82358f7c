//! Use case B.2: a newly installed application retrieves its settings, and keeps them up to date.

use dm_syncml::{CmdId, Data, Item, LocUri, Replace, StatusCode};
use dm_tree::application::{Admission, AllowedApplications, ApplicationIdentity, Applications, Grant};
use dm_tree::{Principal, Rights};

use crate::{GENUINE, IMPOSTOR, MAIL_MO, NOW, app, drained, server, told, tree, uri};

#[test]
fn use_case_b_2_a_new_application_gets_its_settings_and_their_updates() {
    let mut tree = tree();
    let mut applications = Applications::default();
    let id = app("com.example.mail");
    let admission = Admission::new(id.clone()).with_grant(Grant::object(MAIL_MO, Rights::GET));
    let policy = AllowedApplications::new().with("com.example.mail", GENUINE, admission);

    // The user installs it; it registers, and the client verifies what the platform says of it.
    let installed = ApplicationIdentity::new("com.example.mail").with_signer(GENUINE).with_installer("store");
    let fake = ApplicationIdentity::new("com.example.mail").with_signer(IMPOSTOR);
    assert!(applications.register(NOW, &tree, &fake, &policy).is_err());
    assert_eq!(applications.register(NOW, &tree, &installed, &policy).unwrap(), id);

    // It finds and retrieves its settings, without the user typing anything.
    let accounts: Vec<_> = tree.objects(MAIL_MO).map(|node| node.uri()).collect();
    assert_eq!(accounts.len(), 2);
    let mut host = {
        let place = format!("{}/Host", accounts[0]);
        applications.act(&mut tree, &id, &mut ()).unwrap().get(&place).unwrap().into_data()
    };
    assert_eq!(host, b"imap");
    let subscription = applications.subscribe(NOW, &tree, &id, &accounts[0]).unwrap();
    drained(&mut applications, NOW);

    // The operator updates them; the application updates itself.
    let item = Item::to(LocUri::new("./Mail/1/Host").unwrap()).with_data(Data::text("imap2").unwrap());
    let update = Replace::new(CmdId::new("1").unwrap(), vec![item]).into();
    let done = tree.execute(&server("srv"), &update, &mut ());
    assert_eq!(done.status(), Some(StatusCode::OK));
    assert_eq!(done.changes[0].by, Principal::Server(server("srv")));
    applications.handle_changes(NOW, &tree, &done.changes);
    for (whom, notification) in told(&mut applications, NOW) {
        assert_eq!(whom, id);
        for notice in notification.notices() {
            let handlers = &mut ();
            let mut acting = applications.act(&mut tree, &id, handlers).unwrap();
            host = acting.get(notice.uri().as_str()).unwrap().into_data();
        }
        applications.handle_acknowledged(NOW, &id, subscription, notification.seq()).unwrap();
    }
    assert_eq!(host, b"imap2");

    // It is uninstalled, and nothing of it stays.
    applications.unregister(NOW, &id).unwrap();
    assert!(applications.act(&mut tree, &id, &mut ()).is_err());
    assert!(applications.rights_of(&tree, &id, &uri("./Mail/1")).is_empty());
}

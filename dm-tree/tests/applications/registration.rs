//! Who may register.

use dm_tree::Rights;
use dm_tree::application::{
    Admission, AllowedApplications, ApplicationErrorKind, ApplicationIdentity, ApplicationLimits,
    ApplicationOutput, Applications, DenyAll, Grant,
};

use crate::{GENUINE, IMPOSTOR, NOW, admitting, app, drained, first_account, registered, tree, uri};

fn mail() -> ApplicationIdentity {
    ApplicationIdentity::new("com.example.mail").with_signer(GENUINE)
}

#[test]
fn dm_hlf_005_nobody_is_registered_without_a_rule() {
    let (tree, mut applications) = (tree(), Applications::default());
    for policy in [&DenyAll as &dyn dm_tree::application::RegistrationPolicy, &AllowedApplications::new()] {
        let refused = applications.register(NOW, &tree, &mail(), policy).unwrap_err();
        assert_eq!((refused.kind(), refused.status().get()), (ApplicationErrorKind::Refused, 425));
    }
    assert_eq!(applications.registered().count(), 0);
}

#[test]
fn dm_hlf_016_registration_checks_package_and_signer() {
    let tree = tree();
    let id = app("com.example.mail");
    let grant = Grant::subtree("./Mail", Rights::GET).unwrap();
    let policy = AllowedApplications::new().with(
        "com.example.mail",
        GENUINE,
        Admission::new(id.clone()).with_grant(grant.clone()),
    );
    let mut applications = Applications::default();
    let package = ApplicationIdentity::new("com.example.mail");
    for identity in [
        package.clone(),
        package.clone().with_signer(IMPOSTOR),
        package.clone().with_signer(GENUINE).with_signer(IMPOSTOR),
        ApplicationIdentity::new("com.example.mail2").with_signer(GENUINE),
    ] {
        let refused = applications.register(NOW, &tree, &identity, &policy).unwrap_err();
        assert_eq!(refused.kind(), ApplicationErrorKind::Refused, "{identity:?}");
    }
    assert_eq!(applications.register(NOW, &tree, &mail(), &policy).unwrap(), id);
    assert_eq!(applications.grants_of(&id), [grant]);
    assert_eq!(drained(&mut applications, NOW), [ApplicationOutput::Registered(id.clone())]);

    // An impostor neither takes the place of the genuine one nor ends its registration.
    assert!(applications.register(NOW, &tree, &package.with_signer(IMPOSTOR), &policy).is_err());
    assert_eq!(applications.registered().map(|(id, _)| id).collect::<Vec<_>>(), [&id]);
    // The genuine one may come again, in another version, and loses its place when the policy has changed.
    let newer = mail().with_version("2.0");
    assert!(applications.register(NOW, &tree, &newer, &policy).is_ok());
    assert!(applications.register(NOW, &tree, &newer, &DenyAll).is_err());
    assert_eq!(applications.registered().count(), 0);
    assert!(applications.rights_of(&tree, &id, &uri("./Mail/1")).is_empty());
}

#[test]
fn another_signer_takes_over_only_where_the_policy_says_so() {
    let tree = tree();
    let mut applications = registered(&tree, "com.example.mail", &first_account());
    let id = app("com.example.mail");
    let subscription = applications.subscribe(NOW, &tree, &id, &uri("./Mail/1")).unwrap();
    let other = ApplicationIdentity::new("com.example.mail").with_signer(IMPOSTOR);
    let refused = applications.register(NOW, &tree, &other, &admitting(&first_account())).unwrap_err();
    assert_eq!(refused.kind(), ApplicationErrorKind::OtherSigner);
    let other_user = mail().with_user(10);
    assert!(applications.register(NOW, &tree, &other_user, &admitting(&first_account())).is_err());
    let policy = |_: &ApplicationIdentity| Some(Admission::new(app("com.example.mail")).taking_over());
    assert!(applications.register(NOW, &tree, &other, &policy).is_ok());
    assert_eq!(applications.subscriptions_of(&id).next().unwrap().0, subscription);
    assert!(applications.rights_of(&tree, &id, &uri("./Mail/1")).is_empty(), "its rights are the new ones");
}

#[test]
fn what_is_kept_is_bounded() {
    let tree = tree();
    let limits =
        ApplicationLimits::default().with_max_applications(2).with_max_grants(2).with_max_subscriptions(1);
    let mut applications = Applications::new(limits);
    let register = |applications: &mut Applications, name: &str, grants: &[Grant]| {
        let identity = ApplicationIdentity::new(name);
        applications.register(NOW, &tree, &identity, &admitting(grants)).map_err(|error| error.kind())
    };
    let grants = first_account();
    assert!(register(&mut applications, "a", &grants).is_ok());
    let three = [grants.clone(), grants.clone()].concat();
    assert_eq!(register(&mut applications, "b", &three), Err(ApplicationErrorKind::Full));
    assert!(register(&mut applications, "b", &grants).is_ok());
    assert_eq!(register(&mut applications, "c", &grants), Err(ApplicationErrorKind::Full));
    let first = applications.subscribe(NOW, &tree, &app("a"), &uri("./Mail/1")).unwrap();
    assert_eq!(applications.subscribe(NOW, &tree, &app("a"), &uri("./Mail/%31")).unwrap(), first);
    let full = applications.subscribe(NOW, &tree, &app("a"), &uri("./Mail/1/Host")).unwrap_err();
    assert_eq!(full.kind(), ApplicationErrorKind::Full);
    applications.unregister(NOW, &app("a")).unwrap();
    assert!(register(&mut applications, "c", &grants).is_ok());
}

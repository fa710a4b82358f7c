//! Local applications by the labels of the DM 2.0 requirements: HLF-005, HLF-016, HLF-017 and use case B.2.

mod registration;
mod restarts;
mod rights;
mod subscriptions;
mod use_case;

use dm_syncml::Instant;
use dm_tree::application::{
    Admission, ApplicationIdentity, ApplicationOutput, Applications, Grant, Notification, SignerDigest,
};
use dm_tree::{Acl, ApplicationId, Content, NodeSpec, NodeUri, Refusal, Rights, ServerId, Tree, Value};

pub(crate) const NOW: Instant = Instant::EPOCH;
pub(crate) const MAIL_MO: &str = "urn:example:mo:mail:1.0";
pub(crate) const GENUINE: SignerDigest = SignerDigest::new([1; 32]);
pub(crate) const IMPOSTOR: SignerDigest = SignerDigest::new([2; 32]);

pub(crate) fn app(name: &str) -> ApplicationId {
    ApplicationId::new(name).unwrap()
}

pub(crate) fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub(crate) fn uri(text: &str) -> NodeUri<'_> {
    NodeUri::parse(text).unwrap()
}

/// A server `srv` that may do everything, and settings of two accounts with a secret part each.
pub(crate) fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::parse("Add=*&Get=*&Replace=srv&Delete=srv").unwrap()).unwrap();
    for account in ["./Mail/1", "./Mail/2"] {
        tree.insert(account, NodeSpec::managed_object(MAIL_MO)).unwrap();
        tree.insert(&format!("{account}/Host"), NodeSpec::leaf(Value::chr("imap"))).unwrap();
        tree.insert(&format!("{account}/Admin/Note"), NodeSpec::leaf(Value::chr("for the help desk")))
            .unwrap();
    }
    tree
}

/// Admits everything with these rights, under the name of its package.
pub(crate) fn admitting(grants: &[Grant]) -> impl Fn(&ApplicationIdentity) -> Option<Admission> {
    move |identity| {
        let admission = Admission::new(ApplicationId::new(&identity.package).ok()?);
        Some(grants.iter().cloned().fold(admission, Admission::with_grant))
    }
}

pub(crate) fn registered(tree: &Tree, name: &str, grants: &[Grant]) -> Applications {
    let mut applications = Applications::default();
    let identity = ApplicationIdentity::new(name).with_signer(GENUINE);
    applications.register(NOW, tree, &identity, &admitting(grants)).unwrap();
    applications
}

/// Everything on the first account but what is for the help desk.
pub(crate) fn first_account() -> Vec<Grant> {
    vec![
        Grant::subtree("./Mail/1", Rights::ALL).unwrap(),
        Grant::subtree("./Mail/1/Admin", Rights::NONE).unwrap(),
    ]
}

/// Has the server do something, and tells the applications.
pub(crate) fn change(
    applications: &mut Applications,
    now: Instant,
    tree: &mut Tree,
    work: impl FnOnce(&mut dm_tree::Acting<'_>) -> Result<(), Refusal>,
) {
    let server = server("srv");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    work(&mut acting).unwrap();
    let changes = acting.take_changes();
    applications.handle_changes(now, tree, &changes);
}

pub(crate) fn replace(acting: &mut dm_tree::Acting<'_>, uri: &str, text: &str) -> Result<(), Refusal> {
    acting.replace(uri, &Content::new(text.as_bytes()))
}

/// Everything that is to be done; records are stored at once.
pub(crate) fn drained(applications: &mut Applications, now: Instant) -> Vec<ApplicationOutput> {
    let mut outputs = Vec::new();
    applications.handle_tick(now);
    loop {
        match applications.poll_output() {
            ApplicationOutput::Persist(seq, _) => applications.handle_persisted(now, seq),
            ApplicationOutput::Wait(_) => return outputs,
            output => outputs.push(output),
        }
    }
}

/// What the applications are told once everything has settled.
pub(crate) fn told(applications: &mut Applications, now: Instant) -> Vec<(ApplicationId, Notification)> {
    let settled = now + applications.limits().settle;
    let outputs = drained(applications, settled).into_iter();
    let told = outputs.filter_map(|output| match output {
        ApplicationOutput::Notify(application, notification) => Some((application, notification)),
        _ => None,
    });
    told.collect()
}

pub(crate) fn addresses(notification: &Notification) -> Vec<&str> {
    notification.notices().iter().map(|notice| notice.uri().as_str()).collect()
}

//! Who is believed, and who is not.

use crate::ended;
use crate::pair;
use crate::pair::{Node, World, client_config, replace};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::{ClientEnd, ServerEnd};
use dm_syncml::{Command, Encoding, Message, StatusCode};

#[test]
fn wrong_credentials_are_refused_after_one_fresh_challenge() {
    let config = client_config(Encoding::Wbxml)
        .with_md5(Credentials::new("dev-7731", Password::new("wrong")), pair::server_credentials());
    let mut world = World::with_client(1, Encoding::Wbxml, config);
    world.plan = vec![replace("./X", "1")];
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::DeviceRefused));
    assert_eq!(ended(&world), [ServerEnd::DeviceRefused]);
    assert_eq!(world.server_records, [], "nothing is stored for a stranger");
    assert_eq!(world.client_records, []);
    assert!(world.executed.is_empty());
    let codes: Vec<_> = world.messages(Node::Server).iter().map(first_status).collect();
    assert_eq!(codes, [StatusCode::MISSING_CREDENTIALS, StatusCode::INVALID_CREDENTIALS]);
}

#[test]
fn a_server_that_cannot_prove_itself_gets_nothing_executed() {
    let mut world = World::new(1, Encoding::Wbxml);
    let account = world.account.as_mut().unwrap();
    account.server.as_mut().unwrap().1 = Credentials::new("srv-alpha", Password::new("wrong"));
    world.plan = vec![replace("./X", "1")];
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::ServerRefused));
    assert!(world.executed.is_empty());
    assert_eq!(world.client_records, [], "nor may it change what is stored");
    assert!(!world.values.contains_key("./X"));
}

#[test]
fn known_and_unknown_devices_get_the_same_answer() {
    let mut replies = Vec::new();
    for known in [true, false] {
        let mut world = World::new(1, Encoding::Xml);
        if !known {
            world.account = None;
        }
        let stranger = client_config(Encoding::Xml)
            .with_md5(Credentials::new("dev-7731", Password::new("guess")), pair::server_credentials());
        world.start_over(stranger, "1A", Vec::new());
        world.run();
        replies.push(world.sent.into_iter().filter(|(from, _)| *from == Node::Server).collect::<Vec<_>>());
    }
    assert_eq!(replies[0].len(), 2);
    assert_eq!(replies[0], replies[1]);
}

#[test]
fn a_weaker_scheme_than_ours_is_not_answered() {
    let mut world = World::new(1, Encoding::Wbxml);
    let (scheme, _) = world.account.as_mut().unwrap().device.as_mut().unwrap();
    *scheme = dm_syncml::auth::AuthScheme::Basic;
    world.run();
    assert_eq!(world.client_end, Some(ClientEnd::DeviceRefused));
    let bodies: Vec<u8> = world.sent.into_iter().flat_map(|(_, body)| body).collect();
    assert!(!bodies.windows(13).any(|w| w == b"cl13nt-secret"));
}

fn first_status(message: &Message<'_>) -> StatusCode {
    match &message.body.commands[0] {
        Command::Status(status) => status.code,
        other => panic!("{other:?}"),
    }
}

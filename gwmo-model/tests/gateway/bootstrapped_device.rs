//! A device that knows nobody but its gateway: bootstrapped, in session, managed.

use crate::town::requests::console;
use crate::town::{self, Town, device_id, serial, server_id, uri};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::{CmdId, Command, Get, Item};
use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, provisioning_of};
use dm_tree::{AuthLevel, Secret, Tree, dm_accounts};
use gwmo_model::console::JobRequest;
use gwmo_model::{
    BootstrapState, BootstrapTarget, DeviceBootstrap, DeviceBootstrapConfig, DeviceBootstrapOutput,
    DeviceCredential, GatewayEvent, JobKey,
};

#[test]
fn gwmo_pmode_003_a_device_without_an_external_server() {
    // What the device of the town proves itself with comes to it by a bootstrap.
    let mut boot =
        DeviceBootstrap::new(DeviceBootstrapConfig::new(server_id(town::GATEWAY), town::GATEWAY_URL));
    let mut town = Town::with_devices(3, 1);
    let now = town.now();
    let (client, server) = (Secret::new("secret of 1"), Secret::new(town::gateway_password(1)));
    boot.handle_credential(now, serial(1), DeviceCredential::new("device-1", client, server)).unwrap();
    boot.handle_gateway_wanted(now, serial(1), true).unwrap();
    let account = loop {
        match boot.poll_output() {
            DeviceBootstrapOutput::Persist(seq, _) => boot.handle_persisted(now, seq),
            DeviceBootstrapOutput::SendBootstrap { account, .. } => break account,
            DeviceBootstrapOutput::Wait(_) => panic!("nothing is offered"),
            _ => {}
        }
    };
    let document = provisioning_of(&[account]).unwrap().to_wbxml();
    let document = dm_tree::bootstrap::ProvisioningDocument::from_wbxml(&document).unwrap();
    let mut tree = Tree::default();
    let bootstrap = Bootstrap::from_provisioning(&document).unwrap();
    bootstrap.apply(&mut tree, &BootstrapPolicy::default()).unwrap();
    let known: Vec<_> = dm_accounts(&tree).map(|(_, account)| account).collect();
    let [known] = &known[..] else { panic!("{known:?}") };
    assert_eq!(known.server_id, server_id(town::GATEWAY));
    assert_eq!(known.credentials(&AuthLevel::CLCRED), Some(town::device_credentials(1)));
    let shown = Credentials::new(town::GATEWAY, Password::new(town::gateway_password(1)));
    assert_eq!(known.credentials(&AuthLevel::SRVCRED), Some(shown));

    // A server manages it through the gateway, which is the only server the device knows.
    town.run();
    let key = JobKey::new("J").unwrap();
    let get: Command<'static> =
        Get::new(CmdId::new("1").unwrap(), vec![Item::to(uri("./Vendor/SwV"))]).into();
    let mut commands =
        console().add_job(&JobRequest::new(key.clone()).with_device(device_id(1)).with_command(get));
    commands.push(console().start_job(&key, None));
    town.ask(0, commands);
    town.run();
    let items = town.manage(0, vec![console().get_answers(&key, serial(1), 1)]);
    let answers = console().read_answers(&key, serial(1), 1, &items[0].clone().into_items()).unwrap();
    assert_eq!((answers[0].status.unwrap().get(), answers[0].data.as_deref()), (200, Some(&b"7.1"[..])));

    // Its session was the first one.
    let attached = |event: &GatewayEvent| matches!(event, GatewayEvent::DeviceAttached { device, .. } if *device == device_id(1));
    assert!(town.events.iter().any(attached));
    boot.handle_session(town.now(), serial(1), &BootstrapTarget::Gateway, true);
    assert_eq!(boot.state(serial(1), &BootstrapTarget::Gateway), BootstrapState::Confirmed);
}

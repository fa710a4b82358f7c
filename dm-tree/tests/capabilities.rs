//! What a client offers, as nodes (DM 2.0 RD, HLF-019).

use dm_syncml::session::{Capabilities, ClientConfig, Feature};
use dm_syncml::{DecodeOptions, Encoding, LocUri, Message};
#[cfg(feature = "xml")]
use dm_tree::ddf::{self, Schema};
#[cfg(feature = "xml")]
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::{Acl, CapabilitiesObject, DevDetail, Rights, ServerId, Tree, Value};

fn config() -> ClientConfig {
    ClientConfig::new(LocUri::new("IMEI:1").unwrap(), LocUri::new("https://dm.example.com/").unwrap())
}

fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    tree
}

#[test]
fn dm_hlf_019_the_object_says_what_the_configuration_does() {
    let mut tree = tree();
    let detail = DevDetail { lrg_obj: true, ..DevDetail::default() };
    detail.install(&mut tree).unwrap();
    for config in [
        config(),
        config().with_atomic().with_interaction(),
        config().with_exec_in_atomic().with_media(vec!["image/png".into()]).with_resume(),
        config().without_large_objects().with_resume().with_max_msg_size(5000),
    ] {
        CapabilitiesObject::install(&mut tree, &config).unwrap();
        let offered = CapabilitiesObject::read(&tree).unwrap();
        assert_eq!(offered, Capabilities::of(&config).over(&tree.capabilities()));
        for (feature, does) in [
            (Feature::Atomic, config.atomic),
            (Feature::ExecInAtomic, config.exec_in_atomic),
            (Feature::Confirm, config.interaction),
            (Feature::Media, !config.media.is_empty()),
            (Feature::LargeObjects, config.large_objects),
            (Feature::Resume, config.large_objects && config.resume),
            (Feature::ListTnds, true),
            (Feature::Copy, true),
            (Feature::Exec, false),
        ] {
            assert_eq!(offered.supports(feature), Some(does), "{feature}");
        }
        assert_eq!(offered.max_msg_size(), config.max_msg_size);
        assert_eq!(DevDetail::read(&tree).unwrap().lrg_obj, config.large_objects, "DevDetail says the same");
    }
    tree.mount("./Run").unwrap();
    assert_eq!(tree.capabilities().supports(Feature::Exec), Some(true), "a handler may execute");
}

/// What a server reads, in each way it can ask.
#[test]
fn dm_hlf_019_servers_read_it_in_every_way() {
    let mut tree = tree();
    let config = config().with_atomic();
    CapabilitiesObject::install(&mut tree, &config).unwrap();
    let due = Capabilities::of(&config).over(&tree.capabilities());
    let server = ServerId::new("com.example.dm").unwrap();
    let get = Capabilities::query(&LocUri::new(Capabilities::NODE).unwrap()).unwrap();
    let done = tree.execute(&server, &get.into(), &mut ());
    let items: Vec<_> = done.outcomes.iter().flat_map(|outcome| &outcome.results).collect();
    assert_eq!(Capabilities::read(items), due);
    let list = dm_syncml::session::Query::list(
        &LocUri::new(Capabilities::NODE).unwrap(),
        dm_syncml::session::Listing::StructureAndData,
    );
    let done = tree.execute(&server, &list.unwrap().into(), &mut ());
    assert_eq!(Capabilities::read(&done.outcomes[0].results), due);
    // Nobody but the device writes it.
    let refused =
        tree.act_for(&server, &mut ()).replace("./x-Capabilities/Commands", &dm_tree::Content::new(b"Copy"));
    assert_eq!(refused.unwrap_err().status().get(), 405);
}

#[cfg(feature = "xml")]
#[test]
fn dm_hlf_019_the_object_is_as_its_description_says() {
    let description = MgmtTree::detect(ddf::CAPABILITIES.as_bytes(), &DocumentOptions::STRICT).unwrap();
    let names: Vec<_> = description.nodes()[1..].iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, Capabilities::LEAVES);
    assert!(Schema::new().add(&description).is_ok());
}

/// Package 1 says the same, so that a server needs no question.
#[test]
fn dm_hlf_019_package_1_says_it_unasked() {
    use dm_syncml::session::{ClientOutput, ClientSession, Initiation};
    use dm_syncml::{Command, Instant, SessionId};
    let tree = tree();
    let lies = tree.capabilities().with(Feature::Atomic, true).with(Feature::LargeObjects, true);
    let config = config().without_large_objects().with_announcement(lies);
    let begin = Initiation::Client(SessionId::new("1").unwrap());
    let mut client = ClientSession::new(Instant::EPOCH, config.clone(), begin, Vec::new());
    let ClientOutput::Send(_, message) = client.poll_output() else { panic!("package 1") };
    let message = Message::decode(Encoding::Wbxml, &message.body, &DecodeOptions::new()).unwrap();
    let Command::Replace(dev_info) = &message.body.commands[1] else { panic!("DevInfo") };
    let said = Capabilities::read(&dev_info.items);
    assert_eq!(said.supports(Feature::Atomic), Some(false), "what the session does it knows itself");
    assert_eq!(said.supports(Feature::LargeObjects), Some(false));
    assert_eq!(said.supports(Feature::ListTnds), Some(true));
    assert_eq!(said, Capabilities::of(&config).over(&tree.capabilities()));
    assert_eq!(Value::chr(said.to_announcement()).data().len(), said.to_announcement().len());
}

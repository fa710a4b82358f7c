//! What is stored has a form, and the form a version: what was stored by this version is read by it, and what was stored in another form is
//! refused rather than misread.
//!
//! `stored/gateway.json` is what a busy gateway stored, a snapshot and the records since. When a form changes these tests fail; then the part
//! that changed gets another `VERSION`, and the file is written anew with `DM_WRITE_STORED_FORMS=1` in the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use dm_syncml::Instant;
use dm_tree::Secret;
use gwmo_model::console::{JobRequest, OpRequest, TriggerRequest};
use gwmo_model::mo::{ConfigSlot, InventorySlot};
use gwmo_model::{
    AdapterCapabilities, BootstrapAccount, ContentDigest, DetachReason, DeviceCredential, DeviceId, Fact,
    Gateway, GatewayOutput, GatewayPart, GatewayRecord, GatewaySnapshot, ImageKey, ImageSpec, ImagesOutput,
    Mode, ModeRule, NativeCommands, Policy, Scope, Sighting, TriggerContent, TriggerKey, TriggerTemplate,
};
use serde_json::Value;

use crate::modes::{knows, push_to};
use crate::objects::{add, read, set};
use crate::town::requests::*;
use crate::town::{GATEWAY, MINUTE, Town, account, device_id, serial, server_id};

fn stored(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/stored").join(name)
}

/// Something for every machine to keep.
fn busy() -> Town {
    use dm_notification::push::Push;
    use dm_notification::{Credential, Notification, ServerIdentifier, SessionId, Trigger};
    let mut town = Town::with_devices(1, 4);
    town.run_for(MINUTE);
    let now = town.now();
    town.gateway.handle_administrator(now, &server_id("dms.a")).unwrap();
    town.gateway.handle_wall_clock(now, dm_tree::Timestamp::from_unix(1_700_000_000).unwrap());
    town.gateway.handle_entropy(now, [0x5a; 16]);
    // The inventory, groups, rules and settings.
    let seen = Sighting::new(2).with(Fact::Firmware, "1.9").with(Fact::PublicAddress, "203.0.113.7");
    town.gateway.handle_device_seen(now, &device_id(1), &seen).unwrap();
    town.gateway.handle_device_gone(now, &device_id(3), 1, DetachReason::Left).unwrap();
    town.ask(0, console().create_group(&group("few"), &[device_id(1), device_id(2)]));
    let rule = ModeRule::new(1, r#"Info/Fw<"2.0""#.parse().unwrap(), Mode::Proxy);
    town.ask(
        0,
        vec![
            console().add_mode_rule("old", &rule),
            console().set_max_in_flight(9),
            add(ConfigSlot::Account, &["dms.b"], Some("few")),
            add(ConfigSlot::PeersAllowed, &["s1"], Some("")),
            set(ConfigSlot::PeersAuto, &[], "true"),
            set(ConfigSlot::BootToServer, &[], "true"),
            console().set_mode_wish(serial(2), Some(Mode::Proxy)),
        ],
    );
    town.ask(0, console().add_query("q", &r#"Info/Mod~"EX""#.parse().unwrap(), &[]));
    // Devices that an adapter speaks for, that are registered, that know servers.
    let lamp = DeviceId::new("zigbee:lamp").unwrap();
    town.gateway.handle_device_seen(now, &lamp, &Sighting::new(0)).unwrap();
    town.gateway.handle_adapter(now, &lamp, AdapterCapabilities::new(NativeCommands::GET)).unwrap();
    let new = device_id(9);
    town.ask(0, vec![add(InventorySlot::Registration, &[new.as_str()], Some("device-9\nits own\nours"))]);
    let credential = DeviceCredential::new("camera", Secret::new("its"), Secret::new("theirs"));
    let bootstrap = BootstrapAccount::new(server_id("dms.b"), "https://dms.example/dm", credential);
    town.gateway.handle_bootstrap_wanted(now, &device_id(1), bootstrap).unwrap();
    town.call_home_with(4, vec![knows("s1,dms.a")]);
    town.run_for(MINUTE);
    // A job that is over, one that is under way with an image and an adapter, a draft.
    launch(&mut town, job("over", "few"), "over");
    town.run_for(MINUTE);
    let (key, octets) = (ImageKey::new("fw").unwrap(), b"the firmware".to_vec());
    let digest = ContentDigest::new([7; 32]);
    let spec = ImageSpec::new().with_digest(digest).with_scope(Scope::default().with_device(device_id(1)));
    town.ask(0, console().add_image(&key, &spec));
    town.ask(0, vec![console().deliver_image(&key, octets)]);
    for _ in 0..2 {
        for output in std::mem::take(&mut town.asked) {
            let now = town.now();
            match output {
                GatewayOutput::StoreImage { blob, octets, .. } => {
                    let len = octets.len() as u64;
                    town.gateway.handle_images(now, |images, now| images.handle_stored(now, blob, len));
                }
                GatewayOutput::Image(ImagesOutput::HashRequest { blob, .. }) => {
                    town.gateway.handle_images(now, |images, now| images.handle_digest(now, blob, digest));
                }
                _ => {}
            }
        }
        town.drain_gateway();
    }
    town.device(1).off = true;
    let policy = Policy::default().with_t_notify(60 * MINUTE).with_retries(2);
    let image = OpRequest::new(replace_text("./Vendor/SwV", "%IMG%")).with_image("%IMG%", key);
    let request =
        JobRequest::new(self::key("busy")).with_group(group("*")).with_operation(image).with_policy(policy);
    let mut commands = console().add_job(&request.with_command(get("./Vendor/Level")));
    commands.push(console().start_job(&self::key("busy"), None));
    town.ask(0, commands);
    town.ask(0, console().add_job(&job("draft", "few")));
    // Notifications that wait for a device that is away.
    let template = TriggerContent::Built(TriggerTemplate::new(server_id(GATEWAY)));
    let trigger = TriggerKey::new("T").unwrap();
    let request = TriggerRequest::new(trigger.clone(), template).with_device(device_id(3));
    town.ask(0, console().add_trigger(&request));
    town.ask(0, vec![console().send_trigger(&trigger)]);
    let server = ServerIdentifier::new("dms.a").unwrap();
    let package_0 = Trigger::new(server, SessionId::new(7).unwrap());
    let package_0 = Notification::sign(package_0, &Credential::new(server, "its own"), b"nonce").to_vec();
    let (now, three) = (town.now(), device_id(3));
    town.gateway.handle_device_servers(now, &three, [&server_id("dms.a")]).unwrap();
    town.ask(0, vec![console().set_mode_wish(serial(3), Some(Mode::Transparent))]);
    town.gateway.handle_push(town.now(), &Push::decode(&push_to(3, &package_0)).unwrap());
    town.drain_gateway();
    town
}

/// What a busy gateway stores: a snapshot in the middle, and the records of the same things once more.
fn store() -> Value {
    let mut town = busy();
    // From the first record on, so that every kind of them is there.
    let records = serde_json::to_value(town.records()).unwrap();
    town.keep();
    serde_json::json!({ "snapshot": serde_json::to_value(town.kept()).unwrap(), "records": records })
}

/// The fields of every struct in a document, by where it stands. A struct always has all of its fields, whatever happened; which variants of
/// an enum come up is another matter, and those have names that begin with a capital letter.
fn forms(value: &Value) -> BTreeMap<String, BTreeSet<String>> {
    fn walk(value: &Value, at: &str, all: &mut BTreeMap<String, BTreeSet<String>>) {
        match value {
            Value::Object(fields) => {
                if fields.keys().all(|name| name.starts_with(|first: char| first.is_ascii_lowercase())) {
                    all.entry(at.to_owned()).or_default().extend(fields.keys().cloned());
                }
                fields.iter().for_each(|(name, value)| walk(value, &format!("{at}.{name}"), all));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, &format!("{at}[]"), all)),
            _ => {}
        }
    }
    let mut all = BTreeMap::new();
    walk(value, "", &mut all);
    all
}

fn committed() -> Value {
    if std::env::var_os("DM_WRITE_STORED_FORMS").is_some() {
        std::fs::write(stored("gateway.json"), format!("{}\n", store())).unwrap();
    }
    serde_json::from_slice(&std::fs::read(stored("gateway.json")).unwrap()).unwrap()
}

fn restored(document: &Value) -> Result<Gateway, GatewayPart> {
    let snapshot: GatewaySnapshot = serde_json::from_value(document["snapshot"].clone()).unwrap();
    let account = |id: &DeviceId| Some(account(id.as_str().strip_prefix("IMEI:")?.parse().ok()?));
    Gateway::restore(Instant::EPOCH, Town::config(), snapshot, [], account).map_err(|error| error.part())
}

/// What is committed is read, and what is stored now has the same form: else it would be another version.
#[test]
fn what_was_stored_is_read_and_has_the_form_of_now() {
    let then = committed();
    let mut gateway = restored(&then).unwrap();
    assert_eq!((gateway.inventory().summary().total, gateway.fanout().jobs().len()), (6, 2));
    assert_eq!(gateway.groups().group(&group("few")).map(|group| group.count()), Some(2));
    let records: Vec<GatewayRecord> = serde_json::from_value(then["records"].clone()).unwrap();
    assert!(records.len() > 50, "{}", records.len());
    let now = store();
    let (then, now) = (forms(&then), forms(&now));
    let mut compared = 0;
    for (place, fields) in &then {
        let Some(of_now) = now.get(place) else { continue };
        compared += 1;
        assert_eq!(fields, of_now, "the form of {place} has changed, and so must a VERSION");
    }
    assert!(compared > 60, "{compared}");
    // It goes on: what waited for a device that was away goes out when it is there.
    let seen = Sighting::new(1).with(Fact::LocalAddress, "10.0.0.3");
    gateway.handle_device_seen(Instant::EPOCH, &device_id(3), &seen).unwrap();
    let mut forwarded = 0;
    loop {
        match gateway.poll_output() {
            GatewayOutput::Persist(seq, _) => gateway.handle_persisted(Instant::EPOCH, seq),
            GatewayOutput::Forward { .. } => forwarded += 1,
            GatewayOutput::Wait(_) => break,
            _ => {}
        }
    }
    assert_eq!(forwarded, 2, "the push and the trigger");
    // Everything that is there is read by a gateway that stores it again.
    let mut town = busy();
    town.keep();
    town.crash();
    town.run();
    assert_eq!(read(&mut town, InventorySlot::SummaryTotal, &[]), "6");
}

/// A part of a version that is not known is refused, and the refusal says which one.
#[test]
fn other_versions_are_refused() {
    let stored = committed();
    for (name, part) in [
        ("", GatewayPart::Snapshot),
        ("tree", GatewayPart::Tree),
        ("inventory", GatewayPart::Inventory),
        ("groups", GatewayPart::Groups),
        ("fanout", GatewayPart::Fanout),
        ("outbox", GatewayPart::Outbox),
        ("images", GatewayPart::Images),
        ("relay", GatewayPart::Relay),
        ("triggers", GatewayPart::Triggers),
        ("adaptation", GatewayPart::Adaptation),
        ("bootstrap", GatewayPart::Bootstrap),
        ("peers", GatewayPart::Peers),
        ("accounts", GatewayPart::Accounts),
    ] {
        let version = |document: &Value| match name {
            "" => document["snapshot"]["version"].as_u64(),
            name => document["snapshot"][name]["version"].as_u64(),
        };
        let own = version(&stored).unwrap_or_else(|| panic!("{name} has no version"));
        for other in [0, own - 1, own + 1, 65_535] {
            let mut changed = stored.clone();
            match name {
                "" => changed["snapshot"]["version"] = other.into(),
                name => changed["snapshot"][name]["version"] = other.into(),
            }
            assert_eq!(restored(&changed).map(drop), Err(part), "{name} {other}");
        }
    }
}

/// What was stored before bootstraps had switches, as it was then.
#[test]
fn a_bootstrap_of_the_first_form_is_refused() {
    let text = std::fs::read(stored("device-bootstrap-1.json")).unwrap();
    let snapshot: Value =
        serde_json::from_slice(text.split(|octet| *octet == b'\n').next().unwrap()).unwrap();
    let bootstrap = snapshot["bootstrap"].as_object().unwrap();
    assert!(bootstrap["version"] == 1 && !bootstrap.contains_key("switches"));
    // The other parts that have changed since are brought to what they are now: it is this one that is refused.
    let mut document = serde_json::json!({ "snapshot": snapshot });
    for part in ["images", "peers", "triggers"] {
        document["snapshot"][part]["version"] = 2.into();
    }
    assert_eq!(restored(&document).map(drop), Err(GatewayPart::Bootstrap));
    document["snapshot"]["bootstrap"]["version"] = 2.into();
    document["snapshot"]["bootstrap"]["switches"] = Value::Null;
    assert_eq!(restored(&document).map(drop), Ok(()));
}

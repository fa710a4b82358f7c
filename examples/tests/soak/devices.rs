//! The devices: real sessions over real sockets, each with a ledger of what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{Method, StatusCode};
use dm_examples::clock::Clock;
use dm_examples::device;
use dm_examples::wire::Wire;
use dm_syncml::{Encoding, StatusCode as Status};
use dm_tree::{
    AccessType, Acl, AppAddr, AppAuth, AuthLevel, AuthType, Children, Context, DevDetail, DevInfo, DmAccount,
    ExecReply, Format, Handler, HandlerMap, NoAnswer, NodeFacts, Secret, ServerId, Tree, Value as NodeValue,
};
use serde_json::{Value, json};

use super::process::{Process, server_id};

/// Where a job writes its number, in a node of its own, and what it executes with that number.
pub(crate) const SLOTS: &str = "./Vendor/Soak/Slots";
pub(crate) const RUN: &str = "./Vendor/Soak/Run";

/// One in so many refuses what it is to execute.
const REFUSING: u64 = 25;

/// What jobs have done to a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    refuses: bool,
    /// What each job wrote.
    written: BTreeMap<u32, u32>,
    /// How often it was executed.
    executed: BTreeMap<u32, u32>,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a job has written here, and how often it was executed.
    pub(crate) fn of(&self, job: u32) -> (Option<u32>, u32) {
        let entries = self.entries();
        (entries.written.get(&job).copied(), entries.executed.get(&job).copied().unwrap_or_default())
    }
}

fn number(text: &str) -> Result<u32, Status> {
    text.parse().map_err(|_| Status::NOT_FOUND)
}

impl Handler for Ledger {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        let slot = NodeFacts::leaf(Format::Int).with_access(AccessType::GET | AccessType::REPLACE);
        match path {
            [] | ["Slots"] => Some(NodeFacts::interior()),
            ["Slots", job] => number(job).ok().map(|_| slot),
            ["Run"] => Some(NodeFacts::leaf(Format::Int).with_access(AccessType::EXEC)),
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        let ["Slots", job] = path else { return Err(Status::NOT_FOUND.into()) };
        Ok(self.of(number(job)?).0.unwrap_or_default().to_string().into_bytes())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
        Ok(())
    }

    fn replace(&mut self, _: &Context<'_>, path: &[&str], value: &NodeValue) -> Result<(), NoAnswer> {
        let ["Slots", job] = path else { return Err(Status::NOT_FOUND.into()) };
        let value = value.as_str().map(number).transpose()?.ok_or(Status::UNSUPPORTED_FORMAT)?;
        self.entries().written.insert(number(job)?, value);
        Ok(())
    }

    fn exec(&mut self, _: &Context<'_>, _: &[&str], data: &[u8]) -> ExecReply {
        let mut entries = self.entries();
        if entries.refuses {
            return ExecReply::Done(Status::COMMAND_FAILED);
        }
        let Some(job) = std::str::from_utf8(data).ok().and_then(|text| text.parse().ok()) else {
            return ExecReply::Done(Status::BAD_REQUEST);
        };
        *entries.executed.entry(job).or_default() += 1;
        ExecReply::Done(Status::OK)
    }
}

/// A device as the soak sees it.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) ledger: Ledger,
    pub(crate) refuses: bool,
}

/// Makes devices known to a gateway, and lets them run.
pub(crate) async fn settle(gateway: &Arc<Process>, at: usize, count: usize, seed: u64) -> Vec<Arc<Device>> {
    let mut random = fastrand::Rng::with_seed(seed ^ at as u64);
    let wire = Wire::new().unwrap();
    let mut settling = tokio::task::JoinSet::new();
    let devices: Vec<Arc<Device>> = (0..count)
        .map(|number| {
            let (id, refuses) = (format!("urn:uuid:soak-{at}-{number:05}"), random.u64(..REFUSING) == 0);
            let ledger = Ledger(Arc::new(Mutex::new(Entries { refuses, ..Entries::default() })));
            Arc::new(Device { id, ledger, refuses })
        })
        .collect();
    for device in devices.iter().cloned() {
        let (gateway, wire) = (Arc::clone(gateway), wire.clone());
        settling.spawn(async move {
            let new = json!({ "id": device.id }).to_string();
            let answer = gateway.ask(Method::POST, "/api/devices", new).await.unwrap();
            assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
            let account = serde_json::from_slice::<Value>(&answer.body).unwrap()["account"].take();
            let machine = machine(&account, &server_id(at), device.ledger.clone());
            let announce = gateway.datagrams.parse().unwrap();
            tokio::spawn(machine.run(wire, Clock::start(), announce));
        });
    }
    settling.join_all().await;
    devices
}

/// The machine behind an account.
fn machine(account: &Value, server: &str, ledger: Ledger) -> device::Device {
    let text = |name: &str| account[name].as_str().unwrap();
    let mut tree = Tree::default();
    let info = DevInfo {
        dev_id: text("id").into(),
        man: "Example".into(),
        model: "Soak".into(),
        dm_v: "1.2".into(),
        lang: "en".into(),
    };
    info.install(&mut tree).unwrap();
    DevDetail { dev_typ: "soak".into(), sw_v: "1.0".into(), ..DevDetail::default() }
        .install(&mut tree)
        .unwrap();
    let mut dm_account = DmAccount::new(ServerId::new(text("server_id")).unwrap());
    dm_account.addresses.push(AppAddr::uri(text("address")));
    for (level, name, password) in [
        (AuthLevel::CLCRED, text("user"), text("password")),
        (AuthLevel::SRVCRED, text("server_user"), text("server_password")),
    ] {
        let auth = AppAuth::new(level, AuthType::DIGEST).with_name(name);
        dm_account.credentials.push(auth.with_secret(Secret::new(password.as_bytes())));
    }
    dm_account.install(&mut tree, "./DMAcc/1").unwrap();
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./Vendor/Soak", ledger).unwrap();
    let acl = Acl::parse(&format!("Get={server}&Replace={server}&Exec={server}")).unwrap();
    tree.set_acl("./Vendor/Soak", acl).unwrap();
    let (name, encoding) = (text("user").to_owned(), Encoding::Wbxml);
    device::Device { name, tree, handlers, account: "./DMAcc/1".into(), encoding, deaf: 0 }
}

/// No job was executed more than once by any device, whatever was said of it, at any time.
pub(crate) fn nothing_twice<'d>(devices: impl Iterator<Item = &'d Arc<Device>>) {
    for device in devices {
        let twice: Vec<_> = device
            .ledger
            .entries()
            .executed
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(job, _)| *job)
            .collect();
        assert!(twice.is_empty(), "{} has executed more than once: {twice:?}", device.id);
    }
}

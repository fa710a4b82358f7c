//! What servers can do with the device besides reading and writing its tree.
//!
//! ```text
//! ./FUMO                     urn:oma:mo:oma-fumo:1.0
//!   PkgName, PkgVersion      what the package is called
//!   Download                 Exec: fetch the package
//!     PkgURL
//!   Update                   Exec: install it
//!   DownloadAndUpdate        Exec: both
//!     PkgURL
//!   State                    10 idle, 20 download failed, 30 downloading, 40 downloaded, 60 updating, 80 update failed, 100 updated
//!   Ext/Digest               SHA-256 of the package in hex; empty: it is not checked
//! ./x-Device
//!   Reboot, FactoryReset     Exec
//!   Blink                    Exec: counted
//!   Blinks, Boots            how often
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dm_syncml::StatusCode;
use dm_tree::{
    AccessType, Children, Context, ExecReply, ExecRequest, Format, Handler, HandlerMap, NoAnswer, NodeFacts,
    Tree, TreeError, Value,
};
use serde::{Deserialize, Serialize};

/// Where the firmware is managed.
pub(super) const FUMO: &str = "./FUMO";
/// Where everything else is.
pub(super) const DEVICE: &str = "./x-Device";

/// States of an update (FUMO 1.0, State).
pub(super) mod state {
    pub(in super::super) const IDLE: u8 = 10;
    pub(in super::super) const DOWNLOAD_FAILED: u8 = 20;
    pub(in super::super) const DOWNLOADING: u8 = 30;
    pub(in super::super) const DOWNLOADED: u8 = 40;
    pub(in super::super) const UPDATING: u8 = 60;
    pub(in super::super) const UPDATE_FAILED: u8 = 80;
    pub(in super::super) const UPDATED: u8 = 100;
}

/// What the device is apart from its tree. It is kept whole.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Appliance {
    pub firmware: Firmware,
    pub blinks: u32,
    pub boots: u32,
}

/// A package of firmware and what becomes of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Firmware {
    pub name: String,
    pub version: String,
    pub download_url: String,
    pub download_and_update_url: String,
    pub digest: String,
    pub state: u8,
    /// What goes on now.
    pub task: Option<Task>,
}

impl Default for Firmware {
    fn default() -> Self {
        Self {
            name: String::new(),
            version: String::new(),
            download_url: String::new(),
            download_and_update_url: String::new(),
            digest: String::new(),
            state: state::IDLE,
            task: None,
        }
    }
}

/// An Exec that goes on after its answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub kind: TaskKind,
    /// Who asked and is told the outcome.
    pub server: String,
    pub correlator: Option<String>,
    /// Where the package comes from.
    pub url: String,
    /// Which version of what is there has begun to come: an ETag or a date.
    pub validator: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum TaskKind {
    Download,
    Update,
    DownloadAndUpdate,
}

impl TaskKind {
    /// The type of the alert that tells the outcome (FUMO 1.0).
    pub(super) const fn alert_type(self) -> &'static str {
        match self {
            Self::Download => "org.openmobilealliance.dm.firmwareupdate.download",
            Self::Update => "org.openmobilealliance.dm.firmwareupdate.update",
            Self::DownloadAndUpdate => "org.openmobilealliance.dm.firmwareupdate.downloadandupdate",
        }
    }

    /// The node that is executed.
    pub(super) const fn node(self) -> &'static str {
        match self {
            Self::Download => "./FUMO/Download",
            Self::Update => "./FUMO/Update",
            Self::DownloadAndUpdate => "./FUMO/DownloadAndUpdate",
        }
    }
}

/// Something big that was asked for and waits until the session is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Restart {
    Reboot,
    FactoryReset,
}

/// The appliance, as its handlers and its owner share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub appliance: Appliance,
    pub restart: Option<Restart>,
    /// What it was when an Atomic began.
    before: Option<Appliance>,
}

impl Shared {
    pub(super) fn new(appliance: Appliance) -> Self {
        Self(Arc::new(Mutex::new(Inner { appliance, ..Inner::default() })))
    }

    /// Nothing panics while it holds this.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be on disk: while an Atomic is open nothing of it, since it may yet be rolled back.
    pub(super) fn lasting(&self) -> Appliance {
        let inner = self.lock();
        inner.before.as_ref().unwrap_or(&inner.appliance).clone()
    }

    /// Connects it to the tree, where its places are made if they are new.
    pub(super) fn mount(&self, tree: &mut Tree, handlers: &mut HandlerMap) -> Result<(), TreeError> {
        for (place, part) in [(FUMO, Part::Firmware), (DEVICE, Part::Device)] {
            let mount = match tree.node(place).and_then(dm_tree::NodeRef::mount) {
                Some(mount) => mount,
                None => tree.mount(place)?,
            };
            handlers.insert(mount, Served { part, shared: self.clone() });
        }
        Ok(())
    }

    /// An Exec was accepted: what it began.
    pub(super) fn accept(&self, request: &ExecRequest) -> Option<Task> {
        let uri = request.uri.as_str();
        let kind = [TaskKind::Download, TaskKind::Update, TaskKind::DownloadAndUpdate]
            .into_iter()
            .find(|kind| kind.node() == uri)?;
        let mut inner = self.lock();
        let firmware = &mut inner.appliance.firmware;
        let url = match kind {
            TaskKind::Download => firmware.download_url.clone(),
            TaskKind::Update => String::new(),
            TaskKind::DownloadAndUpdate => firmware.download_and_update_url.clone(),
        };
        let server = request.server.as_str().into();
        let correlator = request.correlator.clone();
        firmware.state = if kind == TaskKind::Update { state::UPDATING } else { state::DOWNLOADING };
        firmware.task = Some(Task { kind, server, correlator, url, validator: None });
        firmware.task.clone()
    }
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Firmware,
    Device,
}

/// One of the two subtrees.
#[derive(Debug)]
struct Served {
    part: Part,
    shared: Shared,
}

impl Firmware {
    fn text(&mut self, path: &[&str]) -> Option<&mut String> {
        Some(match path {
            ["PkgName"] => &mut self.name,
            ["PkgVersion"] => &mut self.version,
            ["Download", "PkgURL"] => &mut self.download_url,
            ["DownloadAndUpdate", "PkgURL"] => &mut self.download_and_update_url,
            ["Ext", "Digest"] => &mut self.digest,
            _ => return None,
        })
    }

    fn may_begin(&self, kind: TaskKind) -> Result<(), StatusCode> {
        match kind {
            // The server may ask again once it has heard what became of the one before.
            _ if self.task.is_some() => Err(StatusCode::RETRY_LATER),
            TaskKind::Update if self.state != state::DOWNLOADED => Err(StatusCode::COMMAND_FAILED),
            _ => Ok(()),
        }
    }
}

impl Handler for Served {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        let interior = NodeFacts::interior;
        let text = || NodeFacts::leaf(Format::Chr).with_access(AccessType::GET | AccessType::REPLACE);
        let number = || NodeFacts::leaf(Format::Int);
        Some(match (self.part, path) {
            (Part::Firmware, []) => interior().with_type("urn:oma:mo:oma-fumo:1.0"),
            (Part::Firmware, ["Ext"]) | (Part::Device, []) => interior(),
            (Part::Firmware, ["Download" | "Update" | "DownloadAndUpdate"]) => {
                interior().with_access(AccessType::GET | AccessType::EXEC)
            }
            (Part::Firmware, ["State"]) | (Part::Device, ["Blinks" | "Boots"]) => number(),
            (Part::Device, ["Reboot" | "FactoryReset" | "Blink"]) => {
                NodeFacts::leaf(Format::Null).with_access(AccessType::EXEC)
            }
            (Part::Firmware, path) if Firmware::default().text(path).is_some() => text(),
            _ => return None,
        })
    }

    fn get(&mut self, _: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        let mut inner = self.shared.lock();
        let appliance = &mut inner.appliance;
        let value = match (self.part, path) {
            (Part::Firmware, ["State"]) => appliance.firmware.state.to_string(),
            (Part::Device, ["Blinks"]) => appliance.blinks.to_string(),
            (Part::Device, ["Boots"]) => appliance.boots.to_string(),
            (Part::Firmware, path) => appliance.firmware.text(path).cloned().ok_or(StatusCode::NOT_FOUND)?,
            (Part::Device, _) => String::new(),
        };
        Ok(value.into_bytes())
    }

    fn children(&mut self, _: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        let names: &[&str] = match (self.part, path) {
            (Part::Firmware, []) => {
                &["DownloadAndUpdate", "Download", "Ext", "PkgName", "PkgVersion", "State", "Update"]
            }
            (Part::Firmware, ["Download" | "DownloadAndUpdate"]) => &["PkgURL"],
            (Part::Firmware, ["Ext"]) => &["Digest"],
            (Part::Device, []) => &["Blink", "Blinks", "Boots", "FactoryReset", "Reboot"],
            _ => &[],
        };
        names.iter().for_each(|name| {
            out.push(name);
        });
        Ok(())
    }

    fn replace(&mut self, _: &Context<'_>, path: &[&str], value: &Value) -> Result<(), NoAnswer> {
        let text = value.as_str().ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
        if text.len() > 2_048 {
            return Err(StatusCode::TOO_LARGE.into());
        }
        let mut inner = self.shared.lock();
        let own = inner.appliance.firmware.text(path).ok_or(StatusCode::NOT_FOUND)?;
        text.clone_into(own);
        Ok(())
    }

    fn exec(&mut self, _: &Context<'_>, path: &[&str], _: &[u8]) -> ExecReply {
        let mut inner = self.shared.lock();
        let kind = match (self.part, path) {
            (Part::Firmware, ["Download"]) => TaskKind::Download,
            (Part::Firmware, ["Update"]) => TaskKind::Update,
            (Part::Firmware, ["DownloadAndUpdate"]) => TaskKind::DownloadAndUpdate,
            (Part::Device, ["Blink"]) => {
                inner.appliance.blinks = inner.appliance.blinks.saturating_add(1);
                return ExecReply::Done(StatusCode::OK);
            }
            (Part::Device, ["Reboot"]) => {
                inner.restart = Some(inner.restart.unwrap_or(Restart::Reboot));
                return ExecReply::Done(StatusCode::OK);
            }
            (Part::Device, ["FactoryReset"]) => {
                inner.restart = Some(Restart::FactoryReset);
                return ExecReply::Done(StatusCode::OK);
            }
            _ => return ExecReply::Done(StatusCode::NOT_ALLOWED),
        };
        match inner.appliance.firmware.may_begin(kind) {
            Ok(()) => ExecReply::Accepted,
            Err(status) => ExecReply::Done(status),
        }
    }

    fn begin(&mut self, _: &Context<'_>) -> Result<(), StatusCode> {
        let mut inner = self.shared.lock();
        // Both subtrees may be in one Atomic: the first one remembers.
        if inner.before.is_none() {
            inner.before = Some(inner.appliance.clone());
        }
        Ok(())
    }

    fn commit(&mut self, _: &Context<'_>) {
        self.shared.lock().before = None;
    }

    fn roll_back(&mut self, _: &Context<'_>) -> Result<(), StatusCode> {
        let mut inner = self.shared.lock();
        if let Some(before) = inner.before.take() {
            inner.appliance = before;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dm_syncml::Exec;
    use dm_syncml::{CmdId, Item, LocUri};
    use dm_tree::{Acl, Content, ServerId};

    fn device() -> (Tree, HandlerMap, Shared, ServerId) {
        let (mut tree, mut handlers, shared) = (Tree::default(), HandlerMap::new(), Shared::default());
        tree.set_acl(".", Acl::parse("Get=*&Replace=*&Exec=*&Add=*").unwrap()).unwrap();
        shared.mount(&mut tree, &mut handlers).unwrap();
        (tree, handlers, shared, ServerId::new("com.example.dm").unwrap())
    }

    fn exec(
        tree: &mut Tree,
        handlers: &mut HandlerMap,
        server: &ServerId,
        uri: &str,
    ) -> (u16, Vec<ExecRequest>) {
        let exec = Exec::new(CmdId::new("1").unwrap(), Item::to(LocUri::new(uri.to_owned()).unwrap()));
        let done = tree.execute(server, &exec.into(), handlers);
        (done.outcomes[0].status.get(), done.exec_requests)
    }

    #[test]
    fn every_node_can_be_found_by_walking() {
        let (mut tree, mut handlers, _, server) = device();
        let mut acting = tree.act_for(&server, &mut handlers);
        for (uri, value) in [
            ("./FUMO/State", "10"),
            ("./FUMO/Download/PkgURL", ""),
            ("./FUMO/DownloadAndUpdate/PkgURL", ""),
            ("./FUMO/Ext/Digest", ""),
            ("./x-Device/Blinks", "0"),
        ] {
            assert_eq!(acting.get(uri).unwrap().data(), value.as_bytes(), "{uri}");
        }
        assert!(acting.get("./FUMO/Other").is_err());
        let long = "x".repeat(3_000);
        assert!(acting.replace("./FUMO/PkgName", &Content::new(long.as_bytes())).is_err());
        assert!(acting.replace("./FUMO/State", &Content::new(b"40")).is_err());
    }

    #[test]
    fn one_task_at_a_time() {
        let (mut tree, mut handlers, shared, server) = device();
        assert_eq!(exec(&mut tree, &mut handlers, &server, "./FUMO/Update").0, 500);
        let (status, requests) = exec(&mut tree, &mut handlers, &server, "./FUMO/Download");
        assert_eq!(status, 202);
        let task = shared.accept(&requests[0]).unwrap();
        assert_eq!((task.kind, task.server.as_str()), (TaskKind::Download, "com.example.dm"));
        assert_eq!(exec(&mut tree, &mut handlers, &server, "./FUMO/Download").0, 417);
        assert_eq!(exec(&mut tree, &mut handlers, &server, "./x-Device/Blink").0, 200);
        assert_eq!(exec(&mut tree, &mut handlers, &server, "./x-Device/Blinks").0, 405);
        assert_eq!(shared.lock().appliance.blinks, 1);
    }
}

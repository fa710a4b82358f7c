//! What a server asks for.

use dm_syncml::{CmdId, Command, Correlator, Data, Exec, Get, Item, Replace};
use gwmo_model::console::{Console, JobRequest, JobStatus, RecordLine};
use gwmo_model::mo::Slot;
use gwmo_model::{GroupId, JobKey, Serial};

use super::{Town, uri};

/// A console for the gateway of the town.
pub fn console() -> Console {
    Console::with_binding(crate::binding())
}

/// Where a node is.
pub fn node(slot: impl Into<Slot>, keys: &[&str]) -> String {
    crate::binding().uri(slot, keys).as_str().to_owned()
}

pub fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

pub fn get(node: &str) -> Command<'static> {
    Get::new(id(), vec![Item::to(uri(node))]).into()
}

pub fn replace(node: &str, value: &str) -> Command<'static> {
    let meta = dm_syncml::Meta::new().with_format(dm_syncml::Format::INT);
    let item = Item::to(uri(node)).with_meta(meta).with_data(Data::text(value.to_owned()).unwrap());
    Replace::new(id(), vec![item]).into()
}

/// Of a text, which the format need not say.
pub fn replace_text(node: &str, value: &str) -> Command<'static> {
    let item = Item::to(uri(node)).with_data(Data::text(value.to_owned()).unwrap());
    Replace::new(id(), vec![item]).into()
}

pub fn exec(node: &str) -> Command<'static> {
    Exec::new(id(), Item::to(uri(node))).into()
}

pub fn key(name: &str) -> JobKey {
    JobKey::new(name).unwrap()
}

pub fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

/// A setting, a reading and a run.
pub fn job(name: &str, group_name: &str) -> JobRequest {
    JobRequest::new(key(name))
        .with_group(group(group_name))
        .with_command(replace("./Vendor/Level", "5"))
        .with_command(get("./Vendor/SwV"))
        .with_command(exec("./Vendor/Lamp/Run"))
}

/// Adds a job and starts it.
pub fn launch(town: &mut Town, request: JobRequest, name: &str) {
    let mut commands = console().add_job(&request);
    commands.push(console().start_job(&key(name), Some(Correlator::new(format!("c-{name}")).unwrap())));
    town.ask(0, commands);
}

pub fn status(town: &mut Town, name: &str) -> JobStatus {
    let items = town.ask(0, vec![console().get_job(&key(name))]);
    console().read_job(&key(name), &items).unwrap()
}

pub fn records(town: &mut Town, name: &str) -> Vec<RecordLine> {
    let (mut all, mut from) = (Vec::new(), Some(Serial::FIRST));
    while let Some(at) = from {
        let items = town.ask(0, vec![console().get_records(&key(name), at)]);
        let page = console().read_records(&key(name), at, &items).unwrap();
        all.extend(page.records);
        from = page.next;
    }
    all
}

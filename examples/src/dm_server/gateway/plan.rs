//! From what is asked to commands, in stages: a stage goes out when every command of the one before it is done.

use std::sync::Arc;

use dm_syncml::{Command, Correlator};
use gwmo_model::console::Console;

use super::super::changes::Changes;
use super::super::engine::{Denied, Engine};
use super::super::queueing::NewWork;
use super::ask::{Ask, Content, Fanout, GroupRequest, Image};
use super::ask::{device_ids, group_id, image_key, job_key, selector, serial};
use super::reading::Reading;
use super::standing::{Thing, request_group, request_job};

type Stages = Vec<Vec<NewWork>>;

/// Queues what is asked for; returns the numbers of the commands, in their order.
pub(in crate::dm_server) async fn ask(
    engine: &Arc<Engine>,
    gateway: &str,
    ask: Ask,
    key: Option<(String, String)>,
) -> Result<Vec<u64>, Denied> {
    let engine_of_plan = Arc::clone(engine);
    engine.queue(gateway, key, move |also| plan(&engine_of_plan, gateway, &ask, also)).await
}

/// Commands whose answers say no more than whether they are done.
fn plain(what: &str, concerns: Option<&Thing>, commands: Vec<Command<'static>>) -> Vec<NewWork> {
    let new = |command| NewWork { concerns: concerns.cloned(), ..NewWork::new(what, command) };
    commands.into_iter().map(new).collect()
}

fn one(what: String, command: Command<'static>, reading: Reading) -> Stages {
    vec![vec![NewWork { reading, ..NewWork::new(&what, command) }]]
}

fn plan(engine: &Engine, gateway: &str, ask: &Ask, also: &mut Changes) -> Result<Stages, Denied> {
    let console = Console::new();
    Ok(match ask {
        Ask::Summary => one("inventory summary".into(), console.get_summary(), Reading::Summary),
        Ask::Devices { from } => {
            let from = serial(from.unwrap_or(1))?;
            let reading = Reading::Devices { from: from.get() };
            one(format!("inventory from {from}"), console.get_devices(from), reading)
        }
        Ask::Device { serial: number } => {
            let command = console.get_device(serial(*number)?);
            one(format!("device {number} of the inventory"), command, Reading::Device { serial: *number })
        }
        Ask::CreateGroup(request) => create_group(engine, gateway, request, also)?,
        Ask::AddMembers { group, devices } => {
            let commands = console.add_members(&group_id(group)?, &device_ids(devices)?);
            change_group(&format!("add members to group {group}"), group, commands)?
        }
        Ask::RemoveMember { group, device } => {
            let device = device_ids(std::slice::from_ref(device))?.remove(0);
            let command = console.remove_member(&group_id(group)?, &device);
            change_group(&format!("remove a member from group {group}"), group, vec![command])?
        }
        Ask::Group { group } => vec![look_at_group(group)?],
        Ask::Members { group } => {
            let command = console.get_members(&group_id(group)?);
            one(format!("members of group {group}"), command, Reading::Members { group: group.clone() })
        }
        Ask::DeleteGroup { group } => {
            let command = console.delete_group(&group_id(group)?);
            let gone = Thing::GroupGone { group: group.clone() };
            vec![plain(&format!("delete group {group}"), Some(&gone), vec![command])]
        }
        Ask::StartFanout(fanout) => start_fanout(engine, gateway, fanout, also)?,
        Ask::Fanout { key } => vec![look_at_job(key)?],
        Ask::Outcomes { key } => {
            let command = console.get_outcomes(&job_key(key)?);
            one(format!("outcomes of fanout {key}"), command, Reading::Outcomes { key: key.clone() })
        }
        Ask::Records { key, from } => {
            let from = serial(from.unwrap_or(1))?;
            let command = console.get_records(&job_key(key)?, from);
            let reading = Reading::Records { key: key.clone(), from: from.get() };
            one(format!("records of fanout {key}"), command, reading)
        }
        Ask::Answers { key, serial: number } => {
            let job = engine.directory().jobs.get(&(gateway.to_owned(), key.clone())).map(|job| job.ops);
            let ops = job.unwrap_or(1).max(1);
            let command = console.get_answers(&job_key(key)?, serial(*number)?, ops);
            let reading = Reading::Answers { key: key.clone(), serial: *number, ops };
            one(format!("answers of device {number} in fanout {key}"), command, reading)
        }
        Ask::CancelFanout { key } => order("cancel", key, vec![console.cancel_job(&job_key(key)?)])?,
        Ask::PauseFanout { key } => order("pause", key, vec![console.pause_job(&job_key(key)?)])?,
        Ask::ResumeFanout { key } => order("resume", key, vec![console.resume_job(&job_key(key)?)])?,
        Ask::RetryFanout(retry) => {
            let command = console.retry_job(&job_key(&retry.key)?, &retry.which()?);
            order("retry", &retry.key, vec![command])?
        }
        Ask::PaceFanout { key, window, rate } => {
            let name = job_key(key)?;
            let window = window.map(|window| console.set_window(&name, window));
            let commands: Vec<_> =
                window.into_iter().chain(rate.map(|rate| console.set_rate(&name, rate))).collect();
            if commands.is_empty() {
                return Err(Denied::Value("a pace has a window, a rate or both".into()));
            }
            order("pace", key, commands)?
        }
        Ask::DeleteFanout { key } => {
            let gone = Thing::JobGone { key: key.clone() };
            let command = console.delete_job(&job_key(key)?);
            vec![plain(&format!("delete fanout {key}"), Some(&gone), vec![command])]
        }
        Ask::PutImage(image) => put_image(&console, image)?,
        Ask::Image { key } => {
            let command = console.get_image(&image_key(key)?);
            one(format!("state of image {key}"), command, Reading::Image { key: key.clone() })
        }
        Ask::RemoveImage { key } => {
            vec![plain(&format!("remove image {key}"), None, vec![console.remove_image(&image_key(key)?)])]
        }
        Ask::Storage => one("room for images".into(), console.get_storage(), Reading::Storage),
    })
}

fn look_at_group(group: &str) -> Result<Vec<NewWork>, Denied> {
    let command = Console::new().get_group(&group_id(group)?);
    let reading = Reading::Group { group: group.to_owned() };
    Ok(vec![NewWork { reading, ..NewWork::new(&format!("state of group {group}"), command) }])
}

pub(super) fn look_at_job(key: &str) -> Result<Vec<NewWork>, Denied> {
    let command = Console::new().get_job(&job_key(key)?);
    let reading = Reading::Job { key: key.to_owned() };
    Ok(vec![NewWork { reading, ..NewWork::new(&format!("state of fanout {key}"), command) }])
}

/// A group that is there is changed, and looked at then.
fn change_group(what: &str, group: &str, commands: Vec<Command<'static>>) -> Result<Stages, Denied> {
    Ok(vec![plain(what, None, commands), look_at_group(group)?])
}

fn create_group(
    engine: &Engine,
    gateway: &str,
    request: &GroupRequest,
    also: &mut Changes,
) -> Result<Stages, Denied> {
    let console = Console::new();
    let GroupRequest { group, devices, matching } = request;
    let (id, members) = (group_id(group)?, device_ids(devices)?);
    let rule = matching.as_deref().map(selector).transpose()?;
    let mut commands = console.create_group(&id, &members);
    commands.extend(rule.as_ref().map(|rule| console.set_group_rule(&id, Some(rule))));
    request_group(engine, gateway, group, also);
    let thing = Thing::Group { group: group.clone() };
    let mut works = plain(&format!("create group {group}"), Some(&thing), commands);
    // A group that is there already is left as it is: its members follow when it has been made.
    let members = works.split_off(1);
    Ok(vec![works, members, look_at_group(group)?])
}

fn start_fanout(
    engine: &Engine,
    gateway: &str,
    fanout: &Fanout,
    also: &mut Changes,
) -> Result<Stages, Denied> {
    let console = Console::new();
    let job = fanout.request()?;
    let key = &fanout.key;
    request_job(engine, gateway, key, fanout.operations.len(), also);
    let thing = Thing::Job { key: key.clone() };
    let mut works = plain(&format!("add fanout {key}"), Some(&thing), console.add_job(&job));
    // A job that is there already is left as it is.
    let rest = works.split_off(1);
    let correlator = Correlator::new(format!("fanout-{key}")).ok();
    let start = vec![console.start_job(job.key(), correlator)];
    let start = plain(&format!("start fanout {key}"), Some(&thing), start);
    Ok(vec![works, rest, start, look_at_job(key)?])
}

/// A job is told something, and looked at then.
fn order(verb: &str, key: &str, commands: Vec<Command<'static>>) -> Result<Stages, Denied> {
    Ok(vec![plain(&format!("{verb} fanout {key}"), None, commands), look_at_job(key)?])
}

fn put_image(console: &Console, image: &Image) -> Result<Stages, Denied> {
    let key = image_key(&image.key)?;
    let (spec, content) = image.spec()?;
    let what = format!("put image {}", image.key);
    let mut works = plain(&what, None, console.add_image(&key, &spec));
    // An image that is there already is left as it is.
    let settings = works.split_off(1);
    let content = match content {
        Content::Delivered(octets) => console.deliver_image(&key, octets),
        Content::Fetched => console.fetch_image(&key),
    };
    Ok(vec![works, settings, plain(&what, None, vec![content])])
}

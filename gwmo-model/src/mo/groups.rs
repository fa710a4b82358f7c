//! [`Object::Groups`](super::Object::Groups) over the groups.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::StatusCode;
use dm_tree::{Children, Context, Rights, Value};

use super::fanout::retried;
use super::table::{FanoutSlot, GroupsSlot as Node};
use super::{Keys, Leaf, Objects, Shape, chr, int, named_leaf, number_of, rev_number, text_of};
use crate::device::DeviceId;
use crate::fanout::{JobKey, TargetState};
use crate::group::{Group, GroupId};
use crate::selector::Selector;

impl Objects {
    pub(super) fn groups_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        if node == Node::Root {
            return Some(Shape::PLAIN);
        }
        let group = self.group(keys)?;
        let device = || DeviceId::new(keys[1]).ok();
        Shape::there(match node {
            Node::Member => group.lists(&device()?),
            Node::ExcludedDevice => {
                let device = device()?;
                group.barred().any(|barred| *barred == device)
            }
            Node::NestedGroup => group.nested().any(|nested| nested.as_str() == keys[1]),
            _ => true,
        })
    }

    pub(super) fn groups_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        let group = self.group(keys).ok_or(StatusCode::NOT_FOUND)?;
        Ok(match node {
            Node::Name => chr(group.label().unwrap_or_default()),
            Node::Kind => int(group.kind().number()),
            Node::Rule => group.rule().map_or_else(String::new, ToString::to_string).into_bytes(),
            Node::Max => int(group.max().unwrap_or(0)),
            Node::Count => int(group.count()),
            Node::Rev => int(rev_number(group.rev())),
            Node::FromJob => chr(group.from_job().map_or("", JobKey::as_str)),
            Node::Member | Node::NestedGroup | Node::ExcludedDevice => chr(keys[1]),
            Node::List => {
                let mut list = String::new();
                for member in group.listed() {
                    if list.len() + member.as_str().len() >= self.limits.max_page {
                        return Err(StatusCode::TOO_LARGE);
                    }
                    list.push_str(member.as_str());
                    list.push('\n');
                }
                list.into_bytes()
            }
            _ => return Err(StatusCode::NOT_FOUND),
        })
    }

    pub(super) fn groups_names(&self, node: Node, keys: &Keys<'_>, out: &mut Children) {
        if node == Node::Group {
            self.groups.iter().all(|(id, _)| out.push(id.as_str()));
            return;
        }
        let Some(group) = self.group(keys) else { return };
        match node {
            Node::Member => group.listed().all(|member| out.push(member.as_str())),
            Node::NestedGroup => group.nested().all(|nested| out.push(nested.as_str())),
            Node::ExcludedDevice => group.barred().all(|device| out.push(device.as_str())),
            _ => true,
        };
    }

    pub(super) fn groups_add(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        let id = group_id(keys[0])?;
        if let Some(value) = value {
            named_leaf(keys[1], value)?;
        }
        let done = match node {
            Node::Group => self.groups.create(id),
            Node::Member => self.groups.add_member(&id, device_id(keys[1])?, &self.inventory),
            Node::NestedGroup => self.groups.nest(&id, &group_id(keys[1])?),
            Node::ExcludedDevice => self.groups.bar(&id, device_id(keys[1])?, &self.inventory),
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        done.map_err(|error| error.status())
    }

    /// `List` takes the whole membership at once: identifiers, one a line; empty lines and repetitions say nothing.
    pub(super) fn groups_replace(
        &mut self,
        cx: &Context<'_>,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        let id = group_id(keys[0])?;
        let done = match node {
            Node::List => {
                let lines = text_of(value)?.lines().map(str::trim).filter(|line| !line.is_empty());
                let devices: Result<BTreeSet<DeviceId>, _> = lines.map(device_id).collect();
                self.groups.set_members(&id, devices?, &self.inventory)
            }
            Node::Name => self.groups.set_label(&id, Some(text_of(value)?).filter(|text| !text.is_empty())),
            Node::Rule => {
                let rule = selector_of(text_of(value)?)?;
                self.groups.set_rule(&id, rule, &self.inventory)
            }
            Node::FromJob => {
                let (job, devices) = self.outcome(cx, text_of(value)?)?;
                self.groups.set_members_from_job(&id, job, devices, &self.inventory)
            }
            Node::Max => self.groups.set_max(&id, Some(number_of(value)?).filter(|max| *max > 0)),
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        done.map_err(|error| error.status())
    }

    /// The devices of a job that ended as a text says: the name of the job, and on a second line how.
    fn outcome(&self, cx: &Context<'_>, text: &str) -> Result<(JobKey, Vec<DeviceId>), StatusCode> {
        if !self.outcome_groups {
            return Err(StatusCode::NOT_SUPPORTED);
        }
        let (name, states) = text.split_once('\n').unwrap_or((text, ""));
        let key = JobKey::new(name.trim_end()).map_err(|error| error.status())?;
        let uri = self.binding.uri(FanoutSlot::Job, &[key.as_str()]);
        // What came of a job is its owner's to read.
        if !cx.server().is_some_and(|server| cx.may(server, Rights::GET, &uri)) {
            return Err(StatusCode::PERMISSION_DENIED);
        }
        let view = self.jobs.number_of(&key).and_then(|number| self.fanout.job(number));
        let view = view.ok_or(StatusCode::NOT_SUPPORTED)?;
        let named = |name: &str| TargetState::ALL.into_iter().find(|state| ended(*state) == Some(name));
        let states = states.split(',').map(str::trim).filter(|name| !name.is_empty());
        let states: Option<Vec<TargetState>> = states.map(named).collect();
        let states = states.ok_or(StatusCode::NOT_SUPPORTED)?;
        let is_meant = |state: TargetState| match states.is_empty() {
            true => retried(state).is_some(),
            false => states.contains(&state),
        };
        let meant = view.records(..).filter(|record| is_meant(record.state()));
        let devices = meant.filter_map(|record| Some(self.inventory.record(record.serial())?.id().clone()));
        Ok((key, devices.collect()))
    }

    pub(super) fn groups_delete(&mut self, node: Node, keys: &Keys<'_>) -> Result<(), StatusCode> {
        let id = group_id(keys[0])?;
        let done = match node {
            Node::Group => self.groups.delete(&id),
            Node::Member => self.groups.remove_member(&id, &device_id(keys[1])?, &self.inventory),
            Node::NestedGroup => self.groups.unnest(&id, &group_id(keys[1])?),
            Node::ExcludedDevice => self.groups.unbar(&id, &device_id(keys[1])?, &self.inventory),
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        done.map_err(|error| error.status())
    }

    fn group(&self, keys: &Keys<'_>) -> Option<&Group> {
        self.groups.group(&GroupId::new(keys[0]).ok()?)
    }
}

/// What the end of a target is called: as the leaf of `Stat` that counts it.
pub(crate) const fn ended(state: TargetState) -> Option<&'static str> {
    match state {
        TargetState::Ok => Some("Ok"),
        state => retried(state),
    }
}

/// A selector as a node has it; empty for none.
///
/// # Errors
///
/// 406 for one that is none, or names what devices have not.
pub(super) fn selector_of(text: &str) -> Result<Option<Selector>, StatusCode> {
    if text.is_empty() {
        return Ok(None);
    }
    let selector = Selector::parse(text).map_err(|_| StatusCode::NOT_SUPPORTED)?;
    selector.check().map_err(|_| StatusCode::NOT_SUPPORTED)?;
    Ok(Some(selector))
}

/// The group a name means.
pub(super) fn group_id(name: &str) -> Result<GroupId, StatusCode> {
    GroupId::new(name).map_err(|error| error.status())
}

/// The device a name means.
pub(super) fn device_id(name: &str) -> Result<DeviceId, StatusCode> {
    DeviceId::new(name).map_err(|error| error.status())
}

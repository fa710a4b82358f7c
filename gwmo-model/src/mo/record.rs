//! What servers wrote into the objects, as records.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::StatusCode;
use dm_tree::{SecretNodes, ServerId, Timestamp, Value};

use super::config::RuleDraft;
use super::fanout::op_number;
use super::groups::{device_id, group_id, selector_of};
use super::job::{Job, Jobs, Step};
use super::limits::ObjectLimits;
use super::operation::Operation;
use super::policy::{POLICY_SLOTS, policy_text, with_policy_text};
use super::table::{ConfigSlot, FanoutSlot as Node, InventorySlot, TriggerSlot};
use super::{bool_of, choice, text_of};
use crate::fanout::{JobKey, JobNo, Policy, ResultCode, Trace};
use crate::image::ImageKey;
use crate::trigger::{TriggerKey, TriggerNo};

/// Something that a server wrote into the objects, to be stored. What the machines behind the objects have to keep is in
/// their own records.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ObjectRecord(pub(crate) Written);

#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Written {
    /// A job was added.
    Job { key: JobKey, owner: ServerId },
    /// A node of a job was added or replaced; `entry` is the name below the job that somebody chose, if there is one.
    Node { key: JobKey, node: Node, entry: String, value: Option<Value> },
    /// A node of a job was deleted.
    Erased { key: JobKey, node: Node, entry: String },
    /// A job has begun.
    Started { key: JobKey, number: JobNo },
    /// A job could not begin.
    Refused { key: JobKey, code: u16 },
    /// A job was deleted.
    Removed { key: JobKey },
    /// A setting that no machine has.
    Address(String),
    /// A setting that is one number.
    Number { node: ConfigSlot, number: u32 },
    /// A rule of modes.
    Rule { name: String, rule: Option<RuleDraft> },
    /// The gateway answers to a server.
    Server(ServerId),
    /// And not any more.
    ServerRemoved(ServerId),
    /// A trigger was added.
    Trigger { key: TriggerKey, owner: ServerId },
    /// A node of a trigger was written; `entry` as of a job.
    TriggerNode { key: TriggerKey, node: TriggerSlot, entry: String, value: Value },
    /// A node of a trigger was deleted.
    TriggerErased { key: TriggerKey, node: TriggerSlot, entry: String },
    /// A trigger was sent.
    TriggerSent { key: TriggerKey, number: TriggerNo },
    /// A trigger was deleted.
    TriggerRemoved { key: TriggerKey },
    /// A query was added.
    Query(String),
    /// A node of a query was written.
    QueryNode { name: String, node: InventorySlot, value: Value },
    /// A query was deleted.
    QueryRemoved(String),
}

/// Most images that one command names.
const MAX_SUBSTITUTES: usize = 16;

/// Longest type of an alert, in octets.
const MAX_ALERT_TYPE: usize = 255;

impl Jobs {
    /// Writes a node of a job, new or not. The caller has seen that the job can be changed.
    ///
    /// # Errors
    ///
    /// The status to answer with; nothing changed then.
    pub(super) fn write(
        &mut self,
        key: &JobKey,
        node: Node,
        entry: &str,
        value: Option<&Value>,
        limits: &ObjectLimits,
        secrets: &SecretNodes,
    ) -> Result<(), StatusCode> {
        const NONE: StatusCode = StatusCode::NOT_FOUND;
        let ops_len = self.ops_len;
        let job = self.by_key.get_mut(key).ok_or(NONE)?;
        let Some(value) = value else {
            if node == Node::Op {
                let number = op_number(entry).ok_or(StatusCode::NOT_SUPPORTED)?;
                job.ops.entry(number).or_default();
                return Ok(());
            }
            return Err(StatusCode::NOT_ALLOWED);
        };
        let room = |len: usize| if len < limits.max_named { Ok(()) } else { Err(StatusCode::DEVICE_FULL) };
        match node {
            Node::TargetDevice => {
                room(job.devices.len())?;
                job.devices.insert(device_id(entry)?);
            }
            Node::TargetGroup => {
                room(job.groups.len())?;
                job.groups.insert(group_id(entry)?);
            }
            Node::TargetException => {
                room(job.except.len())?;
                job.except.insert(device_id(entry)?);
            }
            Node::TargetMatch => job.matching = selector_of(text_of(value)?)?,
            Node::TargetLive => job.live = bool_of(value)?,
            Node::Trace => job.trace = trace_of(text_of(value)?)?,
            Node::StartAt => {
                job.start_at = match text_of(value)? {
                    "" => None,
                    time => Some(Timestamp::parse(time).ok_or(StatusCode::NOT_SUPPORTED)?),
                }
            }
            Node::ReportAlert => job.report.alert = choice(value, 3)?,
            Node::ReportDetail => job.report.detail = choice(value, 3)?,
            Node::ReportGrouping => job.report.grouping = choice(value, 2)?,
            Node::OpSubstitute => {
                let (number, text) = entry.split_once('/').ok_or(NONE)?;
                let step = op_number(number).and_then(|number| job.ops.get_mut(&number)).ok_or(NONE)?;
                if step.substitutes.len() >= MAX_SUBSTITUTES {
                    return Err(StatusCode::DEVICE_FULL);
                }
                let image = ImageKey::new(text_of(value)?).map_err(|_| StatusCode::NOT_SUPPORTED)?;
                step.substitutes.insert(text.into(), image);
            }
            Node::OpCmd | Node::OpOnErr | Node::OpAsync => {
                let step = op_number(entry).and_then(|number| job.ops.get_mut(&number)).ok_or(NONE)?;
                match node {
                    Node::OpCmd => {
                        let operation = Operation::new(value.clone(), limits.max_op, secrets)?;
                        let (old, new) = (step.len(), operation.len());
                        if new > old && ops_len - old + new > limits.max_ops {
                            return Err(StatusCode::DEVICE_FULL);
                        }
                        step.operation = Some(operation);
                        self.ops_len = ops_len - old + new;
                    }
                    Node::OpOnErr => step.stops = choice(value, 1)? == 1,
                    _ => {
                        let text = text_of(value)?;
                        if text.len() > MAX_ALERT_TYPE || crate::identifier::unprintable(text).is_some() {
                            return Err(StatusCode::NOT_SUPPORTED);
                        }
                        step.ends_by = text.into();
                    }
                }
            }
            _ if POLICY_SLOTS.contains(&node) => {
                job.policy = with_policy_text(job.policy, node, text_of(value)?)?;
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        Ok(())
    }

    /// Deletes a node of a draft.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn erase(&mut self, key: &JobKey, node: Node, entry: &str) -> Result<(), StatusCode> {
        let job = self.by_key.get_mut(key).ok_or(StatusCode::NOT_FOUND)?;
        let gone = match node {
            Node::TargetDevice => job.devices.remove(&device_id(entry)?),
            Node::TargetGroup => job.groups.remove(&group_id(entry)?),
            Node::TargetException => job.except.remove(&device_id(entry)?),
            Node::OpSubstitute => {
                let (number, text) = entry.split_once('/').ok_or(StatusCode::NOT_FOUND)?;
                let step = op_number(number).and_then(|number| job.ops.get_mut(&number));
                step.is_some_and(|step| step.substitutes.remove(text).is_some())
            }
            Node::Op => {
                let step = op_number(entry).and_then(|number| job.ops.remove(&number));
                self.ops_len -= step.as_ref().map_or(0, Step::len);
                step.is_some()
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        };
        if gone { Ok(()) } else { Err(StatusCode::NOT_FOUND) }
    }

    /// Does what was written down; `None` when it does not fit.
    pub(super) fn apply(
        &mut self,
        written: &Written,
        limits: &ObjectLimits,
        secrets: &SecretNodes,
    ) -> Option<()> {
        match written {
            Written::Job { key, owner } => {
                if self.by_key.contains_key(key) {
                    return None;
                }
                self.put(key.clone(), Job::new(owner.clone()));
            }
            Written::Node { key, node, entry, value } => {
                self.write(key, *node, entry, value.as_ref(), limits, secrets).ok()?;
            }
            Written::Erased { key, node, entry } => self.erase(key, *node, entry).ok()?,
            Written::Started { key, number } => {
                if self.numbered(*number).is_some() || self.by_key.get(key)?.started.is_some() {
                    return None;
                }
                self.started(key, *number);
            }
            Written::Refused { key, code } => {
                self.by_key.get_mut(key)?.refusal = Some(ResultCode::new(*code));
            }
            Written::Removed { key } => drop(self.remove(key)?),
            _ => return None,
        }
        Some(())
    }

    /// All jobs, as what would have to be written to have them.
    pub(super) fn written(&self) -> Vec<Written> {
        let mut all = Vec::new();
        for (key, job) in &self.by_key {
            all.push(Written::Job { key: key.clone(), owner: job.owner.clone() });
            job.written(|node, entry, value| {
                all.push(Written::Node { key: key.clone(), node, entry, value });
            });
            all.extend(job.refusal.map(|code| Written::Refused { key: key.clone(), code: code.get() }));
            all.extend(job.started.map(|number| Written::Started { key: key.clone(), number }));
        }
        all
    }
}

impl Job {
    fn written(&self, mut node: impl FnMut(Node, String, Option<Value>)) {
        let text = |text: String| Some(Value::chr(text));
        let names = [
            (Node::TargetDevice, self.devices.iter().map(|id| id.as_str()).collect::<Vec<_>>()),
            (Node::TargetGroup, self.groups.iter().map(|id| id.as_str()).collect()),
            (Node::TargetException, self.except.iter().map(|id| id.as_str()).collect()),
        ];
        for (kind, names) in names {
            names.into_iter().for_each(|name| node(kind, name.into(), text(String::new())));
        }
        for (number, step) in &self.ops {
            let entry = || number.to_string();
            node(Node::Op, entry(), None);
            if let Some(operation) = &step.operation {
                node(Node::OpCmd, entry(), Some(operation.value().clone()));
            }
            node(Node::OpOnErr, entry(), text(u8::from(step.stops).to_string()));
            node(Node::OpAsync, entry(), text(step.ends_by.clone()));
            for (from, image) in &step.substitutes {
                node(Node::OpSubstitute, alloc::format!("{number}/{from}"), text(image.to_string()));
            }
        }
        for leaf in POLICY_SLOTS {
            let value = policy_text(&self.policy, leaf);
            if value != policy_text(&Policy::default(), leaf) {
                node(leaf, String::new(), value.and_then(text));
            }
        }
        let own = [
            (Node::TargetMatch, self.matching.as_ref().map_or_else(String::new, ToString::to_string)),
            (Node::TargetLive, self.live.to_string()),
            (Node::Trace, trace_text(&self.trace)),
            (Node::StartAt, self.start_at.map_or_else(String::new, |time| time.to_string())),
            (Node::ReportAlert, self.report.alert.to_string()),
            (Node::ReportDetail, self.report.detail.to_string()),
            (Node::ReportGrouping, self.report.grouping.to_string()),
        ];
        own.into_iter().for_each(|(leaf, value)| node(leaf, String::new(), text(value)));
    }
}

pub(super) fn trace_text(trace: &Trace) -> String {
    let gateways: Vec<&str> = trace.gateways().map(ServerId::as_str).collect();
    gateways.join(",")
}

fn trace_of(text: &str) -> Result<Trace, StatusCode> {
    let mut trace = Trace::default();
    for gateway in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if trace.gateways().len() >= Trace::MAX_DEPTH {
            return Err(StatusCode::NOT_SUPPORTED);
        }
        trace = trace.through(ServerId::new(gateway).map_err(|_| StatusCode::NOT_SUPPORTED)?);
    }
    Ok(trace)
}

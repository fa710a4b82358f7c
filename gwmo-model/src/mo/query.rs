//! Questions about the devices (GwMO-DI-002): a selector, looked at once, and what it found.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::StatusCode;
use dm_tree::Value;

use super::groups::selector_of;
use super::table::InventorySlot as Node;
use super::{Keys, Leaf, Objects, Shape, Written, chr, int, rev_number, text_of};
use crate::device::Serial;
use crate::inventory::{DeviceRecord, Fact, Selection};
use crate::selector::Selector;

/// A question. What it found does not survive a restart, who wants that can run it again.
#[derive(Debug, Default)]
pub(super) struct Query {
    selector: Option<Selector>,
    fields: Vec<Field>,
    found: Option<Selection>,
}

/// What a query can tell of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum QueryField {
    /// 1 attached, 2 detached.
    AttachStatus,
    /// How often it has attached anywhere.
    Epoch,
    /// How it is managed.
    Mode,
    /// Since when it has been attached or detached.
    Since,
    /// A text known of it.
    Fact(Fact),
}

use QueryField as Field;

impl QueryField {
    /// What `Fields` calls it: the path of the leaf below a device, as [`Binding::ours`](super::Binding::ours) has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let known = FIELDS.iter().find(|(_, known)| *known == self);
        known.map_or("", |(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }
}

const FIELDS: [(&str, Field); 12] = [
    ("AttachStatus", Field::AttachStatus),
    ("Epoch", Field::Epoch),
    ("Mode", Field::Mode),
    ("Since", Field::Since),
    ("Proto", Field::Fact(Fact::Protocol)),
    ("Addr/Local", Field::Fact(Fact::LocalAddress)),
    ("Addr/Public", Field::Fact(Fact::PublicAddress)),
    ("Info/Man", Field::Fact(Fact::Manufacturer)),
    ("Info/Mod", Field::Fact(Fact::Model)),
    ("Info/Hw", Field::Fact(Fact::Hardware)),
    ("Info/Fw", Field::Fact(Fact::Firmware)),
    ("Info/Sw", Field::Fact(Fact::Software)),
];

impl Query {
    fn fields_text(&self) -> String {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name()).collect();
        names.join(",")
    }

    fn write(&mut self, node: Node, value: &Value) -> Result<(), StatusCode> {
        match node {
            Node::QueryMatch => self.selector = selector_of(text_of(value)?)?,
            Node::QueryFields => {
                let names = text_of(value)?.split(',').map(str::trim).filter(|name| !name.is_empty());
                let fields: Option<Vec<Field>> = names.take(FIELDS.len() + 1).map(Field::named).collect();
                let fields = fields.filter(|fields| fields.len() <= FIELDS.len());
                self.fields = fields.ok_or(StatusCode::NOT_SUPPORTED)?;
            }
            _ => return Err(StatusCode::NOT_ALLOWED),
        }
        Ok(())
    }
}

impl Objects {
    pub(super) fn query_shape(&self, node: Node, keys: &Keys<'_>) -> Option<Shape> {
        self.queries.get(keys[0])?;
        match node {
            Node::QueryPage => Shape::there(keys[1].parse::<Serial>().is_ok()),
            _ => Some(Shape::PLAIN),
        }
    }

    pub(super) fn query_value(&self, node: Node, keys: &Keys<'_>) -> Leaf {
        let query = self.queries.get(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        let found = query.found.as_ref();
        Ok(match node {
            Node::QueryMatch => query.selector.as_ref().map_or_else(Vec::new, |text| chr(text.to_string())),
            Node::QueryFields => chr(query.fields_text()),
            Node::QueryCount => int(found.map_or(0, |found| found.serials().len() as u64)),
            Node::QueryRev => int(rev_number(found.map_or(0, Selection::rev))),
            Node::QueryPage => {
                let from: Serial = keys[1].parse().map_err(|_| StatusCode::NOT_FOUND)?;
                self.query_page(query, from).into_bytes()
            }
            _ => return Err(StatusCode::NOT_FOUND),
        })
    }

    pub(super) fn query_add(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: Option<&Value>,
    ) -> Result<(), StatusCode> {
        match (node, value) {
            (Node::Query, None) => {
                if self.queries.len() >= self.limits.max_queries {
                    return Err(StatusCode::DEVICE_FULL);
                }
                self.queries.insert(keys[0].into(), Query::default());
                self.record(Written::Query(keys[0].into()));
                Ok(())
            }
            _ => Err(StatusCode::NOT_ALLOWED),
        }
    }

    pub(super) fn query_write(
        &mut self,
        node: Node,
        keys: &Keys<'_>,
        value: &Value,
    ) -> Result<(), StatusCode> {
        self.queries.get_mut(keys[0]).ok_or(StatusCode::NOT_FOUND)?.write(node, value)?;
        self.record(Written::QueryNode { name: keys[0].into(), node, value: value.clone() });
        Ok(())
    }

    pub(super) fn query_delete(&mut self, name: &str) {
        self.queries.remove(name);
        self.record(Written::QueryRemoved(name.into()));
    }

    /// Does what was written down; `None` when it does not fit.
    pub(super) fn replay_query(&mut self, written: &Written) -> Option<()> {
        match written {
            Written::Query(name) => {
                self.queries.insert(name.clone(), Query::default()).is_none().then_some(())
            }
            Written::QueryNode { name, node, value } => self.queries.get_mut(name)?.write(*node, value).ok(),
            Written::QueryRemoved(name) => self.queries.remove(name).map(drop),
            _ => None,
        }
    }

    /// All queries, as what would have to be written to have them.
    pub(super) fn queries_written(&self, all: &mut Vec<Written>) {
        for (name, query) in &self.queries {
            all.push(Written::Query(name.clone()));
            let mut node = |node, text: String| {
                all.push(Written::QueryNode { name: name.clone(), node, value: Value::chr(text) })
            };
            if let Some(selector) = &query.selector {
                node(Node::QueryMatch, selector.to_string());
            }
            node(Node::QueryFields, query.fields_text());
        }
    }

    /// Looks, and keeps what is found.
    pub(super) fn query_run(&mut self, keys: &Keys<'_>) -> Result<StatusCode, StatusCode> {
        let query = self.queries.get_mut(keys[0]).ok_or(StatusCode::NOT_FOUND)?;
        let selector = query.selector.as_ref().ok_or(StatusCode::INCOMPLETE_COMMAND)?;
        query.found = Some(self.inventory.select(selector));
        Ok(StatusCode::OK)
    }

    /// Lines of `serial;DevID` and the fields, as many as fit. A device that was forgotten since is left out.
    fn query_page(&self, query: &Query, from: Serial) -> String {
        let mut page = String::new();
        let Some(found) = &query.found else { return page };
        let first = found.serials().partition_point(|serial| *serial < from);
        for record in found.serials()[first..].iter().filter_map(|serial| self.inventory.record(*serial)) {
            let mut line = format!("{};{}", record.serial(), record.id());
            for field in &query.fields {
                line.push(';');
                line.push_str(&self.field(record, *field));
            }
            line.push('\n');
            if !page.is_empty() && page.len() + line.len() > self.limits.max_page {
                break;
            }
            page.push_str(&line);
        }
        page
    }

    fn field(&self, record: &DeviceRecord, field: Field) -> String {
        match field {
            Field::AttachStatus => record.status().number().to_string(),
            Field::Epoch => record.epoch().to_string(),
            Field::Mode => record.mode().map_or_else(String::new, |mode| mode.to_string()),
            Field::Since => self.since(record).map_or_else(String::new, |time| time.to_string()),
            // A separator within a text would shift what follows.
            Field::Fact(fact) => record.fact(fact).unwrap_or_default().replace(';', ","),
        }
    }
}

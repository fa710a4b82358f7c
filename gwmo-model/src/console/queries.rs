//! Questions about the devices (GwMO-DI-002).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dm_syncml::{Command, Item};

use super::Console;
use super::build::{add, replace};
use super::read::{ReadError, Values};
use crate::device::{DeviceId, Serial};
use crate::mo::InventorySlot as Node;
use crate::mo::query::QueryField;
use crate::selector::Selector;

/// What a query found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct QueryStatus {
    /// How many devices.
    pub count: u32,
    /// The revision of the inventory when it looked, modulo 2³¹; 0 before it ran.
    pub rev: u64,
}

/// Some of what a query found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct QueryPage {
    /// By ascending serial.
    pub devices: Vec<QueryLine>,
    /// Where to go on; `None` after the last device.
    pub next: Option<Serial>,
}

/// One device of a query.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct QueryLine {
    /// The device.
    pub serial: Serial,
    /// What it calls itself.
    pub id: DeviceId,
    /// The fields that were asked for, in that order; empty where nothing is known. The gateway writes a comma where
    /// a text has a semicolon.
    pub fields: Vec<String>,
}

impl Console {
    /// The commands that add a query and have the gateway look: which devices match, and what is wanted of each. The name is chosen by
    /// the server; one that is there already is answered 418.
    ///
    /// ```
    /// use gwmo_model::Fact;
    /// use gwmo_model::console::{Console, QueryField};
    ///
    /// let fields = [QueryField::AttachStatus, QueryField::Fact(Fact::Firmware)];
    /// let commands = Console::new().add_query("old", &r#"Info/Fw<"2.0""#.parse()?, &fields);
    /// assert_eq!(commands.len(), 3); // the query, what it asks, and Run
    /// # Ok::<(), gwmo_model::SelectorError>(())
    /// ```
    #[must_use]
    pub fn add_query(&self, name: &str, matching: &Selector, fields: &[QueryField]) -> Vec<Command<'static>> {
        let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        Vec::from([
            add(Vec::from([self.interior(Node::Query, &[name])])),
            replace(Vec::from([
                self.leaf(Node::QueryMatch, &[name], matching.to_string()),
                self.leaf(Node::QueryFields, &[name], names.join(",")),
            ])),
            self.run_query(name),
        ])
    }

    /// Has the gateway look again.
    #[must_use]
    pub fn run_query(&self, name: &str) -> Command<'static> {
        self.exec(Node::QueryRun, &[name], None)
    }

    /// Deletes a query.
    #[must_use]
    pub fn delete_query(&self, name: &str) -> Command<'static> {
        self.delete(Node::Query, &[name])
    }

    /// Asks how much a query found.
    #[must_use]
    pub fn get_query(&self, name: &str) -> Command<'static> {
        let key = [name];
        self.get([Node::QueryCount, Node::QueryRev].map(|node| (node, &key[..])))
    }

    /// Reads what [`get_query`](Self::get_query) brought.
    ///
    /// # Errors
    ///
    /// When a number is missing or is none.
    pub fn read_query(&self, name: &str, items: &[Item<'_>]) -> Result<QueryStatus, ReadError> {
        let values = Values::new(self, items);
        Ok(QueryStatus {
            count: values.required(Node::QueryCount, &[name])?,
            rev: values.required(Node::QueryRev, &[name])?,
        })
    }

    /// Asks for what a query found from this serial on, as many devices as the gateway puts on a page.
    #[must_use]
    pub fn get_query_page(&self, name: &str, from: Serial) -> Command<'static> {
        self.get([(Node::QueryPage, &[name, &*from.to_string()][..])])
    }

    /// Reads what [`get_query_page`](Self::get_query_page) brought, asked for from the same serial, for a query with this many
    /// fields.
    ///
    /// # Errors
    ///
    /// When the page is missing or a line is none.
    pub fn read_query_page(
        &self,
        name: &str,
        fields: usize,
        from: Serial,
        items: &[Item<'_>],
    ) -> Result<QueryPage, ReadError> {
        // An identifier may hold semicolons, what is around it does not.
        let line = |line: &str| {
            let (serial, rest) = line.split_once(';')?;
            let mut parts: Vec<&str> = rest.rsplitn(fields + 1, ';').collect();
            let id = parts.pop()?;
            parts.reverse();
            let whole = parts.len() == fields;
            whole.then_some(())?;
            let fields = parts.into_iter().map(String::from).collect();
            Some(QueryLine { serial: serial.parse().ok()?, id: DeviceId::new(id).ok()?, fields })
        };
        let devices = Values::new(self, items).lines(Node::QueryPage, &[name, &from.to_string()], line)?;
        let next = devices.last().and_then(|last: &QueryLine| last.serial.next());
        Ok(QueryPage { devices, next })
    }
}

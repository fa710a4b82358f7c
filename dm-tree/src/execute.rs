//! Whole SyncML commands against a tree (DM Protocol 1.2.1, RepPro 1.2.1).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use dm_syncml::{Command, Data, Item, LocUri, MediaType, Meta, StatusCode};

use crate::acting::Acting;
use crate::change::{Change, ExecRequest};
use crate::command::Got;
use crate::content::Content;
use crate::error::{Refusal, RefusalKind};
use crate::handler::Handlers;
use crate::server_id::ServerId;
use crate::tnds::{carries_tnds, filter_of};
use crate::tree::Tree;
use crate::value::{Format, Value};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Execution {
    /// Per item, in the order of the items; never empty. A command that has no items here (a container, an
    /// alert, an unknown element) has one outcome, a refusal.
    pub outcomes: Vec<ItemExecution>,
    /// What changed, in order.
    pub changes: Vec<Change>,
    /// What handlers accepted to execute: the items with status 202.
    pub exec_requests: Vec<ExecRequest>,
}

impl Execution {
    /// The status of the whole command, when all items ended alike; they then need only one `Status`.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        let (first, others) = self.outcomes.split_first()?;
        others.iter().all(|other| other.status == first.status).then_some(first.status)
    }

    /// Whether every item ended with a status of class 2.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.status.is_success())
    }

    /// The items of the `Results`; empty when there is nothing to send.
    #[must_use]
    pub fn into_results(self) -> Vec<Item<'static>> {
        self.outcomes.into_iter().filter_map(|outcome| outcome.result).collect()
    }
}

/// What became of one item of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemExecution {
    /// The status to answer with.
    pub status: StatusCode,
    /// What a Get found: an item for `Results`, with Source, Meta where it is not the default, and Data.
    pub result: Option<Item<'static>>,
    /// Why it was refused. When it names [another node](Refusal::at), the Status should carry that address.
    pub refusal: Option<Refusal>,
}

impl From<Refusal> for ItemExecution {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status(), result: None, refusal: Some(refusal) }
    }
}

impl Tree {
    /// Executes a command for `server`, which must have been authenticated. `handlers` serve the mounted
    /// subtrees; `&mut ()` when there are none.
    ///
    /// The items are executed one after the other, whatever becomes of those before. Add, Delete, Exec, Get and
    /// Replace are executed; Copy is answered 406, and so is what is not a command on a tree. A session takes
    /// Atomic and Sequence apart.
    ///
    /// ```
    /// use dm_syncml::{CmdId, Get, Item, LocUri, StatusCode};
    /// use dm_tree::{NodeSpec, ServerId, Tree, Value};
    ///
    /// let mut tree = Tree::default();
    /// tree.insert("./A/B", NodeSpec::leaf(Value::int(7)))?;
    /// let items = vec![Item::to(LocUri::new("./A/B")?), Item::to(LocUri::new("./A/C")?)];
    /// let get = Get::new(CmdId::new("1")?, items).into();
    /// let server = ServerId::new("com.example.dm")?;
    /// let done = tree.execute(&server, &get, &mut ());
    /// assert_eq!(done.outcomes[0].status, StatusCode::OK);
    /// assert_eq!(done.outcomes[1].status, StatusCode::NOT_FOUND);
    /// assert_eq!(done.into_results()[0].data.as_ref().unwrap().as_text(), Some("7"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn execute(
        &mut self,
        server: &ServerId,
        command: &Command<'_>,
        handlers: &mut dyn Handlers,
    ) -> Execution {
        let correlator = match command {
            Command::Exec(exec) => exec.correlator.as_ref().map(dm_syncml::Correlator::as_str),
            _ => None,
        };
        let mut acting = self.act_for(server, handlers).with_correlator(correlator);
        let outcomes = acting.outcomes(command);
        Execution { outcomes, changes: acting.take_changes(), exec_requests: acting.take_exec_requests() }
    }
}

impl Acting<'_> {
    fn outcomes(&mut self, command: &Command<'_>) -> Vec<ItemExecution> {
        let items = match command {
            Command::Add(_)
            | Command::Copy(_)
            | Command::Delete(_)
            | Command::Exec(_)
            | Command::Get(_)
            | Command::Replace(_) => command.items(),
            _ => return Vec::from([Refusal::new(RefusalKind::UnsupportedCommand).into()]),
        };
        if items.is_empty() {
            return Vec::from([Refusal::new(RefusalKind::NoTarget).into()]);
        }
        let too_many = matches!(command, Command::Exec(_)) && items.len() > 1;
        let outcome = |item| {
            if too_many {
                return Refusal::new(RefusalKind::TooManyItems).into();
            }
            self.outcome(command, item).unwrap_or_else(ItemExecution::from)
        };
        items.iter().map(outcome).collect()
    }

    fn outcome(&mut self, command: &Command<'_>, item: &Item<'_>) -> Result<ItemExecution, Refusal> {
        let target = item.target_uri().ok_or(RefusalKind::NoTarget)?;
        let uri = target.as_str();
        if item.more_data {
            return Err(RefusalKind::MoreData.into());
        }
        let mut outcome = ItemExecution { status: StatusCode::OK, result: None, refusal: None };
        match command {
            Command::Add(_) if carries_tnds(command, item) => self.add_tnds_item(command, item, uri)?,
            Command::Add(_) => self.add(uri, &content(command, item))?,
            Command::Delete(_) => self.delete(uri)?,
            Command::Exec(_) => outcome.status = self.exec_with(uri, || argument(command, item))?,
            Command::Get(_) if let Some(filter) = filter_of(uri) => {
                outcome.result = Some(self.get_tnds_item(uri, filter?)?);
            }
            Command::Get(_) => {
                let got = self.get(uri)?;
                outcome.result = Some(value_item(target.clone().into_owned(), got));
            }
            Command::Replace(_) if carries_tnds(command, item) => {
                self.replace_tnds_item(command, item, uri)?
            }
            Command::Replace(_) => self.replace(uri, &content(command, item))?,
            _ => return Err(RefusalKind::UnsupportedCommand.into()),
        }
        Ok(outcome)
    }
}

/// What an item carries, its own Meta before the command's, element by element.
fn content<'a>(command: &'a Command<'_>, item: &'a Item<'_>) -> Content<'a> {
    let metas = || item.meta.iter().chain(command.meta());
    let mut content = match &item.data {
        None => Content::new(&[]),
        Some(data) => data.as_octets().map_or_else(Content::markup, Content::new),
    };
    if let Some(format) = metas().find_map(Meta::format) {
        content = content.with_format(format.as_str());
    }
    if let Some(mime) = metas().find_map(Meta::media_type) {
        content = content.with_type(mime.as_str());
    }
    content
}

/// The argument of an Exec; a Format of `b64` is undone like that of a value.
fn argument<'a>(command: &'a Command<'_>, item: &'a Item<'_>) -> Result<Cow<'a, [u8]>, RefusalKind> {
    match &item.data {
        None => Ok(Cow::Borrowed(&[])),
        Some(data) => data.decoded(item.format_under(command.meta())).map_err(|_| RefusalKind::Format),
    }
}

/// An item of Results, or of package 1: format and type are said unless they are the default (RepPro 1.2.1, Results).
pub(crate) fn value_item(source: LocUri<'static>, got: Got) -> Item<'static> {
    let mut meta = Meta::new();
    if got.format() != Format::Chr
        && let Ok(format) = dm_syncml::Format::new(got.format().name())
    {
        meta = meta.with_format(format);
    }
    let says_type = got.mime() != Value::DEFAULT_TYPE || got.format() == Format::Node;
    // A handler's type may be one that cannot be written; then none is.
    if says_type && let Ok(mime) = MediaType::new(String::from(got.mime())) {
        meta = meta.with_media_type(mime);
    }
    let data = match got.format() {
        Format::Bin => Data::octets(got.into_data()),
        // What XML cannot carry as text is octets too; the encoder then says so in the Meta.
        _ => match String::from_utf8(got.into_data()) {
            Ok(text) if Data::text(text.as_str()).is_ok() => Data::text(text).unwrap_or(Data::EMPTY),
            Ok(text) => Data::octets(text.into_bytes()),
            Err(error) => Data::octets(error.into_bytes()),
        },
    };
    Item::from(source).with_meta(meta).with_data(data)
}

//! Documents in the items of commands.

use alloc::string::String;

use dm_syncml::{Command, Data, Format, Item, LocUri, MediaType, Meta};

use crate::acting::Acting;
use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::{DocumentErrorKind, MgmtTree};
use crate::rights::Rights;

use super::filter::Filter;

/// Whether the Type in force says that the data are a serialised tree.
pub(crate) fn carries_tnds(command: &Command<'_>, item: &Item<'_>) -> bool {
    const PREFIX: &str = "application/vnd.syncml.dmtnds";
    let mime = item.meta.iter().chain(command.meta()).find_map(Meta::media_type);
    mime.and_then(|mime| mime.as_str().trim().get(..PREFIX.len()))
        .is_some_and(|mime| mime.eq_ignore_ascii_case(PREFIX))
}

impl Acting<'_> {
    /// Add with a document.
    pub(crate) fn add_tnds_item(
        &mut self,
        command: &Command<'_>,
        item: &Item<'_>,
        uri: &str,
    ) -> Result<(), Refusal> {
        // What is wrong with the address comes first.
        self.aim_at_node(uri, Rights::ADD)?;
        self.add_tnds(uri, &self.document_of(command, item)?)
    }

    /// Replace with a document.
    pub(crate) fn replace_tnds_item(
        &mut self,
        command: &Command<'_>,
        item: &Item<'_>,
        uri: &str,
    ) -> Result<(), Refusal> {
        self.aim_at_node(uri, Rights::REPLACE)?;
        self.replace_tnds(uri, &self.document_of(command, item)?)
    }

    /// Get of a document, as the item of a Results. `list` is what follows `TNDS`; a filter that is none, or that
    /// names what this tree does not keep, is a list that is not supported.
    pub(crate) fn get_tnds_item(&mut self, uri: &str, list: &str) -> Result<Item<'static>, Refusal> {
        let filter = Filter::parse(list).map_err(|_| RefusalKind::UnsupportedList)?;
        if list.contains("TStamp") && self.tree.wall_clock().is_none() {
            return Err(RefusalKind::UnsupportedList.into());
        }
        let document = self.get_tnds(uri, filter)?;
        let node = uri.split('?').next().unwrap_or(uri);
        let source = LocUri::new(String::from(node)).map_err(|_| RefusalKind::NoTarget)?;
        let meta = Meta::new().with_format(Format::XML).with_media_type(MediaType::TNDS_XML);
        Ok(Item::from(source).with_meta(meta).with_data(Data::element(document.to_element())))
    }

    fn document_of(&self, command: &Command<'_>, item: &Item<'_>) -> Result<MgmtTree, Refusal> {
        let data = item.data.as_ref().ok_or(RefusalKind::Format)?;
        let format = item.format_under(command.meta());
        let options = self.tree.policy().documents;
        let options = options.with_max_nodes(options.max_nodes.min(self.tree.limits().max_nodes));
        MgmtTree::from_data(data, format, &options).map_err(|error| {
            let kind = match error.kind() {
                DocumentErrorKind::Document(kind) if kind.is_limit() => RefusalKind::TooLarge,
                DocumentErrorKind::TooManyNodes(_) => RefusalKind::TooLarge,
                DocumentErrorKind::Acl(kind) => RefusalKind::Acl(*kind),
                _ => RefusalKind::Format,
            };
            kind.into()
        })
    }
}

//! Documents in the items of commands.

use dm_syncml::{Command, Data, Format, Item, LocUri, MediaType, Meta};

use crate::acting::Acting;
use crate::error::{Refusal, RefusalKind};
use crate::mgmt_tree::{DocumentErrorKind, DocumentOptions, MgmtTree};
use crate::uri::{Query, Uri};

use super::filter::Filter;

/// The filter of a Get that asks for a document; `None` for any other address.
///
/// A filter that is none is a list that is not supported: 406.
pub(crate) fn filter_of(uri: &str) -> Option<Result<Filter, Refusal>> {
    match Uri::parse(uri).ok()?.query()? {
        Query::List(list) => {
            let filter = Filter::parse(list.strip_prefix("TNDS")?);
            Some(filter.map_err(|_| RefusalKind::UnsupportedList.into()))
        }
        Query::Property(_) => None,
    }
}

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
        self.target_of_tnds(uri)?;
        self.add_tnds(uri, &self.document_of(command, item)?)
    }

    /// Replace with a document.
    pub(crate) fn replace_tnds_item(
        &mut self,
        command: &Command<'_>,
        item: &Item<'_>,
        uri: &str,
    ) -> Result<(), Refusal> {
        self.target_of_tnds(uri)?;
        self.replace_tnds(uri, &self.document_of(command, item)?)
    }

    /// Get of a document, as the item of a Results.
    pub(crate) fn get_tnds_item(&mut self, uri: &str, filter: Filter) -> Result<Item<'static>, Refusal> {
        let document = self.get_tnds(uri, filter)?;
        let node = uri.split('?').next().unwrap_or(uri);
        let source = LocUri::new(alloc::string::String::from(node)).map_err(|_| RefusalKind::NoTarget)?;
        let meta = Meta::new().with_format(Format::XML).with_media_type(MediaType::TNDS_XML);
        Ok(Item::from(source).with_meta(meta).with_data(Data::element(document.to_element())))
    }

    fn document_of(&self, command: &Command<'_>, item: &Item<'_>) -> Result<MgmtTree, Refusal> {
        let data = item.data.as_ref().ok_or(RefusalKind::Format)?;
        let format = item.format_under(command.meta());
        let options = DocumentOptions::FIELD.with_max_nodes(self.tree.limits().max_nodes);
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

//! Which code space a document is written in.

use alloc::borrow::Cow;

use crate::attribute_page::{UNNAMED, unnamed};
use crate::code_space::CodeSpace;
use crate::code_spaces::{
    CODE_SPACES, DEVINF_1_2, DM_DDF_1_2, PROV_1_0, SYNCML_1_2, devinf, dmddf, provisioning, syncml,
};
use crate::name::{Name, Tag};
use crate::wbxml::{DocumentId, Header};

/// The known code space that the header of a WBXML document announces, by number or by name. Names are compared without regard
/// to case, since several spellings are in use.
pub(crate) fn of_header(header: &Header<'_>) -> Option<&'static CodeSpace> {
    CODE_SPACES.iter().copied().find(|space| match header.document {
        DocumentId::Number(id) => id == space.public_id() && id != crate::PublicId::UNKNOWN,
        DocumentId::Name(name) => name.eq_ignore_ascii_case(space.formal_public_id().as_bytes()),
    })
}

/// The code space whose documents have this root.
pub(crate) fn of_root(tag: Tag) -> Option<&'static CodeSpace> {
    Some(match tag {
        syncml::SYNCML => &SYNCML_1_2,
        dmddf::MGMT_TREE => &DM_DDF_1_2,
        devinf::DEV_INF => &DEVINF_1_2,
        provisioning::WAP_PROVISIONING_DOC => &PROV_1_0,
        _ => return None,
    })
}

/// The code space of an XML document by its root: by namespace and name, else, for a root that says nothing of its namespace, by
/// the name of a whole document's root, else by that of any element.
pub(crate) fn of_name(namespace: &str, local: &str) -> Option<&'static CodeSpace> {
    let page_with = |fits: fn(&crate::CodePage, &str) -> bool| {
        CODE_SPACES
            .iter()
            .copied()
            .find(|space| space.pages().iter().any(|page| fits(page, namespace) && page.tag(local).is_some()))
    };
    // The namespace that a page writes first: all pages of SyncML read those of the other versions.
    if let Some(space) = page_with(|page, namespace| page.namespace() == namespace) {
        return Some(space);
    }
    if !namespace.is_empty() {
        return page_with(|page, namespace| {
            page.namespaces().iter().any(|n| n.eq_ignore_ascii_case(namespace))
        });
    }
    let of_root_name = CODE_SPACES.iter().copied().find(|space| {
        let root = space.pages().iter().find_map(|page| page.tag(local));
        root.and_then(of_root).is_some_and(|other| core::ptr::eq(other, *space))
    });
    // DM DDF stands first, and has names of SyncML's.
    let (first, others) = CODE_SPACES.split_first()?;
    let has = |space: &&CodeSpace| space.pages().first().is_some_and(|page| page.tag(local).is_some());
    of_root_name.or_else(|| others.iter().chain([first]).copied().find(has))
}

/// The name of an element in XML, whatever its code space.
pub(crate) fn as_foreign<'a>(name: Name<'a>, space: &'static CodeSpace) -> Name<'a> {
    let Name::Tag(tag) = name else { return name };
    let known = space.page(tag.page()).and_then(|page| Some((page.namespace(), page.name(tag.token())?)));
    let (namespace, local) = match known {
        Some((namespace, local)) => (namespace, Cow::Borrowed(local)),
        None => (UNNAMED, Cow::Owned(unnamed(tag.page(), tag.token()))),
    };
    Name::Foreign(crate::ForeignName::from_source(Cow::Borrowed(namespace), local))
}

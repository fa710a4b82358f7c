//! Get with `?list=Struct` or `?list=StructData`, a page at a time (RepPro 1.2.1, Get).

use alloc::vec::Vec;
use core::fmt;

use dm_syncml::Item;

use crate::acting::{Acting, Aspect};
use crate::error::{Refusal, RefusalKind};
use crate::rights::Rights;
use crate::uri::{List, NodeUri};

use super::walk::Visit;

/// A list of a subtree that is handed out in pages, each of at most
/// [`max_list_items`](crate::TreeLimits::max_list_items) items and
/// [`max_list_len`](crate::TreeLimits::max_list_len) octets.
///
/// It holds no items, only the address it has come to: a subtree of any size is read with the memory of one page, and
/// what changes between two pages is seen by the later one. Made by [`Acting::list`], or left over by
/// [`Tree::execute`](crate::Tree::execute) as [`ItemExecution::rest`](crate::ItemExecution::rest).
#[derive(Clone, PartialEq, Eq)]
pub struct Listing {
    top: NodeUri<'static>,
    with_data: bool,
    place: Place,
}

/// Where a listing is.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    Begin,
    /// The last address handed out.
    After(NodeUri<'static>),
    End,
}

impl Acting<'_> {
    /// Begins the list that `uri` asks for, an address with `?list=Struct` or `?list=StructData`.
    ///
    /// ```
    /// use dm_tree::{NodeSpec, ServerId, Tree, TreeLimits, Value};
    ///
    /// let mut tree = Tree::new(TreeLimits::default().with_max_list_items(100));
    /// for number in 0..1000 {
    ///     tree.insert(&format!("./A/{number}"), NodeSpec::leaf(Value::int(number)))?;
    /// }
    /// let server = ServerId::new("com.example.dm")?;
    /// let handlers = &mut ();
    /// let mut acting = tree.act_for(&server, handlers);
    /// let mut listing = acting.list("./A?list=StructData")?;
    /// let mut items = 0;
    /// while !listing.is_finished() {
    ///     let page = listing.next_page(&mut acting)?;
    ///     assert!(page.len() <= 100);
    ///     items += page.len();
    /// }
    /// assert_eq!(items, 1001);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refusal`] for an address that is none, and 406 for another list or none. Whether the server may read the
    /// node is looked at with the first page.
    pub fn list(&self, uri: &str) -> Result<Listing, Refusal> {
        let aim = self.aim(uri, Rights::GET)?;
        let with_data = match aim.query {
            Aspect::List(List::Struct) => false,
            Aspect::List(List::StructData) => true,
            _ => return Err(RefusalKind::UnsupportedList.into()),
        };
        Ok(Listing::new(aim.node, with_data))
    }
}

impl Listing {
    pub(crate) fn new(top: NodeUri<'_>, with_data: bool) -> Self {
        Self { top: top.into_owned(), with_data, place: Place::Begin }
    }

    /// Whether all has been handed out.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.place, Place::End)
    }

    /// The next items: at least one, unless the list is finished or what remained of it is gone by now. A page that is full is
    /// the last one all the same when nothing follows.
    ///
    /// # Errors
    ///
    /// [`Refusal`] as for a Get of the node, or when a handler refuses, would answer later or lists more than the
    /// limits allow. The list is then finished.
    pub fn next_page(&mut self, acting: &mut Acting<'_>) -> Result<Vec<Item<'static>>, Refusal> {
        let limits = *acting.tree.limits();
        let after = match core::mem::replace(&mut self.place, Place::End) {
            Place::Begin => None,
            Place::After(after) => Some(after),
            Place::End => return Ok(Vec::new()),
        };
        let mut walk = acting.walk(self.top.as_str(), after.as_ref())?;
        let (mut page, mut len, mut last) = (Vec::new(), 0_usize, after);
        while let Some(visit) = walk.next()? {
            len = len.saturating_add(self.len_of(&visit));
            // One is handed out at least, or there would be no end.
            let is_full = page.len() >= limits.max_list_items || len > limits.max_list_len;
            if is_full && !page.is_empty() {
                self.place = last.map_or(Place::End, Place::After);
                break;
            }
            last = Some(visit.uri().clone());
            page.push(visit.into_item(self.with_data));
        }
        Ok(page)
    }

    /// What an item counts against the limit: its address, its type and its data.
    fn len_of(&self, visit: &Visit) -> usize {
        let data = visit.value().filter(|_| self.with_data).map_or(0, |value| value.data().len());
        visit.uri().as_str().len() + visit.mime().len() + data
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("top", &self.top)
            .field("with_data", &self.with_data)
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}

//! The descriptions of the objects (DDF), made from the tables.

use alloc::string::String;

use dm_tree::AccessType;
use dm_tree::mgmt_tree::{DfProperties, MgmtTree, Node, Occurrence, Scope};

use super::binding::Binding;
use super::table::{Object, Slot};

impl Binding {
    /// The description of an object (TND 1.2.1, DDF), for [`Schema`](dm_tree::ddf::Schema) and for whoever writes a
    /// server. The crate has those of [`ours`](Self::ours) as files in `ddf/`.
    ///
    /// ```
    /// use dm_tree::ddf::Schema;
    /// use gwmo_model::mo::{Binding, Object};
    ///
    /// let mut schema = Schema::new();
    /// for object in Object::ALL {
    ///     schema.add(&Binding::ours().description(object))?;
    /// }
    /// # Ok::<(), dm_tree::ddf::SchemaError>(())
    /// ```
    #[must_use]
    pub fn description(&self, object: Object) -> MgmtTree {
        let mut document = MgmtTree::new();
        for (depth, name, slot) in self.outline(object) {
            let mut node = Node::new(name);
            if depth == 0 {
                let place = self.place(object);
                let above = place.parent().map_or_else(String::new, |parent| parent.as_str().into());
                node =
                    Node::new(place.last().map_or(String::new(), |last| last.name().into())).with_path(above);
            }
            let node = node.with_df(self.properties(object, depth, slot));
            document.push(depth, node).expect("an outline has no gaps");
        }
        document
    }

    fn properties(&self, object: Object, depth: usize, slot: Option<Slot>) -> DfProperties {
        let Some(slot) = slot else {
            return DfProperties::interior(AccessType::GET, "")
                .with_occurrence(Occurrence::One)
                .with_scope(Scope::Dynamic);
        };
        let row = slot.row();
        let mut properties = match row.format {
            dm_tree::Format::Node if depth == 0 => DfProperties::interior(row.access, self.mo_id(object)),
            dm_tree::Format::Node => DfProperties::interior(row.access, ""),
            format => DfProperties::leaf(row.access, format, row.mime()),
        };
        properties.description = Some(row.text.into());
        properties.with_occurrence(row.occurrence).with_scope(row.scope)
    }
}

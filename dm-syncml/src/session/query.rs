//! Requests for properties of nodes and for whole subtrees: addresses with `?prop=` and `?list=`
//! (TND 1.2.1, addressing; DM Protocol 1.2.1, Get).

use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::error::ValueError;
use crate::model::{CmdId, Data, Get, Item, LocUri, Replace};

use super::ledger::UNNUMBERED;

/// A property that every node of a management tree has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Property {
    /// Who may do what with it.
    Acl,
    /// What its value is.
    Format,
    /// Its own name.
    Name,
    /// Octets of its value.
    Size,
    /// A name for people.
    Title,
    /// When it was changed last.
    TStamp,
    /// The media type of its value, or the identifier of its object.
    Type,
    /// How often it was changed.
    VerNo,
}

impl Property {
    /// The name in an address.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acl => "ACL",
            Self::Format => "Format",
            Self::Name => "Name",
            Self::Size => "Size",
            Self::Title => "Title",
            Self::TStamp => "TStamp",
            Self::Type => "Type",
            Self::VerNo => "VerNo",
        }
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a subtree is to be listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Listing<'l> {
    /// `Struct`: an item for each node, without data.
    Structure,
    /// `StructData`: an item for each node, leaves with their data.
    StructureAndData,
    /// `TNDS`: one document with all properties the server may read.
    Document,
    /// `TNDS+…`: one document with these properties and, if so, values.
    DocumentWith(&'l [Property], DocumentValues),
    /// `TNDS-…`: one document with all but these properties and, if so, values.
    DocumentWithout(&'l [Property], DocumentValues),
}

/// Whether a filter of a document names the values of leaves too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it names them or does not")]
pub enum DocumentValues {
    /// The filter names `Value`.
    Named,
    /// It does not.
    NotNamed,
}

/// Makes commands about properties and subtrees. The session gives them their CmdIDs.
///
/// ```
/// use dm_syncml::LocUri;
/// use dm_syncml::session::{DocumentValues, Listing, Property, Query};
///
/// let get = Query::property(&LocUri::new("./Vendor/Lamp")?, Property::Acl)?;
/// assert_eq!(get.items[0].target_uri().unwrap(), &"./Vendor/Lamp?prop=ACL");
/// let filter = Listing::DocumentWith(&[Property::Acl], DocumentValues::Named);
/// let get = Query::list(&LocUri::new("./Vendor")?, filter)?;
/// assert_eq!(get.items[0].target_uri().unwrap(), &"./Vendor?list=TNDS+ACL+Value");
/// # Ok::<(), dm_syncml::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Query;

impl Query {
    /// Asks for a property of a node.
    ///
    /// # Errors
    /// [`ValueError::Reserved`] when the address holds a `?` already.
    pub fn property(node: &LocUri<'_>, property: Property) -> Result<Get<'static>, ValueError> {
        Ok(get(with_query(node, &format!("prop={property}"))?))
    }

    /// Asks for a subtree; the answer has many items, perhaps in several Results, or one with a document.
    ///
    /// # Errors
    /// As [`property`](Self::property).
    pub fn list(node: &LocUri<'_>, listing: Listing<'_>) -> Result<Get<'static>, ValueError> {
        let filtered = |sign: char, properties: &[Property], values: DocumentValues| {
            let mut query = String::from("list=TNDS");
            for property in properties {
                query.push(sign);
                query.push_str(property.as_str());
            }
            if values == DocumentValues::Named {
                query.push(sign);
                query.push_str("Value");
            }
            query
        };
        let query = match listing {
            Listing::Structure => String::from("list=Struct"),
            Listing::StructureAndData => String::from("list=StructData"),
            Listing::Document => String::from("list=TNDS"),
            Listing::DocumentWith(properties, values) => filtered('+', properties, values),
            Listing::DocumentWithout(properties, values) => filtered('-', properties, values),
        };
        Ok(get(with_query(node, &query)?))
    }

    /// Replaces the whole ACL of a node.
    ///
    /// # Errors
    /// As [`property`](Self::property); the text must be text.
    pub fn set_acl(node: &LocUri<'_>, acl: impl Into<String>) -> Result<Replace<'static>, ValueError> {
        replace(node, Property::Acl, acl.into())
    }

    /// Renames a node; 418 when a sibling has the name, 405 when the node is permanent.
    ///
    /// # Errors
    /// As [`set_acl`](Self::set_acl).
    pub fn rename(node: &LocUri<'_>, name: impl Into<String>) -> Result<Replace<'static>, ValueError> {
        replace(node, Property::Name, name.into())
    }

    /// Replaces the title of a node.
    ///
    /// # Errors
    /// As [`set_acl`](Self::set_acl).
    pub fn set_title(node: &LocUri<'_>, title: impl Into<String>) -> Result<Replace<'static>, ValueError> {
        replace(node, Property::Title, title.into())
    }
}

const ID: CmdId<'static> = UNNUMBERED;

fn get(uri: LocUri<'static>) -> Get<'static> {
    Get::new(ID, alloc::vec![Item::to(uri)])
}

fn replace(node: &LocUri<'_>, property: Property, value: String) -> Result<Replace<'static>, ValueError> {
    let uri = with_query(node, &format!("prop={property}"))?;
    Ok(Replace::new(ID, alloc::vec![Item::to(uri).with_data(Data::text(value)?)]))
}

fn with_query(node: &LocUri<'_>, query: &str) -> Result<LocUri<'static>, ValueError> {
    if node.as_str().contains('?') {
        return Err(ValueError::Reserved("LocURI"));
    }
    LocUri::new(format!("{node}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_text() {
        let node = LocUri::new("./A").unwrap();
        let listed =
            |listing| Query::list(&node, listing).unwrap().items[0].target_uri().unwrap().to_string();
        use alloc::string::ToString;
        assert_eq!(listed(Listing::Structure), "./A?list=Struct");
        assert_eq!(listed(Listing::StructureAndData), "./A?list=StructData");
        assert_eq!(listed(Listing::Document), "./A?list=TNDS");
        let both = [Property::Format, Property::Acl];
        assert_eq!(
            listed(Listing::DocumentWith(&both, DocumentValues::Named)),
            "./A?list=TNDS+Format+ACL+Value"
        );
        assert_eq!(
            listed(Listing::DocumentWithout(&both, DocumentValues::NotNamed)),
            "./A?list=TNDS-Format-ACL"
        );
        let rename = Query::rename(&node, "B").unwrap();
        assert_eq!(rename.items[0].target_uri().unwrap(), &"./A?prop=Name");
        assert_eq!(rename.items[0].data.as_ref().unwrap().as_text(), Some("B"));
        let twice = LocUri::new("./A?prop=ACL").unwrap();
        assert_eq!(Query::property(&twice, Property::Acl), Err(ValueError::Reserved("LocURI")));
    }
}

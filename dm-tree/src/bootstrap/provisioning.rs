//! Connectivity provisioning documents: `wap-provisioningdoc` (OMA Provisioning Content 1.1).

use alloc::borrow::ToOwned as _;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use dm_syncml::elements::{Attribute, Element, Limits, Name, Node, WbxmlVersion};
use dm_wbxml::wbxml::{self, StringTable};
use dm_wbxml::{ErrorKind, Event, PROV_1_0, Source, is_xml_text, provisioning};
use zeroize::Zeroize as _;

use super::error::{BootstrapError, BootstrapErrorKind};

/// A provisioning document: characteristics, which hold parameters and other characteristics.
///
/// What was decoded is kept, in its order: elements of other names (vendors have `nocharacteristic`), attributes of
/// other names, parameters without a value. Text between elements means nothing and is passed over.
///
/// ```
/// use dm_tree::bootstrap::{Characteristic, Parm, ProvisioningDocument};
///
/// let document = ProvisioningDocument::new().with(
///     Characteristic::new("APPLICATION")?
///         .with_parm(Parm::new("APPID", "w7")?)
///         .with_parm(Parm::new("PROVIDER-ID", "com.example.dm")?),
/// );
/// let wbxml = document.to_wbxml();
/// assert_eq!(wbxml[..4], [0x03, 0x0B, 0x6A, 0x00]);
/// assert_eq!(ProvisioningDocument::from_wbxml(&wbxml)?, document);
/// let application = document.characteristics_of("APPLICATION").next().unwrap();
/// assert_eq!(application.value("PROVIDER-ID"), Some("com.example.dm"));
/// # Ok::<(), dm_tree::bootstrap::BootstrapError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvisioningDocument {
    /// Attributes of the document; `version` is the only one there should be.
    pub attributes: Vec<Attribute<'static>>,
    /// What it holds, in its order.
    pub content: Vec<ProvisioningItem>,
}

/// A piece of a provisioning document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProvisioningItem {
    /// `parm`.
    Parm(Parm),
    /// `characteristic`.
    Characteristic(Characteristic),
    /// Anything else.
    Other(Element<'static>),
}

impl ProvisioningDocument {
    /// What a document may cost: 64 KiB, as much as pushes can carry, and eight levels, twice what is in use.
    pub const LIMITS: Limits = Limits::DEFAULT.with_document(1 << 16).with_depth(8);

    /// A document of version 1.1 without content.
    #[must_use]
    pub fn new() -> Self {
        Self { attributes: Attribute::new("version", "1.1").into_iter().collect(), content: Vec::new() }
    }

    /// The same with one more characteristic.
    #[must_use]
    pub fn with(mut self, characteristic: Characteristic) -> Self {
        self.content.push(ProvisioningItem::Characteristic(characteristic));
        self
    }

    /// The version it says it is of.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.attributes.iter().find(|attribute| attribute.name() == "version").map(Attribute::value)
    }

    /// The characteristics directly below the root.
    pub fn characteristics(&self) -> impl Iterator<Item = &Characteristic> {
        characteristics(&self.content)
    }

    /// Those of a type, of either case.
    pub fn characteristics_of<'d>(&'d self, kind: &'d str) -> impl Iterator<Item = &'d Characteristic> {
        self.characteristics().filter(move |own| own.kind().eq_ignore_ascii_case(kind))
    }

    /// Reads WBXML under [`LIMITS`](Self::LIMITS). Some senders leave out the last END; the document is taken to be
    /// complete then.
    ///
    /// # Errors
    ///
    /// What is wrong with the WBXML and where, or with the elements.
    pub fn from_wbxml(document: &[u8]) -> Result<Self, BootstrapError> {
        Self::from_wbxml_with(document, Self::LIMITS)
    }

    /// The same under other limits.
    ///
    /// # Errors
    ///
    /// As [`from_wbxml`](Self::from_wbxml).
    pub fn from_wbxml_with(document: &[u8], limits: Limits) -> Result<Self, BootstrapError> {
        let mut reader =
            wbxml::Reader::new(document, &PROV_1_0, limits).map_err(BootstrapError::of_document)?;
        Self::read(&mut reader, true)
    }

    /// Reads XML under [`LIMITS`](Self::LIMITS).
    ///
    /// # Errors
    ///
    /// What is wrong with the XML and where, or with the elements.
    #[cfg(feature = "xml")]
    pub fn from_xml(document: &[u8]) -> Result<Self, BootstrapError> {
        Self::from_xml_with(document, Self::LIMITS)
    }

    /// The same under other limits.
    ///
    /// # Errors
    ///
    /// As [`from_xml`](Self::from_xml).
    #[cfg(feature = "xml")]
    pub fn from_xml_with(document: &[u8], limits: Limits) -> Result<Self, BootstrapError> {
        use dm_wbxml::xml;

        let document = xml::to_utf8(document, &limits).map_err(BootstrapError::of_document)?;
        let options = xml::Options::new(limits).with_leniencies(xml::Leniencies::INNER_DECLARATIONS);
        let mut reader =
            xml::Reader::new(&document, &PROV_1_0, options).map_err(BootstrapError::of_document)?;
        Self::read(&mut reader, false)
    }

    fn read<'a>(source: &mut impl Source<'a>, may_be_open: bool) -> Result<Self, BootstrapError> {
        let wrong = |source: &dyn Source<'a>, kind| BootstrapError::at(kind, source.offset());
        match source.next().map_err(BootstrapError::of_document)? {
            Some(Event::Start(name)) if local(&name) == ROOT => {}
            _ => return Err(wrong(source, BootstrapErrorKind::WrongRoot)),
        }
        let mut document = Self::default();
        loop {
            let event = match source.next() {
                Ok(event) => event,
                Err(error) if may_be_open && *error.kind() == ErrorKind::Truncated => return Ok(document),
                Err(error) => return Err(BootstrapError::of_document(error)),
            };
            match event {
                Some(Event::Attribute(attribute)) => {
                    // As in the elements below; the source bounds the attributes of one element.
                    if document.attributes.iter().any(|other| other.is_named_like(&attribute)) {
                        return Err(BootstrapError::of_document(source.error(ErrorKind::RepeatedAttribute)));
                    }
                    document.attributes.push(attribute.into_owned());
                }
                Some(Event::Start(name)) => {
                    // As deep as the source lets it be.
                    let element = Element::decode(source, name).map_err(BootstrapError::of_document)?;
                    document.content.push(ProvisioningItem::of(element));
                }
                Some(Event::End) => break,
                Some(_) => {}
                None => return Ok(document),
            }
        }
        match source.next().map_err(BootstrapError::of_document)? {
            None => Ok(document),
            Some(_) => Err(wrong(source, BootstrapErrorKind::WrongRoot)),
        }
    }

    /// The document in WBXML 1.3, in tokens as far as there are any.
    #[must_use]
    pub fn to_wbxml(&self) -> Vec<u8> {
        let element = self.to_element();
        let mut table = StringTable::new().with_attributes(&PROV_1_0);
        element.encode(&mut table);
        let mut out = Vec::new();
        let mut writer = wbxml::Writer::new(&mut out, WbxmlVersion::V1_3, PROV_1_0.public_id(), &table)
            .with_attributes(&PROV_1_0);
        element.encode(&mut writer);
        let complete = writer.finish();
        debug_assert!(complete, "the table has seen every name");
        out
    }

    /// The document in compact XML.
    #[cfg(feature = "xml")]
    #[must_use]
    pub fn to_xml(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.to_element().encode(&mut dm_wbxml::xml::Writer::new(&mut out, &PROV_1_0));
        out
    }

    fn to_element(&self) -> Element<'static> {
        let mut element = Element::new(provisioning::WAP_PROVISIONING_DOC);
        element.attributes.clone_from(&self.attributes);
        element.children = self.content.iter().map(ProvisioningItem::to_node).collect();
        element
    }
}

const ROOT: &str = "wap-provisioningdoc";
const CHARACTERISTIC: &str = "characteristic";
const PARM: &str = "parm";

fn local<'n>(name: &'n Name<'_>) -> &'n str {
    match name {
        Name::Tag(tag) => PROV_1_0.name(*tag).unwrap_or_default(),
        Name::Foreign(name) => name.local(),
        _ => "",
    }
}

fn characteristics(content: &[ProvisioningItem]) -> impl Iterator<Item = &Characteristic> {
    content.iter().filter_map(|item| match item {
        ProvisioningItem::Characteristic(characteristic) => Some(characteristic),
        _ => None,
    })
}

impl ProvisioningItem {
    /// Elements of known names lose their code page: the same elements stand on two, and XML has none.
    fn of(element: Element<'_>) -> Self {
        match local(&element.name) {
            CHARACTERISTIC => Self::Characteristic(Characteristic {
                attributes: element.attributes.into_iter().map(Attribute::into_owned).collect(),
                content: element
                    .children
                    .into_iter()
                    .filter_map(|child| match child {
                        Node::Element(child) => Some(Self::of(child)),
                        _ => None,
                    })
                    .collect(),
            }),
            PARM if element.children.is_empty() => Self::Parm(Parm {
                attributes: element.attributes.into_iter().map(OwnAttribute::of).collect(),
            }),
            _ => Self::Other(element.into_owned()),
        }
    }

    fn to_node(&self) -> Node<'static> {
        Node::Element(match self {
            Self::Parm(parm) => {
                let mut element = Element::new(provisioning::PARM);
                element.attributes = parm.attributes.iter().filter_map(OwnAttribute::to_attribute).collect();
                element
            }
            Self::Characteristic(own) => {
                let mut element = Element::new(provisioning::CHARACTERISTIC);
                element.attributes.clone_from(&own.attributes);
                element.children = own.content.iter().map(Self::to_node).collect();
                element
            }
            Self::Other(element) => element.clone(),
        })
    }
}

/// `characteristic`: parameters of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Characteristic {
    /// Its attributes; `type` is the only one there should be.
    pub attributes: Vec<Attribute<'static>>,
    /// What it holds, in its order.
    pub content: Vec<ProvisioningItem>,
}

impl Characteristic {
    /// One of this type, without content.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::NotText`] for what XML cannot carry.
    pub fn new(kind: &str) -> Result<Self, BootstrapError> {
        let attribute = Attribute::new("type", kind.to_owned());
        let attribute = attribute.ok_or(BootstrapError::new(BootstrapErrorKind::NotText))?;
        Ok(Self { attributes: Vec::from([attribute]), content: Vec::new() })
    }

    /// The same with one more parameter.
    #[must_use]
    pub fn with_parm(mut self, parm: Parm) -> Self {
        self.content.push(ProvisioningItem::Parm(parm));
        self
    }

    /// The same with one more characteristic in it.
    #[must_use]
    pub fn with(mut self, characteristic: Self) -> Self {
        self.content.push(ProvisioningItem::Characteristic(characteristic));
        self
    }

    /// Its type; empty if it has none.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.attributes.iter().find(|attribute| attribute.name() == "type").map_or("", Attribute::value)
    }

    /// Its parameters.
    pub fn parms(&self) -> impl Iterator<Item = &Parm> {
        self.content.iter().filter_map(|item| match item {
            ProvisioningItem::Parm(parm) => Some(parm),
            _ => None,
        })
    }

    /// The values of the parameters of a name, of either case; empty where they have none.
    pub fn values<'c>(&'c self, name: &'c str) -> impl Iterator<Item = &'c str> {
        self.parms()
            .filter(move |parm| parm.name().eq_ignore_ascii_case(name))
            .map(|parm| parm.value().unwrap_or_default())
    }

    /// The value of the first parameter of a name.
    #[must_use]
    pub fn value<'c>(&'c self, name: &'c str) -> Option<&'c str> {
        self.values(name).next()
    }

    /// The characteristics directly in it.
    pub fn characteristics(&self) -> impl Iterator<Item = &Self> {
        characteristics(&self.content)
    }

    /// Those of a type, of either case.
    pub fn characteristics_of<'c>(&'c self, kind: &'c str) -> impl Iterator<Item = &'c Self> {
        self.characteristics().filter(move |own| own.kind().eq_ignore_ascii_case(kind))
    }
}

/// `parm`: a name and a value. Wiped on drop; the values of secrets are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Parm {
    attributes: Vec<OwnAttribute>,
}

/// An attribute that can be wiped.
#[derive(Clone, PartialEq, Eq)]
struct OwnAttribute {
    namespace: String,
    name: String,
    value: String,
}

impl OwnAttribute {
    fn of(attribute: Attribute<'_>) -> Self {
        let text = |text: &str| text.to_string();
        Self {
            namespace: text(attribute.namespace()),
            name: text(attribute.name()),
            value: text(attribute.value()),
        }
    }

    fn to_attribute(&self) -> Option<Attribute<'static>> {
        Attribute::new(self.name.clone(), self.value.clone())?.with_namespace(self.namespace.clone())
    }
}

impl Drop for OwnAttribute {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl Parm {
    /// A parameter with a value.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::NotText`] for what XML cannot carry.
    pub fn new(name: &str, value: &str) -> Result<Self, BootstrapError> {
        let mut parm = Self::flag(name)?;
        if !is_xml_text(value) {
            return Err(BootstrapError::new(BootstrapErrorKind::NotText));
        }
        parm.push("value", value);
        Ok(parm)
    }

    /// A parameter without a value.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn flag(name: &str) -> Result<Self, BootstrapError> {
        if !is_xml_text(name) {
            return Err(BootstrapError::new(BootstrapErrorKind::NotText));
        }
        let mut parm = Self { attributes: Vec::new() };
        parm.push("name", name);
        Ok(parm)
    }

    fn push(&mut self, name: &str, value: &str) {
        self.attributes.push(OwnAttribute {
            namespace: String::new(),
            name: name.to_string(),
            value: value.to_string(),
        });
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|own| own.name == name && own.namespace.is_empty())
            .map(|own| own.value.as_str())
    }

    /// Its name; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.attribute("name").unwrap_or_default()
    }

    /// Its value, if it has one.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.attribute("value")
    }

    /// Whether its value is a password, a key or a nonce.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        ["AAUTHSECRET", "AAUTHDATA", "AUTHSECRET", "PXAUTH-PW", "PROXY-PW", "BASAUTH-PW", "PASSWORD"]
            .iter()
            .any(|secret| secret.eq_ignore_ascii_case(self.name()))
    }
}

/// Shows no secrets.
impl fmt::Debug for Parm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            None => f.write_str(self.name()),
            Some(_) if self.is_secret() => write!(f, "{}=(hidden)", self.name()),
            Some(value) => write!(f, "{}={value:?}", self.name()),
        }
    }
}

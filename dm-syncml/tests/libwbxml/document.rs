//! What is handed to libwbxml, and what has to come back.

use dm_syncml::elements::{Limits, WbxmlVersion};
use dm_syncml::{DecodeError, DecodeOptions, EncodeOptions, Encoding, Fragment, Message, Quirks};
use dm_wbxml::xml::{self, Leniencies};

use crate::elements;
use crate::tool::Tool;

/// A document, typed as far as types go.
#[derive(Clone, Debug)]
pub(crate) enum Document {
    Message(Box<Message<'static>>),
    Fragment(Fragment<'static>),
    /// Not of DM, or not to be read as it: elements, as XML.
    Elements(Vec<u8>),
}

impl Document {
    /// A message, else commands without a header, read with all quirks.
    pub(crate) fn typed(encoding: Encoding, octets: &[u8]) -> Result<Self, DecodeError> {
        Self::typed_with(encoding, octets, Quirks::FIELD)
    }

    fn typed_with(encoding: Encoding, octets: &[u8], quirks: Quirks) -> Result<Self, DecodeError> {
        let options = DecodeOptions::new().with_quirks(quirks);
        match Message::decode(encoding, octets, &options) {
            Ok(message) => Ok(Self::Message(Box::new(message.into_owned()))),
            Err(error) => Fragment::decode(encoding, octets, &options)
                .map(|fragment| Self::Fragment(fragment.into_owned()))
                .map_err(|_| error),
        }
    }

    /// Elements, whatever they are, if both encodings can be made of them.
    pub(crate) fn elements(
        encoding: Encoding,
        octets: &[u8],
        leniencies: Leniencies,
    ) -> Result<Self, dm_wbxml::Error> {
        let strict = xml::Options::new(Limits::DEFAULT);
        let to_wbxml = |xml: &[u8], read| dm_wbxml::xml_to_wbxml(xml, None, WbxmlVersion::V1_2, read);
        let wbxml = match encoding {
            Encoding::Wbxml => octets.to_vec(),
            _ => to_wbxml(octets, strict.with_leniencies(leniencies))?,
        };
        let xml = dm_wbxml::wbxml_to_xml(&wbxml, None, Limits::DEFAULT)?;
        to_wbxml(&xml, strict)?;
        Ok(Self::Elements(xml))
    }

    /// What is written here is read strictly.
    pub(crate) fn read_xml(octets: &[u8]) -> Self {
        Self::typed_with(Encoding::Xml, octets, Quirks::STRICT)
            .unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(octets)))
    }

    pub(crate) fn encode(&self, encoding: Encoding, options: &EncodeOptions) -> Vec<u8> {
        match (self, encoding) {
            (Self::Message(message), _) => message.encode_with(encoding, options),
            (Self::Fragment(fragment), _) => fragment.encode_with(encoding, options),
            (Self::Elements(xml), Encoding::Wbxml) => {
                let read = xml::Options::new(Limits::DEFAULT);
                dm_wbxml::xml_to_wbxml(xml, None, options.wbxml_version, read).expect("it was written before")
            }
            (Self::Elements(xml), _) => xml.clone(),
        }
    }

    /// The first difference from what `octets` say, or why they say nothing.
    fn compare(&self, encoding: Encoding, octets: &[u8]) -> Result<(), String> {
        let first = match self {
            Self::Elements(xml) => {
                let other =
                    Self::elements(encoding, octets, Leniencies::NONE).map_err(|error| error.to_string())?;
                let Self::Elements(other) = other else { return Err("no elements".into()) };
                return elements::compare(xml, &other);
            }
            Self::Message(message) => {
                let other = Message::decode(encoding, octets, &DecodeOptions::new());
                message.differences(&other.map_err(|error| error.to_string())?).next()
            }
            Self::Fragment(fragment) => {
                let other = Fragment::decode(encoding, octets, &DecodeOptions::new());
                fragment.differences(&other.map_err(|error| error.to_string())?).next()
            }
        };
        first.map_or(Ok(()), |difference| Err(difference.to_string()))
    }
}

/// A document, how it is written, and how the tool is called.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) document: Document,
    pub(crate) options: EncodeOptions,
    pub(crate) switches: &'static [&'static str],
}

impl Given {
    /// Has `tool` read what is written here, and reads what it writes.
    pub(crate) fn through(&self, tool: Tool) -> Result<(), String> {
        let (from, to) = match tool {
            Tool::WbxmlToXml => (Encoding::Wbxml, Encoding::Xml),
            Tool::XmlToWbxml => (Encoding::Xml, Encoding::Wbxml),
        };
        let output = tool.run(self.switches, &self.document.encode(from, &self.options))?;
        self.document.compare(to, &output)
    }

    /// Takes something out of the document, as XML.
    pub(crate) fn edit(&mut self, edit: impl FnOnce(&str) -> String) {
        let xml = self.document.encode(Encoding::Xml, &EncodeOptions::new());
        let edited = edit(str::from_utf8(&xml).expect("XML is UTF-8")).into_bytes();
        self.document = match &self.document {
            Document::Elements(_) => Document::Elements(edited),
            _ => Document::read_xml(&edited),
        };
    }
}

//! What libwbxml 0.11.8 does wrong, as far as it gets in the way of comparing.

use dm_syncml::DocumentCarriage;

use crate::document::{Document, Given};
use crate::elements;
use crate::tool::Tool;

/// A defect, and how to keep away from it.
pub(crate) struct Defect {
    pub(crate) tool: Tool,
    pub(crate) name: &'static str,
    /// Takes out of a document, or of the way it is written, what the tool gets wrong.
    pub(crate) avoid: fn(&mut Given),
    /// A document that shows it.
    pub(crate) sample: Sample,
}

/// A document as XML.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sample {
    Typed(&'static str),
    Elements(&'static str),
}

impl Sample {
    pub(crate) fn document(self) -> Document {
        match self {
            Self::Typed(xml) => Document::read_xml(xml.as_bytes()),
            Self::Elements(xml) => Document::Elements(xml.into()),
        }
    }
}

/// All of them. Each entry is proven by its sample, and by a file that needs it.
pub(crate) const DEFECTS: &[Defect] = &[
    Defect {
        tool: Tool::WbxmlToXml,
        name: "tokens of the tree's page are unknown inside a message",
        avoid: |given| given.options = given.options.with_documents(DocumentCarriage::Wbxml),
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Meta><Type xmlns='syncml:metinf'>\
                 application/vnd.syncml.dmtnds+xml</Type></Meta><Data><MgmtTree xmlns='syncml:dmddf1.2'>\
                 <VerDTD>1.2</VerDTD></MgmtTree></Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::WbxmlToXml,
        name: "attributes without a token are left out",
        avoid: |given| given.edit(elements::without_attributes),
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data><a xmlns='' b='c'/></Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::WbxmlToXml,
        name: "text before an element in Data opens a CDATA section that is not closed",
        avoid: |given| given.edit(elements::without_indentation),
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data> <a xmlns=''/></Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::WbxmlToXml,
        name: "the end of a CDATA section in the text of a CDATA section is not split",
        avoid: |given| given.edit(|xml| xml.replace("]]&gt;", "]] &gt;")),
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data>]]&gt;&amp;lt;</Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::WbxmlToXml,
        name: "carriage returns are not escaped",
        avoid: |given| given.edit(|xml| xml.replace("&#13;", "")),
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data>a&#13;\nb</Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::WbxmlToXml,
        name: "a document inside is opened only where its Type says so, else its octets stand in the XML",
        avoid: |given| given.edit(with_types),
        sample: Sample::Elements(
            "<Put xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data><DevInf xmlns='syncml:devinf'><DevID>\u{A0}</DevID></DevInf></Data></Item></Put>",
        ),
    },
    Defect {
        tool: Tool::XmlToWbxml,
        name: "line feeds in the Data of Add and Replace become two characters",
        avoid: |given| given.edit(|xml| xml.replace(['\r', '\n'], " ")),
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data>a\nb</Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::XmlToWbxml,
        name: "attributes of elements without a token are left out",
        avoid: |given| given.edit(elements::without_attributes),
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data><a xmlns='' b='c'/></Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::XmlToWbxml,
        name: "without automatic string table there is none at all, and names without a token cannot be written",
        avoid: |given| given.switches = if given.switches.contains(&"-k") { &["-k"] } else { &[] },
        sample: Sample::Typed(
            "<Add xmlns='SYNCML:SYNCML1.2'><CmdID>1</CmdID><Item><Data><a xmlns=''/></Data></Item></Add>",
        ),
    },
    Defect {
        tool: Tool::XmlToWbxml,
        name: "the string table is said to be as long as its strings were before they were trimmed",
        avoid: |given| given.edit(elements::trimmed),
        sample: Sample::Elements(
            "<Get xmlns='SYNCML:SYNCML1.2'><CmdID> some text </CmdID><CmdID> some text </CmdID></Get>",
        ),
    },
];

/// `xml` with a Type before each document that has none.
fn with_types(xml: &str) -> String {
    let meta = "<Meta><Type xmlns=\"syncml:metinf\">application/vnd.syncml-devinf+wbxml</Type></Meta>";
    xml.replace("<Item><Data><DevInf", &format!("<Item>{meta}<Data><DevInf"))
}

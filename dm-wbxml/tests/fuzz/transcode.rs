//! Any octets as a document of either encoding, into the other one and back.

use dm_wbxml::wbxml::{self, Listing, StringTable, TableWriter, Version, Writer};
use dm_wbxml::xml::{Leniencies, Options, Reader};
use dm_wbxml::{
    Element, Error, ErrorKind, Event, Limits, PublicId, SYNCML_1_2, Source, wbxml_to_xml, xml_to_wbxml,
};

/// Once through both encodings a document stays what it is, and what one encoding could carry fails for its size only.
pub(crate) fn run(data: &[u8]) {
    let lines = Listing::new(data, &SYNCML_1_2, Limits::DEFAULT).count();
    assert!(lines <= data.len() + 1, "{lines} lines of {} octets", data.len());

    let is_wbxml = matches!(data.first(), Some(0..=3));
    let first = if is_wbxml {
        wbxml_to_xml(data, None, Limits::DEFAULT)
    } else {
        let lenient = Options::default().with_leniencies(Leniencies::ALL);
        xml_to_wbxml(data, None, Version::V1_2, lenient)
            .and_then(|wbxml| wbxml_to_xml(&wbxml, None, Limits::DEFAULT))
    };
    let xml = match first {
        Ok(xml) => xml,
        Err(error) => return assert!(error.offset() <= data.len() * 64, "{error}"),
    };
    let Some(second) = there_and_back(&xml) else { return };
    meaning(&second).as_ref().map(says_the_same_with_its_own_table);
    let Some(third) = there_and_back(&second) else { return };
    assert_eq!(meaning(&second), meaning(&third));
}

/// From XML to WBXML and to XML again; `None` where a limit or an unknown root forbids it.
fn there_and_back(xml: &[u8]) -> Option<Vec<u8>> {
    let wbxml = accept(xml_to_wbxml(xml, None, Version::V1_3, Options::default()), xml)?;
    accept(wbxml_to_xml(&wbxml, None, Limits::DEFAULT), &wbxml)
}

fn accept(result: Result<Vec<u8>, Error>, input: &[u8]) -> Option<Vec<u8>> {
    match result {
        Ok(output) => Some(output),
        Err(error) => {
            let excused = error.kind().is_limit() || *error.kind() == ErrorKind::CodeSpace;
            assert!(excused, "{error}: {}", String::from_utf8_lossy(input));
            None
        }
    }
}

/// A string table changes nothing but the size, and that for the better.
fn says_the_same_with_its_own_table(element: &Element<'_>) {
    let (mut plain, mut names) = (Vec::new(), StringTable::new());
    element.encode(&mut names);
    let mut writer = Writer::new(&mut plain, Version::V1_3, PublicId::UNKNOWN, &names);
    element.encode(&mut writer);
    assert!(writer.finish());
    let mut writer = TableWriter::new(Version::V1_3, PublicId::UNKNOWN);
    element.encode(&mut writer);
    let (mut own, size) = (Vec::new(), writer.clone().into_size());
    writer.finish(&mut own);
    assert_eq!(own.len(), size);
    // A writer with a given table looks every text up, one that makes its own only those that are not too long.
    assert!(size <= plain.len() || names.octets().len() > 1024);
    let read = |document: &[u8]| {
        let mut reader = wbxml::Reader::new(document, &SYNCML_1_2, Limits::DEFAULT).ok()?;
        let Ok(Some(Event::Start(name))) = reader.next() else { return None };
        Element::decode(&mut reader, name).ok().map(Element::into_owned)
    };
    if let Some(plain) = read(&plain) {
        assert_eq!(read(&own), Some(plain));
    }
}

/// The elements of an XML document, without regard to how text is cut and quoted.
fn meaning(xml: &[u8]) -> Option<Element<'_>> {
    let mut reader = Reader::new(xml, &SYNCML_1_2, Options::default()).ok()?;
    let Ok(Some(Event::Start(name))) = reader.next() else { return None };
    Element::decode(&mut reader, name).ok()
}

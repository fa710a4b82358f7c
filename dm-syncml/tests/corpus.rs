//! Real messages of other software.
#![cfg(feature = "xml")]
#![expect(clippy::print_stdout, reason = "says what was read")]

mod manifest;

use std::collections::BTreeMap;

use dm_syncml::elements::Limits;
use dm_syncml::{
    DecodeError, DecodeOptions, Difference, DocumentCarriage, EncodeOptions, Encoding, Fragment, Message,
    Printer, Quirks,
};
use dm_wbxml::wbxml::Version;
use dm_wbxml::xml::{Leniencies, Options};
use dm_wbxml::{wbxml_to_xml, xml_to_wbxml};

use manifest::{Entry, corpus};

/// Messages of DM that no profile reads: the kind of the error, and what is wrong with them.
const UNREADABLE: &[(&str, &str, &str)] = &[(
    "syncml-xml/dm__mscsp__windows-client-management-mdm-device-update-management.xml",
    "repeated",
    "one Replace holds three commands with their CmdIDs",
)];

/// Messages of data synchronization that do not transcode: the kind of the error, and what is wrong with them.
const UNTRANSCODABLE: &[(&str, &str, &str)] = &[(
    "pairs/synrc__apps-simple_sync-test-example.wbxml",
    "outside-root",
    "octets stand behind the root element",
)];

/// Malformed documents that can be read all the same, and the quirks it takes.
const READ_ALL_THE_SAME: &[(&str, &str)] = &[
    ("malformed/aosp-omadm__engine-dmlib-linux_java-test-dm11-testalertconfirm.xml", "bare-ampersands"),
    (
        "malformed/aosp-omadm__engine-dmlib-linux_java-test-dm11-testalertmultiplechoice.xml",
        "bare-ampersands",
    ),
    ("malformed/aosp-omadm__engine-dmlib-linux_java-test-dm12-testalertconfirm.xml", "bare-ampersands"),
    ("malformed/aosp-omadm__engine-dmlib-linux_java-test-dm12-testalertsinglechoice.xml", "bare-ampersands"),
    ("malformed/aosp-omadm__engine-dmlib-linux_java-test-dm12-testalerttextinput.xml", "bare-ampersands"),
    (
        "malformed/fleetfork__profile-XML-with-root-element-inside-Target.xml",
        "no-namespace, inner-declarations, missing-cmd-id",
    ),
    (
        "malformed/mscsp__protection-windows-information-protection-collect-wip-audit-event-logs-2.xml",
        "no-namespace, inner-declarations, empty-header",
    ),
    (
        "malformed/mscsp__protection-windows-information-protection-collect-wip-audit-event-logs-3.xml",
        "no-namespace, inner-declarations, empty-header",
    ),
    (
        "malformed/mscsp__windows-client-management-mdm-enterprisedesktopappmanagement-csp.xml",
        "no-namespace, empty-header",
    ),
];

/// Pairs that differ, and where: whoever wrote the WBXML dropped line breaks at the end of Data.
const DIFFERENT: &[(&str, &str)] = &[
    ("pairs/dm11-testoutput11-2.wbxml", "SyncBody/Results[2]/Item/Data"),
    ("pairs/dm12-testoutput12-3.wbxml", "SyncBody/Results[2]/Item/Data"),
];

impl Entry {
    fn decode(&self, quirks: Quirks) -> Result<(Document<'_>, Quirks), DecodeError> {
        Document::decode(self.encoding(), &self.octets, quirks)
    }
}

/// What a file holds.
#[allow(clippy::large_enum_variant, reason = "there are few at a time")]
enum Document<'a> {
    Message(Message<'a>),
    Fragment(Fragment<'a>),
}

impl<'a> Document<'a> {
    /// As a message, else as commands without a header.
    fn decode(encoding: Encoding, octets: &'a [u8], quirks: Quirks) -> Result<(Self, Quirks), DecodeError> {
        let options = DecodeOptions::new().with_quirks(quirks);
        let error = match Message::decode_reporting(encoding, octets, &options) {
            Ok((message, met)) => return Ok((Self::Message(message), met)),
            Err(error) => error,
        };
        assert!(error.offset() <= octets.len() && !error.to_string().is_empty());
        let (fragment, met) = Fragment::decode_reporting(encoding, octets, &options)?;
        Ok((Self::Fragment(fragment), met))
    }

    fn encode(&self, encoding: Encoding, options: &EncodeOptions) -> Vec<u8> {
        let (octets, len) = match self {
            Self::Message(message) => {
                (message.encode_with(encoding, options), message.encoded_len(encoding, options))
            }
            Self::Fragment(fragment) => {
                (fragment.encode_with(encoding, options), fragment.encoded_len(encoding, options))
            }
        };
        assert_eq!(octets.len(), len, "the size is known before");
        octets
    }

    fn differences(&self, other: &Document<'_>) -> Vec<Difference> {
        match (self, other) {
            (Self::Message(left), Document::Message(right)) => left.differences(right).collect(),
            (Self::Fragment(left), Document::Fragment(right)) => left.differences(right).collect(),
            _ => panic!("a header is there or not"),
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Message(message) => Printer::new().message(message).to_string(),
            Self::Fragment(fragment) => Printer::new().fragment(fragment).to_string(),
        }
    }
}

/// As a tool converts: trees as elements in XML, as documents of their own in WBXML.
fn convert(document: &Document<'_>, to: Encoding) -> Vec<u8> {
    let documents = match to {
        Encoding::Wbxml => DocumentCarriage::Wbxml,
        _ => DocumentCarriage::Inline,
    };
    document.encode(to, &EncodeOptions::new().with_documents(documents))
}

/// To the other encoding and back it is the same message.
fn converts(entry: &Entry, document: &Document<'_>) {
    let own = entry.encoding();
    let other = if own == Encoding::Xml { Encoding::Wbxml } else { Encoding::Xml };
    let there = convert(document, other);
    // What was wrong is right when it is written again.
    let (converted, met) = Document::decode(other, &there, Quirks::STRICT)
        .unwrap_or_else(|error| panic!("{} as {other}: {error}", entry.file));
    assert!(met.is_empty());
    assert_eq!(document.differences(&converted), [], "{} as {other}", entry.file);
    let back = convert(&converted, own);
    let (again, _) = Document::decode(own, &back, Quirks::STRICT)
        .unwrap_or_else(|error| panic!("{} back as {own}: {error}", entry.file));
    assert_eq!(document.differences(&again), [], "{} back as {own}", entry.file);
    assert_eq!(convert(&again, other), there, "{} is stable", entry.file);
}

/// Every message of DM is read under FIELD or listed; converted to the other encoding, and back, it is the same message.
#[test]
fn messages_of_dm_decode_and_convert() {
    let (mut messages, mut fragments, mut strictly, mut refused) = (0, 0, 0, 0);
    let mut quirks = BTreeMap::new();
    for entry in corpus().iter().filter(|entry| entry.is_dm && entry.is_syncml()) {
        let defect = UNREADABLE.iter().find(|(file, ..)| *file == entry.file);
        let (document, met) = match (entry.decode(Quirks::FIELD), defect) {
            (Ok(read), None) => read,
            (Err(error), Some((file, kind, why))) => {
                assert_eq!(error.kind().name(), *kind, "{file}: {error}");
                println!("{file}: {error} ({why})");
                refused += 1;
                continue;
            }
            (Ok(_), Some((file, ..))) => panic!("{file} can be read"),
            (Err(error), None) => panic!("{}: {error}", entry.file),
        };
        match document {
            Document::Message(_) => messages += 1,
            Document::Fragment(_) => fragments += 1,
        }
        strictly += usize::from(met.is_empty());
        for quirk in met.iter().filter_map(Quirks::name) {
            *quirks.entry(quirk).or_insert(0) += 1;
        }
        converts(entry, &document);
    }
    println!(
        "{messages} messages and {fragments} fragments of DM decoded, {strictly} strictly, {refused} refused"
    );
    println!("quirks: {quirks:?}");
    if messages > 0 {
        assert_eq!(refused, UNREADABLE.len());
    }
}

#[test]
fn pairs_are_the_same_messages() {
    let corpus = corpus();
    let (mut pairs, mut differ) = (0, 0);
    for entry in corpus.iter().filter(|entry| entry.is_dm && entry.is_syncml()) {
        let Some(name) = &entry.pair_of else { continue };
        let Some(original) = corpus.iter().find(|entry| entry.file == *name) else { continue };
        assert_ne!(entry.encoding(), original.encoding());
        let read =
            |entry: &'_ Entry| entry.decode(Quirks::FIELD).map(|(document, _)| document.print()).is_ok();
        assert!(read(entry) && read(original), "{}", entry.file);
        let (left, _) = entry.decode(Quirks::FIELD).unwrap();
        let (right, _) = original.decode(Quirks::FIELD).unwrap();
        let places: Vec<_> =
            left.differences(&right).iter().map(|difference| difference.path().to_owned()).collect();
        let expected: Vec<_> = DIFFERENT
            .iter()
            .filter(|(file, _)| entry.file.ends_with(file.trim_start_matches("pairs/")))
            .map(|(_, path)| (*path).to_owned())
            .collect();
        assert_eq!(places, expected, "{} and {name}", entry.file);
        pairs += 1;
        differ += usize::from(!places.is_empty());
    }
    println!("{pairs} pairs of DM compared, {differ} of them differ where the list says so");
    assert!(corpus.is_empty() || (pairs > 15 && differ == DIFFERENT.len()), "{pairs} {differ}");
}

/// Messages of data synchronization are not what this crate types; as elements they go through either encoding.
#[test]
fn messages_of_data_synchronization_transcode() {
    let (corpus, mut there, mut typed) = (corpus(), 0, 0);
    let mut refused = Vec::new();
    let options = Options::default().with_leniencies(Leniencies::ALL);
    for entry in corpus.iter().filter(|entry| !entry.is_dm && entry.is_syncml()) {
        let to_wbxml = |xml: &[u8]| xml_to_wbxml(xml, None, Version::V1_2, options);
        let to_xml = |wbxml: &[u8]| wbxml_to_xml(wbxml, None, Limits::DEFAULT);
        let first = match entry.encoding() {
            Encoding::Wbxml => to_xml(&entry.octets).map(|xml| to_wbxml(&xml).unwrap()),
            _ => to_wbxml(&entry.octets),
        };
        let first = match first {
            Ok(first) => first,
            Err(error) => {
                refused.push((entry.file.as_str(), error.kind().name()));
                println!("{}: {error}", entry.file);
                continue;
            }
        };
        let xml = to_xml(&first).unwrap();
        assert!(to_wbxml(&xml).unwrap() == first, "{} is not stable", entry.file);
        there += 1;
        // Many lack what DM demands; the others convert like any message.
        if let Ok((document, _)) = entry.decode(Quirks::FIELD) {
            typed += 1;
            converts(entry, &document);
        }
    }
    println!("{typed} of them have what a message of DM must have, and convert");
    println!("{there} messages of data synchronization went there and back, {} refused", refused.len());
    if !corpus.is_empty() {
        let expected: Vec<_> = UNTRANSCODABLE.iter().map(|(file, kind, _)| (*file, *kind)).collect();
        assert_eq!(refused, expected);
    }
}

/// What is malformed is refused strictly; under FIELD it is refused or listed.
#[test]
fn malformed_documents_are_refused() {
    let (corpus, mut refused) = (corpus(), 0);
    let mut read = Vec::new();
    for entry in corpus.iter().filter(|entry| entry.kind.starts_with("malformed")) {
        assert!(entry.decode(Quirks::STRICT).is_err(), "{} is read strictly", entry.file);
        match entry.decode(Quirks::FIELD) {
            Ok((_, met)) => read.push((entry.file.as_str(), met.to_string())),
            Err(error) => {
                refused += 1;
                println!("{} ({}): {error}", entry.file, entry.kind);
            }
        }
    }
    println!("{refused} malformed documents refused, {} read all the same", read.len());
    if !corpus.is_empty() {
        let read: Vec<_> = read.iter().map(|(file, met)| (*file, met.as_str())).collect();
        assert_eq!(read, READ_ALL_THE_SAME);
    }
}

/// None of the quirks is made up.
#[test]
fn each_quirk_is_met_in_the_field() {
    let corpus = corpus();
    let mut met = BTreeMap::new();
    for entry in &corpus {
        for quirk in entry.decode(Quirks::FIELD).into_iter().flat_map(|(_, met)| met.iter()) {
            *met.entry(quirk.name().expect("one quirk has a name")).or_insert(0) += 1;
        }
    }
    println!("files that need a quirk: {met:?}");
    let unmet: Vec<_> =
        Quirks::FIELD.iter().filter_map(Quirks::name).filter(|name| !met.contains_key(name)).collect();
    assert!(corpus.is_empty() || unmet.is_empty(), "{unmet:?}");
}

/// Any file, as any encoding, under any profile: a message, or an error, and never more. What is read can be shown and written.
#[test]
fn nothing_panics_under_any_profile() {
    let (mut files, mut read, mut refused) = (0, 0, 0);
    for entry in corpus() {
        files += 1;
        for (_, quirks) in Quirks::PROFILES {
            for encoding in [Encoding::Wbxml, Encoding::Xml] {
                match Document::decode(encoding, &entry.octets, *quirks) {
                    Ok((document, _)) => {
                        read += 1;
                        assert!(!document.print().is_empty());
                        assert_eq!(document.differences(&document), [], "{}", entry.file);
                        convert(&document, Encoding::Xml);
                        convert(&document, Encoding::Wbxml);
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    println!("{files} files under every profile in both encodings: {read} read, {refused} refused");
}

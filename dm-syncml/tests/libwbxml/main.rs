//! Beside libwbxml, the codec that most peers have inside: it reads all WBXML that is written here as what it is, and what it writes
//! is read here as what it is. Except where libwbxml is at fault, which `defects.rs` lists and this test proves, one by one.
//!
//! Runs Debian's `wbxml2xml` and `xml2wbxml`. Without them it passes by and says so, unless `CI` or `DM_PEERS=required` is set.
//! `DM_CORPUS` adds the real messages of other software.
#![cfg(feature = "xml")]
#![expect(clippy::print_stdout, reason = "says what was compared")]

mod defects;
mod document;
mod elements;
mod files;
#[path = "../manifest/mod.rs"]
#[allow(dead_code, reason = "pairs and kinds are for others")]
mod manifest;
mod required;
mod tool;

use std::collections::{BTreeMap, BTreeSet};

use dm_syncml::elements::WbxmlVersion;
use dm_syncml::{DocumentCarriage, EncodeOptions, StringTables, TextCarriage};

use defects::{DEFECTS, Defect};
use document::{Document, Given};
use files::{DM_FILES, File};
use tool::Tool;

/// Every way a message is written.
fn dresses() -> Vec<(&'static str, EncodeOptions)> {
    let plain = EncodeOptions::new();
    let table = plain.with_string_tables(StringTables::Automatic);
    vec![
        ("plain", plain),
        ("string table", table),
        ("string table, WBXML 1.3", table.with_wbxml_version(WbxmlVersion::V1_3)),
        ("string table, WBXML 1.1", table.with_wbxml_version(WbxmlVersion::V1_1)),
        ("sections", plain.with_text(TextCarriage::Section)),
        ("sections, string table", table.with_text(TextCarriage::Section)),
        ("trees inline", plain.with_documents(DocumentCarriage::Inline)),
        ("trees as WBXML", plain.with_documents(DocumentCarriage::Wbxml)),
        ("trees as WBXML, string table", table.with_documents(DocumentCarriage::Wbxml)),
        ("trees as XML", plain.with_documents(DocumentCarriage::Xml)),
    ]
}

/// How `tool` is called: with and without a string table, where it writes one. Of typed documents all white space is kept (`-k`); in
/// others there is no telling which of it matters.
fn calls(tool: Tool, document: &Document) -> &'static [&'static [&'static str]] {
    match (tool, document) {
        (Tool::WbxmlToXml, _) => &[&["-m", "0", "-k"]],
        (Tool::XmlToWbxml, Document::Elements(_)) => &[&["-n"], &["-v", "1.3"]],
        (Tool::XmlToWbxml, _) => &[&["-k", "-n"], &["-k", "-v", "1.3"]],
    }
}

/// What was compared, and which defects that needed.
#[derive(Default)]
struct Outcome {
    compared: usize,
    needed: BTreeMap<&'static str, BTreeSet<String>>,
    wrong: Vec<String>,
}

impl Outcome {
    /// `document` through `tool`, in every dress and every way to call it.
    fn compare(&mut self, name: &str, document: &Document, tool: Tool) {
        let dresses = dresses();
        // Elements without types are written in one way only.
        let dresses = if matches!(document, Document::Elements(_)) { &dresses[..1] } else { &dresses };
        for (dress, options) in dresses {
            for switches in calls(tool, document) {
                let given = Given { document: document.clone(), options: *options, switches };
                self.compared += 1;
                match needed(&given, tool) {
                    Ok(defects) => {
                        for defect in defects {
                            self.needed.entry(defect.name).or_default().insert(name.to_owned());
                        }
                    }
                    Err(why) => {
                        self.wrong.push(format!("{name} as {dress} through {tool} {switches:?}: {why}"))
                    }
                }
            }
        }
    }

    /// # Panics
    ///
    /// When something was not equal.
    fn conclude(&self, what: &str) {
        println!("{}: {} comparisons with libwbxml", what, self.compared);
        for (defect, files) in &self.needed {
            println!("  {defect}: {}", files.len());
        }
        assert!(self.wrong.is_empty(), "{what}: {} not equal\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

/// The fewest defects that have to be kept away from for `tool` to give back what it was given; none where it just does.
fn needed(given: &Given, tool: Tool) -> Result<Vec<&'static Defect>, String> {
    let Err(why) = given.through(tool) else { return Ok(Vec::new()) };
    let candidates: Vec<&Defect> = DEFECTS.iter().filter(|defect| defect.tool == tool).collect();
    let mut sets: Vec<u32> = (1..1 << candidates.len()).collect();
    sets.sort_by_key(|set| set.count_ones());
    for set in sets {
        let chosen = || candidates.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1).map(|(_, it)| *it);
        let mut given = given.clone();
        chosen().for_each(|defect| (defect.avoid)(&mut given));
        if given.through(tool).is_ok() {
            return Ok(chosen().collect());
        }
    }
    Err(why)
}

fn compare_all(what: &str, files: &[File]) -> Outcome {
    let mut outcome = Outcome::default();
    for file in files {
        for tool in [Tool::WbxmlToXml, Tool::XmlToWbxml] {
            outcome.compare(&file.name, &file.document, tool);
        }
    }
    outcome.conclude(what);
    outcome
}

#[test]
fn libwbxml_and_we_understand_each_other() {
    if !tool::both_are_here() {
        return;
    }
    let mut outcome = compare_all("session vectors", &files::session_vectors());
    let Some(real) = files::corpus() else {
        println!("DM_CORPUS is not set: no real messages were compared");
        return;
    };
    let typed = real.iter().filter(|file| file.is_dm).count();
    println!("{} real messages, {typed} of DM", real.len());
    assert!(typed >= DM_FILES, "fewer real messages are compared than were");
    let of_corpus = compare_all("real messages", &real);
    for (defect, files) in of_corpus.needed {
        outcome.needed.entry(defect).or_default().extend(files);
    }
    for defect in DEFECTS {
        assert!(outcome.needed.contains_key(defect.name), "no file needs {:?} any more", defect.name);
    }
}

/// Each defect is one: a small document of its own needs that entry, and no other.
#[test]
fn every_listed_defect_is_there() {
    if !tool::both_are_here() {
        return;
    }
    for defect in DEFECTS {
        let document = defect.sample.document();
        let needed_in_a_call = calls(defect.tool, &document).iter().map(|switches| {
            let given = Given { document: document.clone(), options: EncodeOptions::new(), switches };
            let needed = needed(&given, defect.tool).unwrap_or_else(|why| panic!("{}: {why}", defect.name));
            needed.iter().map(|defect| defect.name).collect::<Vec<_>>()
        });
        let needed: Vec<_> = needed_in_a_call.collect();
        assert!(needed.contains(&vec![defect.name]), "{:?}: {needed:?}", defect.sample);
    }
}

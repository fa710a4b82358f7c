//! Descriptions and serialised trees found in the wild. They are not part of the project: set `DM_CORPUS` to a folder
//! that has them in `ddf` and `tnds`.

#![cfg(feature = "xml")]

use std::path::{Path, PathBuf};

use dm_syncml::Encoding;
use dm_tree::mgmt_tree::{DocumentErrorKind, DocumentOptions, MgmtTree};

/// What cannot be read even with every quirk, and why.
const DEFECTS: &[(&str, &str)] = &[];

fn files(folder: &str) -> Vec<PathBuf> {
    let Some(corpus) = std::env::var_os("DM_CORPUS") else {
        #[expect(clippy::print_stderr, reason = "says that nothing was tested")]
        {
            eprintln!("DM_CORPUS is not set: {folder} not read");
        }
        return Vec::new();
    };
    let folder = PathBuf::from(corpus).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}

/// Reads a file, and it again from what it is written as.
fn read(file: &Path, is_description: bool) -> Option<MgmtTree> {
    let octets = std::fs::read(file).unwrap();
    let defect = DEFECTS.iter().find(|(known, _)| *known == name(file));
    let tree = match (MgmtTree::detect(&octets, &DocumentOptions::FIELD), defect) {
        (Ok(tree), None) => tree,
        (Err(error), Some((_, expected))) => {
            assert_eq!(error.kind().name(), *expected, "{}: {error}", file.display());
            return None;
        }
        (Ok(_), Some(_)) => panic!("{} is not as bad as it is said to be", file.display()),
        (Err(error), None) => panic!("{}: {error}", file.display()),
    };
    assert_eq!(tree.is_description(), is_description, "{}", file.display());
    let strict = DocumentOptions::STRICT;
    let xml = tree.encode(Encoding::Xml);
    match MgmtTree::decode(Encoding::Xml, &xml, &strict) {
        Ok(again) => assert_eq!(again, tree, "{}", file.display()),
        // What a description lacks is still lacking.
        Err(error) => {
            assert!(matches!(error.kind(), DocumentErrorKind::Missing(_)), "{}: {error}", file.display());
            assert_eq!(MgmtTree::decode(Encoding::Xml, &xml, &DocumentOptions::FIELD).unwrap(), tree);
        }
    }
    let wbxml = tree.encode(Encoding::Wbxml);
    let again = MgmtTree::decode(Encoding::Wbxml, &wbxml, &DocumentOptions::FIELD).unwrap();
    assert_eq!(again.encode(Encoding::Wbxml), wbxml, "{}", file.display());
    let element = MgmtTree::from_element(&tree.to_element(), &DocumentOptions::FIELD).unwrap();
    assert_eq!(element, tree, "{}", file.display());
    Some(tree)
}

#[expect(clippy::print_stdout, reason = "counts what was read")]
fn count(folder: &str, is_description: bool) {
    let (mut documents, mut strict, mut nodes, mut extensions) = (0, 0, 0, 0);
    let mut files = files(folder);
    // Among the messages in both encodings there are descriptions too, older than the document type.
    files.retain(|file| {
        folder != "pairs" || name(file).ends_with("root.xml") || name(file).ends_with("subscriber.xml")
    });
    for file in &files {
        let Some(tree) = read(file, is_description) else { continue };
        documents += 1;
        let octets = std::fs::read(file).unwrap();
        match MgmtTree::detect(&octets, &DocumentOptions::STRICT) {
            Ok(_) => strict += 1,
            Err(error) => println!("not strict: {}: {error}", name(file)),
        }
        nodes += tree.nodes().len();
        extensions += tree
            .nodes()
            .iter()
            .map(|node| node.extensions.len() + node.df.as_ref().map_or(0, |df| df.extensions.len()))
            .sum::<usize>();
    }
    println!(
        "{folder}: {} files, {documents} read and written again ({strict} of them strictly), {} known defects, {nodes} nodes, \
         {extensions} elements nobody knows",
        files.len(),
        files.len() - documents
    );
}

#[test]
fn descriptions_are_read() {
    count("ddf", true);
}

#[test]
fn older_descriptions_are_read() {
    count("pairs", true);
}

#[test]
fn serialised_trees_are_read() {
    count("tnds", false);
}

/// Every description makes a schema, and a tree that is as described.
#[test]
#[expect(clippy::print_stdout, reason = "counts what was read")]
fn descriptions_are_put_to_use() {
    let (mut schemas, mut nodes) = (0, 0);
    for file in files("ddf") {
        let Some(document) = read(&file, true) else { continue };
        let mut schema = dm_tree::ddf::Schema::new();
        if let Err(error) = schema.add(&document) {
            let known = TWICE.iter().any(|known| *known == name(&file));
            assert!(known, "{}: {error}", file.display());
            continue;
        }
        let mut tree = dm_tree::Tree::default();
        nodes += schema.instantiate(&mut tree).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let missing: Vec<_> = schema
            .violations(&tree)
            .filter(|violation| violation.kind() != dm_tree::ddf::ViolationKind::Missing)
            .collect();
        assert_eq!(missing, [], "{}", file.display());
        schemas += 1;
    }
    println!("{schemas} schemas, {} with a node described twice, {nodes} nodes to begin with", TWICE.len());
}

/// Descriptions that describe a node twice.
const TWICE: &[&str] = &[];

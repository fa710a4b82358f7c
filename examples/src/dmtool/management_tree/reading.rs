//! Documents of management trees out of files, and trees and schemas out of documents.

use std::path::{Path, PathBuf};

use dm_syncml::Quirks;
use dm_tree::Tree;
use dm_tree::ddf::Schema;
use dm_tree::mgmt_tree::{DocumentError, DocumentOptions, MgmtTree};
use dm_tree::tnds::LoadError;
use dm_tree::{TreeLimits, TreePolicy, UriLimits};

use crate::dmtool::failure::{Described, Failure};
use crate::dmtool::input::{Input, LIMITS};
use crate::dmtool::kind::{Kind, Recognised};
use crate::dmtool::profile::ProfileArg;

/// Nodes of a document: more than any device's, and no engineer's machine is worn out.
const NODES: usize = 1 << 21;

/// How the documents of a profile are read.
fn options(profile: ProfileArg) -> DocumentOptions {
    let base = match profile.quirks {
        Quirks::STRICT => DocumentOptions::STRICT,
        _ => DocumentOptions::FIELD,
    };
    base.with_limits(LIMITS).with_max_nodes(NODES)
}

/// Reads a description or a serialised tree of either encoding, and refuses all else.
pub(in crate::dmtool) fn read(input: &Input, profile: ProfileArg) -> Result<MgmtTree, Failure> {
    let options = options(profile);
    let read = || {
        let recognised = Recognised::new(&input.octets)?;
        if !matches!(recognised.kind, Kind::Tnds | Kind::Ddf) {
            let sentence = format!("a management tree is wanted, this is {}", recognised.kind.described());
            return Err(Failure::unfit("wrong-kind", recognised.root_at, &sentence));
        }
        MgmtTree::detect(&input.octets, &options).map_err(|error| Failure::malformed(&error))
    };
    read().map_err(|failure| failure.in_file(&input.file))
}

/// The schema of all descriptions; `None` when there is none.
pub(super) fn schema(files: &[PathBuf], profile: ProfileArg) -> Result<Option<Schema>, Failure> {
    let mut schema = None;
    for file in files {
        let input = Input::read(file)?;
        let description = read(&input, profile)?;
        let wrong = |sentence: &str| Failure::unfit("schema", 0, sentence).in_file(&input.file);
        if !description.is_description() {
            return Err(wrong("a description (DDF) is wanted, this has no DFProperties"));
        }
        let schema = schema.get_or_insert_with(Schema::new);
        schema.add(&description).map_err(|error| wrong(&error.to_string()))?;
    }
    Ok(schema)
}

/// A tree with room for whatever was read.
pub(in crate::dmtool) fn empty_tree(profile: ProfileArg) -> Tree {
    let limits = TreeLimits::default()
        .with_uri(UriLimits::UNLIMITED)
        .with_max_nodes(NODES)
        .with_max_total_len(1 << 30)
        .with_max_value_len(64 << 20)
        .with_max_child_list_len(64 << 20)
        .with_max_list_items(NODES)
        .with_max_list_len(64 << 20);
    Tree::new(limits).with_policy(TreePolicy::default().with_documents(options(profile)))
}

/// A tree of what is in a file.
pub(in crate::dmtool) fn load(
    file: &Path,
    schema: Option<&Schema>,
    profile: ProfileArg,
) -> Result<Tree, Failure> {
    let input = Input::read(file)?;
    let document = read(&input, profile)?;
    let mut tree = empty_tree(profile);
    tree.load_tnds(&document, schema).map_err(|error| Failure::malformed(&error).in_file(&input.file))?;
    Ok(tree)
}

impl Described for DocumentError {
    fn line(&self) -> String {
        self.to_string()
    }
}

impl Described for LoadError {
    fn line(&self) -> String {
        format!("tree: {self}")
    }
}

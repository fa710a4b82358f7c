//! `dmtool tree run`: what a device with this tree would answer.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use dm_syncml::{EncodeOptions, Encoding};
use dm_tree::{Acl, ServerId};

use crate::dmtool::Answer;
use crate::dmtool::document::Document;
use crate::dmtool::failure::Failure;
use crate::dmtool::input::{Input, write};
use crate::dmtool::profile::ProfileArg;

use super::device::Device;
use super::reading::{load, schema};

/// Runs a message of a server against a tree, and writes what the device answers.
///
/// The tree is what the serialised tree says, no more: its nodes at their Path, or below the root where they have none. They are dynamic unless
/// a description says otherwise, and their access control lists are taken as they stand. Credentials in the message are not looked at: who
/// asks is what --server says.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Run {
    /// The serialised tree to begin with
    #[arg(long, value_name = "TNDS")]
    load: PathBuf,
    /// The access control list of the root, instead of the tree's own, or Add=*&Get=*
    #[arg(long, value_name = "ACL", value_parser = parse_acl)]
    root_acl: Option<Acl>,
    /// A description of the tree; may be given several times
    #[arg(long, value_name = "FILE")]
    ddf: Vec<PathBuf>,
    /// The server that asks, by its identifier
    #[arg(long, value_name = "ID", value_parser = parse_server)]
    server: ServerId,
    /// Where to write the tree that results, secrets and all
    #[arg(long, value_name = "OUT")]
    save: Option<PathBuf>,
    #[command(flatten)]
    profile: ProfileArg,
    /// The message, or a fragment of one, in either encoding
    message: PathBuf,
}

const HELP: &str = "\
Examples:
  dmtool tree run --load device.tnds --server com.example.dm request.wbxml
  dmtool tree run --load device.tnds --root-acl 'Add=*&Get=*&Replace=*' --server S --save after.tnds request.xml

The answer is a SyncML message in XML. Exit codes:
  0  there is an answer, whatever its statuses are
  1  the message, the tree or a description is malformed
  2  wrong usage, or a file that cannot be read or written";

impl Run {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let profile = self.profile;
        let files = self.ddf.iter().chain([&self.load, &self.message]);
        if files.filter(|path| path.as_os_str() == "-").count() > 1 {
            return Err(Failure::usage("only one of the files can be standard input"));
        }
        let schema = schema(&self.ddf, profile)?;
        let mut tree = load(&self.load, schema.as_ref(), profile)?;
        if let Some(acl) = &self.root_acl {
            tree.set_acl(".", acl.clone())
                .map_err(|error| Failure::usage(&format!("--root-acl: {error}")))?;
        }
        let input = Input::read(&self.message)?;
        let document = Document::read(&input, profile)?;
        if let Some(schema) = schema {
            tree.set_schema(Some(Arc::new(schema)));
        }
        let mut device = Device { tree, server: self.server.clone() };
        let answer = device.answer(&document);
        let options = EncodeOptions::new();
        let mut octets = answer.encode_with(Encoding::Xml, &options);
        octets.push(b'\n');
        if let Some(path) = &self.save {
            let saved = device.tree.to_tnds().map_err(|error| Failure::malformed(&error))?;
            let mut octets = saved.encode(Encoding::Xml);
            octets.push(b'\n');
            write(path, &octets, out)?;
        }
        out.write_all(&octets).map_err(|error| Failure::writing("-", &error))?;
        Ok(Answer::Yes)
    }
}

fn parse_acl(text: &str) -> Result<Acl, String> {
    let acl = Acl::parse(text).map_err(|error| error.to_string())?;
    if acl.is_empty() { Err("the root has an access control list".into()) } else { Ok(acl) }
}

fn parse_server(text: &str) -> Result<ServerId, String> {
    ServerId::new(text).map_err(|error| error.to_string())
}

//! `dmtool tree show`: a description or a serialised tree, drawn.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::dmtool::Answer;
use crate::dmtool::failure::Failure;
use crate::dmtool::input::Input;
use crate::dmtool::kind::Form;
use crate::dmtool::profile::ProfileArg;

use super::drawing::draw;
use super::outline::outline;
use super::reading::read;

/// Draws a description (DDF) or a serialised tree (TNDS), in XML or WBXML.
///
/// Of a serialised tree each node has its format, its type where it is not text/plain, its access control list in brackets, its title and
/// its value; of a description its format and type, the commands it takes in parentheses, how many there may be, and its default. The
/// secrets of accounts are not shown.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Show {
    #[command(flatten)]
    profile: ProfileArg,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// The document
    file: PathBuf,
}

const HELP: &str = "\
Examples:
  dmtool tree show device.tnds
  dmtool tree show --json device.tnds | jq '.document.nodes[].name'

JSON: kind (tnds or ddf), encoding (xml or wbxml), document with ver_dtd, man, mod and nodes. A node has name, path, acl, format, size, title,
t_stamp, type, ver_no, value ({\"text\"} or {\"base64\"}), description and nodes, those of them that the document says.";

impl Show {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let input = Input::read(&self.file)?;
        let tree = read(&input, self.profile)?;
        let (kind, said) = match tree.is_description() {
            true => ("ddf", "a device description (DDF)"),
            false => ("tnds", "a management tree (TNDS)"),
        };
        let form = Form::of(&input.octets).name();
        let written = if self.json {
            let object: Value = serde_json::json!({
                "kind": kind,
                "encoding": form,
                "document": outline(&tree),
            });
            writeln!(out, "{object}")
        } else {
            let maker: String =
                [tree.man(), tree.model()].into_iter().flatten().map(|text| format!(", {text}")).collect();
            writeln!(out, "{said}, {form}, {} nodes{maker}", tree.nodes().len())
                .and_then(|()| draw(&tree, out))
        };
        written.map(|()| Answer::Yes).map_err(|error| Failure::writing("-", &error))
    }
}

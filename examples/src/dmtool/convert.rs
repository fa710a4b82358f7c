//! `dmtool convert`: a message in the other encoding.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dm_syncml::{DocumentCarriage, EncodeOptions, Encoding, StringTables};

use super::Answer;
use super::document::Document;
use super::failure::Failure;
use super::input::{Input, write};
use super::profile::ProfileArg;

/// Writes a SyncML message in the encoding asked for.
///
/// The message is read as what it means and written anew: what is not SyncML is refused. A body without a header stays one, and commands
/// without anything around them get a SyncBody. Octets become base64 in XML; management trees inside Data become elements in XML and
/// documents of their own in WBXML.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Convert {
    /// The encoding to write
    #[arg(long)]
    to: Target,
    /// Whether text that repeats stands in a WBXML string table
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Table::None)]
    string_table: Table,
    #[command(flatten)]
    profile: ProfileArg,
    /// The message to read
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// Where to write it
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

const HELP: &str = "\
Examples:
  dmtool convert --to xml request.wbxml request.xml
  dmtool convert --to wbxml --string-table auto request.xml request.wbxml
  curl ... | dmtool convert --to xml --profile WINDOWS - -";

/// An encoding, as arguments name it.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Xml,
    Wbxml,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Table {
    /// In none: what handsets expect
    None,
    /// Whatever is shorter so
    Auto,
}

impl Convert {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let input = Input::read(&self.from)?;
        let document = Document::read(&input, self.profile)?;
        let options = EncodeOptions::new().with_string_tables(match self.string_table {
            Table::None => StringTables::None,
            Table::Auto => StringTables::Automatic,
        });
        let octets = match self.to {
            Target::Xml => document.encode(Encoding::Xml, &options.with_documents(DocumentCarriage::Inline)),
            Target::Wbxml => {
                document.encode(Encoding::Wbxml, &options.with_documents(DocumentCarriage::Wbxml))
            }
        };
        write(&self.out, &octets, out)?;
        Ok(Answer::Yes)
    }
}

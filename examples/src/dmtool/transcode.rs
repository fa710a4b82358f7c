//! `dmtool transcode`: any document in the other encoding, element by element.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use dm_syncml::Quirks;
use dm_wbxml::wbxml::Version;
use dm_wbxml::xml::{self, Leniencies};
use dm_wbxml::{wbxml_to_xml, xml_to_wbxml_reporting};

use super::Answer;
use super::convert::Target;
use super::failure::Failure;
use super::input::{Input, LIMITS, write};
use super::kind::{Form, unknown};

/// Writes a document of any type in the encoding asked for, without asking what it means.
///
/// The code space is chosen by the public identifier of WBXML, or the root element and namespace of XML: SyncML 1.0 to 1.2, DevInf, DM
/// trees and descriptions, connectivity provisioning. Documents inside documents are transcoded with them. A document that is in the
/// encoding already is checked and copied. XML without namespaces is taken for what its root element or DOCTYPE says; that, and what
/// else is not as the standard has it, is said on standard error.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Transcode {
    /// The encoding to write
    #[arg(long)]
    to: Target,
    /// The document to read
    #[arg(value_name = "IN")]
    from: PathBuf,
    /// Where to write it
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

const HELP: &str = "\
Examples:
  dmtool transcode --to xml devinf.wbxml -
  dmtool transcode --to wbxml provisioning.xml provisioning.wbxml";

impl Transcode {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let input = Input::read(&self.from)?;
        let octets = input.octets.as_slice();
        if Form::of(octets) == Form::Wbxml && !matches!(octets, [] | [0..=0x03, ..]) {
            return Err(unknown(octets).in_file(&input.file));
        }
        let transcoded = self.transcode(octets);
        let (octets, met) = transcoded.map_err(|error| Failure::malformed(&error).in_file(&input.file))?;
        write(&self.out, &octets, out)?;
        if !met.is_empty() {
            // Done all the same; whoever reads no standard error needs not to know.
            let _ = writeln!(
                io::stderr(),
                "note: read with the quirks {met}: {:?} is not what the standard says",
                input.file
            );
        }
        Ok(Answer::Yes)
    }

    /// The document, and the quirks it took to read it.
    fn transcode(&self, octets: &[u8]) -> Result<(Vec<u8>, Quirks), dm_wbxml::Error> {
        let form = Form::of(octets);
        let (transcoded, met) = match form {
            Form::Xml => {
                let options = xml::Options::new(LIMITS).with_leniencies(LENIENCIES);
                let utf8 = xml::to_utf8(octets, &LIMITS)?;
                let (wbxml, met) = xml_to_wbxml_reporting(&utf8, None, Version::V1_2, options)?;
                (wbxml, Quirks::from_leniencies(met))
            }
            _ => (wbxml_to_xml(octets, None, LIMITS)?, Quirks::STRICT),
        };
        let is_there = (form == Form::Xml) == (self.to == Target::Xml);
        Ok((if is_there { octets.to_vec() } else { transcoded }, met))
    }
}

/// What real documents need; a document has one root all the same.
const LENIENCIES: Leniencies = Leniencies::WRONG_PAGE
    .with(Leniencies::NO_NAMESPACE)
    .with(Leniencies::UNDECLARED_PREFIXES)
    .with(Leniencies::NAMESPACE_CASE)
    .with(Leniencies::BARE_AMPERSANDS)
    .with(Leniencies::INNER_DECLARATIONS);

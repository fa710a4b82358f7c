//! `dmtool inspect`: what a document says.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use dm_syncml::elements::Element;
use dm_syncml::{Encoding, Fragment, Message, Printer, Quirks};
use dm_wbxml::{CodeSpace, PROV_1_0, SYNCML_1_2};
use serde_json::{Value, json};

use super::binary::Binary;
use super::document::Document;
use super::elements::{from_wbxml, from_xml};
use super::failure::Failure;
use super::input::Input;
use super::kind::{Form, Kind, Recognised};
use super::profile::ProfileArg;
use super::secrets::Secrets;
use super::{Answer, json, listing, tree};

/// Shows what a document says, to people or to scripts.
///
/// Codes get their meaning, base64 is opened, and so are documents inside Data. Below a WBXML document stand its tokens with their offsets. Credentials, nonces and the secrets that accounts hold are not
/// shown.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(super) struct Inspect {
    /// What it is, if it is not to be recognised
    #[arg(long = "as", value_name = "KIND", value_enum)]
    kind: Option<Kind>,
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
  dmtool inspect response.wbxml
  dmtool inspect --json response.wbxml | jq '.document.SyncML.SyncBody[].Status?.Data.text'
  dmtool inspect --as fragment --profile FLEET profile.xml
  xxd -r -p push.hex | dmtool inspect -

JSON: kind, encoding (xml, wbxml or binary), profile, quirks (those that the document needed), document. Elements are members of objects by
their names; SyncBody, Atomic and Sequence, whose order counts, and documents of other types are arrays of objects with one member. Data is
{\"text\"}, {\"base64\"} or {\"document\"}.";

/// What was found in a document.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
enum Found {
    /// SyncML, and its elements.
    Message(Document<'static>, Element<'static>),
    /// Elements of another kind.
    Elements(Element<'static>, &'static CodeSpace),
    /// A binary message, as fields.
    Binary(Value),
}

impl Inspect {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<Answer, Failure> {
        let input = Input::read(&self.file)?;
        let octets = input.octets.as_slice();
        let mut secrets = Secrets::default();
        let mut look = || {
            let recognised = match self.kind {
                Some(kind) => Recognised::told(kind, octets),
                None => Recognised::new(octets)?,
            };
            let (found, quirks) = self.look(recognised, octets, &mut secrets)?;
            let kind = match (&found, self.kind) {
                (Found::Message(Document::Fragment(_), _), None) => Kind::Fragment,
                _ => recognised.kind,
            };
            Ok((Recognised { kind, ..recognised }, found, quirks))
        };
        let (recognised, found, quirks) = look().map_err(|failure: Failure| failure.in_file(&input.file))?;
        let outcome = if self.json {
            self.write_json(recognised, &found, quirks, out)
        } else {
            self.write_text(recognised, &found, quirks, octets, out).and_then(|()| {
                match (recognised.form, &found) {
                    (Form::Wbxml, Found::Message(..)) => listing::write(octets, &SYNCML_1_2, &secrets, out),
                    (Form::Wbxml, Found::Elements(_, space)) => listing::write(octets, space, &secrets, out),
                    _ => Ok(()),
                }
            })
        };
        outcome.map(|()| Answer::Yes).map_err(|error| Failure::writing("-", &error))
    }

    /// Decodes, and hides what must not be shown.
    fn look(
        &self,
        recognised: Recognised,
        octets: &[u8],
        secrets: &mut Secrets,
    ) -> Result<(Found, Quirks), Failure> {
        let malformed = |error: dm_wbxml::Error| Failure::malformed(&error);
        match (recognised.kind, recognised.form) {
            (Kind::Syncml | Kind::Fragment, Form::Xml) => {
                self.look_at_message(Encoding::Xml, octets, secrets)
            }
            (Kind::Syncml | Kind::Fragment, Form::Wbxml) => {
                self.look_at_message(Encoding::Wbxml, octets, secrets)
            }
            (Kind::Tnds | Kind::Ddf | Kind::Provisioning, Form::Xml) => {
                let (mut root, met) = from_xml(octets, self.profile.quirks).map_err(malformed)?;
                recognised.kind.expect_root(&root.name)?;
                secrets.hide(&mut root);
                Ok((Found::Elements(root, &SYNCML_1_2), met))
            }
            (Kind::Tnds | Kind::Ddf, Form::Wbxml) => {
                let mut root = from_wbxml(octets, &SYNCML_1_2).map_err(malformed)?.into_owned();
                recognised.kind.expect_root(&root.name)?;
                secrets.hide(&mut root);
                Ok((Found::Elements(root, &SYNCML_1_2), Quirks::STRICT))
            }
            (Kind::Provisioning, Form::Wbxml) => {
                let mut root = from_wbxml(octets, &PROV_1_0).map_err(malformed)?.into_owned();
                secrets.hide_parameters(&mut root);
                Ok((Found::Elements(root, &PROV_1_0), Quirks::STRICT))
            }
            (kind, _) => Ok((Found::Binary(Binary::read(kind, octets)?.to_json()), Quirks::STRICT)),
        }
    }

    fn look_at_message(
        &self,
        encoding: Encoding,
        octets: &[u8],
        secrets: &mut Secrets,
    ) -> Result<(Found, Quirks), Failure> {
        let options = self.profile.options();
        let decoded = match self.kind {
            Some(Kind::Syncml) => Message::decode_reporting(encoding, octets, &options)
                .map(|(message, met)| (Document::Message(message), met)),
            Some(Kind::Fragment) => Fragment::decode_reporting(encoding, octets, &options)
                .map(|(fragment, met)| (Document::Fragment(fragment), met)),
            _ => Document::decode(encoding, octets, &options),
        };
        let (document, met) = decoded.map_err(|error| Failure::malformed(&error))?;
        let mut root = document.to_elements().map_err(|error| Failure::malformed(&error))?;
        secrets.hide(&mut root);
        match document.with_elements(&root) {
            Some(shown) => Ok((Found::Message(shown, root), met)),
            // What cannot be said without its secrets is said as elements.
            None => Ok((Found::Elements(root, &SYNCML_1_2), met)),
        }
    }

    fn write_json(
        &self,
        recognised: Recognised,
        found: &Found,
        quirks: Quirks,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let document: Value = match found {
            Found::Message(_, root) => json::document(root, &SYNCML_1_2),
            Found::Elements(root, space) => json::document(root, space),
            Found::Binary(document) => document.clone(),
        };
        let object = json!({
            "kind": recognised.kind.name(),
            "encoding": recognised.form.name(),
            "profile": self.profile.quirks.profile_name(),
            "quirks": quirks.iter().filter_map(Quirks::name).collect::<Vec<_>>(),
            "document": document,
        });
        writeln!(out, "{object}")
    }

    fn write_text(
        &self,
        recognised: Recognised,
        found: &Found,
        quirks: Quirks,
        octets: &[u8],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let (kind, form) = (recognised.kind.described(), recognised.form.name());
        write!(out, "{kind}, {form}, {} octets", octets.len())?;
        if !quirks.is_empty() {
            write!(out, ", with the quirks {quirks}")?;
        }
        writeln!(out)?;
        let printer = Printer::new().with_value(200).with_items(1000).with_lines(20_000);
        match found {
            Found::Message(Document::Message(message), _) => write!(out, "{}", printer.message(message)),
            Found::Message(Document::Fragment(fragment), _) => write!(out, "{}", printer.fragment(fragment)),
            Found::Elements(root, space) => tree::write_element(root, space, out),
            Found::Binary(_) => {
                if let Ok(binary) = Binary::read(recognised.kind, octets) {
                    binary.write(0, out)?;
                }
                tree::write_octets(octets, out)
            }
        }
    }
}

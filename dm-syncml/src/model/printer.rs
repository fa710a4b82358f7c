//! Messages for people.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write as _};

use dm_wbxml::{Element, Limits, Name, Node, SYNCML_1_2};

use super::body::SyncBody;
use super::command::Command;
use super::data::Data;
use super::item::Item;
use super::message::{Fragment, Message};
use super::meta::Meta;
use super::status::Status;
use super::token::{Format, MediaType};

/// Shows messages to people: a line for each command, codes with their meaning, base64 as what it stands for, nested documents as trees.
/// Credentials and nonces are not shown, control characters are escaped, and the output is bounded whatever the message holds.
///
/// ```
/// # #[cfg(feature = "xml")]
/// # fn main() -> Result<(), dm_syncml::DecodeError> {
/// use dm_syncml::{DecodeOptions, Encoding, Fragment, Printer};
///
/// let xml = br#"<SyncBody xmlns="SYNCML:SYNCML1.2"><Alert><CmdID>2</CmdID><Data>1201</Data></Alert>
///     <Replace><CmdID>3</CmdID><Item><Source><LocURI>./DevInfo/Mod</LocURI></Source><Data>EX-1</Data></Item></Replace>
///     <Final/></SyncBody>"#;
/// let fragment = Fragment::decode(Encoding::Xml, xml, &DecodeOptions::new())?;
/// assert_eq!(
///     Printer::new().fragment(&fragment).to_string(),
///     "2 Alert 1201 client-initiated session\n\
///      3 Replace ./DevInfo/Mod = \"EX-1\"\n\
///      final\n"
/// );
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "xml"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Printer {
    /// Characters of a value that are shown.
    pub value: usize,
    /// Items of a command that are shown.
    pub items: usize,
    /// Lines of the whole.
    pub lines: usize,
}

impl Printer {
    /// Values of 60 characters, 8 items of a command, 500 lines.
    #[must_use]
    pub const fn new() -> Self {
        Self { value: 60, items: 8, lines: 500 }
    }

    /// Sets how many characters of a value are shown.
    #[must_use]
    pub const fn with_value(mut self, characters: usize) -> Self {
        self.value = characters;
        self
    }

    /// Sets how many items of a command are shown.
    #[must_use]
    pub const fn with_items(mut self, items: usize) -> Self {
        self.items = items;
        self
    }

    /// Sets how many lines are shown.
    #[must_use]
    pub const fn with_lines(mut self, lines: usize) -> Self {
        self.lines = lines;
        self
    }

    /// Shows a message.
    #[must_use]
    pub fn message<'m>(&self, message: &'m Message<'m>) -> impl fmt::Display + use<'m> {
        let printer = *self;
        Shown(move |f: &mut fmt::Formatter<'_>| Printing::new(printer, f).message(message))
    }

    /// Shows a fragment.
    #[must_use]
    pub fn fragment<'m>(&self, fragment: &'m Fragment<'m>) -> impl fmt::Display + use<'m> {
        let printer = *self;
        Shown(move |f: &mut fmt::Formatter<'_>| {
            let mut printing = Printing::new(printer, f);
            printing.body(&fragment.body)?;
            printing.end()
        })
    }
}

impl Default for Printer {
    fn default() -> Self {
        Self::new()
    }
}

/// What a function writes.
struct Shown<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

/// Nesting that is indented; deeper is shown no further in.
const DEEPEST: usize = 16;
/// Characters of an address, a name or a code that are shown.
const NAME: usize = 120;

struct Printing<'f, 'b> {
    printer: Printer,
    out: &'f mut fmt::Formatter<'b>,
    lines: usize,
    left_out: usize,
    depth: usize,
}

impl<'f, 'b> Printing<'f, 'b> {
    fn new(printer: Printer, out: &'f mut fmt::Formatter<'b>) -> Self {
        Self { printer, out, lines: 0, left_out: 0, depth: 0 }
    }

    /// One line, if there is room for it.
    fn line(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        if self.lines >= self.printer.lines {
            self.left_out += 1;
            return Ok(());
        }
        self.lines += 1;
        for _ in 0..self.depth.min(DEEPEST) {
            self.out.write_str("  ")?;
        }
        self.out.write_fmt(text)?;
        self.out.write_char('\n')
    }

    fn end(&mut self) -> fmt::Result {
        if self.left_out > 0 { writeln!(self.out, "... {} more lines", self.left_out) } else { Ok(()) }
    }

    fn message(&mut self, message: &Message<'_>) -> fmt::Result {
        let header = &message.header;
        self.line(format_args!(
            "message {} of session {}, {}, SyncML {}",
            name(&header.msg_id),
            name(&header.session_id),
            name(&header.ver_proto),
            message.representation
        ))?;
        self.depth += 1;
        let user = header.source.loc_name.as_ref();
        let user = user.map(|user| alloc::format!(" ({})", name(&**user))).unwrap_or_default();
        self.line(format_args!("from {}{user}", name(&header.source.loc_uri)))?;
        self.line(format_args!("to {}", name(&header.target.loc_uri)))?;
        if let Some(uri) = &header.resp_uri {
            self.line(format_args!("answers go to {}", name(uri)))?;
        }
        if let Some(cred) = &header.cred {
            let kind = cred.meta.as_ref().and_then(Meta::media_type);
            self.line(format_args!("credentials: {}", kind.map_or_else(|| "of no type".into(), name)))?;
        }
        if let Some(meta) = &header.meta {
            let sizes = [("messages", meta.max_msg_size()), ("objects", meta.max_obj_size())]
                .into_iter()
                .filter_map(|(what, size)| Some(alloc::format!("{what} of up to {} octets", size?)));
            for size in sizes {
                self.line(format_args!("takes {size}"))?;
            }
        }
        self.unknown(message.header.extensions.as_slice())?;
        self.unknown(message.extensions.as_slice())?;
        self.depth -= 1;
        self.body(&message.body)?;
        self.end()
    }

    fn body(&mut self, body: &SyncBody<'_>) -> fmt::Result {
        for command in &body.commands {
            self.command(command, None)?;
        }
        self.line(format_args!("{}", if body.last_in_package { "final" } else { "more follows" }))
    }

    fn command(&mut self, command: &Command<'_>, around: Option<&Meta<'_>>) -> fmt::Result {
        let mut line = String::new();
        if let Some(id) = command.cmd_id() {
            line.push_str(&if id.as_str().is_empty() { "?".into() } else { name(id) });
            line.push(' ');
        }
        let called = command.name();
        line.push_str(&called.as_ref().map_or_else(|| "?".into(), name));
        match command {
            Command::Status(status) => self.push_status(&mut line, status)?,
            Command::Alert(alert) => match alert.code {
                Some(code) => {
                    write!(line, " {code}")?;
                    push(&mut line, code.meaning());
                }
                None => line.push_str(" without a code"),
            },
            Command::Results(results) => {
                let message = results.msg_ref.as_ref().map_or_else(|| "1".into(), name);
                write!(line, " to {} of message {message}:", name(&results.cmd_ref))?;
            }
            Command::Unknown(_) => line.push_str(", which DM does not know"),
            _ => {}
        }
        let correlator = match command {
            Command::Exec(exec) => exec.correlator.as_ref(),
            Command::Alert(alert) => alert.correlator.as_ref(),
            _ => None,
        };
        if let Some(correlator) = correlator {
            write!(line, " (correlator {})", name(correlator))?;
        }
        let items = command.items();
        let both;
        let meta = match (command.meta(), around) {
            (Some(own), Some(around)) => {
                both = own.over(around);
                Some(&both)
            }
            (own, around) => own.or(around),
        };
        for (at, item) in items.iter().take(self.printer.items).enumerate() {
            line.push_str(if at > 0 { "; " } else { " " });
            self.push_item(&mut line, item, meta)?;
        }
        if items.len() > self.printer.items {
            write!(line, "; {} more items", items.len() - self.printer.items)?;
        }
        self.line(format_args!("{}", line.trim_end()))?;
        self.depth += 1;
        self.unknown(command.extensions())?;
        self.unknown(command.meta().map_or(&[], Meta::extensions))?;
        for item in items.iter().take(self.printer.items) {
            self.unknown(item.extensions.as_slice())?;
            self.unknown(item.target.as_ref().map_or(&[], |target| target.extensions.as_slice()))?;
            self.unknown(item.source.as_ref().map_or(&[], |source| source.extensions.as_slice()))?;
            self.unknown(item.meta.as_ref().map_or(&[], Meta::extensions))?;
            self.document(item, meta)?;
        }
        for member in command.members() {
            self.command(member, meta)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn push_status(&self, line: &mut String, status: &Status<'_>) -> fmt::Result {
        write!(line, " {}", status.code)?;
        push(line, status.code.meaning());
        let to = if status.cmd_ref.as_str().is_empty() { "?".into() } else { name(&status.cmd_ref) };
        write!(line, ", to {to} {} of message {}", name(&status.cmd), name(&status.msg_ref))?;
        for reference in status.target_refs.iter().chain(&status.source_refs).take(self.printer.items) {
            write!(line, " {}", name(reference))?;
        }
        if let Some(chal) = &status.chal {
            let kind = chal.meta.media_type().map_or_else(|| "credentials".into(), name);
            write!(line, ", wants {kind}")?;
            if chal.meta.next_nonce().is_some() {
                line.push_str(" with a nonce");
            }
        }
        Ok(())
    }

    fn push_item(&self, line: &mut String, item: &Item<'_>, meta: Option<&Meta<'_>>) -> fmt::Result {
        let (target, source) = (item.target_uri(), item.source_uri());
        match (target, source) {
            (Some(target), Some(source)) => write!(line, "{} from {}", name(target), name(source))?,
            (Some(uri), None) | (None, Some(uri)) => line.push_str(&name(uri)),
            (None, None) => {}
        }
        let format = item.format_under(meta);
        let mut facts = Vec::new();
        facts.extend(format.filter(|format| **format != Format::CHR).map(name));
        let media_type = item.media_type_under(meta).filter(|kind| **kind != MediaType::TEXT_PLAIN);
        facts.extend(media_type.map(name));
        facts.extend(item.meta.as_ref().and_then(Meta::mark).map(name));
        facts.extend(item.meta.as_ref().and_then(Meta::size).map(|size| alloc::format!("of {size} octets")));
        if item.more_data {
            facts.push("to be continued".into());
        }
        if let Some(data) = &item.data {
            if target.is_some() || source.is_some() {
                line.push_str(" = ");
            }
            match data.as_octets() {
                Some(_) if self.tree_of(item, meta).is_some() => line.push_str("a tree"),
                Some(octets) => line.push_str(&self.value(octets, format)),
                None => line.push_str("elements"),
            }
        }
        if !facts.is_empty() {
            write!(line, " ({})", facts.join(", "))?;
        }
        Ok(())
    }

    /// A value, as what it stands for when it is base64.
    fn value(&self, octets: &[u8], format: Option<&Format<'_>>) -> String {
        if format == Some(&Format::B64) {
            // As much as may be shown, in whole groups of four.
            let digits: Vec<u8> = octets
                .iter()
                .copied()
                .filter(|octet| !octet.is_ascii_whitespace())
                .take(self.printer.value.saturating_mul(4).saturating_add(4) / 4 * 4)
                .collect();
            let whole = octets.iter().filter(|octet| !octet.is_ascii_whitespace()).count();
            if let Ok(decoded) = Data::octets(digits.as_slice()).decoded(Some(&Format::B64)) {
                let padding =
                    octets.trim_ascii_end().iter().rev().take_while(|octet| **octet == b'=').count();
                let len = (whole / 4 * 3).saturating_sub(padding);
                return excerpt_of(&decoded, len, self.printer.value);
            }
        }
        excerpt(octets, self.printer.value)
    }

    /// The management tree in an item whose Type says that it holds one.
    fn tree_of<'i>(&self, item: &'i Item<'_>, meta: Option<&Meta<'_>>) -> Option<Cow<'i, Element<'i>>> {
        let data = item.data.as_ref()?;
        if data.as_nodes().is_none() {
            super::management_tree::types_of(item.media_type_under(meta)?)?;
        }
        data.management_tree(item.format_under(meta), &Limits::DEFAULT)
    }

    /// The document in an item, an element on each line.
    fn document(&mut self, item: &Item<'_>, meta: Option<&Meta<'_>>) -> fmt::Result {
        if let Some(tree) = self.tree_of(item, meta) {
            return self.element(&tree);
        }
        for node in item.data.as_ref().and_then(Data::as_nodes).unwrap_or_default() {
            self.node(node)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &Node<'_>) -> fmt::Result {
        match node {
            Node::Element(element) => self.element(element),
            Node::Text(text) if text.trim_ascii().is_empty() => Ok(()),
            Node::Text(text) => {
                let text = excerpt(text.as_bytes(), self.printer.value);
                self.line(format_args!("{text}"))
            }
            Node::Opaque(octets) => {
                let octets = excerpt(octets, self.printer.value);
                self.line(format_args!("{octets}"))
            }
            _ => Ok(()),
        }
    }

    /// The names of elements that nobody expected; not what they hold, since nobody knows whether that is a secret.
    fn unknown(&mut self, elements: &[Element<'_>]) -> fmt::Result {
        if elements.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = elements.iter().take(self.printer.items).map(element_name).collect();
        let more = elements.len() - names.len();
        let more = if more > 0 { alloc::format!(", {more} more") } else { String::new() };
        self.line(format_args!("unknown: {}{more}", names.join(", ")))
    }

    fn element(&mut self, element: &Element<'_>) -> fmt::Result {
        let mut line = element_name(element);
        for attribute in element.attributes.iter().take(self.printer.items) {
            let value = excerpt(attribute.value().as_bytes(), self.printer.value);
            write!(line, " {}={value}", clip(attribute.name(), NAME))?;
        }
        // What holds one text is one line.
        if let [Node::Text(text)] = element.children.as_slice() {
            let value = excerpt(text.as_bytes(), self.printer.value);
            return self.line(format_args!("{line} {value}"));
        }
        self.line(format_args!("{line}"))?;
        self.depth += 1;
        for child in &element.children {
            self.node(child)?;
        }
        self.depth -= 1;
        Ok(())
    }
}

fn element_name(element: &Element<'_>) -> String {
    match &element.name {
        Name::Tag(tag) => SYNCML_1_2.name(*tag).map_or_else(|| alloc::format!("{tag:?}"), String::from),
        Name::Foreign(foreign) => clip(foreign.local(), NAME),
        _ => "?".into(),
    }
}

fn push(line: &mut String, meaning: Option<&str>) {
    if let Some(meaning) = meaning {
        line.push(' ');
        line.push_str(meaning);
    }
}

/// An id, an address or a code, on one line.
fn name(text: &impl AsRef<str>) -> String {
    clip(text.as_ref(), NAME)
}

/// At most so many characters, those escaped that would not show.
fn clip(text: &str, characters: usize) -> String {
    let mut clipped = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == characters {
            clipped.push_str("...");
            break;
        }
        match character {
            '"' | '\'' => clipped.push(character),
            _ => clipped.extend(character.escape_debug()),
        }
    }
    clipped
}

/// Text in quotation marks or octets in hexadecimal, the beginning of it, and how many octets there are if that is not all.
pub(super) fn excerpt(octets: &[u8], characters: usize) -> String {
    excerpt_of(octets, octets.len(), characters)
}

/// The beginning of `len` octets.
fn excerpt_of(octets: &[u8], len: usize, characters: usize) -> String {
    // What is cut in the middle of a character is text all the same.
    let text = match core::str::from_utf8(octets) {
        Ok(text) => Some(text),
        Err(error) if error.error_len().is_none() && octets.len() < len => {
            octets.get(..error.valid_up_to()).and_then(|octets| core::str::from_utf8(octets).ok())
        }
        Err(_) => None,
    };
    match text.filter(|text| dm_wbxml::is_xml_text(text)) {
        Some(text) => {
            let shown = text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end]);
            if shown.len() < len {
                alloc::format!("\"{}...\" ({len} octets)", shown.escape_debug())
            } else {
                alloc::format!("\"{}\"", shown.escape_debug())
            }
        }
        None => {
            let mut hex = String::new();
            for octet in octets.iter().take(characters / 2) {
                let _ = write!(hex, "{octet:02x}");
            }
            let dots = if hex.len() / 2 < len { "..." } else { "" };
            alloc::format!("{hex}{dots} ({len} octets)")
        }
    }
}

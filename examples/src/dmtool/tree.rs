//! Elements and octets for people.

use std::io::{self, Write};

use dm_syncml::elements::{Element, Node};
use dm_wbxml::CodeSpace;

use super::elements::name_of;

/// Lines that are shown.
const LINES: usize = 20_000;
/// Characters of a value that are shown.
const VALUE: usize = 200;
/// Octets on a line.
const ROW: usize = 16;

/// Writes an element as an indented tree, a line for each element.
pub(super) fn write_element(root: &Element<'_>, space: &CodeSpace, out: &mut dyn Write) -> io::Result<()> {
    let mut tree = Tree { space, out, lines: 0, left_out: 0 };
    tree.element(root, 0)?;
    match tree.left_out {
        0 => Ok(()),
        more => writeln!(tree.out, "... {more} more lines"),
    }
}

struct Tree<'t> {
    space: &'t CodeSpace,
    out: &'t mut dyn Write,
    lines: usize,
    left_out: usize,
}

impl Tree<'_> {
    fn line(&mut self, depth: usize, line: &str) -> io::Result<()> {
        if self.lines == LINES {
            self.left_out += 1;
            return Ok(());
        }
        self.lines += 1;
        writeln!(self.out, "{:1$}{line}", "", 2 * depth.min(32))
    }

    fn element(&mut self, element: &Element<'_>, depth: usize) -> io::Result<()> {
        let mut line = name_of(&element.name, self.space);
        for attribute in &element.attributes {
            line.push_str(&format!(" {}={}", attribute.name(), excerpt(attribute.value().as_bytes())));
        }
        if let [Node::Text(text)] = element.children.as_slice() {
            return self.line(depth, &format!("{line} {}", excerpt(text.as_bytes())));
        }
        self.line(depth, &line)?;
        for node in &element.children {
            match node {
                Node::Element(child) => self.element(child, depth + 1)?,
                Node::Text(text) if text.trim_ascii().is_empty() => {}
                Node::Text(text) => self.line(depth + 1, &excerpt(text.as_bytes()))?,
                Node::Opaque(octets) => self.line(depth + 1, &excerpt(octets))?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The beginning of text in quotation marks, or of octets in hexadecimal, and how many octets there are if that is not all.
fn excerpt(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => match text.char_indices().nth(VALUE) {
            Some((end, _)) => format!("\"{}...\" ({} octets)", text[..end].escape_debug(), text.len()),
            None => format!("\"{}\"", text.escape_debug()),
        },
        Err(_) => {
            let hex: String = octets.iter().take(VALUE / 2).map(|octet| format!("{octet:02x}")).collect();
            let dots = if octets.len() > VALUE / 2 { "..." } else { "" };
            format!("{hex}{dots} ({} octets)", octets.len())
        }
    }
}

/// Writes octets in rows with their offset, in hexadecimal and as the characters they would be.
pub(super) fn write_octets(octets: &[u8], out: &mut dyn Write) -> io::Result<()> {
    for (at, row) in octets.chunks(ROW).take(LINES).enumerate() {
        let hex: String = row.iter().map(|octet| format!("{octet:02x} ")).collect();
        let shown: String =
            row.iter().map(|octet| if octet.is_ascii_graphic() { char::from(*octet) } else { '.' }).collect();
        writeln!(out, "{:08x}  {hex:<1$} {shown}", at * ROW, ROW * 3)?;
    }
    match octets.len().checked_sub(LINES * ROW) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "... {more} more octets"),
    }
}

//! The tokens of a WBXML document with their offsets.

use std::io::{self, Write};

use dm_syncml::elements::{metinf, syncml};
use dm_wbxml::wbxml::{Listing, Token};
use dm_wbxml::{CodeSpace, SYNCML_1_2, Tag};

use super::input::LIMITS;
use super::secrets::{HIDDEN, Secrets};

/// Lines that are shown.
const LINES: usize = 20_000;
/// Characters of a line that are shown.
const WIDTH: usize = 300;

/// Writes a line for each token, its offset in hexadecimal as hex viewers have it, and none of the secrets.
pub(super) fn write(
    octets: &[u8],
    space: &'static CodeSpace,
    secrets: &Secrets,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out)?;
    let is_syncml = std::ptr::eq(space, &SYNCML_1_2);
    // How deep the element stands all of whose text is secret.
    let mut secret_at: Option<u16> = None;
    let mut cred_at: Option<u16> = None;
    for (count, line) in Listing::new(octets, space, LIMITS).enumerate() {
        let Ok(line) = line else { return Ok(()) };
        if count == LINES {
            return writeln!(out, "... {} more octets", octets.len() - line.offset);
        }
        let ended = |at: u16| matches!(line.token, Token::End) && line.depth <= at;
        secret_at = secret_at.filter(|at| !ended(*at));
        cred_at = cred_at.filter(|at| !ended(*at));
        if let Token::Tag { octet, page, .. } = line.token
            && is_syncml
            && octet & HAS_CONTENT != 0
        {
            let is = |tag: Tag| (page, octet & IDENTITY) == (tag.page(), tag.token());
            if is(syncml::CRED) {
                cred_at = cred_at.or(Some(line.depth));
            } else if is(metinf::NEXT_NONCE) || (is(syncml::DATA) && cred_at.is_some()) {
                secret_at = secret_at.or(Some(line.depth));
            }
        }
        let said = match &line.token {
            Token::Inline(octets) | Token::Opaque(octets) => Some(*octets),
            Token::Reference { text, .. } => Some(*text),
            Token::Entity(_) => Some(&b""[..]),
            _ => None,
        };
        let hidden = said.is_some_and(|octets| secret_at.is_some() || secrets.are_in(octets));
        let indent = 2 * usize::from(line.depth.min(32));
        if hidden {
            writeln!(out, "{:06x}  {:indent$}{HIDDEN}", line.offset, "")?;
            continue;
        }
        let shown = line.token.to_string();
        match shown.char_indices().nth(WIDTH) {
            Some((end, _)) => writeln!(
                out,
                "{:06x}  {:indent$}{}... ({} octets)",
                line.offset,
                "",
                &shown[..end],
                line.length
            )?,
            None => writeln!(out, "{:06x}  {:indent$}{shown}", line.offset, "")?,
        }
    }
    Ok(())
}

/// Bits of a tag token (WAP-192 §5.8.2).
const HAS_CONTENT: u8 = 0x40;
const IDENTITY: u8 = 0x3F;

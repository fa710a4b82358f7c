//! The floors, built like our own code.

use core::hint::black_box;

use dm_benches::floors;

use crate::case::{Case, Refused};
use crate::input::{Encoding, Input};

pub(crate) const TOOL: &str = "floor";

#[expect(clippy::unnecessary_wraps, reason = "every tool may refuse an input; touching octets never does")]
pub(crate) fn cases(input: &Input) -> Result<Vec<Case<'_>>, Refused> {
    let octets = input.octets.as_slice();
    let case = |op, expected, run| Case::new(TOOL, op, octets.len(), expected, run);
    let count = |octet| octets.iter().filter(|b| **b == octet).count();

    let byte_loop =
        Box::new(move || floors::byte_loop(black_box(octets)) as usize) as Box<dyn FnMut() -> usize>;
    let scan: Box<dyn FnMut() -> usize> = match input.encoding {
        Encoding::Xml => Box::new(move || floors::lt_scan(black_box(octets))),
        Encoding::Wbxml => Box::new(move || floors::nul_scan(black_box(octets))),
    };
    let (scan_op, scan_expected) = match input.encoding {
        Encoding::Xml => ("lt-scan", count(b'<')),
        Encoding::Wbxml => ("nul-scan", count(0)),
    };
    let mut copy = Vec::with_capacity(octets.len());
    let memcpy = Box::new(move || {
        floors::copy(black_box(octets), &mut copy);
        black_box(&copy).len()
    }) as Box<dyn FnMut() -> usize>;
    Ok(vec![
        case("byte-loop", floors::byte_loop(octets) as usize, byte_loop),
        case(scan_op, scan_expected, scan),
        case("memcpy", octets.len(), memcpy),
    ])
}

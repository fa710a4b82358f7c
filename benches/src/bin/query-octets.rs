//! Octets on the wire for a look at much of a device (DM 2.0 RD, HLF-004 and use case B.1): one query for a subset beside Gets.
//!
//! ```text
//! cargo run --release -p dm-benches --bin query-octets
//! ```
//!
//! Each row is a way to ask a telephone for four of its objects: messages of the whole session, octets to the device and from it beyond those
//! of a session that asks for nothing, and how many times the smallest way that is. Exits 1 if a way found something else than the others,
//! or the query is not the smallest.

use std::process::ExitCode;

use dm_benches::queries::{
    Exchange, OBJECTS, all_in_one_get, leaf_by_leaf, listed, nothing, subset, telephone, walked,
};
use dm_syncml::Encoding;

fn main() -> ExitCode {
    row(&["encoding", "asked", "messages", "down", "up", "both", "times"].map(String::from));
    if [Encoding::Wbxml, Encoding::Xml].into_iter().all(compare) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn compare(encoding: Encoding) -> bool {
    let mut tree = telephone();
    let bare = nothing(&mut tree, encoding);
    let smallest = subset(&mut tree, encoding, &OBJECTS, &[]);
    let leaves: Vec<String> = smallest.leaves().into_keys().collect();
    let ways = [
        ("subset query", smallest),
        ("?list=StructData", listed(&mut tree, encoding, &OBJECTS)),
        ("one Get, known leaves", all_in_one_get(&mut tree, encoding, &leaves)),
        ("a Get for each known leaf", leaf_by_leaf(&mut tree, encoding, &leaves)),
        ("Gets from the top down", walked(&mut tree, encoding, &OBJECTS)),
    ];
    let beyond = |way: &Exchange| (way.down - bare.down, way.up - bare.up);
    let both = |way: &Exchange| way.octets() - bare.octets();
    let (least, found) = (both(&ways[0].1), ways[0].1.leaves());
    for (name, way) in &ways {
        let (down, up) = beyond(way);
        let times = both(way) as f64 / least as f64;
        let numbers = [way.messages, down, up, both(way)].map(|number| number.to_string());
        let [messages, down, up, both] = numbers;
        row(&[format!("{encoding:?}"), (*name).into(), messages, down, up, both, format!("{times:.2}")]);
    }
    ways.iter().all(|(_, way)| way.leaves() == found) && ways[1..].iter().all(|(_, way)| both(way) > least)
}

#[expect(clippy::print_stdout, reason = "the table")]
fn row([encoding, asked, messages, down, up, both, times]: &[String; 7]) {
    println!("{encoding:<9} {asked:<26} {messages:>8} {down:>6} {up:>6} {both:>6} {times:>6}");
}

//! Scenarios with both session machines on virtual time.
#![cfg(feature = "xml")]

#[path = "../pair/mod.rs"]
mod pair;

mod deaths;
mod moving;
mod network;
mod oddities;
mod proof;
mod resuming;
mod rounds;

use dm_syncml::session::{ServerEnd, ServerEvent};
use dm_syncml::{Encoding, StatusCode};
use pair::World;

const BOTH: [Encoding; 2] = [Encoding::Wbxml, Encoding::Xml];

fn answers(world: &World) -> Vec<(StatusCode, Vec<String>)> {
    world
        .server_events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Answered(_, answer) => {
                let found =
                    answer.items().map(|item| item.data.as_ref().unwrap().as_text().unwrap().to_owned());
                Some((answer.code(), found.collect()))
            }
            _ => None,
        })
        .collect()
}

fn ended(world: &World) -> Vec<ServerEnd> {
    world
        .server_events
        .iter()
        .filter_map(|e| if let ServerEvent::Ended(end) = e { Some(*end) } else { None })
        .collect()
}

//! DM-6: delegation from server to server.

mod flow;
mod messages;
mod network;
mod sessions;

use dm_tree::authority::{DelegationKind, Scope, Terms};
use dm_tree::delegation::Proposal;
use dm_tree::{NodeUri, Rights, ServerId, Timestamp};

pub(crate) fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix(1_700_000_000 + seconds).unwrap()
}

pub(crate) fn terms(kind: DelegationKind) -> Terms {
    let scope = Scope::Subtree(NodeUri::parse("./Printer").unwrap().into_owned());
    Terms::new(kind, scope, Rights::GET | Rights::REPLACE)
}

pub(crate) fn proposal(terms: Terms) -> Proposal {
    Proposal::new("IMEI:1", terms).unwrap()
}

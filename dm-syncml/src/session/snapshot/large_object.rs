//! Large objects that are under way.

use alloc::boxed::Box;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::codes::StatusCode;
use crate::model::{CmdName, Item, Source, Target};
use crate::session::large_object::{
    Assembler, Carried, ChunkOf, Cuts, Cutter, Digest, Joining, Keeping, Partial, PartialObjects,
    PartialObjectsSnapshot,
};
use crate::time::Instant;

use super::{RestoreError, pack, pack_items, pack_octets, unpack, unpack_items, unpack_octets};

/// An object that is going out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::session) struct CutterState {
    shell: String,
    data: String,
    text: bool,
    cuts: Cuts,
    sent: usize,
    #[serde(default)]
    start: usize,
    #[serde(default)]
    rewound: bool,
    #[serde(default)]
    digest: Option<String>,
}

impl CutterState {
    pub(in crate::session) fn of(cutter: &Cutter) -> Self {
        let (octets, text) = match &cutter.data {
            Carried::Text(text) => (text.as_bytes(), true),
            Carried::Octets(octets) => (octets.as_slice(), false),
        };
        Self {
            shell: pack(&cutter.shell),
            data: pack_octets(octets),
            text,
            cuts: cutter.cuts,
            sent: cutter.sent,
            start: cutter.start,
            rewound: cutter.rewound,
            digest: cutter.digest.map(Digest::to_text),
        }
    }

    pub(in crate::session) fn restore(self) -> Result<Cutter, RestoreError> {
        let octets = unpack_octets(&self.data)?;
        let data = if self.text {
            Carried::Text(String::from_utf8(octets).map_err(|_| RestoreError::Malformed("text"))?)
        } else {
            Carried::Octets(octets)
        };
        let boundary = match &data {
            Carried::Text(text) => text.is_char_boundary(self.sent),
            Carried::Octets(octets) => self.sent <= octets.len(),
        };
        if !boundary || self.start > self.sent {
            return Err(RestoreError::Malformed("a place in the object"));
        }
        Ok(Cutter {
            shell: unpack(&self.shell)?,
            data,
            cuts: self.cuts,
            sent: self.sent,
            start: self.start,
            rewound: self.rewound,
            digest: digest(self.digest)?,
        })
    }
}

fn digest(text: Option<String>) -> Result<Option<Digest>, RestoreError> {
    text.map(|text| Digest::parse(&text).ok_or(RestoreError::Malformed("a digest"))).transpose()
}

/// An object that is coming in, if one is, and what is kept of others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::session) struct AssemblerState {
    partial: Option<PartialState>,
    #[serde(default)]
    keeping: Option<KeepingState>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct KeepingState {
    objects: PartialObjectsSnapshot,
    limits: (usize, usize, u64),
    peer: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct PartialState {
    cmd: String,
    answers: Option<(u32, String)>,
    /// An item with Target and Source.
    place: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    state: JoiningState,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum JoiningState {
    Joined { first: Option<String>, data: String, text: bool, size: u64, again: usize },
    Refused(u16),
}

impl AssemblerState {
    pub(in crate::session) fn of(assembler: &Assembler, now: Instant) -> Self {
        let keeping = assembler.keeping.as_ref().map(|keeping| KeepingState {
            objects: keeping.objects.snapshot(now),
            limits: keeping.objects.limits(),
            peer: keeping.peer.clone(),
        });
        let partial = assembler.partial.as_ref().map(|partial| PartialState {
            cmd: partial.of.cmd.as_str().into(),
            answers: partial.of.answers.clone(),
            place: pack_items(&[place_of(partial)]),
            digest: partial.digest.map(Digest::to_text),
            state: match &partial.state {
                Joining::Joined { first, data, text, size, again } => JoiningState::Joined {
                    first: pack_items(core::slice::from_ref(&**first)),
                    data: pack_octets(data),
                    text: *text,
                    size: *size,
                    again: *again,
                },
                Joining::Refused(code) => JoiningState::Refused(code.get()),
            },
        });
        Self { partial, keeping }
    }

    /// With the limit of the configuration in force now.
    pub(in crate::session) fn restore(
        self,
        now: Instant,
        limit: Option<u64>,
    ) -> Result<Assembler, RestoreError> {
        let mut assembler = Assembler::new(limit);
        if let Some(KeepingState { objects, limits, peer }) = self.keeping {
            let objects = PartialObjects::with_limits(limits).restored(now, objects)?;
            assembler.keeping = Some(Keeping { objects, peer, now });
        }
        let Some(partial) = self.partial else { return Ok(assembler) };
        let state = match partial.state {
            JoiningState::Joined { first, data, text, size, again } => {
                let data = unpack_octets(&data)?;
                if again > data.len() {
                    return Err(RestoreError::Malformed("a place in the object"));
                }
                let first =
                    unpack_items(first.as_deref())?.pop().ok_or(RestoreError::Malformed("an item"))?;
                Joining::Joined { first: Box::new(first), data, text, size, again }
            }
            JoiningState::Refused(code) => Joining::Refused(StatusCode::new(code)),
        };
        let place = unpack_items(partial.place.as_deref())?.pop().unwrap_or_default();
        assembler.partial = Some(Partial {
            of: ChunkOf { cmd: CmdName::new(partial.cmd)?, answers: partial.answers },
            target: place.target.map(|target| target.loc_uri),
            source: place.source.map(|source| source.loc_uri),
            digest: digest(partial.digest)?,
            state,
        });
        Ok(assembler)
    }
}

fn place_of(partial: &Partial) -> Item<'static> {
    let mut item = Item::new();
    item.target = partial.target.clone().map(Target::new);
    item.source = partial.source.clone().map(Source::new);
    item
}

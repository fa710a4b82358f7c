//! What a gateway's program does beside the machine, and what takes its time. It is lost when the gateway stops.

use core::time::Duration;

use dm_tree::ServerId;
use gwmo_model::BlobNo;

use super::place::Place;
use super::town::Town;

/// Something that takes its time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Chore {
    /// Octets come from the web.
    Fetch { blob: BlobNo, url: String, from: u64, max: u64 },
    /// A file is hashed.
    Hash { blob: BlobNo, len: u64 },
    /// A server that was asked for a bootstrap answers.
    Peer { server: ServerId },
}

impl Chore {
    /// Whose file it is about.
    pub(super) const fn blob(&self) -> Option<BlobNo> {
        match self {
            Self::Fetch { blob, .. } | Self::Hash { blob, .. } => Some(*blob),
            Self::Peer { .. } => None,
        }
    }
}

impl Town {
    /// Does something a while later, if the gateway is there then.
    pub(super) fn later(&mut self, gateway: u16, after: Duration, chore: Chore) {
        let at = self.network.now() + after;
        if let Some(site) = self.sites.get_mut(usize::from(gateway)) {
            site.chores.push((at, chore));
        }
        self.await_chore(gateway);
    }

    fn await_chore(&mut self, gateway: u16) {
        let Some(site) = self.sites.get(usize::from(gateway)) else { return };
        match site.chores.iter().map(|(at, _)| *at).min() {
            Some(at) => self.network.wake_at(Place::Chores(gateway), at),
            None => self.network.cancel_wake(Place::Chores(gateway)),
        }
    }

    pub(super) fn do_chores(&mut self, now: Duration, gateway: u16) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let (due, open) = core::mem::take(&mut site.chores).into_iter().partition(|(at, _)| *at <= now);
        site.chores = open;
        let due: Vec<(Duration, Chore)> = due;
        for (_, chore) in due {
            match chore {
                Chore::Fetch { blob, url, from, max } => self.fetch(gateway, blob, &url, from, max),
                Chore::Hash { blob, len } => self.hash(gateway, blob, len),
                Chore::Peer { server } => self.peer_answers(gateway, &server),
            }
            self.drain_gateway(gateway);
        }
        self.await_chore(gateway);
    }
}

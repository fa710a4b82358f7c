//! Servers that devices know: gateways learn of them, and ask those that are allowed to bootstrap them too.

use dm_tree::ServerId;
use gwmo_model::Subscription;

use super::chores::Chore;
use super::place::SECOND;
use super::site::Site;
use super::town::Town;

/// How many other servers there are. The first one may be asked and bootstraps, the second may be and does not, the third may
/// not be asked.
pub(super) const OTHERS: u8 = 3;

pub(super) fn other_id(number: u8) -> ServerId {
    ServerId::new(&format!("dms-{number}.example")).expect("a short name")
}

/// Whether a gateway may ask it.
pub(super) const fn is_allowed(number: u8) -> bool {
    number < 2
}

/// How often a gateway asked another server, and what came of it.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Asked {
    times: u32,
    /// That it answered is stored as the record with this number.
    answer_rests_on: Option<u64>,
    is_answered: bool,
}

impl Asked {
    pub(super) fn stored(&mut self, number: u64) {
        self.is_answered |= self.answer_rests_on.is_some_and(|rests_on| rests_on <= number);
    }

    /// The gateway has stopped, and may not know of the answer.
    pub(super) fn stopped(&mut self) {
        self.answer_rests_on = None;
    }
}

impl Town {
    /// A gateway asks a server for a bootstrap.
    pub(super) fn ask_peer(&mut self, gateway: u16, server: ServerId) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let asked = site.asked.entry(server.clone()).or_default();
        asked.times += 1;
        let was_answered = asked.is_answered;
        let may = (0..OTHERS).any(|number| is_allowed(number) && other_id(number) == server);
        if !may || was_answered {
            return self.violation(format!(
                "gateway {gateway} asks {server}, allowed {may}, answered {was_answered}"
            ));
        }
        self.tally.peers += 1;
        self.later(gateway, 30 * SECOND, Chore::Peer { server });
    }

    /// It bootstraps the gateway, or does not.
    pub(super) fn peer_answers(&mut self, gateway: u16, server: &ServerId) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        let starts = site.starts;
        let Some(machine) = &mut site.gateway else { return };
        let alerts = Subscription::default().with_attached(false).with_images(false);
        let taken = match *server == other_id(0) {
            true => machine.handle_server(clock, server.clone(), alerts).map_err(|error| error.to_string()),
            false => {
                machine.handle_peer_refused(clock, server);
                Ok(())
            }
        };
        if let Err(what) = taken {
            return self.violation(format!("gateway {gateway} does not take {server}: {what}"));
        }
        self.drain_gateway(gateway);
        // What it was told is lost if it stopped over it.
        let goes_on = |site: &&mut Site| site.gateway.is_some() && site.starts == starts;
        if let Some(site) = self.sites.get_mut(usize::from(gateway)).filter(goes_on) {
            let written = site.written;
            site.asked.entry(server.clone()).or_default().answer_rests_on = Some(written);
            site.stored();
        }
    }

    /// Servers that a gateway heard of and may ask were asked.
    pub(super) fn judge_peers(&self) -> Vec<String> {
        let mut found = Vec::new();
        for site in &self.sites {
            for number in 0..OTHERS {
                let server = other_id(number);
                let heard = site.heard.keys().any(|(_, text)| *text == server_list(number));
                let asked = site.asked.get(&server).copied().unwrap_or_default();
                // A device that told it to a gateway that stopped over it may tell it to another one.
                let stays = self.options.gateways == 1;
                if stays && heard && is_allowed(number) && asked.times == 0 {
                    found.push(format!("gateway {} heard of {server}, and did not ask it", site.number));
                }
            }
        }
        found
    }
}

/// What a device says of the servers it knows.
pub(super) fn server_list(number: u8) -> String {
    format!("dms.example,{}", other_id(number))
}

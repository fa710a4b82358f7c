//! Gateways towards the server: each a DM client.

use core::time::Duration;

use dm_syncml::session::{
    ClientEvent, ClientOutput, ClientSession, Incoming, Initiation, Outgoing, TransportSecurity,
};
use dm_syncml::{DecodeOptions, Encoding, StatusCode};

use super::Sabotage;
use super::place::{MINUTE, Packet, Place, server_id};
use super::town::Town;

/// How long a gateway waits for a notification before it looks by itself.
pub(super) const POLL: Duration = Duration::from_secs(5 * MINUTE.as_secs());

impl Town {
    pub(super) fn tick_uplink(&mut self, now: Duration, gateway: u16) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        match &mut site.uplink.session {
            Some(session) => session.handle_tick(clock),
            // It looks by itself from time to time: a notification may be signed with a nonce that it never got.
            None => {
                let initiation = site.uplink.own_session();
                return self.open_uplink(gateway, initiation);
            }
        }
        self.drain_uplink(gateway);
    }

    pub(super) fn uplink_got(&mut self, now: Duration, gateway: u16, packet: Packet) {
        let entropy = self.entropy();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        if site.gateway.is_none() {
            return;
        }
        match packet {
            Packet::Push(push) => {
                if let Some(id) = site.uplink.handle_push(gateway, &push) {
                    self.open_uplink(gateway, Initiation::Server(id));
                }
            }
            Packet::Answer(body) => {
                let incoming = match Incoming::decode(Encoding::Wbxml, &body, &DecodeOptions::new()) {
                    Ok(incoming) => incoming,
                    Err(error) => {
                        return self.violation(format!("the server sent what is no message: {error}"));
                    }
                };
                if let Some(session) = &mut site.uplink.session {
                    // A copy that comes late finds nobody waiting.
                    let _ = session.handle_message(clock, &incoming, entropy);
                }
                self.drain_uplink(gateway);
            }
            _ => {}
        }
    }

    /// A session with the server begins; the alerts that wait go along.
    pub(super) fn open_uplink(&mut self, gateway: u16, initiation: Initiation) {
        let now = self.network.now();
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        let clock = site.clock(now);
        let Some(machine) = &mut site.gateway else { return };
        let (seqs, alerts): (Vec<_>, Vec<_>) =
            machine.handle_upstream_opened(clock, &server_id()).into_iter().unzip();
        // Nobody reads along in this town.
        machine.handle_upstream_transport(clock, &server_id(), TransportSecurity::Confidential);
        if self.options.sabotage == Some(Sabotage::UnheardAlerts) {
            for seq in &seqs {
                machine.handle_alert_taken(clock, &server_id(), *seq, StatusCode::OK);
            }
        }
        let config = site.uplink.config(gateway);
        site.uplink.session = Some(ClientSession::new(clock, config, initiation, alerts));
        site.uplink.alerts = seqs;
        self.drain_gateway(gateway);
        self.drain_uplink(gateway);
    }

    fn drain_uplink(&mut self, gateway: u16) {
        let now = self.network.now();
        let server = server_id();
        let is_early = self.options.sabotage == Some(Sabotage::EarlyAcknowledgement);
        loop {
            let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
            let clock = site.clock(now);
            // A gateway that stops takes its session along.
            let (Some(machine), Some(session)) = (&mut site.gateway, &mut site.uplink.session) else {
                return;
            };
            match session.poll_output() {
                ClientOutput::Persist(seq, record) => {
                    session.handle_persisted(clock, seq);
                    site.uplink.store(record);
                }
                ClientOutput::Event(ClientEvent::AlertTaken(id, code)) => {
                    let place = usize::try_from(id.get()).unwrap_or(usize::MAX);
                    if let Some(seq) = site.uplink.alerts.get(place) {
                        machine.handle_alert_taken(clock, &server, *seq, code);
                    }
                    self.drain_gateway(gateway);
                }
                ClientOutput::Event(_) => {}
                ClientOutput::Send(_, Outgoing { body, .. }) => match site.last_pending() {
                    Some(seq) if !is_early => site.uplink.held.push_back((seq, body)),
                    _ => self.network.send(Place::Uplink(gateway), Place::Server, Packet::Request(body)),
                },
                ClientOutput::Execute(handle, command) => {
                    let outcome = machine.execute(clock, &server, &command);
                    let told = session.handle_outcome(clock, handle, outcome);
                    if let Err(error) = told {
                        return self.violation(format!("uplink {gateway}: {error}"));
                    }
                    self.drain_gateway(gateway);
                }
                ClientOutput::Atomic(handle, step) => {
                    let outcome = machine.handle_atomic(clock, &server, step);
                    let told = session.handle_outcome(clock, handle, outcome);
                    if let Err(error) = told {
                        return self.violation(format!("uplink {gateway}: {error}"));
                    }
                    self.drain_gateway(gateway);
                }
                ClientOutput::Closed(end) => {
                    self.network.note(Place::Uplink(gateway), format!("{end:?}"));
                    site.uplink.ended();
                    machine.handle_upstream_closed(clock, &server);
                    let is_wanted = core::mem::take(&mut site.wanted);
                    let has_more = machine.outbox().pending(&server).next().is_some();
                    let initiation = site.uplink.own_session();
                    self.network.wake_at(Place::Uplink(gateway), now + POLL);
                    self.drain_gateway(gateway);
                    let is_free = |town: &Self| {
                        town.sites.get(usize::from(gateway)).is_some_and(|site| site.uplink.session.is_none())
                    };
                    if is_wanted && has_more && is_free(self) {
                        self.open_uplink(gateway, initiation);
                    }
                }
                ClientOutput::Wait(at) => {
                    match at {
                        Some(at) => {
                            let at = site.when(at);
                            self.network.wake_at(Place::Uplink(gateway), at);
                        }
                        None => self.network.cancel_wake(Place::Uplink(gateway)),
                    }
                    return;
                }
                other => return self.violation(format!("uplink {gateway} wants {other:?}")),
            }
        }
    }

    /// What rested on records goes out when they are stored.
    pub(super) fn send_held(&mut self, gateway: u16) {
        let Some(site) = self.sites.get_mut(usize::from(gateway)) else { return };
        while let Some(body) = site.next_held() {
            self.network.send(Place::Uplink(gateway), Place::Server, Packet::Request(body));
        }
    }
}

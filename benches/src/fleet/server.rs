//! The DM server: it asks gateways for sessions and does in them what it wants done.

use core::time::Duration;

use dm_notification::push::PushBuilder;
use dm_notification::{Initiator, Notification, SessionId, Trigger};
use dm_syncml::auth::Nonce;
use dm_syncml::session::{
    Account, Incoming, Outgoing, ServerConfig, ServerEvent, ServerOutput, ServerSession,
};
use dm_syncml::{CmdId, DecodeOptions, Encoding};

use super::place::{
    Packet, Place, SECOND, SERVER_URL, server_credentials, server_id, server_secret, signing,
    uplink_credentials, uri,
};
use super::town::Town;

impl Town {
    /// Gateways of which it wants something are notified.
    pub(super) fn server_looks(&mut self, now: Duration) {
        for gateway in 0..self.options.gateways {
            let Some(desk) = self.desks.get_mut(usize::from(gateway)) else { continue };
            let in_session = desk.session.as_ref().is_some_and(|(_, session)| !session.is_over());
            let was_asked = desk.asked_at.is_some_and(|at| now < at + 25 * SECOND);
            if in_session || was_asked || !desk.wants(now) {
                continue;
            }
            desk.asked_at = Some(now);
            desk.next_notification = desk.next_notification % 0xfff0 + 1;
            let Ok(session_id) = SessionId::new(desk.next_notification) else { continue };
            let credential = signing(&server_id(), server_secret(gateway));
            let nonce = desk.nonces.1.as_ref().map_or(&[][..], Nonce::as_bytes);
            let trigger = Trigger::new(credential.server_identifier(), session_id);
            let trigger = trigger.with_initiator(Initiator::Server);
            let package_0 = Notification::sign(trigger, &credential, nonce).to_vec();
            let push = PushBuilder::dm_notification().to_vec(&package_0);
            self.network.send(Place::Server, Place::Uplink(gateway), Packet::Push(push));
        }
    }

    pub(super) fn tick_desk(&mut self, now: Duration, gateway: u16) {
        let clock = self.now();
        let desk = self.desks.get_mut(usize::from(gateway));
        if let Some((_, session)) = desk.and_then(|desk| desk.session.as_mut()) {
            session.handle_tick(clock);
        }
        self.drain_desk(now, gateway);
    }

    /// A message of a gateway.
    pub(super) fn served(&mut self, now: Duration, gateway: u16, body: &[u8]) {
        let (clock, entropy) = (self.now(), self.entropy());
        let incoming = match Incoming::decode(Encoding::Wbxml, body, &DecodeOptions::new()) {
            Ok(incoming) => incoming,
            Err(error) => {
                return self.violation(format!("gateway {gateway} sent what is no message: {error}"));
            }
        };
        let Some(desk) = self.desks.get_mut(usize::from(gateway)) else { return };
        let key = incoming.key();
        if desk.is_past(&key) {
            return;
        }
        if desk.session.as_ref().is_none_or(|(known, _)| *known != key) {
            if !incoming.is_first() {
                return;
            }
            desk.close();
            let account = Account::md5(uplink_credentials(gateway), server_credentials(gateway))
                .with_nonces(desk.nonces.0.clone(), desk.nonces.1.clone());
            let config = ServerConfig::new(uri(SERVER_URL)).with_idle(60 * SECOND);
            desk.session = Some((key, ServerSession::new(clock, config, Some(account))));
        }
        if let Some((_, session)) = &mut desk.session {
            // A copy that comes late is refused.
            let _ = session.handle_message(clock, &incoming, entropy);
        }
        self.drain_desk(now, gateway);
    }

    fn drain_desk(&mut self, now: Duration, gateway: u16) {
        let clock = self.now();
        let (devices, gateways) = (self.options.devices, self.options.gateways);
        loop {
            let Some(desk) = self.desks.get_mut(usize::from(gateway)) else { return };
            let Some((_, session)) = &mut desk.session else { return };
            match session.poll_output() {
                ServerOutput::Persist(seq, record) => {
                    session.handle_persisted(clock, seq);
                    desk.store(record);
                }
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    desk.next_errand(now, &self.plan, devices, gateways);
                }
                ServerOutput::Event(ServerEvent::Answered(handle, answer)) => {
                    if let Err(what) = desk.handle_answer(now, handle, answer, &self.plan) {
                        return self.violation(what);
                    }
                    desk.next_errand(now, &self.plan, devices, gateways);
                    for number in core::mem::take(&mut desk.registered) {
                        self.network.wake_at(Place::Life(number), now + SECOND);
                    }
                }
                ServerOutput::Event(ServerEvent::GivenUp(handle, _)) => desk.give_up(handle),
                ServerOutput::Event(ServerEvent::GenericAlert(_, alert)) => {
                    self.tally.alerts += 1;
                    let alert = alert.to_alert(CmdId::number(core::num::NonZeroU32::MIN));
                    if let Err(what) = desk.handle_alert(&alert) {
                        return self.violation(format!("gateway {gateway}: {what}"));
                    }
                }
                ServerOutput::Event(ServerEvent::Ended(end)) => {
                    desk.abandon();
                    self.network.note(Place::Desk(gateway), format!("{end:?}"));
                }
                ServerOutput::Event(_) => {}
                ServerOutput::Reply(Outgoing { body, .. }) => {
                    self.network.send(Place::Server, Place::Uplink(gateway), Packet::Answer(body));
                }
                ServerOutput::Closed => {
                    desk.close();
                    self.network.cancel_wake(Place::Desk(gateway));
                    return;
                }
                ServerOutput::Wait(at) => {
                    match at {
                        Some(at) => self.network.wake_at(Place::Desk(gateway), at.since_epoch()),
                        None => self.network.cancel_wake(Place::Desk(gateway)),
                    }
                    return;
                }
                other => return self.violation(format!("desk {gateway} wants {other:?}")),
            }
        }
    }
}

//! What may be said where others can read along (GwMO RD, DM-SECONF-001).

use alloc::boxed::Box;
use alloc::string::String;

use dm_syncml::session::TransportSecurity;
use dm_syncml::{Command, Instant, StatusCode};
use dm_tree::{SecretNodes, ServerId};

use super::{Gateway, GatewayEvent};
use crate::device::Serial;
use crate::fanout::Ticket;
use crate::inventory::AttachStatus;

/// One of the ways between a gateway and its peers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Leg {
    /// A session with a server: [`Gateway::handle_upstream_transport`] says how it is transported.
    Server,
    /// A session with a device: its messages say it ([`Incoming::over`](dm_syncml::session::Incoming::over)). It is what its first message was, and
    /// later ones that are worse do not belong to it.
    Session,
    /// The link over which a device is sent its bootstrap. [`Sighting::over`](crate::Sighting::over) says how it is, for as long as the device
    /// stays.
    Bootstrap,
    /// The same link, where an adapter speaks to the device.
    Adapter,
}

/// What a gateway takes for secret, and what it does about it (DM-SECONF-001: a gateway conforms to what OMA DM has on confidentiality).
///
/// On a leg that is not [confidential](TransportSecurity::Confidential) secrets are neither taken nor given away:
///
/// - a server cannot write them (403), neither into the gateway's own tree nor into a job nor as the credential of a new device;
/// - it cannot read them back (403): the commands of jobs that carry them, and what devices answered to commands that asked for them;
/// - commands that carry them or ask for them are not sent to a device: it is skipped with 403, before anything of the job is sent;
/// - an account is not sent to a device: its bootstrap waits for a better link.
///
/// Each comes out as [`GatewayEvent::Withheld`]. A leg of which nothing is said is not confidential.
///
/// The default lets nothing through. The addresses of images are no secrets: who asks for an image must be one it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfidentialityPolicy {
    secrets: SecretNodes,
    /// By [`Leg`].
    in_clear: [bool; 4],
}

impl Default for ConfidentialityPolicy {
    fn default() -> Self {
        Self { secrets: SecretNodes::standard(), in_clear: [false; 4] }
    }
}

impl ConfidentialityPolicy {
    /// Sets which nodes hold secrets, on devices as on the gateway. Default [`SecretNodes::standard`].
    #[must_use]
    pub fn with_secrets(mut self, secrets: SecretNodes) -> Self {
        self.secrets = secrets;
        self
    }

    /// Lets secrets go over this leg whoever can read along: the owner of the network answers for it.
    #[must_use]
    pub const fn allowing_in_clear(mut self, leg: Leg) -> Self {
        self.in_clear[leg as usize] = true;
        self
    }

    /// Which nodes hold secrets.
    #[must_use]
    pub const fn secrets(&self) -> &SecretNodes {
        &self.secrets
    }

    /// Whether secrets may go over a leg that is transported so.
    #[must_use]
    pub const fn permits(&self, leg: Leg, transport: TransportSecurity) -> bool {
        transport.is_confidential() || self.in_clear[leg as usize]
    }
}

/// Something that was not said because others could have read it.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Withheld {
    /// Where it would have gone, or come from.
    pub leg: Leg,
    /// The server that wanted it, if one did.
    pub server: Option<ServerId>,
    /// The device it was for, if it was for one.
    pub device: Option<Serial>,
    /// The node that holds the secret.
    pub node: Box<str>,
}

impl Gateway {
    /// How the session with this server is transported, right after it [began](Self::handle_upstream_opened); it is [`TransportSecurity::Clear`]
    /// until then. What that means is in [`GatewayConfig::confidentiality`](super::GatewayConfig::confidentiality).
    pub fn handle_upstream_transport(
        &mut self,
        now: Instant,
        server: &ServerId,
        transport: TransportSecurity,
    ) {
        self.advance(now);
        if let Some(session) = self.upstream.get_mut(server) {
            session.transport = transport;
        }
    }

    /// Whether secrets may pass between a server and the gateway.
    pub(super) fn server_may_see(&self, server: &ServerId) -> bool {
        let transport =
            self.upstream.get(server).map_or(TransportSecurity::Clear, |session| session.transport);
        self.config.confidentiality.permits(Leg::Server, transport)
    }

    /// Why a command of a server is not executed on the gateway's own tree: it carries a secret in clear. Its objects judge for themselves.
    pub(super) fn withheld_from(&mut self, server: &ServerId, command: &Command<'_>) -> Option<StatusCode> {
        let node = self.config.confidentiality.secrets().found_in(command)?;
        self.withhold(Leg::Server, Some(server.clone()), None, node);
        Some(StatusCode::FORBIDDEN)
    }

    /// Whether the operations of a job must not go to a device as it can be reached now. If so its target is over.
    pub(super) fn withheld_from_device(&mut self, ticket: Ticket) -> bool {
        let serial = ticket.serial;
        let (leg, transport) = match self.is_adapted(serial) {
            true => (Leg::Adapter, self.link(serial)),
            false => {
                let session = self.sessions.current_mut(serial);
                (Leg::Session, session.map_or(TransportSecurity::Clear, |session| session.transport))
            }
        };
        if self.config.confidentiality.permits(leg, transport) {
            return false;
        }
        let found = self.objects.jobs.numbered(ticket.job).and_then(|(_, job)| {
            let node = job.secrets().next()?;
            Some((job.owner().clone(), String::from(node)))
        });
        let Some((owner, node)) = found else { return false };
        self.withhold(leg, Some(owner), Some(serial), node);
        self.objects.fanout.handle_denied(self.objects.now, ticket, StatusCode::FORBIDDEN);
        true
    }

    /// Whether an account may be sent to a device.
    pub(super) fn may_bootstrap(&self, serial: Serial) -> bool {
        self.config.confidentiality.permits(Leg::Bootstrap, self.link(serial))
    }

    pub(super) fn withhold(
        &mut self,
        leg: Leg,
        server: Option<ServerId>,
        device: Option<Serial>,
        node: impl Into<Box<str>>,
    ) {
        self.event(GatewayEvent::Withheld(Withheld { leg, server, device, node: node.into() }));
    }

    fn link(&self, serial: Serial) -> TransportSecurity {
        TransportSecurity::confidential_if(self.links.contains(&serial))
    }

    /// A device was seen over a link; what waited for a better one is offered.
    pub(super) fn seen_over(&mut self, serial: Serial, transport: TransportSecurity) {
        if !transport.is_confidential() {
            self.links.remove(&serial);
        } else if self.links.insert(serial)
            && let Some(record) = self.objects.inventory.record(serial)
            && record.status() == AttachStatus::Attached
            && record.asleep_until().is_none()
        {
            self.objects.bootstrap.handle_reachable(self.objects.now, serial);
        }
    }
}

//! The DM servers a gateway answers to: their rights, their sessions, their alerts.

use alloc::vec::Vec;

use dm_syncml::{Alert, Instant, StatusCode};
use dm_tree::{Acl, NodeUri, Rights, ServerId, TreeError};

use super::machines::Waiting;
use super::persistence::Origin;
use super::{Gateway, GatewayError, GatewayOutput, GatewayRecord, Upstream, alerts};
use crate::fanout::JobNo;
use crate::mo::{
    Binding, ConfigSlot, FanoutSlot, GroupsSlot, ImagesSlot, InventorySlot, MOUNTED, TriggerSlot,
};
use crate::outbox::{self, AlertBody, AlertSeq, OutboxOutput, Subscription};

/// Where servers get rights, and which. Whoever adds a group or a job owns it; Exec is granted so that the ACL the
/// tree gives to new nodes has it, and means nothing where it stands.
fn grants(binding: &Binding) -> Vec<(NodeUri<'static>, Rights)> {
    let add = Rights::ADD | Rights::EXEC | Rights::GET;
    let mut all = Vec::new();
    for object in MOUNTED {
        let place = binding.place(object);
        // Who may read an object may also see where it is.
        for uri in place.parent().into_iter().filter(|parent| !parent.is_root()).chain([place.clone()]) {
            let granted = (uri.into_owned(), Rights::GET);
            if !all.contains(&granted) {
                all.push(granted);
            }
        }
    }
    all.extend([
        (binding.uri(InventorySlot::Devices, &[]), Rights::ALL),
        (binding.uri(FanoutSlot::Jobs, &[]), add),
        (binding.uri(InventorySlot::Queries, &[]), add),
        (binding.uri(ImagesSlot::Images, &[]), add),
        (binding.uri(TriggerSlot::Triggers, &[]), add),
    ]);
    let groups = binding.uri(GroupsSlot::Root, &[]);
    all.retain(|(uri, _)| *uri != groups);
    all.push((groups, add));
    all
}

/// The alert switches of a server.
fn switches(binding: &Binding, server: &ServerId) -> NodeUri<'static> {
    binding.uri(ConfigSlot::AlertsOf, &[server.as_str()])
}

impl Gateway {
    /// A DM server that the gateway answers to: it may use the objects, and hears of devices as `alerts` say, which
    /// it may change later. Calling it again changes the alerts, and grants again what was taken away.
    ///
    /// # Errors
    ///
    /// When there are too many servers, or no room for their rights.
    pub fn handle_server(
        &mut self,
        now: Instant,
        server: ServerId,
        alerts: Subscription,
    ) -> Result<(), GatewayError> {
        let now = self.advance(now);
        let before = self.acls();
        let granted = self.grant(&server);
        let subscribed =
            granted.and_then(|()| Ok(self.objects.outbox.handle_subscribed(now, &server, alerts)?));
        match subscribed {
            Ok(()) => {
                self.objects.peers.handle_bootstrapped(now, &server);
                self.objects.add_server(server);
            }
            Err(_) => self.restore_acls(before),
        }
        self.drain_machines();
        subscribed
    }

    /// Lets a server change the settings of the gateway, and says which servers may reach what: everything in
    /// [`ConfigSlot`], which concerns the others too.
    ///
    /// # Errors
    ///
    /// When there is no room for its rights.
    pub fn handle_administrator(&mut self, now: Instant, server: &ServerId) -> Result<(), GatewayError> {
        self.advance(now);
        let binding = &self.objects.binding;
        for uri in [binding.uri(ConfigSlot::Root, &[]), binding.uri(InventorySlot::Registered, &[])] {
            let mut acl = self.tree.effective_acl(&uri).cloned().unwrap_or_else(|| self.own_acl());
            acl.grant(server, Rights::ALL);
            self.tree.set_acl(uri.as_str(), acl)?;
        }
        self.persist_objects();
        Ok(())
    }

    /// A server that was asked ([`GatewayOutput::RequestBootstrap`]) will not
    /// bootstrap the gateway. One that does is reported with [`handle_server`](Self::handle_server).
    pub fn handle_peer_refused(&mut self, now: Instant, server: &ServerId) {
        let now = self.advance(now);
        self.objects.peers.handle_refused(now, server);
        self.drain_machines();
    }

    /// A server that the gateway does not answer to any more: it leaves every ACL, and nothing more is started for its
    /// jobs. Its groups and jobs stay for the gateway's owner to look at; nobody else can.
    pub fn handle_server_removed(&mut self, now: Instant, server: &ServerId) {
        let now = self.advance(now);
        self.tree.remove_server(server);
        // There may have been none.
        let _ = self.tree.forget_acls(switches(&self.objects.binding, server).as_str());
        self.objects.remove_server(server);
        self.upstream.remove(server);
        self.objects.peers.handle_unbootstrapped(now, server);
        self.objects.outbox.handle_session_closed(now, server);
        self.objects.outbox.handle_unsubscribed(now, server);
        // It is owed nothing any more.
        let ended = |alert: &outbox::Alert| match alert.body {
            AlertBody::JobEnded { job, .. } => Some(job),
            _ => None,
        };
        let owed: Vec<JobNo> = self.objects.outbox.pending(server).filter_map(ended).collect();
        for job in owed {
            self.objects.outbox.handle_job_removed(now, server, job);
        }
        self.drain_machines();
    }

    /// A session with a server begins, whoever wanted it: returns the alerts for its first package, in order. Report
    /// each that the server answers with [`handle_alert_taken`](Self::handle_alert_taken).
    pub fn handle_upstream_opened(
        &mut self,
        now: Instant,
        server: &ServerId,
    ) -> Vec<(AlertSeq, Alert<'static>)> {
        let now = self.advance(now);
        if !self.objects.servers.contains(server) {
            return Vec::new();
        }
        self.drain_machines();
        self.upstream.insert(server.clone(), Upstream::default());
        self.objects.outbox.handle_session_opened(now, server);
        self.drain_outbox(Some(server))
    }

    /// The server answered an alert. With a Status that says so ([`StatusCode::is_done`]) it is done; otherwise it comes again in a later session.
    pub fn handle_alert_taken(&mut self, now: Instant, server: &ServerId, seq: AlertSeq, status: StatusCode) {
        let now = self.advance(now);
        if let Some(session) = self.upstream.get_mut(server) {
            session.taken |= status.is_done();
        }
        // Of class 2 are answers, too, that say that nothing was done.
        let status = if status.is_done() { StatusCode::OK } else { StatusCode::COMMAND_FAILED };
        self.objects.outbox.handle_answered(now, server, seq, status);
        self.drain_machines();
    }

    /// The session with a server is over.
    pub fn handle_upstream_closed(&mut self, now: Instant, server: &ServerId) {
        let now = self.advance(now);
        let session = self.upstream.remove(server).unwrap_or_default();
        if self.atomic.as_ref() == Some(server) {
            self.atomic = None;
            // Nobody is left to hear how that went.
            let _ = self.tree.roll_back_atomic(&mut self.objects);
        }
        self.objects.outbox.handle_session_closed(now, server);
        // What came up during the session, or did not fit into it, need not wait as long as what the server did not take.
        if session.more
            && (session.taken || !session.sent)
            && self.objects.outbox.pending(server).next().is_some()
        {
            self.outputs.push_back(GatewayOutput::OpenSession { server: server.clone() });
        } else if session.news {
            self.objects.outbox.handle_left_for_next(now, server);
        }
        self.drain_machines();
    }

    /// Does what the outbox wants done. The alerts for `server`, whose session begins, are returned; a session that
    /// has begun takes no more of them, so others are left for the next one.
    pub(super) fn drain_outbox(&mut self, server: Option<&ServerId>) -> Vec<(AlertSeq, Alert<'static>)> {
        let mut alerts = Vec::new();
        let names = self.config.outbox.names;
        loop {
            match self.objects.outbox.poll_output() {
                OutboxOutput::Send { server: to, alert } => {
                    let message = alerts::alert(&alert, &self.objects, names);
                    match (message, Some(&to) == server) {
                        (Some(message), true) if alerts.len() < self.config.sessions.max_alerts.max(1) => {
                            alerts.push((alert.seq, message));
                            self.upstream.entry(to).or_default().sent = true;
                        }
                        (Some(_), _) => {
                            let news = Some(&to) != server;
                            let session = self.upstream.entry(to).or_default();
                            session.more = true;
                            session.news |= news;
                        }
                        (None, _) => {
                            let now = self.objects.now;
                            self.objects.outbox.handle_answered(now, &to, alert.seq, StatusCode::OK);
                        }
                    }
                }
                OutboxOutput::OpenSession { server } => {
                    self.outputs.push_back(GatewayOutput::OpenSession { server });
                }
                OutboxOutput::Persist(seq, record) => {
                    self.persist(Origin::Outbox(seq), GatewayRecord::Outbox(record));
                }
                OutboxOutput::Wait(at) => {
                    self.waits.set(Waiting::Outbox, at);
                    return alerts;
                }
            }
        }
    }

    /// Closes the objects to everyone.
    pub(super) fn close_objects(&mut self) -> Result<(), GatewayError> {
        for (uri, _) in grants(&self.objects.binding) {
            self.tree.set_acl(uri.as_str(), self.own_acl())?;
        }
        let alerts = self.objects.binding.uri(ConfigSlot::Alerts, &[]);
        Ok(self.tree.set_acl(alerts.as_str(), self.own_acl())?)
    }

    fn grant(&mut self, server: &ServerId) -> Result<(), GatewayError> {
        for (uri, rights) in grants(&self.objects.binding) {
            let mut acl = self.tree.effective_acl(&uri).cloned().unwrap_or_else(|| self.own_acl());
            acl.grant(server, rights);
            self.tree.set_acl(uri.as_str(), acl)?;
        }
        // Its alert switches are its own.
        let mut acl = self.own_acl();
        acl.grant(server, Rights::GET | Rights::REPLACE);
        Ok(self.tree.set_acl(switches(&self.objects.binding, server).as_str(), acl)?)
    }

    fn acls(&self) -> Vec<(NodeUri<'static>, Acl)> {
        let acl = |(uri, _): (NodeUri<'static>, Rights)| {
            let acl = self.tree.effective_acl(&uri).cloned().unwrap_or_default();
            (uri, acl)
        };
        grants(&self.objects.binding).into_iter().map(acl).collect()
    }

    /// Puts back what was in force; it had room before.
    fn restore_acls(&mut self, acls: Vec<(NodeUri<'static>, Acl)>) {
        for (uri, acl) in acls {
            let restored: Result<(), TreeError> = self.tree.set_acl(uri.as_str(), acl);
            debug_assert!(restored.is_ok(), "it was there before");
        }
    }
}

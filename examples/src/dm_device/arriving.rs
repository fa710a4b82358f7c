//! What arrives without being asked for: notifications and bootstrap messages, by UDP or by HTTP push, and what gateways say.

use std::net::SocketAddr;

use axum::http::StatusCode;
use dm_tree::bootstrap::Applied;
use dm_tree::{AuthLevel, DevInfo, dm_accounts};
use serde_json::json;

use super::bootstrapping::Delivered;
use super::failure::Failure;
use super::keeping::Keeper;
use super::life::{Device, MAX_WISHES};
use super::pushing::Pushed;
use super::report::{Report, SERVERS};
use super::waking::{Call, Notice, forget, look_at, look_at_push, session_ended};
use crate::announcing::Challenge;
use crate::store::Batch;

/// Bootstrap messages that may fail to prove themselves until the next start: PINs are short.
const MAX_REFUSED: u32 = 10;

/// What became of what arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// A session is wanted at once.
    Session,
    /// It is not wanted, by the device or its user.
    Refused,
    /// It is nothing, or came before.
    Nothing,
}

impl Device<'_> {
    /// Something came over UDP.
    pub(super) async fn datagram(&mut self, from: SocketAddr, octets: &[u8]) -> Result<Taken, Failure> {
        if self.network.loses() {
            self.log.tell("lost", json!({ "what": "datagram" }));
            return Ok(Taken::Nothing);
        }
        let call = look_at(&self.tree, &mut self.replay, octets);
        self.called(from, call).await
    }

    /// Something came by HTTP; who pushed it is told what became of it.
    pub(super) async fn pushed(&mut self, pushed: Pushed) -> Result<Taken, Failure> {
        let Pushed { from, headers, body, verdict } = pushed;
        if self.network.loses() {
            self.log.tell("lost", json!({ "what": "push" }));
            let _ = verdict.send(StatusCode::SERVICE_UNAVAILABLE);
            return Ok(Taken::Nothing);
        }
        let call = look_at_push(&self.tree, &mut self.replay, &headers, &body);
        let is_bootstrap = matches!(call, Call::Bootstrap(_));
        let taken = self.called(from, call).await?;
        // Whether a notification was genuine is nobody's business.
        let is_refused = is_bootstrap && taken == Taken::Refused;
        let _ = verdict.send(if is_refused { StatusCode::FORBIDDEN } else { StatusCode::ACCEPTED });
        Ok(taken)
    }

    async fn called(&mut self, from: SocketAddr, call: Call<'_>) -> Result<Taken, Failure> {
        match call {
            Call::Nothing(reason) => {
                self.log.tell("dropped", json!({ "from": from.to_string(), "reason": reason.to_string() }));
                Ok(Taken::Nothing)
            }
            Call::Bootstrap(delivered) => self.bootstrapped(from, &delivered).await,
            Call::Session(wish, notice) => {
                self.log.tell(
                    "notified",
                    json!({ "server": wish.server, "session": wish.session_id, "notice": format!("{notice:?}").to_lowercase() }),
                );
                let may_start = match notice {
                    Notice::Silent => true,
                    Notice::Tell => {
                        self.user.tell(&format!("{} manages this device.", wish.server));
                        true
                    }
                    Notice::Ask => self.user.agrees(&wish.server).await,
                };
                if may_start && self.wishes.len() < MAX_WISHES {
                    // One session does for both.
                    self.wishes.retain(|other| other.server != wish.server || other.session_id.is_some());
                    self.wishes.insert(0, wish);
                } else {
                    self.log.tell("declined", json!({ "server": wish.server }));
                    session_ended(&mut self.replay, &wish.server);
                }
                // Acted upon and remembered, or neither.
                let mut batch = Batch::new();
                Keeper::wishes(&mut batch, &self.wishes, &self.replay)?;
                self.keeper.write(batch).await?;
                Ok(if may_start { Taken::Session } else { Taken::Refused })
            }
        }
    }

    async fn bootstrapped(&mut self, from: SocketAddr, delivered: &Delivered<'_>) -> Result<Taken, Failure> {
        let refuse = |reason: String| {
            self.log.tell("bootstrap-refused", json!({ "from": from.to_string(), "reason": reason }));
        };
        if self.refused >= MAX_REFUSED {
            refuse("too many have failed".into());
            return Ok(Taken::Refused);
        }
        let applied: Applied = match self.secrets.apply(&mut self.tree, delivered) {
            Ok(applied) => applied,
            Err(reason) => {
                refuse(reason.to_string());
                self.refused += 1;
                return Ok(Taken::Refused);
            }
        };
        let servers: Vec<_> =
            applied.sessions().map(|session| session.server_id.as_str().to_owned()).collect();
        for server in &servers {
            forget(&mut self.replay, server);
            self.wish_for(server);
        }
        self.log.tell("bootstrapped", json!({ "servers": servers }));
        let mut batch = Batch::new();
        let record = self.tree.take_record();
        self.keeper.records(&mut batch, record)?;
        Keeper::wishes(&mut batch, &self.wishes, &self.replay)?;
        self.keeper.write(batch).await?;
        self.tell_servers().await?;
        Ok(Taken::Session)
    }

    /// Tells the gateway that the device is behind which other servers it knows; returns whether there are any.
    pub(super) async fn tell_servers(&mut self) -> Result<bool, Failure> {
        let Some(gateway) = self.behind.clone() else { return Ok(false) };
        let servers: Vec<_> =
            dm_accounts(&self.tree).map(|(_, account)| account.server_id.as_str().to_owned()).collect();
        let others: Vec<&str> =
            servers.iter().map(String::as_str).filter(|server| *server != gateway).collect();
        if others.is_empty() || others.len() == servers.len() {
            return Ok(false);
        }
        let report = Report {
            server: gateway.clone(),
            alert_type: SERVERS.into(),
            source: "./DMAcc".into(),
            number: 0,
            correlator: None,
            text: Some(others.join(",")),
        };
        let mut batch = Batch::new();
        self.file(&mut batch, report)?;
        self.wish_for(&gateway);
        Keeper::wishes(&mut batch, &self.wishes, &self.replay)?;
        self.keeper.write(batch).await?;
        Ok(true)
    }

    /// The answer to a gateway that asks for a proof; `None` without an account with it.
    pub(super) fn proof(&self, challenge: &Challenge<'_>) -> Option<Vec<u8>> {
        let dev_id = DevInfo::read(&self.tree)?.dev_id;
        let (_, account) = self.account_of(challenge.server)?;
        let shown = account.credentials.iter().find(|auth| auth.level == AuthLevel::CLCRED)?;
        Some(challenge.answer(&dev_id, shown.secret.as_ref()?.expose()))
    }
}

//! One session: the driver of [`ClientSession`] and the tree, with everything on disk before the message that tells of it.

use dm_syncml::auth::{AuthScheme, Credentials, Password};
use dm_syncml::session::{
    AlertId, AlertQueue, ClientConfig, ClientEnd, ClientEvent, ClientOutput, ClientSession, Initiation,
    Record,
};
use dm_syncml::{LocUri, SessionId};
use dm_tree::{AuthLevel, AuthType, DevInfo, DmAccount, Effects, NodeUri, dm_accounts};
use serde_json::json;
use tokio::time::sleep;

use super::failure::Failure;
use super::keeping::{Keeper, LooseNonce, Wish};
use super::life::Device;
use crate::store::Batch;
use crate::wire;

/// How often a message is sent at the most.
const ATTEMPTS: u8 = 4;

/// How a session went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// It came to an end.
    With(ClientEnd),
    /// There could be none: the server has no account here, or the account lacks something.
    Never(&'static str),
    /// The power went.
    PowerLoss,
}

impl Device<'_> {
    /// Runs a session to its end.
    pub(super) async fn manage(&mut self, wish: &Wish) -> Result<Ended, Failure> {
        let Some((place, account)) = self.account_of(&wish.server) else {
            return Ok(Ended::Never("no account of this server"));
        };
        let Some(config) = self.config(&account) else {
            return Ok(Ended::Never("the account has no address that can be used"));
        };
        let id = wish.session_id.clone().unwrap_or_else(|| format!("{:X}", self.network.number()));
        let Ok(session_id) = SessionId::new(id.clone()) else { return Ok(Ended::Never("no session id")) };
        let initiation = match wish.session_id {
            Some(_) => Initiation::Server(session_id),
            None => Initiation::Client(session_id),
        };
        self.log.tell(
            "session-started",
            json!({ "server": wish.server, "session": id, "initiator": if wish.session_id.is_some() { "server" } else { "client" } }),
        );
        let reports = self.reports.iter().filter(|(_, report)| report.server == wish.server);
        let alerts = reports.filter_map(|(number, report)| Some((AlertId::new(*number), report.to_alert()?)));
        let alerts = AlertQueue::restore(alerts);
        self.tell_time();
        let mut partial = self.keeper.partial_objects(self.clock.now())?;
        let mut session = ClientSession::new(self.clock.now(), config, initiation, alerts)
            .with_partial_objects(partial.clone());
        let mut effects = Effects::default();
        let mut asked = None;
        loop {
            let now = self.clock.now();
            let server = &account.server_id;
            let output = self.tree.poll_session(now, &mut session, server, &mut self.handlers, &mut effects);
            // What the next message acknowledges is on disk before it is sent.
            self.keep(&mut effects).await?;
            match output {
                ClientOutput::Send(uri, message) => {
                    sleep(self.network.delay).await;
                    if self.network.loses() {
                        self.log.tell("lost", json!({ "what": "message" }));
                        session.handle_lost(self.clock.now());
                        continue;
                    }
                    let posted = self.wire.post(uri.as_str(), &message).await;
                    *self.messages += 1;
                    if self.program.reboot_after == Some(*self.messages) {
                        return Ok(Ended::PowerLoss);
                    }
                    if posted.is_ok() && self.network.loses() {
                        self.log.tell("lost", json!({ "what": "answer" }));
                        session.handle_lost(self.clock.now());
                        continue;
                    }
                    if let Err(error) = &posted {
                        self.log
                            .tell("no-answer", json!({ "server": wish.server, "reason": error.to_string() }));
                    }
                    let is_taken = wire::take(&mut session, self.clock.now(), &posted);
                    if posted.is_ok() && !is_taken {
                        let reason = "the answer cannot be read, or is of another session";
                        self.log.tell("no-answer", json!({ "server": wish.server, "reason": reason }));
                    }
                    // A transfer that breaks off goes on in the next session, whatever becomes of this process.
                    let held = session.partial_objects();
                    if held != partial {
                        partial = held;
                        self.keeper.keep_partial_objects(self.clock.now(), &partial).await?;
                    }
                }
                ClientOutput::Persist(seq, record) => {
                    self.store(&place, &record).await?;
                    session.handle_persisted(self.clock.now(), seq);
                }
                ClientOutput::Event(event) => self.hear(&mut asked, &event).await?,
                ClientOutput::Interact(handle, interaction) => {
                    self.log
                        .tell("asked", json!({ "code": interaction.code().get(), "text": interaction.text }));
                    asked = Some((handle, interaction));
                }
                ClientOutput::Closed(end) => return Ok(Ended::With(end)),
                ClientOutput::Wait(at) => {
                    let due = async {
                        match at {
                            Some(at) => self.clock.sleep_until(at).await,
                            None => std::future::pending().await,
                        }
                    };
                    match &asked {
                        Some((handle, interaction)) => tokio::select! {
                            response = self.user.answer(interaction) => {
                                self.log.tell("answered", json!({ "code": response.code().get() }));
                                // Its time may be over; the server has been told so then.
                                let _ = session.handle_response(self.clock.now(), *handle, &response);
                                asked = None;
                            }
                            () = due => session.handle_tick(self.clock.now()),
                        },
                        None if at.is_some() => {
                            due.await;
                            session.handle_tick(self.clock.now());
                        }
                        None => return Ok(Ended::With(ClientEnd::BadAnswer)),
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn account_of(&self, server: &str) -> Option<(NodeUri<'static>, DmAccount)> {
        dm_accounts(&self.tree).find(|(_, account)| account.server_id.as_str() == server)
    }

    /// How sessions with the account's server go.
    fn config(&self, account: &DmAccount) -> Option<ClientConfig> {
        let info = DevInfo::read(&self.tree)?;
        let address = account.addresses.first()?.addr.clone();
        let mut config = ClientConfig::new(LocUri::new(info.dev_id).ok()?, LocUri::new(address).ok()?)
            .with_encoding(self.program.encoding())
            .with_atomic()
            .with_resume()
            .with_dev_info(DevInfo::items(&self.tree))
            .with_attempts(ATTEMPTS, std::time::Duration::from_millis(self.program.answer_timeout))
            .with_nonces(account.nonce(&AuthLevel::CLCRED), account.nonce(&AuthLevel::SRVCRED));
        let shown =
            account.credentials(&AuthLevel::CLCRED).map(|credentials| match self.program.wrong_credentials {
                true => Credentials::new(credentials.user(), Password::new("not the password")),
                false => credentials,
            });
        config.device = scheme(account, &AuthLevel::CLCRED).zip(shown);
        let expected = account.credentials(&AuthLevel::SRVCRED);
        config.server_auth = scheme(account, &AuthLevel::SRVCRED).zip(expected);
        if self.user.is_there() {
            config = config.with_interaction();
        }
        Some(config)
    }

    /// Puts what commands have done on disk, and takes up what they have begun.
    async fn keep(&mut self, effects: &mut Effects) -> Result<(), Failure> {
        for change in effects.changes.drain(..) {
            self.log
                .tell("changed", json!({ "uri": change.uri.as_str(), "how": format!("{:?}", change.kind) }));
        }
        for request in effects.exec_requests.drain(..) {
            let task = self.shared.accept(&request);
            self.log.tell("exec", json!({ "uri": request.uri.as_str(), "correlator": request.correlator, "url": task.map(|task| task.url) }));
        }
        let mut batch = Batch::new();
        self.keeper.records(&mut batch, effects.records.drain(..))?;
        self.note_appliance(&mut batch)?;
        Ok(self.keeper.write(batch).await?)
    }

    /// What the session wants stored.
    async fn store(&mut self, place: &NodeUri<'_>, record: &Record) -> Result<(), Failure> {
        let mut batch = Batch::new();
        let nonce = match record {
            Record::DeviceNonce(nonce) => Some(LooseNonce::new(place, &AuthLevel::CLCRED, nonce)),
            Record::ServerNonce(nonce) => Some(LooseNonce::new(place, &AuthLevel::SRVCRED, nonce)),
            Record::AlertDone(id) => {
                self.reports.remove(&id.get());
                Keeper::report(&mut batch, id.get(), None)?;
                None
            }
            _ => None,
        };
        if let Some(nonce) = &nonce {
            nonce.settle(&mut self.tree);
        }
        let record = self.tree.take_record();
        // What an open Atomic holds back, and may roll back, is kept beside the tree until the session is over.
        if let Some(nonce) = nonce.filter(|_| record.is_none()) {
            self.loose.push(nonce);
            Keeper::nonces(&mut batch, &self.loose)?;
        }
        self.keeper.records(&mut batch, record)?;
        Ok(self.keeper.write(batch).await?)
    }

    async fn hear<T>(&mut self, asked: &mut Option<T>, event: &ClientEvent) -> Result<(), Failure> {
        match event {
            ClientEvent::Accepted => self.log.tell("accepted", json!({})),
            ClientEvent::ServerAuthenticated => self.log.tell("server-authenticated", json!({})),
            ClientEvent::AlertTaken(_, code) => {
                self.log.tell("report-taken", json!({ "status": code.get() }))
            }
            ClientEvent::AlertRefused(id, code) => {
                // It would be refused again.
                self.log.tell("report-refused", json!({ "status": code.get() }));
                self.reports.remove(&id.get());
                let mut batch = Batch::new();
                Keeper::report(&mut batch, id.get(), None)?;
                self.keeper.write(batch).await?;
            }
            ClientEvent::Overdue(_) => {
                self.log.tell("overdue", json!({}));
                *asked = None;
            }
            _ => {}
        }
        Ok(())
    }
}

/// How one side proves itself; `None` when that is left to the transport.
fn scheme(account: &DmAccount, level: &AuthLevel) -> Option<AuthScheme> {
    let auth = account.credentials.iter().find(|auth| auth.level == *level)?;
    match &auth.auth_type {
        kind if *kind == AuthType::BASIC => Some(AuthScheme::Basic),
        kind if *kind == AuthType::DIGEST => Some(AuthScheme::Md5),
        kind if *kind == AuthType::HMAC => Some(AuthScheme::Mac),
        _ => None,
    }
}

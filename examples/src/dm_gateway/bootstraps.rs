//! Bootstraps of devices: which way each takes them, what proves them, and sending them.
//!
//! The machine says what a device is to know and when it is offered; here it becomes a document of either profile, proven by what the device
//! and its network share, and goes out as a WSP push by UDP, as an HTTP push, or into a file that takes the place of a smart card.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use clap::ValueEnum;
use dm_notification::bootstrap::{CpSec, DmSec, NetworkSecret, Pin, SharedSecrets};
use dm_syncml::{Encoding, Instant, LocUri, Message, StatusCode as Status};
use dm_tree::bootstrap::{ProvisioningDocument, SignedBootstrap, account_tree, dm_message, provisioning_of};
use dm_tree::{Acl, DmAccount, Rights, Secret};
use gwmo_model::{
    AttachStatus, BootstrapAccount, BootstrapState, BootstrapTarget, DeviceBootstrapError, DeviceCredential,
    DeviceId, Gateway, Serial,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::account::{AccountFile, Hidden, file_name};
use super::book::Book;
use super::driver::{GatewayDriver, Shared};
use super::failure::Failure;
use super::outgoing::MAX_PUSH_ANSWER;
use crate::tls::write_secret;

/// The form of a bootstrap message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(super) enum BootstrapForm {
    /// A provisioning document (OMA Client Provisioning)
    #[default]
    Cp,
    /// A message of the DM profile
    Dm,
}

/// How a device takes bootstrap messages. What proves them follows from what it shares with its network: the IMSI (NETWPIN), a PIN (USERPIN),
/// or both.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BootstrapWay {
    pub(super) form: BootstrapForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) imsi: Option<Hidden>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pin: Option<Hidden>,
    /// They are put into a file of the gateway's state, and somebody carries it to the device.
    pub(super) card: bool,
}

/// What the machine wants a device to be told.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) serial: Serial,
    pub(super) device: DeviceId,
    pub(super) address: Option<String>,
    pub(super) target: BootstrapTarget,
    pub(super) account: DmAccount,
}

enum Unsigned {
    Cp(ProvisioningDocument),
    Dm(Box<Message<'static>>),
}

impl BootstrapWay {
    /// Whether it can be gone.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if !self.card && self.imsi.is_none() && self.pin.is_none() {
            let hint =
                "a bootstrap message is proven by an IMSI or a PIN, or carried to the device on a card";
            return Err(Failure::new("usage", hint));
        }
        self.secrets().map(drop).map_err(|why| Failure::new("usage", why))
    }

    fn secrets(&self) -> Result<SharedSecrets, String> {
        let mut secrets = SharedSecrets::new();
        if let Some(imsi) = &self.imsi {
            let imsi = NetworkSecret::from_imsi(&imsi.0).map_err(|error| format!("the IMSI: {error}"))?;
            secrets = secrets.with_network(imsi);
        }
        if let Some(pin) = &self.pin {
            secrets = secrets.with_pin(Pin::new(pin.0.clone()).map_err(|error| format!("the PIN: {error}"))?);
        }
        Ok(secrets)
    }

    fn document(&self, device: &DeviceId, account: &DmAccount) -> Result<Unsigned, String> {
        let failed = |error: dm_tree::bootstrap::BootstrapError| error.to_string();
        if self.form == BootstrapForm::Cp {
            return provisioning_of(std::slice::from_ref(account)).map(Unsigned::Cp).map_err(failed);
        }
        let uri = |text: &str| LocUri::new(text.to_owned()).map_err(|error| error.to_string());
        let mut acl = Acl::EMPTY;
        acl.grant(&account.server_id, Rights::GET | Rights::REPLACE | Rights::DELETE);
        let tree = account_tree(account, "account", Some(&acl)).map_err(failed)?;
        let message = dm_message(uri(device.as_str())?, uri(account.server_id.as_str())?, &[tree]);
        message.map(|message| Unsigned::Dm(Box::new(message))).map_err(failed)
    }

    /// The message with what proves it.
    fn signed(&self, device: &DeviceId, account: &DmAccount) -> Result<SignedBootstrap, String> {
        let secrets = self.secrets()?;
        let signed = match self.document(device, account)? {
            Unsigned::Cp(document) => {
                let sec = match (&self.imsi, &self.pin) {
                    (Some(_), Some(_)) => CpSec::USERNETWPIN,
                    (None, Some(_)) => CpSec::USERPIN,
                    _ => CpSec::NETWPIN,
                };
                SignedBootstrap::cp(&document, sec, &secrets)
            }
            Unsigned::Dm(message) => {
                let sec = match (&self.imsi, &self.pin) {
                    (Some(_), Some(_)) => DmSec::USERPIN_NETWORKID,
                    (None, Some(_)) => DmSec::USERPIN,
                    _ => DmSec::NETWORKID,
                };
                SignedBootstrap::dm(&message, sec, &secrets)
            }
        };
        signed.map_err(|error| error.to_string())
    }

    /// The message as it stands on a card, whose owner vouches for it.
    fn carded(&self, device: &DeviceId, account: &DmAccount) -> Result<Vec<u8>, String> {
        Ok(match self.document(device, account)? {
            Unsigned::Cp(document) => document.to_wbxml(),
            Unsigned::Dm(message) => message.encode(Encoding::Wbxml),
        })
    }
}

/// Where a message for a device is put: one file for each server.
pub(super) fn card_of(folder: &Path, device: &DeviceId, target: &BootstrapTarget) -> PathBuf {
    let server = match target {
        BootstrapTarget::Server(server) => server.as_str(),
        _ => "",
    };
    folder.join(format!("{}.wbxml", file_name(&format!("{device}\n{server}"))))
}

impl GatewayDriver {
    /// Offers a device an account, the way it takes them.
    pub(super) fn send_bootstrap(self: &Arc<Self>, shared: &mut Shared, now: Instant, offer: Offer) {
        let Offer { serial, device, address, target, account } = offer;
        let Some(way) = self.keyring.bootstrap(&device) else {
            tracing::warn!(%device, "nobody has said how this device takes bootstrap messages");
            return not_sent(&mut shared.gateway, now, serial, &target);
        };
        if way.card {
            let path = card_of(&self.cards, &device, &target);
            let written = way.carded(&device, &account).and_then(|octets| {
                std::fs::create_dir_all(&self.cards)
                    .and_then(|()| write_secret(&path, &octets))
                    .map_err(|error| error.to_string())
            });
            match written {
                Ok(()) => {
                    tracing::info!(%device, path = %path.display(), "a bootstrap message waits in a file")
                }
                Err(error) => {
                    tracing::error!(%device, %error, "a bootstrap message cannot be written");
                    not_sent(&mut shared.gateway, now, serial, &target);
                }
            }
            return;
        }
        let signed = match way.signed(&device, &account) {
            Ok(signed) => signed,
            Err(error) => {
                tracing::error!(%device, error, "a bootstrap message cannot be made");
                return not_sent(&mut shared.gateway, now, serial, &target);
            }
        };
        let Some(uri) = address.as_deref().filter(|address| address.starts_with("http")) else {
            if !self.send_datagram(address.as_deref(), &signed.to_push()) {
                not_sent(&mut shared.gateway, now, serial, &target);
            }
            return;
        };
        let (driver, uri) = (Arc::clone(self), uri.to_owned());
        tokio::spawn(async move {
            let headers = signed.to_text_headers();
            let headers = headers.iter().map(|(name, value)| (name, value.to_owned()));
            let document = signed.document().to_vec();
            let sent = driver.http.send(Method::POST, &uri, headers, document, MAX_PUSH_ANSWER).await;
            match sent.map(|answer| answer.status) {
                Ok(status) if status.is_success() => {}
                // It was proven by what the device does not know, or its user said no.
                Ok(StatusCode::FORBIDDEN) => driver.drive(|gateway, now| {
                    gateway.handle_bootstrap(now, |bootstraps, now| {
                        bootstraps.handle_rejected(now, serial, &target, Status::FORBIDDEN);
                    });
                }),
                failed => {
                    let why = failed.map_or_else(|error| error.to_string(), |status| status.to_string());
                    tracing::warn!(%device, why, "a bootstrap message was not taken");
                    driver.drive(|gateway, now| not_sent(gateway, now, serial, &target));
                }
            }
        });
    }

    /// A bootstrap is in another state.
    pub(super) fn tell_bootstrap(
        &self,
        gateway: &Gateway,
        serial: Serial,
        target: &BootstrapTarget,
        state: BootstrapState,
    ) {
        let Some(device) = gateway.inventory().record(serial).map(|record| record.id().clone()) else {
            return;
        };
        tracing::info!(%device, ?target, ?state, "a bootstrap");
        if matches!(state, BootstrapState::Confirmed | BootstrapState::Failed(_)) {
            // There are passwords in it; there may be none.
            let _ = std::fs::remove_file(card_of(&self.cards, &device, target));
        }
        let server = match target {
            BootstrapTarget::Server(server) => server.as_str(),
            _ => self.server_id(gateway),
        };
        self.events
            .tell("bootstrap", &json!({ "id": device.as_str(), "server": server, "state": word(state) }));
    }

    fn server_id<'g>(&self, gateway: &'g Gateway) -> &'g str {
        gateway.config().server_id.as_str()
    }

    /// How far the bootstraps of a device came, by server.
    pub(super) fn bootstraps_of(self: &Arc<Self>, device: &DeviceId) -> Value {
        self.drive(|gateway, now| {
            let Some(serial) = gateway.inventory().serial_of(device) else { return Value::Null };
            let own = gateway.config().server_id.as_str().to_owned();
            gateway.handle_bootstrap(now, |bootstraps, _| {
                let line = |(target, state): (&BootstrapTarget, BootstrapState)| {
                    let server = match target {
                        BootstrapTarget::Server(server) => server.as_str(),
                        _ => own.as_str(),
                    };
                    (server.to_owned(), Value::from(word(state)))
                };
                Value::Object(bootstraps.states(serial).map(line).collect::<Map<_, _>>())
            })
        })
    }
}

impl Book {
    /// A device is to get its account with the gateway, unless that was offered before; `anew` offers it all the same.
    pub(super) fn want_bootstrap(
        &self,
        device: &DeviceId,
        account: &AccountFile,
        anew: bool,
    ) -> Result<(), Failure> {
        let credential = credential(account);
        let is_carried = account.bootstrap.as_ref().is_some_and(|way| way.card);
        let wanted = self.driver().drive(|gateway, now| {
            let Some(serial) = gateway.inventory().serial_of(device) else { return Ok(()) };
            let is_there = is_carried || is_attached(gateway, serial);
            gateway.handle_bootstrap(now, |bootstraps, now| {
                let target = BootstrapTarget::Gateway;
                bootstraps.handle_credential(now, serial, credential)?;
                if anew {
                    bootstraps.handle_undone(now, serial, &target);
                }
                if bootstraps.state(serial, &target) == BootstrapState::None {
                    bootstraps.handle_gateway_wanted(now, serial, is_there)?;
                }
                Ok::<_, DeviceBootstrapError>(())
            })
        });
        wanted.map_err(|error| Failure::new("device", format_args!("{device}: {error}")))
    }

    /// A device is to get an account with a server; asking again for one that is under way or done changes nothing.
    pub(super) async fn bootstrap_device(&self, id: &str, account: AccountFile) -> Result<Value, Failure> {
        let unknown = || Failure::new("not-found", "there is no such device");
        let device = DeviceId::new(id).map_err(|_| unknown())?;
        let Some(way) = self.driver().keyring.bootstrap(&device) else {
            self.driver().look(|gateway| gateway.inventory().serial_of(&device)).ok_or_else(unknown)?;
            let hint = "nobody has said how the device takes bootstrap messages: add it with --bootstrap";
            return Err(Failure::new("usage", hint));
        };
        let wanted = BootstrapAccount::new(account.server()?, account.address.as_str(), credential(&account));
        let done = self.driver().drive(|gateway, now| {
            if !way.card {
                return gateway
                    .handle_bootstrap_wanted(now, &device, wanted)
                    .map_err(|error| error.to_string());
            }
            let serial = gateway.inventory().serial_of(&device).ok_or("there is no such device")?;
            gateway
                .handle_bootstrap(now, |bootstraps, now| {
                    bootstraps.handle_server_wanted(now, serial, wanted, true)
                })
                .map_err(|error| error.to_string())
        });
        done.map_err(|error| Failure::new("usage", format_args!("{device}: {error}")))?;
        self.driver().all_stored().await;
        Ok(self.driver().bootstraps_of(&device))
    }
}

fn is_attached(gateway: &Gateway, serial: Serial) -> bool {
    let record = gateway.inventory().record(serial);
    record.is_some_and(|it| it.status() == AttachStatus::Attached && it.asleep_until().is_none())
}

fn credential(account: &AccountFile) -> DeviceCredential {
    let user = if account.user.is_empty() { &account.id } else { &account.user };
    let secret = |hidden: &Hidden| Secret::new(hidden.0.as_bytes());
    DeviceCredential::new(user.as_str(), secret(&account.password), secret(&account.server_password))
}

fn not_sent(gateway: &mut Gateway, now: Instant, serial: Serial, target: &BootstrapTarget) {
    gateway.handle_bootstrap(now, |bootstraps, now| bootstraps.handle_not_sent(now, serial, target));
}

const fn word(state: BootstrapState) -> &'static str {
    match state {
        BootstrapState::Offered => "offered",
        BootstrapState::Confirmed => "confirmed",
        BootstrapState::Failed(_) => "failed",
        _ => "waiting",
    }
}

#[cfg(test)]
mod tests {
    use dm_notification::push::Push;
    use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, Proof};
    use dm_tree::{AppAddr, ServerId, Tree};

    use super::*;

    #[test]
    fn each_way_is_one_that_a_device_takes() {
        let device = DeviceId::new("urn:uuid:lamp").expect("an id");
        let mut account = DmAccount::new(ServerId::new("gw.example").expect("an id"));
        account.addresses.push(AppAddr::uri("http://gw.example/dm"));
        let (imsi, pin) = (Hidden("001010123456789".into()), Hidden("12345".into()));
        for form in [BootstrapForm::Cp, BootstrapForm::Dm] {
            for (imsi, pin) in [(Some(&imsi), None), (None, Some(&pin)), (Some(&imsi), Some(&pin))] {
                let way = BootstrapWay { form, imsi: imsi.cloned(), pin: pin.cloned(), card: false };
                way.check().expect("it can be gone");
                let secrets = way.secrets().expect("they are secrets");
                let octets = way.signed(&device, &account).expect("a message").to_push();
                let push = Push::decode(&octets).expect("a push");
                let (sec, mac) = (push.content_type().sec().expect("SEC"), push.content_type().mac());
                let mac = mac.expect("MAC").expect("a code");
                let policy = BootstrapPolicy::default();
                let opened = match form {
                    BootstrapForm::Cp => {
                        let proof = Proof::Cp(sec.cp().expect("a method"), Some(mac), &secrets);
                        Bootstrap::open_cp(push.body(), &proof, &policy)
                    }
                    BootstrapForm::Dm => {
                        let sec = sec.dm().expect("a method");
                        Bootstrap::open_dm(push.body(), &Proof::Dm(&sec, mac, &secrets), &policy)
                    }
                };
                let applied = opened.expect("proven").apply(&mut Tree::default(), &policy).expect("applied");
                let servers: Vec<_> = applied.sessions().map(|session| session.server_id.clone()).collect();
                assert_eq!(servers, [account.server_id.clone()], "{form:?} {imsi:?} {pin:?}");
            }
        }
        let none = BootstrapWay::default();
        assert!(none.check().is_err() && BootstrapWay { card: true, ..none }.check().is_ok());
        let bad = BootstrapWay { imsi: Some(Hidden("x".into())), ..BootstrapWay::default() };
        assert!(bad.check().expect_err("no IMSI").to_string().contains("IMSI"));
    }
}

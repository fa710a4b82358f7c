//! Whom the gateway knows: accounts of servers and devices, kept as files that only their owner reads.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use dm_syncml::auth::AuthScheme;
use dm_tree::{NodeUri, ServerId};
use gwmo_model::console::Console;
use gwmo_model::mo::ImagesSlot;
use gwmo_model::{AttachStatus, DetachReason, DeviceId, ImageKey, Subscription};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{AccountFile, Hidden, made_password};
use super::asking::AskPolicy;
use super::bootstraps::BootstrapWay;
use super::driver::GatewayDriver;
use super::failure::Failure;
use super::upstream::Upstream;
use crate::coap::adapter::CoapAdapter;
use crate::coap::client::{CoapClient, Timing};
use crate::http_client::HttpClient;
use crate::store::Store;
use crate::tls::Trust;
use crate::wire::Wire;

/// Where in commands the resources of a CoAP device are.
const COAP_ROOT: &str = "./LwM2M";
/// Time that alerts may wait for company before a session is opened for them.
const ALERT_DELAY: Duration = Duration::from_millis(500);
/// Longest text of an account.
const MAX_TEXT: usize = 255;

/// A device to be made known. Passwords that are not given are made.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NewDevice {
    pub(super) id: String,
    pub(super) user: Option<String>,
    pub(super) password: Option<Hidden>,
    pub(super) server_password: Option<Hidden>,
    pub(super) reach: Option<String>,
    pub(super) coap: Option<SocketAddr>,
    pub(super) knows: Vec<String>,
    pub(super) bootstrap: Option<BootstrapWay>,
    pub(super) replace: bool,
}

/// The accounts, and the driver that uses them.
#[derive(Debug)]
pub(super) struct Book {
    driver: Arc<GatewayDriver>,
    store: Store,
    /// Folders of the files.
    devices: PathBuf,
    servers: PathBuf,
    /// Who the gateway is to its devices, and where.
    server_id: ServerId,
    address: String,
    ca: Option<PathBuf>,
    poll: Option<Duration>,
    ask: AskPolicy,
}

/// What a book needs to know.
#[derive(Debug)]
pub(super) struct BookParts {
    pub(super) store: Store,
    pub(super) devices: PathBuf,
    pub(super) servers: PathBuf,
    pub(super) server_id: ServerId,
    pub(super) address: String,
    pub(super) ca: Option<PathBuf>,
    pub(super) poll: Option<Duration>,
    pub(super) ask: AskPolicy,
}

impl Book {
    pub(super) fn new(driver: Arc<GatewayDriver>, parts: BookParts) -> Self {
        let BookParts { store, devices, servers, server_id, address, ca, poll, ask } = parts;
        Self { driver, store, devices, servers, server_id, address, ca, poll, ask }
    }

    pub(super) const fn driver(&self) -> &Arc<GatewayDriver> {
        &self.driver
    }

    /// Makes a device known; returns its account, passwords included, for the device.
    pub(super) async fn add_device(&self, new: NewDevice) -> Result<AccountFile, Failure> {
        let texts = [Some(&new.id), new.user.as_ref(), new.reach.as_ref()];
        let secrets = [&new.password, &new.server_password].map(|text| text.as_ref().map(|text| &text.0));
        if texts.into_iter().chain(secrets).flatten().any(|text| text.is_empty() || text.len() > MAX_TEXT) {
            return Err(Failure::new("usage", format_args!("each text has 1 to {MAX_TEXT} octets")));
        }
        if let Some(reach) = &new.reach
            && reach.parse::<SocketAddr>().is_err()
            && !reach.starts_with("http://")
            && !reach.starts_with("https://")
        {
            return Err(Failure::new("usage", "reach is an address and port, or an address of HTTP"));
        }
        let is_coap = new.coap.is_some();
        if let Some(way) = &new.bootstrap {
            way.check()?;
            if is_coap {
                return Err(Failure::new("usage", "a device that speaks CoAP takes no bootstrap message"));
            }
        }
        let secret = |given: Option<Hidden>| {
            given.unwrap_or_else(|| if is_coap { Hidden::default() } else { made_password() })
        };
        let account = AccountFile {
            user: new.user.unwrap_or_else(|| new.id.clone()),
            password: secret(new.password),
            server_user: self.server_id.as_str().into(),
            server_password: secret(new.server_password),
            server_id: self.server_id.as_str().into(),
            address: self.address.clone(),
            auth: AuthScheme::Md5,
            xml: false,
            reach: new.reach,
            coap: new.coap,
            knows: new.knows,
            bootstrap: new.bootstrap,
            ca: None,
            id: new.id,
        };
        let device = account.device()?;
        account.known_servers()?;
        let is_known = self.driver.look(|gateway| gateway.inventory().serial_of(&device).is_some());
        let anew = new.replace;
        if is_known && !anew {
            return Err(Failure::new("conflict", format_args!("{device} is known already")));
        }
        account
            .keep(&self.devices, &account.id)
            .map_err(|error| Failure::file("io", &self.devices, error))?;
        self.know_device(&account, anew).await?;
        self.driver.all_stored().await;
        // What proves bootstrap messages is between the operator and the gateway.
        Ok(AccountFile { bootstrap: None, ..account })
    }

    /// Registers the device of an account, as far as it is not registered already; `anew` offers it its account once more.
    pub(super) async fn know_device(&self, account: &AccountFile, anew: bool) -> Result<(), Failure> {
        let device = account.device()?;
        let refused =
            |error: &dyn std::fmt::Display| Failure::new("device", format_args!("{device}: {error}"));
        // Of one that is, the gateway knows the nonces too, which the file does not.
        let is_known = self.driver.look(|gateway| gateway.inventory().serial_of(&device).is_some());
        if let Some(shared) = account.for_device(&self.server_id).filter(|_| anew || !is_known) {
            self.driver
                .drive(|gateway, now| gateway.handle_device_registered(now, device.clone(), shared))
                .map_err(|error| refused(&error))?;
        }
        self.driver.keyring.know(&device, account);
        if let Some(address) = account.coap {
            let client =
                CoapClient::connect(address, Timing::default()).await.map_err(|error| refused(&error))?;
            let root = NodeUri::parse(COAP_ROOT).map_err(|error| refused(&error))?.into_owned();
            self.driver
                .drive(|gateway, now| gateway.handle_device_seen(now, &device, &gwmo_model::Sighting::new(0)))
                .map_err(|error| refused(&error))?;
            self.driver.set_adapter(&device, CoapAdapter::new(client, root))?;
        }
        let servers = account.known_servers()?;
        if !servers.is_empty() {
            self.driver
                .drive(|gateway, now| gateway.handle_device_servers(now, &device, &servers))
                .map_err(|error| refused(&error))?;
        }
        let address = account.coap.map(|address| address.to_string());
        if let Some(address) = address.as_ref().or(account.reach.as_ref()) {
            self.driver.device_seen(&device, address);
        }
        if account.bootstrap.is_some() {
            self.want_bootstrap(&device, account, anew)?;
        }
        Ok(())
    }

    pub(super) const fn ask_policy(&self) -> &AskPolicy {
        &self.ask
    }

    /// A client towards servers, which trusts these certificates or those that all servers may show.
    pub(super) fn http_for(&self, ca: Option<&PathBuf>) -> Result<HttpClient, Failure> {
        let trust = ca.or(self.ca.as_ref()).cloned().map_or(Trust::Nothing, Trust::File);
        HttpClient::new(&trust).map_err(|error| Failure::new("tls", error))
    }

    /// Forgets a device; returns whether there was one.
    pub(super) async fn remove_device(&self, id: &str) -> Result<bool, Failure> {
        let Ok(device) = DeviceId::new(id) else { return Ok(false) };
        AccountFile::forget(&self.devices, id).map_err(|error| Failure::file("io", &self.devices, error))?;
        let there_was = self.driver.forget_device(&device);
        self.driver.all_stored().await;
        Ok(there_was)
    }

    /// A device is not there any more, as far as the operator knows; returns whether it was.
    pub(super) async fn detach_device(&self, id: &str, reason: DetachReason) -> Result<bool, Failure> {
        let unknown = || Failure::new("not-found", "there is no such device");
        let device = DeviceId::new(id).map_err(|_| unknown())?;
        let was_there = self.driver.drive(|gateway, now| {
            let inventory = gateway.inventory();
            let record = inventory.serial_of(&device).and_then(|serial| inventory.record(serial))?;
            let (epoch, was_there) = (record.epoch(), record.status() == AttachStatus::Attached);
            // It is registered, and in no later epoch.
            let _ = gateway.handle_device_gone(now, &device, epoch, reason);
            Some(was_there)
        });
        self.driver.all_stored().await;
        was_there.ok_or_else(unknown)
    }

    /// Removes an image of a server; returns whether there was one.
    pub(super) async fn remove_image(&self, owner: &str, key: &str) -> Result<bool, Failure> {
        let (Ok(owner), Ok(key)) = (ServerId::new(owner), ImageKey::new(key)) else { return Ok(false) };
        let removed = self.driver.drive(|gateway, now| {
            let removed = gateway.handle_images(now, |images, now| {
                images.number_of(&owner, &key).map(|number| images.handle_removed(now, number))
            });
            if let Some(Ok(())) = removed {
                let uri = Console::new().binding().uri(ImagesSlot::Image, &[key.as_str()]);
                // There may be none. What takes its place does not inherit them.
                let _ = gateway.tree_mut().forget_acls(uri.as_str());
                gateway.handle_tick(now);
            }
            removed
        });
        self.driver.all_stored().await;
        match removed {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(error)) => Err(Failure::new("conflict", error)),
        }
    }

    /// Answers to a server no longer; returns whether it did. An account that the configuration names comes back with the next start.
    pub(super) async fn remove_server(&self, id: &str) -> Result<bool, Failure> {
        let Ok(server) = ServerId::new(id) else { return Ok(false) };
        AccountFile::forget(&self.servers, id).map_err(|error| Failure::file("io", &self.servers, error))?;
        let upstream = {
            let mut upstreams = self.driver.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
            upstreams.remove(&server)
        };
        if let Some(upstream) = &upstream {
            upstream.stop().await?;
        }
        let was_known = self.driver.drive(|gateway, now| {
            let was_known = gateway.outbox().subscription(&server).is_some();
            gateway.handle_server_removed(now, &server);
            was_known
        });
        self.driver.all_stored().await;
        Ok(was_known || upstream.is_some())
    }

    /// Answers to a server from now on, after the next start too if it is to be kept; returns whether it did not before.
    pub(super) async fn add_server(&self, account: AccountFile, keep: bool) -> Result<bool, Failure> {
        let server = account.server()?;
        {
            let upstreams = self.driver.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = upstreams.get(&server) {
                if known.has(&account) {
                    return Ok(false);
                }
                let hint = "with another account; remove the server first";
                return Err(Failure::new("conflict", format_args!("{server} is known already, {hint}")));
            }
        }
        let wire = Wire::over(self.http_for(account.ca.as_ref())?);
        let upstream = Upstream::new(&account, self.store.clone(), wire, self.poll)?;
        if keep {
            account
                .keep(&self.servers, server.as_str())
                .map_err(|error| Failure::file("io", &self.servers, error))?;
        }
        let is_new = self.driver.look(|gateway| gateway.outbox().subscription(&server).is_none());
        if is_new {
            let alerts = Subscription::default().with_max_delay(ALERT_DELAY);
            self.driver
                .drive(|gateway, now| {
                    gateway.handle_server(now, server.clone(), alerts)?;
                    // The owner of the gateway made it known, so it may set it up.
                    gateway.handle_administrator(now, &server)
                })
                .map_err(|error| Failure::new("account", format_args!("{server}: {error}")))?;
            self.driver.all_stored().await;
        }
        let mut upstreams = self.driver.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        let running = tokio::spawn(Arc::clone(&upstream).run(Arc::clone(&self.driver)));
        upstream.runs_as(running);
        upstreams.insert(server, upstream);
        Ok(true)
    }

    /// Whom the gateway answers to.
    pub(super) fn servers(&self) -> Vec<Value> {
        let upstreams = self.driver.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        let mut servers: Vec<_> = upstreams.values().collect();
        servers.sort_by_key(|upstream| upstream.server().as_str().to_owned());
        servers
            .iter()
            .map(|upstream| json!({ "id": upstream.server().as_str(), "address": upstream.address() }))
            .collect()
    }
}

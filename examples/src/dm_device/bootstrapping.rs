//! How the device comes to know servers after it has left the factory.

use std::fmt;

use dm_notification::bootstrap::{
    BootstrapError as ProofError, CpSec, DmSec, Mac, NetworkSecret, Pin, SharedSecrets,
};
use dm_notification::push::{Content, Push, TextHeaders};
use dm_syncml::{DecodeOptions, Encoding, Message};
use dm_tree::Tree;
use dm_tree::bootstrap::{Applied, Bootstrap, BootstrapError, BootstrapPolicy, Proof, ProvisioningDocument};

use super::factory::{read, secret};
use super::failure::Failure;
use super::program::Program;

/// Why a pushed message is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    #[error("it does not say how it is proven")]
    NoProof,
    #[error("{0}")]
    Mac(ProofError),
    #[error(transparent)]
    Refused(#[from] BootstrapError),
}

/// A bootstrap message that was pushed, and what it says proves it.
#[derive(Debug)]
pub(super) struct Delivered<'a> {
    content: Content,
    cp: Option<CpSec>,
    dm: Option<DmSec>,
    mac: Option<Result<Mac, ProofError>>,
    body: &'a [u8],
}

impl<'a> Delivered<'a> {
    /// In a WSP push.
    pub(super) fn by_push(push: &Push<'a>) -> Self {
        let kind = push.content_type();
        let (cp, dm) = (kind.sec().and_then(|sec| sec.cp()), kind.sec().and_then(|sec| sec.dm()));
        Self { content: push.content(), cp, dm, mac: kind.mac(), body: push.body() }
    }

    /// In an HTTP push.
    pub(super) fn by_http(headers: &TextHeaders, body: &'a [u8]) -> Self {
        let kind = headers.content_type();
        let (cp, dm) = (kind.and_then(|kind| kind.cp_sec()), kind.and_then(|kind| kind.dm_sec()));
        Self { content: headers.content(), cp, dm, mac: kind.and_then(|kind| kind.mac()), body }
    }
}

/// What the device proves bootstrap messages with.
#[derive(Default)]
pub(super) struct Secrets {
    shared: SharedSecrets,
    pin: Option<String>,
    has_network: bool,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Program {
    pub(super) fn secrets(&self) -> Result<Secrets, Failure> {
        let mut shared = SharedSecrets::new();
        let pin = secret(self.pin.as_ref(), self.pin_file.as_deref())?;
        let pin = pin.map(|pin| String::from_utf8(pin.expose().to_vec())).transpose();
        let pin = pin.map_err(|_| Failure::usage("--pin-file does not hold text"))?;
        if let Some(pin) = &pin {
            let pin = Pin::new(pin.clone());
            shared = shared.with_pin(pin.map_err(|error| Failure::usage(format_args!("--pin: {error}")))?);
        }
        if let Some(imsi) = &self.imsi {
            let secret = NetworkSecret::from_imsi(imsi.expose());
            shared =
                shared.with_network(secret.map_err(|error| Failure::usage(format_args!("--imsi: {error}")))?);
        }
        Ok(Secrets { shared, pin, has_network: self.imsi.is_some() })
    }

    /// Applies the message that a new device was given, as on a smart card.
    pub(super) fn bootstrap_from_file(&self, tree: &mut Tree) -> Result<Option<Applied>, Failure> {
        let Some(path) = &self.bootstrap else { return Ok(None) };
        let octets = read(path)?;
        let failed = |error: BootstrapError| Failure::file("bootstrap", path, error);
        let encoding =
            if matches!(octets.first(), Some(0x00..=0x03)) { Encoding::Wbxml } else { Encoding::Xml };
        let document = match encoding {
            Encoding::Wbxml => ProvisioningDocument::from_wbxml(&octets),
            _ => ProvisioningDocument::from_xml(&octets),
        };
        let bootstrap = match document {
            Ok(document) => Bootstrap::from_provisioning(&document).map_err(failed)?,
            Err(error) => match Message::decode(encoding, &octets, &DecodeOptions::new()) {
                Ok(message) => Bootstrap::from_message(&message).map_err(failed)?,
                Err(_) => return Err(failed(error)),
            },
        };
        bootstrap.apply(tree, &BootstrapPolicy::default()).map(Some).map_err(failed)
    }
}

impl Secrets {
    /// Whether no bootstrap message could prove itself.
    pub(super) const fn prove_nothing(&self) -> bool {
        self.pin.is_none() && !self.has_network
    }

    /// Applies a bootstrap message that was pushed, if it proves itself.
    pub(super) fn apply(&self, tree: &mut Tree, delivered: &Delivered<'_>) -> Result<Applied, NotTaken> {
        let policy = BootstrapPolicy::default();
        let mac = delivered.mac.transpose().map_err(NotTaken::Mac)?;
        let bootstrap = if delivered.content == Content::CpBootstrap {
            let sec = delivered.cp.ok_or(NotTaken::NoProof)?;
            let proof = match &self.pin {
                Some(pin) if sec == CpSec::USERPINMAC => Proof::Typed(pin),
                _ => Proof::Cp(sec, mac, &self.shared),
            };
            Bootstrap::open_cp(delivered.body, &proof, &policy)?
        } else {
            let sec = delivered.dm.as_ref().ok_or(NotTaken::NoProof)?;
            let mac = mac.ok_or(NotTaken::NoProof)?;
            Bootstrap::open_dm(delivered.body, &Proof::Dm(sec, mac, &self.shared), &policy)?
        };
        Ok(bootstrap.apply(tree, &policy)?)
    }
}

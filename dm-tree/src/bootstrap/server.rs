//! A server's side: bootstrap messages of both profiles, and what proves them.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use dm_notification::bootstrap::{CheckedPin, CpSec, DmSec, Mac, MacKey, SharedSecrets};
use dm_notification::push::{PartReference, Ports, PushBuilder, TextHeaders, segment};
use dm_syncml::{
    Add, CmdId, Data, Encoding, Format, Item, LocUri, MediaType, Message, Meta, MsgId, SessionId, SyncBody,
    SyncHdr,
};

use super::error::{BootstrapError, BootstrapErrorKind};
use super::provisioning::ProvisioningDocument;
use super::w7::W7;
use crate::acl::Acl;
use crate::mgmt_tree::MgmtTree;
use crate::standard::DmAccount;
use crate::tree::Tree;

/// A bootstrap message and what proves it, ready for any carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedBootstrap {
    document: Vec<u8>,
    proof: Signature,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Signature {
    Cp(CpSec, Option<Mac>),
    Dm(DmSec, Mac),
}

impl SignedBootstrap {
    /// A provisioning document with the code of a method.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Proof`] where `secrets` lack what the method needs, and for USERPINMAC, which is
    /// [`cp_for_typed_pin`](Self::cp_for_typed_pin)'s.
    pub fn cp(
        document: &ProvisioningDocument,
        sec: CpSec,
        secrets: &SharedSecrets,
    ) -> Result<Self, BootstrapError> {
        let key = MacKey::for_cp(sec, secrets).map_err(of_proof)?;
        let document = document.to_wbxml();
        let mac = key.mac(&document);
        Ok(Self { document, proof: Signature::Cp(sec, Some(mac)) })
    }

    /// A provisioning document for a user who types a PIN with check digits (USERPINMAC), and the digits to tell him.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Proof`] unless `pin` is 5 to 20 decimal digits; they should be random.
    pub fn cp_for_typed_pin(
        document: &ProvisioningDocument,
        pin: &str,
    ) -> Result<(Self, CheckedPin), BootstrapError> {
        let document = document.to_wbxml();
        let typed = CheckedPin::new(pin, &document).map_err(of_proof)?;
        Ok((Self { document, proof: Signature::Cp(CpSec::USERPINMAC, None) }, typed))
    }

    /// A message of the DM profile with the code of a method.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::Proof`] where `secrets` lack what the method needs.
    pub fn dm(message: &Message<'_>, sec: DmSec, secrets: &SharedSecrets) -> Result<Self, BootstrapError> {
        let key = MacKey::for_dm(&sec, secrets).map_err(of_proof)?;
        let document = message.encode(Encoding::Wbxml);
        let mac = key.mac(&document);
        Ok(Self { document, proof: Signature::Dm(sec, mac) })
    }

    /// The document or message, WBXML.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// The code that proves it; USERPINMAC has none.
    #[must_use]
    pub const fn mac(&self) -> Option<&Mac> {
        match &self.proof {
            Signature::Cp(_, mac) => mac.as_ref(),
            Signature::Dm(_, mac) => Some(mac),
        }
    }

    /// The WSP push.
    #[must_use]
    pub fn to_push(&self) -> Vec<u8> {
        match &self.proof {
            Signature::Cp(sec, mac) => PushBuilder::cp_bootstrap(*sec, mac.as_ref()),
            Signature::Dm(sec, mac) => PushBuilder::dm_bootstrap(sec, mac),
        }
        .to_vec(&self.document)
    }

    /// The user data of the short messages that carry the push.
    ///
    /// # Errors
    ///
    /// [`BootstrapErrorKind::TooLarge`] if it takes more than 255.
    pub fn to_sms(&self, reference: PartReference) -> Result<Vec<Vec<u8>>, BootstrapError> {
        segment(Ports::WAP_PUSH_BOTH, &self.to_push(), Some(reference))
            .map_err(|_| BootstrapErrorKind::TooLarge.into())
    }

    /// The headers of a carrier that writes text. Provisioning documents have none but their type: SEC and MAC are
    /// parameters of the push.
    #[must_use]
    pub fn to_text_headers(&self) -> TextHeaders {
        match &self.proof {
            Signature::Dm(sec, mac) => TextHeaders::dm_bootstrap(sec, mac),
            Signature::Cp(..) => {
                let push = self.to_push();
                dm_notification::push::Push::decode(&push)
                    .map(|push| TextHeaders::of_push(&push))
                    .unwrap_or_default()
            }
        }
    }
}

fn of_proof(error: dm_notification::bootstrap::BootstrapError) -> BootstrapError {
    BootstrapErrorKind::Proof(error.kind()).into()
}

/// A provisioning document of these accounts.
///
/// # Errors
///
/// [`BootstrapErrorKind::NotText`] for text that no document can carry.
pub fn provisioning_of(accounts: &[DmAccount]) -> Result<ProvisioningDocument, BootstrapError> {
    accounts.iter().try_fold(ProvisioningDocument::new(), |document, account| {
        Ok(document.with(W7::of_account(account).to_characteristic()?))
    })
}

/// The serialised tree of an account, named `name`, secrets included; with the ACL that the device is to set, or
/// none if that is left to the device.
///
/// # Errors
///
/// [`BootstrapErrorKind::Tree`] for a name that is none, or values larger than a tree takes by default.
pub fn account_tree(account: &DmAccount, name: &str, acl: Option<&Acl>) -> Result<MgmtTree, BootstrapError> {
    let mut tree = Tree::default();
    let uri = format!("./{name}");
    account.install(&mut tree, &uri)?;
    let mut document = MgmtTree::new();
    let whole = tree.to_tnds().map_err(|_| BootstrapErrorKind::NotText)?;
    for (at, node) in whole.nodes().iter().enumerate().skip(1) {
        let mut own = node.clone();
        if let Some(rt) = &mut own.rt {
            // What the device counts is the device's.
            (rt.size, rt.t_stamp, rt.ver_no) = (None, None, None);
            rt.acl = acl.filter(|_| at == 1).cloned();
        }
        document.push(node.depth() - 1, own).map_err(|_| BootstrapErrorKind::NotText)?;
    }
    Ok(document)
}

/// A message of the DM profile: an Add to `./Inbox` for each document (DM Bootstrap 1.2, DM profile). `target` is the
/// device, `source` the server; nobody answers, and the session id means nothing.
///
/// # Errors
///
/// [`BootstrapErrorKind::NotText`] for more documents than commands can be numbered; [`BootstrapErrorKind::Empty`]
/// without any.
pub fn dm_message(
    target: LocUri<'static>,
    source: LocUri<'static>,
    documents: &[MgmtTree],
) -> Result<Message<'static>, BootstrapError> {
    let not_text = |_| BootstrapError::new(BootstrapErrorKind::NotText);
    if documents.is_empty() {
        return Err(BootstrapErrorKind::Empty.into());
    }
    let mut commands = Vec::with_capacity(documents.len());
    for (number, document) in (1..).zip(documents) {
        let number: u32 = number;
        let meta = Meta::new().with_format(Format::XML).with_media_type(MediaType::TNDS_WBXML);
        let inbox = LocUri::new("./Inbox").map_err(not_text)?;
        let item = Item::to(inbox).with_meta(meta).with_data(Data::element(document.to_element()));
        commands.push(Add::new(CmdId::new(number.to_string()).map_err(not_text)?, Vec::from([item])).into());
    }
    let header = SyncHdr::new(
        SessionId::new("1").map_err(not_text)?,
        MsgId::new("1").map_err(not_text)?,
        target,
        source,
    );
    let body = SyncBody::new(commands);
    Ok(Message::new(header, body))
}

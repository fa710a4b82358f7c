//! A new device: its tree, and what its factory gave it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use dm_tree::ddf::{self, Schema};
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::{
    Acl, AppAddr, AppAuth, AuthLevel, AuthType, DevDetail, DevInfo, DmAccount, HandlerMap, Secret, ServerId,
    Tree, TreeLimits,
};

use super::appliance::Shared;
use super::failure::Failure;
use super::program::{Auth, Hidden, Program};
use crate::clock::{entropy, hash_seed};

/// The largest file that is read.
const MAX_FILE: u64 = 16 << 20;

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let io = |error| Failure::file("io", path, error);
    if fs::metadata(path).map_err(io)?.len() > MAX_FILE {
        return Err(Failure::file("too-large", path, format_args!("more than {MAX_FILE} octets")));
    }
    fs::read(path).map_err(io)
}

impl Program {
    /// What may be in the tree: the descriptions given, and those of the standard where they are silent.
    pub(super) fn schema(&self) -> Result<Schema, Failure> {
        let mut schema = Schema::new();
        for path in &self.ddf {
            let document = MgmtTree::detect(&read(path)?, &DocumentOptions::STRICT)
                .map_err(|error| Failure::file("ddf", path, error))?;
            schema.add(&document).map_err(|error| Failure::file("ddf", path, error))?;
        }
        for standard in [ddf::DM_ACC, ddf::DEV_INFO, ddf::DEV_DETAIL, ddf::INBOX] {
            let document = MgmtTree::detect(standard.as_bytes(), &DocumentOptions::STRICT)
                .map_err(|error| Failure::new("ddf", error))?;
            // What a description given here says already is not said again.
            let _ = schema.add(&document);
        }
        Ok(schema)
    }

    /// A tree as it leaves the factory.
    pub(super) fn new_tree(
        &self,
        schema: &Arc<Schema>,
        shared: &Shared,
        handlers: &mut HandlerMap,
    ) -> Result<Tree, Failure> {
        let failed = |error| Failure::new("tree", error);
        let mut tree = Tree::new(TreeLimits::default()).with_hash_seed(hash_seed());
        let acl = Acl::parse(&self.root_acl)
            .map_err(|error| Failure::usage(format_args!("--root-acl: {error}")))?;
        tree.set_acl(".", acl).map_err(|error| Failure::usage(format_args!("--root-acl: {error}")))?;
        let dev_id = self.id.clone().unwrap_or_else(random_urn);
        DevInfo {
            dev_id: dev_id.clone(),
            man: self.man.clone(),
            model: self.model.clone(),
            dm_v: "1.2".into(),
            lang: "en".into(),
        }
        .install(&mut tree)
        .map_err(failed)?;
        DevDetail {
            dev_typ: "simulated".into(),
            oem: self.man.clone(),
            fw_v: self.firmware.clone(),
            sw_v: env!("CARGO_PKG_VERSION").into(),
            hw_v: "0".into(),
            lrg_obj: true,
        }
        .install(&mut tree)
        .map_err(failed)?;
        shared.mount(&mut tree, handlers).map_err(failed)?;
        schema.instantiate(&mut tree).map_err(failed)?;
        let mut accounts = Vec::new();
        for file in &self.accounts {
            let account = file.to_dm_account();
            accounts.push(account.ok_or_else(|| Failure::usage("--account: its server_id cannot be one"))?);
        }
        if let (Some(server), Some(server_id)) = (&self.server, &self.server_id) {
            accounts.push(self.first_account(server, server_id, dev_id)?);
        }
        for (account, number) in accounts.iter().zip(1..) {
            let node = format!("./DMAcc/{number}");
            account.install(&mut tree, &node).map_err(failed)?;
            let server = &account.server_id;
            let acl = Acl::parse(&format!("Get={server}&Replace={server}&Delete={server}"));
            let acl = acl.map_err(|error| Failure::usage(format_args!("{server}: {error}")))?;
            tree.set_acl(&node, acl).map_err(failed)?;
        }
        Ok(tree)
    }

    fn first_account(&self, server: &str, server_id: &str, dev_id: String) -> Result<DmAccount, Failure> {
        let server_id =
            ServerId::new(server_id).map_err(|error| Failure::usage(format_args!("--server-id: {error}")))?;
        let mut account = DmAccount::new(server_id);
        account.addresses.push(AppAddr::uri(server));
        let auth = match self.auth {
            Auth::Basic => AuthType::BASIC,
            Auth::Md5 => AuthType::DIGEST,
            Auth::Mac => AuthType::HMAC,
        };
        account.auth_pref = Some(auth.clone());
        if let Some(password) = secret(self.password.as_ref(), self.password_file.as_deref())? {
            let user = self.user.clone().unwrap_or(dev_id);
            if self.auth == Auth::Basic && user.contains(':') {
                let sentence = "--user: a name with a colon cannot be shown with --auth basic; give another";
                return Err(Failure::usage(sentence));
            }
            let device = AppAuth::new(AuthLevel::CLCRED, auth.clone());
            account.credentials.push(device.with_name(user).with_secret(password));
        }
        if let Some(password) = secret(self.server_password.as_ref(), self.server_password_file.as_deref())? {
            account.credentials.push(AppAuth::new(AuthLevel::SRVCRED, auth).with_secret(password));
        }
        Ok(account)
    }
}

pub(super) fn secret(given: Option<&Hidden>, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    match (given, file) {
        (Some(secret), _) => Ok(Some(Secret::new(secret.expose()))),
        (None, Some(file)) => {
            let mut octets = read(file)?;
            while matches!(octets.last(), Some(b'\n' | b'\r')) {
                octets.pop();
            }
            Ok(Some(Secret::new(octets)))
        }
        (None, None) => Ok(None),
    }
}

/// A random UUID (RFC 9562, version 4).
fn random_urn() -> String {
    let mut octets = entropy();
    octets[6] = octets[6] & 0x0F | 0x40;
    octets[8] = octets[8] & 0x3F | 0x80;
    let mut text = "urn:uuid:".to_owned();
    for (at, octet) in octets.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{octet:02x}"));
    }
    text
}

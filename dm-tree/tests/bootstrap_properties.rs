//! Any account comes back from both profiles, and any document from both encodings.

use dm_syncml::{Encoding, LocUri};
use dm_tree::bootstrap::{
    Bootstrap, BootstrapPolicy, Characteristic, Parm, Proof, ProvisioningDocument, TrustedSource,
    account_tree, dm_message, provisioning_of,
};
use dm_tree::{
    AddrType, AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId, Tree, dm_accounts,
};
use proptest::collection::vec;
use proptest::prelude::*;

const CARD: Proof<'static> = Proof::Source(TrustedSource::SmartCard);

/// Text that any document can carry as it is.
fn text() -> impl Strategy<Value = String> {
    "[ -~\u{e4}\u{20ac}]{0,20}"
}

fn address() -> impl Strategy<Value = AppAddr> {
    ("[!-~]{1,30}", 0..3_usize, vec(any::<u16>(), 0..3)).prop_map(|(addr, kind, ports)| {
        let kinds = [AddrType::URI, AddrType::IPV4, AddrType::IPV6];
        let mut address = AppAddr::new(addr, kinds[kind].clone());
        address.ports = ports;
        address
    })
}

fn credential() -> impl Strategy<Value = AppAuth> {
    let word = || prop::option::of(text());
    (0..3_usize, 0..4_usize, word(), word(), prop::option::of(vec(any::<u8>(), 1..20))).prop_map(
        |(level, kind, name, secret, data)| {
            let levels = [AuthLevel::CLCRED, AuthLevel::SRVCRED, AuthLevel::OBEX];
            let kinds = [AuthType::BASIC, AuthType::DIGEST, AuthType::HMAC, AuthType::TRANSPORT];
            let mut auth = AppAuth::new(levels[level].clone(), kinds[kind].clone());
            auth.name = name;
            auth.secret = secret.map(Secret::new);
            auth.data = data.map(Secret::new);
            auth
        },
    )
}

fn account() -> impl Strategy<Value = DmAccount> {
    ("[a-z.0-9-]{1,40}", prop::option::of(text()), vec(address(), 1..12), vec(credential(), 0..12)).prop_map(
        |(server, name, addresses, credentials)| {
            let mut account = DmAccount::new(ServerId::new(&server).expect("no separators"));
            account.name = name;
            account.addresses = addresses;
            account.credentials = credentials;
            account
        },
    )
}

fn characteristic() -> impl Strategy<Value = Characteristic> {
    let parm = (
        "[A-Z-]{1,12}|BEARER|NAP-ADDRTYPE|AAUTHTYPE|ADDR",
        prop::option::of(prop_oneof![
            text(),
            Just("GSM-GPRS".to_string()),
            Just("APN".to_string()),
            Just("HTTP-BASIC,DIGEST".to_string()),
        ]),
    );
    let parms = vec(parm, 0..5);
    let leaf = ("[A-Z]{1,10}|APPLICATION|NAPDEF|PORT", parms).prop_map(|(kind, parms)| {
        parms.into_iter().fold(Characteristic::new(&kind).expect("text"), |own, (name, value)| {
            own.with_parm(match value {
                Some(value) => Parm::new(&name, &value).expect("text"),
                None => Parm::flag(&name).expect("text"),
            })
        })
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (inner.clone(), vec(inner, 0..3))
            .prop_map(|(own, more)| more.into_iter().fold(own, Characteristic::with))
    })
}

proptest! {
    #[test]
    fn documents_come_back(characteristics in vec(characteristic(), 0..4)) {
        let document = characteristics.into_iter().fold(ProvisioningDocument::new(), ProvisioningDocument::with);
        let wbxml = ProvisioningDocument::from_wbxml(&document.to_wbxml());
        prop_assert_eq!(wbxml.as_ref(), Ok(&document));
        #[cfg(feature = "xml")]
        let xml = ProvisioningDocument::from_xml(&document.to_xml());
        #[cfg(feature = "xml")]
        prop_assert_eq!(xml.as_ref(), Ok(&document));
    }

    #[test]
    fn accounts_come_back_by_the_cp_profile(account in account()) {
        let octets = provisioning_of(std::slice::from_ref(&account)).expect("text").to_wbxml();
        let policy = BootstrapPolicy::default();
        let mut tree = Tree::default();
        Bootstrap::open_cp(&octets, &CARD, &policy).expect("well-formed").apply(&mut tree, &policy).expect("it fits");
        let found: Vec<_> = dm_accounts(&tree).map(|(_, account)| account).collect();
        prop_assert_eq!(found, vec![account]);
    }

    #[test]
    fn accounts_come_back_by_the_dm_profile(account in account()) {
        let uri = |text: &str| LocUri::new(text.to_string()).expect("a uri");
        let tnds = account_tree(&account, "x", None).expect("it fits");
        let octets = dm_message(uri("d"), uri("s"), &[tnds]).expect("one").encode(Encoding::Wbxml);
        let policy = BootstrapPolicy::default();
        let mut tree = Tree::default();
        Bootstrap::open_dm(&octets, &CARD, &policy).expect("well-formed").apply(&mut tree, &policy).expect("it fits");
        let found: Vec<_> = dm_accounts(&tree).map(|(_, account)| account).collect();
        prop_assert_eq!(found, vec![account]);
    }
}

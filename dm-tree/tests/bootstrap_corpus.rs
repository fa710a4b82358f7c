//! Provisioning documents of others, where `DM_CORPUS` says where they are, and libwbxml where it is installed.
#![cfg(feature = "xml")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dm_tree::bootstrap::{Bootstrap, BootstrapPolicy, ProvisioningDocument, ProvisioningItem};
use dm_tree::{Tree, dm_accounts};

/// Files of the corpus, with their octets.
fn files(folder: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let Some(corpus) = std::env::var_os("DM_CORPUS") else { return Vec::new() };
    let folder = Path::new(&corpus).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(&file).expect("a file"))).collect()
}

#[test]
fn every_document_is_read_and_every_w7_is_an_account() {
    let (mut documents, mut accounts) = (0, 0);
    let all = files("cp-bootstrap");
    for (file, octets) in &all {
        let file = file.display();
        let document =
            ProvisioningDocument::from_xml(octets).unwrap_or_else(|error| panic!("{file}: {error}"));
        documents += 1;
        assert_eq!(ProvisioningDocument::from_wbxml(&document.to_wbxml()).as_ref(), Ok(&document), "{file}");
        assert_eq!(ProvisioningDocument::from_xml(&document.to_xml()).as_ref(), Ok(&document), "{file}");
        for w7 in document.accounts() {
            let w7 = w7.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(!w7.provider_id.is_empty() && !w7.addresses.is_empty(), "{file}");
            accounts += 1;
            // Some identifiers hold blanks, which no ACL can name.
            if !w7.provider_id.contains(' ') {
                let mut tree = Tree::default();
                let bootstrap = Bootstrap::from_provisioning(&document).expect("it has an account");
                bootstrap
                    .apply(&mut tree, &BootstrapPolicy::default())
                    .unwrap_or_else(|error| panic!("{file}: {error}"));
                assert_eq!(dm_accounts(&tree).count(), 1, "{file}");
            }
        }
    }
    assert!(
        all.is_empty() || (documents >= 10 && accounts >= 2),
        "{documents} documents, {accounts} accounts"
    );
}

#[test]
fn real_wbxml_is_read() {
    for (file, octets) in files("wbxml-other") {
        // The others are of other code spaces.
        if octets.get(1) == Some(&0x0B) {
            let document = ProvisioningDocument::from_wbxml(&octets);
            let document = document.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert!(document.characteristics().count() > 0, "{}", file.display());
            assert_eq!(ProvisioningDocument::from_wbxml(&document.to_wbxml()), Ok(document));
        }
    }
}

/// libwbxml's encoder, and ours, say the same of every document that libwbxml takes.
#[test]
fn libwbxml_writes_the_same() {
    let tool = Command::new("xml2wbxml").arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if tool.is_err() {
        return;
    }
    let sample = br#"<?xml version="1.0"?><!DOCTYPE wap-provisioningdoc PUBLIC "-//WAPFORUM//DTD PROV 1.0//EN" "http://www.wapforum.org/DTD/prov.dtd"><wap-provisioningdoc version="1.0"><characteristic type="NAPDEF"><parm name="NAPID" value="N"/><parm name="BEARER" value="GSM-GPRS"/><parm name="NAP-ADDRTYPE" value="APN"/></characteristic><characteristic type="APPLICATION"><parm name="APPID" value="w7"/><parm name="PROVIDER-ID" value="com.example.dm"/><parm name="TO-NAPID" value="N"/><characteristic type="APPADDR"><parm name="ADDR" value="https://dm.example.com"/><characteristic type="PORT"><parm name="PORTNBR" value="443"/></characteristic></characteristic><characteristic type="APPAUTH"><parm name="AAUTHLEVEL" value="APPSRV"/><parm name="AAUTHTYPE" value="HTTP-BASIC"/><parm name="AAUTHNAME" value="n"/><parm name="AAUTHSECRET" value="s"/></characteristic></characteristic></wap-provisioningdoc>"#;
    let folder = std::env::temp_dir().join(format!("dm-tree-cp-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let mut inputs = vec![("sample".to_string(), sample.to_vec())];
    inputs
        .extend(files("cp-bootstrap").into_iter().map(|(file, octets)| (file.display().to_string(), octets)));
    let mut compared = 0;
    for (name, xml) in inputs {
        let (input, output) = (folder.join("in.xml"), folder.join("out.wbxml"));
        let document = ProvisioningDocument::from_xml(&xml).unwrap_or_else(|error| panic!("{name}: {error}"));
        // The tool goes by the document type, and knows the elements of the DTD only.
        let known = |own: &ProvisioningDocument| {
            own.characteristics().all(is_of_the_dtd) && own.version().is_none_or(|v| v == "1.0")
        };
        if !known(&document) {
            continue;
        }
        let doctype = br#"<!DOCTYPE wap-provisioningdoc PUBLIC "-//WAPFORUM//DTD PROV 1.0//EN" "http://www.wapforum.org/DTD/prov.dtd">"#;
        fs::write(&input, [doctype, document.to_xml().as_slice()].concat()).expect("writable");
        let status = Command::new("xml2wbxml")
            .arg("-o")
            .arg(&output)
            .arg(&input)
            .stdout(Stdio::null())
            .status()
            .expect("it runs");
        assert!(status.success(), "{name}");
        let wbxml = fs::read(&output).expect("it wrote");
        let theirs =
            ProvisioningDocument::from_wbxml(&wbxml).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(theirs, document, "{name}");
        compared += 1;
    }
    fs::remove_dir_all(&folder).expect("ours");
    assert!(compared >= 1);
}

fn is_of_the_dtd(characteristic: &dm_tree::bootstrap::Characteristic) -> bool {
    characteristic.attributes.len() == 1
        && characteristic.content.iter().all(|item| match item {
            ProvisioningItem::Parm(parm) => parm.value().is_some_and(|value| !value.is_empty()),
            ProvisioningItem::Characteristic(own) => is_of_the_dtd(own),
            _ => false,
        })
}

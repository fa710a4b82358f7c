//! The objects every client has, as servers see them.

use dm_tree::{
    AddrType, AppAddr, AppAuth, AuthLevel, AuthType, Content, DevDetail, DevInfo, DmAccount, NodeSpec,
    Secret, ServerId, Tree, TreeError, TreeLimits, UriLimits, Value, dm_accounts,
};

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

fn open_tree() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", dm_tree::Acl::anyone(dm_tree::Rights::ALL)).unwrap();
    tree
}

fn info() -> DevInfo {
    DevInfo {
        dev_id: "IMEI:493005100592800".into(),
        man: "Example".into(),
        model: "One".into(),
        dm_v: "1.0".into(),
        lang: "en".into(),
    }
}

#[test]
fn dev_info_and_dev_detail_are_fixed() {
    let limits = TreeLimits::default().with_uri(UriLimits::default().with_max_depth(9));
    let mut tree = Tree::new(limits);
    tree.set_acl(".", dm_tree::Acl::anyone(dm_tree::Rights::ALL)).unwrap();
    info().install(&mut tree).unwrap();
    let detail = DevDetail {
        dev_typ: "gateway".into(),
        oem: "Example".into(),
        fw_v: "f1".into(),
        sw_v: "s1".into(),
        hw_v: "h1".into(),
        lrg_obj: true,
    };
    detail.install(&mut tree).unwrap();
    assert_eq!(DevDetail::read(&tree), Some(detail));
    assert_eq!(info().install(&mut tree), Err(TreeError::Exists));
    assert_eq!(DevInfo::read(&tree), Some(info()), "a failed install leaves what is there alone");
    let items = DevInfo::items(&tree);
    assert_eq!(items[0].data.as_ref().unwrap().as_text(), Some("IMEI:493005100592800"));
    let uris: Vec<_> = items.iter().map(|item| item.source_uri().unwrap().to_string()).collect();
    assert_eq!(
        uris,
        ["./DevInfo/DevId", "./DevInfo/DmV", "./DevInfo/Lang", "./DevInfo/Man", "./DevInfo/Mod"]
    );

    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    for (uri, expected) in [
        ("./DevInfo/Man", "Example"),
        ("./DevInfo?prop=Type", "urn:oma:mo:oma-dm-devinfo:1.0"),
        ("./DevDetail?prop=Type", "urn:oma:mo:oma-dm-devdetail:1.0"),
        ("./DevDetail/URI/MaxDepth", "9"),
        ("./DevDetail/URI/MaxDepth?prop=Format", "chr"),
        ("./DevDetail/LrgObj", "true"),
        ("./DevDetail/LrgObj?prop=Format", "bool"),
        ("./DevInfo?prop=Format", "node"),
        ("./DevInfo/Man?prop=Size", "7"),
        ("./DevInfo/Man?prop=VerNo", "0"),
        ("./DevInfo/Man?prop=Name", "Man"),
    ] {
        assert_eq!(acting.get(uri).unwrap().data(), expected.as_bytes(), "{uri}");
    }
    let content = Content::new(b"x");
    for refusal in [
        acting.replace("./DevInfo/Man", &content).unwrap_err(),
        acting.delete("./DevInfo/Man").unwrap_err(),
        acting.delete("./DevInfo").unwrap_err(),
        acting.add("./DevInfo/New", &content).unwrap_err(),
        acting.replace("./DevInfo?prop=Name", &content).unwrap_err(),
    ] {
        assert_eq!(refusal.status().get(), 405, "{refusal}");
    }
    acting.replace("./DevInfo/Man?prop=ACL", &Content::new(b"Get=S&Replace=S")).unwrap();
    acting.replace("./DevInfo/Man?prop=Title", &Content::new("Gerät".as_bytes())).unwrap();
    assert_eq!(acting.get("./DevInfo/Man?prop=VerNo").unwrap().data(), b"2");
    let too_long = acting.replace("./DevInfo/Man?prop=Title", &Content::new(&[b'x'; 256])).unwrap_err();
    assert_eq!(too_long.status().get(), 413);
}

#[test]
fn an_install_that_fails_leaves_nothing() {
    let mut tree = Tree::new(TreeLimits::default().with_max_nodes(4));
    assert_eq!(info().install(&mut tree), Err(TreeError::Full));
    assert!(tree.is_empty());
    assert_eq!(account().install(&mut tree, "./DMAcc/a"), Err(TreeError::Full));
    assert!(tree.is_empty());
    tree.insert("./DMAcc/b", NodeSpec::interior()).unwrap();
    assert_eq!(account().install(&mut tree, "./DMAcc/a"), Err(TreeError::Full));
    assert_eq!(account().install(&mut tree, "./DMAcc/b"), Err(TreeError::Exists));
    assert_eq!(tree.len(), 3);
}

fn account() -> DmAccount {
    let mut account = DmAccount::new(id("com.example.dm"));
    account.name = Some("Example".into());
    account.pref_con_ref = Some("./Con/1".into());
    account.con_refs = vec!["./Con/1".into(), "./Con/2".into()];
    account.auth_pref = Some(AuthType::HMAC);
    let mut ipv4 = AppAddr::new("192.0.2.1", AddrType::IPV4);
    ipv4.ports = (1..=11).collect();
    account.addresses = vec![AppAddr::uri("https://dm.example.com/"), ipv4];
    let client = AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST);
    let server = AppAuth::new(AuthLevel::SRVCRED, AuthType::new("X-OWN"));
    account.credentials = vec![
        client.with_name("me").with_secret(Secret::new("s3cret")).with_data(Secret::new([0, 255])),
        server,
    ];
    account
}

#[test]
fn accounts_come_back_as_they_were() {
    let mut tree = Tree::default();
    account().install(&mut tree, "./Somewhere/acc").unwrap();
    DmAccount::new(id("other")).install(&mut tree, "./Somewhere/b").unwrap();
    tree.insert("./Not/an/account/ServerID", NodeSpec::leaf(Value::chr("x"))).unwrap();
    let found: Vec<_> = dm_accounts(&tree).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].0.as_str(), "./Somewhere/acc");
    assert_eq!(found[0].1, account());
    assert_eq!(found[1].1, DmAccount::new(id("other")));
    let shown = format!("{tree:?} {:?}", found[0].1);
    assert!(!shown.contains("s3cret"), "a secret shows");
    assert!(!shown.contains("115, 51, 99, 114"), "a secret shows as numbers");
}

#[test]
fn secrets_are_never_readable() {
    let mut tree = open_tree();
    account().install(&mut tree, "./DMAcc/a").unwrap();
    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    // One that a server replaces, adds, or gives the name of one, stays or becomes hidden.
    let (secret, data) = ("./DMAcc/a/AppAuth/1/AAuthSecret", "./DMAcc/a/AppAuth/1/AAuthData");
    acting.replace(secret, &Content::new(b"n3w")).unwrap();
    acting.replace(data, &Content::new(b"AAE=").with_format("b64")).unwrap();
    acting.add("./DMAcc/a/AppAuth/2/AAuthSecret", &Content::new(b"added")).unwrap();
    acting.add("./DMAcc/a/AppAuth/2/x", &Content::new(b"renamed")).unwrap();
    acting.replace("./DMAcc/a/AppAuth/2/x?prop=Name", &Content::new(b"AAuthData")).unwrap();
    acting.add("./DMAcc/c", &Content::interior(DmAccount::MO_ID)).unwrap();
    acting.add("./DMAcc/c/AppAuth/1/%41AuthSecret", &Content::new(b"escaped")).unwrap();
    for uri in [
        secret,
        data,
        "./DMAcc/a/AppAuth/2/AAuthSecret",
        "./DMAcc/a/AppAuth/2/AAuthData",
        "./DMAcc/c/AppAuth/1/AAuthSecret",
    ] {
        assert_eq!(acting.get(uri).unwrap_err().status().get(), 405, "{uri}");
        assert_eq!(acting.get(&format!("{uri}?prop=Size")).unwrap_err().status().get(), 405, "{uri}");
    }
    let found = DmAccount::read(tree.node("./DMAcc/a").unwrap()).unwrap();
    assert_eq!(found.credentials[0].secret, Some(Secret::new("n3w")));
    assert_eq!(found.credentials[0].data, Some(Secret::new([0, 1])));
    let shown = format!("{tree:?}");
    for text in ["n3w", "added", "renamed", "escaped"] {
        assert!(!shown.contains(&format!("\"{text}\"")), "{text}");
    }
}

#[test]
fn objects_are_found_by_their_type_below_any_prefix() {
    let mut tree = open_tree();
    let other = DevInfo { dev_id: "urn:uuid:2".into(), ..info() };
    other.install_at(&mut tree, "./Android").unwrap();
    assert_eq!(DevInfo::read(&tree), Some(other.clone()), "the only one, wherever it is");
    info().install(&mut tree).unwrap();
    assert_eq!(DevInfo::read(&tree), Some(info()), "the one at the usual place before others");
    let tops: Vec<_> = DevInfo::find(&tree).map(|top| top.uri().to_string()).collect();
    assert_eq!(tops, ["./DevInfo", "./Android/DevInfo"]);
    let items = DevInfo::items_at(DevInfo::find(&tree).nth(1).unwrap());
    assert_eq!(items[0].source_uri().unwrap().as_str(), "./Android/DevInfo/DevId");
    DevDetail::default().install_at(&mut tree, "./Android").unwrap();
    assert_eq!(DevDetail::read(&tree), Some(DevDetail::default()));
    // Renamed by a server that may, they are still found.
    tree.set_acl("./Android", dm_tree::Acl::anyone(dm_tree::Rights::ALL)).unwrap();
    account().install(&mut tree, "./Android/Acc/1").unwrap();
    let server = id("S");
    let handlers = &mut ();
    tree.act_for(&server, handlers).replace("./Android/Acc/1?prop=Name", &Content::new(b"main")).unwrap();
    assert_eq!(dm_accounts(&tree).next().unwrap().0.as_str(), "./Android/Acc/main");
    tree.remove("./Android").unwrap();
    assert_eq!((DevInfo::find(&tree).count(), dm_accounts(&tree).count()), (1, 0));
}

#[test]
fn an_inbox_takes_and_never_shows() {
    let mut tree = open_tree();
    dm_tree::Inbox::install(&mut tree, ".").unwrap();
    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    acting.add("./Inbox/x/y", &Content::new(b"v")).unwrap();
    acting.replace("./Inbox/x?prop=ACL", &Content::new(b"Get=S&Replace=S&Add=S")).unwrap();
    for uri in [
        "./Inbox",
        "./Inbox?prop=ACL",
        "./Inbox?list=Struct",
        "./Inbox/x",
        "./Inbox/x/y",
        "./Inbox/x/y?prop=Size",
    ] {
        let refusal = match uri.contains("list") {
            true => acting.walk(uri, None).map(drop).unwrap_err(),
            false => acting.get(uri).map(drop).unwrap_err(),
        };
        assert_eq!(refusal.status().get(), 405, "{uri}");
    }
    assert_eq!(acting.copy("./Inbox/x", "./Out").unwrap_err().status().get(), 405);
    assert_eq!(acting.delete("./Inbox").unwrap_err().status().get(), 405);
    // A walk over the whole tree passes it by.
    let mut walk = acting.walk(".", None).unwrap();
    while let Some(visit) = walk.next().unwrap() {
        assert!(!visit.uri().as_str().starts_with("./Inbox"), "{visit:?}");
    }
    assert_eq!(dm_tree::Inbox::contents(&tree).count(), 1);
}

//! `dmtool bootstrap` as an engineer runs it.

use std::fs;
use std::process::{Command, Output};

use dm_tree::bootstrap::{account_tree, provisioning_of};
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId, Tree, dm_accounts};
use tempfile::TempDir;

fn dmtool(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dmtool")).args(args).output().expect("the program starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it was not killed")
}

/// The result, which comes without complaints.
fn done(output: &Output) -> &str {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((code(output), &*stderr), (0, ""));
    std::str::from_utf8(&output.stdout).expect("text")
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("text").into()
    }

    fn with(&self, name: &str, octets: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, octets).expect("writable");
        path
    }
}

fn account(server: &str) -> DmAccount {
    let mut account = DmAccount::new(ServerId::new(server).expect("a server"));
    account.addresses.push(AppAddr::uri("https://dm.example.com/dm"));
    let auth = AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST).with_name("device");
    account.credentials.push(auth.with_secret(Secret::new("hunter2")));
    account
}

/// The codes of tree.md's table: 32 octets, an IMSI and a PIN.
#[test]
fn verify_answers_yes_and_no() {
    let files = Files::new();
    let octets: Vec<u8> = (0..0x20).collect();
    let document = files.with("document", &octets);
    let verify =
        |args: &[&str]| code(&dmtool(&[&["bootstrap", "verify"], args, &[document.as_str()]].concat()));
    let (imsi, pin) = (["--imsi", "123456789012345"], ["--pin", "1234"]);
    let table = [
        ("cp", "NETWPIN", "B7462165A5A08520CA16CC366CD0D72C59BDAE0D"),
        ("cp", "0", "B7462165A5A08520CA16CC366CD0D72C59BDAE0D"),
        ("cp", "USERPIN", "CCEE02B1B70F6840895D407C9A5DCB513EA60550"),
        ("cp", "USERNETWPIN", "fd37fd38fb9399e094f95cb1a24bfd0116e7064e"),
        ("dm", "NETWORKID", "B7462165A5A08520CA16CC366CD0D72C59BDAE0D"),
        ("dm", "USERPIN", "CCEE02B1B70F6840895D407C9A5DCB513EA60550"),
        ("dm", "USERPIN_NETWORKID", "909148EB8FF176534BDD541262B7CE2CFC231C6B"),
    ];
    for (kind, sec, mac) in table {
        let args = ["--kind", kind, "--sec", sec, "--mac", mac];
        assert_eq!(verify(&[&args[..], &imsi, &pin].concat()), 0, "{sec}");
        let wrong = ["--imsi", "123456789012346", "--pin", "1235"];
        assert_eq!(verify(&[&args[..], &wrong].concat()), 1, "{sec}");
        assert_eq!(verify(&args), 2, "{sec}");
        let hex = ["--secret-hex", "1932547698103254"];
        assert_eq!(verify(&[&args[..], &hex, &pin].concat()), 0, "{sec}");
    }
    let typed = |digits| verify(&["--kind", "cp", "--sec", "USERPINMAC", "--pin", digits]);
    assert_eq!((typed("1234551095"), typed("1234551096"), typed("12345")), (0, 1, 1));
    assert_eq!(verify(&["--kind", "cp", "--sec", "USERPIN", "--mac", "00", "--pin", "1234"]), 2);
    assert_eq!(verify(&["--kind", "dm", "--sec", "NETWPIN", "--mac", table[0].2, "--pin", "1234"]), 2);
    let file = files.with("pin", b"1234\n");
    assert_eq!(verify(&["--kind", "cp", "--sec", "1", "--mac", table[2].2, "--pin-file", &file]), 0);
}

#[test]
fn build_is_the_other_way_round() {
    let files = Files::new();
    let xml =
        files.with("document.xml", &provisioning_of(&[account("com.example.dm")]).expect("text").to_xml());
    let tnds = account_tree(&account("com.example.dm"), "operator", None).expect("it fits");
    let tnds = files.with("account.tnds", &tnds.encode(dm_syncml::Encoding::Xml));
    for (kind, sec, file) in [("cp", "USERNETWPIN", &xml), ("dm", "USERPIN_NETWORKID", &tnds)] {
        let shared = ["--kind", kind, "--sec", sec, "--imsi", "001010123456789", "--pin", "24680"];
        let wbxml = files.path("out.wbxml");
        let built = dmtool(&[&["bootstrap", "build"], &shared[..], &["--out", &wbxml, file]].concat());
        let mac = done(&built).trim().to_owned();
        assert_eq!(mac.len(), 40);
        let verified = dmtool(&[&["bootstrap", "verify"], &shared[..], &["--mac", &mac, &wbxml]].concat());
        assert_eq!(done(&verified), "proven\n");
        // The push carries both, of a document in either encoding.
        for input in [file, &wbxml] {
            let push = dmtool(&[&["bootstrap", "build"], &shared[..], &["--push", "wsp", input]].concat());
            let push = files.with("push", &push.stdout);
            let seen = dmtool(&["bootstrap", "inspect", &push]);
            let seen = done(&seen);
            assert!(seen.contains(&format!("SEC: {sec}\nMAC: {mac}\n")), "{seen}");
            assert!(seen.contains("account: com.example.dm\n") && !seen.contains("hunter2"), "{seen}");
            let inspected = dmtool(&["inspect", &push]);
            assert!(done(&inspected).contains(&mac));
        }
        let sms = dmtool(&[&["bootstrap", "build"], &shared[..], &["--push", "sms", "--hex", file]].concat());
        assert!(done(&sms).lines().count() > 1);
        assert_eq!(
            code(&dmtool(&[&["bootstrap", "build"], &shared[..], &["--push", "sms", file]].concat())),
            2
        );
    }
    let wbxml = files.path("out.wbxml");
    let shared = ["--kind", "cp", "--sec", "USERPINMAC"];
    let built =
        dmtool(&[&["bootstrap", "build"], &shared[..], &["--pin", "24680", "--out", &wbxml, &xml]].concat());
    let typed = format!("24680{}", done(&built).trim());
    let verified = dmtool(&[&["bootstrap", "verify"], &shared[..], &["--pin", &typed, &wbxml]].concat());
    assert_eq!(done(&verified), "proven\n");
}

fn accounts(file: &str) -> Vec<DmAccount> {
    let octets = fs::read(file).expect("it was written");
    let document = MgmtTree::detect(&octets, &DocumentOptions::STRICT).expect("well-formed");
    let mut tree = Tree::default();
    tree.load_tnds(&document, None).expect("it fits");
    dm_accounts(&tree).map(|(_, account)| account).collect()
}

#[test]
fn apply_writes_the_tree_that_results() {
    let files = Files::new();
    let cp =
        files.with("cp.xml", &provisioning_of(&[account("one"), account("two")]).expect("text").to_xml());
    let first = files.path("first.tnds");
    let applied = dmtool(&["bootstrap", "apply", "--kind", "cp", "--out", &first, &cp]);
    assert_eq!(
        done(&applied),
        "account: one at ./DMAcc/1, new; open a session soon, alert 1201\n\
         account: two at ./DMAcc/2, new; open a session soon, alert 1201\n"
    );
    assert_eq!(accounts(&first), [account("one"), account("two")]);
    assert!(fs::read_to_string(&first).expect("xml").contains("Get=one"));

    // Another server by the other profile, and one of the first again.
    let mut again = account("two");
    again.credentials.clear();
    let message = files.path("message.wbxml");
    let tnds = |name: &str, account: &DmAccount| account_tree(account, name, None).expect("it fits");
    let uri = |text: &str| dm_syncml::LocUri::new(text.to_owned()).expect("a uri");
    let dm = dm_tree::bootstrap::dm_message(
        uri("d"),
        uri("s"),
        &[tnds("a", &again), tnds("b", &account("three"))],
    );
    fs::write(&message, dm.expect("some").encode(dm_syncml::Encoding::Wbxml)).expect("writable");
    let second = files.path("second.tnds");
    let applied =
        dmtool(&["bootstrap", "apply", "--kind", "dm", "--load", &first, "--out", &second, &message]);
    assert!(done(&applied).starts_with("account: two at ./DMAcc/2, replaced;"));
    assert_eq!(accounts(&second), [account("one"), again, account("three")]);
    let to_stdout = dmtool(&["bootstrap", "apply", "--kind", "dm", "--load", &first, "--out", "-", &message]);
    assert_eq!(done(&to_stdout), fs::read_to_string(&second).expect("xml"));

    // What is refused leaves nothing behind.
    let third = files.path("third.tnds");
    let refused = |kind: &str, file: &str, expected: i32| {
        let output = dmtool(&["bootstrap", "apply", "--kind", kind, "--out", &third, file]);
        assert_eq!(
            (code(&output), output.stdout.len(), fs::exists(&third).expect("a folder")),
            (expected, 0, false)
        );
        String::from_utf8(output.stderr).expect("text")
    };
    let twice = provisioning_of(&[account("one"), account("one")]).expect("text").to_xml();
    assert!(refused("cp", &files.with("twice.xml", &twice), 1).starts_with("error: repeated: "));
    assert!(refused("dm", &cp, 1).starts_with("error: wrong-kind at byte "));
    assert!(refused("cp", &files.with("broken.xml", b"<wap-provisioningdoc>"), 1).starts_with("error: "));
    assert!(refused("cp", "no-such-file", 2).starts_with("error: io: "));
}

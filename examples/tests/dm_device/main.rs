//! The dm-device program against a server, killed and restarted at bad moments.

#[path = "../program/mod.rs"]
mod program;
mod server;

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use dm_examples::tls::Identity;
use dm_notification::UiMode;
use dm_notification::bootstrap::{CpSec, NetworkSecret, SharedSecrets};
use dm_syncml::auth::AuthScheme;
use dm_syncml::session::Interaction;
use dm_syncml::{Atomic, CmdId, Command, Correlator, Data, Exec, Format, Get, Item, LocUri, Meta, Replace};
use dm_tree::bootstrap::{SignedBootstrap, provisioning_of};
use dm_tree::{AppAddr, AppAuth, AuthLevel, AuthType, DmAccount, Secret, ServerId};
use program::{Program, run};
use server::{DEVICE, ID, PACKAGE, Script, Server, package};
use sha2::{Digest, Sha256};

const DM_DEVICE: &str = env!("CARGO_BIN_EXE_dm-device");

struct Bench {
    folder: tempfile::TempDir,
    server: Server,
}

impl Bench {
    async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), server: Server::start(None).await }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn device(&self, arguments: &[&str]) -> Program {
        let mut all = self.server.flags(&self.path("device.redb"));
        all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        start(&all)
    }

    fn once(&self, arguments: &[&str]) -> (Option<i32>, Vec<serde_json::Value>) {
        let mut program = self.device(&[&["--once"], arguments].concat());
        (program.wait().code(), program.rest())
    }
}

fn start(arguments: &[String]) -> Program {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    Program::start(DM_DEVICE, &arguments)
}

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

fn get(target: &str) -> Command<'static> {
    Get::single(id(), Item::to(uri(target))).into()
}

fn set(target: &str, data: &str) -> Command<'static> {
    let item = Item::to(uri(target))
        .with_meta(Meta::new().with_format(Format::CHR))
        .with_data(Data::text(data.to_owned()).unwrap());
    Replace::new(id(), vec![item]).into()
}

fn exec(target: &str, correlator: &str) -> Command<'static> {
    let mut exec = Exec::new(id(), Item::to(uri(target)));
    exec.correlator = Some(Correlator::new(correlator.to_owned()).unwrap());
    exec.into()
}

fn send(octets: &[u8], to: &str) {
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(octets, to).unwrap();
}

fn digest() -> String {
    Sha256::digest(package()).iter().fold(String::new(), |text, octet| format!("{text}{octet:02X}"))
}

fn count(heard: &[String], beginning: &str) -> usize {
    heard.iter().filter(|said| said.starts_with(beginning)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_sets_is_there_after_the_process() {
    let bench = Bench::new().await;
    bench.server.will(vec![set("./FUMO/PkgName", "first"), get("./DevInfo/DevId")]);
    let (code, events) = bench.once(&[]);
    assert_eq!(code, Some(0), "{events:?}");
    assert!(events.iter().any(|event| event["event"] == "server-authenticated"), "{events:?}");
    bench.server.will(vec![get("./FUMO/PkgName"), get("./x-Device/Boots")]);
    let (code, events) = bench.once(&["--encoding", "xml"]);
    assert_eq!(code, Some(0), "{events:?}");
    let heard = bench.server.heard();
    for said in [&format!("answered 200 {DEVICE}"), "answered 200 first", "answered 200 2"] {
        assert!(heard.iter().any(|heard| heard.starts_with(said)), "{said} in {heard:#?}");
    }
    // The nonces of the first session were kept: nobody was challenged in the second one.
    assert_eq!(count(&heard, "refused"), 0, "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_the_power_went() {
    let bench = Bench::new().await;
    bench.server.pace(Duration::from_millis(30));
    bench.server.will(vec![
        set("./FUMO/DownloadAndUpdate/PkgURL", &bench.server.url("package")),
        set("./FUMO/PkgVersion", "2.0"),
        set("./FUMO/Ext/Digest", &digest()),
        exec("./FUMO/DownloadAndUpdate", "job-7"),
    ]);
    let flags = ["--piece", "10000", "--install-time", "50"];
    let mut device = bench.device(&flags);
    let begun = device.wait_for("exec");
    assert_eq!(
        (&begun["correlator"], begun["uri"].as_str()),
        (&"job-7".into(), Some("./FUMO/DownloadAndUpdate"))
    );
    for kill in 1..=3 {
        let so_far = loop {
            let progress = device.wait_for("download-progress");
            if progress["octets"].as_u64().unwrap() >= kill * 60_000 {
                break progress["octets"].as_u64().unwrap();
            }
        };
        device.kill();
        device = bench.device(&flags);
        let from = device.wait_for("download-started")["from"].as_u64().unwrap();
        assert!(from >= so_far && from < PACKAGE as u64, "{from} of {so_far}");
    }
    assert_eq!(device.wait_for("download-ended")["result"], 200);
    assert_eq!(device.wait_for("updated")["firmware"], "2.0");
    let outcome = "alert org.openmobilealliance.dm.firmwareupdate.downloadandupdate";
    assert_eq!(bench.server.wait_for(outcome).await, format!("{outcome} 200 job-7"));
    bench.server.wait_for("alert x-dm-device.download.progress").await;
    // A report that the server has taken and the device has not heard of comes again: that is why it has a correlator.
    device.wait_for("session-ended");
    // Each piece came once, but for those that were on their way when the power went.
    let pieces = bench.server.pieces();
    assert!((30..=36).contains(&pieces), "{pieces}");
    device.kill();
    assert!(!Path::new(&bench.path("device.redb.package")).exists());
    bench.server.will(vec![get("./DevDetail/FwV"), get("./FUMO/State")]);
    bench.once(&[]);
    let heard = bench.server.heard();
    assert!(
        heard.contains(&"answered 200 2.0".into()) && heard.contains(&"answered 200 100".into()),
        "{heard:#?}"
    );
    assert_eq!(count(&heard, outcome), 1, "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_that_cannot_be_had_are_said_to_be_so() {
    let bench = Bench::new().await;
    let url = |path: &str| bench.server.url(path);
    for (url, digest, flags, code) in [
        (url("package"), "00", &[][..], 402),
        (url("nothing"), "", &[], 411),
        ("gopher:package".into(), "", &[], 411),
        (url("package"), "", &["--max-package", "1000"], 501),
        (url("whole"), &digest(), &[], 200),
    ] {
        let correlator = format!("{code}-{}", digest.len());
        bench.server.will(vec![
            set("./FUMO/Download/PkgURL", &url),
            set("./FUMO/Ext/Digest", digest),
            exec("./FUMO/Download", &correlator),
        ]);
        let device = bench.device(&[&["--poll", "1"], flags].concat());
        assert_eq!(device.wait_for("download-ended")["result"], code, "{url}");
        let outcome = format!("alert org.openmobilealliance.dm.firmwareupdate.download {code} {correlator}");
        bench.server.wait_for(&outcome).await;
        device.wait_for("report-taken");
        device.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_wake_it_once_each() {
    let bench = Bench::new().await;
    let device = bench.device(&[]);
    let address = device.wait_for("started")["address"].as_str().unwrap().to_owned();
    device.wait_for("session-ended");
    send(b"GET / HTTP/1.1\r\n\r\n", &address);
    device.wait_for("dropped");
    let octets = bench.server.notification(0x2A, UiMode::Background);
    let mut forged = octets.clone();
    forged[0] ^= 1;
    send(&forged, &address);
    assert_eq!(device.wait_for("dropped")["reason"], "digest does not match");
    bench.server.will(vec![exec("./x-Device/Blink", "b")]);
    send(&octets, &address);
    send(&octets, &address);
    assert_eq!(device.wait_for("session-started")["session"], "2A");
    assert_eq!(device.wait_for("session-ended")["end"], "Completed");
    device.wait_for("dropped");
    device.kill();
    // What it has acted upon it remembers.
    let device = bench.device(&[]);
    let address = device.wait_for("started")["address"].as_str().unwrap().to_owned();
    send(&octets, &address);
    device.wait_for("dropped");
    let pushed = dm_notification::push::PushBuilder::dm_notification();
    let pushed = pushed.to_vec(&bench.server.notification(0x2B, UiMode::Informative));
    send(&pushed, &address);
    assert_eq!(device.wait_for("notified")["notice"], "tell");
    assert_eq!(device.wait_for("session-ended")["end"], "Completed");
    // There is nobody to be asked.
    send(&bench.server.notification(0x2C, UiMode::UserInteraction), &address);
    device.wait_for("declined");
    assert_eq!(count(&bench.server.heard(), "started 1200"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_power_may_go_in_the_middle_of_a_session() {
    let bench = Bench::new().await;
    for after in ["1", "2", "3"] {
        bench.server.will(vec![exec("./x-Device/Blink", "b")]);
        bench.server.will(vec![get("./x-Device/Blinks")]);
        let device = bench.device(&["--reboot-after", after, "--poll", "1"]);
        device.wait_for("rebooting");
        assert_eq!(device.wait_for("session-ended")["end"], "Completed");
        device.kill();
    }
    let heard = bench.server.heard();
    assert!(
        !heard.iter().any(|said| said.starts_with("answered 4") || said.starts_with("answered 5")),
        "{heard:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_on_disk_whenever_the_power_goes() {
    let bench = Bench::new().await;
    assert_eq!(bench.once(&[]).0, Some(0));
    let rounds = 25;
    for _ in 0..rounds {
        bench.server.will(vec![exec("./x-Device/Blink", "b")]);
        let device = bench.device(&["--once"]);
        device.wait_for("session-started");
        std::thread::sleep(Duration::from_micros(fastrand::u64(..25_000)));
        device.kill();
    }
    let heard = bench.server.heard();
    let (sent, acknowledged) = (count(&heard, "started") - 1, count(&heard, "answered 200"));
    // Scripts that no session has begun are left over.
    for _ in sent..rounds {
        assert_eq!(bench.once(&[]).0, Some(0));
    }
    bench.server.will(vec![get("./x-Device/Blinks")]);
    assert_eq!(bench.once(&[]).0, Some(0));
    let heard = bench.server.heard();
    let blinks: usize = heard[heard.len() - 2].strip_prefix("answered 200 ").unwrap().parse().unwrap();
    let later = rounds - sent;
    assert!((acknowledged + later..=rounds).contains(&blinks), "{blinks}, {acknowledged} acknowledged");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_reboot_it_and_take_it_back_to_the_factory() {
    let bench = Bench::new().await;
    bench.server.will(vec![set("./FUMO/PkgName", "mine"), exec("./x-Device/Reboot", "r")]);
    let device = bench.device(&["--poll", "1"]);
    assert_eq!(device.wait_for("started")["new"], true);
    assert_eq!(device.wait_for("rebooting")["factory_reset"], false);
    bench.server.will(vec![get("./FUMO/PkgName"), exec("./x-Device/FactoryReset", "f")]);
    assert_eq!(device.wait_for("started")["new"], false);
    assert_eq!(device.wait_for("rebooting")["factory_reset"], true);
    bench.server.will(vec![get("./FUMO/PkgName")]);
    let started = device.wait_for("started");
    assert_eq!((&started["new"], &started["id"]), (&true.into(), &DEVICE.into()));
    assert_eq!(device.wait_for("session-ended")["end"], "Completed");
    let heard = bench.server.heard();
    let names: Vec<_> =
        heard.iter().filter(|said| matches!(&said[..], "answered 200 mine" | "answered 200 ")).collect();
    assert_eq!(names.last().unwrap().as_str(), "answered 200 ", "{heard:#?}");
    assert!(heard.contains(&"answered 200 mine".into()), "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_network_does_nothing_twice() {
    let bench = Bench::new().await;
    bench.server.will((0..10).map(|at| exec("./x-Device/Blink", &at.to_string())).collect::<Vec<_>>());
    let device = bench.device(&["--drop", "25", "--delay", "5", "--seed", "11"]);
    assert_eq!(device.wait_for("session-ended")["end"], "Completed");
    device.kill();
    bench.server.will(vec![get("./x-Device/Blinks")]);
    assert_eq!(bench.once(&[]).0, Some(0));
    let heard = bench.server.heard();
    assert_eq!(heard.last().map(String::as_str), Some("ended Completed"), "{heard:#?}");
    assert!(heard.contains(&"answered 200 10".into()), "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_by_whoever_is_there() {
    let bench = Bench::new().await;
    for (who, response) in [("accept", "Accepted"), ("reject", "Rejected"), ("nobody", "NotSupported")] {
        let question = Some(Interaction::confirm("Install the update?").unwrap());
        bench.server.will(Script { commands: Vec::new(), question });
        assert_eq!(bench.once(&["--interaction", who]).0, Some(0), "{who}");
        assert!(
            bench.server.heard().contains(&format!("responded {response}")),
            "{:#?}",
            bench.server.heard()
        );
    }
    let question = Interaction::confirm("Well?").unwrap().with_max_display(Duration::from_secs(1));
    bench.server.will(Script { commands: Vec::new(), question: Some(question) });
    let (code, events) = bench.once(&["--interaction", "ignore"]);
    assert_eq!(code, Some(0), "{events:?}");
    assert!(events.iter().any(|event| event["event"] == "overdue"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_refused() {
    let bench = Bench::new().await;
    let (code, events) = bench.once(&["--wrong-credentials"]);
    assert_eq!(code, Some(1));
    let ended = events.iter().find(|event| event["event"] == "session-ended").unwrap();
    assert_eq!(ended["end"], "DeviceRefused", "{events:?}");
    assert_eq!(bench.once(&[]).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_prove_themselves_in_every_way() {
    for (scheme, flag) in [(AuthScheme::Basic, "basic"), (AuthScheme::Mac, "mac"), (AuthScheme::Md5, "md5")] {
        let bench = Bench::new().await;
        bench.server.auth(scheme, "someone");
        for _ in 0..2 {
            let name = vec![set("./FUMO/PkgName", flag)];
            bench.server.will(vec![get("./DevInfo/DevId"), Atomic::new(id(), name).into()]);
            let (code, events) = bench.once(&["--auth", flag, "--user", "someone"]);
            assert_eq!(code, Some(0), "{flag}: {events:?}");
        }
        let answered = format!("answered 200 {DEVICE}");
        assert_eq!(count(&bench.server.heard(), &answered), 2, "{flag}: {:#?}", bench.server.heard());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_leaves_no_trace_when_a_part_fails() {
    let bench = Bench::new().await;
    let parts = vec![set("./FUMO/PkgName", "half"), set("./Nowhere/At/All", "1")];
    let both = vec![set("./FUMO/PkgName", "whole"), set("./FUMO/PkgVersion", "3")];
    bench.server.will(vec![Atomic::new(id(), parts).into()]);
    assert_eq!(bench.once(&[]).0, Some(0));
    bench.server.will(vec![get("./FUMO/PkgName"), Atomic::new(id(), both).into()]);
    assert_eq!(bench.once(&[]).0, Some(0));
    bench.server.will(vec![get("./FUMO/PkgName")]);
    assert_eq!(bench.once(&[]).0, Some(0));
    let heard = bench.server.heard();
    assert!(heard.contains(&"answered 507 ".into()), "{heard:#?}");
    assert!(heard.contains(&"answered 200 whole".into()), "{heard:#?}");
    assert!(!heard.contains(&"answered 200 half".into()), "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_the_right_certificate_only() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, _) = Identity::kept_in(folder.path(), &["127.0.0.1".to_owned()]).unwrap();
    let bench = Bench { server: Server::start(Some(&identity)).await, folder };
    let ca = bench.path("cert.pem");
    let fast = ["--answer-timeout", "40"];
    let mut flags = bench.server.flags(&bench.path("device.redb"));
    flags.retain(|flag| flag != "--answer-timeout" && flag != "400");
    let once = |more: &[&str]| {
        let more = more.iter().chain(&fast).chain(&["--once"]).map(|flag| (*flag).to_owned());
        start(&flags.iter().cloned().chain(more).collect::<Vec<_>>()).wait().code()
    };
    assert_eq!(once(&[]), Some(1));
    assert_eq!(once(&["--ca", &ca]), Some(0));
    assert_eq!(once(&["--insecure"]), Some(0));
    let (code, said) = run(DM_DEVICE, &["--ca", &bench.path("missing.pem"), "--state", &bench.path("x")]);
    assert!(code == Some(2) && said.starts_with("error: tls: "), "{said}");
}

fn account(server: &Server) -> DmAccount {
    let mut account = DmAccount::new(ServerId::new(ID).unwrap());
    account.addresses.push(AppAddr::uri(server.url("dm")));
    let device = AppAuth::new(AuthLevel::CLCRED, AuthType::DIGEST).with_name(DEVICE);
    account.credentials.push(device.with_secret(Secret::new("secret")));
    let own = AppAuth::new(AuthLevel::SRVCRED, AuthType::DIGEST).with_name(ID);
    account.credentials.push(own.with_secret(Secret::new("other")));
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn it_learns_of_servers_from_a_push_or_a_card() {
    let bench = Bench::new().await;
    let document = provisioning_of(&[account(&bench.server)]).unwrap();
    let state = bench.path("pushed.redb");
    let flags = ["--state", &state, "--id", DEVICE, "--imsi", "001010123456789"].map(str::to_owned);
    let device = start(&flags);
    let address = device.wait_for("started")["address"].as_str().unwrap().to_owned();
    for (imsi, event) in [("001010123456780", "bootstrap-refused"), ("001010123456789", "bootstrapped")] {
        let secrets = SharedSecrets::new().with_network(NetworkSecret::from_imsi(imsi).unwrap());
        let pushed = SignedBootstrap::cp(&document, CpSec::NETWPIN, &secrets).unwrap().to_push();
        send(&pushed, &address);
        device.wait_for(event);
    }
    assert_eq!(device.wait_for("session-ended")["end"], "Completed");
    device.kill();
    let mut again = flags.to_vec();
    again.push("--once".into());
    assert_eq!(start(&again).wait().code(), Some(0));
    for (name, octets) in [("card.xml", document.to_xml()), ("card.wbxml", document.to_wbxml())] {
        let card = bench.path(name);
        std::fs::write(&card, octets).unwrap();
        let state = bench.path(&format!("{name}.redb"));
        let flags = ["--state", &state, "--id", DEVICE, "--bootstrap", &card, "--once"].map(str::to_owned);
        assert_eq!(start(&flags).wait().code(), Some(0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_says_what_may_be_in_the_tree() {
    let bench = Bench::new().await;
    let ddf = bench.path("lamp.ddf");
    let leaf = |name: &str, default: &str| {
        format!(
            "<Node><NodeName>{name}</NodeName><DFProperties><AccessType><Get/><Replace/></AccessType>\
             <DefaultValue>{default}</DefaultValue><DFFormat><int/></DFFormat><Occurrence><One/></Occurrence>\
             <Scope><Permanent/></Scope><DFType><MIME>text/plain</MIME></DFType></DFProperties></Node>"
        )
    };
    let document = format!(
        "<MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName>Lamp</NodeName><DFProperties><AccessType><Get/></AccessType>\
         <DFFormat><node/></DFFormat><Occurrence><One/></Occurrence><Scope><Permanent/></Scope>\
         <DFType><DDFName></DDFName></DFType></DFProperties>{}</Node></MgmtTree>",
        leaf("Level", "40")
    );
    std::fs::write(&ddf, document).unwrap();
    bench.server.will(vec![get("./Lamp/Level"), set("./Lamp/Other", "1")]);
    let (code, events) = bench.once(&["--ddf", &ddf]);
    assert_eq!(code, Some(0), "{events:?}");
    let heard = bench.server.heard();
    assert!(heard.contains(&"answered 200 40".into()), "{heard:#?}");
    assert!(heard.iter().any(|said| said.starts_with("answered 40")), "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_is_told_until_it_has_heard() {
    let bench = Bench::new().await;
    let gateway = UdpSocket::bind("127.0.0.1:0").unwrap();
    let device = bench.device(&["--gateway", &gateway.local_addr().unwrap().to_string()]);
    let mut buffer = [0; 128];
    for _ in 0..2 {
        let (length, from) = gateway.recv_from(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], DEVICE.as_bytes());
        gateway.send_to(b"who?", from).unwrap();
        device.wait_for("dropped");
    }
    let (_, from) = gateway.recv_from(&mut buffer).unwrap();
    gateway.send_to(b"welcome", from).unwrap();
    device.wait_for("welcomed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_said_in_a_line() {
    let bench = Bench::new().await;
    let (state, file) = (bench.path("s.redb"), bench.path("file"));
    std::fs::write(&file, "<nothing/>").unwrap();
    let fails = |arguments: &[&str], beginning: &str| {
        let (code, said) = run(DM_DEVICE, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with(beginning), "{arguments:?}: {said}");
        assert!(!said.contains("secret"), "{said}");
    };
    fails(&["--state", &state], "error: usage: the device knows no server");
    fails(&["--state", &state, "--ddf", &file], "error: ddf: ");
    fails(&["--state", &state, "--bootstrap", &file], "error: bootstrap: ");
    fails(&["--state", &state, "--bootstrap", &bench.path("none")], "error: io: ");
    fails(&["--state", &file, "--imsi", "001010123456789"], "error: store: ");
    fails(&["--state", &state, "--imsi", "x"], "error: usage: --imsi");
    fails(&["--state", &state, "--imsi", "001010123456789", "--listen", "192.0.2.1:1"], "error: io: ");
    fails(
        &["--state", &state, "--server", "http://x", "--server-id", "a b", "--password", "secret"],
        "error: usage: ",
    );
    let basic =
        ["--state", &state, "--server", "http://x", "--server-id", "s", "--password", "p", "--auth", "basic"];
    fails(&basic, "error: usage: --user");
    fails(&["--state", &state, "--drop", "200"], "error: ");
    fails(&["--state", &state, "--pin", "12", "--pin-file", &file], "error: ");
    let device = bench.device(&[]);
    device.wait_for("started");
    let own = bench.path("device.redb");
    fails(&["--state", &own], "error: store: ");
    device.kill();
    fails(&["--state", &own, "--id", "urn:uuid:other"], "error: usage: ");
}

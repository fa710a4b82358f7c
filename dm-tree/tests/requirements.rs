//! Requirements of the DM 2.0 RD that a client and its tree meet together, by label.
#![cfg(feature = "xml")]

use std::collections::BTreeMap;

use dm_syncml::session::{
    Account, Answer, ClientConfig, ClientOutput, ClientSession, Feature, GenericAlert, Incoming, Initiation,
    Interaction, ServerConfig, ServerEvent, ServerOutput, ServerSession, UserResponse,
};
use dm_syncml::{
    Add, CmdId, Command, Data, DecodeOptions, Encoding, Exec, Format as WireFormat, Get, Instant, Item,
    LocUri, MediaType, Meta, Replace, SessionId, StatusCode,
};
use dm_tree::ddf::{self, Schema};
use dm_tree::mgmt_tree::{DocumentOptions, MgmtTree};
use dm_tree::{
    AccessType, Acl, Children, Context, Effects, ExecReply, Format, Handler, HandlerMap, NewNode, NoAnswer,
    NodeFacts, Rights, ServerId, Tree, Value, dm_accounts,
};

const SERVER: &str = "https://dm.example.com/";

fn uri(text: &str) -> LocUri<'static> {
    LocUri::new(text.to_owned()).unwrap()
}

fn id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn with(target: &str, text: &str) -> Item<'static> {
    Item::to(uri(target)).with_data(Data::text(text.to_owned()).unwrap())
}

fn get(target: &str) -> Command<'static> {
    Get::new(id(), vec![Item::to(uri(target))]).into()
}

fn open_tree() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    tree
}

fn config() -> ClientConfig {
    ClientConfig::new(uri("IMEI:1"), uri(SERVER))
}

/// What a session came to.
#[derive(Default)]
struct Told {
    answers: Vec<Answer>,
    responses: Vec<UserResponse>,
    alerts: Vec<GenericAlert>,
}

impl Told {
    fn codes(&self) -> Vec<u16> {
        self.answers.iter().map(|answer| answer.code().get()).collect()
    }

    fn texts(&self) -> Vec<&str> {
        let items = self.answers.iter().flat_map(Answer::items);
        items.filter_map(|item| item.data.as_ref()?.as_text()).collect()
    }
}

/// A session in which the server sends these commands.
fn manage(
    tree: &mut Tree,
    handlers: &mut HandlerMap,
    config: ClientConfig,
    alerts: Vec<dm_syncml::Alert<'static>>,
    commands: Vec<Command<'static>>,
) -> Told {
    let now = Instant::EPOCH;
    let encoding = config.encoding;
    let mut client =
        ClientSession::new(now, config, Initiation::Client(SessionId::new("1").unwrap()), alerts);
    let mut server = ServerSession::new(now, ServerConfig::new(uri(SERVER)), Some(Account::transport()));
    let server_id = ServerId::new("com.example.dm").unwrap();
    let (mut effects, mut told, mut commands) = (Effects::default(), Told::default(), Some(commands));
    loop {
        match tree.poll_session(now, &mut client, &server_id, handlers, &mut effects) {
            ClientOutput::Send(_, message) => {
                let incoming = Incoming::decode(encoding, &message.body, &DecodeOptions::new()).unwrap();
                server.handle_message(now, &incoming, [1; 16]).unwrap();
                let reply = loop {
                    match server.poll_output() {
                        ServerOutput::Event(ServerEvent::Started(_)) => {
                            for command in commands.take().into_iter().flatten() {
                                server.queue(command).unwrap();
                            }
                        }
                        ServerOutput::Event(ServerEvent::Answered(_, answer)) => told.answers.push(answer),
                        ServerOutput::Event(ServerEvent::Responded(_, response)) => {
                            told.responses.push(response)
                        }
                        ServerOutput::Event(ServerEvent::GenericAlert(_, alert)) => told.alerts.push(alert),
                        ServerOutput::Reply(reply) => break reply,
                        ServerOutput::Wait(_) => panic!("no reply"),
                        _ => {}
                    }
                };
                let incoming = Incoming::decode(encoding, &reply.body, &DecodeOptions::new()).unwrap();
                client.handle_message(now, &incoming, [2; 16]).unwrap();
            }
            ClientOutput::Persist(seq, _) => client.handle_persisted(now, seq),
            ClientOutput::Interact(..) => panic!("there is no user"),
            ClientOutput::Closed(_) => return told,
            ClientOutput::Wait(_) => panic!("nothing goes on"),
            _ => {}
        }
    }
}

/// A device without a user interface is managed all the same: questions are answered at once with "not supported", what depends on nobody's
/// answer is done, and one that says so beforehand is not even asked.
#[test]
fn dm_hlf_003_a_device_without_a_user_interface_is_managed() {
    let mut tree = open_tree();
    let ask = |text: &str| Command::from(Interaction::confirm(text).unwrap().to_alert(id()));
    let commands = vec![ask("Now?"), Add::new(id(), vec![with("./A", "1")]).into(), get("./A")];
    let told = manage(&mut tree, &mut HandlerMap::new(), config(), vec![], commands);
    assert_eq!(told.codes(), [200, 200]);
    assert_eq!(told.responses, [UserResponse::NotSupported]);
    assert_eq!(told.texts(), ["1"]);
    let offered = dm_syncml::session::Capabilities::of(&config());
    assert_eq!(offered.missing(&ask("Now?")), Some(Feature::Confirm));
}

/// An account of DM 1.1.2, which has another shape than that of 1.2, below the place it had.
const ACCOUNT_1_1_2: &[(&str, &str)] = &[
    ("Addr", "http://dm.example.com/dm"),
    ("AddrType", "1"),
    ("PortNbr", "80"),
    ("ServerId", "com.example.dm"),
    ("UserName", "device"),
    ("Name", "An operator"),
];

#[test]
fn dm_hlf_027_objects_of_dm_1_1_2_keep_working() {
    let mut tree = open_tree();
    for encoding in [Encoding::Wbxml, Encoding::Xml] {
        let top = if encoding == Encoding::Xml { "./SyncML/DMAcc/x" } else { "./SyncML/DMAcc/w" };
        let add = ACCOUNT_1_1_2.iter().map(|(name, value)| with(&format!("{top}/{name}"), value)).collect();
        let commands = vec![
            Add::new(id(), add).into(),
            Replace::new(id(), vec![with(&format!("{top}/Addr"), "http://dm.example.com/new")]).into(),
            get(&format!("{top}/Addr")),
            get(&format!("{top}/UserName")),
            get("./SyncML/DMAcc?list=StructData"),
        ];
        let told =
            manage(&mut tree, &mut HandlerMap::new(), config().with_encoding(encoding), vec![], commands);
        assert_eq!(told.codes(), [200; 5], "{encoding:?}");
        assert_eq!(told.texts()[..2], ["http://dm.example.com/new", "device"]);
    }
}

/// The standard objects of DM 1.2, as descriptions and as serialised trees: what was written for them is read, checked, changed and written.
#[test]
fn dm_hlf_027_objects_of_dm_1_2_keep_working() {
    let mut schema = Schema::new();
    for description in [ddf::DM_ACC, ddf::DEV_INFO, ddf::DEV_DETAIL, ddf::INBOX] {
        let description = MgmtTree::detect(description.as_bytes(), &DocumentOptions::STRICT).unwrap();
        schema.add(&description).unwrap();
    }
    let leaf = |name: &str, value: &str| {
        format!(
            "<Node><NodeName>{name}</NodeName><RTProperties><Format><chr/></Format><Type><MIME>text/plain</MIME>\
             </Type></RTProperties><Value>{value}</Value></Node>"
        )
    };
    let interior = |name: &str, ddf_name: &str, children: String| {
        format!(
            "<Node><NodeName>{name}</NodeName><RTProperties><Format><node/></Format><Type><DDFName>{ddf_name}\
             </DDFName></Type></RTProperties>{children}</Node>"
        )
    };
    let address = interior("1", "", leaf("Addr", "https://dm.example.com/dm") + &leaf("AddrType", "URI"));
    let account = interior(
        "Operator",
        "urn:oma:mo:oma-dm-dmacc:1.0",
        leaf("AppID", "w7")
            + &leaf("ServerID", "com.example.dm")
            + &leaf("Name", "An operator")
            + &interior("AppAddr", "", address),
    );
    let document = format!("<MgmtTree xmlns='syncml:dmddf1.2'><VerDTD>1.2</VerDTD>{account}</MgmtTree>");
    let mut tree = open_tree();
    tree.insert("./DMAcc", dm_tree::NodeSpec::interior()).unwrap();
    tree.set_schema(Some(std::sync::Arc::new(schema)));
    let meta = Meta::new().with_format(WireFormat::XML).with_media_type(MediaType::TNDS_XML);
    let commands = vec![
        Add::new(id(), vec![with("./DMAcc", &document).with_meta(meta)]).into(),
        get("./DMAcc/Operator/AppAddr/1/Addr"),
        get("./DMAcc/Operator?list=TNDS"),
        Replace::new(id(), vec![with("./DMAcc/Operator/Name", "Another operator")]).into(),
    ];
    let told = manage(&mut tree, &mut HandlerMap::new(), config(), vec![], commands);
    assert_eq!(told.codes(), [200; 4]);
    let (at, account) = dm_accounts(&tree).next().expect("it is found by its type");
    assert_eq!((at.as_str(), account.name.as_deref()), ("./DMAcc/Operator", Some("Another operator")));
    assert_eq!(account.addresses[0].addr, "https://dm.example.com/dm");
    // What comes out goes into another device as it is.
    let item = told.answers[2].items().next().unwrap();
    let format = item.meta.as_ref().and_then(Meta::format);
    let again = MgmtTree::from_data(item.data.as_ref().unwrap(), format, &DocumentOptions::STRICT).unwrap();
    let mut other = open_tree();
    other.insert("./DMAcc", dm_tree::NodeSpec::interior()).unwrap();
    let server = ServerId::new("com.example.dm").unwrap();
    other.act_for(&server, &mut ()).add_tnds("./DMAcc", &again).unwrap();
    assert_eq!(dm_accounts(&other).next().unwrap().1.addresses, account.addresses);
}

/// What firmware and software enablers of OMA need of the client: an Exec that is accepted with its Correlator, and its outcome in a generic
/// alert of their own type.
#[test]
fn dm_iop_002_other_enablers_have_what_they_need() {
    struct Update(Option<String>);
    impl Handler for Update {
        fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
            match path {
                [] => Some(NodeFacts::interior().with_type("urn:oma:mo:oma-fumo:1.0")),
                ["Update"] => Some(NodeFacts::leaf(Format::Null).with_access(AccessType::EXEC)),
                _ => None,
            }
        }
        fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
            Err(StatusCode::NOT_ALLOWED.into())
        }
        fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
            out.push("Update");
            Ok(())
        }
        fn exec(&mut self, cx: &Context<'_>, _: &[&str], _: &[u8]) -> ExecReply {
            self.0 = cx.correlator().map(str::to_owned);
            ExecReply::Accepted
        }
    }
    let (mut tree, mut handlers) = (open_tree(), HandlerMap::new());
    handlers.mount(&mut tree, "./FwUpdate", Update(None)).unwrap();
    assert_eq!(tree.capabilities().supports(Feature::Exec), Some(true));
    let mut exec = Exec::new(id(), Item::to(uri("./FwUpdate/Update")));
    exec.correlator = Some(dm_syncml::Correlator::new("job-7").unwrap());
    let told = manage(&mut tree, &mut handlers, config(), vec![], vec![exec.into()]);
    assert_eq!(told.codes(), [202]);
    let outcome = GenericAlert::new(
        "org.openmobilealliance.dm.firmwareupdate.update",
        WireFormat::CHR,
        Data::text("200").unwrap(),
    );
    let outcome = outcome.unwrap().with_source(uri("./FwUpdate"));
    let outcome = outcome.with_correlator(dm_syncml::Correlator::new("job-7").unwrap());
    let told = manage(&mut tree, &mut handlers, config(), vec![outcome.to_alert(id())], vec![]);
    assert_eq!(told.alerts, [outcome]);
}

/// The parameters of a device that another protocol manages (names with dots, all values text), as nodes for servers of this one.
#[test]
fn dm_iop_003_parameters_of_another_protocol_are_nodes() {
    struct Parameters(BTreeMap<String, String>);
    impl Parameters {
        fn name(path: &[&str]) -> String {
            path.join(".")
        }
    }
    impl Handler for Parameters {
        fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
            let name = Self::name(path);
            if self.0.contains_key(&name) {
                return Some(NodeFacts::leaf(Format::Chr).with_access(AccessType::GET | AccessType::REPLACE));
            }
            let below = path.is_empty() || self.0.keys().any(|known| known.starts_with(&format!("{name}.")));
            below.then(NodeFacts::interior)
        }
        fn get(&mut self, _: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
            Ok(self.0[&Self::name(path)].clone().into_bytes())
        }
        fn children(&mut self, _: &Context<'_>, path: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
            let prefix = if path.is_empty() { String::new() } else { format!("{}.", Self::name(path)) };
            let mut names: Vec<_> =
                self.0.keys().filter_map(|known| known.strip_prefix(&prefix)?.split('.').next()).collect();
            names.dedup();
            for name in names {
                out.push(name);
            }
            Ok(())
        }
        fn replace(&mut self, _: &Context<'_>, path: &[&str], value: &Value) -> Result<(), NoAnswer> {
            let text = value.as_str().ok_or(StatusCode::UNSUPPORTED_FORMAT)?;
            self.0.insert(Self::name(path), text.to_owned());
            Ok(())
        }
        fn add(&mut self, _: &Context<'_>, _: &[&str], _: &NewNode) -> Result<(), NoAnswer> {
            Err(StatusCode::NOT_ALLOWED.into())
        }
    }
    let known = [("Device.DeviceInfo.SoftwareVersion", "2.1"), ("Device.WiFi.SSID.1.SSID", "home")];
    let known = known.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (mut tree, mut handlers) = (open_tree(), HandlerMap::new());
    handlers.mount(&mut tree, "./Router", Parameters(known.into())).unwrap();
    let commands = vec![
        get("./Router/Device/DeviceInfo/SoftwareVersion"),
        Replace::new(id(), vec![with("./Router/Device/WiFi/SSID/1/SSID", "office")]).into(),
        get("./Router/Device/WiFi/SSID/1/SSID"),
        get("./Router/Device"),
        get("./Router/Device?list=TNDS+Value"),
    ];
    let told = manage(&mut tree, &mut handlers, config(), vec![], commands);
    assert_eq!(told.codes(), [200; 5]);
    let texts: Vec<_> = told.answers[..4].iter().flat_map(Answer::items).collect();
    let texts: Vec<_> = texts.iter().map(|item| item.data.as_ref().unwrap().as_text().unwrap()).collect();
    assert_eq!(texts, ["2.1", "office", "DeviceInfo/WiFi"]);
    let subset = dm_tree::tnds::Subset::read(&told.answers[4], &DocumentOptions::STRICT);
    assert_eq!(subset.get("./Router/Device/WiFi/SSID/1/SSID"), Some(&Value::chr("office")));
}

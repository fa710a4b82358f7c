//! SyncML commands in, outcomes out.

use dm_syncml::{
    Add, Atomic, CmdId, Command, Copy, Correlator, Data, Delete, Exec, Format, Get, Item, LocUri, MediaType,
    Meta, Replace, StatusCode,
};
use dm_tree::{
    AccessType, Acl, ChangeKind, Children, Context, ExecReply, Execution, Handler, HandlerMap, NoAnswer,
    NodeFacts, NodeSpec, RefusalKind, Rights, ServerId, Tree, Value,
};

fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    tree.insert("./A/text", NodeSpec::leaf(Value::chr("hello"))).unwrap();
    tree.insert("./A/bytes", NodeSpec::leaf(Value::bin([0, 1]))).unwrap();
    tree.insert("./A/number", NodeSpec::leaf(Value::int(7))).unwrap();
    tree.insert("./E", NodeSpec::interior()).unwrap();
    tree
}

fn cmd_id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn to(uri: &str) -> Item<'_> {
    Item::to(LocUri::new(uri).unwrap())
}

fn text(text: &str) -> Data<'_> {
    Data::text(text).unwrap()
}

fn run(tree: &mut Tree, command: impl Into<Command<'static>>) -> Execution {
    tree.execute(&ServerId::new("S").unwrap(), &command.into(), &mut ())
}

fn statuses(execution: &Execution) -> Vec<u16> {
    execution.outcomes.iter().map(|outcome| outcome.status.get()).collect()
}

#[test]
fn get_answers_each_item() {
    let mut tree = tree();
    let items = ["./A", "./A/text", "./A/bytes", "A/number", "./E", "./A/text?prop=ACL", "./Nope"].map(to);
    let done = run(&mut tree, Get::new(cmd_id(), items.into()));
    assert_eq!(statuses(&done), [200, 200, 200, 200, 200, 200, 404]);
    assert_eq!((done.status(), done.is_success()), (None, false));
    assert!(done.changes.is_empty());
    let results = done.into_results();
    let meta = |format: Option<&'static str>, mime: Option<&'static str>| {
        let mut meta = Meta::new();
        if let Some(format) = format {
            meta = meta.with_format(Format::new(format).unwrap());
        }
        if let Some(mime) = mime {
            meta = meta.with_media_type(MediaType::new(mime).unwrap());
        }
        meta
    };
    let from = |uri: &'static str| Item::from(LocUri::new(uri).unwrap());
    let octets = "application/octet-stream";
    assert_eq!(
        results,
        [
            from("./A")
                .with_meta(meta(Some("node"), Some("text/plain")))
                .with_data(text("bytes/number/text")),
            from("./A/text").with_data(text("hello")),
            from("./A/bytes").with_meta(meta(Some("bin"), Some(octets))).with_data(Data::octets(vec![0, 1])),
            from("A/number").with_meta(meta(Some("int"), None)).with_data(text("7")),
            from("./E").with_meta(meta(Some("node"), Some("text/plain"))).with_data(Data::EMPTY),
            from("./A/text?prop=ACL").with_data(Data::EMPTY),
        ]
    );
}

#[test]
fn an_items_meta_overrides_the_commands_element_by_element() {
    let mut tree = tree();
    let octets = MediaType::new("application/x-thing").unwrap();
    let mut add = Add::new(
        cmd_id(),
        vec![
            to("./N/b64").with_data(text("AAE=")),
            to("./N/chr").with_meta(Meta::new().with_format(Format::CHR)).with_data(text("x")),
            to("./N/raw").with_meta(Meta::new().with_format(Format::BIN)).with_data(Data::octets(vec![255])),
        ],
    );
    add.meta = Some(Meta::new().with_format(Format::B64).with_media_type(octets));
    let done = run(&mut tree, add);
    assert_eq!(done.status(), Some(StatusCode::OK));
    let added = |index: usize| match done.changes[index].kind {
        ChangeKind::Added { ancestors, .. } => (done.changes[index].uri.as_str(), ancestors),
        ref other => panic!("{other:?}"),
    };
    assert_eq!([added(0), added(1), added(2)], [("./N/b64", 1), ("./N/chr", 0), ("./N/raw", 0)]);
    for (uri, format, data) in [
        ("./N/b64", dm_tree::Format::Bin, &[0, 1][..]),
        ("./N/chr", dm_tree::Format::Chr, b"x"),
        ("./N/raw", dm_tree::Format::Bin, &[255]),
    ] {
        let value = tree.node(uri).unwrap().value().unwrap();
        assert_eq!(
            (value.format(), value.data(), value.mime()),
            (format, data, "application/x-thing"),
            "{uri}"
        );
    }
}

#[test]
fn items_are_independent() {
    let mut tree = tree();
    let delete = Delete::new(cmd_id(), vec![to("./A/text"), to("."), to("./A/text"), to("./E")]);
    assert_eq!(statuses(&run(&mut tree, delete)), [200, 405, 404, 200]);
    let replace = Replace::new(
        cmd_id(),
        vec![
            Item::new().with_data(text("no target")),
            to("./A/number").with_meta(Meta::new().with_format(Format::INT)).with_data(text("eight")),
            to("./A/number").with_meta(Meta::new().with_format(Format::INT)).with_data(text("8")),
        ],
    );
    assert_eq!(statuses(&run(&mut tree, replace)), [412, 415, 200]);
    assert_eq!(tree.node("./A/number").unwrap().value(), Some(&Value::int(8)));
}

#[test]
fn the_ancestor_in_the_way_is_named() {
    let mut tree = tree();
    tree.insert("./Closed", NodeSpec::interior().with_acl(Acl::parse("Get=*").unwrap())).unwrap();
    let done = run(&mut tree, Add::new(cmd_id(), vec![to("./Closed/a/b/c").with_data(text("x"))]));
    let refusal = done.outcomes[0].refusal.as_ref().unwrap();
    assert_eq!(refusal.kind(), RefusalKind::Denied);
    assert_eq!(refusal.at().unwrap().as_str(), "./Closed/a");
    let done = run(&mut tree, Add::new(cmd_id(), vec![to("./Closed/a").with_data(text("x"))]));
    assert_eq!(done.outcomes[0].refusal.as_ref().unwrap().at(), None);
}

#[test]
fn what_is_not_a_command_on_a_tree() {
    let mut tree = tree();
    let copy = Copy::new(cmd_id(), vec![to("./A/x"), to("./A/y")]);
    assert_eq!(statuses(&run(&mut tree, copy)), [412, 412], "no source");
    assert_eq!(statuses(&run(&mut tree, Atomic::new(cmd_id(), Vec::new()))), [200], "nothing to do");
    assert_eq!(statuses(&run(&mut tree, Get::new(cmd_id(), Vec::new()))), [412]);
    let mut exec = Exec::new(cmd_id(), to("./A"));
    exec.items.push(to("./E"));
    assert_eq!(statuses(&run(&mut tree, exec)), [400, 400]);
    assert_eq!(statuses(&run(&mut tree, Exec::new(cmd_id(), to("./A/text")))), [406]);
    let mut chunk = to("./A/text").with_data(text("part"));
    chunk.more_data = true;
    assert_eq!(statuses(&run(&mut tree, Replace::new(cmd_id(), vec![chunk]))), [412]);
    let tnds = Meta::new().with_media_type(MediaType::new("application/vnd.syncml.dmtnds+xml").unwrap());
    let item = to("./E").with_meta(tnds).with_data(text("<MgmtTree/>"));
    assert_eq!(statuses(&run(&mut tree, Replace::new(cmd_id(), vec![item.clone()]))), [415]);
    assert_eq!(statuses(&run(&mut tree, Add::new(cmd_id(), vec![item]))), [415]);
}

#[test]
fn elements_are_no_value_and_no_empty_acl() {
    let mut tree = tree();
    tree.set_acl("./A", Acl::parse("Get=S&Replace=S").unwrap()).unwrap();
    let name = dm_syncml::elements::Name::Tag(dm_syncml::elements::dmddf::NODE);
    let markup = || Data::element(dm_syncml::elements::Element::new(name.clone()));
    let items = ["./A/text", "./A?prop=ACL", "./A?prop=Title", "./A?prop=Name", "./Nope"];
    let items = items.map(|uri| to(uri).with_data(markup())).to_vec();
    assert_eq!(statuses(&run(&mut tree, Replace::new(cmd_id(), items))), [415, 500, 415, 500, 404]);
    assert!(!tree.node("./A").unwrap().acl().is_empty());
}

struct Runner;

impl Handler for Runner {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        path.is_empty().then(|| NodeFacts::leaf(dm_tree::Format::Null).with_access(AccessType::EXEC))
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Err(StatusCode::COMMAND_FAILED.into())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
        Err(StatusCode::COMMAND_FAILED.into())
    }

    fn exec(&mut self, _: &Context<'_>, _: &[&str], _: &[u8]) -> ExecReply {
        ExecReply::Accepted
    }
}

#[test]
fn an_accepted_exec_keeps_its_correlator() {
    let mut tree = tree();
    let mut handlers = HandlerMap::new();
    let mount = handlers.mount(&mut tree, "./Reboot", Runner).unwrap();
    let b64 = Meta::new().with_format(Format::B64);
    let mut exec = Exec::new(cmd_id(), to("./Reboot").with_meta(b64).with_data(text("AAE=")));
    exec.correlator = Some(Correlator::new("42").unwrap());
    let done = tree.execute(&ServerId::new("S").unwrap(), &exec.into(), &mut handlers);
    assert_eq!(done.status(), Some(StatusCode::ACCEPTED));
    let request = &done.exec_requests[0];
    assert_eq!((request.mount, request.correlator.as_deref()), (mount, Some("42")));
    assert_eq!(request.argument, [0, 1]);
}

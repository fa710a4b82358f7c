//! All or nothing, in the tree and with handlers.

use std::sync::{Arc, Mutex};

use dm_syncml::{
    Add, Atomic, CmdId, Command, Copy, Data, Delete, Exec, Get, Item, LocUri, Replace, Sequence, StatusCode,
};
use dm_tree::{
    AccessType, Acl, Children, Content, Context, Execution, Format, Handler, HandlerMap, LateAnswer,
    NoAnswer, NodeFacts, NodeSpec, Rights, ServerId, Timestamp, Tree, Value,
};

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

fn cmd_id() -> CmdId<'static> {
    CmdId::new("1").unwrap()
}

fn to(uri: &str) -> Item<'_> {
    Item::to(LocUri::new(uri).unwrap())
}

fn with<'a>(uri: &'a str, data: &'a str) -> Item<'a> {
    to(uri).with_data(Data::text(data).unwrap())
}

fn add<'a>(uri: &'a str, data: &'a str) -> Command<'a> {
    Add::new(cmd_id(), vec![with(uri, data)]).into()
}

fn replace<'a>(uri: &'a str, data: &'a str) -> Command<'a> {
    Replace::new(cmd_id(), vec![with(uri, data)]).into()
}

fn delete(uri: &str) -> Command<'_> {
    Delete::new(cmd_id(), vec![to(uri)]).into()
}

fn get(uri: &str) -> Command<'_> {
    Get::new(cmd_id(), vec![to(uri)]).into()
}

fn copy<'a>(from: &'a str, target: &'a str) -> Command<'a> {
    let source = Item::from(LocUri::new(from).unwrap()).source.unwrap();
    Copy::new(cmd_id(), vec![to(target).with_source(source)]).into()
}

fn tree() -> Tree {
    let mut tree = Tree::default();
    tree.set_wall_clock(Timestamp::parse("20240101T000000Z").unwrap());
    tree.set_acl(".", Acl::anyone(Rights::ALL)).unwrap();
    tree.insert("./A/x", NodeSpec::leaf(Value::chr("1"))).unwrap();
    tree.insert("./A/y", NodeSpec::leaf(Value::chr("2")).with_acl(Acl::parse("Get=*").unwrap())).unwrap();
    tree.insert("./B", NodeSpec::interior().with_acl(Acl::parse("Add=S&Get=*&Delete=*").unwrap())).unwrap();
    tree.insert("./B/C/D", NodeSpec::leaf(Value::int(5))).unwrap();
    tree.set_wall_clock(Timestamp::parse("20240202T000000Z").unwrap());
    tree
}

fn run(tree: &mut Tree, members: Vec<Command<'_>>) -> Execution {
    let command: Command<'_> = Atomic::new(cmd_id(), members).into();
    tree.execute(&id("S"), &command, &mut ())
}

fn codes(done: &Execution) -> Vec<Vec<u16>> {
    let of = |done: &Execution| done.outcomes.iter().map(|outcome| outcome.status.get()).collect();
    std::iter::once(of(done)).chain(done.members.iter().map(of)).collect()
}

#[test]
fn row_67_the_allowed_is_undone_with_the_denied() {
    let mut tree = tree();
    let before = tree.snapshot().unwrap();
    let done = run(&mut tree, vec![replace("./A/x", "9"), replace("./A/y", "9")]);
    assert_eq!(codes(&done), [vec![507], vec![216], vec![425]]);
    assert!(done.changes.is_empty());
    assert_eq!(tree.snapshot().unwrap(), before);
}

#[test]
fn every_kind_of_change_is_undone() {
    let all = || {
        vec![
            add("./B/new/deep", "v"),
            replace("./A/x", "9"),
            replace("./A/y?prop=ACL", "Get=S&Replace=S"),
            replace("./A?prop=ACL", "Add=S&Get=S&Replace=S&Delete=S"),
            replace("./A?prop=Title", "t"),
            replace("./A?prop=Name", "Z"),
            copy("./Z", "./Copy/of"),
            delete("./B/C"),
            delete("./B"),
            add("./B/other", "w"),
            add("./DMAcc/AppAuth/AAuthSecret", "s"),
        ]
    };
    let mut tree = tree();
    let before = tree.snapshot().unwrap();
    let mut members = all();
    members.push(delete("./Nope"));
    members.push(add("./never", "v"));
    let done = run(&mut tree, members);
    let mut expected = vec![vec![507]];
    expected.extend(vec![vec![216]; 11]);
    expected.extend([vec![404], vec![215]]);
    assert_eq!(codes(&done), expected);
    assert_eq!(tree.snapshot().unwrap(), before);

    let done = run(&mut tree, all());
    assert_eq!(codes(&done)[0], [200]);
    assert_eq!(done.changes.len(), 11);
    assert!(tree.node("./Copy/of/x").is_some() && tree.node("./B/C").is_none());
    assert_ne!(tree.snapshot().unwrap(), before);
}

#[test]
fn what_cannot_be_a_member() {
    let exec: Command<'_> = Exec::new(cmd_id(), to("./A/x")).into();
    let nested: Command<'_> = Atomic::new(cmd_id(), vec![delete("./A")]).into();
    let sequence: Command<'_> = Sequence::new(cmd_id(), vec![delete("./A")]).into();
    for member in [get("./A/x"), exec, nested, sequence] {
        let mut tree = tree();
        let done = run(&mut tree, vec![add("./new", "v"), member]);
        assert_eq!(codes(&done), [vec![507], vec![216], vec![500]]);
        assert!(tree.node("./new").is_none() && tree.node("./A/x").is_some());
    }
}

#[test]
fn items_after_a_failure_are_not_done() {
    let mut tree = tree();
    let items = vec![to("./A/x"), to("./Nope"), to("./A/y")];
    let done = run(&mut tree, vec![Delete::new(cmd_id(), items).into()]);
    assert_eq!(codes(&done), [vec![507], vec![216, 404, 215]]);
}

#[test]
fn a_sequence_goes_on_and_answers_for_each() {
    let mut tree = tree();
    let members = vec![
        add("./n", "v"),
        get("./Nope"),
        get("./n"),
        Atomic::new(cmd_id(), vec![delete("./n"), delete("./n")]).into(),
    ];
    let command: Command<'_> = Sequence::new(cmd_id(), members).into();
    let done = tree.execute(&id("S"), &command, &mut ());
    assert_eq!(codes(&done), [vec![200], vec![200], vec![404], vec![200], vec![507]]);
    assert_eq!(codes(&done.members[3]), [vec![507], vec![216], vec![404]]);
    assert_eq!(done.changes.len(), 1);
    assert!(tree.node("./n").is_some());
}

#[test]
fn an_open_atomic_belongs_to_one_server() {
    let mut tree = tree();
    let handlers = &mut ();
    tree.set_journaling(true);
    tree.begin_atomic(&id("S")).unwrap();
    assert!(tree.begin_atomic(&id("S")).is_err());
    assert!(tree.snapshot().is_err());
    tree.act_for(&id("S"), handlers).replace("./A/x", &Content::new(b"7")).unwrap();
    let other = tree.act_for(&id("T"), handlers).get("./A/x").unwrap_err();
    assert_eq!(other.status().get(), 403);
    assert_eq!(tree.take_record(), None);
    let done = tree.execute(&id("S"), &add("./A/n", "v"), &mut ());
    assert!(done.is_success() && done.changes.is_empty());
    let committed = tree.commit_atomic(handlers);
    assert_eq!(committed.changes.len(), 1, "those of `execute`; who acts takes the changes itself");
    assert_eq!(tree.take_record().unwrap().len(), 2);
    assert_eq!(tree.take_record(), None);
    assert_eq!(tree.act_for(&id("T"), handlers).get("./A/x").unwrap().data(), b"7");
}

/// A counter that can go back, if it is told to.
struct Counter {
    offers: bool,
    later: bool,
    log: Arc<Mutex<Vec<String>>>,
}

impl Handler for Counter {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        let access = AccessType::GET | AccessType::REPLACE;
        path.is_empty().then(|| NodeFacts::leaf(Format::Chr).with_access(access))
    }

    fn get(&mut self, _: &Context<'_>, _: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        Err(StatusCode::COMMAND_FAILED.into())
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], _: &mut Children) -> Result<(), NoAnswer> {
        Err(StatusCode::COMMAND_FAILED.into())
    }

    fn replace(&mut self, _: &Context<'_>, _: &[&str], value: &Value) -> Result<(), NoAnswer> {
        self.log.lock().unwrap().push(format!("replace {}", value.as_str().unwrap()));
        if self.later { Err(NoAnswer::Later) } else { Ok(()) }
    }

    fn begin(&mut self, _: &Context<'_>) -> Result<(), StatusCode> {
        self.log.lock().unwrap().push("begin".into());
        if self.offers { Ok(()) } else { Err(StatusCode::COMMAND_FAILED) }
    }

    fn commit(&mut self, cx: &Context<'_>) {
        self.log.lock().unwrap().push(format!("commit for {}", cx.server().unwrap()));
    }

    fn roll_back(&mut self, _: &Context<'_>) -> Result<(), StatusCode> {
        self.log.lock().unwrap().push("back".into());
        if self.later { Err(StatusCode::COMMAND_FAILED) } else { Ok(()) }
    }
}

fn with_counter(offers: bool, later: bool) -> (Tree, HandlerMap, Arc<Mutex<Vec<String>>>) {
    let (mut tree, mut handlers) = (tree(), HandlerMap::new());
    let log = Arc::<Mutex<Vec<String>>>::default();
    handlers.mount(&mut tree, "./Count", Counter { offers, later, log: Arc::clone(&log) }).unwrap();
    (tree, handlers, log)
}

#[test]
fn handlers_that_can_go_back_take_part() {
    let (mut tree, mut handlers, log) = with_counter(true, false);
    let twice = || vec![add("./n", "v"), replace("./Count", "1"), replace("./Count", "2")];
    let command: Command<'_> = Atomic::new(cmd_id(), twice()).into();
    let done = tree.execute(&id("S"), &command, &mut handlers);
    assert_eq!(codes(&done), [[200], [200], [200], [200]]);
    assert_eq!(*log.lock().unwrap(), ["begin", "replace 1", "replace 2", "commit for S"]);
    log.lock().unwrap().clear();
    let command: Command<'_> = Atomic::new(cmd_id(), vec![replace("./Count", "3"), add("./n", "v")]).into();
    let done = tree.execute(&id("S"), &command, &mut handlers);
    assert_eq!(codes(&done), [[507], [216], [418]]);
    assert_eq!(*log.lock().unwrap(), ["begin", "replace 3", "back"]);
}

#[test]
fn handlers_that_cannot_are_not_asked_to_change_anything() {
    let (mut tree, mut handlers, log) = with_counter(false, false);
    let command: Command<'_> = Atomic::new(cmd_id(), vec![add("./n", "v"), replace("./Count", "1")]).into();
    let done = tree.execute(&id("S"), &command, &mut handlers);
    assert_eq!(codes(&done), [[507], [216], [500]]);
    assert_eq!(*log.lock().unwrap(), ["begin"]);
    assert!(tree.node("./n").is_none());
}

#[test]
fn a_late_answer_is_too_late_for_an_atomic_at_once() {
    let (mut tree, mut handlers, _) = with_counter(true, true);
    let command: Command<'_> = Atomic::new(cmd_id(), vec![add("./n", "v"), replace("./Count", "1")]).into();
    let done = tree.execute(&id("S"), &command, &mut handlers);
    // The handler could not go back, and says so.
    assert_eq!(codes(&done), [[507], [516], [406]]);
    assert!(tree.node("./n").is_none() && tree.pending().next().is_none());

    // A session that hands out the members one by one can wait.
    tree.begin_atomic(&id("S")).unwrap();
    let mut done = tree.execute(&id("S"), &replace("./Count", "1"), &mut handlers);
    let ticket = done.tickets().next().unwrap();
    let answered = tree.answer(ticket, LateAnswer::Done).unwrap();
    assert!(done.take_answer(ticket, answered) && done.is_success() && !done.is_pending());
    assert_eq!(tree.commit_atomic(&mut handlers).changes.len(), 1);
    assert!(tree.answer(ticket, LateAnswer::Done).is_err());
}

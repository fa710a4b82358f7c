//! `?list=Struct`, `?list=StructData`, and walking on where one stopped.

use dm_syncml::{CmdId, Command, Get, Item, LocUri, StatusCode};
use dm_tree::{
    AccessType, Acl, Children, Context, Format, Handler, HandlerMap, NoAnswer, NodeFacts, NodeSpec, NodeUri,
    ServerId, Tree, TreeLimits, Value,
};

fn id(text: &str) -> ServerId {
    ServerId::new(text).unwrap()
}

/// The tree of RepPro 1.2.1, Get with `?list=`, with a node in it that nobody may read.
fn tree() -> Tree {
    tree_with(TreeLimits::default())
}

fn tree_with(limits: TreeLimits) -> Tree {
    let mut tree = Tree::new(limits);
    for (uri, spec) in [
        ("./A", NodeSpec::managed_object("urn:x")),
        ("./A/C", NodeSpec::leaf(Value::int(1))),
        ("./A/D", NodeSpec::interior()),
        ("./A/D/E", NodeSpec::interior()),
        ("./A/D/E/G", NodeSpec::leaf(Value::chr("g"))),
        ("./A/D/E/H", NodeSpec::leaf(Value::bin([1, 2]))),
        ("./A/D/F", NodeSpec::leaf(Value::chr("f"))),
        ("./A/No", NodeSpec::interior().with_acl(Acl::parse("Replace=S").unwrap())),
        ("./A/No/Way", NodeSpec::leaf(Value::chr("w"))),
        ("./A/Shut", NodeSpec::leaf(Value::chr("s")).with_access(AccessType::REPLACE)),
        ("./B", NodeSpec::leaf(Value::chr("b"))),
    ] {
        tree.insert(uri, spec).unwrap();
    }
    tree
}

fn list(tree: &mut Tree, uri: &str) -> (u16, Vec<Item<'static>>) {
    let get: Command<'_> =
        Get::new(CmdId::new("1").unwrap(), vec![Item::to(LocUri::new(uri).unwrap())]).into();
    let done = tree.execute(&id("S"), &get, &mut ()).whole_or_refused();
    (done.status().unwrap().get(), done.into_results())
}

fn describe(item: &Item<'_>) -> String {
    let meta = item.meta.as_ref();
    let format = meta.and_then(|meta| meta.format()).map_or("-", |format| format.as_str());
    let mime = meta.and_then(|meta| meta.media_type()).map_or("-", |mime| mime.as_str());
    let data = item.data.as_ref().map(|data| data.as_octets().map_or(0, <[u8]>::len));
    format!("{} {format} {mime} {data:?}", item.source_uri().unwrap())
}

#[test]
fn what_a_server_may_read_is_listed_parents_first() {
    let mut tree = tree();
    let (status, items) = list(&mut tree, "./A?list=Struct");
    assert_eq!(status, 200);
    let lines: Vec<_> = items.iter().map(describe).collect();
    assert_eq!(
        lines,
        [
            "./A node urn:x None",
            "./A/C int - None",
            "./A/D node - None",
            "./A/D/E node - None",
            "./A/D/E/G - - None",
            "./A/D/E/H bin application/octet-stream None",
            "./A/D/F - - None",
        ]
    );
    let (_, items) = list(&mut tree, "./A/D/E?list=StructData");
    let lines: Vec<_> = items.iter().map(describe).collect();
    assert_eq!(
        lines,
        ["./A/D/E node - None", "./A/D/E/G - - Some(1)", "./A/D/E/H bin application/octet-stream Some(2)"]
    );
    assert_eq!(list(&mut tree, "./B?list=StructData").1.len(), 1);
    for (uri, status) in [
        ("./A/No?list=Struct", 425),
        ("./A/Shut?list=Struct", 405),
        ("./Nope?list=Struct", 404),
        ("./A?list=Everything", 406),
    ] {
        assert_eq!(list(&mut tree, uri).0, status, "{uri}");
    }
}

#[test]
fn lists_have_limits_and_walks_have_none() {
    let mut tree = Tree::new(TreeLimits::default().with_max_list_items(50).with_max_list_len(700));
    for number in 0..40 {
        tree.insert(&format!("./A/{number}"), NodeSpec::leaf(Value::chr("0123456789"))).unwrap();
    }
    assert_eq!(list(&mut tree, "./A?list=Struct").1.len(), 41);
    assert_eq!(list(&mut tree, "./A?list=StructData").0, 413);
    for number in 40..60 {
        tree.insert(&format!("./A/{number}"), NodeSpec::leaf(Value::chr(""))).unwrap();
    }
    assert_eq!(list(&mut tree, "./A?list=Struct").0, 413);
    let server = id("S");
    let handlers = &mut ();
    let mut acting = tree.act_for(&server, handlers);
    let mut walk = acting.walk("./A", None).unwrap();
    let mut count = 0;
    while walk.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 61);
}

struct Many(u32);

impl Handler for Many {
    fn node(&mut self, _: &Context<'_>, path: &[&str]) -> Option<NodeFacts> {
        match path {
            [] => Some(NodeFacts::interior()),
            [name] if name.parse().is_ok_and(|number: u32| number < self.0) => {
                Some(NodeFacts::leaf(Format::Int))
            }
            _ => None,
        }
    }

    fn get(&mut self, _: &Context<'_>, path: &[&str]) -> Result<Vec<u8>, NoAnswer> {
        if path == ["13"] {
            Err(NoAnswer::Refused(StatusCode::FORBIDDEN))
        } else {
            Ok(path[0].as_bytes().to_vec())
        }
    }

    fn children(&mut self, _: &Context<'_>, _: &[&str], out: &mut Children) -> Result<(), NoAnswer> {
        // In the handler's own order, and one that is gone when asked for.
        (0..=self.0).rev().for_each(|number| _ = out.push(&number.to_string()));
        Ok(())
    }
}

/// Walks in steps of one node, each in a call of its own.
fn in_steps(tree: &mut Tree, handlers: &mut HandlerMap, top: &str) -> Vec<String> {
    let server = id("S");
    let mut seen: Vec<String> = Vec::new();
    loop {
        let after = seen.last().map(|uri| NodeUri::parse(uri).unwrap().into_owned());
        let mut acting = tree.act_for(&server, handlers);
        let mut walk = acting.walk(top, after.as_ref()).unwrap();
        match walk.next().unwrap() {
            Some(visit) => seen.push(visit.uri().to_string()),
            None => return seen,
        }
    }
}

#[test]
fn a_walk_goes_on_where_it_stopped() {
    let mut tree = tree();
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./A/D/Served", Many(12)).unwrap();
    let server = id("S");
    let mut acting = tree.act_for(&server, &mut handlers);
    let mut walk = acting.walk("./A", None).unwrap();
    let mut at_once = Vec::new();
    while let Some(visit) = walk.next().unwrap() {
        at_once.push(visit.uri().to_string());
    }
    assert_eq!(at_once.len(), 7 + 13);
    assert_eq!(at_once[8..11], ["./A/D/Served/0", "./A/D/Served/1", "./A/D/Served/10"]);
    assert_eq!(in_steps(&mut tree, &mut handlers, "./A"), at_once);
    assert_eq!(in_steps(&mut tree, &mut handlers, "./A/D/Served").len(), 13);
    // What it came to may be gone by then.
    let after = NodeUri::parse("./A/D/E/GG/x").unwrap();
    let mut acting = tree.act_for(&server, &mut handlers);
    let next = acting.walk("./A", Some(&after)).unwrap().next().unwrap().unwrap();
    assert_eq!(next.uri().as_str(), "./A/D/E/H");
    assert_eq!(acting.walk("./A", Some(&NodeUri::parse("./B").unwrap())).unwrap_err().status().get(), 404);
}

#[test]
fn a_handler_that_refuses_does_not_end_a_walk() {
    let mut tree = Tree::default();
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./M", Many(20)).unwrap();
    let server = id("S");
    let mut acting = tree.act_for(&server, &mut handlers);
    let mut walk = acting.walk(".", None).unwrap();
    let (mut seen, mut refused) = (0, 0);
    loop {
        match walk.next() {
            Ok(Some(_)) => seen += 1,
            Ok(None) => break,
            Err(refusal) => {
                assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
                refused += 1;
            }
        }
    }
    assert_eq!((seen, refused), (1 + 1 + 19, 1));
}

/// The tree with nodes in it that a handler serves.
fn served(limits: TreeLimits) -> (Tree, HandlerMap) {
    let mut tree = tree_with(limits);
    let mut handlers = HandlerMap::new();
    handlers.mount(&mut tree, "./V/X", Many(12)).unwrap();
    (tree, handlers)
}

/// Get of a large subtree streams its items: whatever the size of a page, all pages together are the list.
#[test]
fn a_large_list_comes_page_by_page() {
    let (mut whole, mut handlers) = served(TreeLimits::default());
    let server = id("S");
    let get = |uri: &str| -> Command<'static> {
        Get::new(CmdId::new("1").unwrap(), vec![Item::to(LocUri::new(uri.to_owned()).unwrap())]).into()
    };
    for uri in ["./A?list=Struct", "./A?list=StructData", ".?list=StructData", "./V/X?list=StructData"] {
        let all = whole.execute(&server, &get(uri), &mut handlers);
        assert_eq!(all.outcomes[0].rest, None, "{uri}");
        let all = all.into_results();
        for (items, len) in
            [(0, 1 << 20), (1, 1 << 20), (2, 1 << 20), (7, 1 << 20), (1000, 0), (1000, 30), (1000, 90)]
        {
            let limits = TreeLimits::default().with_max_list_items(items).with_max_list_len(len);
            let (mut tree, mut handlers) = served(limits);
            let mut done = tree.execute(&server, &get(uri), &mut handlers);
            assert_eq!(done.status(), Some(StatusCode::OK));
            let refused = done.clone().whole_or_refused();
            let outcome = done.outcomes.remove(0);
            assert_eq!(outcome.rest.is_some(), refused.status() == Some(StatusCode::TOO_LARGE));
            let mut pages = vec![outcome.results];
            let mut rest = outcome.rest;
            while let Some(listing) = rest.as_mut().filter(|listing| !listing.is_finished()) {
                pages.push(listing.next_page(&mut tree.act_for(&server, &mut handlers)).unwrap());
            }
            assert!(
                pages.iter().all(|page| !page.is_empty() && page.len() <= items.max(1)),
                "{uri} {items} {len}"
            );
            assert_eq!(pages.concat(), all, "{uri} {items} {len}");
        }
    }
}

/// What changes between two pages is seen by the later one, rights included.
#[test]
fn a_list_goes_on_whatever_changed() {
    let mut tree = Tree::new(TreeLimits::default().with_max_list_items(2));
    for name in ["a", "b", "c", "d", "e"] {
        tree.insert(&format!("./A/{name}"), NodeSpec::leaf(Value::chr(name))).unwrap();
    }
    let server = id("S");
    let mut listing = tree.act_for(&server, &mut ()).list("./A?list=Struct").unwrap();
    let page = |tree: &mut Tree, listing: &mut dm_tree::Listing| -> Result<Vec<String>, u16> {
        let page = listing.next_page(&mut tree.act_for(&server, &mut ()));
        let sources =
            |items: Vec<Item<'_>>| items.iter().map(|item| item.source_uri().unwrap().to_string()).collect();
        page.map(sources).map_err(|refusal| refusal.status().get())
    };
    assert_eq!(page(&mut tree, &mut listing).unwrap(), ["./A", "./A/a"]);
    tree.remove("./A/a").unwrap();
    tree.remove("./A/b").unwrap();
    tree.insert("./A/bb", NodeSpec::leaf(Value::chr(""))).unwrap();
    assert_eq!(page(&mut tree, &mut listing).unwrap(), ["./A/bb", "./A/c"]);
    let mut denied = listing.clone();
    tree.set_acl("./A", Acl::parse("Get=T").unwrap()).unwrap();
    assert_eq!(page(&mut tree, &mut denied), Err(425));
    assert!(denied.is_finished() && !listing.is_finished());
    tree.set_acl("./A", Acl::EMPTY).unwrap();
    tree.remove("./A/e").unwrap();
    assert_eq!(page(&mut tree, &mut listing).unwrap(), ["./A/d"]);
    assert!(listing.is_finished());
    assert_eq!(page(&mut tree, &mut listing).unwrap(), [""; 0]);
    for uri in ["./A", "./A?list=TNDS", "./A?prop=ACL", "./A?list=Other"] {
        let status = tree.act_for(&server, &mut ()).list(uri).map_err(|refusal| refusal.status().get());
        assert_eq!(status.err(), Some(406), "{uri}");
    }
}

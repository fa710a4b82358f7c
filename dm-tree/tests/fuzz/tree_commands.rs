//! Commands of three servers, Atomics among them: nothing panics, what is refused leaves no trace, and the records
//! make the same tree again.

use dm_tree::{
    Acl, Content, NodeSpec, NodeUri, Refusal, ServerId, Timestamp, Tree, TreeLimits, UriLimits, Value,
};

/// Octets as choices; none left is zero.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.octet()) % of.len()]
    }

    /// Up to 15 octets as they come.
    fn raw(&mut self) -> &'a [u8] {
        let len = usize::from(self.octet() % 16).min(self.0.len());
        let (raw, rest) = self.0.split_at(len);
        self.0 = rest;
        raw
    }

    fn uri(&mut self) -> String {
        let mut uri = String::from(".");
        for _ in 0..self.octet() % 5 {
            uri.push('/');
            uri.push_str(self.pick(&[
                "a",
                "b",
                "%61",
                "B.",
                "AAuthSecret",
                "long%20name%20of%20some%20sort",
                "Fold",
            ]));
        }
        if self.octet().is_multiple_of(8) {
            uri.push_str(&String::from_utf8_lossy(self.raw()));
        }
        uri
    }

    fn acl(&mut self) -> String {
        let entry = |choices: &mut Self| {
            let command = choices.pick(&["Add", "Delete", "Exec", "Get", "Replace", "Copy"]);
            format!("{command}={}", choices.pick(&["*", "S", "T", "S+U", "T+T", ""]))
        };
        let entries: Vec<_> = (0..self.octet() % 6).map(|_| entry(self)).collect();
        entries.join("&")
    }
}

fn act(tree: &mut Tree, choices: &mut Choices<'_>, server: &ServerId) -> Result<(), Refusal> {
    let handlers = &mut ();
    let mut acting = tree.act_for(server, handlers);
    let uri = choices.uri();
    match choices.octet() % 10 {
        0 | 1 => {
            let mut content = Content::new(choices.raw());
            content = match choices.octet() % 6 {
                0 => Content::interior(choices.pick(&["", "urn:oma:mo:oma-dm-dmacc:1.0", "urn:x"])),
                1 => content.with_format("int"),
                2 => content.with_format("b64").with_type("a/b"),
                3 => content.with_type("application/vnd.syncml.dmtnds+xml"),
                _ => content,
            };
            acting.add(&uri, &content)
        }
        2 => acting.copy(&uri, &choices.uri()),
        3 => acting.delete(&uri),
        4 => acting.replace(&uri, &Content::new(choices.raw())),
        5 => acting.replace(&format!("{uri}?prop=ACL"), &Content::new(choices.acl().as_bytes())),
        6 => acting.replace(&format!("{uri}?prop=Name"), &Content::new(choices.raw())),
        7 => acting.replace(&format!("{uri}?prop=Title"), &Content::new(choices.raw())),
        8 => acting.get(&uri).map(drop),
        _ => {
            let after = choices.uri();
            let after = NodeUri::parse(&after).ok().filter(|_| after.len().is_multiple_of(2));
            let mut walk = acting.walk(&uri, after.as_ref())?;
            while walk.next()?.is_some() {}
            Ok(())
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let limits = TreeLimits::default()
        .with_uri(UriLimits::default().with_max_depth(6))
        .with_max_nodes(40)
        .with_max_total_len(900);
    let mut tree = Tree::new(limits).with_hash_seed(u64::from(choices.octet()));
    if let Ok(acl) = Acl::parse(&choices.acl())
        && !acl.is_empty()
    {
        tree.set_acl(".", acl).expect("room for an acl");
    }
    tree.insert("./Fold", NodeSpec::interior().ignoring_case()).expect("room for a node");
    tree.insert("./a/b", NodeSpec::leaf(Value::chr("v")).permanent()).expect("room for a node");
    let (begin, mut records) = (tree.snapshot().expect("no atomic is open"), Vec::new());
    tree.set_journaling(true);
    let servers = ["S", "T", "U"].map(|id| ServerId::new(id).expect("an identifier"));
    while !choices.0.is_empty() {
        let server = &servers[usize::from(choices.octet()) % 3];
        if choices.octet().is_multiple_of(8) {
            tree.set_wall_clock(Timestamp::from_unix(i64::from(choices.octet())).expect("a time"));
        }
        let members = choices.octet() % 8;
        let before = tree.snapshot().expect("no atomic is open");
        if members < 4 {
            if act(&mut tree, &mut choices, server).is_err() {
                assert_eq!(tree.snapshot().expect("no atomic is open"), before);
            }
        } else {
            tree.begin_atomic(server).expect("no atomic is open");
            let done = (0..members).all(|_| act(&mut tree, &mut choices, server).is_ok());
            if done && choices.octet() % 4 != 0 {
                tree.commit_atomic(&mut ());
            } else {
                assert_eq!(tree.roll_back_atomic(&mut ()).get(), 216);
                assert_eq!(tree.snapshot().expect("no atomic is open"), before);
            }
        }
        records.extend(tree.take_record());
    }
    for node in tree.root().walk() {
        let uri = node.uri();
        assert!(tree.node_at(&uri).is_some_and(|found| found.name() == node.name()), "{uri}");
        let nearest =
            core::iter::successors(Some(node), |node| node.parent()).find(|node| !node.acl().is_empty());
        assert_eq!(nearest.map(|node| node.acl()), Some(node.effective_acl()), "{uri}");
    }
    let mut restored = Tree::restore(&begin, limits).expect("a snapshot just made");
    for record in &records {
        restored.replay(record).expect("a record just made");
    }
    let now = tree.snapshot().expect("no atomic is open");
    assert_eq!(restored.snapshot().expect("no atomic is open"), now);
}

//! Access control lists: what is read is written in one form, and grants what the text says.

use dm_tree::{Acl, Rights, ServerId};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let acl = match Acl::parse(text) {
        Ok(acl) => acl,
        Err(error) => {
            assert!(error.offset() <= text.len() && error.status().get() == 500);
            return;
        }
    };
    let normal = acl.to_string();
    assert_eq!(acl.text_len(), normal.len());
    assert!(normal.len() <= text.len());
    assert_eq!(Acl::parse(&normal).expect("the normal form can be read"), acl);
    let entries: Vec<(&str, Vec<&str>)> = text
        .split('&')
        .filter_map(|entry| entry.split_once('='))
        .map(|(command, ids)| (command, ids.split('+').collect()))
        .collect();
    let ids = entries.iter().flat_map(|(_, ids)| ids).filter_map(|id| ServerId::new(id).ok());
    for server in ids.chain(ServerId::new("somebody.else")).collect::<Vec<_>>() {
        for (right, name) in Rights::ALL.iter() {
            let says = |(command, ids): &(&str, Vec<&str>)| {
                *command == name && ids.iter().any(|id| *id == "*" || *id == server.as_str())
            };
            assert_eq!(acl.rights_of(&server).contains(right), entries.iter().any(says), "{server} {name}");
        }
        let mut without = acl.clone();
        without.remove(&server);
        assert_eq!(without.rights_of(&server), acl.rights_of_anyone());
        without.grant(&server, acl.rights_of(&server));
        assert_eq!(without, acl);
    }
}

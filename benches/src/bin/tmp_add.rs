//! tmp
use dm_benches::trees::{self, DATA};
use dm_tree::Content;
fn main() {
    let leaves: Vec<[String; 3]> = (0..1000).map(|leaf| trees::names(10, leaf)).collect();
    let uris: Vec<String> = leaves.iter().map(|leaf| trees::uri(leaf).to_string()).collect();
    let server = trees::server();
    let content = Content::new(DATA);
    for _ in 0..200 {
        let mut tree = trees::empty();
        let handlers = &mut ();
        let mut acting = tree.act_for(&server, handlers);
        for some in uris.chunks(64) {
            for uri in some { acting.add(uri, &content).expect("a new leaf"); }
            acting.take_changes();
        }
    }
}

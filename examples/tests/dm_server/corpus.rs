//! The recorded messages of DM_CORPUS, posted as curl would post them.

use std::path::Path;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn recorded_messages_get_sane_answers() {
    let Some(corpus) = std::env::var_os("DM_CORPUS") else { return };
    let world = World::plain("[limits]\nmessages-per-second = 1000.0\nburst = 1000\n");
    let mut counts = std::collections::BTreeMap::new();
    for (folder, media_type) in [
        ("syncml-xml", "application/vnd.syncml.dm+xml"),
        ("syncml-wbxml", "application/vnd.syncml.dm+wbxml"),
        ("malformed", "application/vnd.syncml.dm+xml"),
        ("malformed", "application/vnd.syncml.dm+wbxml"),
    ] {
        for entry in std::fs::read_dir(Path::new(&corpus).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_file() {
                continue;
            }
            let answer = world.post(media_type, std::fs::read(&path).unwrap()).await;
            let status = answer.status.as_u16();
            assert!([200, 400, 413].contains(&status), "{}: {status}", path.display());
            assert!(!answer.body.is_empty(), "{}", path.display());
            *counts.entry((folder, status)).or_insert(0) += 1;
        }
    }
    assert!(counts.get(&("syncml-xml", 200)).copied().unwrap_or(0) > 0, "{counts:?}");
    let healthy = world.api(axum::http::Method::GET, "/healthz", "").await;
    assert_eq!(healthy.status.as_u16(), 200);
}

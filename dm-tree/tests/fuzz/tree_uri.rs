//! Addresses: what is read can be taken apart and put together again.

use dm_tree::{NodeUri, Uri, UriLeniency, UriLimits};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let lenient = Uri::parse_with(text, UriLeniency::FIELD);
    let Ok(uri) = Uri::parse(text) else {
        if let Ok(uri) = lenient {
            assert!(text.starts_with('/') || text.starts_with("./"), "{text}");
            check(uri.node());
        }
        return;
    };
    let lenient = lenient.expect("a leniency takes no less");
    assert_eq!((lenient.node(), lenient.query()), (uri.node(), uri.query()));
    let _ = uri.query().and_then(|query| query.property());
    let _ = uri.query().and_then(|query| query.list());
    check(uri.node());
    assert!(uri.check(&UriLimits::UNLIMITED).is_ok());
    let limits = UriLimits::default();
    let depth = uri.node().segments().count();
    let longest = uri.node().segments().map(|segment| segment.as_str().len()).max().unwrap_or(0);
    let fits = depth <= limits.max_depth.into()
        && longest <= limits.max_seg_len.into()
        && text.len() <= limits.max_tot_len.into();
    assert_eq!(uri.check(&limits).is_ok(), fits, "{text}");
}

fn check(node: &NodeUri<'_>) {
    let rebuilt =
        node.segments().fold(NodeUri::ROOT, |uri, segment| uri.child(&segment.name()).expect("a name"));
    assert_eq!(*node, rebuilt);
    assert_eq!(*node, NodeUri::parse(rebuilt.as_str()).expect("what was put together can be read"));
    if let Some(parent) = node.parent() {
        assert_eq!(parent.segments().count() + 1, node.segments().count());
        assert_eq!(*node, parent.child(&node.last().expect("a last segment").name()).expect("a name"));
    }
}

//! A document as JSON.

use base64ct::{Base64, Encoding as _};
use dm_tree::mgmt_tree::{CaseSense, DfProperties, MgmtTree, Node, NodeType, NodeValue, RtProperties, Scope};
use serde_json::{Map, Value, json};

use crate::dmtool::secrets::{HIDDEN, is_secret};

/// `man`, `mod`, `ver_dtd` and `nodes`, each of which has its children in `nodes`. What a document does not say is
/// left out.
pub(super) fn outline(tree: &MgmtTree) -> Value {
    let mut open: Vec<Map<String, Value>> = vec![Map::new()];
    for node in tree.nodes() {
        while open.len() > node.depth() + 1 {
            close(&mut open);
        }
        open.push(of_node(node));
    }
    while open.len() > 1 {
        close(&mut open);
    }
    let mut root = open.pop().unwrap_or_default();
    root.insert("ver_dtd".into(), tree.ver_dtd().into());
    text(&mut root, "man", tree.man());
    text(&mut root, "mod", tree.model());
    root.into()
}

/// The innermost node is complete.
fn close(open: &mut Vec<Map<String, Value>>) {
    let Some(node) = open.pop() else { return };
    let Some(parent) = open.last_mut() else { return };
    let nodes = parent.entry("nodes").or_insert_with(|| json!([]));
    if let Value::Array(nodes) = nodes {
        nodes.push(node.into());
    }
}

fn text(object: &mut Map<String, Value>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(name.into(), text.into());
    }
}

fn of_node(node: &Node) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("name".into(), node.name.as_str().into());
    text(&mut object, "path", node.path.as_deref());
    if let Some(rt) = &node.rt {
        properties(&mut object, rt);
    }
    if let Some(df) = &node.df {
        object.insert("description".into(), description(df, is_secret(&node.name)));
    }
    if let Some(value) = &node.value {
        let value = if is_secret(&node.name) { json!({ "text": HIDDEN }) } else { of_value(value) };
        object.insert("value".into(), value);
    }
    object
}

fn of_value(value: &NodeValue) -> Value {
    match value.as_text() {
        Some(text) => json!({ "text": text }),
        None => json!({ "base64": Base64::encode_string(value.octets()) }),
    }
}

fn properties(object: &mut Map<String, Value>, rt: &RtProperties) {
    text(object, "acl", rt.acl.as_ref().map(ToString::to_string).as_deref());
    text(object, "format", rt.format.map(|format| format.name()));
    if let Some(size) = rt.size {
        object.insert("size".into(), size.into());
    }
    text(object, "title", rt.title.as_deref());
    text(object, "t_stamp", rt.t_stamp.as_deref());
    if let Some(node_type) = &rt.node_type {
        object.insert("type".into(), types(node_type));
    }
    if let Some(ver_no) = rt.ver_no {
        object.insert("ver_no".into(), ver_no.into());
    }
}

fn description(df: &DfProperties, hides_default: bool) -> Value {
    let mut object = Map::new();
    if let Some(access) = df.access {
        object.insert("access".into(), access.iter().map(|(_, name)| name).collect());
    }
    text(&mut object, "format", df.format.map(|format| format.name()));
    if let Some(occurrence) = df.occurrence {
        object.insert("occurrence".into(), occurrence.to_string().into());
    }
    text(
        &mut object,
        "scope",
        df.scope.map(|scope| if scope == Scope::Permanent { "Permanent" } else { "Dynamic" }),
    );
    if let Some(node_type) = &df.node_type {
        object.insert("type".into(), types(node_type));
    }
    text(
        &mut object,
        "case_sense",
        df.case_sense.map(|case| if case == CaseSense::Sensitive { "CS" } else { "CIS" }),
    );
    text(
        &mut object,
        "default",
        df.default_value.as_deref().map(|text| if hides_default { HIDDEN } else { text }),
    );
    text(&mut object, "title", df.title.as_deref());
    text(&mut object, "description", df.description.as_deref());
    object.into()
}

fn types(node_type: &NodeType) -> Value {
    match node_type {
        NodeType::Mime(types) => json!({ "mime": types }),
        other => json!({ "ddf_name": other.ddf_name() }),
    }
}

//! A document as a drawing: a line for each node.

use std::io::{self, Write};

use dm_tree::mgmt_tree::{DfProperties, MgmtTree, Node, NodeType, RtProperties, Scope};

use crate::dmtool::secrets::{HIDDEN, is_secret};

/// Characters of a value that are shown.
const VALUE: usize = 120;

/// Writes the nodes, each below its parent.
pub(super) fn draw(tree: &MgmtTree, out: &mut dyn Write) -> io::Result<()> {
    let nodes = tree.nodes();
    let last = last_of_parent(nodes);
    // Whether the branch of each level goes on below.
    let mut goes_on: Vec<bool> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        goes_on.truncate(node.depth());
        let mut line = String::new();
        for (level, more) in goes_on.iter().enumerate() {
            if level > 0 {
                line.push_str(if *more { "│  " } else { "   " });
            }
        }
        if node.depth() > 0 {
            line.push_str(if last[at] { "└─ " } else { "├─ " });
        }
        goes_on.push(!last[at]);
        writeln!(out, "{line}{}", said(node))?;
    }
    Ok(())
}

/// For each node whether no other child of its parent follows.
fn last_of_parent(nodes: &[Node]) -> Vec<bool> {
    let mut last = vec![true; nodes.len()];
    let mut latest: Vec<Option<usize>> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        latest.truncate(node.depth() + 1);
        latest.resize(node.depth() + 1, None);
        if let Some(before) = latest[node.depth()] {
            last[before] = false;
        }
        latest[node.depth()] = Some(at);
    }
    last
}

fn said(node: &Node) -> String {
    let mut line = match &node.path {
        Some(path) if !path.is_empty() => format!("{path}/"),
        _ => String::new(),
    };
    line.push_str(if node.name.is_empty() { "*" } else { &node.name });
    if let Some(rt) = &node.rt {
        properties(rt, &mut line);
    }
    if let Some(df) = &node.df {
        description(df, is_secret(&node.name), &mut line);
    }
    if let Some(value) = &node.value {
        line.push_str(" = ");
        line.push_str(&if is_secret(&node.name) { HIDDEN.into() } else { excerpt(value.octets()) });
    }
    line
}

fn properties(rt: &RtProperties, line: &mut String) {
    if let Some(format) = rt.format {
        line.push(' ');
        line.push_str(format.name());
    }
    types(rt.node_type.as_ref(), line);
    if let Some(acl) = rt.acl.as_ref().filter(|acl| !acl.is_empty()) {
        line.push_str(&format!(" [{acl}]"));
    }
    if let Some(title) = &rt.title {
        line.push_str(&format!(" {}", excerpt(title.as_bytes())));
    }
}

fn description(df: &DfProperties, hides_default: bool, line: &mut String) {
    if let Some(format) = df.format {
        line.push(' ');
        line.push_str(format.name());
    }
    types(df.node_type.as_ref(), line);
    if let Some(access) = df.access {
        let names: Vec<_> = access.iter().map(|(_, name)| name).collect();
        line.push_str(&format!(" ({})", names.join(" ")));
    }
    line.push_str(&format!(" {}", df.occurrence.unwrap_or_default()));
    if df.scope == Some(Scope::Permanent) {
        line.push_str(" permanent");
    }
    if let Some(default) = &df.default_value {
        let shown = if hides_default { HIDDEN.into() } else { excerpt(default.as_bytes()) };
        line.push_str(&format!(" default {shown}"));
    }
}

/// Types that are not the usual ones.
fn types(node_type: Option<&NodeType>, line: &mut String) {
    match node_type {
        Some(NodeType::Mime(types)) if types.as_slice() != ["text/plain"] => {
            line.push_str(&format!(" {}", types.join(", ")));
        }
        Some(NodeType::DdfName(name)) if !name.is_empty() => line.push_str(&format!(" {name}")),
        _ => {}
    }
}

fn excerpt(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => match text.char_indices().nth(VALUE) {
            Some((end, _)) => format!("\"{}...\" ({} octets)", text[..end].escape_debug(), text.len()),
            None => format!("\"{}\"", text.escape_debug()),
        },
        Err(_) => {
            let hex: String = octets.iter().take(VALUE / 2).map(|octet| format!("{octet:02x}")).collect();
            let dots = if octets.len() > VALUE / 2 { "..." } else { "" };
            format!("{hex}{dots} ({} octets)", octets.len())
        }
    }
}

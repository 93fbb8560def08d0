//! Which names a step mentions, and the order that follows from it.
//!
//! Types flow along mentions, so steps are checked in this order. What a step really reads is known only after it is
//! checked; mentions may be more than that, never less.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use petgraph::{
    Direction,
    algo::kosaraju_scc,
    graph::{DiGraph, EdgeReference, NodeIndex},
    visit::EdgeRef,
};

use crate::document::{Node, Tree};

/// The names that a step's expressions begin with.
pub(super) fn mentioned<'a>(tree: &'a Tree, found: &mut BTreeSet<&'a str>) {
    match &tree.node {
        Node::Text(text) => {
            let mut rest = text.as_str();
            while let Some(at) = rest.find("${") {
                rest = scan(&rest[at + 2..], true, found);
            }
        }
        Node::List(items) => items.iter().for_each(|item| mentioned(item, found)),
        Node::Map(entries) => {
            for (key, value) in entries {
                match (&*key.text, value.as_text()) {
                    ("when" | "until", Some(text)) => {
                        scan(text, false, found);
                    }
                    ("about", _) => {}
                    _ => mentioned(value, found),
                }
            }
        }
        Node::Null | Node::Bool(_) | Node::Whole(_) | Node::Decimal(_) => {}
    }
}

/// The names that an expression begins with, where there is no `${…}` around it.
pub(super) fn in_rule(text: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    scan(text, false, &mut found);
    found
}

/// Collects the names of one expression, up to its closing brace if it has one; returns what follows.
fn scan<'a>(text: &'a str, braced: bool, found: &mut BTreeSet<&'a str>) -> &'a str {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let (mut at, mut depth) = (0, 0usize);
    while at < bytes.len() {
        let byte = bytes[at];
        match byte {
            b'\'' | b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != byte {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' => (at, depth) = (at + 1, depth + 1),
            b'}' if braced && depth == 0 => return text.get(at + 1..).unwrap_or(""),
            b'}' => (at, depth) = (at + 1, depth.saturating_sub(1)),
            _ if byte.is_ascii_alphabetic() || byte == b'_' => {
                let from = at;
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                if !text[..from].trim_end().ends_with('.') {
                    found.insert(&text[from..at]);
                }
            }
            _ => at += 1,
        }
    }
    ""
}

/// An order of the items in which each comes after those it depends on and stays, but for that, where it was written; and
/// the cycles that stand in the way. Items of a cycle do not wait for one another.
pub(super) fn order(count: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> (Vec<usize>, Vec<Vec<usize>>) {
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(count, count);
    let nodes: Vec<NodeIndex> = (0..count).map(|_| graph.add_node(())).collect();
    for (item, depends_on) in edges {
        graph.add_edge(nodes[item], nodes[depends_on], ());
    }
    let mut cycles = Vec::new();
    let mut component_of = vec![0; count];
    // Kosaraju's way needs no stack of calls, which a long chain of steps would exhaust.
    for (at, component) in kosaraju_scc(&graph).into_iter().enumerate() {
        component.iter().for_each(|node| component_of[node.index()] = at);
        if component.len() > 1 || graph.contains_edge(component[0], component[0]) {
            cycles.push(shortest_cycle(&graph, component[0], &component));
        }
    }
    // Of all that could come next, what the author wrote first does.
    let is_before =
        |edge: &EdgeReference<'_, ()>| component_of[edge.source().index()] != component_of[edge.target().index()];
    let mut unmet: Vec<usize> = nodes.iter().map(|node| graph.edges(*node).filter(is_before).count()).collect();
    let mut ready: BinaryHeap<Reverse<usize>> = (0..count).filter(|item| unmet[*item] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(item)) = ready.pop() {
        order.push(item);
        for edge in graph.edges_directed(nodes[item], Direction::Incoming).filter(is_before) {
            let after = edge.source().index();
            unmet[after] -= 1;
            if unmet[after] == 0 {
                ready.push(Reverse(after));
            }
        }
    }
    cycles.sort();
    (order, cycles)
}

/// The names of one shortest way from an item back to itself, within its component.
fn shortest_cycle(graph: &DiGraph<(), ()>, from: NodeIndex, component: &[NodeIndex]) -> Vec<usize> {
    let inside: BTreeSet<NodeIndex> = component.iter().copied().collect();
    let start = component.iter().copied().min().unwrap_or(from);
    let mut before: std::collections::BTreeMap<NodeIndex, NodeIndex> = std::collections::BTreeMap::new();
    let mut waiting = std::collections::VecDeque::from([start]);
    while let Some(node) = waiting.pop_front() {
        for next in graph.neighbors(node).filter(|next| inside.contains(next)) {
            if next == start {
                let mut path = vec![node.index()];
                let mut at = node;
                while at != start {
                    at = before[&at];
                    path.push(at.index());
                }
                path.reverse();
                return path;
            }
            if !before.contains_key(&next) && next != start {
                before.insert(next, node);
                waiting.push_back(next);
            }
        }
    }
    vec![start.index()]
}

/// The names of a circle and the first of them again; of a long one its beginning and its end.
pub(super) fn circle(names: &[&str]) -> String {
    let again = names.first().copied().into_iter();
    match names {
        [first @ .., last] if names.len() > CIRCLE_SHOWN => {
            let shown = &first[..CIRCLE_SHOWN - 1];
            let more = names.len() - CIRCLE_SHOWN;
            let ends = ["…".to_owned(), format!("{more} more"), "…".to_owned(), (*last).to_owned()].join(" ");
            format!("{} → {ends} → {}", shown.join(" → "), names[0])
        }
        _ => names.iter().copied().chain(again).collect::<Vec<_>>().join(" → "),
    }
}

/// Steps of a circle that are named and pointed at.
pub(super) const CIRCLE_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_expressions_begin_with_them() {
        let mut found = BTreeSet::new();
        let mut rest = "a ${draw.matches.map(m, {'x': 'rounds}'}[m.id])} b ${size(field) + other}";
        while let Some(at) = rest.find("${") {
            rest = scan(&rest[at + 2..], true, &mut found);
        }
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["draw", "field", "m", "other", "size"]);
    }

    #[test]
    fn the_order_follows_the_edges_and_cycles_are_named() {
        assert_eq!(order(3, [(0, 1), (1, 2)]), (vec![2, 1, 0], vec![]));
        // What does not depend on the order stays as it was written.
        assert_eq!(order(4, [(1, 0), (2, 0), (3, 2)]), (vec![0, 1, 2, 3], vec![]));
        let (order, cycles) = order(4, [(0, 1), (1, 2), (2, 0), (3, 3)]);
        assert_eq!(order.len(), 4);
        assert_eq!(cycles, [vec![0, 1, 2], vec![3]]);
    }
}

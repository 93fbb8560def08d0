//! The files that another one is laid over or put above: each held against what its kind requires.
//!
//! The check of the whole calls it. Much of what such a file says is in the whole and is told of there; what the whole does
//! not show, such as the version of a part or what a variant says otherwise, is told here.

use std::collections::HashSet;

use crate::{
    base::{Mistake, Place},
    document::{
        Alone, Kind, Node, Tree, shape,
        types::{part_schema, read_format, variant_schema, workflow_schema},
    },
};

/// Adds what is wrong with the files and was not told of the whole.
pub(super) fn tell(files: &[Alone], mistakes: &mut Vec<Mistake>) {
    // The same key may be underlined at more or less length.
    let spot = |place: Place| (place.source, place.start);
    let mut told: HashSet<_> = mistakes.iter().map(|it| (it.code, spot(it.place))).collect();
    for file in files {
        let mut found = Vec::new();
        match file.kind {
            Kind::Part => shape::check(&file.tree, part_schema(), &read_format, &mut found),
            Kind::Workflow => shape::check(&file.tree, workflow_schema(), &read_format, &mut found),
            Kind::Variant => {
                let mut tree = file.tree.clone();
                leave_out_removals(&mut tree);
                shape::check(&tree, variant_schema(), &read_format, &mut found);
            }
        }
        mistakes.extend(found.into_iter().filter(|it| told.insert((it.code, spot(it.place)))));
    }
}

/// A key without a value takes away what the base says, and says nothing itself.
fn leave_out_removals(tree: &mut Tree) {
    if let Node::Map(entries) = &mut tree.node {
        entries.retain(|(_, value)| !value.is_null());
        entries.iter_mut().for_each(|(_, value)| leave_out_removals(value));
    }
}

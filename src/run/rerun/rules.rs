//! Which rules a node's own expressions read, for whoever asks why it comes out differently.
//!
//! `outlook` asks. What a template takes is followed to where it is given; what other steps gave is not, for those steps
//! are told of themselves.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    plan::{NodeIx, Plan},
    workflow::{Does, Given, Step},
};

/// Those of the changed rules that the node reads; each is a path as in `boss.margin.start`.
pub(super) fn behind<'c>(plan: &Plan, node: NodeIx, changed: &'c [String]) -> Vec<&'c str> {
    if changed.is_empty() {
        return Vec::new();
    }
    let mut reads = Reads { plan, rules: BTreeSet::new() };
    let step = plan.step(node);
    step.reads(&mut |path| reads.follow(node, path));
    if step.calls("gpus")
        && let Some(table) = &plan.workflow().gpus
    {
        table.reads(&mut |path| reads.follow(node, path));
    }
    let meets = |changed: &&str| reads.rules.iter().any(|read| is_part(read, changed) || is_part(changed, read));
    changed.iter().map(String::as_str).filter(meets).collect()
}

/// Whether a path is another one or lies below it.
fn is_part(path: &str, of: &str) -> bool {
    of.is_empty() || path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

struct Reads<'p> {
    plan: &'p Plan,
    rules: BTreeSet<String>,
}

impl Reads<'_> {
    /// Takes in what a path that is read at a node comes from.
    fn follow(&mut self, node: NodeIx, path: &[Arc<str>]) {
        let Some((root, rest)) = path.split_first() else { return };
        if &**root == "rules" {
            self.rules.insert(rest.join("."));
            return;
        }
        let mut at = self.plan.node(node).frame;
        loop {
            let frame = self.plan.frame(at);
            let Some(open) = frame.under else { return };
            if frame.takes.get(root).is_some() {
                return given(self.plan.step(open), root, &mut |given| {
                    given.reads(&mut |path| self.follow(open, path));
                });
            }
            if !self.plan.workflow().body(frame.body).sees_around {
                return;
            }
            at = self.plan.node(open).frame;
        }
    }
}

/// What a composite step gives to what lies behind it under a name.
fn given(step: &Step, name: &str, see: &mut dyn FnMut(&Given)) {
    let named = |all: &[(crate::base::Name, Given)], see: &mut dyn FnMut(&Given)| {
        all.iter().filter(|(it, _)| it.as_str() == name).for_each(|(_, given)| see(given));
    };
    match &step.does {
        Does::Action { .. } => {}
        Does::Use { with, .. } => named(with, see),
        Does::Each(each) => see(&each.list),
        Does::Repeat(repeat) => {
            named(&repeat.with, see);
            named(&repeat.carry, see);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_part_of_what_it_lies_in() {
        for (path, of, expected) in [
            ("boss", "boss", true),
            ("boss.margin", "boss", true),
            ("boss[0]", "boss", true),
            ("bosses", "boss", false),
            ("boss", "boss.margin", false),
            ("boss", "", true),
        ] {
            assert_eq!(is_part(path, of), expected, "{path} of {of}");
        }
    }
}

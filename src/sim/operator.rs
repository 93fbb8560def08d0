//! An operator who decides about held steps at once, and always the same way about the same step.

use crate::{
    base::Seed,
    plan::{NodeIx, sample},
    run::{Command, Input, Ruling, Run},
    workflow::Does,
};

/// What is decided about all that is held.
pub(super) fn rulings(run: &Run, seed: Seed) -> Vec<Input> {
    let rule = |node: &NodeIx| {
        let id = run.plan.id(*node);
        let ruling = ruling(run, *node, &id, seed);
        let command = Command::Rule { node: id.into(), ruling };
        Input::Command { who: "operator".into(), why: "a decision by the seed".into(), command }
    };
    run.held.iter().map(rule).collect()
}

fn ruling(run: &Run, node: NodeIx, id: &str, seed: Seed) -> Ruling {
    let mut stream = seed.stream(&format!("{id}/ruling"));
    let tries = run.tries.get(&node).map_or(0, |tries| tries.attempts - tries.lost);
    let step = run.plan.step(node);
    let is_work = matches!(&step.does, Does::Action { action, .. } if !action.is_pure());
    match stream.below(4) {
        // A step that goes on failing is not retried for ever, and a decision comes out as it did before.
        0 | 1 if tries < 3 && is_work => Ruling::Retry,
        2 if !step.is_composite() => Ruling::Replace(sample::sample(&step.ty, seed, id).to_json()),
        3 => Ruling::Accept,
        _ => Ruling::Void,
    }
}

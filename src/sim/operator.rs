//! An operator who decides about held steps at once, and always the same way about the same step.

use crate::{
    base::Seed,
    plan::{NodeIx, sample},
    run::{Command, Input, Ruling, Run, Status, World},
};

/// What is decided about all that is held, as far as it can be decided now.
pub(super) fn rulings(world: &World, seed: Seed) -> Vec<Input> {
    let run = &world.run;
    let commands = run.held.iter().map(|node| {
        let id = run.plan.id(*node);
        let ruling = ruling(run, *node, &id, seed);
        Command::Rule { node: id.into(), ruling }
    });
    let possible = commands.filter(|command| world.refusal(command).is_none());
    let input = |command| Input::Command { who: "operator".into(), why: "a decision by the seed".into(), command };
    possible.map(input).collect()
}

fn ruling(run: &Run, node: NodeIx, id: &str, seed: Seed) -> Ruling {
    let mut stream = seed.stream(&format!("{id}/ruling"));
    let step = run.plan.step(node);
    match stream.below(4) {
        // A step that goes on failing is not retried for ever, and a decision comes out as it did before.
        0 | 1 if may_get_better(run, node) => Ruling::Retry,
        2 if !step.is_composite() => Ruling::Replace(sample::sample(&step.ty, seed, id).to_json()),
        3 => Ruling::Accept,
        _ => Ruling::Void,
    }
}

/// Whether work of a step has failed, and not too often yet.
fn may_get_better(run: &Run, step: NodeIx) -> bool {
    let tries = |node: NodeIx| run.tries.get(&node).map_or(0, |tries| tries.attempts - tries.lost);
    let mut failed = run.plan.nodes().filter(|node| {
        (*node == step || run.status(*node) == Status::Failed && run.is_behind(*node, step)) && run.is_work(*node)
    });
    failed.any(|node| tries(node) < 3)
}

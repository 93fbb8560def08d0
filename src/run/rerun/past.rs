//! What is recorded of the work of a run that is done again, taken from its events one by one.

use super::{Past, Reusable};
use crate::{
    base::Span,
    plan::NodeIx,
    run::{
        event::{Basis, Event, Kept, NodeId, Ruling},
        failure::{Blame, Failure},
        record::{Record, RunId},
        state::{Run, Status},
    },
    workflow::Does,
};

/// Takes from an event what it tells of a node's work. `old` is the run before the event.
pub(super) fn note(of: &mut Reusable, run: RunId, old: &Run, record: &Record, event: &Event) {
    let past = &mut of.past;
    match event {
        Event::AttemptStarted { node, input, time_limit, request, .. } => {
            let Some(found) = old.find(node) else { return };
            let Does::Action { action, gives, .. } = &old.plan.step(found).does else { return };
            let request = match past.get(node) {
                // Later attempts may have asked for more.
                Some(past) => past.basis.request.clone(),
                None => request.clone(),
            };
            let time_limit = *time_limit;
            let basis = Basis { input: input.clone(), request, time_limit, took: Span::ZERO, cut_short: false };
            let begun = Past {
                ordered: record.at,
                from_run: run,
                from_seq: record.seq,
                action: action.name,
                gives: gives.clone(),
                basis,
                result: None,
                failure: None,
            };
            past.insert(node.clone(), begun);
        }
        Event::AttemptSucceeded { node, output, cut_short, .. } => {
            let Some(found) = past.get_mut(node) else { return };
            let started = old.find(node).and_then(|node| old.attempts.get(&node)).map_or(record.at, |it| it.started);
            // Where that it had begun and that it was over came at once it took at most as long as since it was ordered.
            let started = if started == record.at { found.ordered } else { started };
            let took = u64::try_from(record.at.duration_since(started).as_millis()).unwrap_or(0);
            found.basis.took = Span::from_millis(took).unwrap_or(Span::MAX);
            found.basis.cut_short = *cut_short;
            found.from_seq = record.seq;
            found.result = Some(Kept::Output(output.clone()));
        }
        Event::AttemptFailed { node, failure, .. } => {
            if let Some(found) = past.get_mut(node) {
                found.failure = Some(failure.clone());
            }
        }
        // What the world did to an entrant is never held against them, so only their own failures stand.
        Event::Settled { node, failure } if failure.blame == Blame::Entrant => {
            for id in failed(old, node, failure) {
                if let Some(found) = past.get_mut(&id) {
                    found.from_seq = record.seq;
                    found.result = Some(Kept::Failure(failure.clone()));
                }
            }
        }
        Event::Decided { node, input, .. } => {
            of.decided.insert(node.clone(), input.clone());
        }
        Event::Ruled { node, ruling: Ruling::Replace(output), .. } => {
            if let Some(found) = past.get_mut(node) {
                found.from_seq = record.seq;
                found.result = Some(Kept::Output(output.clone()));
            }
        }
        Event::Reused { node, from_run, from_seq, basis, result } => {
            let Some(found) = old.find(node) else { return };
            let Does::Action { action, gives, .. } = &old.plan.step(found).does else { return };
            let kept = Past {
                ordered: record.at,
                from_run: *from_run,
                from_seq: *from_seq,
                action: action.name,
                gives: gives.clone(),
                basis: basis.clone(),
                result: Some(result.clone()),
                failure: None,
            };
            past.insert(node.clone(), kept);
        }
        _ => {}
    }
}

/// The work whose failure is made a result: the node's own, or what failed behind it.
fn failed(old: &Run, node: &NodeId, failure: &Failure) -> Vec<NodeId> {
    let Some(found) = old.find(node) else { return Vec::new() };
    let is_so = |node: &NodeIx| old.tries.get(node).and_then(|tries| tries.failure.as_ref()) == Some(failure);
    let mut work = Vec::new();
    let mut waiting = vec![found];
    while let Some(node) = waiting.pop() {
        if old.plan.step(node).does.is_work() {
            work.push(old.plan.id(node).into());
        }
        let behind = old.plan.behind(node).iter().flat_map(|frame| old.plan.nodes_of(*frame));
        waiting.extend(behind.filter(|inner| old.status(*inner) == Status::Failed && is_so(inner)));
    }
    work
}

//! How a run that does another again would begin, told before it does: for `plan --against`.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use petgraph::Direction;

use super::{FIELDS_MAX, Fresh, Kept, Reusable, different, rules};
use crate::{
    base::{GpuRequest, Span},
    plan::{self, NodeIx, Part, Plan},
    run::{
        event::NodeId,
        state::{Run, Status},
        world::{Beginning, World},
    },
    workflow::{Does, Workflow},
};

/// One node's work in a run that does another again, or a decision that comes of something else now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    pub node: NodeId,
    /// The names of the steps down to it, without keys and numbers.
    pub step: String,
    /// It is decided here, and no work is done for it.
    pub decision: bool,
    /// None where its result is kept.
    pub fresh: Option<Fresh>,
    /// The changed rules that it reads, where it is done again for a reason of its own.
    pub because: Vec<String>,
}

/// How a run that does another again would begin, as far as it is known before any work is done.
pub struct Outlook {
    pub nodes: Vec<Foreseen>,
    /// Work of the earlier run that the new one no longer has.
    pub gone: Vec<NodeId>,
    /// The rules that are not as they were.
    pub rules: Vec<String>,
    /// The state in which the new run waits for its first work.
    pub world: World,
}

/// Begins the run without a fleet and tells what becomes of every node's work.
pub fn foresee(now: Timestamp, workflow: Arc<Workflow>, beginning: &Beginning, reusable: &Reusable) -> Outlook {
    let (mut world, _) = World::begin_from(now, workflow, beginning, reusable.clone());
    world.handle(now, []);
    let plan = &world.run.plan;
    let changed = different(&reusable.rules.to_json(), &plan.workflow().rules.to_json(), RULES_MAX);
    let mut nodes = Vec::new();
    let mut gone = Vec::new();
    let mut told: HashSet<NodeId> = HashSet::new();
    for node in plan.nodes().filter(|node| plan.node(*node).part == Part::Task) {
        let id: NodeId = plan.id(node).into();
        let decision = !plan.step(node).does.is_work();
        let fresh = if decision {
            decided_again(&world, node, &id, reusable).map(Err)
        } else {
            told.insert(id.clone());
            done_again(&world, node, &id, reusable, &mut gone)
        };
        let Some(fresh) = fresh.map(Result::err) else { continue };
        let because = match &fresh {
            Some(Fresh::Input { .. } | Fresh::Gpus { .. } | Fresh::TimeLimit { .. }) => {
                rules::behind(plan, node, &changed).into_iter().map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        nodes.push(Foreseen { step: steps(plan, node), node: id, decision, fresh, because });
    }
    for id in reusable.past.keys().filter(|id| !told.contains(*id)) {
        match nearest(&world.run, id) {
            Some(open) => {
                let of = before(&world.run, open);
                nodes.push(Foreseen {
                    node: id.clone(),
                    step: without_keys(id),
                    decision: false,
                    fresh: Some(Fresh::Downstream { of }),
                    because: Vec::new(),
                });
            }
            None => gone.push(id.clone()),
        }
    }
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    gone.sort();
    gone.dedup();
    Outlook { nodes, gone, rules: changed, world }
}

/// Rules that are told apart: more than any workflow has.
const RULES_MAX: usize = 10_000;

/// Whether a node's work is kept, or why it is done again; nothing where neither is known.
fn done_again(
    world: &World,
    node: NodeIx,
    id: &NodeId,
    reusable: &Reusable,
    gone: &mut Vec<NodeId>,
) -> Option<Result<(), Fresh>> {
    match world.run.status(node) {
        Status::Done => Some(Ok(())),
        // Nothing has been tried here, so that it is a failure that was kept.
        Status::Failed => {
            let kept = reusable.past.get(id).and_then(|past| past.result.as_ref());
            matches!(kept, Some(Kept::Failure(_))).then_some(Ok(()))
        }
        Status::Waiting if world.run.unmet(node) == 0 => reason(world, node, id, reusable).map(Err),
        Status::Waiting => Some(Err(Fresh::Downstream { of: before(&world.run, node) })),
        Status::Skipped if reusable.past.contains_key(id) => {
            gone.push(id.clone());
            None
        }
        _ => None,
    }
}

/// Why a decision that was made before is made of something else now.
fn decided_again(world: &World, node: NodeIx, id: &NodeId, reusable: &Reusable) -> Option<Fresh> {
    let before = reusable.decided.get(id).filter(|_| world.run.status(node) == Status::Done)?;
    let now = plan::input(&world.run.plan, node, &world.run).ok()?.to_json();
    (*before != now).then(|| Fresh::Input { fields: different(before, &now, FIELDS_MAX) })
}

fn reason(world: &World, node: NodeIx, id: &NodeId, reusable: &Reusable) -> Option<Fresh> {
    let run = &world.run;
    let input = plan::input(&run.plan, node, run).ok()?;
    let request = plan::gpus(&run.plan, node, run).ok()?;
    let limit = plan::time_limit(&run.plan, node, run).ok()?;
    reusable.holds(id, run.plan.step(node), run.settles(node), &input.to_json(), request.as_ref(), limit).err()
}

/// The work that must be done before a node's own needs are known: the nearest that runs again.
fn before(run: &Run, node: NodeIx) -> Vec<NodeId> {
    const SHOWN_MAX: usize = 4;
    let mut seen = HashSet::from([node]);
    let mut waiting = VecDeque::from([node]);
    let mut found: Vec<NodeId> = Vec::new();
    while let Some(at) = waiting.pop_front() {
        for need in run.plan.graph().neighbors_directed(at, Direction::Incoming) {
            if run.status(need) == Status::Done || run.status(need) == Status::Skipped || !seen.insert(need) {
                continue;
            }
            if run.unmet(need) == 0 && run.plan.step(need).does.is_work() {
                found.push(run.plan.id(need).into());
                if found.len() == SHOWN_MAX {
                    found.sort();
                    return found;
                }
            } else {
                waiting.push_back(need);
            }
        }
    }
    found.sort();
    found
}

/// The innermost step around a node of the earlier run that the new one has and has not opened yet.
fn nearest(run: &Run, id: &str) -> Option<NodeIx> {
    let cuts = id.char_indices().rev().filter(|(_, c)| matches!(c, '/' | '[' | '#')).map(|(at, _)| &id[..at]);
    for around in cuts {
        if let Some(open) = run.find(around) {
            let is_shut =
                run.status(open) == Status::Waiting || run.plan.node(open).part == Part::Open && more(run, open);
            return is_shut.then_some(open);
        }
    }
    None
}

/// Whether there may come more behind an open `repeat`.
fn more(run: &Run, open: NodeIx) -> bool {
    matches!(run.plan.step(open).does, Does::Repeat(_)) && run.status(open) == Status::Open && {
        let last = run.plan.behind(open).last().copied();
        run.plan.turn_of(last).is_some_and(|turn| run.status(turn) == Status::Waiting)
    }
}

/// The names of the steps down to a node.
fn steps(plan: &Plan, node: NodeIx) -> String {
    without_keys(&plan.id(node))
}

/// An id without its keys and numbers: `rounds/match/train`.
pub fn without_keys(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    let mut skipping = None;
    for c in id.chars() {
        match (skipping, c) {
            (None, '[') => skipping = Some(']'),
            (None, '#') => skipping = Some('/'),
            (None, c) => text.push(c),
            (Some(']'), ']') => skipping = None,
            (Some('/'), '/') => {
                skipping = None;
                text.push('/');
            }
            (Some(_), _) => {}
        }
    }
    text
}

impl Fresh {
    /// The reason in a few words, which is the same for nodes that run again for the same reason.
    pub fn words(&self) -> String {
        let asked = |gpus: &Option<GpuRequest>| gpus.as_ref().map_or("none".into(), GpuRequest::to_string);
        let limit = |limit: &Option<Span>| limit.as_ref().map_or("none".into(), Span::to_string);
        match self {
            Self::Forced => "asked for".into(),
            Self::New => "new".into(),
            Self::Unfinished => "was not done".into(),
            Self::Failed { blame, .. } => format!("had failed (blame: {})", blame.word()),
            Self::Definition { what } => format!("definition changed: {what}"),
            // Of values that differ as a whole, as lists of other lengths do, there is no path to name.
            Self::Input { fields } if fields.iter().all(String::is_empty) => "input changed".into(),
            Self::Input { fields } => format!("input changed: {}", fields.join(", ")),
            Self::Gpus { before, now } => format!("GPUs changed: {} before, {} now", asked(before), asked(now)),
            Self::TimeLimit { before, now } => {
                format!("time limit changed: {} before, {} now", limit(before), limit(now))
            }
            Self::Downstream { .. } => "after what runs again".into(),
        }
    }
}

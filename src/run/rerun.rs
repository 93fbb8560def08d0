//! A run that does an earlier one again: what of the earlier one still holds, and why the rest does not.
//!
//! The new run replays its plan from the top. Wherever work is ready, [`Reusable`] is asked whether the same work, by the
//! node's id, action, resolved input and the settings that matter, has a result already; if so that result is recorded as
//! `reused` and nothing is started. Identity is by key, so fan-outs and templates need no rule of their own, and a node whose
//! inputs come out as before is kept although something before it ran again. The earlier log is never changed.
//!
//! `World` asks while it settles; [`foresee`] asks without a fleet, for `plan --against`. Nothing here reads a store.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use petgraph::{Direction, visit::Dfs};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    event::{Again, Basis, Event, Kept, NodeId, Ruling},
    failure::{Blame, Failure},
    record::{Record, RunId},
    state::{Illegal, Run, Status},
    world::{Beginning, World, is_work, read},
};
use crate::{
    base::{GpuRequest, Span, Ty},
    plan::{self, NodeIx, Part, Plan},
    workflow::{Does, OnFailure, OnTimeLimit, Step, Workflow},
};

/// What a run has done, for one that does it again.
#[derive(Clone, Debug)]
pub struct Reusable {
    again: Again,
    simulated: bool,
    past: HashMap<NodeId, Past>,
    forced: HashSet<NodeId>,
}

/// What is recorded of one node's work.
#[derive(Clone, Debug)]
pub struct Past {
    from_run: RunId,
    from_seq: u64,
    action: &'static str,
    gives: Ty,
    /// Of the first attempt, until there is a result.
    basis: Basis,
    result: Option<Kept>,
    /// Why there is no result that could be kept.
    failure: Option<Failure>,
}

/// Why a node's work is done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Fresh {
    /// The call asked for it.
    Forced,
    /// The earlier run did not come to it.
    New,
    /// It had begun and come to no result.
    Unfinished,
    Failed {
        blame: Blame,
        message: String,
    },
    /// The step does something else, or gives something else.
    Definition {
        what: &'static str,
    },
    /// These fields of what it takes are not as they were.
    Input {
        fields: Vec<String>,
    },
    Gpus {
        before: Option<GpuRequest>,
        now: Option<GpuRequest>,
    },
    TimeLimit {
        before: Option<Span>,
        now: Option<Span>,
    },
    /// What it takes comes from nodes that run again: it is kept if their results turn out as before.
    Downstream {
        of: Vec<NodeId>,
    },
}

impl Reusable {
    /// Reads what a run has done from its records. `node` is done anew whatever there is of it, and everything that
    /// depends on it too where `downstream` says so.
    pub fn of<'r>(
        run: RunId,
        workflow: Arc<Workflow>,
        records: impl IntoIterator<Item = &'r Record>,
        node: Option<&str>,
        downstream: bool,
    ) -> Result<Self, Illegal> {
        let mut records = records.into_iter();
        let none = || Illegal { kind: "record", why: "there are no records".into() };
        let first = records.next().ok_or_else(none)?;
        let mut old = Run::create(workflow, first.at, &read(first)?)?;
        let (name, started) = match &old.again {
            Some(again) => (again.name.clone(), again.started),
            None => (old.name.clone(), old.started),
        };
        let mut past = HashMap::new();
        for record in records {
            let event = read(record)?;
            note(&mut past, run, &old, record, &event);
            old.apply(record.at, &event)?;
        }
        let forced = match node {
            None => HashSet::new(),
            Some(id) => {
                let no_such = || Illegal { kind: "created", why: format!("there is no node `{id}` to do again") };
                let node = old.find(id).ok_or_else(no_such)?;
                forced(&old.plan, node, downstream).into_iter().map(|node| old.plan.id(node).into()).collect()
            }
        };
        let again = Again { run, name, started, node: node.map(Arc::from), downstream };
        Ok(Self { again, simulated: old.simulated, past, forced })
    }

    /// What the new run's first event says of the earlier one.
    pub fn again(&self) -> &Again {
        &self.again
    }
    pub fn simulated(&self) -> bool {
        self.simulated
    }

    /// What there is of the node's work, if it still holds for a step with these settings.
    pub fn holds(
        &self,
        id: &NodeId,
        step: &Step,
        input: &Json,
        request: Option<&GpuRequest>,
        time_limit: Option<Span>,
    ) -> Result<&Past, Fresh> {
        if self.forced.contains(id) {
            return Err(Fresh::Forced);
        }
        let past = self.past.get(id).ok_or(Fresh::New)?;
        let failed = |failure: &Failure| Fresh::Failed { blame: failure.blame, message: failure.message.clone() };
        let Some(result) = &past.result else {
            return Err(past.failure.as_ref().map_or(Fresh::Unfinished, failed));
        };
        match &step.does {
            Does::Action { action, .. } if action.name != past.action => {
                return Err(Fresh::Definition { what: "it does something else" });
            }
            Does::Action { gives, .. } if *gives != past.gives => {
                return Err(Fresh::Definition { what: "it gives something else" });
            }
            _ => {}
        }
        let before = &past.basis;
        if before.input != *input {
            return Err(Fresh::Input { fields: different(&before.input, input) });
        }
        if before.request.as_ref() != request {
            return Err(Fresh::Gpus { before: before.request.clone(), now: request.cloned() });
        }
        let is_output = match result {
            Kept::Output(_) => true,
            Kept::Failure(failure) if step.settings.on_failure != OnFailure::Result => return Err(failed(failure)),
            Kept::Failure(_) => false,
        };
        // A result that came before its time was over would have come under any limit that leaves it this time.
        let same_limit = before.time_limit == time_limit
            && (!before.cut_short || step.settings.on_time_limit == OnTimeLimit::Succeed);
        let in_time = is_output && !before.cut_short && time_limit.is_none_or(|limit| before.took <= limit);
        if !same_limit && !in_time {
            return Err(Fresh::TimeLimit { before: before.time_limit, now: time_limit });
        }
        Ok(past)
    }
}

impl Past {
    /// The event that keeps it for a node.
    pub(super) fn event(&self, node: NodeId) -> Event {
        let result = self.result.clone().expect("only what has a result holds");
        Event::Reused { node, from_run: self.from_run, from_seq: self.from_seq, basis: self.basis.clone(), result }
    }
}

/// Takes from an event what it tells of a node's work. `old` is the run before the event.
fn note(past: &mut HashMap<NodeId, Past>, run: RunId, old: &Run, record: &Record, event: &Event) {
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
        Event::Settled { node, failure } => {
            // What the world did to an entrant is never held against them, so only their own failures stand.
            if let Some(found) = past.get_mut(node).filter(|_| failure.blame == Blame::Entrant) {
                found.from_seq = record.seq;
                found.result = Some(Kept::Failure(failure.clone()));
            }
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

/// The node with all that lies behind it, and on demand all that depends on it.
fn forced(plan: &Plan, node: NodeIx, downstream: bool) -> BTreeSet<NodeIx> {
    let mut forced = BTreeSet::from([node]);
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        for frame in plan.behind(node) {
            for inner in plan.nodes_of(*frame) {
                if forced.insert(inner) {
                    waiting.push(inner);
                }
            }
        }
    }
    if downstream {
        let mut search = Dfs::new(plan.graph(), plan.open_of(node));
        while let Some(after) = search.next(plan.graph()) {
            forced.insert(after);
        }
        // What a composite step around it gives changes with it, and so does what depends on that.
        let mut at = plan.frame(plan.node(node).frame).under;
        while let Some(open) = at {
            let mut search = Dfs::new(plan.graph(), plan.close_of(open));
            while let Some(after) = search.next(plan.graph()) {
                forced.insert(after);
            }
            at = plan.frame(plan.node(open).frame).under;
        }
    }
    forced
}

/// The paths at which two values differ, the outermost that tell them apart.
fn different(before: &Json, now: &Json) -> Vec<String> {
    const SHOWN_MAX: usize = 8;
    fn walk(path: &str, before: &Json, now: &Json, found: &mut Vec<String>) {
        if before == now || found.len() > SHOWN_MAX {
            return;
        }
        let step = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match (before, now) {
            (Json::Object(a), Json::Object(b)) => {
                let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                for name in names {
                    let (a, b) = (a.get(name).unwrap_or(&Json::Null), b.get(name).unwrap_or(&Json::Null));
                    walk(&step(name), a, b, found);
                }
            }
            (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    walk(&format!("{path}[{i}]"), a, b, found);
                }
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    walk("", before, now, &mut found);
    found.truncate(SHOWN_MAX);
    found
}

/// One node's work in a run that does another again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    pub node: NodeId,
    /// The names of the steps down to it, without keys and numbers.
    pub step: String,
    /// None where its result is kept.
    pub fresh: Option<Fresh>,
}

/// How a run that does another again would begin, as far as it is known before any work is done.
pub struct Outlook {
    pub nodes: Vec<Foreseen>,
    /// Work of the earlier run that the new one no longer has.
    pub gone: Vec<NodeId>,
    /// The state in which the new run waits for its first work.
    pub world: World,
}

/// Begins the run without a fleet and tells what becomes of every node's work.
pub fn foresee(now: Timestamp, workflow: Arc<Workflow>, beginning: &Beginning, reusable: &Reusable) -> Outlook {
    let (mut world, _) = World::begin_from(now, workflow, beginning, reusable.clone());
    world.handle(now, []);
    let plan = &world.run.plan;
    let mut nodes = Vec::new();
    let mut told: HashSet<NodeId> = HashSet::new();
    for node in plan.nodes().filter(|node| plan.node(*node).part == Part::Task && is_work(&plan.step(*node).does)) {
        let id: NodeId = plan.id(node).into();
        told.insert(id.clone());
        let fresh = match world.run.status(node) {
            Status::Done => None,
            Status::Waiting if world.run.unmet(node) == 0 => match reason(&world, node, &id, reusable) {
                Some(fresh) => Some(fresh),
                None => continue,
            },
            Status::Waiting => Some(Fresh::Downstream { of: before(&world.run, node) }),
            _ => continue,
        };
        nodes.push(Foreseen { step: steps(plan, node), node: id, fresh });
    }
    let mut gone = Vec::new();
    for id in reusable.past.keys().filter(|id| !told.contains(*id)) {
        match nearest(&world.run, id) {
            Some(open) => {
                let of = before(&world.run, open);
                nodes.push(Foreseen {
                    node: id.clone(),
                    step: without_keys(id),
                    fresh: Some(Fresh::Downstream { of }),
                });
            }
            None => gone.push(id.clone()),
        }
    }
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    gone.sort();
    Outlook { nodes, gone, world }
}

fn reason(world: &World, node: NodeIx, id: &NodeId, reusable: &Reusable) -> Option<Fresh> {
    let run = &world.run;
    let input = plan::input(&run.plan, node, run).ok()?;
    let request = plan::gpus(&run.plan, node, run).ok()?;
    let limit = plan::time_limit(&run.plan, node, run).ok()?;
    reusable.holds(id, run.plan.step(node), &input.to_json(), request.as_ref(), limit).err()
}

/// The work that must be done before a node's own needs are known: the nearest that runs again.
fn before(run: &Run, node: NodeIx) -> Vec<NodeId> {
    const SHOWN_MAX: usize = 4;
    let mut seen = HashSet::from([node]);
    let mut waiting = std::collections::VecDeque::from([node]);
    let mut found: Vec<NodeId> = Vec::new();
    while let Some(at) = waiting.pop_front() {
        for need in run.plan.graph().neighbors_directed(at, Direction::Incoming) {
            if run.status(need) == Status::Done || run.status(need) == Status::Skipped || !seen.insert(need) {
                continue;
            }
            if run.unmet(need) == 0 && is_work(&run.plan.step(need).does) {
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
            Self::Input { fields } => format!("input changed: {}", fields.join(", ")),
            Self::Gpus { before, now } => format!("GPUs changed: {} before, {} now", asked(before), asked(now)),
            Self::TimeLimit { before, now } => {
                format!("time limit changed: {} before, {} now", limit(before), limit(now))
            }
            Self::Downstream { .. } => "after what runs again".into(),
        }
    }
}

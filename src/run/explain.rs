//! Why a node of a run is where it is: typed reasons, read off the state as the engine would use it.
//!
//! `explain`, `show` and the pages ask it of a world that was replayed and looked ahead in. It decides nothing.

use std::sync::Arc;

use jiff::Timestamp;
use petgraph::Direction;
use serde::Serialize;

use super::{
    count::standing,
    event::{NodeId, Outcome},
    failure::{Blame, Cause, Failure},
    place::{self, GpuId, HostId},
    state::{Ending, Run, Status, place_ix},
    world::{World, node_ix},
};
use crate::{
    base::{Span, near},
    plan::{NodeIx, Part},
};

/// Needs and inner nodes that are named; of the others there is a count.
const SHOWN_MAX: usize = 8;

/// One reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    Done,
    Running {
        attempt: u32,
        host: HostId,
        gpus: Vec<GpuId>,
        since: Timestamp,
        time_limit: Option<Span>,
        /// It is being ended.
        ending: bool,
    },
    /// An attempt waits at its host for a slot.
    Ordered {
        attempt: u32,
        host: HostId,
        /// So many begin there before it.
        before: usize,
    },
    /// An attempt was under way when whoever drove the run went.
    LeftRunning {
        attempt: u32,
        host: HostId,
        gpus: Vec<GpuId>,
        since: Timestamp,
    },
    /// Nobody drives the run, so nothing of it goes on.
    Undriven,
    /// What lies behind it is being done.
    Open {
        undone: usize,
        some: Vec<NodeId>,
    },
    /// What it needs is not done.
    Needs {
        undone: usize,
        some: Vec<NodeId>,
    },
    /// No place for it: a limit, or one reason for each host.
    NoPlace {
        reason: String,
    },
    /// Nothing keeps it: it starts with the next turn of whoever drives the run.
    Next,
    /// An attempt has failed, and the next one waits for its moment.
    BackOff {
        until: Timestamp,
        attempts: u32,
        cause: Option<Cause>,
        message: Option<String>,
    },
    Paused,
    /// It waits for an operator's decision.
    Held {
        blame: Blame,
        cause: Cause,
        message: String,
    },
    Failed {
        blame: Blame,
        cause: Cause,
        message: String,
    },
    /// It has failed, and that is what it gives: those that need it go on.
    Settled {
        blame: Blame,
        cause: Cause,
        message: String,
    },
    /// Its condition did not hold, or an operator made it void.
    Skipped {
        when: Option<Arc<str>>,
    },
    /// What it is a part of is over.
    Abandoned {
        /// What failed, was held or skipped around it; none where the whole run was cancelled.
        by: Option<NodeId>,
    },
    /// It is not in the plan yet: it lies behind a step that has not been opened.
    NotYet {
        behind: NodeId,
    },
}

/// Why a node is where it is; nothing if the run knows no such node and never will.
pub fn explain(world: &World, now: Timestamp, id: &str) -> Option<Vec<Why>> {
    match world.run.find(id) {
        Some(node) => Some(of_node(world, now, node)),
        None => {
            let behind = around(&world.run, id)?;
            let not_yet = Why::NotYet { behind: world.run.plan.id(behind).into() };
            Some(std::iter::once(not_yet).chain(paused(&world.run)).collect())
        }
    }
}

/// The reasons of one node.
pub fn of_node(world: &World, now: Timestamp, node: NodeIx) -> Vec<Why> {
    let run = &world.run;
    if let Some(Failure { blame, cause, message }) = run.settled.get(&node) {
        return vec![Why::Settled { blame: *blame, cause: *cause, message: message.clone() }];
    }
    if run.plan.node(node).part == Part::Open && standing(run, node) == Status::Done {
        return vec![Why::Done];
    }
    match run.status(node) {
        Status::Done => vec![Why::Done],
        Status::Running => run.attempts.get(&node).map(running).into_iter().collect(),
        Status::Ordered => run.attempts.get(&node).map(|it| ordered(run, node, it)).into_iter().collect(),
        Status::Open => {
            let (undone, some) = undone(run, run.plan.close_of(node));
            std::iter::once(Why::Open { undone, some }).chain(paused(run)).collect()
        }
        Status::Held => failure(run, node)
            .map(|it| Why::Held { blame: it.blame, cause: it.cause, message: it.message.clone() })
            .into_iter()
            .collect(),
        Status::Failed => failure(run, node)
            .map(|it| Why::Failed { blame: it.blame, cause: it.cause, message: it.message.clone() })
            .into_iter()
            .collect(),
        Status::Skipped => {
            let when = run.plan.step(node).when.as_ref().map(|when| when.text().into());
            vec![Why::Skipped { when }]
        }
        Status::Abandoned => vec![Why::Abandoned { by: abandoned_by(run, node) }],
        Status::Retrying => {
            let mut reasons: Vec<Why> = paused(run).into_iter().collect();
            let tries = run.tries.get(&node);
            let until = tries.and_then(|tries| tries.not_before).filter(|until| *until > now);
            if let (Some(tries), Some(until)) = (tries, until) {
                let failure = tries.failure.as_ref();
                reasons.push(Why::BackOff {
                    until,
                    attempts: tries.attempts,
                    cause: failure.map(|it| it.cause),
                    message: failure.map(|it| it.message.clone()),
                });
                return reasons;
            }
            waiting(world, now, node, reasons)
        }
        Status::Waiting if run.unmet(node) > 0 => {
            let (undone, some) = undone(run, node);
            std::iter::once(Why::Needs { undone, some }).chain(paused(run)).collect()
        }
        Status::Waiting => waiting(world, now, node, paused(run).into_iter().collect()),
    }
}

fn paused(run: &Run) -> Option<Why> {
    (run.paused && run.outcome.is_none()).then_some(Why::Paused)
}

fn ordered(run: &Run, node: NodeIx, attempt: &super::state::Attempt) -> Why {
    let is_there = |it: &NodeIx| run.attempts.get(it).is_some_and(|other| other.host == attempt.host);
    let before = run.ordered().take_while(|it| *it != node).filter(is_there).count();
    Why::Ordered { attempt: attempt.number, host: attempt.host.clone(), before }
}

fn running(attempt: &super::state::Attempt) -> Why {
    Why::Running {
        attempt: attempt.number,
        host: attempt.host.clone(),
        gpus: attempt.gpus.clone(),
        since: attempt.started,
        time_limit: attempt.time_limit,
        ending: matches!(attempt.ending, Some(Ending::Overtime | Ending::Stopped)),
    }
}

fn waiting(world: &World, now: Timestamp, node: NodeIx, mut reasons: Vec<Why>) -> Vec<Why> {
    let run = &world.run;
    let name = |node: place::NodeIx| run.plan.id(node_ix(node));
    let waits = place::explain(now, place_ix(node), &world.queue, &run.fleet, &run.leases, &world.policy);
    reasons.extend(waits.iter().map(|wait| Why::NoPlace { reason: wait.sentence(name) }));
    if reasons.is_empty() {
        reasons.push(Why::Next);
    }
    reasons
}

fn failure(run: &Run, node: NodeIx) -> Option<&Failure> {
    run.tries.get(&node).and_then(|tries| tries.failure.as_ref())
}

/// The same reasons where nobody drives the run.
pub fn left(why: Vec<Why>) -> Vec<Why> {
    let settled = |why: &Why| {
        matches!(why, Why::Done | Why::Failed { .. } | Why::Skipped { .. } | Why::Abandoned { .. } | Why::Held { .. })
    };
    let undriven = (!why.iter().all(settled)).then_some(Why::Undriven);
    let left = why.into_iter().filter(|why| *why != Why::Next).map(|why| match why {
        Why::Running { attempt, host, gpus, since, .. } => Why::LeftRunning { attempt, host, gpus, since },
        other => other,
    });
    left.chain(undriven).collect()
}

/// How many of a node's needs are not done, and the first of them by the ids that a person knows.
fn undone(run: &Run, node: NodeIx) -> (usize, Vec<NodeId>) {
    let is_undone = |need: &NodeIx| !matches!(run.status(*need), Status::Done | Status::Skipped);
    let open = run.plan.open_of(node);
    let needs = run.plan.graph().neighbors_directed(node, Direction::Incoming).filter(is_undone);
    let mut needs: Vec<NodeIx> =
        needs.map(|need| run.plan.open_of(need)).filter(|need| *need != open || node == open).collect();
    // The ends of a repeat's turns are parts of the repeat itself: what they wait for is more to the point.
    if needs.is_empty() && node != open {
        let behind = run.plan.behind(open).iter().flat_map(|frame| run.plan.nodes_of(*frame));
        let undone = behind.filter(|inner| matches!(run.plan.node(*inner).part, Part::Task | Part::Open));
        needs = undone
            .filter(|inner| !matches!(run.status(run.plan.close_of(*inner)), Status::Done | Status::Skipped))
            .collect();
    }
    needs.sort();
    needs.dedup();
    (needs.len(), needs.iter().take(SHOWN_MAX).map(|need| run.plan.id(*need).into()).collect())
}

/// The step around a node whose end left it undone.
fn abandoned_by(run: &Run, node: NodeIx) -> Option<NodeId> {
    let mut frame = run.plan.node(node).frame;
    loop {
        let ended = run.plan.nodes_of(frame).find(|it| run.status(*it) == Status::Failed);
        if let Some(ended) = ended {
            return Some(run.plan.id(deepest(run, ended)).into());
        }
        let open = run.plan.frame(frame).under?;
        let over = matches!(run.status(open), Status::Failed | Status::Held | Status::Skipped)
            || run.status(run.plan.close_of(open)) == Status::Done;
        if over {
            return Some(run.plan.id(deepest(run, open)).into());
        }
        frame = run.plan.node(open).frame;
    }
}

/// Where the failure began that the run has ended with: the innermost failed node behind the step that took the run with
/// it, such as the item of a fan-out.
pub fn failed_at(run: &Run) -> Option<NodeId> {
    let Some(Outcome::Failed { node, .. }) = &run.outcome else { return None };
    Some(run.find(node).map_or_else(|| node.clone(), |node| run.plan.id(deepest(run, node)).into()))
}

/// The innermost failed node behind a step: where its failure began.
fn deepest(run: &Run, node: NodeIx) -> NodeIx {
    let mut at = node;
    loop {
        let behind = run.plan.behind(at).iter().flat_map(|frame| run.plan.nodes_of(*frame));
        match behind.filter(|inner| *inner != at).find(|inner| run.status(*inner) == Status::Failed) {
            Some(inner) => at = inner,
            None => return at,
        }
    }
}

/// The innermost step around an id that the run knows and that may still bring it forth.
fn around(run: &Run, id: &str) -> Option<NodeIx> {
    let cuts = id.char_indices().rev().filter(|(_, c)| matches!(c, '/' | '[' | '#')).map(|(at, _)| &id[..at]);
    let open = cuts.filter(|around| !around.is_empty()).find_map(|around| run.find(around))?;
    let may_come = match run.status(open) {
        Status::Waiting => run.plan.step(open).is_composite(),
        Status::Open => run.status(run.plan.close_of(open)) == Status::Waiting,
        _ => false,
    };
    may_come.then_some(open)
}

/// The nearest id to one that there is not.
pub fn nearest(run: &Run, id: &str) -> Option<String> {
    const LOOKED_AT_MAX: usize = 20_000;
    let ids: Vec<String> = run.plan.nodes().take(LOOKED_AT_MAX).map(|node| run.plan.id(node)).collect();
    near::nearest(id, ids.iter().map(String::as_str)).map(str::to_owned)
}

impl Why {
    /// The reason as a sentence for people, at a moment.
    pub fn sentence(&self, now: Timestamp) -> String {
        let ago = |since: Timestamp| {
            let millis = u64::try_from(now.duration_since(since).as_millis()).unwrap_or(0);
            Span::from_millis(millis).unwrap_or(Span::MAX).rough()
        };
        let named = |count: usize, some: &[NodeId]| {
            let list = some.iter().map(|id| &**id).collect::<Vec<_>>().join(", ");
            match count.saturating_sub(some.len()) {
                0 => list,
                more => format!("{list} and {more} more"),
            }
        };
        let on = |gpus: &[GpuId]| match gpus {
            [] => String::new(),
            [one] => format!(", GPU {one}"),
            all => format!(", GPUs {}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        match self {
            Self::Done => "it is done".into(),
            Self::LeftRunning { attempt, host, gpus, since } => {
                format!(
                    "attempt {attempt} on {host}{}, begun {} ago, was under way when the run was left",
                    on(gpus),
                    ago(*since)
                )
            }
            Self::Undriven => "no process drives the run: nothing of it goes on until it is taken up".into(),
            Self::Running { attempt, host, gpus, since, time_limit, ending } => {
                let gpus = on(gpus);
                let limit = time_limit.map_or(String::new(), |limit| format!(", time limit {limit}"));
                let ending = if *ending { "; it is being ended" } else { "" };
                format!("attempt {attempt} runs on {host}{gpus} for {}{limit}{ending}", ago(*since))
            }
            Self::Ordered { attempt, host, before } => {
                let turn = match before {
                    0 => "it is the next to begin there".to_owned(),
                    before => format!("{before} begin there before it"),
                };
                format!("attempt {attempt} waits on {host} for one that runs to end; {turn}")
            }
            Self::Open { undone: 0, .. } => "it is open, and all behind it is done".into(),
            Self::Open { undone, some } => format!("it is open; behind it {undone} not done: {}", named(*undone, some)),
            Self::Needs { undone, some } => format!("it needs {}, not done yet", named(*undone, some)),
            Self::NoPlace { reason } => reason.clone(),
            Self::Next => "nothing keeps it: it starts with the next turn of whoever drives the run".into(),
            Self::BackOff { until, attempts, cause, message } => {
                let cause = cause.map_or(String::new(), |cause| format!(" ({})", cause.words()));
                let message = message.as_ref().map_or(String::new(), |it| format!(": {it}"));
                let wait = u64::try_from(until.duration_since(now).as_millis()).unwrap_or(0);
                let wait = Span::from_millis(wait).unwrap_or(Span::MAX).rough();
                format!("attempt {attempts} failed{cause}{message}; the next one in {wait}, at {until:.0}")
            }
            Self::Paused => "the run is paused: nothing new starts until it is resumed".into(),
            Self::Held { blame, cause, message } => {
                format!("held for a decision: {} ({message}); blame: {}", cause.words(), blame.word())
            }
            Self::Failed { blame, cause, message } => {
                format!("failed: {} ({message}); blame: {}", cause.words(), blame.word())
            }
            Self::Settled { blame, cause, message } => {
                format!("failed, and that is what it gives: {} ({message}); blame: {}", cause.words(), blame.word())
            }
            Self::Skipped { when: Some(when) } => format!("skipped: `{when}` did not hold, or it was made void"),
            Self::Skipped { when: None } => "skipped: an operator made it void".into(),
            Self::Abandoned { by: Some(by) } => format!("abandoned: it is a part of what ended with {by}"),
            Self::Abandoned { by: None } => "abandoned: the run was cancelled".into(),
            Self::NotYet { behind } => format!("not in the plan yet: it lies behind {behind}, which is not that far"),
        }
    }
}

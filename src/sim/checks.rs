//! What must hold after every turn of a run, whatever happened.
//!
//! The storm of [`faults`](super::faults) asks after each turn. A check that trips names what it found; none of them
//! changes anything.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use petgraph::Direction;
use serde_json::Value as Json;

use crate::{
    plan::{NodeIx, Outputs},
    run::{
        Blame, Cause, Event, NodeId, Record, Run, Status,
        place::{HostId, HostState},
        read,
    },
};

/// What the records of a run say so far, for checks that look back.
#[derive(Default)]
pub(super) struct Memory {
    started: BTreeSet<(NodeId, u32)>,
    done: BTreeSet<NodeId>,
    /// What each node was asked to do.
    asked: BTreeMap<NodeId, Json>,
    /// Who was charged on which receipt.
    charged: BTreeSet<(String, String)>,
    paused: bool,
    last: Option<Timestamp>,
}

impl Memory {
    /// Takes in what was just recorded.
    pub(super) fn take(&mut self, records: &[Record]) -> Result<(), String> {
        for record in records {
            if self.last.is_some_and(|last| record.at < last) {
                return Err(format!("event {} is of a time before the one before it", record.seq));
            }
            self.last = Some(record.at);
            let event = read(record).map_err(|error| error.to_string())?;
            self.take_money(&event)?;
            match event {
                Event::AttemptStarted { node, attempt, .. } => {
                    if self.paused {
                        return Err(format!("`{node}` was started while the run is paused"));
                    }
                    if self.done.contains(&node) {
                        return Err(format!("`{node}` was started after it was done"));
                    }
                    if !self.started.insert((node.clone(), attempt)) {
                        return Err(format!("attempt {attempt} of `{node}` was started twice"));
                    }
                }
                Event::AttemptSucceeded { node, .. } | Event::Skipped { node } | Event::Decided { node, .. }
                    if !self.done.insert(node.clone()) =>
                {
                    return Err(format!("`{node}` was done twice"));
                }
                Event::AttemptFailed { node, failure, .. }
                | Event::Settled { node, failure }
                | Event::Held { node, failure }
                | Event::Failed { node, failure } => {
                    let by_the_world = matches!(failure.cause, Cause::HostLost | Cause::Network);
                    if by_the_world && failure.blame == Blame::Entrant {
                        return Err(format!("`{node}`: what the world did is held against an entrant"));
                    }
                }
                Event::Paused { .. } => self.paused = true,
                Event::Resumed { .. } => self.paused = false,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Memory {
    /// Nobody is charged twice: what is tried again is asked for the same, and gives a receipt of its own.
    fn take_money(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::AttemptStarted { node, attempt, input, .. } => {
                let first = self.asked.entry(node.clone()).or_insert_with(|| input.clone());
                if first != input {
                    return Err(format!("attempt {attempt} of `{node}` is asked for other things than the first"));
                }
            }
            Event::AttemptSucceeded { node, output, .. } => {
                let text = |json: &Json, field: &str| json.get(field).and_then(Json::as_str).map(String::from);
                let Some(receipt) = text(output, "receipt") else { return Ok(()) };
                for fee in output.get("charged").and_then(Json::as_array).into_iter().flatten() {
                    let hotkey = text(fee, "hotkey").unwrap_or_default();
                    if !self.charged.insert((receipt.clone(), hotkey.clone())) {
                        return Err(format!("`{node}` charges {hotkey} once more on the receipt {receipt}"));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// What must hold of the state of a run between two turns.
pub(super) fn state(run: &Run) -> Result<(), String> {
    gpus(run)?;
    let mut limits: BTreeMap<&str, u32> = BTreeMap::new();
    let ordered: BTreeSet<NodeIx> = run.ordered().collect();
    // Of each host how many have begun, and how many wait.
    let mut lines: BTreeMap<&HostId, (u32, u32)> = BTreeMap::new();
    for (node, attempt) in run.wanted() {
        let id = || run.plan.id(node);
        if !matches!(run.status(node), Status::Ordered | Status::Running | Status::Abandoned) {
            return Err(format!("`{}` has an attempt and is {:?}", id(), run.status(node)));
        }
        for need in run.plan.graph().neighbors_directed(node, Direction::Incoming) {
            // What is being ended may have lost what it stood on.
            if run.status(node) != Status::Abandoned && !is_met(run, need) {
                let status = run.status(need);
                return Err(format!("`{}` runs, and `{}`, which it needs, is {status:?}", id(), run.plan.id(need)));
            }
        }
        let step = run.plan.step(node);
        let tries = run.tries.get(&node).ok_or_else(|| format!("`{}` runs and was never tried", id()))?;
        for (cause, used) in &tries.by_cause {
            if !tries.leave(*cause, &step.settings) {
                return Err(format!("`{}` is tried again after {used} times {}", id(), cause.words()));
            }
        }
        for limit in &step.settings.limits {
            *limits.entry(limit.as_str()).or_default() += 1;
        }
        if attempt.gpus.is_empty() {
            let (begun, waiting) = lines.entry(&attempt.host).or_default();
            *(if ordered.contains(&node) { waiting } else { begun }) += 1;
        }
    }
    for (limit, used) in limits {
        let most = run.plan.workflow().limits.get(limit).copied().unwrap_or(1);
        if used > most {
            return Err(format!("{used} are inside the limit `{limit}`, which is {most}"));
        }
    }
    for (id, (begun, waiting)) in lines {
        let has = run.fleet.host(id).map_or((0, 0), |host| (host.slots, host.ahead));
        if begun > has.0 || waiting > has.1 {
            return Err(format!("{begun} run and {waiting} wait on {id}, which takes {} and {} ahead", has.0, has.1));
        }
    }
    for (node, tries) in &run.tries {
        if tries.not_before.is_some() && !run.due.iter().any(|(_, due)| due == node) && !run.is_over(*node) {
            return Err(format!("nothing will wake `{}`", run.plan.id(*node)));
        }
    }
    Ok(())
}

/// No GPU is held twice, each is there, and leases and attempts are the same.
fn gpus(run: &Run) -> Result<(), String> {
    let mut held = BTreeSet::new();
    for (node, attempt) in run.wanted() {
        let host = run.fleet.host(&attempt.host).filter(|host| host.state() != HostState::Gone);
        let host = host.ok_or_else(|| format!("`{}` runs on {}, which is gone", run.plan.id(node), attempt.host))?;
        for gpu in &attempt.gpus {
            if !host.gpus.contains_key(gpu) {
                return Err(format!("`{}` runs on GPU {gpu} of {}, which is gone", run.plan.id(node), attempt.host));
            }
            if !held.insert((&attempt.host, gpu)) {
                return Err(format!("GPU {gpu} of {} is leased twice", attempt.host));
            }
        }
    }
    let leases: BTreeMap<u64, _> = run.leases.iter().map(|lease| (lease.node.0, lease)).collect();
    if leases.len() != run.attempts.len() {
        return Err(format!("{} leases and {} attempts", leases.len(), run.attempts.len()));
    }
    for (node, attempt) in run.wanted() {
        let lease = leases.get(&(node.index() as u64)).filter(|it| it.host == attempt.host && it.gpus == attempt.gpus);
        let lease = lease.ok_or_else(|| format!("`{}` runs without its lease", run.plan.id(node)))?;
        if lease.shape.needs.gpu_count() as usize != attempt.gpus.len() {
            return Err(format!("`{}` has other GPUs than it asked for", run.plan.id(node)));
        }
    }
    Ok(())
}

fn is_met(run: &Run, need: NodeIx) -> bool {
    matches!(run.status(need), Status::Done | Status::Skipped | Status::Open)
}

/// The first difference between a run and what its log gives, if there is one.
pub(super) fn difference(run: &Run, again: &Run) -> Option<String> {
    if run.plan.graph().node_count() != again.plan.graph().node_count() {
        return Some("the plans have different nodes".into());
    }
    for node in run.plan.nodes() {
        let same = run.plan.node(node) == again.plan.node(node)
            && run.status(node) == again.status(node)
            && run.unmet(node) == again.unmet(node)
            && run.is_over(node) == again.is_over(node)
            && run.output(node) == again.output(node);
        if !same {
            let (here, there) = (run.status(node), again.status(node));
            return Some(format!("`{}` is {here:?}, and after a replay {there:?}", run.plan.id(node)));
        }
    }
    let hosts = |run: &Run| format!("{:?}", run.fleet);
    let leases = |run: &Run| run.leases.iter().cloned().collect::<Vec<_>>();
    [
        ("attempts", run.attempts == again.attempts),
        ("tries", run.tries == again.tries),
        ("deadlines", run.due == again.due),
        ("held nodes", run.held == again.held),
        ("pause", run.paused == again.paused && run.cancelled == again.cancelled),
        ("outcome", run.outcome == again.outcome && run.fatal == again.fatal),
        ("fleet", hosts(run) == hosts(again)),
        ("leases", leases(run) == leases(again)),
        ("lines", run.lines == again.lines),
    ]
    .into_iter()
    .find_map(|(what, same)| (!same).then(|| format!("a replay gives other {what}")))
}

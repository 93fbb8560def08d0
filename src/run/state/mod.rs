//! The state of a run: the fold of its events. Applying an event decides nothing and evaluates no rule.

mod due;
mod given;
mod grow;
mod hosts;
mod lengths;
mod ruled;
mod under_way;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

pub use self::lengths::{Lengths, StepKey};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    event::{Again, Event, Kept, NodeId, Outcome},
    failure::{Cause, Failure},
    line::Lines,
    place::{self, Fleet, GpuId, HostId, Lease, Leases, Policy, Shape},
};
use crate::{
    base::{Seed, Span, Ty, Value},
    plan::{FrameIx, NodeIx, Plan},
    workflow::{Does, OnFailure, Settings, Workflow},
};

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It has unmet needs, or its turn has not come.
    Waiting,
    /// An attempt waits at its host for a slot.
    Ordered,
    /// An attempt is under way.
    Running,
    /// An attempt has failed; the next one waits for its moment.
    Retrying,
    /// An operator must decide.
    Held,
    /// It is open: what lies behind it is being done.
    Open,
    Done,
    Skipped,
    Failed,
    /// What it is a part of is over, so it will not be done.
    Abandoned,
}

/// An attempt under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    pub number: u32,
    pub host: HostId,
    pub gpus: Vec<GpuId>,
    pub input: Arc<Json>,
    /// When it began; when it was ordered, while it waits at its host. Moved on when the clock jumps, so that what has
    /// passed since then is what the attempt has had.
    pub started: Timestamp,
    pub time_limit: Option<Span>,
    /// It is to be ended, and why.
    pub ending: Option<Ending>,
    /// When it is over at the latest: its time limit, or the time it has to come to its end.
    pub due: Option<Timestamp>,
}

/// Why an attempt is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its time is over: what is there is kept.
    Overtime,
    /// Nobody wants its result any more.
    Stopped,
}

/// What has been tried of a node that had no success yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tries {
    /// Attempts so far, over all causes and rulings.
    pub attempts: u32,
    /// Of these, how many were lost with their host or taken back: nothing was learnt of the work itself.
    pub lost: u32,
    pub by_cause: BTreeMap<Cause, u32>,
    /// The next attempt is made when this has passed.
    pub not_before: Option<Timestamp>,
    /// How often it has run out of memory, where that gets it more.
    pub grow: u32,
    /// Why it is held or has failed.
    pub failure: Option<Failure>,
}

impl Tries {
    /// Whether they leave another attempt after that cause, by what its author says.
    pub fn leave(&self, cause: Cause, settings: &Settings) -> bool {
        match &settings.attempts {
            Some(attempts) if cause.is_of_the_work() => {
                let used: u32 =
                    self.by_cause.iter().filter(|(cause, _)| cause.is_of_the_work()).map(|(_, used)| used).sum();
                used < attempts.most
            }
            _ => self.by_cause.get(&cause).copied().unwrap_or_default() <= cause.budget(&settings.retry),
        }
    }
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    pub name: Arc<str>,
    pub seed: Seed,
    pub simulated: bool,
    pub started: Timestamp,
    /// The run that this one does again.
    pub again: Option<Again>,
    pub plan: Plan,
    pub fleet: Fleet,
    pub leases: Leases,
    pub attempts: BTreeMap<NodeIx, Attempt>,
    pub tries: BTreeMap<NodeIx, Tries>,
    /// Which of the attempts without GPUs run, and which wait at their hosts.
    pub lines: Lines<NodeIx>,
    /// Moments at which something is due: the end of a back-off or of an attempt's time.
    pub due: BTreeSet<(Timestamp, NodeIx)>,
    pub held: BTreeSet<NodeIx>,
    /// Open nodes of which more frames are to come.
    opening: BTreeSet<NodeIx>,
    pub paused: bool,
    pub cancelled: bool,
    pub outcome: Option<Outcome>,
    pub lengths: Lengths,
    /// Steps that are done though they failed, for their failure is what they give.
    pub settled: BTreeMap<NodeIx, Failure>,
    /// The failure that the whole run has come to, while what still runs is being ended.
    pub fatal: Option<(NodeIx, Failure)>,
    status: Vec<Status>,
    unmet: Vec<u32>,
    outputs: Vec<Option<Value>>,
    ids: HashMap<NodeId, NodeIx>,
    /// For each frame, whether what it is a part of is over.
    over: Vec<bool>,
    /// Steps of the main body that are neither done nor skipped.
    left: usize,
    /// Nodes whose last need was met, or whose moment has come, since anybody looked.
    pub(super) ready: Vec<NodeIx>,
    /// Nodes whose attempts are to be ended, since the last turn began.
    pub(super) to_end: Vec<NodeIx>,
}

/// An event that does not follow from those before it: a foreign or broken log, or our bug.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event `{kind}` does not follow: {why}")]
pub struct Illegal {
    pub kind: &'static str,
    pub why: String,
}

impl Run {
    /// The run as its first event makes it.
    pub fn create(workflow: Arc<Workflow>, at: Timestamp, event: &Event) -> Result<Self, Illegal> {
        let illegal = |why: String| Illegal { kind: event.kind(), why };
        let Event::Created { name, inputs, seed, simulated, again, .. } = event else {
            return Err(illegal("the first event must be `created`".into()));
        };
        let ty = Ty::record(workflow.inputs.iter().map(|(name, input)| (name.clone(), input.ty.clone())));
        let inputs = Value::recorded(inputs, &ty).map_err(illegal)?;
        let plan = Plan::new(workflow, inputs);
        let mut run = Self {
            name: name.clone(),
            seed: *seed,
            simulated: *simulated,
            started: at,
            again: again.clone(),
            plan,
            fleet: Fleet::default(),
            leases: Leases::default(),
            attempts: BTreeMap::new(),
            tries: BTreeMap::new(),
            lines: Lines::default(),
            due: BTreeSet::new(),
            held: BTreeSet::new(),
            opening: BTreeSet::new(),
            paused: false,
            cancelled: false,
            outcome: None,
            lengths: Lengths::default(),
            settled: BTreeMap::new(),
            fatal: None,
            status: Vec::new(),
            unmet: Vec::new(),
            outputs: Vec::new(),
            ids: HashMap::new(),
            over: Vec::new(),
            left: 0,
            ready: Vec::new(),
            to_end: Vec::new(),
        };
        run.left = run.plan.workflow().main().steps.len();
        run.take_in(0);
        Ok(run)
    }

    pub fn status(&self, node: NodeIx) -> Status {
        self.status[node.index()]
    }
    pub fn unmet(&self, node: NodeIx) -> u32 {
        self.unmet[node.index()]
    }
    pub(super) fn is_opening(&self, node: NodeIx) -> bool {
        self.opening.contains(&node)
    }
    pub fn find(&self, id: &str) -> Option<NodeIx> {
        self.ids.get(id).copied()
    }
    /// Whether what a node is a part of is over.
    pub fn is_over(&self, node: NodeIx) -> bool {
        self.over[self.plan.node(node).frame.0 as usize]
    }
    /// The nodes whose attempts the last turn wants ended.
    pub fn to_end(&self) -> &[NodeIx] {
        &self.to_end
    }
    /// The nodes that are ready and of which nothing is recorded yet.
    pub(super) fn unsettled(&self) -> Vec<NodeIx> {
        let waits =
            |node: &NodeIx| self.status(*node) == Status::Waiting && self.unmet(*node) == 0 && !self.is_over(*node);
        self.plan.nodes().filter(waits).collect()
    }

    /// Folds an event in.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), Illegal> {
        let illegal = |why: String| Illegal { kind: event.kind(), why };
        let node = event
            .node()
            .map(|id| self.find(id).ok_or_else(|| illegal(format!("there is no node `{id}`"))))
            .transpose()?;
        let node = || node.ok_or_else(|| illegal("it is about no node".into()));
        match event {
            Event::Created { .. } => return Err(illegal("the run is created already".into())),
            Event::HostJoined { .. }
            | Event::HostLost { .. }
            | Event::HostDrained { .. }
            | Event::Drained { .. }
            | Event::Undrained { .. }
            | Event::GpuForeign { .. } => self.of_hosts(at, event),
            Event::Skipped { .. } => self.skip(node()?),
            Event::Opened { frames, more, .. } => {
                let node = node()?;
                self.set(node, Status::Open);
                self.graft(node, frames).map_err(illegal)?;
                if *more {
                    self.opening.insert(node);
                } else {
                    self.opening.remove(&node);
                    self.meet(node);
                }
            }
            Event::Turned { next, .. } => {
                let node = node()?;
                self.set(node, Status::Done);
                self.graft(node, next.as_slice()).map_err(illegal)?;
                self.meet(node);
            }
            Event::Closed { output, .. } => {
                let node = node()?;
                let step = self.plan.step(node);
                let output = match (output, &step.does) {
                    (Some(output), _) => Some(self.read_output(node, output).map_err(illegal)?),
                    // What a fan-out gives is what its items gave: that is recorded with them.
                    (None, Does::Each(_)) if step.read => {
                        let gathered = crate::plan::closed(&self.plan, node, self);
                        Some(gathered.map_err(|trouble| illegal(trouble.to_string()))?)
                    }
                    (None, _) => None,
                };
                self.finish(node, output);
            }
            Event::Decided { output, .. } => {
                let node = node()?;
                let output = self.read_output(node, output).map_err(illegal)?;
                self.finish(node, Some(output));
            }
            Event::Reused { result, .. } => {
                let node = node()?;
                let output = match result {
                    Kept::Output(output) => self.read_output(node, output).map_err(illegal)?,
                    Kept::Failure(failure) if self.plan.step(node).settings.on_failure != OnFailure::Result => {
                        // What a step around it makes of it is told next.
                        self.tries.entry(node).or_default().failure = Some(failure.clone());
                        return Ok(());
                    }
                    Kept::Failure(failure) => self.taken_as_result(node, failure),
                };
                self.finish(node, Some(output));
            }
            Event::AttemptStarted { attempt, host, gpus, input, time_limit, request, cpus, memory, .. } => {
                let found = Attempt {
                    number: *attempt,
                    host: host.clone(),
                    gpus: gpus.clone(),
                    input: Arc::new(input.clone()),
                    started: at,
                    time_limit: *time_limit,
                    ending: None,
                    due: None,
                };
                let needs = place::Needs { gpus: request.clone(), cpus: *cpus, memory: *memory };
                self.start(at, node()?, found, needs);
            }
            Event::AttemptWithdrawn { .. } => self.take_back(at, node()?).map_err(illegal)?,
            Event::Overtime { .. } => {
                let node = node()?;
                if !self.attempts.contains_key(&node) {
                    return Err(illegal("no attempt is under way".into()));
                }
                self.end_soon(at, node, Ending::Overtime);
            }
            Event::AttemptSucceeded { output, .. } => {
                let node = node()?;
                let output = self.read_output(node, output).map_err(illegal)?;
                let attempt = self.end_attempt(at, node, Some(&output)).map_err(illegal)?;
                self.went_well(at, node, &attempt);
                if self.status(node) != Status::Abandoned {
                    self.finish(node, Some(output));
                }
            }
            Event::AttemptFailed { failure, .. } => self.went_wrong(at, node()?, failure).map_err(illegal)?,
            Event::Retrying { not_before, grow, .. } => {
                let node = node()?;
                let tries = self.tries.entry(node).or_default();
                tries.not_before = Some(*not_before);
                tries.grow = *grow;
                self.due.insert((*not_before, node));
                self.set(node, Status::Retrying);
            }
            Event::Settled { failure, .. } => {
                let node = node()?;
                let output = self.taken_as_result(node, failure);
                self.abandon_behind(at, node);
                self.finish(self.plan.close_of(node), Some(output));
            }
            Event::Held { failure, .. } => {
                let node = node()?;
                self.abandon_behind(at, node);
                self.tries.entry(node).or_default().failure = Some(failure.clone());
                self.held.insert(node);
                self.set(node, Status::Held);
            }
            Event::Failed { failure, .. } => {
                let node = node()?;
                self.held.remove(&node);
                self.abandon_behind(at, node);
                self.set(node, Status::Failed);
                self.tries.entry(node).or_default().failure = Some(failure.clone());
                match self.plan.frame(self.plan.node(node).frame).under {
                    Some(_) => self.abandon(at, self.plan.node(node).frame),
                    None => {
                        self.abandon(at, FrameIx(0));
                        self.fatal = Some((node, failure.clone()));
                    }
                }
            }
            Event::Ruled { ruling, .. } => self.rule(node()?, ruling).map_err(illegal)?,
            Event::Paused { .. } => self.paused = true,
            Event::Resumed { .. } => self.paused = false,
            Event::ClockJumped { by } => self.postpone(*by),
            Event::Cancelled { .. } => {
                self.cancelled = true;
                self.abandon(at, FrameIx(0));
            }
            Event::Finished { outcome } => self.outcome = Some(outcome.clone()),
        }
        Ok(())
    }

    fn set(&mut self, node: NodeIx, status: Status) {
        self.status[node.index()] = status;
    }

    /// A node is done: those that waited for it alone become ready.
    fn finish(&mut self, node: NodeIx, output: Option<Value>) {
        self.held.remove(&node);
        self.tries.remove(&node);
        self.set(node, Status::Done);
        if self.plan.step(node).read {
            self.outputs[node.index()] = output;
        }
        self.count_off(node);
        self.meet(node);
    }

    pub(super) fn skip(&mut self, begin: NodeIx) {
        self.held.remove(&begin);
        self.set(begin, Status::Skipped);
        let end = self.plan.close_of(begin);
        if end != begin {
            self.set(end, Status::Skipped);
        }
        self.outputs[end.index()] = Some(Value::Null);
        self.count_off(end);
        self.meet(end);
    }

    /// Counts a step of the main body as dealt with.
    fn count_off(&mut self, end: NodeIx) {
        let found = self.plan.node(end);
        if found.frame == FrameIx(0) && self.plan.close_of(end) == end {
            self.left -= 1;
        }
    }

    /// Whether every step of the main body is done or skipped.
    pub(super) fn is_complete(&self) -> bool {
        self.left == 0
    }

    fn meet(&mut self, node: NodeIx) {
        let waiting: Vec<NodeIx> = self.plan.graph().neighbors(node).collect();
        // The newest edge comes first; the author's order is the oldest first.
        for after in waiting.into_iter().rev() {
            let unmet = &mut self.unmet[after.index()];
            // Only a log that nobody's engine has written meets a need twice.
            *unmet = unmet.saturating_sub(1);
            if *unmet == 0 && self.status(after) == Status::Waiting {
                self.ready.push(after);
            }
        }
    }

    /// What an attempt holds of its host.
    pub(super) fn lease(
        &self,
        node: NodeIx,
        host: HostId,
        gpus: Vec<GpuId>,
        needs: place::Needs,
        time_limit: Option<Span>,
        until: Option<Timestamp>,
    ) -> Lease {
        let step = self.plan.step(node);
        let shape = Shape {
            // Whoever comes to the group later learns its host from here.
            group: self.group_of(node).map(|id| Arc::new(place::Group { id, members: Vec::new() })),
            needs,
            time_limit,
            limits: step.settings.limits.iter().map(|name| name.shared().clone()).collect(),
        };
        Lease { node: place_ix(node), host, gpus, until, shape: Arc::new(shape) }
    }

    /// What the workflow says about placement.
    pub(super) fn policy(&self) -> Policy {
        let steps = self.plan.workflow().bodies.iter().flat_map(|body| &body.steps);
        // What asks for GPUs never waits for a slot.
        let work = steps.filter(|step| step.does.is_work() && step.settings.gpus.is_none());
        let highest = work.map(|step| i64::from(step.settings.priority)).max();
        Policy { highest: highest.unwrap_or(i64::MIN), ..self.limits() }
    }

    /// What it says about limits alone: whether a placement could be made does not depend on the rest.
    pub(super) fn limits(&self) -> Policy {
        let limits = self.plan.workflow().limits.iter().map(|(name, most)| (name.shared().clone(), *most));
        Policy { limits: limits.collect(), ..Policy::default() }
    }
}

/// The number by which placement knows a node.
pub(super) fn place_ix(node: NodeIx) -> place::NodeIx {
    place::NodeIx(node.index() as u64)
}

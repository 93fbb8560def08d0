//! A run at a glance: how far it is, what its steps do, what waits and why.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Serialize;

use super::{History, between};
use crate::{
    base::{Name, Span},
    plan::{
        NodeIx, Part,
        outline::{self, Places, Row},
    },
    run::{
        Again, Counts, Failure, NodeId, Outcome, Run, RunId, Status, World,
        count::standing,
        explain::{self, Why},
        rerun::without_keys,
    },
};

/// Groups of waiting nodes that are told of.
const WAITING_MAX: usize = 12;

/// A run at a glance.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub id: RunId,
    pub name: Arc<str>,
    pub workflow: Name,
    pub simulated: bool,
    pub state: State,
    /// Whether somebody carries it on, as far as whoever made this has said.
    pub driven: bool,
    pub started: Timestamp,
    /// The moment that this speaks of.
    pub now: Timestamp,
    pub ended: Option<Timestamp>,
    pub elapsed: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    pub nodes: Counts,
    /// There are steps that have not been opened: more nodes will come.
    pub more_to_come: bool,
    pub gpus: Gpus,
    pub gpu_hours: f64,
    /// How long it still takes, where somebody has worked that out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Left>,
    pub steps: Vec<StepRow>,
    pub waiting: Vec<Waiting>,
    pub held: Vec<HeldNode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Where the failure began that it ended with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Running,
    /// It goes on, and nothing of it runs at the moment.
    Waiting,
    Paused,
    Held,
    Stopping,
    /// It is not over, and whoever drove it is gone.
    Interrupted,
    /// Nobody has driven it yet.
    NotStarted,
    Succeeded,
    Failed,
    Cancelled,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Gpus {
    pub used: usize,
    pub total: usize,
    /// Held by processes that are not ours.
    pub foreign: usize,
}

/// How long a run still takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The middle of the ways in which it may go on.
    pub left: Span,
    /// The shortest and the longest of them.
    pub least: Span,
    pub most: Span,
    /// Something of it cannot be told: it takes as long or longer.
    pub at_least: bool,
}

/// A step of the file, with all its nodes.
#[derive(Clone, Debug, Serialize)]
pub struct StepRow {
    pub name: Name,
    pub does: String,
    pub counts: Counts,
    /// Of its nodes that wait, how many have all that they need and do not start.
    pub ready: usize,
    /// GPUs that its nodes use now.
    pub gpus: usize,
    pub gpu_hours: f64,
    pub rows: Vec<StepRow>,
}

/// Nodes of one step that are ready and do not start.
#[derive(Clone, Debug, Serialize)]
pub struct Waiting {
    pub step: String,
    pub count: usize,
    /// One of them, and what keeps it.
    pub node: NodeId,
    pub why: Vec<Why>,
}

#[derive(Clone, Debug, Serialize)]
pub struct HeldNode {
    pub node: NodeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The summary of a run that was looked ahead in.
pub fn summary(id: RunId, world: &World, history: &History, now: Timestamp) -> Summary {
    let run = &world.run;
    let plan = &run.plan;
    let mut top = StepRow::of(&Row {
        name: plan.workflow().name.clone(),
        does: String::new(),
        bound: None,
        when: None,
        needs: Vec::new(),
        counted: None,
        rows: outline::outline(plan.workflow()),
    });
    let places = Places::of(plan);
    let is_kept = |node: NodeIx| !history.reused.is_empty() && history.reused.contains_key(plan.id(node).as_str());
    let mut more_to_come = false;
    let busy = busy(run);
    for node in plan.nodes() {
        let part = plan.node(node).part;
        let status = match (standing(run, node), part) {
            // A step in which nothing runs waits, however many wait in it; the time of a `repeat` in which something runs
            // runs, though it is decided at its end.
            (Status::Open, _) if !busy.contains(&node) => Status::Waiting,
            (Status::Waiting, Part::Turn(_)) if busy.contains(&plan.open_of(node)) => Status::Running,
            (status, _) => status,
        };
        more_to_come |= part == Part::Open && run.status(node) == Status::Waiting;
        let reused = is_kept(node);
        let whole =
            part != Part::Close && !matches!(status, Status::Done | Status::Open | Status::Ordered | Status::Running);
        if outline::is_counted(plan, node, whole && plan.behind(node).is_empty()) {
            top.find(&places.path(plan, node)).counts.count(status, reused);
        }
    }
    for found in &history.tries {
        if let Some(node) = run.find(&found.node) {
            let row = top.find(&places.path(plan, node));
            row.gpu_hours += found.gpu_hours(now);
            row.gpus += if found.ended.is_none() { found.gpus.len() } else { 0 };
        }
    }
    for node in world.ready() {
        top.find(&places.path(plan, node)).ready += 1;
    }
    let ended = history.ended;
    let failure = |node: &NodeIx| run.tries.get(node).and_then(|tries| tries.failure.clone());
    Summary {
        id,
        name: run.name.clone(),
        workflow: plan.workflow().name.clone(),
        simulated: run.simulated,
        state: state(world),
        driven: true,
        started: run.started,
        now,
        ended,
        elapsed: between(run.started, ended.unwrap_or(now)),
        again: run.again.clone(),
        nodes: Counts::of_work(run, is_kept),
        more_to_come: more_to_come && run.outcome.is_none(),
        gpus: gpus(world),
        gpu_hours: history.gpu_hours(now),
        left: None,
        steps: top.rows,
        waiting: waiting(world, now),
        held: run.held.iter().map(|node| HeldNode { node: plan.id(*node).into(), failure: failure(node) }).collect(),
        outcome: run.outcome.clone(),
        failed_at: explain::failed_at(run),
    }
}

impl Summary {
    /// The same, where nobody drives the run: nothing of it goes on until somebody takes it up.
    #[must_use]
    pub fn left(mut self, world: &World) -> Self {
        if self.outcome.is_some() {
            return self;
        }
        self.driven = false;
        if matches!(self.state, State::Running | State::Waiting) {
            let begun = world.run.fleet.hosts().next().is_some();
            self.state = if begun { State::Interrupted } else { State::NotStarted };
        }
        for group in &mut self.waiting {
            group.why = explain::left(std::mem::take(&mut group.why));
        }
        self
    }
}

/// Composite steps with work under way behind them.
fn busy(run: &Run) -> HashSet<NodeIx> {
    let mut busy = HashSet::new();
    for node in run.attempts.keys() {
        let mut above = run.plan.frame(run.plan.node(*node).frame).under;
        while let Some(open) = above.filter(|open| busy.insert(*open)) {
            above = run.plan.frame(run.plan.node(open).frame).under;
        }
    }
    busy
}

fn state(world: &World) -> State {
    let run = &world.run;
    match &run.outcome {
        Some(Outcome::Succeeded { .. }) => State::Succeeded,
        Some(Outcome::Failed { .. }) => State::Failed,
        Some(Outcome::Cancelled) => State::Cancelled,
        None if run.cancelled || run.fatal.is_some() => State::Stopping,
        None if run.paused => State::Paused,
        None if world.waits_for_an_operator() => State::Held,
        None if run.attempts.is_empty() => State::Waiting,
        None => State::Running,
    }
}

fn gpus(world: &World) -> Gpus {
    let run = &world.run;
    let all = run.fleet.hosts().filter(|(_, host)| host.state() != crate::run::place::HostState::Gone);
    let mut gpus = Gpus { used: run.leases.iter().map(|lease| lease.gpus.len()).sum(), total: 0, foreign: 0 };
    for (_, host) in all {
        gpus.total += host.gpus.len();
        gpus.foreign += host.gpus.values().filter(|gpu| gpu.foreign).count();
    }
    gpus
}

fn waiting(world: &World, now: Timestamp) -> Vec<Waiting> {
    let run = &world.run;
    let mut groups: BTreeMap<String, (usize, NodeIx)> = BTreeMap::new();
    for node in world.ready() {
        let group = groups.entry(without_keys(&run.plan.id(node))).or_insert((0, node));
        group.0 += 1;
    }
    let told = groups.into_iter().take(WAITING_MAX).map(|(step, (count, node))| Waiting {
        step,
        count,
        node: run.plan.id(node).into(),
        why: explain::of_node(world, now, node),
    });
    told.collect()
}

impl StepRow {
    fn of(row: &Row) -> Self {
        let does = match &row.bound {
            Some(bound) if bound.starts_with("for each") => format!("{bound}: {}", row.does),
            _ => row.does.clone(),
        };
        let rows = row.rows.iter().map(Self::of).collect();
        Self { name: row.name.clone(), does, counts: Counts::default(), ready: 0, gpus: 0, gpu_hours: 0.0, rows }
    }
    fn find(&mut self, path: &[usize]) -> &mut Self {
        path.iter().fold(self, |row, at| &mut row.rows[*at])
    }
}

impl Left {
    /// The same a while later; nothing where more time has passed than was left.
    pub fn after(&self, passed: Span) -> Option<Self> {
        let less = |span: Span| Span::from_millis(span.millis().saturating_sub(passed.millis())).unwrap_or_default();
        let later = Self { left: less(self.left), least: less(self.least), most: less(self.most), ..*self };
        (later.left > Span::ZERO).then_some(later)
    }

    /// In words: one length where all ways are about as long, or else the shortest and the longest.
    pub fn words(&self) -> String {
        let Self { left, least, most, at_least } = *self;
        match at_least {
            true => format!("at least {} left", least.rough()),
            false if most.millis() > least.millis().saturating_add(least.millis() / 3) => {
                format!("{} to {} left", least.rough(), most.rough())
            }
            false => format!("about {} left", left.rough()),
        }
    }
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Held => "held for a decision",
            Self::Stopping => "stopping",
            Self::Interrupted => "interrupted",
            Self::NotStarted => "not started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

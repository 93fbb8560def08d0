//! Plays a run in virtual time: whatever comes next happens at once.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    sync::Arc,
};

use jiff::Timestamp;

use super::{model::Model, play::Played};
use crate::{
    base::{GpuKind, Seed, Span, Value, total},
    plan::NodeIx,
    run::{
        Attempt, Beginning, Cause, Digest, Ending, Failure, Input, Outcome, Record, Report, Run, RunId, World,
        place::{HostId, HostState},
    },
    workflow::Workflow,
};

/// What is played.
#[derive(Clone, Debug)]
pub struct Setup {
    pub workflow: Arc<Workflow>,
    pub inputs: Value,
    pub seed: Seed,
}

/// A run that was played, and what it used.
#[derive(Clone, Debug)]
pub struct Account {
    pub end: End,
    pub started: Timestamp,
    pub ended: Timestamp,
    pub uses: Vec<Use>,
    pub events: usize,
    /// The run as it was at its end.
    pub run: Run,
}

/// How a played run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    Over(Outcome),
    /// It waits for an operator, and nobody is there.
    Held,
    /// Nothing will ever happen any more: what waits fits no host.
    Stuck,
    /// It took more turns than a run may.
    Endless,
}

/// One attempt, and what it held.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    pub node: NodeIx,
    pub attempt: u32,
    pub host: HostId,
    pub gpus: u32,
    pub kind: Option<GpuKind>,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// More turns than any run of sense has.
const TURNS_MAX: usize = 50_000_000;
/// How long the end of an attempt takes that nobody wants any more.
const TO_STOP: Span = Span::from_secs(1);

/// Says what comes of an attempt in place of the model.
pub(super) trait Script {
    fn played(&self, seed: Seed, run: &Run, node: NodeIx, attempt: &Attempt, usual: Played) -> Played;
}

/// A run while it is played.
pub struct Player<'m> {
    model: &'m Model,
    script: Option<&'m dyn Script>,
    seed: Seed,
    pub(super) world: World,
    pub(super) now: Timestamp,
    coming: BinaryHeap<Reverse<Coming>>,
    /// Counts what was put into `coming`: of what is due at the same moment, what was put in first comes first.
    put: u64,
    /// For each node, the last attempt that was started; 0 before the first.
    known: Vec<u32>,
    running: Vec<usize>,
    /// Some wait at their hosts, to begin by themselves.
    some_wait: bool,
    uses: Vec<Use>,
    events: usize,
}

/// A report on its way.
struct Coming {
    at: Timestamp,
    number: u64,
    node: NodeIx,
    attempt: u32,
    report: Report,
}

/// Plays a run from its beginning to its end.
pub fn play(model: &Model, setup: &Setup) -> Account {
    let (mut player, _) = Player::begin(model, setup);
    let joined = model.hosts().into_iter().map(|(host, offer)| Input::HostJoined { host, offer });
    player.turn(joined);
    let end = player.play_out();
    player.account(end)
}

/// How every simulated run begins.
pub(super) fn beginning(setup: &Setup) -> Beginning {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&setup.seed.0.to_be_bytes());
    Beginning {
        id: RunId::from_bytes(id),
        name: "simulated".into(),
        workflow: Digest::of(setup.workflow.name.as_str()),
        inputs: setup.inputs.clone(),
        seed: setup.seed,
        simulated: true,
    }
}

impl<'m> Player<'m> {
    pub fn begin(model: &'m Model, setup: &Setup) -> (Self, Vec<Record>) {
        let now = Timestamp::UNIX_EPOCH;
        let (world, records) = World::begin(now, setup.workflow.clone(), &beginning(setup));
        let player = Self { events: records.len(), ..Self::of(model, world, now, setup.seed) };
        (player, records)
    }

    /// A run that is played on from where it is; what is under way in it is played, too.
    pub(super) fn of(model: &'m Model, world: World, now: Timestamp, seed: Seed) -> Self {
        Self {
            model,
            script: None,
            seed,
            world,
            now,
            coming: BinaryHeap::new(),
            put: 0,
            known: Vec::new(),
            running: Vec::new(),
            some_wait: false,
            uses: Vec::new(),
            events: 0,
        }
    }

    /// From now on attempts go as the script says.
    pub(super) fn follow(&mut self, script: &'m dyn Script) {
        self.script = Some(script);
    }

    pub fn run(&self) -> &Run {
        &self.world.run
    }

    pub(super) fn model(&self) -> &'m Model {
        self.model
    }

    pub(super) fn play_out(&mut self) -> End {
        (0..TURNS_MAX).find_map(|_| self.step()).unwrap_or(End::Endless)
    }

    /// Lets happen what comes next, and says how the run has ended if nothing does.
    pub fn step(&mut self) -> Option<End> {
        if let Some(outcome) = &self.world.run.outcome {
            return Some(End::Over(outcome.clone()));
        }
        let Some(next) = self.next() else {
            return Some(if self.world.run.held.is_empty() { End::Stuck } else { End::Held });
        };
        self.now = next;
        let due = self.due();
        self.turn(due);
        None
    }

    /// The run as it is now, and the moment.
    pub fn world(&self) -> (&World, Timestamp) {
        (&self.world, self.now)
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        let report = self.coming.peek().map(|Reverse(coming)| coming.at);
        [report, self.world.next_deadline()].into_iter().flatten().min()
    }

    /// The reports that have come by now.
    pub(super) fn take_due(&mut self) -> Vec<(NodeIx, u32, Report)> {
        let mut due = Vec::new();
        while self.coming.peek().is_some_and(|Reverse(coming)| coming.at <= self.now) {
            let Some(Reverse(Coming { node, attempt, report, .. })) = self.coming.pop() else { break };
            due.push((node, attempt, report));
        }
        due
    }

    fn due(&mut self) -> Vec<Input> {
        let due = self.take_due().into_iter();
        due.map(|(node, attempt, report)| Input::Report { node: self.world.run.plan.id(node).into(), attempt, report })
            .collect()
    }

    /// A report will come after a while.
    pub(super) fn put(&mut self, later: Span, node: NodeIx, attempt: u32, report: Report) {
        self.put += 1;
        self.coming.push(Reverse(Coming { at: after(self.now, later), number: self.put, node, attempt, report }));
    }

    /// The clock goes forward without that time having passed: what is on its way comes as much later.
    pub(super) fn jump(&mut self, by: Span) {
        self.now = after(self.now, by);
        self.coming = self.coming.drain().map(|Reverse(it)| Reverse(Coming { at: after(it.at, by), ..it })).collect();
    }

    /// Makes the world outside match the run: what is wanted is started, what is not wanted is ended.
    pub(super) fn act(&mut self) {
        self.see_ended();
        self.see_started();
        self.see_stopped();
        let is_up = |run: &Run, id: &HostId| run.fleet.host(id).is_some_and(|host| host.state() == HostState::Up);
        self.withdraw(|run, attempt| run.paused || !is_up(run, &attempt.host));
    }

    /// One turn: the world decides, the model plays what was started.
    pub fn turn(&mut self, inputs: impl IntoIterator<Item = Input>) -> Vec<Record> {
        let records = self.world.handle(self.now, inputs);
        self.events += records.len();
        let has = |kinds: &[&str]| records.iter().any(|record| kinds.contains(&&*record.kind));
        if has(&["attempt_succeeded", "attempt_failed"]) {
            self.see_ended();
        }
        if has(&["attempt_started"]) || self.some_wait {
            self.see_started();
        }
        if has(&["failed", "settled", "held", "cancelled"]) {
            self.see_stopped();
        }
        records
    }

    fn see_ended(&mut self) {
        let (uses, run, now) = (&mut self.uses, &self.world.run, self.now);
        self.running.retain(|at| {
            let used = &mut uses[*at];
            let goes_on = run.attempts.get(&used.node).is_some_and(|attempt| attempt.number == used.attempt);
            if !goes_on {
                used.to = now;
            }
            goes_on
        });
    }

    fn see_started(&mut self) {
        self.known.resize(self.world.run.plan.graph().node_count(), 0);
        let mut played_now = Vec::new();
        let ordered: BTreeSet<NodeIx> = self.world.run.ordered().collect();
        self.some_wait = !ordered.is_empty();
        for (node, attempt) in self.world.run.wanted().filter(|(node, _)| !ordered.contains(node)) {
            let known = &mut self.known[node.index()];
            if *known >= attempt.number {
                continue;
            }
            *known = attempt.number;
            let mut played = self.model.play(self.seed, &self.world.run, node, attempt);
            if let Some(script) = self.script {
                played = script.played(self.seed, &self.world.run, node, attempt, played);
            }
            let host = self.world.run.fleet.host(&attempt.host);
            self.running.push(self.uses.len());
            self.uses.push(Use {
                node,
                attempt: attempt.number,
                host: attempt.host.clone(),
                gpus: u32::try_from(attempt.gpus.len()).unwrap_or(u32::MAX),
                kind: attempt.gpus.first().and_then(|gpu| Some(host?.gpus.get(gpu)?.kind.clone())),
                from: self.now,
                to: self.now,
            });
            played_now.push((node, attempt.number, played));
        }
        for (node, attempt, played) in played_now {
            self.put(played.takes, node, attempt, played.report);
        }
    }

    /// What nobody wants any more is ended at once.
    fn see_stopped(&mut self) {
        self.withdraw(|_, attempt| attempt.ending.is_some());
        let stopped = self.world.run.wanted().filter(|(_, it)| it.ending == Some(Ending::Stopped));
        for (node, attempt) in stopped.map(|(node, it)| (node, it.number)).collect::<Vec<_>>() {
            self.put(TO_STOP, node, attempt, Report::Failed(Failure::new(Cause::Stopped, "it was ended")));
        }
    }

    /// Takes back what waits at its host and is not to begin: it never does here.
    fn withdraw(&mut self, is_unwanted: impl Fn(&Run, &Attempt) -> bool) {
        let run = &self.world.run;
        let ordered = run.ordered().filter_map(|node| Some((node, run.attempts.get(&node)?)));
        let unwanted = ordered.filter(|(_, attempt)| is_unwanted(run, attempt));
        for (node, attempt) in unwanted.map(|(node, attempt)| (node, attempt.number)).collect::<Vec<_>>() {
            if std::mem::replace(&mut self.known[node.index()], attempt) < attempt {
                self.put(TO_STOP, node, attempt, Report::Withdrawn);
            }
        }
    }

    pub(super) fn account(self, end: End) -> Account {
        Account {
            end,
            started: self.world.run.started,
            ended: self.now,
            uses: self.uses,
            events: self.events,
            run: self.world.run,
        }
    }
}

pub(super) fn after(at: Timestamp, span: Span) -> Timestamp {
    at.checked_add(span.to_signed()).unwrap_or(Timestamp::MAX)
}

impl Use {
    pub fn hours(&self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64() / 3_600.0
    }
}

impl Account {
    pub fn hours(&self) -> f64 {
        self.ended.duration_since(self.started).as_secs_f64() / 3_600.0
    }

    pub fn gpu_hours(&self) -> f64 {
        total(self.uses.iter().map(|used| f64::from(used.gpus) * used.hours()))
    }

    pub fn cost(&self, model: &Model) -> f64 {
        let mut hours: BTreeMap<&GpuKind, f64> = BTreeMap::new();
        for used in &self.uses {
            if let Some(kind) = &used.kind {
                *hours.entry(kind).or_default() += f64::from(used.gpus) * used.hours();
            }
        }
        total(hours.iter().map(|(kind, hours)| hours * model.price(kind)))
    }
}

impl PartialEq for Coming {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Coming {}
impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Coming {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

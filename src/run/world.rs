//! One turn of a run: inputs in, records out. Pure: the time is told, randomness is a seed, nothing waits.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    event::{Event, HostOffer, NodeId, Ruling},
    failure::{Cause, Failure},
    place::{GpuId, HostId, HostState, Policy, Queue},
    record::{Chain, Digest, Record, RunId},
    rerun::Reusable,
    state::{Ending, Illegal, Run, Status},
};
use crate::{
    base::{Seed, Span, Value, limits::EVENT_BYTES_MAX, near},
    plan::{NodeIx, Outputs},
    workflow::OnTimeLimit,
};

/// What a run is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    HostJoined {
        host: HostId,
        offer: HostOffer,
    },
    HostLost {
        host: HostId,
    },
    HostDrained {
        host: HostId,
    },
    GpuForeign {
        host: HostId,
        gpu: GpuId,
        foreign: bool,
    },
    /// An attempt is over. Told twice, late or of an attempt that is not the current one, it changes nothing.
    Report {
        node: NodeId,
        attempt: u32,
        report: Report,
    },
    Command {
        who: Arc<str>,
        why: Arc<str>,
        command: Command,
    },
    /// The clock went forward by so much without that time having passed.
    ClockJumped {
        by: Span,
    },
    /// Nothing but that time has passed.
    Tick,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    Succeeded {
        output: Json,
    },
    Failed(Failure),
    /// It was taken back at its host, and had not begun.
    Withdrawn,
    /// It was ended by its time limit, with what was there.
    CutShort {
        output: Option<Json>,
    },
}

/// What an operator asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Pause,
    Resume,
    Cancel,
    /// The host starts nothing new.
    Drain {
        host: HostId,
    },
    /// A drained host takes part again.
    Undrain {
        host: HostId,
    },
    Rule {
        node: NodeId,
        ruling: Ruling,
    },
}

/// Why a command is refused as things stand.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the run is over")]
    Over,
    #[error("the run is being cancelled")]
    Cancelled,
    #[error("the run is {0} already")]
    Already(&'static str),
    #[error("there is no host `{0}` in this run; {1}")]
    NoSuchHost(HostId, String),
    #[error("`{0}` is {1} already")]
    HostAlready(HostId, &'static str),
    #[error("there is no node `{0}` in this run")]
    NoSuchNode(NodeId),
    #[error("`{0}` is not held for a decision")]
    NotHeld(NodeId),
    #[error("{1} is being stopped: decide about `{0}` when it is")]
    Stopping(NodeId, NodeId),
    #[error("this is not what `{node}` gives: {why}")]
    BadValue { node: NodeId, why: String },
}

/// How a new run begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Beginning {
    pub id: RunId,
    pub name: Arc<str>,
    pub workflow: Digest,
    pub inputs: Value,
    pub seed: Seed,
    pub simulated: bool,
}

/// A run and what is decided about it.
#[derive(Clone, Debug)]
pub struct World {
    pub run: Run,
    pub(super) chain: Chain,
    pub(super) last: Timestamp,
    /// Up to here it was seen what is due.
    pub(super) ticked: Timestamp,
    pub(super) policy: Policy,
    /// Nodes that wait for their place. Rebuilt after a restart: nothing about them is recorded yet.
    pub(super) queue: Queue,
    pub(super) age: u64,
    /// Since when those waited for their place that wait at their hosts now: who is taken back stands where they stood.
    pub(super) stood: BTreeMap<NodeIx, (u64, Timestamp)>,
    /// For each body and step, how long the longest way behind it to the end of its body is expected to take.
    pub(super) behind: Vec<Vec<Span>>,
    pub(super) todo: VecDeque<NodeIx>,
    pub(super) records: Vec<Record>,
    pub(super) held_back: bool,
    /// What an earlier run has done, where this one does it again.
    pub(super) reusable: Option<Reusable>,
}

impl World {
    /// The time of the last record: time never runs backwards from here.
    pub fn now(&self) -> Timestamp {
        self.last
    }

    /// Starts no more attempts, or starts them again: whoever drives the run is about to leave. Nothing is recorded, for
    /// it says nothing about the run.
    pub fn hold_back(&mut self, hold_back: bool) {
        self.held_back = hold_back;
    }

    /// Whether no more attempts start because whoever drives the run is about to leave.
    pub fn is_held_back(&self) -> bool {
        self.held_back
    }

    /// Whether all that could go on waits for an operator's decision.
    pub fn waits_for_an_operator(&self) -> bool {
        self.run.waits_for_an_operator() && self.queue.is_empty()
    }

    /// Whether a command would be refused.
    pub fn refusal(&self, command: &Command) -> Option<Refusal> {
        if self.run.outcome.is_some() {
            return Some(Refusal::Over);
        }
        if self.run.cancelled {
            return Some(Refusal::Cancelled);
        }
        match command {
            Command::Pause if self.run.paused => Some(Refusal::Already("paused")),
            Command::Resume if !self.run.paused => Some(Refusal::Already("going on")),
            Command::Pause | Command::Resume | Command::Cancel => None,
            Command::Drain { host } => self.host_refusal(host, HostState::Draining, "draining"),
            Command::Undrain { host } => self.host_refusal(host, HostState::Up, "up"),
            Command::Rule { node, ruling } => {
                let Some(found) = self.run.find(node) else { return Some(Refusal::NoSuchNode(node.clone())) };
                if !self.run.held.contains(&found) {
                    return Some(Refusal::NotHeld(node.clone()));
                }
                match ruling {
                    Ruling::Retry => {
                        let running = self.run.attempts.keys().find(|running| self.run.is_behind(**running, found))?;
                        Some(Refusal::Stopping(node.clone(), self.run.plan.id(*running).into()))
                    }
                    Ruling::Replace(value) => {
                        let why = self.run.misfit(found, value)?;
                        Some(Refusal::BadValue { node: node.clone(), why })
                    }
                    Ruling::Accept | Ruling::Void => None,
                }
            }
        }
    }

    fn host_refusal(&self, id: &HostId, state: HostState, word: &'static str) -> Option<Refusal> {
        match self.run.fleet.host(id) {
            None => {
                let known = near::list(self.run.fleet.hosts().map(|(id, _)| id.as_str()));
                let known = if known.is_empty() { "it has none".into() } else { format!("it has {known}") };
                Some(Refusal::NoSuchHost(id.clone(), known))
            }
            Some(host) => (host.state() == state).then(|| Refusal::HostAlready(id.clone(), word)),
        }
    }

    /// One turn: takes the inputs in, settles everything that needs no outside world, places what is ready.
    /// Time never runs backwards here, whatever the clock did.
    pub fn handle(&mut self, now: Timestamp, inputs: impl IntoIterator<Item = Input>) -> Vec<Record> {
        self.last = self.last.max(now);
        self.run.to_end.clear();
        for input in inputs {
            if self.run.outcome.is_none() {
                self.take(input);
            }
        }
        if self.run.outcome.is_none() {
            self.tick();
            self.settle();
            self.place();
            self.conclude();
        }
        std::mem::take(&mut self.records)
    }

    /// Records an event and folds it in.
    pub(super) fn record(&mut self, event: &Event) {
        self.record_as(event, body(event));
    }

    /// The same, where the text of the event is known already.
    pub(super) fn record_as(&mut self, event: &Event, body: Arc<str>) {
        self.records.push(self.chain.record(self.last, event.kind(), body));
        self.run.apply(self.last, event).expect("an event that was just decided follows from the state");
        self.todo.extend(self.run.ready.drain(..));
    }

    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::HostJoined { host, offer } => {
                self.record(&Event::HostJoined { host: host.clone(), offer });
                self.end_broken();
            }
            Input::HostLost { host } => {
                if self.run.fleet.host(&host).is_some() {
                    self.record(&Event::HostLost { host });
                    self.end_broken();
                }
            }
            Input::HostDrained { host } => {
                if self.run.fleet.host(&host).is_some() {
                    self.record(&Event::HostDrained { host });
                }
            }
            Input::GpuForeign { host, gpu, foreign } => {
                if self.run.fleet.host(&host).is_some() {
                    self.record(&Event::GpuForeign { host, gpu, foreign });
                }
            }
            Input::Report { node, attempt, report } => self.report(&node, attempt, report),
            Input::Command { who, why, command } => {
                if self.refusal(&command).is_none() {
                    self.command(who, why, command);
                }
            }
            Input::ClockJumped { by } => {
                // Where nothing is under way nobody could be charged with it.
                if !self.run.attempts.is_empty() {
                    self.record(&Event::ClockJumped { by });
                }
            }
            Input::Tick => {}
        }
    }

    fn command(&mut self, who: Arc<str>, why: Arc<str>, command: Command) {
        match command {
            Command::Pause => self.record(&Event::Paused { who, why }),
            Command::Resume => self.record(&Event::Resumed { who }),
            Command::Cancel => self.record(&Event::Cancelled { who, why }),
            Command::Drain { host } => self.record(&Event::Drained { host, who, why }),
            Command::Undrain { host } => self.record(&Event::Undrained { host, who, why }),
            Command::Rule { node, ruling } => {
                let found = self.run.find(&node).expect("a command that is not refused names a node");
                let accepted = ruling == Ruling::Accept;
                self.record(&Event::Ruled { node, ruling, who, why });
                if accepted {
                    let failure = self.run.tries.get(&found).and_then(|tries| tries.failure.clone());
                    self.fail(found, failure.expect("what is held has failed"));
                }
            }
        }
    }

    /// An attempt is over. This is the one place where reports of other attempts than the current one are dropped.
    fn report(&mut self, id: &NodeId, number: u32, report: Report) {
        let Some(node) = self.run.find(id) else { return };
        let Some(attempt) = self.run.attempts.get(&node).filter(|attempt| attempt.number == number) else { return };
        let stopped = attempt.ending == Some(Ending::Stopped);
        let keep = self.run.plan.step(node).settings.on_time_limit == OnTimeLimit::Succeed;
        if report == Report::Withdrawn && self.run.may_wait(node, attempt) {
            return self.record(&Event::AttemptWithdrawn { node: id.clone(), attempt: number });
        }
        self.stood.remove(&node);
        let failed = match report {
            _ if stopped => Failure::new(Cause::Stopped, "what it is a part of is over"),
            Report::Succeeded { output } => match self.succeed(node, id, number, output, false) {
                Ok(()) => return,
                Err(failure) => failure,
            },
            Report::CutShort { output: Some(output) } if keep => match self.succeed(node, id, number, output, true) {
                Ok(()) => return,
                Err(failure) => failure,
            },
            Report::CutShort { .. } => {
                let limit = attempt.time_limit.map_or("its time".into(), |limit| format!("{limit}, its time limit"));
                self.run.late(node, format!("it was not done within {limit}"))
            }
            Report::Withdrawn => Failure::new(Cause::HostLost, "it never began there"),
            Report::Failed(failure) => failure,
        };
        self.attempt_failed(node, id, number, failed);
    }

    fn succeed(
        &mut self,
        node: NodeIx,
        id: &NodeId,
        attempt: u32,
        output: Json,
        cut_short: bool,
    ) -> Result<(), Failure> {
        if let Some(why) = self.run.misfit(node, &output) {
            return Err(self.run.blamed(node, Failure::new(Cause::BadOutput, why)));
        }
        let event = Event::AttemptSucceeded { node: id.clone(), attempt, output, cut_short };
        let body = body(&event);
        if body.len() > EVENT_BYTES_MAX {
            let message = format!("its output is larger than {EVENT_BYTES_MAX} bytes; hand files on by name instead");
            return Err(self.run.blamed(node, Failure::new(Cause::BadOutput, message)));
        }
        self.record_as(&event, body);
        Ok(())
    }

    pub(super) fn attempt_failed(&mut self, node: NodeIx, id: &NodeId, attempt: u32, failure: Failure) {
        self.record(&Event::AttemptFailed { node: id.clone(), attempt, failure: failure.clone() });
        if self.run.status(node) == Status::Waiting {
            match self.run.next_attempt(self.last, node, &failure) {
                Some(event) => self.record(&event),
                None => self.fail(node, failure),
            }
        }
    }

    /// A step has failed: it gives a result, waits for an operator, or takes what it is a part of with it.
    pub(super) fn fail(&mut self, node: NodeIx, failure: Failure) {
        let mut node = self.run.plan.open_of(node);
        while self.run.may_fail(node) {
            let event = self.run.consequence(node, failure.clone());
            self.record(&event);
            let above = self.run.plan.frame(self.run.plan.node(node).frame).under;
            match (event, above) {
                (Event::Failed { .. }, Some(open)) => node = open,
                _ => return,
            }
        }
    }

    /// Attempts whose host or GPUs are gone have failed, and nobody but the host is to blame.
    fn end_broken(&mut self) {
        let lost: Vec<NodeIx> = self.run.leases.broken(&self.run.fleet).map(|lease| node_ix(lease.node)).collect();
        for node in lost {
            self.lose(node, "the host or a GPU of it was lost");
        }
    }

    pub(super) fn lose(&mut self, node: NodeIx, why: &str) {
        self.stood.remove(&node);
        let Some(attempt) = self.run.attempts.get(&node) else { return };
        let (number, stopped) = (attempt.number, attempt.ending == Some(Ending::Stopped));
        let cause = if stopped { Cause::Stopped } else { Cause::HostLost };
        let id: NodeId = self.run.plan.id(node).into();
        self.attempt_failed(node, &id, number, Failure::new(cause, why));
    }

    /// Settles all that is ready and needs no outside world; what needs it is queued for its place.
    pub(super) fn settle(&mut self) {
        while let Some(node) = self.todo.pop_front() {
            let fresh = matches!(self.run.status(node), Status::Waiting | Status::Retrying);
            if fresh
                && !self.run.is_over(node)
                && let Err(trouble) = self.settle_one(node)
            {
                self.fail(node, Failure::new(Cause::Rule, trouble.to_string()));
            }
        }
    }

    /// The run is over when nothing is left to do and nothing runs.
    pub(super) fn conclude(&mut self) {
        let Some(outcome) = self.run.conclusion() else { return };
        self.record(&Event::Finished { outcome });
    }
}

/// The node that placement knows by a number.
pub(super) fn node_ix(node: super::place::NodeIx) -> NodeIx {
    NodeIx::new(usize::try_from(node.0).expect("a node's number came from an index"))
}

pub(super) fn body(event: &Event) -> Arc<str> {
    serde_json::to_string(event).expect("an event has text keys and finite numbers").into()
}

/// The event that a record holds.
pub fn read(record: &Record) -> Result<Event, Illegal> {
    serde_json::from_str(&record.body)
        .map_err(|error| Illegal { kind: "record", why: format!("event {}: {error}", record.seq) })
}

/// What a node gave, for those who look at the run.
pub fn output(run: &Run, node: NodeIx) -> Option<Value> {
    run.output(run.plan.close_of(node))
}

//! What was tried in a run, when and where: the fold of its records that the state does not keep.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::between;
use crate::{
    base::{GpuKind, Span, total},
    run::{
        Event, Failure, Illegal, Lines, NodeId, Record, Ruling, RunId,
        place::{GpuId, HostId},
        read,
    },
};

/// All attempts of a run, and what people said to it.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In the order in which they began.
    pub tries: Vec<Try>,
    pub rulings: Vec<Ruled>,
    pub reused: HashMap<NodeId, Reuse>,
    /// GPUs that were ever offered, by host, with their kinds.
    pub gpus: std::collections::BTreeMap<(HostId, GpuId), GpuKind>,
    pub began: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    under_way: HashMap<NodeId, usize>,
    /// Which of those without GPUs run, and which wait at their hosts.
    lines: Lines<usize>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Try {
    pub node: NodeId,
    pub attempt: u32,
    pub host: HostId,
    pub gpus: Vec<GpuId>,
    /// The number of the record that began it; its input stands there.
    pub seq: u64,
    /// When it began; when it was ordered, while it waits at its host.
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub went: Went,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Went {
    /// It waits at its host for a slot, and has begun when it was ordered.
    Ordered,
    Running,
    Succeeded,
    /// Its time limit ended it, and what was there was kept.
    CutShort,
    Failed,
    /// It was taken back before it began.
    Withdrawn,
}

/// What an operator decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ruled {
    pub node: NodeId,
    pub at: Timestamp,
    pub ruling: Ruling,
    pub who: Arc<str>,
    pub why: Arc<str>,
}

/// Where a kept result came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reuse {
    pub run: RunId,
    pub seq: u64,
}

impl History {
    pub fn of<'r>(records: impl IntoIterator<Item = &'r Record>) -> Result<Self, Illegal> {
        let mut history = Self::default();
        for record in records {
            history.take(record)?;
        }
        Ok(history)
    }

    /// Folds one more record in.
    pub fn take(&mut self, record: &Record) -> Result<(), Illegal> {
        self.fold(record, read(record)?);
        Ok(())
    }

    /// The same, where the event that the record holds was read already.
    pub fn fold(&mut self, record: &Record, event: Event) {
        let at = record.at;
        self.began.get_or_insert(at);
        self.last = Some(at);
        match event {
            Event::HostJoined { host, offer } => {
                let begun = self.lines.offer(&host, &offer);
                self.begin(at, &begun);
                self.gpus.extend(offer.gpus.into_iter().map(|(gpu, kind)| ((host.clone(), gpu), kind)));
            }
            Event::AttemptStarted { node, attempt, host, gpus, .. } => {
                let index = self.tries.len();
                self.under_way.insert(node.clone(), index);
                let waits = gpus.is_empty() && self.lines.come(&host, index);
                let (seq, went) = (record.seq, if waits { Went::Ordered } else { Went::Running });
                self.tries.push(Try { node, attempt, host, gpus, seq, started: at, ended: None, went, failure: None });
            }
            Event::AttemptSucceeded { node, cut_short, .. } => {
                let went = if cut_short { Went::CutShort } else { Went::Succeeded };
                self.end(&node, at, went, None);
            }
            Event::AttemptFailed { node, failure, .. } => self.end(&node, at, Went::Failed, Some(failure)),
            Event::AttemptWithdrawn { node, .. } => self.end(&node, at, Went::Withdrawn, None),
            Event::Reused { node, from_run: run, from_seq: seq, .. } => {
                self.reused.insert(node, Reuse { run, seq });
            }
            Event::Ruled { node, ruling, who, why } => self.rulings.push(Ruled { node, at, ruling, who, why }),
            Event::Finished { .. } => self.ended = Some(at),
            _ => {}
        }
    }

    fn end(&mut self, node: &NodeId, at: Timestamp, went: Went, failure: Option<Failure>) {
        let Some(index) = self.under_way.remove(node) else { return };
        let found = &mut self.tries[index];
        // One that has never begun has taken no time.
        found.started = if went == Went::Withdrawn { at } else { found.started };
        found.ended = Some(at);
        found.went = went;
        found.failure = failure;
        if found.gpus.is_empty() {
            let begun = self.lines.go(&found.host, &index);
            self.begin(at, &begun);
        }
    }

    /// Those that waited at their host for what has just become free.
    fn begin(&mut self, at: Timestamp, begun: &[usize]) {
        for index in begun {
            let found = &mut self.tries[*index];
            (found.started, found.went) = (at, Went::Running);
        }
    }

    /// GPU-hours used so far; attempts that run count up to `now`.
    pub fn gpu_hours(&self, now: Timestamp) -> f64 {
        total(self.tries.iter().map(|it| it.gpu_hours(now)))
    }
}

impl Try {
    pub fn length(&self, now: Timestamp) -> Span {
        between(self.started, self.ended.unwrap_or(now))
    }
    pub fn gpu_hours(&self, now: Timestamp) -> f64 {
        self.gpus.len() as f64 * self.length(now).hours()
    }
}

//! How a world comes to be: begun anew, begun from what an earlier run has done, or folded from its records.
//!
//! Drivers begin and replay; whoever only looks at a run, or tells it something while nobody drives it, does so here too.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use super::{
    event::{Again, Event},
    place::Queue,
    record::{Chain, Record, RunId},
    rerun::Reusable,
    state::{Illegal, Run, Status, place_ix},
    world::{Beginning, Command, Input, World, body, read},
};
use crate::{plan::NodeIx, workflow::Workflow};

impl World {
    /// A new run, and its first record.
    pub fn begin(now: Timestamp, workflow: Arc<Workflow>, beginning: &Beginning) -> (Self, Vec<Record>) {
        Self::begin_as(now, workflow, beginning, None)
    }

    /// A new run that does an earlier one again and keeps what still holds of it, and its first record.
    pub fn begin_from(
        now: Timestamp,
        workflow: Arc<Workflow>,
        beginning: &Beginning,
        reusable: Reusable,
    ) -> (Self, Vec<Record>) {
        let (mut world, records) = Self::begin_as(now, workflow, beginning, Some(reusable.again().clone()));
        world.reuse(reusable);
        (world, records)
    }

    /// Keeps what still holds of an earlier run. A run that does another again is told so after each replay, since what it
    /// has not come to yet is in the records of the other.
    pub fn reuse(&mut self, reusable: Reusable) {
        let simulated = self.run.simulated;
        self.reusable = Some(reusable).filter(|reusable| reusable.simulated() == simulated);
    }

    fn begin_as(
        now: Timestamp,
        workflow: Arc<Workflow>,
        beginning: &Beginning,
        again: Option<Again>,
    ) -> (Self, Vec<Record>) {
        let event = Event::Created {
            name: beginning.name.clone(),
            workflow: beginning.workflow,
            inputs: beginning.inputs.to_json(),
            seed: beginning.seed,
            simulated: beginning.simulated,
            again,
        };
        let run = Run::create(workflow.clone(), now, &event).expect("inputs that were checked fit their types");
        let mut world = Self::around(run, Chain::start(beginning.id), now);
        let record = world.chain.record(now, event.kind(), body(&event));
        (world, vec![record])
    }

    /// A run as its records say. The records are those of one run, in order, from the first.
    pub fn replay<'r>(
        id: RunId,
        workflow: Arc<Workflow>,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<Self, Illegal> {
        let mut reader = Reader::of(id);
        let mut records = records.into_iter().map(|record| reader.read(record));
        let first = records.next().ok_or_else(|| broken("there are no records"))??;
        let mut replay = Replay::begin(workflow, &first)?;
        records.try_for_each(|next| replay.go_on(&next?))?;
        Ok(replay.end())
    }

    fn around(run: Run, chain: Chain, now: Timestamp) -> Self {
        let workflow = run.plan.workflow();
        let behind = super::ask::behind(workflow);
        let todo = run.unsettled().into();
        Self {
            policy: run.policy(),
            run,
            chain,
            last: now,
            ticked: Timestamp::MIN,
            queue: Queue::default(),
            age: 0,
            stood: BTreeMap::new(),
            behind,
            todo,
            records: Vec::new(),
            held_back: false,
            reusable: None,
        }
    }

    /// Takes a command in while nobody drives the run: what follows from it waits for whoever drives it next.
    pub fn note(&mut self, now: Timestamp, who: Arc<str>, why: Arc<str>, command: Command) -> Vec<Record> {
        self.last = self.last.max(now);
        if self.run.outcome.is_none() {
            self.take(Input::Command { who, why, command });
            self.conclude();
        }
        std::mem::take(&mut self.records)
    }

    /// Settles what is ready, so that what waits for its place is known, and starts nothing. For those who look at a run
    /// that was replayed; what comes of it is not to be stored.
    pub fn look_ahead(&mut self) {
        if self.run.outcome.is_none() {
            self.settle();
            self.records.clear();
        }
    }

    /// Nodes that wait for their place or for the moment of their next attempt: they have all that they need, and do not
    /// start.
    pub fn ready(&self) -> impl Iterator<Item = NodeIx> {
        let is_ready =
            |node: &NodeIx| self.queue.get(place_ix(*node)).is_some() || self.run.status(*node) == Status::Retrying;
        self.run.plan.nodes().filter(is_ready)
    }
}

/// Reads records in order: each must follow the one before and hold an event. It needs no workflow, so that records can
/// be read while theirs is still being checked.
pub struct Reader(Chain);

/// A record that was read.
pub struct Recorded {
    pub at: Timestamp,
    pub event: Event,
    chain: Chain,
}

impl Reader {
    pub fn of(run: RunId) -> Self {
        Self(Chain::start(run))
    }
    pub fn read(&mut self, record: &Record) -> Result<Recorded, Illegal> {
        self.0.check(record).map_err(broken)?;
        Ok(Recorded { at: record.at, event: read(record)?, chain: self.0.clone() })
    }
}

/// A run while its records are folded in, so that they need not all be held at once.
pub struct Replay(World);

impl Replay {
    pub fn begin(workflow: Arc<Workflow>, first: &Recorded) -> Result<Self, Illegal> {
        let run = Run::create(workflow, first.at, &first.event)?;
        Ok(Self(World::around(run, first.chain.clone(), first.at)))
    }

    /// Folds the next one in.
    pub fn go_on(&mut self, next: &Recorded) -> Result<(), Illegal> {
        let Self(world) = self;
        world.run.apply(next.at, &next.event)?;
        world.chain = next.chain.clone();
        world.last = next.at;
        Ok(())
    }

    /// The run as all its records say.
    pub fn end(self) -> World {
        let Self(mut world) = self;
        world.run.ready.clear();
        world.run.to_end.clear();
        world.todo = world.run.unsettled().into();
        world
    }
}

fn broken(why: impl ToString) -> Illegal {
    Illegal { kind: "record", why: why.to_string() }
}

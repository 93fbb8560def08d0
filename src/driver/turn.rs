//! A session: from reading the run back to its end, turn by turn.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Driver, End, Error, Leaving, Notice, handle::Asked, inbox, lease, load, teller::Teller};
use crate::{
    backend::{self, AttemptId, Work},
    plan::NodeIx,
    run::{Command, Counts, Ending, Input, NodeId, Outcome, Record, World, explain::failed_at},
    store::{self, Fence},
    workflow::OnTimeLimit,
};

/// How a run stands in the store while somebody drives it, and after they died.
pub const RUNNING: &str = "running";
/// How a run stands that says by what it gives that there should be another.
pub const TO_BE_REPEATED: &str = "succeeded, to be repeated";

/// Inputs that are taken into one turn: enough that one flush serves them all, few enough that none waits long for it.
const INPUTS_MAX: usize = 4_096;

impl Driver {
    /// Drives the run until there is nothing more to do here, or until the store says no.
    pub(super) async fn session(&mut self) -> Result<End, Error> {
        let Some(fence) = self.take().await? else { return Ok(End::Left { under_way: 0 }) };
        let renewal = lease::renew(self.store.clone(), fence.clone());
        let listening = inbox::listen(self.store.clone(), fence.clone(), self.desk.ask.clone());
        let mut world = Box::new(load(&*self.store, self.run).await?);
        self.teller = Teller::of(&self.store, &fence, &world.run, &*self.backend).await?;
        let end = self.turns(&mut world, &fence, renewal.lost.clone()).await;
        self.teller = None;
        self.last = Some(world);
        drop((renewal, listening));
        let released = self.store.release(fence).await;
        // A store that fails has failed the run already; where it answers again, the next session need not wait.
        if end.is_ok() {
            released?;
        }
        end
    }

    async fn turns(
        &mut self,
        world: &mut World,
        fence: &Fence,
        mut lost: tokio::sync::watch::Receiver<bool>,
    ) -> Result<End, Error> {
        if let Some(outcome) = &world.run.outcome {
            return Ok(End::Over(outcome.clone()));
        }
        self.clock.go_on_from(world.now());
        self.desk.tell(Notice::Driving { taken_up: world.run.attempts.len() - world.run.ordered().count() });
        self.store.summarize(fence, RUNNING, None).await?;
        let hosts = self.backend.hosts().await?;
        let mut batch = backend::changes(&world.run, hosts);
        if let Some(who) = self.resumes.take().filter(|_| world.run.paused) {
            batch.push(Input::Command { who, why: "resumed".into(), command: Command::Resume });
        }
        self.turn(world, fence, &mut batch, Dispatch::All).await?;
        self.outage = None;
        loop {
            if let Some(end) = self.end(world, fence).await? {
                return Ok(end);
            }
            if self.inputs.is_empty() {
                self.backend.at_rest(world.next_deadline());
            }
            let due = world.next_deadline();
            let sleep = due.map(|due| self.clock.until(due)).unwrap_or_default();
            tokio::select! {
                biased;
                Some(asked) = self.desk.commands.recv() => self.obey(world, fence, asked).await?,
                Some(look) = self.desk.looks.recv() => look(world),
                Ok(()) = self.desk.leave.changed() => {
                    world.hold_back(true);
                    self.withdraw_ordered(world);
                }
                Ok(()) = lost.changed() => return Err(store::Error::Fenced { run: self.run }.into()),
                _ = self.inputs.recv_many(&mut batch, INPUTS_MAX) => {
                    self.turn(world, fence, &mut batch, Dispatch::New).await?;
                }
                report = told(&mut self.teller) => {
                    batch.push(report);
                    self.turn(world, fence, &mut batch, Dispatch::New).await?;
                }
                () = tokio::time::sleep(sleep), if due.is_some() => {
                    batch.push(Input::Tick);
                    self.turn(world, fence, &mut batch, Dispatch::New).await?;
                }
            }
        }
    }

    /// Append, then act: what is decided is stored, and only then does anything begin or end.
    async fn turn(
        &mut self,
        world: &mut World,
        fence: &Fence,
        inputs: &mut Vec<Input>,
        dispatch: Dispatch,
    ) -> Result<(), Error> {
        world.hold_back(self.desk.leaving() != Leaving::Not);
        if let Some(by) = self.clock.jumped() {
            inputs.insert(0, Input::ClockJumped { by });
        }
        let inputs = inputs.drain(..).inspect(|input| {
            if let Input::Report { node, attempt, .. } = input {
                self.heard.push((node.clone(), *attempt));
            }
        });
        let records = world.handle(self.clock.now(), inputs);
        if !records.is_empty() {
            self.store.append(fence, &records).await?;
        }
        match dispatch {
            Dispatch::All => self.dispatch_all(world),
            Dispatch::New => self.dispatch_new(world, &records),
        }
        // One that could not be stored is asked for and heard again.
        let is_stored = |(node, number): &mut (NodeId, u32)| {
            let node = world.run.find(node);
            node.and_then(|node| world.run.attempts.get(&node)).is_none_or(|current| current.number != *number)
        };
        for (node, number) in self.heard.extract_if(.., is_stored) {
            self.backend.heard(&AttemptId { run: self.run, node, number });
        }
        if !records.is_empty() {
            self.desk.publish(records);
        }
        Ok(())
    }

    async fn obey(&mut self, world: &mut World, fence: &Fence, asked: Asked) -> Result<(), Error> {
        let Asked { who, why, command, told, answer } = asked;
        let refusal = world.refusal(&command);
        let obeyed = match refusal {
            Some(refusal) => Err(refusal),
            None => {
                let mut inputs = vec![Input::Command { who, why, command }];
                self.turn(world, fence, &mut inputs, Dispatch::New).await?;
                let state = if world.run.paused { "paused" } else { RUNNING };
                self.store.summarize(fence, state, None).await?;
                Ok(())
            }
        };
        if let Some(told) = told {
            self.store.answer(fence, told, &inbox::write(&obeyed.clone().into())).await?;
        }
        // Whoever asked may have gone.
        let _ = answer.send(obeyed);
        Ok(())
    }

    /// Whether there is nothing more to do here.
    async fn end(&self, world: &World, fence: &Fence) -> Result<Option<End>, Error> {
        let run = &world.run;
        let end = if let Some(outcome) = &run.outcome {
            End::Over(outcome.clone())
        } else if world.waits_for_an_operator() {
            End::Held(run.held.iter().map(|node| run.plan.id(*node).into()).collect())
        } else {
            match self.desk.leaving() {
                Leaving::AtOnce => End::Left { under_way: run.attempts.len() - run.ordered().count() },
                Leaving::WhenIdle if run.attempts.is_empty() => End::Left { under_way: 0 },
                Leaving::WhenIdle | Leaving::Not => return Ok(None),
            }
        };
        let (state, ended_at) = summary(world);
        self.store.summarize(fence, &state, ended_at).await?;
        Ok(Some(end))
    }

    /// Everything that ought to be under way, after the run was read back.
    fn dispatch_all(&mut self, world: &World) {
        let nothing_begins = world.run.paused || world.is_held_back();
        let ordered: HashSet<NodeIx> = world.run.ordered().collect();
        for (node, attempt) in world.run.wanted() {
            if ordered.contains(&node) && (nothing_begins || attempt.ending.is_some()) {
                self.withdraw(world, node);
            } else {
                self.ensure(world, node);
            }
            self.stop_if_ending(world, node);
        }
    }

    /// What waits at its host is not to begin.
    fn withdraw(&self, world: &World, node: NodeIx) {
        if let Some(attempt) = world.run.attempts.get(&node) {
            let id = self.id(world, node, attempt.number);
            // What moves money waits for nobody.
            if !self.teller.as_ref().is_some_and(|teller| teller.has(&id)) {
                self.backend.withdraw(&id, Work { run: &world.run, node, attempt });
            }
        }
    }

    fn withdraw_ordered(&self, world: &World) {
        world.run.ordered().for_each(|node| self.withdraw(world, node));
    }

    /// What the records of this turn began or ended.
    fn dispatch_new(&mut self, world: &World, records: &[Record]) {
        let mut nothing_begins = false;
        for record in records {
            match &*record.kind {
                "attempt_started" => {
                    if let Some(node) = begun(record).and_then(|node| world.run.find(&node)) {
                        self.ensure(world, node);
                    }
                }
                "paused" | "drained" | "host_drained" => nothing_begins = true,
                _ => {}
            }
        }
        if nothing_begins {
            self.withdraw_ordered(world);
        }
        world.run.to_end().iter().for_each(|node| self.stop_if_ending(world, *node));
    }

    fn ensure(&mut self, world: &World, node: NodeIx) {
        // It may have ended in the same turn, when its host was lost.
        if let Some(attempt) = world.run.attempts.get(&node) {
            let id = self.id(world, node, attempt.number);
            let work = Work { run: &world.run, node, attempt };
            if !self.teller.as_mut().is_some_and(|teller| teller.ensure(&id, work)) {
                self.backend.ensure(&id, work);
            }
        }
    }

    fn stop_if_ending(&self, world: &World, node: NodeIx) {
        let Some(attempt) = world.run.attempts.get(&node) else { return };
        let keeps = world.run.plan.step(node).settings.on_time_limit == OnTimeLimit::Succeed;
        let id = self.id(world, node, attempt.number);
        match attempt.ending {
            _ if self.teller.as_ref().is_some_and(|teller| teller.has(&id)) => {}
            Some(Ending::Overtime) => self.backend.stop(&id, keeps),
            Some(Ending::Stopped) => self.backend.stop(&id, false),
            None => {}
        }
    }

    fn id(&self, world: &World, node: NodeIx, number: u32) -> AttemptId {
        AttemptId { run: self.run, node: world.run.plan.id(node).into(), number }
    }
}

/// The next report of the teller; never, where there is none.
async fn told(teller: &mut Option<Teller>) -> Input {
    match teller {
        Some(teller) => teller.report().await,
        None => std::future::pending().await,
    }
}

/// What is ensured after a turn.
#[derive(Clone, Copy)]
enum Dispatch {
    All,
    New,
}

/// The node that a record begins an attempt of; the rest of the record is passed over.
fn begun(record: &Record) -> Option<NodeId> {
    #[derive(Deserialize)]
    struct Begun {
        node: NodeId,
    }
    serde_json::from_str::<Begun>(&record.body).ok().map(|begun| begun.node)
}

/// A few words on how a run stands that nobody drives any more, and when it ended.
pub(super) fn summary(world: &World) -> (String, Option<Timestamp>) {
    let run = &world.run;
    let (state, ended): (String, _) = match &run.outcome {
        Some(Outcome::Succeeded { gives }) if gives["again"] == true => (TO_BE_REPEATED.into(), Some(world.now())),
        Some(Outcome::Succeeded { .. }) => ("succeeded".into(), Some(world.now())),
        Some(Outcome::Failed { node, .. }) => {
            (format!("failed at {}", failed_at(run).as_ref().unwrap_or(node)), Some(world.now()))
        }
        Some(Outcome::Cancelled) => ("cancelled".into(), Some(world.now())),
        None if run.cancelled => ("to be cancelled when it is resumed".into(), None),
        None if run.paused => ("paused".into(), None),
        None if !run.held.is_empty() => (format!("held: {} to decide", run.held.len()), None),
        None => ("left, to be resumed".into(), None),
    };
    let counts = Counts::of_work(run, |_| false);
    let far = if counts.total() > 0 { format!("; {}", counts.far(run.held.len())) } else { String::new() };
    (state + &far, ended)
}

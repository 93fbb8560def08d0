//! How the state of a run follows its plan: what is grafted is taken in, what is over is abandoned.

use std::sync::Arc;

use jiff::Timestamp;
use petgraph::Direction;

use super::{Ending, Run, Status};
use crate::{
    base::{Record, Ty, Value},
    plan::{Fragment, FrameIx, NodeIx, Plan, Within},
    run::event::FrameOpened,
    workflow::{BodyIx, Does, StepIx},
};

impl Run {
    /// What lies behind a composite step will not be done: its failure is dealt with.
    pub(super) fn abandon_behind(&mut self, at: Timestamp, node: NodeIx) {
        for frame in self.plan.behind(self.plan.open_of(node)).to_vec() {
            self.abandon(at, frame);
        }
    }

    /// Nothing of a frame will be done any more; what runs in it is ended.
    pub(super) fn abandon(&mut self, at: Timestamp, frame: FrameIx) {
        let mut frames = vec![frame];
        while let Some(frame) = frames.pop() {
            if std::mem::replace(&mut self.over[frame.0 as usize], true) {
                continue;
            }
            for node in self.plan.nodes_of(frame) {
                frames.extend(self.plan.behind(node));
                self.held.remove(&node);
                match self.status(node) {
                    Status::Waiting | Status::Retrying | Status::Held | Status::Open => {
                        self.set(node, Status::Abandoned);
                    }
                    Status::Ordered | Status::Running => {
                        self.set(node, Status::Abandoned);
                        self.end_soon(at, node, Ending::Stopped);
                    }
                    Status::Done | Status::Skipped | Status::Failed | Status::Abandoned => {}
                }
            }
        }
    }

    pub(super) fn graft(&mut self, after: NodeIx, frames: &[FrameOpened]) -> Result<(), String> {
        let Some(body) = body_behind(&self.plan, after) else { return Err("nothing can lie behind this node".into()) };
        let ty = Ty::record(self.plan.workflow().body(body).takes.clone());
        let frames = frames.iter().map(|frame| match Value::recorded(&frame.takes, &ty)? {
            Value::Record(takes) => Ok((frame.within.clone(), takes)),
            _ => Err("a frame takes a record".to_string()),
        });
        let frames: Vec<(Within, Arc<Record>)> = frames.collect::<Result<_, String>>()?;
        if frames.is_empty() {
            return Ok(());
        }
        let before = self.plan.graph().node_count();
        let close = self.plan.close_of(after);
        let needs_before = self.needs(close);
        self.plan.graft(&Fragment { after, body, frames });
        self.take_in(before);
        // All that is new behind the step is still to be done, so the step's end waits for all of it.
        self.unmet[close.index()] += self.needs(close) - needs_before;
        Ok(())
    }

    /// Takes in nodes that are new in the plan: none of their needs is met yet.
    pub(super) fn take_in(&mut self, from: usize) {
        let count = self.plan.graph().node_count();
        self.status.resize(count, Status::Waiting);
        self.outputs.resize(count, None);
        self.over.resize(self.plan.frames().len(), false);
        self.unmet.resize(count, 0);
        for index in from..count {
            let node = NodeIx::new(index);
            self.ids.insert(self.plan.id(node).into(), node);
            self.unmet[index] = self.needs(node);
            if self.unmet[index] == 0 {
                self.ready.push(node);
            }
        }
    }

    fn needs(&self, node: NodeIx) -> u32 {
        let needs = self.plan.graph().neighbors_directed(node, Direction::Incoming);
        u32::try_from(needs.count()).expect("nodes are counted in 32 bits")
    }
}

fn body_behind(plan: &Plan, node: NodeIx) -> Option<BodyIx> {
    match &plan.step(node).does {
        Does::Use { body, .. } => Some(*body),
        Does::Each(each) => Some(each.body),
        Does::Repeat(repeat) => Some(repeat.body),
        Does::Action { .. } => None,
    }
}

impl Plan {
    /// The nodes of a frame.
    pub fn nodes_of(&self, frame: FrameIx) -> impl Iterator<Item = NodeIx> + use<> {
        let steps = self.workflow().body(self.frame(frame).body).steps.len();
        let first = if steps == 0 { 0 } else { self.begin(frame, StepIx(0)).index() };
        let last = steps.checked_sub(1).map_or(first, |last| {
            let last = StepIx(u32::try_from(last).expect("steps are counted in 32 bits"));
            self.end(frame, last).index() + 1
        });
        (first..last).map(NodeIx::new)
    }
}

//! The plan: a workflow's DAG of nodes, which grows by fragments while it is carried out.
//!
//! Every composite step is two nodes, *open* and *close*, and what is downstream needs only *close*. What lies between is
//! grafted when *open* is ready: a [`Fragment`] of frames, each an instance of a body. `run` records fragments and folds
//! them in again; [`foresee`] grafts them from made-up results to show what a run would look like. Nothing here starts
//! anything.

pub mod book;
pub mod cost;
pub mod draw;
mod foresee;
mod graph;
pub mod outline;
pub mod sample;
mod values;

use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

pub use cost::expected;
pub use foresee::{Foreseen, Stuck, foresee, foresee_within, sampled_inputs};
pub use values::{Outputs, Trouble, closed, expect, gpus, input, next_turn, opened, results, time_limit, wanted};

use crate::{
    base::{Record, Value},
    workflow::{BodyIx, Step, StepIx, Workflow},
};

/// The index of a node. It lives as long as the plan; what is stored is the node's id.
pub type NodeIx = NodeIndex<u32>;

/// The index of a frame in its plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FrameIx(pub u32);

/// A growing DAG.
#[derive(Clone, Debug)]
pub struct Plan {
    workflow: Arc<Workflow>,
    /// What the run was given, as expressions read it.
    inputs: Value,
    graph: DiGraph<Node, (), u32>,
    frames: Vec<Frame>,
    /// For each open node, the frames that were grafted behind it, in order.
    children: std::collections::BTreeMap<NodeIx, Vec<FrameIx>>,
    /// For each body, where the nodes of each step stand among those of a frame; the last entry is their number.
    layouts: Arc<[Box<[u32]>]>,
}

/// A node: a step of a frame, or one end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    pub frame: FrameIx,
    pub step: StepIx,
    pub part: Part,
}

/// Which part of its step a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: an action.
    Task,
    /// The beginning of a composite step.
    Open,
    /// The end of a composite step; what is downstream needs this.
    Close,
    /// The end of one time of a `repeat`, where it is decided whether there is another.
    Turn(u32),
}

/// An instance of a body.
#[derive(Clone, Debug)]
pub struct Frame {
    pub body: BodyIx,
    /// The open node that it hangs on; none for the main body.
    pub under: Option<NodeIx>,
    pub within: Within,
    /// What the body takes, by name.
    pub takes: Arc<Record>,
    /// Its first node; the others follow.
    first: u32,
}

/// What tells the frames behind one open node apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// There is only one: `use`.
    Alone,
    /// The item's key: `for_each`.
    Key(Arc<str>),
    /// The number of the time, from 1: `repeat`.
    Number(u32),
}

/// What is grafted behind an open node, or behind a turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    /// The open node of the step, or the turn before this one.
    pub after: NodeIx,
    pub body: BodyIx,
    pub frames: Vec<(Within, Arc<Record>)>,
}

impl Plan {
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }
    pub fn inputs(&self) -> &Value {
        &self.inputs
    }
    pub fn graph(&self) -> &DiGraph<Node, (), u32> {
        &self.graph
    }
    pub fn node(&self, at: NodeIx) -> Node {
        self.graph[at]
    }
    pub fn frame(&self, at: FrameIx) -> &Frame {
        &self.frames[at.0 as usize]
    }
    pub fn frames(&self) -> impl ExactSizeIterator<Item = (FrameIx, &Frame)> {
        self.frames
            .iter()
            .enumerate()
            .map(|(i, frame)| (FrameIx(u32::try_from(i).expect("frames are counted in 32 bits")), frame))
    }
    pub fn step(&self, at: NodeIx) -> &Step {
        let node = self.node(at);
        self.workflow.body(self.frame(node.frame).body).step(node.step)
    }
    /// The frames behind an open node, in the order of their items or times.
    pub fn behind(&self, open: NodeIx) -> &[FrameIx] {
        self.children.get(&open).map(Vec::as_slice).unwrap_or_default()
    }
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeIx> + use<> {
        self.graph.node_indices()
    }
}

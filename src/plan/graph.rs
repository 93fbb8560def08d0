//! How a plan grows: frames become nodes, needs become edges. No expression is evaluated here.

use std::{collections::BTreeMap, fmt::Write, sync::Arc};

use petgraph::graph::DiGraph;

use super::{Fragment, Frame, FrameIx, Node, NodeIx, Part, Plan, Within};
use crate::{
    base::{Record, Value},
    workflow::{BodyIx, Step, StepIx, Workflow},
};

impl Plan {
    /// The plan of a run before anything is done: the nodes of the main body.
    pub fn new(workflow: Arc<Workflow>, inputs: Value) -> Self {
        let layouts = workflow.bodies.iter().map(|body| {
            let sizes = body.steps.iter().map(|step| if step.is_composite() { 2 } else { 1 });
            let starts = sizes.scan(0, |at, size| {
                *at += size;
                Some(*at)
            });
            std::iter::once(0).chain(starts).collect()
        });
        let layouts = layouts.collect();
        let mut plan = Self {
            workflow,
            inputs,
            graph: DiGraph::default(),
            frames: Vec::new(),
            children: BTreeMap::new(),
            layouts,
        };
        plan.add_frame(Workflow::MAIN, None, Within::Alone, Arc::default());
        plan
    }

    /// Adds what a fragment holds. It stays a DAG: every new edge leads to a new node, or to the close that waits for them.
    pub fn graft(&mut self, fragment: &Fragment) -> Vec<FrameIx> {
        let open = self.open_of(fragment.after);
        let close = self.close_of(open);
        let step = self.node(open).step;
        let outer = self.node(open).frame;
        self.graph.reserve_nodes(self.size_of(fragment));
        let mut grafted = Vec::with_capacity(fragment.frames.len());
        let last = last_steps(&self.workflow, fragment.body);
        for (within, takes) in &fragment.frames {
            let frame = self.add_frame(fragment.body, Some(open), within.clone(), takes.clone());
            let end = match within {
                Within::Number(number) => {
                    let turn = self.graph.add_node(Node { frame: outer, step, part: Part::Turn(*number) });
                    self.graph.add_edge(turn, close, ());
                    turn
                }
                Within::Alone | Within::Key(_) => close,
            };
            self.join(frame, fragment.after, end, &last);
            grafted.push(frame);
        }
        self.children.entry(open).or_default().extend(&grafted);
        grafted
    }

    /// How many nodes a fragment adds.
    pub fn size_of(&self, fragment: &Fragment) -> usize {
        let layout = &self.layouts[fragment.body.0 as usize];
        let turns = fragment.frames.iter().filter(|(within, _)| matches!(within, Within::Number(_)));
        layout[layout.len() - 1] as usize * fragment.frames.len() + turns.count()
    }

    /// Ties a frame's first nodes to what it comes after, and its last ones to what waits for it.
    fn join(&mut self, frame: FrameIx, after: NodeIx, end: NodeIx, last: &[StepIx]) {
        let workflow = self.workflow.clone();
        let steps = &workflow.body(self.frame(frame).body).steps;
        for (at, step) in indexed(steps) {
            if step.needs.is_empty() {
                self.graph.add_edge(after, self.begin(frame, at), ());
            }
        }
        for at in last {
            self.graph.add_edge(self.end(frame, *at), end, ());
        }
        if steps.is_empty() {
            self.graph.add_edge(after, end, ());
        }
    }

    fn add_frame(&mut self, body: BodyIx, under: Option<NodeIx>, within: Within, takes: Arc<Record>) -> FrameIx {
        let frame = FrameIx(u32::try_from(self.frames.len()).expect("frames are counted in 32 bits"));
        let first = u32::try_from(self.graph.node_count()).expect("nodes are counted in 32 bits");
        self.frames.push(Frame { body, under, within, takes, first });
        let workflow = self.workflow.clone();
        let steps = &workflow.body(body).steps;
        for (at, step) in indexed(steps) {
            let parts: &[Part] = if step.is_composite() { &[Part::Open, Part::Close] } else { &[Part::Task] };
            for part in parts {
                self.graph.add_node(Node { frame, step: at, part: *part });
            }
            if step.is_composite() {
                self.graph.add_edge(self.begin(frame, at), self.end(frame, at), ());
            }
            for need in &step.needs {
                self.graph.add_edge(self.end(frame, *need), self.begin(frame, at), ());
            }
        }
        frame
    }

    /// The node that a step begins with.
    pub fn begin(&self, frame: FrameIx, step: StepIx) -> NodeIx {
        let Frame { body, first, .. } = self.frame(frame);
        NodeIx::new((first + self.layouts[body.0 as usize][step.0 as usize]) as usize)
    }

    /// The node that a step ends with, which holds what it gives.
    pub fn end(&self, frame: FrameIx, step: StepIx) -> NodeIx {
        let Frame { body, first, .. } = self.frame(frame);
        NodeIx::new((first + self.layouts[body.0 as usize][step.0 as usize + 1] - 1) as usize)
    }

    /// The open node of the composite step that a node is a part of.
    pub fn open_of(&self, at: NodeIx) -> NodeIx {
        let Node { frame, step, .. } = self.node(at);
        self.begin(frame, step)
    }

    pub fn close_of(&self, at: NodeIx) -> NodeIx {
        let Node { frame, step, .. } = self.node(at);
        self.end(frame, step)
    }

    /// The id of a node, made of names and keys: `rounds#2/match[pair-03]/train`. It goes unchanged into events, URLs
    /// and labels.
    pub fn id(&self, at: NodeIx) -> String {
        let node = self.node(at);
        let mut id = self.step_id(node.frame, node.step);
        match node.part {
            Part::Task | Part::Open => {}
            Part::Close => id.push_str("/end"),
            Part::Turn(number) => {
                let _ = write!(id, "#{number}/end");
            }
        }
        id
    }

    /// The name of a step within its run.
    fn step_id(&self, frame: FrameIx, step: StepIx) -> String {
        let found = self.frame(frame);
        let name = &self.workflow.body(found.body).step(step).name;
        match found.under {
            None => name.to_string(),
            // The one step of a fan-out's item has no name of its own: it is the item.
            Some(_) if self.workflow.body(found.body).sees_around => self.prefix(frame),
            Some(_) => format!("{}/{name}", self.prefix(frame)),
        }
    }

    /// What the ids of a frame's nodes begin with.
    pub fn prefix(&self, frame: FrameIx) -> String {
        let found = self.frame(frame);
        let Some(open) = found.under else { return String::new() };
        let node = self.node(open);
        let mut id = self.step_id(node.frame, node.step);
        match &found.within {
            Within::Alone => {}
            Within::Key(key) => {
                let _ = write!(id, "[{key}]");
            }
            Within::Number(number) => {
                let _ = write!(id, "#{number}");
            }
        }
        id
    }
}

/// The steps of a body with their places.
fn indexed(steps: &[Step]) -> impl Iterator<Item = (StepIx, &Step)> {
    let place = |i| StepIx(u32::try_from(i).expect("steps are counted in 32 bits"));
    steps.iter().enumerate().map(move |(i, step)| (place(i), step))
}

/// The steps that no other step of their body waits for.
fn last_steps(workflow: &Workflow, body: BodyIx) -> Vec<StepIx> {
    let steps = &workflow.body(body).steps;
    let mut is_needed = vec![false; steps.len()];
    steps.iter().flat_map(|step| &step.needs).for_each(|need| is_needed[need.0 as usize] = true);
    indexed(steps).filter(|(at, _)| !is_needed[at.0 as usize]).map(|(at, _)| at).collect()
}

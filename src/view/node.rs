//! One node of a run: its attempts, what it took and gave, and why it is where it is.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;

use super::{History, Reuse, Ruled, Try};
use crate::{
    plan::{NodeIx, Part},
    run::{
        Event, NodeId, Record, Ruling, Status, World,
        count::standing,
        explain::{self, Why},
        output, read,
    },
};

/// Inner nodes that are listed.
const INSIDE_MAX: usize = 200;

#[derive(Clone, Debug, Serialize)]
pub struct NodeView {
    pub node: NodeId,
    pub why: Vec<Why>,
    pub needs: Vec<NodeId>,
    pub attempts: Vec<Try>,
    pub rulings: Vec<Ruled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<Reuse>,
    /// What it took, as it was recorded last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Json>,
    /// What it gave, as it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Json>,
    /// The nodes behind a composite step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inside: Vec<Inside>,
    /// How many there are in all.
    #[serde(skip_serializing_if = "is_zero")]
    pub inside_count: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct Inside {
    pub node: NodeId,
    pub why: Vec<Why>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What there is to say of a node; nothing where the run has no such node.
pub fn node(world: &World, history: &History, records: &[Record], id: &str, now: Timestamp) -> Option<NodeView> {
    let run = &world.run;
    let node = run.find(id)?;
    let plan = &run.plan;
    let node = plan.open_of(node);
    let id: NodeId = plan.id(node).into();
    let end: NodeId = plan.id(plan.close_of(node)).into();
    let (mut input, mut given) = (None, None);
    for record in records.iter().filter(|record| record.body.contains(&*json_text(&id))) {
        match read(record).ok() {
            Some(Event::AttemptStarted { node, input: taken, .. }) if node == id => input = Some(taken),
            Some(Event::AttemptSucceeded { node, output, .. }) if node == id => given = Some(output),
            Some(Event::Decided { node, input: taken, output }) if node == id => {
                (input, given) = (Some(taken), Some(output));
            }
            Some(Event::Reused { node, basis, .. }) if node == id => input = Some(basis.input),
            Some(Event::Closed { node, output: Some(output) }) if node == end => given = Some(output),
            Some(Event::Ruled { node, ruling: Ruling::Replace(value), .. }) if node == id => given = Some(value),
            _ => {}
        }
    }
    // What is skipped gives nothing, though others may read a null there; what is done again has given nothing yet.
    let is_done = standing(run, node) == Status::Done || run.settled.contains_key(&node);
    let given = given.or_else(|| output(run, node).map(|value| value.to_json()));
    let given = given.filter(|given| is_done && !given.is_null());
    let needs = plan.graph().neighbors_directed(node, petgraph::Direction::Incoming);
    let mut needs: Vec<NodeIx> = needs.map(|need| plan.open_of(need)).collect();
    needs.sort();
    let inner = plan.behind(node).iter().flat_map(|frame| plan.nodes_of(*frame));
    let inner: Vec<NodeIx> = inner.filter(|it| matches!(plan.node(*it).part, Part::Task | Part::Open)).collect();
    let inside = inner.iter().take(INSIDE_MAX);
    let inside = inside.map(|it| Inside { node: plan.id(*it).into(), why: explain::of_node(world, now, *it) });
    Some(NodeView {
        why: explain::of_node(world, now, node),
        needs: needs.into_iter().map(|need| plan.id(need).into()).collect(),
        attempts: history.tries.iter().filter(|it| it.node == id).cloned().collect(),
        rulings: history.rulings.iter().filter(|it| it.node == id).cloned().collect(),
        reused: history.reused.get(&id).cloned(),
        input,
        output: given,
        inside: inside.collect(),
        inside_count: inner.len(),
        node: id,
    })
}

impl NodeView {
    /// The same, where nobody drives the run.
    #[must_use]
    pub fn left(mut self) -> Self {
        self.why = explain::left(self.why);
        for inner in &mut self.inside {
            inner.why = explain::left(std::mem::take(&mut inner.why));
        }
        self
    }
}

/// A text as it stands inside a record, so that most records need not be read.
fn json_text(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

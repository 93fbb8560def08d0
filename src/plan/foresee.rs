//! What a run would look like: the plan grown to its end with made-up results.

use std::{collections::BTreeMap, sync::Arc};

use indexmap::IndexMap;
use jiff::Timestamp;

use super::{FrameIx, NodeIx, Outputs, Part, Plan, Trouble, sample, values};
use crate::{
    base::{Name, Seed, Ty, Value, limits::PLAN_NODES_MAX},
    workflow::{Does, OnFailure, StepIx, Workflow},
};

/// A plan with everything in it that would be done, and what its nodes would give.
pub struct Foreseen {
    pub plan: Plan,
    /// Steps that would be skipped.
    pub skipped: std::collections::BTreeSet<NodeIx>,
    outputs: BTreeMap<NodeIx, Value>,
    seed: Seed,
    nodes_max: usize,
}

/// Why a plan could not be grown to its end: the node, and the trouble there.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{node}: {trouble}")]
pub struct Stuck {
    pub node: String,
    pub trouble: Trouble,
}

/// Inputs for a plan: what is given or has a default, and made-up ones for the others where a number of items is said.
/// The names that are still missing come back as the error.
pub fn sampled_inputs(
    workflow: &Workflow,
    given: &IndexMap<Name, Value>,
    items: Option<usize>,
    seed: Seed,
) -> Result<Value, Vec<Name>> {
    let mut missing = Vec::new();
    let fields: Vec<(Arc<str>, Value)> = workflow
        .inputs
        .iter()
        .map(|(name, input)| {
            let value = given.get(name).or(input.default.as_ref()).cloned().or_else(|| {
                let count = items?;
                Some(match &input.ty {
                    Ty::List(item) => Value::list((1..=count).map(|i| sample::numbered(item, seed, name.as_str(), i))),
                    ty => sample::sample(ty, seed, name.as_str()),
                })
            });
            if value.is_none() && !matches!(input.ty, Ty::Optional(_)) {
                missing.push(name.clone());
            }
            (name.shared().clone(), value.unwrap_or(Value::Null))
        })
        .collect();
    if missing.is_empty() { Ok(Value::record(fields)) } else { Err(missing) }
}

/// Grows a plan to its end. Decisions are really made; work in the outside world is taken to go well.
pub fn foresee(workflow: Arc<Workflow>, inputs: Value, seed: Seed) -> Result<Foreseen, Stuck> {
    foresee_within(workflow, inputs, seed, PLAN_NODES_MAX)
}

/// The same, with a limit of the caller's own on how many nodes there may be.
pub fn foresee_within(workflow: Arc<Workflow>, inputs: Value, seed: Seed, nodes_max: usize) -> Result<Foreseen, Stuck> {
    let plan = Plan::new(workflow, inputs);
    let outputs = BTreeMap::new();
    let mut foreseen = Foreseen { plan, skipped: std::collections::BTreeSet::new(), outputs, seed, nodes_max };
    foreseen.play(FrameIx(0))?;
    Ok(foreseen)
}

impl Foreseen {
    fn play(&mut self, frame: FrameIx) -> Result<(), Stuck> {
        let workflow = self.plan.workflow.clone();
        let body = workflow.body(self.plan.frame(frame).body);
        for i in 0..body.steps.len() {
            let step = StepIx(u32::try_from(i).expect("steps are counted in 32 bits"));
            let node = self.plan.begin(frame, step);
            let Err(fault) = self.play_step(node) else { continue };
            let stuck = match fault {
                Fault::Here(trouble) => Stuck { node: self.plan.id(node), trouble },
                Fault::Inside(stuck) => stuck,
            };
            if !self.takes_as_result(node, &stuck.trouble) {
                // Nothing behind it is begun.
                self.skipped.extend(
                    (i..body.steps.len()).map(|i| {
                        self.plan.begin(frame, StepIx(u32::try_from(i).expect("steps are counted in 32 bits")))
                    }),
                );
                return Err(stuck);
            }
        }
        Ok(())
    }

    /// What a step gives that cannot be done, where that is its result.
    fn takes_as_result(&mut self, node: NodeIx, trouble: &Trouble) -> bool {
        let step = self.plan.step(node);
        let is_result = step.settings.on_failure == OnFailure::Result && !matches!(step.does, Does::Each(_));
        if !is_result || matches!(trouble, Trouble::TooManyNodes(_)) {
            return false;
        }
        if !step.is_composite() {
            self.skipped.insert(node);
        }
        let cause = Value::text(trouble.to_string());
        let blame = Value::text("operator");
        let failed = [("ok", Value::Bool(false)), ("value", Value::Null), ("blame", blame), ("cause", cause)];
        self.give(self.plan.close_of(node), Value::record(failed));
        true
    }

    fn play_step(&mut self, node: NodeIx) -> Result<(), Fault> {
        if !values::wanted(&self.plan, node, self)? {
            self.skipped.insert(node);
            self.give(self.plan.close_of(node), Value::Null);
            return Ok(());
        }
        if !self.plan.step(node).is_composite() {
            return self.decide(node);
        }
        let mut next = values::opened(&self.plan, node, self)?;
        while let Some(fragment) = next.take() {
            if self.plan.graph.node_count() + self.plan.size_of(&fragment) > self.nodes_max {
                return Err(Trouble::TooManyNodes(self.nodes_max).into());
            }
            let frames = self.plan.graft(&fragment);
            for frame in &frames {
                self.play(*frame).map_err(Fault::Inside)?;
            }
            if let Some(turn) = self.plan.turn_of(frames.first().copied()) {
                next = values::next_turn(&self.plan, turn, self)?;
            }
        }
        let close = self.plan.close_of(node);
        if self.plan.step(node).read {
            let value = values::closed(&self.plan, close, self)?;
            let value = self.settle(close, value);
            self.give(close, value);
        }
        Ok(())
    }

    /// Decides a pure action whose result somebody reads, and makes up what comes of an input. What other work gives is made
    /// up when it is asked for.
    fn decide(&mut self, node: NodeIx) -> Result<(), Fault> {
        let step = self.plan.step(node);
        let Does::Action { action, gives, .. } = &step.does else { return Ok(()) };
        if step.read && (action.is_pure() || action.is_of_ledger()) {
            let (input, id) = (values::input(&self.plan, node, self)?, self.plan.id(node));
            let made_up = || action.made_up(&input.to_json(), &id).map(|it| Value::from_json(&it?, gives));
            let value = action.decide(&input, self.seed, &id).or_else(made_up);
            let value = match value.expect("a pure action decides, and what the ledger does is made up") {
                Ok(value) => value,
                // What made-up values come to need not be any good: an operator would say what counts instead.
                Err(_) if step.settings.on_failure == OnFailure::Hold => sample::sample(gives, self.seed, &id),
                Err(why) => Err(Trouble::Rule(crate::rule::Failure::Host { function: action.name.into(), why }))?,
            };
            let value = self.settle(node, value);
            self.give(node, value);
        }
        Ok(())
    }

    /// A step whose failure is a result tells that there was none.
    fn settle(&self, node: NodeIx, value: Value) -> Value {
        let step = self.plan.step(node);
        if step.settings.on_failure != OnFailure::Result || matches!(step.does, Does::Each(_)) {
            return value;
        }
        Value::record([("ok", Value::Bool(true)), ("value", value), ("blame", Value::Null), ("cause", Value::Null)])
    }

    fn give(&mut self, node: NodeIx, value: Value) {
        self.outputs.insert(node, value);
    }
}

enum Fault {
    Here(Trouble),
    Inside(Stuck),
}
impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self::Here(trouble)
    }
}

impl Outputs for Foreseen {
    fn output(&self, node: NodeIx) -> Option<Value> {
        if let Some(value) = self.outputs.get(&node) {
            return Some(value.clone());
        }
        match &self.plan.step(node).does {
            Does::Action { gives, .. } => {
                let value = sample::sample(gives, self.seed, &self.plan.id(node));
                Some(self.settle(node, value))
            }
            Does::Use { .. } | Does::Each(_) | Does::Repeat(_) => None,
        }
    }
    fn run(&self) -> Value {
        Value::record([("name", Value::text("planned")), ("started", Value::Time(Timestamp::UNIX_EPOCH))])
    }
}

impl Plan {
    /// The turn node that was grafted with the frame of one time of a `repeat`.
    pub fn turn_of(&self, frame: Option<FrameIx>) -> Option<NodeIx> {
        let frame = self.frame(frame?);
        let super::Within::Number(number) = frame.within else { return None };
        let close = self.close_of(frame.under?);
        let mut waiting_for = self.graph.neighbors_directed(close, petgraph::Direction::Incoming);
        waiting_for.find(|node| self.node(*node).part == Part::Turn(number))
    }
}

//! What the expressions of a plan's nodes give, from what other nodes gave before.

use std::{collections::BTreeSet, sync::Arc};

use thiserror::Error;

use super::{Fragment, FrameIx, NodeIx, Part, Plan, Within};
use crate::{
    base::{GpuRequest, Name, Record, Span, Value, limits::FAN_OUT_MAX},
    rule::{Env, Failure},
    workflow::{Does, Each, Given, OnFailure, Repeat},
};

/// What nodes have given so far.
pub trait Outputs {
    /// What the node that ends a step gave. Null when the step was skipped.
    fn output(&self, node: NodeIx) -> Option<Value>;
    /// What expressions read as `run`.
    fn run(&self) -> Value;
}

/// Why a node's expressions gave nothing to go on with.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum Trouble {
    #[error(transparent)]
    Rule(#[from] Failure),
    #[error("two items have the key `{0}`; keys must tell items apart")]
    SameKey(Arc<str>),
    #[error(
        "the key `{0}` is not fit for a name: keys are 1 to 128 characters without `/`, `[`, `]`, `#` or control characters"
    )]
    BadKey(Arc<str>),
    #[error("there are {found} items, and at most {most} are allowed")]
    TooMany { found: usize, most: usize },
    #[error("what is decided here takes {bytes} bytes, and at most {most} are recorded; hand large things on by name")]
    TooLarge { bytes: usize, most: usize },
    #[error("the plan has more than {0} nodes, the most that are allowed")]
    TooManyNodes(usize),
    #[error("it is not over after {0} times, the most that are allowed")]
    NotOver(u32),
}

/// The names that a frame's expressions see.
struct Names<'a> {
    plan: &'a Plan,
    frame: FrameIx,
    outputs: &'a dyn Outputs,
    /// In front of all others: `carry` and `number` where a turn is decided.
    extra: &'a [(&'a str, Value)],
}

impl Env for Names<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.extra.iter().find(|(extra, _)| *extra == name) {
            return Some(value.clone());
        }
        match name {
            "rules" => return Some(self.plan.workflow().rules.clone()),
            "inputs" => return Some(self.plan.inputs().clone()),
            "run" => return Some(self.outputs.run()),
            _ => {}
        }
        let mut at = self.frame;
        loop {
            let frame = self.plan.frame(at);
            let body = self.plan.workflow().body(frame.body);
            if let Some(value) = frame.takes.get(name) {
                return Some(value.clone());
            }
            if let Some(step) = body.find(name).filter(|_| !body.sees_around) {
                return self.outputs.output(self.plan.end(at, step));
            }
            // The body of a fan-out sees what is around it; a template does not.
            match frame.under.filter(|_| body.sees_around) {
                Some(open) => at = self.plan.node(open).frame,
                None => return None,
            }
        }
    }

    fn call(&self, function: &str, arguments: &[Value]) -> Result<Value, Failure> {
        match self.plan.workflow().gpus.as_ref().filter(|_| function == "gpus") {
            Some(table) => table.ask(arguments, self),
            None => Err(Failure::Host { function: function.into(), why: "there is no such function".into() }),
        }
    }
}

fn names<'a>(plan: &'a Plan, node: NodeIx, outputs: &'a dyn Outputs) -> Names<'a> {
    Names { plan, frame: plan.node(node).frame, outputs, extra: &[] }
}

/// Whether a step is to be done at all.
pub fn wanted(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<bool, Trouble> {
    match &plan.step(node).when {
        Some(when) => Ok(when.eval(&names(plan, node, outputs))? == Value::Bool(true)),
        None => Ok(true),
    }
}

/// What an action takes.
pub fn input(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<Value, Trouble> {
    match &plan.step(node).does {
        Does::Action { action, input, .. } => {
            let input = input.eval(&names(plan, node, outputs))?;
            // What has more fields than an action knows fits it, as far as types go.
            Ok(match action.fields() {
                Some(ty) => input.shaped(ty),
                None => input,
            })
        }
        Does::Use { .. } | Does::Each(_) | Does::Repeat(_) => unreachable!("only actions take an input"),
    }
}

/// One field of what an action takes, without the others.
pub(super) fn input_field(plan: &Plan, node: NodeIx, outputs: &dyn Outputs, field: &str) -> Result<Value, Trouble> {
    match &plan.step(node).does {
        Does::Action { input: Given::Record(fields), .. } => {
            let given = fields.iter().find(|(name, _)| &**name == field).map(|(_, given)| given);
            Ok(given.map_or(Ok(Value::Null), |given| given.eval(&names(plan, node, outputs)))?)
        }
        _ => Ok(input(plan, node, outputs)?.field(field).cloned().unwrap_or(Value::Null)),
    }
}

/// What the whole run gives.
pub fn results(plan: &Plan, outputs: &dyn Outputs) -> Result<Value, Trouble> {
    gives(plan, FrameIx(0), outputs).map(|gives| Value::Record(Arc::new(gives)))
}

/// The GPUs that a step asks for.
pub fn gpus(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<Option<GpuRequest>, Trouble> {
    setting(plan, node, outputs, plan.step(node).settings.gpus.as_ref()).map(|value| match value {
        Some(Value::Gpus(request)) => Some(request),
        _ => None,
    })
}

pub fn time_limit(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<Option<Span>, Trouble> {
    setting(plan, node, outputs, plan.step(node).settings.time_limit.as_ref()).map(as_span)
}

/// How long the author expects a step to take.
pub fn expect(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<Option<Span>, Trouble> {
    setting(plan, node, outputs, plan.step(node).settings.expect.as_ref()).map(as_span)
}

fn as_span(value: Option<Value>) -> Option<Span> {
    match value {
        Some(Value::Span(span)) => Some(span),
        _ => None,
    }
}

fn setting(plan: &Plan, node: NodeIx, outputs: &dyn Outputs, given: Option<&Given>) -> Result<Option<Value>, Trouble> {
    Ok(given.map(|given| given.eval(&names(plan, node, outputs))).transpose()?)
}

/// What lies behind an open node. A `repeat` may be over before it begins: then there is nothing.
pub fn opened(plan: &Plan, open: NodeIx, outputs: &dyn Outputs) -> Result<Option<Fragment>, Trouble> {
    let names = names(plan, open, outputs);
    match &plan.step(open).does {
        Does::Use { body, with } => {
            let takes = Arc::new(record(with, &names)?);
            Ok(Some(Fragment { after: open, body: *body, frames: vec![(Within::Alone, takes)] }))
        }
        Does::Each(each) => {
            each_frames(each, &names).map(|frames| Some(Fragment { after: open, body: each.body, frames }))
        }
        Does::Repeat(repeat) => {
            let carry = record(&repeat.carry, &names)?;
            turn(plan, open, repeat, carry, 1, outputs)
        }
        Does::Action { .. } => unreachable!("an action has no open node"),
    }
}

/// What follows a turn of a `repeat`: the next time, or nothing when it is over.
pub fn next_turn(plan: &Plan, node: NodeIx, outputs: &dyn Outputs) -> Result<Option<Fragment>, Trouble> {
    let (Does::Repeat(repeat), Part::Turn(number)) = (&plan.step(node).does, plan.node(node).part) else {
        unreachable!("only a repeat has turns")
    };
    let carry = carried(plan, plan.open_of(node), repeat, outputs)?;
    turn(plan, node, repeat, carry, number + 1, outputs)
}

fn turn(
    plan: &Plan,
    after: NodeIx,
    repeat: &Repeat,
    carry: Record,
    number: u32,
    outputs: &dyn Outputs,
) -> Result<Option<Fragment>, Trouble> {
    let carry = Arc::new(carry);
    let extra = [("carry", Value::Record(carry.clone())), ("number", Value::Whole(i64::from(number)))];
    let frame = plan.node(after).frame;
    if repeat.until.eval(&Names { plan, frame, outputs, extra: &extra })? == Value::Bool(true) {
        return Ok(None);
    }
    if number > repeat.at_most {
        return Err(Trouble::NotOver(repeat.at_most));
    }
    let with = record(&repeat.with, &Names { plan, frame, outputs, extra: &[] })?;
    let numbered = repeat.numbered.then(|| (Arc::from("number"), Value::Whole(i64::from(number))));
    let takes = carry.iter().cloned().chain(with.iter().cloned()).chain(numbered).collect();
    let frames = vec![(Within::Number(number), Arc::new(takes))];
    Ok(Some(Fragment { after, body: repeat.body, frames }))
}

/// What a `repeat` carries now: what the last time gave, or the first values.
fn carried(plan: &Plan, open: NodeIx, repeat: &Repeat, outputs: &dyn Outputs) -> Result<Record, Trouble> {
    let Some(last) = plan.behind(open).last() else { return record(&repeat.carry, &names(plan, open, outputs)) };
    let gives = gives(plan, *last, outputs)?;
    let carried = repeat.carry.iter().map(|(name, _)| {
        let value = gives.get(name.as_str()).cloned();
        (name.shared().clone(), value.expect("a checked template gives what is carried"))
    });
    Ok(carried.collect())
}

/// What a frame's body gives.
fn gives(plan: &Plan, frame: FrameIx, outputs: &dyn Outputs) -> Result<Record, Trouble> {
    let body = plan.workflow().body(plan.frame(frame).body);
    record(&body.gives, &Names { plan, frame, outputs, extra: &[] })
}

/// What a composite step gives when all behind it is done.
pub fn closed(plan: &Plan, close: NodeIx, outputs: &dyn Outputs) -> Result<Value, Trouble> {
    let open = plan.open_of(close);
    let behind = plan.behind(open);
    match &plan.step(close).does {
        Does::Use { .. } => {
            let frame = behind.first().expect("a used template has one frame");
            Ok(Value::Record(Arc::new(gives(plan, *frame, outputs)?)))
        }
        Does::Each(each) => {
            let inner = plan.workflow().body(each.body).step(crate::workflow::StepIx(0));
            let is_result = inner.settings.on_failure == OnFailure::Result;
            let items = behind.iter().map(|frame| {
                let value = outputs.output(plan.end(*frame, crate::workflow::StepIx(0)))?;
                Some(if is_result { keyed(&plan.frame(*frame).within, value) } else { value })
            });
            let items: Option<Arc<[Value]>> = items.collect();
            items.map(Value::List).ok_or_else(|| Failure::NoValue { name: plan.id(open).into() }.into())
        }
        Does::Repeat(repeat) => {
            let carry = carried(plan, open, repeat, outputs)?;
            let all: Arc<[Value]> = behind
                .iter()
                .map(|frame| gives(plan, *frame, outputs).map(|gives| Value::Record(Arc::new(gives))))
                .collect::<Result<_, _>>()?;
            let count = Value::Whole(i64::try_from(behind.len()).unwrap_or(i64::MAX));
            let told = [(Arc::from("count"), count), (Arc::from("times"), Value::List(all))];
            Ok(Value::Record(Arc::new(carry.iter().cloned().chain(told).collect())))
        }
        Does::Action { .. } => unreachable!("an action has no close node"),
    }
}

/// A settled item with its key in front.
fn keyed(within: &Within, value: Value) -> Value {
    match (within, value) {
        (Within::Key(key), Value::Record(record)) => {
            let key = (Arc::from("key"), Value::Text(key.clone()));
            Value::Record(Arc::new(std::iter::once(key).chain(record.iter().cloned()).collect()))
        }
        (_, value) => value,
    }
}

fn record(fields: &[(Name, Given)], env: &dyn Env) -> Result<Record, Trouble> {
    Ok(fields
        .iter()
        .map(|(name, given)| Ok((name.shared().clone(), given.eval(env)?)))
        .collect::<Result<_, Failure>>()?)
}

fn each_frames(each: &Each, names: &Names<'_>) -> Result<Vec<(Within, Arc<Record>)>, Trouble> {
    let Value::List(items) = each.list.eval(names)? else { unreachable!("a checked list is a list") };
    let most = (each.at_most as usize).min(FAN_OUT_MAX);
    if items.len() > most {
        return Err(Trouble::TooMany { found: items.len(), most });
    }
    let mut keys: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut frames = Vec::with_capacity(items.len());
    for item in items.iter() {
        let extra = [(each.item.as_str(), item.clone())];
        let key = each.key.eval(&Names { extra: &extra, ..*names })?;
        let Value::Text(key) = key else { unreachable!("a checked key is a text") };
        if !is_fit_for_a_name(&key) {
            return Err(Trouble::BadKey(key));
        }
        if !keys.insert(key.clone()) {
            return Err(Trouble::SameKey(key));
        }
        let takes = Record::from_iter([(each.item.shared().clone(), item.clone())]);
        frames.push((Within::Key(key), Arc::new(takes)));
    }
    Ok(frames)
}

fn is_fit_for_a_name(key: &str) -> bool {
    let length = key.chars().count();
    (1..=128).contains(&length) && !key.chars().any(|c| matches!(c, '/' | '[' | ']' | '#') || c.is_control())
}

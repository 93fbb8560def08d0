//! What nodes have given: recorded outputs read by their types, and failures that are results.

use serde_json::Value as Json;

use super::Run;
use crate::{
    base::{Ty, Value},
    plan::{NodeIx, Outputs},
    run::failure::Failure,
    workflow::{Does, OnFailure, Step},
};

impl Run {
    /// What a step gives that has failed, where that is its result.
    pub(super) fn taken_as_result(&mut self, node: NodeIx, failure: &Failure) -> Value {
        self.settled.insert(node, failure.clone());
        settled(failure)
    }

    pub(in crate::run) fn read_output(&self, node: NodeIx, output: &Json) -> Result<Value, String> {
        let step = self.plan.step(node);
        let ty = match &step.does {
            Does::Action { gives, .. } => gives,
            Does::Use { .. } | Does::Each(_) | Does::Repeat(_) => &step.ty,
        };
        let value = Value::recorded(output, plain(ty, step)).map_err(|why| format!("its output: {why}"))?;
        let is_settled = step.settings.on_failure == OnFailure::Result && !matches!(step.does, Does::Each(_));
        Ok(if is_settled { well(value) } else { value })
    }
}

impl Outputs for Run {
    fn output(&self, node: NodeIx) -> Option<Value> {
        self.outputs[node.index()].clone()
    }
    fn run(&self) -> Value {
        let (name, started) = match &self.again {
            Some(again) => (&again.name, again.started),
            None => (&self.name, self.started),
        };
        Value::record([("name", Value::Text(name.clone())), ("started", Value::Time(started))])
    }
}

/// The type of what a composite step gives, without what `when` and `on_failure` put around it.
fn plain<'a>(ty: &'a Ty, step: &Step) -> &'a Ty {
    let is_action = matches!(step.does, Does::Action { .. });
    let may_be_void = step.when.is_some() || step.settings.on_failure == OnFailure::Hold;
    let mut ty = ty;
    if !is_action
        && may_be_void
        && let Ty::Optional(inner) = ty
    {
        ty = inner;
    }
    let is_settled = step.settings.on_failure == OnFailure::Result && !matches!(step.does, Does::Each(_));
    if !is_action
        && is_settled
        && let Ty::Record(record) = ty
        && let Some(Ty::Optional(value)) = record.fields.get("value")
    {
        ty = value;
    }
    ty
}

/// What a step gives whose failure would have been a result, and that went well.
fn well(value: Value) -> Value {
    Value::record([("ok", Value::Bool(true)), ("value", value), ("blame", Value::Null), ("cause", Value::Null)])
}

/// What a step gives whose failure is a result.
fn settled(failure: &Failure) -> Value {
    let cause = format!("{}: {}", failure.cause.words(), failure.message);
    Value::record([
        ("ok", Value::Bool(false)),
        ("value", Value::Null),
        ("blame", Value::text(failure.blame.word())),
        ("cause", Value::text(cause)),
    ])
}

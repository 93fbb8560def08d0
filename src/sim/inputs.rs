//! The inputs of a run that is not given them: entrants with names of their own, tasks as the model says.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{chance, file::Made, made::Maker, model::Model};
use crate::{
    base::{Name, Record, Seed, Span, Ty, Value},
    plan::{sample, sampled_inputs},
    workflow::Workflow,
};

impl Model {
    /// The inputs of a run: those given, and made-up ones for the others where `entrants` says how many there are.
    /// Without that, the names of those that are missing come back.
    pub fn inputs(
        &self,
        workflow: &Workflow,
        given: &IndexMap<Name, Value>,
        entrants: Option<usize>,
        seed: Seed,
    ) -> Result<Value, Vec<Name>> {
        let mut all = given.clone();
        for (name, input) in workflow.inputs.iter().filter(|_| entrants.is_some()) {
            if all.contains_key(name) || input.default.is_some() {
                continue;
            }
            let made_up = match &input.ty {
                Ty::List(item) if self.about_a_task(item, seed, name, 1).is_some() => {
                    let numbers = 1..=self.world.tasks.count;
                    Some(Value::list(numbers.filter_map(|number| self.about_a_task(item, seed, name, number))))
                }
                ty => self.about_a_task(ty, seed, name, 1),
            };
            let made_up = match (self.world.inputs.get(name), made_up) {
                (Some(says), None) => Some(said(says, &input.ty, seed, name, entrants.unwrap_or_default())),
                (_, made_up) => made_up,
            };
            all.extend(made_up.map(|value| (name.clone(), value)));
        }
        sampled_inputs(workflow, &all, entrants, seed)
    }

    /// A made-up task, or a record with one in it; nothing for other types.
    fn about_a_task(&self, ty: &Ty, seed: Seed, name: &Name, number: u32) -> Option<Value> {
        if is_task(ty) {
            return Some(self.task(ty, seed, name, number));
        }
        let Ty::Record(record) = ty else { return None };
        let (field, task) = record.fields.iter().find(|(_, ty)| is_task(ty))?;
        let Value::Record(fields) = sample::sample(ty, seed, &format!("{name}-{number}")) else { return None };
        let fields = fields.iter().map(|(name_of, usual)| {
            let value = if *name_of == *field.shared() { self.task(task, seed, name, number) } else { usual.clone() };
            (name_of.clone(), value)
        });
        Some(Value::Record(Arc::new(fields.collect())))
    }

    fn task(&self, ty: &Ty, seed: Seed, name: &Name, number: u32) -> Value {
        let tasks = &self.world.tasks;
        let id = format!("{name}-{number}");
        let stream = &mut seed.stream(&format!("inputs/{id}"));
        let kind = tasks.kinds[(number as usize - 1) % tasks.kinds.len()];
        let params_b = chance::between(stream, tasks.params_b.from, tasks.params_b.to);
        let quarters = (4.0 * chance::between(stream, tasks.hours.from, tasks.hours.to)).max(1.0) as u32;
        let fields: Record = match sample::sample(ty, seed, &id) {
            Value::Record(record) => record.iter().cloned().collect(),
            _ => Record::default(),
        };
        let fields = fields.iter().map(|(field, usual)| {
            let value = match &**field {
                "id" => Value::text(id.as_str()),
                "kind" => serde_json::to_value(kind).map_or(Value::Null, |kind| Value::untyped(&kind)),
                "params_b" => Value::Decimal((100.0 * params_b).round() / 100.0),
                "time" => Value::Span(Span::from_secs(quarters.saturating_mul(900))),
                "kl" | "rows" | "images" | "start" | "seed" | "gpu_factor" | "environments" => Value::Null,
                _ => usual.clone(),
            };
            (field.clone(), value)
        });
        Value::Record(Arc::new(fields.collect()))
    }
}

/// An input that the world says; a list has as many items as there are entrants.
fn said(says: &Made, ty: &Ty, seed: Seed, name: &Name, entrants: usize) -> Value {
    let one = |ty: &Ty, purpose: &str| {
        let usual = sample::sample(ty, seed, purpose);
        let stream = seed.stream(&format!("inputs/{purpose}"));
        Maker { stream, skill: 0.0, around: &|_| None }.make(says, ty, &usual)
    };
    match ty {
        Ty::List(item) => Value::list((1..=entrants).map(|number| one(item, &format!("{name}-{number:05}")))),
        ty => one(ty, name.as_str()),
    }
}

fn is_task(ty: &Ty) -> bool {
    matches!(ty, Ty::Record(record) if record.name.as_ref().is_some_and(|name| name.as_str() == "task"))
}

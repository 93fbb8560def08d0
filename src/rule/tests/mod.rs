//! What the language promises, as tables, as properties, and compared with the `cel` crate.

mod against_cel;
mod functions;
mod generate;
mod interpolation;
mod limits;
mod mistakes;
mod operators;
mod plain;
mod property;
mod reads;

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde_json::json;

use super::*;

/// Names with types and values.
#[derive(Clone, Debug, Default)]
struct World {
    scope: Scope,
    values: IndexMap<String, Value>,
}

impl Env for World {
    fn value(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned()
    }
    fn call(&self, function: &str, arguments: &[Value]) -> Result<Value, Failure> {
        match (function, arguments) {
            ("gpus", [task]) => {
                let size = task.field("params_b").and_then(Value::as_f64).unwrap_or_default();
                Ok(Value::Gpus(crate::base::GpuRequest::parse(if size > 4.0 { "2xH100" } else { "1xH100" }).unwrap()))
            }
            _ => Err(Failure::Host { function: function.into(), why: "there is none".into() }),
        }
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}
fn record<const N: usize>(called: &str, fields: [(&str, Ty); N]) -> Ty {
    Ty::named_record(name(called), fields.map(|(field, ty)| (name(field), ty)))
}

/// A world that has values of every type, as a tournament would.
fn world() -> World {
    static WORLD: LazyLock<World> = LazyLock::new(made);
    WORLD.clone()
}

fn made() -> World {
    let entrant = record(
        "entrant",
        [("hotkey", Ty::Text), ("loss", Ty::optional(Ty::Decimal)), ("wins", Ty::Whole), ("fee", Ty::Tao)],
    );
    let task = record("task", [("id", Ty::Text), ("params_b", Ty::Decimal), ("kind", Ty::choice(["text", "image"]))]);
    let boss = record("boss", [("start", Ty::Decimal), ("decay", Ty::Decimal), ("floor", Ty::Decimal)]);
    let rules = record("rules", [("fee", Ty::Tao), ("minimum_field", Ty::Whole), ("boss", boss)]);
    let boss = json!({"start": 0.05, "decay": 0.8, "floor": 0.03});
    let entrants = json!([
        {"hotkey": "5Fa", "loss": 0.5, "wins": 3, "fee": "0.25 TAO"},
        {"hotkey": "5Fb", "loss": null, "wins": 0, "fee": "0.5 TAO"},
        {"hotkey": "5Fc", "loss": 0.25, "wins": 3, "fee": "0.25 TAO"},
    ]);
    let mut world = World::default();
    for (called, ty, value) in [
        ("yes", Ty::Bool, json!(true)),
        ("wins", Ty::Whole, json!(3)),
        ("threshold", Ty::Decimal, json!(0.05)),
        ("widened", Ty::Decimal, json!(2)),
        ("id", Ty::Text, json!("pair-03")),
        ("kind", Ty::choice(["text", "image", "environment"]), json!("image")),
        ("limit", Ty::Span, json!("6h")),
        ("began", Ty::Time, json!("2026-01-31T10:00:00Z")),
        ("fee", Ty::Tao, json!("0.25 TAO")),
        ("disk", Ty::Size, json!("16GiB")),
        ("request", Ty::Gpus, json!("2xH100")),
        ("scores", Ty::list(Ty::Decimal), json!([0.5, 2, 0.25])),
        ("counts", Ty::list(Ty::Whole), json!([3, 1, 2])),
        ("maybe_scores", Ty::list(Ty::optional(Ty::Decimal)), json!([0.5, null])),
        ("points", Ty::map(Ty::Whole), json!({"5Fa": 3, "5Fb": 1})),
        ("task", task, json!({"id": "t1", "params_b": 8, "kind": "text"})),
        ("rules", rules, json!({"fee": "0.25 TAO", "minimum_field": 8, "boss": boss})),
        ("entrants", Ty::list(entrant.clone()), entrants.clone()),
        ("boss", entrant.clone(), entrants[0].clone()),
        ("challenger", Ty::optional(entrant.clone()), entrants[2].clone()),
        ("nobody", Ty::optional(entrant), json!(null)),
        ("no_loss", Ty::optional(Ty::Decimal), json!(null)),
        ("no_text", Ty::optional(Ty::Text), json!(null)),
    ] {
        world.scope.insert(name(called), ty.clone());
        world.values.insert(called.into(), Value::from_json(&value, &ty).unwrap());
    }
    let task = world.scope.get("task").unwrap().clone();
    let signature = Signature { name: name("gpus"), takes: vec![(name("task"), task)], gives: Ty::Gpus };
    world.scope = world.scope.with_function(signature);
    world
}

fn compile(text: &str, world: &World) -> Rule {
    Rule::compile(text, &world.scope).unwrap_or_else(|wrongs| panic!("{text}: {wrongs:#?}"))
}

/// Compiles and evaluates; the value as JSON, or the failure.
fn evaluated(text: &str, world: &World) -> Result<serde_json::Value, Failure> {
    let rule = compile(text, world);
    let value = rule.eval(world)?;
    assert!(value.is(rule.ty()), "{text}: {value:?} is no {}", rule.ty());
    Ok(value.to_json())
}

/// Each expression has the value.
fn check(table: &[(&str, serde_json::Value)]) {
    let world = world();
    for (text, expected) in table {
        assert_eq!(evaluated(text, &world), Ok(expected.clone()), "{text}");
    }
}

/// Each expression fails so, and is told of before where all of it is written out.
fn check_failures(table: &[(&str, Failure)]) {
    let world = world();
    for (text, expected) in table {
        check_failure(text, expected, &world);
    }
}

fn check_failure(text: &str, expected: &Failure, world: &World) {
    match Rule::compile(text, &world.scope) {
        Ok(_) => assert_eq!(evaluated(text, world), Err(expected.clone()), "{text}"),
        Err(wrongs) => {
            let told: Vec<(&str, &str)> = wrongs.iter().map(|wrong| (wrong.code, wrong.message.as_str())).collect();
            assert_eq!(told, [("rule::bad_literal", expected.to_string().as_str())], "{text}");
        }
    }
}

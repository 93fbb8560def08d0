//! Names with a value of every type, for expressions.

use std::sync::LazyLock;

use god_flow::{
    base::{GpuKind, GpuRequest, Name, Rao, Size, Span, Ty, Value},
    rule::{Env, Failure, Interpolation, Rule, Scope, Signature},
};

/// What expressions are compiled against and evaluated over.
pub struct World {
    pub scope: Scope,
    values: Vec<(&'static str, Value)>,
}

pub static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let entrant = Ty::named_record(
            name("entrant"),
            [
                (name("hotkey"), Ty::Text),
                (name("loss"), Ty::optional(Ty::Decimal)),
                (name("wins"), Ty::Whole),
                (name("fee"), Ty::Tao),
            ],
        );
        let one = |hotkey: &str, loss: Option<f64>, wins: i64| {
            Value::record([
                ("hotkey", Value::text(hotkey)),
                ("loss", loss.map_or(Value::Null, Value::Decimal)),
                ("wins", Value::Whole(wins)),
                ("fee", Value::Tao(Rao(250_000_000))),
            ])
        };
        let all = [one("5Fa", Some(0.5), 3), one("5Fb", None, 0), one("5Fc", Some(0.25), i64::MAX)];
        let decimals = [0.5, 2.0, -0.25, f64::MAX].map(Value::Decimal);
        let declared = [
            ("yes", Ty::Bool, Value::Bool(true)),
            ("wins", Ty::Whole, Value::Whole(3)),
            ("least", Ty::Whole, Value::Whole(i64::MIN)),
            ("none", Ty::Whole, Value::Whole(0)),
            ("threshold", Ty::Decimal, Value::Decimal(0.05)),
            ("widened", Ty::Decimal, Value::Whole(2)),
            ("id", Ty::Text, Value::text("pair-03")),
            ("kind", Ty::choice(["text", "image"]), Value::text("image")),
            ("limit", Ty::Span, Value::Span(Span::MAX)),
            ("began", Ty::Time, Value::Time("2026-01-31T10:00:00Z".parse().expect("a time"))),
            ("fee", Ty::Tao, Value::Tao(Rao(u64::MAX))),
            ("disk", Ty::Size, Value::Size(Size(u64::MAX))),
            ("request", Ty::Gpus, Value::Gpus(GpuRequest::parse("2xH100").expect("a request"))),
            ("scores", Ty::list(Ty::Decimal), Value::list(decimals)),
            ("counts", Ty::list(Ty::Whole), Value::list([3, 1, i64::MAX].map(Value::Whole))),
            ("empty", Ty::list(Ty::Whole), Value::list([])),
            ("points", Ty::map(Ty::Whole), Value::record([("5Fa", Value::Whole(3)), ("5Fb", Value::Whole(1))])),
            ("entrants", Ty::list(entrant.clone()), Value::list(all.clone())),
            ("boss", entrant.clone(), all[0].clone()),
            ("challenger", Ty::optional(entrant.clone()), all[2].clone()),
            ("nobody", Ty::optional(entrant.clone()), Value::Null),
            ("no_loss", Ty::optional(Ty::Decimal), Value::Null),
            ("no_text", Ty::optional(Ty::Text), Value::Null),
        ];
        let mut scope = Scope::new().with_function(Signature {
            name: name("gpus"),
            takes: vec![(name("entrant"), entrant)],
            gives: Ty::Gpus,
        });
        for (called, ty, _) in &declared {
            scope.insert(name(called), ty.clone());
        }
        Self { scope, values: declared.into_iter().map(|(called, _, value)| (called, value)).collect() }
    }
}

impl Env for World {
    fn value(&self, name: &str) -> Option<Value> {
        self.values.iter().find(|(called, _)| *called == name).map(|(_, value)| value.clone())
    }
    fn call(&self, _function: &str, _arguments: &[Value]) -> Result<Value, Failure> {
        Ok(Value::Gpus(GpuRequest::parse("2xH100").expect("a request")))
    }
}

/// Compiles a text both as an expression and as a text with `${…}`, and evaluates what is good: every mistake points
/// into the text, and every value is of the type that was promised.
pub fn go(text: &str) {
    match Rule::compile(text, &WORLD.scope) {
        Ok(rule) => holds(text, rule.ty(), rule.eval(&*WORLD)),
        Err(wrongs) => {
            assert!(!wrongs.is_empty(), "{text}");
            wrongs.iter().for_each(|wrong| assert!(text.get(wrong.bytes.clone()).is_some(), "{text}: {wrong:?}"));
        }
    }
    match Interpolation::compile(text, &WORLD.scope) {
        Ok(read) => holds(text, &read.ty(), read.eval(&*WORLD)),
        Err(wrongs) => {
            wrongs.iter().for_each(|wrong| assert!(text.get(wrong.bytes.clone()).is_some(), "{text}: {wrong:?}"));
        }
    }
}

/// A value is as promised; a failure is none of those that the check rules out.
fn holds(text: &str, ty: &Ty, value: Result<Value, Failure>) {
    match value {
        Ok(value) => assert!(value.is(ty), "{text}: {value:?} is no {ty}"),
        Err(failure @ (Failure::Unfit { .. } | Failure::NoValue { .. })) => panic!("{text}: {failure:?}"),
        Err(_) => {}
    }
}

pub fn kind() -> GpuKind {
    GpuKind::parse("H100").expect("a kind")
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

//! What is written out in full is computed once while it is checked: where it fails, it would fail in every run.

use super::{
    Env, Failure,
    ast::{Expr, Kind},
    check::{Checked, Checker},
    eval::evaluate,
    meter::Meter,
    wrong::Wrong,
};
use crate::base::Value;

/// Steps for all that one expression writes out: enough for amounts and short lists, too few to hold up whoever checks a
/// file of nothing else.
const STEPS: u64 = 4_000;

pub(super) const NEVER_RIGHT: &str = "wherever it is computed it has no value: write others";

pub(super) fn meter() -> Meter {
    Meter::of(STEPS)
}

/// There is nothing around what is written out in full.
struct Nothing;

impl Env for Nothing {
    fn value(&self, _: &str) -> Option<Value> {
        None
    }
    fn call(&self, function: &str, _: &[Value]) -> Result<Value, Failure> {
        Err(Failure::Host { function: function.into(), why: "it is asked during a run".into() })
    }
}

impl<'s> Checker<'_, 's> {
    /// Refuses a part that reads nothing and has no value.
    pub(super) fn fold(&mut self, expr: &Expr<'s>, checked: Checked) -> Checked {
        if matches!(expr.kind, Kind::Null | Kind::Bool(_) | Kind::Whole(_) | Kind::Decimal(_) | Kind::Text(_)) {
            return checked;
        }
        match evaluate(&checked.code, &[], &Nothing, &mut self.folding) {
            // What takes longer is left to the run.
            Ok(_) | Err(Failure::TooMuchWork) => checked,
            Err(failure) => {
                let wrong = Wrong::new("rule::bad_literal", expr.at, failure.to_string());
                self.wrong(wrong.help(NEVER_RIGHT))
            }
        }
    }
}

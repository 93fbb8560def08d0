//! The rule language: expressions over declared names, checked when a file is read, evaluated inside the pure core.
//!
//! It is a typed subset of CEL: what can be written in both means the same in both, except that
//! - every name and type is checked beforehand, so an expression that compiles cannot meet a type error;
//! - whole numbers and decimals mix freely; `/` of two whole numbers, which is 3 to some and 3.5 to others, is a mistake;
//! - a record's absent field is null, fields of null are null, and `x.or(default)` ends that;
//! - decimals are finite, amounts are never negative, and anything else is a [`Failure`];
//! - there are durations, money, sizes and more functions ([`functions()`]), and less of what a rule does not need.
//!
//! The parser is our own. No crate offers CEL with a static checker; the `cel` crate raises on `1 - 0.1` only when it
//! runs, exhausts the stack on nested brackets in an unoptimised build, and speaks of its grammar where an author
//! needs the place and what to write instead. A parser of the subset is small, its positions are exact, and its depth
//! is limited. A test compares this module with `cel` wherever both apply.
//!
//! `document`, `action`, `workflow`, `plan` and `run` compile and evaluate rules. Nothing here reads a clock, draws a
//! random number, does I/O or loops without a bound: the same rule over the same values is the same value everywhere.

mod arith;
mod ast;
mod calls;
mod check;
mod code;
mod eval;
mod failure;
mod fold;
mod functions;
mod interpolation;
mod laid;
mod lex;
mod lists;
mod literals;
mod meter;
mod operators;
mod order;
mod parse;
mod plain;
mod read;
mod scope;
#[cfg(test)]
mod tests;
mod types;
mod walk;
mod wrong;

use std::{fmt, sync::Arc};

pub use failure::Failure;
pub use functions::{FunctionDoc, functions};
pub use interpolation::Interpolation;
pub use plain::plain;
pub use scope::{Origin, Scope, Signature};
pub use wrong::Wrong;

use self::meter::Meter;
use crate::base::{Name, Ty, Value};

/// A compiled expression. Cheap to clone.
#[derive(Clone)]
pub struct Rule(Arc<Inner>);

struct Inner {
    text: String,
    findings: check::Findings,
}

/// Where an evaluation finds what the scope has declared.
pub trait Env {
    /// The value of a name; nothing when there is none yet.
    fn value(&self, name: &str) -> Option<Value>;
    /// Evaluates a host function.
    fn call(&self, function: &str, arguments: &[Value]) -> Result<Value, Failure>;
}

impl Rule {
    /// Reads and checks an expression. All mistakes of its types are told; of its syntax, the first.
    pub fn compile(text: &str, scope: &Scope) -> Result<Self, Vec<Wrong>> {
        let expr = parse::parse(text).map_err(|wrong| vec![wrong])?;
        Self::of(text, lex::At::new(0, text.len()), &expr, scope)
    }

    /// The rule that stands at some bytes of `text`.
    fn of(text: &str, at: lex::At, expr: &ast::Expr<'_>, scope: &Scope) -> Result<Self, Vec<Wrong>> {
        let findings = check::check(text, expr, scope)?;
        Ok(Self(Arc::new(Inner { text: text[at.start..at.end].to_owned(), findings })))
    }

    pub fn ty(&self) -> &Ty {
        &self.0.findings.ty
    }
    pub fn text(&self) -> &str {
        &self.0.text
    }
    /// Every way from a name of the scope along fields, such as `["rules", "boss", "start"]`.
    pub fn reads(&self) -> &[Vec<Arc<str>>] {
        &self.0.findings.reads
    }
    /// The host functions that are called.
    pub fn calls(&self) -> &[Name] {
        &self.0.findings.calls
    }
    pub fn eval(&self, env: &dyn Env) -> Result<Value, Failure> {
        self.metered(env, &mut Meter::new())
    }
    /// One of several evaluations that share what work is allowed.
    fn metered(&self, env: &dyn Env, meter: &mut Meter) -> Result<Value, Failure> {
        eval::evaluate(&self.0.findings.code, &self.0.findings.names, env, meter)
    }
}

/// The texts of what an expression may come to: its own, or those that its conditions choose between. None where it cannot
/// be read.
pub fn branches(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut left: Vec<ast::Expr<'_>> = parse::parse(text).into_iter().collect();
    while let Some(expr) = left.pop() {
        match expr.kind {
            ast::Kind::Choose(parts) => {
                let (_, one, other) = *parts;
                left.extend([other, one]);
            }
            _ => found.push(&text[expr.at.start..expr.at.end]),
        }
    }
    found
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({} : {})", self.text(), self.ty())
    }
}

//! The functions of the language: each one small item with its name, its meaning, its typing and its evaluation.
//!
//! The manual and the editor's help are generated from `functions()`; a test evaluates every example.

mod amounts;
mod call;
mod lists;
mod numbers;
mod texts;
mod walks;

use super::{code, wrong::Wrong};
use crate::base::Ty;

pub(super) use call::{Call, argument_count};

/// What the manual says about a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionDoc {
    pub name: &'static str,
    /// `clamp(x, low, high) -> number`; `x.clamp(low, high)` is the same call.
    pub signature: &'static str,
    pub about: &'static str,
    /// A rule that holds.
    pub example: &'static str,
}

pub(super) struct Function {
    pub(super) doc: FunctionDoc,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// Types the arguments, and names what computes the result.
    Plain(fn(&Call<'_>) -> Typed),
    /// Does something with every item of a list.
    Walk(code::How),
    /// `has(x.field)`
    Has,
    /// `x.or(default)`, whose second argument is computed only when it is needed.
    Or,
}

pub(super) type Typed = Result<(Ty, code::Apply), Wrong>;

/// Every function, for the manual.
pub fn functions() -> impl Iterator<Item = &'static FunctionDoc> {
    all().map(|function| &function.doc)
}

pub(super) fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.doc.name == name)
}

fn all() -> impl Iterator<Item = &'static Function> {
    [numbers::FUNCTIONS, lists::FUNCTIONS, walks::FUNCTIONS, texts::FUNCTIONS, amounts::FUNCTIONS].into_iter().flatten()
}

/// What a function is called elsewhere, and what to write here.
pub(super) fn elsewhere(name: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 20] = [
        ("not", "!condition"),
        ("len", "size(…)"),
        ("length", "size(…)"),
        ("string", "text(…)"),
        ("str", "text(…)"),
        ("int", "floor(…)"),
        ("float", "double(…)"),
        ("avg", "mean(…)"),
        ("average", "mean(…)"),
        ("round", "round_even(…)"),
        ("sort", "list.sort_by(e, e)"),
        ("sorted", "list.sort_by(e, e)"),
        ("take", "top(list, n)"),
        ("limit", "top(list, n)"),
        ("any", "list.exists(e, condition)"),
        ("lower", "lowerAscii(…)"),
        ("distinct", "unique(…)"),
        ("coalesce", "x.or(default)"),
        ("now", "a name that holds a time; expressions have no clock"),
        ("matches", "`startsWith`, `endsWith` or `contains`"),
    ];
    NAMES.iter().find(|(other, _)| *other == name).map(|(_, here)| *here)
}

/// An entry of a table of functions.
const fn plain(
    name: &'static str,
    signature: &'static str,
    about: &'static str,
    example: &'static str,
    typing: fn(&Call<'_>) -> Typed,
) -> Function {
    Function { doc: FunctionDoc { name, signature, about, example }, kind: Kind::Plain(typing) }
}

//! An expression as it was written: names are not looked up yet, types are not known.

use std::sync::Arc;

use super::lex::At;

pub(super) struct Expr<'s> {
    pub(super) at: At,
    pub(super) kind: Kind<'s>,
    /// Parts within parts, this one counted.
    pub(super) depth: usize,
}

impl<'s> Expr<'s> {
    pub(super) fn new(at: At, kind: Kind<'s>) -> Self {
        let depth = 1 + match &kind {
            Kind::Null | Kind::Bool(_) | Kind::Whole(_) | Kind::Decimal(_) | Kind::Text(_) | Kind::Name(_) => 0,
            Kind::List(parts) | Kind::Call(_, parts) => parts.iter().map(|part| part.depth).max().unwrap_or(0),
            Kind::Record(entries) => entries.iter().map(|(key, value)| key.depth.max(value.depth)).max().unwrap_or(0),
            Kind::Select(of, _) | Kind::Not(of) | Kind::Negate(of) => of.depth,
            Kind::Index(of, index) => of.depth.max(index.depth),
            Kind::Binary(_, sides) => sides.0.depth.max(sides.1.depth),
            Kind::Choose(parts) => parts.0.depth.max(parts.1.depth).max(parts.2.depth),
        };
        Self { at, kind, depth }
    }
}

pub(super) enum Kind<'s> {
    Null,
    Bool(bool),
    Whole(i64),
    Decimal(f64),
    Text(Arc<str>),
    List(Vec<Expr<'s>>),
    /// `{key: value}`
    Record(Vec<(Expr<'s>, Expr<'s>)>),
    Name(&'s str),
    Select(Box<Expr<'s>>, Word<'s>),
    Index(Box<Expr<'s>>, Box<Expr<'s>>),
    /// `f(a, b)` and `a.f(b)` are the same call; what stood before the dot is the first argument.
    Call(Word<'s>, Vec<Expr<'s>>),
    Not(Box<Expr<'s>>),
    Negate(Box<Expr<'s>>),
    Binary(Operator, Box<(Expr<'s>, Expr<'s>)>),
    Choose(Box<(Expr<'s>, Expr<'s>, Expr<'s>)>),
}

/// A word with its own place.
#[derive(Clone, Copy)]
pub(super) struct Word<'s> {
    pub(super) text: &'s str,
    pub(super) at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(super) fn sign(self) -> &'static str {
        TABLE.iter().find(|(_, operator, _)| *operator == self).map_or("", |(sign, ..)| *sign)
    }
    /// The operator that a sign stands for, and how tightly it binds.
    pub(super) fn of(sign: &str) -> Option<(Self, u8)> {
        TABLE.iter().find(|(found, ..)| *found == sign).map(|(_, operator, binding)| (*operator, *binding))
    }
}

const TABLE: [(&str, Operator, u8); 14] = [
    ("||", Operator::Or, 1),
    ("&&", Operator::And, 2),
    ("==", Operator::Equal, 3),
    ("!=", Operator::NotEqual, 3),
    ("<", Operator::Less, 3),
    ("<=", Operator::LessOrEqual, 3),
    (">", Operator::Greater, 3),
    (">=", Operator::GreaterOrEqual, 3),
    ("in", Operator::In, 3),
    ("+", Operator::Add, 4),
    ("-", Operator::Subtract, 4),
    ("*", Operator::Multiply, 5),
    ("/", Operator::Divide, 5),
    ("%", Operator::Remainder, 5),
];

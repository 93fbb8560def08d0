//! What can still go wrong when a checked expression is evaluated: the numbers and lists of the world.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::types::shortened;
use crate::base::limits::RULE_WORK_MAX;

/// Why an evaluation gave no value. Types cannot be wrong any more at this point.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    #[error("division by zero")]
    DivisionByZero,
    #[error("the result is too large to be held")]
    Overflow,
    #[error("the result is below zero, which a {of} cannot be")]
    BelowZero { of: Cow<'static, str> },
    #[error("the result is not a finite number")]
    NotFinite,
    #[error("there is no element {index} in a list of {size}")]
    NoElement { index: i64, size: usize },
    #[error("there is no key `{key}`")]
    NoKey { key: Arc<str> },
    #[error("the key `{key}` is given twice")]
    SameKey { key: Arc<str> },
    #[error("`{function}` of an empty list")]
    Empty { function: Cow<'static, str> },
    #[error("`{function}`: {why}")]
    OutOfRange { function: Cow<'static, str>, why: Cow<'static, str> },
    /// A text that was computed does not read as what it should be.
    #[error("{why}")]
    Unreadable { why: String },
    #[error(
        "the evaluation takes more than {} steps; go through a list once, and not once for each item of another, or give it \
         fewer items",
        RULE_WORK_MAX
    )]
    TooMuchWork,
    #[error("the result holds too much")]
    TooLarge,
    /// The environment was asked for a declared name and has no value for it.
    #[error("`{name}` has no value yet")]
    NoValue { name: Arc<str> },
    /// The environment gave a value of another type than the one it declared.
    #[error("a value is not of the type that was declared: expected {expected}")]
    Unfit { expected: Cow<'static, str> },
    /// A host function could not answer.
    #[error("`{function}`: {why}")]
    Host { function: Arc<str>, why: String },
}

impl Failure {
    pub(super) fn unfit(expected: &'static str) -> Self {
        Self::Unfit { expected: expected.into() }
    }
    pub(super) fn no_key(key: &str) -> Self {
        Self::NoKey { key: shortened(key).into() }
    }
    pub(super) fn same_key(key: &str) -> Self {
        Self::SameKey { key: shortened(key).into() }
    }
    pub(super) fn empty(function: &'static str) -> Self {
        Self::Empty { function: function.into() }
    }
    pub(super) fn out_of_range(function: &'static str, why: &'static str) -> Self {
        Self::OutOfRange { function: function.into(), why: why.into() }
    }
}

//! A checked expression: names are slots, functions are chosen, types need no further look.

use std::sync::Arc;

use super::{failure::Failure, meter::Meter};
use crate::base::{Name, Value};

/// What computes a function or an operator from its checked arguments.
pub(super) type Apply = fn(&mut Meter, &[Value]) -> Result<Value, Failure>;

#[derive(Debug)]
pub(super) enum Code {
    Constant(Value),
    /// A name of the scope, by its place among the names that the rule uses.
    Name(usize),
    /// What a macro bound, by its depth.
    Local(usize),
    /// A record's field; of null it is null, and a field that is absent is null.
    Field(Box<Code>, Arc<str>),
    /// A map's value.
    Key(Box<Code>, Box<Code>),
    /// Whether a record's field is there and not null.
    HasField(Box<Code>, Arc<str>),
    /// Whether a map has a key.
    HasKey(Box<Code>, Arc<str>),
    Index(Box<Code>, Box<Code>),
    List(Vec<Code>),
    Record(Vec<(Arc<str>, Code)>),
    Map(Vec<(Code, Code)>),
    Not(Box<Code>),
    Logic(Box<Logic>),
    Choose(Box<(Code, Code, Code)>),
    /// The first, unless it is null.
    Default(Box<(Code, Code)>),
    Two(Apply, Box<[Code; 2]>),
    Call(Apply, Vec<Code>),
    Host(Name, Vec<Code>),
    Walk(Box<Walk>),
}

/// `&&` and `||`. As in CEL, one side that decides the matter excuses a failure of the other side.
#[derive(Debug)]
pub(super) struct Logic {
    /// The value that decides: true for `||`, false for `&&`.
    pub(super) decides: bool,
    pub(super) left: Code,
    pub(super) right: Code,
}

/// A macro: something done with every item of a list, which `body` sees as the local `local`.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) how: How,
    pub(super) list: Code,
    /// The list is a map, whose keys are walked.
    pub(super) keys: bool,
    pub(super) local: usize,
    /// Items that do not hold are left out before `body` is computed.
    pub(super) only: Option<Code>,
    pub(super) body: Code,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Map,
    Filter,
    All,
    Exists,
    ExistsOne,
    Count,
    SortBy,
    SortByDescending,
    MinBy,
    MaxBy,
}

//! Looks into values whose types were checked. A value of another kind means that the environment broke its promise.

use std::sync::Arc;

use super::failure::Failure;
use crate::base::{Record, Span, Value};

pub(super) fn flag(value: &Value) -> Result<bool, Failure> {
    match value {
        Value::Bool(value) => Ok(*value),
        _ => Err(Failure::unfit("bool")),
    }
}
pub(super) fn whole(value: &Value) -> Result<i64, Failure> {
    match value {
        Value::Whole(number) => Ok(*number),
        _ => Err(Failure::unfit("whole")),
    }
}
/// A decimal; a whole number stands for one.
pub(super) fn number(value: &Value) -> Result<f64, Failure> {
    value.as_f64().ok_or_else(|| Failure::unfit("decimal"))
}
pub(super) fn text(value: &Value) -> Result<&Arc<str>, Failure> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(Failure::unfit("text")),
    }
}
pub(super) fn list(value: &Value) -> Result<&Arc<[Value]>, Failure> {
    match value {
        Value::List(items) => Ok(items),
        _ => Err(Failure::unfit("a list")),
    }
}
pub(super) fn record(value: &Value) -> Result<&Arc<Record>, Failure> {
    match value {
        Value::Record(record) => Ok(record),
        _ => Err(Failure::unfit("a record or a map")),
    }
}
pub(super) fn span(value: &Value) -> Result<Span, Failure> {
    match value {
        Value::Span(span) => Ok(*span),
        _ => Err(Failure::unfit("duration")),
    }
}
/// A decimal result, which must be finite.
pub(super) fn decimal(number: f64) -> Result<Value, Failure> {
    Value::decimal(number).ok_or(Failure::NotFinite)
}

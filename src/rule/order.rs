//! One total order over all values. Equality, `<`, sorting and `unique` all follow it, so they cannot disagree.
//!
//! Numbers compare by what they are worth, exactly and whatever their kind; a field that is absent counts as null;
//! the order of a record's fields does not matter.

use std::cmp::Ordering;

use super::{failure::Failure, meter::Meter};
use crate::base::{Record, Value};

/// Compares without counting: whoever calls it lets the meter weigh what is compared.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Whole(a), Value::Whole(b)) => a.cmp(b),
        (Value::Decimal(a), Value::Decimal(b)) => decimals(*a, *b),
        (Value::Whole(a), Value::Decimal(b)) => whole_and_decimal(*a, *b),
        (Value::Decimal(a), Value::Whole(b)) => whole_and_decimal(*b, *a).reverse(),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Span(a), Value::Span(b)) => a.cmp(b),
        (Value::Time(a), Value::Time(b)) => a.cmp(b),
        (Value::Tao(a), Value::Tao(b)) => a.cmp(b),
        (Value::Size(a), Value::Size(b)) => a.cmp(b),
        (Value::Gpus(a), Value::Gpus(b)) => a.cmp(b),
        (Value::List(a), Value::List(b)) => {
            let differ = a.iter().zip(b.iter()).map(|(a, b)| order(a, b)).find(|found| found.is_ne());
            differ.unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Record(a), Value::Record(b)) => records(a, b),
        _ => kind(a).cmp(&kind(b)),
    }
}

/// Compares, and counts what that costs.
pub(super) fn weighed(meter: &mut Meter, a: &Value, b: &Value) -> Result<Ordering, Failure> {
    meter.weigh(a)?;
    meter.weigh(b)?;
    Ok(order(a, b))
}

pub(super) fn equal(meter: &mut Meter, a: &Value, b: &Value) -> Result<bool, Failure> {
    weighed(meter, a, b).map(Ordering::is_eq)
}

/// Kinds that are never compared with one another still need an order, so that sorting is total.
fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Whole(_) | Value::Decimal(_) => 2,
        Value::Text(_) => 3,
        Value::Span(_) => 4,
        Value::Time(_) => 5,
        Value::Tao(_) => 6,
        Value::Size(_) => 7,
        Value::Gpus(_) => 8,
        Value::List(_) => 9,
        Value::Record(_) => 10,
    }
}

/// Decimals are finite, so they always compare; −0 and 0 are the same number.
fn decimals(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn whole_and_decimal(whole: i64, decimal: f64) -> Ordering {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if decimal >= BOUND {
        return Ordering::Less;
    }
    if decimal < -BOUND {
        return Ordering::Greater;
    }
    whole.cmp(&(decimal.trunc() as i64)).then(decimals(0.0, decimal.fract()))
}

fn records(a: &Record, b: &Record) -> Ordering {
    let sorted = |record: &Record| {
        let mut fields: Vec<_> = record.iter().filter(|(_, value)| *value != Value::Null).cloned().collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields
    };
    let (a, b) = (sorted(a), sorted(b));
    let pairs = a.iter().zip(&b).map(|(a, b)| a.0.cmp(&b.0).then_with(|| order(&a.1, &b.1)));
    pairs.into_iter().find(|found| found.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
}

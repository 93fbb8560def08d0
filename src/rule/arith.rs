//! Computes the arithmetic operators. Nothing wraps, rounds silently or leaves the finite numbers.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    failure::Failure,
    meter::Meter,
    order::{equal, weighed},
    read::{decimal, list, number, record, span, text, whole},
};
use crate::base::{Rao, Size, Span, Value};

type Answer = Result<Value, Failure>;

fn wholes(sides: &[Value], compute: impl Fn(i64, i64) -> Option<i64>) -> Answer {
    compute(whole(&sides[0])?, whole(&sides[1])?).map(Value::Whole).ok_or(Failure::Overflow)
}
pub(super) fn add_wholes(_: &mut Meter, sides: &[Value]) -> Answer {
    wholes(sides, i64::checked_add)
}
pub(super) fn subtract_wholes(_: &mut Meter, sides: &[Value]) -> Answer {
    wholes(sides, i64::checked_sub)
}
pub(super) fn multiply_wholes(_: &mut Meter, sides: &[Value]) -> Answer {
    wholes(sides, i64::checked_mul)
}
pub(super) fn divide_wholes(_: &mut Meter, sides: &[Value]) -> Answer {
    not_zero(&sides[1])?;
    wholes(sides, i64::checked_div)
}
pub(super) fn remainder(_: &mut Meter, sides: &[Value]) -> Answer {
    not_zero(&sides[1])?;
    wholes(sides, i64::checked_rem)
}
pub(super) fn negate_whole(_: &mut Meter, sides: &[Value]) -> Answer {
    whole(&sides[0])?.checked_neg().map(Value::Whole).ok_or(Failure::Overflow)
}

fn not_zero(divisor: &Value) -> Result<(), Failure> {
    if number(divisor)? == 0.0 { Err(Failure::DivisionByZero) } else { Ok(()) }
}

pub(super) fn add_decimals(_: &mut Meter, sides: &[Value]) -> Answer {
    decimal(number(&sides[0])? + number(&sides[1])?)
}
pub(super) fn subtract_decimals(_: &mut Meter, sides: &[Value]) -> Answer {
    decimal(number(&sides[0])? - number(&sides[1])?)
}
pub(super) fn multiply_decimals(_: &mut Meter, sides: &[Value]) -> Answer {
    decimal(number(&sides[0])? * number(&sides[1])?)
}
pub(super) fn divide_decimals(_: &mut Meter, sides: &[Value]) -> Answer {
    not_zero(&sides[1])?;
    decimal(number(&sides[0])? / number(&sides[1])?)
}
pub(super) fn negate_decimal(_: &mut Meter, sides: &[Value]) -> Answer {
    decimal(-number(&sides[0])?)
}

/// Durations, money and sizes: whole units that are never below zero.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Span,
    Tao,
    Size,
}

fn amount(value: &Value) -> Option<(Unit, u64)> {
    match value {
        Value::Span(span) => Some((Unit::Span, span.millis())),
        Value::Tao(amount) => Some((Unit::Tao, amount.0)),
        Value::Size(size) => Some((Unit::Size, size.0)),
        _ => None,
    }
}

impl Unit {
    fn of(self, units: u64) -> Answer {
        match self {
            Self::Span => Span::from_millis(units).map(Value::Span).ok_or(Failure::Overflow),
            Self::Tao => Ok(Value::Tao(Rao(units))),
            Self::Size => Ok(Value::Size(Size(units))),
        }
    }
    fn below_zero(self) -> Failure {
        let of = match self {
            Self::Span => "duration",
            Self::Tao => "tao",
            Self::Size => "size",
        };
        Failure::BelowZero { of: of.into() }
    }
    /// The magnitude of a result, given the sign it would have.
    fn signed(self, negative: bool, units: Option<u64>) -> Answer {
        match units {
            Some(units) if units == 0 || !negative => self.of(units),
            None if !negative => Err(Failure::Overflow),
            _ => Err(self.below_zero()),
        }
    }
}

fn amounts(sides: &[Value]) -> Result<(Unit, u64, u64), Failure> {
    match (amount(&sides[0]), amount(&sides[1])) {
        (Some((unit, a)), Some((other, b))) if unit == other => Ok((unit, a, b)),
        _ => Err(Failure::unfit("two amounts of one kind")),
    }
}
pub(super) fn add_amounts(_: &mut Meter, sides: &[Value]) -> Answer {
    let (unit, a, b) = amounts(sides)?;
    unit.of(a.checked_add(b).ok_or(Failure::Overflow)?)
}
pub(super) fn subtract_amounts(_: &mut Meter, sides: &[Value]) -> Answer {
    let (unit, a, b) = amounts(sides)?;
    unit.of(a.checked_sub(b).ok_or_else(|| unit.below_zero())?)
}
pub(super) fn ratio(_: &mut Meter, sides: &[Value]) -> Answer {
    let (_, a, b) = amounts(sides)?;
    if b == 0 { Err(Failure::DivisionByZero) } else { decimal(a as f64 / b as f64) }
}

/// An amount times a number, in either order.
pub(super) fn scale(_: &mut Meter, sides: &[Value]) -> Answer {
    let (found, factor) = match amount(&sides[0]) {
        Some(found) => (found, &sides[1]),
        None => (amount(&sides[1]).ok_or_else(|| Failure::unfit("an amount"))?, &sides[0]),
    };
    let (unit, units) = found;
    match factor {
        Value::Whole(factor) => unit.signed(*factor < 0, units.checked_mul(factor.unsigned_abs())),
        _ => {
            let factor = number(factor)?;
            unit.signed(factor < 0.0, times(units, factor.abs()))
        }
    }
}

/// An amount divided by a number, rounded half to even.
pub(super) fn divide_amount(_: &mut Meter, sides: &[Value]) -> Answer {
    let (unit, units) = amount(&sides[0]).ok_or_else(|| Failure::unfit("an amount"))?;
    not_zero(&sides[1])?;
    match &sides[1] {
        Value::Whole(divisor) => {
            let quotient = round_half_even(u128::from(units), u128::from(divisor.unsigned_abs()));
            unit.signed(*divisor < 0, u64::try_from(quotient).ok())
        }
        divisor => {
            let divisor = number(divisor)?;
            unit.signed(divisor < 0.0, over(units, divisor.abs()))
        }
    }
}

/// A finite number that is not negative, exactly: mantissa × 2^exponent.
fn parts(number: f64) -> (u128, i32) {
    const FRACTION_BITS: u32 = 52;
    let bits = number.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    match (bits >> FRACTION_BITS) & 0x7ff {
        0 => (u128::from(fraction), -1074),
        exponent => (u128::from(fraction | 1 << FRACTION_BITS), exponent as i32 - 1075),
    }
}

fn shifted(number: u128, by: u32) -> Option<u128> {
    (number == 0 || by < number.leading_zeros()).then(|| if number == 0 { 0 } else { number << by })
}

/// The exact product, rounded half to even; nothing when it is too large.
fn times(units: u64, factor: f64) -> Option<u64> {
    let (mantissa, exponent) = parts(factor);
    let product = u128::from(units) * mantissa;
    let rounded = match u32::try_from(exponent) {
        Ok(up) => shifted(product, up)?,
        // A product has at most 117 bits, so that nothing is left of it after 119.
        Err(_) => round_half_even(product, 1 << exponent.unsigned_abs().min(119)),
    };
    u64::try_from(rounded).ok()
}

/// The exact quotient, rounded half to even; nothing when it is too large.
fn over(units: u64, divisor: f64) -> Option<u64> {
    let (mantissa, exponent) = parts(divisor);
    let units = u128::from(units);
    let rounded = match u32::try_from(exponent) {
        // A divisor beyond the bits that are held leaves nothing of 64 bits.
        Ok(up) => shifted(mantissa, up).map_or(0, |divisor| round_half_even(units, divisor)),
        Err(_) => round_half_even(shifted(units, exponent.unsigned_abs())?, mantissa),
    };
    u64::try_from(rounded).ok()
}

fn round_half_even(number: u128, divisor: u128) -> u128 {
    let (quotient, rest) = (number / divisor, number % divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 == 1,
    };
    quotient + u128::from(up)
}

/// So many units of so many milliseconds, rounded half to even.
pub(super) fn span_of(count: &Value, millis: u64) -> Answer {
    match count {
        Value::Whole(count) => Unit::Span.signed(*count < 0, millis.checked_mul(count.unsigned_abs())),
        _ => {
            let count = number(count)?;
            Unit::Span.signed(count < 0.0, times(millis, count.abs()))
        }
    }
}

fn time(value: &Value) -> Result<Timestamp, Failure> {
    match value {
        Value::Time(time) => Ok(*time),
        _ => Err(Failure::unfit("time")),
    }
}
/// A length of time, which always fits: it is far below 2⁶³ milliseconds.
fn signed(span: Span) -> SignedDuration {
    SignedDuration::from_millis(span.millis() as i64)
}
pub(super) fn time_plus_span(_: &mut Meter, sides: &[Value]) -> Answer {
    let (time, span) = match &sides[0] {
        Value::Time(_) => (time(&sides[0])?, span(&sides[1])?),
        _ => (time(&sides[1])?, span(&sides[0])?),
    };
    time.checked_add(signed(span)).map(Value::Time).map_err(|_| Failure::Overflow)
}
pub(super) fn time_minus_span(_: &mut Meter, sides: &[Value]) -> Answer {
    let span = span(&sides[1])?;
    time(&sides[0])?.checked_sub(signed(span)).map(Value::Time).map_err(|_| Failure::Overflow)
}
/// Whole milliseconds between two moments; what is shorter is dropped.
pub(super) fn time_minus_time(_: &mut Meter, sides: &[Value]) -> Answer {
    let between = time(&sides[0])?.duration_since(time(&sides[1])?);
    if between.is_negative() {
        return Err(Unit::Span.below_zero());
    }
    Unit::Span.of(u64::try_from(between.as_millis()).map_err(|_| Failure::Overflow)?)
}

pub(super) fn join_texts(meter: &mut Meter, sides: &[Value]) -> Answer {
    let (a, b) = (text(&sides[0])?, text(&sides[1])?);
    meter.text(a.len() + b.len())?;
    Ok(Value::Text(Arc::from([&**a, &**b].concat())))
}
pub(super) fn join_lists(meter: &mut Meter, sides: &[Value]) -> Answer {
    let (a, b) = (list(&sides[0])?, list(&sides[1])?);
    meter.items(a.len() + b.len())?;
    Ok(Value::list(a.iter().chain(b.iter()).cloned()))
}

pub(super) fn equals(meter: &mut Meter, sides: &[Value]) -> Answer {
    equal(meter, &sides[0], &sides[1]).map(Value::Bool)
}
pub(super) fn differs(meter: &mut Meter, sides: &[Value]) -> Answer {
    equal(meter, &sides[0], &sides[1]).map(|equal| Value::Bool(!equal))
}
pub(super) fn less(meter: &mut Meter, sides: &[Value]) -> Answer {
    weighed(meter, &sides[0], &sides[1]).map(|found| Value::Bool(found.is_lt()))
}
pub(super) fn less_or_equal(meter: &mut Meter, sides: &[Value]) -> Answer {
    weighed(meter, &sides[0], &sides[1]).map(|found| Value::Bool(found.is_le()))
}
pub(super) fn greater(meter: &mut Meter, sides: &[Value]) -> Answer {
    weighed(meter, &sides[0], &sides[1]).map(|found| Value::Bool(found.is_gt()))
}
pub(super) fn greater_or_equal(meter: &mut Meter, sides: &[Value]) -> Answer {
    weighed(meter, &sides[0], &sides[1]).map(|found| Value::Bool(found.is_ge()))
}
pub(super) fn in_list(meter: &mut Meter, sides: &[Value]) -> Answer {
    for item in list(&sides[1])?.iter() {
        if equal(meter, &sides[0], item)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}
pub(super) fn in_map(meter: &mut Meter, sides: &[Value]) -> Answer {
    let map = record(&sides[1])?;
    meter.steps(map.len() as u64)?;
    Ok(Value::Bool(map.get(text(&sides[0])?).is_some()))
}
/// Stands where a value was wanted that no expression can have: the item of an empty list.
pub(super) fn never(_: &mut Meter, _: &[Value]) -> Answer {
    Err(Failure::unfit("a value"))
}

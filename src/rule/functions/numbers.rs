//! Functions of numbers.

use super::{Function, plain};
use crate::{
    base::{Ty, Value},
    rule::{
        arith,
        code::Apply,
        failure::Failure,
        meter::Meter,
        order::{order, weighed},
        read::{decimal, list, number, whole},
    },
};

type Answer = Result<Value, Failure>;

/// What is wrong with bounds that nothing is between.
const BOUNDS_CROSSED: &str = "the lower bound is above the upper one";

/// Where a whole number stays what it is.
#[expect(clippy::unnecessary_wraps, reason = "it stands among functions that may fail")]
fn same(_: &mut Meter, arguments: &[Value]) -> Answer {
    Ok(arguments[0].clone())
}
fn for_whole(ty: &Ty, whole: Apply, decimal: Apply) -> Apply {
    if *ty == Ty::Whole { whole } else { decimal }
}

pub(super) const FUNCTIONS: &[Function] = &[
    plain("abs", "abs(number) -> number", "the number without its sign", "abs(-2) == 2 && abs(-0.5) == 0.5", |call| {
        call.takes(1..=1)?;
        let ty = call.number(0)?;
        let apply = for_whole(&ty, abs_whole, abs_decimal);
        Ok((ty, apply))
    }),
    plain(
        "ceil",
        "ceil(number) -> whole",
        "the smallest whole number that is not smaller",
        "ceil(2.1) == 3 && ceil(-2.1) == -2",
        |call| {
            call.takes(1..=1)?;
            Ok((Ty::Whole, for_whole(&call.number(0)?, same, ceil)))
        },
    ),
    plain(
        "floor",
        "floor(number) -> whole",
        "the largest whole number that is not larger",
        "floor(2.9) == 2 && floor(-2.1) == -3",
        |call| {
            call.takes(1..=1)?;
            Ok((Ty::Whole, for_whole(&call.number(0)?, same, floor)))
        },
    ),
    plain(
        "round_even",
        "round_even(number) -> whole",
        "the nearest whole number; of two that are as near, the even one",
        "round_even(2.5) == 2 && round_even(3.5) == 4",
        |call| {
            call.takes(1..=1)?;
            Ok((Ty::Whole, for_whole(&call.number(0)?, same, round_even)))
        },
    ),
    plain(
        "round_to",
        "round_to(number, digits) -> decimal",
        "the number with so many digits after the point (0 to 15), half to even",
        "round_to(1.2345, 2) == 1.23",
        |call| {
            call.takes(2..=2)?;
            call.number(0)?;
            call.whole(1, "0 to 15 digits", 0..=15)?;
            Ok((Ty::Decimal, round_to))
        },
    ),
    plain("double", "double(number) -> decimal", "the number as a decimal", "double(7) / 2 == 3.5", |call| {
        call.takes(1..=1)?;
        call.number(0)?;
        Ok((Ty::Decimal, double))
    }),
    plain(
        "whole_div",
        "whole_div(whole, whole) -> whole",
        "how often the second goes into the first; the rest is dropped",
        "whole_div(7, 2) == 3 && whole_div(-7, 2) == -3",
        |call| {
            call.takes(2..=2)?;
            call.want(0, &Ty::Whole)?;
            call.want(1, &Ty::Whole)?;
            call.divisor(1)?;
            Ok((Ty::Whole, arith::divide_wholes))
        },
    ),
    plain(
        "pow",
        "pow(number, n) -> number",
        "the number multiplied n times, one after another, so that the result is the same on every machine",
        "pow(2, 10) == 1024 && pow(0.5, 2) == 0.25",
        |call| {
            call.takes(2..=2)?;
            let ty = call.number(0)?;
            call.whole(1, "an exponent that is not negative", 0..=i64::MAX)?;
            let apply = for_whole(&ty, pow_whole, pow_decimal);
            Ok((ty, apply))
        },
    ),
    plain(
        "min",
        "min(a, b, …) or min([T]) -> T",
        "the smallest; of an empty list it fails",
        "min(3, 1.5) == 1.5 && min([4, 2]) == 2",
        |call| {
            call.takes(1..=usize::MAX)?;
            let apply: Apply = if call.arguments.len() == 1 { min_of_list } else { min };
            Ok((call.ordered()?, apply))
        },
    ),
    plain(
        "max",
        "max(a, b, …) or max([T]) -> T",
        "the largest; of an empty list it fails",
        "max(3, 1.5) == 3 && max(['a', 'b']) == 'b'",
        |call| {
            call.takes(1..=usize::MAX)?;
            let apply: Apply = if call.arguments.len() == 1 { max_of_list } else { max };
            Ok((call.ordered()?, apply))
        },
    ),
    plain(
        "clamp",
        "clamp(x, low, high) -> T",
        "x, but not below low and not above high",
        "clamp(12, 0, 10) == 10 && clamp(0.5, 0, 1) == 0.5",
        |call| {
            call.takes(3..=3)?;
            let ty = call.ordered()?;
            match (call.literal(1), call.literal(2)) {
                (Some(low), Some(high)) if order(low, high).is_gt() => {
                    Err(call.bad_literal(1, format!("`clamp`: {BOUNDS_CROSSED}")))
                }
                _ => Ok((ty, clamp)),
            }
        },
    ),
];

fn abs_whole(_: &mut Meter, arguments: &[Value]) -> Answer {
    whole(&arguments[0])?.checked_abs().map(Value::Whole).ok_or(Failure::Overflow)
}
fn abs_decimal(_: &mut Meter, arguments: &[Value]) -> Answer {
    decimal(number(&arguments[0])?.abs())
}
/// A decimal without a fraction as a whole number.
fn to_whole(number: f64) -> Answer {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&number) { Ok(Value::Whole(number as i64)) } else { Err(Failure::Overflow) }
}
fn ceil(_: &mut Meter, arguments: &[Value]) -> Answer {
    to_whole(number(&arguments[0])?.ceil())
}
fn floor(_: &mut Meter, arguments: &[Value]) -> Answer {
    to_whole(number(&arguments[0])?.floor())
}
fn round_even(_: &mut Meter, arguments: &[Value]) -> Answer {
    to_whole(number(&arguments[0])?.round_ties_even())
}
/// Through its decimal digits, which are exact: scaling by a power of ten would not be.
fn round_to(_: &mut Meter, arguments: &[Value]) -> Answer {
    let digits = usize::try_from(whole(&arguments[1])?).ok().filter(|digits| *digits <= 15);
    let digits = digits.ok_or_else(|| Failure::out_of_range("round_to", "expected 0 to 15 digits"))?;
    let rounded = format!("{:.digits$}", number(&arguments[0])?);
    decimal(rounded.parse().map_err(|_| Failure::NotFinite)?)
}
fn double(_: &mut Meter, arguments: &[Value]) -> Answer {
    decimal(number(&arguments[0])?)
}

/// How often `pow` multiplies.
fn times(meter: &mut Meter, exponent: &Value) -> Result<u64, Failure> {
    let times = u64::try_from(whole(exponent)?)
        .map_err(|_| Failure::out_of_range("pow", "expected an exponent that is not negative"))?;
    meter.steps(times)?;
    Ok(times)
}
fn pow_whole(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let base = whole(&arguments[0])?;
    let mut power: i64 = 1;
    for _ in 0..times(meter, &arguments[1])? {
        power = power.checked_mul(base).ok_or(Failure::Overflow)?;
    }
    Ok(Value::Whole(power))
}
fn pow_decimal(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let base = number(&arguments[0])?;
    let mut power = 1.0;
    for _ in 0..times(meter, &arguments[1])? {
        power *= base;
    }
    decimal(power)
}

/// The first of the values that no other exceeds in the wanted direction.
fn best(meter: &mut Meter, values: &[Value], wanted: std::cmp::Ordering) -> Result<Option<Value>, Failure> {
    let Some((first, others)) = values.split_first() else {
        return Ok(None);
    };
    let mut best = first;
    for value in others {
        if weighed(meter, value, best)? == wanted {
            best = value;
        }
    }
    Ok(Some(best.clone()))
}
fn min(meter: &mut Meter, arguments: &[Value]) -> Answer {
    best(meter, arguments, std::cmp::Ordering::Less)?.ok_or_else(|| Failure::empty("min"))
}
fn max(meter: &mut Meter, arguments: &[Value]) -> Answer {
    best(meter, arguments, std::cmp::Ordering::Greater)?.ok_or_else(|| Failure::empty("max"))
}
fn min_of_list(meter: &mut Meter, arguments: &[Value]) -> Answer {
    min(meter, list(&arguments[0])?)
}
fn max_of_list(meter: &mut Meter, arguments: &[Value]) -> Answer {
    max(meter, list(&arguments[0])?)
}
fn clamp(_: &mut Meter, arguments: &[Value]) -> Answer {
    let [x, low, high] = arguments else {
        return Err(Failure::unfit("three values"));
    };
    if order(low, high).is_gt() {
        return Err(Failure::out_of_range("clamp", BOUNDS_CROSSED));
    }
    let bound = if order(x, low).is_lt() {
        low
    } else if order(x, high).is_gt() {
        high
    } else {
        x
    };
    Ok(bound.clone())
}

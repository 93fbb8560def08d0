//! Durations, money, sizes, GPUs and times: how they are written, and what they are in numbers.

use super::{Call, Function, Typed, plain};
use crate::{
    base::{GpuRequest, Rao, Size, Span, Ty, Value, limits::RULE_LENGTH_MAX},
    rule::{
        arith::span_of,
        code::Apply,
        failure::Failure,
        meter::Meter,
        read::{decimal, span, text},
    },
};

type Answer = Result<Value, Failure>;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("duration", "duration(text) -> duration", "a length of time", "duration('1h30m') == minutes(90)", |call| {
        written(call, Ty::Span, read_duration, |_, arguments| computed(arguments, read_duration))
    }),
    plain("tao", "tao(text) -> tao", "an amount of money", "tao('0.25 TAO') * 4 == tao('1 TAO')", |call| {
        written(call, Ty::Tao, read_tao, |_, arguments| computed(arguments, read_tao))
    }),
    plain(
        "bytes",
        "bytes(text) -> size",
        "an amount of memory or disk",
        "bytes('2GiB') / bytes('1MiB') == 2048.0",
        |call| written(call, Ty::Size, read_size, |_, arguments| computed(arguments, read_size)),
    ),
    plain("gpus_of", "gpus_of(text) -> gpus", "a request for GPUs", "text(gpus_of('2xH100')) == '2xH100'", |call| {
        written(call, Ty::Gpus, read_gpus, |_, arguments| computed(arguments, read_gpus))
    }),
    plain(
        "timestamp",
        "timestamp(text) -> time",
        "a moment",
        "timestamp('2026-01-31T12:00:00Z') - timestamp('2026-01-31T10:00:00Z') == hours(2)",
        |call| written(call, Ty::Time, read_time, |_, arguments| computed(arguments, read_time)),
    ),
    plain("days", "days(number) -> duration", "so many days", "days(0.5) == hours(12)", |call| {
        counted(call, |_, arguments| span_of(&arguments[0], 86_400_000))
    }),
    plain("hours", "hours(number) -> duration", "so many hours", "hours(1.5) == duration('1h30m')", |call| {
        counted(call, |_, arguments| span_of(&arguments[0], 3_600_000))
    }),
    plain("minutes", "minutes(number) -> duration", "so many minutes", "minutes(90) == hours(1.5)", |call| {
        counted(call, |_, arguments| span_of(&arguments[0], 60_000))
    }),
    plain("seconds", "seconds(number) -> duration", "so many seconds", "seconds(90) == minutes(1.5)", |call| {
        counted(call, |_, arguments| span_of(&arguments[0], 1_000))
    }),
    plain(
        "in_hours",
        "in_hours(duration) -> decimal",
        "how many hours it is long",
        "in_hours(duration('90m')) == 1.5",
        |call| {
            call.takes(1..=1)?;
            call.want(0, &Ty::Span)?;
            Ok((Ty::Decimal, in_hours))
        },
    ),
];

/// A literal is read when the rule is compiled, so that a slip is found there; any other text when it is known.
fn written(call: &Call<'_>, ty: Ty, read: fn(&str) -> Result<Value, String>, apply: Apply) -> Typed {
    call.takes(1..=1)?;
    call.text(0)?;
    if let Some(Value::Text(literal)) = call.literal(0) {
        read(literal).map_err(|why| call.bad_literal(0, why))?;
    }
    Ok((ty, apply))
}

fn counted(call: &Call<'_>, apply: Apply) -> Typed {
    call.takes(1..=1)?;
    call.number(0)?;
    Ok((Ty::Span, apply))
}

/// Reads a text that was computed. What is much longer than any amount is not looked at.
fn computed(arguments: &[Value], read: fn(&str) -> Result<Value, String>) -> Answer {
    let text = text(&arguments[0])?;
    if text.len() > RULE_LENGTH_MAX {
        return Err(Failure::TooLarge);
    }
    read(text).map_err(|why| Failure::Unreadable { why })
}
fn read_duration(text: &str) -> Result<Value, String> {
    Span::parse(text).map(Value::Span)
}
fn read_tao(text: &str) -> Result<Value, String> {
    Rao::parse(text).map(Value::Tao)
}
fn read_size(text: &str) -> Result<Value, String> {
    Size::parse(text).map(Value::Size)
}
fn read_gpus(text: &str) -> Result<Value, String> {
    GpuRequest::parse(text).map(Value::Gpus)
}
fn read_time(text: &str) -> Result<Value, String> {
    let wrong = |_| format!("expected a time such as `2026-01-31T12:00:00Z`, found `{text}`");
    text.parse().map(Value::Time).map_err(wrong)
}
fn in_hours(_: &mut Meter, arguments: &[Value]) -> Answer {
    decimal(span(&arguments[0])?.hours())
}

//! Functions of lists.

use super::{Call, Function, Typed, plain};
use crate::{
    base::{Rao, Size, Span, Ty, Value},
    rule::{
        arith,
        code::Apply,
        failure::Failure,
        meter::Meter,
        order::{equal, order},
        read::{decimal, list, number, record, text, whole},
        types::{can_equal, is_amount, is_number, said, values_of},
        wrong::Wrong,
    },
};

type Answer = Result<Value, Failure>;

pub(super) const FUNCTIONS: &[Function] = &[
    plain(
        "size",
        "size(text | [T] | map[T]) -> whole",
        "how many characters, items or keys there are",
        "size([1, 2, 3]) == 3 && 'Zoë'.size() == 3",
        |call| {
            call.takes(1..=1)?;
            let apply: Apply = match call.ty(0) {
                Ty::Never | Ty::List(_) => size_of_list,
                map if values_of(map).is_some() => size_of_map,
                Ty::Text | Ty::Choice(_) => {
                    no_size_literal(call)?;
                    size_of_text
                }
                _ => return Err(call.wrong(0, "a text, a list or a map")),
            };
            Ok((Ty::Whole, apply))
        },
    ),
    plain(
        "sum",
        "sum([T]) -> T",
        "all numbers or amounts added up; of an empty list, zero",
        "sum([1, 2.5]) == 3.5 && sum([tao('1 TAO'), tao('2 TAO')]) == tao('3 TAO')",
        |call| {
            call.takes(1..=1)?;
            let apply: Apply = match call.items(0)? {
                Ty::Never | Ty::Whole => return Ok((Ty::Whole, sum_of_wholes)),
                Ty::Decimal => sum_of_decimals,
                Ty::Span => sum_of_spans,
                Ty::Tao => sum_of_tao,
                Ty::Size => sum_of_sizes,
                Ty::Optional(_) | Ty::Null => return Err(call.nulls(0)),
                _ => return Err(call.wrong(0, "a list of numbers, durations or amounts")),
            };
            Ok((call.items(0)?, apply))
        },
    ),
    plain(
        "mean",
        "mean([number]) -> decimal",
        "the sum divided by the number of items; of an empty list it fails",
        "mean([1, 2, 6]) == 3.0",
        |call| numbers(call, mean),
    ),
    plain(
        "median",
        "median([number]) -> decimal",
        "the middle item in order, or the mean of the two in the middle; of an empty list it fails",
        "median([9, 1, 2]) == 2.0 && median([4, 1]) == 2.5",
        |call| numbers(call, median),
    ),
    plain("first", "first([T]) -> T?", "the first item, or null", "first([3, 1]).or(0) == 3", |call| {
        call.takes(1..=1)?;
        Ok((Ty::optional(call.items(0)?), first))
    }),
    plain("last", "last([T]) -> T?", "the last item, or null", "last([3, 1]).or(0) == 1", |call| {
        call.takes(1..=1)?;
        Ok((Ty::optional(call.items(0)?), last))
    }),
    plain(
        "top",
        "top([T], n) -> [T]",
        "the first n items, or all when there are fewer",
        "['a', 'b', 'c'].top(2) == ['a', 'b']",
        |call| list_and_count(call, 0, top),
    ),
    plain("skip", "skip([T], n) -> [T]", "all but the first n items", "['a', 'b', 'c'].skip(2) == ['c']", |call| {
        list_and_count(call, 0, skip)
    }),
    plain(
        "chunks",
        "chunks([T], n) -> [[T]]",
        "the items in groups of n; the last may be smaller",
        "[1, 2, 3].chunks(2) == [[1, 2], [3]]",
        |call| list_and_count(call, 1, chunks).map(|(ty, apply)| (Ty::list(ty), apply)),
    ),
    plain("reverse", "reverse([T]) -> [T]", "the items, last one first", "[1, 2].reverse() == [2, 1]", |call| {
        call.takes(1..=1)?;
        Ok((Ty::list(call.items(0)?), reverse))
    }),
    plain(
        "unique",
        "unique([T]) -> [T]",
        "the items without those that equal an earlier one",
        "unique([2, 1, 2]) == [2, 1]",
        |call| {
            call.takes(1..=1)?;
            Ok((Ty::list(call.items(0)?), unique))
        },
    ),
    plain(
        "flatten",
        "flatten([[T]]) -> [T]",
        "the items of all the lists, one after another",
        "flatten([[1], [2, 3]]) == [1, 2, 3]",
        |call| {
            call.takes(1..=1)?;
            match call.items(0)? {
                Ty::Never => Ok((Ty::list(Ty::Never), flatten)),
                Ty::List(item) => Ok((Ty::List(item), flatten)),
                Ty::Optional(_) | Ty::Null => Err(call.nulls(0)),
                _ => Err(call.wrong(0, "a list of lists")),
            }
        },
    ),
    plain("range", "range(n) -> [whole]", "the whole numbers from 0 to n - 1", "range(3) == [0, 1, 2]", |call| {
        call.takes(1..=1)?;
        call.whole(0, count_of_at_least(0), 0..=i64::MAX)?;
        Ok((Ty::list(Ty::Whole), range))
    }),
    plain(
        "index_of",
        "index_of([T], x) -> whole?",
        "the place of the first item that equals x, counted from 0, or null",
        "['a', 'b'].index_of('b').or(-1) == 1",
        |call| {
            call.takes(2..=2)?;
            let item = call.items(0)?;
            if !can_equal(&item, call.ty(1)) {
                return Err(call.never_in(1, &item));
            }
            Ok((Ty::optional(Ty::Whole), index_of))
        },
    ),
    plain(
        "present",
        "present([T?]) -> [T]",
        "the items that are not null",
        "present([1, null, 2]) == [1, 2]",
        |call| {
            call.takes(1..=1)?;
            let item = match call.items(0)? {
                Ty::Optional(item) => (*item).clone(),
                Ty::Null => Ty::Never,
                item => item,
            };
            Ok((Ty::list(item), present))
        },
    ),
    plain(
        "keys",
        "keys(map[T]) -> [text]",
        "the keys of a map",
        "keys({'5Fh': 1, '5Gk': 2}) == ['5Fh', '5Gk']",
        |call| {
            call.takes(1..=1)?;
            match call.ty(0) {
                Ty::Never => Ok((Ty::list(Ty::Text), keys)),
                map if values_of(map).is_some() => Ok((Ty::list(Ty::Text), keys)),
                _ => Err(call.wrong(0, "a map")),
            }
        },
    ),
    plain("values", "values(map[T]) -> [T]", "the values of a map", "values({'5Fh': 1, '5Gk': 2}) == [1, 2]", |call| {
        call.takes(1..=1)?;
        match (call.ty(0), values_of(call.ty(0))) {
            (Ty::Never, _) => Ok((Ty::list(Ty::Never), values)),
            (_, Some(item)) => Ok((Ty::list(item), values)),
            _ => Err(call.wrong(0, "a map")),
        }
    }),
];

/// `size('16GiB')` would be 5.
fn no_size_literal(call: &Call<'_>) -> Result<(), Wrong> {
    match call.literal(0) {
        Some(Value::Text(literal)) if Size::parse(literal).is_ok() => {
            let wrong = call.bad_literal(0, format!("`size` counts the characters of '{literal}'"));
            Err(wrong.help(format!("write `bytes('{literal}')` for an amount of memory")))
        }
        _ => Ok(()),
    }
}

fn numbers(call: &Call<'_>, apply: Apply) -> Typed {
    call.takes(1..=1)?;
    match call.items(0)? {
        Ty::Never => Ok((Ty::Decimal, apply)),
        item if is_number(&item) => Ok((Ty::Decimal, apply)),
        Ty::Optional(_) | Ty::Null => Err(call.nulls(0)),
        item => {
            let wrong = call.wrong(0, "a list of numbers");
            let list = said(call.text, call.arguments[0].at);
            let divided = format!("write `sum({list}) / size({list})`");
            Err(if is_amount(&item) { wrong.help(divided) } else { wrong })
        }
    }
}

fn list_and_count(call: &Call<'_>, least: i64, apply: Apply) -> Typed {
    call.takes(2..=2)?;
    let item = call.items(0)?;
    call.whole(1, count_of_at_least(least), least..=i64::MAX)?;
    Ok((Ty::list(item), apply))
}

fn count_of_at_least(least: i64) -> &'static str {
    if least == 0 { "a count that is not negative" } else { "a count of at least 1" }
}

fn count(size: usize) -> Value {
    Value::Whole(i64::try_from(size).unwrap_or(i64::MAX))
}
fn size_of_list(_: &mut Meter, arguments: &[Value]) -> Answer {
    Ok(count(list(&arguments[0])?.len()))
}
fn size_of_map(_: &mut Meter, arguments: &[Value]) -> Answer {
    Ok(count(record(&arguments[0])?.len()))
}
fn size_of_text(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let text = text(&arguments[0])?;
    meter.read(text.len())?;
    Ok(count(text.chars().count()))
}

/// Adds the items up, each looked at once.
fn fold<T>(
    meter: &mut Meter,
    arguments: &[Value],
    zero: T,
    add: impl Fn(T, &Value) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let items = list(&arguments[0])?;
    meter.steps(items.len() as u64)?;
    items.iter().try_fold(zero, add)
}
fn sum_of_wholes(meter: &mut Meter, arguments: &[Value]) -> Answer {
    fold(meter, arguments, 0i64, |sum, item| sum.checked_add(whole(item)?).ok_or(Failure::Overflow)).map(Value::Whole)
}
fn sum_of_decimals(meter: &mut Meter, arguments: &[Value]) -> Answer {
    fold(meter, arguments, 0.0, |sum, item| Ok(sum + number(item)?)).and_then(decimal)
}
fn sum_of_spans(meter: &mut Meter, arguments: &[Value]) -> Answer {
    sum_of_amounts(meter, arguments, Value::Span(Span::ZERO))
}
fn sum_of_tao(meter: &mut Meter, arguments: &[Value]) -> Answer {
    sum_of_amounts(meter, arguments, Value::Tao(Rao(0)))
}
fn sum_of_sizes(meter: &mut Meter, arguments: &[Value]) -> Answer {
    sum_of_amounts(meter, arguments, Value::Size(Size(0)))
}
fn sum_of_amounts(meter: &mut Meter, arguments: &[Value], zero: Value) -> Answer {
    let items = list(&arguments[0])?;
    items.iter().try_fold(zero, |sum, item| {
        meter.steps(1)?;
        arith::add_amounts(meter, &[sum, item.clone()])
    })
}
fn mean(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let size = list(&arguments[0])?.len();
    if size == 0 {
        return Err(Failure::empty("mean"));
    }
    decimal(fold(meter, arguments, 0.0, |sum, item| Ok(sum + number(item)?))? / size as f64)
}
fn median(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let items = list(&arguments[0])?;
    meter.sort(items.len())?;
    let mut items = items.iter().map(number).collect::<Result<Vec<_>, _>>()?;
    items.sort_by(f64::total_cmp);
    let middle = items.len() / 2;
    match items.get(middle) {
        None => Err(Failure::empty("median")),
        // Halved before they are added, so that the sum of two large ones stays finite.
        Some(upper) if items.len().is_multiple_of(2) => decimal(items[middle - 1] / 2.0 + upper / 2.0),
        Some(middle) => decimal(*middle),
    }
}

fn first(_: &mut Meter, arguments: &[Value]) -> Answer {
    Ok(list(&arguments[0])?.first().cloned().unwrap_or(Value::Null))
}
fn last(_: &mut Meter, arguments: &[Value]) -> Answer {
    Ok(list(&arguments[0])?.last().cloned().unwrap_or(Value::Null))
}
/// A list, and how many of its items are meant, which is at most all of them.
fn some<'v>(arguments: &'v [Value], function: &'static str, least: i64) -> Result<(&'v [Value], usize), Failure> {
    let (items, wanted) = (list(&arguments[0])?, whole(&arguments[1])?);
    if wanted < least {
        let why = if least == 0 { "expected a count that is not negative" } else { "expected a count of at least 1" };
        return Err(Failure::out_of_range(function, why));
    }
    Ok((items, usize::try_from(wanted).unwrap_or(usize::MAX).min(items.len())))
}
fn copied(meter: &mut Meter, items: &[Value]) -> Answer {
    meter.items(items.len())?;
    Ok(Value::List(items.into()))
}
fn top(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let (items, wanted) = some(arguments, "top", 0)?;
    copied(meter, &items[..wanted])
}
fn skip(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let (items, wanted) = some(arguments, "skip", 0)?;
    copied(meter, &items[wanted..])
}
fn chunks(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let (items, wanted) = some(arguments, "chunks", 1)?;
    meter.items(items.len())?;
    meter.items(items.len().div_ceil(wanted.max(1)))?;
    Ok(Value::list(items.chunks(wanted.max(1)).map(|chunk| Value::List(chunk.into()))))
}
fn reverse(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let items = list(&arguments[0])?;
    meter.items(items.len())?;
    Ok(Value::list(items.iter().rev().cloned()))
}
fn unique(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let items = list(&arguments[0])?;
    meter.items(items.len())?;
    meter.sort_values(items)?;
    // Stable, so that of equal items the first one stands first.
    let mut places: Vec<usize> = (0..items.len()).collect();
    places.sort_by(|&a, &b| order(&items[a], &items[b]));
    places.dedup_by(|later, earlier| order(&items[*later], &items[*earlier]).is_eq());
    places.sort_unstable();
    Ok(Value::list(places.into_iter().map(|at| items[at].clone())))
}
fn flatten(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let lists = list(&arguments[0])?;
    let mut size = 0usize;
    for inner in lists.iter() {
        size = size.saturating_add(list(inner)?.len());
    }
    meter.steps(lists.len() as u64)?;
    meter.items(size)?;
    let mut items = Vec::with_capacity(size);
    for inner in lists.iter() {
        items.extend(list(inner)?.iter().cloned());
    }
    Ok(Value::List(items.into()))
}
fn range(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let end = whole(&arguments[0])?;
    if end < 0 {
        return Err(Failure::out_of_range("range", "expected a count that is not negative"));
    }
    meter.items(usize::try_from(end).unwrap_or(usize::MAX))?;
    Ok(Value::list((0..end).map(Value::Whole)))
}
fn index_of(meter: &mut Meter, arguments: &[Value]) -> Answer {
    for (at, item) in list(&arguments[0])?.iter().enumerate() {
        if equal(meter, item, &arguments[1])? {
            return Ok(count(at));
        }
    }
    Ok(Value::Null)
}
fn present(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let items = list(&arguments[0])?;
    meter.items(items.len())?;
    Ok(Value::list(items.iter().filter(|item| **item != Value::Null).cloned()))
}
fn keys(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let map = record(&arguments[0])?;
    meter.items(map.len())?;
    Ok(Value::list(map.iter().map(|(key, _)| Value::Text(key.clone()))))
}
fn values(meter: &mut Meter, arguments: &[Value]) -> Answer {
    let map = record(&arguments[0])?;
    meter.items(map.len())?;
    Ok(Value::list(map.iter().map(|(_, value)| value.clone())))
}

//! Lists as people say them: which items, what of each, in which order.
//!
//! The words of expressions ask here for calls, records and items; what has no plain words is nothing.

use super::{
    ast::{Expr, Kind, Operator},
    plain::{self, Known, condition, path},
};

/// A call in words. The name that each item has in it stays, so that what is said of the item can be told from the rest.
pub(super) fn call(name: &str, arguments: &[Expr<'_>], known: Known<'_>) -> Option<String> {
    let said = |expr: &Expr<'_>| plain::words(expr, known);
    Some(match (name, arguments) {
        ("filter", [of, item, holds]) => format!("{} where {}", every(of, item, known)?, condition(holds, known)?),
        // What is left of a list is said with the same name.
        ("map", [of, item, value]) if is_left_of(of, item) => format!("{} of {}", said(value)?, said(of)?),
        ("map", [of, item, value]) => format!("{} of {}", said(value)?, every(of, item, known)?),
        ("map", [of, item, holds, value]) => {
            format!("{} of {} where {}", said(value)?, every(of, item, known)?, condition(holds, known)?)
        }
        ("count", [of, item, holds]) => {
            format!("the number of {} where {}", every(of, item, known)?, condition(holds, known)?)
        }
        ("sort_by", [of, _, key]) => format!("{}, those with the lowest {} first", said(of)?, said(key)?),
        ("sort_by_desc", [of, _, key]) => format!("{}, those with the highest {} first", said(of)?, said(key)?),
        ("min_by", [of, _, key]) => format!("the one of {} with the lowest {}", said(of)?, said(key)?),
        ("max_by", [of, _, key]) => format!("the one of {} with the highest {}", said(of)?, said(key)?),
        ("top", [of, count]) => format!("the first {} of {}", said(count)?, said(of)?),
        ("skip", [of, count]) => format!("{} without the first {}", said(of)?, said(count)?),
        ("index_of", [of, one]) => format!("the place of {} in {}", said(one)?, said(of)?),
        ("join", [of, between]) => format!("{}, with {} between them", said(of)?, said(between)?),
        ("unique", [of]) => format!("{}, each once", said(of)?),
        ("reverse", [of]) => format!("{}, the last one first", said(of)?),
        ("present", [of]) => format!("those of {} that there are", said(of)?),
        ("range", [count]) => format!("the numbers from 0 below {}", said(count)?),
        ("size", [of]) => format!("the number of {}", said(of)?),
        ("keys" | "values" | "first" | "last" | "sum" | "mean" | "median", [of]) => {
            format!("the {name} of {}", said(of)?)
        }
        ("min", [of]) => format!("the smallest of {}", said(of)?),
        ("max", [of]) => format!("the largest of {}", said(of)?),
        ("min", [one, other]) => format!("the smaller of {} and {}", said(one)?, said(other)?),
        ("max", [one, other]) => format!("the larger of {} and {}", said(one)?, said(other)?),
        ("gpus", [of]) => format!("the GPUs for {}", said(of)?),
        // What is only said in another form, and lists in a list, which are told as one anyway.
        ("flatten" | "text", [of]) => said(of)?,
        _ => return None,
    })
}

/// What must hold of a list, where that is what an expression says.
pub(super) fn condition_of(name: &str, arguments: &[Expr<'_>], not: bool, known: Known<'_>) -> Option<String> {
    let [of, item, holds] = arguments else { return None };
    let there = match (name, not) {
        ("exists", false) => "there is some",
        ("exists", true) => "there is no",
        ("all", false) => return Some(format!("{} is so: {}", every(of, item, known)?, condition(holds, known)?)),
        _ => return None,
    };
    let of = plain::words(of, known)?;
    Some(format!("{there} `{}` of {of} where {}", path(item)?.join("."), condition(holds, known)?))
}

/// The condition that an expression is, if it is one about a list or the opposite of another; the inner nothing where it has
/// no words.
#[expect(clippy::option_option, reason = "that it is no such condition is not that it has no words")]
pub(super) fn condition_or_not(expr: &Expr<'_>, known: Known<'_>) -> Option<Option<String>> {
    match &expr.kind {
        Kind::Call(name, arguments) if ["exists", "all"].contains(&name.text) => {
            Some(condition_of(name.text, arguments, false, known))
        }
        Kind::Not(of) if path(of).is_none() => Some(match &of.kind {
            Kind::Call(name, arguments) if name.text == "exists" => condition_of(name.text, arguments, true, known),
            Kind::Binary(Operator::In, sides) if !matches!(sides.1.kind, Kind::List(_)) => {
                plain::words(&sides.0, known)
                    .and_then(|one| Some(format!("{one} is not among {}", plain::words(&sides.1, known)?)))
            }
            _ => condition(of, known).map(|said| format!("not ({said})")),
        }),
        _ => None,
    }
}

/// Whether a list is what a condition leaves of another, the items of which have the same name there.
fn is_left_of(of: &Expr<'_>, item: &Expr<'_>) -> bool {
    let Kind::Call(name, arguments) = &of.kind else { return false };
    name.text == "filter" && arguments.get(1).is_some_and(|inner| path(inner).is_some() && path(inner) == path(item))
}

fn every(of: &Expr<'_>, item: &Expr<'_>, known: Known<'_>) -> Option<String> {
    Some(format!("every `{}` of {}", path(item)?.join("."), plain::words(of, known)?))
}

/// A record in words.
pub(super) fn record(entries: &[(Expr<'_>, Expr<'_>)], known: Known<'_>) -> Option<String> {
    let field = |(key, value): &(Expr<'_>, Expr<'_>)| {
        let value = match &value.kind {
            Kind::Text(text) if text.is_empty() => "empty".into(),
            _ => plain::words(value, known)?,
        };
        Some(format!("{} {value}", plain::words(key, known)?))
    };
    let fields: Option<Vec<String>> = entries.iter().map(field).collect();
    Some(format!("({})", fields?.join(", ")))
}

/// One item of a list or a map.
pub(super) fn item(of: &Expr<'_>, index: &Expr<'_>, known: Known<'_>) -> Option<String> {
    let of = plain::words(of, known)?;
    Some(match &index.kind {
        Kind::Whole(0) => format!("the first of {of}"),
        _ => format!("item {} of {of}", plain::words(index, known)?),
    })
}

/// A field of what is no name.
pub(super) fn field(of: &Expr<'_>, field: &str, known: Known<'_>) -> Option<String> {
    Some(format!("`{field}` of {}", plain::words(of, known)?))
}

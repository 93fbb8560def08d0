//! Lists as people say them: which items, what of each, in which order.
//!
//! The words of expressions ask here for calls, records and items; what has no plain words is nothing.

use super::{
    ast::{Expr, Kind, Operator},
    plain::{self, Known, Level, Said, condition, path},
};

/// A call in words. The name that each item has in it stays, so that what is said of the item can be told from the rest.
pub(super) fn call(name: &str, arguments: &[Expr<'_>], known: Known<'_>) -> Option<Said> {
    let said = |expr: &Expr<'_>| plain::words(expr, known);
    let one = |expr: &Expr<'_>| Some(said(expr)?.within(Level::One));
    let simple = |expr: &Expr<'_>| Some(said(expr)?.within(Level::Of));
    let whole = |expr: &Expr<'_>| Some(said(expr)?.within(Level::Clause));
    let holds = |expr: &Expr<'_>| condition(expr, known);
    Some(match (name, arguments) {
        ("filter", [of, item, when]) => {
            Level::Every.said(format!("{} where {}", every(of, item, known)?, holds(when)?))
        }
        // What is left of a list is said with the same name.
        ("map", [of, item, value]) if is_left_of(of, item) => {
            Level::Every.said(format!("{} of {}", one(value)?, said(of)?.text))
        }
        ("map", [of, item, value]) => Level::Every.said(format!("{} of {}", one(value)?, every(of, item, known)?)),
        ("map", [of, item, when, value]) => {
            let every = every(of, item, known)?;
            Level::Every.said(format!("{} of {every} where {}", one(value)?, holds(when)?))
        }
        ("count", [of, item, when]) => {
            Level::Every.said(format!("the number of {} where {}", every(of, item, known)?, holds(when)?))
        }
        ("sort_by" | "sort_by_desc", [of, _, key]) => {
            let end = if name == "sort_by" { "lowest" } else { "highest" };
            Level::Clause.said(format!("{}, those with the {end} {} first", whole(of)?, simple(key)?))
        }
        ("min_by", [of, _, key]) => {
            Level::Pair.said(format!("the one of {} with the lowest {}", simple(of)?, simple(key)?))
        }
        ("max_by", [of, _, key]) => {
            Level::Pair.said(format!("the one of {} with the highest {}", simple(of)?, simple(key)?))
        }
        ("top", [of, count]) => that_of(&format!("the first {} of", one(count)?), said(of)?),
        ("skip", [of, count]) => Level::Pair.said(format!("{} without the first {}", simple(of)?, one(count)?)),
        ("index_of", [of, item]) => Level::Pair.said(format!("the place of {} in {}", simple(item)?, simple(of)?)),
        ("join", [of, between]) => Level::Clause.said(format!("{}, with {} between them", whole(of)?, one(between)?)),
        ("unique", [of]) => Level::Clause.said(format!("{}, each once", whole(of)?)),
        ("reverse", [of]) => Level::Clause.said(format!("{}, the last one first", whole(of)?)),
        ("present", [of]) => Level::Pair.said(format!("those of {} that there are", simple(of)?)),
        ("range", [count]) => Level::Of.said(format!("the numbers from 0 below {}", simple(count)?)),
        ("size", [of]) => that_of("the number of", said(of)?),
        ("keys" | "values" | "first" | "last" | "sum" | "mean" | "median", [of]) => {
            that_of(&format!("the {name} of"), said(of)?)
        }
        ("min", [of]) => that_of("the smallest of", said(of)?),
        ("max", [of]) => that_of("the largest of", said(of)?),
        ("min", [left, right]) => Level::Pair.said(format!("the smaller of {} and {}", simple(left)?, simple(right)?)),
        ("max", [left, right]) => Level::Pair.said(format!("the larger of {} and {}", simple(left)?, simple(right)?)),
        ("gpus", [of]) => Level::Of.said(format!("the GPUs for {}", simple(of)?)),
        // What is only said in another form, and lists in a list, which are told as one anyway.
        ("flatten" | "text", [of]) => said(of)?,
        _ => return None,
    })
}

/// What is something of another: as far as that goes, the words for it go.
fn that_of(what: &str, of: Said) -> Said {
    let level = if of.level == Level::Every { Level::Every } else { Level::Of };
    level.said(format!("{what} {}", of.within(level)))
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
    let of = plain::words(of, known)?.within(Level::Of);
    Some(format!("{there} `{}` of {of} where {}", path(item)?.join("."), condition(holds, known)?))
}

/// Whether a condition is about a list: then it goes as far as the sentence does.
pub(super) fn goes_on(expr: &Expr<'_>) -> bool {
    match &expr.kind {
        Kind::Call(name, _) => ["exists", "all"].contains(&name.text),
        Kind::Not(of) => matches!(&of.kind, Kind::Call(name, _) if name.text == "exists"),
        _ => false,
    }
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
                let said = |side: &Expr<'_>, most| Some(plain::words(side, known)?.within(most));
                said(&sides.0, Level::Sum)
                    .and_then(|one| Some(format!("{one} is not among {}", said(&sides.1, Level::Of)?)))
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
    Some(format!("every `{}` of {}", path(item)?.join("."), plain::words(of, known)?.within(Level::Of)))
}

/// A record in words.
pub(super) fn record(entries: &[(Expr<'_>, Expr<'_>)], known: Known<'_>) -> Option<Said> {
    let field = |(key, value): &(Expr<'_>, Expr<'_>)| {
        let value = match &value.kind {
            Kind::Text(text) if text.is_empty() => "empty".into(),
            _ => plain::words(value, known)?.within(Level::Sum),
        };
        Some(format!("{} {value}", plain::words(key, known)?.within(Level::One)))
    };
    let fields: Option<Vec<String>> = entries.iter().map(field).collect();
    Some(Level::One.said(format!("({})", fields?.join(", "))))
}

/// One item of a list or a map.
pub(super) fn item(of: &Expr<'_>, index: &Expr<'_>, known: Known<'_>) -> Option<Said> {
    let of = plain::words(of, known)?;
    Some(match &index.kind {
        Kind::Whole(0) => that_of("the first of", of),
        _ => that_of(&format!("item {} of", plain::words(index, known)?.within(Level::One)), of),
    })
}

/// A field of what is no name.
pub(super) fn field(of: &Expr<'_>, field: &str, known: Known<'_>) -> Option<Said> {
    Some(that_of(&format!("`{field}` of"), plain::words(of, known)?))
}

//! What is said of a value that stands where another is wanted, and of values that do not go together.
//!
//! Whoever reads values and knows their types calls it.

use super::{given::constant, origin};
use crate::{
    base::{Mistake, Name, Place, Ty, Value, near, odd::odd_one},
    document::Tree,
    rule::Scope,
};

/// A field that one item of a list has under a name like the one that the others have.
pub(super) fn odd_field(items: &[Tree], types: &[Ty]) -> Option<Mistake> {
    let odd = odd_one(types)?;
    let (message, help) = odd.words();
    let place = key_in(&items[odd.at], odd.field.as_str()).unwrap_or(items[odd.at].place);
    Some(Mistake::new("workflow::odd_field", place, message).help(help))
}

/// Where a key of that name is written.
fn key_in(tree: &Tree, name: &str) -> Option<Place> {
    let below = || tree.entries().iter().map(|(_, value)| value).chain(tree.items()).find_map(|it| key_in(it, name));
    tree.key(name).map(|key| key.place).or_else(below)
}

/// A value of one type where another is wanted.
pub(super) fn misfit(tree: &Tree, found: &Ty, wanted: &Ty, scope: &Scope) -> Mistake {
    let strange = match (found, wanted) {
        (Ty::Choice(words), Ty::Choice(wanted)) => words.iter().find(|word| !wanted.contains(word)),
        _ => None,
    };
    let message = match strange {
        Some(word) => format!("this may give '{word}', which is no word that is expected here"),
        None => format!("expected {}, but this gives {}", with_article(wanted), with_article(found)),
    };
    let mistake = Mistake::new("workflow::wrong_type", tree.place, message);
    let mistake = origin::blame(mistake, tree.as_text().map_or("", |text| text), scope);
    match (found, wanted) {
        (Ty::Optional(inner), wanted) if inner.fits(wanted) => {
            mistake.help("it may be null: say what to take then, as in `x.or(…)`")
        }
        (Ty::Whole | Ty::Decimal, Ty::Span | Ty::Tao | Ty::Size | Ty::Gpus) => {
            mistake.help(with_unit(tree.as_text().and_then(|text| constant(text, scope)), wanted))
        }
        (Ty::Whole | Ty::Decimal | Ty::Bool | Ty::Span | Ty::Tao | Ty::Size | Ty::Gpus | Ty::Time, Ty::Text) => {
            mistake.help(format!("write `{}`", within(tree, "text")))
        }
        (Ty::Decimal, Ty::Whole) => {
            mistake.help(format!("write `{}`, or `ceil` or `round_even` in its place", within(tree, "floor")))
        }
        _ => mistake.maybe_help(found.why_not(wanted)),
    }
}

/// An expression, put into a function.
fn within(tree: &Tree, function: &str) -> String {
    let text = tree.as_text().map_or("…", |text| text.trim());
    match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => format!("${{{function}({})}}", inner.trim()),
        None => format!("{function}({text})"),
    }
}

/// How to write an amount where there is only a number, which is known where a rule holds it.
fn with_unit(number: Option<&Value>, wanted: &Ty) -> String {
    let number = number.map_or_else(|| "90".into(), Value::to_string);
    match wanted {
        Ty::Span => {
            format!("write a unit: `{number}s`, `{number}m` or `{number}h`; or ask `seconds(…)` for so many seconds")
        }
        Ty::Tao => format!("write the unit: `{number} TAO`"),
        Ty::Size => format!("write a unit: `{number}MiB` or `{number}GiB`"),
        _ => format!("write the kind too: `{number}xH100`"),
    }
}

/// A type as a sentence names it.
pub(super) fn with_article(ty: &Ty) -> String {
    match ty {
        Ty::Whole => "a whole number".into(),
        Ty::Decimal => "a number".into(),
        Ty::Bool => "`true` or `false`".into(),
        Ty::Span => "a length of time such as `20m`".into(),
        Ty::Tao => "an amount such as `0.25 TAO`".into(),
        Ty::Size => "a size such as `16GiB`".into(),
        Ty::Gpus => "GPUs such as `2xH100`".into(),
        Ty::Time => "a time such as `2026-07-06T14:00:00Z`".into(),
        Ty::Text => "a text".into(),
        Ty::List(item) => format!("a list of {item}"),
        Ty::Map(item) => format!("a mapping of names to {item}"),
        Ty::Choice(_) => format!("one of {ty}"),
        Ty::Record(record) => match &record.name {
            Some(name) => format!("`{name}`"),
            None => format!("a mapping with {}", near::list(record.fields.keys().map(Name::as_str))),
        },
        Ty::Optional(inner) => format!("{} or nothing", with_article(inner)),
        Ty::Null | Ty::Never => "nothing".into(),
    }
}

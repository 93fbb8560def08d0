//! Questions about types that the checker asks, and how its messages speak of them.

use super::{lex::At, wrong::Wrong};
use crate::base::{Ty, near};

pub(super) fn is_number(ty: &Ty) -> bool {
    matches!(ty, Ty::Whole | Ty::Decimal)
}
pub(super) fn is_text(ty: &Ty) -> bool {
    matches!(ty, Ty::Text | Ty::Choice(_))
}
/// Durations, money and sizes.
pub(super) fn is_amount(ty: &Ty) -> bool {
    matches!(ty, Ty::Span | Ty::Tao | Ty::Size)
}
/// What prints as one word or number.
pub(super) fn is_scalar(ty: &Ty) -> bool {
    is_number(ty) || is_text(ty) || is_amount(ty) || matches!(ty, Ty::Bool | Ty::Time | Ty::Gpus)
}
/// What the values of a map are: one written out, whose keys may all be names, is a record until a map is wanted.
pub(super) fn values_of(ty: &Ty) -> Option<Ty> {
    match ty {
        Ty::Map(item) => Some((**item).clone()),
        Ty::Record(record) if record.written => {
            record.fields.values().try_fold(Ty::Never, |all, field| all.join(field))
        }
        _ => None,
    }
}

/// The type that two ordered values are compared in; nothing where `<` means nothing.
pub(super) fn ordered(a: &Ty, b: &Ty) -> Option<Ty> {
    match (a, b) {
        (Ty::Never, other) | (other, Ty::Never) => Some(other.clone()),
        _ if is_number(a) && is_number(b) || is_text(a) && is_text(b) => a.join(b),
        (Ty::Bool | Ty::Span | Ty::Time | Ty::Tao | Ty::Size, _) if a == b => Some(a.clone()),
        _ => None,
    }
}

/// Whether some value of the one type can equal some value of the other.
pub(super) fn can_equal(a: &Ty, b: &Ty) -> bool {
    match (a, b) {
        (Ty::Never, _) | (_, Ty::Never) => true,
        (Ty::Optional(_) | Ty::Null, Ty::Optional(_) | Ty::Null) => true,
        (Ty::Optional(a), b) => can_equal(a, b),
        (a, Ty::Optional(b)) => can_equal(a, b),
        (Ty::Choice(a), Ty::Choice(b)) => a.iter().any(|word| b.contains(word)),
        (Ty::List(a), Ty::List(b)) | (Ty::Map(a), Ty::Map(b)) => can_equal(a, b),
        (Ty::Record(record), Ty::Map(item)) | (Ty::Map(item), Ty::Record(record)) => {
            record.fields.values().all(|field| can_equal(field, item))
        }
        (Ty::Record(a), Ty::Record(b)) => {
            a.fields.iter().all(|(name, ty)| b.fields.get(name).is_none_or(|other| can_equal(ty, other)))
        }
        _ => is_number(a) && is_number(b) || is_text(a) && is_text(b) || a == b,
    }
}

/// Parts that the type of a record written in an expression may have. Types share their parts, and what walks
/// over them does not, so that a short text could otherwise make a type of millions.
pub(super) const TYPE_PARTS_MAX: usize = 10_000;

/// How many types a type is made of; no more than `most` are counted.
pub(super) fn parts(ty: &Ty, most: usize) -> usize {
    let inner = match ty {
        Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => parts(inner, most),
        Ty::Record(record) => record.fields.values().fold(0, |sum, field| match most.saturating_sub(sum) {
            0 => sum,
            left => sum + parts(field, left),
        }),
        _ => 0,
    };
    (inner + 1).min(most)
}

/// A type as a message names it; a record without a name would be long.
pub(super) fn shown(ty: &Ty) -> String {
    shortened(&ty.to_string())
}

pub(super) fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The code that stands at a place, for a help that repeats it.
pub(super) fn said(text: &str, at: At) -> String {
    shortened(text.get(at.start..at.end).unwrap_or_default().trim())
}

/// The same, in brackets where an operator would tear it apart.
pub(super) fn held(text: &str, at: At) -> String {
    let said = said(text, at);
    let mut open = 0i32;
    let torn = said.chars().any(|c| {
        open += i32::from(matches!(c, '(' | '[' | '{')) - i32::from(matches!(c, ')' | ']' | '}'));
        open == 0 && "+-*/%<>=!&|?: ".contains(c)
    });
    if torn { format!("({said})") } else { said }
}

/// A value of one type stands where another is wanted.
pub(super) fn mismatch(text: &str, at: At, found: &Ty, wanted: &Ty, what: &str) -> Wrong {
    let message = format!("{what}expected {}, found {}", shown(wanted), shown(found));
    let wrong = |code| Wrong::new(code, at, message.clone());
    match (found, wanted) {
        (Ty::Optional(inner), _) if inner.fits(wanted) => wrong("rule::optional").help(optional_help(text, at)),
        (Ty::Decimal, Ty::Whole) => {
            let said = said(text, at);
            wrong("rule::mixed_numbers").help(format!("write `floor({said})` or `round_even({said})`"))
        }
        (Ty::Choice(words), Ty::Choice(wanted)) => {
            let strange = words.iter().find(|word| !wanted.contains(word));
            let help = strange.and_then(|word| near::did_you_mean(word, wanted.iter().map(|word| &**word)));
            wrong("rule::unknown_choice").maybe_help(help)
        }
        _ => wrong("rule::wrong_type").maybe_help(writing_help(found, wanted).or_else(|| found.why_apart(wanted))),
    }
}

/// A value that may be null stands where one is needed.
pub(super) fn optional(text: &str, at: At, found: &Ty) -> Wrong {
    let message = match found {
        Ty::Null => "expected a value, found null".to_owned(),
        _ => format!("expected a value, found {}, which may be null", shown(found)),
    };
    Wrong::new("rule::optional", at, message).help(optional_help(text, at))
}

fn optional_help(text: &str, at: At) -> String {
    format!("write `{}.or(…)` with what is meant when there is none", held(text, at))
}

/// How a value of the wanted type is written, where something near to it was found.
pub(super) fn writing_help(found: &Ty, wanted: &Ty) -> Option<String> {
    let written = match wanted {
        Ty::Span if is_number(found) => "`hours(2)`, `minutes(90)` or `duration('1h30m')`",
        Ty::Span => "`duration('1h30m')`",
        Ty::Tao => "`tao('0.25 TAO')`",
        Ty::Size => "`bytes('16GiB')`",
        Ty::Gpus => "`gpus_of('2xH100')`",
        Ty::Time => "`timestamp('2026-01-31T12:00:00Z')`",
        Ty::Text if is_scalar(found) => "`text(…)` around it",
        Ty::Decimal | Ty::Whole if *found == Ty::Span => "`in_hours(…)` around it",
        _ => return None,
    };
    (is_number(found) || is_text(found) || matches!(wanted, Ty::Text) || *found == Ty::Span)
        .then(|| format!("write {written}"))
}

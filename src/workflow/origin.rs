//! Whose fault a wrong type is: that of an expression, or that of the rule that it reads.
//!
//! A maintainer who writes `margin: 50%` is wrong on that line, though the expression that reads it is where no sense can
//! be made of it. `given` asks here for every mistake about types.

use std::collections::BTreeMap;

use super::given;
use crate::{
    base::{Mistake, Place, Value, near},
    document::Tree,
    rule::{Origin, Scope},
};

/// Tells the scope where each rule is written.
pub(super) fn note(scope: &mut Scope, path: &str, tree: &Tree) {
    for (key, value) in tree.entries() {
        let path = format!("{path}.{}", key.text);
        note(scope, &path, value);
        let (text, written) = match (given::plain(value), value.as_text()) {
            (Value::Text(text), _) => (Some(text), value.describe()),
            (_, Some(amount)) => (None, format!("`{amount}`")),
            _ => (None, value.describe()),
        };
        let is_blank = value.is_null() && value.place.start == value.place.end;
        let place = if value.place.start == value.place.end { key.place } else { value.place };
        let written = if value.is_null() && !is_blank { "`null`".into() } else { written };
        scope.insert_origin(path, Origin { place, written, text, is_blank });
    }
}

/// Points a mistake about the type of `piece` at the rules that it reads as well.
pub(super) fn blame(mut mistake: Mistake, piece: &str, scope: &Scope) -> Mistake {
    if let ("rule::bad_literal", Some(origin)) = (mistake.code, scope.origin(piece)) {
        let message = format!("the rule `{piece}` is {} here, which cannot be where it is read", origin.written);
        return Mistake::new("workflow::wrong_rule", origin.place, message)
            .related(mistake.place, mistake.message)
            .help("write a number that is not below zero");
    }
    if !matches!(
        mistake.code,
        "rule::wrong_type" | "rule::never_equal" | "rule::mixed_numbers" | "workflow::wrong_type"
    ) {
        return mistake;
    }
    let origins = scope.origins(piece);
    // Where a text is no good and a rule is a text, it is the rule that was mistyped.
    let wants_text = mistake.message.starts_with("expected a text");
    let mistyped = origins.iter().find_map(|(path, origin)| Some((*path, origin, origin.text.as_deref()?)));
    if let Some((path, origin, text)) = mistyped.filter(|_| !wants_text) {
        let message = format!("the rule `{path}` is the {}, which makes no sense where it is read", origin.written);
        return Mistake::new("workflow::wrong_rule", origin.place, message)
            .help(instead(text))
            .related(mistake.place, mistake.message);
    }
    for (path, origin) in origins {
        mistake = mistake.related(origin.place, format!("`{path}` is {} here", origin.written));
    }
    mistake
}

/// What was probably meant by a text that stands where a number, an amount or a length of time is wanted.
fn instead(text: &str) -> String {
    let percent = text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match (percent, text.trim().parse::<f64>()) {
        (Some(percent), _) if percent.is_finite() => format!("write `{}` for {text}", percent / 100.0),
        _ if near::with_point(text).is_some() => format!("write `{}`, with a point", text.trim().replace(',', ".")),
        (_, Ok(number)) if number.is_finite() => format!("write `{}`, without quotes", text.trim()),
        _ => "write a number, an amount, a length of time, or whatever is wanted there".into(),
    }
}

/// Mistakes about one rule, told once with all places that read it.
pub(super) fn gather(mistakes: Vec<Mistake>) -> Vec<Mistake> {
    const USES_SHOWN: usize = 4;
    let mut told: Vec<Mistake> = Vec::new();
    let mut at: BTreeMap<Place, usize> = BTreeMap::new();
    for mistake in mistakes {
        if mistake.code != "workflow::wrong_rule" {
            told.push(mistake);
        } else if let Some(at) = at.get(&mistake.place) {
            let before: &mut Mistake = &mut told[*at];
            if before.related.len() < USES_SHOWN {
                before.related.extend(mistake.related);
            }
        } else {
            at.insert(mistake.place, told.len());
            told.push(mistake);
        }
    }
    told
}

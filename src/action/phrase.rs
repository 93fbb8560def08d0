//! One sentence for a whole record, where its fields belong together: `x-says` at its type.
//!
//! `{field}` stands for what a field is, `{field:%}` for it as a percentage. What is between brackets is left out where one of
//! its fields is; `{?field}` only asks for that, and `{!field}` for the opposite.

use serde_json::Value as Json;

use super::words::{lower, meaning, ways};

/// The sentence of a record, if its type has one and the record has what it asks for.
pub(super) fn phrase(root: &Json, ways: &[&Json], record: &Json) -> Option<String> {
    let template = ways.iter().find_map(|way| way.get("x-says")?.as_str())?;
    let mut said = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('[') {
        said.push_str(&filled(&rest[..at], root, ways, record)?);
        let end = rest[at..].find(']').map_or(rest.len(), |end| at + end);
        said.push_str(&filled(rest.get(at + 1..end)?, root, ways, record).unwrap_or_default());
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    said.push_str(&filled(rest, root, ways, record)?);
    Some(said.trim_start_matches([';', ',', ' ']).to_owned())
}

/// A piece of a template with its fields put in; nothing where one of them is left out.
fn filled(piece: &str, root: &Json, ways: &[&Json], record: &Json) -> Option<String> {
    let mut text = String::new();
    let mut rest = piece;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        let end = at + rest[at..].find('}')?;
        let (path, form) = rest[at + 1..end].split_once(':').unwrap_or((&rest[at + 1..end], ""));
        let is = |name: &str| field(root, ways, record, name, form);
        match (path.strip_prefix('?'), path.strip_prefix('!')) {
            (Some(asked), _) => _ = is(asked)?,
            (_, Some(not)) => is(not).is_none().then_some(())?,
            _ => text.push_str(&is(path)?),
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    Some(text)
}

fn field(root: &Json, of: &[&Json], record: &Json, path: &str, form: &str) -> Option<String> {
    let (name, below) = path.split_once('.').unwrap_or((path, ""));
    let schemas: Vec<&Json> = of.iter().filter_map(|way| way.get("properties")?.get(name)).collect();
    let usual = || schemas.iter().find_map(|schema| schema.get("default")).filter(|usual| usual.as_f64() != Some(0.0));
    let value = record.get(name).or_else(usual)?;
    let inner: Vec<&Json> = schemas.iter().flat_map(|schema| ways(root, schema)).collect();
    if below.is_empty() { said(root, &inner, value, form) } else { field(root, &inner, value, below, form) }
}

/// A value in words; nothing for one that says nothing.
fn said(root: &Json, of: &[&Json], value: &Json, form: &str) -> Option<String> {
    match value {
        Json::Null | Json::Bool(false) => None,
        Json::Bool(true) => Some("yes".into()),
        Json::Number(number) => Some(as_number(number.as_f64()?, form)),
        Json::String(text) => Some(meaning(of, value).map_or_else(|| text.clone(), |meaning| lower(&meaning))),
        Json::Array(items) => {
            let inner: Vec<&Json> =
                of.iter().filter_map(|way| way.get("items")).flat_map(|items| ways(root, items)).collect();
            let said: Option<Vec<String>> = items.iter().map(|item| self::said(root, &inner, item, form)).collect();
            let between = if items.iter().any(Json::is_object) { "; " } else { ", " };
            said.filter(|said| !said.is_empty()).map(|said| said.join(between))
        }
        Json::Object(fields) => phrase(root, of, value).or_else(|| {
            let of_each = |(name, value)| Some(format!("{name} {}", said(root, &[], value, form)?));
            let said: Option<Vec<String>> = fields.iter().map(of_each).collect();
            said.filter(|said| !said.is_empty()).map(|said| said.join(", "))
        }),
    }
}

fn as_number(number: f64, form: &str) -> String {
    let percent = || format!("{}%", (number * 1e6).round() / 1e4);
    match form {
        "%" => percent(),
        "majority" if number == 0.5 => "a majority, more than half".into(),
        "majority" => format!("more than {}", percent()),
        "tasks" if number == 1.0 => "1 task".into(),
        "tasks" => format!("{number} tasks"),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(says: &str, record: &Json) -> Option<String> {
        let share =
            json!({ "properties": { "of": {}, "odd": { "oneOf": [{ "const": "bye", "description": "Nobody." }] } } });
        let root = json!({ "$defs": { "Share": share } });
        let schema = json!({
            "x-says": says,
            "properties": { "from": { "default": 2 }, "share": { "$ref": "#/$defs/Share" }, "few": {}, "kinds": {} },
        });
        phrase(&root, &[&schema], record)
    }

    #[test]
    fn what_is_left_out_takes_its_piece_along() {
        let record =
            json!({ "share": { "of": 0.0525, "odd": "bye" }, "few": false, "kinds": { "dpo": 0.5, "grpo": 0.125 } });
        for (says, expected) in [
            ("{from:tasks} of {share.of:%}", Some("2 tasks of 5.25%")),
            ("[; a few {few}][; {share.odd}]", Some("nobody")),
            ("[{?few}few, ]kinds {kinds:%}", Some("kinds dpo 50%, grpo 12.5%")),
            ("[{!few}none]{!few}[{!from}many]", Some("none")),
            ("{few} are needed", None),
            ("[{unknown}]{share.of:majority} of them", Some("more than 5.25% of them")),
            ("{share}", Some("of 0.0525, odd bye")),
            ("[{broken", Some("")),
        ] {
            assert_eq!(told(says, &record).as_deref(), expected, "{says}");
        }
    }
}

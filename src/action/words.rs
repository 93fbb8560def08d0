//! What a step says to its action, in the words that describe the action's fields.
//!
//! The book of rules is made of these, so every action has its sentences from the day it has its types.

use schemars::SchemaGenerator;
use serde_json::Value as Json;

use super::{Action, phrase::phrase};

/// What is written at a field, as far as the file alone tells.
#[derive(Clone, Debug)]
pub enum Said {
    Known(Json),
    /// An expression, and the rules that it reads with what they are.
    Computed(String, Vec<(String, String)>),
    Fields(Vec<(String, Self)>),
    Items(Vec<Self>),
}

/// One field, what it is, and what is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub path: String,
    pub about: String,
    pub value: String,
    /// The rules that an expression reads, with what they are.
    pub rules: Vec<(String, String)>,
}

impl Action {
    /// The fields of an input, those within fields too, in the order of the author.
    pub fn told(&self, input: &Said) -> Vec<Told> {
        let mut generator = SchemaGenerator::default();
        let schema = Json::from(self.schema(&mut generator));
        let root = serde_json::json!({ "$defs": generator.take_definitions(true) });
        let mut told = Vec::new();
        tell(&root, &[&schema], input, "", "", &mut told);
        told
    }
}

fn tell(root: &Json, schemas: &[&Json], said: &Said, path: &str, about: &str, told: &mut Vec<Told>) {
    let ways: Vec<&Json> = schemas.iter().flat_map(|schema| ways(root, schema)).collect();
    let mut leaf = |value: String, rules: Vec<(String, String)>| {
        told.push(Told { path: path.into(), about: about.into(), value, rules });
    };
    match said {
        Said::Known(Json::Null) => {}
        Said::Known(record @ Json::Object(fields)) => {
            if let Some(said) = phrase(root, &ways, record) {
                return leaf(said, Vec::new());
            }
            for (name, value) in fields {
                within(root, &ways, name, &Said::Known(value.clone()), path, about, told);
            }
        }
        Said::Known(Json::Array(items)) if items.iter().all(|item| !item.is_object()) => {
            let words: Vec<String> = items.iter().map(|item| word(root, &ways, item)).collect();
            leaf(if words.is_empty() { "none".into() } else { words.join(", ") }, Vec::new());
        }
        Said::Known(Json::Array(items)) => {
            let inner: Vec<&Json> =
                ways.iter().filter_map(|way| way.get("items")).flat_map(|items| self::ways(root, items)).collect();
            let said: Option<Vec<String>> = items.iter().map(|item| phrase(root, &inner, item)).collect();
            if let Some(said) = said {
                return leaf(said.join("; "), Vec::new());
            }
            let items: Vec<Said> = items.iter().cloned().map(Said::Known).collect();
            tell(root, schemas, &Said::Items(items), path, about, told);
        }
        Said::Known(value) => leaf(word(root, &ways, value), Vec::new()),
        Said::Computed(expression, rules) => leaf(expression.clone(), rules.clone()),
        Said::Fields(fields) => {
            for (name, value) in fields {
                within(root, &ways, name, value, path, about, told);
            }
        }
        Said::Items(items) => {
            let inner: Vec<&Json> = ways.iter().filter_map(|way| way.get("items")).collect();
            for (i, item) in items.iter().enumerate() {
                tell(root, &inner, item, &format!("{path}[{}]", i + 1), about, told);
            }
        }
    }
}

fn within(root: &Json, ways: &[&Json], name: &str, said: &Said, path: &str, about: &str, told: &mut Vec<Told>) {
    let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let found: Vec<&Json> = ways.iter().filter_map(|way| way.get("properties")?.get(name)).collect();
    let described = found.iter().flat_map(|schema| self::ways(root, schema)).find_map(description);
    let own = found.iter().find_map(|schema| description(schema)).or(described);
    let about =
        own.unwrap_or_else(|| if about.is_empty() { name.replace('_', " ") } else { format!("{about}, {name}") });
    tell(root, &found, said, &path, &about, told);
}

/// A value as it is written; a word that has a meaning, with the meaning.
fn word(root: &Json, ways: &[&Json], value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Bool(true) => "yes".into(),
        Json::Bool(false) => "no".into(),
        other => other.to_string(),
    };
    let items: Vec<&Json> =
        ways.iter().filter_map(|way| way.get("items")).flat_map(|items| self::ways(root, items)).collect();
    match meaning(ways, value).or_else(|| meaning(&items, value)) {
        Some(meaning) => format!("{text} ({})", lower(&meaning)),
        None => text,
    }
}

/// What a word means.
pub(super) fn meaning(ways: &[&Json], value: &Json) -> Option<String> {
    ways.iter().find_map(|way| (way.get("const") == Some(value)).then(|| description(way))?)
}

/// A schema with all that it refers to and all its alternatives, laid side by side.
pub(super) fn ways<'s>(root: &'s Json, schema: &'s Json) -> Vec<&'s Json> {
    let mut found = vec![schema];
    if let Some(target) = schema.get("$ref").and_then(Json::as_str)
        && let Some(target) = root.pointer(target.trim_start_matches('#'))
    {
        found.extend(ways(root, target));
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for way in schema.get(key).and_then(Json::as_array).into_iter().flatten() {
            found.extend(ways(root, way));
        }
    }
    found
}

/// The description without its full stop, as the first half of a sentence.
fn description(schema: &Json) -> Option<String> {
    let text = schema.get("description")?.as_str()?.split("\n\n").next()?.replace('\n', " ");
    Some(text.trim().trim_end_matches('.').to_owned()).filter(|text| !text.is_empty())
}

pub(super) fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_told_in_the_words_of_their_types() {
        let action = crate::action::find("score").unwrap();
        let told = action.told(&Said::Fields(vec![
            ("results".into(), Said::Computed("`field`".into(), Vec::new())),
            ("better".into(), Said::Known(json!("lower"))),
        ]));
        let words: Vec<String> = told.iter().map(|it| format!("{}: {}", it.about, it.value)).collect();
        assert_eq!(words, ["The results, one for each entrant: `field`", "Which results are better: lower (losses)"]);
    }
}

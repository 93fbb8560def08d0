//! What an action is given, as it would be if the rules were written where they are read.
//!
//! Most fields of a shipped workflow only name a rule, and the rule is what its maintainer writes. Held against the field's
//! schema in the field's place, a slip in it is told like any other: on its own line, with what was expected there.

use std::collections::HashMap;

use schemars::SchemaGenerator;
use serde_json::Value as Json;

use crate::{
    action::{Action, Takes},
    base::Mistake,
    document::{Node, Tree, shape, types::read_format},
};

/// The schemas of what actions take, each made when it is first needed.
#[derive(Default)]
pub(super) struct Schemas(HashMap<&'static str, Json>);

/// A mistake for every rule that an input names and that its field does not take.
pub(super) fn check(schemas: &mut Schemas, action: &Action, input: &Tree, rules: &Tree) -> Vec<Mistake> {
    if !matches!(action.takes, Takes::Fields { .. }) || !names_a_rule(input, rules) {
        return Vec::new();
    }
    let schema = schemas.0.entry(action.name).or_insert_with(|| {
        let mut generator = SchemaGenerator::default();
        let mut schema = action.schema(&mut generator).to_value();
        schema["$defs"] = generator.take_definitions(true).into();
        schema
    });
    let mut written = input.clone();
    replace(&mut written, rules);
    let mut found = Vec::new();
    shape::check(&written, schema, &read_format, &mut found);
    // What is written in the step itself is told by those who know the types of its expressions.
    found.retain(|mistake| !input.place.holds(mistake.place));
    found
}

fn names_a_rule(tree: &Tree, rules: &Tree) -> bool {
    match &tree.node {
        Node::Text(text) => named(text.as_str(), rules).is_some(),
        Node::List(items) => items.iter().any(|item| names_a_rule(item, rules)),
        Node::Map(entries) => entries.iter().any(|(_, value)| names_a_rule(value, rules)),
        _ => false,
    }
}

fn replace(tree: &mut Tree, rules: &Tree) {
    match &mut tree.node {
        Node::Text(text) => {
            if let Some(rule) = named(text.as_str(), rules) {
                *tree = rule.clone();
            }
        }
        Node::List(items) => items.iter_mut().for_each(|item| replace(item, rules)),
        Node::Map(entries) => entries.iter_mut().for_each(|(_, value)| replace(value, rules)),
        _ => {}
    }
}

/// The rule that a text names and nothing else.
fn named<'r>(text: &str, rules: &'r Tree) -> Option<&'r Tree> {
    let mut path = text.strip_prefix("${")?.strip_suffix('}')?.trim().split('.');
    path.next().filter(|first| *first == "rules")?;
    let rule = path.try_fold(rules, |at, key| at.get(key))?;
    // A rule that is itself computed is a mistake of its own, and one that is empty has nothing to point at.
    let is_plain = rule.as_text().is_none_or(|text| !text.contains("${"));
    (is_plain && !rule.is_null()).then_some(rule)
}

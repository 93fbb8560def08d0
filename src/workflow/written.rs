//! What an action is given, as it would be if the rules were written where they are read.
//!
//! Most fields of a shipped workflow only name a rule, and the rule is what its maintainer writes. Held against the field's
//! schema in the field's place, a slip in it is told like any other: on its own line, with what was expected there.

use std::collections::HashMap;

use schemars::SchemaGenerator;
use serde_json::Value as Json;

use crate::{
    action::{Action, Takes},
    base::{Mistake, Place},
    document::{Key, Node, Tree, shape, types::read_format},
    rule,
};

/// The rules as they are written, and what was found wrong with them where actions take them.
#[derive(Default)]
pub(super) struct Written {
    rules: Option<Tree>,
    /// The schemas of what actions take, each made when it is first needed.
    schemas: HashMap<&'static str, Json>,
    /// Inputs of which a rule is told instead of what its expression gives.
    told: Vec<Place>,
    pub(super) mistakes: Vec<Mistake>,
    /// What was found wrong with values that are written out in steps; those who know the types may have told it too.
    pub(super) literals: Vec<Mistake>,
}

impl Written {
    pub(super) fn of(document: &Tree) -> Self {
        Self { rules: document.get("rules").cloned(), ..Self::default() }
    }

    /// Adds a mistake for every rule that an input names and that its field does not take, and for every value written out
    /// in it that its field takes no such of.
    pub(super) fn check(&mut self, action: &Action, input: &Tree) {
        if !matches!(action.takes, Takes::Fields { .. }) {
            return;
        }
        let schema = self.schemas.entry(action.name).or_insert_with(|| {
            let mut generator = SchemaGenerator::default();
            let mut schema = action.schema(&mut generator).to_value();
            schema["$defs"] = generator.take_definitions(true).into();
            schema
        });
        let mut found = Vec::new();
        match self.rules.as_ref().filter(|rules| names_a_rule(input, rules)) {
            // Where a condition chooses between rules, each of them is held against the field in its turn.
            Some(rules) => {
                for which in 0..choices(input) {
                    let mut written = input.clone();
                    replace(&mut written, rules, which);
                    let mut mistakes = Vec::new();
                    shape::check(&written, schema, &read_format, &mut mistakes);
                    found.extend(mistakes.into_iter().filter(|mistake| !found.contains(mistake)).collect::<Vec<_>>());
                }
            }
            None => shape::check(input, schema, &read_format, &mut found),
        }
        // What is written in the step itself is told by those who know the types of its expressions, but for what no type
        // says.
        let (own, mut found): (Vec<_>, Vec<_>) = found.into_iter().partition(|mistake| holds(input, mistake.place));
        let beyond_types = ["document::wrong_value", "document::out_of_range", "document::unknown_key"];
        let is_literal = |it: &Mistake| beyond_types.contains(&it.code) && !is_computed(input, it.place);
        self.literals.extend(own.into_iter().filter(is_literal));
        self.told.extend((!found.is_empty()).then_some(input.place));
        self.mistakes.append(&mut found);
    }

    /// Whether a mistake about types only repeats what is told of a rule.
    pub(super) fn tells(&self, mistake: &Mistake) -> bool {
        let about_types = matches!(mistake.code, "workflow::wrong_type" | "workflow::wrong_rule");
        let mut places = mistake.related.iter().map(|(place, _)| *place).chain([mistake.place]);
        about_types && places.any(|place| self.told.iter().any(|input| input.holds(place)))
    }
}

/// Whether a place is in a tree; what a variant lays over its base is in several files.
fn holds(tree: &Tree, place: Place) -> bool {
    let below = |(key, value): &(Key, Tree)| key.place.holds(place) || holds(value, place);
    tree.place.holds(place) || tree.entries().iter().any(below) || tree.items().iter().any(|item| holds(item, place))
}

/// Whether what stands at a place is an expression.
fn is_computed(tree: &Tree, place: Place) -> bool {
    let here = tree.place == place && tree.as_text().is_some_and(|text| text.contains("${"));
    let mut below = tree.entries().iter().map(|(_, value)| value).chain(tree.items());
    here || below.any(|inner| is_computed(inner, place))
}

fn names_a_rule(tree: &Tree, rules: &Tree) -> bool {
    match &tree.node {
        Node::Text(text) => branches(text.as_str()).iter().any(|branch| named(branch, rules).is_some()),
        Node::List(items) => items.iter().any(|item| names_a_rule(item, rules)),
        Node::Map(entries) => entries.iter().any(|(_, value)| names_a_rule(value, rules)),
        _ => false,
    }
}

/// Between how many rules the conditions of an input choose at most.
fn choices(tree: &Tree) -> usize {
    match &tree.node {
        Node::Text(text) => branches(text.as_str()).len(),
        Node::List(items) => items.iter().map(choices).max().unwrap_or(0),
        Node::Map(entries) => entries.iter().map(|(_, value)| choices(value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn replace(tree: &mut Tree, rules: &Tree, which: usize) {
    match &mut tree.node {
        Node::Text(text) => {
            let branches = branches(text.as_str());
            if let Some(rule) =
                branches.get(which.min(branches.len().saturating_sub(1))).and_then(|it| named(it, rules))
            {
                *tree = rule.clone();
            }
        }
        Node::List(items) => items.iter_mut().for_each(|item| replace(item, rules, which)),
        Node::Map(entries) => entries.iter_mut().for_each(|(_, value)| replace(value, rules, which)),
        _ => {}
    }
}

/// What a text that is one expression may come to.
fn branches(text: &str) -> Vec<&str> {
    let expression = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    expression.map(rule::branches).unwrap_or_default()
}

/// The rule that an expression names and nothing else.
fn named<'r>(expression: &str, rules: &'r Tree) -> Option<&'r Tree> {
    let mut path = expression.split('.').map(str::trim);
    path.next().filter(|first| *first == "rules")?;
    let rule = path.try_fold(rules, |at, key| at.get(key))?;
    // A rule that is itself computed is a mistake of its own, and one that is empty has nothing to point at.
    let is_plain = rule.as_text().is_none_or(|text| !text.contains("${"));
    (is_plain && !rule.is_null()).then_some(rule)
}

//! What a JSON Schema, as schemars writes it, says about one value.
//!
//! The walk asks; nothing here looks deeper than the value at hand. References and `allOf` are laid flat, so
//! that a value is held against a plain list of objects and of choices.

use serde_json::{Map, Value as Json};

use super::choice::mark;
use crate::{
    base::near,
    document::tree::{Node, Tree},
};

type Object = Map<String, Json>;

/// All that holds for one value at once, and the choices in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Facets<'s> {
    pub(super) all: Vec<&'s Object>,
    /// Of each choice, one alternative must hold.
    pub(super) choices: Vec<Vec<Self>>,
}

/// The kinds of values, one bit each.
pub(super) type Kinds = u8;
pub(super) const NULL: Kinds = 1;
pub(super) const BOOL: Kinds = 1 << 1;
pub(super) const WHOLE: Kinds = 1 << 2;
pub(super) const DECIMAL: Kinds = 1 << 3;
pub(super) const TEXT: Kinds = 1 << 4;
pub(super) const LIST: Kinds = 1 << 5;
pub(super) const MAP: Kinds = 1 << 6;
const ANY: Kinds = NULL | BOOL | WHOLE | DECIMAL | TEXT | LIST | MAP;

pub(super) fn kind(tree: &Tree) -> Kinds {
    match tree.node {
        Node::Null => NULL,
        Node::Bool(_) => BOOL,
        Node::Whole(_) => WHOLE,
        Node::Decimal(_) => DECIMAL,
        Node::Text(_) => TEXT,
        Node::List(_) => LIST,
        Node::Map(_) => MAP,
    }
}

const NOTHING: &str = "nothing";

/// References that are followed in a row; a schema that needs more refers to itself.
const HOPS_MAX: usize = 24;

impl<'s> Facets<'s> {
    pub(super) fn of(root: &'s Json, schema: &'s Json) -> Self {
        let mut facets = Self::default();
        facets.gather(root, schema, HOPS_MAX);
        facets
    }

    fn gather(&mut self, root: &'s Json, schema: &'s Json, hops: usize) {
        let (Json::Object(object), Some(hops)) = (schema, hops.checked_sub(1)) else { return };
        self.all.push(object);
        if let Some(target) = object.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix('#'))
            && let Some(target) = root.pointer(target)
        {
            self.gather(root, target, hops);
        }
        for part in array(object, "allOf") {
            self.gather(root, part, hops);
        }
        for choice in ["anyOf", "oneOf"] {
            let mut alternatives = Vec::new();
            for alternative in array(object, choice) {
                let mut facets = Self::default();
                facets.gather(root, alternative, hops);
                facets.spread(&mut alternatives);
            }
            if !alternatives.is_empty() {
                self.choices.push(alternatives);
            }
        }
    }

    /// An alternative that is nothing but a choice gives its own alternatives.
    fn spread(self, alternatives: &mut Vec<Self>) {
        const SAYS_NOTHING: &[&str] = &["$ref", "anyOf", "oneOf", "description", "title", "default", "x-given"];
        let plain = self.all.iter().all(|object| object.keys().all(|key| SAYS_NOTHING.contains(&key.as_str())));
        if !plain || self.choices.len() != 1 {
            return alternatives.push(self);
        }
        let Self { all, choices } = self;
        let annotations = all.into_iter().filter(|object| object.contains_key("x-given"));
        let annotations: Vec<_> = annotations.collect();
        for mut inner in choices.into_iter().flatten() {
            inner.all.extend(&annotations);
            alternatives.push(inner);
        }
    }

    /// The value of a keyword, from the first object that has it.
    pub(super) fn keyword(&self, name: &str) -> Option<&'s Json> {
        self.all.iter().find_map(|object| object.get(name))
    }

    pub(super) fn text(&self, name: &str) -> Option<&'s str> {
        self.keyword(name).and_then(Json::as_str)
    }

    /// Whether an expression may stand for the value, here or in one of the alternatives.
    pub(super) fn may_be_given(&self) -> bool {
        let here = self.all.iter().any(|object| object.get("x-given") == Some(&Json::Bool(true)));
        here || self.choices.iter().flatten().any(Self::may_be_given)
    }

    /// The kinds of values that may stand here.
    pub(super) fn kinds(&self) -> Kinds {
        let here = self.all.iter().fold(ANY, |kinds, object| kinds & kinds_of(object));
        self.choices
            .iter()
            .fold(here, |kinds, choice| kinds & choice.iter().fold(0, |kinds, facets| kinds | facets.kinds()))
    }

    /// Whether texts may stand here that the author makes up.
    pub(super) fn takes_any_text(&self) -> bool {
        let here = self.kinds() & TEXT != 0 && self.words().is_none();
        here && self.choices.iter().all(|choice| choice.iter().any(Self::takes_any_text))
    }

    /// The words that a text must be one of.
    pub(super) fn words(&self) -> Option<Vec<&'s str>> {
        self.all.iter().find_map(|object| match (object.get("const"), object.get("enum")) {
            (Some(Json::String(word)), _) => Some(vec![word.as_str()]),
            (None, Some(Json::Array(all))) => Some(all.iter().filter_map(Json::as_str).collect()),
            _ => None,
        })
    }

    /// The numbers that a number must be one of.
    pub(super) fn numbers(&self) -> Option<Vec<i64>> {
        let all = self.all.iter().find_map(|object| object.get("enum")?.as_array())?;
        Some(all.iter().filter_map(Json::as_i64).collect())
    }

    pub(super) fn property(&self, key: &str) -> Option<&'s Json> {
        self.all.iter().find_map(|object| properties(object)?.get(key))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'s str> {
        self.all.iter().filter_map(|object| properties(object)).flat_map(|fields| fields.keys().map(String::as_str))
    }

    pub(super) fn required(&self) -> impl Iterator<Item = &'s str> {
        self.all.iter().flat_map(|object| array(object, "required")).filter_map(Json::as_str)
    }

    /// Whether keys beyond those named are refused.
    pub(super) fn is_closed(&self) -> bool {
        let refuses = |object: &&Object, name: &str| object.get(name) == Some(&Json::Bool(false));
        self.all.iter().any(|o| refuses(o, "additionalProperties") || refuses(o, "unevaluatedProperties"))
    }

    /// What holds for keys that are not named: their pattern, if there is one, and their values.
    pub(super) fn others(&self) -> Option<(Option<&'s str>, &'s Json)> {
        self.all.iter().find_map(|object| {
            let patterned = object.get("patternProperties").and_then(Json::as_object).and_then(|all| all.iter().next());
            let other = || ["additionalProperties", "unevaluatedProperties"].iter().find_map(|name| object.get(*name));
            match patterned {
                Some((pattern, schema)) => Some((Some(pattern.as_str()), schema)),
                None => other().filter(|schema| schema.is_object()).map(|schema| (None, schema)),
            }
        })
    }

    /// What a person would call the values that may stand here.
    pub(super) fn expected(&self) -> String {
        let (mut names, mut marks) = (Vec::new(), Vec::new());
        self.name(&mut names, &mut marks);
        match marks.as_slice() {
            [] => {}
            [mark] => names.push(format!("a mapping with `{mark}`")),
            _ => names.push(format!("a mapping with one of {}", near::list(marks.iter().copied()))),
        }
        // That the value may be left out is of no help to whoever wrote one.
        names.retain(|name| name != NOTHING);
        let Some(last) = names.pop() else { return "a value".into() };
        if names.is_empty() { last } else { format!("{} or {last}", names.join(", ")) }
    }

    fn name(&self, names: &mut Vec<String>, marks: &mut Vec<&'s str>) {
        let mut add = |name: String| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        if let Some(words) = self.words() {
            words.into_iter().for_each(|word| add(format!("`{word}`")));
            self.numbers().into_iter().flatten().for_each(|number| add(format!("`{number}`")));
            return;
        }
        if let Some(known) = self.text("x-type").and_then(|_| self.text("description")).and_then(noun) {
            return add(known);
        }
        if !self.choices.is_empty() {
            return self.choices.iter().flatten().for_each(|facets| facets.name(names, marks));
        }
        let kinds = self.kinds();
        if kinds == ANY {
            return;
        }
        for (of, name) in [
            (BOOL, "`true` or `false`"),
            (DECIMAL, "a number"),
            (WHOLE, "a whole number"),
            (TEXT, "text"),
            (LIST, "a list"),
        ] {
            if kinds & of != 0 && !(of == WHOLE && kinds & DECIMAL != 0) {
                add(name.into());
            }
        }
        if kinds & MAP != 0 {
            match mark(self) {
                Some(mark) => marks.push(mark),
                None => add("a mapping".into()),
            }
        }
        if kinds == NULL {
            add(NOTHING.into());
        }
    }
}

/// The first sentence of a description.
pub(super) fn first_sentence(description: &str) -> &str {
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    paragraph.split(". ").next().unwrap_or_default().trim_end_matches('.').trim()
}

/// A description that names its value, such as "A length of time such as `1h30m`.", as part of a sentence.
fn noun(description: &str) -> Option<String> {
    let sentence = first_sentence(description);
    let lower = ["A ", "An ", "The ", "a ", "an ", "the "].iter().find(|article| sentence.starts_with(**article))?;
    Some(format!("{}{}", lower.to_lowercase(), &sentence[lower.len()..]))
}

fn properties(object: &Object) -> Option<&Object> {
    object.get("properties").and_then(Json::as_object)
}

pub(super) fn array<'s>(object: &'s Object, name: &str) -> &'s [Json] {
    object.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn kinds_of(object: &Object) -> Kinds {
    let named = |name: &Json| match name.as_str() {
        Some("null") => NULL,
        Some("boolean") => BOOL,
        Some("integer") => WHOLE,
        Some("number") => WHOLE | DECIMAL,
        Some("string") => TEXT,
        Some("array") => LIST,
        Some("object") => MAP,
        _ => ANY,
    };
    match object.get("type") {
        Some(Json::Array(names)) => names.iter().fold(0, |kinds, name| kinds | named(name)),
        Some(name) => named(name),
        None => match object.get("const") {
            Some(Json::String(_)) => TEXT,
            Some(Json::Null) => NULL,
            _ if properties(object).is_some() => MAP,
            _ => ANY,
        },
    }
}

/// Keywords of a schema that the walk would silently step over, each with the path to it.
#[cfg(test)]
pub(crate) fn unread(schema: &Json) -> Vec<String> {
    const READ: &[&str] = &[
        "$schema",
        "$id",
        "$ref",
        "$defs",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "format",
        "type",
        "const",
        "enum",
        "anyOf",
        "oneOf",
        "allOf",
        "properties",
        "required",
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "propertyNames",
        "minProperties",
        "maxProperties",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "pattern",
        "x-type",
        "x-given",
    ];
    fn look(schema: &Json, path: &str, unread: &mut Vec<String>) {
        let Json::Object(object) = schema else { return };
        for (keyword, value) in object {
            let path = format!("{path}/{keyword}");
            if !READ.contains(&keyword.as_str()) && !keyword.starts_with("x-") {
                unread.push(path.clone());
            }
            let pattern_is_read = |pattern: &str| super::pattern::Pattern::new(pattern).is_some();
            match (keyword.as_str(), value) {
                ("pattern", Json::String(pattern)) if !pattern_is_read(pattern) => unread.push(path),
                ("properties" | "$defs" | "patternProperties", Json::Object(all)) => {
                    for (name, schema) in all {
                        if keyword == "patternProperties" && (!pattern_is_read(name) || all.len() > 1) {
                            unread.push(format!("{path}/{name}"));
                        }
                        look(schema, &format!("{path}/{name}"), unread);
                    }
                }
                ("anyOf" | "oneOf" | "allOf" | "prefixItems", Json::Array(all)) => {
                    all.iter().enumerate().for_each(|(index, schema)| look(schema, &format!("{path}/{index}"), unread));
                }
                ("items" | "additionalProperties" | "unevaluatedProperties" | "propertyNames", _) => {
                    look(value, &path, unread);
                }
                _ => {}
            }
        }
    }
    let mut unread = Vec::new();
    look(schema, "", &mut unread);
    unread
}

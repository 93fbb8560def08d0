//! Holds a tree against a JSON Schema and tells every difference in words for people.
//!
//! Called with the schema that the document types generate, after loading and before the tree becomes those
//! types. It says where and what to write instead; it never changes the tree, and of two mistakes about the same
//! value it tells the first.

mod choice;
mod object;
mod pattern;
pub(crate) mod schema;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde_json::Value as Json;

use self::{
    pattern::Pattern,
    schema::{Facets, kind},
};
use super::tree::{Key, Node, Tree, quoted};
use crate::base::{Mistake, Place, limits::MISTAKES_SOUGHT_MAX, near};

/// The pattern of what is computed and cannot be written out.
pub const EXPRESSION: &str = "\\$\\{";

/// Reads a text as the `x-type` that a schema names; nothing when there is no such type.
pub type Formats<'f> = &'f dyn Fn(&str, &str) -> Option<Result<(), String>>;

/// Adds a mistake for everything in `tree` that `schema` does not allow.
pub fn check(tree: &Tree, schema: &Json, formats: Formats<'_>, mistakes: &mut Vec<Mistake>) {
    let told = mistakes.iter().map(|mistake| mistake.place).filter(|place| place.start < place.end).collect();
    let mut walk = Walk { root: schema, formats, told, trials: 0, mistakes: Vec::new() };
    walk.value(tree, schema, None);
    mistakes.append(&mut walk.mistakes);
}

struct Walk<'s> {
    root: &'s Json,
    formats: Formats<'s>,
    /// Places that have their mistake already.
    told: HashSet<Place>,
    /// Choices that are being tried out inside one another.
    trials: usize,
    mistakes: Vec<Mistake>,
}

impl<'s> Walk<'s> {
    fn value(&mut self, tree: &Tree, schema: &'s Json, key: Option<&Key>) {
        if self.mistakes.len() >= MISTAKES_SOUGHT_MAX || self.told.contains(&tree.place) {
            return;
        }
        let facets = Facets::of(self.root, schema);
        let is_given = tree.as_text().is_some_and(|text| text.contains("${"));
        if !(is_given && facets.may_be_given()) {
            self.facets(tree, &facets, key);
        }
    }

    fn facets(&mut self, tree: &Tree, facets: &Facets<'s>, key: Option<&Key>) {
        if facets.kinds() & kind(tree) == 0 {
            return self.wrong_type(tree, facets, key);
        }
        if facets.choices.is_empty() { self.plain(tree, facets, key) } else { self.chosen(tree, facets, key) }
    }

    /// A value of the right kind, all choices made.
    fn plain(&mut self, tree: &Tree, facets: &Facets<'s>, key: Option<&Key>) {
        match &tree.node {
            Node::Null | Node::Bool(_) => {}
            Node::Whole(number) => self.range(tree, *number as f64, facets),
            Node::Decimal(number) => self.range(tree, *number, facets),
            Node::Text(text) => self.text(tree, text.as_str(), facets),
            Node::List(items) => self.list(tree, items, facets, key),
            Node::Map(_) => self.map(tree, facets, key),
        }
    }

    fn add(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    fn text(&mut self, tree: &Tree, text: &str, facets: &Facets<'s>) {
        if let Some(words) = facets.words() {
            if !words.contains(&text) {
                self.unknown_word(tree, text, &words);
            }
            return;
        }
        if let Some(Err(why)) = facets.text("x-type").and_then(|name| (self.formats)(name, text)) {
            return self.add(Mistake::new("document::wrong_value", tree.place, why));
        }
        let length = text.chars().count() as u64;
        let limit = |name| facets.keyword(name).and_then(Json::as_u64);
        if let Some(found) = outside(length, limit("minLength"), limit("maxLength"), "character") {
            return self.add(Mistake::new("document::out_of_range", tree.place, found));
        }
        if let Some(pattern) = facets.text("pattern")
            && Pattern::new(pattern).is_some_and(|read| !read.matches(text))
        {
            let is_computed = pattern == EXPRESSION;
            let expected = if is_computed { "an expression".into() } else { facets.expected() };
            let message = format!("expected {expected}, found text {}", quoted(text));
            let mistake = Mistake::new("document::wrong_value", tree.place, message);
            let help = if is_computed {
                format!("write `${{{}}}`", text.trim().trim_matches(['$', '{', '}']))
            } else {
                format!("it has to match `{pattern}`")
            };
            self.add(mistake.help(help));
        }
    }

    fn unknown_word(&mut self, tree: &Tree, text: &str, words: &[&str]) {
        let expected = match words {
            [word] => format!("`{word}`"),
            [first, second] => format!("`{first}` or `{second}`"),
            _ => format!("one of {}", near::list(words.iter().copied())),
        };
        let mistake =
            Mistake::new("document::unknown_word", tree.place, format!("expected {expected}, found {}", quoted(text)));
        let near = near::nearest(text, words.iter().copied());
        self.add(mistake.maybe_help(near.map(|near| format!("did you mean `{near}`?"))));
    }

    fn range(&mut self, tree: &Tree, number: f64, facets: &Facets<'s>) {
        if facets.numbers().is_some_and(|all| all.iter().all(|one| *one as f64 != number)) {
            let found = quoted(&tree.to_json().to_string());
            let message = format!("expected {}, found {found}", facets.expected());
            return self.add(Mistake::new("document::wrong_value", tree.place, message));
        }
        let limit = |name| facets.keyword(name).and_then(Json::as_f64);
        let (least_held, most_held) = match facets.text("format") {
            Some("uint32") => (0.0, f64::from(u32::MAX)),
            Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let (least, most) = (limit("minimum"), limit("maximum"));
        let (above, below) = (limit("exclusiveMinimum"), limit("exclusiveMaximum"));
        let good = number >= least.unwrap_or(least_held)
            && number <= most.unwrap_or(most_held)
            && above.is_none_or(|above| number > above)
            && below.is_none_or(|below| number < below);
        if good {
            return;
        }
        let mut bounds: Vec<String> = Vec::new();
        match (least, most) {
            (Some(least), Some(most)) => bounds.push(format!("from {least} to {most}")),
            (Some(least), None) => bounds.push(format!("of at least {least}")),
            (None, Some(most)) => bounds.push(format!("of at most {most}")),
            (None, None) => {}
        }
        bounds.extend(above.map(|above| format!("above {above}")));
        bounds.extend(below.map(|below| format!("below {below}")));
        if bounds.is_empty() || number > most.unwrap_or(most_held) && most.is_none() {
            bounds = vec![format!("from {} to {most_held}", least.unwrap_or(least_held))];
        }
        let kind = if facets.kinds() & schema::DECIMAL == 0 { "a whole number" } else { "a number" };
        let found = if let Node::Whole(number) = tree.node { number.to_string() } else { format!("{number:?}") };
        let message = format!("expected {kind} {}, found {found}", bounds.join(" and "));
        self.add(Mistake::new("document::out_of_range", tree.place, message));
    }

    fn list(&mut self, tree: &Tree, items: &[Tree], facets: &Facets<'s>, key: Option<&Key>) {
        let limit = |name| facets.keyword(name).and_then(Json::as_u64);
        if let Some(message) = outside(items.len() as u64, limit("minItems"), limit("maxItems"), "item") {
            self.add(Mistake::new("document::out_of_range", spot(tree, key), message));
        }
        let ahead =
            facets.all.iter().map(|object| schema::array(object, "prefixItems")).find(|ahead| !ahead.is_empty());
        let rest = facets.keyword("items");
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = ahead.and_then(|ahead| ahead.get(index)).or(rest) {
                self.value(item, schema, None);
            }
        }
        if facets.keyword("uniqueItems") == Some(&Json::Bool(true)) {
            let mut known = HashSet::new();
            for item in items {
                if !known.insert(item.to_json().to_string()) {
                    if self.mistakes.len() >= MISTAKES_SOUGHT_MAX {
                        return;
                    }
                    let message = format!("{} is in the list twice", item.describe());
                    self.add(Mistake::new("document::out_of_range", spot(item, None), message));
                }
            }
        }
    }

    fn wrong_type(&mut self, tree: &Tree, facets: &Facets<'s>, key: Option<&Key>) {
        let number = match tree.node {
            Node::Whole(number) => Some(number.to_string()),
            Node::Decimal(number) => Some(format!("{number:?}")),
            _ => None,
        };
        // The type itself knows best what it wants in place of a bare number.
        if let (Some(name), Some(number)) = (type_of_text(facets), &number)
            && let Some(Err(why)) = (self.formats)(name, number)
        {
            let mistake = Mistake::new("document::wrong_value", tree.place, why);
            return self.add(mistake.maybe_help(with_unit(name, number)));
        }
        let message = format!("expected {}, found {}", facets.expected(), tree.describe());
        let mistake = Mistake::new("document::wrong_type", spot(tree, key), message);
        self.add(mistake.maybe_help(instead(tree, facets, number.as_deref())));
    }
}

/// Where to point at a value: at itself when it is short, at how it begins when it is a block, at its key when
/// there is nothing to point at.
fn spot(tree: &Tree, key: Option<&Key>) -> Place {
    let begins = begins(tree);
    if begins.start == begins.end { key.map_or(begins, |key| key.place) } else { begins }
}

fn begins(tree: &Tree) -> Place {
    let end = match (tree.entries(), tree.items()) {
        ([(key, _), ..], _) if key.place.source == tree.place.source => key.place.end,
        (_, [item, ..]) if item.place.source == tree.place.source => begins(item).end,
        _ => tree.place.end,
    };
    Place { end: end.clamp(tree.place.start, tree.place.end), ..tree.place }
}

/// The `x-type` of the texts that may stand here, in any of the alternatives.
fn type_of_text<'s>(facets: &Facets<'s>) -> Option<&'s str> {
    facets.text("x-type").or_else(|| facets.choices.iter().flatten().find_map(type_of_text))
}

fn with_unit(name: &str, number: &str) -> Option<String> {
    match name {
        "duration" | "some_duration" => Some(format!("write a unit: `{number}s`, `{number}m` or `{number}h`")),
        "size" | "some_size" => Some(format!("write a unit: `{number}MiB` or `{number}GiB`")),
        "tao" => Some(format!("write the unit: `{number} TAO`")),
        "gpus" => Some(format!("write the kind too: `{number}xH100`")),
        _ => None,
    }
}

/// How what may stand here is written, in any of the alternatives.
fn example<'s>(facets: &Facets<'s>) -> Option<&'s str> {
    facets.text("x-example").or_else(|| facets.choices.iter().flatten().find_map(example))
}

fn written_as(example: &str) -> String {
    format!("write it as in `{example}`")
}

/// What to write in place of a value of the wrong kind.
fn instead(tree: &Tree, facets: &Facets<'_>, number: Option<&str>) -> Option<String> {
    if let Some(example) = example(facets) {
        return Some(written_as(example));
    }
    let wanted = facets.kinds() & if facets.takes_any_text() { !0 } else { !schema::TEXT };
    let wants = |kinds| wanted & kinds != 0;
    match &tree.node {
        Node::Text(text) => {
            let text = text.as_str();
            let bare = text.replace(['_', ','], "");
            let numeric = if wants(schema::DECIMAL) {
                bare.parse::<f64>().is_ok_and(f64::is_finite)
            } else {
                bare.parse::<i64>().is_ok()
            };
            let yes = ["yes", "y", "on", "true"].contains(&text.to_lowercase().as_str());
            let no = ["no", "n", "off", "false"].contains(&text.to_lowercase().as_str());
            if text.contains("${") {
                Some("an expression cannot stand here; write the value itself".into())
            } else if wants(schema::BOOL) && (yes || no) {
                Some(format!("write `{yes}`, without quotes"))
            } else if let Some(point) = near::with_point(text).filter(|_| wants(schema::DECIMAL)) {
                Some(format!("write `{point}`, with a point"))
            } else if wants(schema::WHOLE | schema::DECIMAL) && numeric {
                Some(format!("write `{bare}`, without quotes"))
            } else if wants(schema::MAP)
                && !text.contains(char::is_whitespace)
                && text.contains(':')
                && !text.contains("://")
            {
                Some("put a space after the `:`".into())
            } else if wants(schema::LIST) {
                Some(format!("write a list: {}", quoted(&format!("[{text}]"))))
            } else {
                None
            }
        }
        Node::Whole(_) | Node::Decimal(_) | Node::Bool(_) if wants(schema::TEXT) => {
            Some("put it in quotes to make it a text".into())
        }
        Node::Decimal(_) if wants(schema::WHOLE) => Some("leave the fraction out".into()),
        Node::Whole(_) | Node::Decimal(_) if wants(schema::LIST) => {
            number.map(|number| format!("write a list: `[{number}]`"))
        }
        Node::Map(_) if wants(schema::LIST) => Some("start each item with `- `".into()),
        Node::Map(_) if wants(schema::TEXT) => Some("put a text that holds `: ` or starts with `{` in quotes".into()),
        Node::List(_) if wants(schema::TEXT) => Some("put a text that starts with `[` in quotes".into()),
        Node::Null => Some("write the value after the `:`, or leave the key out".into()),
        _ => None,
    }
}

/// What to say when there are too few or too many.
fn outside(count: u64, least: Option<u64>, most: Option<u64>, what: &str) -> Option<String> {
    let plural = |count: u64| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
    let expected = match (least, most) {
        (Some(least), _) if count < least => format!("at least {}", plural(least)),
        (_, Some(most)) if count > most => format!("at most {}", plural(most)),
        _ => return None,
    };
    let found = if count == 0 { "none".into() } else { count.to_string() };
    Some(format!("expected {expected}, found {found}"))
}

//! The keys of a mapping: those that must be there, those that may, and those that nothing knows.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::{
    MISTAKES_SOUGHT_MAX, Walk, outside,
    pattern::Pattern,
    schema::{Facets, first_sentence},
    spot, written_as,
};
use crate::{
    base::{Mistake, Name, Place, near},
    document::tree::{Key, Tree, quoted},
};

impl<'s> Walk<'s> {
    pub(super) fn map(&mut self, tree: &Tree, facets: &Facets<'s>, key: Option<&Key>) {
        let mut meant = HashSet::new();
        let others = facets.others();
        let given: HashSet<&str> = tree.entries().iter().map(|(name, _)| &*name.text).collect();
        for (name, value) in tree.entries() {
            if self.mistakes.len() >= MISTAKES_SOUGHT_MAX {
                return;
            }
            if let Some(schema) = facets.property(&name.text) {
                self.value(value, schema, Some(name));
            } else if let Some((pattern, schema)) = others {
                self.free_key(name, pattern, facets);
                self.value(value, schema, Some(name));
            } else if facets.is_closed() {
                let mut known: Vec<&'s str> = Vec::new();
                facets.keys().for_each(|name| {
                    if !known.contains(&name) {
                        known.push(name);
                    }
                });
                meant.extend(self.unknown_key(tree, name, &known, &given));
            }
        }
        let place = key.map_or_else(|| spot(tree, None), |key| key.place);
        // A key that is probably there under a wrong name is not told again as missing.
        meant.extend(given);
        self.missing(place, facets, &meant);
        let limit = |name| facets.keyword(name).and_then(Json::as_u64);
        let count = tree.entries().len() as u64;
        if let Some(message) = outside(count, limit("minProperties"), limit("maxProperties"), "entry") {
            let message = message.replace("entrys", "entries");
            let mistake = Mistake::new("document::out_of_range", spot(tree, key), message);
            self.add(mistake.maybe_help(facets.text("x-example").map(written_as)));
        }
    }

    /// A key that the author chooses.
    fn free_key(&mut self, key: &Key, pattern: Option<&str>, facets: &Facets<'s>) {
        let names = facets.keyword("propertyNames").map(|schema| Facets::of(self.root, schema));
        let pattern = pattern.or_else(|| names.as_ref()?.text("pattern"));
        let formatted =
            names.as_ref().and_then(|names| names.text("x-type")).and_then(|name| (self.formats)(name, &key.text));
        let words = names.as_ref().and_then(Facets::words);
        let is_wrong = |pattern: &str| Pattern::new(pattern).is_some_and(|read| !read.matches(&key.text));
        if let Some(Err(why)) = formatted {
            self.add(Mistake::new("document::wrong_value", key.place, why));
        } else if let Some(words) = words.filter(|words| !words.contains(&&*key.text)) {
            let mistake =
                Mistake::new("document::unknown_key", key.place, format!("there is no key {} here", quoted(&key.text)));
            self.add(mistake.maybe_help(near::did_you_mean(&key.text, words.iter().copied())));
        } else if let Some(pattern) = pattern.filter(|pattern| is_wrong(pattern)) {
            // Keys with a pattern are names; a name says in words what is wrong with it.
            let mistake = match Name::parse(&key.text) {
                Err(why) => Mistake::new("document::wrong_value", key.place, why),
                Ok(_) => Mistake::new(
                    "document::wrong_value",
                    key.place,
                    format!("expected a key that matches `{pattern}`, found {}", quoted(&key.text)),
                ),
            };
            self.add(mistake);
        }
    }

    /// Tells the mistake and gives the key that was probably meant.
    fn unknown_key(&mut self, tree: &Tree, key: &Key, known: &[&'s str], given: &HashSet<&str>) -> Option<&'s str> {
        let message = format!("there is no key {} here", quoted(&key.text));
        let mistake = Mistake::new("document::unknown_key", key.place, message);
        let free = known.iter().copied().filter(|known| !given.contains(known));
        // What a variant adds may be a slip for what its base has.
        let is_of_base = |name: &&str| tree.key(name).is_some_and(|it| it.place.source != key.place.source);
        let near = near::nearest(&key.text, free)
            .or_else(|| near::nearest(&key.text, known.iter().copied().filter(is_of_base)));
        let all = if known.is_empty() {
            "no key can stand here".into()
        } else {
            format!("the keys here are {}", near::list(known.iter().copied()))
        };
        self.add(mistake.help(match near {
            Some(near) => format!("did you mean `{near}`? {all}"),
            None => all,
        }));
        near
    }

    fn missing(&mut self, place: Place, facets: &Facets<'s>, given: &HashSet<&str>) {
        let mut seen = HashSet::new();
        let missing: Vec<&str> = facets.required().filter(|name| !given.contains(name) && seen.insert(*name)).collect();
        let Some((last, before)) = missing.split_last() else { return };
        let message = if before.is_empty() {
            format!("the key `{last}` is missing")
        } else {
            format!("the keys `{}` and `{last}` are missing", before.join("`, `"))
        };
        let about: Vec<String> = missing
            .iter()
            .map(|name| {
                let value = facets.property(name).map(|schema| Facets::of(self.root, schema));
                let what = value.map(|value| match value.text("description").map(first_sentence) {
                    Some(sentence) if !sentence.is_empty() => sentence.to_owned(),
                    _ => value.expected(),
                });
                format!("`{name}`: {}", what.unwrap_or_else(|| "a value".into()))
            })
            .collect();
        self.add(Mistake::new("document::missing_key", place, message).help(format!("add {}", about.join("; "))));
    }
}

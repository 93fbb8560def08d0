//! Choices: which alternative the author meant, so that one mistake is told and not one per alternative.
//!
//! The kind of the value decides first, then the words or keys that mark an alternative; only what is still
//! open is tried out, and then the alternative with the fewest mistakes is taken.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{
    Walk,
    schema::{Facets, TEXT, kind},
    spot,
};
use crate::{
    base::{Mistake, near},
    document::tree::{Key, Node, Tree, quoted},
};

/// Choices inside choices that are tried out; below that the first that fits is taken.
const TRIALS_MAX: usize = 4;

/// How far a mapping is from an alternative: a tag of another one, keys that are missing, keys that are unknown.
type Distance = (usize, usize, usize);

impl<'s> Walk<'s> {
    /// Makes the first open choice, and goes on with what then holds.
    pub(super) fn chosen(&mut self, tree: &Tree, facets: &Facets<'s>, key: Option<&Key>) {
        let mut rest = facets.clone();
        let alternatives = rest.choices.remove(0);
        let fitting: Vec<&Facets<'s>> = alternatives.iter().filter(|one| one.kinds() & kind(tree) != 0).collect();
        let nearest = match &tree.node {
            Node::Text(text) => self.by_word(tree, text.as_str(), &fitting, &alternatives),
            Node::Map(_) => self.by_keys(tree, &rest, &fitting, key),
            _ => Some(fitting.clone()),
        };
        let Some(nearest) = nearest else { return };
        let with = |one: &Facets<'s>| {
            let mut all = rest.clone();
            all.all.extend(&one.all);
            all.choices.extend(one.choices.iter().cloned());
            all
        };
        match nearest.as_slice() {
            [] => self.wrong_type(tree, facets, key),
            [one] => self.facets(tree, &with(one), key),
            [first, ..] if self.trials >= TRIALS_MAX => self.facets(tree, &with(first), key),
            several => {
                let trials = several.iter().map(|one| self.trial(tree, &with(one), key));
                // Of equal ones the first is taken.
                let best = trials.min_by_key(Vec::len).unwrap_or_default();
                self.mistakes.extend(best);
            }
        }
    }

    fn trial(&mut self, tree: &Tree, facets: &Facets<'s>, key: Option<&Key>) -> Vec<Mistake> {
        let told = std::mem::take(&mut self.mistakes);
        self.trials += 1;
        self.facets(tree, facets, key);
        self.trials -= 1;
        std::mem::replace(&mut self.mistakes, told)
    }

    /// The alternatives that a text may mean; nothing once its mistake is told.
    fn by_word<'f>(
        &mut self,
        tree: &Tree,
        text: &str,
        fitting: &[&'f Facets<'s>],
        alternatives: &[Facets<'s>],
    ) -> Option<Vec<&'f Facets<'s>>> {
        let named = fitting.iter().find(|one| one.words().is_some_and(|words| words.contains(&text)));
        if let Some(one) = named {
            return Some(vec![one]);
        }
        let free: Vec<_> = fitting.iter().copied().filter(|one| one.words().is_none()).collect();
        if !free.is_empty() {
            return Some(free);
        }
        let marks: Vec<&str> = alternatives.iter().filter_map(mark).collect();
        if marks.contains(&text) {
            let message = format!("{} needs more than its name", quoted(text));
            let mistake = Mistake::new("document::wrong_type", tree.place, message);
            self.add(mistake.help(format!("write `{text}:` and what it needs below it")));
        } else {
            let words: Vec<&str> = fitting.iter().filter_map(|one| one.words()).flatten().chain(marks).collect();
            self.unknown_word(tree, text, &words);
        }
        None
    }

    /// The alternatives nearest to a mapping; nothing once its mistake is told.
    fn by_keys<'f>(
        &mut self,
        tree: &Tree,
        rest: &Facets<'s>,
        fitting: &[&'f Facets<'s>],
        key: Option<&Key>,
    ) -> Option<Vec<&'f Facets<'s>>> {
        let distances: Vec<Distance> = fitting.iter().map(|one| self.distance(tree, rest, one)).collect();
        let Some(&least) = distances.iter().min() else { return Some(Vec::new()) };
        let nearest: Vec<_> =
            fitting.iter().zip(&distances).filter(|(_, distance)| **distance == least).map(|(one, _)| *one).collect();
        if let Some((tag, words)) = self.tag(fitting)
            && least.0 + least.1 > 0
        {
            match tree.get(tag) {
                None => {
                    let place = key.map_or_else(|| spot(tree, None), |key| key.place);
                    let mistake = Mistake::new("document::missing_key", place, format!("the key `{tag}` is missing"));
                    self.add(mistake.help(format!("add `{tag}`: one of {}", near::list(words))));
                    return None;
                }
                Some(value) => match value.as_text() {
                    Some(text) if !words.contains(&&**text) => {
                        self.unknown_word(value, text, &words);
                        return None;
                    }
                    _ => {}
                },
            }
        }
        let marked: Vec<_> = fitting.iter().filter(|one| one.keys().next().is_some()).collect();
        let marks: Vec<&'s str> = marked.iter().filter_map(|one| mark(one)).collect();
        if marks.len() < 2 || marks.len() < marked.len() {
            return Some(nearest);
        }
        let given: Vec<&Key> =
            tree.entries().iter().map(|(key, _)| key).filter(|key| marks.contains(&&*key.text)).collect();
        let told = match given.as_slice() {
            [] => self.unmarked(tree, rest, &marks, fitting, key),
            [_] => None,
            [first, second, ..] => {
                let message = format!("{} cannot stand beside {}", quoted(&second.text), quoted(&first.text));
                let mistake = Mistake::new("document::one_of", second.place, message);
                self.add(mistake.related(first.place, "given here").help("keep one of the two"));
                Some(given.iter().map(|key| key.text.clone()).collect())
            }
        };
        match told {
            Some(told) => self.common(tree, rest, &told, key),
            None => return Some(nearest),
        }
        None
    }

    fn distance(&self, tree: &Tree, rest: &Facets<'s>, one: &Facets<'s>) -> Distance {
        let tagged_otherwise = one
            .required()
            .filter(|name| {
                let words = one.property(name).and_then(|schema| Facets::of(self.root, schema).words());
                let given = tree.get(name).and_then(Tree::as_text);
                words.zip(given).is_some_and(|(words, given)| !words.contains(&&**given))
            })
            .count();
        let missing = one.required().filter(|name| tree.get(name).is_none()).count();
        let is_open = one.others().is_some() || rest.others().is_some() || !(one.is_closed() || rest.is_closed());
        let is_known = |key: &Key| one.property(&key.text).is_some() || rest.property(&key.text).is_some();
        let unknown = if is_open { 0 } else { tree.entries().iter().filter(|(key, _)| !is_known(key)).count() };
        (tagged_otherwise, missing, unknown)
    }

    /// The key that every alternative has, with a word of its own, and all those words.
    fn tag(&self, fitting: &[&Facets<'s>]) -> Option<(&'s str, Vec<&'s str>)> {
        let words = |one: &Facets<'s>, name| Facets::of(self.root, one.property(name)?).words();
        fitting.first().filter(|_| fitting.len() > 1)?.required().find_map(|name| {
            let all: Option<Vec<_>> = fitting.iter().map(|one| words(one, name)).collect();
            all.map(|all| (name, all.concat()))
        })
    }

    /// None of the keys that mark an alternative is there. Gives the keys that this was told of; nothing where
    /// the choice may be left open.
    fn unmarked(
        &mut self,
        tree: &Tree,
        rest: &Facets<'s>,
        marks: &[&'s str],
        fitting: &[&Facets<'s>],
        key: Option<&Key>,
    ) -> Option<Vec<Arc<str>>> {
        let is_closed = rest.others().is_none() && (rest.is_closed() || fitting.iter().any(|one| one.is_closed()));
        let keys = tree.entries().iter().map(|(key, _)| key);
        let unknown: Vec<&Key> = keys.filter(|key| is_closed && rest.property(&key.text).is_none()).collect();
        let near = unknown.iter().find_map(|key| Some((*key, near::nearest(&key.text, marks.iter().copied())?)));
        let may_be_open = fitting.iter().any(|one| one.keys().next().is_none());
        if may_be_open && near.is_none() {
            return None;
        }
        let one_of = near::list(marks.iter().copied());
        // With keys of its own beside the choice, an unknown key need not be an attempt at it.
        let wrong =
            near.map(|(key, _)| key).or_else(|| unknown.first().copied().filter(|_| rest.keys().next().is_none()));
        let Some(wrong) = wrong else {
            let place = key.map_or_else(|| spot(tree, None), |key| key.place);
            let mistake = Mistake::new("document::missing_key", place, "a key that says what to do is missing");
            self.add(mistake.help(format!("add one of {one_of}")));
            return Some(Vec::new());
        };
        let mistake = Mistake::new(
            "document::unknown_key",
            wrong.place,
            format!("expected one of {one_of}, found {}", quoted(&wrong.text)),
        );
        self.add(mistake.maybe_help(near.map(|(_, near)| format!("did you mean `{near}`?"))));
        Some(vec![wrong.text.clone()])
    }

    /// Checks what holds whatever is chosen, but for the keys that a mistake was told of.
    fn common(&mut self, tree: &Tree, rest: &Facets<'s>, told: &[Arc<str>], key: Option<&Key>) {
        let mut rest = rest.clone();
        rest.choices.clear();
        let others = tree.entries().iter().filter(|(key, _)| !told.contains(&key.text)).cloned().collect();
        self.map(&Tree { place: tree.place, node: Node::Map(others) }, &rest, key);
    }
}

/// The one key that an alternative consists of, as `train` in `train: { … }`.
pub(super) fn mark<'s>(one: &Facets<'s>) -> Option<&'s str> {
    let mut required = one.required();
    let first = required.next()?;
    let mut keys = one.keys();
    let is_mark = required.next().is_none() && keys.next() == Some(first) && keys.next().is_none();
    let is_tag = one.property(first).is_some_and(|schema| schema.get("const").is_some_and(Json::is_string));
    (is_mark && !is_tag && one.kinds() & TEXT == 0).then_some(first)
}

//! Trees laid over one another: a variant over its base, a part under the workflow that includes it.
//!
//! Called while loading. Every value keeps the place it was written at, so that a mistake is shown in the file
//! that made it.

use std::{collections::HashMap, sync::Arc};

use super::tree::{Key, Node, Tree, quoted};
use crate::base::{Mistake, Place, near};

/// Whether a key of a step says how the step is run, and not what it does.
pub(super) type IsModifier<'m> = &'m dyn Fn(&str) -> bool;

/// Where in a workflow two trees meet.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Root,
    Templates,
    Template,
    Steps,
    Step,
    Inputs,
    Input,
    Elsewhere,
}

impl At {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root | Self::Template, "steps") => Self::Steps,
            (Self::Root, "templates") => Self::Templates,
            (Self::Templates, _) => Self::Template,
            (Self::Steps, _) => Self::Step,
            (Self::Root, "inputs") => Self::Inputs,
            (Self::Inputs, _) => Self::Input,
            _ => Self::Elsewhere,
        }
    }
}

/// Lays a whole variant over the whole that it extends: mappings key by key, `null` removes, anything else
/// replaces. The lists of `include` are joined.
pub(super) fn lay_over(
    base: Tree,
    variant: Tree,
    is_modifier: IsModifier<'_>,
    mistakes: &mut Vec<Mistake>,
    removed: &mut Vec<Removed>,
) -> Tree {
    Laying { is_modifier, mistakes, removed, path: Vec::new() }.over(At::Root, base, variant)
}

/// Something of the base that a variant takes away.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// The keys that lead to it.
    pub path: Vec<Arc<str>>,
    /// Where the variant says so.
    pub place: Place,
}

struct Laying<'l> {
    is_modifier: IsModifier<'l>,
    mistakes: &'l mut Vec<Mistake>,
    removed: &'l mut Vec<Removed>,
    /// The keys that lead to what is being laid.
    path: Vec<Arc<str>>,
}

impl Laying<'_> {
    fn over(&mut self, at: At, base: Tree, variant: Tree) -> Tree {
        let Tree { place, node } = variant;
        let (below, above) = match (base.node, node) {
            (Node::Map(below), Node::Map(above)) => (below, above),
            (_, node) => return Tree { place, node },
        };
        let mut entries = Entries::new(below);
        let is_action = |key: &Key, value: &Tree| !value.is_null() && !(self.is_modifier)(&key.text);
        if at == At::Step && above.iter().any(|(key, value)| is_action(key, value)) {
            // A step does one thing: what the variant makes it do takes the place of what the base did.
            entries
                .retain(|key| (self.is_modifier)(&key.text) || above.iter().any(|(named, _)| named.text == key.text));
        }
        if at == At::Input && above.iter().any(|(key, value)| is_source(key) && !value.is_null()) {
            // What an input is has one source: that which the variant names takes the place of the base's.
            entries.retain(|key| !is_source(key) || above.iter().any(|(named, _)| named.text == key.text));
        }
        for (key, value) in above {
            match entries.take(&key.text) {
                Some(_) if value.is_null() => {
                    let path = self.path.iter().chain([&key.text]).cloned().collect();
                    self.removed.push(Removed { path, place: key.place });
                }
                None if value.is_null() => {
                    let message = format!("the base has no key {} to remove", quoted(&key.text));
                    let mistake = Mistake::new("document::nothing_to_remove", key.place, message);
                    let help = match near::nearest(&key.text, entries.keys()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => "leave the key out; an empty value removes what the base gave".into(),
                    };
                    self.mistakes.push(mistake.help(help));
                }
                Some((slot, below)) if at == At::Root && &*key.text == "include" => {
                    entries.put(slot, key, joined(below, value));
                }
                Some((slot, below)) => {
                    self.path.push(key.text.clone());
                    let merged = self.over(at.below(&key.text), below, value);
                    self.path.pop();
                    entries.put(slot, key, merged);
                }
                None => entries.push(key, value),
            }
        }
        Tree { place, node: Node::Map(entries.finish()) }
    }
}

/// Whether a key of an input says what it is where a run is not given it.
fn is_source(key: &Key) -> bool {
    ["default", "from"].contains(&&*key.text)
}

fn joined(base: Tree, variant: Tree) -> Tree {
    match (base.node, variant.node) {
        (Node::List(mut items), Node::List(more)) => {
            items.extend(more);
            Tree { place: variant.place, node: Node::List(items) }
        }
        (_, node) => Tree { place: variant.place, node },
    }
}

/// What becomes of a value that two files give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Claim {
    /// The one that is there already.
    First,
    /// The new one.
    Second,
    Twice,
}

/// Puts what a part gives into the whole. `claim` says who may give a rule; a type or template is given once.
pub(super) fn put_under(
    whole: &mut Tree,
    part: Tree,
    claim: &dyn Fn(Place, Place) -> Claim,
    mistakes: &mut Vec<Mistake>,
) {
    let (Node::Map(entries), Node::Map(given)) = (&mut whole.node, part.node) else { return };
    for (key, value) in given {
        let what = match &*key.text {
            "rules" => "rule",
            "types" => "type",
            "templates" => "template",
            _ => continue,
        };
        let Some((_, known)) = entries.iter_mut().find(|(known, _)| known.text == key.text) else {
            entries.push((key, value));
            continue;
        };
        let twice = |_, _| Claim::Twice;
        let is_rule = what == "rule";
        let claim: &dyn Fn(Place, Place) -> Claim = if is_rule { claim } else { &twice };
        put(known, value, what, is_rule, claim, mistakes);
    }
}

/// Puts the entries of one mapping into another; into mappings inside them only where `is_deep`.
fn put(
    known: &mut Tree,
    given: Tree,
    what: &str,
    is_deep: bool,
    claim: &dyn Fn(Place, Place) -> Claim,
    mistakes: &mut Vec<Mistake>,
) {
    let (Node::Map(entries), Node::Map(given)) = (&mut known.node, given.node) else { return };
    let mut all = Entries::new(std::mem::take(entries));
    for (key, value) in given {
        let Some((slot, mut first)) = all.take(&key.text) else {
            all.push(key, value);
            continue;
        };
        let first_key = all.key(slot).clone();
        if is_deep && matches!((&first.node, &value.node), (Node::Map(_), Node::Map(_))) {
            put(&mut first, value, what, is_deep, claim, mistakes);
            all.put(slot, first_key, first);
            continue;
        }
        match claim(first_key.place, key.place) {
            Claim::First => all.put(slot, first_key, first),
            Claim::Second => all.put(slot, key, value),
            Claim::Twice => {
                let message = format!("the {what} {} is given twice", quoted(&key.text));
                let mistake = Mistake::new("document::twice", key.place, message);
                mistakes.push(mistake.help("rename one of the two").related(first_key.place, "first given here"));
                all.put(slot, first_key, first);
            }
        }
    }
    *entries = all.finish();
}

/// The entries of a mapping, found by key, in their order.
struct Entries {
    slots: Vec<(Key, Option<Tree>)>,
    by_key: HashMap<Arc<str>, usize>,
}

impl Entries {
    fn new(entries: Vec<(Key, Tree)>) -> Self {
        let by_key = entries.iter().enumerate().map(|(slot, (key, _))| (key.text.clone(), slot)).collect();
        Self { slots: entries.into_iter().map(|(key, value)| (key, Some(value))).collect(), by_key }
    }

    /// Takes a value out; unless it is put back, its key goes too.
    fn take(&mut self, key: &str) -> Option<(usize, Tree)> {
        let slot = *self.by_key.get(key)?;
        self.slots[slot].1.take().map(|value| (slot, value))
    }

    /// The keys of the entries that there are.
    fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.slots.iter().filter(|(_, value)| value.is_some()).map(|(key, _)| &*key.text)
    }

    fn key(&self, slot: usize) -> &Key {
        &self.slots[slot].0
    }

    fn put(&mut self, slot: usize, key: Key, value: Tree) {
        self.slots[slot] = (key, Some(value));
    }

    fn push(&mut self, key: Key, value: Tree) {
        self.by_key.insert(key.text.clone(), self.slots.len());
        self.slots.push((key, Some(value)));
    }

    fn retain(&mut self, keep: impl Fn(&Key) -> bool) {
        for (key, value) in &mut self.slots {
            if !keep(key) {
                *value = None;
            }
        }
    }

    fn finish(self) -> Vec<(Key, Tree)> {
        self.slots.into_iter().filter_map(|(key, value)| value.map(|value| (key, value))).collect()
    }
}

//! What an action is given, as it would be if the rules were written where they are read.
//!
//! Most fields of a shipped workflow only name a rule, and the rule is what its maintainer writes. Held against the field's
//! schema in the field's place, a slip in it is told like any other: on its own line, with what was expected there. A rule
//! that is handed to a template is followed to the fields that the template puts it into.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use schemars::SchemaGenerator;
use serde_json::Value as Json;

use crate::{
    action::{Action, Takes},
    base::{Mistake, Name, Place},
    document::{Key, Node, Tree, shape, types::read_format},
    rule,
};

/// Values that are followed into templates and from one to the next, so that many uses of a large one do not take long.
const FOLLOWED_MAX: usize = 10_000;

/// Places that one mistake shows of those that read a rule.
const READS_SHOWN: usize = 4;

/// The rules as they are written, and what was found wrong with them where actions take them.
#[derive(Default)]
pub(super) struct Written {
    rules: Option<Tree>,
    /// The schemas of what actions take, each made when it is first needed.
    schemas: HashMap<&'static str, Json>,
    /// Inputs of which a rule is told instead of what its expression gives.
    told: Vec<Place>,
    /// The template that is being checked.
    pub(super) within: Option<Name>,
    /// The inputs that something which a template takes is put into.
    receivers: HashMap<(Name, Arc<str>), Vec<Arc<Receiver>>>,
    followed: usize,
    pub(super) mistakes: Vec<Mistake>,
    /// What was found wrong with values that are written out in steps; those who know the types may have told it too.
    pub(super) literals: Vec<Mistake>,
}

/// An input inside of a template, and the name under which it has what the template takes.
struct Receiver {
    action: &'static Action,
    input: Tree,
    take: Arc<str>,
}

/// What is written under a name.
type Names<'n> = dyn Fn(&str) -> Option<&'n Tree> + 'n;

impl Written {
    pub(super) fn of(document: &Tree) -> Self {
        Self { rules: document.get("rules").cloned(), ..Self::default() }
    }

    /// Adds a mistake for every rule that an input names and that its field does not take, and for every value written out
    /// in it that its field takes no such of.
    pub(super) fn check(&mut self, action: &'static Action, input: &Tree) {
        if !matches!(action.takes, Takes::Fields { .. }) {
            return;
        }
        if let Some(template) = self.within.clone() {
            for take in roots(input) {
                let receiver = Receiver { action, input: input.clone(), take: take.clone() };
                self.receivers.entry((template.clone(), take)).or_default().push(Arc::new(receiver));
            }
        }
        let rules = self.rules.take();
        let names = |name: &str| rules.as_ref().filter(|_| name == "rules");
        let found = self.hold(action, input, &names).into_iter().map(|it| shown(it, input, &names)).collect::<Vec<_>>();
        self.rules = rules;
        // What is written in the step itself is told by those who know the types of its expressions, but for what no type
        // says.
        let (own, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|mistake| holds(input, mistake.place));
        self.literals.extend(own.into_iter().filter(|it| is_beyond_types(it) && !is_computed(input, it.place)));
        self.tell(input.place, found);
    }

    /// Follows a value that a template is given under a name to the fields that the template puts it into.
    pub(super) fn hand(&mut self, template: &Name, take: &Name, value: &Tree) {
        let given_as = value;
        let Some(receivers) = self.receivers.get(&(template.clone(), take.shared().clone())).cloned() else { return };
        let given = value.as_text().map(|text| branches(text)).unwrap_or_default();
        if let (Some(within), [name]) = (&self.within, given.as_slice())
            && !name.contains('.')
        {
            // It is handed on: whoever is given it there is given it here.
            let further = self.receivers.entry((within.clone(), Arc::from(*name))).or_default();
            for receiver in &receivers {
                if self.followed >= FOLLOWED_MAX {
                    break;
                }
                self.followed += 1;
                if !further.iter().any(|known| Arc::ptr_eq(known, receiver)) {
                    further.push(receiver.clone());
                }
            }
        }
        let rules = self.rules.take();
        let names_rules = value.as_text().is_some_and(|text| text.contains("${"));
        let of_rules =
            given.iter().filter_map(|branch| named(branch, &|name| rules.as_ref().filter(|_| name == "rules")));
        let values: Vec<&Tree> = if names_rules { of_rules.collect() } else { vec![value] };
        for (value, receiver) in values.iter().flat_map(|value| receivers.iter().map(move |it| (*value, it))) {
            if self.followed >= FOLLOWED_MAX {
                break;
            }
            self.followed += 1;
            let found = self.hold(receiver.action, &receiver.input, &|name| {
                let of_rules = rules.as_ref().filter(|_| name == "rules");
                of_rules.or(Some(value).filter(|_| *name == *receiver.take))
            });
            let is_given = |it: &Mistake| holds(value, it.place) && !is_computed(&receiver.input, it.place);
            let of_rule = |name: &str| rules.as_ref().filter(|_| name == "rules");
            let found = found.into_iter().filter(is_given).map(|it| shown(it, given_as, &of_rule));
            let (of_rules, own): (Vec<_>, Vec<_>) = found.partition(|_| names_rules);
            self.literals.extend(own.into_iter().filter(is_beyond_types));
            self.tell(value.place, of_rules);
        }
        self.rules = rules;
    }

    /// What is wrong with an input when what it names stands in its place.
    fn hold(&mut self, action: &Action, input: &Tree, names: &Names<'_>) -> Vec<Mistake> {
        let schema = self.schemas.entry(action.name).or_insert_with(|| {
            let mut generator = SchemaGenerator::default();
            let mut schema = action.schema(&mut generator).to_value();
            schema["$defs"] = generator.take_definitions(true).into();
            schema
        });
        let mut found = Vec::new();
        if !names_any(input, names) {
            shape::check(input, schema, &read_format, &mut found);
            return found;
        }
        // Where a condition chooses between rules, each of them is held against the field in its turn.
        for which in 0..choices(input) {
            let mut written = input.clone();
            replace(&mut written, names, which);
            let mut mistakes = Vec::new();
            shape::check(&written, schema, &read_format, &mut mistakes);
            found.extend(mistakes.into_iter().filter(|mistake| !found.contains(mistake)).collect::<Vec<_>>());
        }
        found
    }

    /// Adds what is wrong with rules, once, and notes where their place need not be told of.
    fn tell(&mut self, place: Place, found: Vec<Mistake>) {
        self.told.extend((!found.is_empty()).then_some(place));
        for mistake in found {
            let is_it = |known: &&mut Mistake| {
                known.code == mistake.code && known.place == mistake.place && known.message == mistake.message
            };
            let Some(known) = self.mistakes.iter_mut().find(is_it) else {
                self.mistakes.push(mistake);
                continue;
            };
            let new = mistake.related.into_iter().filter(|it| !known.related.contains(it)).collect::<Vec<_>>();
            known.related.extend(new.into_iter().take(READS_SHOWN.saturating_sub(known.related.len())));
        }
    }

    /// Whether a mistake about types only repeats what is told of a rule.
    pub(super) fn tells(&self, mistake: &Mistake) -> bool {
        let about_types = matches!(mistake.code, "workflow::wrong_type" | "workflow::wrong_rule");
        let mut places = mistake.related.iter().map(|(place, _)| *place).chain([mistake.place]);
        about_types && places.any(|place| self.told.iter().any(|input| input.holds(place)))
    }
}

/// A mistake in a rule, with the place in the input that names the rule.
fn shown(mistake: Mistake, input: &Tree, names: &Names<'_>) -> Mistake {
    match reader(input, names, mistake.place) {
        Some((place, rule)) => mistake.related(place, format!("`{rule}` is read here")),
        None => mistake,
    }
}

/// Where an input names what holds a place, and by what name.
fn reader<'t>(input: &'t Tree, names: &Names<'_>, place: Place) -> Option<(Place, &'t str)> {
    if let Node::Text(text) = &input.node {
        let held = |branch: &&str| named(branch, names).is_some_and(|value| holds(value, place));
        return branches(text.as_str()).into_iter().find(held).map(|branch| (input.place, branch));
    }
    let below = input.entries().iter().map(|(_, value)| value).chain(input.items());
    below.into_iter().find_map(|inner| reader(inner, names, place))
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

/// Whether no type says it, so that only the schema knows.
fn is_beyond_types(mistake: &Mistake) -> bool {
    ["document::wrong_value", "document::out_of_range", "document::unknown_key"].contains(&mistake.code)
}

/// The names other than the rules' that fields of an input begin their paths with.
fn roots(tree: &Tree) -> BTreeSet<Arc<str>> {
    let is_path = |text: &&str| text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    let root = |path: &str| path.split('.').next().filter(|root| *root != "rules").map(Arc::from);
    match &tree.node {
        Node::Text(text) => branches(text.as_str()).into_iter().filter(is_path).filter_map(root).collect(),
        Node::List(items) => items.iter().flat_map(roots).collect(),
        Node::Map(entries) => entries.iter().flat_map(|(_, value)| roots(value)).collect(),
        _ => BTreeSet::new(),
    }
}

fn names_any(tree: &Tree, names: &Names<'_>) -> bool {
    match &tree.node {
        Node::Text(text) => branches(text.as_str()).iter().any(|branch| named(branch, names).is_some()),
        Node::List(items) => items.iter().any(|item| names_any(item, names)),
        Node::Map(entries) => entries.iter().any(|(_, value)| names_any(value, names)),
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

fn replace(tree: &mut Tree, names: &Names<'_>, which: usize) {
    match &mut tree.node {
        Node::Text(text) => {
            let branches = branches(text.as_str());
            let branch = branches.get(which.min(branches.len().saturating_sub(1)));
            if let Some(written) = branch.and_then(|branch| named(branch, names)) {
                *tree = written.clone();
            }
        }
        Node::List(items) => items.iter_mut().for_each(|item| replace(item, names, which)),
        Node::Map(entries) => entries.iter_mut().for_each(|(_, value)| replace(value, names, which)),
        _ => {}
    }
}

/// What a text that is one expression may come to.
fn branches(text: &str) -> Vec<&str> {
    let expression = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    expression.map(rule::branches).unwrap_or_default()
}

/// What is written where an expression names it and nothing else.
fn named<'n>(expression: &str, names: &Names<'n>) -> Option<&'n Tree> {
    let mut path = expression.split('.').map(str::trim);
    let root = names(path.next()?)?;
    let found = path.try_fold(root, |at, key| at.get(key))?;
    // What is itself computed is a mistake of its own, and what is empty has nothing to point at.
    let is_plain = found.as_text().is_none_or(|text| !text.contains("${"));
    (is_plain && !found.is_null()).then_some(found)
}

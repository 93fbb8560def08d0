//! The three control forms and their templates: `for_each`, `repeat`, and `use` of what a template takes and gives.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::{
    Body, BodyIx, Does, Each, Given, Repeat, Step,
    body::{Draft, roots},
    check::{Checker, known},
    given, misfit, step,
    step::{What, settled},
    unused::{self, Unread},
};
use crate::{
    base::{Mistake, Name, Place, Ty, limits, near},
    document::{Key, Tree, types::OnFailure},
    rule::Scope,
};

/// A checked template.
#[derive(Clone, Debug)]
pub(super) struct Template {
    body: BodyIx,
    takes: IndexMap<Name, Ty>,
    gives: Ty,
    place: Place,
}

impl Checker {
    /// Reads the names and types that something takes.
    pub(super) fn takes(&mut self, tree: &Tree) -> IndexMap<Name, Ty> {
        let mut takes = IndexMap::new();
        for (key, ty) in tree.entries() {
            let ty = self.types.read(ty, &mut self.mistakes);
            if let Some(name) = self.name(key) {
                takes.insert(name, ty);
            }
        }
        takes
    }

    pub(super) fn template(&mut self, name: Name, key: &Key, tree: &Tree) {
        let takes = tree.get("takes").map(|takes| self.takes(takes)).unwrap_or_default();
        let mut scope = self.everywhere.clone();
        for (key, _) in tree.get("takes").map(Tree::entries).unwrap_or_default() {
            if let Some((taken, _)) = takes.get_key_value(&*key.text).filter(|(taken, _)| taken.as_str() != "number") {
                self.refuse_taken(taken, key, &self.everywhere.clone());
            }
        }
        takes.iter().for_each(|(taken, ty)| scope.insert(taken.clone(), ty.clone()));
        let Some(steps) = tree.get("steps") else { return };
        let mut body = self.body(name.clone(), steps, tree.get("gives"), takes.clone(), scope);
        body.about = tree.get("about").and_then(Tree::as_text).map(ToString::to_string);
        self.note_unread(&name, tree, &body);
        let at = self.body_ix();
        let template = Template { body: at, takes, gives: body.gives_ty.clone(), place: key.place };
        self.bodies.push(body);
        self.templates.insert(name, template);
    }

    /// What a template takes and never reads is a misspelling, or a leftover.
    fn note_unread(&mut self, name: &Name, tree: &Tree, body: &Body) {
        let mut read: BTreeSet<String> = BTreeSet::new();
        for step in &body.steps {
            roots(step, &self.bodies, &mut |root| read.extend([root.to_string()]));
        }
        body.gives.iter().for_each(|(_, given)| given.reads(&mut |path| read.extend([path[0].to_string()])));
        for (key, _) in tree.get("takes").map(Tree::entries).unwrap_or_default() {
            if !read.contains(&*key.text) {
                let message = format!("the template `{name}` takes `{}` and never reads it", key.text);
                let unread = Unread::key(unused::What::Take, key);
                self.unread.push(unread.mistake("workflow::unread_take", message, "read it, or do not take it"));
            }
        }
    }

    /// The template that a step names.
    fn named_template(&mut self, draft: &Draft<'_>, key: &str) -> Option<(Name, Template)> {
        let tree = draft.tree.get(key)?;
        let word = tree.as_text()?;
        let found = self.templates.get_key_value(&**word).map(|(name, template)| (name.clone(), template.clone()));
        match &found {
            Some((name, _)) => {
                self.used.templates.insert(name.clone());
            }
            // It is there, but was not checked: what is wrong with it is told at its own place.
            None if self.written_templates.contains(word) => {
                self.used.templates.extend(Name::parse(word));
            }
            None => {
                let help = near::did_you_mean(word, self.templates.keys().map(Name::as_str));
                let help =
                    help.or_else(|| Some("write it under `templates`, or `include` the file that has it".into()));
                let message = format!("there is no template `{word}`");
                self.mistake(Mistake::new("workflow::unknown_template", tree.place, message).maybe_help(help));
            }
        }
        found
    }

    /// The values that a template is given under one key of a step, checked against what it takes.
    fn handed(
        &mut self,
        draft: &Draft<'_>,
        key: &str,
        name: &Name,
        template: &Template,
        scope: &Scope,
    ) -> Vec<(Name, Given)> {
        let mut handed = Vec::new();
        for (key, tree) in draft.tree.get(key).map(Tree::entries).unwrap_or_default() {
            match template.takes.get_key_value(&*key.text) {
                Some((taken, ty)) => {
                    self.written.hand(name, taken, tree);
                    handed.push((taken.clone(), given::read(tree, Some(ty), scope, &mut self.mistakes).0));
                }
                None => {
                    let help = near::did_you_mean(&key.text, template.takes.keys().map(Name::as_str));
                    let message = format!("the template `{name}` takes no `{}`", key.text);
                    self.mistake(
                        Mistake::new("workflow::unknown_take", key.place, message)
                            .related(template.place, "the template")
                            .maybe_help(help),
                    );
                }
            }
        }
        handed
    }

    /// What the template takes and is not given: filled from an item of that name, or a mistake.
    fn fill(
        &mut self,
        draft: &Draft<'_>,
        name: &Name,
        template: &Template,
        scope: &Scope,
        handed: &mut Vec<(Name, Given)>,
        filled_otherwise: &dyn Fn(&Name) -> bool,
    ) {
        let item = item_name(draft.tree);
        for (taken, ty) in &template.takes {
            if filled_otherwise(taken) || handed.iter().any(|(given, _)| given == taken) {
                continue;
            }
            let is_item = item.is_some_and(|item| *item.text == *taken.as_str());
            if let (true, Some(found), Some(item)) = (is_item, scope.get(taken.as_str()), item) {
                if !found.fits(ty) && !ty.is_unclear() {
                    let message = format!(
                        "`{taken}` is {}, but the template `{name}` takes {}",
                        misfit::with_article(found),
                        misfit::with_article(ty)
                    );
                    self.mistake(
                        Mistake::new("workflow::wrong_type", item.place, message)
                            .related(template.place, "the template"),
                    );
                }
                if let Ok(rule) = crate::rule::Rule::compile(taken.as_str(), scope) {
                    handed.push((taken.clone(), Given::Rule(rule)));
                }
                continue;
            }
            if matches!(ty, Ty::Optional(_)) {
                handed.push((taken.clone(), Given::Known(crate::base::Value::Null)));
                continue;
            }
            let place = ["with", "carry", "use", "repeat"]
                .iter()
                .find_map(|key| draft.tree.key(key))
                .map_or(draft.key.place, |it| it.place);
            let message = format!("the template `{name}` takes `{taken}` ({ty}), which is not given");
            self.mistake(
                Mistake::new("workflow::missing_take", place, message)
                    .related(template.place, "the template")
                    .help(format!("write `with: {{ {taken}: … }}`")),
            );
        }
    }
}

/// The name that the items of a `for_each` have.
fn item_name(step: &Tree) -> Option<&Key> {
    let entries = step.get("for_each").map(Tree::entries).unwrap_or_default();
    let names = entries.iter().filter(|(key, _)| !OF_EACH.contains(&&*key.text));
    let is_list = |value: &Tree| value.as_text().is_some_and(|text| text.contains("${")) || !value.items().is_empty();
    let meant = |(key, value): &&(Key, Tree)| is_list(value) && near::nearest(&key.text, OF_EACH).is_none();
    let meant = names.clone().find(meant).or_else(|| names.clone().next());
    meant.map(|(key, _)| key)
}

/// The keys of a `for_each` beside the name of its items.
const OF_EACH: [&str; 2] = ["key", "at_most"];

/// A `for_each` has one name for its items; what else stands there is a slip.
fn refuse_more_names(checker: &mut Checker, tree: &Tree, item: &Key) {
    for (key, value) in tree.entries() {
        if key.text == item.text || OF_EACH.contains(&&*key.text) {
            continue;
        }
        let message = format!("there is no key `{}` here: the items have the name `{}`", key.text, item.text);
        let help = near::did_you_mean(&key.text, OF_EACH.iter().copied())
            .unwrap_or_else(|| "beside the name there are `key` and `at_most`".into());
        checker.refused.push(value.place);
        checker.mistake(Mistake::new("document::unknown_key", key.place, message).help(help));
    }
}

pub(super) fn use_template(checker: &mut Checker, draft: &Draft<'_>, scope: &Scope) -> Option<(Does, Ty)> {
    let (name, template) = checker.named_template(draft, "use")?;
    let mut with = checker.handed(draft, "with", &name, &template, scope);
    checker.fill(draft, &name, &template, scope, &mut with, &|_| false);
    Some((Does::Use { body: template.body, with }, template.gives))
}

pub(super) fn repeat(checker: &mut Checker, draft: &Draft<'_>, scope: &Scope) -> Option<(Does, Ty)> {
    for key in ["carry", "until", "at_most"] {
        if draft.tree.get(key).is_none() {
            let place = draft.tree.key("repeat").map_or(draft.key.place, |key| key.place);
            let help = match key {
                "carry" => "say what is handed from one time to the next, as in `carry: { field: \"${field}\" }`",
                "until" => "say when it is over, as in `until: size(carry.field) <= 1`",
                _ => "every `repeat` has an end, as in `at_most: 12`",
            };
            checker.mistake(
                Mistake::new("workflow::missing_field", place, format!("this `repeat` lacks `{key}`")).help(help),
            );
        }
    }
    let (name, template) = checker.named_template(draft, "repeat")?;
    let carry = checker.handed(draft, "carry", &name, &template, scope);
    let mut with = checker.handed(draft, "with", &name, &template, scope);
    let carried: Vec<Name> = carry.iter().map(|(name, _)| name.clone()).collect();
    let numbered = template.takes.contains_key("number");
    if let Some(ty) = template.takes.get("number").filter(|ty| !Ty::Whole.fits(ty) && !ty.is_unclear()) {
        let message = format!("the template `{name}` takes `number` as {ty}, but a `repeat` gives it a whole number");
        checker.mistake(Mistake::new("workflow::wrong_type", template.place, message));
    }
    checker.fill(draft, &name, &template, scope, &mut with, &|taken| {
        carried.contains(taken) || taken.as_str() == "number"
    });

    let Ty::Record(gives) = &template.gives else { return None };
    let mut output = vec![];
    for taken in &carried {
        let ty = &template.takes[taken];
        let key = draft
            .tree
            .get("carry")
            .and_then(|carry| carry.key(taken.as_str()))
            .map_or(draft.key.place, |key| key.place);
        match gives.fields.get(taken) {
            Some(given) if !given.fits(ty) && !ty.is_unclear() => {
                let message = format!(
                    "`{taken}` is carried as {}, but the template `{name}` gives {}",
                    misfit::with_article(ty),
                    misfit::with_article(given)
                );
                checker.mistake(
                    Mistake::new("workflow::wrong_type", key, message).related(template.place, "the template"),
                );
            }
            Some(_) => {}
            None => {
                let message = format!("`{taken}` is carried, but the template `{name}` does not give it");
                let help = near::nearest(taken.as_str(), gives.fields.keys().map(Name::as_str));
                let help = help
                    .map_or_else(|| format!("add `{taken}` to its `gives`"), |near| format!("did you mean `{near}`?"));
                checker.mistake(
                    Mistake::new("workflow::not_carried", key, message)
                        .related(template.place, "the template")
                        .help(help),
                );
            }
        }
        output.push((taken.clone(), ty.clone()));
    }
    let carry_ty = Ty::record(output.iter().cloned());
    let inside = scope.inside().with(known("carry"), carry_ty).with(known("number"), Ty::Whole);
    let until =
        draft.tree.get("until").and_then(|until| given::read_rule(until, &Ty::Bool, &inside, &mut checker.mistakes));
    let at_most = draft.tree.get("at_most").and_then(Tree::as_whole).and_then(|most| u32::try_from(most).ok());
    if let (Some(most), Some(tree)) = (at_most, draft.tree.get("at_most"))
        && u64::from(most) > limits::ROUNDS_MAX
    {
        let message = format!("expected at most {} times, found {most}", limits::ROUNDS_MAX);
        checker.mistake(Mistake::new("document::out_of_range", tree.place, message));
    }
    for reserved in ["count", "times"] {
        if let Some(key) = draft.tree.get("carry").and_then(|carry| carry.key(reserved)) {
            let message = format!("a `repeat` gives `{reserved}` itself; carry under another name");
            checker.mistake(Mistake::new("workflow::name_taken", key.place, message));
        }
    }
    output.push((known("count"), Ty::Whole));
    output.push((known("times"), Ty::list(template.gives.clone())));
    let repeat = Repeat { body: template.body, carry, with, numbered, until: until?, at_most: at_most? };
    Some((Does::Repeat(repeat), Ty::record(output)))
}

pub(super) fn for_each(
    checker: &mut Checker,
    draft: &Draft<'_>,
    what: &What<'_>,
    tree: &Tree,
    scope: &Scope,
) -> Option<Step> {
    let item_key = item_name(draft.tree)?;
    let item = checker.name(item_key)?;
    checker.refuse_taken(&item, item_key, scope);
    refuse_more_names(checker, tree, item_key);
    let list_tree = tree.get(&item_key.text)?;
    let (list, list_ty) = given::read(list_tree, None, scope, &mut checker.mistakes);
    let item_ty = match list_ty {
        Ty::List(item) => (*item).clone(),
        Ty::Never => Ty::Never,
        other => {
            let message = format!("expected a list, but this gives {}", misfit::with_article(&other));
            let help = matches!(other, Ty::Optional(_))
                .then(|| "it may be null: say what to take then, as in `x.or([])`".to_string());
            checker.mistake(Mistake::new("workflow::wrong_type", list_tree.place, message).maybe_help(help));
            Ty::Never
        }
    };
    let inside = scope.inside().with(item.clone(), item_ty.clone());
    let before = checker.mistakes.len();
    let (key, _) = given::read(tree.get("key")?, Some(&Ty::Text), &inside, &mut checker.mistakes);
    // A key that could not be read has a mistake of its own.
    if checker.mistakes.len() == before {
        refuse_constant_key(checker, tree, &key, &item);
    }
    let at_most = tree.get("at_most").and_then(Tree::as_whole).and_then(|most| u32::try_from(most).ok());

    // A `when` that speaks of the item is asked of each; another is asked once, before the list is read.
    let when_text = draft.tree.get("when").and_then(Tree::as_text);
    let asked_of_each = when_text.is_some_and(|when| super::names::in_rule(when).contains(item.as_str()));
    let when = draft
        .tree
        .get("when")
        .filter(|_| !asked_of_each)
        .and_then(|when| given::read_rule(when, &Ty::Bool, scope, &mut checker.mistakes));

    let inner = step::single(checker, draft, what, &inside, asked_of_each)?;
    let value_ty = match inner.settings.on_failure {
        OnFailure::Result => keyed(&inner.ty),
        OnFailure::Stop | OnFailure::Hold => inner.ty.clone(),
    };
    let body = Body {
        takes: [(item.clone(), item_ty)].into_iter().collect(),
        sees_around: true,
        gives_ty: inner.ty.clone(),
        places: [(draft.name.clone(), super::StepIx(0))].into_iter().collect(),
        steps: vec![Step { read: true, ..inner }],
        ..Body::empty(draft.name.clone())
    };
    let at = checker.body_ix();
    checker.bodies.push(body);
    let at_most = at_most.unwrap_or(u32::try_from(limits::FAN_OUT_MAX).unwrap_or(u32::MAX));
    let does = Does::Each(Each { item, list, key, at_most, body: at });
    let ty = Ty::list(value_ty);
    let ty = if draft.tree.get("when").is_some() && !asked_of_each { Ty::optional(ty) } else { ty };
    Some(Step { when, does, ty, ..step::blank(draft) })
}

/// A settled item tells whose it is.
fn keyed(ty: &Ty) -> Ty {
    match ty {
        Ty::Optional(inner) => Ty::optional(keyed(inner)),
        Ty::Record(record) => match record.fields.get("value") {
            Some(Ty::Optional(value)) => settled((**value).clone(), true),
            _ => ty.clone(),
        },
        _ => ty.clone(),
    }
}

/// A key that is the same for all items cannot tell them apart.
fn refuse_constant_key(checker: &mut Checker, tree: &Tree, key: &Given, item: &Name) {
    let mut reads_item = false;
    key.reads(&mut |path| reads_item |= *path[0] == *item.as_str());
    if let Some(written) = tree.get("key").filter(|_| !reads_item) {
        let message = format!("the key must tell the items apart, but it does not read `{item}`");
        let mistake = Mistake::new("workflow::constant_key", written.place, message);
        checker.mistake(mistake.help(format!("write a field of the item, as in `key: \"${{{item}.id}}\"`")));
    }
}

//! One step: what it does, how, and what it gives.

use serde::Deserialize;

use super::{
    Does, Given, Step,
    body::Draft,
    check::{Checker, known},
    form, given, meant, settings,
};
use crate::{
    action::{self, Action, Gives, Takes},
    base::{Mistake, Place, Ty, near},
    document::{
        Node, Tree,
        types::{Modifiers, OnFailure, is_modifier, modifier_names},
    },
    rule::Scope,
};

/// What a step says it does, by the keys that say it.
pub(super) enum What<'a> {
    Action(&'static Action, &'a Tree),
    Use,
    Repeat,
}

/// Reads the modifiers of a step as far as they can be read; the shape check tells what is wrong with the others.
pub(super) fn modifiers(tree: &Tree) -> Modifiers {
    let Node::Map(entries) = &tree.node else { return Modifiers::default() };
    let fields: serde_json::Map<String, serde_json::Value> = entries
        .iter()
        .filter(|(key, _)| is_modifier(&key.text))
        .map(|(key, value)| (key.text.to_string(), value.to_json()))
        .collect();
    Modifiers::deserialize(&fields).unwrap_or_else(|_| {
        let reads = |key: &str, value: &serde_json::Value| {
            Modifiers::deserialize(&serde_json::Map::from_iter([(key.to_string(), value.clone())])).is_ok()
        };
        let good: serde_json::Map<_, _> = fields.into_iter().filter(|(key, value)| reads(key, value)).collect();
        Modifiers::deserialize(&good).unwrap_or_default()
    })
}

/// Checks a step. Nothing comes back when it is not even clear what it does.
pub(super) fn read(checker: &mut Checker, draft: &Draft<'_>, scope: &Scope) -> Option<Step> {
    let what = what(checker, draft)?;
    refuse_misplaced(checker, draft, &what);
    match draft.tree.get("for_each") {
        Some(each) => form::for_each(checker, draft, &what, each, scope),
        None => single(checker, draft, &what, scope, true),
    }
}

/// A step without `for_each`, or what a `for_each` does for one item.
pub(super) fn single(
    checker: &mut Checker,
    draft: &Draft<'_>,
    what: &What<'_>,
    scope: &Scope,
    with_when: bool,
) -> Option<Step> {
    let when = draft
        .tree
        .get("when")
        .filter(|_| with_when)
        .and_then(|when| given::read_rule(when, &Ty::Bool, scope, &mut checker.mistakes));
    let settings = settings::read(checker, draft.tree, &draft.modifiers, scope);
    let (does, ty) = match what {
        What::Action(action, input) => read_action(checker, action, input, scope),
        What::Use => form::use_template(checker, draft, scope)?,
        What::Repeat => form::repeat(checker, draft, scope)?,
    };
    let ty = if settings.on_failure == OnFailure::Result { settled(ty, false) } else { ty };
    // An operator may make void what is held: whoever reads it says what holds then.
    let is_held = settings.on_failure == OnFailure::Hold;
    let ty = if is_held || draft.tree.get("when").is_some() && with_when { Ty::optional(ty) } else { ty };
    Some(Step { when, does, settings, ty, ..blank(draft) })
}

/// A step with its names filled in and nothing else.
pub(super) fn blank(draft: &Draft<'_>) -> Step {
    Step {
        name: draft.name.clone(),
        about: draft.modifiers.about.clone(),
        place: draft.key.place,
        needs: Vec::new(),
        when: None,
        does: Does::Use { body: super::Workflow::MAIN, with: Vec::new() },
        settings: settings::usual(),
        ty: Ty::Never,
        read: false,
    }
}

/// What stands for a step whose failure is a result: whether it went well, and what came of it.
pub(super) fn settled(value: Ty, with_key: bool) -> Ty {
    let key = with_key.then(|| (known("key"), Ty::Text));
    let blame = Ty::choice(["entrant", "host", "operator", "us"]);
    Ty::named_record(
        known("settled"),
        key.into_iter().chain([
            (known("ok"), Ty::Bool),
            (known("value"), Ty::optional(value)),
            (known("blame"), Ty::optional(blame)),
            (known("cause"), Ty::optional(Ty::Text)),
        ]),
    )
}

/// What other languages of workflows call what is here.
const SYNONYMS: [(&str, &str); 8] = [
    ("if", "when"),
    ("depends_on", "needs"),
    ("after", "needs"),
    ("timeout", "time_limit"),
    ("retries", "retry"),
    ("matrix", "for_each"),
    ("loop", "repeat"),
    ("continue_on_error", "on_failure"),
];

fn what<'a>(checker: &mut Checker, draft: &Draft<'a>) -> Option<What<'a>> {
    let mut found: Vec<(Place, What<'a>)> = Vec::new();
    let mut unknown = false;
    for (key, value) in draft.tree.entries() {
        match &*key.text {
            "use" => found.push((key.place, What::Use)),
            "repeat" => found.push((key.place, What::Repeat)),
            modifier if is_modifier(modifier) => {}
            word => match action::find(word) {
                Some(action) => found.push((key.place, What::Action(action, value))),
                None => {
                    unknown = true;
                    let words = action::catalogue().iter().map(|action| action.name);
                    let words = words.chain(modifier_names().iter().map(String::as_str));
                    let near = near::nearest(word, words)
                        .or_else(|| SYNONYMS.iter().find(|(other, _)| *other == word).map(|(_, ours)| *ours));
                    let near = near.map(|near| format!("did you mean `{near}`?"));
                    let all =
                        || format!("the actions are {}", near::list(action::catalogue().iter().map(|it| it.name)));
                    let message = format!("there is no action `{word}`, and no setting of that name");
                    checker.mistake(
                        Mistake::new("workflow::unknown_action", key.place, message).help(near.unwrap_or_else(all)),
                    );
                }
            },
        }
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some((_, what)), None) => Some(what),
        (Some((first, _)), Some((second, _))) => {
            let message = format!("the step `{}` does two things", draft.name);
            checker.mistake(
                Mistake::new("workflow::two_things", second, message)
                    .related(first, "this is the first")
                    .help("make it two steps, or a template that has both"),
            );
            None
        }
        (None, _) => {
            if !unknown {
                let message = format!("the step `{}` does not say what it does", draft.name);
                let usual = "name an action such as `train:`, or `use: TEMPLATE`, or `repeat: TEMPLATE`";
                // A variant that misspells a step says nothing of what it does.
                let near = meant::beside(&draft.key.text, draft.beside.entries());
                let help =
                    near.map_or_else(|| usual.into(), |near| format!("did you mean the step `{near}`? Or {usual}"));
                checker.mistake(Mistake::new("workflow::nothing_to_do", draft.key.place, message).help(help));
            }
            None
        }
    }
}

/// Settings that say nothing for what the step does.
fn refuse_misplaced(checker: &mut Checker, draft: &Draft<'_>, what: &What<'_>) {
    const OF_WORK: [&str; 8] =
        ["gpus", "time_limit", "on_time_limit", "expect", "retry", "same_host", "limits", "priority"];
    const OF_HOSTS: [&str; 4] = ["gpus", "time_limit", "on_time_limit", "same_host"];
    let (misplaced, why): (&[&str], &str) = match what {
        What::Action(action, _) if action.is_of_ledger() => {
            (&OF_HOSTS, "is done in the ledger, in a moment and on no host")
        }
        What::Action(action, _) if action.is_pure() => (&OF_WORK, "is decided at once and does no work outside"),
        What::Action(..) => (&[], ""),
        What::Use | What::Repeat => (&OF_WORK, "uses a template: say it of the steps inside"),
    };
    let of_templates: &[&str] = if matches!(what, What::Action(..)) { &["with"] } else { &[] };
    let of_repeat: &[&str] = if matches!(what, What::Repeat) { &[] } else { &["carry", "until", "at_most"] };
    for (keys, why) in [(misplaced, why), (of_templates, "uses no template"), (of_repeat, "repeats nothing")] {
        for key in keys.iter().filter_map(|key| draft.tree.key(key)) {
            let message = format!("`{}` says nothing here: the step {why}", key.text);
            checker.mistake(Mistake::new("workflow::misplaced", key.place, message).help("leave it out"));
        }
    }
}

fn read_action(checker: &mut Checker, action: &'static Action, input: &Tree, scope: &Scope) -> (Does, Ty) {
    let declared = match &action.gives {
        Gives::Declared(field) => Some(*field),
        Gives::Record(_) | Gives::WhatItTakes => None,
    };
    checker.written.check(action, input);
    let (given, input_ty) = match &action.takes {
        Takes::Anything => given::read(input, None, scope, &mut checker.mistakes),
        Takes::Fields { ty, .. } if matches!(input.node, Node::Map(_)) => {
            // What the action gives is declared by types, which are no values: they are read apart.
            let values = declared.filter(|field| input.get(field).is_some()).map(|field| without(input, field));
            given::read(values.as_ref().unwrap_or(input), Some(ty), scope, &mut checker.mistakes)
        }
        Takes::Fields { ty, .. } => {
            let fields: Vec<&str> = match ty {
                Ty::Record(record) => record.fields.keys().map(crate::base::Name::as_str).collect(),
                _ => Vec::new(),
            };
            let message = format!("expected what `{}` takes, found {}", action.name, input.describe());
            let help = format!("it takes {}", near::list(fields));
            checker.mistake(Mistake::new("document::wrong_type", input.place, message).help(help));
            (Given::Known(crate::base::Value::Null), Ty::Never)
        }
    };
    let ty = match &action.gives {
        Gives::Record(ty) => ty.clone(),
        Gives::WhatItTakes => input_ty,
        Gives::Declared(field) => {
            let declared = input.get(field).map(Tree::entries).unwrap_or_default();
            let fields = declared.iter().filter_map(|(key, ty)| {
                let ty = checker.types.read(ty, &mut checker.mistakes);
                checker.name(key).map(|name| (name, ty))
            });
            Ty::record(fields.collect::<Vec<_>>())
        }
    };
    (Does::Action { action, input: given, gives: ty.clone() }, ty)
}

/// The input without one of its fields.
fn without(input: &Tree, field: &str) -> Tree {
    let mut input = input.clone();
    if let Node::Map(entries) = &mut input.node {
        entries.retain(|(key, _)| *key.text != *field);
    }
    input
}

//! What is written and never read: a rule that changes nothing is a trap for whoever changes it.

use std::{collections::BTreeSet, sync::Arc};

use super::{Does, Given, Step, check::Checker, gpus::GpuTable};
use crate::{
    base::{Mistake, Name, near},
    document::Tree,
    rule::Rule,
};

/// What has been read so far, beside what the bodies themselves tell.
#[derive(Default)]
pub(super) struct Used {
    pub(super) templates: BTreeSet<Name>,
    pub(super) limits: BTreeSet<Name>,
    /// The rules that were read, each as the path below `rules`.
    pub(super) rules: BTreeSet<Vec<Arc<str>>>,
    pub(super) calls_gpus: bool,
}

impl Used {
    /// Notes the rules that a value reads.
    pub(super) fn note(&mut self, given: &Given) {
        given.reads(&mut |path| self.note_path(path));
        self.calls_gpus |= given.calls("gpus");
    }
    pub(super) fn note_rule(&mut self, rule: &Rule) {
        rule.reads().iter().for_each(|path| self.note_path(path));
        self.calls_gpus |= rule.calls().iter().any(|name| name.as_str() == "gpus");
    }
    fn note_path(&mut self, path: &[Arc<str>]) {
        if path.first().is_some_and(|root| **root == *"rules") {
            self.rules.insert(path[1..].to_vec());
        }
    }
}

/// The values of a step, wherever they stand in it.
pub(super) fn visit<'a>(step: &'a Step, see: &mut dyn FnMut(&'a Given), see_rule: &mut dyn FnMut(&'a Rule)) {
    step.when.iter().for_each(&mut *see_rule);
    [&step.settings.gpus, &step.settings.time_limit, &step.settings.expect].into_iter().flatten().for_each(&mut *see);
    match &step.does {
        Does::Action { input, .. } => see(input),
        Does::Use { with, .. } => with.iter().for_each(|(_, given)| see(given)),
        Does::Each(each) => [&each.list, &each.key].into_iter().for_each(see),
        Does::Repeat(repeat) => {
            repeat.carry.iter().chain(&repeat.with).for_each(|(_, given)| see(given));
            see_rule(&repeat.until);
        }
    }
}

/// Reports what the document declares and nothing reads.
pub(super) fn report(checker: &mut Checker, tree: &Tree, gpus: Option<&GpuTable>) {
    let mut used = std::mem::take(&mut checker.used);
    for body in &checker.bodies {
        body.gives.iter().for_each(|(_, given)| used.note(given));
        for step in &body.steps {
            let (mut givens, mut rules) = (Vec::new(), Vec::new());
            visit(step, &mut |given| givens.push(given), &mut |rule| rules.push(rule));
            givens.into_iter().for_each(|given| used.note(given));
            rules.into_iter().for_each(|rule| used.note_rule(rule));
        }
    }
    if let Some(table) = gpus {
        table.rules().for_each(|rule| used.note_rule(rule));
        table.needs().for_each(|given| used.note(given));
    }
    // A file with other mistakes reads less than its author meant: what looks unused may only be misspelled elsewhere.
    let clean = checker.mistakes.is_empty();
    if let Some(rules) = tree.get("rules") {
        let missing = missing_rules(&checker.mistakes);
        unread_rules(checker, rules, &mut Vec::new(), &used.rules, clean, &missing);
    }
    let mut unused = |section: &str, code: &'static str, read: &dyn Fn(&str) -> bool, advice: &str| {
        for (key, _) in tree.get(section).map(Tree::entries).unwrap_or_default() {
            if key.place.source == checker.entry && !read(&key.text) {
                let message = format!("nothing uses `{}`", key.text);
                checker.mistakes.push(Mistake::new(code, key.place, message).help(advice));
            }
        }
    };
    let is_part = tree.get("part").is_some();
    if !is_part {
        unused(
            "templates",
            "workflow::unused_template",
            &|name| used.templates.contains(name),
            "`use` it in a step, or delete it",
        );
    }
    unused(
        "limits",
        "workflow::unused_limit",
        &|name| used.limits.contains(name),
        "name it in the `limits` of a step, or delete it",
    );
    if let Some(key) = tree.key("gpus").filter(|key| key.place.source == checker.entry && !used.calls_gpus) {
        let mistake = Mistake::new("workflow::unused_gpus", key.place, "no step asks this table");
        checker.mistakes.push(mistake.help("ask it in a step: `gpus: \"${gpus(task)}\"`"));
    }
}

/// The last parts of names that expressions asked for in vain.
fn missing_rules(mistakes: &[Mistake]) -> Vec<String> {
    let quoted = |mistake: &Mistake| mistake.message.split('`').nth(1).map(str::to_string);
    mistakes.iter().filter(|it| it.code == "rule::unknown_field").filter_map(quoted).collect()
}

fn unread_rules(
    checker: &mut Checker,
    tree: &Tree,
    path: &mut Vec<Arc<str>>,
    read: &BTreeSet<Vec<Arc<str>>>,
    clean: bool,
    missing: &[String],
) {
    for (key, value) in tree.entries() {
        path.push(key.text.clone());
        let is_read = read.iter().any(|found| path.starts_with(found) || found.starts_with(path));
        let whole_is_read = read.iter().any(|found| path.starts_with(found));
        let near_missing = near::nearest(&key.text, missing.iter().map(String::as_str)).map(str::to_string);
        if !is_read && key.place.source == checker.entry && (clean || near_missing.is_some()) {
            let message = format!("nothing reads the rule `{}`", path.join("."));
            let help = near_missing.map_or("delete it, or read it where it should count".into(), |near| {
                format!("an expression asks for `{near}`: is this the one?")
            });
            checker.mistakes.push(Mistake::new("workflow::unused_rule", key.place, message).help(help));
        } else if !whole_is_read {
            unread_rules(checker, value, path, read, clean, missing);
        }
        path.pop();
    }
}

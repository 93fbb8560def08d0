//! What is written and never read: a rule that changes nothing is a trap for whoever changes it.

use std::{collections::BTreeSet, ops::Bound, sync::Arc};

use super::{Does, Given, Step, check::Checker, gpus::GpuTable, meant};
use crate::{
    base::{
        Mistake, Name, Place,
        limits::{MISTAKES_MAX, NEAR_NAMES_MAX},
        near,
    },
    document::{Key, Node, Tree},
    rule::Rule,
};

/// What has been read so far, beside what the bodies themselves tell.
#[derive(Default)]
pub(super) struct Used {
    pub(super) templates: BTreeSet<Name>,
    pub(super) limits: BTreeSet<Name>,
    /// The rules that were read, each as the path below `rules`.
    pub(super) rules: BTreeSet<Vec<Arc<str>>>,
    /// The inputs that were read, each as the path below `inputs`.
    pub(super) inputs: BTreeSet<Vec<Arc<str>>>,
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
        let Some((root, rest)) = path.split_first() else { return };
        match &**root {
            "rules" => drop(self.rules.insert(rest.to_vec())),
            "inputs" => drop(self.inputs.insert(rest.to_vec())),
            _ => {}
        }
    }
}

/// What it is that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Rule,
    Input,
    Template,
    Limit,
    Gpus,
    Take,
    Give,
    Step,
}

/// Something that has a name and is not read, as far as is known.
pub(super) struct Unread {
    pub(super) what: What,
    pub(super) name: Arc<str>,
    pub(super) place: Place,
    /// What to say of it in a file without other mistakes; nothing where it may well stay unread.
    pub(super) mistake: Option<Box<Mistake>>,
}

impl Unread {
    pub(super) fn key(what: What, key: &Key) -> Self {
        Self { what, name: key.text.clone(), place: key.place, mistake: None }
    }
    pub(super) fn mistake(self, code: &'static str, message: String, help: &str) -> Self {
        Self { mistake: Some(Box::new(Mistake::new(code, self.place, message).help(help))), ..self }
    }
}

/// The values of a step, wherever they stand in it.
pub(super) fn visit<'a>(step: &'a Step, see: &mut dyn FnMut(&'a Given), see_rule: &mut dyn FnMut(&'a Rule)) {
    step.when.iter().for_each(&mut *see_rule);
    [&step.settings.gpus, &step.settings.time_limit, &step.settings.expect].into_iter().flatten().for_each(&mut *see);
    step.settings.attempts.iter().for_each(|attempts| see(&attempts.written));
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

/// Notes what the document declares and nothing reads.
pub(super) fn note_all(checker: &mut Checker, tree: &Tree, gpus: Option<&GpuTable>) {
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
    if let Some(rules) = tree.get("rules") {
        unread_rules(checker, rules, &mut Vec::new(), &used.rules);
    }
    let is_part = tree.get("part").is_some();
    let input_is_read = |name: &str| used.inputs.iter().any(|path| path.first().is_none_or(|root| **root == *name));
    let mut unused = |section: &str,
                      what: What,
                      is_read: &dyn Fn(&str) -> bool,
                      told: &dyn Fn(&str) -> (&'static str, String, &'static str)| {
        for (key, _) in tree.get(section).map(Tree::entries).unwrap_or_default() {
            if key.place.source == checker.entry && !is_read(&key.text) {
                let (code, message, help) = told(&key.text);
                checker.unread.push(Unread::key(what, key).mistake(code, message, help));
            }
        }
    };
    unused("inputs", What::Input, &input_is_read, &|name| {
        (
            "workflow::unused_input",
            format!("nothing reads the input `{name}`"),
            "delete it, or read it where it should count",
        )
    });
    if !is_part {
        unused("templates", What::Template, &|name| used.templates.contains(name), &|name| {
            (
                "workflow::unused_template",
                format!("nothing uses the template `{name}`"),
                "`use` it in a step, or delete it",
            )
        });
    }
    unused("limits", What::Limit, &|name| used.limits.contains(name), &|name| {
        let help = "name it in the `limits` of a step, or delete it";
        ("workflow::unused_limit", format!("no step is inside of the limit `{name}`"), help)
    });
    // What a template gives may stay unread; it is only looked at when something else is asked for in vain.
    let templates = tree.get("templates").map(Tree::entries).unwrap_or_default();
    for (key, _) in templates.iter().filter_map(|(_, it)| it.get("gives")).flat_map(Tree::entries) {
        checker.unread.push(Unread::key(What::Give, key));
    }
    if let Some(key) = tree.key("gpus").filter(|key| key.place.source == checker.entry && !used.calls_gpus) {
        let help = "ask it in a step, as in `gpus: \"${gpus(task)}\"`, or delete it";
        let unread = Unread::key(What::Gpus, key);
        checker.unread.push(unread.mistake("workflow::unused_gpus", "no step asks this table".into(), help));
    }
}

fn unread_rules(checker: &mut Checker, tree: &Tree, path: &mut Vec<Arc<str>>, read: &BTreeSet<Vec<Arc<str>>>) {
    for (key, value) in tree.entries() {
        path.push(key.text.clone());
        let whole_is_read = (0..=path.len()).any(|end| read.contains(&path[..end]));
        let of_it = (Bound::Included(&path[..]), Bound::Unbounded);
        let part_is_read = read.range::<[Arc<str>], _>(of_it).next().is_some_and(|found| found.starts_with(path));
        if !whole_is_read && !part_is_read && key.place.source == checker.entry {
            let message = format!("nothing reads the rule `{}`", path.join("."));
            // Those after so many are not reported.
            let is_shown = checker.unread.len() < MISTAKES_MAX;
            let near = is_shown.then(|| meant::beside(&key.text, tree.entries())).flatten();
            let near = near.map(|near| format!("did you mean `{near}`?"));
            let help = near.as_deref().unwrap_or("delete it, or read it where it should count");
            checker.unread.push(Unread::key(What::Rule, key).mistake("workflow::unused_rule", message, help));
            below(checker, value);
        } else if !whole_is_read {
            unread_rules(checker, value, path, read);
        }
        path.pop();
    }
}

/// Notes the rules within one that is not read: it is told of as a whole, but one of them may be what was meant.
fn below(checker: &mut Checker, tree: &Tree) {
    for (key, value) in tree.entries() {
        checker.unread.push(Unread::key(What::Rule, key));
        below(checker, value);
    }
}

/// Tells what is not read. A file with other mistakes reads less than its author meant, so there only what is written
/// nowhere is told; and it is shown what was probably meant by a name that is asked for in vain.
pub(super) fn tell(unread: Vec<Unread>, tree: &Tree, mistakes: &mut Vec<Mistake>) {
    if mistakes.is_empty() {
        return mistakes.extend(unread.into_iter().filter_map(|it| it.mistake).map(|mistake| *mistake));
    }
    hint(&unread, mistakes);
    let mut words = BTreeSet::new();
    gather_words(tree, &mut words);
    let asked = mistakes.iter().filter_map(asked_in_vain).take(MISTAKES_MAX);
    let asked: BTreeSet<Arc<str>> = asked.map(Arc::from).collect();
    let is_told: BTreeSet<Place> = mistakes.iter().flat_map(|it| it.related.iter().map(|(place, _)| *place)).collect();
    let surely = |it: &Unread| {
        // Whoever gives inputs by their names must learn of a slip in one.
        let is_meant = it.what != What::Input && asked.iter().any(|asked| near::nearest(asked, [&*it.name]).is_some());
        !is_meant && !is_told.contains(&it.place)
    };
    let nowhere = unread.into_iter().filter(|it| it.mistake.is_some() && !words.contains(&*it.name));
    let surely = nowhere.take(NEAR_NAMES_MAX).filter(surely);
    mistakes.extend(surely.filter_map(|it| it.mistake).map(|mistake| *mistake));
}

/// The words of all values: what is written nowhere is read by nobody, whatever else is wrong.
fn gather_words<'t>(tree: &'t Tree, words: &mut BTreeSet<&'t str>) {
    match &tree.node {
        Node::Text(text) => {
            let is_part = |c: char| c.is_alphanumeric() || c == '_';
            words.extend(text.as_str().split(|c| !is_part(c)));
        }
        Node::List(items) => items.iter().for_each(|item| gather_words(item, words)),
        Node::Map(entries) => entries.iter().for_each(|(key, value)| {
            if &*key.text != "about" {
                gather_words(value, words);
            }
        }),
        _ => {}
    }
}

/// Shows what was probably meant by a name that is asked for in vain.
fn hint(unread: &[Unread], mistakes: &mut [Mistake]) {
    for mistake in mistakes.iter_mut().filter(|mistake| asked_in_vain(mistake).is_some()).take(MISTAKES_MAX) {
        let Some(asked) = asked_in_vain(mistake) else { continue };
        let is_here = |it: &Unread| it.place.source == mistake.place.source;
        let wanted = |it: &&Unread| match it.what {
            What::Template => mistake.code == "workflow::unknown_template",
            What::Limit => mistake.code == "workflow::unknown_limit",
            What::Step => ["rule::unknown_name", "workflow::unknown_need"].contains(&mistake.code) && is_here(it),
            What::Take => {
                mistake.code == "workflow::unknown_take" || mistake.code == "rule::unknown_name" && is_here(it)
            }
            What::Give => {
                mistake.code == "workflow::not_carried" || mistake.code == "rule::unknown_field" && is_here(it)
            }
            What::Input => mistake.code == "rule::unknown_field" && is_here(it),
            What::Rule | What::Gpus => false,
        };
        let others: Vec<&Unread> = unread
            .iter()
            .filter(wanted)
            .take(NEAR_NAMES_MAX)
            .filter(|it| *it.name != *asked && (it.what == What::Input || near::is_slip(asked, &it.name)))
            .collect();
        let Some(near) = near::nearest(asked, others.iter().map(|it| &*it.name)) else { continue };
        let label = format!("or was `{asked}` meant here?");
        let meant: Vec<Place> = others.iter().filter(|it| *it.name == *near).map(|it| it.place).collect();
        for place in meant.into_iter().take(2).filter(|place| *place != mistake.place) {
            mistake.related.push((place, label.clone()));
        }
    }
}

/// The name that a mistake says there is not.
fn asked_in_vain(mistake: &Mistake) -> Option<&str> {
    let quoted = match mistake.code {
        "rule::unknown_name"
        | "rule::unknown_field"
        | "workflow::unknown_rule"
        | "workflow::unknown_template"
        | "workflow::unknown_limit"
        | "workflow::unknown_need"
        | "workflow::not_carried" => 1,
        "workflow::unknown_take" => 3,
        _ => return None,
    };
    let asked = mistake.message.split('`').nth(quoted)?;
    // Of a rule the last name of its path.
    Some(asked.rsplit('.').next().unwrap_or(asked))
}

//! What was meant by a name that is read in vain: a rule under a slip of the pen, or what a variant took away.
//!
//! The check calls it for a field of a rule that there is not, and once at its end. Whoever changes a rule is told on the
//! line of the rule, with the places that read it beside; an expression is to blame only where no rule is.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use super::unused::Unread;
use crate::{
    base::{Mistake, Place, Value, limits::NEAR_NAMES_MAX, near},
    document::{Key, Node, Removed, Tree},
    rule::Scope,
};

/// Places that one mistake shows of those that read a rule.
const READS_SHOWN: usize = 4;

/// The path of the rule whose last name stands at these bytes of an expression.
fn path_at<'t>(text: &'t str, bytes: &Range<usize>) -> Option<&'t str> {
    let before = text.get(..bytes.end)?;
    let is_part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let path = &before[before.trim_end_matches(is_part_of_path).len()..];
    (path.starts_with("rules.") && !path.ends_with('.')).then_some(path)
}

/// A field that there is not, as a mistake about the rule that it would be, if it is one.
pub(super) fn field(mistake: Mistake, text: &str, bytes: &Range<usize>, scope: &Scope) -> Mistake {
    let Some(path) = path_at(text, bytes).filter(|_| mistake.code == "rule::unknown_field") else { return mistake };
    let Some((section, name)) = path.rsplit_once('.') else { return mistake };
    let value = |path: &str| {
        let mut steps = path.split('.').skip(1);
        steps.try_fold(scope.constant("rules")?, |value, step| value.field(step))
    };
    match (value(section), scope.origin(section)) {
        (None | Some(Value::Record(_)), _) | (_, None) => {
            let help = mistake.help;
            Mistake::new("workflow::unknown_rule", mistake.place, format!("there is no rule `{path}`")).maybe_help(help)
        }
        (Some(held), Some(origin)) => {
            let is_blank = *held == Value::Null && origin.is_blank;
            let said = if is_blank { "empty" } else { &origin.written };
            let message = format!("`{section}` is {said} here, and `{name}` of it is read");
            let help = if is_blank {
                "write what belongs to it below it, further to the right".to_owned()
            } else {
                format!("write a mapping, as in `{{ {name}: … }}`")
            };
            let mistake_here = Mistake::new("workflow::wrong_rule", origin.place, message).help(help);
            mistake_here.related(mistake.place, format!("`{path}` is read here"))
        }
    }
}

/// Moves mistakes about what is read in vain to the rule that was meant, and to what a variant took away.
pub(super) fn settle(mistakes: &mut Vec<Mistake>, unread: &mut Vec<Unread>, tree: &Tree, removed: &[Removed]) {
    let mut at_removals: BTreeMap<Place, Mistake> = BTreeMap::new();
    mistakes.retain_mut(|mistake| {
        let Some(gone) = removed.iter().find(|gone| asks_for(mistake, gone)) else { return true };
        if mistake.code == "document::missing_key" {
            mistake.place = gone.place;
            mistake.help = Some("leave the key out to keep what the base gives".into());
            return true;
        }
        let told = at_removals.entry(gone.place).or_insert_with(|| still_read(gone));
        if told.related.len() < READS_SHOWN {
            told.related.push((mistake.place, "read here".into()));
        }
        false
    });
    let rules = Rules::of(tree);
    let mut at_rules: BTreeMap<Place, Mistake> = BTreeMap::new();
    mistakes.retain(|mistake| {
        let Some((asked, meant)) = unknown_rule(mistake).and_then(|asked| Some((asked, rules.meant(asked)?))) else {
            return true;
        };
        let read = asked.split('.').take(meant.depth + 1).collect::<Vec<_>>().join(".");
        let name = read.rsplit('.').next().unwrap_or_default();
        let told = at_rules.entry(meant.key.place).or_insert_with(|| {
            let message = format!("nothing reads the rule `{}`; what is read is `{read}`", meant.path);
            Mistake::new("workflow::unused_rule", meant.key.place, message)
        });
        // One who reads it may be wrong himself; several who do are right.
        told.help = Some(if told.related.is_empty() {
            format!("did you mean `{name}` here, or `{}` where it is read?", meant.key.text)
        } else {
            format!("did you mean `{name}`?")
        });
        if told.related.len() < READS_SHOWN {
            told.related.push((mistake.place, format!("`{asked}` is read here")));
        }
        false
    });
    unread.retain(|it| !at_rules.contains_key(&it.place));
    mistakes.extend(at_removals.into_values().chain(at_rules.into_values()));
}

/// Leaves out what may well be in a file that could not be read.
pub(super) fn forgive(mistakes: &mut Vec<Mistake>, unread: &mut Vec<Unread>) {
    const IN_PARTS: [&str; 3] = ["workflow::unknown_template", "workflow::unknown_rule", "workflow::unknown_type"];
    mistakes.retain(|mistake| !IN_PARTS.contains(&mistake.code));
    unread.clear();
}

/// The path of the rule that a mistake says there is not.
fn unknown_rule(mistake: &Mistake) -> Option<&str> {
    mistake.message.split('`').nth(1).filter(|_| mistake.code == "workflow::unknown_rule")
}

/// Whether a mistake is about something that was taken away.
fn asks_for(mistake: &Mistake, gone: &Removed) -> bool {
    let path: Vec<&str> = gone.path.iter().map(|step| &**step).collect();
    let Some(asked) = mistake.message.split('`').nth(1) else { return false };
    let is_last = path.last() == Some(&asked);
    match (mistake.code, path.as_slice()) {
        ("workflow::unknown_rule", ["rules", ..]) => asked.split('.').eq(path.iter().copied()),
        ("rule::unknown_name" | "workflow::unknown_need", ["steps", _] | ["templates", _, "steps", _])
        | ("rule::unknown_field", ["inputs", _])
        | ("workflow::unknown_template", ["templates", _])
        | ("workflow::unknown_limit", ["limits", _])
        | ("workflow::unknown_type", ["types", _])
        | ("document::missing_key", _) => is_last,
        _ => false,
    }
}

fn still_read(gone: &Removed) -> Mistake {
    let path: Vec<&str> = gone.path.iter().map(|step| &**step).collect();
    let name = path.last().copied().unwrap_or_default();
    let what = match path.as_slice() {
        ["rules", below @ ..] => format!("rule `{}`", below.join(".")),
        ["inputs", _] => format!("input `{name}`"),
        ["templates", _] => format!("template `{name}`"),
        ["limits", _] => format!("limit `{name}`"),
        ["types", _] => format!("type `{name}`"),
        _ => format!("step `{name}`"),
    };
    Mistake::new("workflow::still_read", gone.place, format!("the {what} is taken away here, but it is read"))
        .help("leave the key out to keep what the base gives, or change what reads it")
}

/// The rules that are written, and those that are read.
struct Rules<'t> {
    written: Vec<(Vec<&'t str>, &'t Key)>,
    read: BTreeSet<Vec<&'t str>>,
}

/// A rule that stands there under another name than it is read by.
struct Meant<'t> {
    /// The key that is other, and its place in the path.
    key: &'t Key,
    depth: usize,
    path: String,
}

impl<'t> Rules<'t> {
    fn of(tree: &'t Tree) -> Self {
        let mut rules = Self { written: Vec::new(), read: BTreeSet::new() };
        if let Some(written) = tree.get("rules") {
            rules.write(written, &mut Vec::new());
        }
        rules.note_reads(tree);
        rules
    }

    fn write(&mut self, tree: &'t Tree, path: &mut Vec<&'t str>) {
        for (key, value) in tree.entries() {
            path.push(&key.text);
            self.written.push((path.clone(), key));
            self.write(value, path);
            path.pop();
        }
    }

    /// Notes every path of a rule that any text mentions.
    fn note_reads(&mut self, tree: &'t Tree) {
        match &tree.node {
            Node::Text(text) => {
                let is_part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
                let paths = text.as_str().split(|c| !is_part_of_path(c));
                let rules = paths.filter_map(|path| path.strip_prefix("rules."));
                self.read.extend(rules.map(|path| path.split('.').collect::<Vec<_>>()));
            }
            Node::List(items) => items.iter().for_each(|item| self.note_reads(item)),
            Node::Map(entries) => entries.iter().for_each(|(_, value)| self.note_reads(value)),
            _ => {}
        }
    }

    /// Whether the rule, a part of it, or a section that it is in is read.
    fn is_read(&self, path: &[&str]) -> bool {
        self.read.iter().any(|read| read.starts_with(path) || path.starts_with(read))
    }

    /// The rule that nothing reads and that differs from the one asked for by a slip in one name.
    fn meant(&self, asked: &str) -> Option<Meant<'t>> {
        let asked: Vec<&str> = asked.split('.').skip(1).collect();
        let mut written = self.written.iter().filter(|(path, _)| path.len() == asked.len()).take(NEAR_NAMES_MAX);
        written.find_map(|(path, _)| {
            let mut other = (0..asked.len()).filter(|at| path[*at] != asked[*at]);
            let depth = other.next().filter(|_| other.next().is_none())?;
            near::nearest(asked[depth], [path[depth]])?;
            let section = &path[..=depth];
            let key = self.written.iter().find(|(path, _)| *path == section).map(|(_, key)| *key)?;
            let is_meant = !self.is_read(section) && !self.is_read(path);
            // Counted with `rules` before it.
            is_meant.then(|| Meant { key, depth: depth + 1, path: section.join(".") })
        })
    }
}

/// The nearest of the names beside one, for a help line.
pub(super) fn beside<'t>(name: &Arc<str>, all: &'t [(Key, Tree)]) -> Option<&'t str> {
    near::nearest(name, all.iter().map(|(key, _)| &*key.text).filter(|other| **other != **name))
}

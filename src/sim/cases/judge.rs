//! Compares what came of a case with what it expects.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{
    file::Ends,
    pattern::fits,
    play::by_id,
    read::Case,
    reason::{self, Reasons},
};
use crate::{
    base::{Mistake, Place},
    document::{Node, Tree},
    plan::NodeIx,
    run::{self, Outcome, Run, Status},
    sim::player::{Account, End},
};

/// Differences that are told of one case.
const DIFFERENCES_MAX: usize = 20;

pub(super) fn differences(case: &Case, end: &End, run: &Run) -> Vec<Mistake> {
    let mut found = Vec::new();
    let expect = case.tree.get("expect").unwrap_or(&case.tree);
    let at = |key: &str| expect.get(key).map_or(case.place, |tree| tree.place);
    if let Some(mistake) = ending(case, at("ends"), end, run) {
        found.push(mistake);
    }
    match (expect.get("gives"), end) {
        (Some(gives), End::Over(Outcome::Succeeded { gives: given })) => {
            let behind = |field: Option<&str>| field.map(|field| reason::of_run(run, field)).unwrap_or_default();
            fields(gives, given, "the run gives", behind, &mut found);
        }
        // How it ended is as expected, so that nobody would be told that this was never looked at.
        (Some(gives), _) if found.is_empty() => {
            let message = "expected the run to give something, but only one that succeeds does";
            found.push(Mistake::new("cases::differs", gives.place, message).help("expect it of nodes, under `nodes`"));
        }
        _ => {}
    }
    let nodes = by_id(run);
    for (key, expected) in expect.get("nodes").map(Tree::entries).unwrap_or_default() {
        let meant: Vec<(&String, NodeIx)> =
            nodes.iter().filter(|(id, _)| fits(&key.text, id)).map(|(id, node)| (id, *node)).collect();
        let absent = expected.as_text().is_some_and(|text| &**text == "absent");
        match meant.as_slice() {
            [] if absent => {}
            [] => found.push(
                Mistake::new("cases::no_such_node", key.place, format!("expected the node `{}`, found none", key.text))
                    .maybe_help(near(&key.text, nodes.keys())),
            ),
            [(id, node), ..] if absent => {
                let mistake = Mistake::new("cases::differs", expected.place, format!("expected no node `{id}`"));
                found.push(mistake.related(run.plan.step(*node).place, "this step makes it"));
            }
            meant => meant.iter().for_each(|(id, node)| of_node(expected, id, *node, run, &mut found)),
        }
    }
    found.truncate(DIFFERENCES_MAX);
    found
}

/// What the case says of nodes that had no part in it: decisions that were never asked for, by their places among the others,
/// and outcomes of what was never tried. Whoever wrote them meant other nodes.
pub(super) fn without_effect(case: &Case, undecided: &[usize], played: &Account) -> Vec<Mistake> {
    let run = &played.run;
    let nodes = by_id(run);
    let tried: BTreeSet<String> = played.uses.iter().map(|it| run.plan.id(it.node)).collect();
    let is_tried = |pattern: &str| tried.iter().any(|id| fits(pattern, id));
    let decisions = undecided.iter().map(|at| ("decide", *at, &case.says.decide[*at].node, "held"));
    let outcomes =
        case.says.outcomes.iter().enumerate().map(|(at, it)| ("outcomes", at, &it.node, "work that is tried"));
    let untried = outcomes.filter(|(_, _, pattern, _)| !is_tried(pattern));
    let mistake = |(list, at, pattern, wanted): (&str, usize, &String, &str)| {
        let place = case.place_in(list, at);
        let Some((id, node)) = nodes.iter().find(|(id, _)| fits(pattern, id)) else {
            let message = format!("expected the node `{pattern}`, found none");
            return Mistake::new("cases::no_such_node", place, message).maybe_help(near(pattern, nodes.keys()));
        };
        let end = if run.plan.step(*node).is_composite() { run.plan.close_of(*node) } else { *node };
        let message = format!("expected `{id}` to be {wanted}, but it is {}", word(run.status(end)));
        let mistake = Mistake::new("cases::without_effect", place, message);
        mistake.related(run.plan.step(*node).place, "this step").help("leave it out, or name another node")
    };
    decisions.chain(untried).map(mistake).take(DIFFERENCES_MAX).collect()
}

/// The node that was meant, written as the pattern is: with its stars where it has some.
fn near<'i>(pattern: &str, ids: impl Iterator<Item = &'i String>) -> Option<String> {
    let ids: BTreeSet<String> = ids.map(|id| alike(pattern, id)).collect();
    crate::base::near::did_you_mean(pattern, ids.iter().map(String::as_str))
}

fn alike(pattern: &str, id: &str) -> String {
    let (lead, rest) = pattern.strip_prefix("**/").map_or(("", pattern), |rest| ("**/", rest));
    let (wanted, parts): (Vec<&str>, Vec<&str>) = (rest.split('/').collect(), id.split('/').collect());
    let Some(skipped) = parts.len().checked_sub(wanted.len()).filter(|skipped| *skipped == 0 || !lead.is_empty())
    else {
        return id.to_owned();
    };
    // The step keeps its name, and takes the star of a key or a number from the pattern.
    let starred = |(wanted, part): (&&str, &&str)| match wanted.find(['[', '#']).filter(|_| wanted.contains('*')) {
        Some(key) => format!("{}{}", part.split(['[', '#']).next().unwrap_or_default(), &wanted[key..]),
        None => (*part).to_owned(),
    };
    let parts: Vec<String> = wanted.iter().zip(&parts[skipped..]).map(starred).collect();
    format!("{lead}{}", parts.join("/"))
}

fn ending(case: &Case, place: Place, end: &End, run: &Run) -> Option<Mistake> {
    let (found, node) = match end {
        End::Over(Outcome::Succeeded { .. }) => (Some(Ends::Succeeded), None),
        End::Over(Outcome::Failed { node, .. }) => (Some(Ends::Failed), run.find(node)),
        End::Held => (Some(Ends::Held), run.held.first().copied()),
        End::Over(Outcome::Cancelled) | End::Stuck | End::Endless => (None, None),
    };
    if found == Some(case.says.expect.ends) {
        return None;
    }
    let what = match end {
        End::Over(Outcome::Succeeded { .. }) => "it succeeded".to_owned(),
        End::Over(Outcome::Failed { node, failure }) => {
            format!("it failed at `{node}`: {}: {}", failure.cause.words(), failure.message)
        }
        End::Over(Outcome::Cancelled) => "it was cancelled".into(),
        End::Held => {
            let why = node.and_then(|node| run.tries.get(&node)?.failure.as_ref()).map(|it| it.message.clone());
            let id = node.map(|node| run.plan.id(node)).unwrap_or_default();
            format!("it is held at `{id}`: {}", why.unwrap_or_default())
        }
        End::Stuck => "it waits for GPUs that no host has".into(),
        End::Endless => "it has no end".into(),
    };
    let wanted = match case.says.expect.ends {
        Ends::Succeeded => "the run to succeed",
        Ends::Failed => "the run to fail",
        Ends::Held => "the run to be held",
    };
    let mistake = Mistake::new("cases::differs", place, format!("expected {wanted}, but {what}"));
    Some(match node {
        Some(node) => mistake.related(run.plan.step(node).place, "at this step"),
        None => mistake,
    })
}

fn of_node(expected: &Tree, id: &str, node: NodeIx, run: &Run, found: &mut Vec<Mistake>) {
    let end = if run.plan.step(node).is_composite() { run.plan.close_of(node) } else { node };
    let status = [run.status(node), run.status(end)];
    let step = run.plan.step(node).place;
    let stands = match expected.as_text().map(|text| &**text) {
        Some("skipped") => Some(Status::Skipped),
        Some("failed") => Some(Status::Failed),
        Some("held") => Some(Status::Held),
        _ => None,
    };
    if let Some(wanted) = stands {
        if !status.contains(&wanted) {
            let message = format!("expected `{id}` to be {}, but it is {}", word(wanted), word(status[1]));
            found.push(Mistake::new("cases::differs", expected.place, message).related(step, "this step"));
        }
        return;
    }
    let Some(output) = run::output(run, end).map(|value| value.to_json()) else {
        let message = format!("expected `{id}` to give something, but it is {}", word(status[1]));
        found.push(Mistake::new("cases::differs", expected.place, message).related(step, "this step"));
        return;
    };
    let behind = |field: Option<&str>| reason::of_node(run, node, field);
    fields(expected, &output, &format!("`{id}` gives"), behind, found);
}

/// Compares field by field, and shows what each was decided by.
fn fields(expected: &Tree, found: &Json, path: &str, behind: impl Fn(Option<&str>) -> Reasons, all: &mut Vec<Mistake>) {
    let mut differ = |expected: &Tree, found: &Json, path: &str, field: Option<&str>| {
        let before = all.len();
        compare(expected, found, path, all);
        if all.len() > before {
            let behind = behind(field);
            all[before..].iter_mut().for_each(|it| it.related.extend(behind.iter().cloned()));
        }
    };
    match (&expected.node, found) {
        (Node::Map(entries), Json::Object(fields)) => {
            for (key, expected) in entries {
                let found = fields.get(&*key.text).unwrap_or(&Json::Null);
                differ(expected, found, &format!("{path} `{}`", key.text), Some(&key.text));
            }
        }
        _ => differ(expected, found, path, None),
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Waiting => "waiting",
        Status::Ordered => "ordered",
        Status::Running => "running",
        Status::Retrying => "about to be tried again",
        Status::Held => "held",
        Status::Open => "under way",
        Status::Done => "done",
        Status::Skipped => "skipped",
        Status::Failed => "failed",
        Status::Abandoned => "abandoned",
    }
}

/// Everything that is expected must be there; of a mapping, what is not said is not looked at.
fn compare(expected: &Tree, found: &Json, path: &str, all: &mut Vec<Mistake>) {
    let mut differs = |what: String| all.push(Mistake::new("cases::differs", expected.place, what));
    match (&expected.node, found) {
        (Node::Map(entries), Json::Object(fields)) => {
            for (key, expected) in entries {
                let found = fields.get(&*key.text).unwrap_or(&Json::Null);
                compare(expected, found, &format!("{path} `{}`", key.text), all);
            }
        }
        (Node::List(items), Json::Array(found)) if items.len() != found.len() => {
            let brief = brief(&Json::Array(found.clone()));
            differs(format!("{path}: expected {} items, found {}: {brief}", items.len(), found.len()));
        }
        (Node::List(items), Json::Array(found)) => {
            for (i, (expected, found)) in items.iter().zip(found).enumerate() {
                compare(expected, found, &format!("{path}[{i}]"), all);
            }
        }
        _ => {
            let wanted = expected.to_json();
            if !same(&wanted, found) {
                differs(format!("{path}: expected {}, found {}", brief(&wanted), brief(found)));
            }
        }
    }
}

fn same(wanted: &Json, found: &Json) -> bool {
    const CLOSE: f64 = 1e-9;
    match (wanted.as_f64(), found.as_f64()) {
        (Some(wanted), Some(found)) => (wanted - found).abs() <= CLOSE * wanted.abs().max(found.abs()),
        _ => wanted == found,
    }
}

/// A value as it is told, cut short where it is long.
fn brief(value: &Json) -> String {
    const SHOWN_MAX: usize = 120;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_that_was_meant_is_written_as_the_pattern_is() {
        let ids = ["rounds#1/draw", "rounds#1/matches[pair-01]/usable", "boss/duels[one]/ours/train"].map(String::from);
        for (pattern, expected) in [
            ("rounds#1/darw", "rounds#1/draw"),
            ("rounds#*/darw", "rounds#*/draw"),
            ("**/usabel", "**/usable"),
            ("**/matchs[*]/usable", "**/matches[*]/usable"),
            ("rounds#*/match[*]/usable", "rounds#*/matches[*]/usable"),
        ] {
            let told = near(pattern, ids.iter()).unwrap_or_default();
            assert_eq!(told, format!("did you mean `{expected}`?"), "{pattern}");
        }
    }
}

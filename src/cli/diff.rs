//! `god-flow diff`: what a change of a workflow changes, in the words of the book of rules.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::{Exit, files, out::Out, rules::said, show::wrapped};
use crate::plan::book::{Chapter, Sentence, book};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The workflow file before the change.
    before: String,
    /// The workflow file after it.
    after: String,
    /// Changes a rule of the second file, which may then be the first one again.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
}

/// One sentence that is not the same in both.
#[derive(Serialize)]
struct Change<'b> {
    chapter: String,
    key: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'b Sentence>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'b Sentence>,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let read = |file: &str, settings: &[String]| files::workflow(file, settings, out).map(|workflow| book(&workflow));
    let (before, after) = match (read(&args.before, &[]), read(&args.after, &args.settings)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let changes = changes(&before, &after);
    if out.json {
        return out.json_data(&json!({ "changes": changes }));
    }
    if changes.is_empty() {
        out.say("the rules are the same\n");
        return Exit::Fine;
    }
    let width = out.look().width;
    let mut text = String::new();
    let mut chapter = "";
    for change in &changes {
        if change.chapter != chapter {
            chapter = &change.chapter;
            text.push_str(&format!("{}{chapter}\n", if text.is_empty() { "" } else { "\n" }));
        }
        text.push_str(&wrapped(&told(change), "    ", width));
    }
    out.data(&text)
}

fn told(change: &Change<'_>) -> String {
    match (change.before, change.after) {
        (Some(before), Some(after)) if before.says == after.says && before.value == after.value => {
            let was = |path: &String| before.rules.iter().find(|(known, _)| known == path).map(|(_, is)| is);
            let changed = after.rules.iter().filter(|(path, is)| was(path) != Some(is));
            let changed = changed.map(|(path, is)| match was(path) {
                Some(was) => format!("{path} is {is} instead of {was}"),
                None => format!("{path} is {is}"),
            });
            format!("{}: {}: {}", after.says, after.value, changed.collect::<Vec<_>>().join(", "))
        }
        (Some(before), Some(after)) if before.says == after.says => {
            format!("{}: {} instead of {}", after.says, worded(after), worded(before))
        }
        (Some(before), Some(after)) => format!("{}, instead of {}", said(after), said(before)),
        (Some(before), None) => format!("no more: {}", said(before)),
        (None, Some(after)) => format!("new: {}", said(after)),
        (None, None) => String::new(),
    }
}

fn worded(sentence: &Sentence) -> &str {
    if sentence.value.is_empty() { "nothing" } else { &sentence.value }
}

/// What is not the same, in the order of the book after the change; what is gone comes last.
fn changes<'b>(before: &'b [Chapter], after: &'b [Chapter]) -> Vec<Change<'b>> {
    let sentences = |book: &'b [Chapter]| {
        let all = book.iter().flat_map(|chapter| chapter.sentences.iter().map(move |it| (chapter, it)));
        // Where the file is cut into chapters is a matter of the book and not of the rules.
        all.filter(|(_, it)| it.key != "as").collect::<Vec<_>>()
    };
    let by_key = |all: &[(&'b Chapter, &'b Sentence)]| {
        all.iter().map(|(chapter, it)| ((&*chapter.path, &*it.key), *it)).collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (sentences(before), sentences(after));
    let (old_by_key, new_by_key) = (by_key(&old), by_key(&new));
    let heading = |chapter: &Chapter| {
        if chapter.number.is_empty() { chapter.title.clone() } else { chapter.path.replace('/', ": ") }
    };
    let mut changes = Vec::new();
    for (chapter, after) in new {
        let before = old_by_key.get(&(&*chapter.path, &*after.key)).copied();
        if before != Some(after) {
            changes.push(Change { chapter: heading(chapter), key: &after.key, before, after: Some(after) });
        }
    }
    for (chapter, before) in old {
        if !new_by_key.contains_key(&(&*chapter.path, &*before.key)) {
            changes.push(Change { chapter: heading(chapter), key: &before.key, before: Some(before), after: None });
        }
    }
    changes
}

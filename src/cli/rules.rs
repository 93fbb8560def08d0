//! `god-flow rules`: the book of rules that a workflow amounts to.

use std::fmt::Write;

use serde_json::json;

use super::{Exit, files, graph::title, out::Out, show::wrapped};
use crate::plan::book::{Chapter, Sentence, book};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The workflow file, or `-` for stdin.
    file: String,
    /// Changes a rule before the book is written.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let workflow = match files::workflow(&args.file, &args.settings, out) {
        Ok(workflow) => workflow,
        Err(exit) => return exit,
    };
    let chapters = book(&workflow);
    if out.json {
        return out.json_data(&json!({ "workflow": workflow.name, "about": workflow.about, "chapters": chapters }));
    }
    let width = out.look().width;
    let mut text = format!("{}\n", title(&workflow));
    for chapter in &chapters {
        let _ = write!(text, "\n{}", wrapped(&heading(chapter), "", width));
        for sentence in &chapter.sentences {
            text.push_str(&wrapped(&said(sentence), "    ", width));
        }
    }
    out.data(&text)
}

fn heading(chapter: &Chapter) -> String {
    let number = if chapter.number.is_empty() { String::new() } else { format!("{} ", chapter.number) };
    let about = if chapter.about.is_empty() { String::new() } else { format!(": {}", chapter.about) };
    format!("{number}{}{about}", chapter.title)
}

/// A sentence as it is read.
pub(super) fn said(sentence: &Sentence) -> String {
    let Sentence { says, value, rules, .. } = sentence;
    let is_told = |path: &str| value.contains(&format!("({path})")) || value.contains(&format!("{path} is "));
    let rules: Vec<String> =
        rules.iter().filter(|(path, _)| !is_told(path)).map(|(path, is)| format!("{path} is {is}")).collect();
    let value = if value.is_empty() { String::new() } else { format!(": {value}") };
    let rules = if rules.is_empty() { String::new() } else { format!(", where {}", rules.join(" and ")) };
    format!("{says}{value}{rules}")
}

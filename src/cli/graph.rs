//! `god-flow graph`: pictures of a workflow.

use clap::ValueEnum;

use super::{Exit, files, out::Out};
use crate::plan::{draw, outline};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The workflow file, or `-` for stdin.
    file: String,
    /// Changes a rule, the schedule or the GPUs for this picture.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// What to draw it as.
    #[arg(long, value_enum, default_value_t = Drawing::Tree)]
    format: Drawing,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Drawing {
    /// Lines for a terminal.
    Tree,
    /// A Mermaid flowchart, which code hosts show in Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
    /// The steps and what they need, for programs.
    Json,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let workflow = match files::workflow(&args.file, &args.settings, out) {
        Ok(workflow) => workflow,
        Err(exit) => return exit,
    };
    match args.format {
        Drawing::Json => out.json_data(&draw::Graph::of(&workflow)),
        _ if out.json => out.json_data(&draw::Graph::of(&workflow)),
        Drawing::Tree => {
            let lines = if out.unicode { draw::Lines::Unicode } else { draw::Lines::Ascii };
            out.data(&draw::tree(&title(&workflow), &outline::outline(&workflow), lines))
        }
        Drawing::Mermaid => out.data(&draw::mermaid(&workflow)),
        Drawing::Dot => out.data(&draw::dot(&workflow)),
    }
}

/// A workflow's name and what it is for.
pub(super) fn title(workflow: &crate::workflow::Workflow) -> String {
    match &workflow.about {
        Some(about) => format!("{}: {about}", workflow.name),
        None => workflow.name.to_string(),
    }
}

//! Pictures of a workflow's plan: a tree for the terminal, Mermaid and DOT for pages.

use std::fmt::Write;

use serde::Serialize;

use super::outline::{Counted, Row};
use crate::workflow::{BodyIx, Does, Step, StepIx, Workflow};

/// Which characters a tree is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    Unicode,
    Ascii,
}

/// The outline as a tree, one line a row, with columns for what is counted.
pub fn tree(title: &str, rows: &[Row], lines: Lines) -> String {
    let mut drawn: Vec<(String, &Row)> = Vec::new();
    branches(rows, "", lines, &mut drawn);
    let label_width = drawn.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let does_width = drawn.iter().map(|(_, row)| row.does.chars().count()).max().unwrap_or(0);
    let mut text = format!("{title}\n");
    for (label, row) in drawn {
        let line = format!("{label:<label_width$}  {:<does_width$}  {}", row.does, remarks(row));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn branches<'a>(rows: &'a [Row], indent: &str, lines: Lines, drawn: &mut Vec<(String, &'a Row)>) {
    for (i, row) in rows.iter().enumerate() {
        let last = i + 1 == rows.len();
        let (branch, below) = match (lines, last) {
            (Lines::Unicode, false) => ("├─ ", "│  "),
            (Lines::Unicode, true) => ("└─ ", "   "),
            (Lines::Ascii, false) => ("|- ", "|  "),
            (Lines::Ascii, true) => ("`- ", "   "),
        };
        drawn.push((format!("{indent}{branch}{}", row.name), row));
        branches(&row.rows, &format!("{indent}{below}"), lines, drawn);
    }
}

/// What there is to say of a row: how often, on which GPUs, for how long, on which condition.
fn remarks(row: &Row) -> String {
    let mut remarks = Vec::new();
    match &row.counted {
        Some(counted) => remarks.extend(count_remarks(counted)),
        None => remarks.extend(row.bound.clone()),
    }
    if let Some(when) = &row.when {
        remarks.push(format!("when {when}"));
    }
    remarks.join(", ")
}

fn count_remarks(counted: &Counted) -> Vec<String> {
    let mut remarks = Vec::new();
    remarks.push(format!("×{}", counted.count));
    if counted.skipped > 0 {
        remarks.push(format!("{} skipped", counted.skipped));
    }
    for (request, count) in &counted.gpus {
        remarks.push(format!("{count} on {request}"));
    }
    if counted.gpu_hours > 0.0 {
        remarks.push(format!("{:.1} GPU-hours", counted.gpu_hours));
    }
    remarks
}

/// A Mermaid flowchart: steps as boxes, templates as frames around theirs.
pub fn mermaid(workflow: &Workflow) -> String {
    let mut text = format!("---\ntitle: {}\n---\nflowchart TD\n", workflow.name);
    // Mermaid has words of its own, such as `end`, which a step may be called: no id is a bare name.
    mermaid_body(workflow, Workflow::MAIN, "main.", 1, &mut text);
    text
}

fn mermaid_body(workflow: &Workflow, body: BodyIx, prefix: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let steps = &workflow.body(body).steps;
    for step in steps {
        let id = format!("{prefix}{}", step.name);
        match inner_body(workflow, step) {
            Some(inner) => {
                let _ = writeln!(text, "{indent}subgraph {id} [\"{}\"]", mermaid_text(&caption(workflow, step)));
                let _ = writeln!(text, "{indent}  direction TB");
                mermaid_body(workflow, inner, &format!("{id}."), depth + 1, text);
                let _ = writeln!(text, "{indent}end");
            }
            None => {
                let _ = writeln!(text, "{indent}{id}[\"{}\"]", mermaid_text(&caption(workflow, step)));
            }
        }
    }
    for step in steps {
        for need in &step.needs {
            let from = &steps[need.0 as usize].name;
            let _ = writeln!(text, "{indent}{prefix}{from} --> {prefix}{}", step.name);
        }
    }
}

/// Mermaid reads quotes, angle brackets and numbers with `#` in a label as its own.
fn mermaid_text(text: &str) -> String {
    text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
}

/// A Graphviz digraph: templates are clusters.
pub fn dot(workflow: &Workflow) -> String {
    let mut text = format!("digraph \"{}\" {{\n", workflow.name);
    text.push_str("  compound=true;\n  rankdir=TB;\n  fontname=\"sans-serif\";\n  style=rounded;\n");
    text.push_str("  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    dot_body(workflow, Workflow::MAIN, "", 1, &mut text);
    text.push_str("}\n");
    text
}

fn dot_body(workflow: &Workflow, body: BodyIx, prefix: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let steps = &workflow.body(body).steps;
    for step in steps {
        let id = format!("{prefix}{}", step.name);
        let label = dot_text(&caption(workflow, step));
        match inner_body(workflow, step) {
            Some(inner) => {
                let _ = writeln!(text, "{indent}subgraph \"cluster_{id}\" {{\n{indent}  label=\"{label}\";");
                dot_ends(workflow, inner, &id, depth + 1, text);
                dot_body(workflow, inner, &format!("{id}/"), depth + 1, text);
                let _ = writeln!(text, "{indent}}}");
            }
            None => {
                let _ = writeln!(text, "{indent}\"{id}\" [label=\"{label}\"];");
            }
        }
    }
    for step in steps {
        for need in &step.needs {
            let from = &steps[need.0 as usize];
            let mut ends = Vec::new();
            if inner_body(workflow, from).is_some() {
                ends.push(format!("ltail=\"cluster_{prefix}{}\"", from.name));
            }
            if inner_body(workflow, step).is_some() {
                // Room for the arrow between what is above and the frame.
                ends.push(format!("lhead=\"cluster_{prefix}{}\", minlen=2", step.name));
            }
            let ends = if ends.is_empty() { String::new() } else { format!(" [{}]", ends.join(", ")) };
            let from = dot_end(workflow, from, prefix);
            let _ = writeln!(text, "{indent}\"{from}\" -> \"{prefix}{}\"{ends};", step.name);
        }
    }
}

/// A cluster has an unseen point above its steps and one below them, so that what waits for it stands below it.
fn dot_ends(workflow: &Workflow, body: BodyIx, id: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let steps = &workflow.body(body).steps;
    for end in [id.to_string(), format!("{id}/")] {
        let _ = writeln!(text, "{indent}\"{end}\" [shape=point, style=invis, width=0, height=0];");
    }
    let _ = writeln!(text, "{indent}\"{id}\" -> \"{id}/\" [style=invis];");
    for (at, step) in steps.iter().enumerate() {
        let prefix = format!("{id}/");
        let is_needed = steps.iter().any(|other| other.needs.iter().any(|need| need.0 as usize == at));
        if step.needs.is_empty() {
            let _ = writeln!(text, "{indent}\"{id}\" -> \"{prefix}{}\" [style=invis];", step.name);
        }
        if !is_needed {
            let from = dot_end(workflow, step, &prefix);
            let _ = writeln!(text, "{indent}\"{from}\" -> \"{id}/\" [style=invis];");
        }
    }
}

/// The node that edges from a step start at.
fn dot_end(workflow: &Workflow, step: &Step, prefix: &str) -> String {
    let below = if inner_body(workflow, step).is_some() { "/" } else { "" };
    format!("{prefix}{}{below}", step.name)
}

fn dot_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The body whose steps are drawn inside a step; the body of a fan-out is looked through.
fn inner_body(workflow: &Workflow, step: &Step) -> Option<BodyIx> {
    match &step.does {
        Does::Action { .. } => None,
        Does::Use { body, .. } => Some(*body),
        Does::Repeat(repeat) => Some(repeat.body),
        Does::Each(each) => inner_body(workflow, workflow.body(each.body).step(StepIx(0))),
    }
}

fn caption(workflow: &Workflow, step: &Step) -> String {
    let does = match &step.does {
        Does::Action { action, .. } if action.name == step.name.as_str() => return step.name.to_string(),
        Does::Action { action, .. } => action.name.to_string(),
        Does::Use { body, .. } => format!("use {}", workflow.body(*body).name),
        Does::Repeat(repeat) => format!("repeat {}, at most {} times", workflow.body(repeat.body).name, repeat.at_most),
        Does::Each(each) => match &workflow.body(each.body).step(StepIx(0)).does {
            Does::Action { action, .. } => format!("{} for each {}", action.name, each.item),
            Does::Use { body, .. } => format!("{} for each {}", workflow.body(*body).name, each.item),
            Does::Repeat(_) | Does::Each(_) => format!("for each {}", each.item),
        },
    };
    format!("{}: {does}", step.name)
}

/// The steps of a workflow and what they need, for programs.
#[derive(Debug, Serialize)]
pub struct Graph {
    pub workflow: String,
    pub steps: Vec<GraphStep>,
}

/// A step where it stands in the file, by the names of the steps around it.
#[derive(Debug, Serialize)]
pub struct GraphStep {
    pub id: String,
    pub does: String,
    pub bound: Option<String>,
    pub when: Option<String>,
    pub needs: Vec<String>,
}

impl Graph {
    pub fn of(workflow: &Workflow) -> Self {
        let mut steps = Vec::new();
        flatten(super::outline::outline(workflow), "", &mut steps);
        Self { workflow: workflow.name.to_string(), steps }
    }
}

fn flatten(rows: Vec<Row>, prefix: &str, steps: &mut Vec<GraphStep>) {
    for row in rows {
        let id = format!("{prefix}{}", row.name);
        let needs = row.needs.iter().map(|need| format!("{prefix}{need}")).collect();
        steps.push(GraphStep { id: id.clone(), does: row.does, bound: row.bound, when: row.when, needs });
        flatten(row.rows, &format!("{id}/"), steps);
    }
}

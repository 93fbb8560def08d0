//! `god-flow show`: a run at a glance, or one of its nodes.

use super::{
    Exit,
    out::Out,
    stored::{Told, Where},
    table::{fit, moment},
};
use crate::{
    run::{Outcome, explain::Why},
    sim,
    view::{self, NodeView, State, StepRow, Summary, Went},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// A node of it, such as `rounds#2/match[pair-03]/train`.
    node: Option<String>,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let told = match args.place.open(out).and_then(|stored| stored.told(&args.run, out)) {
        Ok(told) => told,
        Err(exit) => return exit,
    };
    match &args.node {
        None => {
            let summary = view::summary(told.header.id, &told.world, &told.history, told.now());
            let summary = if told.is_left() {
                summary.left(&told.world)
            } else {
                let left = sim::rest(told.world.clone(), told.now());
                Summary { left, ..summary }
            };
            if out.json { out.json_data(&summary) } else { out.data(&glance(&summary, &told.resume(&args.place), out)) }
        }
        Some(id) => match view::node(&told.world, &told.history, &told.records, id, told.now()) {
            Some(node) => {
                let node = if told.is_left() { node.left() } else { node };
                let resume = told.resume(&args.place);
                if out.json { out.json_data(&node) } else { out.data(&of_node(&told, &node, &resume, out)) }
            }
            None => told.no_node(id, out),
        },
    }
}

/// A summary as text.
fn glance(it: &Summary, resume: &str, out: &Out) -> String {
    let width = out.look().width;
    let simulated = if it.simulated { ", simulated" } else { "" };
    let mut text = format!("{}  {}{simulated}: {}\n", it.name, it.workflow, it.state.word());
    if !it.driven {
        let first = if it.state == State::Held { "decide about what is held, and then " } else { "" };
        text.push_str(&format!("no process drives it; {first}take it up with: {resume}\n"));
    }
    if let Some(again) = &it.again {
        text.push_str(&format!("does {} ({}) again\n", again.name, again.run));
    }
    let ended = it.ended.map_or(String::new(), |at| format!(", ended {}", moment(at)));
    let left = it.left.as_ref().map_or(String::new(), |left| format!(", {}", left.words()));
    text.push_str(&format!("started {}{ended}, {} in all{left}\n", moment(it.started), it.elapsed.rough()));
    let more = if it.more_to_come { ", more to come" } else { "" };
    text.push_str(&format!("{}{more}", it.nodes.far(it.held.len())));
    let gpus = &it.gpus;
    let foreign = if gpus.foreign > 0 { format!(", {} held by others", gpus.foreign) } else { String::new() };
    text.push_str(&format!(
        "; GPUs {} of {} in use{foreign}, {:.1} GPU-hours used\n\n",
        gpus.used, gpus.total, it.gpu_hours
    ));

    let mut rows = Vec::new();
    branches(&it.steps, "", out.unicode, &mut rows);
    let label = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0).min(width / 2);
    let words = |row: &StepRow| if it.driven { row.counts.words() } else { row.counts.words_of_left() };
    let counts = rows.iter().map(|(_, row)| words(row).chars().count()).max().unwrap_or(0);
    let remarks: Vec<String> = rows.iter().map(|(_, row)| gpu_words(row)).collect();
    for ((name, row), remark) in rows.iter().zip(remarks) {
        let line = format!("{:<label$}  {:<counts$}  {remark}", fit(name, label), words(row));
        let line = line.trim_end();
        // What the step does is told where there is room for it.
        let room = width.saturating_sub(label + counts + 4);
        let line = if remark.is_empty() && room > row.does.chars().count() + 12 {
            format!("{:<label$}  {:<counts$}  {}", fit(name, label), words(row), row.does)
        } else {
            line.to_owned()
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if !it.waiting.is_empty() {
        text.push_str("\nready, and why it does not start:\n");
        for group in &it.waiting {
            text.push_str(&format!("  {} of {}, such as {}:\n", group.count, group.step, group.node));
            for line in reasons(&group.why, it.now) {
                text.push_str(&wrapped(&line, "    ", width));
            }
        }
    }
    for held in &it.held {
        let why = held.failure.as_ref().map_or(String::new(), |it| format!(": {}, {}", it.cause.words(), it.message));
        text.push_str(&format!("\nheld  {}{why}\n", held.node));
        text.push_str(&format!(
            "      god-flow decide {} '{}' retry|replace|accept|void --why …\n",
            it.name, held.node
        ));
    }
    match &it.outcome {
        Some(Outcome::Failed { node, failure }) => {
            let (cause, blame) = (failure.cause.words(), failure.blame.word());
            let node = it.failed_at.as_ref().unwrap_or(node);
            let line = format!("failed at {node}: {cause}: {} (blame: {blame})", failure.message);
            text.push_str(&format!("\n{}", wrapped(&line, "", width)));
        }
        Some(Outcome::Succeeded { gives }) if gives.as_object().is_some_and(|it| !it.is_empty()) => {
            text.push_str(&format!("\ngives {gives:#}\n"));
        }
        _ => {}
    }
    text
}

fn gpu_words(row: &StepRow) -> String {
    match (row.gpus, row.gpu_hours) {
        (0, 0.0) => String::new(),
        (0, hours) => format!("{hours:.1} GPU-h"),
        (gpus, hours) => format!("{hours:.1} GPU-h, {gpus} in use"),
    }
}

fn branches<'a>(rows: &'a [StepRow], indent: &str, unicode: bool, drawn: &mut Vec<(String, &'a StepRow)>) {
    for (i, row) in rows.iter().enumerate() {
        let last = i + 1 == rows.len();
        let (branch, below) = match (unicode, last) {
            (true, false) => ("├─ ", "│  "),
            (true, true) => ("└─ ", "   "),
            (false, false) => ("|- ", "|  "),
            (false, true) => ("`- ", "   "),
        };
        drawn.push((format!("{indent}{branch}{}", row.name), row));
        branches(&row.rows, &format!("{indent}{below}"), unicode, drawn);
    }
}

/// The reasons as sentences; those of many hosts are cut short.
pub(super) fn reasons(why: &[Why], now: jiff::Timestamp) -> Vec<String> {
    const SHOWN_MAX: usize = 6;
    let mut lines: Vec<String> = why.iter().take(SHOWN_MAX).map(|why| why.sentence(now)).collect();
    if why.len() > SHOWN_MAX {
        lines.push(format!("and {} hosts more", why.len() - SHOWN_MAX));
    }
    lines
}

/// A paragraph broken at spaces, each line after an indent.
pub(super) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut out = String::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > width {
                out.push_str(&format!("{indent}{line}\n"));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        out.push_str(&format!("{indent}{line}\n"));
    }
    out
}

fn of_node(told: &Told, it: &NodeView, resume: &str, out: &Out) -> String {
    let width = out.look().width;
    let now = told.now();
    let mut text = format!("{}\n", it.node);
    for line in reasons(&it.why, now) {
        text.push_str(&wrapped(&line, "  ", width));
    }
    if it.why.contains(&Why::Undriven) {
        text.push_str(&format!("  take it up with: {resume}\n"));
    }
    if let Some(reuse) = &it.reused {
        text.push_str(&format!("  its result was kept from event {} of run {}\n", reuse.seq, reuse.run));
    }
    for ruling in &it.rulings {
        let what = ruling_word(&ruling.ruling);
        let line = format!("{} decided {what} at {}: {}", ruling.who, moment(ruling.at), ruling.why);
        text.push_str(&wrapped(&line, "  ", width));
    }
    if !it.needs.is_empty() {
        let needs: Vec<&str> = it.needs.iter().map(|need| &**need).collect();
        text.push_str(&wrapped(&format!("needs {}", crate::base::near::list(needs)), "  ", width));
    }
    if !it.attempts.is_empty() {
        text.push_str("\nattempts\n");
    }
    for attempt in &it.attempts {
        let gpus: Vec<String> = attempt.gpus.iter().map(ToString::to_string).collect();
        let gpus = if gpus.is_empty() { String::new() } else { format!(" GPU {}", gpus.join(",")) };
        let how = match attempt.went {
            Went::Ordered => "ordered, not begun",
            Went::Withdrawn => "taken back before it began",
            Went::Running if told.is_left() => "left under way",
            Went::Running => "running",
            Went::Succeeded => "succeeded",
            Went::CutShort => "succeeded, cut short by its time limit",
            Went::Failed => "failed",
        };
        let (started, took) = (moment(attempt.started), attempt.length(now).rough());
        text.push_str(&format!("  {}  {}{gpus}  from {started} for {took}: {how}\n", attempt.attempt, attempt.host));
        if let Some(failure) = &attempt.failure {
            let line = format!("{} (blame: {}): {}", failure.cause.words(), failure.blame.word(), failure.message);
            text.push_str(&wrapped(&line, "     ", width));
        }
    }
    for (name, value) in [("takes", &it.input), ("gives", &it.output)] {
        if let Some(value) = value.as_ref().map(there) {
            text.push_str(&format!("\n{name} {value:#}\n"));
        }
    }
    if !it.inside.is_empty() {
        text.push_str(&format!("\ninside ({})\n", it.inside_count));
        for inner in &it.inside {
            let why = inner.why.first().map_or(String::new(), |why| why.sentence(now));
            text.push_str(&format!("{}\n", fit(&format!("  {}: {why}", inner.node), width)));
        }
        if it.inside_count > it.inside.len() {
            text.push_str(&format!("  and {} more\n", it.inside_count - it.inside.len()));
        }
    }
    text
}

/// A value without those of its fields that are not there.
fn there(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        other => other.clone(),
    }
}

fn ruling_word(ruling: &crate::run::Ruling) -> &'static str {
    match ruling {
        crate::run::Ruling::Retry => "to retry it",
        crate::run::Ruling::Replace(_) => "to replace what it gives",
        crate::run::Ruling::Accept => "to accept its failure",
        crate::run::Ruling::Void => "to make it void",
    }
}

//! What a rehearsal came to: each step of it, what it said, how long it took, and what a validator would have seen.

use std::{fs, path::Path};

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{
    super::{Exit, call, carry::Carried, out::Out, setup::Setup, show, stored, table},
    Rehearsed,
};
use crate::{
    action::vocabulary::TaskKind,
    backend::{self, AttemptId},
    run::Failure,
    view::{self, Went},
};

/// The steps, in their order, each with what it is for.
const STEPS: [(&str, &str); 5] = [
    ("code", "the commit is fetched and looked through"),
    ("image", "its image is built"),
    ("files", "the model and the data are fetched"),
    ("train", "its container trains"),
    ("model", "what training left is taken"),
];
/// Lines of a log that are shown of a step that went well, and of one that failed.
const LINES: usize = 6;
const LINES_OF_FAILURE: usize = 20;
/// Signs of one of them.
const LINE: usize = 400;
/// Bytes at the end of a log that are read for them.
const TAIL: usize = 64 << 10;

#[derive(Serialize)]
struct Step {
    name: &'static str,
    about: &'static str,
    state: &'static str,
    took_s: Option<f64>,
    /// The end of its log.
    log: Vec<String>,
    output: Option<Json>,
    failure: Option<Failure>,
}

/// Tells the verdict of a rehearsal that nobody drives any more.
pub(super) async fn tell(carried: &Carried<'_>, setup: &Setup, it: &Rehearsed, out: &Out) -> Result<Exit, Exit> {
    let store = stored::Stored { store: carried.store.clone() };
    let told = store.told_of(carried.run.clone(), out).await?;
    let now = told.now();
    let name = &carried.run.name;
    let steps: Vec<Step> = STEPS
        .iter()
        .map(|(step, about)| {
            let id = format!("entry/{step}");
            let node = view::node(&told.world, &told.history, &told.records, &id, now);
            let last = node.as_ref().and_then(|node| node.attempts.last());
            let state = match last.map(|last| last.went) {
                None => "not reached",
                Some(Went::Succeeded) => "passed",
                Some(Went::CutShort) => "passed, ended by its time limit",
                Some(Went::Failed) => "failed",
                Some(_) => "left under way",
            };
            let most = if state == "failed" { LINES_OF_FAILURE } else { LINES };
            let log = last.map(|last| {
                let attempt = AttemptId { run: carried.run.id, node: id.as_str().into(), number: last.attempt };
                tail(&backend::log_path(&setup.folder, &attempt), most)
            });
            Step {
                name: step,
                about,
                state,
                took_s: last.map(|last| (last.length(now).to_std().as_secs_f64() * 1_000.0).round() / 1_000.0),
                log: log.unwrap_or_default(),
                output: node.as_ref().and_then(|node| node.output.clone()),
                failure: last.and_then(|last| last.failure.clone()),
            }
        })
        .collect();
    let passes = steps.iter().all(|step| step.state.starts_with("passed"));
    let task = carried.run.id.to_string();
    let seen = paths(it, &task, name);
    let model = steps.last().and_then(|step| step.output.as_ref()?["repository"].as_str());
    let model = model.map(|model| it.models.join(model).display().to_string());
    let exit = if out.json {
        out.json_data(&json!({
            "passes": passes, "run": carried.run.id, "name": name, "code": it.code.named, "commit": it.code.commit,
            "task": task, "kind": it.kind.word(), "time_s": it.time.to_std().as_secs_f64(), "gpu": it.gpu,
            "steps": steps, "paths": seen, "model": model, "notes": it.notes,
        }))
    } else {
        out.data(&written(it, name, passes, &steps, &seen, model.as_deref(), out))
    };
    let logs = call::about("show", &carried.run, carried.address);
    match exit {
        Exit::Fine if passes => Ok(Exit::Fine),
        Exit::Fine => {
            out.say(&format!("all of it: {logs}\n"));
            Ok(Exit::Failed)
        }
        exit => Ok(exit),
    }
}

fn written(
    it: &Rehearsed,
    name: &str,
    passes: bool,
    steps: &[Step],
    seen: &[(String, &str)],
    model: Option<&str>,
    out: &Out,
) -> String {
    let width = out.look().width;
    let kind = it.kind.word();
    let mut text = format!("{name}: {} at {}, {kind}, {}\n\n", it.code.named, &it.code.commit[..12], it.time);
    for step in steps {
        let took = step.took_s.map_or(String::new(), |took| format!("  {took:.1} s"));
        text.push_str(&format!("{:<6}  {}{took}  {}\n", step.name, step.state, step.about));
        for line in &step.log {
            text.push_str(&format!("        {}\n", table::fit(line, LINE)));
        }
        if let Some(failure) = &step.failure {
            let (cause, blame) = (failure.cause.words(), failure.blame.word());
            let line = format!("{cause}: {} (blame: {blame})", failure.message);
            text.push_str(&show::wrapped(&line, "        ", width));
        }
    }
    text.push_str("\nwhat the container of the training sees\n");
    for (path, what) in seen {
        text.push_str(&format!("  {path}: {what}\n"));
    }
    if let Some(model) = model {
        text.push_str(&format!("\nthe model that a validator would have uploaded: {model}\n"));
    }
    text.push('\n');
    for note in &it.notes {
        text.push_str(&show::wrapped(&format!("- {note}"), "", width));
    }
    let failed = steps.iter().find(|step| step.state == "failed");
    text.push_str(&match failed {
        _ if passes => "verdict: it passes\n".to_owned(),
        Some(step) => format!("verdict: it does not pass; a tournament would end with it at `{}`\n", step.name),
        None => "verdict: none, since it is not over\n".to_owned(),
    });
    text
}

/// The places that entrants' code relies on.
fn paths(it: &Rehearsed, task: &str, run: &str) -> Vec<(String, &'static str)> {
    let model = it.task["model"].as_str().unwrap_or_default().replace('/', "--");
    let data = if it.kind == TaskKind::Image { "tourn.zip" } else { "train_data.json" };
    vec![
        (format!("/cache/models/{model}"), "the model to start from, to read"),
        (format!("/cache/datasets/{task}_{data}"), "the data, to read"),
        (
            format!("/app/checkpoints/{task}/tournament-{run}-{task}-rehearsal"),
            "what it is to leave: files of more than 1,024 bytes, no links",
        ),
    ]
}

/// The last lines of a log.
fn tail(log: &Path, most: usize) -> Vec<String> {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    // What a stranger's program writes is shown without what would move the cursor.
    let shown = |line: &&str| line.chars().filter(|c| !c.is_control()).collect();
    lines[lines.len().saturating_sub(most)..].iter().map(shown).collect()
}

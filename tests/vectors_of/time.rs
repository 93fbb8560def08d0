//! How long tasks are trained.

use god_flow::{
    base::Seed,
    workflow::schedule::{Before, Due},
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Case, Missed, Translation, ask_gpus, play, play_with};

pub const TOPICS: &[(&str, Translation)] = &[
    ("grpo_hours", grpo_hours),
    ("image_hours", image_hours),
    ("schedule", schedule),
    ("training_hours_compute", compute),
    ("training_hours_ctx_scale", ctx_scale),
    ("training_hours_from_stats", from_stats),
    ("training_hours_rows", rows),
];

/// How often a time is drawn to see between which numbers it lies.
const DRAWS: u64 = 100;

/// A task of whom only the kind and the sizes matter.
pub fn task(kind: &str, params: &Json) -> Json {
    let params_b = params.as_f64().unwrap_or_default() / 1e9;
    json!({"id": "t", "kind": kind, "model": "m", "params_b": params_b, "dataset": "d", "time": "1h"})
}

/// Our word for a task type; without one it is the plainest.
pub fn kind_of(task_type: &Json) -> Result<&'static str, Missed> {
    Ok(match task_type.as_str() {
        None | Some("InstructTextTask") => "instruct",
        Some("ChatTask") => "chat",
        Some("DpoTask") => "dpo",
        Some("GrpoTask") => "grpo",
        Some("ImageTask") => "image",
        Some("EnvTask") => "environment",
        Some(other) => return Err(Missed::Unreadable(format!("no kind of task is called {other}"))),
    })
}

fn hours(case: &Case, of: &str, task: Json, more: Json) -> Result<Json, Missed> {
    let mut input = more;
    input["task"] = task;
    input["by"] = case.rule(of, "hours")?;
    Ok(play("hours", input)?["hours"].take())
}

/// The parameters of the model of the case, by what the file says of its model.
fn params(case: &Case) -> Json {
    let said = case.get("model_params_count");
    let known = case.get("model_id").as_str().map(|id| case.file["model_params"][id].clone());
    if said.is_null() { known.unwrap_or_default() } else { said.clone() }
}

/// The GPUs that a text task is trained on; the rules say what counts for a model of unknown size.
fn trained_on(case: &Case, task: &Json) -> Result<Json, Missed> {
    let mut task = task.clone();
    if task["params_b"] == json!(0.0) {
        task["params_b"] = case.rule("text", "hours.unknown_b")?;
    }
    ask_gpus(case, "text", task)
}

/// When a tournament starts. What is told of the next start is the window that a moment lies in, too.
fn schedule(case: &Case) -> Result<Json, Missed> {
    let workflow = case.variant.workflow(case.text("tournament_type")?)?;
    let schedule = workflow.schedule.as_ref().expect("every tournament has a schedule");
    let moment = |field: &str| -> Result<Option<Timestamp>, Missed> {
        let json = case.get(field);
        let parsed = json.as_str().map(|text| text.parse().map_err(|why| Missed::Unreadable(format!("{text}: {why}"))));
        parsed.transpose()
    };
    let now = moment("now")?.ok_or_else(|| Missed::Unreadable("no moment to ask about".into()))?;
    let (start, next) = match schedule.due(now, Before { last: moment("last")?, ..Before::default() }) {
        Due::Now(since) => (true, since),
        Due::At(then) => (false, Some(then)),
        Due::Busy => (false, None),
    };
    let told = next.map(|it| it.to_string().replace('Z', "+00:00"));
    Ok(json!({"start": start, "next_start": told}))
}

fn grpo_hours(case: &Case) -> Result<Json, Missed> {
    hours(case, "text", task("grpo", case.get("num_params")), json!({"prepared": {"tokens": 1}}))
}

fn image_hours(case: &Case) -> Result<Json, Missed> {
    let mut task = task("image", &Json::Null);
    task["images"] = case.get("num_images").clone();
    hours(case, "image", task, json!({}))
}

/// The formula alone, for any kind: the table for one kind is not asked.
fn compute(case: &Case) -> Result<Json, Missed> {
    let task = task(kind_of(case.get("task_type"))?, case.get("num_params"));
    let prepared = json!({
        "tokens": case.get("tokens_per_epoch"), "records": 1, "tokens_per_second": case.get("measured_tokens_per_sec"),
    });
    let mut by = case.rule("text", "hours")?;
    by["by_size"] = Json::Null;
    let gpus = trained_on(case, &task)?;
    Ok(play("hours", json!({"task": task, "gpus": gpus, "prepared": prepared, "by": by}))?["hours"].take())
}

fn ctx_scale(case: &Case) -> Result<Json, Missed> {
    let mut task = task("instruct", &Json::Null);
    task["time"] = json!(format!("{}h", case.get("hours")));
    hours(case, "text", task, json!({"prepared": {"p50": case.get("p50"), "p95": case.get("p95")}}))
}

fn from_stats(case: &Case) -> Result<Json, Missed> {
    let mut task = task(kind_of(case.get("task_type"))?, &params(case));
    task["time"] = json!(format!("{}h", case.get("current_hours")));
    let prepared = json!({
        "tokens": case.get("total_tokens"), "records": case.get("num_records"),
        "tokens_per_second": case.get("tokens_per_sec"),
    });
    let gpus = trained_on(case, &task)?;
    hours(case, "text", task, json!({"prepared": prepared, "gpus": gpus}))
}

fn rows(case: &Case) -> Result<Json, Missed> {
    let mut task = task(kind_of(case.get("task_type"))?, &params(case));
    task["rows"] = case.get("num_rows").clone();
    let by = case.rule("text", "hours")?;
    if by["bins"].is_null() {
        let gpus = if by["throughput"].is_null() { Json::Null } else { trained_on(case, &task)? };
        return hours(case, "text", task, json!({"gpus": gpus}));
    }
    let mut drawn: Vec<u64> = Vec::new();
    for seed in 0..DRAWS {
        match play_with("hours", json!({"task": task, "by": by}), Seed(seed)) {
            Ok(timed) => drawn.extend(timed["hours"].as_f64().map(|hours| hours as u64)),
            Err(Missed::Refused(_)) => return Ok(json!("ValueError")),
            Err(other) => return Err(other),
        }
    }
    Ok(json!({"min": drawn.iter().min(), "max": drawn.iter().max()}))
}

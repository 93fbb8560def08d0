//! GPUs, processors and memory.

use god_flow::{action, base::Value};
use serde_json::{Value as Json, json};

use super::{
    Case, Missed, Translation, ask_gpus, play, text,
    time::{kind_of, task},
};

pub const TOPICS: &[(&str, Translation)] = &[
    ("container_resources", container_resources),
    ("eval_required_gpus", eval_required_gpus),
    ("gpu_requirement", gpu_requirement),
    ("gpu_requirement_enum", gpu_requirement_enum),
];

/// The deployed word for a single A100 tells no number.
fn spelled(gpus: &str) -> String {
    if gpus == "1xA100" { "A100".into() } else { gpus.into() }
}

fn gpu_requirement(case: &Case) -> Result<Json, Missed> {
    let kind = kind_of(case.get("task_type"))?;
    let of = match kind {
        "image" | "environment" => kind,
        _ => "text",
    };
    let count = case.get("model_params_count").as_f64().unwrap_or_default();
    let params = match case.get("model_id").as_str() {
        _ if count > 0.0 => json!(count),
        Some(id) => case.file["hf_params_by_model_id (stubbed get_model_num_params)"][id].clone(),
        // No model to ask about: no parameters at all, which is a size too. The smallest that is not unknown stands for it.
        None => json!(1),
    };
    let mut task = task(kind, &params);
    task["gpu_factor"] = case.get("gpu_multiplier").clone();
    task["start"] = case.get("training_start_point").clone();
    task["kl"] = if case.get("use_kl") == &json!(true) { json!(1.0) } else { Json::Null };
    Ok(json!(spelled(text(&ask_gpus(case, of, task)?)?)))
}

fn gpu_requirement_enum(case: &Case) -> Result<Json, Missed> {
    let said = text(case.input)?;
    let said = if said == "A100" { "1xA100" } else { said };
    let request = god_flow::base::GpuRequest::parse(said).map_err(Missed::Refused)?;
    Ok(json!({"gpu_count": request.count()}))
}

fn eval_required_gpus(case: &Case) -> Result<Json, Missed> {
    let said = case.get("model_params_count").as_f64().filter(|count| *count > 0.0);
    let known = if case.get("model_id") == "m/7b" { 7e9 } else { 0.0 };
    let params_b = said.unwrap_or(known) / 1e9;
    let kind = kind_of(case.get("task_type"))?;
    let by = case.rule("text", "entry.judging")?;
    let needed = play("gpus_for", json!({"params_b": params_b, "kind": kind, "by": by}))?;
    let request = god_flow::base::GpuRequest::parse(text(&needed["gpus"])?).map_err(Missed::Refused)?;
    Ok(json!(request.count()))
}

fn container_resources(case: &Case) -> Result<Json, Missed> {
    let workflow = case.variant.workflow("text")?;
    let rule = |name: &str| workflow.rules.field("entry").and_then(|entry| entry.field(name)).cloned();
    let each = ["memory_per_gpu", "cpus_per_gpu"].map(|name| (name, rule(name).unwrap_or(Value::Null)));
    let gpus = case.list("gpu_ids")?.len();
    let train = action::find("train").expect("there is training");
    let (cpus, memory) = train.room(&Value::record(each), u32::try_from(gpus).unwrap_or(u32::MAX));
    // Docker takes a `g` for a GiB.
    let gigabytes = memory.map_or(0, |size| size.0 >> 30);
    Ok(json!([format!("{gigabytes}g"), u64::from(cpus) * 1_000_000_000]))
}

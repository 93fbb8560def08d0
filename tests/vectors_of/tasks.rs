//! What tasks a round gets.

use god_flow::action::{
    pick::{self, Recipe, Stage, Stages, Unfit},
    vocabulary::TaskKind,
};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::{Case, Missed, Translation, list, play, text, time::kind_of};

pub const TOPICS: &[(&str, Translation)] = &[
    ("dataset_degenerate", dataset_degenerate),
    ("env_r1_selection", env_r1_selection),
    ("env_task_composition", env_task_composition),
    ("near_duplicate", near_duplicate),
    ("task_composition", task_composition),
];

fn read<T: DeserializeOwned>(json: Json) -> Result<T, Missed> {
    serde_json::from_value(json).map_err(|why| Missed::Unreadable(why.to_string()))
}

fn unfit(case: &Case) -> Result<Unfit, Missed> {
    read(case.rule("text", "unfit")?)
}

fn dataset_degenerate(case: &Case) -> Result<Json, Missed> {
    let kind: TaskKind = read(json!(kind_of(case.get("task_type"))?))?;
    // A look-up that failed tells of no losses.
    let losses: Vec<f64> = if case.get("losses").is_array() { read(case.get("losses").clone())? } else { Vec::new() };
    Ok(json!(pick::degenerate(&unfit(case)?, kind, &losses)))
}

/// Whether prepared data are refused. Customers' tasks and tasks that go on with a line of tasks are not ours to refuse.
fn near_duplicate(case: &Case) -> Result<Json, Missed> {
    let exempt = case.get("is_organic") == &json!(true) || case.get("is_continuous_sft") == &json!(true);
    let share = case.get("near_duplicate_rate").as_f64();
    let rule = unfit(case)?;
    Ok(json!(!exempt && share.is_some_and(|share| pick::too_many_copies(&rule, share))))
}

fn names(case: &Case) -> Result<Vec<String>, Missed> {
    let rules = case.rule("environment", "environments")?;
    list(&rules)?.iter().map(|it| Ok(text(&it["name"])?.to_string())).collect()
}

/// So many environments of those known, as the first round picks them.
pub fn environments(known: &Json, count: &Json, seen: &Json, prefer_new: &Json) -> Result<Vec<Json>, Missed> {
    let recipe = json!({"kind": "environment", "environments_per_round": count});
    let input = json!({
        "stage": "first_group", "stages": {"group": [recipe]}, "round": 1, "name": "round-1",
        "catalogue": {"models": [{"id": "base/R1"}]}, "environments": known, "seen": seen, "prefer_new": prefer_new,
    });
    Ok(list(&play("pick", input)?["tasks"][0]["task"]["environments"])?.to_vec())
}

fn env_r1_selection(case: &Case) -> Result<Json, Missed> {
    let rule = |path: &str| case.rule("environment", path);
    let (known, prefer_new) = (rule("environments")?, rule("prefer_new_environments")?);
    let chosen = environments(&known, case.get("num_envs"), case.get("seen"), &prefer_new)?;
    let seen = case.list("seen")?;
    Ok(json!({"count": chosen.len(), "unseen_picked": chosen.iter().filter(|it| !seen.contains(it)).count()}))
}

fn stages(case: &Case, kind: &str) -> Result<Stages, Missed> {
    read(case.rule(kind, "tasks")?)
}

/// How the deployed system calls the making of a task.
fn created(case: &Case, wanted: &pick::Wanted<'_>, in_group: bool) -> Json {
    let Recipe { model, start, lineage, rows, .. } = wanted.recipe;
    if start.as_deref() == Some("continuous_sft") {
        return json!({"create": "create_continuous_sft_task", "lineage": lineage, "seed_model": model});
    }
    let (create, task_type) = match wanted.kind {
        TaskKind::Instruct => ("create_synthetic_instruct_text_task", "InstructTextTask"),
        TaskKind::Chat => ("create_synthetic_chat_task", "ChatTask"),
        TaskKind::Dpo => ("create_synthetic_dpo_task", "DpoTask"),
        TaskKind::Grpo => ("create_synthetic_grpo_task", "GrpoTask"),
        TaskKind::Image => return json!("ImageTask"),
        TaskKind::Environment => ("create_synthetic_env_task", "EnvTask"),
    };
    let mut out = json!({"create": create, "task_type": task_type});
    match (model, wanted.size) {
        (Some(model), _) => out["model_id_override"] = json!(model),
        (None, Some(size)) => out["models"] = json!({"smallest_size_b": size.from, "largest_size_b": size.up_to}),
        (None, None) => {}
    }
    if in_group && case.rule("text", "tasks.first_group").is_ok() {
        out["datasets"] = json!({"small_only": rows.is_some()});
    }
    // The Miner Guide has tasks with a distance to the starting model; the deployed rules of before had none.
    if wanted.kind == TaskKind::Instruct && !["V0", "V1"].contains(&case.variant.name.as_str()) {
        out["enable_kl"] = json!(wanted.recipe.kl.is_some());
    }
    out
}

fn task_composition(case: &Case) -> Result<Json, Missed> {
    let call = case.text("call")?;
    let kind = if call.starts_with("image") { "image" } else { "text" };
    let stages = stages(case, kind)?;
    let chance = case.get("random").as_f64().unwrap_or(0.5);
    let in_group = call.contains("group");
    let sizes: Vec<u64> =
        case.get("group_sizes").as_array().map(|it| it.iter().filter_map(Json::as_u64).collect()).unwrap_or_default();
    let together = |size: u64| {
        let from_to = ["from", "up_to"]
            .map(|end| case.rule(kind, &format!("draw.together.{end}")).ok().and_then(|it| it.as_u64()));
        matches!(from_to, [Some(from), Some(to)] if (from..=to).contains(&size))
    };
    let pairs = call.split(", ").nth(1).and_then(|it| it.split(' ').next()?.parse::<usize>().ok()).unwrap_or(1);
    let (stage, matches) = match (in_group, call.contains("final"), case.get("round_number").as_u64()) {
        (_, true, _) => (Stage::Boss, 1),
        (true, _, Some(1)) if sizes.len() == 1 && together(sizes[0]) => (Stage::Together, 1),
        (true, _, Some(1)) => (Stage::FirstGroup, sizes.len()),
        (true, ..) => (Stage::Group, sizes.len()),
        _ if pairs == 1 => (Stage::LastPair, 1),
        _ => (Stage::Pair, pairs),
    };
    let mut out = Vec::new();
    for _ in 0..matches {
        for wanted in pick::wanted(stages.of(stage), &mut || chance).map_err(Missed::Refused)? {
            out.push(created(case, &wanted, in_group));
            if let Some(hours) = wanted.recipe.hours {
                out.push(json!({"update_task": {"hours_to_complete": hours}}));
            }
        }
    }
    Ok(json!(out))
}

/// Tasks of environment rounds. The case's recorder made every task one of `base/R1`, of one environment, with the seed 7.
fn env_task_composition(case: &Case) -> Result<Json, Missed> {
    let stages = stages(case, "environment")?;
    let round = case.get("round_number").as_u64().unwrap_or(1);
    let known = names(case)?.len() as u64;
    let boss = case.text("call")?.contains("boss");
    let stage = if boss {
        Stage::Boss
    } else if round == 1 {
        Stage::FirstGroup
    } else {
        Stage::Group
    };
    let mut out = Vec::new();
    for wanted in pick::wanted(stages.of(stage), &mut || 0.5).map_err(Missed::Refused)? {
        let mut task = created(case, &wanted, false);
        let recipe = wanted.recipe;
        let size = recipe.size.ok_or_else(|| Missed::Unreadable("a recipe without sizes".into()))?;
        let count = (u64::from(recipe.environments_per_round.unwrap_or_default()) * round).min(known);
        task["models"] = json!({"smallest_size_b": size.from, "largest_size_b": size.up_to});
        task["num_environments"] = json!(count);
        task["round_number"] = json!(round);
        task["training_start_point"] = json!(recipe.start);
        task["model_id_override"] = json!(recipe.model);
        if boss {
            task["exclude_models"] = Json::Null;
            let by_start = case.rule("environment", "hours.by_start")?;
            let start = recipe.start.as_deref().unwrap_or_default();
            task["hours_override"] = by_start.get(start).cloned().unwrap_or(Json::Null);
            out.push(task);
            continue;
        }
        let prefers_new = case.rule("environment", "prefer_new_environments")? == json!(true);
        let mut second = task.clone();
        if prefers_new {
            task["environment_names_override"] = if round == 1 { json!(count) } else { Json::Null };
        }
        if recipe.shared {
            second["model_id_override"] = json!("base/R1");
            second["environment_names_override"] = if round == 1 { json!(1) } else { json!(["liars_dice"]) };
            second["eval_seed_override"] = json!(7);
        }
        out.extend([task, second]);
    }
    Ok(json!(out))
}

//! Rounds: when a task counts, who goes on, and what follows.

use serde_json::{Value as Json, json};

use super::{Case, Missed, Translation, better, finite, list, map, play, text};

pub const TOPICS: &[(&str, Translation)] = &[
    ("group_round_winners", group_round_winners),
    ("knockout_round_winners", knockout_round_winners),
    ("advance", advance),
    ("failure_threshold", failure_threshold),
    ("task_completed", task_completed),
    ("task_replacement", task_replacement),
    ("round_one_group_task", round_one_group_task),
];

/// Until December 2025 winners were gathered in a set, whose order says nothing.
fn in_any_order(case: &Case) {
    if case.variant.name == "V0" {
        case.in_any_order();
    }
}

fn group_round_winners(case: &Case) -> Result<Json, Missed> {
    in_any_order(case);
    let tasks = case.list("tasks")?;
    let has = |kind: &str| tasks.iter().any(|task| task["type"] == kind);
    let kind = if has("env") {
        "environment"
    } else if has("image") {
        "image"
    } else {
        "text"
    };
    let one = |task: &Json| {
        let results =
            map(&task["scores"])?.iter().map(|(hotkey, loss)| json!({"hotkey": hotkey, "loss": finite(loss)}));
        Ok(json!({
            "group": task["group"], "better": better(&task["type"])?, "results": results.collect::<Vec<_>>(),
            "members": task["members"],
        }))
    };
    let mut rules = case.rule(kind, "advance")?;
    rules["strangers_count"] = case.quirk("Q15").into();
    let input = json!({
        "matches": tasks.iter().map(one).collect::<Result<Vec<_>, Missed>>()?, "top": case.rule(kind, "group.advance")?,
        "champion": case.file["boss_hotkey"], "first": case.get("round_number") == 1, "last": case.get("is_final_round"),
        "rules": rules,
    });
    Ok(play("advance", input)?["winners"].clone())
}

fn knockout_round_winners(case: &Case) -> Result<Json, Missed> {
    in_any_order(case);
    let one = |(task, winner): (&String, &Json)| {
        let results = if winner.is_null() { json!([]) } else { json!([{"hotkey": winner, "loss": 0}]) };
        json!({"group": task, "better": "lower", "results": results})
    };
    let matches: Vec<Json> = map(case.get("task_winner_by_task"))?.iter().map(one).collect();
    let top = case.rule("text", "pair.advance")?;
    let input = json!({"matches": matches, "top": top, "rules": case.rule("text", "advance")?});
    Ok(play("advance", input)?["winners"].clone())
}

fn advance(case: &Case) -> Result<Json, Missed> {
    if !case.get("existing_winner").is_null() {
        return Ok(json!([]));
    }
    let champion = text(&case.file["burn_hotkey"])?;
    let number = case.get("round_number").as_u64().unwrap_or_default();
    let field: Vec<&Json> =
        case.list("participants")?.iter().filter(|it| it["eliminated_in"].is_null()).map(|it| &it["hotkey"]).collect();
    let (gate, kind) = (case.get("gate"), text(case.get("tournament_type"))?);
    // The Miner Guide has a check between rounds; the code of V1 has none yet.
    let is_checked = list(&case.rule(kind, "dedup.judge.after")?)?.contains(&number.into())
        && !(case.variant.name == "V1" && case.quirk("no gate"));
    let given = play(
        "settle",
        json!({
            "winners": case.get("round_winners"), "field": field, "champion": champion,
            "last": case.get("is_final_round"), "title": case.get("env_final")[0],
            "gate": is_checked.then(|| json!({"halt": gate["halt"], "remove": gate["eliminate"]})),
            "rules": case.rule(kind, "settle")?,
        }),
    )?;
    let mut effects = Vec::new();
    if !list(&given["out"])?.is_empty() {
        effects.push(json!(["eliminate", format!("t_round_{number:03}"), given["out"]]));
    }
    if !given["title"].is_null() {
        effects.push(json!(["set_winner", given["title"]]));
    }
    if !given["keep"].is_null() {
        effects.push(json!(["save_model", given["keep"]]));
    }
    if given["dethroned"] == true {
        effects.push(json!(["benchmarks", given["title"]]));
    }
    for (i, hotkey) in list(&given["publish"])?.iter().enumerate() {
        effects.push(json!(["upload_repo", hotkey, i + 1]));
    }
    if given["checked"] == true {
        effects.push(json!(["dedup_gate"]));
    }
    if !given["next"].is_null() {
        effects.push(json!(["next_round", given["next"]]));
    }
    Ok(effects.into())
}

/// Whether a training has failed.
fn has_failed(status: &Json) -> bool {
    *status == "failure" || *status == "prep_task_failure"
}

fn failure_threshold(case: &Case) -> Result<Json, Missed> {
    let count = |field: &str| case.get(field).as_u64().unwrap_or_default();
    let failed: Vec<bool> = match case.get("statuses").as_array() {
        Some(statuses) => statuses.iter().map(has_failed).collect(),
        None => (0..count("total")).map(|i| i < count("failures")).collect(),
    };
    let given = play("complete", json!({"failed": failed, "rules": case.rule("text", "complete")?}))?;
    Ok(given["too_many"].clone())
}

fn task_completed(case: &Case) -> Result<Json, Missed> {
    let failed: Vec<bool> = map(case.get("trainings"))?.values().map(has_failed).collect();
    let task = match text(case.get("task_status"))? {
        "success" => "done",
        "failure" => "failed",
        "prep_task_failure" => "unprepared",
        _ => "running",
    };
    let last_pair = case.get("pre_boss_model") == true;
    let rules = case.rule("text", "complete")?;
    let given = play("complete", json!({"failed": failed, "task": task, "last_pair": last_pair, "rules": rules}))?;
    let effects: Vec<&str> = [("alarm", "discord"), ("replace", "replace")]
        .into_iter()
        .filter(|(field, _)| given[*field] == true)
        .map(|(_, effect)| effect)
        .collect();
    Ok(json!({"completed": given["complete"], "effects": effects}))
}

fn kind(task_type: &Json) -> Result<&'static str, Missed> {
    Ok(match text(task_type)? {
        "InstructTextTask" => "instruct",
        "ChatTask" => "chat",
        "DpoTask" => "dpo",
        "GrpoTask" => "grpo",
        "ImageTask" => "image",
        "EnvTask" => "environment",
        other => return Err(Missed::Unreadable(format!("unknown type of task `{other}`"))),
    })
}

fn task_replacement(case: &Case) -> Result<Json, Missed> {
    let kind = kind(case.get("task_type"))?;
    let billions = case.get("model_params_count").as_f64().map(|count| count / 1e9);
    let given = play("replace", json!({"kind": kind, "params_b": billions, "rules": case.rule("text", "replace")?}))?;
    let name = if kind == "instruct" { "instruct_text" } else { kind };
    let mut task = json!({
        "create": format!("create_synthetic_{name}_task"), "task_type": case.get("task_type"),
        "models": {"smallest_size_b": given["models"]["from"], "largest_size_b": given["models"]["to"]},
    });
    // The Miner Guide has tasks that count the distance to the starting model; the code of V1 has none yet.
    if given["kl"] == true && !(case.variant.name == "V1" && case.quirk("no KL")) {
        task["enable_kl"] = true.into();
    }
    Ok(json!([task]))
}

fn round_one_group_task(case: &Case) -> Result<Json, Missed> {
    let number: u32 = text(case.get("round_id"))?.rsplit('_').next().and_then(|it| it.parse().ok()).unwrap_or_default();
    let input = json!({
        "kind": kind(case.get("task_type"))?, "number": number, "group": !case.get("group_id").is_null(),
        "pair": !case.get("pair_id").is_null(), "rules": case.rule("text", "replace")?,
    });
    Ok(play("replace", input)?["first_groups"].clone())
}

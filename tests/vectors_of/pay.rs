//! What a tournament pays: points, shares, what its type gets, and the weights of all keys.

use serde_json::{Map, Value as Json, json};

use super::{Case, Missed, Translation, finite, list, map, play, text};

pub const TOPICS: &[(&str, Translation)] = &[
    ("real_winner_hotkey", real_winner_hotkey),
    ("tournament_type_scores", tournament_type_scores),
    ("tournament_weights_from_results", tournament_weights_from_results),
    ("tournament_scores_to_weights", tournament_scores_to_weights),
    ("exponential_decline_mapping", exponential_decline_mapping),
    ("emission_boost", emission_boost),
    ("emission_retention", emission_retention),
    ("hybrid_decays", hybrid_decays),
    ("tournament_weight_with_decay", tournament_weight_with_decay),
    ("burn_details", burn_details),
    ("node_weights", node_weights),
];

/// A moment for cases that have none of their own.
const NOW: &str = "2026-06-20T12:00:00Z";

fn days_before_now(days: f64) -> String {
    let now: jiff::Timestamp = NOW.parse().expect("a good moment");
    let span = jiff::SignedDuration::from_nanos((days * 86_400e9).round() as i64);
    now.checked_sub(span).unwrap_or(now).to_string()
}

/// A tournament as `share` takes it.
fn tournament(case: &Case, kind: &str, of: &Json, champion: &Json) -> Result<Json, Missed> {
    let task = |task: &Json| {
        let score = |it: &Json| json!({"hotkey": it["hotkey"], "score": finite(&it["test_loss"])});
        let scores: Vec<Json> = list(&task["participant_scores"])?.iter().map(score).collect();
        Ok(json!({"winner": task["winner"], "scores": scores}))
    };
    let round = |round: &Json| {
        let tasks = list(&round["tasks"])?.iter().map(task).collect::<Result<Vec<_>, Missed>>()?;
        Ok(json!({"number": round["round_number"], "last": round["is_final_round"], "tasks": tasks}))
    };
    Ok(json!({
        "rounds": list(&of["rounds"])?.iter().map(round).collect::<Result<Vec<_>, Missed>>()?,
        "winner": of["winner_hotkey"], "champion": champion, "champion_is": of["base_winner_hotkey"],
        "base": case.rule(kind, "weights.base")?, "rules": case.rule(kind, "weights.shares")?,
    }))
}

fn real_winner_hotkey(case: &Case) -> Result<Json, Missed> {
    let input = json!({
        "winner": case.get("winner_hotkey").as_str().filter(|it| !it.is_empty()), "champion": case.file["burn_hotkey"],
        "champion_is": case.get("base_winner_hotkey"), "base": case.rule("text", "weights.base")?,
        "rules": case.rule("text", "weights.shares")?,
    });
    Ok(play("share", input)?["winner"].clone())
}

fn tournament_type_scores(case: &Case) -> Result<Json, Missed> {
    let input = tournament(case, text(case.get("tournament_type"))?, case.input, &case.file["burn_hotkey"])?;
    let given = play("share", input)?;
    Ok(json!({
        "scores": given["points"], "prev_winner_hotkey": given["winner"], "prev_winner_won_final": given["won_last"],
    }))
}

fn tournament_weights_from_results(case: &Case) -> Result<Json, Missed> {
    let input = tournament(case, text(case.get("tournament_type"))?, case.input, &case.file["burn_hotkey"])?;
    Ok(play("share", input)?["shares"].clone())
}

fn tournament_scores_to_weights(case: &Case) -> Result<Json, Missed> {
    let order = case.list("order")?;
    let points: Map<String, Json> = order
        .iter()
        .map(|hotkey| Ok((text(hotkey)?.to_string(), case.get("scores")[text(hotkey)?].clone())))
        .collect::<Result<_, Missed>>()?;
    let input = json!({
        "points": points, "winner": case.get("prev_winner_hotkey"), "won_last": case.get("prev_winner_won_final"),
        "champion": "", "base": case.rule("text", "weights.base")?, "rules": case.rule("text", "weights.shares")?,
    });
    Ok(play("share", input)?["shares"].clone())
}

/// A place between two is that of two who are equal; a field as large as the case says is made up around it.
fn exponential_decline_mapping(case: &Case) -> Result<Json, Missed> {
    let total = case.get("total_participants").as_u64().unwrap_or_default().max(1);
    let rank = case.get("rank").as_f64().unwrap_or(1.0);
    let (from, to) = (rank.floor() as u64, rank.ceil() as u64);
    if from < 1 || to > total || (rank - rank.floor() - 0.5).abs() > 1e-9 && from != to {
        return Err(Missed::Unreadable(format!("no field of {total} has the place {rank}")));
    }
    let points = |place: u64| if place == to { total - from } else { total - place };
    let all: Map<String, Json> = (1..=total).map(|place| (format!("h{place}"), json!(points(place) + 1))).collect();
    let input = json!({
        "points": all, "champion": "", "base": case.rule("text", "weights.base")?,
        "rules": case.rule("text", "weights.shares")?,
    });
    Ok(play("share", input)?["shares"][format!("h{from}")].clone())
}

/// What a type of tournament gets, by its rules and these inputs.
fn allocate(case: &Case, kind: &str, more: Json) -> Result<Json, Missed> {
    let mut input = json!({
        "now": NOW, "base": case.rule(kind, "weights.base")?, "cap": case.rule(kind, "weights.cap")?,
        "rules": case.rule(kind, "weights.growth")?,
    });
    for (field, value) in map(&more)? {
        input[field] = value.clone();
    }
    play("allocate", input)
}

fn emission_boost(case: &Case) -> Result<Json, Missed> {
    Ok(allocate(case, "text", json!({"difference": case.get("performance_diff"), "since": NOW}))?["boost"].clone())
}

fn emission_retention(case: &Case) -> Result<Json, Missed> {
    let days = case.get("days").as_f64().unwrap_or_default();
    let given = allocate(case, "text", json!({"since": days_before_now(days)}))?;
    Ok(json!(1.0 - given["by_time"].as_f64().unwrap_or_default()))
}

fn hybrid_decays(case: &Case) -> Result<Json, Missed> {
    let given = allocate(
        case,
        "text",
        json!({"since": case.get("first_championship_time"), "now": case.get("now"), "wins": case.get("consecutive_wins")}),
    )?;
    Ok(json!([given["by_wins"], given["by_time"], given["before"]]))
}

/// The decays are given here: one day, one win and a title of that age make them.
fn tournament_weight_with_decay(case: &Case) -> Result<Json, Missed> {
    let kind = text(case.get("tournament_type"))?;
    let (old, new) = (case.get("old_decay"), case.get("new_decay").as_f64().unwrap_or_default());
    let hybrid = case.get("apply_hybrid") == true;
    // Where wins count and time does not yet, the title was won before time counted, and it still is before that.
    let early = !hybrid && old.as_f64().is_some_and(|old| old > 0.0);
    if early && new != 0.0 {
        return Err(Missed::NotApplicable("time and wins never count together for a new title".into()));
    }
    let mut rules = case.rule(kind, "weights.growth")?;
    (rules["threshold"], rules["factor"], rules["per_win"]) = (0.into(), 1.into(), old.clone());
    if rules["keeps"].is_array() {
        rules["keeps"] = json!([{"day": 0, "share": 1}, {"day": 1, "share": 1.0 - new}]);
    } else {
        rules["per_day"] = new.into();
    }
    rules["from"] = days_before_now(if hybrid {
        1.0
    } else if early {
        -1.0
    } else {
        2.0
    })
    .into();
    let since = if hybrid { days_before_now(2.0) } else { days_before_now(1.0) };
    let given = allocate(
        case,
        kind,
        json!({
            "difference": case.get("emission_boost"), "since": since, "wins": 2, "base": case.get("base_weight"),
            "cap": case.get("max_weight"), "rules": rules,
        }),
    )?;
    Ok(given["weight"].clone())
}

fn kinds(case: &Case) -> Vec<&'static str> {
    ["text", "image", "environment"].into_iter().filter(|kind| case.variant.workflow(kind).is_ok()).collect()
}

fn burn_details(case: &Case) -> Result<Json, Missed> {
    let burn = &case.file["burn_hotkey"];
    let (mut out, mut pools) = (Map::new(), Vec::new());
    for kind in kinds(case) {
        let of = &case.get("types")[kind];
        let given = allocate(
            case,
            kind,
            json!({
                "played": of.is_object(), "difference": of["perf"],
                "defended": of["latest"]["winner_hotkey"] == *burn && !of["prev"].is_null(),
                "won_by": of["first"]["winning_performance_difference"], "since": of["first"]["updated_at"],
                "wins": of["cons"].as_u64().unwrap_or_default(), "now": case.get("now"),
            }),
        )?;
        out.insert(format!("{kind}_performance_diff"), given["difference"].clone());
        out.insert(format!("{kind}_burn_proportion"), given["unused"].clone());
        out.insert(format!("{kind}_tournament_weight"), given["weight"].clone());
        pools.push(json!({"weight": given["weight"], "base": case.rule(kind, "weights.base")?}));
    }
    let given = play("weigh", json!({"pools": pools, "keys": [], "burn": burn}))?;
    out.insert("burn_weight".into(), given["unassigned"].clone());
    Ok(out.into())
}

fn node_weights(case: &Case) -> Result<Json, Missed> {
    let burn = &case.file["burn_hotkey"];
    let mut pools = Vec::new();
    for kind in kinds(case) {
        let of = case.get(kind);
        let mut pool =
            json!({"weight": case.get(&format!("{kind}_tournament_weight")), "base": case.rule(kind, "weights.base")?});
        if of.is_object() {
            let given = play("share", tournament(case, kind, of, burn)?)?;
            (pool["winner"], pool["shares"]) = (given["winner"].clone(), given["shares"].clone());
        }
        pools.push(pool);
    }
    let input = json!({
        "pools": pools, "keys": case.get("nodes"), "burn": burn, "participants": case.get("participants"),
        "rules": case.rule("text", "weights.taking_part")?,
    });
    let given = play("weigh", input)?;
    let mut weights = map(&given["weights"])?.clone();
    // As deployed the burn key is paid only where it is a key of the subnet.
    weights.retain(|key, _| case.get("nodes").as_array().is_none_or(|nodes| nodes.contains(&json!(key))));
    let sum: f64 = weights.values().filter_map(Json::as_f64).sum();
    Ok(json!({"weights": weights, "sum": sum}))
}

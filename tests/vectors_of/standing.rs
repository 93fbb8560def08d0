//! Results to standings: what one task's results say about those who took part.

use serde_json::{Map, Value as Json, json};

use super::{Case, Missed, Translation, better, list, map, play, text};

pub const TOPICS: &[(&str, Translation)] = &[
    ("miner_ranking", miner_ranking),
    ("duplicate_losses", duplicate_losses),
    ("grpo_normalize", grpo_normalize),
    ("image_weighted_loss", image_weighted_loss),
    ("game_outcome", game_outcome),
    ("pvp_matchup", pvp_matchup),
    ("pvp_pair_result", pvp_pair_result),
    ("accumulate_points", accumulate_points),
    ("individual_scores_to_pairwise", individual_scores_to_pairwise),
    ("pvp_group_points", pvp_group_points),
    ("rank_weighted_standings", rank_weighted_standings),
];

/// The language has no infinities: the largest decimals stand for them.
fn loss(json: &Json) -> Json {
    match json.as_str() {
        Some("Infinity") => json!(f64::MAX),
        Some("-Infinity") => json!(f64::MIN),
        _ => super::finite(json),
    }
}

fn loss_back(json: &Json) -> Json {
    match json.as_f64() {
        Some(f64::MAX) => json!("Infinity"),
        Some(f64::MIN) => json!("-Infinity"),
        _ => json.clone(),
    }
}

fn miner_ranking(case: &Case) -> Result<Json, Missed> {
    let kind = text(case.get("task_type"))?;
    let row = |it: &Json| json!({"hotkey": it["hotkey"], "loss": loss(&it["test_loss"]), "finetune": it["is_finetune"], "reason": it["score_reason"]});
    let results: Vec<Json> = case.list("results")?.iter().map(row).collect();
    let workflow = if kind == "ImageTask" { "image" } else { "text" };
    let input =
        json!({"results": results, "better": better(case.get("task_type"))?, "rules": case.rule(workflow, "rank")?});
    let by = match kind {
        "GrpoTask" => "GRPO score (bigger is better)",
        "EnvTask" => "Environment score (bigger is better)",
        _ => "test_loss",
    };
    let given = play("rank", input)?;
    let told = |it: &Json| {
        let why = match it["why"].as_str().unwrap_or_default() {
            "first" => format!("Ranked 1st by {by}"),
            "rest" => format!("Ranked below top 1 by {by}"),
            "last" => format!("Bottom 25% ranked by {by}"),
            "not_finetune" => "Non-finetuned submission".into(),
            "no_number" => "Invalid test loss".into(),
            other => other.into(),
        };
        json!({"hotkey": it["hotkey"], "score": it["score"], "adjusted_loss": loss_back(&it["loss"]), "score_reason": why})
    };
    Ok(list(&given["scores"])?.iter().map(told).collect())
}

/// Copies are found before anything is ranked: those that stay have no score and no reason yet.
fn duplicate_losses(case: &Case) -> Result<Json, Missed> {
    let uploads = case.get("upload_time");
    let row = |it: &Json| {
        let uploaded = it["repo"].as_str().and_then(|repo| uploads[repo].as_str());
        json!({
            "hotkey": it["hotkey"], "loss": loss(&it["test_loss"]), "hash": it["model_hash"],
            "submitted": uploaded.map(|at| format!("{at}Z")),
        })
    };
    let given: Vec<Json> = case.list("results")?.iter().map(row).collect();
    let mut rules = case.rule("text", "rank")?;
    rules["equal_are_copies"] = true.into();
    let ranked = play("rank", json!({"results": given, "better": "lower", "rules": rules}))?;
    let (mut keep, mut after) = (Map::new(), Vec::new());
    for (it, result) in list(&ranked["scores"])?.iter().zip(case.list("results")?) {
        let is_copy = it["why"] == "copy";
        keep.insert(text(&it["hotkey"])?.into(), (!is_copy).into());
        after.push(if is_copy {
            json!({
                "hotkey": it["hotkey"], "test_loss": "NaN", "is_finetune": false, "score": it["score"],
                "score_reason": "Duplicated submission",
            })
        } else {
            json!({
                "hotkey": it["hotkey"], "test_loss": result["test_loss"], "is_finetune": true, "score": 0,
                "score_reason": null,
            })
        });
    }
    Ok(json!({"keep": keep, "after": after}))
}

fn grpo_normalize(case: &Case) -> Result<Json, Missed> {
    let results = map(case.get("evaluation_results"))?;
    let is_model = |it: &&Json| it.is_object() || it.is_string();
    let row = |(name, it): (&String, &Json)| {
        json!({
            "name": name, "failed": it.is_string(), "score": it["eval_loss"], "rewards": it["final_raw_rewards"],
            "weights": it["weights"], "kl": it["kl_divergence"],
        })
    };
    let models: Vec<Json> = results.iter().filter(|(_, it)| is_model(it)).map(row).collect();
    let mut rules = case.rule("text", "judge.grpo")?;
    rules["shifted_by_failures"] = case.quirk("Q6").into();
    let given = play("rewards", json!({"models": models, "rules": rules}))?;
    let mut scores: Vec<Json> = list(&given["scores"])?.iter().rev().map(|it| it["score"].clone()).collect();
    let told = |(name, it): (&String, &Json)| {
        let score = if is_model(&it) { scores.pop().unwrap_or_default() } else { it.clone() };
        (name.clone(), if it.is_string() { it.clone() } else { score })
    };
    Ok(Json::Object(results.iter().map(told).collect()))
}

fn image_weighted_loss(case: &Case) -> Result<Json, Missed> {
    let part = |field: &str, weight: &str| {
        let Some(values) = case.get(field).as_array() else { return Ok::<_, Missed>(None) };
        Ok(Some(json!({"values": values, "weight": case.rule("image", weight)?})))
    };
    let parts = [part("text_guided_losses", "judge.image.guided")?, part("no_text_losses", "judge.image.unguided")?];
    let parts: Vec<Json> = parts.into_iter().flatten().collect();
    Ok(play("combine", json!({"parts": parts}))?["value"].clone())
}

fn game_outcome(case: &Case) -> Result<Json, Missed> {
    let game = json!({
        "returns": case.get("returns"), "seat": case.get("player_id"), "zero_sum": case.get("is_zero_sum"),
        "least": case.get("min_utility"), "most": case.get("max_utility"),
    });
    let given = play("tally", json!({"games": [game]}))?;
    let won = |field: &str| given[field] == 1;
    Ok(if won("a_wins") {
        "win"
    } else if won("b_wins") {
        "loss"
    } else {
        "draw"
    }
    .into())
}

/// A pattern that is longer than the list of games that it stands for ends in dots: it goes on as it began.
fn letters(pattern: &str, games: usize, repeat_last: bool) -> Vec<char> {
    let shown: Vec<char> = pattern.strip_suffix("...").unwrap_or(pattern).chars().collect();
    let at = |i: usize| match shown.get(i) {
        Some(letter) => *letter,
        None if pattern.ends_with("...") => {
            let period = (1..shown.len()).find(|p| (*p..shown.len()).all(|i| shown[i] == shown[i - p])).unwrap_or(1);
            shown[i % period]
        }
        None if repeat_last => shown.last().copied().unwrap_or('D'),
        None => 'D',
    };
    (0..games).map(at).collect()
}

fn pvp_matchup(case: &Case) -> Result<Json, Missed> {
    let games = case.get("games").as_u64().unwrap_or(0) as usize;
    let outcomes = letters(text(case.get("outcomes_for_a"))?, games, case.get("last_repeats") == true);
    let forfeits: Vec<char> = case.get("forfeits").as_str().map(|all| all.chars().collect()).unwrap_or_default();
    let game = |(i, outcome): (usize, &char)| {
        let returns = match outcome {
            'W' => json!([1, -1]),
            'L' => json!([-1, 1]),
            _ => json!([0, 0]),
        };
        let gave_up = forfeits.get(i);
        json!({"returns": returns, "a_forfeits": gave_up == Some(&'a'), "b_forfeits": gave_up == Some(&'b')})
    };
    let played: Vec<Json> = outcomes.iter().enumerate().map(game).collect();
    let mut playing = case.rule("environment", "games.playing")?;
    playing["games"] = games.into();
    let rules = case.rule("environment", "judge.games")?;
    let given = play("tally", json!({"games": played, "playing": playing, "rules": rules}))?;
    Ok(json!({"a": given["a_wins"], "b": given["b_wins"], "draws": given["draws"], "total": given["total"]}))
}

fn pvp_pair_result(case: &Case) -> Result<Json, Missed> {
    let row = |it: &Json| {
        json!({
            "environment": it["environment"], "attempts": it["n_attempts"], "complete": it["is_complete"],
            "a_wins": it["a"], "b_wins": it["b"], "draws": it["draws"],
        })
    };
    let mut rules = case.rule("environment", "judge.pair")?;
    rules["attempts"] = case.get("max_attempts").clone();
    let played: Vec<Json> = case.list("rows")?.iter().map(row).collect();
    let given = play("pair_result", json!({"played": played, "environments": case.get("required"), "rules": rules}))?;
    if given["ready"] != true {
        return Ok(Json::Null);
    }
    let told = |it: &Json| {
        let count = |field: &str| it[field].as_u64().unwrap_or_default();
        let (a, b, draws) = (count("a_wins"), count("b_wins"), count("draws"));
        Ok((text(&it["environment"])?.to_string(), json!([a, b, draws, a + b + draws])))
    };
    Ok(Json::Object(list(&given["results"])?.iter().map(told).collect::<Result<_, Missed>>()?))
}

/// Points are counted in all states; later ones go by standings and keep the points for the record.
fn by_points(case: &Case) -> Result<Json, Missed> {
    let mut rules = case.rule("environment", "judge.environment")?;
    rules["by_standing"] = false.into();
    Ok(rules)
}

fn pairs_of(scores: &Json) -> Result<Vec<Json>, Missed> {
    Ok(list(scores)?.iter().map(|it| json!([it["hotkey"], it["score"]])).collect())
}

fn accumulate_points(case: &Case) -> Result<Json, Missed> {
    let mut rules = by_points(case)?;
    rules["weights"] = case.get("weights").clone();
    let input = json!({"members": case.get("hotkeys"), "decided": case.get("outcomes"), "rules": rules});
    Ok(pairs_of(&play("standings", input)?["scores"])?.into())
}

fn individual_scores_to_pairwise(case: &Case) -> Result<Json, Missed> {
    let mut rules = by_points(case)?;
    if !case.get("win_margin").is_null() {
        rules["margin"] = case.get("win_margin").clone();
    }
    let members: Vec<&String> = map(case.get("scores"))?.keys().collect();
    let input = json!({"members": members, "alone": {"e": case.get("scores")}, "rules": rules});
    let given = play("standings", input)?;
    Ok(list(&given["decided"])?.iter().map(|it| json!([it["a"], it["b"], it["winner"]])).collect())
}

fn pvp_group_points(case: &Case) -> Result<Json, Missed> {
    let mut pairs = Vec::new();
    for pair in case.list("pairs")? {
        for (environment, games) in map(&pair["results"])? {
            let mut row = games.clone();
            (row["a"], row["b"], row["environment"]) = (pair["a"].clone(), pair["b"].clone(), json!(environment));
            pairs.push(row);
        }
    }
    let input = |rules: Json| json!({"members": case.get("hotkeys"), "pairs": pairs, "rules": rules});
    let given = play("standings", input(by_points(case)?))?;
    let pairwise: Vec<Json> =
        list(&given["decided"])?.iter().map(|it| json!([it["a"], it["b"], it["environment"], it["winner"]])).collect();
    let mut out = json!({"pairwise": pairwise, "points": pairs_of(&given["scores"])?});
    let rules = case.rule("environment", "judge.environment")?;
    if rules["by_standing"] == true {
        out["winrates"] = given["shares"].clone();
        out["rank_standings"] = pairs_of(&play("standings", input(rules))?["scores"])?.into();
    }
    Ok(out)
}

fn rank_weighted_standings(case: &Case) -> Result<Json, Missed> {
    let mut rules = case.rule("environment", "judge.environment")?;
    rules["weights"] = case.get("weights").clone();
    let input = json!({"members": case.get("hotkeys"), "alone": case.get("env_scores"), "rules": rules});
    Ok(pairs_of(&play("standings", input)?["scores"])?.into())
}

//! The boss round: margins, the title, and how far apart the two were.

use serde_json::{Value as Json, json};

use super::{Case, Missed, Translation, better, finite, list, map, play, text};

pub const TOPICS: &[(&str, Translation)] = &[
    ("boss_round_knockout", boss_round_knockout),
    ("boss_round_winner", boss_round_winner),
    ("challenger_beats_boss", challenger_beats_boss),
    ("progressive_threshold", progressive_threshold),
    ("env_final_winner", env_final_winner),
    ("env_perf_diff", env_perf_diff),
    ("performance_difference", performance_difference),
];

/// The rules of the boss round, as deployed: until June 2026 the margin was multiplied.
fn rules(case: &Case, kind: &str) -> Result<Json, Missed> {
    let mut rules = case.rule(kind, "boss")?;
    if case.variant.name != "V3" && rules.get("margin").is_some() {
        rules["margin"]["multiplied"] = case.quirk("Q8").into();
    }
    Ok(rules)
}

/// A task's scores, in their order.
fn results(scores: &Json) -> Result<Json, Missed> {
    Ok(map(scores)?.iter().map(|(hotkey, loss)| json!({"hotkey": hotkey, "loss": finite(loss)})).collect())
}

fn boss_round_knockout(case: &Case) -> Result<Json, Missed> {
    let boss = text(&case.file["boss_hotkey"])?;
    let tasks = case.list("tasks")?;
    let is_image = tasks.iter().any(|task| task["type"] == "image");
    let bout = |(i, task): (usize, &Json)| {
        let trained = task["status"].as_object().map(|all| {
            all.iter().filter(|(_, status)| *status == "success").map(|(hotkey, _)| hotkey.clone()).collect::<Vec<_>>()
        });
        Ok(json!({
            "id": format!("t{i}"), "better": better(&task["type"])?, "results": results(&task["scores"])?,
            "trained": trained, "must_win": task["csft"] == true,
        }))
    };
    let bouts = tasks.iter().enumerate().map(bout).collect::<Result<Vec<_>, Missed>>()?;
    let rules = rules(case, if is_image { "image" } else { "text" })?;
    let input = json!({"champion": boss, "tasks": bouts, "wins": case.get("consecutive_wins"), "rules": rules});
    let given = play("contest", input)?;
    let mut updates = Vec::new();
    for (result, task) in list(&given["tasks"])?.iter().zip(tasks) {
        for hotkey in map(&task["scores"])?.keys().filter(|_| !result["champion_score"].is_null()) {
            if hotkey == boss {
                updates.push(json!([result["id"], boss, result["champion_score"]]));
            } else if result["opponent"] == **hotkey {
                updates.push(json!([result["id"], hotkey, result["challenger_score"]]));
            }
        }
    }
    Ok(json!({"winners": [given["winner"]], "quality_updates": updates}))
}

fn boss_round_winner(case: &Case) -> Result<Json, Missed> {
    let boss = text(&case.file["boss_hotkey"])?;
    let contest = |winners: &[Json], rules: Json, must_win: bool| {
        let bout = |(i, winner): (usize, &Json)| json!({"id": format!("t{i}"), "better": "lower", "results": [], "winner": winner, "must_win": must_win});
        let tasks: Vec<Json> = winners.iter().enumerate().map(bout).collect();
        play("contest", json!({"champion": boss, "tasks": tasks, "rules": rules})).map(|given| given["winner"].clone())
    };
    let rules = rules(case, "text")?;
    let winner = contest(case.list("task_winners")?, rules.clone(), false)?;
    // Tasks that must be won are listed apart, and beside the others; those that are not decided block.
    let must_win = case.get("num_continuous_sft_tasks").as_u64().unwrap_or(0) as usize;
    if must_win == 0 || winner == boss {
        return Ok(winner);
    }
    let mut winners = case.list("continuous_sft_winners")?.to_vec();
    winners.resize(must_win.max(winners.len()), Json::Null);
    contest(&winners, rules, true)
}

fn challenger_beats_boss(case: &Case) -> Result<Json, Missed> {
    let better = if case.get("higher_is_better") == true { "higher" } else { "lower" };
    let mut rules = rules(case, "text")?;
    rules["margin"]["start"] = case.get("margin").clone();
    let results = json!([
        {"hotkey": "boss", "loss": finite(case.get("boss"))}, {"hotkey": "challenger", "loss": finite(case.get("challenger"))},
    ]);
    let tasks = json!([{"id": "t", "better": better, "results": results}]);
    let given = play("contest", json!({"champion": "boss", "tasks": tasks, "rules": rules}))?;
    Ok(json!(given["tasks"][0]["winner"] == "challenger"))
}

/// The type of tournament makes no difference here.
fn progressive_threshold(case: &Case) -> Result<Json, Missed> {
    let input =
        json!({"champion": "boss", "tasks": [], "wins": case.get("consecutive_wins"), "rules": rules(case, "text")?});
    Ok(play("contest", input)?["margin"].clone())
}

fn env_final_winner(case: &Case) -> Result<Json, Missed> {
    let boss = text(&case.file["boss_hotkey"])?;
    let tasks = if case.get("has_final_round") == true { case.list("tasks")? } else { &[] };
    let bout = |(i, scores): (usize, &Json)| {
        Ok(json!({"id": format!("t{i}"), "better": "higher", "results": results(scores)?}))
    };
    let bouts = tasks.iter().enumerate().map(bout).collect::<Result<Vec<_>, Missed>>()?;
    let input = json!({"champion": boss, "tasks": bouts, "rules": rules(case, "environment")?});
    let given = play("contest", input)?;
    let loser = if given["defended"] == true { given["challenger"].clone() } else { json!(boss) };
    Ok(if loser.is_null() { json!([given["winner"]]) } else { json!([given["winner"], loser]) })
}

fn env_perf_diff(case: &Case) -> Result<Json, Missed> {
    let mut rules = rules(case, "environment")?;
    rules["games"]["shares"] = true.into();
    let results = json!([{"hotkey": "boss", "loss": 0}, {"hotkey": "c", "loss": finite(case.get("win_pct"))}]);
    let tasks = json!([{"id": "t", "better": "higher", "results": results, "environments": 1}]);
    let at_bar = case.rule("environment", "weights.growth.threshold")?;
    let input = json!({"champion": "boss", "tasks": tasks, "at_bar": at_bar, "rules": rules});
    Ok(play("contest", input)?["difference"].clone())
}

fn performance_difference(case: &Case) -> Result<Json, Missed> {
    let champion_won = case.get("winner_hotkey") == &case.file["burn_hotkey"];
    let mut rules = rules(case, "text")?;
    rules["equal_wins"] = false.into();
    let mut at_bar = json!(0);
    if case.list("tasks")?.iter().any(|task| task["type"] == "env") {
        at_bar = case.rule("environment", "weights.growth.threshold")?;
        rules["games"] = case.rule("environment", "boss.games")?;
        if case.variant.name != "V1" {
            rules["games"]["shares"] = (!case.quirk("Q9")).into();
        }
    }
    let mut tasks = Vec::new();
    for (i, task) in case.list("tasks")?.iter().enumerate() {
        let mut scores: Vec<(&String, &Json)> = map(&task["scores"])?.iter().collect();
        let is_env = task["type"] == "env";
        if champion_won {
            // The best challenger is compared.
            let score = |it: &(&String, &Json)| it.1.as_f64().unwrap_or(f64::NEG_INFINITY);
            scores.sort_by(|a, b| score(b).total_cmp(&score(a)));
        }
        let there =
            |wanted: &dyn Fn(&str) -> bool| scores.iter().any(|(hotkey, loss)| wanted(hotkey) && loss.is_number());
        let opponent = |hotkey: &str| if champion_won { hotkey != "boss" } else { case.get("winner_hotkey") == hotkey };
        if is_env && !(there(&|hotkey| hotkey == "boss") && there(&opponent)) {
            continue;
        }
        let row = |(hotkey, loss): &(&String, &Json)| json!({"hotkey": hotkey, "loss": finite(loss)});
        tasks.push(json!({
            "id": format!("t{i}"), "better": better(&task["type"])?, "results": scores.iter().map(row).collect::<Vec<_>>(),
            "environments": task["envs"].as_array().map(Vec::len),
        }));
    }
    let challenger = if champion_won { Json::Null } else { case.get("winner_hotkey").clone() };
    let input = json!({
        "champion": "boss", "challenger": challenger, "tasks": tasks, "wins": 1, "at_bar": at_bar, "rules": rules,
    });
    let given = play("contest", input)?;
    let row = |task: &Json| {
        json!({
            "boss": task["champion"], "challenger": task["challenger"], "diff": task["difference"],
            "challenger_won": task["winner"] != "boss" && !task["winner"].is_null(), "threshold": given["margin"],
        })
    };
    Ok(json!({"median": given["difference"], "per_task": list(&given["tasks"])?.iter().map(row).collect::<Vec<_>>()}))
}

//! Who plays whom: the shapes of rounds, and what follows a round.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{Case, Missed, Translation, list, play, text};

pub const TOPICS: &[(&str, Translation)] =
    &[("organise_round", organise_round), ("create_next_round", create_next_round)];

/// A larger field than this is a slip of the file.
const FIELD_MOST: u64 = 100_000;

/// An entrant of whom only the hotkey matters.
pub fn entrant(hotkey: &str) -> Json {
    json!({"hotkey": hotkey, "repository": "https://github.com/owner/repository", "commit": "0".repeat(40)})
}

/// The kind of tournament that a case is about. Rounds without one are drawn as text rounds after the first.
fn kind<'c>(case: &Case<'c>) -> &'c str {
    case.get("tournament_type").as_str().unwrap_or("text")
}

fn hotkeys(count: u64, burn: Option<&str>) -> Vec<String> {
    let others = count.min(FIELD_MOST).saturating_sub(u64::from(burn.is_some()));
    (0..others).map(|i| format!("h{i:03}")).chain(burn.map(String::from)).collect()
}

fn draw(case: &Case, field: &[Json], first: bool, last: bool) -> Result<Json, Missed> {
    let champion = entrant(text(&case.file["burn_hotkey"])?);
    let shapes = case.rule(kind(case), "draw")?;
    play("draw", json!({"field": field, "champion": champion, "first": first, "last": last, "shapes": shapes}))
}

fn members(drawn: &Json) -> Result<Vec<Vec<&str>>, Missed> {
    list(&drawn["matches"])?
        .iter()
        .map(|it| list(&it["members"])?.iter().map(|member| text(&member["hotkey"])).collect())
        .collect()
}

/// The sizes of groups, the largest first, without whom the champion's stand-in is said to join later.
fn sizes(matches: &[Vec<&str>], without: Option<&str>) -> Vec<usize> {
    let size = |it: &Vec<&str>| it.iter().filter(|member| without != Some(**member)).count();
    let mut sizes: Vec<usize> = matches.iter().map(size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes
}

fn organise_round(case: &Case) -> Result<Json, Missed> {
    let burn = text(&case.file["burn_hotkey"])?;
    let plays_already = case.get("burn_in_field") == &json!(true);
    let count = case.get("n").as_u64().unwrap_or_default();
    let field: Vec<Json> = hotkeys(count, plays_already.then_some(burn)).iter().map(|it| entrant(it)).collect();
    let first = !case.get("tournament_type").is_null() && case.get("round_number") == &json!(1);
    let drawn = draw(case, &field, first, false)?;
    let matches = members(&drawn)?;
    if drawn["shape"] == "pairs" {
        let plays = matches.iter().flatten().any(|it| *it == burn);
        return Ok(json!({
            "kind": "knockout", "pairs": matches.len(), "burn_present": plays,
            "burn_added": plays && !plays_already, "burn_removed": plays_already && !plays,
        }));
    }
    Ok(json!({"kind": "group", "sizes": sizes(&matches, (!plays_already).then_some(burn))}))
}

fn create_next_round(case: &Case) -> Result<Json, Missed> {
    let burn = text(&case.file["burn_hotkey"])?;
    let won = case.get("burn_in_winners") == &json!(true);
    let count = case.get("winners").as_u64().unwrap_or_default();
    let winners = hotkeys(count, won.then_some(burn));
    let unknown: BTreeSet<&str> = case.list("unknown_nodes")?.iter().map(text).collect::<Result<_, _>>()?;
    let registered: Vec<&str> =
        winners.iter().map(String::as_str).chain([burn]).filter(|it| !unknown.contains(it)).collect();
    let winners: Vec<Json> = winners.iter().map(|it| entrant(it)).collect();
    let odd = case.rule(kind(case), "next_round.odd")?;
    let next = play(
        "next_round",
        json!({"winners": winners, "champion": entrant(burn), "odd": odd, "registered": registered}),
    )?;
    let field = list(&next["field"])?;
    if field.is_empty() {
        return Ok(json!({"created": false}));
    }
    let drawn = draw(case, field, false, next["last"] == json!(true))?;
    let matches = members(&drawn)?;
    let plays_already = field.iter().any(|it| it["hotkey"] == json!(burn));
    let joins = (drawn["shape"] == "groups" && !plays_already).then_some(burn);
    let plays = matches.iter().flatten().any(|it| *it == burn && joins.is_none());
    let mut out = json!({
        "created": true, "round_id": "t_round_002", "is_final_round": next["last"], "burn_present": plays,
        "round_type": if drawn["shape"] == "pairs" { "knockout" } else { "group" },
    });
    if drawn["shape"] == "pairs" {
        out["pairs"] = json!(matches.len());
    } else {
        out["group_sizes"] = json!(sizes(&matches, joins));
    }
    Ok(out)
}

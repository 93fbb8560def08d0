//! `advance`: who goes on from a round.

use std::{cmp::Ordering, collections::HashSet, sync::LazyLock};

use indexmap::IndexSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action,
    entry::decide,
    reflect,
    vocabulary::{Better, Outcome},
};
use crate::base::Ty;

/// What `advance` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// The round's tasks with their results.
    pub matches: Vec<Match>,
    /// How many go on from each task.
    pub top: u32,
    /// The champion's key.
    #[serde(default)]
    pub champion: Option<String>,
    /// Whether this is the first round.
    #[serde(default)]
    pub first: bool,
    /// Whether this is the last round.
    #[serde(default)]
    pub last: bool,
    /// How they are found.
    #[serde(default)]
    pub rules: Rules,
}

/// One task of a round, with the results of those who were on it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The group or pair that it belongs to.
    pub group: String,
    /// Which results are better.
    pub better: Better,
    /// The results, in the order in which equal ones stay.
    pub results: Vec<Outcome>,
    /// Who is in the group; everybody with a result, where it is left out.
    #[serde(default)]
    pub members: Option<Vec<String>>,
}

/// How those who go on are found.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdvanceRules")]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own in the language")]
pub struct Rules {
    /// How many go on from each task of the last round, where that is not the same.
    #[serde(default)]
    pub last_top: Option<u32>,
    /// Takes everybody on from the last round, the champion too: what follows decides.
    #[serde(default)]
    pub last_everybody: bool,
    /// Takes on all who are equal to the last one who goes on.
    #[serde(default)]
    pub ties: bool,
    /// Keeps the champion out of the count. In a round of one group nobody goes on unless they are better than the champion.
    #[serde(default)]
    pub champion_apart: bool,
    /// How the one group of a small tournament's first round is counted over all its tasks.
    #[serde(default)]
    pub together: Option<Together>,
    /// Counts results of keys that are not members, as deployed.
    #[serde(default)]
    pub strangers_count: bool,
    /// Takes all results for losses, as deployed until December 2025.
    #[serde(default)]
    pub as_losses: bool,
}

/// How one group with several tasks is counted as a whole: by the mean of the ranks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{top} by the mean of their places[; {?missing_behind_all}whoever misses a task is behind all who took part anywhere][; {?as_losses}all results count as losses]"))]
pub struct Together {
    /// How many go on.
    pub top: u32,
    /// Whoever misses a task ranks behind all who took part anywhere, instead of behind those of that task only.
    #[serde(default)]
    pub missing_behind_all: bool,
    /// Takes all results for losses, as deployed.
    #[serde(default)]
    pub as_losses: bool,
}

/// What `advance` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Advanced {
    /// Who goes on, each once, task by task and the best first.
    pub winners: Vec<String>,
    /// Members who do not.
    pub losers: Vec<String>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Advanced>);

pub(super) fn action() -> Action {
    Action::pure::<Advance, Advanced>(
        "advance",
        "Who goes on from a round: the best of each task, or of one group over all its tasks. Equal results keep their order; \
         results without a number do not count.",
        |input| decide(input, &GIVES, |it: Advance| Ok(advance(&it))),
    )
    .example(
        "advance:\n  advance:\n    matches: [{ group: first, better: lower, results: [{ hotkey: a, loss: 0.1 }, { hotkey: b, loss: 0.2 }] }]\n    \
         top: 1\n",
    )
}

fn advance(it: &Advance) -> Advanced {
    let mut winners: IndexSet<String> = IndexSet::new();
    let groups: HashSet<&str> = it.matches.iter().map(|one| one.group.as_str()).collect();
    let together = it.rules.together.as_ref().filter(|_| it.first && groups.len() == 1 && it.matches.len() > 1);
    if it.last && it.rules.last_everybody {
        winners.extend(it.matches.iter().flat_map(members));
        winners.extend(it.champion.clone());
    } else if let Some(together) = together {
        winners.extend(best_together(it, together));
    } else {
        winners.extend(it.matches.iter().flat_map(|one| best(it, one, groups.len() == 1)));
    }
    let losers: IndexSet<String> = it.matches.iter().flat_map(members).filter(|it| !winners.contains(it)).collect();
    Advanced { winners: winners.into_iter().collect(), losers: losers.into_iter().collect() }
}

fn members(one: &Match) -> Vec<String> {
    one.members.clone().unwrap_or_else(|| one.results.iter().map(|it| it.hotkey.clone()).collect())
}

/// The results that count, the best first.
fn ranked(it: &Advance, one: &Match, as_losses: bool) -> Vec<(String, f64)> {
    let members = one.members.as_ref();
    let is_member =
        |hotkey: &String| members.is_none_or(|all| all.contains(hotkey) || it.rules.strangers_count && !all.is_empty());
    let counted = one.results.iter().filter(|it| is_member(&it.hotkey) && it.finetune);
    let mut ranked: Vec<(String, f64)> =
        counted.filter_map(|it| Some((it.hotkey.clone(), it.loss.filter(|loss| loss.is_finite())?))).collect();
    let better = if as_losses { Better::Lower } else { one.better };
    ranked.sort_by(|(_, a), (_, b)| better.order(*a, *b));
    ranked
}

/// Who goes on from one task.
fn best(it: &Advance, one: &Match, is_alone: bool) -> Vec<String> {
    let ranked = ranked(it, one, it.rules.as_losses);
    let is_champion = |hotkey: &String| it.champion.as_ref() == Some(hotkey);
    let (ours, mut theirs): (Vec<_>, Vec<_>) =
        ranked.into_iter().partition(|(hotkey, _)| it.rules.champion_apart && is_champion(hotkey));
    if let (Some((_, champion)), Some((_, best)), true) = (ours.first(), theirs.first(), is_alone)
        && one.better.order(*best, *champion) != Ordering::Less
    {
        return Vec::new();
    }
    let top = if it.last { it.rules.last_top.unwrap_or(it.top) } else { it.top } as usize;
    let cut = top.checked_sub(1).and_then(|at| theirs.get(at)).map(|(_, loss)| *loss);
    let stay = match cut.filter(|_| it.rules.ties) {
        Some(cut) => theirs.iter().take_while(|(_, loss)| one.better.order(*loss, cut) != Ordering::Greater).count(),
        None => top,
    };
    theirs.truncate(stay);
    theirs.into_iter().map(|(hotkey, _)| hotkey).collect()
}

/// Who goes on from one group over all its tasks: those who missed no task first, then by the mean of their ranks, the sum
/// of their losses, and their key.
fn best_together(it: &Advance, rules: &Together) -> Vec<String> {
    let tasks: Vec<Vec<(String, f64)>> = it.matches.iter().map(|one| ranked(it, one, rules.as_losses)).collect();
    let tasks: Vec<Vec<(String, f64)>> = tasks.into_iter().filter(|ranked| !ranked.is_empty()).collect();
    let everybody: IndexSet<&String> = tasks.iter().flatten().map(|(hotkey, _)| hotkey).collect();
    let mut standing: Vec<(bool, f64, f64, &String)> = Vec::new();
    for hotkey in &everybody {
        let (mut missed, mut ranks, mut losses) = (false, 0.0, 0.0);
        for ranked in &tasks {
            if let Some(at) = ranked.iter().position(|(other, _)| other == *hotkey) {
                ranks += at as f64 + 1.0;
                losses += ranked[at].1;
            } else {
                missed = true;
                let behind = if rules.missing_behind_all { everybody.len() } else { ranked.len() };
                ranks += behind as f64 + 1.0;
                losses += if rules.missing_behind_all { 0.0 } else { f64::INFINITY };
            }
        }
        standing.push((missed, ranks / tasks.len() as f64, losses, *hotkey));
    }
    standing.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2)).then(a.3.cmp(b.3)));
    standing.into_iter().take(rules.top as usize).map(|(.., hotkey)| hotkey.clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn group(name: &str, better: &str, results: &[(&str, f64)]) -> Json {
        let results: Vec<Json> = results.iter().map(|(hotkey, loss)| json!({"hotkey": hotkey, "loss": loss})).collect();
        json!({"group": name, "better": better, "results": results})
    }

    fn winners(input: Json) -> Vec<String> {
        advance(&serde_json::from_value(input).unwrap()).winners
    }

    #[test]
    fn the_best_of_each_task_go_on_and_ties_keep_their_order() {
        let first = group("1", "lower", &[("a", 2.0), ("b", 1.0), ("c", 2.0)]);
        let second = group("2", "higher", &[("d", 1.0), ("e", 2.0)]);
        let input = |top: u32, rules: Json| json!({"matches": [first, second], "top": top, "rules": rules});
        assert_eq!(winners(input(2, json!({}))), ["b", "a", "e", "d"]);
        assert_eq!(winners(input(1, json!({}))), ["b", "e"]);
        assert_eq!(winners(input(1, json!({"as_losses": true}))), ["b", "d"]);
        assert_eq!(winners(input(2, json!({"ties": true}))), ["b", "a", "c", "e", "d"]);
        assert_eq!(winners(input(0, json!({"ties": true}))), [""; 0]);
        let mut last = input(2, json!({"last_top": 1}));
        last["last"] = true.into();
        assert_eq!(winners(last), ["b", "e"]);
    }

    #[test]
    fn who_has_no_number_or_is_no_member_does_not_count() {
        let results = json!([{"hotkey": "x", "loss": 1}, {"hotkey": "a", "loss": 2}, {"hotkey": "b"}]);
        let one = |members: Json| json!({"group": "1", "better": "lower", "results": results, "members": members});
        let input = |members, strangers: bool| json!({"matches": [one(members)], "top": 8, "rules": {"strangers_count": strangers}});
        assert_eq!(winners(input(json!(["a", "b"]), false)), ["a"]);
        assert_eq!(winners(input(json!(["a", "b"]), true)), ["x", "a"]);
        assert_eq!(winners(input(json!([]), true)), [""; 0]);
        let given = advance(&serde_json::from_value(input(json!(["a", "b"]), false)).unwrap());
        assert_eq!(given.losers, ["b"]);
    }

    #[test]
    fn a_champion_apart_must_be_beaten_where_there_is_one_group() {
        let rules = json!({"champion_apart": true, "ties": true});
        let check = |groups: Vec<Json>, expected: &[&str]| {
            assert_eq!(winners(json!({"matches": groups, "top": 1, "champion": "C", "rules": rules})), expected);
        };
        check(vec![group("1", "higher", &[("C", 9.0), ("a", 6.0)])], &[]);
        check(vec![group("1", "higher", &[("C", 6.0), ("a", 6.0)])], &[]);
        check(vec![group("1", "higher", &[("C", 5.0), ("a", 6.0), ("b", 6.0)])], &["a", "b"]);
        check(vec![group("1", "higher", &[("C", 9.0), ("a", 6.0)]), group("2", "higher", &[("b", 1.0)])], &["a", "b"]);
    }

    #[test]
    fn a_small_field_is_counted_over_all_its_tasks() {
        let tasks = [
            group("1", "lower", &[("a", 1.0), ("b", 2.0), ("c", 3.0)]),
            group("1", "lower", &[("b", 1.0), ("c", 2.0)]),
        ];
        let input =
            |first: bool| json!({"matches": tasks, "top": 1, "first": first, "rules": {"together": {"top": 2}}});
        assert_eq!(winners(input(true)), ["b", "c"], "a missed a task");
        assert_eq!(winners(input(false)), ["a", "b"]);
    }
}

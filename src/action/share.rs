//! `share`: what a tournament's results are worth to those who took part.

use std::{collections::HashMap, sync::LazyLock};

use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `share` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The rounds that were played.
    #[serde(default)]
    pub rounds: Vec<Round>,
    /// Points that were counted elsewhere, by key, instead of those of the rounds.
    #[serde(default)]
    pub points: Option<IndexMap<String, f64>>,
    /// Who has the title; null while nobody has.
    #[serde(default)]
    pub winner: Option<String>,
    /// Whether the winner won a task of the last round, where the points were counted elsewhere.
    #[serde(default)]
    pub won_last: bool,
    /// The key under which the champion plays.
    pub champion: String,
    /// Whose key that really is, if anybody's.
    #[serde(default)]
    pub champion_is: Option<String>,
    /// What a task is worth.
    pub base: f64,
    /// How points become shares.
    pub rules: Rules,
}

/// One round with its tasks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlayedRound")]
pub struct Round {
    /// From 1.
    pub number: u32,
    /// Whether it was the last.
    #[serde(default)]
    pub last: bool,
    /// Its tasks.
    pub tasks: Vec<Task>,
}

/// One task of a round.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlayedTask")]
pub struct Task {
    /// Who won it; null for nobody.
    #[serde(default)]
    pub winner: Option<String>,
    /// Who took part in it, in the order of the results, with their scores; null for those without one.
    #[serde(default)]
    pub scores: Vec<Scored>,
}

/// What somebody reached in a task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlayedScore")]
pub struct Scored {
    /// Their key.
    pub hotkey: String,
    /// The score.
    #[serde(default)]
    pub score: Option<f64>,
}

/// How points become shares.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ShareRules")]
pub struct Rules {
    /// What each place gets of the one before it.
    #[schemars(range(min = 0.0))]
    pub decay: f64,
    /// How many places are paid; all where it is left out.
    #[serde(default)]
    pub paid: Option<u32>,
    /// The first round whose tasks are worth something.
    #[serde(default = "one")]
    pub from_round: u32,
    /// Gives points for the place in each task, by the highest score, instead of for the task that is won.
    #[serde(default)]
    pub by_place: bool,
    /// Pays those who played the last round, the winner first, instead of counting points.
    #[serde(default)]
    pub finalists_only: bool,
    /// How far behind the best a winner is placed who has points but won no task of the last round.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub late_winner_behind: f64,
    /// Pays the winner although nobody has points.
    #[serde(default)]
    pub winner_without_points: bool,
}

fn one() -> u32 {
    1
}

/// What `share` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shared {
    /// Who is paid as the winner: the champion by their own key.
    pub winner: Option<String>,
    /// Whether the winner won a task of the last round.
    pub won_last: bool,
    /// Points by key.
    pub points: IndexMap<String, f64>,
    /// Shares by key; they add up to 1, or to less where places are shared.
    pub shares: IndexMap<String, f64>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Shared>);

pub(super) fn action() -> Action {
    Action::pure::<Share, Shared>(
        "share",
        "What a tournament's results are worth to those who took part: points for tasks, and shares by place.",
        |input| decide(input, &GIVES, |it: Share| Ok(share(&it))),
    )
    .example(
        "shares:\n  share:\n    rounds: [{ number: 1, tasks: [{ winner: a }] }, { number: 2, last: true, tasks: [{ winner: b }] }]\n    \
         winner: b\n    champion: champion\n    base: 0.15\n    rules: { decay: 0.3, late_winner_behind: 0.1 }\n",
    )
}

fn share(it: &Share) -> Shared {
    // The champion plays under a key that stands in for their own.
    let real = |hotkey: &String| match &it.champion_is {
        Some(own) if *hotkey == it.champion => own.clone(),
        _ => hotkey.clone(),
    };
    let winner = it.winner.as_ref().map(real);
    let is_champion = |hotkey: &String| *hotkey == it.champion || winner.as_ref() == Some(&real(hotkey));
    let counts = |round: &&Round| round.number >= it.rules.from_round;
    let mut points: IndexMap<String, f64> = it.points.clone().unwrap_or_default();
    let mut won_last = it.won_last;
    for round in it.rounds.iter().filter(counts) {
        let worth = f64::from(round.number) * it.base;
        for task in &round.tasks {
            if let Some(first) = &task.winner {
                won_last |= round.last && winner.as_ref() == Some(&real(first));
                if !it.rules.by_place && !is_champion(first) {
                    *points.entry(first.clone()).or_default() += worth;
                }
            }
            if it.rules.by_place {
                let placed = placed(task, &is_champion);
                for (place, hotkey) in placed.iter().enumerate() {
                    let part = (placed.len() - place) as f64 / placed.len() as f64;
                    *points.entry((*hotkey).clone()).or_default() += worth * part;
                }
            }
        }
    }
    let shares = if it.rules.finalists_only && it.points.is_none() {
        finalists(it, winner.as_ref(), &real)
    } else {
        let nobody = points.is_empty() && it.points.is_none() && !it.rules.winner_without_points;
        if nobody { IndexMap::new() } else { by_points(it, winner.as_ref(), won_last, &points) }
    };
    Shared { winner, won_last, points, shares }
}

/// Who has a score above zero in a task, the best first; the champion does not count.
fn placed<'t>(task: &'t Task, is_champion: &impl Fn(&String) -> bool) -> Vec<&'t String> {
    let mut scored: Vec<(&String, f64)> = task
        .scores
        .iter()
        .filter(|it| !is_champion(&it.hotkey))
        .filter_map(|it| Some((&it.hotkey, it.score.filter(|score| score.is_finite() && *score > 0.0)?)))
        .collect();
    scored.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    scored.into_iter().map(|(hotkey, _)| hotkey).collect()
}

/// The winner first, then the others of the last round.
fn finalists(it: &Share, winner: Option<&String>, real: &impl Fn(&String) -> String) -> IndexMap<String, f64> {
    let Some(winner) = winner else { return IndexMap::new() };
    let last = it.rounds.iter().filter(|round| round.last).flat_map(|round| &round.tasks);
    let others = last.flat_map(|task| &task.scores).map(|it| real(&it.hotkey));
    let placed: IndexSet<String> = std::iter::once(winner.clone()).chain(others).collect();
    let total = placed.len();
    placed.into_iter().enumerate().map(|(i, hotkey)| (hotkey, it.rules.of(i as f64 + 1.0, total))).collect()
}

/// By points, the most first; the winner before all others where they won a task of the last round, or have no points.
fn by_points(
    it: &Share,
    winner: Option<&String>,
    won_last: bool,
    points: &IndexMap<String, f64>,
) -> IndexMap<String, f64> {
    let mut placed: Vec<(&String, f64)> =
        points.iter().filter(|(_, points)| **points > 0.0).map(|(hotkey, points)| (hotkey, *points)).collect();
    let best = placed.iter().map(|(_, points)| *points).fold(f64::NEG_INFINITY, f64::max);
    let has_points = winner.is_some_and(|winner| placed.iter().any(|(hotkey, _)| *hotkey == winner));
    match winner {
        // Above everybody, whatever the points are.
        Some(winner) if won_last || !has_points => placed.insert(0, (winner, f64::INFINITY)),
        Some(winner) => placed.push((winner, best - it.rules.late_winner_behind)),
        None => {}
    }
    placed.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let total = placed.len();
    let mut places: HashMap<u64, (f64, f64)> = HashMap::new();
    for (i, (_, points)) in placed.iter().enumerate() {
        let (sum, count) = places.entry(points.to_bits()).or_default();
        (*sum, *count) = (*sum + i as f64 + 1.0, *count + 1.0);
    }
    let place = |points: f64| places.get(&points.to_bits()).map_or(1.0, |(sum, count)| sum / count);
    // Whoever stands twice is paid for the later place.
    placed.iter().map(|(hotkey, points)| ((*hotkey).clone(), it.rules.of(place(*points), total))).collect()
}

impl Rules {
    /// What a place gets of the whole; places that are shared lie between.
    fn of(&self, place: f64, total: usize) -> f64 {
        let paid = self.paid.map_or(total, |paid| total.min(paid as usize));
        if total <= 1 {
            return 1.0;
        }
        if place > paid as f64 {
            return 0.0;
        }
        let whole: f64 = (0..paid).map(|i| self.decay.powi(i32::try_from(i).unwrap_or(i32::MAX))).sum();
        self.decay.powf(place - 1.0) / whole
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn shared(more: Json) -> Shared {
        let mut input = json!({"champion": "C", "base": 0.1, "rules": {"decay": 0.5, "late_winner_behind": 0.01}});
        for (key, value) in more.as_object().unwrap() {
            match (&mut input[key], value) {
                (Json::Object(known), Json::Object(more)) => known.extend(more.clone()),
                (known, value) => *known = value.clone(),
            }
        }
        share(&serde_json::from_value(input).unwrap())
    }

    fn rounds() -> Json {
        json!([
            {"number": 1, "tasks": [{"winner": "a"}, {"winner": "b"}]},
            {"number": 2, "last": true, "tasks": [
                {"winner": "a", "scores": [{"hotkey": "C", "score": 1}, {"hotkey": "a", "score": 2}, {"hotkey": "d"}]},
            ]},
        ])
    }

    fn near(found: &IndexMap<String, f64>, expected: &[(&str, f64)]) {
        let found: Vec<(&str, f64)> = found.iter().map(|(hotkey, share)| (hotkey.as_str(), *share)).collect();
        let same = |(a, b): (&(&str, f64), &(&str, f64))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-12;
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(same), "{found:?} is not {expected:?}");
    }

    #[test]
    fn later_rounds_are_worth_more_and_the_champion_earns_nothing() {
        let given = shared(json!({"rounds": rounds()}));
        near(&given.points, &[("a", 0.1 + 0.2), ("b", 0.1)]);
        near(&given.shares, &[("a", 2.0 / 3.0), ("b", 1.0 / 3.0)]);
        near(&shared(json!({"rounds": rounds(), "rules": {"from_round": 2}})).points, &[("a", 0.2)]);
        let given = shared(json!({"rounds": rounds(), "winner": "a"}));
        near(&given.points, &[("b", 0.1)]);
        near(&given.shares, &[("a", 2.0 / 3.0), ("b", 1.0 / 3.0)]);
        let given = shared(json!({"rounds": rounds(), "winner": "C", "champion_is": "own"}));
        assert_eq!((given.winner.as_deref(), given.won_last), (Some("own"), false));
        near(&given.shares, &[("own", 4.0 / 7.0), ("a", 2.0 / 7.0), ("b", 1.0 / 7.0)]);
    }

    #[test]
    fn equal_points_share_their_places() {
        let given = shared(json!({"points": {"a": 2, "b": 1, "c": 1, "d": 0, "e": -1}}));
        let between = 0.5_f64.powf(1.5) / 1.75;
        near(&given.shares, &[("a", 4.0 / 7.0), ("b", between), ("c", between)]);
        near(&shared(json!({"points": {"a": 1, "b": 1}, "rules": {"paid": 1}})).shares, &[("a", 0.0), ("b", 0.0)]);
        assert!(shared(json!({})).shares.is_empty(), "nobody is paid where nobody has points");
        near(&shared(json!({"winner": "a", "rules": {"winner_without_points": true}})).shares, &[("a", 1.0)]);
    }

    #[test]
    fn places_may_count_instead_of_wins_and_finalists_instead_of_points() {
        let given = shared(json!({"rounds": rounds(), "rules": {"by_place": true}}));
        near(&given.points, &[("a", 0.2)]);
        let given = shared(
            json!({"rounds": rounds(), "winner": "a", "champion_is": "own", "rules": {"finalists_only": true, "paid": 2}}),
        );
        near(&given.shares, &[("a", 2.0 / 3.0), ("own", 1.0 / 3.0), ("d", 0.0)]);
    }
}

//! `standings`: from games between entrants to one score each.

use std::sync::LazyLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::{Ty, total};

/// What `standings` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standings {
    /// Everybody who is to have a score, in the order in which equal ones stay.
    pub members: Vec<String>,
    /// Games that were counted, for each pair and environment.
    #[serde(default)]
    pub pairs: Vec<Pair>,
    /// Scores that were reached alone, by environment and key.
    #[serde(default)]
    pub alone: IndexMap<String, IndexMap<String, f64>>,
    /// More scores that were reached alone, one by one.
    #[serde(default)]
    pub reached: Vec<Reached>,
    /// Pairs that were decided elsewhere.
    #[serde(default)]
    pub decided: Vec<Decided>,
    /// How games become scores.
    pub rules: Rules,
}

/// How games become scores: by points for each pair that is won, or by the share of entrants that one is ahead of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StandingsRules")]
pub struct Rules {
    /// What pairs are worth.
    #[serde(default)]
    pub points: Points,
    /// Counts the standing in each environment instead, from 0 for the last to 1 for the first.
    #[serde(default)]
    pub by_standing: bool,
    /// By how much a score reached alone must be better than another to win the pair, as a share of the second one's.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub margin: f64,
    /// How much each environment counts; 1 where nothing is said.
    #[serde(default)]
    pub weights: IndexMap<String, f64>,
}

/// What a pair in one environment is worth.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Points {
    /// A pair that was won.
    pub win: f64,
    /// A pair that nobody won.
    pub draw: f64,
    /// A pair that was lost.
    #[serde(default)]
    pub loss: f64,
}

/// The games of two in one environment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The first one's key.
    pub a: String,
    /// The second one's key.
    pub b: String,
    /// What they played in.
    pub environment: String,
    /// Games that the first one won.
    pub a_wins: u32,
    /// Games that the second one won.
    pub b_wins: u32,
    /// Games that nobody won.
    #[serde(default)]
    pub draws: u32,
}

/// What somebody reached alone in one environment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// Their key.
    pub hotkey: String,
    /// What they played in.
    pub environment: String,
    /// What they reached.
    pub score: f64,
}

/// Who won a pair in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The first one's key.
    pub a: String,
    /// The second one's key.
    pub b: String,
    /// What they played in.
    pub environment: String,
    /// Null for nobody.
    pub winner: Option<String>,
}

/// What `standings` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stood {
    /// The best first; equal ones keep the order given.
    pub scores: Vec<Score>,
    /// Who won each pair.
    pub decided: Vec<Decided>,
    /// The share of games that each won, draws counted half, and the scores that were reached alone, by environment.
    pub shares: IndexMap<String, IndexMap<String, f64>>,
}

/// What one entrant scores.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StandingScore")]
pub struct Score {
    /// The entrant's key.
    pub hotkey: String,
    /// Their points or their standing.
    pub score: f64,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Stood>);

pub(super) fn action() -> Action {
    Action::pure::<Standings, Stood>(
        "standings",
        "Turns games between entrants, and scores that each reached alone, into one score each: by points for pairs, or by \
         standing in each environment.",
        |input| decide(input, &GIVES, |it: Standings| Ok(standings(it))),
    )
    .example(
        "standings:\n  standings:\n    members: [a, b]\n    pairs: [{ a: a, b: b, environment: liars_dice, a_wins: 120, b_wins: 80 }]\n    \
         rules: { points: { win: 3, draw: 1 }, margin: 0.015 }\n",
    )
}

fn standings(mut it: Standings) -> Stood {
    for Reached { hotkey, environment, score } in std::mem::take(&mut it.reached) {
        it.alone.entry(environment).or_default().insert(hotkey, score);
    }
    let it = &it;
    let mut decided = it.decided.clone();
    decided.extend(it.pairs.iter().map(Pair::decided));
    for (environment, scores) in &it.alone {
        decided.extend(compared(environment, scores, it.rules.margin));
    }
    let shares = shares(it);
    let weight = |environment: &str| it.rules.weights.get(environment).copied().unwrap_or(1.0);
    let by_points = |hotkey: &String| {
        total(decided.iter().map(|pair| it.rules.points.of(pair, hotkey) * weight(&pair.environment)))
    };
    let by_standing = |hotkey: &String| {
        let whole: f64 = shares.keys().map(|environment| weight(environment)).sum();
        let reached: f64 =
            shares.iter().map(|(environment, of)| weight(environment) * standing(of, &it.members, hotkey)).sum();
        if whole > 0.0 { reached / whole } else { 0.0 }
    };
    let score = |hotkey: &String| if it.rules.by_standing { by_standing(hotkey) } else { by_points(hotkey) };
    let mut scores: Vec<Score> =
        it.members.iter().map(|hotkey| Score { hotkey: hotkey.clone(), score: score(hotkey) }).collect();
    scores.sort_by(|a, b| b.score.total_cmp(&a.score));
    Stood { scores, decided, shares }
}

impl Pair {
    fn decided(&self) -> Decided {
        let winner = match self.a_wins.cmp(&self.b_wins) {
            std::cmp::Ordering::Greater => Some(self.a.clone()),
            std::cmp::Ordering::Less => Some(self.b.clone()),
            std::cmp::Ordering::Equal => None,
        };
        Decided { a: self.a.clone(), b: self.b.clone(), environment: self.environment.clone(), winner }
    }

    fn games(&self) -> f64 {
        f64::from(self.a_wins) + f64::from(self.b_wins) + f64::from(self.draws)
    }
}

impl Points {
    /// What a pair is worth to somebody; nothing to those who were not in it, or where a stranger is said to have won.
    fn of(self, pair: &Decided, hotkey: &String) -> f64 {
        match &pair.winner {
            _ if pair.a != *hotkey && pair.b != *hotkey => 0.0,
            None => self.draw,
            Some(winner) if winner == hotkey => self.win,
            Some(winner) if *winner == pair.a || *winner == pair.b => self.loss,
            Some(_) => 0.0,
        }
    }
}

/// Scores that were reached alone, as pairs.
fn compared(environment: &str, scores: &IndexMap<String, f64>, margin: f64) -> Vec<Decided> {
    let all: Vec<(&String, &f64)> = scores.iter().collect();
    let mut decided = Vec::new();
    for (i, (a, of_a)) in all.iter().enumerate() {
        for (b, of_b) in &all[i + 1..] {
            let ahead = margin * of_b.abs();
            let winner = if **of_a > **of_b + ahead {
                Some((*a).clone())
            } else if **of_b > **of_a + ahead {
                Some((*b).clone())
            } else {
                None
            };
            let environment = environment.to_string();
            decided.push(Decided { a: (*a).clone(), b: (*b).clone(), environment, winner });
        }
    }
    decided
}

/// How well everybody did in each environment.
fn shares(it: &Standings) -> IndexMap<String, IndexMap<String, f64>> {
    let mut counted: IndexMap<String, IndexMap<String, (f64, f64)>> = IndexMap::new();
    for pair in &it.pairs {
        let of = counted.entry(pair.environment.clone()).or_default();
        for (hotkey, wins) in [(&pair.a, pair.a_wins), (&pair.b, pair.b_wins)] {
            let (won, games) = of.entry(hotkey.clone()).or_default();
            *won += f64::from(wins) + 0.5 * f64::from(pair.draws);
            *games += pair.games();
        }
    }
    let share = |(hotkey, (won, games)): (String, (f64, f64))| (hotkey, if games > 0.0 { won / games } else { 0.0 });
    let mut shares: IndexMap<String, IndexMap<String, f64>> =
        counted.into_iter().map(|(environment, of)| (environment, of.into_iter().map(share).collect())).collect();
    for (environment, scores) in &it.alone {
        shares
            .entry(environment.clone())
            .or_default()
            .extend(scores.iter().map(|(hotkey, score)| (hotkey.clone(), *score)));
    }
    shares
}

/// Where somebody stands among the members, from 0 for the last to 1 for the first; those who are equal stand between.
/// Whoever has no score has 0.
fn standing(scores: &IndexMap<String, f64>, members: &[String], hotkey: &String) -> f64 {
    let score = |hotkey: &String| scores.get(hotkey).copied().unwrap_or(0.0);
    let mine = score(hotkey);
    let below = members.iter().filter(|other| score(other) < mine).count() as f64;
    let equal = members.iter().filter(|other| score(other) == mine).count() as f64;
    if members.len() < 2 { 0.5 } else { (below + (equal - 1.0) / 2.0) / (members.len() as f64 - 1.0) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn scores(input: Json) -> Vec<(String, f64)> {
        let stood = standings(serde_json::from_value(input).unwrap());
        stood.scores.into_iter().map(|it| (it.hotkey, it.score)).collect()
    }

    fn named(scores: &[(&str, f64)]) -> Vec<(String, f64)> {
        scores.iter().map(|(hotkey, score)| ((*hotkey).to_string(), *score)).collect()
    }

    fn pairs() -> Json {
        json!([
            {"a": "a", "b": "b", "environment": "dice", "a_wins": 120, "b_wins": 80},
            {"a": "a", "b": "c", "environment": "dice", "a_wins": 90, "b_wins": 90, "draws": 20},
            {"a": "b", "b": "c", "environment": "dice", "a_wins": 0, "b_wins": 200},
        ])
    }

    #[test]
    fn pairs_are_worth_points() {
        let rules = json!({"points": {"win": 3, "draw": 1}, "weights": {"shell": 2}, "margin": 0.1});
        let input = json!({"members": ["a", "b", "c"], "pairs": pairs(), "alone": {"shell": {"a": 1.0, "b": 1.05}}, "rules": rules});
        assert_eq!(scores(input), named(&[("a", 6.0), ("c", 4.0), ("b", 2.0)]));
    }

    #[test]
    fn what_was_reached_alone_is_said_by_environment_or_one_by_one() {
        let rules = json!({"points": {"win": 3, "draw": 1}, "margin": 0.1});
        let row = |hotkey: &str, score: f64| json!({"hotkey": hotkey, "environment": "shell", "score": score});
        let reached = json!([row("a", 0.5), row("b", 0.9), row("c", 0.95)]);
        let input = json!({"members": ["a", "b", "c"], "reached": reached, "rules": rules});
        assert_eq!(scores(input), named(&[("b", 4.0), ("c", 4.0), ("a", 0.0)]));
    }

    #[test]
    fn a_standing_is_the_share_of_entrants_that_one_is_ahead_of() {
        let input = json!({"members": ["a", "b", "c"], "pairs": pairs(), "rules": {"by_standing": true}});
        assert_eq!(scores(input), named(&[("c", 1.0), ("a", 0.5), ("b", 0.0)]));
        let alone = json!({"members": ["a", "b", "c"], "alone": {"shell": {"a": 0.4}}, "rules": {"by_standing": true}});
        assert_eq!(scores(alone), named(&[("a", 1.0), ("b", 0.25), ("c", 0.25)]), "whoever is missing has 0");
        assert_eq!(
            scores(json!({"members": ["a"], "alone": {"shell": {"a": 0.4}}, "rules": {"by_standing": true}})),
            named(&[("a", 0.5)])
        );
    }
}

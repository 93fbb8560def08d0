//! `rank`: from the results of one task to places and scores.

use std::sync::LazyLock;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action,
    entry::decide,
    reflect,
    vocabulary::{Better, Outcome, Place, yes},
};
use crate::base::Ty;

/// What `rank` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rank {
    /// The results, one for each entrant.
    pub results: Vec<Submission>,
    /// Which results are better.
    pub better: Better,
    /// How they are scored; without it, nobody scores.
    #[serde(default)]
    pub rules: Rules,
}

/// How results are scored.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RankRules")]
pub struct Rules {
    /// What places score; without it, nobody scores.
    #[serde(default)]
    pub scoring: Option<Scoring>,
    /// Ranks models that are no finetunes as if they were, as deployed.
    #[serde(default)]
    pub assume_finetune: bool,
    /// Takes equal results for copies, of which one stays: the first of those with the same hash, the earliest where there
    /// are no hashes. Copies without a hash go where others have one.
    #[serde(default)]
    pub equal_are_copies: bool,
}

/// One entrant's result, with what tells copies apart.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The entrant's hotkey.
    pub hotkey: String,
    /// The loss or the score; null when there is none.
    #[serde(default)]
    pub loss: Option<f64>,
    /// Whether the model is a finetune; one that is not does not count.
    #[serde(default = "yes")]
    pub finetune: bool,
    /// Why it is not ranked, where that is known already.
    #[serde(default)]
    pub reason: Option<String>,
    /// The hash of what was submitted.
    #[serde(default)]
    pub hash: Option<String>,
    /// When it was submitted.
    #[serde(default)]
    #[schemars(schema_with = "super::vocabulary::time_or_nothing")]
    pub submitted: Option<Timestamp>,
}

impl From<Outcome> for Submission {
    fn from(Outcome { hotkey, loss, finetune }: Outcome) -> Self {
        Self { hotkey, loss, finetune, reason: None, hash: None, submitted: None }
    }
}

/// What places score.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scoring {
    /// The best.
    pub first: f64,
    /// Everybody else who is valid.
    pub rest: f64,
    /// Those at the end.
    pub last: f64,
    /// How large a share is at the end; one at least.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub last_share: f64,
    /// Nobody is at the end where there are no more valid results than this.
    pub last_above: u32,
    /// Those without a valid result, where anybody has one. They score 0 where nobody has.
    pub invalid: f64,
}

/// What `rank` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ranked {
    /// Those with a valid result, the best first; equal results keep the order given.
    pub ranking: Vec<Place>,
    /// Those without a valid result.
    pub invalid: Vec<String>,
    /// Who came first, if anybody.
    pub winner: Option<String>,
    /// Everybody, in the order given.
    pub scores: Vec<Scored>,
}

/// What one entrant scored, and why.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The entrant's hotkey.
    pub hotkey: String,
    /// What their place scores.
    pub score: f64,
    /// The result that was ranked; null where it was not.
    pub loss: Option<f64>,
    /// `first`, `rest`, `last`, `no_number`, `not_finetune`, `copy`, or the reason that was given.
    pub why: String,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Ranked>);

pub(super) fn action() -> Action {
    Action::pure::<Rank, Ranked>(
        "rank",
        "Ranks the results of one task, the best first, and scores them. A result without a number, or of a model that is not \
         a finetune, is invalid.",
        |input| decide(input, &GIVES, |it: Rank| Ok(rank(&it))),
    )
    .example(
        "standing:\n  rank:\n    results: \"${entries.map(e, {'hotkey': e.key, 'loss': e.value.loss})}\"\n    better: lower\n    \
         rules: { scoring: { first: 3, rest: 0, last: -1, last_share: 0.25, last_above: 8, invalid: -1 } }\n",
    )
}

pub(super) fn rank(it: &Rank) -> Ranked {
    let copies = if it.rules.equal_are_copies { copies(&it.results) } else { vec![false; it.results.len()] };
    let fault = |at: usize| {
        let result = &it.results[at];
        let is_finetune = result.finetune || it.rules.assume_finetune;
        match (&result.reason, result.loss.filter(|loss| loss.is_finite())) {
            _ if copies[at] => Some("copy".to_string()),
            (Some(reason), _) => Some(reason.clone()),
            (None, _) if !is_finetune => Some("not_finetune".into()),
            (None, None) => Some("no_number".into()),
            (None, Some(_)) => None,
        }
    };
    let faults: Vec<Option<String>> = (0..it.results.len()).map(fault).collect();
    let mut order: Vec<usize> = (0..it.results.len()).filter(|at| faults[*at].is_none()).collect();
    let loss = |at: usize| it.results[at].loss.unwrap_or_default();
    order.sort_by(|a, b| it.better.order(loss(*a), loss(*b)));

    let mut place_of = vec![None; it.results.len()];
    order.iter().enumerate().for_each(|(place, at)| place_of[*at] = Some(place));

    let last = it.rules.scoring.map_or(0, |scoring| scoring.at_the_end(order.len()));
    let score = |at: usize| {
        let result = &it.results[at];
        // A reason that was given beforehand spares a good result the score of an invalid one.
        let is_invalid = copies[at] || !(result.finetune || it.rules.assume_finetune) || result.loss.is_none();
        let scoring = it.rules.scoring.as_ref();
        let (score, why) = match place_of[at] {
            Some(0) => (scoring.map(|it| it.first), "first".into()),
            Some(place) if place >= order.len() - last => (scoring.map(|it| it.last), "last".into()),
            Some(_) => (scoring.map(|it| it.rest), "rest".into()),
            None => {
                let score = scoring.map(|it| it.invalid).filter(|_| is_invalid && !order.is_empty());
                (score, faults[at].clone().unwrap_or_default())
            }
        };
        let loss = result.loss.filter(|_| faults[at].is_none());
        Scored { hotkey: result.hotkey.clone(), score: score.unwrap_or_default(), loss, why }
    };
    let mut ranking: Vec<Place> = Vec::with_capacity(order.len());
    for (i, at) in order.iter().enumerate() {
        let shared = ranking.last().filter(|before| before.loss == loss(*at)).map(|before| before.place);
        let place = shared.unwrap_or(u32::try_from(i + 1).unwrap_or(u32::MAX));
        ranking.push(Place { hotkey: it.results[*at].hotkey.clone(), place, loss: loss(*at) });
    }
    let invalid = it.results.iter().zip(&faults).filter(|(_, fault)| fault.is_some());
    Ranked {
        winner: ranking.first().map(|it| it.hotkey.clone()),
        ranking,
        invalid: invalid.map(|(result, _)| result.hotkey.clone()).collect(),
        scores: (0..it.results.len()).map(score).collect(),
    }
}

impl Scoring {
    /// How many are at the end.
    fn at_the_end(&self, valid: usize) -> usize {
        if valid <= self.last_above as usize {
            return 0;
        }
        ((valid as f64 * self.last_share) as usize).clamp(1, valid)
    }
}

/// Which results are copies of others.
fn copies(results: &[Submission]) -> Vec<bool> {
    let is_copy = |at: usize| {
        let this = &results[at];
        let Some(loss) = this.loss.filter(|loss| loss.is_finite()) else { return false };
        let equal: Vec<(usize, &Submission)> =
            results.iter().enumerate().filter(|(_, other)| other.loss == Some(loss)).collect();
        if equal.len() < 2 {
            return false;
        }
        match &this.hash {
            Some(hash) => equal.iter().any(|(i, other)| *i < at && other.hash.as_ref() == Some(hash)),
            None if equal.iter().any(|(_, other)| other.hash.is_some()) => true,
            None => {
                let earliest = equal.iter().filter_map(|(i, other)| Some((other.submitted?, *i))).min().map(|(_, i)| i);
                earliest != Some(at)
            }
        }
    };
    (0..results.len()).map(is_copy).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn ranked(results: Json, better: &str, rules: &Json) -> Ranked {
        rank(&serde_json::from_value(json!({"results": results, "better": better, "rules": rules})).unwrap())
    }

    #[test]
    fn the_best_come_first_and_the_invalid_apart() {
        let results = json!([
            {"hotkey": "a", "loss": 0.5}, {"hotkey": "b"}, {"hotkey": "c", "loss": 0.2},
            {"hotkey": "d", "loss": 0.1, "finetune": false}, {"hotkey": "e", "loss": 0.5},
        ]);
        for (better, expected) in
            [("lower", [("c", 1), ("a", 2), ("e", 2)]), ("higher", [("a", 1), ("e", 1), ("c", 3)])]
        {
            let found = ranked(results.clone(), better, &json!({}));
            let places: Vec<(&str, u32)> = found.ranking.iter().map(|it| (it.hotkey.as_str(), it.place)).collect();
            assert_eq!(places, expected);
            assert_eq!(found.invalid, ["b", "d"]);
            assert_eq!(found.winner.as_deref(), Some(expected[0].0));
        }
    }

    #[test]
    fn places_score_what_the_rules_say() {
        let scoring = json!({"first": 3, "rest": 0, "last": -1, "last_share": 0.25, "last_above": 3, "invalid": -2});
        let scores = |losses: &[Option<f64>]| {
            let results: Vec<Json> = losses.iter().map(|loss| json!({"hotkey": "x", "loss": loss})).collect();
            let found = ranked(results.into(), "lower", &json!({"scoring": scoring}));
            found.scores.iter().map(|it| it.score).collect::<Vec<f64>>()
        };
        assert_eq!(scores(&[Some(0.2), Some(0.1), Some(0.3)]), [0.0, 3.0, 0.0]);
        assert_eq!(scores(&[Some(0.2), Some(0.1), Some(0.3), Some(0.4), None]), [0.0, 3.0, 0.0, -1.0, -2.0]);
        assert_eq!(scores(&[None, None]), [0.0, 0.0], "nobody is punished where nobody succeeded");
    }

    #[test]
    fn a_reason_that_is_known_already_keeps_a_result_from_being_ranked() {
        let results = json!([{"hotkey": "a", "loss": 0.1, "reason": "late"}, {"hotkey": "b", "loss": 0.2}]);
        let found = ranked(results, "lower", &json!({}));
        assert_eq!(found.winner.as_deref(), Some("b"));
        assert_eq!((found.scores[0].why.as_str(), found.scores[0].loss), ("late", None));
    }

    #[test]
    fn of_copies_one_stays() {
        let check = |results: Json, copies: &[&str]| {
            let found = ranked(results, "lower", &json!({"equal_are_copies": true}));
            let named = found.scores.iter().filter(|it| it.why == "copy").map(|it| it.hotkey.as_str());
            assert_eq!(named.collect::<Vec<_>>(), copies);
        };
        let day = |n| format!("2025-12-0{n}T00:00:00Z");
        check(
            json!([{"hotkey": "a", "loss": 1, "submitted": day(2)}, {"hotkey": "b", "loss": 1, "submitted": day(1)}]),
            &["a"],
        );
        check(json!([{"hotkey": "a", "loss": 1}, {"hotkey": "b", "loss": 1}]), &["a", "b"]);
        check(json!([{"hotkey": "a", "loss": 1}, {"hotkey": "b", "loss": 1, "hash": "x"}]), &["a"]);
        check(json!([{"hotkey": "a", "loss": 1, "hash": "x"}, {"hotkey": "b", "loss": 1, "hash": "x"}]), &["b"]);
        check(json!([{"hotkey": "a", "loss": 1}, {"hotkey": "b", "loss": 2}]), &[]);
    }
}

//! `rewards`: what models earned by several reward functions, made comparable across the models.

use std::sync::LazyLock;

use indexmap::{IndexMap, IndexSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `rewards` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rewards {
    /// The models, as they were evaluated together.
    pub models: Vec<Measured>,
    /// How rewards become scores.
    pub rules: Rules,
}

/// What was measured of one model.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What tells it from the others.
    pub name: String,
    /// Whether its evaluation failed.
    #[serde(default)]
    pub failed: bool,
    /// What it has scored so far, which stays where there is nobody to compare it with.
    #[serde(default)]
    pub score: Option<f64>,
    /// The mean of each reward function.
    #[serde(default)]
    pub rewards: IndexMap<String, f64>,
    /// How much each reward function counts; 1 where nothing is said.
    #[serde(default)]
    pub weights: IndexMap<String, f64>,
    /// How far it is from the model that it started from.
    #[serde(default)]
    pub kl: f64,
}

/// How rewards become scores.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RewardsRules")]
pub struct Rules {
    /// How much the distance to the starting model is held against a model.
    #[schemars(range(min = 0.0))]
    pub kl_weight: f64,
    /// What the worse of two counts for, where one of the two is below zero.
    #[schemars(range(min = 0.0))]
    pub worse_of_two: f64,
    /// What the better of two counts for.
    #[schemars(range(min = 0.0))]
    pub better_of_two: f64,
    /// Gives the scores out by place in the list with failed models counted, as deployed: whoever stands behind a failed one
    /// gets the score of the next, or none.
    #[serde(default)]
    pub shifted_by_failures: bool,
}

/// What `rewards` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rewarded {
    /// In the order given.
    pub scores: Vec<Score>,
}

/// What one model scores.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RewardScore")]
pub struct Score {
    /// The model's name.
    pub name: String,
    /// Null for a model whose evaluation failed.
    pub score: Option<f64>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Rewarded>);

pub(super) fn action() -> Action {
    Action::pure::<Rewards, Rewarded>(
        "rewards",
        "Makes what models earned by several reward functions comparable across them, and takes off how far each is from the \
         model that it started from. A model alone keeps its score.",
        |input| decide(input, &GIVES, |it: Rewards| Ok(rewards(&it))),
    )
    .example(
        "scores:\n  rewards:\n    models: [{ name: a, rewards: { brevity: 1 } }, { name: b, rewards: { brevity: 2 } }]\n    \
         rules: { kl_weight: 0.5, worse_of_two: 0.25, better_of_two: 0.75 }\n",
    )
}

fn rewards(it: &Rewards) -> Rewarded {
    let kept = |model: &Measured| model.score.filter(|_| !model.failed);
    let names = |score: &dyn Fn(usize, &Measured) -> Option<f64>| {
        let named =
            it.models.iter().enumerate().map(|(i, model)| Score { name: model.name.clone(), score: score(i, model) });
        Rewarded { scores: named.collect() }
    };
    if it.models.len() < 2 {
        return names(&|_, model| kept(model));
    }
    let valid: Vec<&Measured> = it.models.iter().filter(|model| !model.failed).collect();
    let functions: IndexSet<&String> = valid.iter().flat_map(|model| model.rewards.keys()).collect();
    let mut sums = vec![0.0; valid.len()];
    for function in functions {
        let of: Vec<(usize, f64)> =
            valid.iter().enumerate().filter_map(|(i, model)| Some((i, *model.rewards.get(function)?))).collect();
        let values: Vec<f64> = of.iter().map(|(_, value)| *value).collect();
        for ((i, _), value) in of.iter().zip(it.rules.comparable(&values)) {
            sums[*i] += valid[*i].weights.get(function).copied().unwrap_or(1.0) * value;
        }
    }
    let scores: Vec<f64> = valid.iter().zip(&sums).map(|(model, sum)| sum - it.rules.kl_weight * model.kl).collect();
    names(&|i, model| {
        let failed_before = it.models[..i].iter().filter(|model| model.failed).count();
        let at = if it.rules.shifted_by_failures { i } else { i - failed_before };
        if model.failed { None } else { scores.get(at).copied().or(kept(model)) }
    })
}

impl Rules {
    /// The values of one reward function, the highest as 1 and none below 0.
    fn comparable(&self, values: &[f64]) -> Vec<f64> {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        if let ([a, b], true) = (values, least < 0.0) {
            let (worse, better) = (self.worse_of_two, self.better_of_two);
            return if a > b { vec![better, worse] } else { vec![worse, better] };
        }
        let shift = least.min(0.0);
        let most = values.iter().map(|value| value - shift).fold(0.0, f64::max);
        let scaled = |value: &f64| if most > 0.0 { (value - shift) / most } else { 1.0 };
        if values.len() == 1 { vec![1.0] } else { values.iter().map(scaled).collect() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn scores(models: Json, shifted: bool) -> Vec<Option<f64>> {
        let rules =
            json!({"kl_weight": 0.5, "worse_of_two": 0.25, "better_of_two": 0.75, "shifted_by_failures": shifted});
        let given = rewards(&serde_json::from_value(json!({"models": models, "rules": rules})).unwrap());
        given.scores.into_iter().map(|it| it.score).collect()
    }

    fn model(reward: f64) -> Json {
        json!({"name": "m", "score": 9.0, "rewards": {"r": reward}})
    }

    #[test]
    fn rewards_are_made_comparable() {
        assert_eq!(scores(json!([model(1.0)]), false), [Some(9.0)], "alone it keeps its score");
        assert_eq!(scores(json!([model(1.0), model(2.0)]), false), [Some(0.5), Some(1.0)]);
        assert_eq!(scores(json!([model(-1.0), model(2.0)]), false), [Some(0.25), Some(0.75)]);
        assert_eq!(scores(json!([model(-1.0), model(0.0), model(1.0)]), false), [Some(0.0), Some(0.5), Some(1.0)]);
        assert_eq!(scores(json!([model(0.0), model(0.0)]), false), [Some(1.0), Some(1.0)]);
        let heavy =
            json!({"name": "m", "rewards": {"r": 2.0, "only": 7.0}, "weights": {"r": 0.5, "only": 0.1}, "kl": 0.2});
        assert_eq!(scores(json!([heavy, model(1.0)]), false), [Some(0.5), Some(0.5)]);
    }

    #[test]
    fn a_failure_shifts_scores_only_on_request() {
        let failed = json!({"name": "f", "failed": true, "score": 1.0});
        let models = json!([failed, model(1.0), model(2.0)]);
        assert_eq!(scores(models.clone(), false), [None, Some(0.5), Some(1.0)]);
        assert_eq!(scores(models, true), [None, Some(1.0), Some(9.0)]);
    }
}

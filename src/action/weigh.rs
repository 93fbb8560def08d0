//! `weigh`: the weights of all keys, from what each type of tournament gets and how it is shared.

use std::sync::LazyLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `weigh` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Weigh {
    /// The types of tournaments.
    pub pools: Vec<Pool>,
    /// All keys that may have a weight; the burn key is one of them in any case.
    pub keys: Vec<String>,
    /// The key that gets what nobody gets.
    pub burn: String,
    /// Who takes part in tournaments now.
    #[serde(default)]
    pub participants: Vec<String>,
    /// What is given beside the pools.
    #[serde(default)]
    pub rules: Rules,
}

/// What a type of tournament gets, and how it is shared.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// What it gets now: the winner's share is of this.
    #[schemars(range(min = 0.0))]
    pub weight: f64,
    /// What it gets anyway: the others' shares are of this.
    #[schemars(range(min = 0.0))]
    pub base: f64,
    /// Whose share is the winner's.
    #[serde(default)]
    pub winner: Option<String>,
    /// Shares by key.
    #[serde(default)]
    pub shares: IndexMap<String, f64>,
}

/// What is given beside the pools.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WeighRules")]
pub struct Rules {
    /// What each participant gets for taking part.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub participation: f64,
    /// Whether the burn key gets something for taking part like anybody else; as deployed it does not.
    #[serde(default)]
    pub burn_participates: bool,
}

/// What `weigh` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Weighed {
    /// The weight of each key; they add up to 1, less what participants without a key would get.
    pub weights: IndexMap<String, f64>,
    /// The part that no type of tournament gets.
    pub unassigned: f64,
    /// The weights as whole numbers, the largest as 65535.
    pub whole: IndexMap<String, u16>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Weighed>);

pub(super) fn action() -> Action {
    Action::pure::<Weigh, Weighed>(
        "weigh",
        "The weights of all keys: what each type of tournament gets, by its shares, and something for taking part. The burn key \
         gets what is left.",
        |input| decide(input, &GIVES, |it: Weigh| Ok(weigh(&it))),
    )
    .example(
        "weights:\n  weigh:\n    pools: [{ weight: 0.35, base: 0.15, winner: a, shares: { a: 0.8, b: 0.2 } }]\n    keys: [a, b, burn]\n    \
         burn: burn\n    participants: [a, b]\n    rules: { participation: 0.0001 }\n",
    )
}

fn weigh(it: &Weigh) -> Weighed {
    let mut weights: IndexMap<String, f64> = it.keys.iter().chain([&it.burn]).map(|key| (key.clone(), 0.0)).collect();
    let scale = 1.0 - it.rules.participation * it.participants.len() as f64;
    let unassigned = 1.0 - it.pools.iter().map(|pool| pool.weight).sum::<f64>();
    let mut left = unassigned * scale;
    for pool in &it.pools {
        left += pool.weight * scale;
        for (key, share) in &pool.shares {
            let of = if pool.winner.as_ref() == Some(key) { pool.weight } else { pool.base };
            if let Some(weight) = weights.get_mut(key) {
                *weight += share * of * scale;
                left -= share * of * scale;
            }
        }
    }
    for key in &it.participants {
        if let Some(weight) = weights.get_mut(key) {
            *weight += it.rules.participation;
        }
    }
    let takes_part = it.rules.burn_participates && it.participants.contains(&it.burn);
    weights.insert(it.burn.clone(), left + if takes_part { it.rules.participation } else { 0.0 });
    let most = weights.values().copied().fold(0.0, f64::max);
    let whole = |weight: f64| if most > 0.0 { (weight.max(0.0) / most * 65_535.0).round_ties_even() as u16 } else { 0 };
    Weighed { whole: weights.iter().map(|(key, weight)| (key.clone(), whole(*weight))).collect(), weights, unassigned }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn weighed(more: Json) -> Weighed {
        let mut input = json!({
            "pools": [{"weight": 0.4, "base": 0.2, "winner": "a", "shares": {"a": 0.75, "b": 0.25}}],
            "keys": ["a", "b", "burn"], "burn": "burn",
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        weigh(&serde_json::from_value(input).unwrap())
    }

    #[test]
    fn the_winner_is_paid_of_what_the_type_gets_and_the_others_of_its_base() {
        let given = weighed(json!({}));
        for (key, expected) in [("a", 0.75 * 0.4), ("b", 0.25 * 0.2), ("burn", 0.65)] {
            assert!((given.weights[key] - expected).abs() < 1e-12, "{key}");
        }
        assert_eq!((given.whole["burn"], given.whole["a"]), (65_535, (0.3_f64 / 0.65 * 65_535.0).round() as u16));
        assert!((given.unassigned - 0.6).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_handed_out_is_burnt() {
        let sum = |more: Json| weighed(more).weights.values().sum::<f64>();
        assert!((weighed(json!({"keys": ["b", "burn"]})).weights["burn"] - 0.95).abs() < 1e-12);
        let without = weighed(json!({"keys": ["b"]}));
        assert!((without.weights["burn"] - 0.95).abs() < 1e-12, "the burn key is always there");
        assert_eq!((without.whole["burn"], without.whole["b"]), (65_535, 3_449));
        let rules = json!({"participation": 0.01});
        assert!((sum(json!({"participants": ["a", "b"], "rules": rules})) - 1.0).abs() < 1e-12);
        assert!((sum(json!({"participants": ["a", "burn"], "rules": rules})) - 0.99).abs() < 1e-12);
        let rules = json!({"participation": 0.01, "burn_participates": true});
        assert!((sum(json!({"participants": ["a", "burn"], "rules": rules})) - 1.0).abs() < 1e-12);
    }
}

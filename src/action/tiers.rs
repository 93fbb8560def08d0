//! `tiers`: scores cut into tiers by the gaps between them, and what each tier is worth.
//!
//! Those who are about as good share a tier; in each the earliest stays and the others fall by one, so that to come later
//! with the same is worth less.

use std::sync::LazyLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `tiers` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tiers {
    /// Who has which score, and since when.
    pub scores: Vec<Standing>,
    /// How tiers are cut and paid.
    pub rules: Rules,
}

/// Somebody's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Whose.
    pub hotkey: String,
    /// The score; who has none, or none above zero, is in no tier.
    pub score: Option<f64>,
    /// The block that it was committed in.
    pub block: u64,
}

/// How tiers are cut and paid.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TiersRules")]
pub struct Rules {
    /// A new tier begins where the best of the tier is more than so many times as good.
    #[schemars(range(min = 0.0))]
    pub gap: f64,
    /// What the tiers get, the best first. Where there are fewer tiers they share all of it; where there are more, the last get
    /// nothing.
    pub pools: Vec<f64>,
    /// What each in a tier gets of the one who committed before.
    #[schemars(range(min = 0.0))]
    pub decay: f64,
    /// The earliest of each tier stays in it, and the others fall into the next.
    #[serde(default)]
    pub later_fall: bool,
}

/// What `tiers` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tiered {
    /// Who is in which tier, the best tier first, and in each the earliest first.
    pub tiers: Vec<Vec<String>>,
    /// Shares by key; they add up to 1 where anybody has one.
    pub shares: IndexMap<String, f64>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Tiered>);

pub(super) fn action() -> Action {
    Action::pure::<Tiers, Tiered>(
        "tiers",
        "Cuts scores into tiers by the gaps between them and shares a pool in each, the earliest first. Whoever is as good and \
         later may fall by a tier.",
        |input| decide(input, &GIVES, |it: Tiers| Ok(tiers(&it))),
    )
    .example(
        "paid:\n  tiers:\n    scores: [{ hotkey: a, score: 0.9, block: 7 }, { hotkey: b, score: 0.5, block: 3 }]\n    \
         rules: { gap: 1.08, pools: [0.5, 0.3], decay: 0.37, later_fall: true }\n",
    )
}

fn tiers(it: &Tiers) -> Tiered {
    let score = |one: &Standing| one.score.filter(|score| score.is_finite() && *score > 0.0);
    let mut ranked: Vec<(f64, &Standing)> = it.scores.iter().filter_map(|one| Some((score(one)?, one))).collect();
    ranked.sort_by(|(a, first), (b, second)| b.total_cmp(a).then(first.block.cmp(&second.block)));
    let mut cut: Vec<(f64, Vec<&Standing>)> = Vec::new();
    for (score, one) in ranked {
        match cut.last_mut() {
            Some((best, tier)) if *best <= score * it.rules.gap => tier.push(one),
            _ => cut.push((score, vec![one])),
        }
    }
    let mut tiers: Vec<Vec<&Standing>> = cut.into_iter().map(|(_, tier)| tier).collect();
    tiers.iter_mut().for_each(|tier| tier.sort_by_key(|one| one.block));
    if it.rules.later_fall {
        tiers = fallen(tiers);
    }
    let pool = |at: usize| it.rules.pools.get(at).copied().unwrap_or(0.0);
    let all: f64 = (0..tiers.len()).map(pool).sum();
    let mut shares = IndexMap::new();
    for (at, tier) in tiers.iter().enumerate().filter(|(at, _)| pool(*at) > 0.0) {
        let parts: Vec<f64> =
            std::iter::successors(Some(1.0), |part| Some(part * it.rules.decay)).take(tier.len()).collect();
        let whole: f64 = parts.iter().sum();
        for (one, part) in tier.iter().zip(parts) {
            *shares.entry(one.hotkey.clone()).or_insert(0.0) += pool(at) / all * part / whole;
        }
    }
    let names = |tier: &Vec<&Standing>| tier.iter().map(|one| one.hotkey.clone()).collect();
    Tiered { tiers: tiers.iter().map(names).collect(), shares }
}

/// Leaves the earliest in each tier and puts the others into the next, all at once: nobody falls twice.
fn fallen(tiers: Vec<Vec<&Standing>>) -> Vec<Vec<&Standing>> {
    let mut after: Vec<Vec<&Standing>> = vec![Vec::new(); tiers.len() + 1];
    for (at, tier) in tiers.into_iter().enumerate() {
        let mut tier = tier.into_iter();
        after[at].extend(tier.next());
        after[at + 1].extend(tier);
    }
    after.iter_mut().for_each(|tier| tier.sort_by_key(|one| one.block));
    after.retain(|tier| !tier.is_empty());
    after
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    fn tiered(scores: &[(&str, Option<f64>, u64)], more: Json) -> Tiered {
        let scores: Vec<Json> = scores
            .iter()
            .map(|(hotkey, score, block)| json!({"hotkey": hotkey, "score": score, "block": block}))
            .collect();
        let mut rules = json!({"gap": 1.1, "pools": [0.5, 0.3], "decay": 0.5});
        rules.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tiers(&serde_json::from_value(json!({"scores": scores, "rules": rules})).unwrap())
    }

    #[test]
    fn a_gap_begins_a_tier_and_the_earliest_gets_most_of_it() {
        let given = tiered(
            &[("a", Some(0.9), 5), ("b", Some(0.85), 2), ("c", Some(0.5), 1), ("d", Some(0.0), 1), ("e", None, 1)],
            json!({}),
        );
        assert_eq!(given.tiers, [vec!["b", "a"], vec!["c"]]);
        for (key, expected) in [("b", 0.5 / 0.8 * 2.0 / 3.0), ("a", 0.5 / 0.8 / 3.0), ("c", 0.3 / 0.8)] {
            assert!((given.shares[key] - expected).abs() < 1e-12, "{key}");
        }
        // A chain of small steps is cut where the best of the tier is too far away.
        let given = tiered(&[("a", Some(1.0), 1), ("b", Some(0.95), 1), ("c", Some(0.89), 1)], json!({}));
        assert_eq!(given.tiers, [vec!["a", "b"], vec!["c"]]);
    }

    #[test]
    fn those_who_came_later_with_the_same_fall_by_one() {
        let fall = json!({"later_fall": true});
        let given =
            tiered(&[("a", Some(0.9), 5), ("b", Some(0.9), 2), ("c", Some(0.5), 9), ("d", Some(0.5), 8)], fall.clone());
        assert_eq!(given.tiers, [vec!["b"], vec!["a", "d"], vec!["c"]]);
        assert_eq!(given.shares.get("c"), None, "there is no third pool");
        assert_eq!(tiered(&[("a", Some(1.0), 1)], fall.clone()).shares["a"], 1.0);
        assert_eq!(tiered(&[], fall).shares.len(), 0);
    }

    proptest! {
        #[test]
        fn everybody_above_zero_is_in_one_tier_and_shares_add_up(
            scores in prop::collection::vec((prop::option::of(-0.5f64..1.5), 0u64..50), 0..20), gap in 1.0f64..2.0, fall: bool,
        ) {
            let names: Vec<String> = (0..scores.len()).map(|i| format!("k{i:02}")).collect();
            let all: Vec<(&str, Option<f64>, u64)> =
                names.iter().zip(&scores).map(|(name, (score, block))| (name.as_str(), *score, *block)).collect();
            let given = tiered(&all, json!({"gap": gap, "later_fall": fall}));
            let mut told: Vec<&String> = given.tiers.iter().flatten().collect();
            told.sort();
            let above: Vec<&String> =
                names.iter().zip(&scores).filter(|(_, (score, _))| score.is_some_and(|it| it > 0.0)).map(|(name, _)| name).collect();
            prop_assert_eq!(&told, &above);
            let sum: f64 = given.shares.values().sum();
            let expected = if above.is_empty() { 0.0 } else { 1.0 };
            prop_assert!((sum - expected).abs() < 1e-9);
        }
    }
}

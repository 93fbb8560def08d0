//! `score`: from results to places.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action,
    entry::decide,
    rank::{Rank, Ranked, Rules, Submission, rank},
    reflect,
    vocabulary::{Better, Outcome, Place},
};
use crate::base::Ty;

/// What `score` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The results, one for each entrant.
    pub results: Vec<Outcome>,
    /// Which results are better.
    pub better: Better,
}

/// What `score` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// Those with a valid result, the best first; equal results keep the order given.
    pub ranking: Vec<Place>,
    /// Those without a valid result.
    pub invalid: Vec<String>,
}

/// The type of what it gives, reflected once: this action is done for every entrant.
static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Scored>);

pub(super) fn action() -> Action {
    Action::pure::<Score, Scored>(
        "score",
        "Ranks results, the best first. A result without a number, or of a model that is not a finetune, is invalid.",
        |input| decide(input, &GIVES, |it| Ok(score(it))),
    )
    .example("score:\n  score:\n    results: \"${entries.map(e, {'hotkey': e.key, 'loss': e.value.loss})}\"\n    better: lower\n")
}

/// As `rank` does it, without its rules.
fn score(input: Score) -> Scored {
    let results = input.results.into_iter().map(Submission::from).collect();
    let Ranked { ranking, invalid, .. } = rank(&Rank { results, better: input.better, rules: Rules::default() });
    Scored { ranking, invalid }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_best_come_first_and_the_invalid_apart() {
        let results = json!([
            {"hotkey": "a", "loss": 0.5}, {"hotkey": "b"}, {"hotkey": "c", "loss": 0.2},
            {"hotkey": "d", "loss": 0.1, "finetune": false}, {"hotkey": "e", "loss": 0.5},
        ]);
        for (better, expected) in
            [("lower", [("c", 1), ("a", 2), ("e", 2)]), ("higher", [("a", 1), ("e", 1), ("c", 3)])]
        {
            let input = serde_json::from_value(json!({"results": results, "better": better})).unwrap();
            let scored = score(input);
            let found: Vec<(&str, u32)> = scored.ranking.iter().map(|it| (it.hotkey.as_str(), it.place)).collect();
            assert_eq!(found, expected);
            assert_eq!(scored.invalid, ["b", "d"]);
        }
    }
}

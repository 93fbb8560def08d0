//! `pair_result`: whether two have played in all environments, and what counts where they could not.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `pair_result` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairResult {
    /// What has been played so far, by environment.
    pub played: Vec<Played>,
    /// The environments that must be played.
    pub environments: Vec<String>,
    /// What counts where games cannot be played.
    pub rules: Rules,
}

/// The games of two in one environment, so far.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Played {
    /// What they play in.
    pub environment: String,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// Whether all games were played.
    #[serde(default)]
    pub complete: bool,
    /// Games that the first one won.
    #[serde(default)]
    pub a_wins: u32,
    /// Games that the second one won.
    #[serde(default)]
    pub b_wins: u32,
    /// Games that nobody won.
    #[serde(default)]
    pub draws: u32,
}

/// What counts where games cannot be played.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PairRules")]
pub struct Rules {
    /// How often an environment is tried.
    pub attempts: u32,
    /// Takes all environments of the pair for draws when one cannot be played; without it the step fails.
    #[serde(default)]
    pub draws_when_exhausted: bool,
}

/// What `pair_result` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Paired {
    /// Whether all that must be played has been.
    pub ready: bool,
    /// What counts, in the order of the environments; nothing while it is not ready.
    pub results: Vec<Counted>,
}

/// What counts in one environment.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    /// What they played in.
    pub environment: String,
    /// Games that the first one won.
    pub a_wins: u32,
    /// Games that the second one won.
    pub b_wins: u32,
    /// Games that nobody won.
    pub draws: u32,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Paired>);

pub(super) fn action() -> Action {
    Action::pure::<PairResult, Paired>(
        "pair_result",
        "Whether two have played in all environments, and what counts where they could not.",
        |input| decide(input, &GIVES, |it: PairResult| pair_result(&it)),
    )
    .example(
        "result:\n  pair_result:\n    played: [{ environment: liars_dice, attempts: 1, complete: true, a_wins: 120, b_wins: 80 }]\n    \
         environments: [liars_dice]\n    rules: { attempts: 3, draws_when_exhausted: true }\n",
    )
}

fn pair_result(it: &PairResult) -> Result<Paired, String> {
    let find = |environment: &String| it.played.iter().find(|played| played.environment == *environment);
    let is_exhausted = |played: &&Played| !played.complete && played.attempts >= it.rules.attempts;
    if let Some(lost) = it.environments.iter().filter_map(find).find(is_exhausted) {
        if !it.rules.draws_when_exhausted {
            return Err(format!("{} could not be played in {} attempts", lost.environment, lost.attempts));
        }
        let draw = |environment: &String| Counted { environment: environment.clone(), ..Counted::default() };
        return Ok(Paired { ready: true, results: it.environments.iter().map(draw).collect() });
    }
    let counted = |environment: &String| {
        let Played { a_wins, b_wins, draws, .. } = *find(environment).filter(|played| played.complete)?;
        Some(Counted { environment: environment.clone(), a_wins, b_wins, draws })
    };
    let results: Option<Vec<Counted>> = it.environments.iter().map(counted).collect();
    Ok(Paired { ready: results.is_some(), results: results.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(played: &[(&str, u32, bool)], draws: bool) -> Result<Option<Vec<u32>>, String> {
        let played = played.iter().map(|(environment, attempts, complete)| Played {
            environment: (*environment).into(),
            attempts: *attempts,
            complete: *complete,
            a_wins: 5,
            b_wins: 0,
            draws: 0,
        });
        let rules = Rules { attempts: 3, draws_when_exhausted: draws };
        let environments = vec!["dice".to_string(), "rummy".into()];
        let given = pair_result(&PairResult { played: played.collect(), environments, rules })?;
        Ok(given.ready.then(|| given.results.iter().map(|it| it.a_wins).collect()))
    }

    #[test]
    fn it_counts_when_all_is_played_and_is_a_draw_or_a_failure_when_it_cannot_be() {
        assert_eq!(of(&[("dice", 1, true)], true), Ok(None));
        assert_eq!(of(&[("dice", 1, true), ("rummy", 2, false)], true), Ok(None));
        assert_eq!(of(&[("dice", 1, true), ("rummy", 3, true), ("chess", 3, false)], true), Ok(Some(vec![5, 5])));
        assert_eq!(of(&[("dice", 1, true), ("rummy", 3, false)], true), Ok(Some(vec![0, 0])));
        assert!(of(&[("dice", 1, true), ("rummy", 3, false)], false).is_err());
    }
}

//! `play`: two models against one another in one environment, game after game.
//!
//! What comes back is a letter for each game, so that `tally` counts by the rules of the workflow, and whoever has the record
//! can count again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action, Expect, tally,
    vocabulary::{Model, Task},
};
use crate::base::{Span, scalar};

/// The name of the action.
pub const PLAY: &str = "play";

/// What `play` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Play {
    /// The first of the two.
    pub a: Contender,
    /// The second of the two.
    pub b: Contender,
    /// What they play in.
    pub environment: String,
    /// The task that they were trained for; its seed decides which games there are.
    pub task: Task,
    /// The image that lets them play.
    #[schemars(schema_with = "scalar::image")]
    pub image: String,
    /// How many games, and how long they may take.
    pub rules: Rules,
    /// When the games may be ended early. Whoever counts them ends them there, too.
    #[serde(default)]
    pub stop: Option<tally::Rules>,
}

/// How many games, and how long they may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PlayRules")]
pub struct Rules {
    /// How many games, those with seats swapped counted; as many as the time allows when left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    pub games: Option<u32>,
    /// How long they play; until all games are played when left out.
    #[serde(default)]
    pub time: Option<Span>,
    /// How long a move may take.
    pub turn: Span,
    /// How much chance is in the moves of both.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: f64,
}

/// Somebody with a model that was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contender {
    /// The key that they are known by.
    pub hotkey: String,
    /// The model, from `upload`.
    pub model: Model,
}

/// What `play` gives.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Games {
    /// A letter for each game, as the first of the two sees it: `W` won, `L` lost, `D` nobody's; `w` won because the second
    /// gave up, `l` lost by giving up.
    pub outcomes: String,
    /// Those of the two whose model is no finetune of the model that the task starts from, by their keys.
    pub no_finetune: Vec<String>,
}

pub(super) fn action() -> Action {
    Action::work::<Play, Games>(
        PLAY,
        "Lets two models play against one another in an environment, each game twice with seats swapped, and tells how each \
         game ended.",
        Expect::Span(Span::from_secs(1_200)),
    )
    .example(
        "games:\n  play:\n    a: \"${a}\"\n    b: \"${b}\"\n    environment: liars_dice\n    task: \"${task}\"\n    \
         image: gradientsio/pvp-evaluator:basilica\n    rules: { games: 200, turn: 5s }\n  gpus: 2xH100\n",
    )
}

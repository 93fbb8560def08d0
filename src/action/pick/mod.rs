//! `pick`: the tasks that a round gets, by recipes that stand in the workflow and a catalogue of models and data.

mod choose;
mod lacks;
pub mod recipe;

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use choose::{degenerate, too_many_copies};
pub(super) use lacks::action as lacks_action;
pub use recipe::{Base, Recipe, Stage, Stages, Wanted, wanted};

use super::{
    Action,
    entry::drawn,
    reflect,
    vocabulary::{Task, TaskKind},
};
use crate::base::Ty;

/// What `pick` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// What the round is.
    pub stage: Stage,
    /// The recipes for each kind of round.
    pub stages: Stages,
    /// Who gets tasks: groups or pairs by their names. Without any, the round gets them as a whole.
    #[serde(default)]
    pub matches: Vec<String>,
    /// Which round it is, from 1.
    pub round: u32,
    /// What begins the names of the tasks.
    pub name: String,
    /// Models, data and environments to choose from.
    pub catalogue: Option<Catalogue>,
    /// The models of the catalogue that tasks without a named one may start from; all of them when left out.
    #[serde(default)]
    pub models: Vec<String>,
    /// The model that the tasks of the first round start from, for recipes that ask for the same or another one.
    #[serde(default)]
    pub base: Option<String>,
    /// More environments to choose from.
    #[serde(default)]
    pub environments: Vec<KnownEnvironment>,
    /// Models, data and environments that are avoided as long as there are others.
    #[serde(default)]
    pub seen: Vec<String>,
    /// Whether environments that were not seen come first.
    #[serde(default)]
    pub prefer_new: bool,
    /// What makes data useless.
    pub unfit: Option<Unfit>,
}

/// Models, data and environments to choose from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Models.
    #[serde(default)]
    pub models: Vec<KnownModel>,
    /// Data.
    #[serde(default)]
    pub datasets: Vec<KnownData>,
    /// Environments.
    #[serde(default)]
    pub environments: Vec<KnownEnvironment>,
}

/// A model that tasks may start from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownModel {
    /// As `organisation/name`.
    pub id: String,
    /// Its parameters, in billions; 0 when nobody knows.
    #[serde(default)]
    pub params_b: f64,
    /// The kinds of task that it is for; all when left out.
    #[serde(default)]
    pub kinds: Vec<TaskKind>,
    /// The kind of image model.
    pub model_type: Option<String>,
}

/// Data that tasks may be about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownData {
    /// A URL or a name.
    pub id: String,
    /// The kinds of task that they are for; all when left out.
    #[serde(default)]
    pub kinds: Vec<TaskKind>,
    /// How many rows they have.
    pub rows: Option<u64>,
    /// How many images they have.
    pub images: Option<u32>,
    /// The data to judge by.
    pub test_data: Option<String>,
    /// What earlier tasks on them reached.
    #[serde(default)]
    pub losses: Vec<f64>,
    /// The share of rows that nearly equal another.
    pub near_duplicates: Option<f64>,
}

/// An environment that models play in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{name}[ (GPUs for {gpu_factor} times its model)]"))]
pub struct KnownEnvironment {
    /// Its name.
    pub name: String,
    /// By what a model's size is multiplied when GPUs are counted.
    #[schemars(range(min = 0.0))]
    pub gpu_factor: Option<f64>,
}

/// What makes data useless.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unfit {
    /// A loss below this was too easy.
    #[schemars(range(min = 0.0))]
    pub loss_below: f64,
    /// The best loss of an instruct task was above this: nobody could learn it.
    pub instruct_best_above: f64,
    /// A mean loss of a DPO task in here is chance.
    pub dpo_mean: Between,
    /// From this share of near duplicates on.
    pub near_duplicates_from: f64,
}

/// Two bounds, both included.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{from} to {to}"))]
pub struct Between {
    /// The lower one.
    pub from: f64,
    /// The upper one.
    pub to: f64,
}

/// What `pick` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Picked {
    /// The tasks, in the order of the matches and of the recipes.
    pub tasks: Vec<Assigned>,
}

/// A task, and who gets it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Assigned {
    /// The group or pair; nothing for the round as a whole.
    #[serde(rename = "match")]
    pub of: Option<String>,
    /// The task.
    pub task: Task,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Picked>);

pub(super) fn action() -> Action {
    Action::drawn::<Pick, Picked>(
        "pick",
        "Picks the tasks of a round: kinds by their weights, models by size, data by rows, all at random from a \
         catalogue.",
        |input, stream| drawn(input, &GIVES, stream, |it, stream| choose::pick(&it, stream)),
    )
    .example(
        "tasks:\n  pick:\n    stage: pair\n    stages: { pair: [{ kinds: { instruct: 0.75, dpo: 0.25 }, size: { from: 0.1, up_to: 12 } }] }\n    \
         matches: [pair-01]\n    round: 2\n    name: round-2\n    catalogue:\n      models: [{ id: org/model, params_b: 7 }]\n      \
         datasets: [{ id: org/data, rows: 30000 }]\n",
    )
}

#[cfg(test)]
mod tests;

//! Recipes: what kinds of task a round gets, before anything is chosen from a catalogue.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::action::vocabulary::TaskKind;

/// What a round is, for the tasks that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Everybody in one group.
    Together,
    /// Groups in the first round.
    FirstGroup,
    /// Groups later.
    Group,
    /// Pairs.
    Pair,
    /// The only pair before the boss round.
    LastPair,
    /// The boss round.
    Boss,
}

/// The recipes for each kind of round. What is left out is as for `group` or `pair`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// Tasks where everybody is in one group.
    pub together: Option<Vec<Recipe>>,
    /// Tasks of each group in the first round.
    pub first_group: Option<Vec<Recipe>>,
    /// Tasks of each group.
    pub group: Option<Vec<Recipe>>,
    /// Tasks of each pair.
    pub pair: Option<Vec<Recipe>>,
    /// Tasks of the only pair before the boss round.
    pub last_pair: Option<Vec<Recipe>>,
    /// Tasks of the boss round.
    pub boss: Option<Vec<Recipe>>,
}

/// How tasks of one sort are made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{times:tasks}[ of kind {kind}][, of a kind that is drawn: {kinds:%}][, on the model {model}][, on {base}][, on a model of {size}][, or {large}][, on a model of type {model_types}][, on data of {rows}][, and {kl}][, with {environments_per_round} environments in the first round and as many more in each later one, as far as there are so many][, beginning from {start}][, for {hours} hours][, of the line {lineage}][, {?shared}the same for all groups of the round]"))]
pub struct Recipe {
    /// How many of them.
    #[serde(default = "one")]
    pub times: u32,
    /// The kind of task.
    pub kind: Option<TaskKind>,
    /// Kinds of task with their weights, where one is drawn.
    #[serde(default)]
    #[schemars(schema_with = "crate::action::vocabulary::by_kind")]
    pub kinds: IndexMap<TaskKind, f64>,
    /// The size of the model, in billions of parameters.
    pub size: Option<Sizes>,
    /// A larger model now and then.
    pub large: Option<Large>,
    /// The model, where it is not chosen.
    pub model: Option<String>,
    /// The model of the first round, or any but that one. Where no round was played, any.
    pub base: Option<Base>,
    /// The kinds of image model.
    #[serde(default)]
    pub model_types: Vec<String>,
    /// How many rows the data have.
    pub rows: Option<Rows>,
    /// A weight of the distance to the starting model now and then.
    pub kl: Option<Kl>,
    /// How many environments for each round so far, as many as there are at most.
    pub environments_per_round: Option<u32>,
    /// What training starts from.
    pub start: Option<String>,
    /// Its time in hours, whatever the data are; the rules for times decide when left out.
    #[schemars(range(min = 0.0))]
    pub hours: Option<f64>,
    /// The line of tasks that it goes on with.
    pub lineage: Option<String>,
    /// Whether all groups of a round get the same task.
    #[serde(default)]
    pub shared: bool,
}

/// A model, by that of the first round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Base {
    /// The model of the first round
    Same,
    /// Another model than that of the first round
    Other,
}

fn one() -> u32 {
    1
}

/// A range of sizes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{from} to {up_to} billion parameters"))]
pub struct Sizes {
    /// The smallest.
    #[schemars(range(min = 0.0))]
    pub from: f64,
    /// The largest.
    #[schemars(range(min = 0.0))]
    pub up_to: f64,
}

/// A larger model now and then.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "with a chance of {chance:%} of {from} to {up_to} billion"))]
pub struct Large {
    /// How often.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub chance: f64,
    /// The smallest size.
    #[schemars(range(min = 0.0))]
    pub from: f64,
    /// The largest size.
    #[schemars(range(min = 0.0))]
    pub up_to: f64,
}

/// A range of rows, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{from} to {up_to} rows"))]
pub struct Rows {
    /// The fewest.
    pub from: u64,
    /// The most.
    pub up_to: u64,
}

/// A weight of the distance to the starting model now and then.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "with a chance of {chance:%} with a KL weight of {from} to {to}[, where it is {kinds}]"))]
pub struct Kl {
    /// How often.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub chance: f64,
    /// The smallest weight.
    #[schemars(range(min = 0.0))]
    pub from: f64,
    /// The largest weight.
    #[schemars(range(min = 0.0))]
    pub to: f64,
    /// The kinds of task that may have it, where the kind is drawn.
    #[serde(default = "instruct")]
    pub kinds: Vec<TaskKind>,
}

fn instruct() -> Vec<TaskKind> {
    vec![TaskKind::Instruct]
}

/// A task that is wanted, before a model and data are chosen.
#[derive(Clone, Debug)]
pub struct Wanted<'r> {
    pub kind: TaskKind,
    pub size: Option<Sizes>,
    pub kl: Option<f64>,
    pub recipe: &'r Recipe,
}

impl Stage {
    pub const ALL: [Self; 6] = [Self::Together, Self::FirstGroup, Self::Group, Self::Pair, Self::LastPair, Self::Boss];

    /// The word that files know it by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::FirstGroup => "first_group",
            Self::Group => "group",
            Self::Pair => "pair",
            Self::LastPair => "last_pair",
            Self::Boss => "boss",
        }
    }
}

impl Recipe {
    /// All kinds of task that may come of it.
    pub fn kinds(&self) -> Vec<TaskKind> {
        let drawn = self.kinds.iter().filter(|(_, weight)| **weight > 0.0).map(|(kind, _)| *kind);
        self.kind.map_or_else(|| drawn.collect(), |kind| vec![kind])
    }

    /// All sizes of model that may come of it.
    pub fn sizes(&self) -> Vec<Option<Sizes>> {
        let large = self.large.as_ref();
        let usual = large.is_none_or(|large| large.chance < 1.0).then_some(self.size);
        let large = large.filter(|large| large.chance > 0.0);
        usual.into_iter().chain(large.map(|large| Some(Sizes { from: large.from, up_to: large.up_to }))).collect()
    }
}

impl Stages {
    /// The recipes that are written for a round, if any are.
    pub fn written(&self, stage: Stage) -> Option<&[Recipe]> {
        let found = match stage {
            Stage::Together => &self.together,
            Stage::FirstGroup => &self.first_group,
            Stage::Group => &self.group,
            Stage::Pair => &self.pair,
            Stage::LastPair => &self.last_pair,
            Stage::Boss => &self.boss,
        };
        found.as_deref()
    }

    /// The recipes for a round.
    pub fn of(&self, stage: Stage) -> &[Recipe] {
        let usual = match stage {
            Stage::Together | Stage::FirstGroup | Stage::Group => Stage::Group,
            Stage::Pair | Stage::LastPair => Stage::Pair,
            Stage::Boss => Stage::Boss,
        };
        self.written(stage).or(self.written(usual)).unwrap_or_default()
    }
}

/// Draws what recipes leave open. `chance` gives numbers from 0 to 1, 1 not included.
pub fn wanted<'r>(recipes: &'r [Recipe], chance: &mut dyn FnMut() -> f64) -> Result<Vec<Wanted<'r>>, String> {
    let mut found = Vec::new();
    for recipe in recipes {
        for _ in 0..recipe.times {
            let kind = match recipe.kind {
                Some(kind) => kind,
                None => kind(&recipe.kinds, chance())?,
            };
            let large = recipe.large.as_ref().filter(|large| chance() < large.chance);
            let size = large.map(|large| Sizes { from: large.from, up_to: large.up_to }).or(recipe.size);
            let kl = recipe.kl.as_ref().filter(|kl| kl.kinds.contains(&kind) && chance() < kl.chance);
            let kl = kl.map(|kl| kl.from + (kl.to - kl.from) * chance());
            found.push(Wanted { kind, size, kl, recipe });
        }
    }
    Ok(found)
}

/// The kind at a place among weights laid side by side.
fn kind(kinds: &IndexMap<TaskKind, f64>, at: f64) -> Result<TaskKind, String> {
    let all: f64 = kinds.values().sum();
    let mut passed = 0.0;
    let mut last = Err("a recipe needs kinds of task with weights".to_string());
    for (kind, weight) in kinds.iter().filter(|(_, weight)| **weight > 0.0) {
        last = Ok(*kind);
        passed += weight / all;
        if at < passed {
            break;
        }
    }
    last
}

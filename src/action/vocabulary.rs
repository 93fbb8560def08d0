//! The records that tournaments speak of, with the names that `takes` and `inputs` know them by.

use std::cmp::Ordering;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    commits::Commitment,
    pair_result::Played,
    pick::Catalogue,
    play::Contender,
    reflect,
    register::{Candidate, Fee},
    rewards::Measured,
    share::Round,
    standings::Pair,
    tally::Game,
    weigh::Pool,
};
use crate::base::{Name, Span, Ty};

/// Somebody who takes part, and the code that they take part with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entrant {
    /// The key that they are known by.
    pub hotkey: String,
    /// The key that owns their balance.
    pub coldkey: Option<String>,
    /// Where their code is, such as `https://github.com/owner/repository`.
    pub repository: String,
    /// The commit that takes part: 40 hexadecimal digits.
    pub commit: String,
    /// Data sets that they asked for.
    pub datasets: Option<Vec<String>>,
}

/// What a task is about, which decides how it is trained and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    Instruct,
    Chat,
    Dpo,
    Grpo,
    Image,
    Environment,
}

impl TaskKind {
    pub const ALL: [Self; 6] = [Self::Instruct, Self::Chat, Self::Dpo, Self::Grpo, Self::Image, Self::Environment];

    /// The word that files know it by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Instruct => "instruct",
            Self::Chat => "chat",
            Self::Dpo => "dpo",
            Self::Grpo => "grpo",
            Self::Image => "image",
            Self::Environment => "environment",
        }
    }
}

/// Numbers by kinds of task: a mapping whose keys are known.
pub(super) fn by_kind(_: &mut SchemaGenerator) -> Schema {
    let kinds = TaskKind::ALL.map(TaskKind::word);
    json_schema!({
        "type": "object",
        "propertyNames": { "enum": kinds },
        "additionalProperties": { "type": "number", "format": "double", "minimum": 0 },
    })
}

/// Numbers by words that nobody lists: a mapping.
pub(super) fn by_word(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "additionalProperties": { "type": "number", "format": "double", "minimum": 0 },
    })
}

/// A piece of work that entrants are compared by: train this model on these data in this time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What tells it from other tasks.
    pub id: String,
    /// What is trained, and by which method.
    pub kind: TaskKind,
    /// The model to start from, as `organisation/name`.
    pub model: String,
    /// The model's parameters, in billions; 0 when nobody knows.
    pub params_b: f64,
    /// The data to train on: a URL or a data set's name.
    pub dataset: String,
    /// The data to judge by, which entrants never see.
    pub test_data: Option<String>,
    /// How many rows the data have.
    pub rows: Option<u64>,
    /// How many images the data have.
    pub images: Option<u32>,
    /// How the data are laid out: columns, templates, reward functions.
    pub columns: Option<IndexMap<String, String>>,
    /// How long training may take.
    pub time: Span,
    /// The kind of image model, such as `sdxl` or `flux`.
    pub model_type: Option<String>,
    /// The word that an image model is trained to answer to.
    pub trigger_word: Option<String>,
    /// The environments that are played.
    pub environments: Option<Vec<String>>,
    /// By what the model's size is multiplied when its GPUs are counted.
    #[schemars(range(min = 0.0))]
    pub gpu_factor: Option<f64>,
    /// The seed that environments are played with.
    pub seed: Option<u64>,
    /// What training starts from where that is not the model as it is: `continuation`, `from_scratch`,
    /// `previous_winner`.
    pub start: Option<String>,
    /// The weight of the distance to the starting model, where that counts.
    pub kl: Option<f64>,
}

/// Code at a commit, on the machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Checkout {
    /// Where the code came from.
    pub repository: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// The key under which hosts hold it.
    pub tree: String,
    /// The digest of its sources, where it was asked for.
    #[serde(default)]
    pub digest: Option<String>,
    /// How many characters of them count for it.
    #[serde(default)]
    pub chars: Option<u64>,
}

/// A container image, on the hosts that built it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// The image's digest.
    pub id: String,
    /// How large it is.
    pub size_bytes: u64,
}

/// A model and data, in the cache of the hosts that downloaded them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Files {
    /// The key of the model in the cache; null where none was asked for.
    pub model: Option<String>,
    /// The key of the data in the cache; null where none were asked for.
    pub dataset: Option<String>,
    /// The key of the single file in the cache; null where none was asked for.
    pub file: Option<String>,
    /// The entrant's own data sets that could be had.
    pub datasets: Vec<String>,
    /// How large all of it is.
    pub size_bytes: u64,
}

/// What training left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Training {
    /// The key under which the host holds the output folder.
    pub output: String,
    /// How long it took.
    pub took: Span,
    /// Whether it was ended by its time limit.
    pub cut_short: bool,
}

/// A model on the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    /// As `organisation/name`.
    pub repository: String,
    /// The revision that was written.
    pub revision: String,
}

/// How one model did on one task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// The loss or the score; null when it is not a number.
    pub loss: Option<f64>,
    /// Whether the model is a finetune of the model that the task starts from.
    pub finetune: bool,
    /// Why there is no loss.
    pub reason: Option<String>,
    /// An image model's losses with a prompt, for `combine` to make one loss of; `loss` is null then, without a reason.
    pub guided: Option<Vec<f64>>,
    /// An image model's losses without a prompt.
    pub unguided: Option<Vec<f64>>,
    /// The means of reward functions, for `rewards` to compare the models of a task by; `loss` is of this model alone then.
    pub rewards: Option<IndexMap<String, f64>>,
    /// How much each reward function counts.
    pub weights: Option<IndexMap<String, f64>>,
    /// How far the model is from the one that it started from.
    pub kl: Option<f64>,
}

/// One entrant's result, as `score` takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The entrant's hotkey.
    pub hotkey: String,
    /// The loss or the score; null when there is none.
    #[serde(default)]
    pub loss: Option<f64>,
    /// Whether the model is a finetune; one that is not does not count.
    #[serde(default = "yes")]
    pub finetune: bool,
}

/// The default of a field that is usually true.
pub(super) fn yes() -> bool {
    true
}

/// Which results are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Losses.
    Lower,
    /// Scores.
    Higher,
}

impl Better {
    /// The better one first.
    pub fn order(self, a: f64, b: f64) -> Ordering {
        match self {
            Self::Lower => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            Self::Higher => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        }
    }
}

/// The schema of a moment that may be left out.
pub(super) fn time_or_nothing(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "null"], "x-type": "time", "description": "A moment such as `2026-07-06T14:00:00Z`." })
}

/// The schema of a moment.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "x-type": "time", "description": "A moment such as `2026-07-06T14:00:00Z`." })
}

/// One entrant's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// The entrant's hotkey.
    pub hotkey: String,
    /// From 1; equal results share a place.
    pub place: u32,
    pub loss: f64,
}

/// The types that `takes`, `inputs` and `types` know by name.
pub fn types() -> impl Iterator<Item = (Name, Ty)> {
    let name = |text| Name::parse(text).expect("the vocabulary has good names");
    [
        ("entrant", reflect::given::<Entrant>()),
        ("candidate", reflect::taken::<Candidate>()),
        ("fee", reflect::given::<Fee>()),
        ("commitment", reflect::taken::<Commitment>()),
        ("catalogue", reflect::taken::<Catalogue>()),
        ("task", reflect::given::<Task>()),
        ("checkout", reflect::given::<Checkout>()),
        ("image", reflect::given::<Image>()),
        ("files", reflect::given::<Files>()),
        ("training", reflect::given::<Training>()),
        ("model", reflect::given::<Model>()),
        ("evaluation", reflect::given::<Evaluation>()),
        ("outcome", reflect::given::<Outcome>()),
        ("place", reflect::given::<Place>()),
        ("measured", reflect::taken::<Measured>()),
        ("contender", reflect::given::<Contender>()),
        ("game", reflect::taken::<Game>()),
        ("pair", reflect::taken::<Pair>()),
        ("played_round", reflect::taken::<Round>()),
        ("played", reflect::taken::<Played>()),
        ("pool", reflect::taken::<Pool>()),
    ]
    .into_iter()
    .map(move |(word, ty)| match ty {
        Ty::Record(record) => (name(word), Ty::named_record(name(word), record.fields.clone())),
        other => (name(word), other),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_word_of_the_vocabulary_is_a_record_of_that_name() {
        for (name, ty) in super::types() {
            assert_eq!(ty.to_string(), name.as_str());
        }
    }
}

//! What a world file may say, as plain serde types. Their doc comments are the descriptions in the JSON Schema.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    action::vocabulary::TaskKind,
    base::{GpuKind, GpuRequest, Name, Size, Span},
    document::types::Version,
};

/// A modelled world: what there is to run on, how long work takes, how well entrants do, how things fail.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "god-flow world")]
pub(super) struct World {
    /// Version of the language; always 1.
    #[expect(dead_code, reason = "the shape check refuses any but 1")]
    god_flow: Version,
    /// The world's name.
    #[expect(clippy::struct_field_names, reason = "the key of the file")]
    pub(super) world: Name,
    /// What the world is like, in a sentence.
    #[serde(default)]
    #[expect(dead_code, reason = "it is for whoever reads the file")]
    about: Option<String>,
    /// What there is to run on.
    #[schemars(length(min = 1))]
    pub(super) hosts: Vec<Hosts>,
    /// What is known of each kind of GPU.
    #[serde(default)]
    pub(super) gpus: IndexMap<GpuKind, Gpu>,
    /// How each kind of work goes, by the name of its action. One that is not named takes as long as the catalogue says.
    #[serde(default)]
    pub(super) actions: IndexMap<String, Work>,
    /// How well entrants do.
    #[serde(default)]
    pub(super) entrants: Entrants,
    /// What losses and scores are like.
    #[serde(default)]
    pub(super) results: Results,
    /// Tasks that are made up for a run that is not given any.
    #[serde(default)]
    pub(super) tasks: Tasks,
    /// What else is made up for a run that is not given it, by the name of the input; of a list, each item so.
    #[serde(default)]
    pub(super) inputs: IndexMap<Name, Made>,
}

/// What is made up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Made {
    /// This truth value.
    Truth(bool),
    /// This number.
    Number(f64),
    /// This text.
    Text(String),
    /// Evenly between two numbers.
    Between(Between),
    /// A number around the usual one.
    Around(Around),
    /// The same as something else.
    Same(Same),
    /// Fields of a record; the others are as always.
    Fields(IndexMap<Name, Made>),
}

/// The same as something else.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Same {
    /// A name around the step, or a field of it, such as `entrant.hash`.
    pub(super) same_as: String,
}

/// A number around the usual one.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Around {
    /// The usual number.
    pub(super) usual: f64,
    /// How much it varies: two of three are within this share of it.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub(super) varies: f64,
    /// How much of an entrant's skill is in it: with 1, a skill of 0.05 more makes it 5 % higher.
    #[serde(default)]
    #[schemars(range(min = -10.0, max = 10.0))]
    pub(super) skill: f64,
}

/// Hosts that are alike.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Hosts {
    /// The host's name; of several, what their numbers are put behind: `gpu` gives `gpu-1`, `gpu-2`.
    pub(super) name: String,
    /// How many there are.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) count: Option<u32>,
    /// The GPUs of each, such as `8xH100`.
    #[serde(default)]
    pub(super) gpus: Option<GpuRequest>,
    /// Processor cores of each.
    #[serde(default = "Hosts::cpus")]
    pub(super) cpus: u32,
    /// Memory of each.
    #[serde(default = "Hosts::memory")]
    pub(super) memory: Size,
    /// Steps without GPUs that may run on each at once.
    #[serde(default = "Hosts::slots")]
    pub(super) slots: u32,
    /// Steps without GPUs that are sent to each beyond those, to begin there the moment one ends: only `simulate` does so.
    #[serde(default)]
    #[schemars(range(max = 64))]
    pub(super) ahead: u32,
}

impl Hosts {
    fn cpus() -> u32 {
        192
    }
    fn memory() -> Size {
        Size(2_000_000_000_000)
    }
    fn slots() -> u32 {
        8
    }
}

/// What is known of a kind of GPU.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Gpu {
    /// Its memory.
    #[serde(default = "Gpu::memory")]
    pub(super) memory: Size,
    /// What an hour of it costs.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub(super) price: f64,
}

impl Gpu {
    fn memory() -> Size {
        Size(80_000_000_000)
    }
}

impl Default for Gpu {
    fn default() -> Self {
        Self { memory: Self::memory(), price: 0.0 }
    }
}

/// How one kind of work goes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Work {
    /// How long it takes: a length of time, or a multiple of what the step is given.
    #[serde(default)]
    pub(super) takes: Option<Takes>,
    /// How much longer it takes for each billion parameters of the task's model.
    #[serde(default)]
    pub(super) per_billion: Option<Span>,
    /// How much that varies: a spread such as `0.2`, or the least and the most factor.
    #[serde(default)]
    pub(super) varies: Option<Varies>,
    /// How often it fails in which way, from 0 to 1 of all attempts.
    #[serde(default)]
    pub(super) fails: Fails,
    /// What it gives where that is not as usual, by the names of the outputs.
    #[serde(default)]
    pub(super) outputs: IndexMap<Name, Made>,
    /// Memory of GPUs that each billion parameters need. Who needs more than the GPUs have runs out of memory.
    #[serde(default)]
    pub(super) memory_per_billion: Option<Size>,
    /// How much the need for memory varies between entrants.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub(super) memory_varies: f64,
}

/// How long work takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Takes {
    /// So long.
    Fixed(Span),
    /// A multiple of a length of time that the step is given.
    Input(OfInput),
}

/// A multiple of a length of time that a step is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfInput {
    /// The field of the step's input, such as `time`.
    pub(super) input: Name,
    /// How many times as long.
    #[serde(default = "one")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub(super) times: f64,
}

fn one() -> f64 {
    1.0
}

/// How much something varies.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Varies {
    /// The spread: two of three are within this share of the usual.
    Spread(#[schemars(range(min = 0.0, max = 2.0))] f64),
    /// Evenly between two factors.
    Between(Between),
}

/// The least and the most.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Between {
    /// The least.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub(super) from: f64,
    /// The most.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub(super) to: f64,
}

/// How often attempts fail in which way, from 0 to 1.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fails {
    /// The program ends with an error.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) exit_code: f64,
    /// It runs out of memory, besides what `memory_per_billion` says.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) out_of_memory: f64,
    /// It hangs until its time limit.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) time_limit: f64,
    /// The network or a service fails.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) network: f64,
    /// The host is lost.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) host_lost: f64,
    /// What is asked for cannot be done, such as a commit that is not there.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) refused: f64,
    /// What it leaves is not what the action gives.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) bad_output: f64,
}

/// How well entrants do. Skill is counted in shares of the loss: 0.05 more is a loss 5 % lower, or a score 5 % higher.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Entrants {
    /// The skill of most.
    #[schemars(range(min = -10.0, max = 10.0))]
    pub(super) skill: f64,
    /// How much skill varies between entrants.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub(super) varies: f64,
    /// How much results vary from task to task, whatever the skill.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub(super) noise: f64,
    /// How often a model is not a finetune of the one it should start from.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) not_a_finetune: f64,
    /// How often the loss is not a number.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) no_loss: f64,
    /// Those who come as an input of their own, such as the defender of a title, by the name of the input.
    pub(super) inputs: IndexMap<Name, Known>,
    /// Those who are known, by their hotkeys.
    pub(super) known: IndexMap<String, Known>,
}

/// What is known of an entrant; the rest is as with all others.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Known {
    /// The skill.
    #[schemars(range(min = -10.0, max = 10.0))]
    pub(super) skill: Option<f64>,
    /// How much results vary from task to task.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub(super) noise: Option<f64>,
    /// How often a model is not a finetune of the one it should start from.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) not_a_finetune: Option<f64>,
    /// How often the loss is not a number.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) no_loss: Option<f64>,
    /// How many times as long the work takes.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub(super) slower: Option<f64>,
    /// How often the work fails, by the name of its action.
    pub(super) fails: IndexMap<String, Fails>,
}

/// What losses and scores are like.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Results {
    /// The usual loss.
    #[schemars(range(min = 0.0))]
    pub(super) loss: f64,
    /// The usual score, for tasks where higher is better.
    #[schemars(range(min = 0.0))]
    pub(super) score: f64,
    /// How much both vary between tasks.
    #[schemars(range(min = 0.0, max = 2.0))]
    pub(super) varies: f64,
    /// The kinds of tasks where higher is better.
    pub(super) higher_is_better: Vec<TaskKind>,
    /// What decides games between two.
    pub(super) games: Games,
}

/// What decides games between two.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Games {
    /// How much skill decides: with 5, somebody whose skill is 0.2 more wins 73 of 100 games.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub(super) edge: f64,
    /// The share of games that nobody wins.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) drawn: f64,
    /// How many are played where only their time is limited.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) in_time: u32,
}

impl Default for Games {
    fn default() -> Self {
        Self { edge: 5.0, drawn: 0.05, in_time: 120 }
    }
}

impl Default for Results {
    fn default() -> Self {
        Self {
            loss: 1.0,
            score: 0.5,
            varies: 0.2,
            higher_is_better: vec![TaskKind::Grpo, TaskKind::Environment],
            games: Games::default(),
        }
    }
}

/// Tasks that are made up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tasks {
    /// How many a list of tasks gets.
    #[schemars(range(min = 1, max = 10_000))]
    pub(super) count: u32,
    /// Their kinds, one after the other.
    #[schemars(length(min = 1))]
    pub(super) kinds: Vec<TaskKind>,
    /// Their parameters, in billions, evenly between two.
    pub(super) params_b: Between,
    /// The hours that training may take, evenly between two, in quarters.
    pub(super) hours: Between,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            count: 6,
            kinds: vec![TaskKind::Instruct, TaskKind::Dpo, TaskKind::Grpo],
            params_b: Between { from: 1.0, to: 12.0 },
            hours: Between { from: 1.0, to: 4.0 },
        }
    }
}

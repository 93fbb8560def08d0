//! What a file of cases may say, as plain serde types. Their doc comments are the descriptions in the JSON Schema.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{base::Name, document::types::Version, run::Cause};

/// Cases that a workflow's rules are held to: given these entrants and these outcomes, expect this.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "god-flow cases")]
pub(super) struct Cases {
    /// Version of the language; always 1.
    #[expect(dead_code, reason = "the shape check has refused any but 1")]
    god_flow: Version,
    /// The workflow's file, counted from this one.
    pub(super) test: String,
    /// What is tested, in a sentence.
    #[serde(default)]
    #[expect(dead_code, reason = "it is for whoever reads the file")]
    about: Option<String>,
    /// Rules that are other than in the workflow's file for all cases; what a case sets itself counts more.
    #[serde(default)]
    pub(super) set: IndexMap<String, Json>,
    /// Inputs that are written out for all cases; those that a case writes out itself count more.
    #[serde(default)]
    pub(super) inputs: IndexMap<Name, Json>,
    /// The cases, by name.
    #[schemars(length(min = 1))]
    #[expect(clippy::struct_field_names, reason = "the key of the file")]
    pub(super) cases: IndexMap<Name, Case>,
}

/// One case.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it is about, in a sentence.
    #[serde(default)]
    #[expect(dead_code, reason = "it is for whoever reads the file")]
    about: Option<String>,
    /// Rules that are other than in the file, by their path: `rules.margin: 0.03`.
    #[serde(default)]
    pub(super) set: IndexMap<String, Json>,
    /// The seed of all that is drawn.
    #[serde(default = "one")]
    pub(super) seed: u64,
    /// Who takes part: how many, or their hotkeys. Fills the inputs that are lists of entrants.
    #[serde(default)]
    pub(super) entrants: Option<Entrants>,
    /// Inputs of the run that are written out.
    #[serde(default)]
    pub(super) inputs: IndexMap<Name, Json>,
    /// What evaluation measures, by hotkey: a number, null where there is none, or a mapping by the task's id. The others
    /// are measured by their skill, which the seed draws, without any luck. Of two that play games, the one with the higher
    /// number wins all of them.
    #[serde(default)]
    pub(super) results: IndexMap<String, Measured>,
    /// What else comes out of work that is named; the last one that fits counts.
    #[serde(default)]
    pub(super) outcomes: Vec<Scripted>,
    /// What the operator decides about steps that are held; each once.
    #[serde(default)]
    pub(super) decide: Vec<Decision>,
    /// What must have come of it.
    pub(super) expect: Expect,
}

fn one() -> u64 {
    1
}

/// Who takes part.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Entrants {
    /// So many, called `e1`, `e2` and so on.
    Count(u16),
    /// These.
    Hotkeys(Vec<String>),
}

/// What evaluation measures of an entrant.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Measured {
    /// The same for every task.
    Always(f64),
    /// By the task's id.
    ByTask(IndexMap<String, Option<f64>>),
    /// No number at all.
    Nothing(()),
}

/// What comes out of some work.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Scripted {
    /// The nodes that are meant; `*` stands for anything but a `/`, and `**` for anything.
    pub(super) node: String,
    /// Fields of what it gives that are other than usual.
    #[serde(default)]
    pub(super) gives: Option<IndexMap<String, Json>>,
    /// Why it fails.
    #[serde(default)]
    pub(super) fails: Option<Cause>,
    /// Only so many times; then it goes well. Left out, always.
    #[serde(default)]
    pub(super) times: Option<u32>,
}

/// What the operator decides.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// The held nodes that are meant; `*` stands for anything but a `/`, and `**` for anything.
    pub(super) node: String,
    /// The decision.
    pub(super) ruling: Ruling,
    /// What the step gives, for `replace`.
    #[serde(default)]
    pub(super) value: Json,
}

/// A decision about a held step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ruling {
    /// It is done again, with fresh budgets.
    Retry,
    /// It gives `value`.
    Replace,
    /// The failure stands.
    Accept,
    /// The step counts as skipped.
    Void,
}

/// What must have come of a case.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// How the run ends; that it succeeds, when left out.
    #[serde(default)]
    pub(super) ends: Ends,
    /// What the run gives, as far as it is said here.
    #[serde(default)]
    #[expect(dead_code, reason = "it is read from the tree, where it has its place")]
    gives: Option<Json>,
    /// What nodes give, by their ids, as far as it is said here; or where they stand: `skipped`, `failed`, `held`, `absent`.
    /// In an id `*` stands for anything but a `/`, and `**` for anything; then it must hold for all that fit.
    #[serde(default)]
    #[expect(dead_code, reason = "it is read from the tree, where it has its place")]
    nodes: IndexMap<String, Json>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ends {
    /// All is done.
    #[default]
    Succeeded,
    /// A step that must not has failed.
    Failed,
    /// It waits for an operator's decision.
    Held,
}

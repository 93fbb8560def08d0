//! What a workflow file may say, as plain serde types. Their doc comments are the descriptions in the JSON Schema.
//!
//! Places are not kept here: the positioned `Tree` beside a document is their index. Values that an author may compute
//! (`${…}`) are markers here and are read from the tree by `workflow`, which knows the names in scope.

mod scalars;
mod step;
mod variant;

use std::sync::LazyLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

pub use scalars::{Anything, ClockTime, Given, PositiveWhole, RuleText, TypeText, Version};
pub use variant::{asks_for_nothing, variant_schema};

use crate::base::{
    GpuRequest, Name, Span,
    scalar::{self, read_scalar},
};

/// A workflow: what is done, in which order, under which rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "god-flow workflow")]
pub struct Workflow {
    /// Version of the language; always 1.
    pub god_flow: Version,
    /// The workflow's name.
    pub workflow: Name,
    /// What the workflow is for, in a sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// A workflow that this one is a variant of: everything in it holds, except what is said otherwise here. A key set
    /// to `null` is taken away.
    #[serde(default)]
    pub extends: Option<String>,
    /// Files with templates, types and rules that this workflow uses, relative to this file.
    #[serde(default)]
    pub include: Vec<String>,
    /// What a run is given from outside, by `--inputs`. Expressions read it as `inputs.NAME`.
    #[serde(default)]
    pub inputs: IndexMap<Name, Input>,
    /// Types of your own, for `inputs` and `takes`.
    #[serde(default)]
    pub types: IndexMap<Name, TypeText>,
    /// Every number or word that somebody may want to change. Expressions read it as `rules.NAME`; `--set rules.NAME=…`
    /// changes it for one run.
    #[serde(default)]
    pub rules: IndexMap<Name, Given<Anything>>,
    /// When a run is started.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// How many GPUs a piece of work needs: the first row that holds. Steps ask with `gpus: "${gpus(task)}"`.
    #[serde(default)]
    pub gpus: Option<GpuTable>,
    /// How many steps may at once be inside a named limit. A limit of 1 is a lock.
    #[serde(default)]
    pub limits: IndexMap<Name, PositiveWhole>,
    /// What is done. The order of the text does not matter: a step starts when the steps that it reads are done.
    pub steps: IndexMap<Name, Step>,
    /// Groups of steps that are used more than once, or once for each item of a list.
    #[serde(default)]
    pub templates: IndexMap<Name, Template>,
    /// The results of the whole run.
    #[serde(default)]
    pub gives: IndexMap<Name, Given<Anything>>,
}

/// A file that other workflows include: templates, types and rules with their usual values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "god-flow part")]
pub struct Part {
    /// Version of the language; always 1.
    pub god_flow: Version,
    /// The part's name.
    pub part: Name,
    /// What the part is for, in a sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// Files with templates, types and rules that this part uses, relative to this file.
    #[serde(default)]
    pub include: Vec<String>,
    /// Types of your own, for `inputs` and `takes`.
    #[serde(default)]
    pub types: IndexMap<Name, TypeText>,
    /// Rules with their usual values; a workflow that includes the part may say otherwise.
    #[serde(default)]
    pub rules: IndexMap<Name, Given<Anything>>,
    /// Groups of steps for the workflows that include this part.
    #[serde(default)]
    pub templates: IndexMap<Name, Template>,
}

/// A group of steps with names for what goes in and what comes out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// What the template does, in a sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// What it must be given, each with its type, such as `task` or `[entrant]`.
    #[serde(default)]
    pub takes: IndexMap<Name, TypeText>,
    /// What is done.
    pub steps: IndexMap<Name, Step>,
    /// What comes out.
    #[serde(default)]
    pub gives: IndexMap<Name, Given<Anything>>,
}

/// Something a run is given from outside.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its type, such as `[entrant]` or `whole`.
    pub r#type: TypeText,
    /// What it is, in a sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// What it is when a run is not given it.
    #[serde(default)]
    pub default: Option<Given<Anything>>,
    /// What says what it is when a run is not given it, in YAML or JSON, such as a catalogue: a file in the folder of the
    /// workflow, or an address that begins with `https://` or `http://`, which is asked once, when a run begins.
    #[serde(default)]
    pub from: Option<String>,
}

/// What may be said of any step, whatever it does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Modifiers {
    /// What the step is for, in a sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// Steps that must be done before this one. Only for order: a step that is read is waited for anyway.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    pub needs: Vec<Name>,
    /// The step is skipped unless this holds; what it gives is then null.
    #[serde(default)]
    pub when: Option<RuleText<bool>>,
    /// Does the step once for each item of a list, all at the same time.
    #[serde(default)]
    pub for_each: Option<ForEach>,
    /// The template to use.
    #[serde(default)]
    pub r#use: Option<Name>,
    /// What the template is given, by the names that it takes.
    #[serde(default)]
    pub with: IndexMap<Name, Given<Anything>>,
    /// A template to use again and again, each time with what the time before gave.
    #[serde(default)]
    pub repeat: Option<Name>,
    /// What is handed from one time to the next: the values of the first time. The template takes and gives each.
    #[serde(default)]
    pub carry: IndexMap<Name, Given<Anything>>,
    /// Asked before each time, with `carry` and `number` in scope: when it holds, no more is done.
    #[serde(default)]
    pub until: Option<RuleText<bool>>,
    /// The most times that a `repeat` may go round; the step fails when `until` does not hold by then.
    #[serde(default)]
    pub at_most: Option<PositiveWhole>,
    /// GPUs that the step holds while it runs, such as `2xH100` or `1xH100|H200`; all on one host.
    #[serde(default)]
    pub gpus: Option<Given<GpuRequest>>,
    /// The longest that one attempt may take.
    #[serde(default)]
    #[schemars(schema_with = "scalar::time_limit")]
    pub time_limit: Option<Given<Span>>,
    /// Whether an attempt that reaches its time limit has failed, or has succeeded with what is there.
    #[serde(default)]
    pub on_time_limit: Option<OnTimeLimit>,
    /// How long the step is expected to take; plans are made with it.
    #[serde(default)]
    pub expect: Option<Given<Span>>,
    /// How often the step is tried again after which cause.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// Steps with a higher number get free GPUs first.
    #[serde(default)]
    pub priority: Option<i32>,
    /// Steps with the same word here, inside the same item or time, run on the same host.
    #[serde(default)]
    pub same_host: Option<Name>,
    /// Named limits that the step is inside of while it runs.
    #[serde(default)]
    pub limits: Vec<Name>,
    /// What a failure of the step does: `stop` the workflow, go on with it as a `result`, or `hold` for a decision.
    #[serde(default)]
    pub on_failure: Option<OnFailure>,
}

/// One step: what it does, under the name of an action, `use` or `repeat`; and how.
#[derive(Clone, Debug)]
pub struct Step {
    pub modifiers: Modifiers,
    /// The keys that are no modifiers: the action, if all is well.
    pub actions: Vec<String>,
}

/// Does the step once for each item of a list: `{ NAME: "${list}", key: "${NAME.id}" }`.
#[derive(Clone, Debug)]
pub struct ForEach {
    /// The name of the item inside the step.
    pub item: String,
}

/// What a failure does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The workflow has failed.
    #[default]
    Stop,
    /// The workflow goes on; what the step gives tells of the failure.
    Result,
    /// The step waits for an operator's recorded decision: retry, replace, accept or void.
    Hold,
}

/// What reaching the time limit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeLimit {
    /// The attempt has failed.
    #[default]
    Fail,
    /// The attempt has succeeded with what is there.
    Succeed,
}

/// How often a step is tried again, by the cause of the failure, and how long it waits before.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How often the work is tried in all, however it fails itself: with an error, for want of memory, by its time limit or
    /// with an output that is none. A number from 1, or a rule such as `${rules.attempts}`. Left out, each cause has times of
    /// its own.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: Option<Given<u32>>,
    /// Times after a program that ended with an error.
    #[schemars(range(max = 100))]
    pub exit_code: u32,
    /// Times after running out of memory.
    #[schemars(range(max = 100))]
    pub out_of_memory: u32,
    /// Times after reaching the time limit.
    #[schemars(range(max = 100))]
    pub time_limit: u32,
    /// Times after a failure of the network or of a service.
    #[schemars(range(max = 1000))]
    pub network: u32,
    /// Times after a host or a GPU was lost; the next attempt is made elsewhere.
    #[schemars(range(max = 1000))]
    pub host_lost: u32,
    /// The wait before the first new attempt.
    pub wait: Span,
    /// By how much each wait is longer than the one before.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub factor: f64,
    /// The longest wait.
    pub longest: Span,
    /// After running out of memory, the next attempt gets this many times the GPUs.
    #[schemars(range(min = 1, max = 8))]
    pub grow_gpus: u32,
    /// After running out of memory, the next attempt gets this many times the memory.
    #[schemars(range(min = 1, max = 8))]
    pub grow_memory: u32,
}

impl Default for Retry {
    /// The world's faults are forgiven, the work's own are not.
    fn default() -> Self {
        Self {
            attempts: None,
            exit_code: 0,
            out_of_memory: 0,
            time_limit: 0,
            network: 5,
            host_lost: 5,
            wait: Span::from_secs(10),
            factor: 2.0,
            longest: Span::from_secs(600),
            grow_gpus: 1,
            grow_memory: 1,
        }
    }
}

/// When a run is started.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// How often: every week on a day, every day, or when a gap has passed since the last run.
    pub every: Every,
    /// The day of a weekly start.
    #[serde(default)]
    pub on: Option<Weekday>,
    /// The time of a weekly or daily start, in UTC, such as `14:00`.
    #[serde(default)]
    pub at: Option<ClockTime>,
    /// How long after that time a start is still made; later it waits for the next. One hour when left out.
    #[serde(default)]
    pub window: Option<Span>,
    /// The time that must have passed since the last run, for `every: gap`.
    #[serde(default)]
    pub gap: Option<Span>,
    /// How long after the end of a run that gives `again: true` the next one starts, whatever the window: such as one in which
    /// too few took part.
    #[serde(default)]
    pub again: Option<Span>,
    /// Starts nothing while a run of the same workflow is going on.
    #[serde(default = "yes")]
    pub one_at_a_time: bool,
}

fn yes() -> bool {
    true
}

/// How often a run is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// Once a week: say `on` and `at`.
    Week,
    /// Once a day: say `at`.
    Day,
    /// When `gap` has passed since the last run ended.
    Gap,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// How many GPUs a piece of work needs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuTable {
    /// What the table is asked with, and its type. Left out, it is one `task`.
    #[serde(default)]
    pub takes: IndexMap<Name, TypeText>,
    /// The number that rows compare, as an expression.
    #[serde(default)]
    pub size: Option<RuleText<f64>>,
    /// The rows; the first that holds is taken.
    #[schemars(length(min = 1))]
    pub rows: Vec<GpuRow>,
}

/// A row of the GPU table: it holds when its `when` and its `up_to` do. The last row has neither.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuRow {
    /// The row holds only if this does.
    #[serde(default)]
    pub when: Option<RuleText<bool>>,
    /// The row holds for sizes up to and including this.
    #[serde(default)]
    pub up_to: Option<Given<f64>>,
    /// The GPUs, such as `2xH100`.
    pub need: Given<GpuRequest>,
}

/// The schema that the shape of a workflow is checked against; steps are open for the names of actions.
pub fn workflow_schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| without_nulls(schemars::schema_for!(Workflow).to_value()));
    &SCHEMA
}

/// The schema that the shape of a part is checked against.
pub fn part_schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| without_nulls(schemars::schema_for!(Part).to_value()));
    &SCHEMA
}

/// A key without a value takes away what a base says; once variants are laid over their bases, none may be left.
fn without_nulls(mut schema: Json) -> Json {
    let is_null = |schema: &Json| schema.get("type").is_some_and(|kind| kind == "null");
    match &mut schema {
        Json::Object(fields) => {
            if let Some(Json::Array(kinds)) = fields.get_mut("type") {
                kinds.retain(|kind| kind != "null");
            }
            if let Some(Json::Array(ways)) = fields.get_mut("anyOf") {
                ways.retain(|way| !is_null(way));
            }
            fields.values_mut().for_each(|field| *field = without_nulls(std::mem::take(field)));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| *item = without_nulls(std::mem::take(item))),
        _ => {}
    }
    schema
}

/// Reads the scalars that those schemas name.
pub fn read_format(word: &str, text: &str) -> Option<Result<(), String>> {
    match word {
        "clock" => Some(ClockTime::parse(text).map(drop)),
        _ => read_scalar(word, text),
    }
}

/// Whether a key of a step says how, rather than what.
pub fn is_modifier(key: &str) -> bool {
    modifier_names().iter().any(|name| name == key)
}

/// The keys of [`Modifiers`], from its schema, so that they are said once.
pub fn modifier_names() -> &'static [String] {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let schema = schemars::schema_for!(Modifiers);
        let properties = schema.get("properties").and_then(|it| it.as_object());
        properties.map(|it| it.keys().cloned().collect()).unwrap_or_default()
    });
    &NAMES
}

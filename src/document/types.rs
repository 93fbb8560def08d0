//! What a workflow file may say, as plain serde types. Their doc comments are the descriptions in the JSON Schema.
//!
//! Places are not kept here: the positioned `Tree` beside a document is their index. Values that an author may compute
//! (`${…}`) are markers here and are read from the tree by `workflow`, which knows the names in scope.

use std::{borrow::Cow, marker::PhantomData, sync::LazyLock};

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use serde_json::Value as Json;

use crate::base::{GpuRequest, Name, Span, scalar, scalar::read_scalar};

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
    /// How long after that time a start is still made; later it waits for the next.
    #[serde(default)]
    pub window: Option<Span>,
    /// The time that must have passed since the last run, for `every: gap`.
    #[serde(default)]
    pub gap: Option<Span>,
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

/// The version of the language that a file is written in.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Version(#[expect(dead_code, reason = "the shape check refuses any but 1")] u64);

/// A whole number from 1.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct PositiveWhole(#[schemars(range(min = 1, max = 200_000))] pub u32);

/// A time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClockTime {
    pub hour: u8,
    pub minute: u8,
}

/// A type, spelled as text or, for a record, as a mapping of its fields.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "IgnoredAny")]
pub struct TypeText;

/// A value that may be written out or computed with `${…}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "IgnoredAny")]
pub struct Given<T>(PhantomData<fn() -> T>);

/// An expression, without `${…}` around it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "IgnoredAny")]
pub struct RuleText<T>(PhantomData<fn() -> T>);

/// Any value at all.
#[derive(Clone, Debug)]
pub struct Anything;

impl ClockTime {
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a time of day in UTC such as `14:00`, found `{text}`");
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let number = |part: &str, below: u8| part.parse::<u8>().ok().filter(|n| part.len() == 2 && *n < below);
        match (number(hour, 24), number(minute, 60)) {
            (Some(hour), Some(minute)) => Ok(Self { hour, minute }),
            _ => Err(wrong()),
        }
    }
}
impl TryFrom<String> for ClockTime {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}
impl From<IgnoredAny> for TypeText {
    fn from(_: IgnoredAny) -> Self {
        Self
    }
}
impl<T> From<IgnoredAny> for Given<T> {
    fn from(_: IgnoredAny) -> Self {
        Self(PhantomData)
    }
}
impl<T> From<IgnoredAny> for RuleText<T> {
    fn from(_: IgnoredAny) -> Self {
        Self(PhantomData)
    }
}

/// The schema that the shape of a workflow is checked against; steps are open for the names of actions.
pub fn workflow_schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| schemars::schema_for!(Workflow).to_value());
    &SCHEMA
}

/// The schema that the shape of a part is checked against.
pub fn part_schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| schemars::schema_for!(Part).to_value());
    &SCHEMA
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

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = serde_json::Map::deserialize(deserializer)?;
        let actions: Vec<String> = fields.keys().filter(|key| !is_modifier(key)).cloned().collect();
        fields.retain(|key, _| is_modifier(key));
        let modifiers = Modifiers::deserialize(serde_json::Value::Object(fields)).map_err(serde::de::Error::custom)?;
        Ok(Self { modifiers, actions })
    }
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }
    /// Open for the names of actions, which `workflow` adds to the published schema and checks itself.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Modifiers::json_schema(generator);
        schema.insert("description".into(), "One step: an action, `use` or `repeat`, and how it is done.".into());
        schema.insert("additionalProperties".into(), true.into());
        schema
    }
}

impl<'de> Deserialize<'de> for ForEach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = ForEach;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping of the item's name and `key`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ForEach, A::Error> {
                let mut item = None;
                while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                    if key != "key" && key != "at_most" {
                        item = Some(key);
                    }
                }
                item.map(|item| ForEach { item }).ok_or_else(|| serde::de::Error::custom("no item is named"))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl JsonSchema for ForEach {
    fn schema_name() -> Cow<'static, str> {
        "ForEach".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut key = generator.subschema_for::<Given<String>>();
        key.insert(
            "description".into(),
            "What tells the items apart, such as `${match.id}`; it becomes part of their names.".into(),
        );
        let mut at_most = generator.subschema_for::<PositiveWhole>();
        at_most.insert("description".into(), "The most items there can be; the step fails when there are more.".into());
        json_schema!({
            "description": "Does the step once for each item of a list: `{ NAME: \"${list}\", key: \"${NAME.id}\" }`.",
            "type": "object",
            "properties": { "key": key, "at_most": at_most },
            "required": ["key"],
            "propertyNames": { "pattern": "^[a-z][a-z0-9_]*$" },
            "additionalProperties": {
                "description": "The list; the key is the name that its items have inside the step.",
                "type": "string", "pattern": "\\$\\{",
            },
            "minProperties": 2,
            "maxProperties": 3,
        })
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "enum": [1] })
    }
}

scalar!(ClockTime, "clock", "A time of day in UTC, such as `14:00`.", "^[0-2][0-9]:[0-5][0-9]$");

impl JsonSchema for TypeText {
    fn schema_name() -> Cow<'static, str> {
        "Type".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<Self>();
        json_schema!({
            "description": "A type: `bool`, `whole`, `decimal`, `text`, `duration`, `time`, `tao`, `size`, `gpus`, a type of the \
                vocabulary such as `entrant` or `task`, one of your own; `[entrant]` for a list, `map[whole]`, `text?` where it may be \
                null; `'low' | 'high'` for fixed words; or a mapping of fields for a record.",
            "x-open": true,
            "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": inner }],
        })
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Given_{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("x-given".into(), true.into());
        schema
    }
}

impl<T: JsonSchema> JsonSchema for RuleText<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Rule_{}", T::schema_name()).into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An expression, such as `size(field) <= rules.knockout_from`.",
            "anyOf": [{ "type": "string" }, { "type": "boolean" }, { "type": "number" }],
        })
    }
}

impl JsonSchema for Anything {
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_split_into_what_and_how() {
        let step: Step =
            serde_json::from_value(serde_json::json!({"train": {"model": "m"}, "when": "x", "retry": {"network": 3}}))
                .unwrap();
        assert_eq!(step.actions, ["train"]);
        assert!(step.modifiers.when.is_some());
        assert_eq!(step.modifiers.retry.unwrap().network, 3);
        assert!(is_modifier("for_each") && is_modifier("use") && !is_modifier("train"));
    }
}

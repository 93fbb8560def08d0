//! `hours`: how long a task may be trained. All numbers are the workflow's.
//!
//! Times come from the size of the data before it was looked at, and are corrected by what its preparation measured.

mod by_rows;
mod throughput;

use std::sync::LazyLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use by_rows::{Bin, Lengths, Linear, ModelSize};
pub use throughput::{Measured, Throughput};

use super::{
    Action,
    entry::drawn,
    reflect,
    vocabulary::{Task, TaskKind},
};
use crate::base::{GpuRequest, Span, Ty, seed::Stream};

/// What `hours` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The task; its time stays as it is where the rules do not know what they ask for.
    pub task: Task,
    /// The GPUs that it is trained on.
    pub gpus: Option<GpuRequest>,
    /// What preparing the data has measured; left out before that.
    pub prepared: Option<Prepared>,
    /// The rules; the first that speaks of the task is taken.
    pub by: HourRules,
}

/// What preparing a task's data has measured.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// The median of the lengths in tokens.
    pub p50: Option<f64>,
    /// The length in tokens that 95 of 100 records do not exceed.
    pub p95: Option<f64>,
    /// All tokens.
    pub tokens: Option<f64>,
    /// How many records there are.
    pub records: Option<f64>,
    /// The tokens that one GPU trains in a second.
    pub tokens_per_second: Option<f64>,
}

/// Rules for times, asked in this order.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HourRules {
    /// Hours by what training starts from, such as `from_scratch`.
    #[serde(default)]
    #[schemars(schema_with = "crate::action::vocabulary::by_word")]
    pub by_start: IndexMap<String, f64>,
    /// Hours by the kind of task, such as `environment`.
    #[serde(default)]
    #[schemars(schema_with = "crate::action::vocabulary::by_kind")]
    pub by_kind: IndexMap<TaskKind, f64>,
    /// Hours for image tasks.
    pub image: Option<ImageHours>,
    /// Hours by the model's size alone.
    pub by_size: Option<BySize>,
    /// The billions of parameters of a model whose size is not known, where a rule needs a size.
    #[schemars(range(min = 0.0))]
    pub unknown_b: Option<f64>,
    /// Hours by how fast GPUs train.
    pub throughput: Option<Throughput>,
    /// Hours by rows.
    pub linear: Option<Linear>,
    /// Hours drawn between two numbers, by rows.
    pub bins: Option<Vec<Bin>>,
}

/// Hours for image tasks: between `least` and `most`, drawn, or by how many images there are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{least} to {most}, in steps of {step}[, {images}][; {more}]"))]
pub struct ImageHours {
    /// The fewest hours.
    #[schemars(range(min = 0.0))]
    pub least: f64,
    /// The most hours.
    #[schemars(range(min = 0.0))]
    pub most: f64,
    /// Hours are multiples of this.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub step: f64,
    /// From `least` with so many images to `most` with so many; drawn when left out.
    pub images: Option<Images>,
    /// More hours for some kinds of model.
    #[serde(default)]
    pub more: Vec<More>,
}

/// More hours for a kind of model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{hours} more for {model_type}"))]
pub struct More {
    /// The kind of model, such as `qwen-image`.
    pub model_type: String,
    /// The hours that it gets more.
    #[schemars(range(min = 0.0))]
    pub hours: f64,
}

/// The images between which hours grow.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "growing from {from} images to {to}"))]
pub struct Images {
    /// So many images, or fewer, get the fewest hours.
    #[schemars(range(min = 0.0))]
    pub from: f64,
    /// So many images, or more, get the most hours.
    #[schemars(range(min = 0.0))]
    pub to: f64,
}

/// Hours by the model's size alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "for tasks of kind {kinds}: {rows}"))]
pub struct BySize {
    /// The kinds of task that this is about.
    pub kinds: Vec<TaskKind>,
    /// The first row that the size does not exceed.
    pub rows: Vec<SizeRow>,
}

/// Hours up to a size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "[up to {up_to} billion parameters ]{hours}"))]
pub struct SizeRow {
    /// Billions of parameters; any number when left out.
    #[schemars(range(min = 0.0))]
    pub up_to: Option<f64>,
    /// The hours.
    #[schemars(range(min = 0.0))]
    pub hours: f64,
}

/// What `hours` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timed {
    /// The task with its time.
    pub task: Task,
    /// The time in hours.
    pub hours: f64,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Timed>);

pub(super) fn action() -> Action {
    Action::drawn::<Hours, Timed>(
        "hours",
        "Says how long a task may be trained, by its kind, its data and its model. A time that the rules say nothing \
         about stays as it is.",
        |input, stream| drawn(input, &GIVES, stream, hours),
    )
    .example(
        "timed:\n  hours:\n    task: \"${inputs.task}\"\n    by:\n      by_kind: { environment: 1.5 }\n      \
         image: { least: 0.5, most: 1.0, step: 0.25, more: [{ model_type: qwen-image, hours: 0.5 }] }\n",
    )
}

/// How long a task may be trained.
pub fn hours(input: Hours, stream: &mut Stream) -> Result<Timed, String> {
    let found = decided(&input, stream)?.filter(|hours| hours.is_finite() && *hours >= 0.0);
    let Hours { mut task, .. } = input;
    if let Some(hours) = found {
        task.time = Span::from_millis((hours * 3_600_000.0).round() as u64)
            .ok_or_else(|| format!("{hours} hours are longer than {}", Span::MAX))?;
    }
    Ok(Timed { hours: task.time.hours(), task })
}

fn decided(input: &Hours, stream: &mut Stream) -> Result<Option<f64>, String> {
    let Hours { task, by, .. } = input;
    let by_start = task.start.as_ref().and_then(|start| by.by_start.get(start));
    if let Some(hours) = by_start.or_else(|| by.by_kind.get(&task.kind)) {
        return Ok(Some(*hours));
    }
    if let (TaskKind::Image, Some(image)) = (task.kind, &by.image) {
        return Ok(image.hours(task, stream));
    }
    let size_b = Some(task.params_b).filter(|size| *size > 0.0);
    let or_usual = size_b.or(by.unknown_b);
    let prepared_without_use = input.prepared.as_ref().is_some_and(|it| it.tokens.is_none_or(|tokens| tokens <= 0.0));
    if let Some(table) = by.by_size.as_ref().filter(|table| table.kinds.contains(&task.kind)) {
        let size = or_usual.filter(|_| !prepared_without_use);
        return Ok(size.and_then(|size| table.hours(size)));
    }
    if let Some(throughput) = &by.throughput {
        return Ok(or_usual.and_then(|size| throughput.hours(input, size)));
    }
    if let Some(linear) = &by.linear {
        return Ok(linear.hours(input, size_b));
    }
    match (&by.bins, task.rows) {
        (Some(bins), Some(rows)) => by_rows::drawn(bins, rows, stream).map(Some),
        _ => Ok(None),
    }
}

impl BySize {
    fn hours(&self, size_b: f64) -> Option<f64> {
        self.rows.iter().find(|row| row.up_to.is_none_or(|up_to| size_b <= up_to)).map(|row| row.hours)
    }
}

impl ImageHours {
    fn hours(&self, task: &Task, stream: &mut Stream) -> Option<f64> {
        let usual = match &self.images {
            Some(images) => {
                let share = (f64::from(task.images?) - images.from) / (images.to - images.from);
                let hours = self.least + (self.most - self.least) * share.clamp(0.0, 1.0);
                (hours / self.step).ceil() * self.step
            }
            None => {
                let steps = ((self.most - self.least) / self.step).round().clamp(0.0, 1e6) as u64;
                self.least + self.step * stream.below(steps + 1) as f64
            }
        };
        let more = self.more.iter().find(|more| task.model_type.as_ref() == Some(&more.model_type));
        Some(usual + more.map_or(0.0, |more| more.hours))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::base::Seed;

    pub(super) fn timed(task: &Json, more: &Json, by: &Json) -> f64 {
        let mut whole =
            json!({"id": "t", "kind": "instruct", "model": "m", "params_b": 7.0, "dataset": "d", "time": "3h"});
        let mut input = json!({"by": by});
        for (into, from) in [(&mut whole, task), (&mut input, more)] {
            from.as_object().unwrap().iter().for_each(|(key, value)| into[key] = value.clone());
        }
        input["task"] = whole;
        hours(serde_json::from_value(input).unwrap(), &mut Seed(5).stream("hours")).unwrap().hours
    }

    #[test]
    fn the_first_rule_that_speaks_of_the_task_is_taken() {
        let by = json!({
            "by_start": {"from_scratch": 3.0}, "by_kind": {"environment": 1.5}, "unknown_b": 8,
            "image": {"least": 0.5, "most": 1.0, "step": 0.25, "images": {"from": 10, "to": 50}, "more": [{"model_type": "qwen-image", "hours": 0.5}]},
            "by_size": {"kinds": ["grpo"], "rows": [{"up_to": 4, "hours": 1.5}, {"up_to": 12, "hours": 2.5}, {"hours": 6}]},
        });
        for (task, more, expected) in [
            (json!({"kind": "environment"}), json!({}), 1.5),
            (json!({"kind": "environment", "start": "from_scratch"}), json!({}), 3.0),
            (json!({"kind": "image", "images": 11}), json!({}), 0.75),
            (json!({"kind": "image", "images": 50, "model_type": "qwen-image"}), json!({}), 1.5),
            (json!({"kind": "image"}), json!({}), 3.0),
            (json!({"kind": "grpo", "params_b": 4}), json!({}), 1.5),
            (json!({"kind": "grpo", "params_b": 0}), json!({}), 2.5),
            (json!({"kind": "grpo", "params_b": 70}), json!({"prepared": {"tokens": 5}}), 6.0),
            (json!({"kind": "grpo"}), json!({"prepared": {}}), 3.0),
            (json!({"kind": "instruct", "rows": 10}), json!({}), 3.0),
        ] {
            assert_eq!(timed(&task, &more, &by), expected, "{task} {more}");
        }
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_fail(rows: u32, params_b in -1.0..1e6f64, step in -1.0..2.0f64, most in -5.0..50.0f64, tokens in -1.0..1e15f64, up_to in 0.0..1e7f64) {
            for by in [
                json!({"linear": {"rows": {"from": 0, "to": up_to}, "least": 1, "rows_most": most, "most": most, "step": step}}),
                json!({"image": {"least": 0.5, "most": most, "step": step}}),
                json!({"unknown_b": 8, "throughput": {"epochs": 2, "tokens_per_row": 400, "tflops": 989, "utilisation": 0.15, "overhead": 0.5, "step": step, "least": 0.75, "most": most}}),
            ] {
                for kind in ["instruct", "image"] {
                    let task = json!({"kind": kind, "rows": rows, "params_b": params_b});
                    let hours = timed(&task, &json!({"prepared": {"tokens": tokens, "records": 10}}), &by);
                    prop_assert!(hours.is_finite() && hours >= 0.0);
                    let before = timed(&task, &json!({}), &by);
                    prop_assert!(before.is_finite());
                }
            }
        }
    }
}

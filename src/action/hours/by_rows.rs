//! Hours by how many rows the data have: in a straight line, or drawn from bins.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Hours;
use crate::{action::vocabulary::TaskKind, base::seed::Stream};

/// Hours that grow with the rows, then shrink for small models, then grow for some kinds.
/// After each of these they are rounded to `step` and not below `least`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{least} for {rows.from} rows or fewer, {rows_most} for {rows.to} or more, in a straight line between[; {model}][; then multiplied by kind: {kinds}][; {most} at most][; to the nearest {step}][; {lengths}]"))]
pub struct Linear {
    /// From `least` at so many rows to `rows_most` at so many.
    pub rows: RowRange,
    /// The fewest hours.
    #[schemars(range(min = 0.0))]
    pub least: f64,
    /// The hours that rows alone lead to.
    #[schemars(range(min = 0.0))]
    pub rows_most: f64,
    /// The most hours of all.
    #[schemars(range(min = 0.0))]
    pub most: f64,
    /// Hours are multiples of this; half a step goes to the even one.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub step: f64,
    /// What small models get less; nothing when left out.
    pub model: Option<ModelSize>,
    /// By what the hours of a kind of task are multiplied.
    #[serde(default)]
    #[schemars(schema_with = "crate::action::vocabulary::by_kind")]
    pub kinds: IndexMap<TaskKind, f64>,
    /// How measured lengths change the time; not at all when left out.
    pub lengths: Option<Lengths>,
}

/// The rows between which hours grow.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowRange {
    /// So many rows, or fewer, get the fewest hours.
    #[schemars(range(min = 0.0))]
    pub from: f64,
    /// So many rows, or more, get the most hours.
    #[schemars(range(min = 0.0))]
    pub to: f64,
}

/// What small models get less.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "less for a model below {full_b} billion parameters, down to {least_share:%}"))]
pub struct ModelSize {
    /// Billions of parameters from which on a model gets all hours.
    #[schemars(range(min = 0.0))]
    pub full_b: f64,
    /// The share of the hours for a model without parameters.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub least_share: f64,
}

/// How measured lengths change a time: by the square of how long they are against a usual length.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "once lengths are measured, {least} to {most} times as long, by the square of the longest, or of {medians} times the median where that is more, against {usual} tokens"))]
pub struct Lengths {
    /// The usual length in tokens.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub usual: f64,
    /// So many times the median counts where that is more than the longest.
    #[schemars(range(min = 0.0))]
    pub medians: f64,
    /// The smallest factor.
    #[schemars(range(min = 0.0))]
    pub least: f64,
    /// The largest factor.
    #[schemars(range(min = 0.0))]
    pub most: f64,
}

/// Hours drawn between two whole numbers, both included.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// The first number of rows that it is for; of several bins the first that fits is taken.
    pub from: u64,
    /// The last number of rows that it is for.
    pub up_to: u64,
    /// The fewest hours.
    pub least: u32,
    /// The most hours.
    pub most: u32,
}

impl Linear {
    fn rounded(&self, hours: f64) -> f64 {
        ((hours / self.step).round_ties_even() * self.step).max(self.least)
    }

    pub(super) fn hours(&self, input: &Hours, size_b: Option<f64>) -> Option<f64> {
        if let Some(prepared) = &input.prepared {
            let lengths = self.lengths.as_ref()?;
            let longest = prepared.p95.filter(|it| *it > 0.0)?;
            let median = prepared.p50.filter(|it| *it > 0.0).unwrap_or(longest);
            let factor = (longest.max(lengths.medians * median) / lengths.usual).powi(2);
            let factor = factor.max(lengths.least).min(lengths.most);
            return Some(self.rounded(input.task.time.hours() * factor).min(self.most));
        }
        let rows = input.task.rows? as f64;
        let share = ((rows - self.rows.from) / (self.rows.to - self.rows.from)).clamp(0.0, 1.0);
        let mut hours = self.rounded(self.least + (self.rows_most - self.least) * share);
        if let (Some(model), Some(size)) = (&self.model, size_b)
            && size < model.full_b
        {
            hours = self.rounded(hours * (model.least_share + (1.0 - model.least_share) * (size / model.full_b)));
        }
        let factor = self.kinds.get(&input.task.kind).copied().unwrap_or(1.0);
        Some(self.rounded(hours * factor).min(self.most))
    }
}

pub(super) fn drawn(bins: &[Bin], rows: u64, stream: &mut Stream) -> Result<f64, String> {
    let bin = bins.iter().find(|bin| (bin.from..=bin.up_to).contains(&rows));
    let bin = bin.ok_or_else(|| format!("no bin of hours is for {rows} rows"))?;
    let more = u64::from(bin.most.saturating_sub(bin.least));
    Ok(f64::from(bin.least) + stream.below(more + 1) as f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::timed;

    #[test]
    fn hours_grow_with_rows_and_shrink_with_the_model() {
        let by = json!({"linear": {
            "rows": {"from": 100, "to": 600}, "least": 1, "rows_most": 6, "most": 6, "step": 0.5,
            "model": {"full_b": 10, "least_share": 0.5}, "kinds": {"dpo": 1.5},
            "lengths": {"usual": 1000, "medians": 2, "least": 0.25, "most": 3},
        }});
        for (task, prepared, expected) in [
            (json!({"rows": 0, "params_b": 20}), json!(null), 1.0),
            (json!({"rows": 350, "params_b": 20}), json!(null), 3.5),
            (json!({"rows": 350, "params_b": 0}), json!(null), 3.5),
            (json!({"rows": 350, "params_b": 5}), json!(null), 2.5),
            (json!({"rows": 350, "params_b": 20, "kind": "dpo"}), json!(null), 5.0),
            (json!({"rows": 900, "params_b": 20, "kind": "dpo"}), json!(null), 6.0),
            (json!({}), json!({"p50": 100, "p95": 500}), 1.0),
            (json!({}), json!({"p50": 700, "p95": 500}), 6.0),
            (json!({}), json!({}), 3.0),
            (json!({}), json!(null), 3.0),
        ] {
            assert_eq!(timed(&task, &json!({"prepared": prepared}), &by), expected, "{task} {prepared}");
        }
    }

    #[test]
    fn bins_are_drawn_from() {
        let by = json!({"bins": [{"from": 10, "up_to": 20, "least": 2, "most": 4}]});
        assert!((2.0..=4.0).contains(&timed(&json!({"rows": 20}), &json!({}), &by)));
    }
}

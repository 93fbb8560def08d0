//! Hours by how fast GPUs train: so many tokens, so many a second.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Hours;
use crate::{action::vocabulary::TaskKind, base::GpuRequest};

/// Hours by how fast GPUs train.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{epochs} times all tokens, where a row has {tokens_per_row}, at {tflops} · 10¹² operations a second and GPU of which {utilisation:%} are reached; {overhead} more; then up to a multiple of {step}; {least} to {most}[; multiplied by kind: {kinds}][; {measured}]"))]
pub struct Throughput {
    /// How often all tokens are trained.
    #[schemars(range(min = 0.0))]
    pub epochs: f64,
    /// Tokens of a row that were not counted.
    #[schemars(range(min = 0.0))]
    pub tokens_per_row: f64,
    /// A row counts as so many tokens at least.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub least_tokens_per_row: f64,
    /// What a GPU could do, in 10¹² operations a second.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tflops: f64,
    /// The share of that which training reaches.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub utilisation: f64,
    /// How far a measured speed is believed; not at all when left out.
    pub measured: Option<Measured>,
    /// Hours that are added.
    #[schemars(range(min = 0.0))]
    pub overhead: f64,
    /// Hours are rounded up to multiples of this.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub step: f64,
    /// The fewest hours.
    #[schemars(range(min = 0.0))]
    pub least: f64,
    /// The most hours.
    #[schemars(range(min = 0.0))]
    pub most: f64,
    /// By what the time of a kind of task is multiplied.
    #[serde(default)]
    #[schemars(schema_with = "crate::action::vocabulary::by_kind")]
    pub kinds: IndexMap<TaskKind, f64>,
}

/// How far a measured speed is believed, as multiples of what the model's size says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "a measured speed counts by {ratio}, from {least} to {most} times what the model's size says"))]
pub struct Measured {
    /// A slower one counts as this.
    #[schemars(range(min = 0.0))]
    pub least: f64,
    /// A faster one counts as this.
    #[schemars(range(min = 0.0))]
    pub most: f64,
    /// The share of the measured speed that entrants reach.
    #[schemars(range(min = 0.0))]
    pub ratio: f64,
}

/// Operations for each parameter and token: forward and backward.
const OPERATIONS: f64 = 6.0;

impl Throughput {
    pub(super) fn hours(&self, input: &Hours, size_b: f64) -> Option<f64> {
        let measured = input.prepared.as_ref().and_then(|it| it.tokens_per_second);
        let tokens = match &input.prepared {
            Some(prepared) => {
                let (tokens, records) = (prepared.tokens?, prepared.records?);
                if tokens <= 0.0 || records <= 0.0 {
                    return None;
                }
                tokens.max(self.least_tokens_per_row * records)
            }
            None => input.task.rows? as f64 * self.tokens_per_row,
        };
        let by_size = self.tflops * 1e12 * self.utilisation / (OPERATIONS * (size_b * 1e9));
        let speed = match (&self.measured, measured.filter(|speed| *speed > 0.0)) {
            (Some(limits), Some(speed)) => {
                (speed * limits.ratio).max(by_size * limits.least).min(by_size * limits.most)
            }
            _ => by_size,
        };
        let gpus = f64::from(input.gpus.as_ref().map_or(1, GpuRequest::count));
        let factor = self.kinds.get(&input.task.kind).copied().unwrap_or(1.0);
        let hours = self.epochs * tokens * factor / (speed * gpus) / 3_600.0 + self.overhead;
        Some(((hours / self.step).ceil() * self.step).max(self.least).min(self.most))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::timed;

    #[test]
    fn hours_follow_the_speed() {
        let by = json!({"throughput": {
            "epochs": 2, "tokens_per_row": 400, "least_tokens_per_row": 64, "tflops": 600, "utilisation": 0.1,
            "measured": {"least": 0.5, "most": 2, "ratio": 1}, "overhead": 0.5, "step": 0.25, "least": 0.75, "most": 6,
            "kinds": {"dpo": 2},
        }});
        // Ten billion parameters: a thousand tokens a second on one GPU, so 3.6 million an hour.
        let rows = |rows: u64| json!({"params_b": 10, "rows": rows});
        for (task, more, expected) in [
            (rows(4_500), json!({}), 1.5),
            (rows(4_501), json!({}), 1.75),
            (rows(45_000), json!({}), 6.0),
            (rows(0), json!({}), 0.75),
            (rows(4_500), json!({"gpus": "2xH100"}), 1.0),
            (json!({"params_b": 10, "rows": 4_500, "kind": "dpo"}), json!({}), 2.5),
            (rows(9), json!({"prepared": {"tokens": 1_800_000, "records": 10}}), 1.5),
            (rows(9), json!({"prepared": {"tokens": 1, "records": 28_125}}), 1.5),
            (rows(9), json!({"prepared": {"tokens": 1_800_000, "records": 10, "tokens_per_second": 9_000}}), 1.0),
            (rows(9), json!({"prepared": {"tokens": 1_800_000, "records": 0}}), 3.0),
        ] {
            assert_eq!(timed(&task, &more, &by), expected, "{task} {more}");
        }
    }
}

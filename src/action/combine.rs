//! `combine`: one number of several, each with its weight.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::{Ty, total};

/// What `combine` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Combine {
    /// The numbers, in groups.
    pub parts: Vec<Part>,
}

/// Some numbers that count together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CombinePart")]
pub struct Part {
    /// The numbers.
    pub values: Vec<f64>,
    /// How much their mean counts.
    pub weight: f64,
}

/// What `combine` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Combined {
    /// The sum of the means, each times its weight. A group without numbers adds nothing; without groups it is null.
    pub value: Option<f64>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Combined>);

pub(super) fn action() -> Action {
    Action::pure::<Combine, Combined>(
        "combine",
        "One number of several: the mean of each group times its weight, added up.",
        |input| decide(input, &GIVES, |it: Combine| Ok(combine(&it))),
    )
    .example("loss:\n  combine:\n    parts:\n      - { values: [0.1, 0.2], weight: 0.25 }\n      - { values: [0.3, 0.5], weight: 0.75 }\n")
}

fn combine(it: &Combine) -> Combined {
    let mean = |part: &Part| match part.values.len() {
        0 => 0.0,
        n => total(part.values.iter().copied()) / n as f64,
    };
    let sum = || total(it.parts.iter().map(|part| part.weight * mean(part)));
    Combined { value: (!it.parts.is_empty()).then(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_counts_by_its_mean() {
        let part = |values: &[f64], weight| Part { values: values.to_vec(), weight };
        let value = |parts| combine(&Combine { parts }).value;
        assert_eq!(value(vec![part(&[1.0, 3.0], 0.25), part(&[4.0], 0.75)]), Some(3.5));
        assert_eq!(value(vec![part(&[], 0.25), part(&[4.0], 0.75)]), Some(3.0));
        assert_eq!(value(vec![]), None);
    }
}

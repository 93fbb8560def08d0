//! `gpus_for`: the GPUs that work of some size needs, where the workflow's own GPU table speaks of other work.

use std::sync::LazyLock;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect, vocabulary::TaskKind};
use crate::base::{GpuRequest, Ty};

/// What `gpus_for` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GpusFor {
    /// The model's parameters, in billions; 0 when nobody knows.
    pub params_b: f64,
    /// The kind of task.
    pub kind: TaskKind,
    /// The table.
    pub by: SizeTable,
}

/// GPUs by size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "{rows}[; the model counts more by the kind of task: {kinds} times]"))]
pub struct SizeTable {
    /// By what the parameters of a kind of task are multiplied.
    #[serde(default)]
    #[schemars(schema_with = "crate::action::vocabulary::by_kind")]
    pub kinds: IndexMap<TaskKind, f64>,
    /// The first row that the size is below of is taken.
    pub rows: Vec<GpusBelow>,
}

/// GPUs below a size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "[{!below}else ]{need}[ below {below} billion parameters]"))]
pub struct GpusBelow {
    /// Billions of parameters, themselves not included; any size when left out.
    #[schemars(range(min = 0.0))]
    pub below: Option<f64>,
    /// The GPUs.
    pub need: GpuRequest,
}

/// What `gpus_for` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Needed {
    pub gpus: GpuRequest,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Needed>);

pub(super) fn action() -> Action {
    Action::pure::<GpusFor, Needed>(
        "gpus_for",
        "Says how many GPUs work needs by the model's size, such as evaluation, which needs fewer than training.",
        |input| decide(input, &GIVES, gpus_for),
    )
    .example(
        "need:\n  gpus_for:\n    params_b: 7.5\n    kind: dpo\n    by: { kinds: { dpo: 2 }, rows: [{ below: 30, need: 1xH100 }, { need: \
         2xH100 }] }\n",
    )
}

fn gpus_for(input: GpusFor) -> Result<Needed, String> {
    let size = input.params_b * input.by.kinds.get(&input.kind).copied().unwrap_or(1.0);
    let row = input.by.rows.into_iter().find(|row| row.below.is_none_or(|below| size < below));
    row.map(|row| Needed { gpus: row.need }).ok_or_else(|| format!("no row is for {size} billions of parameters"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_row_that_is_larger_is_taken() {
        let by =
            json!({"kinds": {"dpo": 2}, "rows": [{"below": 30, "need": "1xH100"}, {"below": 70, "need": "2xH100"}]});
        for (params_b, kind, expected) in [
            (0.0, "instruct", Some("1xH100")),
            (29.9, "instruct", Some("1xH100")),
            (30.0, "instruct", Some("2xH100")),
            (15.0, "dpo", Some("2xH100")),
            (35.0, "dpo", None),
        ] {
            let input = serde_json::from_value(json!({"params_b": params_b, "kind": kind, "by": by})).unwrap();
            let found = gpus_for(input).ok().map(|it| it.gpus.to_string());
            assert_eq!(found.as_deref(), expected, "{params_b} {kind}");
        }
    }
}

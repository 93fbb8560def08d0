//! `replace`: what the task should be like that takes the place of one that could not be prepared.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect, vocabulary::TaskKind};
use crate::base::Ty;

/// What `replace` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// What the task was about: the new one is about the same.
    pub kind: TaskKind,
    /// The parameters of its model, in billions.
    #[serde(default)]
    pub params_b: Option<f64>,
    /// The round that it belongs to.
    #[serde(default)]
    pub number: u32,
    /// Whether it belongs to a group.
    #[serde(default)]
    pub group: bool,
    /// Whether it belongs to a pair.
    #[serde(default)]
    pub pair: bool,
    /// Which models it may have.
    pub rules: Rules,
}

/// Which models a replacement may have.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReplaceRules")]
pub struct Rules {
    /// For models of less than a billion parameters, or of unknown size.
    pub small: SizeRange,
    /// For others, as shares of the whole billions of the old model.
    pub spread: SizeRange,
    /// For instruct tasks of the first round's groups.
    #[serde(default)]
    pub first_groups: Option<SizeRange>,
    /// Kinds of tasks that may count the distance to the starting model.
    #[serde(default)]
    pub kl: Vec<TaskKind>,
}

/// Sizes of models, in billions of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeRange {
    /// The smallest.
    #[schemars(range(min = 0.0))]
    pub from: f64,
    /// The largest.
    #[schemars(range(min = 0.0))]
    pub to: f64,
}

/// What `replace` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Replaced {
    /// What the new task is about.
    pub kind: String,
    /// The sizes of models to pick from; null where any will do.
    pub models: Option<SizeRange>,
    /// Whether it is a task of the first round's groups.
    pub first_groups: bool,
    /// Whether it may count the distance to the starting model.
    pub kl: bool,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Replaced>);

pub(super) fn action() -> Action {
    Action::pure::<Replace, Replaced>(
        "replace",
        "What the task should be like that takes the place of one that could not be prepared: of the same kind, with a model of \
         about the same size.",
        |input| decide(input, &GIVES, |it: Replace| Ok(replace(&it))),
    )
    .example(
        "new:\n  replace:\n    kind: dpo\n    params_b: 7.6\n    rules: { small: { from: 1, to: 10 }, spread: { from: 0.8, to: 1.2 } }\n",
    )
}

fn replace(it: &Replace) -> Replaced {
    let first_groups = it.kind == TaskKind::Instruct && it.number == 1 && it.group && !it.pair;
    let whole = it.params_b.unwrap_or(0.0).trunc();
    let spread = it.rules.spread;
    let models = match it.kind {
        TaskKind::Image | TaskKind::Environment => None,
        _ if first_groups && it.rules.first_groups.is_some() => it.rules.first_groups,
        _ if whole < 1.0 => Some(it.rules.small),
        _ => Some(SizeRange { from: whole * spread.from, to: whole * spread.to }),
    };
    let kind = match it.kind {
        TaskKind::Instruct => "instruct",
        TaskKind::Chat => "chat",
        TaskKind::Dpo => "dpo",
        TaskKind::Grpo => "grpo",
        TaskKind::Image => "image",
        TaskKind::Environment => "environment",
    };
    Replaced { kind: kind.into(), models, first_groups, kl: it.rules.kl.contains(&it.kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn the_new_model_is_about_as_large() {
        let models = |more: Json| {
            let rules = json!({
                "small": {"from": 1, "to": 10}, "spread": {"from": 0.5, "to": 2}, "first_groups": {"from": 0.1, "to": 4},
            });
            let mut input = json!({"kind": "instruct", "rules": rules});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            replace(&serde_json::from_value(input).unwrap()).models.map(|it| (it.from, it.to))
        };
        assert_eq!(models(json!({})), Some((1.0, 10.0)));
        assert_eq!(models(json!({"params_b": 0.9})), Some((1.0, 10.0)));
        assert_eq!(models(json!({"params_b": 7.6})), Some((3.5, 14.0)), "only whole billions count");
        assert_eq!(models(json!({"params_b": 7, "number": 1, "group": true})), Some((0.1, 4.0)));
        assert_eq!(models(json!({"params_b": 7, "number": 2, "group": true})), Some((3.5, 14.0)));
        assert_eq!(models(json!({"kind": "image"})), None);
    }
}

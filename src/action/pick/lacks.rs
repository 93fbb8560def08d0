//! `lacks`: what a catalogue does not have for the tasks that recipes may ask for, before anybody pays to play them.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Base, Catalogue, KnownEnvironment, Pick, Recipe, Stage, Stages, Unfit, Wanted,
    choose::{self, NOTHING},
};
use crate::{
    action::{Action, entry::decide, reflect, vocabulary::TaskKind},
    base::{Seed, Ty},
};

/// What `lacks` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The recipes for each kind of round.
    pub stages: Stages,
    /// Models, data and environments to choose from.
    pub catalogue: Option<Catalogue>,
    /// The models of the catalogue that tasks without a named one may start from; all of them when left out.
    #[serde(default)]
    pub models: Vec<String>,
    /// More environments to choose from.
    #[serde(default)]
    pub environments: Vec<KnownEnvironment>,
    /// What makes data useless.
    pub unfit: Option<Unfit>,
}

/// What `lacks` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Lacking {
    /// What cannot be had, each with the kind of round that may ask for it.
    pub lacks: Vec<String>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Lacking>);

pub(in crate::action) fn action() -> Action {
    Action::pure::<Asked, Lacking>(
        "lacks",
        "Says what a catalogue does not have for the tasks that recipes may ask for, whatever is drawn: so it is known before \
         anybody pays whether all rounds can be played.",
        |input| decide(input, &GIVES, |it: Asked| Ok(lacks(it))),
    )
    .example(
        "lacking:\n  lacks:\n    stages: { boss: [{ kind: dpo, size: { from: 0.1, up_to: 12 } }] }\n    catalogue:\n      \
         models: [{ id: org/model, params_b: 70 }]\n      datasets: [{ id: org/data, rows: 30000 }]\n",
    )
}

fn lacks(it: Asked) -> Lacking {
    let mut input = Pick {
        stage: Stage::Boss,
        stages: it.stages,
        matches: Vec::new(),
        round: 1,
        name: String::new(),
        catalogue: it.catalogue,
        models: it.models,
        base: None,
        environments: it.environments,
        seen: Vec::new(),
        prefer_new: false,
        unfit: it.unfit,
    };
    let stages = input.stages.clone();
    let mut lacks: Vec<String> = Vec::new();
    for stage in Stage::ALL {
        let Some(recipes) = stages.written(stage) else { continue };
        let mut found: Vec<String> = recipes.iter().flat_map(|recipe| missing(recipe, &mut input)).collect();
        if recipes.is_empty() {
            found.push("the rules have no recipe".into());
        }
        for why in found {
            let why = format!("{}: {why}", stage.word());
            if !lacks.contains(&why) {
                lacks.push(why);
            }
        }
    }
    Lacking { lacks }
}

/// What stands in the way of a recipe, whatever is drawn.
fn missing(recipe: &Recipe, input: &mut Pick) -> Vec<String> {
    // Another model than that of the first round there must be whichever that was.
    let ids = input.catalogue.iter().flat_map(|it| &it.models).map(|model| Some(model.id.clone()));
    let bases: Vec<Option<String>> =
        if recipe.base == Some(Base::Other) { ids.chain([None]).collect() } else { vec![None] };
    let mut missing = Vec::new();
    // Nothing comes of what is drawn: it only has to be there.
    let mut stream = Seed(0).stream("lacks");
    for kind in recipe.kinds() {
        if kind == TaskKind::Environment
            && choose::known(input, input.catalogue.as_ref().unwrap_or(&NOTHING)).is_empty()
        {
            missing.push("the catalogue has no environment to play in".into());
        }
        for size in recipe.sizes() {
            for base in &bases {
                input.base.clone_from(base);
                let wanted = Wanted { kind, size, kl: None, recipe };
                missing.extend(choose::task(&wanted, input, &mut Vec::new(), &mut stream).err());
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn lacking(boss: Json, catalogue: Json) -> Vec<String> {
        lacks(serde_json::from_value(json!({"stages": {"boss": boss}, "catalogue": catalogue})).unwrap()).lacks
    }

    #[test]
    fn whatever_may_be_drawn_must_be_there() {
        let small = json!({"id": "org/small", "params_b": 3});
        let large = json!({"id": "org/large", "params_b": 30});
        let data = json!([{"id": "d", "rows": 100, "kinds": ["instruct", "dpo"]}]);
        let recipe = json!([{"kinds": {"instruct": 0.5, "dpo": 0.5, "grpo": 0}, "size": {"from": 1, "up_to": 4},
            "large": {"chance": 0.2, "from": 12, "up_to": 71}}]);
        let both = json!({"models": [small, large], "datasets": data});
        assert_eq!(lacking(recipe.clone(), both.clone()), [""; 0]);
        assert_eq!(
            lacking(recipe.clone(), json!({"models": [small], "datasets": data})),
            [
                "boss: the catalogue has no model of 12 to 71 billion for instruct",
                "boss: the catalogue has no model of 12 to 71 billion for dpo"
            ]
        );
        let drawn = json!([{"kinds": {"instruct": 0.9, "grpo": 0.1}}]);
        assert_eq!(lacking(drawn, both.clone()), ["boss: the catalogue has no data for grpo"]);
        let other = json!([{"kind": "instruct", "base": "other", "size": {"from": 1, "up_to": 4}}]);
        assert_eq!(
            lacking(other, both),
            ["boss: the catalogue has no other model than org/small of 1 to 4 billion for instruct"]
        );
        let played = json!([{"kind": "environment", "environments_per_round": 2}]);
        assert_eq!(lacking(played, json!({"models": [small]})), ["boss: the catalogue has no environment to play in"]);
        assert_eq!(lacking(json!([]), Json::Null), ["boss: the rules have no recipe"]);
    }
}

//! Tasks of rounds, picked from small catalogues.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::base::Seed;

fn catalogue() -> Json {
    json!({
        "models": [
            {"id": "m/small", "params_b": 1}, {"id": "m/large", "params_b": 30},
            {"id": "m/image", "params_b": 3, "kinds": ["image"], "model_type": "flux"},
        ],
        "datasets": [
            {"id": "d/short", "rows": 1000}, {"id": "d/long", "rows": 90000}, {"id": "d/easy", "rows": 90000, "losses": [0.001]},
            {"id": "d/copies", "rows": 1000, "near_duplicates": 0.2},
        ],
        "environments": [{"name": "a", "gpu_factor": 4}, {"name": "b", "gpu_factor": 4}, {"name": "c"}],
    })
}

fn picked(stage: &str, recipes: Json, more: Json, seed: u64) -> Result<Picked, String> {
    let mut input = json!({
        "stage": stage, "stages": {"pair": recipes, "group": recipes}, "round": 1, "prefer_new": true, "name": "r", "catalogue": catalogue(),
        "unfit": {"loss_below": 0.01, "instruct_best_above": 2, "dpo_mean": {"from": 0.68, "to": 0.71}, "near_duplicates_from": 0.2},
    });
    more.as_object().unwrap().iter().for_each(|(key, value)| input[key] = value.clone());
    choose::pick(&serde_json::from_value(input).unwrap(), &mut Seed(seed).stream("pick"))
}

#[test]
fn a_task_is_what_its_recipe_says() {
    let recipes = json!([{"kind": "instruct", "size": {"from": 10, "up_to": 40}, "rows": {"from": 50000, "up_to": 100_000}, "times": 2}]);
    let found = picked("pair", recipes, json!({"matches": ["pair-01", "pair-02"]}), 1).unwrap();
    let told: Vec<(&str, &str, &str)> =
        found.tasks.iter().map(|it| (it.task.id.as_str(), it.task.model.as_str(), it.task.dataset.as_str())).collect();
    assert_eq!(told[0], ("r-pair-01-1", "m/large", "d/long"));
    assert_eq!(told[3], ("r-pair-02-2", "m/large", "d/long"));
    let none = picked("pair", json!([{"kind": "instruct", "size": {"from": 50, "up_to": 60}}]), json!({}), 1);
    assert_eq!(none.unwrap_err(), "the catalogue has no model of 50 to 60 billion for instruct");
}

#[test]
fn groups_share_a_task_where_the_recipe_says_so() {
    let recipes = json!([{"kind": "environment", "shared": true, "environments_per_round": 2}]);
    let found = picked("first_group", recipes, json!({"matches": ["g1", "g2"], "seen": ["a"]}), 3).unwrap();
    let (one, two) = (&found.tasks[0].task, &found.tasks[1].task);
    assert_ne!(one.id, two.id);
    assert_eq!((&one.model, &one.environments, one.seed), (&two.model, &two.environments, two.seed));
    let mut played = one.environments.clone().unwrap();
    played.sort();
    assert_eq!(played, ["b", "c"]);
}

#[test]
fn a_base_model_is_kept_or_changed_as_the_recipe_says() {
    let of = |base: Json, more: Json| picked("group", json!([{"kind": "environment", "base": base}]), more, 3);
    let name = |found: Result<Picked, String>| found.unwrap().tasks[0].task.model.clone();
    for seed in ["m/small", "m/large"] {
        assert_eq!(name(of(json!("same"), json!({"base": seed}))), seed);
        let other = if seed == "m/small" { "m/large" } else { "m/small" };
        assert_eq!(name(of(json!("other"), json!({"base": seed}))), other);
        assert_eq!(name(of(Json::Null, json!({"models": [seed]}))), seed);
    }
    assert_eq!(
        name(of(json!("same"), json!({"models": ["m/small"]}))),
        "m/small",
        "where there was no first round, any"
    );
    assert_eq!(
        of(json!("other"), json!({"base": "m/small", "models": ["m/small"]})).unwrap_err(),
        "the catalogue has no other model than m/small for environment, among those that tasks may start from"
    );
}

#[test]
fn a_weight_of_the_distance_is_for_the_kinds_that_the_recipe_says() {
    let of = |kind: &str, kl: Json| {
        picked("pair", json!([{"kind": kind, "kl": kl}]), json!({}), 1).unwrap().tasks[0].task.kl.is_some()
    };
    let usual = json!({"chance": 1.0, "from": 0.1, "to": 1.5});
    let both = json!({"chance": 1.0, "from": 0.1, "to": 1.5, "kinds": ["instruct", "dpo"]});
    assert!(of("instruct", usual.clone()) && !of("dpo", usual) && of("dpo", both));
}

#[test]
fn useless_data_are_told_by_their_losses() {
    let rule: Unfit = serde_json::from_value(json!({
        "loss_below": 0.01, "instruct_best_above": 2, "dpo_mean": {"from": 0.68, "to": 0.71}, "near_duplicates_from": 0.2,
    })).unwrap();
    for (kind, losses, expected) in [
        (TaskKind::Instruct, vec![], false),
        (TaskKind::Grpo, vec![0.009, 1.0], true),
        (TaskKind::Instruct, vec![2.0], false),
        (TaskKind::Instruct, vec![2.1, 3.0], true),
        (TaskKind::Dpo, vec![2.1], false),
        (TaskKind::Dpo, vec![0.69, 0.70], true),
    ] {
        assert_eq!(degenerate(&rule, kind, &losses), expected, "{kind:?} {losses:?}");
    }
}

proptest! {
    #[test]
    fn whoever_names_an_environment_it_is_played_once(
        rules in prop::collection::vec("[a-d]", 0..6), others in prop::collection::vec("[a-d]", 0..6), round in 1_u32..4, seed: u64,
    ) {
        let known = |names: &[String]| names.iter().map(|name| json!({"name": name})).collect::<Json>();
        let more = json!({
            "environments": known(&rules), "catalogue": {"models": [{"id": "m"}], "environments": known(&others)}, "round": round,
        });
        let found = picked("group", json!([{"kind": "environment", "environments_per_round": 2}]), more, seed).unwrap();
        let played = found.tasks[0].task.environments.clone().unwrap();
        let different = |names: &mut dyn Iterator<Item = &String>| names.collect::<std::collections::BTreeSet<_>>().len();
        prop_assert_eq!(different(&mut played.iter()), played.len(), "{:?}", &played);
        let all = different(&mut rules.iter().chain(&others));
        prop_assert_eq!(played.len(), all.min(2 * round as usize));
    }

    #[test]
    fn the_mix_of_kinds_is_that_of_the_weights(seed: u64) {
        let recipes = json!([{"kinds": {"instruct": 3, "dpo": 1}, "times": 400, "large": {"chance": 0.25, "from": 20, "up_to": 40}, "size": {"from": 0, "up_to": 10}}]);
        let found = picked("pair", recipes, json!({}), seed).unwrap();
        let share = |test: &dyn Fn(&Task) -> bool| found.tasks.iter().filter(|it| test(&it.task)).count();
        prop_assert!((240..=360).contains(&share(&|task| task.kind == TaskKind::Instruct)));
        prop_assert!((50..=150).contains(&share(&|task| task.model == "m/large")));
        prop_assert!(found.tasks.iter().all(|it| it.task.dataset != "d/easy" && it.task.dataset != "d/copies"));
    }
}

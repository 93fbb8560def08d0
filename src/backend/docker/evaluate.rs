//! The container of an evaluation: what published evaluators are given, and what they write.

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::train::data_type;
use crate::{
    action::{
        container::{Container, Network},
        evaluate::Evaluate,
        vocabulary::{Evaluation, TaskKind},
    },
    base::Size,
};

/// The name of the action.
pub(super) const NAME: &str = "evaluate";
/// Where evaluators write what they found.
pub(super) const RESULTS: &str = "/aplp/evaluation_results.json";

/// The container of an evaluation.
pub(super) fn container(evaluate: &Evaluate) -> Container {
    let task = &evaluate.task;
    let mut env = IndexMap::new();
    let mut set = |name: &str, value: String| {
        env.insert(name.to_owned(), value);
    };
    set("MODELS", evaluate.model.repository.clone());
    let data = task.test_data.clone().unwrap_or_else(|| task.dataset.clone());
    if task.kind == TaskKind::Image {
        set("TEST_SPLIT_URL", data);
        set("ORIGINAL_MODEL_REPO", task.model.clone());
        set("MODEL_TYPE", task.model_type.clone().unwrap_or_else(|| "sdxl".into()));
    } else {
        set("ORIGINAL_MODEL", task.model.clone());
        set("DATASET_TYPE", data_type(task));
        set("FILE_FORMAT", "s3".into());
        set(if data.contains("://") { "DATASET_URL" } else { "DATASET" }, data);
        set("TRANSFORMERS_ALLOW_TORCH_LOAD", "true".into());
    }
    if let Some(weight) = task.kl {
        set("USE_KL", "1".into());
        set("KL_COEF", weight.to_string());
    }
    if task.kind == TaskKind::Environment {
        let all = || task.environments.iter().flatten().cloned().collect::<Vec<_>>().join(",");
        set("ENVIRONMENT_NAME", evaluate.environment.clone().unwrap_or_else(all));
        set("EVAL_SEED", task.seed.unwrap_or(0).to_string());
        if let Some(temperature) = evaluate.temperature {
            set("ENV_EVAL_TEMPERATURE", format!("{temperature:?}"));
        }
    }
    Container {
        image: evaluate.image.clone(),
        command: Vec::new(),
        env,
        mounts: Vec::new(),
        services: Vec::new(),
        // Evaluators fetch the model and the data themselves; what they run is the operator's image.
        network: Some(Network::Open),
        memory: None,
        shared_memory: Some(Size(8 << 30)),
        cpus: None,
        results: Some(RESULTS.into()),
        outputs: IndexMap::new(),
    }
}

/// What an evaluator says of the model of a repository. Of what it does not say of that model, it is to blame itself.
pub(super) fn read(results: &Json, repository: &str) -> Result<Evaluation, String> {
    let Some(all) = results.as_object() else {
        return Err(format!("expected a record of repositories in {RESULTS}, found {}", kind(results)));
    };
    let told = |loss, finetune, reason| Evaluation { loss, finetune, reason, ..Evaluation::default() };
    match all.get(repository) {
        None => Err(format!("expected `{repository}` in {RESULTS}, found only {}", names(all.keys()))),
        // A text is the failure of that repository only.
        Some(Json::String(why)) => Ok(told(None, false, Some(why.clone()))),
        Some(Json::Object(found)) => {
            if let Some(Json::Object(losses)) = found.get("eval_loss") {
                return image(losses);
            }
            let finetune = match found.get("is_finetune") {
                Some(Json::Bool(finetune)) => *finetune,
                other => return Err(expected("is_finetune", "true or false", other)),
            };
            let loss = match found.get("eval_loss") {
                Some(Json::Number(loss)) => loss.as_f64(),
                // What is no number at all is written as nothing, or as a word.
                Some(Json::Null) => None,
                Some(Json::String(word))
                    if ["nan", "inf", "infinity"]
                        .contains(&word.trim_start_matches(['-', '+']).to_lowercase().as_str()) =>
                {
                    None
                }
                other => return Err(expected("eval_loss", "a number", other)),
            };
            let reason = match (finetune, loss) {
                (false, _) => Some("the model is no finetune of the model that the task starts from".to_owned()),
                (true, None) => Some("the loss is not a number".to_owned()),
                (true, Some(_)) => None,
            };
            let rewards = numbers(found, "final_raw_rewards")?;
            let (weights, kl) = match rewards {
                Some(_) => (numbers(found, "weights")?, found.get("kl_divergence").and_then(Json::as_f64)),
                None => (None, None),
            };
            Ok(Evaluation { rewards, weights, kl, ..told(loss, finetune, reason) })
        }
        other => Err(expected(repository, "a record or a text", other)),
    }
}

/// The losses of an image model, with a prompt and without; what they come to is the workflow's to say. Whether it is a
/// finetune is not asked of it.
fn image(losses: &serde_json::Map<String, Json>) -> Result<Evaluation, String> {
    let list = |name: &str| {
        let numbers = losses.get(name).and_then(Json::as_array).map(|list| list.iter().map(Json::as_f64).collect());
        numbers.flatten().ok_or_else(|| expected(name, "a list of numbers", losses.get(name)))
    };
    let (guided, unguided) = (Some(list("text_guided_losses")?), Some(list("no_text_losses")?));
    Ok(Evaluation { finetune: true, guided, unguided, ..Evaluation::default() })
}

/// Numbers by the names of reward functions, where the evaluator tells of them.
fn numbers(found: &serde_json::Map<String, Json>, name: &str) -> Result<Option<IndexMap<String, f64>>, String> {
    let wrong = |found: &Json| expected(name, "numbers by the names of reward functions", Some(found));
    let all = match found.get(name) {
        None | Some(Json::Null) => return Ok(None),
        Some(other) => other.as_object().ok_or_else(|| wrong(other))?,
    };
    let number = |(of, value): (&String, &Json)| Ok((of.clone(), value.as_f64().ok_or_else(|| wrong(value))?));
    all.iter().map(number).collect::<Result<_, String>>().map(Some)
}

fn expected(name: &str, what: &str, found: Option<&Json>) -> String {
    let found = found.map_or_else(|| "nothing".into(), kind);
    format!("expected {what} as `{name}` in {RESULTS}, found {found}")
}

fn kind(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.take(5).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rewards_are_read_where_an_evaluator_tells_them() {
        let record = |rewards: Json| {
            json!({ "o/m": { "is_finetune": true, "eval_loss": 0.5, "final_raw_rewards": rewards,
            "weights": { "brevity": 0.5 }, "kl_divergence": 0.1 } })
        };
        let found = read(&record(json!({ "brevity": 2.0 })), "o/m").unwrap();
        assert_eq!(
            (found.rewards.unwrap()["brevity"], found.weights.unwrap()["brevity"], found.kl),
            (2.0, 0.5, Some(0.1))
        );
        assert_eq!(read(&record(Json::Null), "o/m").unwrap().kl, None);
        assert!(read(&record(json!({ "brevity": "much" })), "o/m").unwrap_err().contains("`final_raw_rewards`"));
    }

    #[test]
    fn results_are_read_strictly() {
        let good = |loss, finetune, reason: &str| Ok((loss, finetune, reason.to_owned()));
        let bad = |why: &str| Err(why.to_owned());
        for (results, expected) in [
            (
                json!({ "o/m": { "is_finetune": true, "eval_loss": 1.25 }, "model_params_count": 7 }),
                good(Some(1.25), true, ""),
            ),
            (json!({ "o/m": { "is_finetune": false, "eval_loss": 1.25 } }), good(Some(1.25), false, "no finetune")),
            (json!({ "o/m": { "is_finetune": true, "eval_loss": null } }), good(None, true, "not a number")),
            (json!({ "o/m": { "is_finetune": true, "eval_loss": "NaN" } }), good(None, true, "not a number")),
            (json!({ "o/m": "it does not load" }), good(None, false, "it does not load")),
            (json!({ "o/other": "x" }), bad("found only `o/other`")),
            (json!({}), bad("found only nothing")),
            (json!([1]), bad("expected a record of repositories")),
            (json!({ "o/m": 3 }), bad("a record or a text")),
            (json!({ "o/m": { "eval_loss": 1.0 } }), bad("`is_finetune`")),
            (json!({ "o/m": { "is_finetune": true, "eval_loss": true } }), bad("a number as `eval_loss`")),
            (json!({ "o/m": { "eval_loss": {} } }), bad("`text_guided_losses`")),
        ] {
            match (read(&results, "o/m"), expected) {
                (Ok(found), Ok((loss, finetune, reason))) => {
                    assert_eq!((found.loss, found.finetune), (loss, finetune), "{results}");
                    assert!(found.reason.unwrap_or_default().contains(&reason), "{results}");
                }
                (Err(found), Err(why)) => assert!(found.contains(&why), "{found}"),
                (found, expected) => panic!("{results}: {found:?} and not {expected:?}"),
            }
        }
    }

    #[test]
    fn losses_of_images_are_handed_over_as_they_are() {
        let losses = |of: Json| read(&json!({ "o/m": { "is_finetune": false, "eval_loss": of } }), "o/m");
        let found = losses(json!({ "text_guided_losses": [1.0, 3.0], "no_text_losses": [] })).unwrap();
        assert_eq!((found.loss, found.reason, found.finetune), (None, None, true));
        assert_eq!((found.guided, found.unguided), (Some(vec![1.0, 3.0]), Some(vec![])));
        let wrong = losses(json!({ "text_guided_losses": [1.0], "no_text_losses": ["x"] })).unwrap_err();
        assert!(wrong.contains("expected a list of numbers as `no_text_losses`"), "{wrong}");
    }

    #[test]
    fn an_evaluator_is_told_of_the_environment_and_its_chance() {
        let env = |more: Json| {
            let mut input = json!({
                "model": { "repository": "o/m", "revision": "main" }, "image": "judge:1",
                "task": {
                    "id": "t", "kind": "environment", "model": "o/base", "params_b": 1, "dataset": "none", "time": "90m",
                    "environments": ["gin_rummy", "intercode"], "seed": 7,
                },
            });
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let env = container(&crate::action::evaluate::call(&input).unwrap()).env;
            ["MODELS", "ORIGINAL_MODEL", "ENVIRONMENT_NAME", "EVAL_SEED", "ENV_EVAL_TEMPERATURE"]
                .map(|name| env.get(name).cloned().unwrap_or_default())
        };
        let one = json!({ "environment": "intercode", "temperature": 0.0 });
        assert_eq!(env(one), ["o/m", "o/base", "intercode", "7", "0.0"]);
        assert_eq!(env(json!({ "temperature": 0.7 })), ["o/m", "o/base", "gin_rummy,intercode", "7", "0.7"]);
        assert_eq!(env(json!({}))[4], "");
    }
}

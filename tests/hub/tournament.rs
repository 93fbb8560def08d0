//! A small tournament on a real engine, with a stand-in for the hub: five entrants, two of whom go the whole way, one that
//! does not build, one that ends with an error, and one that overruns its time.

use std::{fs, process::Command};

use axum::http::Method;
use serde_json::{Value as Json, json};

use super::{
    engine::{self, EVALUATOR},
    standin::{StandIn, TOKEN},
    trainer::{DOCKERFILE, Repository},
};

/// A trainer that leaves a model of the size of what it was given.
const TRAINS: &str = r#"for word in "$@"; do [ "$last" = --expected-repo-name ] && out=/app/checkpoints/t1/$word; last=$word; done
mkdir -p $out && cat /cache/models/org--model/weights.safetensors /cache/datasets/t1_train_data.json > $out/model.safetensors
echo '{}' > $out/config.json; touch /cache/models/x && exit 9; true
"#;

fn workflow() -> Json {
    let entry = json!({
        "takes": { "entrant": "entrant", "task": "task" },
        "steps": {
            "code": {
                "clone": { "repository": "${entrant.repository}", "commit": "${entrant.commit}", "require": [DOCKERFILE] }
            },
            "image": { "build": { "code": "${code}", "dockerfile": DOCKERFILE } },
            "files": { "download": { "model": "${task.model}", "dataset": "${task.dataset}" } },
            "train": {
                "train": {
                    "image": "${image}", "files": "${files}", "task": "${task}", "time": "${task.time}",
                    "output_name": "t1-${entrant.hotkey}", "hotkey": "${entrant.hotkey}"
                },
                "time_limit": "${task.time}", "on_time_limit": "succeed"
            },
            "model": {
                "upload": {
                    "training": "${train}", "repository": "org/t1-${entrant.hotkey}", "base_model": "${task.model}"
                }
            },
            "evaluate": { "evaluate": { "model": "${model}", "task": "${task}", "image": EVALUATOR } }
        },
        "gives": { "loss": "${evaluate.loss}", "finetune": "${evaluate.finetune}" }
    });
    let results = "${entries.map(e, {'hotkey': e.key, 'loss': e.value.loss, 'finetune': e.value.finetune.or(false)})}";
    json!({
        "god_flow": 1, "workflow": "small",
        "inputs": { "entrants": { "type": "[entrant]" }, "task": { "type": "task" } },
        "templates": { "entry": entry },
        "steps": {
            "entries": {
                "for_each": { "entrant": "${inputs.entrants}", "key": "${entrant.hotkey}" },
                "use": "entry", "with": { "task": "${inputs.task}" }, "on_failure": "result"
            },
            "score": { "score": { "results": results, "better": "lower" } }
        },
        "gives": { "ranking": "${score.ranking}", "blame": "${entries.filter(e, !e.ok).map(e, e.key)}" }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_tournament_is_played_for_real() {
    let Some(_docker) = engine::ready().await else { return };
    let it = StandIn::start().await;
    it.put("models/org/model", &[("config.json", b"{}"), ("weights.safetensors", &vec![7; 40_000])]);
    let data = it.put_plain("train.json", &[b'x'; 5_000]);
    let place = tempfile::tempdir().unwrap();
    let trainers = [
        ("good", TRAINS.to_owned()),
        ("also_good", format!("{TRAINS}echo more >> $out/model.safetensors\n")),
        ("unbuilt", TRAINS.to_owned()),
        ("fails", "exit 1\n".to_owned()),
        ("overruns", format!("{TRAINS}sleep 600\n")),
    ];
    let entrants: Vec<Json> = trainers
        .iter()
        .map(|(hotkey, trainer)| {
            let code = Repository::of(&place.path().join(hotkey), trainer);
            if *hotkey == "unbuilt" {
                code.write(DOCKERFILE, "FROM scratch\nRUN nothing\n");
            }
            json!({
                "hotkey": hotkey, "coldkey": null, "repository": code.address(), "commit": code.commit(), "datasets": null
            })
        })
        .collect();
    let task =
        json!({ "id": "t1", "kind": "instruct", "model": "org/model", "params_b": 1, "dataset": data, "time": "4s" });
    fs::write(place.path().join("w.yaml"), workflow().to_string()).unwrap();
    fs::write(place.path().join("inputs.json"), json!({ "entrants": entrants, "task": task }).to_string()).unwrap();
    let run = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args([
            "run",
            "w.yaml",
            "--inputs",
            "inputs.json",
            "--backend",
            "docker",
            "--allow-local-code",
            "--json",
        ]);
        command.args(["--jobs", "5", "--name", name]).current_dir(place.path());
        command.env("GOD_FLOW_STORE", place.path().join("store.db")).env("DOCKER_HOST", engine::address().unwrap());
        command.env("HF_ENDPOINT", it.endpoint()).env("HF_TOKEN", TOKEN).env("GOD_FLOW_PRIVATE_ADDRESSES", "1");
        let output = command.output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{told}");
        assert!(!told.contains(TOKEN));
        let outcome: Json = serde_json::from_slice(&output.stdout).unwrap();
        outcome["outcome"]["succeeded"]["gives"].clone()
    };
    let gives = run("first");
    let mut ranked: Vec<&str> =
        gives["ranking"].as_array().unwrap().iter().map(|place| place["hotkey"].as_str().unwrap()).collect();
    ranked.sort_unstable();
    assert_eq!(ranked, ["also_good", "good", "overruns"]);
    assert_eq!(gives["blame"], json!(["unbuilt", "fails"]));
    // All of them needed the same model, which came once; what they left is on the hub.
    let fetched = || it.count(&Method::GET, "weights.safetensors");
    assert_eq!(fetched(), 1);
    assert_eq!(it.read("models/org/t1-good", "model.safetensors").len(), 45_000);
    // Nothing that was told of the run holds the token.
    let kept = fs::read(place.path().join("store.db")).unwrap();
    assert!(!kept.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()));
    let _ = run("second");
    assert_eq!(fetched(), 1, "a second run finds it in the cache");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_keeps_within_its_budget() {
    let Some(_docker) = engine::ready().await else { return };
    let it = StandIn::start().await;
    let file = |name: &str| json!({ "download": { "dataset": it.put_plain(name, &[b'x'; 5_000]) } });
    let mut steps = json!({ "a": file("a"), "b": file("b"), "c": file("c") });
    steps["b"]["needs"] = json!(["a"]);
    steps["c"]["needs"] = json!(["b"]);
    let place = tempfile::tempdir().unwrap();
    let workflow = json!({ "god_flow": 1, "workflow": "fetches", "steps": steps });
    fs::write(place.path().join("w.yaml"), workflow.to_string()).unwrap();
    let run = |budget: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        command.args(["run", "w.yaml", "--backend", "docker"]).current_dir(place.path());
        command.env("GOD_FLOW_STORE", place.path().join("store.db")).env("DOCKER_HOST", engine::address().unwrap());
        command.env("HF_ENDPOINT", it.endpoint()).env("GOD_FLOW_PRIVATE_ADDRESSES", "1");
        budget.map(|budget| command.env("GOD_FLOW_CACHE_BUDGET", budget));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_dir(place.path().join("host/cache/entries")).unwrap().count()
    };
    assert_eq!(run(Some("12KB")), 2, "what was used longest ago went when the third came");
    assert_eq!(run(None), 3, "without a budget all of it stays");
}

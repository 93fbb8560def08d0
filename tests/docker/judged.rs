//! Evaluators on a real engine: what the models that they judge do to them is the entrants', and what they write is not.

use std::{fs, process::Command};

use serde_json::{Value as Json, json};

use super::{
    engine::{self, EVALUATOR},
    told,
};

/// How the evaluation of a model goes, and who is to blame.
fn judged(repository: &str) -> (bool, Json, String) {
    let folder = tempfile::tempdir().unwrap();
    let task =
        json!({ "id": "t", "kind": "instruct", "model": "o/base", "params_b": 1, "dataset": "o/data", "time": "30m" });
    let evaluate =
        json!({ "model": { "repository": repository, "revision": "main" }, "task": task, "image": EVALUATOR });
    let workflow = json!({
        "god_flow": 1, "workflow": "judged",
        "steps": { "judge": { "evaluate": evaluate, "retry": { "attempts": 2, "wait": "1s" }, "on_failure": "result" } },
        "gives": { "ok": "${judge.ok}", "blame": "${judge.blame}", "cause": "${judge.cause.or('')}" },
    });
    fs::write(folder.path().join("w.yaml"), workflow.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    command.args(["run", "w.yaml", "--backend", "docker", "--json"]).current_dir(folder.path());
    command.env("GOD_FLOW_STORE", folder.path().join("store.db")).env("DOCKER_HOST", engine::address().unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let outcome: Json = serde_json::from_slice(&output.stdout).unwrap();
    let gives = &outcome["outcome"]["succeeded"]["gives"];
    (gives["ok"] == true, gives["blame"].clone(), gives["cause"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_breaks_its_judge_is_to_blame_and_a_judge_who_says_nothing_is() {
    let _docker = with_engine!();
    assert_eq!(judged("o/model"), (true, Json::Null, String::new()));
    let (ok, blame, cause) = judged("o/breaks");
    assert_eq!((ok, blame), (false, json!("entrant")), "{cause}");
    assert!(cause.contains("exit code 3"), "{cause}");
    let (ok, blame, cause) = judged("o/silences");
    assert_eq!((ok, blame), (false, json!("operator")), "{cause}");
}

//! A training repository, rehearsed: the example passes, and what would fail in a tournament is told with where and why.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use bollard::{Docker, query_parameters::TagImageOptionsBuilder};
use serde_json::Value as Json;

use super::{
    engine::{self, IMAGE},
    told,
    trainer::{DOCKERFILE, Repository},
};

/// The image that the example is built from; there is no registry, so that the tests' own stands for it.
const BASE: &str = "python:3.12-slim";

async fn with_base(docker: &Docker) {
    let (name, tag) = BASE.split_once(':').unwrap();
    let options = TagImageOptionsBuilder::default().repo(name).tag(tag).build();
    docker.tag_image(IMAGE, Some(options)).await.unwrap();
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn call(mut command: Command, folder: &Path, arguments: &[&str]) -> Output {
    command.args(arguments).current_dir(folder).env("GOD_FLOW_STORE", folder.join("store.db"));
    command.env("HF_TOKEN", "hf_of_the_test").env("DOCKER_HOST", engine::address().unwrap()).output().unwrap()
}

fn rehearse(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    command.arg("rehearse");
    call(command, folder, arguments)
}

/// The verdict, whether it passes, and how each step went.
fn verdict(output: &Output, passes: bool, states: [&str; 5]) -> Json {
    assert_eq!(output.status.code(), Some(i32::from(!passes)), "{}", told(output));
    let verdict: Json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", told(output)));
    let found: Vec<&str> =
        verdict["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert_eq!((verdict["passes"].as_bool(), found.as_slice()), (Some(passes), &states[..]), "{verdict:#}");
    assert!(!told(output).contains("hf_of_the_test"));
    verdict
}

const PASSED: [&str; 5] = ["passed"; 5];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_passes_on_every_kind_of_task() {
    let docker = with_engine!();
    with_base(&docker).await;
    let folder = tempfile::tempdir().unwrap();
    let example = root().join("examples/training-repo");
    let output = rehearse(folder.path(), &[example.to_str().unwrap(), "--task", "instruct", "--json"]);
    let told = verdict(&output, true, PASSED);
    let model = PathBuf::from(told["model"].as_str().unwrap());
    assert_eq!(fs::metadata(model.join("model.safetensors")).unwrap().len(), 4_096);
    assert!(told["notes"].to_string().contains("no repository of its own"), "{told:#}");
    assert!(told["steps"][0]["log"].to_string().contains("all of them readable"), "{told:#}");
    fs::write(folder.path().join("pictures.zip"), "pictures").unwrap();
    for (script, more) in [
        ("run_instruct_task.sh", vec![]),
        ("run_dpo_task.sh", vec!["--hours", "0.01"]),
        ("run_grpo_task.sh", vec![]),
        ("run_image_task.sh", vec!["--dataset", "pictures.zip", "--model-type", "flux"]),
        ("run_environment_task.sh", vec![]),
    ] {
        let mut command = Command::new(root().join("examples").join(script));
        command.env("GOD_FLOW", env!("CARGO_BIN_EXE_god-flow"));
        let output = call(command, folder.path(), &more);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("verdict: it passes"), "{script}: {}", super::told(&output));
        assert!(text.contains("/cache/datasets/") && text.contains("image   passed"), "{script}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_fail_in_a_tournament_is_told() {
    let _docker = with_engine!();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let code = Repository::of(&here.join("code"), "echo it begins; echo it cannot; exit 7\n");
    let commit = code.commit();
    code.write("train.sh", "exit 0\n");
    let output = rehearse(here, &["code", "--task", "dpo", "--json"]);
    let told = verdict(&output, false, ["passed", "passed", "passed", "failed", "not reached"]);
    assert!(told["notes"].to_string().contains("1 file is changed and not committed"), "{told:#}");
    assert_eq!(told["commit"], commit.as_str());
    let train = &told["steps"][3];
    assert_eq!(train["log"], serde_json::json!(["it begins", "it cannot"]), "{train:#}");
    assert!(train["failure"].to_string().contains("exit code 7"), "{train:#}");
    // Nothing is left where a training leaves nothing.
    let empty = code.commit();
    let output = rehearse(here, &[&format!("code@{empty}"), "--task", "dpo"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("a tournament would end with it at `model`"), "{text}");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("god-flow show "), "{log}");
    code.write("payload.py", "exec(base64.b64decode(x))\n");
    let _ = code.commit();
    let told = verdict(
        &rehearse(here, &["code", "--task", "dpo", "--json"]),
        false,
        ["failed", "not reached", "passed", "not reached", "not reached"],
    );
    assert!(
        told["steps"][0]["failure"].to_string().contains("`payload.py` line 1: it runs what it decodes"),
        "{told:#}"
    );
    fs::remove_file(code.folder.join("payload.py")).unwrap();
    fs::remove_file(code.folder.join(DOCKERFILE)).unwrap();
    let _ = code.commit();
    let output = rehearse(here, &["code", "--task", "dpo", "--json"]);
    assert!(super::told(&output).contains(&format!("expected the file `{DOCKERFILE}`")), "{}", super::told(&output));
    for (arguments, words) in [
        (&["code@0000000000000000000000000000000000000000", "--task", "dpo"][..], "there is no commit `0000"),
        (&["nowhere", "--task", "dpo"], "expected a folder or an address"),
        (&["https://github.com/o/r", "--task", "dpo"], "expected the commit behind an address"),
        (&["code", "--task", "image"], "an image task needs --dataset"),
        (&["code", "--task", "sing"], "expected one of instruct, chat, dpo, grpo, image, environment"),
        (&["code", "--task", "dpo", "--hours", "0"], "--hours: expected more than 0"),
        (&["code", "--task", "dpo", "--model-type", "flux"], "are for --task image"),
    ] {
        let output = rehearse(here, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", super::told(&output));
        assert!(super::told(&output).contains(words), "{arguments:?}: {}", super::told(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_and_data_of_ones_own_are_trained_on() {
    let _docker = with_engine!();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let trainer = "task=$2; [ \"$4\" = local/my-model ] || exit 9; out=/app/checkpoints/$task; mkdir -p $out\n\
        for word in \"$@\"; do [ \"$last\" = --expected-repo-name ] && out=$out/$word; last=$word; done; mkdir -p $out\n\
        cat /cache/models/local--my-model/weights /cache/datasets/${task}_train_data.json > $out/model.safetensors\n\
        touch /cache/models/local--my-model/x && exit 8; sleep 600\n";
    let code = Repository::of(&here.join("code"), trainer);
    let _ = code.commit();
    fs::create_dir(here.join("my model")).unwrap();
    fs::write(here.join("my model/weights"), vec![b'w'; 5_000]).unwrap();
    fs::write(here.join("rows.json"), "[]").unwrap();
    let arguments =
        ["code", "--task", "chat", "--model", "my model", "--dataset", "rows.json", "--hours", "0.001", "--json"];
    let told = verdict(
        &rehearse(here, &arguments),
        true,
        ["passed", "passed", "passed", "passed, ended by its time limit", "passed"],
    );
    let model = fs::read(Path::new(told["model"].as_str().unwrap()).join("model.safetensors")).unwrap();
    assert!(model.len() == 5_002 && model.ends_with(b"w[]"));
    assert!(told["paths"].to_string().contains("/cache/models/local--my-model"), "{told:#}");
}

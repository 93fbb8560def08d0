//! The book of rules, and what a change changes in it, as a maintainer reads them.

use std::process::Command;

const WORKFLOW: &str = "\
god_flow: 1
workflow: cup
about: A small cup
inputs:
  entrants: { type: entrants, about: Who takes part }
  task: { type: task, about: What is trained }
rules:
  draw: { pairs: { up_to: 14, odd: champion_fills }, groups: { about: 32, at_least: 20 } }
  margin: 0.05
schedule: { every: week, on: thursday, at: \"14:00\", window: 1h }
gpus:
  size: task.params_b
  rows: [{ up_to: 4, need: 1xH100 }, { need: 8xH100 }]
steps:
  draw:
    draw: { field: \"${inputs.entrants}\", shapes: \"${rules.draw}\" }
  train:
    container: { image: example/train:1, outputs: { loss: decimal } }
    gpus: \"${gpus(inputs.task)}\"
    time_limit: 6h
    retry: { exit_code: 1 }
    on_failure: hold
  better:
    value: \"${size(draw.matches) * rules.margin}\"
gives:
  better: \"${better}\"
  loss: \"${train.loss}\"
";

fn told(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("cup.yaml"), WORKFLOW).expect("the folder is writable");
    let changed =
        WORKFLOW.replace("up_to: 14", "up_to: 10").replace("14:00", "15:00").replace("up_to: 4,", "up_to: 5,");
    std::fs::write(folder.path().join("changed.yaml"), changed).expect("the folder is writable");
    let output = Command::new(env!("CARGO_BIN_EXE_god-flow"))
        .args(arguments)
        .current_dir(folder.path())
        .env("COLUMNS", "100")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn a_workflow_is_told_in_sentences() {
    insta::assert_snapshot!("book", told(&["rules", "cup.yaml"]));
}

#[test]
fn a_change_is_told_in_the_same_words() {
    insta::assert_snapshot!("change", told(&["diff", "cup.yaml", "changed.yaml", "--set", "rules.margin=0.03"]));
    assert_eq!(told(&["diff", "cup.yaml", "cup.yaml"]), "");
}

#[test]
fn programs_read_both_too() {
    let book: serde_json::Value = serde_json::from_str(&told(&["--json", "rules", "cup.yaml"])).expect("it is JSON");
    assert_eq!(book["chapters"][0]["path"], "schedule");
    let changes = told(&["--json", "diff", "cup.yaml", "cup.yaml", "--set", "rules.margin=0.03"]);
    let changes: serde_json::Value = serde_json::from_str(&changes).expect("it is JSON");
    assert_eq!(changes["changes"][0]["after"]["rules"], serde_json::json!([["rules.margin", "0.03"]]));
}

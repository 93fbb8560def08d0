//! What the shipped workflows look like: every picture and every plan, kept.

use std::process::Command;

fn drawn(arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_god-flow"))
        .args(arguments.split_whitespace())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("stdout is text")
}

const WORKFLOWS: [&str; 4] = ["hello", "text", "image", "environment"];

#[test]
fn graphs_stay_as_they_are() {
    for name in WORKFLOWS {
        for format in ["tree", "mermaid", "dot", "json"] {
            let text = drawn(&format!("graph workflows/{name}.yaml --format {format}"));
            insta::assert_snapshot!(format!("graph_{name}_{format}"), text);
        }
    }
}

#[test]
fn plans_stay_as_they_are() {
    for name in WORKFLOWS {
        let text = drawn(&format!("plan workflows/{name}.yaml --entrants 16 --gpus 32xH100"));
        insta::assert_snapshot!(format!("plan_{name}"), text);
    }
}

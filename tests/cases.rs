//! `god-flow test`: the shipped cases pass, and what differs is told where it is expected and where it is decided.

use std::{fs, path::Path, process::Command};

fn test(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_god-flow"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it is text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_shipped_workflows_hold_to_their_cases() {
    let (code, said, wrong) = test(Path::new(env!("CARGO_MANIFEST_DIR")), &["test", "workflows"]);
    assert_eq!(code, Some(0), "{said}{wrong}");
}

/// What every tournament's cases have among them, and what those with rounds have too, as it is written.
const OF_ALL: [&str; 5] = ["ends: held", "ruling: retry", "ruling: replace", "ruling: accept", "ruling: void"];
const OF_ROUNDS: [&str; 7] = [
    "entrants: 14",
    "entrants: 15",
    "entrants: [ada]\n",
    ": null",
    "ours/train\", fails",
    "theirs/train\", fails",
    "rules.register.at_least: ",
];

#[test]
fn every_tournament_is_held_to_the_cases_that_go_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let names =
        fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.expect("it can be read").file_name());
    let names = names.map(|name| name.into_string().expect("it is text"));
    let tournaments = names.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned()));
    let tournaments: Vec<String> =
        tournaments.filter(|name| !name.contains(".test") && !["hello", "fees"].contains(&name.as_str())).collect();
    assert!(tournaments.len() >= 13, "{tournaments:?}");
    for name in tournaments {
        let cases = fs::read_to_string(folder.join(format!("{name}.test.yaml"))).expect("it has cases");
        let count = cases
            .lines()
            .filter(|line| line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':'))
            .count();
        assert!(count >= 10, "{name} has {count} cases");
        let has_rounds = !["templar", "deval"].contains(&name.as_str());
        let wanted = OF_ALL.iter().chain(OF_ROUNDS.iter().filter(|_| has_rounds));
        let odd = (has_rounds && !name.starts_with("environment")).then_some(&"odd_field");
        let wanted = wanted.chain(odd);
        let missing: Vec<&&str> = wanted.filter(|words| !cases.contains(**words)).collect();
        assert!(missing.is_empty(), "the cases of {name} lack {missing:?}");
    }
}

const WORKFLOW: &str = "\
god_flow: 1
workflow: cup
inputs:
  entrants: { type: entrants, about: Who takes part }
rules: { pairs: { up_to: 4, odd: bye } }
steps:
  draw:
    draw: { field: \"${inputs.entrants}\", shapes: { pairs: \"${rules.pairs}\" } }
  work:
    container: { image: example/work:1, outputs: { points: whole } }
    on_failure: hold
gives:
  matches: \"${size(draw.matches)}\"
  points: \"${work.points}\"
";

fn cup(cases: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("cup.yaml"), WORKFLOW).expect("the folder is writable");
    let text = format!("god_flow: 1\ntest: cup.yaml\ncases:\n{cases}");
    fs::write(folder.path().join("cup.test.yaml"), text).expect("the folder is writable");
    test(folder.path(), &["test", "."])
}

#[test]
fn what_differs_is_told_with_both_places() {
    let cases = "  three:\n    entrants: [ada, bob, eve]\n    expect:\n      gives: { matches: 3 }\n      nodes:\n        draw: { shape: pairs, \
        matches: [{ id: a }] }\n        work: skipped\n        nobody: absent\n        wrok: held\n";
    let (code, said, wrong) = cup(cases);
    assert_eq!(code, Some(1));
    insta::assert_snapshot!("cases_differ", format!("{said}{wrong}"));
}

#[test]
fn an_operator_decides_as_the_case_says() {
    let failing = "    entrants: 4\n    outcomes: [{ node: work, fails: exit_code }]\n";
    let held = format!("  held:\n{failing}    expect: {{ ends: held, nodes: {{ work: held }} }}\n");
    let replaced = format!(
        "  replaced:\n{failing}    decide: [{{ node: work, ruling: replace, value: {{ points: 7 }} }}]\n    expect: {{ gives: {{ points: 7 }} }}\n"
    );
    let again = "  again:\n    entrants: 4\n    outcomes: [{ node: work, fails: exit_code, times: 1 }, ]\n    \
        decide: [{ node: work, ruling: retry }]\n    expect: { ends: succeeded }\n";
    let given = "  given:\n    entrants: 4\n    outcomes: [{ node: \"w*\", gives: { points: 5 } }]\n    expect: { gives: { points: 5 } }\n";
    let (code, said, wrong) = cup(&format!("{held}{replaced}{again}{given}"));
    assert_eq!(code, Some(0), "{said}{wrong}");
    assert!(said.ends_with("4 passed, 0 failed\n"), "{said}");
}

#[test]
fn what_all_cases_have_in_common_gives_way_to_what_a_case_says() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("cup.yaml"), WORKFLOW).expect("the folder is writable");
    let three = "entrants: 3, expect: { nodes: { draw: { matches: [{}, {}] } } }";
    let text = format!(
        "god_flow: 1\ntest: cup.yaml\nset: {{ rules.pairs.up_to: 2 }}\ncases:\n  none: {{ entrants: 3, expect: {{ ends: failed }} }}\n  \
         own: {{ set: {{ rules.pairs.up_to: 4 }}, {three} }}\n"
    );
    fs::write(folder.path().join("cup.test.yaml"), text).expect("the folder is writable");
    let (code, said, wrong) = test(folder.path(), &["test", "."]);
    assert_eq!(code, Some(0), "{said}{wrong}");
}

#[test]
fn a_wrong_file_of_cases_is_told_like_any_other() {
    for (cases, words) in [
        ("  x: { entrants: 3, expcet: {} }\n", "did you mean `expect`"),
        ("  x: { set: { rules.pairs.upto: 3 }, expect: {} }\n", "did you mean `up_to`"),
        ("  x: { inputs: { entrant: [] }, expect: {} }\n", "the workflow has no input `entrant`"),
    ] {
        let (code, said, wrong) = cup(cases);
        assert!(code != Some(0) && wrong.contains(words), "{code:?} {said}{wrong}");
    }
}

#[test]
fn check_reads_files_of_cases_as_such() {
    let cases = |test: &str, rest: &str| format!("god_flow: 1\ntest: {test}\n{rest}");
    let fine = "cases: { x: { entrants: 3, set: { rules.pairs.up_to: 2 }, expect: {} } }\n";
    for (name, text, expected) in [
        ("cup.test.yaml", cases("cup.yaml", fine), None),
        ("other.yaml", cases("cup.yaml", fine), None),
        ("cup.test.yaml", cases("cup.yaml", "cases: { x: { expect: [ }\n"), Some((3, "expect"))),
        ("other.yaml", cases("cup.yaml", "cases: { x: { expcet: {} } }\n"), Some((3, "did you mean `expect`"))),
        ("cup.test.yml", cases("cup.yaml", "caes: { x: { expect: {} } }\n"), Some((3, "did you mean `cases`"))),
        ("cup.test.yaml", cases("cpu.yaml", fine), Some((2, "did you mean `cup.yaml`"))),
        (
            "cup.test.yaml",
            cases("cup.yaml", "set: { rules.pair.up_to: 3 }\ncases: { x: { entrants: 3, expect: {} } }\n"),
            Some((3, "did you mean `pairs`")),
        ),
        (
            "cup.test.yaml",
            cases("cup.yaml", "cases:\n  x:\n    entrants: 3\n    set: { rules.pairs: 3 }\n    expect: {}\n"),
            Some((6, "expected")),
        ),
        (
            "cup.test.yaml",
            cases("cup.yaml", "cases: { x: { entrants: 3, inputs: { entrant: [] }, expect: {} } }\n"),
            Some((3, "the workflow has no input `entrant`")),
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        fs::write(folder.path().join("cup.yaml"), WORKFLOW).expect("the folder is writable");
        fs::write(folder.path().join(name), &text).expect("the folder is writable");
        for call in [&["check", "."][..], &["check", "cup.yaml", name]] {
            let (code, said, wrong) = test(folder.path(), call);
            assert_eq!(code, Some(if expected.is_some() { 2 } else { 0 }), "{text}{said}{wrong}");
            let Some((line, words)) = expected else { continue };
            assert!(wrong.contains(words) && wrong.contains(&format!("{name}:{line}:")), "{text}{wrong}");
            assert!(wrong.contains("\n1 mistake in 1 file\n"), "{text}{wrong}");
        }
    }
}

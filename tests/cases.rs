//! `god-flow test`: the shipped cases pass, and what differs is told where it is expected and where it is decided.

use std::{fs, path::Path, process::Command};

use god_flow::{base::SourceId, document::Tree, sim::cases};

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

/// Whether a case has something in it.
type Has = fn(&Tree) -> bool;

/// What every tournament's cases have among them; that decisions are made, and that what is said to fail does, the cases
/// themselves are held to.
const OF_ALL: [(&str, Has); 5] = [
    ("a run that is held", |case| text(case.get("expect").and_then(|it| it.get("ends"))) == Some("held")),
    ("the ruling retry", |case| decides(case, "retry")),
    ("the ruling replace", |case| decides(case, "replace")),
    ("the ruling accept", |case| decides(case, "accept")),
    ("the ruling void", |case| decides(case, "void")),
];
/// What those with rounds have too.
const OF_ROUNDS: [(&str, Has); 7] = [
    ("14 entrants", |case| entrants(case) == Some(14)),
    ("15 entrants", |case| entrants(case) == Some(15)),
    ("one entrant", |case| entrants(case) == Some(1)),
    ("no number where one was measured", |case| {
        ["results", "outcomes"].iter().filter_map(|key| case.get(key)).any(has_null)
    }),
    ("a champion who does not train", |case| fails(case, "ours/train")),
    ("a challenger who does not train", |case| fails(case, "theirs/train")),
    ("another smallest field", |case| case.get("set").is_some_and(|it| it.get("rules.register.at_least").is_some())),
];
/// What those have whose fields are paired.
const OF_PAIRS: (&str, Has) = ("an odd field to be paired", |case| {
    entrants(case).is_some_and(|count| (3..14).contains(&count) && count % 2 == 1)
});

fn text(tree: Option<&Tree>) -> Option<&str> {
    tree.and_then(Tree::as_text).map(|text| &**text)
}

fn items<'t>(case: &'t Tree, key: &str) -> &'t [Tree] {
    case.get(key).map(Tree::items).unwrap_or_default()
}

fn decides(case: &Tree, ruling: &str) -> bool {
    items(case, "decide").iter().any(|it| text(it.get("ruling")) == Some(ruling))
}

fn fails(case: &Tree, node: &str) -> bool {
    items(case, "outcomes")
        .iter()
        .any(|it| it.get("fails").is_some() && text(it.get("node")).is_some_and(|it| it.ends_with(node)))
}

fn entrants(case: &Tree) -> Option<usize> {
    let entrants = case.get("entrants")?;
    entrants.to_json().as_u64().map_or(Some(entrants.items().len()), |count| usize::try_from(count).ok())
}

fn has_null(tree: &Tree) -> bool {
    tree.is_null() || tree.items().iter().any(has_null) || tree.entries().iter().any(|(_, value)| has_null(value))
}

#[test]
fn every_tournament_is_held_to_the_cases_that_go_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let names =
        fs::read_dir(&folder).expect("the folder is there").map(|entry| entry.expect("it can be read").file_name());
    let names = names.map(|name| name.into_string().expect("it is text"));
    let tournaments = names.filter_map(|name| Some(name.strip_suffix(".yaml")?.to_owned()));
    let tournaments: Vec<String> = tournaments
        .filter(|name| {
            !name.contains(".test") && !["hello", "hello-docker", "fees", "rehearse"].contains(&name.as_str())
        })
        .collect();
    assert!(tournaments.len() >= 13, "{tournaments:?}");
    for name in tournaments {
        let cases = fs::read_to_string(folder.join(format!("{name}.test.yaml"))).expect("it has cases");
        let cases = cases::read(SourceId(0), &cases).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:?}")).cases;
        assert!(cases.len() >= 10, "{name} has {} cases", cases.len());
        let has_rounds = !["templar", "deval"].contains(&name.as_str());
        let wanted = OF_ALL.iter().chain(OF_ROUNDS.iter().filter(|_| has_rounds));
        let wanted = wanted.chain((has_rounds && !name.starts_with("environment")).then_some(&OF_PAIRS));
        let missing: Vec<&str> =
            wanted.filter(|(_, has)| !cases.iter().any(|case| has(&case.tree))).map(|(what, _)| *what).collect();
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
fn what_a_case_says_of_nodes_that_have_no_part_in_it_is_told() {
    let fails = "outcomes: [{ node: work, fails: exit_code }]";
    for (says, words) in [
        ("decide: [{ node: wrok, ruling: void }], expect: {}", "found none|did you mean `work`?"),
        ("decide: [{ node: \"**/work\", ruling: void }], expect: {}", "expected the node `**/work`, found none"),
        ("decide: [{ node: work, ruling: void }], expect: {}", "expected `work` to be held, but it is done"),
        (
            &format!(
                "{fails}, decide: [{{ node: work, ruling: replace, value: {{ points: many }} }}], expect: {{ ends: held }}"
            ),
            "cannot be carried out|many",
        ),
        (
            &format!(
                "{fails}, decide: [{{ node: work, ruling: void }}, {{ node: work, ruling: void }}], expect: {{ ends: failed }}"
            ),
            "expected `work` to be held, but it is skipped",
        ),
        (
            "outcomes: [{ node: wrk, gives: { points: 3 } }], expect: {}",
            "expected the node `wrk`, found none|did you mean `work`?",
        ),
        (
            "outcomes: [{ node: draw, fails: exit_code }], expect: {}",
            "expected `draw` to be work that is tried, but it is done",
        ),
    ] {
        let (code, said, wrong) = cup(&format!("  x: {{ entrants: 3, {says} }}\n"));
        let wrong = wrong.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(code == Some(1) && words.split('|').all(|words| wrong.contains(words)), "{says}: {said}{wrong}");
    }
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

/// A case of the shipped text tournament, of which everything that can be expected is expected wrongly.
#[test]
fn whatever_differs_is_told_with_its_node_and_the_line_of_its_rule() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let workflows = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    for below in ["", "parts"] {
        fs::create_dir_all(folder.path().join(below)).expect("the folder is writable");
        for entry in fs::read_dir(workflows.join(below)).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_file() {
                let name = path.file_name().expect("it has a name");
                fs::copy(&path, folder.path().join(below).join(name)).expect("it can be copied");
            }
        }
    }
    // What is expected, what is found, the node that decided it, a rule that it goes by, and the file of that.
    let kinds: [[&str; 5]; 8] = [
        [
            "gives: { champion: { hotkey: bob } }",
            r#"expected `"bob"`, found `"ada"`"#,
            "boss/title",
            "boss",
            "text.yaml",
        ],
        ["gives: { fees: [] }", "expected 0 items, found 3", "field/register", "register.fee", "text.yaml"],
        ["gives: { rounds: 9 }", "expected `9`, found `2`", "rounds", "rounds.most", "text.yaml"],
        [
            "gives: { weights: { ada: 2 } }",
            "expected `2`, found",
            "weights/weights",
            "weights.taking_part",
            "parts/weights.yaml",
        ],
        [
            "nodes: { 'rounds#1/draw': { matches: [] } }",
            "expected 0 items, found 2",
            "rounds#1/draw",
            "draw",
            "parts/knockout.yaml",
        ],
        [
            "nodes: { 'rounds#1/advance': { winners: [eve] } }",
            "expected 1 items, found 2",
            "rounds#1/advance",
            "pair.advance",
            "parts/knockout.yaml",
        ],
        [
            "nodes: { boss: { winner: champion } }",
            r#"expected `"champion"`, found `"ada"`"#,
            "boss/title",
            "boss",
            "text.yaml",
        ],
        [
            "nodes: { weights: { pool: 2 } }",
            "expected `2`, found",
            "weights/pool",
            "weights.base",
            "parts/weights.yaml",
        ],
    ];
    let given = "set: { rules.register.at_least: 1 }, entrants: [ada, bob, eve], results: { ada: 0.5, bob: 1, eve: 2, champion: 3 }, \
                 inputs: { payroll: { keys: [ada], participants: [], pools: [] } }";
    for [expected, differs, node, rule, file] in kinds {
        let text = format!("god_flow: 1\ntest: text.yaml\ncases:\n  x: {{ {given}, expect: {{ {expected} }} }}\n");
        fs::write(folder.path().join("wrong.test.yaml"), text).expect("the folder is writable");
        let (code, said, wrong) = test(folder.path(), &["test", "wrong.test.yaml"]);
        assert_eq!(code, Some(1), "{expected}: {said}{wrong}");
        assert!(wrong.contains(differs), "{expected}: {wrong}");
        assert!(wrong.contains(&format!("`{node}` decides it")), "{expected}: {wrong}");
        let advice = wrong.split_once(&format!("by the rule `rules.{rule}`")).map_or("", |(_, rest)| rest);
        let lines: String = advice.lines().take(2).collect();
        assert!(lines.contains(&format!("{file}:")), "{expected}: {wrong}");
    }
}

#[test]
fn what_a_judge_writes_that_nobody_can_read_is_not_held_against_the_entrant() {
    let by = |how: &str| {
        format!(
            "    entrants: 4\n    outcomes: [{{ node: work, {how} }}]\n    expect: {{ gives: {{ points: null, blame: operator }} }}\n"
        )
    };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let workflow = WORKFLOW
        .replace("on_failure: hold", "on_failure: result")
        .replace("points: \"${work.points}\"", "points: \"${work.value.points}\"\n  blame: \"${work.blame}\"");
    fs::write(folder.path().join("cup.yaml"), workflow).expect("the folder is writable");
    let cases = [("said", "fails: bad_output"), ("written", "gives: { points: many }")]
        .map(|(name, how)| format!("  {name}:\n{}", by(how)));
    fs::write(folder.path().join("cup.test.yaml"), format!("god_flow: 1\ntest: cup.yaml\ncases:\n{}", cases.concat()))
        .expect("the folder is writable");
    let (code, said, wrong) = test(folder.path(), &["test", "."]);
    assert_eq!(code, Some(0), "{said}{wrong}");
}

#[test]
fn programs_are_told_the_same() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("cup.yaml"), WORKFLOW).expect("the folder is writable");
    let text = "god_flow: 1\ntest: cup.yaml\ncases: { x: { entrants: 3, expect: { gives: { matches: 3 } } } }\n";
    fs::write(folder.path().join("cup.test.yaml"), text).expect("the folder is writable");
    let (code, said, _) = test(folder.path(), &["test", ".", "--json"]);
    assert_eq!(code, Some(1));
    let told: serde_json::Value = serde_json::from_str(&said).expect("it is JSON");
    let difference = serde_json::json!({
        "message": "the run gives `matches`: expected `3`, found `2`",
        "at": "./cup.test.yaml:3:56",
        "by": [
            { "what": "it is given here", "at": "./cup.yaml:13:3" },
            { "what": "`draw` decides it", "at": "./cup.yaml:7:3" },
            { "what": "by the rule `rules.pairs`", "at": "./cup.yaml:5:10" },
        ],
    });
    assert_eq!(told[0]["differences"], serde_json::json!([difference]));
}

#[test]
fn what_a_run_gives_is_not_expected_of_one_that_is_held() {
    let held = "  x:\n    entrants: 4\n    outcomes: [{ node: work, fails: exit_code }]\n    expect: { ends: held, gives: { points: 3 } }\n";
    let (code, said, wrong) = cup(held);
    assert!(code == Some(1) && wrong.contains("only one that succeeds does"), "{said}{wrong}");
}

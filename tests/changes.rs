//! A tournament's rules are changed where they are written, by `--set` or by a variant, and the outcome changes.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod files;

use std::{fs, path::Path, process::Command, sync::Arc};

use files::{checked, loaded};
use god_flow::{
    base::{Place, Seed, SourceId},
    document::stored,
    sim::{Model, Setup, play},
    workflow::{
        self, Workflow,
        schedule::{Before, Due},
    },
};

/// What is changed, how, what is given, and what comes out before and after.
struct Change {
    what: &'static str,
    set: &'static str,
    given: &'static str,
    before: &'static str,
    after: &'static str,
}

const ADA_WINS_FOUR_OF_SIX: &str = "entrants: [ada], results: { ada: 0.9, champion: 1 }, outcomes: [{ node: 'boss/duels[boss_tasks-3]/**', fails: exit_code }, \
     { node: 'boss/duels[boss_tasks-6]/**', fails: exit_code }]";
const ADA: &str = "gives: { champion: { hotkey: ada } }";
const CHAMPION: &str = "gives: { champion: { hotkey: champion } }";
const TWO_WITH_THE_SAME: &str = "inputs: { candidates: [{ hotkey: ada, coldkey: a, ip: '1.0.0.1', repository: 'https://github.com/ada/code', commit: \
     aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, readable: true, digest: same }, { hotkey: bob, coldkey: b, ip: '1.0.0.2', repository: \
     'https://github.com/bob/code', commit: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, readable: true, digest: same }], balances: { a: 0.27 TAO, b: 1 TAO } }";

const CHANGES: [Change; 18] = [
    Change {
        what: "the fee",
        set: "rules.register.fee: 0.3 TAO",
        given: TWO_WITH_THE_SAME,
        before: "gives: { fees: [{ hotkey: ada, amount: 0.25 TAO }, { hotkey: bob, amount: 0.25 TAO }], refused: [] }",
        after: "gives: { fees: [{ hotkey: bob, amount: 0.3 TAO }], refused: [{ hotkey: ada, code: balance_too_low }] }",
    },
    Change {
        what: "the smallest field",
        set: "rules.register.at_least: 6",
        given: "entrants: 5",
        before: "nodes: { 'rounds#1/draw': { shape: pairs } }",
        after: "gives: { rounds: 0, ended: '5 were let in, and rules.register.at_least asks for 6' }",
    },
    Change {
        what: "the checks",
        set: "rules.register.checks: [balance]",
        given: "inputs: { candidates: [{ hotkey: ada, coldkey: a, repository: 'https://github.com/ada/code', commit: main, digest: one }] }",
        before: "gives: { refused: [{ hotkey: ada, code: bad_commit }] }",
        after: "gives: { refused: [] }",
    },
    Change {
        what: "who of those with the same goes",
        set: "rules.dedup.goes: all_but_the_first",
        given: TWO_WITH_THE_SAME,
        before: "nodes: { field: { copies: [ada, bob] } }",
        after: "nodes: { field: { copies: [bob] } }",
    },
    Change {
        what: "how many are paired",
        set: "rules.draw.pairs.up_to: 20",
        given: "entrants: 15",
        before: "nodes: { 'rounds#1/draw': { shape: groups } }",
        after: "nodes: { 'rounds#1/draw': { shape: pairs } }",
    },
    Change {
        what: "what is done about an odd number",
        set: "rules.draw.pairs.odd: bye",
        given: "entrants: 3",
        before: "nodes: { 'rounds#1/draw': { matches: [{ members: [{}, {}] }, { members: [{}, {}] }] } }",
        after: "nodes: { 'rounds#1/draw': { matches: [{ members: [{}, {}] }, { members: [{}] }] } }",
    },
    Change {
        what: "the shape of groups",
        set: "rules.draw.groups: { about: 10, at_least: 10 }",
        given: "entrants: 20",
        before: "nodes: { 'rounds#1/draw': { matches: [{}] } }",
        after: "nodes: { 'rounds#1/draw': { matches: [{}, {}] } }",
    },
    Change {
        what: "how many advance",
        set: "rules.group.advance: 4",
        given: "entrants: 20",
        before: "nodes: { 'rounds#2/draw': { matches: [{}, {}, {}, {}] } }",
        after: "nodes: { 'rounds#2/draw': { matches: [{}, {}] } }",
    },
    Change {
        what: "how many tasks a group plays",
        set: "rules.group.tasks: 2",
        given: "entrants: 15",
        before: "nodes: { 'rounds#1/games': [{ id: group-01 }] }",
        after: "nodes: { 'rounds#1/games': [{ id: group-01-tasks-1 }, { id: group-01-tasks-2 }] }",
    },
    Change {
        what: "the mix of tasks",
        set: "rules.tasks.pair: [{ kinds: { dpo: 1 }, size: { from: 0.1, up_to: 12 } }]",
        given: "entrants: 2, inputs: { catalogue: { models: [{ id: org/m, params_b: 3 }, { id: org/l, params_b: 30 }], datasets: [{ id: d, rows: 30000 }] } }",
        before: "nodes: { 'rounds#1/picked/picks': { tasks: [{ task: { kind: instruct } }] } }",
        after: "nodes: { 'rounds#1/picked/picks': { tasks: [{ task: { kind: dpo } }] } }",
    },
    Change {
        what: "the mix of instruct and chat tasks",
        set: "rules.tasks.pair: [{ kinds: { chat: 1 }, size: { from: 0.1, up_to: 12 } }]",
        given: "entrants: 2, inputs: { catalogue: { models: [{ id: org/m, params_b: 3 }, { id: org/l, params_b: 30 }], datasets: [{ id: d, rows: 30000 }] } }",
        before: "nodes: { 'rounds#1/picked/picks': { tasks: [{ task: { kind: instruct } }] } }",
        after: "nodes: { 'rounds#1/picked/picks': { tasks: [{ task: { kind: chat } }] } }",
    },
    Change {
        what: "the hours",
        set: "rules.hours.linear.most: 3",
        given: "entrants: 2, inputs: { tasks: [{ id: one, kind: instruct, model: org/m, params_b: 14, dataset: d, rows: 500000, time: 1h }] }",
        before: "nodes: { 'rounds#1/timed[one]': { task: { time: 6h } } }",
        after: "nodes: { 'rounds#1/timed[one]': { task: { time: 3h } } }",
    },
    Change {
        what: "the GPUs for judging",
        set: "rules.entry.judging: { rows: [{ need: 4xH100 }] }",
        given: "entrants: [ada]",
        before: "nodes: { 'boss/duels[boss_tasks-1]/ours/judging': { gpus: 1xH100 } }",
        after: "nodes: { 'boss/duels[boss_tasks-1]/ours/judging': { gpus: 4xH100 } }",
    },
    Change {
        what: "the margin",
        set: "rules.boss.margin: { start: 0.2, decay: 0.8, floor: 0.03 }",
        given: ADA_WINS_FOUR_OF_SIX,
        before: ADA,
        after: CHAMPION,
    },
    Change {
        what: "the majority",
        set: "rules.boss.title: { more_than: 0.7 }",
        given: ADA_WINS_FOUR_OF_SIX,
        before: ADA,
        after: CHAMPION,
    },
    Change {
        what: "whether a lost task costs the title",
        set: "rules.boss.title: { no_loss: true }",
        given: ADA_WINS_FOUR_OF_SIX,
        before: ADA,
        after: CHAMPION,
    },
    Change {
        what: "the weights",
        set: "rules.weights.base: 0.25",
        given: "entrants: [ada], results: { ada: 0.9, champion: 1 }, \
                inputs: { payroll: { keys: [ada, champion, 5GU4Xkd3dCGTU3s8VLcHGc5wsD5M8XyxDca5yDQhYm1mVXFu], participants: [], pools: [] } }",
        before: "nodes: { weights: { pool: 0.27222222222222214 } }",
        after: "nodes: { weights: { pool: 0.3722222222222221 } }",
    },
    Change {
        what: "the cap of the weights",
        set: "rules.weights.cap: 0",
        given: "entrants: [ada], results: { ada: 0.9, champion: 1 }",
        before: "nodes: { weights: { pool: 0.27222222222222214 } }",
        after: "nodes: { weights: { pool: 0.0, whole: { ada: 0, 5GU4Xkd3dCGTU3s8VLcHGc5wsD5M8XyxDca5yDQhYm1mVXFu: 65535 } } }",
    },
];

/// A folder with the shipped workflows in it.
fn shipped() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for below in ["", "parts"] {
        let from = Path::new("workflows").join(below);
        fs::create_dir_all(folder.path().join(below)).unwrap();
        for file in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|it| it.file_type().unwrap().is_file()) {
            fs::copy(file.path(), folder.path().join(below).join(file.file_name())).unwrap();
        }
    }
    folder
}

/// A variant of the text tournament, in such a folder.
fn variant(folder: &Path, name: &str, differs: &str) -> Arc<Workflow> {
    let path = folder.join(format!("{name}.yaml"));
    fs::write(&path, format!("god_flow: 1\nworkflow: {name}\nextends: text.yaml\n{differs}\n")).unwrap();
    checked(&loaded(path.to_str().unwrap()))
}

/// What a variant says in place of a setting: `rules.a.b: c` as `rules: { a: { b: c } }`.
fn laid_out(set: &str) -> String {
    let (path, value) = set.split_once(": ").unwrap();
    let (keys, opened): (Vec<&str>, usize) = (path.split('.').collect(), path.matches('.').count());
    format!("{}: {value}{}", keys.join(": { "), " }".repeat(opened))
}

#[test]
fn a_changed_rule_changes_the_outcome() {
    let folder = shipped();
    let mut arguments = vec!["test".to_owned()];
    let head = "set: { rules.register.at_least: 1 }\ncases:\n";
    for (i, Change { what, set, given, before, after }) in CHANGES.iter().enumerate() {
        assert_ne!(before, after, "{what}");
        // A rule that all cases set is not what a variant says.
        let common = if set.starts_with("rules.register.at_least") { "cases:\n" } else { head };
        variant(folder.path(), &format!("changed_{i}"), &laid_out(set));
        let by_set = format!(
            "god_flow: 1\ntest: text.yaml\nabout: {what}\n{head}  before: {{ {given}, expect: {{ {before} }} }}\n  \
             after: {{ set: {{ {set} }}, {given}, expect: {{ {after} }} }}\n"
        );
        let by_variant = format!(
            "god_flow: 1\ntest: changed_{i}.yaml\nabout: {what}\n{common}  after: {{ {given}, expect: {{ {after} }} }}\n"
        );
        for (how, text) in [("set", by_set), ("variant", by_variant)] {
            let name = format!("{how}-{i}.test.yaml");
            fs::write(folder.path().join(&name), text).unwrap();
            arguments.push(name);
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_god-flow"))
        .args(&arguments)
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(&format!("{} passed", 3 * CHANGES.len())), "{said}");
}

#[test]
fn all_rules_and_templates_of_what_is_shipped_are_read() {
    let files = fs::read_dir("workflows").unwrap().map(|file| file.unwrap().path());
    let shipped: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .filter_map(|path| path.to_str().map(str::to_owned))
        // A rehearsal takes a piece of a tournament, and leaves the rest of the parts unread.
        .filter(|path| !path.ends_with(".test.yaml") && !path.ends_with("rehearse.yaml"))
        .collect();
    assert!(shipped.len() > 10, "{shipped:?}");
    for path in shipped {
        // As if all of it stood in one file: what a part declares may otherwise go unread.
        let whole = stored::tree(&loaded(&path).to_json(), Place { source: SourceId(0), start: 0, end: 0 });
        let told: Vec<String> = match workflow::check(&whole) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(|mistake| mistake.message.clone()).collect(),
        };
        assert_eq!(told, [""; 0], "{path}");
    }
}

#[test]
fn other_thresholds_give_other_gpus() {
    let folder = shipped();
    let model = Model::default();
    let most = |workflow: Arc<Workflow>| {
        let inputs = model.inputs(&workflow, &indexmap::IndexMap::default(), Some(8), Seed(1)).unwrap();
        let account = play(&model, &Setup { workflow, inputs, seed: Seed(1) });
        let trains = account.uses.iter().filter(|it| account.run.plan.id(it.node).ends_with("/train"));
        trains.map(|it| it.gpus).max().unwrap()
    };
    let none = variant(folder.path(), "as_it_is", "");
    let small = variant(folder.path(), "small", "gpus: { rows: [{ up_to: 400, need: 1xH100 }, { need: 8xH100 }] }");
    let size = variant(folder.path(), "size", "gpus: { size: task.params_b * 40 }");
    assert_eq!((most(none), most(small), most(size)), (4, 1, 8));
}

#[test]
fn another_schedule_starts_at_another_time() {
    let folder = shipped();
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let due = |workflow: &Workflow| {
        let before = Before { last: Some(at("2026-06-15T13:00:00Z")), ..Before::default() };
        workflow.schedule.as_ref().unwrap().due(at("2026-06-16T12:00:00Z"), before)
    };
    for (differs, expected) in [
        ("", "2026-06-18T14:00:00Z"),
        ("schedule: { on: friday }", "2026-06-19T14:00:00Z"),
        ("schedule: { at: \"09:00\" }", "2026-06-18T09:00:00Z"),
        ("schedule: { every: gap, gap: 48h, on: null, at: null, window: null }", "2026-06-17T13:00:00Z"),
    ] {
        assert_eq!(due(&variant(folder.path(), "starts", differs)), Due::At(at(expected)), "{differs}");
    }
}

#[test]
fn a_call_sets_the_gpus_and_the_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let called = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_god-flow"));
        program.env("GOD_FLOW_STORE", folder.path().join("runs.db")).env("LC_ALL", "C.UTF-8").args(arguments);
        let output = program.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let plan = |more: &[&str]| called(&[&["plan", "workflows/text.yaml", "--entrants", "8"], more].concat());
    assert!(!plan(&[]).contains("on 8xH100"), "{}", plan(&[]));
    assert!(plan(&["--set", "gpus.rows=[{ need: 8xH100 }]"]).contains("on 8xH100"));
    assert!(plan(&["--set", "gpus.size=task.params_b * 40"]).contains("on 8xH100"));

    // What has run before, so that the next time is by the schedule.
    let file = folder.path().join("cup.yaml").to_string_lossy().into_owned();
    let text = "god_flow: 1\nworkflow: cup\nschedule: { every: week, on: thursday, at: \"14:00\", window: 1h, one_at_a_time: true }\n\
                steps: { one: { value: 1 } }\ngives: { one: \"${one}\" }\n";
    fs::write(&file, text).unwrap();
    called(&["run", &file]);
    for (set, expected) in [
        ("schedule.on=thursday", "2040-01-05T14:00:00Z"),
        ("schedule.on=friday", "2040-01-06T14:00:00Z"),
        ("schedule.at=\"09:00\"", "2040-01-05T09:00:00Z"),
    ] {
        let due = called(&["due", &file, "--at", "2040-01-03T12:00:00Z", "--json", "--set", set]);
        assert!(due.contains(expected), "{set}: {due}");
    }
    let gap =
        called(&["due", &file, "--at", "2040-01-03T12:00:00Z", "--json", "--set", "schedule={ every: gap, gap: 48h }"]);
    assert!(gap.contains("\"start\": true"), "{gap}");
}

//! The built program: what each command prints where, and how it ends.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value as Json;

const FINE: i32 = 0;
const FAILED: i32 = 1;
const WRONG: i32 = 2;
const REFUSED: i32 = 3;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_god-flow"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8");
    command
}

fn call(line: &str) -> Output {
    program().args(line.split_whitespace()).output().expect("the program starts")
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("stdout is text")
}
fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("stderr is text")
}

/// A call that goes well: data on stdout, nothing but asides on stderr.
#[track_caller]
fn fine(line: &str) -> String {
    let output = call(line);
    assert_eq!(output.status.code(), Some(FINE), "{line}: {}", err(&output));
    assert!(!err(&output).contains("error") && !err(&output).contains('\u{1b}'), "{line}: {}", err(&output));
    out(&output).to_owned()
}

/// A call that goes wrong: no data, and words that say why.
#[track_caller]
fn wrong(line: &str, exit: i32, says: &str) {
    let output = call(line);
    assert_eq!(output.status.code(), Some(exit), "{line}: {}{}", out(&output), err(&output));
    assert!(out(&output).is_empty(), "{line} prints data: {}", out(&output));
    assert!(err(&output).contains(says), "{line} should say `{says}`, but says: {}", err(&output));
}

#[test]
fn every_command_has_its_happy_path() {
    for (line, prints) in [
        ("--version", "god-flow "),
        ("--help", "Usage: god-flow"),
        ("check workflows", ""),
        ("check workflows/text.yaml examples/workflows", ""),
        ("plan workflows/hello.yaml", "greetings"),
        ("plan workflows/text.yaml", "rounds"),
        ("graph workflows/text.yaml", "boss"),
        ("graph workflows/text.yaml --format mermaid", "flowchart"),
        ("graph workflows/text.yaml --format dot", "digraph"),
        ("graph workflows/text.yaml --format json", "\"steps\""),
        ("actions", "train"),
        ("actions train", "takes"),
        ("actions train.image", "image: "),
        ("try contest --with examples/actions/contest.json", "defended: true"),
        ("example", "workflow: hello"),
        ("example --list", "container"),
        ("example train", "workflow: train_one"),
        ("schema --print", "\"$defs\""),
        ("completions bash", "god-flow"),
        ("completions zsh", "god-flow"),
        ("completions fish", "god-flow"),
    ] {
        let printed = fine(line);
        assert!(printed.contains(prints), "{line} should print `{prints}`, but prints: {printed}");
        assert_eq!(printed.is_empty(), prints.is_empty(), "{line}");
    }
}

#[test]
fn every_example_is_a_good_workflow() {
    for line in fine("example --list").lines() {
        let name = line.split_whitespace().next().expect("an example has a name");
        let text = fine(&format!("example {name}"));
        let output = with_stdin("check -", text.as_bytes());
        assert_eq!(output.status.code(), Some(FINE), "{name}: {}", err(&output));
    }
}

#[test]
fn data_is_json_where_it_is_asked_for() {
    for line in [
        "check workflows",
        "check --format json workflows",
        "plan workflows/text.yaml",
        "plan workflows/text.yaml --entrants 5",
        "plan workflows/text.yaml --entrants 5 --gpus 32xH100",
        "graph workflows/image.yaml",
        "graph workflows/image.yaml --format mermaid",
        "actions",
        "actions clone",
        "actions clone.commit",
        "try contest --with examples/actions/contest.json",
        "example",
        "example --list",
        "schema",
    ] {
        let json: Result<Json, _> = serde_json::from_str(&fine(&format!("{line} --json")));
        assert!(json.is_ok(), "{line}: {json:?}");
    }
    let mistakes = call("check tests/mistakes/workflow__cycle.yaml --json");
    assert_eq!(mistakes.status.code(), Some(WRONG));
    let mistakes: Json = serde_json::from_str(out(&mistakes)).expect("mistakes are data too");
    assert_eq!(mistakes[0]["code"], "workflow::cycle");
    assert_eq!(mistakes[0]["line"], 4);
}

#[test]
fn wrong_calls_are_told_from_failures() {
    for (line, exit, says) in [
        ("", WRONG, "Usage"),
        ("chek workflows", WRONG, "check"),
        ("check", WRONG, "FILE"),
        ("check nowhere.yaml", WRONG, "there is no such file"),
        ("check src/rule", WRONG, "expected workflow files"),
        ("check tests/mistakes/rule__unknown_name.yaml", WRONG, "choosen"),
        ("plan tests/mistakes/rule__unknown_name.yaml", WRONG, "choosen"),
        ("graph tests/mistakes/rule__unknown_name.yaml", WRONG, "choosen"),
        ("plan workflows/parts/entry.yaml", WRONG, "part"),
        ("graph workflows/parts/entry.yaml", WRONG, "part"),
        ("plan workflows", WRONG, "it is a folder"),
        ("graph workflows/text.yaml --format svg", WRONG, "mermaid"),
        ("actions trian", WRONG, "did you mean `train`?"),
        ("actions train.imag", WRONG, "did you mean `image`?"),
        ("try contst --with -", WRONG, "did you mean `contest`?"),
        ("try train --with -", WRONG, "found an empty file"),
        (
            "try contest --with examples/actions/contest.json --ledger Cargo.toml",
            WRONG,
            "--ledger is for what moves money",
        ),
        ("try contest --with Cargo.toml", WRONG, "Cargo.toml"),
        ("example helo", WRONG, "did you mean `hello`?"),
        ("completions tcsh", WRONG, "possible values"),
        ("schema Cargo.toml/x", FAILED, "cannot make the folder"),
        ("plan workflows/text.yaml --entrants many", WRONG, "--entrants"),
        ("plan workflows/text.yaml --entrants -1", WRONG, "expected a whole number up to 200000"),
        ("simulate workflows/text.yaml --entrants -1", WRONG, "expected a whole number up to 200000"),
        ("simulate workflows/text.yaml --runs -1", WRONG, "'-1'"),
        ("plan workflows/text.yaml --seed -1", WRONG, "invalid value '-1' for '--seed"),
        ("run workflows/text.yaml --jobs -1", WRONG, "invalid value '-1' for '--jobs"),
        ("plan workflows/text.yaml --entrants 8 --gpus lots", WRONG, "--gpus"),
        ("plan workflows/text.yaml --entrants 8 --gpus 8xH100|H200", WRONG, "one kind at a time"),
        ("plan workflows/text.yaml --entrants 8 --gpus 32xA100", REFUSED, "which has 32xA100 where 1xH100 is asked"),
        ("run workflows/text.yaml --backend mock --entrants 3000 --store memory:", REFUSED, "give fewer entrants"),
        ("run workflows/text.yaml --cache-budget lots", WRONG, "expected a size such as `16GiB`"),
        ("clean --keep-days -1", WRONG, "invalid value '-1' for '--keep-days"),
        ("plan workflows/text.yaml --inputs nowhere.yaml", WRONG, "there is no such file"),
    ] {
        wrong(line, exit, says);
    }
}

#[test]
#[cfg(unix)]
fn a_switch_of_the_environment_is_on_or_off() {
    for (says, exit, words) in [
        ("maybe", WRONG, "GOD_FLOW_PRIVATE_ADDRESSES: expected `1`, `true`, `yes` or `on`"),
        ("no", REFUSED, "no Docker engine listens at unix:///nowhere"),
        ("1", REFUSED, "no Docker engine listens at unix:///nowhere"),
    ] {
        let line = "run workflows/hello-docker.yaml --backend docker --engine unix:///nowhere --store memory:";
        let called = program().args(line.split_whitespace()).env("GOD_FLOW_PRIVATE_ADDRESSES", says).output();
        let called = called.expect("the program starts");
        assert_eq!(called.status.code(), Some(exit), "{says}: {}", err(&called));
        assert!(err(&called).contains(words), "{says}: {}", err(&called));
    }
}

#[test]
fn rules_are_set_by_the_call() {
    let shown = |line: &str| fine(line);
    assert_ne!(
        shown("plan workflows/text.yaml --entrants 20"),
        shown("plan workflows/text.yaml --entrants 20 --set rules.draw.pairs.up_to=30")
    );
    for (line, says) in [
        ("check workflows/text.yaml --set rules.draw.pairs.upto=30", "did you mean `up_to`?"),
        ("check workflows/text.yaml --set draw.pairs.up_to=30", "begins with `rules.`, `schedule.` or `gpus.`"),
        ("check workflows/text.yaml --set schedule.on=frday", "did you mean `friday`?"),
        ("check workflows/text.yaml --set gpus.rows=4xH100", "expected a list"),
        ("check workflows/text.yaml --set rules.draw.pairs.up_to", "PATH=VALUE"),
        ("check workflows/text.yaml --set rules.draw.pairs.up_to=many", "up_to"),
        ("plan workflows/text.yaml --set rules.nothing=1", "there is no `nothing`"),
        ("graph workflows/text.yaml --set rules.nothing=1", "there is no `nothing`"),
        ("check workflows/text.yaml --set rules.register=null", "`rules.register` is `null` here"),
    ] {
        wrong(line, WRONG, says);
    }
    let set = call("check workflows/text.yaml --set rules.register=null");
    assert!(err(&set).contains("write a mapping") && !err(&set).contains("further to the right"), "{}", err(&set));
    let negative = call("plan workflows/text.yaml --entrants -1");
    assert!(!err(&negative).contains("--' as a value") && !err(&negative).contains("-- -1"), "{}", err(&negative));
}

#[test]
fn inputs_are_read_as_their_types() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let write = |name: &str, text: &str| fs::write(path(name), text).expect("the folder is writable");
    write(
        "workflow.yaml",
        "god_flow: 1\nworkflow: greet\ninputs:\n  names: { type: '[text]', about: Who is greeted }\n\
         steps:\n  greetings:\n    for_each: { name: '${inputs.names}', key: '${name}' }\n    value: 'Hello, ${name}!'\n",
    );
    write("good.yaml", "names: [Ada, Grace, Alan]\n");
    write("good.json", "{\"names\": [\"Ada\", \"Grace\", \"Alan\"]}");
    write("type.yaml", "names: 5\n");
    write("name.yaml", "nmaes: [Ada]\n");
    write("list.yaml", "- Ada\n");
    let plan = |inputs: &str| format!("plan {} --inputs {}", path("workflow.yaml"), path(inputs));
    assert_eq!(fine(&plan("good.yaml")), fine(&plan("good.json")));
    assert!(fine(&plan("good.yaml")).contains("×3"), "{}", fine(&plan("good.yaml")));
    wrong(&plan("type.yaml"), WRONG, "names");
    wrong(&plan("name.yaml"), WRONG, "did you mean `names`?");
    wrong(&plan("list.yaml"), WRONG, "expected a mapping of inputs");
    write("several.yaml", "nmaes: [Ada]\nnames:\n  - Ada\n  - 5\n  - Grace\n  - [Alan]\n");
    for line in [
        "several.yaml:1:1: the workflow has no input `nmaes`",
        "several.yaml:4:5: names: ",
        "several.yaml:6:5: names: ",
    ] {
        wrong(&plan("several.yaml"), WRONG, line);
    }
}

#[test]
fn shipped_workflows_are_planned_for_fields_of_any_size() {
    for name in ["hello", "text", "image", "environment"] {
        for entrants in [0, 1, 2, 3, 5, 14, 15, 64] {
            let line = format!("plan workflows/{name}.yaml --entrants {entrants}");
            let output = call(&line);
            // Without tasks there is nothing to choose from: the plan says where it comes to a stop.
            if entrants == 0 && name != "hello" && output.status.code() == Some(FAILED) {
                assert!(err(&output).contains("comes to a stop at"), "{line}: {}", err(&output));
                continue;
            }
            assert_eq!(output.status.code(), Some(FINE), "{line}: {}", err(&output));
            assert!(out(&output).contains("nodes"), "{line}: {}", out(&output));
        }
    }
}

#[test]
fn a_large_field_is_planned() {
    let planned = fine("plan workflows/text.yaml --entrants 2000");
    assert!(planned.contains("admission") && planned.contains("nodes"), "{planned}");
}

#[test]
fn a_plan_that_comes_to_a_stop_says_so_to_programs_too() {
    let text = "god_flow: 1\nworkflow: w\ninputs: { n: { type: whole, default: 0 } }\nsteps:\n  a:\n    value: \"${1.0 / inputs.n}\"\n  b:\n    value: \"${a}\"\n";
    let output = with_stdin("plan - --json", text.as_bytes());
    assert_eq!(output.status.code(), Some(FAILED), "{}", err(&output));
    let told: Json = serde_json::from_slice(&output.stdout).expect("stdout is JSON");
    assert!(told["error"].as_str().is_some_and(|it| it.contains("comes to a stop at a")), "{told}");
    let many = "god_flow: 1\nworkflow: w\nsteps:\n  a:\n    value: \"${size(range(9000).filter(i, i in range(9000)))}\"\n  b:\n    value: \"${a}\"\n";
    let output = with_stdin("plan -", many.as_bytes());
    assert_eq!(output.status.code(), Some(FAILED), "{}", out(&output));
    let says = err(&output);
    assert!(says.contains("more than 20000000 steps") && says.contains("go through a list once"), "{says}");
}

#[test]
fn what_nobody_calls_by_hand_is_not_shown() {
    for line in ["completions bash", "completions zsh", "completions fish", "--help", ""] {
        let output = call(line);
        let shown = format!("{}{}", out(&output), err(&output));
        assert!(shown.contains("simulate") && !shown.contains("keep-commands"), "{line}: {shown}");
    }
}

fn with_stdin(line: &str, bytes: &[u8]) -> Output {
    let mut child = program()
        .args(line.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("it reads").write_all(bytes).expect("it reads to the end");
    child.wait_with_output().expect("it ends")
}

#[test]
fn stdin_is_a_file_like_any_other() {
    let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows/hello.yaml")).expect("it is there");
    for line in ["check -", "plan -", "graph - --format dot"] {
        let output = with_stdin(line, &text);
        assert_eq!(output.status.code(), Some(FINE), "{line}: {}", err(&output));
    }
    let output = with_stdin("check -", b"god_flow: 1\nworkflow: x\nstep: {}\n");
    assert_eq!(output.status.code(), Some(WRONG));
    assert!(err(&output).contains("<stdin>:3:1"), "{}", err(&output));
}

#[test]
fn colour_is_for_terminals_and_those_who_ask() {
    const BAD: &str = "check tests/mistakes/workflow__cycle.yaml";
    let coloured = |line: &str, no_color: Option<&str>| {
        let mut command = program();
        command.args(line.split_whitespace()).envs(no_color.map(|value| ("NO_COLOR", value)));
        err(&command.output().expect("the program starts")).contains('\u{1b}')
    };
    assert!(!coloured(BAD, None), "a pipe is no terminal");
    assert!(coloured(&format!("{BAD} --color always"), None));
    assert!(!coloured(&format!("{BAD} --color never"), None));
    assert!(!coloured(BAD, Some("1")));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = program()
        .args(["schema", "--print"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = [0; 16];
    let mut stdout = child.stdout.take().expect("it prints");
    stdout.read_exact(&mut first).expect("it prints something");
    drop(stdout);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(FINE), "{}", err(&output));
    assert!(err(&output).is_empty(), "{}", err(&output));
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::create_dir(path("empty")).expect("the folder is writable");
    fs::create_dir(path("inside")).expect("the folder is writable");
    fs::write(path("latin1.yaml"), b"god_flow: 1\nworkflow: caf\xe9\n").expect("the folder is writable");
    fs::write(path("secret.yaml"), "god_flow: 1\npart: secret\n").expect("the folder is writable");
    let text = "god_flow: 1\nworkflow: x\ninclude: [secret.yaml]\nsteps: { a: { value: 1 } }\n";
    fs::write(path("inside/main.yaml"), text).expect("the folder is writable");
    std::os::unix::fs::symlink(path("secret.yaml"), path("inside/secret.yaml")).expect("a link can be made");

    wrong(&format!("check {}", path("latin1.yaml")), WRONG, "it is not UTF-8 text");
    wrong(&format!("check {}", path("empty")), WRONG, "found none");
    wrong(&format!("check {}", path("inside/main.yaml")), WRONG, "leads out of the");
    wrong(&format!("check {}", path("gone.yaml")), WRONG, "there is no such file");
}

#[test]
fn a_folder_tells_of_a_shared_part_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder is writable");
    write("part.yaml", "god_flow: 1\npart: shared\ntemplates:\n  t:\n    steps: { a: { value: '${nothing}' } }\n");
    for name in ["one", "two"] {
        let text = format!("god_flow: 1\nworkflow: {name}\ninclude: [part.yaml]\nsteps: {{ a: {{ use: t }} }}\n");
        write(&format!("{name}.yaml"), &text);
    }
    let output = call(&format!("check {} --json", folder.path().display()));
    let mistakes: Json = serde_json::from_str(out(&output)).expect("mistakes are data");
    assert_eq!(mistakes.as_array().map(Vec::len), Some(1), "{mistakes:#}");
}

#[test]
fn pull_requests_get_annotations() {
    let output = call("check tests/mistakes/workflow__cycle.yaml --format github");
    assert_eq!(output.status.code(), Some(WRONG));
    let first = out(&output).lines().next().unwrap_or_default();
    assert!(
        first.starts_with(
            "::error file=tests/mistakes/workflow__cycle.yaml,line=4,col=3,endColumn=6,title=workflow%3A%3Acycle::"
        ),
        "{first}"
    );
}

#[test]
fn what_fits_no_host_is_refused_with_all_the_steps_that_ask_for_it() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let path = folder.path().join("big.yaml");
    let step = |name: &str, gpus: &str| {
        format!("  {name}: {{ container: {{ image: 'x/y:1', command: [x] }}, gpus: {gpus} }}\n")
    };
    let each = "  each:\n    for_each: { it: \"${['p', 'q', 'r']}\", key: \"${it}\" }\n    use: one\n";
    let one = "templates:\n  one:\n    steps:\n";
    let text = format!(
        "god_flow: 1\nworkflow: big\nsteps:\n{}{}{each}{one}    {}",
        step("small", "1xH100"),
        step("other", "4xB200"),
        step("train", "8xA100")
    );
    fs::write(&path, text).expect("the folder takes a file");
    let file = path.display();
    let all = "error: `other` could never start: 4xB200 fits no host; the nearest is `gpu-1`, which has 8xH100 where 4xB200 is asked\n       \
               `each[p]/train` (and 2 more of this step) could never start: 8xA100 fits no host; the nearest is `gpu-1`";
    for line in [
        "run --backend mock --store memory:",
        "simulate",
        "simulate --faults",
        "plan --world examples/worlds/four-hosts.yaml",
    ] {
        wrong(&format!("{line} {file}"), REFUSED, all);
    }
    wrong(
        &format!("simulate {file} --world workflows/worlds/image-2025-12.yaml"),
        REFUSED,
        "`other` could never start: 4xB200",
    );
    wrong(&format!("simulate workflows/hello.yaml --compare {file}"), REFUSED, "`other` could never start");
    wrong(
        &format!("plan {file} --gpus 32xH100"),
        REFUSED,
        "the nearest is `--gpus`, which has 32xH100 where 4xB200 is asked",
    );
    assert!(
        fine(&format!("plan {file} --gpus 1xH100,4xB200,8xA100")).contains("on 8xA100 and 4xB200 and 1xH100: about")
    );
    assert!(fine(&format!("plan {file}")).contains("train"), "without hosts nothing is refused");
    let unknown = call("plan workflows/text.yaml --gpus 1xH100");
    assert!(err(&unknown).contains("it is not known whether all of it fits on a host"), "{}", err(&unknown));

    let commands = folder.path().join("commands.yaml");
    let text = "god_flow: 1\nworkflow: w\nsteps:\n  a: { process: { shell: 'true' }, gpus: 1xH100 }\n";
    fs::write(&commands, text).expect("the folder takes a file");
    let line = format!("run {} --allow-process --store memory:", commands.display());
    wrong(&line, REFUSED, "the nearest is `here`, which has no GPUs where 1xH100 is asked");
}

//! What is shown of runs: their summary, nodes, reasons and timelines, and the commands that show them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod files;
mod play;

use std::sync::Arc;

use god_flow::{
    run::{
        Cause, Command, Input, Ruling,
        explain::{Why, explain},
        place::HostId,
    },
    view::{self, History, State, Went},
};
use play::{Fails, Played, beginning, go_on, play, source, written};

const PIPELINE: &str = r#"
god_flow: 1
workflow: pipeline
rules: { items: [{ id: a }, { id: b }, { id: c }] }
steps:
  first:
    container: { image: "example/first:1", command: [first], outputs: { file: text } }
  never:
    when: "first.file == 'nothing'"
    container: { image: "example/never:1", command: [never] }
  each:
    for_each: { item: "${rules.items}", key: "${item.id}" }
    container: { image: "example/each:1", command: [each, "${first.file}", "${item.id}"], outputs: { loss: decimal } }
    gpus: 8xH100
    on_failure: hold
  last:
    container: { image: "example/last:1", command: [last, "total ${each.map(it, it.loss).present().sum()}"], outputs: { total: decimal } }
gives: { total: "${last.total}" }
"#;

fn played(fails: &Fails, turns: usize) -> Played {
    let workflow = written(PIPELINE);
    play(&workflow, &beginning(&workflow, "w", 1, 7), None, fails, turns)
}

fn why(played: &Played, id: &str) -> Vec<Why> {
    let mut world = played.world.clone();
    world.look_ahead();
    explain(&world, world.now(), id).unwrap_or_default()
}

fn summary(played: &Played) -> view::Summary {
    let mut world = played.world.clone();
    world.look_ahead();
    view::summary(played.id, &world, &History::of(&played.log).unwrap(), world.now())
}

#[test]
fn a_run_is_summed_up_by_the_steps_of_its_file() {
    let over = summary(&played(&Fails::new(), 100));
    let told: Vec<(String, String)> = over.steps.iter().map(|row| (row.name.to_string(), row.counts.words())).collect();
    let expected = [("first", "1 done"), ("never", "1 skipped"), ("each", "3 done"), ("last", "1 done")];
    assert_eq!(told, expected.map(|(name, words)| (name.to_string(), words.to_string())));
    assert_eq!((over.state, over.gpus.used, over.gpus.total), (State::Succeeded, 0, 32));
    // Three times ten minutes on eight GPUs.
    assert!((over.gpu_hours - 4.0).abs() < 1e-9, "{}", over.gpu_hours);

    let begun = summary(&played(&Fails::new(), 1));
    assert_eq!((begun.state, begun.nodes.running, begun.more_to_come), (State::Running, 1, true));
    let midst = summary(&played(&Fails::new(), 2));
    let each = midst.steps.iter().find(|row| row.name.as_str() == "each").unwrap();
    assert_eq!((midst.gpus.used, each.gpus, each.counts.running), (24, 24, 3));
}

#[test]
fn every_reason_why_a_node_does_not_go_on_is_told() {
    let run = played(&Fails::new(), 1);
    assert!(matches!(&why(&run, "first")[..], [Why::Running { attempt: 1, .. }]));
    assert_eq!(why(&run, "each"), [Why::Needs { undone: 1, some: vec![Arc::from("first")] }]);
    assert_eq!(why(&run, "each[a]"), [Why::NotYet { behind: "each".into() }]);
    assert_eq!(why(&run, "nonsense"), []);

    // Without two of the hosts there is no room for the third item.
    let mut run = played(&Fails::new(), 1);
    let lost = ["h2", "h3"].map(|host| Input::HostLost { host: HostId::parse(host).unwrap() });
    let node = "first".into();
    let done = Input::Report {
        node,
        attempt: 1,
        report: god_flow::run::Report::Succeeded { output: serde_json::json!({ "file": "x" }) },
    };
    let inputs = lost.into_iter().chain([done]).collect();
    go_on(&mut run, inputs, &Fails::new(), 1);
    let waits: Vec<String> = ["each[a]", "each[b]", "each[c]"]
        .iter()
        .flat_map(|id| why(&run, id))
        .filter_map(|why| match why {
            Why::NoPlace { reason } => Some(reason),
            _ => None,
        })
        .collect();
    assert!(waits.iter().any(|it| it.contains("8xH100 asked, 0 of 8 H100 free")), "{waits:?}");
    assert!(waits.iter().any(|it| it.contains("h3: gone")), "{waits:?}");
    let waiting = summary(&run).waiting;
    assert_eq!((waiting[0].step.as_str(), waiting[0].count), ("each", 1));

    let fails = Fails::from([("each[b]".into(), vec![Cause::Refused]), ("first".into(), vec![Cause::Network])]);
    let run = played(&fails, 2);
    assert!(
        matches!(&why(&run, "first")[..], [Why::BackOff { attempts: 1, cause: Some(Cause::Network), .. }]),
        "{:?}",
        why(&run, "first")
    );
    let run = played(&fails, 100);
    assert!(matches!(&why(&run, "each[b]")[..], [Why::Held { cause: Cause::Refused, .. }]));
    assert_eq!(summary(&run).state, State::Held);
    assert_eq!(summary(&run).held[0].node, "each[b]".into());
    assert!(matches!(&why(&run, "never")[..], [Why::Skipped { when: Some(_) }]));

    let say = |command| Input::Command { who: "ada".into(), why: "a test".into(), command };
    let rule = |ruling| say(Command::Rule { node: "each[b]".into(), ruling });
    let mut void = played(&fails, 100);
    let at = void.world.now();
    void.log.extend(void.world.handle(at, [rule(Ruling::Accept)]));
    assert!(matches!(&why(&void, "each[b]")[..], [Why::Failed { .. }]), "{:?}", why(&void, "each[b]"));
    assert_eq!(why(&void, "last"), [Why::Abandoned { by: Some("each[b]".into()) }]);
    assert_eq!(summary(&void).state, State::Failed);

    let mut cancelled = played(&Fails::new(), 1);
    let at = cancelled.world.now();
    cancelled.log.extend(cancelled.world.handle(at, [say(Command::Cancel)]));
    assert_eq!(why(&cancelled, "last"), [Why::Abandoned { by: None }]);
    assert_eq!(summary(&cancelled).state, State::Stopping);
}

#[test]
fn a_node_is_shown_with_its_attempts_and_what_it_took_and_gave() {
    let run = played(&Fails::from([("first".into(), vec![Cause::HostLost])]), 100);
    let history = History::of(&run.log).unwrap();
    let node = view::node(&run.world, &history, &run.log, "first", run.world.now()).unwrap();
    let went: Vec<Went> = node.attempts.iter().map(|it| it.went).collect();
    assert_eq!(went, [Went::Failed, Went::Succeeded]);
    assert_eq!(node.input.unwrap()["command"], serde_json::json!(["first"]));
    assert!(node.output.unwrap()["file"].is_string());
    let each = view::node(&run.world, &history, &run.log, "each", run.world.now()).unwrap();
    assert_eq!((each.inside_count, each.needs), (3, vec![Arc::from("first")]));
    assert!(view::node(&run.world, &history, &run.log, "none", run.world.now()).is_none());
}

#[test]
fn a_timeline_has_a_lane_for_each_gpu_and_nothing_twice_in_it() {
    let source = source("workflows/text.yaml");
    let workflow = god_flow::driver::workflow(&source).unwrap();
    let run = play(&workflow, &beginning(&workflow, &source, 16, 7), None, &Fails::new(), 1_000);
    let history = History::of(&run.log).unwrap();
    let timeline = view::timeline(&history, run.world.now());
    assert_eq!(timeline.lanes.iter().filter(|lane| lane.gpu.is_some()).count(), 32);
    for lane in &timeline.lanes {
        let apart = lane.stretches.windows(2).all(|pair| pair[0].to <= pair[1].from);
        assert!(apart, "{} {:?}", lane.host, lane.gpu);
    }
    assert!((timeline.gpu_hours - history.gpu_hours(run.world.now())).abs() < 1e-6);
    assert!((0.0..=1.0).contains(&timeline.busy));
    let svg = view::svg("a & b", &timeline);
    assert!(svg.starts_with("<svg") && svg.contains("a &amp; b") && svg.trim_end().ends_with("</svg>"));
    let trace = view::perfetto("x", &timeline);
    let slices = trace["traceEvents"].as_array().unwrap().iter().filter(|it| it["ph"] == "X").count();
    assert_eq!(slices, timeline.lanes.iter().map(|lane| lane.stretches.len()).sum::<usize>());
}

/// The built program in a folder of its own.
struct Program(tempfile::TempDir);

impl Program {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
    /// Runs a command; its exit, stdout and stderr.
    fn call(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_god-flow"))
            .args(arguments)
            .current_dir(self.0.path())
            .env("GOD_FLOW_STORE", self.0.path().join("runs.db"))
            .env("COLUMNS", "80")
            .env_remove("RUST_BACKTRACE")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn a_run_is_looked_at_from_the_command_line() {
    let program = Program::new();
    let file = program.file("pipeline.yaml", PIPELINE);
    assert_eq!(program.call(&["runs"]).0, 0);
    assert_eq!(program.call(&["show", "@latest"]).0, 2);
    let (exit, _, errors) = program.call(&["run", &file, "--backend", "mock", "--speed", "max", "--name", "one"]);
    assert_eq!(exit, 0, "{errors}");
    for (call, expected) in [
        (&["runs"][..], "pipeline (simulated)"),
        (&["show", "one"], "3 done"),
        (&["show", "@latest", "each[b]"], "attempts"),
        (&["explain", "on", "each[b]"], "it is done"),
        (&["verify", "one"], "one: sound"),
        (&["timeline", "one"], "GPU-hours"),
        (&["events", "one"], r#""event":"created""#),
        (&["plan", &file, "--against", "one"], "KEPT"),
    ] {
        let (exit, told, errors) = program.call(call);
        assert_eq!(exit, 0, "{call:?}: {errors}");
        assert!(told.contains(expected), "{call:?}: {told}");
        let json: Vec<&str> = call.iter().copied().chain(["--json"]).collect();
        let (exit, told, errors) = program.call(&json);
        assert_eq!(exit, 0, "{json:?}: {errors}");
        let reads = told.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        assert!(reads || serde_json::from_str::<serde_json::Value>(&told).is_ok(), "{json:?}: {told}");
        let widest = told.lines().map(|line| line.chars().count()).max();
        assert!(call[0] != "show" || widest <= Some(120), "{call:?} is {widest:?} wide");
    }
    for (call, exit, words) in [
        (&["show", "two"][..], 2, "there is no run `two`"),
        (&["show", "one", "each[d]"], 2, "did you mean `each["),
        (&["explain", "one", "eahc"], 2, "did you mean `each`?"),
        (&["run", "pipeline.yaml", "--backend", "mock", "--name", "one"], 3, "a run is called one already"),
        (&["run", "pipeline.yaml", "--backend", "mock", "--name", "@latest"], 3, "a letter or a digit is first"),
        (&["cancel", "one", "--why", "x"], 3, "the run is over"),
        (&["pause", "one", "--why", " "], 2, "say why"),
        (&["decide", "one", "each[a]", "replace", "--why", "x"], 2, "add --with FILE"),
        (&["logs", "one", "first"], 3, "writes no logs"),
        (&["retry", "one", "none"], 2, "there is no node `none`"),
    ] {
        let (found, _, errors) = program.call(call);
        assert_eq!(found, exit, "{call:?}: {errors}");
        assert!(errors.contains(words), "{call:?}: {errors}");
    }
}

#[test]
fn an_export_is_checked_without_the_store() {
    let program = Program::new();
    let file = program.file("pipeline.yaml", PIPELINE);
    assert_eq!(program.call(&["run", &file, "--backend", "mock", "--speed", "max", "--name", "one"]).0, 0);
    let (_, export, _) = program.call(&["export", "one"]);
    let other = Program::new();
    let whole = other.file("whole.jsonl", &export);
    let (exit, told, _) = other.call(&["verify", &whole]);
    assert_eq!(exit, 0, "{told}");
    for (name, changed) in [
        ("body", export.replacen("example/each:1", "example/each:2", 2)),
        ("output", export.replacen("\\\"loss\\\":", "\\\"loss\\\":1", 1)),
        ("order", {
            let mut lines: Vec<&str> = export.lines().collect();
            lines.swap(4, 5);
            lines.join("\n")
        }),
        ("passes for real", export.replacen("\"simulated\":true", "\"simulated\":false", 1)),
        ("other name", export.replacen("\"name\":\"one\"", "\"name\":\"two\"", 1)),
        ("other workflow", export.replacen("example/last:1", "example/last:2", 1)),
    ] {
        assert_ne!(changed, export, "{name}");
        let (exit, told, errors) = other.call(&["verify", &other.file("changed.jsonl", &changed)]);
        assert_eq!(exit, 1, "{name}: {told}{errors}");
        assert!(told.contains("NOT SOUND"), "{name}: {told}");
    }
    assert_eq!(other.call(&["verify", &other.file("none.jsonl", "{}\n")]).0, 1);
    let cut: String = export.lines().take(6).map(|line| format!("{line}\n")).collect();
    let (exit, _, errors) = other.call(&["verify", &other.file("cut.jsonl", &cut)]);
    assert!(exit == 1 && errors.contains("and there are 4"), "{errors}");
}

#[test]
fn a_run_is_done_again_from_the_command_line() {
    let program = Program::new();
    let file = program.file("pipeline.yaml", PIPELINE);
    assert_eq!(program.call(&["run", &file, "--backend", "mock", "--speed", "max", "--name", "one"]).0, 0);
    let changed = program.file("changed.yaml", &PIPELINE.replace("example/last:1", "example/last:2"));
    let (_, told, _) = program.call(&["plan", &changed, "--against", "one"]);
    assert!(told.contains("input changed: image: last"), "{told}");
    let (exit, told, errors) = program.call(&["retry", "one", "each[b]", "--with", &changed, "--name", "two"]);
    assert_eq!((exit, told.trim()), (0, "two"), "{errors}");
    let (_, told, _) = program.call(&["show", "two"]);
    assert!(told.contains("does one ("), "{told}");
    assert_eq!(program.call(&["resume", "two", "--speed", "max"]).0, 0);
    let (_, events, _) = program.call(&["events", "two"]);
    let begun: Vec<&str> = events.lines().filter(|line| line.contains("\"attempt_started\"")).collect();
    assert!(begun.iter().all(|line| line.contains("\"each[b]\"") || line.contains("\"last\"")), "{begun:#?}");
    assert!(events.contains("\"reused\""));
    assert_eq!(program.call(&["verify", "two"]).0, 0);
}

#[test]
fn a_paused_run_goes_on_when_it_is_resumed() {
    let program = Program::new();
    let file = program.file("pipeline.yaml", PIPELINE);
    assert_eq!(program.call(&["run", &file, "--backend", "mock", "--speed", "max", "--name", "one"]).0, 0);
    // A run that nobody drives yet: it is paused, refuses to be paused twice, and is taken up.
    assert_eq!(program.call(&["retry", "one", "first", "--downstream", "--name", "two"]).0, 0);
    assert_eq!(program.call(&["pause", "two", "--why", "a look"]).0, 0);
    assert_eq!(program.call(&["pause", "two", "--why", "a look"]).0, 3);
    assert!(program.call(&["show", "two"]).1.contains("paused"));
    assert_eq!(program.call(&["resume", "two", "--speed", "max"]).0, 0);
    assert!(program.call(&["show", "two"]).1.contains("succeeded"));
}

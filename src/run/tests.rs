//! Scenarios of runs, told turn by turn.

mod ahead;
mod charged;
mod paths;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};

use super::{
    event::HostOffer,
    place::{GpuId, HostId},
    *,
};
use crate::{
    base::{GpuKind, Seed, Size, SourceId, Value},
    document,
    workflow::{self, Checked, Workflow},
};

fn workflow(steps: &str) -> Arc<Workflow> {
    let text = format!("god_flow: 1\nworkflow: scenario\n{steps}");
    let (tree, mistakes) = document::parse(SourceId(0), &text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    match workflow::check(&tree.expect("a text without mistakes has a tree")) {
        Ok(Checked::Workflow(workflow)) => Arc::new(*workflow),
        Ok(Checked::Part(_)) => panic!("a scenario is a workflow"),
        Err(mistakes) => panic!("{:#?}", mistakes.iter().map(|it| (&it.code, &it.message)).collect::<Vec<_>>()),
    }
}

/// A run that is played by hand. After every turn the log is replayed and must give the same state.
struct Played {
    id: RunId,
    workflow: Arc<Workflow>,
    world: World,
    log: Vec<Record>,
    now: Timestamp,
}

impl Played {
    fn of(steps: &str) -> Self {
        let workflow = workflow(steps);
        let id = RunId::from_bytes([1; 16]);
        let now: Timestamp = "2026-07-06T14:00:00Z".parse().expect("a good time");
        let beginning = Beginning {
            id,
            name: "brave-otter".into(),
            workflow: Digest::of("scenario"),
            inputs: Value::record::<&str>([]),
            seed: Seed(1),
            simulated: true,
        };
        let (world, log) = World::begin(now, workflow.clone(), &beginning);
        Self { id, workflow, world, log, now }
    }

    fn host(mut self, name: &str, gpus: u32) -> Self {
        let input = Input::HostJoined { host: host(name), offer: offer(gpus) };
        self.turn(0, [input]);
        self
    }

    fn turn(&mut self, seconds: i64, inputs: impl IntoIterator<Item = Input>) -> Vec<String> {
        self.now += SignedDuration::from_secs(seconds);
        let records = self.world.handle(self.now, inputs);
        let told = records.iter().map(|record| told(&read(record).expect("a record of ours reads"))).collect();
        self.log.extend(records);
        let again = World::replay(self.id, self.workflow.clone(), &self.log).expect("a log of ours replays");
        let states =
            |world: &World| -> Vec<Status> { world.run.plan.nodes().map(|node| world.run.status(node)).collect() };
        assert_eq!(states(&again), states(&self.world));
        assert_eq!(again.run.attempts, self.world.run.attempts);
        assert_eq!(again.run.tries, self.world.run.tries);
        assert_eq!(again.run.held, self.world.run.held);
        assert_eq!(again.run.due, self.world.run.due);
        assert_eq!(again.run.outcome, self.world.run.outcome);
        let verdict = verify::verify(self.id, self.workflow.clone(), &self.log);
        assert!(verdict.is_sound(), "{verdict:#?}");
        told
    }

    fn report(&mut self, seconds: i64, node: &str, report: Report) -> Vec<String> {
        let at = self.world.run.find(node).unwrap_or_else(|| panic!("no node {node}"));
        let attempt = self.world.run.attempts.get(&at).map_or(1, |attempt| attempt.number);
        self.turn(seconds, [Input::Report { node: node.into(), attempt, report }])
    }

    fn gives(&mut self, node: &str, output: Json) -> Vec<String> {
        self.report(60, node, Report::Succeeded { output })
    }

    fn fails(&mut self, node: &str, cause: Cause) -> Vec<String> {
        self.report(60, node, Report::Failed(Failure::new(cause, "so it goes")))
    }

    fn command(&mut self, command: Command) -> Vec<String> {
        self.turn(1, [Input::Command { who: "ada".into(), why: "because".into(), command }])
    }

    fn rule(&mut self, node: &str, ruling: Ruling) -> Vec<String> {
        let command = Command::Rule { node: node.into(), ruling };
        assert_eq!(self.world.refusal(&command), None);
        self.command(command)
    }

    fn outcome(&self) -> Json {
        serde_json::to_value(&self.world.run.outcome).expect("an outcome is JSON")
    }
}

fn host(name: &str) -> HostId {
    HostId::parse(name).expect("a good name")
}

fn offer(gpus: u32) -> HostOffer {
    let gpu =
        |i: u32| (GpuId::parse(&i.to_string()).expect("a good name"), GpuKind::parse("H100").expect("a good kind"));
    HostOffer { gpus: (0..gpus).map(gpu).collect(), cpus: 64, memory: Size(1 << 40), slots: 4, ..HostOffer::default() }
}

/// An event in a few words.
fn told(event: &Event) -> String {
    let node = event.node().map(|node| format!(" {node}")).unwrap_or_default();
    let more = match event {
        Event::AttemptStarted { attempt, host, gpus, .. } => format!(" #{attempt} on {host}, {} gpus", gpus.len()),
        Event::AttemptFailed { failure, .. } | Event::Held { failure, .. } | Event::Failed { failure, .. } => {
            format!(": {}", failure.cause.words())
        }
        _ => String::new(),
    };
    format!("{}{node}{more}", event.kind())
}

const WORK: &str = "container: { image: i, outputs: { n: whole } }";

#[test]
fn steps_follow_one_another_and_the_run_gives_its_results() {
    let mut run = Played::of(&format!("steps:\n  a: {{ {WORK} }}\n  b:\n    when: a.n > 1\n    {WORK}\n  c:\n    value: \"${{a.n + 1}}\"\ngives: {{ c: \"${{c}}\", b: \"${{b.n.or(0)}}\" }}\n")).host("h", 1);
    assert_eq!(run.gives("a", json!({"n": 1})), ["attempt_succeeded a", "skipped b", "decided c", "finished"]);
    assert_eq!(run.outcome(), json!({"succeeded": {"gives": {"c": 2, "b": 0}}}));
}

#[test]
fn each_cause_has_its_own_budget_and_the_wait_grows() {
    let mut run =
        Played::of(&format!("steps:\n  a:\n    {WORK}\n    retry: {{ exit_code: 1, network: 1, wait: 10s }}\n"))
            .host("h", 1);
    assert_eq!(run.fails("a", Cause::ExitCode), ["attempt_failed a: ended with an error", "retrying a"]);
    assert_eq!(run.turn(1, [Input::Tick]), Vec::<String>::new(), "the wait is not over");
    assert_eq!(run.turn(14, [Input::Tick]), ["attempt_started a #2 on h, 0 gpus"]);
    assert_eq!(run.fails("a", Cause::Network), ["attempt_failed a: network or service failure", "retrying a"]);
    run.turn(30, [Input::Tick]);
    assert_eq!(
        run.fails("a", Cause::ExitCode),
        ["attempt_failed a: ended with an error", "failed a: ended with an error", "finished"]
    );
    assert_eq!(run.outcome()["failed"]["failure"]["blame"], "entrant");
}

#[test]
fn attempts_in_all_count_whatever_the_work_fails_by_and_not_what_the_world_does() {
    let steps = format!("steps:\n  a: {{ {WORK}, retry: {{ attempts: \"${{rules.tries}}\", wait: 1s }} }}\n");
    let mut run = Played::of(&format!("rules: {{ tries: 3 }}\n{steps}")).host("h", 1);
    for cause in [Cause::OutOfMemory, Cause::Network, Cause::BadOutput, Cause::Network] {
        assert_eq!(run.fails("a", cause)[1..], ["retrying a"], "{cause:?}");
        run.turn(60, [Input::Tick]);
    }
    assert_eq!(run.fails("a", Cause::ExitCode)[1..], ["failed a: ended with an error", "finished"]);
}

#[test]
fn a_lost_host_costs_nobody_an_attempt_and_the_work_goes_elsewhere() {
    let mut run = Played::of(&format!("steps:\n  a:\n    {WORK}\n    gpus: 2xH100\n")).host("h1", 2).host("h2", 2);
    let lost = run.turn(60, [Input::HostLost { host: host("h1") }]);
    assert_eq!(lost, ["host_lost h1", "attempt_failed a: host lost", "retrying a"].map(|it| it.replace(" h1", "")));
    assert_eq!(run.turn(60, [Input::Tick]), ["attempt_started a #2 on h2, 2 gpus"]);
    assert_eq!(run.gives("a", json!({"n": 1})), ["attempt_succeeded a", "finished"]);
}

#[test]
fn reports_of_other_attempts_change_nothing() {
    let mut run =
        Played::of(&format!("steps:\n  a:\n    {WORK}\n    retry: {{ exit_code: 1, wait: 1s }}\n")).host("h", 1);
    run.fails("a", Cause::ExitCode);
    run.turn(5, [Input::Tick]);
    let late = Input::Report { node: "a".into(), attempt: 1, report: Report::Succeeded { output: json!({"n": 9}) } };
    assert_eq!(run.turn(1, [late.clone(), late]), Vec::<String>::new());
    let unknown = Input::Report { node: "zzz".into(), attempt: 1, report: Report::Succeeded { output: json!({}) } };
    assert_eq!(run.turn(1, [unknown]), Vec::<String>::new());
}

#[test]
fn a_time_limit_fails_or_keeps_what_is_there() {
    for (keep, output, expected) in [
        ("succeed", Some(json!({"n": 3})), vec!["attempt_succeeded a", "finished"]),
        ("succeed", None, vec!["attempt_failed a: time limit reached", "failed a: time limit reached", "finished"]),
        (
            "fail",
            Some(json!({"n": 3})),
            vec!["attempt_failed a: time limit reached", "failed a: time limit reached", "finished"],
        ),
    ] {
        let steps = format!("steps:\n  a:\n    {WORK}\n    time_limit: 1h\n    on_time_limit: {keep}\n");
        let mut run = Played::of(&steps).host("h", 1);
        assert_eq!(run.turn(3_599, [Input::Tick]), Vec::<String>::new());
        assert_eq!(run.turn(1, [Input::Tick]), ["overtime a"]);
        assert_eq!(run.report(5, "a", Report::CutShort { output }), expected);
    }
}

#[test]
fn what_does_not_come_to_its_end_counts_as_lost_with_its_host() {
    let mut run = Played::of(&format!("steps:\n  a:\n    {WORK}\n    time_limit: 1h\n")).host("h", 1);
    run.turn(3_600, [Input::Tick]);
    assert_eq!(run.turn(300, [Input::Tick]), ["attempt_failed a: host lost", "retrying a"]);
}

#[test]
fn bad_output_is_the_works_own_failure() {
    let mut run = Played::of(&format!("steps:\n  a: {{ {WORK} }}\n")).host("h", 1);
    assert_eq!(run.gives("a", json!({"m": 1})), ["attempt_failed a: bad output", "failed a: bad output", "finished"]);
}

#[test]
fn a_failure_can_be_a_result_and_the_others_go_on() {
    let steps = "rules: { names: [x, y] }\nsteps:\n  each:\n    for_each: { name: \"${rules.names}\", key: \"${name}\" }\n    use: two\n    with: { who: \"${name}\" }\n    on_failure: result\ntemplates:\n  two:\n    takes: { who: text }\n    steps:\n      a: { container: { image: \"${who}\", outputs: { n: whole } } }\n      b: { container: { image: \"${who}\", outputs: { n: whole } } }\n      c: { value: \"${a.n + b.n}\" }\n    gives: { n: \"${c}\" }\ngives:\n  good: \"${each.filter(e, e.ok).map(e, e.key)}\"\n  blamed: \"${each.filter(e, !e.ok).map(e, e.blame.or('us'))}\"\n";
    let mut run = Played::of(steps).host("h", 1);
    // What runs beside the failed step in the same item is stopped; the other item is not touched.
    let told = run.fails("each[x]/a", Cause::ExitCode);
    assert_eq!(
        told[..3],
        ["attempt_failed each[x]/a: ended with an error", "failed each[x]/a: ended with an error", "settled each[x]"]
    );
    let stopped =
        run.world.run.find("each[x]/b").and_then(|node| run.world.run.attempts.get(&node)).and_then(|it| it.ending);
    assert_eq!(stopped, Some(Ending::Stopped));
    assert_eq!(run.gives("each[x]/b", json!({"n": 1})), ["attempt_failed each[x]/b: stopped"]);
    run.gives("each[y]/a", json!({"n": 1}));
    run.gives("each[y]/b", json!({"n": 2}));
    assert_eq!(run.outcome(), json!({"succeeded": {"gives": {"good": ["y"], "blamed": ["entrant"]}}}));
}

#[test]
fn an_operator_decides_about_what_is_held() {
    let steps = format!(
        "steps:\n  a:\n    {WORK}\n    on_failure: hold\n  b: {{ value: \"${{a.n.or(0) + 1}}\" }}\ngives: {{ b: \"${{b}}\" }}\n"
    );
    let held = || {
        let mut run = Played::of(&steps).host("h", 1);
        assert_eq!(
            run.fails("a", Cause::ExitCode),
            ["attempt_failed a: ended with an error", "held a: ended with an error"]
        );
        assert!(run.world.run.waits_for_an_operator());
        run
    };
    let mut run = held();
    assert_eq!(run.rule("a", Ruling::Retry), ["ruled a", "attempt_started a #2 on h, 0 gpus"]);
    run.gives("a", json!({"n": 1}));
    assert_eq!(run.outcome(), json!({"succeeded": {"gives": {"b": 2}}}));

    let mut run = held();
    let bad = Command::Rule { node: "a".into(), ruling: Ruling::Replace(json!({"m": 1})) };
    assert!(matches!(run.world.refusal(&bad), Some(Refusal::BadValue { .. })));
    run.rule("a", Ruling::Replace(json!({"n": 41})));
    assert_eq!(run.outcome(), json!({"succeeded": {"gives": {"b": 42}}}));

    let mut run = held();
    assert_eq!(run.rule("a", Ruling::Accept), ["ruled a", "failed a: ended with an error", "finished"]);

    let mut run = held();
    assert_eq!(run.rule("a", Ruling::Void)[..1], ["ruled a"]);
    assert_eq!(run.outcome(), json!({"succeeded": {"gives": {"b": 1}}}), "what is void is null to those who read it");
    let again = Command::Rule { node: "a".into(), ruling: Ruling::Retry };
    assert_eq!(run.world.refusal(&again), Some(Refusal::Over));
}

/// What failed is done again, with what it took with it; what was done is not.
#[test]
fn an_operator_has_what_failed_of_a_step_done_again() {
    let steps = format!(
        "steps:
  one: {{ use: three, on_failure: hold }}
gives: {{ n: \"${{one.n}}\" }}
templates:
  three:
    steps:
      a: {{ {WORK} }}
      b: {{ {WORK}, needs: [a] }}
      c: {{ {WORK} }}
      d: {{ {WORK}, needs: [b, c] }}
    gives: {{ n: \"${{a.n + b.n + c.n + d.n}}\" }}
"
    );
    let mut run = Played::of(&steps).host("h", 1);
    run.gives("one/a", json!({"n": 1}));
    run.fails("one/b", Cause::ExitCode);
    let retry = Command::Rule { node: "one".into(), ruling: Ruling::Retry };
    assert_eq!(
        run.world.refusal(&retry).map(|refusal| refusal.to_string()).as_deref(),
        Some("one/c is being stopped: decide about `one` when it is")
    );
    assert!(!run.world.run.waits_for_an_operator());
    run.fails("one/c", Cause::Stopped);
    assert!(run.world.run.waits_for_an_operator());

    assert_eq!(
        run.rule("one", Ruling::Retry),
        ["ruled one", "attempt_started one/b #2 on h, 0 gpus", "attempt_started one/c #2 on h, 0 gpus"]
    );
    run.gives("one/b", json!({"n": 2}));
    assert_eq!(run.fails("one/c", Cause::ExitCode).len(), 3);
    run.rule("one", Ruling::Retry);
    run.gives("one/c", json!({"n": 4}));
    run.gives("one/d", json!({"n": 8}));
    assert_eq!(run.outcome(), json!({"succeeded": {"gives": {"n": 15}}}));
}

/// A failure that was a result before stays one, and a `repeat` goes on where it was.
#[test]
fn what_was_over_before_is_not_done_again() {
    let steps = format!(
        "steps:
  times:
    repeat: time
    carry: {{}}
    until: number == 3
    at_most: 3
    on_failure: hold
templates:
  time:
    steps:
      loose: {{ use: two, on_failure: result }}
      tight: {{ use: two, needs: [loose] }}
  two:
    steps:
      a: {{ {WORK} }}
"
    );
    let mut run = Played::of(&steps).host("h", 1);
    assert_eq!(
        run.fails("times#1/loose/a", Cause::ExitCode),
        [
            "attempt_failed times#1/loose/a: ended with an error",
            "failed times#1/loose/a: ended with an error",
            "settled times#1/loose",
            "opened times#1/tight",
            "attempt_started times#1/tight/a #1 on h, 0 gpus"
        ]
    );
    run.fails("times#1/tight/a", Cause::ExitCode);
    assert_eq!(run.rule("times", Ruling::Retry), ["ruled times", "attempt_started times#1/tight/a #2 on h, 0 gpus"]);
    run.gives("times#1/tight/a", json!({"n": 1}));
    run.gives("times#2/loose/a", json!({"n": 1}));
    run.fails("times#2/tight/a", Cause::ExitCode);
    run.rule("times", Ruling::Retry);
    run.gives("times#2/tight/a", json!({"n": 1}));
    assert_eq!(run.outcome(), json!({"succeeded": {"gives": {}}}));
}

#[test]
fn a_pause_starts_nothing_and_a_cancel_ends_what_runs() {
    let mut run = Played::of(&format!("steps:\n  a: {{ {WORK} }}\n  b: {{ {WORK}, needs: [a] }}\n")).host("h", 1);
    run.command(Command::Pause);
    assert_eq!(run.gives("a", json!({"n": 1})), ["attempt_succeeded a"]);
    assert_eq!(run.command(Command::Resume), ["resumed", "attempt_started b #1 on h, 0 gpus"]);
    assert_eq!(run.command(Command::Cancel), ["cancelled"]);
    assert_eq!(run.fails("b", Cause::Stopped), ["attempt_failed b: stopped", "finished"]);
    assert_eq!(run.outcome(), json!("cancelled"));
}

#[test]
fn a_named_limit_and_a_group_are_kept() {
    let limited = "limits: { lock: 1 }\nsteps:\n";
    let mut run =
        Played::of(&format!("{limited}  a: {{ {WORK}, limits: [lock] }}\n  b: {{ {WORK}, limits: [lock] }}\n"))
            .host("h", 1);
    assert_eq!(run.world.run.attempts.len(), 1);
    run.gives("a", json!({"n": 1}));
    assert_eq!(run.world.run.attempts.len(), 1);

    let grouped = format!("steps:\n  a: {{ {WORK}, same_host: g }}\n  b: {{ {WORK}, same_host: g, needs: [a] }}\n");
    let mut run = Played::of(&grouped).host("h1", 0).host("h2", 0);
    let home = run.world.run.attempts.values().next().map(|attempt| attempt.host.clone()).expect("a runs");
    run.turn(1, [Input::HostJoined { host: host("h0"), offer: offer(0) }]);
    run.gives("a", json!({"n": 1}));
    assert!(run.world.run.attempts.values().all(|attempt| attempt.host == home));

    // When its host is gone, the group begins anew elsewhere instead of waiting for ever.
    run.turn(1, [Input::HostLost { host: home.clone() }]);
    run.turn(60, [Input::Tick]);
    let moved: Vec<&HostId> = run.world.run.attempts.values().map(|attempt| &attempt.host).collect();
    assert!(moved.len() == 1 && *moved[0] != home, "{moved:?}");
}

#[test]
fn a_host_that_an_operator_drains_starts_nothing_until_it_is_given_back() {
    let command = |command| Input::Command { who: "ada".into(), why: "its disk is replaced".into(), command };
    let drain = |name: &str| Command::Drain { host: host(name) };
    let undrain = |name: &str| Command::Undrain { host: host(name) };
    let steps = format!("steps:\n  a: {{ {WORK} }}\n  b: {{ {WORK}, needs: [a] }}\n");
    let mut run = Played::of(&steps).host("h", 0);
    assert!(run.world.refusal(&drain("x")).is_some_and(|why| why.to_string().ends_with("; it has h")));
    assert!(run.world.refusal(&undrain("h")).is_some_and(|why| why.to_string() == "`h` is up already"));
    run.turn(1, [command(drain("h"))]);
    assert!(run.world.refusal(&drain("h")).is_some());
    assert_eq!(run.world.run.attempts.len(), 1, "what runs goes on");
    run.gives("a", json!({"n": 1}));
    assert!(run.world.run.attempts.is_empty(), "nothing new starts");
    run.turn(1, [Input::HostJoined { host: host("h"), offer: offer(0) }]);
    assert!(run.world.run.attempts.is_empty(), "a host that tells anew what it has is drained all the same");
    run.turn(1, [command(undrain("h"))]);
    assert_eq!(run.world.run.attempts.len(), 1);

    // A group whose host drains goes on there until nothing of it runs, and then begins anew elsewhere.
    let grouped = format!("steps:\n  a: {{ {WORK}, same_host: g }}\n  b: {{ {WORK}, same_host: g, needs: [a] }}\n");
    let mut run = Played::of(&grouped).host("h1", 0).host("h2", 0);
    let home = run.world.run.attempts.values().next().map(|attempt| attempt.host.clone()).expect("a runs");
    run.turn(1, [command(Command::Drain { host: home.clone() })]);
    assert_eq!(run.world.run.attempts.len(), 1);
    run.gives("a", json!({"n": 1}));
    let moved: Vec<&HostId> = run.world.run.attempts.values().map(|attempt| &attempt.host).collect();
    assert!(moved.len() == 1 && *moved[0] != home, "{moved:?}");
}

#[test]
fn more_memory_for_those_who_ran_out_of_it() {
    let steps = format!(
        "steps:\n  a:\n    {WORK}\n    gpus: 1xH100\n    retry: {{ out_of_memory: 2, grow_gpus: 2, wait: 1s }}\n"
    );
    let mut run = Played::of(&steps).host("h", 4);
    for gpus in [2, 4] {
        run.fails("a", Cause::OutOfMemory);
        let started = run.turn(10, [Input::Tick]);
        assert!(started[0].ends_with(&format!("on h, {gpus} gpus")), "{started:?}");
    }
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut run = Played::of(&format!("steps:\n  a: {{ {WORK} }}\n")).host("h", 1);
    run.turn(-3_600, [Input::Tick]);
    run.gives("a", json!({"n": 1}));
    assert!(run.log.windows(2).all(|pair| pair[0].at <= pair[1].at));
}

#[test]
fn a_repeat_that_is_not_over_in_time_fails() {
    let steps = "steps:\n  r:\n    repeat: t\n    carry: { n: 0 }\n    until: carry.n > 5\n    at_most: 3\ntemplates:\n  t:\n    takes: { n: whole }\n    steps: { m: { value: \"${n + 1}\" } }\n    gives: { n: \"${m}\" }\n";
    let mut run = Played::of(steps);
    run.turn(0, [Input::Tick]);
    assert_eq!(
        run.outcome()["failed"]["failure"]["message"],
        "it is not over after 3 times, the most that are allowed"
    );
}

#[test]
fn what_is_ordered_ahead_begins_when_its_turn_comes_and_can_be_taken_back() {
    let step = |name: &str| format!("  {name}: {{ {WORK}, time_limit: 10m }}\n");
    let mut run = Played::of(&format!("steps:\n{}", ["a", "b", "c", "d"].map(step).concat()));
    let joined = Input::HostJoined { host: host("h"), offer: HostOffer { slots: 1, ahead: 2, ..offer(0) } };
    let started = run.turn(0, [joined]);
    assert_eq!(started[1..], ["a", "b", "c"].map(|it| format!("attempt_started {it} #1 on h, 0 gpus")), "no more");
    let states = |run: &Played| {
        ["a", "b", "c", "d"].map(|it| run.world.run.status(run.world.run.find(it).expect("it is a step")))
    };
    assert_eq!(states(&run), [Status::Running, Status::Ordered, Status::Ordered, Status::Waiting]);
    let why = |run: &Played, node: &str| {
        let why = explain::explain(&run.world, run.now, node).expect("it is a step");
        why.iter().map(|it| it.sentence(run.now)).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(why(&run, "c"), "attempt 1 waits on h for one that runs to end; 1 begin there before it");
    assert!(why(&run, "d").ends_with("1 of 1 slots for nodes without GPUs in use, and 2 wait there for one"));

    // Its time is counted from its own beginning, and not from the order.
    run.report(540, "a", Report::Succeeded { output: json!({ "n": 1 }) });
    assert_eq!(states(&run), [Status::Done, Status::Running, Status::Ordered, Status::Ordered]);
    assert_eq!(run.turn(540, [Input::Tick]), Vec::<String>::new());
    assert_eq!(run.turn(60, [Input::Tick]), ["overtime b"]);

    run.command(Command::Pause);
    assert_eq!(run.report(1, "c", Report::Withdrawn), ["attempt_withdrawn c"]);
    assert_eq!(states(&run), [Status::Done, Status::Running, Status::Waiting, Status::Ordered]);
    assert_eq!(run.command(Command::Resume), ["resumed", "attempt_started c #2 on h, 0 gpus"]);
    run.report(1, "b", Report::Succeeded { output: json!({ "n": 1 }) });
    assert_eq!(states(&run), [Status::Done, Status::Done, Status::Ordered, Status::Running], "d was there before it");

    // What is stopped before it began is over as soon as it is taken back.
    run.command(Command::Cancel);
    assert_eq!(run.report(1, "c", Report::Withdrawn), ["attempt_withdrawn c"]);
    assert_eq!(run.report(1, "d", Report::CutShort { output: None })[1..], ["finished"]);
}

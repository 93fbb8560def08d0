//! What people are told of runs by the built program: how far they are, what became of steps, and calls that make no sense.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::process::{Command, Stdio};

struct Place(tempfile::TempDir);

impl Place {
    fn new(workflow: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.yaml"), format!("god_flow: 1\nworkflow: told\n{workflow}")).unwrap();
        Self(folder)
    }

    /// Calls the program; its exit, and what it says on both ways.
    fn call(&self, line: &str) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_god-flow"))
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env("GOD_FLOW_STORE", "runs.db")
            .env("GOD_FLOW_ALLOW_PROCESS", "1")
            .env("COLUMNS", "120")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    fn says(&self, line: &str, exit: i32, words: &[&str]) -> String {
        let (found, said) = self.call(line);
        assert_eq!(found, exit, "`{line}`: {said}");
        words.iter().for_each(|words| assert!(said.contains(words), "`{line}` does not say `{words}`: {said}"));
        said
    }

    fn json(&self, line: &str) -> serde_json::Value {
        serde_json::from_str(&self.call(line).1).unwrap()
    }
}

#[test]
fn run_show_and_runs_count_alike_and_only_what_is_done_as_done() {
    let place = Place::new(
        "steps:\n  a: { process: { shell: 'true' } }\n  never: { when: '1 > 2', process: { shell: 'true' } }\n  \
         bad: { needs: [a], process: { shell: 'exit 3' }, on_failure: hold }\n  last: { needs: [bad], process: { shell: 'true' } }\n",
    );
    let far = "1 of 4 done, 1 held, 1 skipped";
    place.says("run w.yaml --name one", 4, &[far]);
    place.says("show one", 0, &[far]);
    place.says("runs", 0, &[far, "held: 1 to decide"]);
    place.says("decide one bad accept --why x", 0, &[]);
    let far = "1 of 4 done, 1 failed, 1 skipped, 1 abandoned";
    place.says("show one", 0, &[far]);
    place.says("runs", 0, &[far, "failed at bad"]);
    let runs = place.json("runs --json");
    assert_eq!((&runs[0]["state"], &runs[0]["far"]), (&"failed at bad".into(), &far.into()));
    place.says("resume one", 1, &[far]);
}

#[test]
fn a_repeat_that_is_held_does_not_wait() {
    let place = Place::new(
        "steps:\n  again:\n    repeat: turn\n    carry: { n: '${0}' }\n    until: 'carry.n > 3'\n    at_most: 5\n    \
         on_failure: hold\ntemplates:\n  turn:\n    takes: { n: whole, number: whole }\n    steps:\n      \
         one: { process: { shell: 'test ${number} != 2' } }\n    gives: { n: '${n + 1}' }\n",
    );
    place.says("run w.yaml --name one", 4, &["1 of 2 done, 1 failed, 1 held"]);
    place.says("show one", 0, &["1 of 2 done, 1 failed, 1 held"]);
    let counts = &place.json("show one --json")["steps"][0]["counts"];
    assert_eq!((&counts["held"], &counts["waiting"], &counts["done"]), (&1.into(), &0.into(), &1.into()), "{counts}");
}

#[test]
fn the_item_that_failed_is_named() {
    let place = Place::new(
        "steps:\n  each:\n    for_each: { n: '${[1, 2, 3]}', key: '${text(n)}' }\n    use: one\n    with: { n: '${n}' }\n\
         templates:\n  one:\n    takes: { n: whole }\n    steps:\n      try: { process: { shell: 'test ${n} != 2' } }\n",
    );
    place.says("run w.yaml --name one", 1, &["one failed at `each[2]/try`: ended with an error"]);
    place.says("show one", 0, &["failed at each[2]/try: ended with an error"]);
    place.says("runs", 0, &["failed at each[2]/try"]);
    assert_eq!(place.json("show one --json")["failed_at"], "each[2]/try");
}

#[test]
fn a_local_command_that_takes_too_long_is_no_fault_of_an_entrant() {
    let place = Place::new("steps:\n  slow: { process: { shell: 'sleep 30' }, time_limit: 300ms }\n");
    let words = ["it was not done within 300ms, its time limit", "blame: operator"];
    place.says("run w.yaml --name one", 1, &words);
    place.says("show one slow", 0, &words);
    place.says("explain one slow", 0, &words);
}

#[test]
fn what_gives_nothing_is_not_shown_to_give_null() {
    let place = Place::new(
        "steps:\n  bad: { process: { shell: 'exit 3', outputs: { x: text } }, on_failure: hold }\n  \
         worse: { process: { shell: 'exit 3', outputs: { x: text } }, on_failure: hold }\n",
    );
    std::fs::write(place.0.path().join("x.yaml"), "{ x: by hand }").unwrap();
    place.says("run w.yaml --name one", 4, &[]);
    place.says("decide one bad void --why x", 0, &[]);
    place.says("decide one worse replace --with x.yaml --why x", 0, &[]);
    let void = place.says("show one bad", 0, &["an operator made it void"]);
    assert!(!void.contains("null") && !void.contains("gives"), "{void}");
    assert!(place.json("show one bad --json").get("output").is_none());
    place.says("show one worse", 0, &["gives", "\"x\": \"by hand\""]);
}

#[test]
fn a_pause_is_told_of_whatever_else_a_node_waits_for() {
    let place = Place::new(
        "steps:\n  a: { process: { shell: 'true' } }\n  b: { needs: [a], process: { shell: 'true' } }\n  \
         each: { needs: [b], for_each: { n: '${[1]}', key: '${text(n)}' }, process: { shell: 'true' } }\n",
    );
    place.says("run w.yaml --name zero", 0, &["3 of 3 done"]);
    place.says("retry zero a --downstream --name one", 0, &[]);
    place.says("pause one --why lunch", 0, &[]);
    for (node, words) in
        [("a", "paused"), ("b", "it needs a"), ("each", "it needs b"), ("each[1]", "not in the plan yet")]
    {
        place.says(&format!("explain one {node}"), 0, &[words, "the run is paused: nothing new starts"]);
    }
}

#[test]
fn logs_are_json_where_json_is_asked_for() {
    let place = Place::new("steps:\n  a: { process: { shell: 'echo one; printf \"two {}\"' } }\n");
    place.says("run w.yaml --name one", 0, &[]);
    place.says("logs one a", 0, &["one\ntwo {}"]);
    let line = |text: &str| format!("{{\"node\":\"a\",\"attempt\":1,\"line\":\"{text}\"}}\n");
    let expected = line("one") + &line("two {}");
    assert_eq!(place.says("logs one a --json", 0, &[]), expected);
}

#[test]
fn lengths_of_time_and_moments_are_rounded_for_people() {
    let place = Place::new(
        "steps:\n  a: { process: { shell: 'exit 1' }, retry: { exit_code: 1, wait: 10m }, on_failure: hold }\n",
    );
    place.says("run w.yaml --name zero --detach", 0, &[]);
    let began = std::time::Instant::now();
    let said = loop {
        let (_, said) = place.call("explain zero a");
        if said.contains("the next one in ") {
            break said;
        }
        assert!(began.elapsed().as_secs() < 60, "{said}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    place.says("cancel zero --why enough", 0, &[]);
    let moment = said.rsplit(' ').next().unwrap().trim();
    assert_eq!(moment.len(), "2026-11-21T14:27:16Z".len(), "{said}");
}

#[test]
fn calls_that_would_be_ignored_are_refused() {
    let place = Place::new("steps:\n  a: { process: { shell: 'true' } }\n");
    place.says("run w.yaml --backend mock -j 2", 2, &["--jobs is for local commands"]);
    place.says("run w.yaml --backend mock --speed max --name one", 0, &[]);
    place.says("resume one -j 2", 2, &["--jobs is for local commands"]);
    place.says("simulate w.yaml --runs 0", 2, &["expected a whole number from 1 on"]);
    place.says("run w.yaml --store memory", 2, &["found `memory`", "`memory:`", "`./memory`"]);
    assert!(!place.0.path().join("memory").exists());
    place.says("run w.yaml --store memory:", 0, &["1 of 1 done"]);
    place.says("runs --store memory", 2, &["found `memory`"]);
}

#[test]
fn a_step_that_was_done_stays_done_when_the_run_fails() {
    let place = Place::new(
        "steps:\n  good: { use: pair }\n  bad: { needs: [good], process: { shell: 'exit 3' } }\n  \
         other: { needs: [bad], use: pair }\ntemplates:\n  pair:\n    steps:\n      one: { process: { shell: 'true' } }\n",
    );
    place.says("run w.yaml --name one", 1, &["1 of 2 done, 1 failed"]);
    let counts = |step: usize| place.json("show one --json")["steps"][step]["counts"].clone();
    assert_eq!((&counts(0)["done"], &counts(0)["abandoned"]), (&1.into(), &0.into()));
    assert_eq!((&counts(2)["done"], &counts(2)["abandoned"]), (&0.into(), &1.into()));
    place.says("explain one good", 0, &["it is done"]);
    place.says("explain one other", 0, &["abandoned: it is a part of what ended with bad"]);
}

#[test]
fn a_step_runs_where_something_of_it_runs_and_waits_where_all_of_it_waits() {
    let place = Place::new(
        "limits: { one: 1 }\nsteps:\n  each:\n    for_each: { n: '${[1, 2, 3]}', key: '${text(n)}' }\n    use: item\n  \
         again:\n    repeat: item\n    carry: {}\n    until: 'number > 2'\n    at_most: 5\n  last: { needs: [each], process: { shell: 'true' } }\n\
         templates:\n  item:\n    steps:\n      a: { process: { shell: 'until [ -e go ]; do sleep 0.05; done' }, limits: [one] }\n",
    );
    place.says("run w.yaml --name one --detach", 0, &[]);
    let began = std::time::Instant::now();
    let steps = loop {
        let shown = place.json("show one --json");
        if shown["nodes"]["running"] == 1 {
            break shown["steps"].clone();
        }
        assert!(began.elapsed().as_secs() < 60, "{shown}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let counts = |step: usize| (steps[step]["counts"]["running"].clone(), steps[step]["counts"]["waiting"].clone());
    assert_eq!((counts(0), counts(1)), ((1.into(), 2.into()), (0.into(), 1.into())), "{steps}");
    assert_eq!(steps[0]["rows"][0]["ready"], 2, "{steps}");
    place.says("cancel one --why enough", 0, &[]);
}

#[test]
fn what_failed_counts_as_failed_though_its_failure_is_a_result() {
    let place = Place::new(
        "steps:\n  each:\n    for_each: { n: '${[1, 2, 3]}', key: '${text(n)}' }\n    use: item\n    with: { n: '${n}' }\n    \
         on_failure: result\n  alone: { process: { shell: 'exit 4' }, on_failure: result }\n\
         templates:\n  item:\n    takes: { n: whole }\n    steps:\n      a: { process: { shell: 'test ${n} != 2' } }\n\
         gives: { well: '${each.filter(it, it.ok).size()}', alone: '${alone.ok}' }\n",
    );
    place.says("run w.yaml --name one", 0, &["2 of 4 done, 2 failed", "well: 2", "alone: false"]);
    place.says("show one", 0, &["2 of 4 done, 2 failed"]);
    place.says("runs", 0, &["2 of 4 done, 2 failed", "succeeded"]);
    let steps = place.json("show one --json")["steps"].clone();
    let counts = |step: usize| (steps[step]["counts"]["failed"].clone(), steps[step]["counts"]["done"].clone());
    assert_eq!((counts(0), counts(1)), ((1.into(), 2.into()), (1.into(), 0.into())), "{steps}");
    let words = "failed, and that is what it gives: ended with an error (it ended with exit code";
    for node in ["each[2]", "alone"] {
        place.says(&format!("explain one {node}"), 0, &[words, "blame: operator"]);
        place.says(&format!("show one {node}"), 0, &[words, "\"ok\": false"]);
    }
    place.says("explain one each[1]", 0, &["it is done"]);
}

#[test]
fn whoever_only_looks_makes_no_store() {
    let place = Place::new("steps:\n  a: { process: { shell: 'true' } }\n");
    let missing = "there is no store typo/deep/x.db yet";
    place.says("runs --store typo/deep/x.db", 0, &["there are no runs", missing]);
    for line in ["show x", "resume x", "events x", "cancel x --why y", "clean --dry-run", "ledger balance x"] {
        place.says(&format!("{line} --store typo/deep/x.db"), 2, &[missing]);
    }
    place.says("ledger balance --store typo/deep/x.db", 0, &["there are no accounts", missing]);
    place.says("ledger list --store typo/deep/x.db", 0, &["there are no movements of money", missing]);
    place.says("due w.yaml --store typo/deep/x.db", 0, &["never"]);
    assert!(!place.0.path().join("typo").exists());
    place.says("runs --limit 0", 2, &["0 is not in 1.."]);
}

#[test]
fn a_run_that_does_another_again_is_told_from_its_own_beginning() {
    let place = Place::new("steps:\n  a: { process: { shell: 'true' } }\n");
    place.says("run w.yaml --name one", 0, &[]);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    place.says("retry one a --name two", 0, &[]);
    let moment =
        |line: &str, field: &str| -> jiff::Timestamp { place.json(line)[field].as_str().unwrap().parse().unwrap() };
    let between = moment("show two --json", "started").duration_since(moment("show one --json", "ended"));
    assert!(between.as_millis() >= 1_000, "{between}");
}

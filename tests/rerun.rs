//! Runs that do others again: what is kept, what is not, and that both come to the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod files;
mod play;

use std::{collections::BTreeSet, sync::Arc};

use god_flow::{
    driver,
    run::{
        Beginning, Cause, Event, Reusable, World, read,
        rerun::{Fresh, foresee},
        verify::verify,
    },
    workflow::Workflow,
};
use jiff::Timestamp;
use play::{Fails, Played, beginning, play, source, written};
use proptest::prelude::*;

impl Played {
    fn events(&self) -> Vec<Event> {
        self.log.iter().map(|record| read(record).unwrap()).collect()
    }
    /// The nodes whose work was begun, in the order of their ids.
    fn begun(&self) -> Vec<String> {
        let nodes = self.events().into_iter().filter_map(|event| match event {
            Event::AttemptStarted { node, .. } => Some(node.to_string()),
            _ => None,
        });
        let mut nodes: Vec<String> = nodes.collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }
    /// The nodes whose work has come to a result.
    fn done(&self) -> BTreeSet<String> {
        let nodes = self.events().into_iter().filter_map(|event| match event {
            Event::AttemptSucceeded { node, .. } => Some(node.to_string()),
            _ => None,
        });
        nodes.collect()
    }
    fn reused(&self) -> usize {
        self.events().iter().filter(|event| matches!(event, Event::Reused { .. })).count()
    }
    fn gives(&self) -> serde_json::Value {
        serde_json::to_value(self.world.run.outcome.as_ref().expect("the run is over")).unwrap()
    }
}

fn again(old: &Played, workflow: &Arc<Workflow>, node: Option<&str>, downstream: bool) -> Reusable {
    Reusable::of(old.id, workflow.clone(), &old.log, node, downstream).unwrap()
}

fn renamed(beginning: &Beginning) -> Beginning {
    Beginning { id: god_flow::run::RunId::from_bytes([9; 16]), name: "again".into(), ..beginning.clone() }
}

/// `fan-out` with two stages: every item is made, then judged; all judged items are summed up.
const TWO_STAGES: &str = r#"
god_flow: 1
workflow: stages
rules:
  items: [{ id: a, size: 1 }, { id: b, size: 1 }, { id: c, size: 1 }, { id: d, size: 1 }]
  strict: 1
steps:
  each:
    for_each: { item: "${rules.items}", key: "${item.id}" }
    use: pipeline
    with: { id: "${item.id}", size: "${item.size}" }
  report:
    container:
      image: example/report:1
      command: [report, "total ${each.map(it, it.loss).sum()}"]
      outputs: { total: decimal }
gives: { total: "${report.total}" }
templates:
  pipeline:
    takes: { id: text, size: whole }
    steps:
      make:
        container: { image: "example/make:1", command: [make, "${id}", "size ${size}"], outputs: { file: text } }
      judge:
        container: { image: "example/judge:1", command: [judge, "${make.file}", "strict ${rules.strict}"], outputs: { loss: decimal } }
    gives: { loss: "${judge.loss}" }
"#;

#[test]
fn an_unchanged_workflow_runs_nothing_again() {
    for (file, items) in [
        ("workflows/hello.yaml", 3),
        ("examples/workflows/fan-out.yaml", 1),
        ("examples/workflows/repeat.yaml", 1),
        ("examples/workflows/train.yaml", 1),
        ("workflows/text.yaml", 16),
        ("workflows/environment.yaml", 20),
    ] {
        let source = source(file);
        let workflow = driver::workflow(&source).unwrap_or_else(|error| panic!("{file}: {error}"));
        let begin = beginning(&workflow, &source, items, 7);
        let first = play(&workflow, &begin, None, &Fails::new(), 10_000);
        let second =
            play(&workflow, &renamed(&begin), Some(again(&first, &workflow, None, false)), &Fails::new(), 10_000);
        assert_eq!(second.begun(), Vec::<String>::new(), "{file}");
        assert_eq!(second.gives(), first.gives(), "{file}");
        assert_eq!(second.reused(), first.begun().len(), "{file}");
        // And once more, from the run that has only kept what another had done.
        let third = play(&workflow, &begin, Some(again(&second, &workflow, None, false)), &Fails::new(), 10_000);
        assert_eq!((third.begun().len(), third.gives()), (0, first.gives()), "{file}");
        for played in [&first, &second, &third] {
            let verdict = verify(played.id, workflow.clone(), &played.log);
            assert!(verdict.is_sound(), "{file}: {verdict:?}");
            let replayed = World::replay(played.id, workflow.clone(), &played.log).unwrap();
            assert_eq!(replayed.run.outcome, played.world.run.outcome, "{file}");
        }
    }
}

#[test]
fn a_changed_rule_runs_again_what_it_touches_and_what_follows() {
    let before = written(TWO_STAGES);
    let first = play(&before, &beginning(&before, "w", 1, 7), None, &Fails::new(), 100);
    assert_eq!(first.begun().len(), 9);
    for (change, expected) in [
        (("b, size: 1", "b, size: 2"), vec!["each[b]/judge", "each[b]/make", "report"]),
        (
            ("strict: 1", "strict: 2"),
            vec!["each[a]/judge", "each[b]/judge", "each[c]/judge", "each[d]/judge", "report"],
        ),
        (("{ id: a, size: 1 }, ", ""), vec!["report"]),
        (("report:1", "report:2"), vec!["report"]),
        (("workflow: stages", "workflow: stages\nabout: other words"), vec![]),
    ] {
        let after = written(&TWO_STAGES.replacen(change.0, change.1, 1));
        let from = again(&first, &before, None, false);
        let second = play(&after, &renamed(&beginning(&after, "w", 1, 7)), Some(from), &Fails::new(), 100);
        assert_eq!(second.begun(), expected, "{change:?}");
    }
}

#[test]
fn what_failed_runs_again_and_what_is_asked_for_too() {
    let text = TWO_STAGES.replacen(
        "outputs: { loss: decimal } }",
        "outputs: { loss: decimal } }\n        on_failure: stop",
        1,
    );
    let workflow = written(&text);
    let begin = beginning(&workflow, "w", 1, 7);
    let fails = Fails::from([("each[c]/judge".to_string(), vec![Cause::Refused])]);
    let failed = play(&workflow, &begin, None, &fails, 100);
    assert!(failed.gives().get("failed").is_some(), "{}", failed.gives());
    let whole = play(&workflow, &begin, None, &Fails::new(), 100);
    let begun = whole.begun();
    // What was running beside the node that failed was stopped, so it was not done either.
    let done: BTreeSet<String> = failed.done();
    let undone: Vec<&str> = begun.iter().map(String::as_str).filter(|id| !done.contains(*id)).collect();
    assert!(undone.contains(&"each[c]/judge") && !undone.contains(&"each[c]/make"), "{undone:?}");
    for (old, node, downstream, expected) in [
        (&failed, None, false, undone.clone()),
        (&failed, Some("each[c]/judge"), true, undone),
        (&whole, Some("each[b]"), false, vec!["each[b]/judge", "each[b]/make"]),
        (&whole, Some("each[b]/make"), false, vec!["each[b]/make"]),
        (&whole, Some("each[b]/make"), true, vec!["each[b]/judge", "each[b]/make", "report"]),
        (&whole, Some("report"), true, vec!["report"]),
        (&whole, Some("each"), true, whole.begun().iter().map(String::as_str).collect()),
    ] {
        let from = again(old, &workflow, node, downstream);
        let second = play(&workflow, &renamed(&begin), Some(from), &Fails::new(), 100);
        assert_eq!(second.begun(), expected, "{node:?} {downstream}");
        assert_eq!(second.gives(), whole.gives(), "{node:?} {downstream}");
    }
    assert!(Reusable::of(whole.id, workflow, &whole.log, Some("nothing"), false).is_err());
}

/// Entrants whose failure the step around them turns into a result.
const ENTRANTS: &str = r#"
god_flow: 1
workflow: entrants
rules:
  entrants: [{ id: a }, { id: b }, { id: c }]
steps:
  each:
    for_each: { entrant: "${rules.entrants}", key: "${entrant.id}" }
    use: pipeline
    with: { id: "${entrant.id}" }
    on_failure: result
  report:
    container:
      image: example/report:1
      command: [report, "${text(each.filter(it, it.ok).size())}"]
      outputs: { total: decimal }
gives: { total: "${report.total}" }
templates:
  pipeline:
    takes: { id: text }
    steps:
      make:
        container: { image: "example/make:1", command: [make, "${id}"], outputs: { file: text } }
      beside:
        container: { image: "example/beside:1", command: [beside, "${id}"], outputs: { file: text } }
      judge:
        container: { image: "example/judge:1", command: [judge, "${make.file}"], outputs: { loss: decimal } }
    gives: { loss: "${judge.loss}" }
"#;

#[test]
fn a_failure_that_a_step_around_it_made_a_result_is_kept_unless_it_is_asked_for() {
    let workflow = written(ENTRANTS);
    let begin = beginning(&workflow, "w", 1, 7);
    let fails = Fails::from([
        ("each[b]/judge".to_string(), vec![Cause::ExitCode]),
        ("each[c]/make".to_string(), vec![Cause::ExitCode]),
    ]);
    let first = play(&workflow, &begin, None, &fails, 100);
    let run = |from: Reusable, workflow: &Arc<Workflow>, fails: &Fails| {
        play(workflow, &renamed(&beginning(workflow, "w", 1, 7)), Some(from), fails, 100)
    };
    let second = run(again(&first, &workflow, None, false), &workflow, &Fails::new());
    assert_eq!((second.begun(), second.gives()), (vec![], first.gives()));
    let third = run(again(&second, &workflow, None, false), &workflow, &Fails::new());
    assert_eq!((third.begun(), third.gives()), (vec![], first.gives()), "and once more");
    for played in [&first, &second, &third] {
        let verdict = verify(played.id, workflow.clone(), &played.log);
        assert!(verdict.is_sound(), "{verdict:?}");
        let replayed = World::replay(played.id, workflow.clone(), &played.log).unwrap();
        assert_eq!(replayed.run.outcome, played.world.run.outcome);
    }
    let outlook =
        foresee(Timestamp::UNIX_EPOCH, workflow.clone(), &renamed(&begin), &again(&first, &workflow, None, false));
    let fresh: Vec<_> = outlook.nodes.iter().filter(|it| it.fresh.is_some()).collect();
    assert!(fresh.is_empty() && outlook.gone.is_empty(), "{fresh:?}");
    assert!(outlook.nodes.iter().any(|it| &*it.node == "each[c]/make"), "what is kept is told");

    // Asked for by its own name, or by that of the step around it; the others stay as they were.
    for (node, expected) in [
        ("each[b]/judge", vec!["each[b]/judge", "report"]),
        ("each[c]", vec!["each[c]/beside", "each[c]/judge", "each[c]/make", "report"]),
    ] {
        let asked = run(again(&first, &workflow, Some(node), true), &workflow, &Fails::new());
        assert_eq!(asked.begun(), expected, "{node}");
    }
    // What no step makes a result of any more is done again, and so is what takes something else.
    for (change, expected) in [
        (("    on_failure: result\n", ""), None),
        (("example/make:1\", command: [make, ", "example/make:1\", command: [make, now, "), Some("each[c]/make")),
    ] {
        let text = ENTRANTS.replacen(change.0, change.1, 1);
        let text = if expected.is_none() { text.replace("each.filter(it, it.ok)", "each") } else { text };
        let changed = written(&text);
        let played = run(again(&first, &workflow, None, false), &changed, &Fails::new());
        let expected = expected.unwrap_or("each[b]/judge").to_owned();
        assert!(played.begun().contains(&expected), "{change:?}: {:?}", played.begun());
    }
    // What the world did to an entrant is no result of theirs.
    let lost = Fails::from([("each[b]/judge".to_string(), vec![Cause::Network; 9])]);
    let first = play(&workflow, &begin, None, &lost, 1_000);
    let second = run(again(&first, &workflow, None, false), &workflow, &Fails::new());
    assert!(second.begun().contains(&"each[b]/judge".to_string()), "{:?}", second.begun());
}

#[test]
fn the_outlook_tells_why() {
    let before = written(TWO_STAGES);
    let first = play(&before, &beginning(&before, "w", 1, 7), None, &Fails::new(), 100);
    let after = written(&TWO_STAGES.replacen("b, size: 1", "b, size: 2", 1).replacen("id: d", "id: e", 1));
    let from = again(&first, &before, None, false);
    let outlook = foresee(Timestamp::UNIX_EPOCH, after.clone(), &renamed(&beginning(&after, "w", 1, 7)), &from);
    let told: Vec<(String, Option<Fresh>)> =
        outlook.nodes.iter().map(|it| (it.node.to_string(), it.fresh.clone())).collect();
    let downstream = |of: &[&str]| Some(Fresh::Downstream { of: of.iter().map(|id| Arc::from(*id)).collect() });
    let expected = [
        ("each[a]/judge", None),
        ("each[a]/make", None),
        ("each[b]/judge", downstream(&["each[b]/make"])),
        ("each[b]/make", Some(Fresh::Input { fields: vec!["command[2]".into()] })),
        ("each[c]/judge", None),
        ("each[c]/make", None),
        ("each[e]/judge", downstream(&["each[e]/make"])),
        ("each[e]/make", Some(Fresh::New)),
        ("report", downstream(&["each[b]/make", "each[e]/make"])),
    ];
    assert_eq!(told, expected.map(|(id, fresh)| (id.to_string(), fresh)));
    assert_eq!(outlook.gone, [Arc::from("each[d]/judge"), Arc::from("each[d]/make")]);
}

#[test]
fn a_real_run_keeps_nothing_of_a_simulated_one() {
    let workflow = written(TWO_STAGES);
    let begin = beginning(&workflow, "w", 1, 7);
    let first = play(&workflow, &begin, None, &Fails::new(), 100);
    let real = Beginning { simulated: false, ..renamed(&begin) };
    let second = play(&workflow, &real, Some(again(&first, &workflow, None, false)), &Fails::new(), 100);
    assert_eq!(second.reused(), 0);
}

/// A chain of layers whose nodes each read some nodes of the layer above; a rule of its own for each node.
fn layered(wires: &[Vec<Vec<usize>>], rules: &[Vec<i64>]) -> String {
    let mut text = "god_flow: 1\nworkflow: layers\nrules:\n".to_string();
    let cells =
        || rules.iter().enumerate().flat_map(|(i, row)| row.iter().enumerate().map(move |(j, rule)| (i, j, rule)));
    for (i, j, rule) in cells() {
        text.push_str(&format!("  r{i}_{j}: {rule}\n"));
    }
    text.push_str("steps:\n");
    for (i, j, _) in cells() {
        let mut words = vec![format!("\"rule ${{rules.r{i}_{j}}}\"")];
        if let Some(above) = i.checked_sub(1) {
            words.extend(wires[above][j].iter().map(|k| format!("\"${{n{above}_{k}.out}}\"")));
        }
        text.push_str(&format!(
            "  n{i}_{j}:\n    container: {{ image: \"example/work:1\", command: [{}], outputs: {{ out: text }} }}\n",
            words.join(", ")
        ));
    }
    let last = rules.len() - 1;
    let all: Vec<String> = (0..rules[last].len()).map(|j| format!("n{last}_{j}.out")).collect();
    text.push_str(&format!("gives: {{ last: \"${{[{}]}}\" }}\n", all.join(", ")));
    text
}

/// Which nodes of the layer before each node reads, the rule of each, and the nodes whose rules change.
type Dag = (Vec<Vec<Vec<usize>>>, Vec<Vec<i64>>, BTreeSet<(usize, usize)>);

fn dag() -> impl Strategy<Value = Dag> {
    (2usize..5, 1usize..5).prop_flat_map(|(layers, width)| {
        let wires =
            prop::collection::vec(prop::collection::vec(prop::collection::vec(0..width, 0..3), width), layers - 1);
        let rules = prop::collection::vec(prop::collection::vec(0i64..100, width), layers);
        let changed = prop::collection::btree_set((0..layers, 0..width), 0..3);
        (wires, rules, changed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exactly_what_differs_and_what_depends_on_it_runs_again((wires, rules, changed) in dag()) {
        let before = written(&layered(&wires, &rules));
        let first = play(&before, &beginning(&before, "w", 1, 7), None, &Fails::new(), 1_000);
        let mut now = rules.clone();
        changed.iter().for_each(|(i, j)| now[*i][*j] += 1_000);
        let after = written(&layered(&wires, &now));
        let begin = renamed(&beginning(&after, "w", 1, 7));
        let second = play(&after, &begin, Some(again(&first, &before, None, false)), &Fails::new(), 1_000);
        // What a node gives is made from all that it takes, so a change goes through to everything below.
        let mut expected = changed.clone();
        for i in 1..rules.len() {
            for (j, wires) in wires[i - 1].iter().enumerate().take(rules[i].len()) {
                if wires.iter().any(|k| expected.contains(&(i - 1, *k))) {
                    expected.insert((i, j));
                }
            }
        }
        let mut expected: Vec<String> = expected.iter().map(|(i, j)| format!("n{i}_{j}")).collect();
        expected.sort();
        prop_assert_eq!(second.begun(), expected);
        let fresh = play(&after, &begin, None, &Fails::new(), 1_000);
        prop_assert_eq!(second.gives(), fresh.gives(), "the same as if all had been done anew");
    }

    #[test]
    fn wherever_a_run_stopped_it_is_done_again_to_the_same_end((wires, rules, _) in dag(), turns in 0usize..6, at in (0usize..5, 0usize..5), downstream: bool) {
        let workflow = written(&layered(&wires, &rules));
        let begin = beginning(&workflow, "w", 1, 7);
        let whole = play(&workflow, &begin, None, &Fails::new(), 1_000);
        let cut = play(&workflow, &begin, None, &Fails::new(), turns);
        let node = format!("n{}_{}", at.0 % rules.len(), at.1 % rules[0].len());
        let from = again(&cut, &workflow, Some(&node), downstream);
        let second = play(&workflow, &renamed(&begin), Some(from), &Fails::new(), 1_000);
        prop_assert_eq!(second.gives(), whole.gives());
        prop_assert!(second.begun().contains(&node), "what is asked for runs again");
        let done = cut.done();
        if !downstream {
            let begun: BTreeSet<String> = second.begun().into_iter().collect();
            let kept: Vec<&String> = begun.intersection(&done).filter(|id| **id != node).collect();
            prop_assert!(kept.is_empty(), "they had been done: {kept:?}");
        }
        prop_assert!(verify(second.id, workflow.clone(), &second.log).is_sound());
    }
}

#[test]
fn a_log_that_was_tampered_with_is_found() {
    let workflow = written(TWO_STAGES);
    let played = play(&workflow, &beginning(&workflow, "w", 1, 7), None, &Fails::new(), 100);
    assert!(verify(played.id, workflow.clone(), &played.log).is_sound());
    // A changed body without a new chain of hashes.
    let mut log = played.log.clone();
    let at = log.iter().position(|record| &*record.kind == "attempt_succeeded").unwrap();
    log[at].body = log[at].body.replace("0.", "1.").replace("file", "life").into();
    let verdict = verify(played.id, workflow.clone(), &log);
    assert_eq!(verdict.broken.map(|broken| broken.seq), Some(at as u64));
    // One with a new chain: what was decided after it does not come out.
    let mut chain = god_flow::run::record::Chain::start(played.id);
    let forged: Vec<_> = played
        .log
        .iter()
        .map(|record| {
            let body = record.body.replace("\"b\",\"size 1\"", "\"b\",\"size 7\"");
            chain.record(record.at, record.kind.clone(), body)
        })
        .collect();
    let verdict = verify(played.id, workflow.clone(), &forged);
    assert_eq!(verdict.differences.len(), 1, "{verdict:?}");
    assert_eq!(&*verdict.differences[0].node, "each[b]/make");
    // An end that nothing led to.
    for end in [
        r#""cancelled""#,
        r#"{"failed":{"node":"report","failure":{"cause":"exit_code","message":"no","blame":"us"}}}"#,
    ] {
        let (last, rest) = played.log.split_last().unwrap();
        let mut chain = god_flow::run::record::Chain::after(rest.last().unwrap());
        let end = chain.record(last.at, last.kind.clone(), format!(r#"{{"event":"finished","outcome":{end}}}"#));
        let forged: Vec<_> = rest.iter().cloned().chain([end]).collect();
        let verdict = verify(played.id, workflow.clone(), &forged);
        assert!(verdict.broken.is_none() && verdict.differences.len() == 1, "{verdict:?}");
    }
    // Records that do not follow, whatever they are, are told and never crash.
    for cut in 1..played.log.len() {
        let mut chain = god_flow::run::record::Chain::start(played.id);
        let kept = played.log.iter().enumerate().filter(|(i, _)| *i != cut);
        let twice = played.log[..=cut].iter().chain([&played.log[cut]]);
        let without: Vec<_> =
            kept.map(|(_, record)| chain.record(record.at, record.kind.clone(), record.body.clone())).collect();
        let mut chain = god_flow::run::record::Chain::start(played.id);
        let twice: Vec<_> =
            twice.map(|record| chain.record(record.at, record.kind.clone(), record.body.clone())).collect();
        verify(played.id, workflow.clone(), &without);
        verify(played.id, workflow.clone(), &twice);
    }
}

//! What `plan --against` foresees of a run that does another again: what is done again, what is decided again, and why.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod files;
mod play;

use std::sync::Arc;

use god_flow::{
    driver,
    run::{
        Beginning, Reusable, RunId,
        rerun::{Fresh, Outlook, foresee},
    },
    workflow::Workflow,
};
use jiff::Timestamp;
use play::{Fails, Played, beginning, play, source, written};

/// How the first run of a workflow would be done again with another.
fn outlook(first: &Played, before: &Arc<Workflow>, after: &Arc<Workflow>) -> Outlook {
    let from = Reusable::of(first.id, before.clone(), &first.log, None, false).unwrap();
    let begin = Beginning { id: RunId::from_bytes([9; 16]), name: "again".into(), ..beginning(after, "w", 1, 7) };
    foresee(Timestamp::UNIX_EPOCH, after.clone(), &begin, &from)
}

fn played(workflow: &Arc<Workflow>) -> Played {
    play(workflow, &beginning(workflow, "w", 1, 7), None, &Fails::new(), 100)
}

#[test]
fn limits_and_gpus_that_matter_run_work_again() {
    let text = |limit: &str, gpus: &str, end: &str| {
        format!(
            "god_flow: 1\nworkflow: limits\nsteps:\n  work:\n    container:\n      image: example/work:1\n      command: [work]\n      \
             outputs: {{ loss: decimal }}\n    gpus: {gpus}\n    time_limit: {limit}\n    on_time_limit: {end}\ngives: {{ loss: \"${{work.loss}}\" }}\n"
        )
    };
    let before = written(&text("1h", "1xH100", "fail"));
    // The work takes ten minutes here.
    let first = played(&before);
    for (limit, gpus, end, kept) in [
        ("1h", "1xH100", "fail", true),
        ("2h", "1xH100", "fail", true),
        ("20m", "1xH100", "succeed", true),
        ("5m", "1xH100", "fail", false),
        ("1h", "2xH100", "fail", false),
    ] {
        let after = written(&text(limit, gpus, end));
        let outlook = outlook(&first, &before, &after);
        assert_eq!(outlook.nodes[0].fresh.is_none(), kept, "{limit} {gpus} {end}: {:?}", outlook.nodes[0]);
    }
}

const DECISIONS: &str = r#"
god_flow: 1
workflow: decisions
rules:
  rank: { better: lower }
  within: { deep: 1 }
  work: { word: a, gpus: 1xH100, when_it: true }
  far: 1
steps:
  work:
    container: { image: "example/work:1", command: [work, "${rules.work.word}"], outputs: { file: text } }
    gpus: "${rules.work.gpus}"
  perhaps:
    when: rules.work.when_it
    container: { image: "example/perhaps:1", command: [perhaps], outputs: { file: text } }
  ranking:
    value: { of: "${work.file}", better: "${rules.rank.better}" }
  inner:
    use: within
    with: { deep: "${rules.within.deep}", file: "${work.file}" }
  last:
    value: { same: "${size(text(rules.far))}" }
gives: { better: "${ranking.better}", deep: "${inner.deep}", same: "${last.same}" }
templates:
  within:
    takes: { deep: whole, file: text }
    steps:
      ranking:
        value: { of: "${file}", deep: "${deep}" }
    gives: { deep: "${ranking.deep}" }
"#;

#[test]
fn the_outlook_names_the_rules_that_decisions_and_work_are_done_again_for() {
    let before = written(DECISIONS);
    let first = played(&before);
    for (change, expected, rules) in [
        (("better: lower", "better: higher"), vec![("ranking", true, vec!["rank.better"])], vec!["rank.better"]),
        (("deep: 1", "deep: 2"), vec![("inner/ranking", true, vec!["within.deep"])], vec!["within.deep"]),
        (("word: a", "word: b"), vec![("work", false, vec!["work.word"])], vec!["work.word"]),
        (("gpus: 1xH100", "gpus: 2xH100"), vec![("work", false, vec!["work.gpus"])], vec!["work.gpus"]),
        (("far: 1", "far: 2"), vec![], vec!["far"]),
        (("workflow: decisions", "workflow: decisions\nabout: other words"), vec![], vec![]),
    ] {
        let after = written(&DECISIONS.replacen(change.0, change.1, 1));
        let outlook = outlook(&first, &before, &after);
        let told = outlook.nodes.iter().filter(|it| matches!(it.fresh, Some(Fresh::Input { .. } | Fresh::Gpus { .. })));
        let told: Vec<(&str, bool, Vec<&str>)> =
            told.map(|it| (&*it.node, it.decision, it.because.iter().map(String::as_str).collect())).collect();
        assert_eq!((told, outlook.rules), (expected, rules.into_iter().map(str::to_owned).collect()), "{change:?}");
    }
    let after = written(&DECISIONS.replacen("when_it: true", "when_it: false", 1));
    let outlook = outlook(&first, &before, &after);
    assert_eq!(outlook.gone, [Arc::from("perhaps")], "what is skipped now");
}

#[test]
fn what_changed_as_a_whole_has_no_path_to_name() {
    for (fields, expected) in [(vec![""], "input changed"), (vec!["a", "b[0]"], "input changed: a, b[0]")] {
        let fields = fields.into_iter().map(str::to_owned).collect();
        assert_eq!(Fresh::Input { fields }.words(), expected);
    }
}

#[test]
fn a_tournament_tells_which_of_its_decisions_a_changed_rule_makes_again() {
    let before = source("workflows/text.yaml");
    let after = before.replacen("\"fee\":\"0.25 TAO\"", "\"fee\":\"0.3 TAO\"", 1);
    assert_ne!(before, after);
    let (before, after) = (driver::workflow(&before).unwrap(), driver::workflow(&after).unwrap());
    let first = play(&before, &beginning(&before, "w", 16, 7), None, &Fails::new(), 10_000);
    let from = Reusable::of(first.id, before.clone(), &first.log, None, false).unwrap();
    let begin = Beginning { id: RunId::from_bytes([9; 16]), ..beginning(&before, "w", 16, 7) };
    let unchanged = foresee(Timestamp::UNIX_EPOCH, before, &begin, &from);
    assert!(unchanged.nodes.iter().all(|it| it.fresh.is_none()) && unchanged.rules.is_empty());
    let changed = foresee(Timestamp::UNIX_EPOCH, after, &begin, &from);
    let because: Vec<_> = changed.nodes.iter().filter(|it| !it.because.is_empty()).collect();
    let [register] = because[..] else { panic!("{because:?}") };
    assert_eq!((&*register.node, register.decision), ("field/register", true));
    assert_eq!((&register.because, &changed.rules), (&vec!["register.fee".to_owned()], &register.because));
}

//! What plans foresee is what runs do: failures that are results, limits, and time that is over.

use std::{collections::BTreeMap, sync::Arc};

use god_flow::{
    base::{GpuKind, Seed, SourceId, Span, Value},
    document,
    plan::{self, Foreseen, cost::Costs},
    workflow::{self, Checked},
};
use indexmap::IndexMap;

fn planned(steps: &str) -> Foreseen {
    let text = format!("god_flow: 1\nworkflow: planned\n{steps}");
    let (tree, mistakes) = document::parse(SourceId::default(), &text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let checked =
        workflow::check(&tree.expect("the text is good")).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes:#?}"));
    let Checked::Workflow(workflow) = checked else { panic!("it is no workflow") };
    let inputs = plan::sampled_inputs(&workflow, &IndexMap::default(), None, Seed(1)).expect("it has no inputs");
    plan::foresee(Arc::new(*workflow), inputs, Seed(1)).unwrap_or_else(|stuck| panic!("{text}\n{stuck}"))
}

/// How long it takes on eight GPUs, and its GPU-hours.
fn cost(steps: &str) -> (Span, f64) {
    let foreseen = planned(steps);
    let costs = Costs::of(&foreseen).unwrap_or_else(|(_, trouble)| panic!("{trouble}"));
    let fleet = BTreeMap::from([(GpuKind::parse("H100").expect("it is a kind"), 8)]);
    (costs.estimate(&foreseen, &fleet).expect("all fit").length, costs.gpu_hours_of_all())
}

const WORK: &str = "process: { command: [work] }, expect: 1h";

#[test]
fn limits_and_mutexes_are_waited_for() {
    let each = |limits: &str| {
        format!(
            "limits: {{ one: 1, two: 2 }}\nsteps:\n  a: {{ {WORK}, limits: [one] }}\n  b: {{ {WORK}, limits: [two] }}\n  each: {{ for_each: {{ n: \"${{range(4)}}\", key: \"${{text(n)}}\" }}, {WORK}, gpus: 1xH100, limits: [{limits}] }}\n"
        )
    };
    for (limits, hours) in [("one", 5), ("two", 3), ("one, two", 5)] {
        assert_eq!(cost(&each(limits)).0, Span::from_secs(hours * 3_600), "{limits}");
    }
}

#[test]
fn nothing_takes_longer_than_its_time() {
    let step = "steps:\n  a: { process: { command: [work] }, expect: 5h, time_limit: 1h, gpus: 2xH100 }\n";
    assert_eq!(cost(step), (Span::from_secs(3_600), 2.0));
}

#[test]
fn what_cannot_be_done_is_a_result_where_it_says_so() {
    let text = "templates:\n  turn: { takes: { n: whole }, steps: { next: { value: \"${n + 1}\" } }, gives: { n: \"${next}\" } }\n\
         rules: { few: 0 }\n\
         steps:\n  \
         times: { repeat: turn, carry: { n: 1 }, until: \"carry.n > 9\", at_most: 3, on_failure: result }\n  \
         part: { value: \"${whole_div(1, rules.few)}\", on_failure: result }\n\
         gives: { times: \"${times.ok}\", part: \"${part.ok}\", why: \"${part.cause.or('')}\" }\n";
    let gives = planned(text).gives().unwrap();
    assert_eq!(gives.field("times"), Some(&Value::Bool(false)));
    assert_eq!(gives.field("part"), Some(&Value::Bool(false)));
    assert!(gives.field("why").unwrap().to_string().contains("zero"), "{gives}");
}

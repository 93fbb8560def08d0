//! No schedule is shorter than the lower bounds that a played run is told beside.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::{collections::BTreeSet, sync::Arc};

use god_flow::{
    base::{Seed, SourceId},
    document,
    sim::{self, Model, Setup},
    workflow::{self, Checked},
};
use indexmap::IndexMap;
use proptest::prelude::*;

/// Steps, each with how many GPUs it wants and which of those before it it needs.
fn graph() -> impl Strategy<Value = Vec<(u32, u64, Vec<usize>)>> {
    let step = (0..=8u32, 1..=90u64, prop::collection::vec(any::<prop::sample::Index>(), 0..3));
    prop::collection::vec(step, 1..12).prop_map(|steps| {
        let needs = |at: usize, needs: &[prop::sample::Index]| -> Vec<usize> {
            let needs: BTreeSet<usize> = needs.iter().filter(|_| at > 0).map(|need| need.index(at)).collect();
            needs.into_iter().collect()
        };
        steps.iter().enumerate().map(|(at, (gpus, minutes, all))| (*gpus, *minutes, needs(at, all))).collect()
    })
}

fn sampled(steps: &[(u32, u64, Vec<usize>)], seed: u64) -> sim::Sample {
    let mut text = "god_flow: 1\nworkflow: bound\nsteps:\n".to_owned();
    for (at, (gpus, minutes, needs)) in steps.iter().enumerate() {
        let needs: Vec<String> = needs.iter().map(|need| format!("s{need}")).collect();
        let gpus = if *gpus == 0 { String::new() } else { format!(", gpus: {gpus}xH100") };
        let work = "container: { image: 'example/a:1', command: [a] }";
        text.push_str(&format!("  s{at}: {{ needs: [{}], {work}, expect: {minutes}m{gpus} }}\n", needs.join(", ")));
    }
    let (tree, mistakes) = document::parse(SourceId(1), &text);
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let Ok(Checked::Workflow(workflow)) = workflow::check(&tree.unwrap()) else { panic!("it is a workflow: {text}") };
    let workflow = Arc::new(*workflow);
    let model = Model::default();
    let inputs = model.inputs(&workflow, &IndexMap::default(), None, Seed(seed)).unwrap();
    sim::sample(&model, &Setup { workflow, inputs, seed: Seed(seed) }, false)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn none_is_longer_than_the_run(steps in graph(), seed in 0..100u64) {
        let it = sampled(&steps, seed);
        prop_assert_eq!(it.end, "succeeded", "{:?}", it.why);
        prop_assert!(it.bound_hours <= it.hours + 1e-6, "{} of {}", it.bound_hours, it.hours);
        prop_assert!(it.stretch_bound_hours <= it.hours + 1e-6, "round by round {} of {}", it.stretch_bound_hours, it.hours);
        prop_assert!(it.stretch_bound_hours + 1e-6 >= it.bound_hours, "{} below {}", it.stretch_bound_hours, it.bound_hours);
    }
}

#[test]
fn what_can_be_done_side_by_side_is_no_stretch_after_the_other() {
    let sample = sampled(&[(1, 60, vec![]), (1, 60, vec![]), (1, 60, vec![0, 1])], 1);
    assert!(sample.stretch_bound_hours <= sample.hours, "{sample:?}");
}

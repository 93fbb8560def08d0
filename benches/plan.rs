//! What it costs to plan: seven steps for each of so many entrants, grown to the end, with the costs of all nodes.
//!
//! `cargo bench --bench plan`. The time for one item shows that the cost grows in proportion; so does the memory, which
//! stands under "max alloc".

use std::sync::Arc;

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use god_flow::{
    base::{Seed, SourceId},
    document,
    plan::{cost::Costs, foresee, outline, sampled_inputs},
    workflow::{self, Checked, Workflow},
};

#[global_allocator]
static ALLOCATED: AllocProfiler<mimalloc::MiMalloc> = AllocProfiler::new(mimalloc::MiMalloc);

fn main() {
    divan::main();
}

fn pipeline() -> Arc<Workflow> {
    let (tree, mistakes) = document::parse(SourceId(0), include_str!("workflows/pipeline.yaml"));
    assert_eq!(mistakes, []);
    match workflow::check(&tree.expect("it can be read")) {
        Ok(Checked::Workflow(workflow)) => Arc::new(*workflow),
        other => panic!("expected a workflow, found {other:?}"),
    }
}

const ENTRANTS: [usize; 3] = [1_000, 10_000, 100_000];

#[divan::bench(args = ENTRANTS, sample_count = 10, sample_size = 1)]
fn plan(bencher: Bencher<'_, '_>, entrants: usize) {
    let workflow = pipeline();
    bencher.counter(ItemsCount::new(entrants)).bench(|| {
        let inputs = sampled_inputs(&workflow, &indexmap::IndexMap::default(), Some(entrants), Seed(1))
            .expect("they are made up");
        let foreseen = foresee(workflow.clone(), inputs, Seed(1)).expect("it goes to its end");
        let costs = Costs::of(&foreseen).map_err(|(_, trouble)| trouble).expect("every cost is known");
        outline::counted(&foreseen, &costs)
    });
}

#[divan::bench(args = ENTRANTS, sample_count = 10, sample_size = 1)]
fn estimate_on_32_gpus(bencher: Bencher<'_, '_>, entrants: usize) {
    let workflow = pipeline();
    let inputs =
        sampled_inputs(&workflow, &indexmap::IndexMap::default(), Some(entrants), Seed(1)).expect("they are made up");
    let foreseen = foresee(workflow, inputs, Seed(1)).expect("it goes to its end");
    let costs = Costs::of(&foreseen).map_err(|(_, trouble)| trouble).expect("every cost is known");
    let fleet = [(god_flow::base::GpuKind::parse("H100").expect("a kind"), 32)].into();
    bencher.counter(ItemsCount::new(entrants)).bench(|| costs.estimate(&foreseen, &fleet).expect("they all fit"));
}

//! What the fuzz targets share: the files that are given, and the way that a text goes from reading to a plan.

pub mod edits;
pub mod world;

use std::sync::Arc;

use god_flow::{
    base::{SourceId, Mistake, Seed},
    document::{self, Reader, Sources, types::is_modifier},
    plan::{self, cost::Costs},
    workflow::{self, Checked},
};

/// The files that any workflow may include or extend, by their paths.
pub const FILES: [(&str, &str); 10] = [
    ("text.yaml", include_str!("../../workflows/text.yaml")),
    ("image.yaml", include_str!("../../workflows/image.yaml")),
    ("environment.yaml", include_str!("../../workflows/environment.yaml")),
    ("hello.yaml", include_str!("../../workflows/hello.yaml")),
    ("parts/entry.yaml", include_str!("../../workflows/parts/entry.yaml")),
    ("parts/match.yaml", include_str!("../../workflows/parts/match.yaml")),
    ("container.yaml", include_str!("../../examples/workflows/container.yaml")),
    ("fan-out.yaml", include_str!("../../examples/workflows/fan-out.yaml")),
    ("repeat.yaml", include_str!("../../examples/workflows/repeat.yaml")),
    ("train.yaml", include_str!("../../examples/workflows/train.yaml")),
];

/// The text under test as `entry.yaml`, beside the given files.
struct Folder<'t>(&'t str);

impl Reader for Folder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == "entry.yaml" {
            return Ok(self.0.into());
        }
        let found = FILES.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).into()).ok_or_else(|| "there is no such file".into())
    }
}

/// Nodes of a plan, beyond which it is given up.
const NODES_MAX: usize = 400;

/// Reads, checks, plans and draws a text as far as it is good. Whatever it is, nothing may panic, and every mistake has
/// to stand in a text that was read.
pub fn go(text: &str) {
    let (loaded, sources, mistakes) = document::load("entry.yaml", &Folder(text), &is_modifier);
    standing(&mistakes, &sources);
    let Some(loaded) = loaded else { return };
    match workflow::check(&loaded.tree) {
        Err(more) => standing(&more, &sources),
        Ok(Checked::Part(_)) => {}
        Ok(Checked::Workflow(_)) if !mistakes.is_empty() => {}
        Ok(Checked::Workflow(workflow)) => planned(Arc::new(*workflow)),
    }
}

fn planned(workflow: Arc<workflow::Workflow>) {
    let rows = plan::outline::outline(&workflow);
    plan::draw::tree(workflow.name.as_str(), &rows, plan::draw::Lines::Unicode);
    plan::draw::mermaid(&workflow);
    plan::draw::dot(&workflow);
    let Ok(inputs) = plan::sampled_inputs(&workflow, &Default::default(), Some(3), Seed(1)) else { return };
    let Ok(foreseen) = plan::foresee_within(workflow, inputs, Seed(1), NODES_MAX) else { return };
    let _ = foreseen.gives();
    if let Ok(costs) = Costs::of(&foreseen) {
        plan::outline::counted(&foreseen, &costs);
        let _ = costs.estimate(&foreseen, &[(world::kind(), 8)].into());
    }
}

/// Every mistake has words and a place that can be shown.
pub fn standing(mistakes: &[Mistake], sources: &Sources) {
    for mistake in mistakes {
        assert!(!mistake.message.is_empty() && !mistake.code.is_empty(), "{mistake:?}");
        let places = [mistake.place].into_iter().chain(mistake.related.iter().map(|(place, _)| *place));
        for place in places {
            assert!(sources.text(place.source).get(place.bytes()).is_some(), "{mistake:?}");
            sources.describe(place);
        }
    }
}

/// One text as the only source.
pub fn alone(text: &str) -> (SourceId, Sources) {
    let mut sources = Sources::default();
    (sources.add("entry.yaml", text), sources)
}

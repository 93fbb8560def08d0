//! What the fuzz targets share: the files that are given, and the way that a text goes from reading to a plan.

pub mod edits;
pub mod world;

use std::{
    path::Path,
    sync::{Arc, LazyLock},
};

use god_flow::{
    base::{Mistake, Seed, SourceId},
    document::{self, Reader, Sources, types::is_modifier},
    plan::{self, cost::Costs},
    workflow::{self, Checked},
};

/// A file that is given: its path beneath the folder of workflows, and its text.
pub type File = (String, String);

/// The files that any workflow may include or extend, as they are shipped. Each of them is known to come to a plan by itself,
/// for an edited file that needs what is not here would end at that.
pub static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<File> = ["workflows", "workflows/parts", "examples/workflows"]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).expect("the folder is shipped"))
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .map(|path| {
            let folder = ["workflows", "examples/workflows"].map(|it| root.join(it));
            let name = folder.iter().find_map(|folder| path.strip_prefix(folder).ok()).expect("it is in one of them");
            (name.display().to_string(), std::fs::read_to_string(&path).expect("the file can be read"))
        })
        .filter(|(name, _)| !name.ends_with(".test.yaml"))
        .collect();
    files.sort();
    files
});

/// Fails where a shipped workflow does not get as far as all that is tried of it.
pub fn all_are_good() {
    // Parts name one another from their own folder.
    for (name, text) in FILES.iter().filter(|(name, _)| !name.contains('/')) {
        let reached = reached(text);
        // What is made up has too few rows for the hours of some rules of the past.
        let may_stop = name.contains("-2025-") || name.contains("-historical") || name.contains("-group-of-8");
        assert!(
            matches!(reached, Reached::Plan) || may_stop && matches!(reached, Reached::Workflow),
            "{name}: {reached:?}"
        );
    }
}

/// The text under test as `entry.yaml`, beside the given files.
struct Folder<'t>(&'t str);

impl Reader for Folder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == "entry.yaml" {
            return Ok(self.0.into());
        }
        let found = FILES.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| text.clone()).ok_or_else(|| "there is no such file".into())
    }
}

/// Entrants for whom it is planned: the smallest field that all shipped tournaments start with.
const ENTRANTS: usize = 8;
/// Nodes of a plan, beyond which it is given up.
const NODES_MAX: usize = 5_000;

/// How far a text has got.
#[derive(Debug)]
pub enum Reached {
    /// It cannot be read, or has mistakes.
    Mistakes,
    Part,
    /// It is a workflow that has no plan for the sampled inputs.
    Workflow,
    Plan,
}

/// Reads, checks, plans and draws a text as far as it is good. Whatever it is, nothing may panic, and every mistake has
/// to stand in a text that was read.
pub fn go(text: &str) {
    reached(text);
}

fn reached(text: &str) -> Reached {
    let (loaded, sources, mistakes) = document::load("entry.yaml", &Folder(text), &is_modifier);
    standing(&mistakes, &sources);
    let Some(loaded) = loaded else { return Reached::Mistakes };
    match workflow::check_loaded(&loaded) {
        Err(more) => {
            standing(&more, &sources);
            Reached::Mistakes
        }
        Ok(_) if !mistakes.is_empty() => Reached::Mistakes,
        Ok(Checked::Part(_)) => Reached::Part,
        Ok(Checked::Workflow(workflow)) => planned(Arc::new(*workflow)),
    }
}

fn planned(workflow: Arc<workflow::Workflow>) -> Reached {
    let rows = plan::outline::outline(&workflow);
    plan::draw::tree(workflow.name.as_str(), &rows, plan::draw::Lines::Unicode);
    plan::draw::mermaid(&workflow);
    plan::draw::dot(&workflow);
    let inputs = plan::sampled_inputs(&workflow, &Default::default(), Some(ENTRANTS), Seed(1));
    let Ok(inputs) = inputs else { return Reached::Workflow };
    let Ok(foreseen) = plan::foresee_within(workflow, inputs, Seed(1), NODES_MAX) else { return Reached::Workflow };
    let _ = foreseen.gives();
    if let Ok(costs) = Costs::of(&foreseen) {
        plan::outline::counted(&foreseen, &costs);
        let _ = costs.estimate(&foreseen, &[(world::kind(), 8)].into());
    }
    Reached::Plan
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

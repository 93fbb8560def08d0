//! Whole runs in virtual time.

#![expect(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::sync::Arc;

use god_flow::{
    base::Seed,
    document,
    sim::{End, Model, Setup, play},
    workflow::{self, Checked, Workflow},
};

struct Disk;
impl document::Reader for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

fn workflow(path: &str) -> Arc<Workflow> {
    let (loaded, _, mistakes) = document::load(path, &Disk, &document::types::is_modifier);
    assert!(mistakes.is_empty(), "{path}: {mistakes:?}");
    match workflow::check(&loaded.unwrap().tree) {
        Ok(Checked::Workflow(workflow)) => Arc::new(*workflow),
        other => panic!("{path}: {other:?}"),
    }
}

fn setup(path: &str, entrants: usize, seed: u64) -> Setup {
    let workflow = workflow(path);
    let inputs =
        Model::default().inputs(&workflow, &indexmap::IndexMap::default(), Some(entrants), Seed(seed)).unwrap();
    Setup { workflow, inputs, seed: Seed(seed) }
}

#[test]
fn every_shipped_workflow_plays_to_its_end() {
    for (path, entrants) in [
        ("workflows/hello.yaml", 3),
        ("workflows/text.yaml", 16),
        ("workflows/text.yaml", 64),
        ("workflows/image.yaml", 8),
        ("workflows/environment.yaml", 20),
        ("examples/workflows/repeat.yaml", 1),
        ("examples/workflows/fan-out.yaml", 1),
        ("examples/workflows/container.yaml", 1),
        ("examples/workflows/train.yaml", 1),
    ] {
        let account = play(&Model::default(), &setup(path, entrants, 1));
        assert!(matches!(account.end, End::Over(_)), "{path}: {:?}", account.end);
    }
}

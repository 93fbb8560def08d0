//! The text by which a workflow is kept with its runs: all its files laid together, as compact JSON, which is YAML too.
//!
//! A run is not disturbed by edits of the files that it came from: whoever takes it up reads this text again.

use super::{Checked, Workflow, check};
use crate::{
    base::{Mistake, Place, SourceId},
    document::{self, Tree},
};

/// The kept text of a merged tree.
pub fn source(tree: &Tree) -> String {
    tree.to_json().to_string()
}

/// Reads the workflow from the text that was kept.
pub fn read(source: &str) -> Result<Workflow, Vec<Mistake>> {
    // The text is not the file that an author named: what its parts bring along and nobody uses is no mistake.
    let kept = SourceId(1);
    let (tree, mut mistakes) = document::parse(kept, source);
    let Some(tree) = tree.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
    match check(&tree)? {
        Checked::Workflow(workflow) => Ok(*workflow),
        Checked::Part(name) => {
            let place = Place::new(kept, 0..source.len());
            mistakes.push(Mistake::new(
                "workflow::part",
                place,
                format!("expected a workflow, found the part `{name}`"),
            ));
            Err(mistakes)
        }
    }
}
